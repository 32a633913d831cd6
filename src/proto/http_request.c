/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/http_request.h"

#include <string.h>

static uint8_t http_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool copse_http_name_equal(copse_bytes a, copse_bytes b)
{
    size_t i = 0;
    if (a.len != b.len) {
        return false;
    }
    while (i < a.len && http_lower(a.ptr[i]) == http_lower(b.ptr[i])) {
        i++;
    }
    return i == a.len;
}

bool copse_http_request_header(const copse_http_request *request, const char *name, size_t index,
                               copse_bytes *ret_value)
{
    copse_bytes wanted = copse_bytes_of_text(name);
    for (size_t i = 0; i < request->headers_count; i++) {
        if (copse_http_name_equal(request->headers[i].name, wanted) && index-- == 0) {
            *ret_value = request->headers[i].value;
            return true;
        }
    }
    return false;
}

/* ---- Lists ---- */

static copse_bytes http_trim(copse_bytes text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text = (copse_bytes){text.ptr + 1, text.len - 1};
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* The first part up to `separator` outside quotes that isn't empty. */
static bool http_split_next(copse_bytes *rest, uint8_t separator, copse_bytes *ret_part)
{
    copse_bytes part = {NULL, 0};
    while (rest->len > 0 && part.len == 0) {
        size_t at = 0;
        bool quoted = false;
        while (at < rest->len && (quoted || rest->ptr[at] != separator)) {
            bool escapes = quoted && rest->ptr[at] == '\\' && at + 1 < rest->len;
            quoted ^= rest->ptr[at] == '"';
            at += escapes ? 2 : 1;
        }
        part = http_trim((copse_bytes){rest->ptr, at});
        at += at < rest->len ? 1 : 0;
        *rest = (copse_bytes){rest->ptr + at, rest->len - at};
    }
    if (part.len > 0) {
        *ret_part = part;
    }
    return part.len > 0;
}

bool copse_http_list_next(copse_bytes *list, copse_bytes *ret_element)
{
    return http_split_next(list, ',', ret_element);
}

bool copse_http_parts_next(copse_bytes *element, copse_bytes *ret_part)
{
    return http_split_next(element, ';', ret_part);
}

bool copse_http_part_value(copse_bytes part, const char *name, copse_bytes *ret_text)
{
    size_t len = strlen(name);
    if (part.len <= len || part.ptr[len] != '=' ||
        !copse_http_name_equal((copse_bytes){part.ptr, len}, copse_bytes_of_text(name))) {
        return false;
    }
    copse_bytes text = {part.ptr + len + 1, part.len - len - 1};
    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"') {
        text = (copse_bytes){text.ptr + 1, text.len - 2};
    }
    *ret_text = text;
    return true;
}

/* "0.25" in thousandths; what is no weight counts as 0. */
static unsigned http_weight_parse(copse_bytes text)
{
    unsigned weight = 0;
    if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
        (text.len > 1 && text.ptr[1] != '.')) {
        return 0;
    }
    weight = text.ptr[0] == '1' ? 1000 : 0;
    for (size_t i = 2, unit = 100; i < text.len; i++, unit /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return 0;
        }
        weight += (unsigned)((text.ptr[i] - '0') * unit);
    }
    return weight > 1000 ? 1000 : weight;
}

unsigned copse_http_element_weight(copse_bytes element)
{
    copse_bytes part;
    copse_bytes text;
    while (copse_http_parts_next(&element, &part)) {
        if (copse_http_part_value(part, "q", &text)) {
            return http_weight_parse(text);
        }
    }
    return 1000;
}

/* ---- The target ---- */

bool copse_http_request_parameter(const copse_http_request *request, const char *name,
                                  copse_bytes *ret_value)
{
    copse_bytes rest = request->query;
    copse_bytes wanted = copse_bytes_of_text(name);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '&', rest.len);
        copse_bytes pair = {rest.ptr, end != NULL ? (size_t)(end - rest.ptr) : rest.len};
        const uint8_t *equals = pair.len > 0 ? memchr(pair.ptr, '=', pair.len) : NULL;
        copse_bytes key = {pair.ptr, equals != NULL ? (size_t)(equals - pair.ptr) : pair.len};
        size_t skip = pair.len + (end != NULL ? 1 : 0);
        rest = (copse_bytes){rest.ptr + skip, rest.len - skip};
        if (copse_bytes_equal(key, wanted)) {
            size_t value_at = key.len + (equals != NULL ? 1 : 0);
            *ret_value = (copse_bytes){pair.ptr + value_at, pair.len - value_at};
            return true;
        }
    }
    return false;
}

static int http_hex_digit(uint8_t c)
{
    uint8_t lower = http_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

copse_status copse_http_percent_decode(copse_bytes text, copse_buf *buf)
{
    size_t len_before = buf->len;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && text.len > 0) {
        const uint8_t *percent = memchr(text.ptr, '%', text.len);
        size_t plain = percent != NULL ? (size_t)(percent - text.ptr) : text.len;
        status = copse_buf_append(buf, (copse_bytes){text.ptr, plain});
        text = (copse_bytes){text.ptr + plain, text.len - plain};
        if (status == COPSE_OK && text.len > 0) {
            int high = text.len > 2 ? http_hex_digit(text.ptr[1]) : -1;
            int low = text.len > 2 ? http_hex_digit(text.ptr[2]) : -1;
            if (high < 0 || low < 0 || high + low == 0) {
                status = COPSE_CORRUPT;
                break;
            }
            status = copse_buf_append_byte(buf, (uint8_t)(high * 16 + low));
            text = (copse_bytes){text.ptr + 3, text.len - 3};
        }
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, len_before);
    }
    return status;
}

copse_status copse_http_percent_encode(copse_bytes text, copse_buf *buf)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len_before = buf->len;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < text.len; i++) {
        uint8_t c = text.ptr[i];
        uint8_t escaped[3] = {'%', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        status = plain ? copse_buf_append_byte(buf, c)
                       : copse_buf_append(buf, (copse_bytes){escaped, sizeof escaped});
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, len_before);
    }
    return status;
}
