/* Arrays put together and taken apart: $arrayElemAt $concatArrays $first $in $indexOfArray $isArray
 * $last $range $reverseArray $size $slice $zip.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/path.h"

static const char expression_array_text[] = "an array";

/* ---- One element ---- */

/* Element `index`, from the end if it is negative; missing if it is not there. */
static copse_status expression_element(const copse_expression *run,
                                       const copse_expression_node *node, copse_bytes array,
                                       int64_t index, copse_bytes *ret_value)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    copse_status status =
        copse_expression_open_array(run, node, array, expression_array_text, &reader, &count);
    if (status != COPSE_OK) {
        return status;
    }
    uint64_t at = index >= 0 ? (uint64_t)index : count - (0 - (uint64_t)index);
    if (at >= count) {
        *ret_value = (copse_bytes){NULL, 0};
        return COPSE_OK;
    }
    for (; status == COPSE_OK && at > 0; at--) {
        status = copse_cbor_skip(&reader, run->err);
    }
    return status == COPSE_OK ? copse_cbor_take(&reader, ret_value, run->err) : status;
}

static copse_status expression_array_elem_at(copse_expression *run,
                                             const copse_expression_node *node,
                                             const copse_bytes *arguments, copse_bytes *ret_value)
{
    int64_t index = 0;
    copse_status status =
        copse_expression_read_whole(run, node, arguments[1], "a whole number as index", &index);
    return status == COPSE_OK ? expression_element(run, node, arguments[0], index, ret_value)
                              : status;
}

/* $first, $last: the row says which index. */
static copse_status expression_end(copse_expression *run, const copse_expression_node *node,
                                   const copse_bytes *arguments, copse_bytes *ret_value)
{
    return expression_element(run, node, arguments[0], node->op->detail, ret_value);
}

/* ---- Searching ---- */

/* The index of the first element from `first` to `end` that is equal to `value`; -1: none. */
static copse_status expression_array_find(const copse_expression *run,
                                          const copse_expression_node *node, copse_bytes array,
                                          copse_bytes value, uint64_t first, uint64_t end,
                                          int64_t *ret_index)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    copse_status status =
        copse_expression_open_array(run, node, array, expression_array_text, &reader, &count);
    *ret_index = -1;
    for (uint64_t i = 0; status == COPSE_OK && i < count && i < end; i++) {
        copse_bytes element;
        int order = 1;
        status = copse_cbor_take(&reader, &element, run->err);
        if (status == COPSE_OK && i >= first) {
            status = copse_expression_order(run, element, value, &order);
        }
        if (status == COPSE_OK && order == 0) {
            *ret_index = (int64_t)i;
            return COPSE_OK;
        }
    }
    return status;
}

static copse_status expression_in(copse_expression *run, const copse_expression_node *node,
                                  const copse_bytes *arguments, copse_bytes *ret_value)
{
    int64_t index = -1;
    copse_status status =
        expression_array_find(run, node, arguments[1], arguments[0], 0, UINT64_MAX, &index);
    if (status == COPSE_OK) {
        *ret_value = copse_expression_bool(index >= 0);
    }
    return status;
}

static copse_status expression_index_of_array(copse_expression *run,
                                              const copse_expression_node *node,
                                              const copse_bytes *arguments, copse_bytes *ret_value)
{
    uint64_t first = 0;
    uint64_t end = UINT64_MAX;
    int64_t index = -1;
    if (copse_expression_is_null(arguments[0])) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    copse_status status = copse_expression_read_range(run, node, arguments, &first, &end);
    if (status == COPSE_OK) {
        status = expression_array_find(run, node, arguments[0], arguments[1], first, end, &index);
    }
    return status == COPSE_OK ? copse_expression_make_int(run, index, ret_value) : status;
}

/* ---- Whole arrays ---- */

static copse_status expression_is_array(copse_expression *run, const copse_expression_node *node,
                                        const copse_bytes *arguments, copse_bytes *ret_value)
{
    (void)run;
    (void)node;
    *ret_value = copse_expression_bool(copse_path_is_array(arguments[0]));
    return COPSE_OK;
}

static copse_status expression_size(copse_expression *run, const copse_expression_node *node,
                                    const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    copse_status status = copse_expression_open_array(run, node, arguments[0],
                                                      expression_array_text, &reader, &count);
    return status == COPSE_OK ? copse_expression_make_int(run, (int64_t)count, ret_value) : status;
}

static copse_status expression_concat_arrays(copse_expression *run,
                                             const copse_expression_node *node,
                                             const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes *items = NULL;
    size_t all = 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        copse_cbor_reader reader;
        uint64_t count = 0;
        status = copse_expression_open_array(run, node, arguments[i], "arrays", &reader, &count);
        all += (size_t)count;
    }
    if (status == COPSE_OK) {
        status = copse_expression_take_items(run, all, &items);
    }
    size_t at = 0;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        copse_cbor_reader reader;
        uint64_t count = 0;
        status = copse_expression_open_array(run, node, arguments[i], "arrays", &reader, &count);
        for (; status == COPSE_OK && count > 0; count--) {
            status = copse_cbor_take(&reader, &items[at++], run->err);
        }
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, all, ret_value) : status;
}

static copse_status expression_reverse_array(copse_expression *run,
                                             const copse_expression_node *node,
                                             const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes *items = NULL;
    size_t count = 0;
    copse_status status =
        copse_expression_items(run, node, arguments[0], expression_array_text, &items, &count);
    for (size_t i = 0; status == COPSE_OK && i < count / 2; i++) {
        copse_bytes item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, count, ret_value) : status;
}

static copse_status expression_range(copse_expression *run, const copse_expression_node *node,
                                     const copse_bytes *arguments, copse_bytes *ret_value)
{
    int64_t numbers[3] = {0, 0, 1}; /* from, to, step */
    copse_bytes *items = NULL;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        status = copse_expression_read_whole(run, node, arguments[i], "whole numbers", &numbers[i]);
        if (status == COPSE_OK && (numbers[i] > INT32_MAX || numbers[i] < INT32_MIN)) {
            return COPSE_EXPRESSION_FAIL(run, node, "takes numbers of 32 bits");
        }
    }
    if (status == COPSE_OK && numbers[2] == 0) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes a step that is not 0");
    }
    if (status != COPSE_OK) {
        return status;
    }
    int64_t way = numbers[2] > 0 ? numbers[1] - numbers[0] : numbers[0] - numbers[1];
    int64_t step = numbers[2] > 0 ? numbers[2] : -numbers[2];
    uint64_t count = way > 0 ? (uint64_t)((way + step - 1) / step) : 0;
    status = copse_expression_step(run, count);
    if (status == COPSE_OK) {
        status = copse_expression_take_items(run, count, &items);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = copse_expression_make_int(run, numbers[0] + (int64_t)i * numbers[2], &items[i]);
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, (size_t)count, ret_value)
                              : status;
}

/* [array, n]: the first n, or the last -n. [array, position, n]. */
static copse_status expression_slice(copse_expression *run, const copse_expression_node *node,
                                     const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes *items = NULL;
    size_t count = 0;
    int64_t position = 0;
    int64_t limit = 0;
    bool positioned = node->count == 3;
    copse_status status =
        copse_expression_items(run, node, arguments[0], expression_array_text, &items, &count);
    if (status == COPSE_OK && positioned) {
        status = copse_expression_read_whole(run, node, arguments[1], "a whole number as position",
                                             &position);
    }
    if (status == COPSE_OK) {
        status = copse_expression_read_whole(run, node, arguments[node->count - 1],
                                             "a whole number of elements", &limit);
    }
    if (status == COPSE_OK && positioned && limit <= 0) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes a number of elements above 0");
    }
    if (status != COPSE_OK) {
        return status;
    }
    uint64_t size = limit >= 0 ? (uint64_t)limit : 0 - (uint64_t)limit;
    position = limit < 0 ? limit : position;
    uint64_t back = 0 - (uint64_t)position;
    uint64_t first = position >= 0 ? (uint64_t)position : back > count ? 0 : count - back;
    first = first < count ? first : count;
    size = size < count - first ? size : count - first;
    return copse_expression_make_array(run, items + first, (size_t)size, ret_value);
}

/* ---- $zip ---- */

enum { EXPRESSION_ZIP_INPUTS, EXPRESSION_ZIP_LONGEST, EXPRESSION_ZIP_DEFAULTS };

typedef struct expression_zip_input {
    copse_cbor_reader reader;
    uint64_t count;
} expression_zip_input;

/* Opens all inputs. *ret_rows: how many rows come out. *ret_null: one of them is null. */
static copse_status expression_zip_open(copse_expression *run, const copse_expression_node *node,
                                        const copse_bytes *arrays, size_t count, bool longest,
                                        expression_zip_input *inputs, uint64_t *ret_rows,
                                        bool *ret_null)
{
    copse_status status = COPSE_OK;
    *ret_rows = longest ? 0 : UINT64_MAX;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        if (copse_expression_is_null(arrays[i])) {
            *ret_null = true;
            return COPSE_OK;
        }
        status = copse_expression_open_array(run, node, arrays[i], "arrays as inputs",
                                             &inputs[i].reader, &inputs[i].count);
        if (status == COPSE_OK && (inputs[i].count < *ret_rows) != longest) {
            *ret_rows = inputs[i].count;
        }
    }
    return status;
}

static copse_status expression_zip_rows(copse_expression *run, expression_zip_input *inputs,
                                        size_t count, const copse_bytes *defaults, uint64_t rows,
                                        copse_bytes *ret_value)
{
    copse_bytes *row = NULL;
    copse_bytes *items = NULL;
    copse_status status = copse_expression_take_items(run, count, &row);
    if (status == COPSE_OK) {
        status = copse_expression_take_items(run, rows, &items);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < rows; i++) {
        status = copse_expression_step(run, 1 + count);
        for (size_t k = 0; status == COPSE_OK && k < count; k++) {
            row[k] = defaults != NULL ? defaults[k] : copse_expression_null();
            if (i < inputs[k].count) {
                status = copse_cbor_take(&inputs[k].reader, &row[k], run->err);
            }
        }
        if (status == COPSE_OK) {
            status = copse_expression_make_array(run, row, count, &items[i]);
        }
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, (size_t)rows, ret_value)
                              : status;
}

static copse_status expression_zip(copse_expression *run, const copse_expression_node *node,
                                   const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes *arrays = NULL;
    copse_bytes *defaults = NULL;
    size_t count = 0;
    size_t defaults_count = 0;
    void *inputs = NULL;
    uint64_t rows = 0;
    bool null = false;
    copse_bytes longest = arguments[EXPRESSION_ZIP_LONGEST];
    bool all = copse_expression_is_true(longest, longest.len == 0);
    copse_status status = copse_expression_items(run, node, arguments[EXPRESSION_ZIP_INPUTS],
                                                 "an array of arrays as inputs", &arrays, &count);
    if (status == COPSE_OK && arguments[EXPRESSION_ZIP_DEFAULTS].len != 0) {
        status = copse_expression_items(run, node, arguments[EXPRESSION_ZIP_DEFAULTS],
                                        "an array as defaults", &defaults, &defaults_count);
    }
    if (status == COPSE_OK &&
        (count == 0 || (defaults != NULL && (!all || defaults_count != count)))) {
        return COPSE_EXPRESSION_FAIL(run, node,
                                     "takes at least one input, and as many defaults if it has "
                                     "useLongestLength");
    }
    if (status == COPSE_OK) {
        status = copse_expression_take_array(run, count, sizeof(expression_zip_input), &inputs);
    }
    if (status == COPSE_OK) {
        status = expression_zip_open(run, node, arrays, count, all, inputs, &rows, &null);
    }
    if (status == COPSE_OK && null) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    return status == COPSE_OK ? expression_zip_rows(run, inputs, count, defaults, rows, ret_value)
                              : status;
}

static const char *const expression_zip_names[] = {"inputs", "useLongestLength", "defaults", NULL};

#define EXPRESSION_ARRAY_ROW(text, count, null, function)                                          \
    {                                                                                              \
        .name = (text), .least = (count), .most = (count), .nulls = (null), .apply = (function)    \
    }

const copse_expression_operator copse_expression_array[] = {
    EXPRESSION_ARRAY_ROW("$arrayElemAt", 2, true, expression_array_elem_at),
    {.name = "$first", .least = 1, .most = 1, .nulls = true, .apply = expression_end},
    {.name = "$last", .least = 1, .most = 1, .nulls = true, .apply = expression_end, .detail = -1},
    EXPRESSION_ARRAY_ROW("$in", 2, false, expression_in),
    {.name = "$indexOfArray", .least = 2, .most = 4, .apply = expression_index_of_array},
    EXPRESSION_ARRAY_ROW("$isArray", 1, false, expression_is_array),
    EXPRESSION_ARRAY_ROW("$size", 1, false, expression_size),
    {.name = "$concatArrays",
     .most = COPSE_EXPRESSION_MANY,
     .nulls = true,
     .apply = expression_concat_arrays},
    EXPRESSION_ARRAY_ROW("$reverseArray", 1, true, expression_reverse_array),
    {.name = "$range", .least = 2, .most = 3, .apply = expression_range},
    {.name = "$slice", .least = 2, .most = 3, .nulls = true, .apply = expression_slice},
    {.name = "$zip",
     .least = 1,
     .nulls = true,
     .apply = expression_zip,
     .names = expression_zip_names},
    {.name = NULL},
};
