/* Watching a query: which of its matches are new, changed or gone from one state of a database to
 * another.
 *
 *     copse_query_new(env, &options, &query, &err);
 *     copse_watch_new(query, seen, now, false, &watch, &err);
 *     while ((status = copse_watch_next(watch, &change, &err)) == COPSE_OK) tell(&change);
 *     if (status == COPSE_WANT) fetch, supply (source.h), call copse_watch_next again
 *
 * It costs what differs, not what there is: the ranges of an index that hold all matches are
 * compared in both trees, and subtrees that both have are passed over unread (diff.h). What is told
 * never depends on which indexes there are.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_WATCH_H
#define COPSE_WATCH_H

#include <copse/diff.h>
#include <copse/query.h>

COPSE_EXTERN_C_BEGIN

/** A document that began to match (ADDED), matches as before and is another (CHANGED), or matches
 * no more or is not there any more (REMOVED). Views are valid until the next call. */
typedef struct copse_watch_change {
    copse_change_kind kind;
    copse_bytes id;     /**< The primary key, one item. */
    copse_bytes before; /**< CHANGED, REMOVED: one map, as it matched; else empty. */
    copse_bytes after;  /**< ADDED, CHANGED: likewise. */
} copse_watch_change;

/** How many documents began to match, are others, match no more. */
typedef struct copse_watch_counts {
    uint64_t added;
    uint64_t changed; /**< With membership_only: 0. */
    uint64_t removed;
} copse_watch_counts;

/** What a watch did so far. */
typedef struct copse_watch_stats {
    uint64_t rows;      /**< Entries of indexes, or rows of documents, that differ. */
    uint64_t documents; /**< Loaded, of both states. */
} copse_watch_stats;

/** Belongs to the databases' thread. */
typedef struct copse_watch copse_watch;

/** Prepares; reads nothing yet. Of the query, collection, filter and hint count; it and both
 * databases, which must have one node cache, must stay until the watch is freed. `before` NULL: a
 * database without anything. `membership_only`: documents that match before and after are not told,
 * which lets an index do that the filter needs nothing beside of. MISUSE: two caches, or a database
 * of version 1. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_watch_new(copse_query *query, copse_database *before,
                                                      copse_database *after, bool membership_only,
                                                      copse_watch **ret_watch, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_watch *copse_watch_free(copse_watch *watch);

/** Gives the next change, in the order of primary keys; each document once. END: there are no more.
 * WANT: supply the wanted blocks and call again. IO: calling again tries again. After all others it
 * can only be freed: NOT_FOUND: no index of the hint's name. MISUSE: the hint's index can't tell
 * (the message says why). LIMIT: more entries differ than limits.query_memory_bytes_max can hold,
 * or a regex passed its bounds. CORRUPT: also an index entry whose document is missing or another.
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_watch_next(copse_watch *watch,
                                                       copse_watch_change *ret_change,
                                                       copse_err *err);

/** Counts the changes that copse_watch_next would still give; then the watch can only be freed. It
 * costs less: with membership_only, where an index decides the filter alone and has each match once
 * (of a field with arrays one value is asked for), what differs of its ranges is read, and no
 * document; where one state has no such collection, the counts in the tree's branches do. Then
 * the index is believed, as copse_query_count does. Statuses as copse_watch_next without END; after
 * a WANT it goes on where it was. */
COPSE_API COPSE_MUST_USE copse_status copse_watch_count(copse_watch *watch,
                                                        copse_watch_counts *ret_counts,
                                                        copse_err *err);

/** The index whose ranges are compared; len 0: the documents themselves, or several indexes, or it
 * is not known yet. Valid until the watch is freed. */
COPSE_API copse_bytes copse_watch_index(const copse_watch *watch);

COPSE_API copse_watch_stats copse_watch_get_stats(const copse_watch *watch);

COPSE_EXTERN_C_END

#endif
