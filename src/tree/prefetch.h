/* Prefetching: asking for the missing nodes that a scan will come to.
 *
 * A scan that misses a node wants more than that node: every missing node that the branches which
 * are present show in front of it. The look ahead goes down from the top in the direction of the
 * scan, through the branches that are there, so it crosses from parent to parent, and what it asks
 * for stands in the order of need.
 *
 *   F1  Only nodes that may hold entries of the range are asked for.
 *   F2  With a limit on the entries, it stops where the counts of the nodes passed reach the limit.
 *       A node that the range's begin cuts has anything from none to all of its entries inside: an
 *       eighth is reckoned with, so that seven times in eight the next node is asked for if needed.
 *       A node without counts is reckoned to hold 16 entries or children.
 *   F3  A scan of a tree of height h over an empty store takes h rounds after the root tuple's, as
 *       long as no level has more missing nodes than limits.wants_max.
 *   F4  It is advice: a node ahead that is damaged ends it, and is reported when it is reached. It
 *       touches no node for those who record what is read (copse_node_cache_on_touch).
 *
 * Cost: at most four times limits.wants_max children are looked at.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_PREFETCH_H
#define COPSE_TREE_PREFETCH_H

#include "tree/tree.h"

/** Where a scan goes. Borrowed bytes. */
typedef struct copse_prefetch {
    copse_bytes low;  /* inclusive */
    copse_bytes high; /* exclusive, if has_high */
    bool has_high;
    bool reverse;  /* from high down to low */
    bool by_index; /* starts at entry number `index` instead of low; forward, tree with counts */
    uint64_t index;
    uint64_t limit; /* entries that will be read; 0: all */
} copse_prefetch;

/** Puts the missing nodes in front of the scan on the want list of the tree's source, as far as
 * there is room. NOMEM, IO; OK also if nothing was missing. */
COPSE_MUST_USE copse_status copse_tree_prefetch(copse_tree *tree, const copse_prefetch *scan,
                                                copse_err *err);

#endif
