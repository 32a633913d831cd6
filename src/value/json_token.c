/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/json_token.h"

#include "base/err.h"

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
    return COPSE_ERR(err, status, "line %zu, column %zu: %s", line, column, why);
}

/* Where valid UTF-8 ends. */
static size_t json_utf8_end(copse_bytes text)
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

/* ---- Escapes ---- */

/* The code unit of the escape \uXXXX at `at`, or -1 if there is none. */
static int json_escape_unit(copse_bytes text, size_t at)
{
    int unit = 0;
    if (at > text.len || text.len - at < 6 || text.ptr[at] != '\\' || text.ptr[at + 1] != 'u') {
        return -1;
    }
    for (size_t i = at + 2; i < at + 6; i++) {
        int digit = copse_json_hex_digit(text.ptr[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* What a letter behind a backslash stands for; 0: it is none of these. */
static uint8_t json_escape_letter(uint8_t letter)
{
    static const char pairs[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    for (size_t i = 0; i + 1 < sizeof pairs; i += 2) {
        if ((uint8_t)pairs[i] == letter) {
            return (uint8_t)pairs[i + 1];
        }
    }
    return 0;
}

/* Reads the escape at `at`, which is a backslash: its character, and its size in the text. Returns
 * what is wrong with it, or NULL. */
static const char *json_escape_read(copse_bytes text, size_t at, uint32_t *ret_character,
                                    size_t *ret_size)
{
    int unit = json_escape_unit(text, at);
    if (unit < 0) {
        *ret_character = at + 1 < text.len ? json_escape_letter(text.ptr[at + 1]) : 0;
        *ret_size = 2;
        return *ret_character != 0 ? NULL : "not an escape of JSON";
    }
    *ret_character = (uint32_t)unit;
    *ret_size = 6;
    if (unit < 0xd800 || unit > 0xdfff) {
        return NULL;
    }
    int second = json_escape_unit(text, at + 6);
    if (unit > 0xdbff || second < 0xdc00 || second > 0xdfff) {
        return "half of a surrogate pair, which is no character: write \\uD8xx\\uDCxx together";
    }
    *ret_character = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(second - 0xdc00);
    *ret_size = 12;
    return NULL;
}

static size_t json_utf8_size(uint32_t character)
{
    if (character < 0x80) {
        return 1;
    }
    if (character < 0x800) {
        return 2;
    }
    return character < 0x10000 ? 3 : 4;
}

/* Writes a character and returns its size. */
static size_t json_utf8_put(uint32_t character, uint8_t *to)
{
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t size = json_utf8_size(character);
    for (size_t i = size - 1; i > 0; i--) {
        to[i] = (uint8_t)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    to[0] = (uint8_t)(first[size] | character);
    return size;
}

/* The offset of the next backslash, or the text's size. */
static size_t json_escape_find(copse_bytes text, size_t at)
{
    const uint8_t *found = at < text.len ? memchr(text.ptr + at, '\\', text.len - at) : NULL;
    return found != NULL ? (size_t)(found - text.ptr) : text.len;
}

copse_status copse_json_string_check(const copse_json_string *string, size_t *ret_size,
                                     size_t *ret_bad, const char **ret_why)
{
    copse_bytes raw = string->raw;
    if (!string->ascii && !copse_utf8_valid(raw)) {
        *ret_bad = json_utf8_end(raw);
        *ret_why = "not UTF-8: save the text as UTF-8";
        return COPSE_CORRUPT;
    }
    size_t size = raw.len;
    size_t at = string->escaped ? json_escape_find(raw, 0) : raw.len;
    while (at < raw.len) {
        uint32_t character = 0;
        size_t escape_size = 0;
        *ret_why = json_escape_read(raw, at, &character, &escape_size);
        if (*ret_why != NULL) {
            *ret_bad = at;
            return COPSE_CORRUPT;
        }
        size -= escape_size - json_utf8_size(character);
        at = json_escape_find(raw, at + escape_size);
    }
    *ret_size = size;
    return COPSE_OK;
}

void copse_json_string_copy(const copse_json_string *string, uint8_t *to)
{
    copse_bytes raw = string->raw;
    for (size_t at = 0; at < raw.len;) {
        size_t escape = string->escaped ? json_escape_find(raw, at) : raw.len;
        memcpy(to, raw.ptr + at, escape - at);
        to += escape - at;
        at = escape;
        if (escape < raw.len) {
            uint32_t character = 0;
            size_t size = 0;
            (void)json_escape_read(raw, at, &character, &size);
            to += json_utf8_put(character, to);
            at += size;
        }
    }
}
