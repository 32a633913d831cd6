/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/decimal_big.h"

#include <assert.h>
#include <string.h>

enum { DECIMAL_BIG_STEP = 9 }; /* powers of ten that fit a limb */

static const uint32_t decimal_big_powers[DECIMAL_BIG_STEP + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

static void decimal_big_trim(copse_decimal_big *big)
{
    while (big->count > 0 && big->limbs[big->count - 1] == 0) {
        big->count--;
    }
}

void copse_decimal_big_set(copse_decimal_big *big, copse_u128 value, unsigned shift)
{
    size_t low = shift / 32;
    unsigned bits = shift % 32;
    assert(low + 5 <= COPSE_DECIMAL_BIG_LIMBS);
    memset(big->limbs, 0, low * sizeof *big->limbs);
    uint32_t carry = 0;
    for (size_t i = 0; i < 4; i++) {
        uint64_t limb = (uint64_t)(uint32_t)(value >> (32 * i)) << bits;
        big->limbs[low + i] = (uint32_t)limb | carry;
        carry = (uint32_t)(limb >> 32);
    }
    big->limbs[low + 4] = carry;
    big->count = low + 5;
    decimal_big_trim(big);
}

static void decimal_big_multiply(copse_decimal_big *big, uint32_t factor)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < big->count; i++) {
        carry += (uint64_t)big->limbs[i] * factor;
        big->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        assert(big->count < COPSE_DECIMAL_BIG_LIMBS);
        big->limbs[big->count++] = (uint32_t)carry;
    }
}

/* Returns the remainder. */
static uint32_t decimal_big_divide(copse_decimal_big *big, uint32_t divisor)
{
    uint64_t rest = 0;
    for (size_t i = big->count; i > 0; i--) {
        rest = rest << 32 | big->limbs[i - 1];
        big->limbs[i - 1] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    decimal_big_trim(big);
    return (uint32_t)rest;
}

void copse_decimal_big_scale_up(copse_decimal_big *big, unsigned power)
{
    for (; power > DECIMAL_BIG_STEP; power -= DECIMAL_BIG_STEP) {
        decimal_big_multiply(big, decimal_big_powers[DECIMAL_BIG_STEP]);
    }
    decimal_big_multiply(big, decimal_big_powers[power]);
}

bool copse_decimal_big_scale_down(copse_decimal_big *big, unsigned power)
{
    bool lost = false;
    for (; power > DECIMAL_BIG_STEP; power -= DECIMAL_BIG_STEP) {
        lost |= decimal_big_divide(big, decimal_big_powers[DECIMAL_BIG_STEP]) != 0;
    }
    return (decimal_big_divide(big, decimal_big_powers[power]) != 0) | lost;
}

unsigned copse_decimal_big_bits(const copse_decimal_big *big)
{
    unsigned bits = (unsigned)big->count * 32;
    if (big->count > 0) {
        for (uint32_t top = big->limbs[big->count - 1]; top < UINT32_C(0x80000000); top <<= 1) {
            bits--;
        }
    }
    return bits;
}

copse_u128 copse_decimal_big_shifted(const copse_decimal_big *big, unsigned shift, bool *ret_lost)
{
    size_t low = shift / 32;
    unsigned bits = shift % 32;
    bool lost = false;
    for (size_t i = 0; i < low && i < big->count; i++) {
        lost |= big->limbs[i] != 0;
    }
    copse_u128 value = 0;
    for (size_t i = 0; i < 5 && low + i < big->count; i++) {
        uint64_t limb = big->limbs[low + i];
        if (i == 0) {
            lost |= (limb & ((UINT64_C(1) << bits) - 1)) != 0;
            value = limb >> bits;
        } else {
            value |= (copse_u128)limb << (32 * i - bits);
        }
    }
    *ret_lost = lost;
    return value;
}
