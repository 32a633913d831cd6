/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/decimal_wide.h"

#include <string.h>

enum { DECIMAL_WIDE_LIMBS = COPSE_DECIMAL_WIDE_LIMBS };

/* The upper half of 2n limbs, whose highest or second highest bit is set. */
static copse_decimal_wide decimal_wide_cut(const uint64_t product[2 * DECIMAL_WIDE_LIMBS],
                                           int32_t exponent)
{
    copse_decimal_wide cut;
    unsigned shift = product[2 * DECIMAL_WIDE_LIMBS - 1] >> 63 == 0;
    for (size_t i = 0; i < DECIMAL_WIDE_LIMBS; i++) {
        const uint64_t *limb = &product[DECIMAL_WIDE_LIMBS + i];
        cut.limbs[i] = shift != 0 ? *limb << 1 | limb[-1] >> 63 : *limb;
    }
    cut.exponent = exponent + COPSE_DECIMAL_WIDE_BITS - (int32_t)shift;
    return cut;
}

static copse_decimal_wide decimal_wide_multiply(const copse_decimal_wide *a,
                                                const copse_decimal_wide *b)
{
    uint64_t product[2 * DECIMAL_WIDE_LIMBS] = {0};
    for (size_t i = 0; i < DECIMAL_WIDE_LIMBS; i++) {
        uint64_t carry = 0;
        for (size_t k = 0; k < DECIMAL_WIDE_LIMBS; k++) {
            copse_u128 sum = (copse_u128)a->limbs[i] * b->limbs[k] + product[i + k] + carry;
            product[i + k] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        product[i + DECIMAL_WIDE_LIMBS] = carry;
    }
    return decimal_wide_cut(product, a->exponent + b->exponent);
}

/* `value` is not 0. */
static copse_decimal_wide decimal_wide_of_u128(copse_u128 value)
{
    uint64_t upper = (uint64_t)(value >> 64);
    int shift = upper != 0 ? COPSE_LEADING_ZEROS(upper) : 64 + COPSE_LEADING_ZEROS((uint64_t)value);
    copse_decimal_wide wide = {.exponent = 128 - COPSE_DECIMAL_WIDE_BITS - shift};
    value <<= shift;
    wide.limbs[DECIMAL_WIDE_LIMBS - 1] = (uint64_t)(value >> 64);
    wide.limbs[DECIMAL_WIDE_LIMBS - 2] = (uint64_t)value;
    return wide;
}

/* 5 to the power of `exponent`, which is not 0. */
static copse_decimal_wide decimal_wide_power(int32_t exponent)
{
    unsigned power = (unsigned)(exponent < 0 ? -exponent : exponent);
    copse_decimal_wide base = decimal_wide_of_u128(5);
    if (exponent < 0) { /* 1/5 is 0.001100110011… */
        memset(base.limbs, 0xcc, sizeof base.limbs);
        base.exponent = -2 - COPSE_DECIMAL_WIDE_BITS;
    }
    copse_decimal_wide wide = base;
    for (int bit = 62 - COPSE_LEADING_ZEROS((uint64_t)power); bit >= 0; bit--) {
        wide = decimal_wide_multiply(&wide, &wide);
        if ((power >> bit & 1) != 0) {
            wide = decimal_wide_multiply(&wide, &base);
        }
    }
    return wide;
}

/* Takes factors 5 out of `coefficient` up to 5^-exponent; returns the exponent of 5 that is left.
 */
static int32_t decimal_wide_cancel(copse_u128 *coefficient, int32_t exponent)
{
    const copse_u128 fifth_max = ~(copse_u128)0 / 5;
    const copse_u128 inverse = fifth_max * 4 + 1; /* 5 * inverse is 1 modulo 2^128 */
    for (; exponent < 0; exponent++) {
        copse_u128 fifth = *coefficient * inverse;
        if (fifth > fifth_max) {
            break; /* no multiple of 5 */
        }
        *coefficient = fifth;
    }
    return exponent;
}

copse_decimal_wide copse_decimal_wide_of(copse_u128 coefficient, int32_t exponent)
{
    int32_t fives = decimal_wide_cancel(&coefficient, exponent);
    copse_decimal_wide wide = decimal_wide_of_u128(coefficient);
    if (fives != 0) {
        copse_decimal_wide power = decimal_wide_power(fives);
        wide = decimal_wide_multiply(&power, &wide);
    }
    wide.exponent += exponent;
    return wide;
}
