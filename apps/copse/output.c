/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "output.h"

#include "text.h"

#include <copse/dag_cbor.h>
#include <copse/dag_json.h>
#include <copse/ext_json.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char output_hex_digits[] = "0123456789abcdef";

void copse_output_init(copse_output *out, const copse_env *env)
{
    *out = (copse_output){.env = env};
}

bool copse_output_flush(copse_output *out)
{
    if (!out->failed && ((out->used > 0 && fwrite(out->buffer, out->used, 1, stdout) != 1) ||
                         fflush(stdout) != 0)) {
        out->failed = true;
        out->os_errno = errno;
    }
    out->used = 0;
    return !out->failed;
}

/* ---- Text ---- */

void copse_output_raw(copse_output *out, copse_bytes bytes)
{
    while (bytes.len > 0) {
        size_t room = sizeof out->buffer - out->used;
        size_t part = bytes.len < room ? bytes.len : room;
        memcpy(out->buffer + out->used, bytes.ptr, part);
        out->used += part;
        bytes.ptr += part;
        bytes.len -= part;
        if (out->used == sizeof out->buffer) {
            (void)copse_output_flush(out);
        }
    }
}

static void output_puts(copse_output *out, const char *text)
{
    copse_output_raw(out, copse_bytes_of_text(text));
}

void copse_output_format(copse_output *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    output_puts(out, text);
}

static void output_hex(copse_output *out, copse_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t pair[2] = {(uint8_t)output_hex_digits[bytes.ptr[i] >> 4],
                           (uint8_t)output_hex_digits[bytes.ptr[i] & 15]};
        copse_output_raw(out, (copse_bytes){pair, 2});
    }
}

/* How many bytes from the start are printable ASCII without the characters in `special`. */
static size_t output_plain_run(copse_bytes bytes, char special1, char special2)
{
    size_t len = 0;
    while (len < bytes.len && bytes.ptr[len] >= 0x20 && bytes.ptr[len] < 0x7f &&
           bytes.ptr[len] != (uint8_t)special1 && bytes.ptr[len] != (uint8_t)special2) {
        len++;
    }
    return len;
}

static void output_escape(copse_output *out, uint8_t byte)
{
    const char *named = byte == '\t'   ? "\\t"
                        : byte == '\n' ? "\\n"
                        : byte == '\r' ? "\\r"
                        : byte == '\\' ? "\\\\"
                                       : NULL;
    if (named != NULL) {
        output_puts(out, named);
    } else {
        output_puts(out, "\\x");
        output_hex(out, (copse_bytes){&byte, 1});
    }
}

static void output_escaped(copse_output *out, copse_bytes bytes)
{
    while (bytes.len > 0) {
        size_t len = output_plain_run(bytes, '\\', '\\');
        if (len == 0) {
            uint32_t code = 0;
            len = copse_text_utf8_char(bytes, &code);
            if (len < 2 || code < 0xa0) {
                len = len == 0 ? 1 : len;
                for (size_t i = 0; i < len; i++) {
                    output_escape(out, bytes.ptr[i]);
                }
                bytes.ptr += len;
                bytes.len -= len;
                continue;
            }
        }
        copse_output_raw(out, (copse_bytes){bytes.ptr, len});
        bytes.ptr += len;
        bytes.len -= len;
    }
}

void copse_output_bytes(copse_output *out, copse_bytes bytes)
{
    if (out->hex) {
        output_hex(out, bytes);
    } else {
        output_escaped(out, bytes);
    }
}

static copse_status output_dag_json(copse_output *out, const char *name, copse_bytes encoded,
                                    copse_err *err);

/* Whether the item is a byte string, and its content. */
static bool output_is_bytes(copse_bytes encoded, copse_bytes *ret_content)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init_lax(&reader, encoded);
    if (copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_BYTES) {
        return false;
    }
    *ret_content = item.bytes;
    return true;
}

copse_status copse_output_value(copse_output *out, copse_bytes encoded, copse_err *err)
{
    copse_bytes content;
    if (output_is_bytes(encoded, &content)) {
        copse_output_bytes(out, content);
        return COPSE_OK;
    }
    return output_dag_json(out, NULL, encoded, err);
}

/* ---- JSON ---- */

static void output_json_string(copse_output *out, copse_bytes text)
{
    output_puts(out, "\"");
    while (text.len > 0) {
        size_t len = output_plain_run(text, '"', '\\');
        if (len > 0) {
            copse_output_raw(out, (copse_bytes){text.ptr, len});
        } else {
            uint8_t byte = text.ptr[0];
            len = 1;
            if (byte == '"' || byte == '\\') {
                copse_output_format(out, "\\%c", byte);
            } else if (byte < 0x20 || byte == 0x7f) {
                copse_output_format(out, "\\u%04x", byte);
            } else {
                copse_output_raw(out, (copse_bytes){&byte, 1});
            }
        }
        text.ptr += len;
        text.len -= len;
    }
    output_puts(out, "\"");
}

static void output_name(copse_output *out, const char *name)
{
    if (out->comma) {
        output_puts(out, ",");
    }
    if (name != NULL) {
        copse_output_format(out, "\"%s\":", name);
    }
    out->comma = true;
}

static void output_open(copse_output *out, const char *name, const char *bracket)
{
    output_name(out, name);
    output_puts(out, bracket);
    out->comma = false;
}

static void output_close(copse_output *out, const char *bracket)
{
    output_puts(out, bracket);
    out->comma = true;
}

void copse_output_begin(copse_output *out)
{
    out->comma = false;
    output_open(out, NULL, "{");
}

void copse_output_begin_member(copse_output *out, const char *name)
{
    output_open(out, name, "{");
}

void copse_output_end(copse_output *out)
{
    output_close(out, "}\n");
    out->comma = false;
}

void copse_output_end_member(copse_output *out)
{
    output_close(out, "}");
}

void copse_output_begin_array(copse_output *out, const char *name)
{
    output_open(out, name, "[");
}

void copse_output_end_array(copse_output *out)
{
    output_close(out, "]");
}

void copse_output_text(copse_output *out, const char *name, const char *text)
{
    copse_output_text_bytes(out, name, copse_bytes_of_text(text));
}

void copse_output_text_bytes(copse_output *out, const char *name, copse_bytes text)
{
    output_name(out, name);
    output_json_string(out, text);
}

void copse_output_number(copse_output *out, const char *name, uint64_t number)
{
    output_name(out, name);
    copse_output_format(out, "%" PRIu64, number);
}

void copse_output_real(copse_output *out, const char *name, double number)
{
    output_name(out, name);
    copse_output_format(out, "%.3f", number);
}

void copse_output_bool(copse_output *out, const char *name, bool value)
{
    output_name(out, name);
    output_puts(out, value ? "true" : "false");
}

void copse_output_null(copse_output *out, const char *name)
{
    output_name(out, name);
    output_puts(out, "null");
}

void copse_output_cid(copse_output *out, const char *name, const copse_cid *cid)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (cid == NULL) {
        copse_output_null(out, name);
        return;
    }
    output_name(out, name);
    (void)copse_cid_to_text(cid, COPSE_BASE32, text);
    copse_output_format(out, "\"%s\"", text);
}

static void output_base64(copse_output *out, copse_bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = (uint32_t)bytes.ptr[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.ptr[i + 2] : 0;
        uint8_t text[4];
        for (size_t j = 0; j < 4; j++) {
            text[j] = (uint8_t)digits[group >> (18 - 6 * j) & 63];
        }
        copse_output_raw(out, (copse_bytes){text, left + 1});
    }
}

void copse_output_key(copse_output *out, const char *name, copse_bytes bytes)
{
    output_name(out, name);
    if (out->hex) {
        output_puts(out, "\"");
        output_hex(out, bytes);
        output_puts(out, "\"");
    } else if (copse_text_is_utf8(bytes)) {
        output_json_string(out, bytes);
    } else {
        output_puts(out, "{\"/\":{\"bytes\":\"");
        output_base64(out, bytes);
        output_puts(out, "\"}}");
    }
}

static copse_status output_dag_json(copse_output *out, const char *name, copse_bytes encoded,
                                    copse_err *err)
{
    copse_buf json;
    copse_buf_init(&json, out->env, out->env->limits.json_size_bytes_max);
    copse_status status = copse_dag_json_from_cbor(out->env, encoded, COPSE_CBOR_LAX, &json, err);
    if (status == COPSE_OK) {
        if (name != NULL) {
            output_name(out, name);
        }
        copse_output_raw(out, copse_buf_view(&json));
    }
    copse_buf_release(&json);
    return status;
}

copse_status copse_output_item(copse_output *out, const char *name, copse_bytes encoded,
                               copse_err *err)
{
    copse_bytes content;
    if (encoded.ptr == NULL) {
        copse_output_null(out, name);
    } else if (!output_is_bytes(encoded, &content)) {
        return output_dag_json(out, name, encoded, err);
    } else {
        copse_output_key(out, name, content);
    }
    return COPSE_OK;
}

static copse_status output_ext_json(copse_output *out, const char *name, copse_bytes encoded,
                                    bool canonical, copse_err *err)
{
    copse_buf json;
    copse_buf_init(&json, out->env, out->env->limits.json_size_bytes_max);
    copse_status status = copse_ext_json_from_cbor(out->env, encoded, canonical, &json, err);
    if (status == COPSE_OK) {
        output_name(out, name);
        copse_output_raw(out, copse_buf_view(&json));
    }
    copse_buf_release(&json);
    return status;
}

copse_status copse_output_ext_json(copse_output *out, const char *name, copse_bytes encoded,
                                   copse_err *err)
{
    if (encoded.len == 0) {
        copse_output_null(out, name);
        return COPSE_OK;
    }
    return output_ext_json(out, name, encoded, false, err);
}

/* ---- Both ---- */

void copse_output_cid_line(copse_output *out, const char *name, const copse_cid *cid)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (out->json) {
        copse_output_begin(out);
        copse_output_cid(out, name, cid);
        copse_output_end(out);
        return;
    }
    (void)copse_cid_to_text(cid, COPSE_BASE32, text);
    copse_output_format(out, "%s\n", text);
}

void copse_output_number_line(copse_output *out, const char *name, uint64_t number)
{
    if (out->json) {
        copse_output_begin(out);
        copse_output_number(out, name, number);
        copse_output_end(out);
        return;
    }
    copse_output_format(out, "%" PRIu64 "\n", number);
}

copse_status copse_output_entry(copse_output *out, copse_bytes key, copse_bytes encoded,
                                copse_err *err)
{
    copse_status status = COPSE_OK;
    if (out->json) {
        copse_output_begin(out);
        copse_output_key(out, "key", key);
        status = copse_output_item(out, "value", encoded, err);
        copse_output_end(out);
        return status;
    }
    copse_output_bytes(out, key);
    output_puts(out, "\t");
    status = copse_output_value(out, encoded, err);
    output_puts(out, "\n");
    return status;
}

copse_status copse_output_value_ext_json(copse_output *out, copse_bytes encoded, copse_err *err)
{
    copse_status status = output_ext_json(out, NULL, encoded, false, err);
    out->comma = false;
    return status;
}

copse_status copse_output_document(copse_output *out, copse_bytes encoded, bool canonical,
                                   copse_err *err)
{
    copse_status status = output_ext_json(out, NULL, encoded, canonical, err);
    if (status == COPSE_OK) {
        output_puts(out, "\n");
    }
    out->comma = false;
    return status;
}
