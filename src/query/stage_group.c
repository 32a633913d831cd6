/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/stage_group.h"

#include "base/alloc.h"
#include "base/err.h"
#include "query/accumulator_kinds.h"
#include "query/pipeline.h"
#include "query/stage_kinds.h"
#include "value/dag_cbor_inline.h"

/* ---- Compiling ------------------------------------------------------------------------------- */

static copse_status group_encode_key(copse_stage_parser *parser, copse_bytes name,
                                     copse_bytes *ret_key)
{
    copse_buf buf;
    copse_buf_init(&buf, parser->env, SIZE_MAX);
    copse_status status = copse_cbor_write_text(&buf, name);
    if (status == COPSE_OK) {
        *ret_key = copse_arena_dup(parser->arena, copse_buf_view(&buf));
        status = ret_key->ptr != NULL ? COPSE_OK : COPSE_NOMEM;
    }
    copse_buf_release(&buf);
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(parser->err);
}

/* Adds an accumulator; a map's fields come in order. */
static copse_status group_add_field(copse_stage_parser *parser, copse_stage_group *group,
                                    const copse_stage_items *field)
{
    void *accumulators = group->accumulators;
    copse_accumulator accumulator = {.kind = NULL};
    copse_status status = copse_stage_field_name(parser, field->key);
    if (status == COPSE_OK) {
        status = copse_accumulator_parse(parser, field->value, &accumulator);
    }
    if (status == COPSE_OK) {
        status = group_encode_key(parser, field->key, &accumulator.key);
    }
    if (status == COPSE_OK) {
        status = copse_stage_grow(parser, &accumulators, &group->capacity, group->count,
                                  sizeof *group->accumulators);
    }
    if (status == COPSE_OK) {
        accumulator.offset = group->states_size;
        accumulator.index = group->count;
        group->accumulators = accumulators;
        group->accumulators[group->count++] = accumulator;
        group->states_size += copse_accumulator_state_size(&accumulator);
        group->id_place += copse_cbor_key_order(field->key, copse_bytes_of_text("_id")) < 0;
    }
    return status;
}

static copse_status group_parse(copse_stage_parser *parser, copse_bytes argument,
                                copse_stage *stage)
{
    copse_stage_items items;
    copse_stage_group *group = copse_stage_alloc(parser, sizeof *group);
    copse_status status = group != NULL ? copse_stage_want_object(parser, argument) : COPSE_NOMEM;
    stage->body = group;
    copse_stage_items_init(&items, argument);
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        status = copse_stage_items_is(&items, "_id")
                     ? copse_stage_operand_parse(parser, items.value, &group->id)
                     : group_add_field(parser, group, &items);
    }
    if (status == COPSE_OK && group->id.expression == NULL) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "there is no _id to group by; null groups all documents");
    }
    return status;
}

static copse_status group_needs(const copse_stage *stage, copse_stage_needs *needs, bool *ret_ends)
{
    const copse_stage_group *group = stage->body;
    copse_status status = copse_stage_needs_expression(needs, group->id.encoded);
    for (size_t i = 0; status == COPSE_OK && i < group->count; i++) {
        status = copse_accumulator_needs(&group->accumulators[i], needs);
    }
    *ret_ends = true;
    return status;
}

/* ---- Counting -------------------------------------------------------------------------------- */

bool copse_group_is_count(const copse_stage *stage)
{
    const copse_stage_group *group = stage->body;
    bool is_count = stage->kind == &copse_stage_kind_group && group->id.constant.len > 0;
    for (size_t i = 0; is_count && i < group->count; i++) {
        is_count = copse_accumulator_is_count(&group->accumulators[i]);
    }
    return is_count;
}

copse_status copse_group_write_counted(const copse_stage *stage, uint64_t number, copse_buf *buf)
{
    const copse_stage_group *group = stage->body;
    copse_status status = copse_cbor_write_map(buf, group->count + 1);
    for (size_t i = 0; status == COPSE_OK && i <= group->count; i++) {
        if (i == group->id_place) {
            status = copse_cbor_write_text(buf, copse_bytes_of_text("_id"));
            if (status == COPSE_OK) {
                status = copse_buf_append(buf, group->id.constant);
            }
        }
        if (status == COPSE_OK && i < group->count) {
            status = copse_buf_append(buf, group->accumulators[i].key);
            if (status == COPSE_OK) {
                status = copse_cbor_write_uint(buf, number);
            }
        }
    }
    return status;
}

/* ---- Running --------------------------------------------------------------------------------- */

static copse_status group_open(copse_stage_run *run, copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_world *world = run->chain->world;
    const copse_stage_group *group = run->stage->body;
    state->table_bytes_max = world->runs != NULL ? world->share_bytes / 2 : world->share_bytes;
    copse_group_table_init(&state->table, world->env, group->states_size);
    copse_accumulator_pool_init(&state->pool, world->env, SIZE_MAX);
    copse_buf_init(&state->value, world->env, SIZE_MAX);
    copse_buf_init(&state->id, world->env, SIZE_MAX);
    copse_buf_init(&state->row, world->env, SIZE_MAX);
    copse_buf_init(&state->keys, world->env, SIZE_MAX);
    copse_buf_init(&state->group_key, world->env, SIZE_MAX);
    copse_buf_init(&state->answer, world->env, world->env->limits.document_size_bytes_max);
    state->tries_edge = copse_group_edge_may_be(run);
    state->states = copse_alloc_zeroed(world->env, group->states_size);
    return state->states != NULL ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

static void group_close(copse_stage_run *run)
{
    copse_group_state *state = run->state;
    const copse_stage_group *group = run->stage->body;
    for (size_t i = 0; i < group->count; i++) {
        const copse_accumulator *accumulator = &group->accumulators[i];
        for (size_t k = 0; k < state->table.count; k++) {
            copse_accumulator_release(accumulator, &state->pool,
                                      copse_group_states(state->table.groups[k]) +
                                          accumulator->offset);
        }
        if (state->states != NULL) {
            copse_accumulator_release(accumulator, &state->pool,
                                      state->states + accumulator->offset);
        }
    }
    copse_free(copse_stage_env(run), state->states, group->states_size);
    copse_free_array(copse_stage_env(run), state->order, state->order_count, sizeof *state->order);
    copse_group_edge_release(state);
    copse_group_table_release(&state->table);
    copse_accumulator_pool_release(&state->pool);
    copse_spill_release(&state->spill);
    copse_buf_release(&state->value);
    copse_buf_release(&state->id);
    copse_buf_release(&state->row);
    copse_buf_release(&state->keys);
    copse_buf_release(&state->group_key);
    copse_buf_release(&state->answer);
}

/* Gives the accumulators of a group in the table what they take of a document. */
static copse_status group_take(copse_stage_run *run, size_t number, copse_bytes document,
                               copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_group *group = run->stage->body;
    uint8_t *states = copse_group_states(state->table.groups[number]);
    copse_status status = COPSE_OK;
    state->pool.group = number;
    for (size_t i = 0; status == COPSE_OK && i < group->count; i++) {
        const copse_accumulator *accumulator = &group->accumulators[i];
        copse_bytes value;
        status =
            copse_accumulator_value(accumulator, run->chain, document, &state->value, &value, err);
        if (status == COPSE_OK) {
            status = copse_accumulator_add(accumulator, &state->pool, states + accumulator->offset,
                                           value, err);
        }
    }
    return status;
}

static size_t group_size(const copse_group_state *state)
{
    return copse_group_table_size(&state->table) + copse_accumulator_pool_size(&state->pool);
}

/* Takes a document of a group that is not in the table. */
static copse_status group_take_new(copse_stage_run *run, copse_bytes id, copse_bytes document,
                                   copse_err *err)
{
    copse_group_state *state = run->state;
    size_t number = 0;
    if (!state->is_closed &&
        group_size(state) + copse_group_table_growth(&state->table, id) > state->table_bytes_max) {
        state->is_closed = true;
    }
    if (state->is_closed) {
        return copse_group_spill_document(run, id, document, err);
    }
    copse_status status = copse_group_table_add(&state->table, id, &number, err);
    return status == COPSE_OK ? group_take(run, number, document, err) : status;
}

static copse_status group_take_document(copse_stage_run *run, copse_bytes document, copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_group *group = run->stage->body;
    copse_bytes id;
    size_t number = 0;
    copse_buf_truncate(&state->id, 0);
    copse_status status =
        copse_stage_operand_value(run->chain, &group->id, document, &state->id, &id, err);
    if (status != COPSE_OK) {
        return status;
    }
    id = id.len > 0 ? id : copse_accumulator_null();
    status = copse_group_table_find(&state->table, id, &number, err);
    if (status == COPSE_NOT_FOUND) {
        status = group_take_new(run, id, document, err);
    } else if (status == COPSE_OK) {
        status = group_take(run, number, document, err);
    }
    return status == COPSE_OK && group_size(state) > state->table_bytes_max &&
                   state->table.count > 0
               ? copse_group_spill_table(run, err)
               : status;
}

static copse_status group_read(copse_stage_run *run, copse_err *err)
{
    copse_group_state *state = run->state;
    copse_bytes document;
    copse_status status = copse_stage_pull(run, &document, err);
    while (status == COPSE_OK) {
        status = group_take_document(run, document, err);
        if (status == COPSE_OK) {
            status = copse_stage_pull(run, &document, err);
        }
    }
    if (status == COPSE_END) {
        status = copse_group_give_begin(run, err);
        state->is_read = status == COPSE_OK;
    }
    return status;
}

static copse_status group_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    copse_group_state *state = run->state;
    if (run->by != NULL) {
        return COPSE_END;
    }
    if (state->tries_edge) {
        copse_status tried = copse_group_edge(run, ret_document, err);
        if (tried != COPSE_NOT_FOUND) {
            return tried;
        }
        state->tries_edge = false;
    }
    copse_status status = state->is_read ? COPSE_OK : group_read(run, err);
    run->spilled_bytes = copse_spill_bytes(&state->spill);
    return status == COPSE_OK ? copse_group_give_next(run, ret_document, err) : status;
}

const copse_stage_kind copse_stage_kind_group = {
    .name = "$group",
    .parse = group_parse,
    .state_size = sizeof(copse_group_state),
    .open = group_open,
    .next = group_next,
    .close = group_close,
    .needs = group_needs,
    .holds = true,
};

/* ---- $sortByCount ---------------------------------------------------------------------------- */

/* Appends [{"$group": {"_id": …, "count": {"$sum": 1}}}, {"$sort": {"count": -1}}]. */
static copse_status sort_by_count_write(copse_bytes argument, copse_buf *buf)
{
    static const uint8_t begin[] = "\x82\xa1\x66$group\xa2\x63_id";
    static const uint8_t end[] = "\x65"
                                 "count\xa1\x64$sum\x01\xa1\x65$sort\xa1\x65"
                                 "count\x20";
    copse_status status = copse_buf_append(buf, (copse_bytes){begin, sizeof begin - 1});
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, argument);
    }
    return status == COPSE_OK ? copse_buf_append(buf, (copse_bytes){end, sizeof end - 1}) : status;
}

static copse_status sort_by_count_expand(copse_stage_parser *parser, copse_bytes argument,
                                         copse_buf *buf)
{
    copse_cbor_reader reader;
    copse_cbor_item item = {.kind = COPSE_CBOR_NULL};
    copse_cbor_reader_init(&reader, argument);
    (void)!copse_cbor_next(&reader, &item, NULL);
    if (item.kind != COPSE_CBOR_MAP &&
        (item.kind != COPSE_CBOR_TEXT || item.bytes.len < 2 || item.bytes.ptr[0] != '$')) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "it takes an expression");
    }
    return sort_by_count_write(argument, buf) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(parser->err);
}

const copse_stage_kind copse_stage_kind_sort_by_count = {
    .name = "$sortByCount",
    .expand = sort_by_count_expand,
};
