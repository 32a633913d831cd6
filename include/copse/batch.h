/* A batch: changes to a tree, collected in any order and applied at once.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BATCH_H
#define COPSE_BATCH_H

#include <copse/tree.h>

COPSE_EXTERN_C_BEGIN

/** Later changes win over earlier ones on the same keys. Belongs to one thread. */
typedef struct copse_batch copse_batch;

COPSE_API COPSE_MUST_USE copse_status copse_batch_new(const copse_env *env, copse_batch **ret_batch,
                                                      copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_batch *copse_batch_free(copse_batch *batch);

/** Forgets all changes; keeps the memory. */
COPSE_API void copse_batch_clear(copse_batch *batch);

/** The number of changes collected so far. */
COPSE_API size_t copse_batch_count(const copse_batch *batch);

/** Sets `key` to `value`, one strict DAG-CBOR item (copied). CORRUPT: it isn't one. LIMIT: the key
 * is over COPSE_KEY_SIZE_BYTES_MAX, or a node with the entry would be over the block limit. NOMEM.
 * On failure the batch is as before. */
COPSE_API COPSE_MUST_USE copse_status copse_batch_put(copse_batch *batch, copse_bytes key,
                                                      copse_bytes value, copse_err *err);

/** Removes `key`; no matter if it isn't there. LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_batch_delete(copse_batch *batch, copse_bytes key,
                                                         copse_err *err);

/** Removes all keys in [from, to); `to` NULL: to the end. An empty range is no change. LIMIT,
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_batch_delete_range(copse_batch *batch, copse_bytes from,
                                                               const copse_bytes *to,
                                                               copse_err *err);

/** Replaces what is in [from, to) by what `other` holds there; `to` NULL: to the end. Whole
 * subtrees of `other` are taken over unread where the chunks line up. `other` must have the same
 * node cache and config as the tree that the batch is applied to, and stay open until then. MISUSE:
 * a foreign tree. LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_batch_splice(copse_batch *batch, copse_tree *other,
                                                         copse_bytes from, const copse_bytes *to,
                                                         copse_err *err);

/** What an apply did, in exact numbers. */
typedef struct copse_apply_stats {
    uint64_t nodes_read;          /**< Nodes taken apart, without those passed on the way down. */
    uint64_t nodes_written;       /**< Nodes encoded and put, without the root tuple. */
    uint64_t nodes_written_bytes; /**< Their bytes. */
} copse_apply_stats;

/** Applies `batch` to `tree`: puts the new blocks into `store` and opens the new tree. The batch is
 * kept, and `tree` is as it was. Nothing is put unless all blocks that it needs were there.
 * `ret_stats` may be NULL. WANT: supply the wanted blocks and call again. MISUSE: a foreign tree,
 * or a spliced tree of another cache or config. LIMIT: a key is too long for the config, or a
 * tree of too many levels. CORRUPT,
 * IO, NOMEM, the store's failures. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_apply(copse_tree *tree, copse_batch *batch,
                                                       copse_store *store, copse_tree **ret_tree,
                                                       copse_apply_stats *ret_stats,
                                                       copse_err *err);

COPSE_EXTERN_C_END

#endif
