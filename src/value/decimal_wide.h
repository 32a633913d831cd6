/* A decimal's magnitude in binary, to 320 bits.
 *
 * Purpose: the exact value of coefficient * 10^exponent has up to 20,000 bits. What is asked of it
 * are the first 120, and whether any bit behind them is set: 320 bits always tell, at a cost that
 * hardly depends on the exponent (a document of a stranger's may hold thousands of them).
 *
 * 10^exponent is 2^exponent times a power of 5, or of 1/5, by repeated squaring; each product is
 * cut to its upper 320 bits. Let u be 2^-319, and E(n) the relative error of the n-th power:
 *
 *   D1  The result is never above the value, and below it by less than its 2^-304th part. For:
 *       E(1) <= u; E(2n) <= 2 E(n) + u and E(2n + 1) <= E(2n) + E(1) + u give E(n) <= (4n - 3) u;
 *       n is at most 6176; the product with the coefficient adds u.
 *   D2  A value of finitely many bits, 320 at most, is exact. For: with exponents from 0 on no
 *       product loses a bit; with those below, factors 5 of the coefficient are taken out first,
 *       and what is left has infinitely many bits unless the exponent has come to 0.
 *   D3  For all other decimals the distance to the nearest number of 120 bits is more than its
 *       2^-252th part, on either side. So the first 120 bits of the result are the value's,
 *       and behind them a bit is set. tests/vectors/decimal_margin.py proves it for each exponent:
 *       the distance is that of a multiple of a fixed number to the nearest integer, which the
 *       continued fraction of that number bounds.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_DECIMAL_WIDE_H
#define COPSE_VALUE_DECIMAL_WIDE_H

#include "base/compiler.h"

#include <stdint.h>

#define COPSE_DECIMAL_WIDE_LIMBS 5
#define COPSE_DECIMAL_WIDE_BITS (64 * COPSE_DECIMAL_WIDE_LIMBS)

/** An integer of 320 bits, the highest of them set, times 2^exponent. */
typedef struct copse_decimal_wide {
    uint64_t limbs[COPSE_DECIMAL_WIDE_LIMBS]; /**< Least first. */
    int32_t exponent;
} copse_decimal_wide;

/** coefficient * 10^exponent, as D1 to D3 say. The coefficient is not 0; the exponent is from -6176
 * to 6176. */
copse_decimal_wide copse_decimal_wide_of(copse_u128 coefficient, int32_t exponent);

#endif
