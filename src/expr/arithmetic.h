/* Numbers of all kinds added, multiplied, divided, and their sums.
 *
 * What comes out: a decimal if one of the operands is, else a float if one is, else an integer; an
 * integer that is not within -2^64 to 2^64 - 1 becomes a float. Quotients of integers are floats. A
 * float becomes a decimal by its first 15 digits.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_ARITHMETIC_H
#define COPSE_EXPR_ARITHMETIC_H

#include <copse/value.h>

#include "base/compiler.h"
#include "value/decimal_math.h"

/** A number in the making. */
typedef struct copse_figure {
    copse_value_type type; /**< INT, FLOAT or DECIMAL. */
    copse_i128 whole;      /**< INT: from -2^64 to 2^64 - 1. */
    double real;           /**< FLOAT. */
    copse_decimal decimal; /**< DECIMAL. */
} copse_figure;

/** Of a value that was read. False: it is no number. */
bool copse_figure_of_value(const copse_value *value, copse_figure *ret_figure);

/** An integer, or a float if it is past the range. */
copse_figure copse_figure_of_whole(copse_i128 whole);
copse_figure copse_figure_of_float(double real);
copse_figure copse_figure_of_decimal(const copse_decimal *decimal);

/** Appends it as a value. Statuses as the writers'. */
COPSE_MUST_USE copse_status copse_figure_write(const copse_figure *figure, copse_buf *buf);

/** Whether it is zero, of either sign. */
bool copse_figure_is_zero(const copse_figure *figure);

/** The nearest float. */
double copse_figure_to_float(const copse_figure *figure);

/** A float by 15 digits, others exactly. */
copse_decimal copse_figure_to_decimal(const copse_figure *figure);

copse_figure copse_figure_add(const copse_figure *a, const copse_figure *b);
copse_figure copse_figure_negate(const copse_figure *figure);
copse_figure copse_figure_multiply(const copse_figure *a, const copse_figure *b);

/** Never an integer. */
copse_figure copse_figure_divide(const copse_figure *a, const copse_figure *b);

/** With the sign of `a`; `b` is not zero. */
copse_figure copse_figure_remainder(const copse_figure *a, const copse_figure *b);

/* ---- Sums over many ---- */

/** Sum and average of numbers that come one by one. Integers are added exactly, floats
 * with a second float for what rounding loses, so that their order hardly matters. */
typedef struct copse_total {
    uint64_t count;
    bool has_float;
    bool has_decimal;
    copse_i128 whole;      /**< Of the integers. */
    double real;           /**< Of the floats, */
    double lost;           /**< and what is to be added to it. */
    copse_decimal decimal; /**< Of the decimals. */
} copse_total;

/** Empty: the sum is the integer 0. */
void copse_total_init(copse_total *total);

/** Takes a number; anything else is left out. */
void copse_total_add(copse_total *total, const copse_value *value);

copse_figure copse_total_sum(const copse_total *total);

/** False: there is no number. A float or a decimal. */
bool copse_total_average(const copse_total *total, copse_figure *ret_average);

/** The standard deviation of numbers that come one by one, as floats. */
typedef struct copse_spread {
    uint64_t count;
    double mean;
    double squares; /**< Of the distances from the mean, summed. */
} copse_spread;

void copse_spread_init(copse_spread *spread);

/** Takes a number; anything else is left out. */
void copse_spread_add(copse_spread *spread, const copse_value *value);

/** The deviation of a sample, or of all. False: fewer than two numbers, or none. */
bool copse_spread_deviation(const copse_spread *spread, bool sample, double *ret_deviation);

#endif
