/* Values, writing: the forms.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/value.h>

#include "value/decimal.h"
#include "value/utf8.h"

#include <math.h>
#include <string.h>

/* Appends the map's head and `key`. */
static copse_status value_begin_form(copse_buf *buf, const char *key)
{
    copse_status status = copse_cbor_write_map(buf, 1);
    return status == COPSE_OK ? copse_cbor_write_text(buf, copse_bytes_of_text(key)) : status;
}

/* Takes a form back that failed on the way. */
static copse_status value_end_form(copse_buf *buf, size_t offset, copse_status status)
{
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status;
}

static copse_status value_write_text_form(copse_buf *buf, const char *key, copse_bytes text)
{
    size_t offset = buf->len;
    copse_status status = value_begin_form(buf, key);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, text);
    }
    return value_end_form(buf, offset, status);
}

static copse_status value_write_int_form(copse_buf *buf, const char *key, int64_t value)
{
    size_t offset = buf->len;
    copse_status status = value_begin_form(buf, key);
    if (status == COPSE_OK) {
        status = copse_cbor_write_int(buf, value);
    }
    return value_end_form(buf, offset, status);
}

copse_status copse_value_write_date(copse_buf *buf, int64_t date_ms)
{
    return value_write_int_form(buf, "$date", date_ms);
}

copse_status copse_value_write_min_key(copse_buf *buf)
{
    return value_write_int_form(buf, "$minKey", 1);
}

copse_status copse_value_write_max_key(copse_buf *buf)
{
    return value_write_int_form(buf, "$maxKey", 1);
}

copse_status copse_value_write_float(copse_buf *buf, double value)
{
    const char *text = NULL;
    if (isnan(value)) {
        text = "NaN";
    } else if (isinf(value)) {
        text = value > 0 ? "Infinity" : "-Infinity";
    } else if (value == 0 && signbit(value)) {
        text = "-0.0";
    } else {
        return copse_cbor_write_float(buf, value);
    }
    return value_write_text_form(buf, "$numberDouble", copse_bytes_of_text(text));
}

/* Two digits a byte. */
static void value_hex(const uint8_t *bytes, size_t size, uint8_t *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        ret_text[2 * i] = (uint8_t)digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = (uint8_t)digits[bytes[i] & 15];
    }
}

copse_status copse_value_write_object_id(copse_buf *buf, const uint8_t id[12])
{
    uint8_t text[24];
    value_hex(id, 12, text);
    return value_write_text_form(buf, "$oid", (copse_bytes){text, sizeof text});
}

copse_status copse_value_write_binary(copse_buf *buf, copse_bytes content, uint8_t subtype)
{
    if (subtype == 0) {
        return copse_cbor_write_bytes(buf, content);
    }
    size_t offset = buf->len;
    uint8_t text[2];
    value_hex(&subtype, 1, text);
    copse_status status = value_begin_form(buf, "$binary");
    if (status == COPSE_OK) {
        status = copse_cbor_write_map(buf, 2);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("base64"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_bytes(buf, content);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("subType"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, (copse_bytes){text, sizeof text});
    }
    return value_end_form(buf, offset, status);
}

copse_status copse_value_write_timestamp(copse_buf *buf, uint32_t seconds, uint32_t increment)
{
    size_t offset = buf->len;
    copse_status status = value_begin_form(buf, "$timestamp");
    if (status == COPSE_OK) {
        status = copse_cbor_write_map(buf, 2);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("i"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, increment);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("t"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, seconds);
    }
    return value_end_form(buf, offset, status);
}

/* Puts option letters in alphabetical order. False: one twice, or none of the known. */
static bool value_sort_options(copse_bytes options, uint8_t ret_sorted[6], size_t *ret_count)
{
    static const char letters[] = "ilmsux";
    size_t count = 0;
    for (size_t i = 0; i < sizeof letters - 1; i++) {
        for (size_t k = 0; k < options.len; k++) {
            if (options.ptr[k] == (uint8_t)letters[i]) {
                ret_sorted[count++] = options.ptr[k];
                break;
            }
        }
    }
    *ret_count = count;
    return count == options.len;
}

copse_status copse_value_write_regex(copse_buf *buf, copse_bytes pattern, copse_bytes options)
{
    uint8_t sorted[6];
    size_t count = 0;
    if (!value_sort_options(options, sorted, &count) ||
        (pattern.len > 0 && memchr(pattern.ptr, 0, pattern.len) != NULL)) {
        return COPSE_MISUSE;
    }
    size_t offset = buf->len;
    copse_status status = value_begin_form(buf, "$regularExpression");
    if (status == COPSE_OK) {
        status = copse_cbor_write_map(buf, 2);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("options"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, (copse_bytes){sorted, count});
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("pattern"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, pattern);
    }
    return value_end_form(buf, offset, status);
}

copse_status copse_value_write_decimal(copse_buf *buf, copse_bytes text)
{
    copse_decimal decimal;
    uint8_t canonical[COPSE_DECIMAL_TEXT_SIZE_MAX];
    if (!copse_decimal_parse(text, &decimal)) {
        return COPSE_MISUSE;
    }
    size_t size = copse_decimal_write(&decimal, canonical);
    return value_write_text_form(buf, "$numberDecimal", (copse_bytes){canonical, size});
}
