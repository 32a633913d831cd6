/* A walk: a position on one level of a tree, from node to node, without reading the nodes
 * themselves. What it knows of the node that it stands on comes from the branches above.
 *
 * On any status but OK and END a call leaves the walk where it was.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_WALK_H
#define COPSE_TREE_WALK_H

#include "tree/tree.h"

typedef struct copse_walk {
    copse_tree *tree;
    size_t level;                             /* of the nodes it stands on; leaves are 0 */
    size_t depth;                             /* branches above the node: height - 1 - level */
    bool placed;                              /* stands on a node */
    copse_node *nodes[COPSE_TREE_LEVELS_MAX]; /* [0] the top .. [depth - 1] the node's parent */
    uint32_t indexes[COPSE_TREE_LEVELS_MAX];  /* the child taken in each */
} copse_walk;

/** A walk on `level` of `tree`, whose height must be known and above `level`. Stands nowhere yet.
 */
void copse_walk_init(copse_walk *walk, copse_tree *tree, size_t level);

/** Lets go of all nodes. A zeroed walk is allowed. */
void copse_walk_release(copse_walk *walk);

/** Makes `ret_copy` stand where `walk` stands. */
void copse_walk_copy(const copse_walk *walk, copse_walk *ret_copy);

/** Moves to the node that holds `key` if any does: the last one whose first key is not above it,
 * else the first. Goes from where it stands, so that short ways are cheap. */
COPSE_MUST_USE copse_status copse_walk_seek(copse_walk *walk, copse_bytes key, copse_err *err);

/** Moves to the node that holds the last key below `key` if any does: the last one whose first key
 * is below it, else the first. */
COPSE_MUST_USE copse_status copse_walk_seek_below(copse_walk *walk, copse_bytes key,
                                                  copse_err *err);

/** Moves to the last node of the level. */
COPSE_MUST_USE copse_status copse_walk_seek_last(copse_walk *walk, copse_err *err);

/** Moves to the node that holds entry number `index` of the tree, and gives the entry's number in
 * it; level 0 of a tree with counts, `index` below its count. */
COPSE_MUST_USE copse_status copse_walk_seek_nth(copse_walk *walk, uint64_t index,
                                                uint32_t *ret_index, copse_err *err);

/** Moves to the next or the previous node. END: there is none; the walk has not moved. */
COPSE_MUST_USE copse_status copse_walk_next(copse_walk *walk, copse_err *err);
COPSE_MUST_USE copse_status copse_walk_prev(copse_walk *walk, copse_err *err);

/** Asks for what a way forwards will come to: `count` nodes behind the walk's, as far as the
 * branches that lead there are here, and two branches behind each on the way. What is here is
 * passed over. NOMEM, IO. */
COPSE_MUST_USE copse_status copse_walk_hint_next(const copse_walk *walk, size_t count,
                                                 copse_err *err);

/** The node itself, with a reference, checked under its parent. */
COPSE_MUST_USE copse_status copse_walk_load(copse_walk *walk, copse_node **ret_node,
                                            copse_err *err);

/** Whether the node is the first or the last of its level. */
bool copse_walk_is_first(const copse_walk *walk);
bool copse_walk_is_last(const copse_walk *walk);

/** The parent's key for the node: in trees of ours the node's first key. Not for a walk on the top
 * level (depth 0), whose node has no parent. Borrows from the parent, which the walk holds. */
copse_bytes copse_walk_key(const copse_walk *walk);

/** The first key of the next node. False if the node is the last of its level. */
bool copse_walk_next_key(const copse_walk *walk, copse_bytes *ret_key);

/** The entries of the tree below the node (depth > 0, tree with counts). */
uint64_t copse_walk_count(const copse_walk *walk);

/** The entries of the node that an earlier forced cut depends on. */
uint32_t copse_walk_ahead(const copse_walk *walk);

#endif
