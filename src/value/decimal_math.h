/* Arithmetic on decimals, as IEEE 754 decimal128 has it: results of at most 34 digits, rounded half
 * to even, with the exponent nearest to the ideal one.
 *
 * A result is first made exactly, or with a digit that stands for all behind it, as up to 70 digits
 * in two parts of 34, and is then rounded once:
 *
 *   A1  Sums: the operand of the larger exponent is scaled up to the other's. If the exponents
 *       differ by more than 35, after it was given 34 digits, the other one is less than its last
 *       digit's 100th part; a 1 far enough behind stands for it, and rounds alike.
 *   A2  Products have at most 68 digits and are exact.
 *   A3  Quotients are divided out digit by digit to 35 digits at least; what is left sets a digit
 *       behind them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_DECIMAL_MATH_H
#define COPSE_VALUE_DECIMAL_MATH_H

#include "value/decimal.h"

typedef enum copse_decimal_rounding {
    COPSE_DECIMAL_HALF_EVEN,
    COPSE_DECIMAL_DOWN,   /**< Towards zero. */
    COPSE_DECIMAL_FLOOR,  /**< Towards minus infinity. */
    COPSE_DECIMAL_CEILING /**< Towards infinity. */
} copse_decimal_rounding;

copse_decimal copse_decimal_add(const copse_decimal *a, const copse_decimal *b);
copse_decimal copse_decimal_multiply(const copse_decimal *a, const copse_decimal *b);

/** x / 0 is infinite, 0 / 0 is NaN. */
copse_decimal copse_decimal_divide(const copse_decimal *a, const copse_decimal *b);

/** a - b * trunc(a / b), exactly; it has the sign of `a`. NaN: `b` is zero or `a` infinite. */
copse_decimal copse_decimal_remainder(const copse_decimal *a, const copse_decimal *b);

copse_decimal copse_decimal_negate(const copse_decimal *decimal);

/** A multiple of 10^exponent, with that exponent if it has not more than 34 digits. What is so
 * already, not finite, or too large for that stays as it is. */
copse_decimal copse_decimal_round(const copse_decimal *decimal, int32_t exponent,
                                  copse_decimal_rounding rounding);

/** From -2^64 to 2^64 - 1, exactly: arg, or if negative -1 - arg. */
copse_decimal copse_decimal_of_int(bool negative, uint64_t arg);

/** A float in the digits of its shortest text, at most 17. */
copse_decimal copse_decimal_of_float(double real);

/** A float in 15 significant digits, zeros at the end kept, as MongoDB converts it. */
copse_decimal copse_decimal_of_float_15(double real);

/** The nearest float; infinite beyond the largest. */
double copse_decimal_to_float(const copse_decimal *decimal);

#endif
