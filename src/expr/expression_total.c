/* $sum $avg $max $min $stdDevPop $stdDevSamp over lists: of several arguments themselves, of one
 * that is an array its elements.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/arithmetic.h"
#include "expr/expression_private.h"
#include "expr/path.h"

/* Told of one value after the other. */
typedef copse_status (*expression_total_fn)(void *ctx, const copse_expression *run,
                                            copse_bytes encoded);

/* Calls `function` with each value of the list. */
static copse_status expression_total_each(copse_expression *run, const copse_expression_node *node,
                                          const copse_bytes *arguments,
                                          expression_total_fn function, void *ctx)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_status status = COPSE_OK;
    if (node->count != 1 || !copse_path_is_array(arguments[0])) {
        for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
            status = function(ctx, run, arguments[i]);
        }
        return status;
    }
    copse_cbor_reader_init(&reader, arguments[0]);
    status = copse_cbor_next(&reader, &head, run->err);
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_bytes element;
        status = copse_cbor_take(&reader, &element, run->err);
        if (status == COPSE_OK) {
            status = function(ctx, run, element);
        }
    }
    return status;
}

static copse_status expression_total_figure(copse_expression *run, const copse_figure *figure,
                                            copse_bytes *ret_value)
{
    return copse_expression_make_form(run, copse_figure_write(figure, &run->form), ret_value);
}

static copse_status expression_total_add(void *ctx, const copse_expression *run,
                                         copse_bytes encoded)
{
    copse_value value;
    copse_status status = copse_expression_read(run, encoded, &value);
    if (status == COPSE_OK) {
        copse_total_add(ctx, &value);
    }
    return status;
}

static copse_status expression_sum(copse_expression *run, const copse_expression_node *node,
                                   const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_total total;
    copse_total_init(&total);
    copse_status status = expression_total_each(run, node, arguments, expression_total_add, &total);
    if (status != COPSE_OK) {
        return status;
    }
    copse_figure figure = copse_total_sum(&total);
    return expression_total_figure(run, &figure, ret_value);
}

static copse_status expression_average(copse_expression *run, const copse_expression_node *node,
                                       const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_total total;
    copse_figure figure;
    copse_total_init(&total);
    copse_status status = expression_total_each(run, node, arguments, expression_total_add, &total);
    if (status == COPSE_OK && !copse_total_average(&total, &figure)) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    return status == COPSE_OK ? expression_total_figure(run, &figure, ret_value) : status;
}

static copse_status expression_spread_add(void *ctx, const copse_expression *run,
                                          copse_bytes encoded)
{
    copse_value value;
    copse_status status = copse_expression_read(run, encoded, &value);
    if (status == COPSE_OK) {
        copse_spread_add(ctx, &value);
    }
    return status;
}

static copse_status expression_deviation(copse_expression *run, const copse_expression_node *node,
                                         const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_spread spread;
    double deviation = 0;
    copse_spread_init(&spread);
    copse_status status =
        expression_total_each(run, node, arguments, expression_spread_add, &spread);
    if (status == COPSE_OK &&
        !copse_spread_deviation(&spread, node->op->detail == 's', &deviation)) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    return status == COPSE_OK ? copse_expression_make_float(run, deviation, ret_value) : status;
}

/* The least or greatest value so far. */
typedef struct expression_extreme {
    copse_bytes value;
    int sign; /* 1: the greatest */
} expression_extreme;

static copse_status expression_extreme_add(void *ctx, const copse_expression *run,
                                           copse_bytes encoded)
{
    expression_extreme *extreme = ctx;
    int order = 1;
    if (copse_expression_is_null(encoded)) {
        return COPSE_OK;
    }
    copse_status status = COPSE_OK;
    if (extreme->value.len != 0) {
        status = copse_value_compare(encoded, extreme->value, &order, run->err);
        order *= extreme->sign;
    }
    if (status == COPSE_OK && order > 0) {
        extreme->value = encoded;
    }
    return status;
}

static copse_status expression_max_min(copse_expression *run, const copse_expression_node *node,
                                       const copse_bytes *arguments, copse_bytes *ret_value)
{
    expression_extreme extreme = {.sign = node->op->detail == '>' ? 1 : -1};
    copse_status status =
        expression_total_each(run, node, arguments, expression_extreme_add, &extreme);
    if (status == COPSE_OK) {
        *ret_value = extreme.value.len != 0 ? extreme.value : copse_expression_null();
    }
    return status;
}

#define EXPRESSION_TOTAL_ROW(text, function, which)                                                \
    {                                                                                              \
        .name = (text), .most = COPSE_EXPRESSION_MANY, .apply = (function), .detail = (which)      \
    }

const copse_expression_operator copse_expression_total[] = {
    EXPRESSION_TOTAL_ROW("$sum", expression_sum, 0),
    EXPRESSION_TOTAL_ROW("$avg", expression_average, 0),
    EXPRESSION_TOTAL_ROW("$max", expression_max_min, '>'),
    EXPRESSION_TOTAL_ROW("$min", expression_max_min, '<'),
    EXPRESSION_TOTAL_ROW("$stdDevPop", expression_deviation, 'p'),
    EXPRESSION_TOTAL_ROW("$stdDevSamp", expression_deviation, 's'),
    {.name = NULL},
};
