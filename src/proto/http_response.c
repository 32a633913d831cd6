/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/http_response.h"

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
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
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

static copse_status http_head_text(copse_buf *buf, const char *text)
{
    return copse_buf_append(buf, copse_bytes_of_text(text));
}

copse_status copse_http_header_write(copse_buf *headers, const char *name, copse_bytes value)
{
    size_t len_before = headers->len;
    for (size_t i = 0; i < value.len; i++) {
        if ((value.ptr[i] < ' ' && value.ptr[i] != '\t') || value.ptr[i] == 0x7f) {
            return COPSE_MISUSE;
        }
    }
    copse_status status = http_head_text(headers, name);
    if (status == COPSE_OK) {
        status = http_head_text(headers, ": ");
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(headers, value);
    }
    if (status == COPSE_OK) {
        status = http_head_text(headers, "\r\n");
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(headers, len_before);
    }
    return status;
}

/* What the library itself says in each head. */
static copse_status http_head_own(const copse_http_head *head, copse_buf *buf)
{
    char text[COPSE_HTTP_DATE_SIZE];
    copse_status status = COPSE_OK;
    if (head->now_ms > 0) {
        status = copse_http_header_write(buf, "Date",
                                         copse_bytes_of_text(copse_http_date(head->now_ms, text)));
    }
    if (status == COPSE_OK && head->framing == COPSE_HTTP_FRAMING_LENGTH) {
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)head->length);
        status = copse_http_header_write(buf, "Content-Length", copse_bytes_of_text(text));
    }
    if (status == COPSE_OK && head->framing == COPSE_HTTP_FRAMING_CHUNKED && !head->is_head) {
        status = copse_http_header_write(buf, "Transfer-Encoding", copse_bytes_of_text("chunked"));
    }
    if (status == COPSE_OK && head->close) {
        status = copse_http_header_write(buf, "Connection", copse_bytes_of_text("close"));
    }
    return status;
}

copse_status copse_http_head_write(const copse_http_head *head, copse_buf *buf)
{
    char line[64];
    size_t len_before = buf->len;
    (void)snprintf(line, sizeof line, "HTTP/1.1 %03u %s\r\n", head->status % 1000,
                   copse_http_reason(head->status));
    copse_status status = http_head_text(buf, line);
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, head->headers);
    }
    if (status == COPSE_OK) {
        status = http_head_own(head, buf);
    }
    if (status == COPSE_OK) {
        status = http_head_text(buf, "\r\n");
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, len_before);
    }
    return status;
}

size_t copse_http_chunk_head(size_t size, char ret_text[COPSE_HTTP_CHUNK_HEAD_SIZE_MAX])
{
    return (size_t)snprintf(ret_text, COPSE_HTTP_CHUNK_HEAD_SIZE_MAX, "%zx\r\n", size);
}
