/* Numbers by exact value: what integers, floats and decimals have in common.
 *
 * A finite number but zero is sign * 2^exponent * (1 + fraction), the fraction below 1. Integers
 * from -2^64 to 2^64 - 1 and floats of 64 bits have fractions of at most 63 bits. Most decimals
 * have fractions without an end; 119 bits, and whether any bit behind them is set, tell them apart:
 *
 *   N1  Two decimals of different values a < b differ in their first 119 fraction bits, if they
 *       have one sign and one exponent e. For: b < 2a, both are multiples of 10^(d-34), d being
 *       the decimal exponent of b's first digit, or a >= 10^d and both are multiples of 10^(d-33).
 *       Either way b - a >= b * 10^-34 / 2 > 2^(e-114), which is more than a step of 2^(e-119).
 *   N2  A decimal that has the first 119 bits of an integer or float but is not its value has a
 *       bit behind them: those have none.
 *   N3  So two numbers are equal if and only if class, exponent and fraction here are equal, and
 *       else class, exponent and fraction order them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_VALUE_NUMBER_H
#define COPSE_VALUE_VALUE_NUMBER_H

#include <copse/value.h>

#include "value/decimal.h"

/** In their order. */
typedef enum copse_number_class {
    COPSE_NUMBER_NAN,
    COPSE_NUMBER_INFINITE_NEGATIVE,
    COPSE_NUMBER_NEGATIVE,
    COPSE_NUMBER_ZERO,
    COPSE_NUMBER_POSITIVE,
    COPSE_NUMBER_INFINITE
} copse_number_class;

/** Of the least and the greatest finite decimal; floats lie between. */
#define COPSE_NUMBER_EXPONENT_MIN (-20517)
#define COPSE_NUMBER_EXPONENT_MAX 20413
#define COPSE_NUMBER_FRACTION_BITS 119
/** The bit of the fraction that stands for all that are behind the 119 first. */
#define COPSE_NUMBER_MORE ((copse_u128)1 << 8)

typedef struct copse_number {
    copse_number_class kind;
    int32_t exponent;    /**< NEGATIVE and POSITIVE, else 0. */
    copse_u128 fraction; /**< The same: 119 bits from the highest on, then COPSE_NUMBER_MORE. */
} copse_number;

copse_number copse_number_of_int(bool negative, uint64_t arg);
copse_number copse_number_of_float(double real);
copse_number copse_number_of_decimal(const copse_decimal *decimal);

/** Of an INT, FLOAT or DECIMAL that was read. */
copse_number copse_number_of_value(const copse_value *value);

int copse_number_compare(const copse_number *a, const copse_number *b);

/** Whether it is an integer from -2^64 to 2^64 - 1: arg, or if negative -1 - arg. */
bool copse_number_to_int(const copse_number *number, bool *ret_negative, uint64_t *ret_arg);

/** Whether it is exactly a float; zero is 0.0, never -0.0. */
bool copse_number_to_float(const copse_number *number, double *ret_real);

/** Whether it is finite, not zero, and exactly a decimal with this exponent. */
bool copse_number_to_decimal(const copse_number *number, int32_t exponent,
                             copse_decimal *ret_decimal);

#endif
