/* Functions of the C library's mathematics: $exp $ln $log $log10 $pow $sqrt, trigonometry; and
 * bits: $bitAnd $bitOr $bitXor $bitNot.
 *
 * $sqrt is exact everywhere. The last digit of the other functions may depend on the machine's
 * library. Nothing that is stored or verified is computed with them. A decimal is computed as a
 * float, and what comes out is the decimal of its first 15 digits.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/arithmetic.h"
#include "expr/expression_private.h"

#include <math.h>

/* A float, or a decimal if that is what it was computed from. */
static copse_status expression_math_make(copse_expression *run, double real, bool decimal,
                                         copse_bytes *ret_value)
{
    copse_figure figure = copse_figure_of_float(real);
    if (decimal) {
        copse_decimal rounded = copse_decimal_of_float_15(real);
        figure = copse_figure_of_decimal(&rounded);
    }
    return copse_expression_make_form(run, copse_figure_write(&figure, &run->form), ret_value);
}

/* ---- One argument ---- */

static double expression_to_radians(double degrees)
{
    return degrees * (3.14159265358979323846 / 180);
}

static double expression_to_degrees(double radians)
{
    return radians * (180 / 3.14159265358979323846);
}

/* A function, and the arguments that it takes. */
typedef struct expression_function {
    double (*function)(double);
    double least;
    double most;
    bool above;  /* not `least` itself */
    bool finite; /* no infinite ones */
} expression_function;

enum {
    EXPRESSION_EXP,
    EXPRESSION_LN,
    EXPRESSION_LOG10,
    EXPRESSION_SQRT,
    EXPRESSION_SIN,
    EXPRESSION_COS,
    EXPRESSION_TAN,
    EXPRESSION_ASIN,
    EXPRESSION_ACOS,
    EXPRESSION_ATAN,
    EXPRESSION_SINH,
    EXPRESSION_COSH,
    EXPRESSION_TANH,
    EXPRESSION_ASINH,
    EXPRESSION_ACOSH,
    EXPRESSION_ATANH,
    EXPRESSION_RADIANS,
    EXPRESSION_DEGREES
};

static const expression_function expression_functions[] = {
    [EXPRESSION_EXP] = {exp, -INFINITY, INFINITY, false, false},
    [EXPRESSION_LN] = {log, 0, INFINITY, true, false},
    [EXPRESSION_LOG10] = {log10, 0, INFINITY, true, false},
    [EXPRESSION_SQRT] = {sqrt, 0, INFINITY, false, false},
    [EXPRESSION_SIN] = {sin, -INFINITY, INFINITY, false, true},
    [EXPRESSION_COS] = {cos, -INFINITY, INFINITY, false, true},
    [EXPRESSION_TAN] = {tan, -INFINITY, INFINITY, false, true},
    [EXPRESSION_ASIN] = {asin, -1, 1, false, false},
    [EXPRESSION_ACOS] = {acos, -1, 1, false, false},
    [EXPRESSION_ATAN] = {atan, -INFINITY, INFINITY, false, false},
    [EXPRESSION_SINH] = {sinh, -INFINITY, INFINITY, false, false},
    [EXPRESSION_COSH] = {cosh, -INFINITY, INFINITY, false, false},
    [EXPRESSION_TANH] = {tanh, -INFINITY, INFINITY, false, false},
    [EXPRESSION_ASINH] = {asinh, -INFINITY, INFINITY, false, false},
    [EXPRESSION_ACOSH] = {acosh, 1, INFINITY, false, false},
    [EXPRESSION_ATANH] = {atanh, -1, 1, false, false},
    [EXPRESSION_RADIANS] = {expression_to_radians, -INFINITY, INFINITY, false, false},
    [EXPRESSION_DEGREES] = {expression_to_degrees, -INFINITY, INFINITY, false, false},
};

static copse_status expression_math_call(copse_expression *run, const copse_expression_node *node,
                                         const copse_bytes *arguments, copse_bytes *ret_value)
{
    const expression_function *of = &expression_functions[node->op->detail];
    copse_figure figure;
    copse_status status = copse_expression_read_figure(run, node, arguments[0], &figure);
    if (status != COPSE_OK) {
        return status;
    }
    double real = copse_figure_to_float(&figure);
    bool outside = real < of->least || real > of->most || (of->above && real == of->least) ||
                   (of->finite && isinf(real));
    if (outside) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes numbers %s %g%s",
                                     of->above ? "above" : "from", of->least,
                                     of->most < INFINITY ? " to 1" : "");
    }
    return expression_math_make(run, of->function(real), figure.type == COPSE_VALUE_DECIMAL,
                                ret_value);
}

/* ---- Two arguments ---- */

/* The power of integers where it is one. False: it is none, or past the range. */
static bool expression_power_whole(copse_i128 base, copse_i128 power, copse_figure *ret_figure)
{
    copse_figure product = copse_figure_of_whole(1);
    copse_figure factor = copse_figure_of_whole(base);
    bool small = base >= -1 && base <= 1; /* of 0 no negative one is asked for */
    if (!small && (power < 0 || power > 64)) {
        return false;
    }
    copse_i128 factors = !small ? power : power == 0 ? 0 : power % 2 == 0 ? 2 : 1;
    for (copse_i128 left = factors; left > 0; left--) {
        product = copse_figure_multiply(&product, &factor);
    }
    *ret_figure = product;
    return product.type == COPSE_VALUE_INT;
}

static copse_status expression_pow(copse_expression *run, const copse_expression_node *node,
                                   const copse_figure *a, const copse_figure *b,
                                   copse_bytes *ret_value)
{
    copse_figure whole;
    double power = copse_figure_to_float(b);
    if (copse_figure_is_zero(a) && power < 0) {
        return COPSE_EXPRESSION_FAIL(run, node, "of 0 takes no negative exponent");
    }
    if (a->type == COPSE_VALUE_INT && b->type == COPSE_VALUE_INT &&
        expression_power_whole(a->whole, b->whole, &whole)) {
        return copse_expression_make_wide(run, whole.whole, ret_value);
    }
    return expression_math_make(run, pow(copse_figure_to_float(a), power),
                                a->type == COPSE_VALUE_DECIMAL || b->type == COPSE_VALUE_DECIMAL,
                                ret_value);
}

/* $pow, $log, $atan2. */
static copse_status expression_math_two(copse_expression *run, const copse_expression_node *node,
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
    if (node->op->detail == 'p') {
        return expression_pow(run, node, &a, &b, ret_value);
    }
    bool decimal = a.type == COPSE_VALUE_DECIMAL || b.type == COPSE_VALUE_DECIMAL;
    double x = copse_figure_to_float(&a);
    double y = copse_figure_to_float(&b);
    if (node->op->detail == 't') {
        return expression_math_make(run, atan2(x, y), decimal, ret_value);
    }
    if (x <= 0 || y <= 0 || y == 1) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes numbers above 0, and a base that is not 1");
    }
    return expression_math_make(run, log(x) / log(y), decimal, ret_value);
}

/* ---- Bits ---- */

/* Of integers, as two's complement without end. */
static copse_status expression_bits(copse_expression *run, const copse_expression_node *node,
                                    const copse_bytes *arguments, copse_bytes *ret_value)
{
    char which = (char)node->op->detail;
    copse_i128 bits = which == '&' ? -1 : 0;
    for (size_t i = 0; i < node->count; i++) {
        copse_figure figure;
        copse_status status = copse_expression_read_figure(run, node, arguments[i], &figure);
        if (status != COPSE_OK) {
            return status;
        }
        if (figure.type != COPSE_VALUE_INT) {
            return copse_expression_fail_type(run, node, "integers", arguments[i]);
        }
        bits = which == '&'   ? bits & figure.whole
               : which == '|' ? bits | figure.whole
               : which == '^' ? bits ^ figure.whole
                              : -1 - figure.whole;
    }
    return copse_expression_make_wide(run, bits, ret_value);
}

#define EXPRESSION_MATH_ROW(text, count, apply_fn, which)                                          \
    {                                                                                              \
        .name = (text), .least = (count), .most = (count), .nulls = true, .apply = (apply_fn),     \
        .detail = (which)                                                                          \
    }

const copse_expression_operator copse_expression_math[] = {
    EXPRESSION_MATH_ROW("$exp", 1, expression_math_call, EXPRESSION_EXP),
    EXPRESSION_MATH_ROW("$ln", 1, expression_math_call, EXPRESSION_LN),
    EXPRESSION_MATH_ROW("$log10", 1, expression_math_call, EXPRESSION_LOG10),
    EXPRESSION_MATH_ROW("$sqrt", 1, expression_math_call, EXPRESSION_SQRT),
    EXPRESSION_MATH_ROW("$sin", 1, expression_math_call, EXPRESSION_SIN),
    EXPRESSION_MATH_ROW("$cos", 1, expression_math_call, EXPRESSION_COS),
    EXPRESSION_MATH_ROW("$tan", 1, expression_math_call, EXPRESSION_TAN),
    EXPRESSION_MATH_ROW("$asin", 1, expression_math_call, EXPRESSION_ASIN),
    EXPRESSION_MATH_ROW("$acos", 1, expression_math_call, EXPRESSION_ACOS),
    EXPRESSION_MATH_ROW("$atan", 1, expression_math_call, EXPRESSION_ATAN),
    EXPRESSION_MATH_ROW("$sinh", 1, expression_math_call, EXPRESSION_SINH),
    EXPRESSION_MATH_ROW("$cosh", 1, expression_math_call, EXPRESSION_COSH),
    EXPRESSION_MATH_ROW("$tanh", 1, expression_math_call, EXPRESSION_TANH),
    EXPRESSION_MATH_ROW("$asinh", 1, expression_math_call, EXPRESSION_ASINH),
    EXPRESSION_MATH_ROW("$acosh", 1, expression_math_call, EXPRESSION_ACOSH),
    EXPRESSION_MATH_ROW("$atanh", 1, expression_math_call, EXPRESSION_ATANH),
    EXPRESSION_MATH_ROW("$degreesToRadians", 1, expression_math_call, EXPRESSION_RADIANS),
    EXPRESSION_MATH_ROW("$radiansToDegrees", 1, expression_math_call, EXPRESSION_DEGREES),
    EXPRESSION_MATH_ROW("$pow", 2, expression_math_two, 'p'),
    EXPRESSION_MATH_ROW("$log", 2, expression_math_two, 'l'),
    EXPRESSION_MATH_ROW("$atan2", 2, expression_math_two, 't'),
    {.name = NULL},
};

const copse_expression_operator copse_expression_bits[] = {
    {.name = "$bitAnd",
     .most = COPSE_EXPRESSION_MANY,
     .nulls = true,
     .apply = expression_bits,
     .detail = '&'},
    {.name = "$bitOr",
     .most = COPSE_EXPRESSION_MANY,
     .nulls = true,
     .apply = expression_bits,
     .detail = '|'},
    {.name = "$bitXor",
     .most = COPSE_EXPRESSION_MANY,
     .nulls = true,
     .apply = expression_bits,
     .detail = '^'},
    {.name = "$bitNot",
     .least = 1,
     .most = 1,
     .nulls = true,
     .apply = expression_bits,
     .detail = '~'},
    {.name = NULL},
};
