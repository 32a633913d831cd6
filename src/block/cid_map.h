/* A hash map from CIDs to items that hold their CID themselves.
 *
 * Open addressing with linear probing over two arrays: 32-bit hashes (0: the slot is empty) and
 * pointers to the items. A lookup compares hashes and touches an item only where they agree; growth
 * and removal work on the hashes alone and never touch an item.
 *
 *     hashes  | 0 | 8f31… | 0 | 0 | 41c0… | 9a77… | 0 | …     4 bytes a slot
 *     items   | - |   *   | - | - |   *   |   *   | - | …     8 bytes a slot
 *
 * Invariants:
 *   M1  capacity is 0 or a power of two, and at most 3/4 of the slots are used.
 *   M2  No empty slot stands between an item and its home slot (hash & (capacity - 1)), so a
 *       lookup may stop at the first empty one. Removal shifts later items back; there are no
 *       tombstones.
 *   M3  An item's CID does not change while it is in the map.
 *
 * The hash is SipHash-1-3 of the CID's bytes under a seed that each map draws from env->random.
 * CIDs come from peers, and an identity CID is any bytes that somebody likes, so the digest alone
 * must not choose the slot: that would let a peer fill one run of slots and make each lookup a
 * walk. If the environment has no random source, the seed is a constant: right for tests and
 * trusted data.
 *
 * Cost: 16 to 32 bytes an item. Growth doubles: amortised O(1), reading 4 bytes and moving 12 an
 * item. Memory is given back by release only.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BLOCK_CID_MAP_H
#define COPSE_BLOCK_CID_MAP_H

#include "block/block.h"

#define COPSE_CID_MAP_NONE SIZE_MAX
/** The most bytes that a map takes for an item, also while it grows (beyond the first 16 slots). */
#define COPSE_CID_MAP_ITEM_BYTES_MAX 48

/** Belongs to one thread. A zeroed map may be released. */
typedef struct copse_cid_map {
    const copse_env *env;
    uint64_t seed[2];
    uint32_t *hashes;
    void **items;
    size_t capacity;
    size_t count;
} copse_cid_map;

/** The CID that an item holds. */
typedef const copse_cid *(*copse_cid_map_cid_fn)(const void *item);

/** An empty map; allocates nothing yet. The random source's failure. */
COPSE_MUST_USE copse_status copse_cid_map_init(copse_cid_map *map, const copse_env *env,
                                               copse_err *err);

/** Frees the slots, not the items, and zeroes the map. NULL and a zeroed map are allowed. */
void copse_cid_map_release(copse_cid_map *map);

/** Frees the slots, not the items; the map is empty and may be used again. */
void copse_cid_map_clear(copse_cid_map *map);

/** The hash of a CID in this map; never 0. */
uint32_t copse_cid_map_hash(const copse_cid_map *map, const copse_cid *cid);

/** Makes room for `extra` more items. False if there is no memory: the map is as it was. */
bool copse_cid_map_reserve(copse_cid_map *map, size_t extra);

/** Adds an item that is not in the map. Room must have been reserved. */
void copse_cid_map_insert(copse_cid_map *map, uint32_t hash, void *item);

/** Takes the item in `slot` out. Other items may change their slots. */
void copse_cid_map_remove_at(copse_cid_map *map, size_t slot);

/** The slot of the item with `cid`, or COPSE_CID_MAP_NONE. `hash` is copse_cid_map_hash(map, cid).
 * Valid until the map changes. */
COPSE_INLINE size_t copse_cid_map_find(const copse_cid_map *map, uint32_t hash,
                                       const copse_cid *cid, copse_cid_map_cid_fn cid_of)
{
    if (map->count == 0) {
        return COPSE_CID_MAP_NONE;
    }
    size_t mask = map->capacity - 1;
    size_t slot = hash & mask;
    /* The two arrays miss the processor's cache together rather than one after the other. */
    COPSE_PREFETCH(&map->items[slot]);
    for (; map->hashes[slot] != 0; slot = (slot + 1) & mask) {
        if (map->hashes[slot] == hash && copse_cid_equal_inline(cid_of(map->items[slot]), cid)) {
            return slot;
        }
    }
    return COPSE_CID_MAP_NONE;
}

/** Begins to load what a find of `hash` will look at first. For several finds at once: this for all
 * of them, then copse_cid_map_prefetch_item for all, then the finds. */
COPSE_INLINE void copse_cid_map_prefetch_slot(const copse_cid_map *map, uint32_t hash)
{
    if (map->count > 0) {
        size_t slot = hash & (map->capacity - 1);
        COPSE_PREFETCH(&map->hashes[slot]);
        COPSE_PREFETCH(&map->items[slot]);
    }
}

/** Begins to load the first item with `hash`, if there is one. */
COPSE_INLINE void copse_cid_map_prefetch_item(const copse_cid_map *map, uint32_t hash)
{
    if (map->count > 0) {
        size_t mask = map->capacity - 1;
        size_t slot = hash & mask;
        while (map->hashes[slot] != 0 && map->hashes[slot] != hash) {
            slot = (slot + 1) & mask;
        }
        if (map->hashes[slot] != 0) {
            COPSE_PREFETCH(map->items[slot]);
            COPSE_PREFETCH((const uint8_t *)map->items[slot] + 64);
        }
    }
}

/** copse_cid_map_cid_fn of a map whose items are blocks. */
COPSE_INLINE const copse_cid *copse_cid_map_cid_of_block(const void *item)
{
    return copse_block_cid_inline(item);
}

/** The block with `cid` in a map whose items are blocks, or NULL. Borrowed from the map. */
COPSE_INLINE copse_block *copse_cid_map_find_block(const copse_cid_map *map, const copse_cid *cid)
{
    if (map->count == 0) {
        return NULL;
    }
    size_t slot =
        copse_cid_map_find(map, copse_cid_map_hash(map, cid), cid, copse_cid_map_cid_of_block);
    return slot != COPSE_CID_MAP_NONE ? map->items[slot] : NULL;
}

#endif
