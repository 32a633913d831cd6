/* $add $subtract $multiply $divide $mod, and what rounds: $abs $ceil $floor $round $trunc.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/arithmetic.h"
#include "expr/expression_private.h"

#include <math.h>

typedef copse_figure (*expression_figure_fn)(const copse_figure *a, const copse_figure *b);

static copse_status expression_figure_make(copse_expression *run, const copse_figure *figure,
                                           copse_bytes *ret_value)
{
    if (figure->type == COPSE_VALUE_INT) {
        return copse_expression_make_wide(run, figure->whole, ret_value);
    }
    return copse_expression_make_form(run, copse_figure_write(figure, &run->form), ret_value);
}

/* ---- Dates ---- */

/* The number as milliseconds. False: it has none. */
static bool expression_figure_ms(const copse_figure *figure, copse_i128 *ret_ms)
{
    double real = rint(copse_figure_to_float(figure));
    if (figure->type == COPSE_VALUE_INT) {
        *ret_ms = figure->whole;
        return true;
    }
    if (!(fabs(real) < 9.3e18)) {
        return false;
    }
    *ret_ms = (copse_i128)real;
    return true;
}

static copse_status expression_date_sum(copse_expression *run, const copse_expression_node *node,
                                        int64_t date_ms, const copse_figure *figure,
                                        copse_bytes *ret_value)
{
    copse_i128 ms = 0;
    if (!expression_figure_ms(figure, &ms) || ms + date_ms > INT64_MAX ||
        ms + date_ms < -INT64_MAX - 1) {
        return COPSE_EXPRESSION_FAIL(run, node, "leaves the range of dates");
    }
    return copse_expression_make_date(run, (int64_t)(ms + date_ms), ret_value);
}

/* ---- Operators ---- */

static copse_status expression_add(copse_expression *run, const copse_expression_node *node,
                                   const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_figure sum = copse_figure_of_whole(0);
    bool dated = false;
    int64_t date_ms = 0;
    for (size_t i = 0; i < node->count; i++) {
        copse_value value;
        copse_figure figure;
        copse_status status = copse_expression_read(run, arguments[i], &value);
        if (status != COPSE_OK) {
            return status;
        }
        if (copse_figure_of_value(&value, &figure)) {
            sum = copse_figure_add(&sum, &figure);
        } else if (value.type == COPSE_VALUE_DATE && !dated) {
            dated = true;
            date_ms = value.date_ms;
        } else {
            return copse_expression_fail_type(run, node, dated ? "one date" : "numbers and a date",
                                              arguments[i]);
        }
    }
    return dated ? expression_date_sum(run, node, date_ms, &sum, ret_value)
                 : expression_figure_make(run, &sum, ret_value);
}

static copse_status expression_subtract(copse_expression *run, const copse_expression_node *node,
                                        const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_value a;
    copse_value b;
    copse_figure number = {.type = COPSE_VALUE_INT};
    copse_status status = copse_expression_read(run, arguments[0], &a);
    if (status == COPSE_OK) {
        status = copse_expression_read(run, arguments[1], &b);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (a.type == COPSE_VALUE_DATE && b.type == COPSE_VALUE_DATE) {
        return copse_expression_make_wide(run, (copse_i128)a.date_ms - b.date_ms, ret_value);
    }
    if (!copse_figure_of_value(&b, &number)) {
        return copse_expression_fail_type(
            run, node, a.type == COPSE_VALUE_DATE ? "a date or a number from a date" : "numbers",
            arguments[1]);
    }
    number = copse_figure_negate(&number);
    if (a.type == COPSE_VALUE_DATE) {
        return expression_date_sum(run, node, a.date_ms, &number, ret_value);
    }
    copse_figure from;
    if (!copse_figure_of_value(&a, &from)) {
        return copse_expression_fail_type(run, node, "numbers or dates", arguments[0]);
    }
    copse_figure difference = copse_figure_add(&from, &number);
    return expression_figure_make(run, &difference, ret_value);
}

static copse_status expression_multiply(copse_expression *run, const copse_expression_node *node,
                                        const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_figure product = copse_figure_of_whole(1);
    for (size_t i = 0; i < node->count; i++) {
        copse_figure figure;
        copse_status status = copse_expression_read_figure(run, node, arguments[i], &figure);
        if (status != COPSE_OK) {
            return status;
        }
        product = copse_figure_multiply(&product, &figure);
    }
    return expression_figure_make(run, &product, ret_value);
}

/* $divide, $mod. */
static copse_status expression_by(copse_expression *run, const copse_expression_node *node,
                                  const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_figure a;
    copse_figure b;
    copse_status status = copse_expression_read_figure(run, node, arguments[0], &a);
    if (status == COPSE_OK) {
        status = copse_expression_read_figure(run, node, arguments[1], &b);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_figure_is_zero(&b)) {
        return COPSE_EXPRESSION_FAIL(run, node, "by zero");
    }
    expression_figure_fn function =
        node->op->detail == '/' ? copse_figure_divide : copse_figure_remainder;
    copse_figure result = function(&a, &b);
    return expression_figure_make(run, &result, ret_value);
}

static bool expression_figure_is_negative(const copse_figure *figure)
{
    switch (figure->type) {
    case COPSE_VALUE_INT:
        return figure->whole < 0;
    case COPSE_VALUE_FLOAT:
        return signbit(figure->real) != 0;
    default:
        return figure->decimal.negative;
    }
}

static copse_status expression_abs(copse_expression *run, const copse_expression_node *node,
                                   const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_figure figure;
    copse_status status = copse_expression_read_figure(run, node, arguments[0], &figure);
    if (status == COPSE_OK && expression_figure_is_negative(&figure)) {
        figure = copse_figure_negate(&figure);
    }
    return status == COPSE_OK ? expression_figure_make(run, &figure, ret_value) : status;
}

/* ---- Rounding ---- */

/* $ceil, $floor. */
static copse_status expression_bound(copse_expression *run, const copse_expression_node *node,
                                     const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_figure figure;
    bool up = node->op->detail == COPSE_DECIMAL_CEILING;
    copse_status status = copse_expression_read_figure(run, node, arguments[0], &figure);
    if (status != COPSE_OK) {
        return status;
    }
    if (figure.type == COPSE_VALUE_INT) {
        *ret_value = arguments[0];
        return COPSE_OK;
    }
    if (figure.type == COPSE_VALUE_FLOAT) {
        figure.real = up ? ceil(figure.real) : floor(figure.real);
    } else {
        figure.decimal =
            copse_decimal_round(&figure.decimal, 0, (copse_decimal_rounding)node->op->detail);
    }
    return expression_figure_make(run, &figure, ret_value);
}

/* Rounds at 10^exponent. Integers and floats go through the decimal of the same text. */
static copse_figure expression_figure_round(const copse_figure *figure, int32_t exponent,
                                            copse_decimal_rounding rounding)
{
    copse_decimal decimal = figure->type == COPSE_VALUE_FLOAT ? copse_decimal_of_float(figure->real)
                                                              : copse_figure_to_decimal(figure);
    copse_decimal rounded = copse_decimal_round(&decimal, exponent, rounding);
    if (figure->type == COPSE_VALUE_FLOAT) {
        return copse_figure_of_float(copse_decimal_to_float(&rounded));
    }
    if (figure->type == COPSE_VALUE_DECIMAL) {
        return copse_figure_of_decimal(&rounded);
    }
    copse_i128 whole = (copse_i128)rounded.coefficient;
    for (int32_t i = 0; i < rounded.exponent && whole != 0; i++) {
        whole *= 10; /* at most 10^20 */
    }
    return copse_figure_of_whole(rounded.negative ? -whole : whole);
}

/* $round, $trunc: a number, and the digits behind the point. */
static copse_status expression_round(copse_expression *run, const copse_expression_node *node,
                                     const copse_bytes *arguments, copse_bytes *ret_value)
{
    enum { PLACE_MIN = -20, PLACE_MAX = 100 };
    copse_figure figure;
    int64_t place = 0;
    copse_status status = copse_expression_read_figure(run, node, arguments[0], &figure);
    if (status == COPSE_OK && node->count > 1) {
        status = copse_expression_read_whole(run, node, arguments[1], "a whole number of places",
                                             &place);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (place < PLACE_MIN || place > PLACE_MAX) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes %d to %d places", PLACE_MIN, PLACE_MAX);
    }
    if (figure.type == COPSE_VALUE_INT && place >= 0) {
        *ret_value = arguments[0];
        return COPSE_OK;
    }
    figure =
        expression_figure_round(&figure, (int32_t)-place, (copse_decimal_rounding)node->op->detail);
    return expression_figure_make(run, &figure, ret_value);
}

const copse_expression_operator copse_expression_arithmetic[] = {
    {.name = "$add", .most = COPSE_EXPRESSION_MANY, .nulls = true, .apply = expression_add},
    {.name = "$subtract", .least = 2, .most = 2, .nulls = true, .apply = expression_subtract},
    {.name = "$multiply",
     .most = COPSE_EXPRESSION_MANY,
     .nulls = true,
     .apply = expression_multiply},
    {.name = "$divide",
     .least = 2,
     .most = 2,
     .nulls = true,
     .apply = expression_by,
     .detail = '/'},
    {.name = "$mod", .least = 2, .most = 2, .nulls = true, .apply = expression_by, .detail = '%'},
    {.name = "$abs", .least = 1, .most = 1, .nulls = true, .apply = expression_abs},
    {.name = "$ceil",
     .least = 1,
     .most = 1,
     .nulls = true,
     .apply = expression_bound,
     .detail = COPSE_DECIMAL_CEILING},
    {.name = "$floor",
     .least = 1,
     .most = 1,
     .nulls = true,
     .apply = expression_bound,
     .detail = COPSE_DECIMAL_FLOOR},
    {.name = "$round",
     .least = 1,
     .most = 2,
     .nulls = true,
     .apply = expression_round,
     .detail = COPSE_DECIMAL_HALF_EVEN},
    {.name = "$trunc",
     .least = 1,
     .most = 2,
     .nulls = true,
     .apply = expression_round,
     .detail = COPSE_DECIMAL_DOWN},
    {.name = NULL},
};
