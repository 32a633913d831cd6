/* Blocks that wait, and how they are written: generations that begin and end.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/block_cache/block_cache.h"

#include "base/alloc.h"

enum {
    BLOCK_CACHE_WRITE_BYTES = 1 << 20,   /* of blocks that wait, if the share is not small */
    BLOCK_CACHE_JOURNAL_BYTES = 4 << 20, /* of a generation's journals, if it is not large: what is
                                            read again when a generation is opened */
    BLOCK_CACHE_JOURNALS_MAX = 32,       /* of a generation: files that are opened with it */
    BLOCK_CACHE_BLOCK_EXTRA_BYTES = 96,  /* beside a block's data and CID: item, index */
    BLOCK_CACHE_WRITE_EXTRA_BYTES = 1024 /* beside those of all blocks: frames, a head */
};

static uint64_t block_cache_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t block_cache_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- Blocks that wait ---- */

/* So many bytes make a write: few enough that a generation is full when it has no room for one. */
static uint64_t block_cache_write_max(const copse_block_cache *cache)
{
    return block_cache_min(BLOCK_CACHE_WRITE_BYTES, copse_block_cache_share(cache) / 8);
}

static uint64_t block_cache_charge(const copse_block *block)
{
    return copse_block_data_inline(block).len + copse_block_cid_inline(block)->size +
           BLOCK_CACHE_BLOCK_EXTRA_BYTES;
}

void copse_block_cache_pending_clear(copse_block_cache_pending *pending)
{
    for (size_t i = 0; i < pending->count; i++) {
        copse_block_unref(pending->blocks[i]);
    }
    copse_cid_map_clear(&pending->map);
    pending->count = 0;
    pending->size_bytes = 0;
}

static copse_status block_cache_pending_push(copse_block_cache *cache, copse_block *block)
{
    copse_block_cache_pending *pending = &cache->pending;
    void *blocks = pending->blocks;
    if (!copse_array_grow(cache->env, &blocks, &pending->capacity, pending->count + 1,
                          sizeof(copse_block *))) {
        return COPSE_NOMEM;
    }
    pending->blocks = blocks;
    if (!copse_cid_map_reserve(&pending->map, 1)) {
        return COPSE_NOMEM;
    }
    uint32_t hash = copse_cid_map_hash(&pending->map, copse_block_cid_inline(block));
    copse_cid_map_insert(&pending->map, hash, block);
    pending->blocks[pending->count++] = copse_block_ref_inline(block);
    pending->size_bytes += block_cache_charge(block);
    return COPSE_OK;
}

copse_status copse_block_cache_add(copse_block_cache *cache, copse_block *block)
{
    const copse_block_cache_pending *pending = &cache->pending;
    if (block_cache_charge(block) > copse_block_cache_share(cache) / 2 ||
        copse_cid_map_find_block(&pending->map, copse_block_cid_inline(block)) != NULL) {
        return COPSE_OK;
    }
    if (pending->size_bytes >= block_cache_write_max(cache)) {
        if (cache->is_iterating) {
            return COPSE_OK;
        }
        copse_status status = copse_block_cache_write(cache, NULL);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return block_cache_pending_push(cache, block);
}

/* ---- Generations that begin and end, under the lock ---- */

/* Forgets number `at`, and removes it from the folder. */
static void block_cache_remove(copse_block_cache *cache, size_t at)
{
    uint64_t number = cache->generations[at].number;
    copse_block_cache_generation_close(&cache->generations[at]);
    cache->failures += copse_block_cache_folder_remove(&cache->folder, number, NULL) != COPSE_OK;
    cache->count--;
    for (size_t i = at; i < cache->count; i++) {
        cache->generations[i] = cache->generations[i + 1];
    }
}

/* Removes the oldest until there is room for another (B1). */
static copse_status block_cache_make_room(copse_block_cache *cache)
{
    uint64_t room = cache->size_bytes_max - copse_block_cache_share(cache);
    size_t keep = 0; /* of the newest */
    for (; keep < cache->count && keep < COPSE_BLOCK_CACHE_GENERATIONS_MAX - 1; keep++) {
        uint64_t size = 0;
        copse_status status = copse_block_cache_folder_size(
            &cache->folder, cache->generations[keep].number, &size, NULL);
        if (status != COPSE_OK) {
            return status;
        }
        if (size > room) {
            break;
        }
        room -= size;
    }
    while (cache->count > keep) {
        block_cache_remove(cache, cache->count - 1);
    }
    return COPSE_OK;
}

/* Opens number `at` for writing. With `create` it is made. */
static copse_status block_cache_open_writable(copse_block_cache *cache,
                                              copse_block_cache_generation *generation, bool create)
{
    copse_pack_options options = {
        .create = create,
        .durability = COPSE_DURABILITY_OFF,
        .journal_size_bytes_max = block_cache_max(
            BLOCK_CACHE_JOURNAL_BYTES, copse_block_cache_share(cache) / BLOCK_CACHE_JOURNALS_MAX),
    };
    char path[COPSE_PACK_PATH_SIZE_MAX];
    copse_block_cache_generation_close(generation);
    copse_block_cache_folder_path(&cache->folder, generation->number, path);
    copse_status status =
        copse_pack_db_open(cache->env, cache->folder.io.os, path, &options, &generation->db, NULL);
    generation->is_writable = status == COPSE_OK;
    return status;
}

/* Begins a generation, once the oldest ones have made room. */
static copse_status block_cache_begin(copse_block_cache *cache)
{
    void *generations = cache->generations;
    uint64_t newest = cache->count > 0 ? cache->generations[0].number : 0;
    copse_block_cache_generation begun = {.number = newest + 1};
    if (!copse_array_grow(cache->env, &generations, &cache->capacity, cache->count + 1,
                          sizeof cache->generations[0])) {
        return COPSE_NOMEM;
    }
    cache->generations = generations;
    copse_status status = block_cache_make_room(cache);
    if (status == COPSE_OK) {
        status = block_cache_open_writable(cache, &begun, true);
    }
    if (status != COPSE_OK) {
        copse_status removed = copse_block_cache_folder_remove(&cache->folder, begun.number, NULL);
        (void)removed; /* F2: the next one does */
        return status;
    }
    for (size_t i = cache->count++; i > 0; i--) {
        cache->generations[i] = cache->generations[i - 1];
    }
    cache->generations[0] = begun;
    return COPSE_OK;
}

/* Whether the newest generation, opened for writing, has room for what waits. NOT_FOUND: it
 * hasn't, or can't be used. */
static copse_status block_cache_open_newest(copse_block_cache *cache)
{
    copse_pack_stat stat;
    if (cache->count == 0 || cache->generations[0].is_damaged) {
        return COPSE_NOT_FOUND;
    }
    copse_block_cache_generation *newest = &cache->generations[0];
    copse_status status = newest->is_writable ? copse_pack_db_refresh(newest->db, NULL)
                                              : block_cache_open_writable(cache, newest, false);
    if (status == COPSE_NOT_FOUND) {
        block_cache_remove(cache, 0); /* F2 */
    }
    if (status == COPSE_CORRUPT) {
        copse_block_cache_note(cache, 0, status);
        status = COPSE_NOT_FOUND;
    }
    if (status != COPSE_OK) {
        return status;
    }
    newest->is_passed_over = false;
    copse_pack_db_stat(newest->db, &stat);
    uint64_t need = cache->pending.size_bytes + BLOCK_CACHE_WRITE_EXTRA_BYTES;
    return stat.size_bytes + need <= copse_block_cache_share(cache) ? COPSE_OK : COPSE_NOT_FOUND;
}

/* ---- Writing, under the lock ---- */

static copse_status block_cache_write_head(copse_pack_db *db, const copse_block_cache_head *head)
{
    copse_refs *refs = copse_pack_db_refs(db);
    copse_cid before;
    copse_status status = copse_store_put(copse_pack_db_store(db), &head->block, 1, NULL);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_refs_get(refs, head->name, &before, NULL);
    if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
        return status;
    }
    return copse_refs_swap(refs, head->name, status == COPSE_OK ? &before : NULL,
                           copse_block_cid_inline(head->block), NULL);
}

/* Writes into the newest generation: one frame. */
static copse_status block_cache_write_newest(copse_block_cache *cache,
                                             const copse_block_cache_head *head)
{
    copse_pack_db *db = cache->generations[0].db;
    const copse_block_cache_pending *pending = &cache->pending;
    copse_store *store = copse_pack_db_store(db);
    copse_status status = copse_store_put(store, pending->blocks, pending->count, NULL);
    if (status == COPSE_OK) {
        status = head != NULL ? block_cache_write_head(db, head) : copse_store_flush(store, NULL);
    }
    if (status != COPSE_OK) { /* which drops what the store still holds of it */
        copse_block_cache_generation_close(&cache->generations[0]);
    }
    return status;
}

static copse_status block_cache_try_write(copse_block_cache *cache,
                                          const copse_block_cache_head *head)
{
    copse_status status = block_cache_open_newest(cache);
    if (status == COPSE_NOT_FOUND) {
        status = block_cache_begin(cache);
    }
    return status == COPSE_OK ? block_cache_write_newest(cache, head) : status;
}

static copse_status block_cache_write_locked(copse_block_cache *cache,
                                             const copse_block_cache_head *head)
{
    copse_status status = copse_block_cache_refresh(cache);
    if (status == COPSE_OK) {
        status = block_cache_try_write(cache, head);
    }
    if (status == COPSE_CORRUPT && cache->count > 0) {
        copse_block_cache_note(cache, 0, status);
        status = block_cache_try_write(cache, head); /* into a new one (B3) */
    }
    return status;
}

copse_status copse_block_cache_write(copse_block_cache *cache, const copse_block_cache_head *head)
{
    copse_file *lock = NULL;
    if ((cache->pending.count == 0 && head == NULL) || cache->is_iterating) {
        return COPSE_OK;
    }
    copse_status status = copse_block_cache_folder_lock(&cache->folder, &lock, NULL);
    if (status == COPSE_OK) {
        status = block_cache_write_locked(cache, head);
        (void)copse_pack_io_close(lock);
    }
    if (status == COPSE_NOMEM) {
        return status;
    }
    cache->failures += status != COPSE_OK;
    copse_block_cache_pending_clear(&cache->pending);
    return COPSE_OK;
}
