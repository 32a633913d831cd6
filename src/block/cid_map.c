/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "block/cid_map.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"

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

/* SipHash (Aumasson, Bernstein) with one round a word and three at the end, as hash tables use it.
 * The 64-bit result is that of the reference implementation. */
typedef struct cid_map_sip {
    uint64_t v0, v1, v2, v3;
} cid_map_sip;

COPSE_INLINE uint64_t cid_map_rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

COPSE_INLINE void cid_map_sip_round(cid_map_sip *sip)
{
    sip->v0 += sip->v1;
    sip->v1 = cid_map_rotate(sip->v1, 13) ^ sip->v0;
    sip->v0 = cid_map_rotate(sip->v0, 32);
    sip->v2 += sip->v3;
    sip->v3 = cid_map_rotate(sip->v3, 16) ^ sip->v2;
    sip->v0 += sip->v3;
    sip->v3 = cid_map_rotate(sip->v3, 21) ^ sip->v0;
    sip->v2 += sip->v1;
    sip->v1 = cid_map_rotate(sip->v1, 17) ^ sip->v2;
    sip->v2 = cid_map_rotate(sip->v2, 32);
}

COPSE_INLINE void cid_map_sip_word(cid_map_sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    cid_map_sip_round(sip);
    sip->v0 ^= word;
}

uint32_t copse_cid_map_hash(const copse_cid_map *map, const copse_cid *cid)
{
    cid_map_sip sip = {
        map->seed[0] ^ 0x736f6d6570736575u,
        map->seed[1] ^ 0x646f72616e646f6du,
        map->seed[0] ^ 0x6c7967656e657261u,
        map->seed[1] ^ 0x7465646279746573u,
    };
    const uint8_t *bytes = cid->bytes;
    size_t left = cid->size;
    for (; left >= 8; left -= 8, bytes += 8) {
        cid_map_sip_word(&sip, copse_load_u64le(bytes));
    }
    uint64_t last = (uint64_t)cid->size << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)bytes[i] << (8 * i);
    }
    cid_map_sip_word(&sip, last);
    sip.v2 ^= 0xff;
    cid_map_sip_round(&sip);
    cid_map_sip_round(&sip);
    cid_map_sip_round(&sip);
    uint64_t hash = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
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
