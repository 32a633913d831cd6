/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/http_response.h"

#include "base/loadstore.h"

#include <stdio.h>
#include <string.h>

static const struct http_reason {
    unsigned status;
    const char *text;
} http_reasons[] = {
    {200, "OK"},
    {204, "No Content"},
    {206, "Partial Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

const char *copse_http_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof http_reasons / sizeof http_reasons[0]; i++) {
        if (http_reasons[i].status == status) {
            return http_reasons[i].text;
        }
    }
    return "Unknown";
}

/* ---- Date ---- */

const char *copse_http_date(uint64_t ms, char ret_text[COPSE_HTTP_DATE_SIZE])
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
    uint64_t seconds = ms / 1000 % 253402300800U; /* before the year 10000 */
    uint64_t day = seconds / 86400;
    /* Days are counted from 1 March of the year 0, so that a leap day ends a year. */
    uint64_t from_march = day + 719468;
    uint64_t era = from_march / 146097;
    uint64_t of_era = from_march % 146097;
    uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * of_year + 2) / 153; /* 0: March */
    unsigned of_month = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
    unsigned year = (unsigned)(era * 400 + year_of_era + (month >= 10 ? 1 : 0));
    (void)snprintf(ret_text, COPSE_HTTP_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
                   days + day % 7 * 3, of_month % 100, months + month * 3, year % 10000,
                   (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60),
                   (unsigned)(seconds % 60));
    return ret_text;
}

/* ---- Head ---- */

/* Appends several parts, or nothing. */
static copse_status http_head_append(copse_buf *buf, const copse_bytes *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].len;
    }
    copse_status status = copse_buf_reserve(buf, size);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        if (parts[i].len > 0) {
            memcpy(buf->ptr + buf->len, parts[i].ptr, parts[i].len);
            buf->len += parts[i].len;
        }
    }
    return status;
}

/* Whether no byte is a control character but tab, eight at a time. */
static bool http_head_is_line(copse_bytes text)
{
    const uint64_t ones = 0x0101010101010101U;
    const uint64_t tops = 0x8080808080808080U;
    for (; text.len >= 8; text = (copse_bytes){text.ptr + 8, text.len - 8}) {
        uint64_t word = copse_load_u64le(text.ptr);
        uint64_t rest = word ^ 0x7f * ones;
        if ((((word - 0x20 * ones) & ~word) | ((rest - ones) & ~rest)) & tops) {
            break; /* one may be, or is a tab */
        }
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

copse_status copse_http_header_write_parts(copse_buf *headers, const char *name,
                                           const copse_bytes *parts, size_t count)
{
    copse_bytes all[COPSE_HTTP_HEADER_PARTS_MAX + 3];
    size_t filled = 2;
    if (count > COPSE_HTTP_HEADER_PARTS_MAX) {
        return COPSE_MISUSE;
    }
    all[0] = copse_bytes_of_text(name);
    all[1] = copse_bytes_of_text(": ");
    for (size_t i = 0; i < count; i++) {
        if (!http_head_is_line(parts[i])) {
            return COPSE_MISUSE;
        }
        all[filled++] = parts[i];
    }
    all[filled++] = copse_bytes_of_text("\r\n");
    return http_head_append(headers, all, filled);
}

copse_status copse_http_header_write(copse_buf *headers, const char *name, copse_bytes value)
{
    return copse_http_header_write_parts(headers, name, &value, 1);
}

enum { HTTP_HEAD_DECIMAL_SIZE = 20 };

/* The digits of a number, which stand at the end of `text`. */
static copse_bytes http_head_decimal(uint64_t number, uint8_t text[HTTP_HEAD_DECIMAL_SIZE])
{
    size_t at = HTTP_HEAD_DECIMAL_SIZE;
    do {
        text[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return (copse_bytes){text + at, HTTP_HEAD_DECIMAL_SIZE - at};
}

copse_status copse_http_head_write(const copse_http_head *head, copse_buf *buf)
{
    uint8_t status[HTTP_HEAD_DECIMAL_SIZE];
    uint8_t length[HTTP_HEAD_DECIMAL_SIZE];
    const copse_bytes none = {NULL, 0};
    bool has_date = head->date != NULL;
    bool has_length = head->framing == COPSE_HTTP_FRAMING_LENGTH;
    bool is_chunked = head->framing == COPSE_HTTP_FRAMING_CHUNKED && !head->is_head;
    const copse_bytes parts[] = {
        copse_bytes_of_text("HTTP/1.1 "),
        http_head_decimal(head->status, status),
        copse_bytes_of_text(" "),
        copse_bytes_of_text(copse_http_reason(head->status)),
        copse_bytes_of_text("\r\n"),
        head->headers,
        copse_bytes_of_text(has_date ? "Date: " : ""),
        copse_bytes_of_text(has_date ? head->date : ""),
        copse_bytes_of_text(has_date ? "\r\n" : ""),
        copse_bytes_of_text(has_length ? "Content-Length: " : ""),
        has_length ? http_head_decimal(head->length, length) : none,
        copse_bytes_of_text(has_length ? "\r\n" : ""),
        copse_bytes_of_text(is_chunked ? "Transfer-Encoding: chunked\r\n" : ""),
        copse_bytes_of_text(head->close ? "Connection: close\r\n" : ""),
        copse_bytes_of_text("\r\n"),
    };
    return http_head_append(buf, parts, sizeof parts / sizeof parts[0]);
}

size_t copse_http_chunk_head(size_t size, char ret_text[COPSE_HTTP_CHUNK_HEAD_SIZE_MAX])
{
    return (size_t)snprintf(ret_text, COPSE_HTTP_CHUNK_HEAD_SIZE_MAX, "%zx\r\n", size);
}
