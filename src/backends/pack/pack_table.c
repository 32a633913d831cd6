/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_table.h"

#include "base/alloc.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

enum { PACK_TABLE_CAPACITY_MIN = 64, PACK_TABLE_CAPACITY_KEPT = 1024 };

uint64_t copse_pack_key(copse_bytes cid, uint64_t seed)
{
    return XXH3_64bits_withSeed(cid.ptr, cid.len, seed);
}

void copse_pack_table_release(copse_pack_table *table)
{
    if (table->env != NULL) {
        copse_free_array(table->env, table->slots, table->capacity, sizeof table->slots[0]);
        *table = (copse_pack_table){.env = table->env};
    }
}

void copse_pack_table_clear(copse_pack_table *table)
{
    if (table->capacity > PACK_TABLE_CAPACITY_KEPT) {
        copse_pack_table_release(table);
    } else if (table->count > 0) {
        memset(table->slots, 0, table->capacity * sizeof table->slots[0]);
        table->count = 0;
    }
}

static void pack_table_place(copse_pack_record *slots, size_t mask, copse_pack_record record)
{
    size_t slot = (size_t)record.key & mask;
    while (slots[slot].place != 0) {
        slot = (slot + 1) & mask;
    }
    slots[slot] = record;
}

bool copse_pack_table_reserve(copse_pack_table *table, size_t extra)
{
    if (extra > SIZE_MAX / 64 - table->count) {
        return false;
    }
    size_t need = table->count + extra;
    if (need <= table->capacity / 4 * 3) {
        return true;
    }
    size_t capacity = table->capacity > 0 ? table->capacity : PACK_TABLE_CAPACITY_MIN;
    while (capacity / 4 * 3 < need) {
        capacity *= 2;
    }
    copse_pack_record *slots = copse_alloc_array(table->env, capacity, sizeof slots[0]);
    if (slots == NULL) {
        return false;
    }
    memset(slots, 0, capacity * sizeof slots[0]);
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].place != 0) {
            pack_table_place(slots, capacity - 1, table->slots[i]);
        }
    }
    copse_free_array(table->env, table->slots, table->capacity, sizeof table->slots[0]);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

void copse_pack_table_insert(copse_pack_table *table, copse_pack_record record)
{
    pack_table_place(table->slots, table->capacity - 1, record);
    table->count++;
}

copse_pack_record *copse_pack_table_find(const copse_pack_table *table, uint64_t key,
                                         size_t *cursor)
{
    if (table->count == 0) {
        return NULL;
    }
    size_t mask = table->capacity - 1;
    for (;;) {
        copse_pack_record *record = &table->slots[((size_t)key + *cursor) & mask];
        ++*cursor;
        if (record->place == 0) {
            return NULL;
        }
        if (record->key == key) {
            return record;
        }
    }
}
