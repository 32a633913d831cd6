/* The inside of a prepared query.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_QUERY_H
#define COPSE_QUERY_QUERY_H

#include "base/arena.h"
#include "expr/filter_node.h"

#include <copse/query.h>

struct copse_query {
    const copse_env *env;
    copse_arena arena; /* what is pointed to below */
    copse_bytes collection;
    copse_bytes hint;
    copse_filter *filter;
    const copse_filter_node *const *conjuncts; /* all of them must match */
    size_t conjuncts_count;
    const copse_filter_node *root; /* what `conjuncts` points to if there is one */
    const copse_bytes *filter_paths;
    size_t filter_paths_count;
    copse_sort_spec sort;         /* count 0: none */
    copse_projection *projection; /* NULL: whole documents */
    bool projection_is_allowance; /* with more than it keeps an answer is as good */
    uint64_t skip;
    uint64_t limit;                  /* 0: none */
    copse_result *idle;              /* closed, for the next run; NULL: none */
    copse_result *counting;          /* suspended by a WANT; NULL: none */
    struct copse_distinct *distinct; /* likewise */
};

/** What a run needs of the documents that it finds. */
typedef enum copse_query_need {
    COPSE_NEED_DOCUMENTS, /**< What the query returns. */
    COPSE_NEED_COUNT      /**< That they match. */
} copse_query_need;

/** Gives up a copse_query_distinct that a WANT has suspended; NULL is allowed. Returns NULL. */
struct copse_distinct *copse_distinct_free(struct copse_distinct *distinct);

/** Whether `hint` says that no index is to be used. */
bool copse_query_is_natural(const copse_query *query);

#endif
