/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/json_print.h"

#include <copse/cid.h>

#include "value/json_number.h"
#include "value/json_token.h"
#include "value/multibase.h"

copse_status copse_json_print(copse_buf *buf, const char *text)
{
    return copse_buf_append(buf, copse_bytes_of_text(text));
}

static copse_status json_print_escape(copse_buf *buf, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    size_t size = sizeof escape;
    static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof named; i += 2) {
        if ((uint8_t)named[i] == byte) {
            escape[1] = named[i + 1];
            size = 2;
        }
    }
    return copse_buf_append(buf, (copse_bytes){(const uint8_t *)escape, size});
}

copse_status copse_json_print_string(copse_buf *buf, copse_bytes text)
{
    copse_status status = copse_buf_append_byte(buf, '"');
    const uint8_t *at = text.ptr;
    const uint8_t *end = text.len != 0 ? at + text.len : at;
    while (status == COPSE_OK && at < end) {
        uint64_t seen = 0;
        const uint8_t *plain_end = copse_json_plain_end(at, end, &seen);
        status = copse_buf_append(buf, (copse_bytes){at, (size_t)(plain_end - at)});
        if (status == COPSE_OK && plain_end < end) {
            status = json_print_escape(buf, *plain_end++);
        }
        at = plain_end;
    }
    return status == COPSE_OK ? copse_buf_append_byte(buf, '"') : status;
}

copse_status copse_json_print_int(copse_buf *buf, bool negative, uint64_t arg)
{
    char text[COPSE_JSON_NUMBER_TEXT_SIZE_MAX];
    size_t size = copse_json_int_write(negative, arg, text);
    return copse_buf_append(buf, (copse_bytes){(const uint8_t *)text, size});
}

copse_status copse_json_print_float(copse_buf *buf, double value)
{
    char text[COPSE_JSON_NUMBER_TEXT_SIZE_MAX];
    size_t size = copse_json_float_write(value, text);
    return copse_buf_append(buf, (copse_bytes){(const uint8_t *)text, size});
}

copse_status copse_json_print_base64(copse_buf *buf, copse_bytes bytes)
{
    copse_status status = copse_buf_reserve(buf, copse_base64_text_size(bytes.len));
    if (status == COPSE_OK && bytes.len != 0) {
        buf->len += copse_base64_encode(bytes, (char *)(buf->ptr + buf->len));
    }
    return status;
}

copse_status copse_json_print_link(copse_buf *buf, copse_bytes cid)
{
    copse_cid parsed;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_status status = copse_cid_from_bytes(cid, &parsed, NULL);
    if (status != COPSE_OK) {
        return status;
    }
    size_t size = copse_cid_to_text(&parsed, COPSE_BASE32, text);
    status = copse_json_print(buf, "{\"/\":\"");
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, (copse_bytes){(const uint8_t *)text, size});
    }
    return status == COPSE_OK ? copse_json_print(buf, "\"}") : status;
}
