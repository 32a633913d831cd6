/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Reads digits; returns where they end, NULL if there are none or too many. */
static const char *text_read_digits(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return NULL;
        }
        number = number * 10 + digit;
    }
    *ret_number = number;
    return at != text ? at : NULL;
}

bool copse_text_to_count(const char *text, uint64_t *ret_count)
{
    uint64_t number = 0;
    const char *end = text_read_digits(text, &number);
    if (end == NULL || *end != '\0') {
        return false;
    }
    *ret_count = number;
    return true;
}

bool copse_text_to_size(const char *text, uint64_t *ret_size)
{
    static const char units[] = "KMGT";
    uint64_t number = 0;
    unsigned shift = 0;
    const char *end = text_read_digits(text, &number);
    if (end == NULL) {
        return false;
    }
    if (*end != '\0') {
        char upper = (char)(*end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end);
        const char *unit = strchr(units, upper);
        if (unit == NULL) {
            return false;
        }
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
        end += strcmp(end, "iB") == 0 ? 2 : strcmp(end, "B") == 0 ? 1 : 0;
    }
    if (*end != '\0' || number > UINT64_MAX >> shift) {
        return false;
    }
    *ret_size = number << shift;
    return true;
}

bool copse_text_to_ms(const char *text, uint64_t *ret_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    uint64_t number = 0;
    const char *end = text_read_digits(text, &number);
    for (size_t i = 0; end != NULL && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].name) == 0 && number <= UINT64_MAX / units[i].ms) {
            *ret_ms = number * units[i].ms;
            return true;
        }
    }
    return false;
}

static int text_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    uint8_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

copse_status copse_text_decode_hex(copse_bytes text, copse_buf *buf)
{
    if (text.len % 2 != 0) {
        return COPSE_CORRUPT;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text_hex_digit(text.ptr[i]) < 0) {
            return COPSE_CORRUPT;
        }
    }
    copse_status status = copse_buf_reserve(buf, text.len / 2);
    for (size_t i = 0; i < text.len && status == COPSE_OK; i += 2) {
        int byte = text_hex_digit(text.ptr[i]) << 4 | text_hex_digit(text.ptr[i + 1]);
        status = copse_buf_append_byte(buf, (uint8_t)byte);
    }
    return status;
}

size_t copse_text_utf8_char(copse_bytes bytes, uint32_t *ret_code_point)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = bytes.ptr[0];
    size_t len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len == 0 || len > bytes.len || first > 0xf4) {
        return 0;
    }
    uint32_t code = len == 1 ? first : first & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((bytes.ptr[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (bytes.ptr[i] & 0x3f);
    }
    if (code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }
    *ret_code_point = code;
    return len;
}

bool copse_text_is_utf8(copse_bytes bytes)
{
    uint32_t code = 0;
    while (bytes.len > 0) {
        size_t len = copse_text_utf8_char(bytes, &code);
        if (len == 0) {
            return false;
        }
        bytes.ptr += len;
        bytes.len -= len;
    }
    return true;
}

const char *copse_text_of_count(uint64_t count, char ret_text[COPSE_TEXT_NUMBER_SIZE])
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *at = ret_text;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            *at++ = ',';
        }
        *at++ = digits[i];
    }
    *at = '\0';
    return ret_text;
}

const char *copse_text_of_size(uint64_t size_bytes, char ret_text[COPSE_TEXT_NUMBER_SIZE])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double size = (double)size_bytes;
    size_t unit = 0;
    while (size >= 999.5) {
        size /= 1000;
        unit++;
    }
    int decimals = unit == 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
    (void)snprintf(ret_text, COPSE_TEXT_NUMBER_SIZE, "%.*f %s", decimals, size, units[unit]);
    return ret_text;
}
