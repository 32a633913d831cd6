/* A store in memory: a copse_cid_map of blocks (cid_map.h), a reference each.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>

#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"
#include "block/cid_map.h"

enum { MEMORY_STORE_GROUP = 16 }; /* CIDs looked up together */

typedef struct memory_store {
    copse_store store;
    const copse_env *env;
    copse_cid_map blocks;
    uint64_t size_bytes; /* of the blocks' data */
} memory_store;

static copse_status memory_store_get(copse_store *store, const copse_cid *cid,
                                     copse_block **ret_block, copse_err *err)
{
    memory_store *memory = (memory_store *)store;
    copse_block *block = copse_cid_map_find_block(&memory->blocks, cid);
    if (COPSE_UNLIKELY(block == NULL)) {
        char text[COPSE_CID_TEXT_SIZE_MAX];
        return err == NULL ? COPSE_NOT_FOUND
                           : COPSE_ERR(err, COPSE_NOT_FOUND, "block %s is not in memory",
                                       copse_block_cid_text(cid, text));
    }
    *ret_block = copse_block_ref_inline(block);
    return COPSE_OK;
}

/* The misses of the processor's cache overlap within a group. */
static void memory_store_get_group(const copse_cid_map *map, const copse_cid *cids, size_t count,
                                   copse_block **ret_blocks)
{
    uint32_t hashes[MEMORY_STORE_GROUP];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = copse_cid_map_hash(map, &cids[i]);
        copse_cid_map_prefetch_slot(map, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        copse_cid_map_prefetch_item(map, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        size_t slot = copse_cid_map_find(map, hashes[i], &cids[i], copse_cid_map_cid_of_block);
        ret_blocks[i] =
            slot != COPSE_CID_MAP_NONE ? copse_block_ref_inline(map->items[slot]) : NULL;
    }
}

static copse_status memory_store_get_many(copse_store *store, const copse_cid *cids, size_t count,
                                          copse_block **ret_blocks, copse_err *err)
{
    (void)err;
    const copse_cid_map *map = &((memory_store *)store)->blocks;
    for (size_t at = 0; at < count; at += MEMORY_STORE_GROUP) {
        size_t left = count - at;
        memory_store_get_group(
            map, &cids[at], left < MEMORY_STORE_GROUP ? left : MEMORY_STORE_GROUP, &ret_blocks[at]);
    }
    return COPSE_OK;
}

static copse_status memory_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                     copse_err *err)
{
    memory_store *memory = (memory_store *)store;
    copse_cid_map *map = &memory->blocks;
    for (size_t i = 0; i < count; i++) {
        const copse_cid *cid = copse_block_cid_inline(blocks[i]);
        uint32_t hash = copse_cid_map_hash(map, cid);
        if (copse_cid_map_find(map, hash, cid, copse_cid_map_cid_of_block) != COPSE_CID_MAP_NONE) {
            continue;
        }
        if (!copse_cid_map_reserve(map, 1)) {
            return COPSE_ERR_NOMEM(err);
        }
        copse_cid_map_insert(map, hash, copse_block_ref_inline(blocks[i]));
        memory->size_bytes += blocks[i]->size;
    }
    return COPSE_OK;
}

static copse_status memory_store_has(copse_store *store, const copse_cid *cid, bool *ret_present,
                                     copse_err *err)
{
    (void)err;
    *ret_present = copse_cid_map_find_block(&((memory_store *)store)->blocks, cid) != NULL;
    return COPSE_OK;
}

static copse_status memory_store_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                         copse_err *err)
{
    const copse_cid_map *map = &((memory_store *)store)->blocks;
    for (size_t slot = 0; slot < map->capacity; slot++) {
        if (map->hashes[slot] != 0) {
            copse_status status = visit(ctx, map->items[slot], err);
            if (status != COPSE_OK) {
                return status;
            }
        }
    }
    return COPSE_OK;
}

static copse_status memory_store_remove(copse_store *store, const copse_cid *cids, size_t count,
                                        copse_err *err)
{
    (void)err;
    memory_store *memory = (memory_store *)store;
    copse_cid_map *map = &memory->blocks;
    for (size_t i = 0; i < count; i++) {
        uint32_t hash = copse_cid_map_hash(map, &cids[i]);
        size_t slot = copse_cid_map_find(map, hash, &cids[i], copse_cid_map_cid_of_block);
        if (slot != COPSE_CID_MAP_NONE) {
            copse_block *block = map->items[slot];
            copse_cid_map_remove_at(map, slot);
            memory->size_bytes -= block->size;
            copse_block_unref(block);
        }
    }
    return COPSE_OK;
}

static void memory_store_close(copse_store *store)
{
    memory_store *memory = (memory_store *)store;
    for (size_t slot = 0; slot < memory->blocks.capacity; slot++) {
        if (memory->blocks.hashes[slot] != 0) {
            copse_block_unref(memory->blocks.items[slot]);
        }
    }
    copse_cid_map_release(&memory->blocks);
    copse_free(memory->env, memory, sizeof *memory);
}

static const copse_store_ops memory_store_ops = {
    .get = memory_store_get,
    .get_many = memory_store_get_many,
    .put = memory_store_put,
    .has = memory_store_has,
    .iterate = memory_store_iterate,
    .remove = memory_store_remove,
    .close = memory_store_close,
};

copse_status copse_memory_store_new(const copse_env *env, copse_store **ret_store, copse_err *err)
{
    if (env == NULL || ret_store == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a memory store needs an environment");
    }
    memory_store *memory = copse_alloc_zeroed(env, sizeof *memory);
    if (memory == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_cid_map_init(&memory->blocks, env, err);
    if (status != COPSE_OK) {
        copse_free(env, memory, sizeof *memory);
        return status;
    }
    memory->store.ops = &memory_store_ops;
    memory->env = env;
    *ret_store = &memory->store;
    return COPSE_OK;
}

size_t copse_memory_store_block_count(const copse_store *store)
{
    return store != NULL && store->ops == &memory_store_ops
               ? ((const memory_store *)store)->blocks.count
               : 0;
}

uint64_t copse_memory_store_size_bytes(const copse_store *store)
{
    return store != NULL && store->ops == &memory_store_ops
               ? ((const memory_store *)store)->size_bytes
               : 0;
}
