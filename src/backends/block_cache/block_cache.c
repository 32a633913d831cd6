/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/block_cache/block_cache.h"

#include "base/alloc.h"
#include "base/err.h"

static copse_block_cache *block_cache_of_store(copse_store *store)
{
    return (copse_block_cache *)store; /* its first member */
}

/* ---- The store ---- */

/* Looks through the generations. *ret_at: where it was. */
static copse_status block_cache_find(copse_block_cache *cache, const copse_cid *cid,
                                     copse_block **ret_block, size_t *ret_at)
{
    copse_status status = COPSE_NOT_FOUND;
    size_t at = 0;
    while (at < cache->count &&
           (status = copse_block_cache_get_from(cache, at, cid, ret_block)) == COPSE_NOT_FOUND) {
        at++;
    }
    *ret_at = at;
    return status;
}

static copse_status block_cache_get(copse_store *store, const copse_cid *cid,
                                    copse_block **ret_block, copse_err *err)
{
    copse_block_cache *cache = block_cache_of_store(store);
    char text[COPSE_CID_TEXT_SIZE_MAX];
    size_t at = 0;
    copse_block *block = copse_cid_map_find_block(&cache->pending.map, cid);
    copse_status status = COPSE_OK;
    if (block != NULL) {
        copse_block_ref_inline(block);
    } else {
        status = block_cache_find(cache, cid, &block, &at);
    }
    if (status == COPSE_OK && copse_block_cache_is_old(at)) {
        status = copse_block_cache_add(cache, block); /* B2 */
    }
    if (status == COPSE_OK) {
        cache->hits++;
        *ret_block = block;
        return COPSE_OK;
    }
    copse_block_unref(block);
    if (status == COPSE_NOMEM) {
        return COPSE_ERR_NOMEM(err);
    }
    cache->misses++;
    return err == NULL ? status
                       : COPSE_ERR(err, status, "block %s is not in the cache",
                                   copse_block_cid_text(cid, text));
}

static copse_status block_cache_put(copse_store *store, copse_block *const *blocks, size_t count,
                                    copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_block_cache_add(block_cache_of_store(store), blocks[i]);
    }
    return status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
}

static copse_status block_cache_flush(copse_store *store, copse_err *err)
{
    copse_status status = copse_block_cache_write(block_cache_of_store(store), NULL);
    return status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
}

typedef struct block_cache_iteration {
    copse_block_cache *cache;
    size_t at; /* the generation being visited */
    copse_store_visit_fn visit;
    void *ctx;
    copse_status stopped; /* by the visitor */
} block_cache_iteration;

static copse_status block_cache_visit(void *ctx, copse_block *block, copse_err *err)
{
    block_cache_iteration *iteration = ctx;
    if (copse_block_verify(block, NULL) != COPSE_OK) {
        copse_block_cache_note(iteration->cache, iteration->at, COPSE_CORRUPT);
        return COPSE_OK;
    }
    iteration->stopped = iteration->visit(iteration->ctx, block, err);
    return iteration->stopped;
}

/* Visits number iteration->at. */
static copse_status block_cache_iterate_one(block_cache_iteration *iteration, copse_err *err)
{
    copse_block_cache *cache = iteration->cache;
    copse_err why = {0};
    copse_status status;
    if (!copse_block_cache_is_readable(cache, iteration->at, &status)) {
        return status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
    }
    copse_store *store = copse_pack_db_store(cache->generations[iteration->at].db);
    status = copse_store_iterate(store, block_cache_visit, iteration, &why);
    if (status != COPSE_OK && iteration->stopped == COPSE_OK && status != COPSE_NOMEM) {
        copse_block_cache_note(cache, iteration->at, status);
        status = COPSE_OK;
    }
    if (status != COPSE_OK && err != NULL) {
        *err = why;
    }
    return status;
}

static copse_status block_cache_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                        copse_err *err)
{
    copse_block_cache *cache = block_cache_of_store(store);
    block_cache_iteration iteration = {.cache = cache, .visit = visit, .ctx = ctx};
    copse_status status = COPSE_OK;
    cache->is_iterating = true;
    size_t count = cache->pending.count; /* those that are put again meanwhile come later */
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = visit(ctx, cache->pending.blocks[i], err);
    }
    for (; iteration.at < cache->count && status == COPSE_OK; iteration.at++) {
        status = block_cache_iterate_one(&iteration, err);
    }
    cache->is_iterating = false;
    return status;
}

static copse_status block_cache_remove_blocks(copse_store *store, const copse_cid *cids,
                                              size_t count, copse_err *err)
{
    (void)store;
    (void)cids;
    (void)count;
    return COPSE_ERR(err, COPSE_MISUSE, "blocks leave a cache by themselves");
}

/* The cache owns its store: closing that closes nothing. */
static void block_cache_close_store(copse_store *store)
{
    (void)store;
}

static const copse_store_ops block_cache_ops = {
    .get = block_cache_get,
    .put = block_cache_put,
    .flush = block_cache_flush,
    .iterate = block_cache_iterate,
    .remove = block_cache_remove_blocks,
    .close = block_cache_close_store,
};

/* ---- Opening and closing ---- */

copse_status copse_block_cache_open(const copse_env *env, copse_os *os, const char *path,
                                    uint64_t size_bytes_max, copse_block_cache **ret_cache,
                                    copse_err *err)
{
    if (env == NULL || os == NULL || path == NULL || ret_cache == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a cache needs an environment, a system and a path");
    }
    if (size_bytes_max < COPSE_BLOCK_CACHE_SIZE_BYTES_MIN) {
        return COPSE_ERR(err, COPSE_MISUSE, "a cache of %llu bytes; it needs at least %d",
                         (unsigned long long)size_bytes_max, COPSE_BLOCK_CACHE_SIZE_BYTES_MIN);
    }
    copse_block_cache *cache = copse_alloc_zeroed(env, sizeof *cache);
    if (cache == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    cache->store.ops = &block_cache_ops;
    cache->env = env;
    cache->size_bytes_max = size_bytes_max;
    copse_status status = copse_cid_map_init(&cache->pending.map, env, err);
    if (status == COPSE_OK) {
        status = copse_block_cache_folder_open(&cache->folder, env, os, path, true, err);
    }
    if (status == COPSE_OK) {
        status = copse_block_cache_adopt(cache);
        status = status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
    }
    if (status != COPSE_OK) {
        (void)copse_block_cache_close(cache);
        return status;
    }
    *ret_cache = cache;
    return COPSE_OK;
}

copse_block_cache *copse_block_cache_close(copse_block_cache *cache)
{
    if (cache == NULL) {
        return NULL;
    }
    const copse_env *env = cache->env;
    copse_status status = copse_block_cache_write(cache, NULL);
    (void)status; /* what could not be written is fetched again */
    copse_block_cache_pending_clear(&cache->pending);
    copse_cid_map_release(&cache->pending.map);
    copse_free_array(env, cache->pending.blocks, cache->pending.capacity, sizeof(copse_block *));
    for (size_t i = 0; i < cache->count; i++) {
        copse_block_cache_generation_close(&cache->generations[i]);
    }
    copse_free_array(env, cache->generations, cache->capacity, sizeof cache->generations[0]);
    copse_block_cache_folder_release(&cache->folder);
    copse_free(env, cache, sizeof *cache);
    return NULL;
}

copse_store *copse_block_cache_store(copse_block_cache *cache)
{
    return &cache->store;
}

/* ---- All of it ---- */

static copse_status block_cache_add_stats(copse_block_cache *cache, size_t at,
                                          copse_block_cache_stats *stats)
{
    copse_pack_stat stat;
    uint64_t size = 0;
    copse_status status =
        copse_block_cache_folder_size(&cache->folder, cache->generations[at].number, &size, NULL);
    stats->size_bytes += size;
    if (status == COPSE_OK && copse_block_cache_is_readable(cache, at, &status)) {
        status = copse_pack_db_refresh(cache->generations[at].db, NULL);
        copse_pack_db_stat(cache->generations[at].db, &stat);
        stats->blocks += stat.blocks;
    }
    return status == COPSE_NOMEM ? status : COPSE_OK;
}

copse_status copse_block_cache_get_stats(copse_block_cache *cache,
                                         copse_block_cache_stats *ret_stats, copse_err *err)
{
    copse_block_cache_stats stats = {.blocks = cache->pending.count,
                                     .size_bytes_max = cache->size_bytes_max};
    copse_status status = copse_block_cache_refresh(cache);
    for (size_t at = 0; at < cache->count && status == COPSE_OK; at++) {
        status = block_cache_add_stats(cache, at, &stats);
    }
    if (status == COPSE_OK) {
        status = copse_block_cache_count_heads(cache, &stats.heads);
    }
    if (status != COPSE_OK) {
        return status == COPSE_NOMEM
                   ? COPSE_ERR_NOMEM(err)
                   : COPSE_ERR(err, COPSE_IO, "%.200s can't be listed", cache->folder.io.path);
    }
    stats.generations = cache->count;
    stats.hits = cache->hits;
    stats.misses = cache->misses;
    stats.failures = cache->failures;
    *ret_stats = stats;
    return COPSE_OK;
}

/* Removes all generations; a first failure doesn't keep the others. */
static copse_status block_cache_clear_locked(copse_block_cache_folder *folder, copse_err *err)
{
    copse_status status = copse_block_cache_folder_list(folder, err);
    for (size_t i = folder->count; i-- > 0 && status == COPSE_OK;) {
        status = copse_block_cache_folder_check(folder, folder->numbers[i], err);
    }
    copse_status removed = COPSE_OK;
    for (size_t i = folder->count; i-- > 0 && status == COPSE_OK;) {
        copse_status one = copse_block_cache_folder_remove(folder, folder->numbers[i],
                                                           removed == COPSE_OK ? err : NULL);
        removed = removed == COPSE_OK ? one : removed;
    }
    return status == COPSE_OK ? removed : status;
}

copse_status copse_block_cache_clear(const copse_env *env, copse_os *os, const char *path,
                                     copse_err *err)
{
    copse_block_cache_folder folder;
    copse_file *lock = NULL;
    if (env == NULL || os == NULL || path == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a cache needs an environment, a system and a path");
    }
    copse_status status = copse_block_cache_folder_open(&folder, env, os, path, false, err);
    if (status == COPSE_OK && folder.count > 0) {
        status = copse_block_cache_folder_lock(&folder, &lock, err);
        if (status == COPSE_OK) {
            status = block_cache_clear_locked(&folder, err);
            (void)copse_pack_io_close(lock);
        }
    }
    copse_block_cache_folder_release(&folder);
    return status;
}
