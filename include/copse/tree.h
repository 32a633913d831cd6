/* The tree: an ordered map from byte-string keys to DAG-CBOR values, content-addressed.
 *
 * A tree is a pure function of its entries and its config: the same entries have the same root CID
 * in whatever order they were written (docs/formats/tree.md). Trees are immutable; changing one
 * makes another that shares the nodes that did not change (batch.h). Reads go through a node cache
 * over a source (source.h), and return COPSE_WANT where a block is not present.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_H
#define COPSE_TREE_H

#include <copse/source.h>

COPSE_EXTERN_C_BEGIN

/** The longest key, in bytes; a tree with a size_bytes_max under 8 KiB takes keys of at most an
 * eighth of that. */
#define COPSE_KEY_SIZE_BYTES_MAX 1024

/** How a tree is cut into nodes. All trees of one config that hold the same entries are equal. */
typedef struct copse_tree_config {
    uint32_t size_bytes_min; /**< A node smaller than this is not closed: 0 .. size_bytes_max. */
    uint32_t size_bytes_max; /**< A larger sum of entries is cut: 256 .. 512 KiB. */
    uint32_t lambda_bytes;   /**< Scale of the Weibull distribution of sizes: 16 .. max. */
} copse_tree_config;

/** Sets the default config. Its block is built in and never fetched. */
COPSE_API void copse_tree_config_init(copse_tree_config *config);

/** Makes the block of a config, also of the default one, which stores don't hold: for who hands a
 * tree on to software that does not have it built in. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_config_block(const copse_env *env,
                                                              const copse_tree_config *config,
                                                              copse_block **ret_block,
                                                              copse_err *err);

/** Decoded nodes of any number of trees over one source, bounded by limits.node_cache_bytes_max.
 * Belongs to one thread, with its source and all its trees. */
typedef struct copse_node_cache copse_node_cache;

/** Makes a node cache; `source` must outlive it. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_node_cache_new(const copse_env *env,
                                                           copse_source *source,
                                                           copse_node_cache **ret_cache,
                                                           copse_err *err);

/** Frees it; all its trees must be closed. NULL is allowed. Returns NULL. */
COPSE_API copse_node_cache *copse_node_cache_free(copse_node_cache *cache);

/** The source that the cache reads from. */
COPSE_API copse_source *copse_node_cache_source(const copse_node_cache *cache);

/** An open tree. Belongs to the thread of its node cache. */
typedef struct copse_tree copse_tree;

/** Opens the tree with this root: the CID of a `[config, node]` tuple, ours or a foreign one
 * (docs/formats/tree.md, "Other people's trees"). WANT: the root block, or the block of a config
 * that is not built in. CORRUPT: not a root. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_open(copse_node_cache *cache,
                                                      const copse_cid *root, copse_tree **ret_tree,
                                                      copse_err *err);

/** Makes an empty tree and puts its blocks into `store`. CORRUPT never; MISUSE: a config out of its
 * ranges; the store's failures. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_new(copse_node_cache *cache, copse_store *store,
                                                     const copse_tree_config *config,
                                                     copse_tree **ret_tree, copse_err *err);

/** Closes it; cursors and other users must be gone. NULL is allowed. Returns NULL. */
COPSE_API copse_tree *copse_tree_close(copse_tree *tree);

/** The root CID, valid until the tree is closed. */
COPSE_API const copse_cid *copse_tree_root(const copse_tree *tree);

/** The CID of the top node, valid until the tree is closed. */
COPSE_API const copse_cid *copse_tree_top(const copse_tree *tree);

/** The node cache that the tree was opened with. */
COPSE_API copse_node_cache *copse_tree_cache(const copse_tree *tree);

/** The config. MISUSE: a foreign tree, which has another kind of config. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_get_config(const copse_tree *tree,
                                                            copse_tree_config *ret_config,
                                                            copse_err *err);

/** Gets the value of `key`: one encoded DAG-CBOR item, valid until the next call that reads through
 * the same node cache. NOT_FOUND: no such key. WANT: the block that is needed next. CORRUPT, IO,
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_get(copse_tree *tree, copse_bytes key,
                                                     copse_bytes *ret_value, copse_err *err);

/** The number of entries. WANT, CORRUPT, IO, NOMEM; for a foreign tree whose nodes have no counts,
 * MISUSE. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_count(copse_tree *tree, uint64_t *ret_count,
                                                       copse_err *err);

/** The number of entries with a key below `key`. Reads one path. Statuses as copse_tree_count. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_rank(copse_tree *tree, copse_bytes key,
                                                      uint64_t *ret_rank, copse_err *err);

/** The number of entries in [from, to); `to` NULL: to the end. Reads two paths, or fewer. Statuses
 * as copse_tree_count. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_range_count(copse_tree *tree, copse_bytes from,
                                                             const copse_bytes *to,
                                                             uint64_t *ret_count, copse_err *err);

/** The entry number `index`, from 0 in key order. The views are valid as for copse_tree_get.
 * NOT_FOUND: fewer entries than that. Statuses as copse_tree_count. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_nth(copse_tree *tree, uint64_t index,
                                                     copse_bytes *ret_key, copse_bytes *ret_value,
                                                     copse_err *err);

/** The number of levels: 1 for a tree of one leaf. WANT, CORRUPT, IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_height(copse_tree *tree, size_t *ret_levels,
                                                        copse_err *err);

COPSE_EXTERN_C_END

#endif
