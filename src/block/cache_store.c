/* A bounded cache of blocks: S3-FIFO (Yang et al., "FIFO queues are all you need for cache
 * eviction", SOSP 2023), counted in bytes.
 *
 *     new block ---> small (10% of the bytes) --- not read since ---> out, hash noted in ghost
 *                       | read since                                        |
 *                       v                                                   | comes again
 *                     main (the rest) <-------------------------------------+
 *                       | oldest: read since it last was the oldest? back to the front : out
 *
 * A scan runs through the small queue and leaves the main one alone. A hit only counts up to 3 in
 * the entry: no list is touched.
 *
 * Deviations from the paper: one read (not two) in the small queue moves a block to main; the ghost
 * is a direct-mapped table of 32-bit hashes of a fixed size, rather than a queue, because a false
 * answer only puts a block into the other queue.
 *
 * Invariants:
 *   C1  size_bytes <= size_bytes_max at all times: room is made before a block goes in. A call may
 *       hold spare entries besides, as many as it has blocks; none outlives it.
 *   C2  size_bytes is the sum of the charges of all entries and the ghost table. A charge is the
 *       block's bytes and header, the entry, and the map's share at its worst.
 *   C3  Each entry is in the map and in exactly one queue.
 *   C4  Memory for the bookkeeping is taken before the inner store is asked, so that NOMEM leaves
 *       both as they were.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/cache_store.h>

#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"
#include "block/cid_map.h"

enum {
    CACHE_READS_MAX = 3,
    CACHE_SMALL_PERCENT = 10,
    /* One ghost hash for so many bytes of the bound, and none for a bound below that of 16. */
    CACHE_GHOST_BYTES_EACH = 512,
    CACHE_GHOST_MIN = 16,
    CACHE_GHOST_MAX = 1 << 20
};

typedef struct cache_queue cache_queue;

typedef struct cache_entry {
    copse_block *block;
    struct cache_entry *newer;
    struct cache_entry *older; /* in the list of spare entries: the next */
    cache_queue *queue;
    uint32_t hash;
    uint32_t reads; /* since it came or was last passed over, at most CACHE_READS_MAX */
} cache_entry;

struct cache_queue {
    cache_entry *newest;
    cache_entry *oldest;
    size_t size_bytes;
};

typedef struct cache_store {
    copse_store store;
    const copse_env *env;
    copse_store *inner;
    copse_cid_map entries;
    cache_queue small;
    cache_queue main;
    cache_entry *spare; /* taken for the call that is running */
    uint32_t *ghost;
    size_t ghost_count; /* 0 or a power of two */
    size_t size_bytes_max;
    size_t size_bytes;
    uint64_t hits;
    uint64_t misses;
    uint64_t evictions;
} cache_store;

/* Entries and queues. */

static const copse_cid *cache_entry_cid(const void *item)
{
    return copse_block_cid_inline(((const cache_entry *)item)->block);
}

static size_t cache_entry_charge_bytes(const copse_block *block)
{
    return copse_block_charge_bytes(block) + sizeof(cache_entry) + COPSE_CID_MAP_ITEM_BYTES_MAX;
}

static void cache_queue_push(cache_queue *queue, cache_entry *entry)
{
    entry->queue = queue;
    entry->newer = NULL;
    entry->older = queue->newest;
    if (queue->newest != NULL) {
        queue->newest->newer = entry;
    } else {
        queue->oldest = entry;
    }
    queue->newest = entry;
    queue->size_bytes += cache_entry_charge_bytes(entry->block);
}

static void cache_queue_unlink(cache_entry *entry)
{
    cache_queue *queue = entry->queue;
    if (entry->newer != NULL) {
        entry->newer->older = entry->older;
    } else {
        queue->newest = entry->older;
    }
    if (entry->older != NULL) {
        entry->older->newer = entry->newer;
    } else {
        queue->oldest = entry->newer;
    }
    queue->size_bytes -= cache_entry_charge_bytes(entry->block);
}

/* The entry of a cached block, or NULL. */
static cache_entry *cache_store_find(const cache_store *cache, const copse_cid *cid)
{
    if (cache->entries.count == 0) {
        return NULL;
    }
    uint32_t hash = copse_cid_map_hash(&cache->entries, cid);
    size_t slot = copse_cid_map_find(&cache->entries, hash, cid, cache_entry_cid);
    return slot != COPSE_CID_MAP_NONE ? cache->entries.items[slot] : NULL;
}

/* Counts a hit and returns a reference for the caller. */
static copse_block *cache_store_hit(cache_store *cache, cache_entry *entry)
{
    cache->hits++;
    if (entry->reads < CACHE_READS_MAX) {
        entry->reads++;
    }
    return copse_block_ref_inline(entry->block);
}

/* Takes an entry out; it becomes a spare one. */
static void cache_store_drop(cache_store *cache, cache_entry *entry)
{
    const copse_cid *cid = copse_block_cid_inline(entry->block);
    size_t slot = copse_cid_map_find(&cache->entries, entry->hash, cid, cache_entry_cid);
    copse_cid_map_remove_at(&cache->entries, slot);
    cache_queue_unlink(entry);
    cache->size_bytes -= cache_entry_charge_bytes(entry->block);
    copse_block_unref(entry->block);
    entry->older = cache->spare;
    cache->spare = entry;
}

/* Looks at the oldest entry of the queue whose turn it is: it moves or goes. There must be one. */
static void cache_store_evict_step(cache_store *cache)
{
    size_t small_max = cache->size_bytes_max / 100 * CACHE_SMALL_PERCENT;
    bool is_small = cache->main.oldest == NULL ||
                    (cache->small.oldest != NULL && cache->small.size_bytes > small_max);
    cache_entry *entry = is_small ? cache->small.oldest : cache->main.oldest;
    if (entry->reads > 0) {
        cache_queue_unlink(entry);
        entry->reads = is_small ? 0 : entry->reads - 1;
        cache_queue_push(&cache->main, entry);
        return;
    }
    if (is_small && cache->ghost_count > 0) {
        cache->ghost[entry->hash & (cache->ghost_count - 1)] = entry->hash;
    }
    cache_store_drop(cache, entry);
    cache->evictions++;
}

/* Takes entries and room in the map for `count` blocks more (C4), but not for more than can ever be
 * in the cache: past that, each block that comes in makes another's entry spare. */
static bool cache_store_reserve(cache_store *cache, size_t count)
{
    size_t fit = cache->size_bytes_max /
                 (sizeof(copse_block) + sizeof(cache_entry) + COPSE_CID_MAP_ITEM_BYTES_MAX);
    size_t room = fit - cache->entries.count;
    if (!copse_cid_map_reserve(&cache->entries, count < room ? count : room)) {
        return false;
    }
    for (size_t i = 0; i < count && i < fit; i++) {
        cache_entry *entry = copse_alloc(cache->env, sizeof *entry);
        if (entry == NULL) {
            return false;
        }
        entry->older = cache->spare;
        cache->spare = entry;
    }
    return true;
}

/* Frees the entries that a call took or made spare. */
static void cache_store_unreserve(cache_store *cache)
{
    while (cache->spare != NULL) {
        cache_entry *entry = cache->spare;
        cache->spare = entry->older;
        copse_free(cache->env, entry, sizeof *entry);
    }
}

/* Whether the CID holds the bytes itself: who has it has the block, and anybody may make one up. */
static bool cache_store_is_identity(const copse_cid *cid)
{
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    return parts.hash == COPSE_HASH_IDENTITY;
}

/* Caches a block into a reserved entry, unless it is there already, too large, or needs none. */
static void cache_store_fill(cache_store *cache, copse_block *block)
{
    size_t charge = cache_entry_charge_bytes(block);
    if (cache_store_is_identity(copse_block_cid_inline(block)) ||
        charge > cache->size_bytes_max - cache->ghost_count * sizeof cache->ghost[0] ||
        cache_store_find(cache, copse_block_cid_inline(block)) != NULL) {
        return;
    }
    while (charge > cache->size_bytes_max - cache->size_bytes) {
        cache_store_evict_step(cache);
    }
    cache_entry *entry = cache->spare;
    cache->spare = entry->older;
    entry->block = copse_block_ref_inline(block);
    entry->hash = copse_cid_map_hash(&cache->entries, copse_block_cid_inline(block));
    entry->reads = 0;
    cache_queue *queue = &cache->small;
    uint32_t *ghost =
        cache->ghost_count > 0 ? &cache->ghost[entry->hash & (cache->ghost_count - 1)] : NULL;
    if (ghost != NULL && *ghost == entry->hash) {
        *ghost = 0;
        queue = &cache->main;
    }
    cache_queue_push(queue, entry);
    copse_cid_map_insert(&cache->entries, entry->hash, entry);
    cache->size_bytes += charge;
}

/* The operations. */

static copse_status cache_store_get(copse_store *store, const copse_cid *cid,
                                    copse_block **ret_block, copse_err *err)
{
    cache_store *cache = (cache_store *)store;
    cache_entry *entry = cache_store_find(cache, cid);
    if (entry != NULL) {
        *ret_block = cache_store_hit(cache, entry);
        return COPSE_OK;
    }
    copse_block *block = NULL;
    copse_status status = COPSE_OK;
    if (!cache_store_reserve(cache, 1)) {
        status = COPSE_ERR_NOMEM(err);
        goto done;
    }
    cache->misses++;
    status = copse_store_get(cache->inner, cid, &block, err);
    if (status == COPSE_OK) {
        cache_store_fill(cache, block);
        *ret_block = block;
    }
done:
    cache_store_unreserve(cache);
    return status;
}

/* Asks the inner store for the blocks that are still NULL, `missing` of them, in one call. */
static copse_status cache_store_get_missing(cache_store *cache, const copse_cid *cids, size_t count,
                                            size_t missing, copse_block **ret_blocks,
                                            copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_cid *wanted = copse_alloc_array(cache->env, missing, sizeof *wanted);
    copse_block **found = copse_alloc_array(cache->env, missing, sizeof(copse_block *));
    if (wanted == NULL || found == NULL || !cache_store_reserve(cache, missing)) {
        status = COPSE_ERR_NOMEM(err);
        goto done;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (ret_blocks[i] == NULL) {
            wanted[at++] = cids[i];
        }
    }
    cache->misses += missing;
    status = copse_store_get_many(cache->inner, wanted, missing, found, err);
    if (status != COPSE_OK) {
        goto done;
    }
    at = 0;
    for (size_t i = 0; i < count; i++) {
        if (ret_blocks[i] == NULL) {
            ret_blocks[i] = found[at++];
            if (ret_blocks[i] != NULL) {
                cache_store_fill(cache, ret_blocks[i]);
            }
        }
    }
done:
    cache_store_unreserve(cache);
    copse_free_array(cache->env, wanted, missing, sizeof *wanted);
    copse_free_array(cache->env, found, missing, sizeof(copse_block *));
    return status;
}

static copse_status cache_store_get_many(copse_store *store, const copse_cid *cids, size_t count,
                                         copse_block **ret_blocks, copse_err *err)
{
    cache_store *cache = (cache_store *)store;
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        cache_entry *entry = cache_store_find(cache, &cids[i]);
        ret_blocks[i] = entry != NULL ? cache_store_hit(cache, entry) : NULL;
        missing += entry == NULL;
    }
    if (missing == 0) {
        return COPSE_OK;
    }
    return cache_store_get_missing(cache, cids, count, missing, ret_blocks, err);
}

static copse_status cache_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                    copse_err *err)
{
    cache_store *cache = (cache_store *)store;
    copse_status status = COPSE_OK;
    if (!cache_store_reserve(cache, count)) {
        status = COPSE_ERR_NOMEM(err);
        goto done;
    }
    status = copse_store_put(cache->inner, blocks, count, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        cache_store_fill(cache, blocks[i]);
    }
done:
    cache_store_unreserve(cache);
    return status;
}

static copse_status cache_store_has(copse_store *store, const copse_cid *cid, bool *ret_present,
                                    copse_err *err)
{
    cache_store *cache = (cache_store *)store;
    if (cache_store_find(cache, cid) != NULL) {
        *ret_present = true;
        return COPSE_OK;
    }
    return copse_store_has(cache->inner, cid, ret_present, err);
}

static copse_status cache_store_flush(copse_store *store, copse_err *err)
{
    return copse_store_flush(((cache_store *)store)->inner, err);
}

static copse_status cache_store_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                        copse_err *err)
{
    return copse_store_iterate(((cache_store *)store)->inner, visit, ctx, err);
}

static copse_status cache_store_remove(copse_store *store, const copse_cid *cids, size_t count,
                                       copse_err *err)
{
    cache_store *cache = (cache_store *)store;
    copse_status status = copse_store_remove(cache->inner, cids, count, err);
    /* Also if that failed: some may be gone, and the cache must not say otherwise. */
    for (size_t i = 0; i < count; i++) {
        cache_entry *entry = cache_store_find(cache, &cids[i]);
        if (entry != NULL) {
            cache_store_drop(cache, entry);
        }
    }
    cache_store_unreserve(cache);
    return status;
}

static void cache_store_close(copse_store *store)
{
    cache_store *cache = (cache_store *)store;
    while (cache->small.oldest != NULL) {
        cache_store_drop(cache, cache->small.oldest);
    }
    while (cache->main.oldest != NULL) {
        cache_store_drop(cache, cache->main.oldest);
    }
    cache_store_unreserve(cache);
    copse_cid_map_release(&cache->entries);
    copse_free_array(cache->env, cache->ghost, cache->ghost_count, sizeof cache->ghost[0]);
    copse_store_close(cache->inner);
    copse_free(cache->env, cache, sizeof *cache);
}

static const copse_store_ops cache_store_ops = {
    .get = cache_store_get,
    .get_many = cache_store_get_many,
    .put = cache_store_put,
    .has = cache_store_has,
    .flush = cache_store_flush,
    .iterate = cache_store_iterate,
    .remove = cache_store_remove,
    .close = cache_store_close,
};

/* How many ghost hashes go with a bound: a power of two, or 0. */
static size_t cache_store_ghost_count(size_t size_bytes_max)
{
    size_t want = size_bytes_max / CACHE_GHOST_BYTES_EACH;
    if (want < CACHE_GHOST_MIN) {
        return 0;
    }
    size_t count = CACHE_GHOST_MIN;
    while (count <= want / 2 && count < CACHE_GHOST_MAX) {
        count *= 2;
    }
    return count;
}

copse_status copse_cache_store_new(const copse_env *env, copse_store *inner, size_t size_bytes_max,
                                   copse_store **ret_store, copse_err *err)
{
    if (env == NULL || inner == NULL || ret_store == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a cache needs a store behind it");
    }
    copse_status status = COPSE_OK;
    cache_store *cache = copse_alloc_zeroed(env, sizeof *cache);
    if (cache == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    cache->store.ops = &cache_store_ops;
    cache->env = env;
    cache->size_bytes_max = size_bytes_max;
    status = copse_cid_map_init(&cache->entries, env, err);
    if (status != COPSE_OK) {
        goto done;
    }
    size_t ghost_count = cache_store_ghost_count(size_bytes_max);
    if (ghost_count > 0) {
        cache->ghost = copse_alloc_zeroed(env, ghost_count * sizeof cache->ghost[0]);
        if (cache->ghost == NULL) {
            status = COPSE_ERR_NOMEM(err);
            goto done;
        }
    }
    cache->ghost_count = ghost_count;
    cache->size_bytes = ghost_count * sizeof cache->ghost[0];
    cache->inner = inner;
    *ret_store = &cache->store;
done:
    if (status != COPSE_OK) {
        cache_store_close(&cache->store);
    }
    return status;
}

void copse_cache_store_snapshot(const copse_store *store, copse_cache_stats *ret_stats)
{
    if (store == NULL || store->ops != &cache_store_ops) {
        *ret_stats = (copse_cache_stats){0};
        return;
    }
    const cache_store *cache = (const cache_store *)store;
    *ret_stats = (copse_cache_stats){
        .hits = cache->hits,
        .misses = cache->misses,
        .evictions = cache->evictions,
        .blocks = cache->entries.count,
        .size_bytes = cache->size_bytes,
    };
}
