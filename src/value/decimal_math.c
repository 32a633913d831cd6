/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/decimal_math.h"

#include "value/json_number.h"

#include <math.h>
#include <string.h>

enum { DECIMAL_MATH_APART_MAX = 35, DECIMAL_MATH_FLOAT_DIGITS = 15 };

/* (high * 10^34 + low) * 10^exponent, low below 10^34, high below 10^36; and whether there is
 * something behind it, less than 1 of low. */
typedef struct decimal_exact {
    bool negative;
    bool more;
    int32_t exponent;
    copse_u128 high;
    copse_u128 low;
} decimal_exact;

/* 10^power, of at most 38. */
static copse_u128 decimal_math_ten(int32_t power)
{
    copse_u128 ten = 1;
    for (int32_t i = 0; i < power; i++) {
        ten *= 10;
    }
    return ten;
}

static int32_t decimal_math_digits(copse_u128 value)
{
    int32_t digits = 0;
    for (; value != 0; value /= 10) {
        digits++;
    }
    return digits;
}

static copse_decimal decimal_math_nan(void)
{
    return (copse_decimal){.kind = COPSE_DECIMAL_NAN};
}

static copse_decimal decimal_math_infinite(bool negative)
{
    return (copse_decimal){.kind = COPSE_DECIMAL_INFINITE, .negative = negative};
}

/* ---- Rounding ---- */

/* Whether what is cut off makes the magnitude one larger. `half`: how it compares with half a
 * unit. */
static bool decimal_math_rounds_up(copse_decimal_rounding rounding, bool negative, bool odd,
                                   bool exact, int half)
{
    switch (rounding) {
    case COPSE_DECIMAL_HALF_EVEN:
        return half > 0 || (half == 0 && odd);
    case COPSE_DECIMAL_FLOOR:
        return negative && !exact;
    case COPSE_DECIMAL_CEILING:
        return !negative && !exact;
    default:
        return false;
    }
}

/* Cuts `drop` digits off, 0 to 70: what is left fits into `low`. */
static void decimal_math_cut(decimal_exact *value, int32_t drop, copse_decimal_rounding rounding)
{
    const copse_u128 end = copse_decimal_coefficient_end();
    copse_u128 kept = value->low;
    copse_u128 rest = 0; /* what is cut off, and the unit that it is a part of */
    copse_u128 unit = 1;
    bool more = value->more;
    if (drop > COPSE_DECIMAL_DIGITS_MAX) {
        unit = decimal_math_ten(drop - COPSE_DECIMAL_DIGITS_MAX);
        kept = value->high / unit;
        rest = value->high % unit;
        more = more || value->low != 0;
    } else {
        unit = decimal_math_ten(drop);
        kept = value->low / unit + value->high * (end / unit);
        rest = value->low % unit;
    }
    copse_u128 twice = 2 * rest;
    int half = (twice > unit) - (twice < unit);
    half = half == 0 && more ? 1 : half;
    bool exact = rest == 0 && !more;
    kept += decimal_math_rounds_up(rounding, value->negative, (kept & 1) != 0, exact, half);
    *value = (decimal_exact){
        .negative = value->negative, .exponent = value->exponent + drop, .low = kept};
}

/* The nearest decimal. */
static copse_decimal decimal_math_finish(decimal_exact value)
{
    const copse_u128 end = copse_decimal_coefficient_end();
    int32_t digits = value.high != 0 ? COPSE_DECIMAL_DIGITS_MAX + decimal_math_digits(value.high)
                                     : decimal_math_digits(value.low);
    int32_t drop = digits > COPSE_DECIMAL_DIGITS_MAX ? digits - COPSE_DECIMAL_DIGITS_MAX : 0;
    if (value.exponent + drop < COPSE_DECIMAL_EXPONENT_MIN) {
        drop = COPSE_DECIMAL_EXPONENT_MIN - value.exponent;
        drop = drop > 2 * COPSE_DECIMAL_DIGITS_MAX + 2 ? 2 * COPSE_DECIMAL_DIGITS_MAX + 2 : drop;
    }
    if (drop > 0 || value.more) {
        decimal_math_cut(&value, drop, COPSE_DECIMAL_HALF_EVEN);
    }
    if (value.low == end) { /* rounded up to one digit more */
        value.low /= 10;
        value.exponent++;
    }
    if (value.exponent < COPSE_DECIMAL_EXPONENT_MIN) {
        value.exponent = COPSE_DECIMAL_EXPONENT_MIN; /* all was cut off */
    }
    while (value.exponent > COPSE_DECIMAL_EXPONENT_MAX && value.low != 0 && value.low < end / 10) {
        value.low *= 10;
        value.exponent--;
    }
    if (value.exponent > COPSE_DECIMAL_EXPONENT_MAX) {
        if (value.low != 0) {
            return decimal_math_infinite(value.negative);
        }
        value.exponent = COPSE_DECIMAL_EXPONENT_MAX;
    }
    return (copse_decimal){
        .negative = value.negative, .exponent = value.exponent, .coefficient = value.low};
}

copse_decimal copse_decimal_round(const copse_decimal *decimal, int32_t exponent,
                                  copse_decimal_rounding rounding)
{
    if (decimal->kind != COPSE_DECIMAL_FINITE || decimal->exponent >= exponent) {
        return *decimal;
    }
    int32_t drop = exponent - decimal->exponent;
    decimal_exact value = {
        .negative = decimal->negative, .exponent = decimal->exponent, .low = decimal->coefficient};
    if (drop > COPSE_DECIMAL_DIGITS_MAX + 1) { /* less than a tenth of a unit, if not zero */
        value.exponent = exponent - (COPSE_DECIMAL_DIGITS_MAX + 1);
        value.low = decimal->coefficient != 0;
        drop = COPSE_DECIMAL_DIGITS_MAX + 1;
    }
    decimal_math_cut(&value, drop, rounding);
    return decimal_math_finish(value);
}

/* ---- Sums ---- */

copse_decimal copse_decimal_negate(const copse_decimal *decimal)
{
    copse_decimal negated = *decimal;
    negated.negative = decimal->kind != COPSE_DECIMAL_NAN && !decimal->negative;
    return negated;
}

/* `large` in units of the exponent of `small`, at most DECIMAL_MATH_APART_MAX below its own. */
static decimal_exact decimal_math_align(const copse_decimal *large, int32_t exponent)
{
    const copse_u128 end = copse_decimal_coefficient_end();
    int32_t apart = large->exponent - exponent;
    decimal_exact value = {.negative = large->negative, .exponent = exponent};
    if (apart > COPSE_DECIMAL_DIGITS_MAX) {
        value.high = large->coefficient * 10;
        return value;
    }
    copse_u128 unit = end / decimal_math_ten(apart);
    value.high = large->coefficient / unit;
    value.low = large->coefficient % unit * decimal_math_ten(apart);
    return value;
}

/* Adds `b`, in the units of `a`. */
static void decimal_math_sum(decimal_exact *a, bool negative, copse_u128 b)
{
    const copse_u128 end = copse_decimal_coefficient_end();
    if (a->negative == negative) {
        a->low += b;
        a->high += a->low >= end;
        a->low -= a->low >= end ? end : 0;
    } else if (a->high == 0 && a->low < b) {
        a->low = b - a->low;
        a->negative = negative;
    } else {
        a->high -= a->low < b;
        a->low = a->low < b ? a->low + end - b : a->low - b;
    }
}

/* A1, of finite decimals, `a` with the larger exponent. */
static copse_decimal decimal_math_add(copse_decimal a, copse_decimal b)
{
    const copse_u128 end = copse_decimal_coefficient_end();
    while (a.exponent - b.exponent > COPSE_DECIMAL_DIGITS_MAX && a.coefficient != 0 &&
           a.coefficient < end / 10) {
        a.coefficient *= 10;
        a.exponent--;
    }
    if (a.coefficient == 0 && a.exponent > b.exponent) {
        a.exponent = b.exponent;
    }
    if (a.exponent - b.exponent > DECIMAL_MATH_APART_MAX) {
        b.exponent = a.exponent - DECIMAL_MATH_APART_MAX;
        b.coefficient = b.coefficient != 0;
    }
    decimal_exact value = decimal_math_align(&a, b.exponent);
    decimal_math_sum(&value, b.negative, b.coefficient);
    if (value.high == 0 && value.low == 0) {
        value.negative = a.negative && b.negative;
    }
    return decimal_math_finish(value);
}

copse_decimal copse_decimal_add(const copse_decimal *a, const copse_decimal *b)
{
    if (a->kind == COPSE_DECIMAL_NAN || b->kind == COPSE_DECIMAL_NAN ||
        (a->kind == COPSE_DECIMAL_INFINITE && b->kind == COPSE_DECIMAL_INFINITE &&
         a->negative != b->negative)) {
        return decimal_math_nan();
    }
    if (a->kind == COPSE_DECIMAL_INFINITE || b->kind == COPSE_DECIMAL_INFINITE) {
        return a->kind == COPSE_DECIMAL_INFINITE ? *a : *b;
    }
    return a->exponent >= b->exponent ? decimal_math_add(*a, *b) : decimal_math_add(*b, *a);
}

/* ---- Products, quotients, remainders ---- */

copse_decimal copse_decimal_multiply(const copse_decimal *a, const copse_decimal *b)
{
    const copse_u128 half = UINT64_C(100000000000000000); /* 10^17 */
    const copse_u128 end = copse_decimal_coefficient_end();
    bool negative = a->negative != b->negative;
    bool a_zero = a->kind == COPSE_DECIMAL_FINITE && a->coefficient == 0;
    bool b_zero = b->kind == COPSE_DECIMAL_FINITE && b->coefficient == 0;
    bool infinite = a->kind == COPSE_DECIMAL_INFINITE || b->kind == COPSE_DECIMAL_INFINITE;
    if (a->kind == COPSE_DECIMAL_NAN || b->kind == COPSE_DECIMAL_NAN ||
        (infinite && (a_zero || b_zero))) {
        return decimal_math_nan();
    }
    if (infinite) {
        return decimal_math_infinite(negative);
    }
    copse_u128 a_high = a->coefficient / half;
    copse_u128 a_low = a->coefficient % half;
    copse_u128 b_high = b->coefficient / half;
    copse_u128 b_low = b->coefficient % half;
    copse_u128 middle = a_high * b_low + a_low * b_high;
    copse_u128 low = a_low * b_low + middle % half * half;
    return decimal_math_finish((decimal_exact){
        .negative = negative,
        .exponent = a->exponent + b->exponent,
        .high = a_high * b_high + middle / half + low / end,
        .low = low % end,
    });
}

copse_decimal copse_decimal_divide(const copse_decimal *a, const copse_decimal *b)
{
    const copse_u128 end = copse_decimal_coefficient_end();
    bool negative = a->negative != b->negative;
    bool b_zero = b->kind == COPSE_DECIMAL_FINITE && b->coefficient == 0;
    bool a_zero = a->kind == COPSE_DECIMAL_FINITE && a->coefficient == 0;
    if (a->kind == COPSE_DECIMAL_NAN || b->kind == COPSE_DECIMAL_NAN || (a_zero && b_zero) ||
        (a->kind == COPSE_DECIMAL_INFINITE && b->kind == COPSE_DECIMAL_INFINITE)) {
        return decimal_math_nan();
    }
    if (a->kind == COPSE_DECIMAL_INFINITE || b_zero) {
        return decimal_math_infinite(negative);
    }
    if (b->kind == COPSE_DECIMAL_INFINITE) {
        return (copse_decimal){.negative = negative, .exponent = COPSE_DECIMAL_EXPONENT_MIN};
    }
    copse_u128 quotient = a->coefficient / b->coefficient;
    copse_u128 rest = a->coefficient % b->coefficient;
    int32_t exponent = a->exponent - b->exponent;
    while (rest != 0 && quotient < end) { /* A3 */
        rest *= 10;
        quotient = quotient * 10 + rest / b->coefficient;
        rest %= b->coefficient;
        exponent--;
    }
    return decimal_math_finish((decimal_exact){
        .negative = negative,
        .more = rest != 0,
        .exponent = exponent,
        .high = quotient / end,
        .low = quotient % end,
    });
}

copse_decimal copse_decimal_remainder(const copse_decimal *a, const copse_decimal *b)
{
    if (a->kind != COPSE_DECIMAL_FINITE || b->kind == COPSE_DECIMAL_NAN ||
        (b->kind == COPSE_DECIMAL_FINITE && b->coefficient == 0)) {
        return decimal_math_nan();
    }
    if (b->kind == COPSE_DECIMAL_INFINITE) {
        return *a;
    }
    /* By units of the smaller exponent; a digit at a time, since those may be very many. */
    copse_decimal rest = *a;
    copse_u128 divisor = b->coefficient;
    int32_t down = b->exponent - a->exponent;
    for (; down > 0 && divisor <= rest.coefficient; down--) {
        divisor *= 10;
    }
    if (down > 0) {
        return rest; /* |a| < |b| */
    }
    rest.coefficient %= divisor;
    for (; down < 0 && rest.coefficient != 0; down++) {
        rest.coefficient = rest.coefficient * 10 % divisor;
    }
    rest.exponent = a->exponent < b->exponent ? a->exponent : b->exponent;
    return rest;
}

/* ---- From and to other numbers ---- */

copse_decimal copse_decimal_of_int(bool negative, uint64_t arg)
{
    return (copse_decimal){.negative = negative, .coefficient = (copse_u128)arg + negative};
}

copse_decimal copse_decimal_of_float(double real)
{
    char text[COPSE_JSON_NUMBER_TEXT_SIZE_MAX];
    copse_decimal decimal = {.kind = COPSE_DECIMAL_NAN};
    if (isnan(real)) {
        return decimal;
    }
    if (isinf(real)) {
        return decimal_math_infinite(real < 0);
    }
    size_t size = copse_json_float_write(real, text);
    (void)copse_decimal_parse((copse_bytes){(const uint8_t *)text, size}, &decimal);
    while (decimal.coefficient != 0 && decimal.coefficient % 10 == 0) {
        decimal.coefficient /= 10; /* "1.0", "1e300" written out */
        decimal.exponent++;
    }
    if (decimal.coefficient == 0) {
        decimal.exponent = 0;
    }
    return decimal;
}

copse_decimal copse_decimal_of_float_15(double real)
{
    copse_decimal decimal = copse_decimal_of_float(real);
    if (decimal.kind != COPSE_DECIMAL_FINITE || decimal.coefficient == 0) {
        return decimal;
    }
    int32_t digits = decimal_math_digits(decimal.coefficient);
    if (digits > DECIMAL_MATH_FLOAT_DIGITS) {
        return copse_decimal_round(&decimal, decimal.exponent + digits - DECIMAL_MATH_FLOAT_DIGITS,
                                   COPSE_DECIMAL_HALF_EVEN);
    }
    decimal.coefficient *= decimal_math_ten(DECIMAL_MATH_FLOAT_DIGITS - digits);
    decimal.exponent -= DECIMAL_MATH_FLOAT_DIGITS - digits;
    return decimal;
}

double copse_decimal_to_float(const copse_decimal *decimal)
{
    uint8_t text[COPSE_DECIMAL_TEXT_SIZE_MAX];
    double real = 0;
    if (decimal->kind == COPSE_DECIMAL_NAN) {
        return NAN;
    }
    if (decimal->kind == COPSE_DECIMAL_FINITE) {
        size_t size = copse_decimal_write(decimal, text);
        if (copse_json_double_parse((copse_bytes){text, size}, &real) == COPSE_OK) {
            return real;
        }
    }
    return decimal->negative ? -INFINITY : INFINITY;
}
