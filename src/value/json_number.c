/* Decimal to binary and back.
 *
 * Reading. Most numbers have at most 15 digits and a small exponent: digits and power of ten are
 * then exact doubles, and one multiplication or division rounds correctly (Clinger 1990). The
 * others go through strtod, which rounds correctly in glibc and musl, as "digits e exponent": an
 * integer needs no decimal point, so that the locale's can't matter. Digits past the 768th can't
 * change the result but for being zero or not, so a 1 stands for all of them.
 *
 * Writing. Every decimal of at most 15 digits survives a double, so if one of that length reads
 * back as the value, it is the 15-digit rounding without its trailing zeros; else 16 or 17 digits
 * do. Subnormal doubles have less precision and are tried from one digit on. The layout is that of
 * ECMAScript's Number::toString, which the JavaScript DAG-JSON writes: plain from 1e-6 up to below
 * 1e21, else with exponent.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/json_number.h"

#include "value/json_token.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    JSON_DIGITS_MAX = 768,       /* that can matter */
    JSON_EXPONENT_MAX = 1000000, /* beyond, a number is 0 or out of range whatever its digits */
    JSON_POWER_EXACT = 22        /* 10^22 is a double exactly */
};

static const double json_powers[JSON_POWER_EXACT + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* A decimal: 0.digits times ten to the power of `point`, digits without leading zeros. */
typedef struct json_decimal {
    bool negative;
    bool dropped; /* digits past the last one, not all zero */
    size_t count;
    int64_t point;
    char digits[JSON_DIGITS_MAX + 1];
} json_decimal;

/* ---- Reading ---- */

static void json_decimal_add(json_decimal *decimal, uint8_t digit)
{
    if (decimal->count == 0 && digit == '0') {
        return;
    }
    if (decimal->count < JSON_DIGITS_MAX) {
        decimal->digits[decimal->count++] = (char)digit;
    } else if (digit != '0') {
        decimal->dropped = true;
    }
}

/* Reads digits of the whole part or the fraction; returns where they end. */
static size_t json_decimal_read_digits(json_decimal *decimal, copse_bytes text, size_t at,
                                       bool fraction)
{
    for (; at < text.len && copse_json_is_digit(text.ptr[at]); at++) {
        bool leading = decimal->count == 0 && text.ptr[at] == '0';
        if (!fraction && !leading) {
            decimal->point++;
        }
        if (fraction && leading) {
            decimal->point--;
        }
        json_decimal_add(decimal, text.ptr[at]);
    }
    return at;
}

/* Reads e, sign and digits if they are there. False: not an exponent. */
static bool json_decimal_read_exponent(json_decimal *decimal, copse_bytes text, size_t *at)
{
    int64_t exponent = 0;
    bool negative = false;
    size_t i = *at;
    if (i == text.len || (text.ptr[i] != 'e' && text.ptr[i] != 'E')) {
        return true;
    }
    i++;
    if (i < text.len && (text.ptr[i] == '+' || text.ptr[i] == '-')) {
        negative = text.ptr[i++] == '-';
    }
    if (i == text.len) {
        return false;
    }
    for (; i < text.len && copse_json_is_digit(text.ptr[i]); i++) {
        if (exponent < JSON_EXPONENT_MAX) {
            exponent = exponent * 10 + (text.ptr[i] - '0');
        }
    }
    decimal->point += negative ? -exponent : exponent;
    *at = i;
    return true;
}

/* Reads a whole number by JSON's grammar. */
static bool json_decimal_parse(json_decimal *decimal, copse_bytes text, bool *ret_is_float)
{
    size_t at = 0;
    decimal->negative = text.len != 0 && text.ptr[0] == '-';
    decimal->dropped = false;
    decimal->count = 0;
    decimal->point = 0;
    at += decimal->negative;
    size_t whole = at;
    at = json_decimal_read_digits(decimal, text, at, false);
    if (at == whole || (text.ptr[whole] == '0' && at - whole > 1)) {
        return false;
    }
    size_t end = at;
    if (at < text.len && text.ptr[at] == '.') {
        at = json_decimal_read_digits(decimal, text, at + 1, true);
        if (at == end + 1) {
            return false;
        }
    }
    if (!json_decimal_read_exponent(decimal, text, &at)) {
        return false;
    }
    *ret_is_float = at != end;
    return at == text.len;
}

/* The value without its sign. The caller left room for one more digit. */
static double json_decimal_to_double(json_decimal *decimal)
{
    char text[JSON_DIGITS_MAX + 32];
    if (decimal->count == 0) {
        return 0.0;
    }
    int64_t exponent = decimal->point - (int64_t)decimal->count;
    if (decimal->count <= 15 && exponent >= -JSON_POWER_EXACT && exponent <= JSON_POWER_EXACT) {
        double digits = 0.0;
        for (size_t i = 0; i < decimal->count; i++) {
            digits = digits * 10.0 + (decimal->digits[i] - '0');
        }
        return exponent < 0 ? digits / json_powers[-exponent] : digits * json_powers[exponent];
    }
    if (decimal->dropped) {
        decimal->digits[decimal->count++] = '1';
        exponent--;
    }
    (void)snprintf(text, sizeof text, "%.*se%lld", (int)decimal->count, decimal->digits,
                   (long long)exponent);
    return strtod(text, NULL);
}

/* Reads an integer of at most 20 digits. */
static copse_status json_decimal_to_int(const json_decimal *decimal, copse_json_number *number)
{
    uint64_t value = 0;
    if (decimal->point > 20) {
        return COPSE_LIMIT;
    }
    for (size_t i = 0; i < decimal->count; i++) {
        uint64_t digit = (uint64_t)(decimal->digits[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            /* -2^64 is the one integer whose magnitude does not fit. */
            bool lowest = decimal->negative && decimal->count == 20 &&
                          memcmp(decimal->digits, "18446744073709551616", 20) == 0;
            *number = (copse_json_number){.negative = true, .arg = UINT64_MAX};
            return lowest ? COPSE_OK : COPSE_LIMIT;
        }
        value = value * 10 + digit;
    }
    bool negative = decimal->negative && value != 0;
    *number = (copse_json_number){.negative = negative, .arg = negative ? value - 1 : value};
    return COPSE_OK;
}

/* Integers of up to 18 digits, which nearly all are. False: not one of them. */
static bool json_parse_short_int(copse_bytes text, copse_json_number *number)
{
    uint64_t value = 0;
    bool negative = text.len != 0 && text.ptr[0] == '-';
    size_t start = negative ? 1 : 0;
    if (text.len == start || text.len - start > 18 ||
        (text.ptr[start] == '0' && text.len - start > 1)) {
        return false;
    }
    for (size_t i = start; i < text.len; i++) {
        if (!copse_json_is_digit(text.ptr[i])) {
            return false;
        }
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    negative = negative && value != 0;
    *number = (copse_json_number){.negative = negative, .arg = negative ? value - 1 : value};
    return true;
}

/* Decimals of up to 15 digits without exponent: digits and power of ten are exact, so the quotient
 * is the nearest double. False: not one of them. */
static bool json_parse_short_decimal(copse_bytes text, copse_json_number *number)
{
    uint64_t digits = 0;
    bool negative = text.len != 0 && text.ptr[0] == '-';
    size_t start = negative ? 1 : 0;
    size_t point = text.len;
    if (text.len - start > 16 || text.len - start < 3 ||
        (text.ptr[start] == '0' && text.ptr[start + 1] != '.')) {
        return false;
    }
    for (size_t i = start; i < text.len; i++) {
        if (text.ptr[i] == '.' && point == text.len) {
            point = i;
        } else if (copse_json_is_digit(text.ptr[i])) {
            digits = digits * 10 + (uint64_t)(text.ptr[i] - '0');
        } else {
            return false;
        }
    }
    if (point == start || point + 1 >= text.len) {
        return false;
    }
    double real = (double)digits / json_powers[text.len - point - 1];
    *number = (copse_json_number){.is_float = true, .real = negative ? -real : real};
    return true;
}

copse_status copse_json_double_parse(copse_bytes text, double *ret_value)
{
    json_decimal decimal;
    bool is_float = false;
    if (!json_decimal_parse(&decimal, text, &is_float)) {
        return COPSE_CORRUPT;
    }
    double value = json_decimal_to_double(&decimal);
    if (!isfinite(value)) {
        return COPSE_LIMIT;
    }
    *ret_value = decimal.negative ? -value : value;
    return COPSE_OK;
}

copse_status copse_json_number_parse(copse_bytes text, copse_json_number *ret_number)
{
    json_decimal decimal;
    bool is_float = false;
    if (json_parse_short_int(text, ret_number) || json_parse_short_decimal(text, ret_number)) {
        return COPSE_OK;
    }
    if (!json_decimal_parse(&decimal, text, &is_float)) {
        return COPSE_CORRUPT;
    }
    if (!is_float) {
        return json_decimal_to_int(&decimal, ret_number);
    }
    double real = json_decimal_to_double(&decimal);
    if (!isfinite(real)) {
        return COPSE_LIMIT;
    }
    *ret_number = (copse_json_number){.is_float = true, .real = decimal.negative ? -real : real};
    return COPSE_OK;
}

/* ---- Writing ---- */

/* Rounds a positive value to `count` digits, without trailing zeros. */
static void json_decimal_round(json_decimal *decimal, double value, int count)
{
    char text[64];
    /* d.dddde+xx, whatever the locale writes for the point */
    (void)snprintf(text, sizeof text, "%.*e", count - 1, value);
    const char *at = text;
    decimal->count = 0;
    decimal->dropped = false;
    for (; *at != 'e' && *at != '\0'; at++) {
        if (copse_json_is_digit((uint8_t)*at)) {
            decimal->digits[decimal->count++] = *at;
        }
    }
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0') {
        decimal->count--;
    }
    bool negative = at[0] == 'e' && at[1] == '-';
    int64_t exponent = 0;
    for (; *at != '\0'; at++) {
        if (copse_json_is_digit((uint8_t)*at)) {
            exponent = exponent * 10 + (*at - '0');
        }
    }
    decimal->point = (negative ? -exponent : exponent) + 1;
}

/* Tries the decimals with up to 9 places and 15 digits, which most numbers are: their digits and
 * the power of ten are exact, so the quotient is the double that they read back as. */
static bool json_decimal_short(json_decimal *decimal, double value)
{
    char digits[20];
    for (int places = 0; places <= 9; places++) {
        double scaled = value * json_powers[places];
        if (scaled >= 1e15) {
            return false;
        }
        uint64_t whole = (uint64_t)(scaled + 0.5);
        double back = (double)whole / json_powers[places];
        if (back < value || back > value || whole == 0) {
            continue;
        }
        size_t count = 0;
        decimal->point = -places;
        for (; whole != 0; whole /= 10) {
            digits[count++] = (char)('0' + whole % 10);
        }
        decimal->point += (int64_t)count;
        decimal->count = 0;
        while (count > 0) {
            decimal->digits[decimal->count++] = digits[--count];
        }
        while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0') {
            decimal->count--;
        }
        decimal->dropped = false;
        return true;
    }
    return false;
}

/* The shortest decimal that reads back as `value`, which is positive. */
static void json_decimal_shortest(json_decimal *decimal, double value)
{
    if (json_decimal_short(decimal, value)) {
        return;
    }
    for (int count = value < DBL_MIN ? 1 : 15; count <= 17; count++) {
        json_decimal_round(decimal, value, count);
        if (json_decimal_to_double(decimal) >= value && json_decimal_to_double(decimal) <= value) {
            return;
        }
    }
}

static size_t json_put(char *text, size_t at, const char *bytes, size_t count)
{
    memcpy(text + at, bytes, count);
    return at + count;
}

static size_t json_put_zeros(char *text, size_t at, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        text[at++] = '0';
    }
    return at;
}

/* Plain notation, for -6 < point <= 21. */
static size_t json_decimal_put_plain(const json_decimal *decimal, char *text, size_t at)
{
    int64_t count = (int64_t)decimal->count;
    int64_t point = decimal->point;
    if (point <= 0) {
        at = json_put(text, at, "0.", 2);
        at = json_put_zeros(text, at, -point);
        return json_put(text, at, decimal->digits, decimal->count);
    }
    if (point >= count) {
        at = json_put(text, at, decimal->digits, decimal->count);
        at = json_put_zeros(text, at, point - count);
        return json_put(text, at, ".0", 2);
    }
    at = json_put(text, at, decimal->digits, (size_t)point);
    text[at++] = '.';
    return json_put(text, at, decimal->digits + point, decimal->count - (size_t)point);
}

static size_t json_decimal_put_exponent(const json_decimal *decimal, char *text, size_t at)
{
    text[at++] = decimal->digits[0];
    if (decimal->count > 1) {
        text[at++] = '.';
        at = json_put(text, at, decimal->digits + 1, decimal->count - 1);
    }
    int size =
        snprintf(text + at, COPSE_JSON_NUMBER_TEXT_SIZE_MAX - at, "e%+d", (int)decimal->point - 1);
    return at + (size_t)size;
}

size_t copse_json_float_write(double value, char ret_text[COPSE_JSON_NUMBER_TEXT_SIZE_MAX])
{
    json_decimal decimal;
    size_t at = 0;
    if (signbit(value)) {
        ret_text[at++] = '-';
        value = -value;
    }
    if (!(value > 0.0)) {
        return json_put(ret_text, at, "0.0", 3);
    }
    json_decimal_shortest(&decimal, value);
    if (decimal.point > -6 && decimal.point <= 21) {
        return json_decimal_put_plain(&decimal, ret_text, at);
    }
    return json_decimal_put_exponent(&decimal, ret_text, at);
}

size_t copse_json_int_write(bool negative, uint64_t arg,
                            char ret_text[COPSE_JSON_NUMBER_TEXT_SIZE_MAX])
{
    char digits[COPSE_JSON_NUMBER_TEXT_SIZE_MAX];
    size_t count = 0;
    size_t at = 0;
    if (negative) {
        ret_text[at++] = '-';
    }
    if (negative && arg == UINT64_MAX) {
        return json_put(ret_text, at, "18446744073709551616", 20);
    }
    uint64_t value = negative ? arg + 1 : arg;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0) {
        ret_text[at++] = digits[--count];
    }
    return at;
}
