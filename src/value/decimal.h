/* IEEE 754 decimal128 numbers and their text. Nothing here rounds.
 *
 * Format: docs/formats/values.md, "Decimals"; the text is to-scientific-string of the General
 * Decimal Arithmetic specification, https://speleotrove.com/decimal/daconvs.html.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_DECIMAL_H
#define COPSE_VALUE_DECIMAL_H

#include <copse/bytes.h>

#include "base/compiler.h"

#define COPSE_DECIMAL_DIGITS_MAX 34
#define COPSE_DECIMAL_EXPONENT_MIN (-6176)
#define COPSE_DECIMAL_EXPONENT_MAX 6111
/** Room for the longest text. */
#define COPSE_DECIMAL_TEXT_SIZE_MAX 44

typedef enum copse_decimal_kind {
    COPSE_DECIMAL_FINITE,
    COPSE_DECIMAL_INFINITE,
    COPSE_DECIMAL_NAN
} copse_decimal_kind;

/** A decimal: coefficient times ten to the exponent; 1.0 is other than 1. */
typedef struct copse_decimal {
    copse_decimal_kind kind;
    bool negative;          /**< Also of zero; never of NaN. */
    int32_t exponent;       /**< FINITE, else 0. */
    copse_u128 coefficient; /**< FINITE: below 10^34; else 0. */
} copse_decimal;

/** 10^34: coefficients are below. */
copse_u128 copse_decimal_coefficient_end(void);

/** Reads a number in any of its spellings, filling `text`. False: it is none, or not exact. */
bool copse_decimal_parse(copse_bytes text, copse_decimal *ret_decimal);

/** As copse_decimal_parse, of the canonical text only. */
bool copse_decimal_parse_canonical(copse_bytes text, copse_decimal *ret_decimal);

/** Writes the canonical text and returns its size; no NUL. */
size_t copse_decimal_write(const copse_decimal *decimal,
                           uint8_t ret_text[COPSE_DECIMAL_TEXT_SIZE_MAX]);

#endif
