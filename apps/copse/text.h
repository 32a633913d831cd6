/* Text in and out: numbers and sizes, hexadecimal, UTF-8.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_TEXT_H
#define COPSE_APPS_TEXT_H

#include <copse/buf.h>
#include <copse/bytes.h>

/** Reads a number of decimal digits only. False: it isn't one, or above 2^64 - 1. */
bool copse_text_to_count(const char *text, uint64_t *ret_count);

/** Reads a size: digits, then nothing or K, M, G, T (or KiB, MiB…): powers of 1,024. */
bool copse_text_to_size(const char *text, uint64_t *ret_size);

/** Reads "500ms", "10s", "2m", "48h" or "7d", as milliseconds. */
bool copse_text_to_ms(const char *text, uint64_t *ret_ms);

/** Appends the bytes that hexadecimal `text` stands for, in upper or lower case. CORRUPT: an odd
 * number of digits, or other characters; the buf is then as before. NOMEM, LIMIT: from the buf. */
COPSE_MUST_USE copse_status copse_text_decode_hex(copse_bytes text, copse_buf *buf);

/** The length of the UTF-8 character at the start of `bytes` (which is not empty), 1 to 4; 0: no
 * UTF-8. Sets its code point. */
size_t copse_text_utf8_char(copse_bytes bytes, uint32_t *ret_code_point);

/** Whether all of it is UTF-8. */
bool copse_text_is_utf8(copse_bytes bytes);

/** Room for what the two below write. */
#define COPSE_TEXT_NUMBER_SIZE 32

/** Writes "1,234,567" and returns it. */
const char *copse_text_of_count(uint64_t count, char ret_text[COPSE_TEXT_NUMBER_SIZE]);

/** Writes "640 B", "12.3 kB" or "1.23 GB" (powers of 1,000) and returns it. */
const char *copse_text_of_size(uint64_t size_bytes, char ret_text[COPSE_TEXT_NUMBER_SIZE]);

#endif
