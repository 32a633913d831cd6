/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/sparse_cache.h"

#include <copse/memory_store.h>

copse_status sparse_cache_init(sparse_cache *sparse, const copse_env *env, copse_store *store)
{
    *sparse = (sparse_cache){.store = NULL};
    copse_status status = copse_source_new(env, store, &sparse->source, NULL);
    return status == COPSE_OK ? copse_node_cache_new(env, sparse->source, &sparse->cache, NULL)
                              : status;
}

copse_status sparse_cache_init_own(sparse_cache *sparse, const copse_env *env, copse_store *from)
{
    copse_store *store = NULL;
    *sparse = (sparse_cache){.store = NULL};
    copse_status status = copse_memory_store_new(env, &store, NULL);
    if (status == COPSE_OK && from != NULL) {
        status = sparse_cache_copy(from, store, NULL, 0);
    }
    if (status == COPSE_OK) {
        status = sparse_cache_init(sparse, env, store);
    }
    sparse->store = store;
    return status;
}

void sparse_cache_release(sparse_cache *sparse)
{
    copse_node_cache_free(sparse->cache);
    copse_source_free(sparse->source);
    copse_store_close(sparse->store);
}

/* ---- Copies ---- */

typedef struct sparse_copy {
    copse_store *to;
    const copse_cid *without;
    size_t count;
} sparse_copy;

static copse_status sparse_copy_block(void *ctx, copse_block *block, copse_err *err)
{
    const sparse_copy *copy = ctx;
    for (size_t i = 0; i < copy->count; i++) {
        if (copse_cid_equal(copse_block_cid(block), &copy->without[i])) {
            return COPSE_OK;
        }
    }
    return copse_store_put(copy->to, &block, 1, err);
}

copse_status sparse_cache_copy(copse_store *from, copse_store *to, const copse_cid *without,
                               size_t count)
{
    sparse_copy copy = {to, without, count};
    return copse_store_iterate(from, sparse_copy_block, &copy, NULL);
}
