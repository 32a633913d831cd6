/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/id_set.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "base/siphash.h"

enum { ID_SET_HEAD_BYTES = 2, ID_SET_SLOTS_MIN = 64 };

#define ID_SET_OFFSET_MASK ((uint64_t)UINT32_MAX)

void copse_id_set_init(copse_id_set *set, const copse_env *env, size_t size_bytes_max)
{
    *set = (copse_id_set){.env = env, .size_bytes_max = size_bytes_max};
    if (env->random == NULL ||
        env->random(env->random_ctx, set->seed, sizeof set->seed) != COPSE_OK) {
        set->seed[0] = (uint64_t)(uintptr_t)set; /* better than a constant */
    }
    copse_buf_init(&set->bytes, env,
                   size_bytes_max < UINT32_MAX ? size_bytes_max : (size_t)UINT32_MAX - 1);
}

void copse_id_set_release(copse_id_set *set)
{
    if (set->env != NULL) {
        copse_free_array(set->env, set->slots, set->slots_count, sizeof *set->slots);
        copse_buf_release(&set->bytes);
        *set = (copse_id_set){.env = NULL};
    }
}

static copse_bytes id_set_at(const copse_id_set *set, uint64_t slot)
{
    const uint8_t *at = set->bytes.ptr + (slot & ID_SET_OFFSET_MASK) - 1;
    return (copse_bytes){at + ID_SET_HEAD_BYTES, copse_load_u16be(at)};
}

/* The slot that holds `id`, or the free one for it. */
static size_t id_set_find(const copse_id_set *set, uint64_t hash, copse_bytes id)
{
    size_t mask = set->slots_count - 1;
    size_t at = (size_t)hash & mask;
    while (set->slots[at] != 0 && ((set->slots[at] ^ hash) >> 32 != 0 ||
                                   !copse_bytes_equal(id_set_at(set, set->slots[at]), id))) {
        at = (at + 1) & mask;
    }
    return at;
}

static copse_status id_set_full(const copse_id_set *set, copse_err *err)
{
    return COPSE_ERR(err, COPSE_LIMIT,
                     "telling %zu documents apart takes more than %zu bytes "
                     "(limits.query_memory_bytes_max)",
                     set->count, set->size_bytes_max);
}

/* Keeps at least a quarter of the slots free. */
static copse_status id_set_grow(copse_id_set *set, copse_err *err)
{
    if (set->slots_count > 0 && set->count + 1 <= set->slots_count / 4 * 3) {
        return COPSE_OK;
    }
    copse_id_set grown = *set;
    grown.slots_count = set->slots_count == 0 ? ID_SET_SLOTS_MIN : set->slots_count * 2;
    if (grown.slots_count > set->size_bytes_max / sizeof *grown.slots) {
        return id_set_full(set, err);
    }
    grown.slots = copse_alloc_zeroed(set->env, grown.slots_count * sizeof *grown.slots);
    if (grown.slots == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < set->slots_count; i++) {
        if (set->slots[i] != 0) {
            copse_bytes id = id_set_at(set, set->slots[i]);
            grown.slots[id_set_find(&grown, copse_siphash(set->seed, id), id)] = set->slots[i];
        }
    }
    copse_free_array(set->env, set->slots, set->slots_count, sizeof *set->slots);
    *set = grown;
    return COPSE_OK;
}

copse_status copse_id_set_add(copse_id_set *set, copse_bytes id, bool *ret_new, copse_err *err)
{
    copse_status status = id_set_grow(set, err);
    if (status != COPSE_OK) {
        return status;
    }
    uint64_t hash = copse_siphash(set->seed, id);
    size_t slot = id_set_find(set, hash, id);
    if (set->slots[slot] != 0) {
        *ret_new = false;
        return COPSE_OK;
    }
    uint8_t head[ID_SET_HEAD_BYTES];
    size_t offset = set->bytes.len;
    copse_store_u16be(head, (uint16_t)id.len);
    status = offset + set->slots_count * sizeof *set->slots + id.len > set->size_bytes_max
                 ? COPSE_LIMIT
                 : copse_buf_append(&set->bytes, (copse_bytes){head, sizeof head});
    if (status == COPSE_OK) {
        status = copse_buf_append(&set->bytes, id);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(&set->bytes, offset);
        return status == COPSE_LIMIT ? id_set_full(set, err) : COPSE_ERR_NOMEM(err);
    }
    set->slots[slot] = (hash & ~ID_SET_OFFSET_MASK) | (offset + 1);
    set->count++;
    *ret_new = true;
    return COPSE_OK;
}
