/* How many entries lie in ranges: exactly, for many ranges at once, or as far as the nodes that are
 * present show.
 *
 *   M1  An estimate never leaves anything on the want list. Where a node is missing, the bound is
 *       taken to cut it in the middle: so it is off by at most half of each cut node. Where both
 *       bounds cut the same one, all that is known is that there are from none to all of its
 *       entries: the estimate is the geometric middle of these. Half of them would make whoever
 *       has only the top of a tree take any narrow range for a wide one, and read all instead.
 *   M2  Counts of many ranges want the union of what each needs.
 *
 * Cost: a path a bound, in branches that are nearly always decoded.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_ESTIMATE_H
#define COPSE_TREE_ESTIMATE_H

#include "tree/tree.h"

/** A range of keys [from, to); to.ptr NULL: to the end. */
typedef struct copse_key_range {
    copse_bytes from;
    copse_bytes to;
} copse_key_range;

/** Estimates the number of entries in `range`; *ret_exact: it is exact. Reads at most a path of
 * `levels_max` nodes for each bound. CORRUPT, IO, NOMEM; MISUSE: a foreign tree without counts. */
COPSE_MUST_USE copse_status copse_tree_estimate(copse_tree *tree, const copse_key_range *range,
                                                size_t levels_max, uint64_t *ret_count,
                                                bool *ret_exact, copse_err *err);

/** The numbers of entries in `count` ranges. WANT, CORRUPT, IO, NOMEM, MISUSE: what is in
 * `ret_counts` means nothing. */
COPSE_MUST_USE copse_status copse_tree_count_ranges(copse_tree *tree, const copse_key_range *ranges,
                                                    size_t count, uint64_t *ret_counts,
                                                    copse_err *err);

#endif
