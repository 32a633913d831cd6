/* Generations as they are read.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/block_cache/block_cache.h"

#include "base/alloc.h"

void copse_block_cache_generation_close(copse_block_cache_generation *generation)
{
    generation->db = copse_pack_db_close(generation->db);
    generation->is_writable = false;
}

/* Takes the numbers of the folder over; room was made. */
static void block_cache_take_over(copse_block_cache *cache,
                                  copse_block_cache_generation *generations)
{
    const copse_block_cache_folder *folder = &cache->folder;
    size_t old = 0;
    for (size_t i = 0; i < folder->count; i++) {
        for (; old < cache->count && cache->generations[old].number > folder->numbers[i]; old++) {
            copse_block_cache_generation_close(&cache->generations[old]);
        }
        generations[i] = (copse_block_cache_generation){.number = folder->numbers[i]};
        if (old < cache->count && cache->generations[old].number == folder->numbers[i]) {
            generations[i] = cache->generations[old++];
            generations[i].is_passed_over = false; /* it may have been half made */
        }
    }
    for (; old < cache->count; old++) {
        copse_block_cache_generation_close(&cache->generations[old]);
    }
}

copse_status copse_block_cache_adopt(copse_block_cache *cache)
{
    void *generations = NULL;
    size_t capacity = 0;
    if (!copse_array_grow(cache->env, &generations, &capacity, cache->folder.count + 1,
                          sizeof cache->generations[0])) {
        return COPSE_NOMEM;
    }
    block_cache_take_over(cache, generations);
    copse_free_array(cache->env, cache->generations, cache->capacity, sizeof cache->generations[0]);
    cache->generations = generations;
    cache->capacity = capacity;
    cache->count = cache->folder.count;
    return COPSE_OK;
}

copse_status copse_block_cache_refresh(copse_block_cache *cache)
{
    if (cache->is_iterating) {
        return COPSE_OK;
    }
    copse_status status = copse_block_cache_folder_list(&cache->folder, NULL);
    return status == COPSE_OK ? copse_block_cache_adopt(cache) : status;
}

bool copse_block_cache_is_readable(copse_block_cache *cache, size_t at, copse_status *ret_status)
{
    static const copse_pack_options options = {.read_only = true};
    copse_block_cache_generation *generation = &cache->generations[at];
    char path[COPSE_PACK_PATH_SIZE_MAX];
    *ret_status = COPSE_OK;
    if (generation->db == NULL && !generation->is_passed_over) {
        copse_block_cache_folder_path(&cache->folder, generation->number, path);
        copse_status status = copse_pack_db_open(cache->env, cache->folder.io.os, path, &options,
                                                 &generation->db, NULL);
        *ret_status = status == COPSE_NOMEM ? status : COPSE_OK;
        generation->is_passed_over = status != COPSE_OK && status != COPSE_NOMEM;
        cache->failures += generation->is_passed_over && status != COPSE_NOT_FOUND; /* F2 */
    }
    return generation->db != NULL;
}

void copse_block_cache_note(copse_block_cache *cache, size_t at, copse_status status)
{
    cache->failures++;
    cache->generations[at].is_damaged |= status == COPSE_CORRUPT;
}

copse_status copse_block_cache_get_from(copse_block_cache *cache, size_t at, const copse_cid *cid,
                                        copse_block **ret_block)
{
    copse_block *block = NULL;
    copse_status status;
    if (!copse_block_cache_is_readable(cache, at, &status)) {
        return status == COPSE_OK ? COPSE_NOT_FOUND : status;
    }
    status = copse_store_get(copse_pack_db_store(cache->generations[at].db), cid, &block, NULL);
    if (status == COPSE_OK && copse_block_verify(block, NULL) != COPSE_OK) {
        block = copse_block_unref(block);
        status = COPSE_CORRUPT;
    }
    if (status == COPSE_OK) {
        *ret_block = block;
    } else if (status != COPSE_NOT_FOUND && status != COPSE_NOMEM) {
        copse_block_cache_note(cache, at, status);
        status = COPSE_NOT_FOUND;
    }
    return status;
}
