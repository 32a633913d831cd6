/* What a filter says about the values at one path: the places in an index where its matches stand.
 *
 * A document has visited values at a path (copse_path_visit): those that an index has entries for.
 *
 *   B1  Every document that matches the node has a visited value in the bounds.
 *   B2  If `exact`, every document that has a visited value in the bounds matches the node.
 *   B3  So the complement of exact bounds holds the values of all documents that don't match: each
 *       document has a visited value, and none of those is inside.
 *   B4  Two tests on one path may be met by two elements of an array. If a document may have one
 *       there (`multikey`), bounds of an AND are those of one child, the best by a rule that looks
 *       at nothing but the filter: points before ranges, few before many, the first before the
 *       others.
 *   B5  A part that is longer than an index keeps of it bounds a range by what is kept, widened,
 *       and never exactly; equality is the cut part. `cut` says so.
 *   B6  $elemMatch tests one element: in it, bounds of values intersect. On objects only tests
 *       count that a missing field fails: an array in the array has elements that the index does
 *       not show.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_BOUNDS_H
#define COPSE_QUERY_BOUNDS_H

#include "expr/filter_node.h"
#include "query/interval.h"

#include <copse/order.h>

typedef struct copse_bounds {
    copse_interval_set set; /**< Of ascending parts. */
    bool exact;             /**< B2. */
    bool cut;               /**< B5. */
} copse_bounds;

/** What bounds are made with. */
typedef struct copse_bounds_context {
    copse_arena *arena;
    copse_buf *scratch;
    bool multikey; /**< B4. */
    bool primary;  /**< Of primary keys: parts are never cut. */
} copse_bounds_context;

/** Intervals of bounds that are made of several tests. */
#define COPSE_BOUNDS_INTERVALS_MAX 256

/** The bounds of `node` for `path`; all keys, not exact, if it says nothing about it. NOMEM;
 * CORRUPT and LIMIT from the operands. */
COPSE_MUST_USE copse_status copse_bounds_of_node(const copse_bounds_context *context,
                                                 const copse_filter_node *node, copse_bytes path,
                                                 copse_bounds *ret_bounds, copse_err *err);

/** Turns a set of ascending parts into one of descending parts. NOMEM. */
COPSE_MUST_USE copse_status copse_bounds_descend(const copse_bounds_context *context,
                                                 const copse_interval_set *set,
                                                 copse_interval_set *ret_set, copse_err *err);

/** Whether both may be taken together: their intersection must not take more than
 * COPSE_BOUNDS_INTERVALS_MAX, as filters come from strangers. Else the better one stands for both,
 * and the other is checked on the documents. */
bool copse_bounds_may_intersect(const copse_bounds *a, const copse_bounds *b);

/** Whether the bounds `a` are to be preferred to `b` (B4). */
bool copse_bounds_better(const copse_bounds *a, const copse_bounds *b);

#endif
