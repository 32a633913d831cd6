/* The inside of an open tree, and going down in it.
 *
 * What a node can't show by itself is checked when it is reached from its parent:
 *   P1  the child's first key is the parent's key for it (last key in the Go implementation's
 *       trees)
 *   P2  its last key is below the next key of the parent, or of the nearest ancestor that has one
 *   P3  its entries are as many as the parent counts
 *   P4  all leaves are at one depth, at most limits.tree_levels_max; below the top, nodes of ours
 *       hold an entry at least, branches two
 *
 * P1..P3 hold for good once seen, but for the last child of a node, whose bound comes from above.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_TREE_H
#define COPSE_TREE_TREE_H

#include "base/arena.h"
#include "tree/node_cache.h"

/* Deeper trees are refused whatever the limits say. */
enum { COPSE_TREE_LEVELS_MAX = 64 };

struct copse_tree {
    const copse_env *env;
    copse_node_cache *cache;
    copse_tree_kind kind;
    copse_tree_config config; /* of ours */
    copse_cid config_cid;
    copse_cid root;
    copse_cid top;
    size_t height; /* levels; 0: not known yet */
    bool empty;    /* known to have no entry; set with the height */
};

/** Opens a tree whose root is known to be `[config, top]` of ours: reads nothing. */
COPSE_MUST_USE copse_status copse_tree_open_known(copse_node_cache *cache,
                                                  const copse_tree_config *config,
                                                  const copse_cid *config_cid,
                                                  const copse_cid *root, const copse_cid *top,
                                                  copse_tree **ret_tree, copse_err *err);

/** Makes the root tuple's block. */
COPSE_MUST_USE copse_status copse_tree_root_block(const copse_env *env, const copse_cid *config_cid,
                                                  const copse_cid *top, copse_block **ret_block,
                                                  copse_err *err);

/** Makes the config's block for a store, or NULL for the default config, which needs none there. */
COPSE_MUST_USE copse_status copse_tree_config_stored(const copse_env *env,
                                                     const copse_tree_config *config,
                                                     copse_block **ret_block, copse_err *err);

/** The top node, with a reference. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_tree_load_top(copse_tree *tree, copse_node **ret_node,
                                                copse_err *err);

/** Child `index` of `parent`, which stands at `depth` (0: the top), with a reference; checked as
 * above. `bound`: the parent's keys end below it; NULL: no bound. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_tree_load_child(copse_tree *tree, copse_node *parent,
                                                  size_t depth, uint32_t index,
                                                  const copse_bytes *bound, copse_node **ret_node,
                                                  copse_err *err);

/** P5. CORRUPT names the node. */
COPSE_MUST_USE copse_status copse_tree_check_node(const copse_tree *tree, const copse_node *node,
                                                  copse_err *err);

/** The child of `parent` that holds `key` if any does. */
uint32_t copse_tree_route(const copse_tree *tree, const copse_node *parent, copse_bytes key);

/** The child of `parent` that holds the last key below `key` if any does. */
uint32_t copse_tree_route_below(const copse_tree *tree, const copse_node *parent, copse_bytes key);

/** The leaf in which `key` is or would be, with a reference, the place of its first entry that is
 * not below `key` (its count, if there is none), and whether that entry has it. Part of an
 * operation on the source that was begun before: adds to its want list. WANT, CORRUPT, IO, NOMEM.
 */
COPSE_MUST_USE copse_status copse_tree_find(copse_tree *tree, copse_bytes key,
                                            copse_node **ret_leaf, uint32_t *ret_index,
                                            bool *ret_found, copse_err *err);

/** The value of `key`, which is kept in the arena; of len 0: there is none. Part of an operation,
 * as copse_tree_find, with its statuses. */
COPSE_MUST_USE copse_status copse_tree_find_value(copse_tree *tree, copse_bytes key,
                                                  copse_arena *arena, copse_bytes *ret_value,
                                                  copse_err *err);

/** The leaf that holds `key` if any does, with a reference. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_tree_load_leaf(copse_tree *tree, copse_bytes key,
                                                 copse_node **ret_leaf, copse_err *err);

/** Makes tree->height known, by going down towards `key`. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_tree_find_height(copse_tree *tree, copse_bytes key,
                                                   copse_err *err);

/** MISUSE if the tree is foreign: `what` needs one of ours. */
COPSE_MUST_USE copse_status copse_tree_require_ours(const copse_tree *tree, const char *what,
                                                    copse_err *err);

#endif
