/* Numbers in JSON text. Nothing here depends on the locale.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_JSON_NUMBER_H
#define COPSE_VALUE_JSON_NUMBER_H

#include <copse/bytes.h>
#include <copse/status.h>

/** Room for the longest text of copse_json_float_write and copse_json_int_write. */
#define COPSE_JSON_NUMBER_TEXT_SIZE_MAX 40

typedef struct copse_json_number {
    bool is_float;
    bool negative; /**< Integer: the value is -1 - arg, else arg. */
    uint64_t arg;
    double real; /**< Float: finite. */
} copse_json_number;

/** Reads a number that fills `text`. CORRUPT: not a JSON number. LIMIT: an integer outside -2^64 to
 * 2^64 - 1, or a float above the largest finite one. -0 is the integer 0. */
COPSE_MUST_USE copse_status copse_json_number_parse(copse_bytes text,
                                                    copse_json_number *ret_number);

/** As copse_json_number_parse, but every number is a float: also 1, and integers of any size; -0 is
 * -0.0. LIMIT: above the largest finite one. */
COPSE_MUST_USE copse_status copse_json_double_parse(copse_bytes text, double *ret_value);

/** Writes a finite float in the fewest digits that read back as the same, laid out as in
 * ECMAScript, with ".0" where it would look like an integer. Returns the size; no NUL. */
size_t copse_json_float_write(double value, char ret_text[COPSE_JSON_NUMBER_TEXT_SIZE_MAX]);

/** Writes the integer arg, or -1 - arg. Returns the size; no NUL. */
size_t copse_json_int_write(bool negative, uint64_t arg,
                            char ret_text[COPSE_JSON_NUMBER_TEXT_SIZE_MAX]);

#endif
