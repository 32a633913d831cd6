/* The pieces of JSON text (RFC 8259): white space, strings, numbers, and places in it.
 *
 * Nothing here needs a NUL behind the text. Strings are passed over eight bytes at a time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_JSON_TOKEN_H
#define COPSE_VALUE_JSON_TOKEN_H

#include <copse/bytes.h>
#include <copse/status.h>

#include "base/compiler.h"
#include "base/loadstore.h"
#include "value/utf8.h"

#define COPSE_JSON_ONES 0x0101010101010101u

/** A string between its quotes. */
typedef struct copse_json_string {
    copse_bytes raw;
    bool escaped; /**< There is a backslash. */
    bool ascii;   /**< No byte above 7f; false does not say that there is one. */
} copse_json_string;

COPSE_INLINE bool copse_json_is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

COPSE_INLINE bool copse_json_is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/** The value of a hexadecimal digit of either case, or -1. */
COPSE_INLINE int copse_json_hex_digit(uint8_t byte)
{
    if (copse_json_is_digit(byte)) {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/** Whether `byte` may belong to a number. */
COPSE_INLINE bool copse_json_is_numeric(uint8_t byte)
{
    return copse_json_is_digit(byte) || byte == '-' || byte == '+' || byte == '.' ||
           (byte | 0x20) == 'e';
}

COPSE_INLINE const uint8_t *copse_json_skip_space(const uint8_t *at, const uint8_t *end)
{
    while (at < end && copse_json_is_space(*at)) {
        at++;
    }
    return at;
}

/** The high bit of each byte of `word` that equals `byte`; bytes above the first one found may be
 * marked wrongly. */
COPSE_INLINE uint64_t copse_json_word_find(uint64_t word, uint8_t byte)
{
    uint64_t differs = word ^ COPSE_JSON_ONES * byte;
    return (differs - COPSE_JSON_ONES) & ~differs & COPSE_UTF8_HIGH_BITS;
}

/** The index of the lowest byte that is marked in `found`, which is not 0. */
COPSE_INLINE size_t copse_json_word_first(uint64_t found)
{
    uint64_t below = (found & (0 - found)) - 1;
    return (size_t)((((below & COPSE_JSON_ONES) * COPSE_JSON_ONES) >> 56) - 1);
}

/** Where the next byte is, from `at` on, that can't stand in a string as it is: a control
 * character, quote or backslash; or `end`. *seen gets the bits of all the bytes before it, and
 * perhaps of some behind it. */
COPSE_INLINE const uint8_t *copse_json_plain_end(const uint8_t *at, const uint8_t *end,
                                                 uint64_t *seen)
{
    for (; end - at >= 8; at += 8) {
        uint64_t word = copse_load_u64le(at);
        uint64_t found = ((word - COPSE_JSON_ONES * 0x20) & ~word & COPSE_UTF8_HIGH_BITS) |
                         copse_json_word_find(word, '"') | copse_json_word_find(word, '\\');
        *seen |= word;
        if (found != 0) {
            return at + copse_json_word_first(found);
        }
    }
    for (; at < end && *at >= 0x20 && *at != '"' && *at != '\\'; at++) {
        *seen |= *at;
    }
    return at;
}

/** Scans the string that begins at `at`, behind its quote. Returns where its closing quote is, or
 * else the control character or the end of the text that stands in it. Escapes and UTF-8 are not
 * looked at. */
COPSE_INLINE const uint8_t *copse_json_string_scan(const uint8_t *at, const uint8_t *end,
                                                   copse_json_string *ret_string)
{
    const uint8_t *start = at;
    uint64_t seen = 0;
    bool escaped = false;
    at = copse_json_plain_end(at, end, &seen);
    while (COPSE_UNLIKELY(at < end && *at == '\\')) {
        escaped = true;
        at = end - at > 2 ? copse_json_plain_end(at + 2, end, &seen) : end;
    }
    *ret_string = (copse_json_string){.raw = {start, (size_t)(at - start)},
                                      .escaped = escaped,
                                      .ascii = (seen & COPSE_UTF8_HIGH_BITS) == 0};
    return at;
}

/** Checks the UTF-8 and the escapes of a string. OK: *ret_size is its size without escapes.
 * CORRUPT: *ret_bad is the offset of what is wrong, *ret_why says what, in static storage. */
COPSE_MUST_USE copse_status copse_json_string_check(const copse_json_string *string,
                                                    size_t *ret_size, size_t *ret_bad,
                                                    const char **ret_why);

/** Writes a string that was checked, without escapes, to `to`: as many bytes as the check said. */
void copse_json_string_copy(const copse_json_string *string, uint8_t *to);

/** Fills `err` with `status` and the line and column (in characters) of `offset`, both from 1, then
 * `why`. Returns `status`. */
copse_status copse_json_text_fail(copse_bytes text, size_t offset, copse_status status,
                                  const char *why, copse_err *err);

#endif
