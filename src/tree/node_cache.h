/* The node cache: decoded nodes by CID, over a source.
 *
 *   N1  What is kept takes at most limits.node_cache_bytes_max, if that is more than what is in use
 *       now. The clock chooses what goes: nodes that nobody used since its last turn.
 *   N2  A node that is read in passing is kept only where there is room: it pushes out nothing. It
 *       belongs to whoever read it. So a scan that is longer than the cache leaves it as it was,
 *       and goes on in the memory of the leaf before. The cursor decides (cursor.c, U6).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_NODE_CACHE_H
#define COPSE_TREE_NODE_CACHE_H

#include "tree/node.h"

/** Called for each block that a read uses, cached or not; may be called again for the same. */
typedef copse_status (*copse_touch_fn)(void *ctx, copse_block *block, copse_err *err);

/** The hash beside the node tells strangers apart without a look at their memory. */
typedef struct copse_node_slot {
    copse_node *node; /* NULL: free */
    uint64_t hash;    /* of its CID */
} copse_node_slot;

struct copse_node_cache {
    const copse_env *env;
    copse_source *source;
    copse_node_slot *slots; /* open addressing, linear probing */
    size_t slots_mask;      /* slots - 1, or 0 before the first */
    size_t count;
    size_t size_bytes;
    size_t hand;         /* of the clock */
    uint64_t read_bytes; /* weight of all nodes that were decoded */
    bool is_passing;     /* N2, for what is read now */
    uint64_t seed[2];
    copse_node *lent; /* the node whose bytes were lent last */
    copse_touch_fn touch;
    void *touch_ctx;
};

/** The node with this binary CID, with a reference for the caller. WANT; CORRUPT, LIMIT, IO, NOMEM.
 */
COPSE_MUST_USE copse_status copse_node_cache_load(copse_node_cache *cache, copse_bytes cid,
                                                  copse_tree_kind kind, copse_node **ret_node,
                                                  copse_err *err);

/** As copse_node_cache_load, for a child of a decoded branch: finds it by its parent's pointer if
 * there is one. */
COPSE_MUST_USE copse_status copse_node_cache_load_child(copse_node_cache *cache, copse_node *parent,
                                                        uint32_t index, copse_node **ret_node,
                                                        copse_err *err);

/** Whether the node is decoded here now, without loading it. */
bool copse_node_cache_has(const copse_node_cache *cache, copse_bytes cid);

/** As copse_node_cache_has, for nodes of any kind of tree. */
bool copse_node_cache_has_kind(const copse_node_cache *cache, copse_bytes cid,
                               copse_tree_kind kind);

/** Keeps `node` alive until the next call: for views that are given out. Takes over the caller's
 * reference. */
void copse_node_cache_lend(copse_node_cache *cache, copse_node *node);

/** Sets what is told of each block that a read uses; NULL: nobody. */
void copse_node_cache_on_touch(copse_node_cache *cache, copse_touch_fn touch, void *ctx);

#endif
