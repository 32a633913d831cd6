/* Pulling: getting all blocks of a tree of which an older one, or nothing, is here, by the
 * difference between the two.
 *
 *     while ((status = copse_pull_next(pull, &err)) == COPSE_OK || status == COPSE_WANT) {
 *         if (status == COPSE_WANT) fetch what the source wants into the store
 *     }
 *     END: the tree is whole in the store
 *
 *   I1  What both trees have is passed over unread, however large: it is taken to be here, with the
 *       blocks that its values link to.
 *   I2  Wanted is only what the new tree needs and the store lacks: from a store that has all of
 *       the old tree, exactly the blocks that the new one has and the store has not, each once
 *       (the two blocks of the root, by which the new tree was opened, are not among them).
 *   I3  What an earlier pull that was broken off has brought is found in the store, and walked, not
 *       fetched.
 *   I4  A value that is a link, or a list of links to raw blocks that is not empty, leads to blocks
 *       that come too: documents in blocks of their own, and the chunks of large ones. So does a
 *       part of a value that options.slots names. Links that stand anywhere else, inside of a
 *       document or of a linked block, are not followed.
 *   I5  A WANT holds as much as is known, up to limits.wants_max: nodes level by level, in all
 *       ranges at once, and the links of many entries. From nothing, a tree of `height` levels and
 *       `blocks` nodes and linked blocks so takes at most about height + blocks / wants_max rounds.
 *   I6  Memory: limits.wants_max CIDs and the links of one entry, and for each range a path of
 *       each tree; whatever the size of the trees.
 *   I7  A call that returns neither OK nor END may be made again, and skips nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PULL_H
#define COPSE_PULL_H

#include <copse/tree.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to the thread of the trees' node cache. */
typedef struct copse_pull copse_pull;

/** The keys from `from` on, below `to` (NULL: to the end). */
typedef struct copse_pull_range {
    copse_bytes from;
    const copse_bytes *to;
} copse_pull_range;

/** Calls `slot` for each part of the entry's value where documents stand, for I4; returns what it
 * returned, at the first one that is not OK. */
typedef copse_status (*copse_pull_slots_fn)(copse_bytes key, copse_bytes value,
                                            copse_status (*slot)(void *ctx, copse_bytes slot,
                                                                 copse_err *err),
                                            void *ctx, copse_err *err);

typedef struct copse_pull_options {
    /** Only what lies in these ranges; ranges_count 0: everything. In order, not overlapping.
     * Copied. */
    const copse_pull_range *ranges;
    size_t ranges_count;
    /** NULL: the value itself is the one slot. Of a database: copse_database_row_slots. */
    copse_pull_slots_fn slots;
} copse_pull_options;

/** How far it is. */
typedef struct copse_pull_stats {
    uint64_t entries;       /**< Of the new tree that are here, or passed over; at the END, all. */
    uint64_t entries_total; /**< Of the new tree in the ranges: from the counts in its branches, an
                                 estimate until the nodes at the ends of the ranges are here. */
    uint64_t entries_same;  /**< Of `entries`: those that the old tree has. */
    uint64_t linked;        /**< Links of values to blocks of their own, followed so far. */
} copse_pull_stats;

/** Begins. `before` NULL: nothing is here. Both trees have one node cache, whose source reads the
 * store that shall hold the blocks, and stay open until the pull is freed. `options` NULL:
 * everything. Reads nothing yet. MISUSE: trees with other node caches, foreign ones, ranges out
 * of order, or a limits.wants_max of 0. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_pull_new(copse_tree *before, copse_tree *after,
                                                     const copse_pull_options *options,
                                                     copse_pull **ret_pull, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_pull *copse_pull_free(copse_pull *pull);

/** Goes on. OK: call again (some entries further, so that progress can be shown). WANT: put what is
 * wanted, or some of it, into the store and call again. END: all is there. CORRUPT: a node is
 * wrong. LIMIT, IO, NOMEM. See I7. */
COPSE_API COPSE_MUST_USE copse_status copse_pull_next(copse_pull *pull, copse_err *err);

COPSE_API copse_pull_stats copse_pull_get_stats(const copse_pull *pull);

COPSE_EXTERN_C_END

#endif
