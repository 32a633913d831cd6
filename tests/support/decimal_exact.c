/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/decimal_exact.h"

#include <string.h>

/* 34 digits (113 bits), 122 bits more, and 10^6176 (20,517 bits). */
enum { EXACT_LIMBS = 656 };

typedef struct exact_integer {
    uint32_t limbs[EXACT_LIMBS]; /* least first */
} exact_integer;

static bool exact_bit(const exact_integer *integer, int bit)
{
    return (integer->limbs[bit / 32] >> (bit % 32) & 1) != 0;
}

static void exact_set(exact_integer *integer, copse_u128 value, int shift)
{
    memset(integer, 0, sizeof *integer);
    for (int bit = 0; bit < 128; bit++) {
        if ((value >> bit & 1) != 0) {
            integer->limbs[(shift + bit) / 32] |= UINT32_C(1) << ((shift + bit) % 32);
        }
    }
}

static void exact_multiply(exact_integer *integer, uint32_t factor)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < EXACT_LIMBS; i++) {
        carry += (uint64_t)integer->limbs[i] * factor;
        integer->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* Returns the remainder. */
static uint64_t exact_divide(exact_integer *integer, uint32_t divisor)
{
    uint64_t rest = 0;
    for (size_t i = EXACT_LIMBS; i > 0; i--) {
        rest = rest << 32 | integer->limbs[i - 1];
        integer->limbs[i - 1] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return rest;
}

copse_number decimal_exact_number(const copse_decimal *decimal)
{
    exact_integer integer;
    int scale = 0; /* the number is integer * 2^-scale, of which at least 120 bits are right */
    bool more = false;
    if (decimal->exponent < 0) {
        scale = 122 - decimal->exponent * 3322 / 1000; /* log2 of 10 is 3.3219… */
    }
    exact_set(&integer, decimal->coefficient, scale);
    for (int32_t i = 0; i < decimal->exponent; i++) {
        exact_multiply(&integer, 10);
    }
    for (int32_t i = 0; i > decimal->exponent; i--) {
        more |= exact_divide(&integer, 10) != 0;
    }
    int highest = 32 * EXACT_LIMBS - 1;
    while (!exact_bit(&integer, highest)) {
        highest--;
    }
    copse_number number = {
        .kind = decimal->negative ? COPSE_NUMBER_NEGATIVE : COPSE_NUMBER_POSITIVE,
        .exponent = highest - scale,
    };
    for (int i = 1; i <= highest; i++) {
        if (i <= COPSE_NUMBER_FRACTION_BITS) {
            number.fraction |= (copse_u128)exact_bit(&integer, highest - i) << (128 - i);
        } else {
            more |= exact_bit(&integer, highest - i);
        }
    }
    number.fraction |= more ? COPSE_NUMBER_MORE : 0;
    return number;
}
