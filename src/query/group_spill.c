/* Groups that leave the memory, and all groups in order.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "query/pipeline.h"
#include "query/stage_group.h"

#include <copse/order.h>

#include <string.h>

enum { GROUP_ROW_STATES = 0, GROUP_ROW_VALUES = 1 };

copse_status copse_group_order_key(copse_bytes id, copse_buf *buf, copse_err *err)
{
    const copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = id};
    return copse_order_write_cut(buf, &part, NULL, err);
}

/* ---- Spilling -------------------------------------------------------------------------------- */

static copse_status group_ready_spill(copse_stage_run *run, copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_world *world = run->chain->world;
    if (state->spill.env != NULL) {
        return COPSE_OK;
    }
    if (world->runs == NULL) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "the groups take more than %zu bytes of memory, and have nowhere to spill "
                         "to (copse_pipeline_options.runs; --memory)",
                         state->table_bytes_max);
    }
    return copse_spill_init(&state->spill, world->env, world->runs,
                            world->share_bytes - state->table_bytes_max, err);
}

static copse_status group_row_append(copse_buf *row, copse_bytes bytes)
{
    uint8_t size[4];
    if (bytes.len > UINT32_MAX) {
        return COPSE_LIMIT;
    }
    copse_store_u32be(size, (uint32_t)bytes.len);
    copse_status status = copse_buf_append(row, (copse_bytes){size, sizeof size});
    return status == COPSE_OK ? copse_buf_append(row, bytes) : status;
}

static copse_status group_wrote(copse_status status, copse_err *err)
{
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a row");
}

/* Begins a row. */
static copse_status group_row_begin(copse_group_state *state, uint8_t kind, copse_bytes id,
                                    copse_err *err)
{
    copse_buf_truncate(&state->row, 0);
    copse_status status = copse_buf_append_byte(&state->row, kind);
    return group_wrote(status == COPSE_OK ? group_row_append(&state->row, id) : status, err);
}

/* Spills the row that was written. */
static copse_status group_row_end(copse_group_state *state, copse_bytes id, copse_err *err)
{
    copse_buf_truncate(&state->group_key, 0);
    copse_status status = copse_group_order_key(id, &state->group_key, err);
    return status == COPSE_OK ? copse_spill_add(&state->spill, copse_buf_view(&state->group_key),
                                                copse_buf_view(&state->row), err)
                              : status;
}

copse_status copse_group_spill_document(copse_stage_run *run, copse_bytes id, copse_bytes document,
                                        copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_group *group = run->stage->body;
    copse_status status = group_ready_spill(run, err);
    if (status == COPSE_OK) {
        status = group_row_begin(state, GROUP_ROW_VALUES, id, err);
    }
    for (size_t i = 0; status == COPSE_OK && i < group->count; i++) {
        copse_bytes value;
        status = copse_accumulator_value(&group->accumulators[i], run->chain, document,
                                         &state->value, &value, err);
        if (status == COPSE_OK) {
            status = group_wrote(group_row_append(&state->row, value), err);
        }
    }
    return status == COPSE_OK ? group_row_end(state, id, err) : status;
}

/* Spills one group of the table, whose states are released. */
static copse_status group_spill_group(copse_stage_run *run, copse_group *kept, copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_group *group = run->stage->body;
    copse_status status = group_row_begin(state, GROUP_ROW_STATES, kept->id, err);
    for (size_t i = 0; status == COPSE_OK && i < group->count; i++) {
        const copse_accumulator *accumulator = &group->accumulators[i];
        uint8_t *one = copse_group_states(kept) + accumulator->offset;
        copse_buf_truncate(&state->value, 0);
        status = copse_accumulator_save(accumulator, one, &state->value);
        if (status == COPSE_OK) {
            status = group_row_append(&state->row, copse_buf_view(&state->value));
        }
        status = group_wrote(status, err);
        if (status == COPSE_OK) {
            copse_accumulator_release(accumulator, &state->pool, one);
        }
    }
    return status == COPSE_OK ? group_row_end(state, kept->id, err) : status;
}

copse_status copse_group_spill_table(copse_stage_run *run, copse_err *err)
{
    copse_group_state *state = run->state;
    copse_status status = group_ready_spill(run, err);
    for (size_t i = 0; status == COPSE_OK && i < state->table.count; i++) {
        status = group_spill_group(run, state->table.groups[i], err);
    }
    if (status == COPSE_OK) {
        state->is_closed = true;
        copse_group_table_clear(&state->table);
        copse_accumulator_pool_forget(&state->pool);
    }
    return status;
}

/* ---- Documents of groups --------------------------------------------------------------------- */

copse_status copse_group_write(const copse_stage_group *group, copse_bytes id,
                               const uint8_t *states, copse_buf *buf, copse_err *err)
{
    copse_status status = copse_cbor_write_map(buf, group->count + 1);
    for (size_t i = 0; status == COPSE_OK && i <= group->count; i++) {
        if (i == group->id_place) {
            status = copse_cbor_write_text(buf, copse_bytes_of_text("_id"));
            if (status == COPSE_OK) {
                status = copse_buf_append(buf, id);
            }
        }
        if (status == COPSE_OK && i < group->count) {
            status = copse_buf_append(buf, group->accumulators[i].key);
        }
        status = group_wrote(status, err);
        if (status == COPSE_OK && i < group->count) {
            status = copse_accumulator_write(&group->accumulators[i],
                                             states + group->accumulators[i].offset, buf, err);
        }
    }
    return status;
}

/* ---- Giving ---------------------------------------------------------------------------------- */

/* The key that stands at `offset` in `keys`. */
static copse_bytes group_key_at(const copse_buf *keys, size_t offset)
{
    const uint8_t *at = keys->ptr + offset;
    return (copse_bytes){at + 4, copse_load_u32be(at)};
}

/* A reference is the offset of a key. */
static copse_bytes group_key_of(const void *ctx, uint64_t ref)
{
    const copse_group_state *state = ctx;
    return group_key_at(&state->keys, (size_t)ref);
}

copse_status copse_group_give_begin(copse_stage_run *run, copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_env *env = copse_stage_env(run);
    copse_status status = COPSE_OK;
    state->order = copse_alloc_array(env, state->table.count, sizeof *state->order);
    if (state->order == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    state->order_count = state->table.count;
    for (size_t i = 0; status == COPSE_OK && i < state->order_count; i++) {
        uint8_t head[8];
        size_t offset = state->keys.len;
        copse_store_u32be(head, (uint32_t)i);
        status = group_wrote(copse_buf_append(&state->keys, (copse_bytes){head, sizeof head}), err);
        if (status == COPSE_OK) {
            status = copse_group_order_key(state->table.groups[i]->id, &state->keys, err);
        }
        if (status == COPSE_OK) {
            copse_store_u32be(state->keys.ptr + offset + 4,
                              (uint32_t)(state->keys.len - offset - sizeof head));
            state->order[i].ref = offset + 4;
        }
    }
    if (status == COPSE_OK) {
        copse_prefix_sort(state->order, state->order_count, group_key_of, state);
    }
    /* What its groups have of $addToSet is known by their numbers, which the spilled ones have not.
     */
    copse_accumulator_pool_forget(&state->pool);
    return status;
}

/* Reads the next row of the spill, if there is none in hand. END. */
static copse_status group_read_row(copse_group_state *state, copse_err *err)
{
    if (state->has_row) {
        return COPSE_OK;
    }
    if (state->spill.env == NULL) {
        return COPSE_END;
    }
    copse_status status = copse_spill_next(&state->spill, &state->row_key, &state->row_bytes, err);
    state->has_row = status == COPSE_OK;
    return status;
}

/* Takes a piece with its size off a row. */
static copse_status group_row_take(copse_bytes *row, copse_bytes *ret_piece, copse_err *err)
{
    size_t size = row->len >= 4 ? copse_load_u32be(row->ptr) : SIZE_MAX;
    if (row->len < 4 || size > row->len - 4) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a run came back damaged");
    }
    *ret_piece = (copse_bytes){row->ptr + 4, size};
    *row = (copse_bytes){row->ptr + 4 + size, row->len - 4 - size};
    return COPSE_OK;
}

/* Gives the accumulators what the row in hand has; the first row of a group gives its _id. */
static copse_status group_take_row(copse_stage_run *run, copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_group *group = run->stage->body;
    copse_bytes row = state->row_bytes;
    copse_bytes id = {NULL, 0};
    if (row.len == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a run came back damaged");
    }
    bool is_states = row.ptr[0] == GROUP_ROW_STATES;
    row = (copse_bytes){row.ptr + 1, row.len - 1};
    copse_status status = group_row_take(&row, &id, err);
    if (status == COPSE_OK && state->id.len == 0) {
        status = group_wrote(copse_buf_append(&state->id, id), err);
    }
    for (size_t i = 0; status == COPSE_OK && i < group->count; i++) {
        const copse_accumulator *accumulator = &group->accumulators[i];
        uint8_t *one = state->states + accumulator->offset;
        copse_bytes piece;
        status = group_row_take(&row, &piece, err);
        if (status == COPSE_OK) {
            status = is_states ? copse_accumulator_load(accumulator, &state->pool, one, piece, err)
                               : copse_accumulator_add(accumulator, &state->pool, one, piece, err);
        }
    }
    state->has_row = false;
    return status;
}

static copse_status group_check_size(const copse_stage_run *run, copse_err *err)
{
    const copse_group_state *state = run->state;
    size_t most = run->chain->world->share_bytes;
    return copse_accumulator_pool_size(&state->pool) <= most
               ? COPSE_OK
               : COPSE_ERR(err, COPSE_LIMIT,
                           "one group holds more than %zu bytes, its share of the memory "
                           "(copse_pipeline_options.memory_bytes_max; --memory)",
                           most);
}

/* Makes the group of the row in hand, and of all that follow with its key. */
static copse_status group_make_spilled(copse_stage_run *run, copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_group *group = run->stage->body;
    copse_buf_truncate(&state->id, 0);
    copse_buf_truncate(&state->group_key, 0);
    copse_status status = group_wrote(copse_buf_append(&state->group_key, state->row_key), err);
    while (status == COPSE_OK &&
           copse_bytes_equal(state->row_key, copse_buf_view(&state->group_key))) {
        status = group_take_row(run, err);
        if (status == COPSE_OK) {
            status = group_check_size(run, err);
        }
        if (status == COPSE_OK) {
            status = group_read_row(state, err);
        }
    }
    if (status == COPSE_OK || status == COPSE_END) {
        status = copse_group_write(group, copse_buf_view(&state->id), state->states, &state->answer,
                                   err);
    }
    for (size_t i = 0; i < group->count; i++) {
        copse_accumulator_release(&group->accumulators[i], &state->pool,
                                  state->states + group->accumulators[i].offset);
    }
    if (state->pool.set.count > 0) {
        copse_accumulator_pool_forget(&state->pool);
    }
    return status;
}

/* Whether the table's next group stands before the row in hand. */
static bool group_table_is_next(const copse_group_state *state)
{
    if (state->order_at == state->order_count || !state->has_row) {
        return state->order_at < state->order_count;
    }
    copse_bytes key = group_key_at(&state->keys, (size_t)state->order[state->order_at].ref);
    return copse_bytes_compare(key, state->row_key) < 0;
}

copse_status copse_group_give_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    copse_group_state *state = run->state;
    copse_status status = group_read_row(state, err);
    if (status != COPSE_OK && status != COPSE_END) {
        return status;
    }
    copse_buf_truncate(&state->answer, 0);
    if (group_table_is_next(state)) {
        size_t offset = (size_t)state->order[state->order_at++].ref;
        copse_group *kept = state->table.groups[copse_load_u32be(state->keys.ptr + offset - 4)];
        status = copse_group_write(run->stage->body, kept->id, copse_group_states(kept),
                                   &state->answer, err);
    } else if (status == COPSE_OK) {
        status = group_make_spilled(run, err);
    }
    if (status == COPSE_OK) {
        *ret_document = copse_buf_view(&state->answer);
    }
    return status;
}
