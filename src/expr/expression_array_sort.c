/* $sortArray, and parts of arrays by number: $firstN $lastN $minN $maxN.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_keyed.h"
#include "expr/path.h"
#include "expr/sort_spec.h"
#include "value/dag_cbor_inline.h"

/* ---- $sortArray ---- */

/* {input, sortBy}: what stands in sortBy is itself, no expression. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_sort(copse_expression_parser *parser, copse_bytes argument,
                                          copse_expression_node *node)
{
    copse_bytes members[2] = {{NULL, 0}, {NULL, 0}};
    copse_status status = copse_expression_parse_room(parser, node, 2);
    for (size_t i = 0; status == COPSE_OK && i < 2; i++) {
        status =
            copse_expression_parse_needed(parser, argument, node, node->op->names[i], &members[i]);
    }
    if (status == COPSE_OK) {
        status = copse_expression_parse(parser, members[0], &node->children[0]);
    }
    return status == COPSE_OK
               ? copse_expression_parse_constant(parser, members[1], &node->children[1])
               : status;
}

/* Appends the key of an element. */
static copse_status expression_sort_key(copse_expression *run, const copse_sort_spec *fields,
                                        copse_bytes element, bool descending)
{
    static const uint8_t none[] = {COPSE_CBOR_NIL}; /* equal elements keep their order */
    copse_order_part part = {
        .kind = COPSE_ORDER_VALUE, .descending = descending, .encoded = element};
    return fields->count != 0
               ? copse_sort_spec_key(fields, element, (copse_bytes){none, sizeof none}, &run->form,
                                     run->err)
               : copse_order_write(&run->form, &part, run->err);
}

static copse_status expression_sort(copse_expression *run, const copse_expression_node *node,
                                    const copse_sort_spec *fields, bool descending,
                                    copse_bytes array, copse_bytes *ret_value)
{
    copse_bytes *items = NULL;
    void *memory = NULL;
    size_t count = 0;
    copse_status status =
        copse_expression_items(run, node, array, "an array as input", &items, &count);
    if (status == COPSE_OK) {
        status = copse_expression_take_array(run, count, 2 * sizeof(copse_keyed), &memory);
    }
    copse_keyed *list = memory;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        list[i].value = items[i];
        status = copse_expression_make_form(
            run, expression_sort_key(run, fields, items[i], descending), &list[i].key);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_keyed_sort(list, list + count, count);
    return copse_expression_make_keyed(run, list, count, ret_value);
}

/* Sorts by fields. */
static copse_status expression_sort_by(copse_expression *run, const copse_expression_node *node,
                                       copse_bytes array, copse_bytes by, copse_bytes *ret_value)
{
    copse_sort_spec fields;
    copse_err err = {0};
    if (!copse_path_is_object(by) && !copse_path_is_array(by)) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes 1, -1 or {path: 1 or -1} as sortBy");
    }
    copse_status status = copse_sort_spec_read(run->env, by, &fields, &err);
    if (status == COPSE_CORRUPT) {
        return COPSE_EXPRESSION_FAIL(run, node, "%s", err.message);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(run->err, status, "%s", err.message);
    }
    status = expression_sort(run, node, &fields, false, array, ret_value);
    copse_sort_spec_release(&fields);
    return status;
}

static copse_status expression_sort_array(copse_expression *run, const copse_expression_node *node,
                                          const copse_bytes *arguments, copse_bytes *ret_value)
{
    static const copse_sort_spec whole = {.count = 0};
    copse_value by;
    if (copse_expression_is_null(arguments[0])) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    copse_status status = copse_expression_read(run, arguments[1], &by);
    if (status != COPSE_OK || !copse_expression_is_number(&by)) {
        return status == COPSE_OK
                   ? expression_sort_by(run, node, arguments[0], arguments[1], ret_value)
                   : status;
    }
    int64_t direction = 0;
    status = copse_expression_read_whole(run, node, arguments[1], "1 or -1 as sortBy", &direction);
    if (status == COPSE_OK && direction != 1 && direction != -1) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes 1 or -1 as sortBy");
    }
    return status == COPSE_OK
               ? expression_sort(run, node, &whole, direction < 0, arguments[0], ret_value)
               : status;
}

/* ---- $firstN and so on: {n, input} ---- */

static copse_status expression_read_n(const copse_expression *run,
                                      const copse_expression_node *node, copse_bytes encoded,
                                      size_t *ret_n)
{
    int64_t n = 0;
    copse_status status =
        copse_expression_read_whole(run, node, encoded, "a whole number as n", &n);
    if (status == COPSE_OK && n <= 0) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes an n above 0");
    }
    *ret_n = (uint64_t)n < SIZE_MAX ? (size_t)n : SIZE_MAX;
    return status;
}

/* $firstN, $lastN. */
static copse_status expression_end_n(copse_expression *run, const copse_expression_node *node,
                                     const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes *items = NULL;
    size_t count = 0;
    size_t n = 0;
    copse_status status = expression_read_n(run, node, arguments[0], &n);
    if (status == COPSE_OK) {
        status =
            copse_expression_items(run, node, arguments[1], "an array as input", &items, &count);
    }
    n = n < count ? n : count;
    return status == COPSE_OK
               ? copse_expression_make_array(
                     run, node->op->detail == 'f' ? items : items + (count - n), n, ret_value)
               : status;
}

/* $minN, $maxN: null is left out. */
static copse_status expression_extreme_n(copse_expression *run, const copse_expression_node *node,
                                         const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_keyed *list = NULL;
    size_t count = 0;
    size_t kept = 0;
    size_t n = 0;
    copse_status status = expression_read_n(run, node, arguments[0], &n);
    if (status == COPSE_OK) {
        status =
            copse_expression_keyed(run, node, arguments[1], "an array as input", &list, &count);
    }
    if (status != COPSE_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        if (!copse_expression_is_null(list[i].value)) {
            list[kept++] = list[i];
        }
    }
    copse_keyed_sort(list, list + count, kept);
    n = n < kept ? n : kept;
    if (node->op->detail == '>') {
        for (size_t i = 0; i < n; i++) {
            list[count + i] = list[kept - 1 - i];
        }
        list += count;
    }
    return copse_expression_make_keyed(run, list, n, ret_value);
}

static const char *const expression_sort_names[] = {"input", "sortBy", NULL};
static const char *const expression_n_names[] = {"n", "input", NULL};

#define EXPRESSION_N_ROW(text, function, which)                                                    \
    {                                                                                              \
        .name = (text), .least = 2, .apply = (function), .names = expression_n_names,              \
        .detail = (which)                                                                          \
    }

const copse_expression_operator copse_expression_array_sort[] = {
    {.name = "$sortArray",
     .apply = expression_sort_array,
     .parse = expression_parse_sort,
     .names = expression_sort_names},
    EXPRESSION_N_ROW("$firstN", expression_end_n, 'f'),
    EXPRESSION_N_ROW("$lastN", expression_end_n, 'l'),
    EXPRESSION_N_ROW("$minN", expression_extreme_n, '<'),
    EXPRESSION_N_ROW("$maxN", expression_extreme_n, '>'),
    {.name = NULL},
};
