/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/value_number.h"

#include "value/decimal_wide.h"

#include <assert.h>
#include <string.h>

/* ---- From the kinds ------------------------------------------------------------------------- */

/* The fraction of a whole number below 2^64 whose highest bit is `exponent`. */
static copse_number number_of_magnitude(bool negative, uint64_t magnitude)
{
    int32_t exponent = 63 - COPSE_LEADING_ZEROS(magnitude);
    return (copse_number){
        .kind = negative ? COPSE_NUMBER_NEGATIVE : COPSE_NUMBER_POSITIVE,
        .exponent = exponent,
        .fraction = (copse_u128)(magnitude << (63 - exponent) << 1) << 64,
    };
}

copse_number copse_number_of_int(bool negative, uint64_t arg)
{
    if (negative && arg == UINT64_MAX) {
        return (copse_number){.kind = COPSE_NUMBER_NEGATIVE, .exponent = 64};
    }
    if (!negative && arg == 0) {
        return (copse_number){.kind = COPSE_NUMBER_ZERO};
    }
    return number_of_magnitude(negative, negative ? arg + 1 : arg);
}

copse_number copse_number_of_float(double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    bool negative = bits >> 63 != 0;
    int32_t biased = (int32_t)(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (biased == 0x7ff) {
        return (copse_number){.kind = mantissa != 0 ? COPSE_NUMBER_NAN
                                      : negative    ? COPSE_NUMBER_INFINITE_NEGATIVE
                                                    : COPSE_NUMBER_INFINITE};
    }
    if (biased == 0) { /* subnormal: mantissa * 2^-1074 */
        if (mantissa == 0) {
            return (copse_number){.kind = COPSE_NUMBER_ZERO};
        }
        copse_number number = number_of_magnitude(negative, mantissa);
        number.exponent -= 1074;
        return number;
    }
    return (copse_number){
        .kind = negative ? COPSE_NUMBER_NEGATIVE : COPSE_NUMBER_POSITIVE,
        .exponent = biased - 1023,
        .fraction = (copse_u128)mantissa << (128 - 52),
    };
}

copse_number copse_number_of_decimal(const copse_decimal *decimal)
{
    if (decimal->kind == COPSE_DECIMAL_NAN) {
        return (copse_number){.kind = COPSE_NUMBER_NAN};
    }
    if (decimal->kind == COPSE_DECIMAL_INFINITE) {
        return (copse_number){.kind = decimal->negative ? COPSE_NUMBER_INFINITE_NEGATIVE
                                                        : COPSE_NUMBER_INFINITE};
    }
    if (decimal->coefficient == 0) {
        return (copse_number){.kind = COPSE_NUMBER_ZERO};
    }
    copse_decimal_wide wide = copse_decimal_wide_of(decimal->coefficient, decimal->exponent);
    const uint64_t *limbs = wide.limbs;
    copse_u128 top = (copse_u128)limbs[4] << 64 | limbs[3]; /* the leading one and 127 bits */
    copse_u128 fraction = top << 1 & ~(2 * COPSE_NUMBER_MORE - 1);
    bool more = top << 1 != fraction || (limbs[2] | limbs[1] | limbs[0]) != 0;
    return (copse_number){
        .kind = decimal->negative ? COPSE_NUMBER_NEGATIVE : COPSE_NUMBER_POSITIVE,
        .exponent = wide.exponent + COPSE_DECIMAL_WIDE_BITS - 1,
        .fraction = fraction | (more ? COPSE_NUMBER_MORE : 0),
    };
}

copse_number copse_number_of_value(const copse_value *value)
{
    if (value->type == COPSE_VALUE_INT) {
        return copse_number_of_int(value->negative, value->arg);
    }
    if (value->type == COPSE_VALUE_FLOAT) {
        return copse_number_of_float(value->real);
    }
    copse_decimal decimal = {.kind = COPSE_DECIMAL_NAN};
    bool parsed = copse_decimal_parse(value->bytes, &decimal);
    assert(parsed);
    (void)parsed;
    return copse_number_of_decimal(&decimal);
}

int copse_number_compare(const copse_number *a, const copse_number *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    int above = a->kind == COPSE_NUMBER_NEGATIVE ? -1 : 1;
    if (a->exponent != b->exponent) {
        return a->exponent > b->exponent ? above : -above;
    }
    if (a->fraction != b->fraction) {
        return a->fraction > b->fraction ? above : -above;
    }
    return 0;
}

/* ---- Back to the kinds ---------------------------------------------------------------------- */

static bool number_is_nonzero(const copse_number *number)
{
    return number->kind == COPSE_NUMBER_NEGATIVE || number->kind == COPSE_NUMBER_POSITIVE;
}

bool copse_number_to_int(const copse_number *number, bool *ret_negative, uint64_t *ret_arg)
{
    if (number->kind == COPSE_NUMBER_ZERO) {
        *ret_negative = false;
        *ret_arg = 0;
        return true;
    }
    bool negative = number->kind == COPSE_NUMBER_NEGATIVE;
    if (!number_is_nonzero(number) || number->exponent < 0 ||
        number->exponent > 63 + (int)negative) {
        return false;
    }
    if (number->exponent == 64) {
        *ret_negative = true;
        *ret_arg = UINT64_MAX;
        return number->fraction == 0;
    }
    unsigned exponent = (unsigned)number->exponent;
    if (number->fraction << exponent != 0) {
        return false;
    }
    uint64_t upper = (uint64_t)(number->fraction >> 64);
    uint64_t magnitude = ((upper >> 1) | UINT64_C(1) << 63) >> (63 - exponent);
    *ret_negative = negative;
    *ret_arg = negative ? magnitude - 1 : magnitude;
    return true;
}

bool copse_number_to_float(const copse_number *number, double *ret_real)
{
    uint64_t bits = 0;
    switch (number->kind) {
    case COPSE_NUMBER_NAN:
        bits = UINT64_C(0x7ff8) << 48;
        break;
    case COPSE_NUMBER_INFINITE:
    case COPSE_NUMBER_INFINITE_NEGATIVE:
        bits = UINT64_C(0x7ff) << 52;
        break;
    case COPSE_NUMBER_ZERO:
        break;
    default:
        if (number->fraction << 52 != 0 || number->exponent < -1074 || number->exponent > 1023) {
            return false;
        }
        bits = (uint64_t)(number->fraction >> (128 - 52));
        if (number->exponent >= -1022) {
            bits |= (uint64_t)(number->exponent + 1023) << 52;
            break;
        }
        bits |= UINT64_C(1) << 52;
        unsigned shift = (unsigned)(-1022 - number->exponent);
        if (bits >> shift << shift != bits) {
            return false;
        }
        bits >>= shift;
        break;
    }
    if (number->kind == COPSE_NUMBER_NEGATIVE || number->kind == COPSE_NUMBER_INFINITE_NEGATIVE) {
        bits |= UINT64_C(1) << 63;
    }
    memcpy(ret_real, &bits, sizeof bits);
    return true;
}

/* The coefficient that |number| has at an exponent, if it has one: less than a 64th above what the
 * 120 bits of the number give, since it is below 2^113. What comes out is checked by the caller. */
static bool number_find_coefficient(const copse_number *number, int32_t exponent,
                                    copse_u128 *ret_coefficient)
{
    copse_u128 top = (copse_u128)1 << COPSE_NUMBER_FRACTION_BITS |
                     number->fraction >> (128 - COPSE_NUMBER_FRACTION_BITS);
    copse_decimal_wide wide = copse_decimal_wide_of(top, -exponent);
    int32_t bits = wide.exponent + number->exponent - COPSE_NUMBER_FRACTION_BITS +
                   COPSE_DECIMAL_WIDE_BITS; /* of the coefficient, rounded down */
    if (bits < 0 || bits > 127) {
        return false;
    }
    copse_u128 upper = (copse_u128)wide.limbs[4] << 64 | wide.limbs[3];
    *ret_coefficient = ((upper >> (127 - bits)) + 1) >> 1; /* to the nearest integer */
    return true;
}

bool copse_number_to_decimal(const copse_number *number, int32_t exponent,
                             copse_decimal *ret_decimal)
{
    copse_decimal decimal = {
        .kind = COPSE_DECIMAL_FINITE,
        .negative = number->kind == COPSE_NUMBER_NEGATIVE,
        .exponent = exponent,
    };
    if (!number_is_nonzero(number) || exponent < COPSE_DECIMAL_EXPONENT_MIN ||
        exponent > COPSE_DECIMAL_EXPONENT_MAX || number->exponent < COPSE_NUMBER_EXPONENT_MIN ||
        number->exponent > COPSE_NUMBER_EXPONENT_MAX ||
        !number_find_coefficient(number, exponent, &decimal.coefficient) ||
        decimal.coefficient >= copse_decimal_coefficient_end()) {
        return false;
    }
    copse_number again = copse_number_of_decimal(&decimal);
    if (copse_number_compare(number, &again) != 0) {
        return false;
    }
    *ret_decimal = decimal;
    return true;
}
