/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/json_text.h"

#include "base/err.h"
#include "value/utf8.h"

#include <string.h>

copse_status copse_json_text_fail(copse_bytes text, size_t offset, copse_status status,
                                  const char *why, copse_err *err)
{
    size_t line = 1;
    size_t column = 1;
    if (err == NULL) {
        return status;
    }
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            line++;
            column = 1;
        } else if ((text.ptr[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return COPSE_ERR(err, status, "JSON, line %zu, column %zu: %s", line, column, why);
}

/* Where valid UTF-8 ends. */
static size_t json_text_utf8_end(copse_bytes text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t size = 1;
        while (size <= 4 && size <= text.len - at &&
               !copse_utf8_valid((copse_bytes){text.ptr + at, size})) {
            size++;
        }
        if (size > 4 || size > text.len - at) {
            break;
        }
        at += size;
    }
    return at;
}

static int json_hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The code unit of the escape \uXXXX at `at`, or -1 if there is none. */
static int json_escape_unit(copse_bytes text, size_t at)
{
    int unit = 0;
    if (text.len - at < 6 || text.ptr[at] != '\\' || text.ptr[at + 1] != 'u') {
        return -1;
    }
    for (size_t i = at + 2; i < at + 6; i++) {
        int digit = json_hex_digit(text.ptr[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* The size of the escape at `at`, which is a backslash; 0: half of a surrogate pair. What is no
 * escape at all is left to the parser. */
static size_t json_escape_size(copse_bytes text, size_t at)
{
    int unit = json_escape_unit(text, at);
    if (unit < 0xd800 || unit > 0xdfff) {
        return 2;
    }
    int second = at + 6 <= text.len ? json_escape_unit(text, at + 6) : -1;
    return unit <= 0xdbff && second >= 0xdc00 && second <= 0xdfff ? 12 : 0;
}

copse_status copse_json_text_check(copse_bytes text, copse_err *err)
{
    if (!copse_utf8_valid(text)) {
        return copse_json_text_fail(text, json_text_utf8_end(text), COPSE_CORRUPT,
                                    "not UTF-8: save the text as UTF-8", err);
    }
    size_t at = 0;
    while (at < text.len) {
        const uint8_t *found = memchr(text.ptr + at, '\\', text.len - at);
        if (found == NULL) {
            break;
        }
        at = (size_t)(found - text.ptr);
        size_t size = json_escape_size(text, at);
        if (size == 0) {
            return copse_json_text_fail(
                text, at, COPSE_CORRUPT,
                "half of a surrogate pair, which is no character: write \\uD8xx\\uDCxx together",
                err);
        }
        at += size;
    }
    return COPSE_OK;
}
