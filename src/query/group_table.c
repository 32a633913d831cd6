/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/group_table.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/siphash.h"

#include <copse/order.h>

#include <string.h>

enum { GROUP_SLOTS_MIN = 64, GROUP_NUMBERS_MAX = 0x7fffffff, GROUP_ORDER_MARK = 0xff };

void copse_group_table_init(copse_group_table *table, const copse_env *env, size_t states_size)
{
    *table = (copse_group_table){.env = env, .states_size = states_size};
    if (env->random == NULL ||
        env->random(env->random_ctx, table->seed, sizeof table->seed) != COPSE_OK) {
        table->seed[0] = (uint64_t)(uintptr_t)table; /* better than a constant */
    }
    copse_arena_init(&table->arena, env);
    copse_buf_init(&table->key, env, SIZE_MAX);
}

void copse_group_table_clear(copse_group_table *table)
{
    copse_free_array(table->env, table->groups, table->capacity, sizeof(copse_group *));
    copse_free_array(table->env, table->slots, table->slots_count, sizeof *table->slots);
    copse_arena_reset(&table->arena);
    table->groups = NULL;
    table->slots = NULL;
    table->count = 0;
    table->capacity = 0;
    table->slots_count = 0;
}

void copse_group_table_release(copse_group_table *table)
{
    if (table->env != NULL) {
        copse_group_table_clear(table);
        copse_arena_release(&table->arena);
        copse_buf_release(&table->key);
        *table = (copse_group_table){.env = NULL};
    }
}

static size_t group_table_size(const copse_group_table *table, size_t slots, size_t groups)
{
    return slots * sizeof *table->slots + groups * sizeof(copse_group *);
}

size_t copse_group_table_size(const copse_group_table *table)
{
    return table->arena.size_bytes + group_table_size(table, table->slots_count, table->capacity);
}

static bool group_table_is_full(const copse_group_table *table)
{
    return (table->count + 1) * 4 > table->slots_count * 3;
}

size_t copse_group_table_growth(const copse_group_table *table, copse_bytes id)
{
    size_t own = sizeof(copse_group) + table->states_size + 2 * id.len + 64;
    if (group_table_is_full(table)) { /* while it is rehashed there are both */
        own +=
            group_table_size(table, 2 * table->slots_count, table->capacity) + GROUP_SLOTS_MIN * 8;
    }
    return own;
}

/* ---- Finding --------------------------------------------------------------------------------- */

/* Writes the key of a value (B1); lent from the value or the table. */
static copse_status group_table_key(copse_group_table *table, copse_bytes id, copse_bytes *ret_key,
                                    copse_err *err)
{
    const copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = id};
    if (id.ptr[0] >> 5 == 3) { /* a text */
        *ret_key = id;
        return COPSE_OK;
    }
    copse_buf_truncate(&table->key, 0);
    if (copse_buf_append_byte(&table->key, GROUP_ORDER_MARK) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_order_write_cut(&table->key, &part, NULL, err);
    *ret_key = copse_buf_view(&table->key);
    return status;
}

/* The slot of the group with this key, or the free one for it. */
static size_t group_table_slot(const copse_group_table *table, uint64_t hash, copse_bytes key)
{
    size_t mask = table->slots_count - 1;
    size_t at = (size_t)hash & mask;
    while (table->slots[at] != 0) {
        uint64_t slot = table->slots[at];
        if ((slot ^ hash) >> 32 == 0 &&
            copse_bytes_equal(table->groups[(uint32_t)slot - 1]->key, key)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

copse_status copse_group_table_find(copse_group_table *table, copse_bytes id, size_t *ret_number,
                                    copse_err *err)
{
    copse_bytes key;
    copse_status status = group_table_key(table, id, &key, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (table->slots_count == 0) {
        return COPSE_NOT_FOUND;
    }
    uint64_t slot = table->slots[group_table_slot(table, copse_siphash(table->seed, key), key)];
    if (slot == 0) {
        return COPSE_NOT_FOUND;
    }
    *ret_number = (uint32_t)slot - 1;
    return COPSE_OK;
}

/* ---- Adding ---------------------------------------------------------------------------------- */

static copse_status group_table_rehash(copse_group_table *table, copse_err *err)
{
    size_t count = table->slots_count > 0 ? 2 * table->slots_count : GROUP_SLOTS_MIN;
    uint64_t *slots = copse_alloc_zeroed(table->env, count * sizeof *slots);
    if (slots == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_free_array(table->env, table->slots, table->slots_count, sizeof *slots);
    table->slots = slots;
    table->slots_count = count;
    for (size_t i = 0; i < table->count; i++) {
        uint64_t hash = copse_siphash(table->seed, table->groups[i]->key);
        table->slots[group_table_slot(table, hash, table->groups[i]->key)] =
            hash >> 32 << 32 | (i + 1);
    }
    return COPSE_OK;
}

static copse_status group_table_make(copse_group_table *table, copse_bytes id,
                                     copse_group **ret_group, copse_err *err)
{
    copse_bytes key;
    copse_status status = group_table_key(table, id, &key, err);
    if (status != COPSE_OK) {
        return status;
    }
    bool shares = key.ptr == id.ptr;
    size_t size = sizeof(copse_group) + table->states_size + id.len + (shares ? 0 : key.len);
    copse_group *group = copse_arena_alloc(&table->arena, size);
    if (group == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    uint8_t *bytes = copse_group_states(group) + table->states_size;
    memset(copse_group_states(group), 0, table->states_size);
    memcpy(bytes, id.ptr, id.len);
    group->id = (copse_bytes){bytes, id.len};
    group->key = group->id;
    if (!shares) {
        memcpy(bytes + id.len, key.ptr, key.len);
        group->key = (copse_bytes){bytes + id.len, key.len};
    }
    *ret_group = group;
    return COPSE_OK;
}

copse_status copse_group_table_add(copse_group_table *table, copse_bytes id, size_t *ret_number,
                                   copse_err *err)
{
    void *groups = table->groups;
    copse_group *group = NULL;
    if (table->count >= GROUP_NUMBERS_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "there are more than %d groups", GROUP_NUMBERS_MAX);
    }
    copse_status status = group_table_is_full(table) ? group_table_rehash(table, err) : COPSE_OK;
    if (status == COPSE_OK && !copse_array_grow(table->env, &groups, &table->capacity,
                                                table->count + 1, sizeof(copse_group *))) {
        status = COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_OK) {
        table->groups = groups;
        status = group_table_make(table, id, &group, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    uint64_t hash = copse_siphash(table->seed, group->key);
    table->groups[table->count++] = group;
    table->slots[group_table_slot(table, hash, group->key)] = hash >> 32 << 32 | table->count;
    *ret_number = table->count - 1;
    return COPSE_OK;
}
