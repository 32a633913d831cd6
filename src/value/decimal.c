/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/decimal.h"

#include <string.h>

#define DECIMAL_TEN_17 UINT64_C(100000000000000000)
/* Exponents are read up to here; what is beyond is as far out of range. */
#define DECIMAL_EXPONENT_TEXT_MAX INT64_C(1000000000000000)

copse_u128 copse_decimal_coefficient_end(void)
{
    return (copse_u128)DECIMAL_TEN_17 * DECIMAL_TEN_17;
}

/* ---- Reading -------------------------------------------------------------------------------- */

typedef struct decimal_text {
    const uint8_t *at;
    const uint8_t *end;
} decimal_text;

static bool decimal_take_sign(decimal_text *text)
{
    bool negative = text->at < text->end && *text->at == '-';
    if (negative || (text->at < text->end && *text->at == '+')) {
        text->at++;
    }
    return negative;
}

static bool decimal_at_digit(const decimal_text *text)
{
    return text->at < text->end && *text->at >= '0' && *text->at <= '9';
}

/* Whether what is left is `word` (lower case), in any case. */
static bool decimal_is_word(const decimal_text *text, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(text->end - text->at) != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((text->at[i] | 0x20) != (uint8_t)word[i]) {
            return false;
        }
    }
    return true;
}

/* Digits with a point among them: coefficient and exponent so far. */
static bool decimal_take_digits(decimal_text *text, copse_u128 *ret_coefficient,
                                int64_t *ret_exponent)
{
    copse_u128 coefficient = 0;
    int64_t exponent = 0;
    unsigned digits = 0; /* of the coefficient, without zeros in front */
    bool any = false;
    bool point = false;
    for (; text->at < text->end; text->at++) {
        if (*text->at == '.' && !point) {
            point = true;
            continue;
        }
        if (!decimal_at_digit(text)) {
            break;
        }
        unsigned digit = (unsigned)(*text->at - '0');
        any = true;
        exponent -= point;
        if (digits < COPSE_DECIMAL_DIGITS_MAX) {
            coefficient = coefficient * 10 + digit;
            digits += coefficient != 0;
        } else if (digit == 0) {
            exponent++;
        } else {
            return false;
        }
    }
    *ret_coefficient = coefficient;
    *ret_exponent = exponent;
    return any;
}

/* An exponent, if there is one, up to the end of the text. */
static bool decimal_take_exponent(decimal_text *text, int64_t *exponent)
{
    if (text->at == text->end) {
        return true;
    }
    if ((*text->at | 0x20) != 'e') {
        return false;
    }
    text->at++;
    bool negative = decimal_take_sign(text);
    bool any = false;
    int64_t value = 0;
    for (; decimal_at_digit(text); text->at++) {
        any = true;
        if (value < DECIMAL_EXPONENT_TEXT_MAX) {
            value = value * 10 + (*text->at - '0');
        }
    }
    *exponent += negative ? -value : value;
    return any && text->at == text->end;
}

/* Brings the exponent into its range without changing the value. */
static bool decimal_fit(copse_u128 *coefficient, int64_t *exponent)
{
    if (*coefficient == 0) {
        if (*exponent > COPSE_DECIMAL_EXPONENT_MAX) {
            *exponent = COPSE_DECIMAL_EXPONENT_MAX;
        } else if (*exponent < COPSE_DECIMAL_EXPONENT_MIN) {
            *exponent = COPSE_DECIMAL_EXPONENT_MIN;
        }
        return true;
    }
    while (*exponent > COPSE_DECIMAL_EXPONENT_MAX) {
        *coefficient *= 10;
        (*exponent)--;
        if (*coefficient >= copse_decimal_coefficient_end()) {
            return false;
        }
    }
    while (*exponent < COPSE_DECIMAL_EXPONENT_MIN) {
        copse_u128 tenth = *coefficient / 10;
        if (tenth * 10 != *coefficient) {
            return false;
        }
        *coefficient = tenth;
        (*exponent)++;
    }
    return true;
}

bool copse_decimal_parse(copse_bytes input, copse_decimal *ret_decimal)
{
    if (input.len == 0) {
        return false;
    }
    decimal_text text = {input.ptr, input.ptr + input.len};
    copse_decimal decimal = {.negative = decimal_take_sign(&text)};
    if (decimal_is_word(&text, "nan")) {
        *ret_decimal = (copse_decimal){.kind = COPSE_DECIMAL_NAN};
        return true;
    }
    if (decimal_is_word(&text, "inf") || decimal_is_word(&text, "infinity")) {
        decimal.kind = COPSE_DECIMAL_INFINITE;
        *ret_decimal = decimal;
        return true;
    }
    int64_t exponent = 0;
    if (!decimal_take_digits(&text, &decimal.coefficient, &exponent) ||
        !decimal_take_exponent(&text, &exponent) || !decimal_fit(&decimal.coefficient, &exponent)) {
        return false;
    }
    decimal.exponent = (int32_t)exponent;
    *ret_decimal = decimal;
    return true;
}

bool copse_decimal_parse_canonical(copse_bytes text, copse_decimal *ret_decimal)
{
    copse_decimal decimal;
    uint8_t canonical[COPSE_DECIMAL_TEXT_SIZE_MAX];
    if (!copse_decimal_parse(text, &decimal)) {
        return false;
    }
    size_t size = copse_decimal_write(&decimal, canonical);
    if (!copse_bytes_equal(text, (copse_bytes){canonical, size})) {
        return false;
    }
    *ret_decimal = decimal;
    return true;
}

/* ---- Writing -------------------------------------------------------------------------------- */

static void decimal_put_17_digits(uint64_t value, uint8_t ret_digits[17])
{
    for (size_t i = 17; i > 0; i--) {
        ret_digits[i - 1] = (uint8_t)('0' + value % 10);
        value /= 10;
    }
}

static uint8_t *decimal_put(uint8_t *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

static uint8_t *decimal_put_scientific(uint8_t *at, const uint8_t *digits, size_t count,
                                       int32_t adjusted)
{
    *at++ = digits[0];
    if (count > 1) {
        *at++ = '.';
        at = decimal_put(at, digits + 1, count - 1);
    }
    *at++ = 'E';
    *at++ = adjusted < 0 ? '-' : '+';
    uint8_t exponent[17];
    decimal_put_17_digits((uint64_t)(adjusted < 0 ? -adjusted : adjusted), exponent);
    size_t zeros = 0;
    while (zeros < 16 && exponent[zeros] == '0') {
        zeros++;
    }
    return decimal_put(at, exponent + zeros, 17 - zeros);
}

/* `fraction` digits stand behind the point. */
static uint8_t *decimal_put_plain(uint8_t *at, const uint8_t *digits, size_t count, size_t fraction)
{
    if (count > fraction) {
        at = decimal_put(at, digits, count - fraction);
        digits += count - fraction;
        count = fraction;
    } else {
        *at++ = '0';
    }
    if (fraction > 0) {
        *at++ = '.';
        memset(at, '0', fraction - count);
        at = decimal_put(at + (fraction - count), digits, count);
    }
    return at;
}

size_t copse_decimal_write(const copse_decimal *decimal,
                           uint8_t ret_text[COPSE_DECIMAL_TEXT_SIZE_MAX])
{
    uint8_t *at = ret_text;
    if (decimal->negative) {
        *at++ = '-';
    }
    if (decimal->kind == COPSE_DECIMAL_NAN) {
        at = decimal_put(at, "NaN", 3);
        return (size_t)(at - ret_text);
    }
    if (decimal->kind == COPSE_DECIMAL_INFINITE) {
        at = decimal_put(at, "Infinity", 8);
        return (size_t)(at - ret_text);
    }
    uint8_t all[COPSE_DECIMAL_DIGITS_MAX];
    uint64_t upper = (uint64_t)(decimal->coefficient / DECIMAL_TEN_17);
    decimal_put_17_digits(upper, all);
    decimal_put_17_digits((uint64_t)(decimal->coefficient - (copse_u128)upper * DECIMAL_TEN_17),
                          all + 17);
    const uint8_t *digits = all;
    while (digits < all + COPSE_DECIMAL_DIGITS_MAX - 1 && *digits == '0') {
        digits++;
    }
    size_t count = (size_t)(all + COPSE_DECIMAL_DIGITS_MAX - digits);
    int32_t adjusted = decimal->exponent + (int32_t)count - 1;
    if (decimal->exponent <= 0 && adjusted >= -6) {
        at = decimal_put_plain(at, digits, count, (size_t)-decimal->exponent);
    } else {
        at = decimal_put_scientific(at, digits, count, adjusted);
    }
    return (size_t)(at - ret_text);
}
