/* Integers large enough for any decimal128 written in binary, and for its inverse.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_DECIMAL_BIG_H
#define COPSE_VALUE_DECIMAL_BIG_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The most that is needed: 34 digits (113 bits), 120 bits more, and 10^6176 (20,517 bits). */
#define COPSE_DECIMAL_BIG_LIMBS 656

/** A natural number of at most 20,992 bits: 2.6 kB on the stack, of which what is used is set. */
typedef struct copse_decimal_big {
    size_t count;                            /**< Limbs in use; the last is not 0. */
    uint32_t limbs[COPSE_DECIMAL_BIG_LIMBS]; /**< Least first. */
} copse_decimal_big;

/** value * 2^shift; fits by the caller's promise, as all here does. */
void copse_decimal_big_set(copse_decimal_big *big, copse_u128 value, unsigned shift);

/** Times 10^power. */
void copse_decimal_big_scale_up(copse_decimal_big *big, unsigned power);

/** Divided by 10^power, rounded down; returns whether that lost something. */
bool copse_decimal_big_scale_down(copse_decimal_big *big, unsigned power);

/** The position of the highest bit plus 1; of 0: 0. */
unsigned copse_decimal_big_bits(const copse_decimal_big *big);

/** Divided by 2^shift, rounded down: below 2^128 by the caller's promise. *ret_lost: whether bits
 * below were set. */
copse_u128 copse_decimal_big_shifted(const copse_decimal_big *big, unsigned shift, bool *ret_lost);

#endif
