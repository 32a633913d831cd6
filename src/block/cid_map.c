/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "block/cid_map.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/siphash.h"

enum { CID_MAP_CAPACITY_MIN = 16 };
/* Slots are found by a hash of 32 bits. */
static const size_t cid_map_capacity_max = (size_t)1 << 31;

copse_status copse_cid_map_init(copse_cid_map *map, const copse_env *env, copse_err *err)
{
    copse_cid_map made = {.env = env, .seed = {0x9ae16a3b2f90404fu, 0xc949c7defebe6f94u}};
    if (env->random != NULL) {
        copse_status status = env->random(env->random_ctx, made.seed, sizeof made.seed);
        if (status != COPSE_OK) {
            return COPSE_ERR(err, status, "no random seed for a hash map");
        }
    }
    *map = made;
    return COPSE_OK;
}

void copse_cid_map_clear(copse_cid_map *map)
{
    copse_free_array(map->env, map->hashes, map->capacity, sizeof map->hashes[0]);
    copse_free_array(map->env, map->items, map->capacity, sizeof map->items[0]);
    map->hashes = NULL;
    map->items = NULL;
    map->capacity = 0;
    map->count = 0;
}

void copse_cid_map_release(copse_cid_map *map)
{
    if (map != NULL && map->env != NULL) {
        copse_cid_map_clear(map);
        *map = (copse_cid_map){0};
    }
}

uint32_t copse_cid_map_hash(const copse_cid_map *map, const copse_cid *cid)
{
    uint64_t hash = copse_siphash(map->seed, (copse_bytes){cid->bytes, cid->size});
    uint32_t folded = (uint32_t)(hash >> 32);
    return folded != 0 ? folded : 1;
}

/* Puts an item into the first empty slot from its home on. */
static void cid_map_place(uint32_t *hashes, void **items, size_t mask, uint32_t hash, void *item)
{
    size_t slot = hash & mask;
    while (hashes[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    hashes[slot] = hash;
    items[slot] = item;
}

static bool cid_map_resize(copse_cid_map *map, size_t capacity)
{
    uint32_t *hashes = copse_alloc_array(map->env, capacity, sizeof hashes[0]);
    void **items = copse_alloc_array(map->env, capacity, sizeof items[0]);
    if (hashes == NULL || items == NULL) {
        copse_free_array(map->env, hashes, capacity, sizeof hashes[0]);
        copse_free_array(map->env, items, capacity, sizeof items[0]);
        return false;
    }
    memset(hashes, 0, capacity * sizeof hashes[0]);
    for (size_t slot = 0; slot < map->capacity; slot++) {
        if (map->hashes[slot] != 0) {
            cid_map_place(hashes, items, capacity - 1, map->hashes[slot], map->items[slot]);
        }
    }
    size_t count = map->count;
    copse_cid_map_clear(map);
    map->hashes = hashes;
    map->items = items;
    map->capacity = capacity;
    map->count = count;
    return true;
}

bool copse_cid_map_reserve(copse_cid_map *map, size_t extra)
{
    size_t count_max = cid_map_capacity_max / 4 * 3;
    if (extra > count_max - map->count) {
        return false;
    }
    size_t need = map->count + extra;
    if (need <= map->capacity / 4 * 3) {
        return true;
    }
    size_t capacity = map->capacity > 0 ? map->capacity : CID_MAP_CAPACITY_MIN;
    while (capacity / 4 * 3 < need) {
        capacity *= 2;
    }
    return cid_map_resize(map, capacity);
}

void copse_cid_map_insert(copse_cid_map *map, uint32_t hash, void *item)
{
    cid_map_place(map->hashes, map->items, map->capacity - 1, hash, item);
    map->count++;
}

void copse_cid_map_remove_at(copse_cid_map *map, size_t slot)
{
    size_t mask = map->capacity - 1;
    size_t hole = slot;
    for (size_t next = (hole + 1) & mask; map->hashes[next] != 0; next = (next + 1) & mask) {
        /* An item may move back to the hole if its home is not between the two (M2). */
        size_t home = map->hashes[next] & mask;
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            map->hashes[hole] = map->hashes[next];
            map->items[hole] = map->items[next];
            hole = next;
        }
    }
    map->hashes[hole] = 0;
    map->count--;
}
