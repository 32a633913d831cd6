/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/accumulator.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "expr/suggest.h"
#include "query/accumulator_kinds.h"

#include <copse/order.h>

#include <string.h>

static const copse_accumulator_kind *const accumulator_kinds[] = {
    &copse_accumulator_count,
    &copse_accumulator_sum,
    &copse_accumulator_average,
    &copse_accumulator_deviation,
    &copse_accumulator_sample_deviation,
    &copse_accumulator_first,
    &copse_accumulator_last,
    &copse_accumulator_min,
    &copse_accumulator_max,
    &copse_accumulator_merge_objects,
    &copse_accumulator_push,
    &copse_accumulator_add_to_set,
    &copse_accumulator_first_n,
    &copse_accumulator_last_n,
    &copse_accumulator_min_n,
    &copse_accumulator_max_n,
    &copse_accumulator_top,
    &copse_accumulator_bottom,
    &copse_accumulator_top_n,
    &copse_accumulator_bottom_n,
};

enum {
    ACCUMULATOR_KINDS_COUNT = sizeof accumulator_kinds / sizeof *accumulator_kinds,
    ACCUMULATOR_ALIGN = 16
};

/* ---- Compiling ------------------------------------------------------------------------------- */

static copse_status accumulator_unknown(copse_bytes name, copse_err *err)
{
    enum { SHOWN_MAX = 80 };
    const char *names[ACCUMULATOR_KINDS_COUNT + 1] = {NULL};
    for (size_t i = 0; i < ACCUMULATOR_KINDS_COUNT; i++) {
        names[i] = accumulator_kinds[i]->name;
    }
    const char *meant = copse_suggest_name(name, names);
    return COPSE_ERR(err, COPSE_CORRUPT, "unknown accumulator \"%.*s\"%s%s%s",
                     name.len < SHOWN_MAX ? (int)name.len : SHOWN_MAX,
                     name.len > 0 ? (const char *)name.ptr : "",
                     meant != NULL ? ", did you mean " : "", meant != NULL ? meant : "",
                     meant != NULL ? "?" : "");
}

static copse_status accumulator_lacks(copse_stage_parser *parser,
                                      const copse_accumulator_kind *kind, const char *option)
{
    return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s takes an object with \"%s\"", kind->name,
                     option);
}

/* Reads {"input" or "output", "sortBy", "n"}, of which the kind says what there is. */
static copse_status accumulator_parse_options(copse_stage_parser *parser, copse_bytes argument,
                                              copse_accumulator *accumulator)
{
    copse_accumulator_form form = accumulator->kind->form;
    bool takes_n = form != COPSE_ACCUMULATOR_SORTED;
    bool takes_sort = form != COPSE_ACCUMULATOR_INPUT_N;
    const char *input = takes_sort ? "output" : "input";
    copse_stage_items items;
    copse_status status = COPSE_OK;
    copse_stage_items_init(&items, argument);
    accumulator->most = takes_n ? 0 : 1;
    while (status == COPSE_OK && items.kind == COPSE_CBOR_MAP && copse_stage_items_next(&items)) {
        if (copse_stage_items_is(&items, input)) {
            status = copse_stage_operand_parse(parser, items.value, &accumulator->operand);
        } else if (takes_sort && copse_stage_items_is(&items, "sortBy")) {
            status = copse_stage_sort(parser, items.value, &accumulator->sort);
        } else if (takes_n && copse_stage_items_is(&items, "n")) {
            status = copse_stage_whole(parser, "n", items.value, 1, &accumulator->most);
        } else {
            status = copse_stage_unknown(parser, items.key);
        }
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (accumulator->operand.expression == NULL) {
        return accumulator_lacks(parser, accumulator->kind, input);
    }
    if (takes_sort && accumulator->sort == NULL) {
        return accumulator_lacks(parser, accumulator->kind, "sortBy");
    }
    return accumulator->most > 0 ? COPSE_OK : accumulator_lacks(parser, accumulator->kind, "n");
}

static copse_status accumulator_parse_argument(copse_stage_parser *parser, copse_bytes argument,
                                               copse_accumulator *accumulator)
{
    switch (accumulator->kind->form) {
    case COPSE_ACCUMULATOR_NOTHING:
        return argument.len == 1 && argument.ptr[0] == 0xa0
                   ? COPSE_OK
                   : COPSE_ERR(parser->err, COPSE_CORRUPT, "%s takes {}", accumulator->kind->name);
    case COPSE_ACCUMULATOR_VALUE:
        if (accumulator->kind == &copse_accumulator_sum && argument.len == 1 &&
            argument.ptr[0] == 1) {
            accumulator->kind = &copse_accumulator_count;
            return COPSE_OK;
        }
        return copse_stage_operand_parse(parser, argument, &accumulator->operand);
    default:
        return accumulator_parse_options(parser, argument, accumulator);
    }
}

copse_status copse_accumulator_parse(copse_stage_parser *parser, copse_bytes encoded,
                                     copse_accumulator *ret_accumulator)
{
    copse_accumulator accumulator = {.kind = NULL};
    copse_stage_items items;
    copse_stage_items_init(&items, encoded);
    if (items.kind != COPSE_CBOR_MAP || items.count != 1 || !copse_stage_items_next(&items)) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "a field takes one accumulator, as {\"$sum\": …}");
    }
    for (size_t i = 0; i < ACCUMULATOR_KINDS_COUNT; i++) {
        if (copse_stage_items_is(&items, accumulator_kinds[i]->name)) {
            accumulator.kind = accumulator_kinds[i];
        }
    }
    if (accumulator.kind == NULL) {
        return accumulator_unknown(items.key, parser->err);
    }
    copse_status status = accumulator_parse_argument(parser, items.value, &accumulator);
    if (status == COPSE_OK) {
        *ret_accumulator = accumulator;
    }
    return status;
}

size_t copse_accumulator_state_size(const copse_accumulator *accumulator)
{
    return (accumulator->kind->state_size + ACCUMULATOR_ALIGN - 1) / ACCUMULATOR_ALIGN *
           ACCUMULATOR_ALIGN;
}

bool copse_accumulator_is_count(const copse_accumulator *accumulator)
{
    return accumulator->kind == &copse_accumulator_count;
}

copse_status copse_accumulator_needs(const copse_accumulator *accumulator, copse_stage_needs *needs)
{
    copse_status status = copse_stage_needs_expression(needs, accumulator->operand.encoded);
    for (size_t i = 0;
         status == COPSE_OK && accumulator->sort != NULL && i < accumulator->sort->count; i++) {
        status = copse_stage_needs_path(needs, accumulator->sort->fields[i].path);
    }
    return status;
}

/* ---- Values ---------------------------------------------------------------------------------- */

copse_bytes copse_accumulator_null(void)
{
    static const uint8_t null[] = {0xf6};
    return (copse_bytes){null, sizeof null};
}

bool copse_accumulator_is_null(copse_bytes value)
{
    return value.len == 0 || value.ptr[0] == 0xf6;
}

/* Writes the sort key, as bytes. */
static copse_status accumulator_write_key(const copse_accumulator *accumulator,
                                          copse_bytes document, copse_buf *buf, copse_err *err)
{
    copse_buf key;
    copse_buf_init(&key, buf->env, SIZE_MAX);
    copse_status status =
        copse_sort_spec_key(accumulator->sort, document, copse_accumulator_null(), &key, err);
    if (status == COPSE_OK && copse_cbor_write_bytes(buf, copse_buf_view(&key)) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    copse_buf_release(&key);
    return status;
}

copse_status copse_accumulator_value(const copse_accumulator *accumulator,
                                     const copse_stage_chain *chain, copse_bytes document,
                                     copse_buf *buf, copse_bytes *ret_value, copse_err *err)
{
    copse_bytes value = {NULL, 0};
    copse_status status = COPSE_OK;
    copse_buf_truncate(buf, 0);
    if (accumulator->operand.expression == NULL) {
        *ret_value = value;
        return COPSE_OK;
    }
    if (accumulator->sort == NULL) {
        return copse_stage_operand_value(chain, &accumulator->operand, document, buf, ret_value,
                                         err);
    }
    status = accumulator_write_key(accumulator, document, buf, err);
    size_t offset = buf->len;
    if (status == COPSE_OK) {
        status =
            copse_stage_operand_value(chain, &accumulator->operand, document, buf, &value, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    value = value.len == 0 ? copse_accumulator_null() : value;
    if (buf->len == offset && copse_buf_append(buf, value) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_value = copse_buf_view(buf);
    return COPSE_OK;
}

copse_status copse_accumulator_add(const copse_accumulator *accumulator,
                                   copse_accumulator_pool *pool, void *state, copse_bytes value,
                                   copse_err *err)
{
    const copse_accumulator_step step = {accumulator, pool, state, value, err};
    return accumulator->kind->add(&step);
}

/* Appends what is held: of pairs, the second of each. */
static copse_status accumulator_write_held(const copse_accumulator_kind *kind,
                                           const copse_accumulator_held *held, copse_buf *buf)
{
    copse_cbor_reader reader;
    copse_status status = COPSE_OK;
    if (kind->list) {
        status = copse_cbor_write_array(buf, held->count);
    } else if (held->count == 0) {
        return copse_cbor_write_null(buf);
    }
    if (!kind->pairs) {
        return status == COPSE_OK ? copse_buf_append(buf, (copse_bytes){held->bytes, held->size})
                                  : status;
    }
    copse_cbor_reader_init(&reader, (copse_bytes){held->bytes, held->size});
    for (uint64_t i = 0; status == COPSE_OK && i < held->count; i++) {
        copse_bytes value = copse_accumulator_null();
        status = copse_cbor_skip(&reader, NULL);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &value, NULL);
        }
        if (status == COPSE_OK) {
            status = copse_buf_append(buf, value);
        }
    }
    return status;
}

copse_status copse_accumulator_write(const copse_accumulator *accumulator, const void *state,
                                     copse_buf *buf, copse_err *err)
{
    const copse_accumulator_kind *kind = accumulator->kind;
    copse_status status =
        kind->write != NULL ? kind->write(state, buf) : accumulator_write_held(kind, state, buf);
    return status == COPSE_OK ? status
                              : COPSE_ERR(err, status, "no room for what %s gives", kind->name);
}

/* ---- What is held ---------------------------------------------------------------------------- */

copse_status copse_accumulator_hold(const copse_accumulator_step *step, size_t offset,
                                    copse_bytes item)
{
    copse_accumulator_held *held = step->state;
    void *bytes = held->bytes;
    size_t before = held->capacity;
    if (!copse_array_grow(step->pool->env, &bytes, &held->capacity, held->size + item.len, 1)) {
        return COPSE_ERR_NOMEM(step->err);
    }
    held->bytes = bytes;
    step->pool->held_bytes += held->capacity - before;
    memmove(held->bytes + offset + item.len, held->bytes + offset, held->size - offset);
    memcpy(held->bytes + offset, item.ptr, item.len);
    held->size += item.len;
    held->count++;
    return COPSE_OK;
}

copse_status copse_accumulator_replace(const copse_accumulator_step *step, copse_bytes item)
{
    copse_accumulator_held *held = step->state;
    held->size = 0;
    held->count = 0;
    return copse_accumulator_hold(step, 0, item);
}

void copse_accumulator_drop(copse_accumulator_held *held, size_t offset, size_t size)
{
    memmove(held->bytes + offset, held->bytes + offset + size, held->size - offset - size);
    held->size -= size;
    held->count--;
}

copse_status copse_accumulator_is_new(const copse_accumulator_step *step, copse_bytes value,
                                      bool *ret_new)
{
    uint8_t owner[16];
    copse_buf *key = &step->pool->scratch;
    const copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = value};
    copse_store_u64be(owner, step->pool->group);
    copse_store_u64be(owner + 8, step->accumulator->index);
    copse_buf_truncate(key, 0);
    if (copse_buf_append(key, (copse_bytes){owner, sizeof owner}) != COPSE_OK) {
        return COPSE_ERR_NOMEM(step->err);
    }
    copse_status status = copse_order_write_cut(key, &part, NULL, step->err);
    return status == COPSE_OK
               ? copse_id_set_add(&step->pool->set, copse_buf_view(key), ret_new, step->err)
               : status;
}

/* ---- Saved and loaded ------------------------------------------------------------------------ */

copse_status copse_accumulator_save(const copse_accumulator *accumulator, const void *state,
                                    copse_buf *buf)
{
    const copse_accumulator_held *held = state;
    uint8_t count[8];
    if (!accumulator->kind->holds) {
        return copse_buf_append(buf, (copse_bytes){state, accumulator->kind->state_size});
    }
    copse_store_u64be(count, held->count);
    copse_status status = copse_buf_append(buf, (copse_bytes){count, sizeof count});
    return status == COPSE_OK ? copse_buf_append(buf, (copse_bytes){held->bytes, held->size})
                              : status;
}

/* Puts the values of a loaded $addToSet into the set. */
static copse_status accumulator_load_set(const copse_accumulator_step *step)
{
    const copse_accumulator_held *held = step->state;
    copse_cbor_reader reader;
    copse_bytes value;
    copse_status status = COPSE_OK;
    copse_cbor_reader_init(&reader, (copse_bytes){held->bytes, held->size});
    while (status == COPSE_OK &&
           (status = copse_cbor_take(&reader, &value, step->err)) == COPSE_OK) {
        bool is_new = false;
        status = copse_accumulator_is_new(step, value, &is_new);
    }
    return status == COPSE_END ? COPSE_OK : status;
}

copse_status copse_accumulator_load(const copse_accumulator *accumulator,
                                    copse_accumulator_pool *pool, void *state, copse_bytes saved,
                                    copse_err *err)
{
    const copse_accumulator_step step = {accumulator, pool, state, saved, err};
    const copse_accumulator_kind *kind = accumulator->kind;
    copse_accumulator_held *held = state;
    if (kind->holds ? saved.len < 8 : saved.len != kind->state_size) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a run came back damaged");
    }
    if (!kind->holds) {
        memcpy(state, saved.ptr, saved.len);
        return COPSE_OK;
    }
    uint64_t count = copse_load_u64be(saved.ptr);
    copse_status status =
        count > 0 ? copse_accumulator_hold(&step, 0, (copse_bytes){saved.ptr + 8, saved.len - 8})
                  : COPSE_OK;
    held->count = status == COPSE_OK ? count : held->count;
    return status == COPSE_OK && kind == &copse_accumulator_add_to_set ? accumulator_load_set(&step)
                                                                       : status;
}

void copse_accumulator_release(const copse_accumulator *accumulator, copse_accumulator_pool *pool,
                               void *state)
{
    copse_accumulator_held *held = state;
    if (accumulator->kind->holds) {
        pool->held_bytes -= held->capacity;
        copse_free(pool->env, held->bytes, held->capacity);
    }
    memset(state, 0, accumulator->kind->state_size);
}

void copse_accumulator_pool_init(copse_accumulator_pool *pool, const copse_env *env,
                                 size_t size_bytes_max)
{
    *pool = (copse_accumulator_pool){.env = env};
    copse_id_set_init(&pool->set, env, size_bytes_max);
    copse_buf_init(&pool->scratch, env, SIZE_MAX);
}

void copse_accumulator_pool_release(copse_accumulator_pool *pool)
{
    copse_id_set_release(&pool->set);
    copse_buf_release(&pool->scratch);
}

size_t copse_accumulator_pool_size(const copse_accumulator_pool *pool)
{
    return pool->held_bytes + pool->set.bytes.cap + pool->set.slots_count * sizeof(uint64_t);
}

void copse_accumulator_pool_forget(copse_accumulator_pool *pool)
{
    const copse_env *env = pool->env;
    size_t size_bytes_max = pool->set.size_bytes_max;
    copse_id_set_release(&pool->set);
    copse_id_set_init(&pool->set, env, size_bytes_max);
}
