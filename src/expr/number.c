/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/number.h"

#include <string.h>

static bool number_with_sign(uint64_t magnitude, bool negative, int64_t *ret_number)
{
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *ret_number = negative && magnitude != 0 ? -1 - (int64_t)(magnitude - 1) : (int64_t)magnitude;
    return true;
}

static bool number_of_double(double real, int64_t *ret_number, bool *ret_whole)
{
    const double limit = 9223372036854775808.0; /* 2^63 */
    if (!(real >= -limit && real < limit)) {
        return false; /* NaN too */
    }
    int64_t number = (int64_t)real;
    *ret_whole = (double)number == real;
    *ret_number = number;
    return true;
}

/* The decimal's exponent, behind its E. Cut far outside of what decimals have. */
static int number_exponent(copse_bytes text)
{
    enum { EXPONENT_MAX = 100000 };
    bool negative = text.len > 0 && text.ptr[0] == '-';
    int exponent = 0;
    for (size_t i = 0; i < text.len && exponent < EXPONENT_MAX; i++) {
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9') {
            exponent = exponent * 10 + (text.ptr[i] - '0');
        }
    }
    return negative ? -exponent : exponent;
}

/* A decimal's text taken apart: 0.d1d2d3… times ten to the power of `point`. */
typedef struct number_digits {
    uint8_t digits[40]; /* without zeros in front; decimals have 34 */
    size_t count;
    int point;
    bool negative;
} number_digits;

static bool number_split(copse_bytes text, number_digits *ret_digits)
{
    number_digits split = {.negative = text.len > 0 && text.ptr[0] == '-'};
    bool fraction = false;
    for (size_t i = split.negative ? 1 : 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i];
        if (byte == 'E') {
            split.point += number_exponent((copse_bytes){text.ptr + i + 1, text.len - i - 1});
            break;
        }
        if (byte == '.') {
            fraction = true;
            continue;
        }
        if (byte < '0' || byte > '9' || split.count == sizeof split.digits) {
            return false; /* NaN, Infinity */
        }
        bool leading = split.count == 0 && byte == '0';
        if (!leading) {
            split.digits[split.count++] = (uint8_t)(byte - '0');
        }
        split.point += fraction ? (leading ? -1 : 0) : (leading ? 0 : 1);
    }
    *ret_digits = split;
    return true;
}

static bool number_of_decimal(copse_bytes text, int64_t *ret_number, bool *ret_whole)
{
    enum { DIGITS_MAX = 19 };
    number_digits split;
    if (!number_split(text, &split) || (split.count != 0 && split.point > DIGITS_MAX)) {
        return false;
    }
    uint64_t magnitude = 0;
    bool whole = true;
    for (int i = 0; split.count != 0 && i < split.point; i++) {
        magnitude = magnitude * 10 + ((size_t)i < split.count ? split.digits[i] : 0);
    }
    for (size_t i = split.point > 0 ? (size_t)split.point : 0; i < split.count; i++) {
        whole = whole && split.digits[i] == 0;
    }
    if (!number_with_sign(magnitude, split.negative, ret_number)) {
        return false;
    }
    *ret_whole = whole;
    return true;
}

bool copse_number_truncate(const copse_value *value, int64_t *ret_number, bool *ret_whole)
{
    switch (value->type) {
    case COPSE_VALUE_INT:
        if (value->arg > INT64_MAX) {
            return false;
        }
        *ret_number = value->negative ? -1 - (int64_t)value->arg : (int64_t)value->arg;
        *ret_whole = true;
        return true;
    case COPSE_VALUE_FLOAT:
        return number_of_double(value->real, ret_number, ret_whole);
    case COPSE_VALUE_DECIMAL:
        return number_of_decimal(value->bytes, ret_number, ret_whole);
    default:
        return false;
    }
}

bool copse_number_is_nan(const copse_value *value)
{
    static const char nan[] = "NaN";
    if (value->type == COPSE_VALUE_FLOAT) {
        return value->real != value->real;
    }
    return value->type == COPSE_VALUE_DECIMAL && value->bytes.len >= sizeof nan - 1 &&
           memcmp(value->bytes.ptr + value->bytes.len - (sizeof nan - 1), nan, sizeof nan - 1) == 0;
}
