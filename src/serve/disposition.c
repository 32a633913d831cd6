/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/disposition.h"

#include "serve/reply.h"
#include "value/utf8.h"

enum { DISPOSITION_NAME_BYTES_MAX = 255, DISPOSITION_BYTES_MAX = 2048 };

static copse_status disposition_text(copse_buf *buf, const char *text)
{
    return copse_buf_append(buf, copse_bytes_of_text(text));
}

/* Appends the name as ASCII; *ret_changed: it is another one. */
static copse_status disposition_ascii(copse_bytes name, copse_buf *buf, bool *ret_changed)
{
    copse_status status = COPSE_OK;
    *ret_changed = false;
    for (size_t i = 0; status == COPSE_OK && i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '/';
        *ret_changed |= c >= 0x80;
        if ((c & 0xc0) != 0x80) { /* one '_' a character, not a byte */
            status = copse_buf_append_byte(buf, plain ? c : '_');
        }
    }
    return status;
}

static copse_status disposition_write(copse_bytes name, copse_buf *buf)
{
    bool changed = false;
    copse_status status = disposition_text(buf, "; filename=\"");
    if (status == COPSE_OK) {
        status = disposition_ascii(name, buf, &changed);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(buf, '"');
    }
    if (status == COPSE_OK && changed) {
        status = disposition_text(buf, "; filename*=UTF-8''");
    }
    if (status == COPSE_OK && changed) {
        status = copse_http_percent_encode(name, buf);
    }
    return status;
}

/* Writes the name into `name`: what the parameter says, or `base` and `suffix`. NOMEM. */
static copse_status disposition_name(const copse_http_request *request, const char *base,
                                     const char *suffix, copse_buf *name)
{
    copse_bytes encoded;
    copse_status status = COPSE_CORRUPT;
    if (copse_http_request_parameter(request, "filename", &encoded)) {
        status = copse_http_percent_decode(encoded, name);
    }
    if (status == COPSE_NOMEM ||
        (status == COPSE_OK && name->len > 0 && copse_utf8_valid(copse_buf_view(name)))) {
        return status;
    }
    copse_buf_truncate(name, 0);
    status = disposition_text(name, base);
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(name, '.');
    }
    return status == COPSE_OK ? disposition_text(name, suffix) : status;
}

void copse_reply_disposition(const copse_env *env, const copse_http_request *request,
                             bool is_inline, const char *name, const char *suffix,
                             copse_http_answer *answer)
{
    copse_buf full_name;
    copse_buf header;
    copse_bytes download;
    bool downloads = copse_http_request_parameter(request, "download", &download) &&
                     copse_bytes_equal(download, copse_bytes_of_text("true"));
    const char *kind = is_inline && !downloads ? "inline" : "attachment";
    if (!copse_http_request_parameter(request, "filename", &download)) {
        copse_reply_header_join(answer, "Content-Disposition", kind, "; filename=\"", name, ".",
                                suffix, "\"", NULL);
        return;
    }
    copse_buf_init(&full_name, env, DISPOSITION_NAME_BYTES_MAX);
    copse_buf_init(&header, env, DISPOSITION_BYTES_MAX);
    copse_status status = disposition_name(request, name, suffix, &full_name);
    if (status == COPSE_OK) {
        status = disposition_text(&header, kind);
    }
    if (status == COPSE_OK) {
        status = disposition_write(copse_buf_view(&full_name), &header);
    }
    if (status == COPSE_OK) {
        copse_reply_header_bytes(answer, "Content-Disposition", copse_buf_view(&header));
    } else {
        answer->status = 503;
    }
    copse_buf_release(&full_name);
    copse_buf_release(&header);
}
