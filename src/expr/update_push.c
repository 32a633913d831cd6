/* $push: values put into an array, which may then be sorted and cut.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/order.h>

#include "base/alloc.h"
#include "base/err.h"
#include "expr/filter_private.h"
#include "expr/number.h"
#include "expr/path.h"
#include "expr/sort_spec.h"
#include "expr/update_private.h"
#include "value/dag_cbor_inline.h"

/* ---- Reading -------------------------------------------------------------------------------- */

/* A whole number. */
static bool update_push_number(copse_bytes encoded, int64_t *ret_number)
{
    copse_value value;
    bool whole = false;
    return copse_value_read(encoded, &value, NULL) == COPSE_OK &&
           copse_number_truncate(&value, ret_number, &whole) && whole;
}

/* Sorts by fields. */
static copse_status update_push_fields(copse_update_parser *parser,
                                       const copse_update_action *action, copse_bytes encoded,
                                       copse_update_push *push)
{
    copse_err err = {0};
    if (!copse_path_is_object(encoded) && !copse_path_is_array(encoded)) {
        return copse_update_fail(action, "$sort takes 1, -1, or {path: 1 or -1}", parser->err);
    }
    copse_status status = copse_sort_spec_read(parser->update->env, encoded, &push->fields, &err);
    if (status == COPSE_CORRUPT) {
        return copse_update_fail(action, err.message, parser->err);
    }
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR(parser->err, status, "%s", err.message);
}

static copse_status update_push_sort(copse_update_parser *parser, const copse_update_action *action,
                                     copse_bytes encoded, copse_update_push *push)
{
    int64_t direction = 0;
    push->sorted = true;
    if (!update_push_number(encoded, &direction)) {
        return update_push_fields(parser, action, encoded, push);
    }
    push->descending = direction < 0;
    return direction == 1 || direction == -1
               ? COPSE_OK
               : copse_update_fail(action, "$sort takes 1, -1, or {path: 1 or -1}", parser->err);
}

static copse_status update_push_modifier(copse_update_parser *parser,
                                         const copse_update_action *action, copse_bytes name,
                                         copse_bytes encoded, copse_update_push *push)
{
    if (copse_bytes_equal(name, copse_bytes_of_text("$each"))) {
        push->each = encoded;
        return copse_update_array_open(encoded, &push->list, &push->count)
                   ? COPSE_OK
                   : copse_update_fail(action, "$each takes a list of values", parser->err);
    }
    if (copse_bytes_equal(name, copse_bytes_of_text("$sort"))) {
        return update_push_sort(parser, action, encoded, push);
    }
    if (copse_bytes_equal(name, copse_bytes_of_text("$slice"))) {
        push->sliced = true;
        return update_push_number(encoded, &push->slice)
                   ? COPSE_OK
                   : copse_update_fail(action, "$slice must be a whole number", parser->err);
    }
    if (copse_bytes_equal(name, copse_bytes_of_text("$position"))) {
        push->positioned = true;
        return update_push_number(encoded, &push->position)
                   ? COPSE_OK
                   : copse_update_fail(action, "$position must be a whole number", parser->err);
    }
    return copse_update_fail(
        action, "takes a value, or $each with $slice, $sort and $position, nothing else",
        parser->err);
}

static copse_status update_push_modifiers(copse_update_parser *parser,
                                          const copse_update_action *action,
                                          copse_update_push *push)
{
    copse_cbor_reader reader;
    uint64_t pairs = 0;
    copse_status status = copse_filter_open(action->argument, COPSE_CBOR_MAP, &reader, &pairs)
                              ? COPSE_OK
                              : COPSE_CORRUPT;
    for (uint64_t i = 0; status == COPSE_OK && i < pairs; i++) {
        copse_cbor_item name = {0};
        copse_bytes encoded = {NULL, 0};
        status = copse_cbor_next(&reader, &name, parser->err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &encoded, parser->err);
        }
        if (status == COPSE_OK) {
            status = update_push_modifier(parser, action, name.bytes, encoded, push);
        }
    }
    if (status == COPSE_OK && push->each.len == 0) {
        return copse_update_fail(action, "its modifiers need $each", parser->err);
    }
    return status == COPSE_OK ? copse_update_check_value(parser, action, push->each, 0) : status;
}

/* A value, or an object of modifiers. */
static copse_status update_parse_push(copse_update_parser *parser, copse_update_action *action)
{
    copse_update *update = parser->update;
    copse_update_push *push = copse_arena_alloc(&update->arena, sizeof *push);
    if (push == NULL) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    *push = (copse_update_push){.list = action->argument, .count = 1, .next = update->pushes};
    update->pushes = push;
    action->push = push;
    return copse_filter_is_operators(action->argument)
               ? update_push_modifiers(parser, action, push)
               : copse_update_check_value(parser, action, action->argument, 1);
}

/* ---- Sorting -------------------------------------------------------------------------------- */

/* Appends the key of one element. */
static copse_status update_push_key(copse_update_run *run, const copse_update_push *push,
                                    copse_bytes element)
{
    static const uint8_t none[] = {COPSE_CBOR_NIL}; /* equal elements keep their order */
    copse_buf *keys = &run->update->scratch;
    copse_order_part part = {
        .kind = COPSE_ORDER_VALUE, .descending = push->descending, .encoded = element};
    return push->fields.count != 0
               ? copse_sort_spec_key(&push->fields, element, (copse_bytes){none, sizeof none}, keys,
                                     run->err)
               : copse_order_write(keys, &part, run->err);
}

/* Reads the `count` elements that `out` has from `offset` on; keys are known when all are. */
static copse_status update_push_read(copse_update_run *run, const copse_update_push *push,
                                     size_t offset, uint64_t count, copse_keyed *entries)
{
    copse_cbor_reader reader;
    copse_buf *keys = &run->update->scratch;
    copse_status status = COPSE_OK;
    copse_buf_truncate(keys, 0);
    copse_cbor_reader_init(&reader, (copse_bytes){run->out->ptr + offset, run->out->len - offset});
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        size_t start = keys->len;
        entries[i].order = start;
        status = copse_cbor_take(&reader, &entries[i].value, run->err);
        if (status == COPSE_OK) {
            status = update_push_key(run, push, entries[i].value);
        }
        entries[i].key.len = keys->len - start;
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        entries[i].key.ptr = keys->ptr + entries[i].order;
    }
    return status;
}

/* Writes the elements in the order of the entries, in place. */
static copse_status update_push_write(copse_update_run *run, size_t offset, uint64_t count,
                                      const copse_keyed *entries)
{
    copse_buf *sorted = &run->update->scratch; /* the keys have done */
    copse_status status = COPSE_OK;
    copse_buf_truncate(sorted, 0);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = copse_buf_append(sorted, entries[i].value);
    }
    if (status == COPSE_OK && sorted->len != 0) {
        memcpy(run->out->ptr + offset, sorted->ptr, sorted->len);
    }
    return status;
}

static copse_status update_push_order(copse_update_run *run, const copse_update_push *push,
                                      size_t offset, uint64_t count)
{
    const copse_env *env = run->update->env;
    size_t size = 2 * sizeof(copse_keyed); /* with one to spare */
    copse_keyed *entries = count <= SIZE_MAX ? copse_alloc_array(env, (size_t)count, size) : NULL;
    if (entries == NULL) {
        return COPSE_ERR_NOMEM(run->err);
    }
    copse_status status = update_push_read(run, push, offset, count, entries);
    if (status == COPSE_OK) {
        copse_keyed_sort(entries, entries + count, (size_t)count);
        status = update_push_write(run, offset, count, entries);
    }
    copse_free_array(env, entries, (size_t)count, size);
    return status;
}

/* ---- Cutting -------------------------------------------------------------------------------- */

/* Where element `index` of a row of at least as many begins. NULL: the row breaks DAG-CBOR. */
static const uint8_t *update_push_at(copse_bytes row, uint64_t index)
{
    const uint8_t *at = row.ptr;
    for (; at != NULL && index > 0; index--) {
        at = copse_cbor_item_skip(at, row.ptr + row.len);
    }
    return at;
}

static uint64_t update_push_distance(int64_t number)
{
    return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

/* Leaves the first or last elements of those in `out` from `offset` on. */
static copse_status update_push_cut(copse_update_run *run, const copse_update_push *push,
                                    size_t offset, uint64_t *count)
{
    uint64_t left = update_push_distance(push->slice);
    if (left >= *count) {
        return COPSE_OK;
    }
    copse_bytes row = {run->out->ptr + offset, run->out->len - offset};
    const uint8_t *at = update_push_at(row, push->slice < 0 ? *count - left : left);
    if (at == NULL) {
        return COPSE_ERR(run->err, COPSE_CORRUPT, "a document breaks DAG-CBOR");
    }
    size_t before = (size_t)(at - row.ptr);
    if (push->slice < 0) {
        memmove(run->out->ptr + offset, at, row.len - before);
        before = row.len - before;
    }
    copse_buf_truncate(run->out, offset + before);
    *count = left;
    return COPSE_OK;
}

/* ---- Putting -------------------------------------------------------------------------------- */

/* Appends the array's elements with the new ones in their place. */
static copse_status update_push_insert(copse_update_run *run, const copse_update_push *push,
                                       copse_bytes content, uint64_t count)
{
    uint64_t distance = update_push_distance(push->position);
    uint64_t place = count;
    if (push->positioned && distance <= count) {
        place = push->position < 0 ? count - distance : distance;
    } else if (push->positioned && push->position < 0) {
        place = 0;
    }
    const uint8_t *at = place < count ? update_push_at(content, place) : content.ptr + content.len;
    if (at == NULL && content.len != 0) {
        return COPSE_ERR(run->err, COPSE_CORRUPT, "a document breaks DAG-CBOR");
    }
    size_t before = content.len != 0 ? (size_t)(at - content.ptr) : 0;
    copse_status status = copse_buf_append(run->out, (copse_bytes){content.ptr, before});
    if (status == COPSE_OK) {
        status = copse_buf_append(run->out, push->list);
    }
    return status == COPSE_OK ? copse_buf_append(run->out, (copse_bytes){at, content.len - before})
                              : status;
}

static copse_status update_apply_push(copse_update_run *run, const copse_update_action *action,
                                      copse_bytes value, bool *ret_there)
{
    static const uint8_t empty_array[] = {0x80};
    const copse_update_push *push = action->push;
    copse_bytes content;
    uint64_t count = 0;
    size_t offset = run->out->len;
    *ret_there = true;
    if (value.len == 0) {
        value = (copse_bytes){empty_array, sizeof empty_array};
    }
    if (!copse_update_array_open(value, &content, &count)) {
        return copse_update_fail_type(action, "the field must be an array", value, run->err);
    }
    copse_status status = update_push_insert(run, push, content, count);
    count += push->count;
    if (status == COPSE_OK && push->sorted) {
        status = update_push_order(run, push, offset, count);
    }
    if (status == COPSE_OK && push->sliced) {
        status = update_push_cut(run, push, offset, &count);
    }
    return status == COPSE_OK ? copse_update_finish(run->out, offset, COPSE_CBOR_MAJOR_ARRAY, count)
                              : status;
}

const copse_update_operator copse_update_push_operators[] = {
    {"$push", false, update_parse_push, update_apply_push},
    {NULL, false, NULL, NULL},
};
