/* Values that operators take, and values that they make.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/number.h"
#include "expr/path.h"
#include "value/dag_cbor_inline.h"

#include <string.h>

/* ---- Reading ----------------------------------------------------------------------------------
 */

copse_status copse_expression_read(const copse_expression *run, copse_bytes encoded,
                                   copse_value *ret_value)
{
    return copse_value_read(encoded.len != 0 ? encoded : copse_expression_null(), ret_value,
                            run->err);
}

bool copse_expression_is_number(const copse_value *value)
{
    return value->type == COPSE_VALUE_INT || value->type == COPSE_VALUE_FLOAT ||
           value->type == COPSE_VALUE_DECIMAL;
}

copse_status copse_expression_read_figure(const copse_expression *run,
                                          const copse_expression_node *node, copse_bytes encoded,
                                          copse_figure *ret_figure)
{
    copse_value value;
    copse_status status = copse_expression_read(run, encoded, &value);
    if (status == COPSE_OK && !copse_figure_of_value(&value, ret_figure)) {
        return copse_expression_fail_type(run, node, "numbers", encoded);
    }
    return status;
}

copse_status copse_expression_read_whole(const copse_expression *run,
                                         const copse_expression_node *node, copse_bytes encoded,
                                         const char *what, int64_t *ret_number)
{
    copse_value value;
    bool whole = false;
    int64_t number = 0;
    copse_status status = copse_expression_read(run, encoded, &value);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_number_truncate(&value, &number, &whole) || !whole) {
        return copse_expression_fail_type(run, node, what, encoded);
    }
    *ret_number = number;
    return COPSE_OK;
}

copse_status copse_expression_read_range(const copse_expression *run,
                                         const copse_expression_node *node,
                                         const copse_bytes *arguments, uint64_t *first,
                                         uint64_t *end)
{
    uint64_t *const bounds[] = {first, end};
    for (size_t i = 2; i < node->count; i++) {
        int64_t number = 0;
        copse_status status = copse_expression_read_whole(run, node, arguments[i],
                                                          "whole numbers as bounds", &number);
        if (status != COPSE_OK) {
            return status;
        }
        if (number < 0) {
            return COPSE_EXPRESSION_FAIL(run, node, "takes bounds from 0 on");
        }
        *bounds[i - 2] = (uint64_t)number;
    }
    return COPSE_OK;
}

copse_status copse_expression_read_text(const copse_expression *run,
                                        const copse_expression_node *node, copse_bytes encoded,
                                        const char *what, copse_bytes *ret_text)
{
    copse_value value;
    copse_status status = copse_expression_read(run, encoded, &value);
    if (status == COPSE_OK && value.type != COPSE_VALUE_TEXT) {
        return copse_expression_fail_type(run, node, what, encoded);
    }
    if (status == COPSE_OK) {
        *ret_text = value.bytes;
    }
    return status;
}

copse_status copse_expression_open_array(const copse_expression *run,
                                         const copse_expression_node *node, copse_bytes encoded,
                                         const char *what, copse_cbor_reader *ret_reader,
                                         uint64_t *ret_count)
{
    copse_cbor_item head;
    if (!copse_path_is_array(encoded)) {
        return copse_expression_fail_type(run, node, what, encoded);
    }
    copse_cbor_reader_init(ret_reader, encoded);
    copse_status status = copse_cbor_next(ret_reader, &head, run->err);
    if (status == COPSE_OK) {
        *ret_count = head.arg;
    }
    return status;
}

copse_status copse_expression_items(copse_expression *run, const copse_expression_node *node,
                                    copse_bytes encoded, const char *what, copse_bytes **ret_items,
                                    size_t *ret_count)
{
    copse_cbor_reader reader;
    copse_bytes *items = NULL;
    uint64_t count = 0;
    copse_status status = copse_expression_open_array(run, node, encoded, what, &reader, &count);
    if (status == COPSE_OK) {
        status = copse_expression_take_items(run, count, &items);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = copse_cbor_take(&reader, &items[i], run->err);
    }
    if (status == COPSE_OK) {
        *ret_items = items;
        *ret_count = (size_t)count;
    }
    return status;
}

copse_bytes copse_expression_key_text(copse_bytes key)
{
    copse_cbor_head head = {.size = 0};
    bool read = copse_cbor_head_read(key.ptr, key.ptr + key.len, &head);
    return read ? (copse_bytes){key.ptr + head.size, key.len - head.size} : (copse_bytes){NULL, 0};
}

copse_status copse_expression_pairs(copse_expression *run, const copse_expression_node *node,
                                    copse_bytes encoded, const char *what,
                                    copse_expression_pair **ret_pairs, size_t *ret_count)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    void *memory = NULL;
    if (!copse_path_is_object(encoded)) {
        return copse_expression_fail_type(run, node, what, encoded);
    }
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = copse_cbor_next(&reader, &head, run->err);
    if (status == COPSE_OK) {
        status = copse_expression_take_array(run, head.arg, sizeof(copse_expression_pair), &memory);
    }
    copse_expression_pair *pairs = memory;
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        status = copse_cbor_take(&reader, &pairs[i].key, run->err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &pairs[i].value, run->err);
        }
    }
    if (status == COPSE_OK) {
        *ret_pairs = pairs;
        *ret_count = (size_t)head.arg;
    }
    return status;
}

copse_status copse_expression_order(const copse_expression *run, copse_bytes a, copse_bytes b,
                                    int *ret_order)
{
    if (COPSE_LIKELY(a.len != 0 && b.len != 0)) {
        return copse_value_compare(a, b, ret_order, run->err);
    }
    copse_value other = {.type = COPSE_VALUE_NULL};
    copse_status status =
        a.len + b.len != 0 ? copse_value_read(a.len != 0 ? a : b, &other, run->err) : COPSE_OK;
    if (status == COPSE_OK) {
        int above = other.type == COPSE_VALUE_MIN_KEY ? -1 : 1; /* of the one that is there */
        *ret_order = a.len + b.len == 0 ? 0 : a.len != 0 ? above : -above;
    }
    return status;
}

/* ---- Making -----------------------------------------------------------------------------------
 */

copse_bytes copse_expression_null(void)
{
    static const uint8_t null[] = {COPSE_CBOR_NIL};
    return (copse_bytes){null, sizeof null};
}

copse_bytes copse_expression_bool(bool value)
{
    static const uint8_t bools[] = {COPSE_CBOR_FALSE, COPSE_CBOR_TRUE};
    return (copse_bytes){&bools[value], 1};
}

/* A head alone: an integer. */
static copse_status expression_make_head(copse_expression *run, uint8_t major, uint64_t arg,
                                         copse_bytes *ret_value)
{
    uint8_t head[COPSE_CBOR_HEAD_SIZE_BYTES_MAX];
    size_t size = copse_cbor_head_store(head, major, arg);
    return copse_expression_keep(run, (copse_bytes){head, size}, ret_value);
}

copse_status copse_expression_make_int(copse_expression *run, int64_t value, copse_bytes *ret_value)
{
    return value >= 0 ? expression_make_head(run, COPSE_CBOR_MAJOR_UINT, (uint64_t)value, ret_value)
                      : expression_make_head(run, COPSE_CBOR_MAJOR_NEGATIVE, (uint64_t)(-1 - value),
                                             ret_value);
}

copse_status copse_expression_make_wide(copse_expression *run, copse_i128 value,
                                        copse_bytes *ret_value)
{
    if (value >= 0 && value <= (copse_i128)UINT64_MAX) {
        return expression_make_head(run, COPSE_CBOR_MAJOR_UINT, (uint64_t)value, ret_value);
    }
    if (value < 0 && -1 - value <= (copse_i128)UINT64_MAX) {
        return expression_make_head(run, COPSE_CBOR_MAJOR_NEGATIVE, (uint64_t)(-1 - value),
                                    ret_value);
    }
    return copse_expression_make_float(run, (double)value, ret_value);
}

copse_status copse_expression_make_form(copse_expression *run, copse_status status,
                                        copse_bytes *ret_value)
{
    if (status == COPSE_OK) {
        status = copse_expression_keep(run, copse_buf_view(&run->form), ret_value);
    } else if (status == COPSE_NOMEM) {
        status = COPSE_ERR_NOMEM(run->err);
    } else {
        status = COPSE_ERR(run->err, COPSE_LIMIT, "the value of an expression is too large");
    }
    copse_buf_truncate(&run->form, 0);
    return status;
}

copse_status copse_expression_make_float(copse_expression *run, double value,
                                         copse_bytes *ret_value)
{
    return copse_expression_make_form(run, copse_value_write_float(&run->form, value), ret_value);
}

copse_status copse_expression_make_date(copse_expression *run, int64_t date_ms,
                                        copse_bytes *ret_value)
{
    return copse_expression_make_form(run, copse_value_write_date(&run->form, date_ms), ret_value);
}

/* A head and room for `size` bytes behind it. */
static copse_status expression_make_room(copse_expression *run, uint8_t major, uint64_t count,
                                         size_t size, uint8_t **ret_at, copse_bytes *ret_value)
{
    uint8_t head[COPSE_CBOR_HEAD_SIZE_BYTES_MAX];
    void *memory = NULL;
    size_t head_size = copse_cbor_head_store(head, major, count);
    copse_status status = copse_expression_take(run, head_size + size, &memory);
    if (status == COPSE_OK) {
        memcpy(memory, head, head_size);
        *ret_at = (uint8_t *)memory + head_size;
        *ret_value = (copse_bytes){memory, head_size + size};
    }
    return status;
}

copse_status copse_expression_make_text_room(copse_expression *run, size_t size, uint8_t **ret_text,
                                             copse_bytes *ret_value)
{
    return expression_make_room(run, COPSE_CBOR_MAJOR_TEXT, size, size, ret_text, ret_value);
}

copse_status copse_expression_make_text(copse_expression *run, copse_bytes text,
                                        copse_bytes *ret_value)
{
    uint8_t *room = NULL;
    copse_status status = copse_expression_make_text_room(run, text.len, &room, ret_value);
    if (status == COPSE_OK && text.len != 0) {
        memcpy(room, text.ptr, text.len);
    }
    return status;
}

static uint8_t *expression_put(uint8_t *at, copse_bytes bytes)
{
    memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

copse_status copse_expression_make_array(copse_expression *run, const copse_bytes *items,
                                         size_t count, copse_bytes *ret_value)
{
    uint8_t *at = NULL;
    copse_bytes null = copse_expression_null();
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += items[i].len != 0 ? items[i].len : null.len;
    }
    copse_status status =
        expression_make_room(run, COPSE_CBOR_MAJOR_ARRAY, count, size, &at, ret_value);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        at = expression_put(at, items[i].len != 0 ? items[i] : null);
    }
    return status;
}

copse_status copse_expression_make_object(copse_expression *run, const copse_expression_pair *pairs,
                                          size_t count, copse_bytes *ret_value)
{
    uint8_t *at = NULL;
    copse_bytes object = {NULL, 0};
    size_t size = 0;
    uint64_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].value.len != 0) {
            size += pairs[i].key.len + pairs[i].value.len;
            kept++;
        }
    }
    copse_status status = expression_make_room(run, COPSE_CBOR_MAJOR_MAP, kept, size, &at, &object);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        if (pairs[i].value.len != 0) {
            at = expression_put(expression_put(at, pairs[i].key), pairs[i].value);
        }
    }
    if (status == COPSE_OK && !copse_path_is_object(object)) {
        return COPSE_ERR(run->err, COPSE_CORRUPT, "an object's first field would begin with \"$\"");
    }
    if (status == COPSE_OK) {
        *ret_value = object;
    }
    return status;
}
