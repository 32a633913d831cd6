/* Documents sorted in memory, all of them or only the first few.
 *
 *   K1  With a limit, a heap holds the best so far, the worst of them on top: a document that is
 *       not better than that costs one comparison, one that is takes its place and its memory.
 *   K2  Keys are distinct: they end with the primary key (copse_sort_spec_key).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_RANKING_H
#define COPSE_QUERY_RANKING_H

#include "base/arena.h"
#include "tree/prefix_sort.h"

typedef struct copse_ranking_row copse_ranking_row;

/** A zeroed one may be released. */
typedef struct copse_ranking {
    const copse_env *env;
    uint64_t limit;        /* 0: all */
    size_t size_bytes_max; /* of keys, documents and rows */
    size_t size_bytes;
    copse_arena arena; /* of the rows' bytes without a limit */
    copse_ranking_row *rows;
    size_t count;
    size_t capacity;
    copse_prefix_item *sorted; /* from the end of adding on */
    size_t given;
} copse_ranking;

/** An empty ranking of at most `limit` documents (0: any number). */
void copse_ranking_init(copse_ranking *ranking, const copse_env *env, uint64_t limit,
                        size_t size_bytes_max);

void copse_ranking_release(copse_ranking *ranking);

/** Whether a document with this key would be kept. */
bool copse_ranking_keeps(const copse_ranking *ranking, copse_bytes key);

/** Adds a document that is kept; both are copied. LIMIT: its maximum. NOMEM. */
COPSE_MUST_USE copse_status copse_ranking_add(copse_ranking *ranking, copse_bytes key,
                                              copse_bytes document, copse_err *err);

/** Ends the adding. NOMEM. */
COPSE_MUST_USE copse_status copse_ranking_finish(copse_ranking *ranking, copse_err *err);

/** The next document in the order of the keys; valid until the ranking is released. END. */
COPSE_MUST_USE copse_status copse_ranking_next(copse_ranking *ranking, copse_bytes *ret_document);

/** The key of the document that was given last; as long valid. */
copse_bytes copse_ranking_key(const copse_ranking *ranking);

#endif
