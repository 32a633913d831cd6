/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/reply.h"

#include "base/alloc.h"
#include "proto/http_response.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { REPLY_PARTS_MAX = 8 };

void copse_reply_header_bytes(copse_http_answer *answer, const char *name, copse_bytes value)
{
    if (copse_http_header_write(&answer->headers, name, value) != COPSE_OK) {
        answer->status = 503;
    }
}

void copse_reply_header_parts(copse_http_answer *answer, const char *name, const copse_bytes *parts,
                              size_t count)
{
    if (copse_http_header_write_parts(&answer->headers, name, parts, count) != COPSE_OK) {
        answer->status = 503;
    }
}

void copse_reply_header_join(copse_http_answer *answer, const char *name, ...)
{
    copse_bytes parts[REPLY_PARTS_MAX];
    size_t count = 0;
    const char *text;
    va_list texts;
    va_start(texts, name);
    while (count < REPLY_PARTS_MAX && (text = va_arg(texts, const char *)) != NULL) {
        parts[count++] = copse_bytes_of_text(text);
    }
    va_end(texts);
    copse_reply_header_parts(answer, name, parts, count);
}

void copse_reply_lines(copse_http_answer *answer, const char *lines)
{
    if (copse_buf_append(&answer->headers, copse_bytes_of_text(lines)) != COPSE_OK) {
        answer->status = 503;
    }
}

void copse_reply_header(copse_http_answer *answer, const char *name, const char *format, ...)
{
    char value[1024];
    const char *text = value;
    va_list arguments;
    va_start(arguments, format);
    /* Most are texts as they are: they need no formatting, which would cost more than all else. */
    if (strchr(format, '%') == NULL) {
        text = format;
    } else if (strcmp(format, "%s") == 0) {
        text = va_arg(arguments, const char *);
    } else {
        (void)vsnprintf(value, sizeof value, format, arguments);
    }
    va_end(arguments);
    copse_reply_header_bytes(answer, name, copse_bytes_of_text(text));
}

/* ---- Bodies of bytes ---- */

typedef struct reply_bytes {
    const copse_env *env;
    copse_buf buf;
    copse_block *block;
    copse_bytes rest; /* of one of the two */
} reply_bytes;

static copse_status reply_bytes_pull(void *ctx, copse_buf *buf, size_t size_max, copse_err *err)
{
    reply_bytes *bytes = ctx;
    size_t size = bytes->rest.len < size_max ? bytes->rest.len : size_max;
    (void)err;
    if (size == 0) {
        return COPSE_END; /* there may be no pointer either */
    }
    copse_status status = copse_buf_append(buf, (copse_bytes){bytes->rest.ptr, size});
    if (status != COPSE_OK) {
        return status;
    }
    bytes->rest.ptr += size;
    bytes->rest.len -= size;
    return bytes->rest.len == 0 ? COPSE_END : COPSE_OK;
}

static void reply_bytes_free(void *ctx)
{
    reply_bytes *bytes = ctx;
    bytes->block = copse_block_unref(bytes->block);
    copse_buf_release(&bytes->buf);
    copse_free(bytes->env, bytes, sizeof *bytes);
}

/* An empty body that is freed as one; NULL: no memory, and the answer says so. */
static reply_bytes *reply_begin_bytes(const copse_env *env, copse_http_answer *answer)
{
    reply_bytes *bytes = copse_alloc_zeroed(env, sizeof *bytes);
    if (bytes == NULL) {
        answer->status = 503;
        return NULL;
    }
    bytes->env = env;
    answer->body = (copse_http_body){reply_bytes_pull, reply_bytes_free, bytes};
    return bytes;
}

static void reply_end_bytes(copse_http_answer *answer, reply_bytes *bytes, copse_bytes rest)
{
    bytes->rest = rest;
    answer->length = rest.len;
}

void copse_reply_buf(const copse_env *env, copse_http_answer *answer, const char *content_type,
                     copse_buf *buf)
{
    copse_reply_header(answer, "Content-Type", "%s", content_type);
    copse_reply_header(answer, "X-Content-Type-Options", "nosniff");
    reply_bytes *bytes = reply_begin_bytes(env, answer);
    if (bytes == NULL) {
        copse_buf_release(buf);
        return;
    }
    bytes->buf = *buf;
    *buf = (copse_buf){0};
    reply_end_bytes(answer, bytes, copse_buf_view(&bytes->buf));
}

void copse_reply_block(const copse_env *env, copse_http_answer *answer, copse_block *block,
                       size_t from, size_t to)
{
    reply_bytes *bytes = reply_begin_bytes(env, answer);
    if (bytes != NULL) {
        bytes->block = copse_block_ref(block);
        reply_end_bytes(answer, bytes,
                        (copse_bytes){copse_block_data(block).ptr + from, to - from});
    }
}

/* ---- Errors ---- */

/* Whether a line of the headers begins like this. */
static bool reply_has_header(const copse_http_answer *answer, const char *start)
{
    copse_bytes rest = copse_buf_view(&answer->headers);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) + 1 : rest.len;
        if (copse_bytes_has_prefix(rest, copse_bytes_of_text(start))) {
            return true;
        }
        rest = (copse_bytes){rest.ptr + len, rest.len - len};
    }
    return false;
}

void copse_reply_line(const copse_env *env, copse_http_answer *answer, unsigned status,
                      const char *format, ...)
{
    char line[512];
    copse_buf buf;
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    copse_buf_init(&buf, env, sizeof line);
    if (len < 0 || copse_buf_append(&buf, copse_bytes_of_text(line)) != COPSE_OK ||
        copse_buf_append_byte(&buf, '\n') != COPSE_OK) {
        copse_buf_release(&buf);
        answer->status = 503;
        return;
    }
    copse_reply_header(answer, "Cache-Control", "no-store");
    if ((status == 503 || status == 429) && !reply_has_header(answer, "Retry-After: ")) {
        copse_reply_header(answer, "Retry-After", "1");
    }
    copse_reply_buf(env, answer, "text/plain; charset=utf-8", &buf);
    answer->status = answer->status == 200 ? status : answer->status;
}

void copse_reply_failure(const copse_env *env, copse_http_answer *answer, copse_status status,
                         const copse_err *err)
{
    switch (status) {
    case COPSE_NOT_FOUND:
        copse_reply_line(env, answer, 404, "%s", err->message);
        break;
    case COPSE_NOMEM:
        copse_reply_line(env, answer, 503, "the server has no memory left for now: try again");
        break;
    default:
        /* The message may name files of the server. */
        copse_reply_line(env, answer, 500,
                         "the server can't read it (%s): tell who runs it, or ask another",
                         copse_status_name(status));
        break;
    }
}

/* ---- Conditions ---- */

static copse_bytes reply_strong(copse_bytes etag)
{
    bool weak = etag.len > 2 && memcmp(etag.ptr, "W/", 2) == 0;
    return weak ? (copse_bytes){etag.ptr + 2, etag.len - 2} : etag;
}

bool copse_reply_not_modified(const copse_http_request *request, const char *etag,
                              copse_http_answer *answer)
{
    copse_bytes wanted = reply_strong(copse_bytes_of_text(etag));
    copse_bytes list;
    copse_bytes element;
    for (size_t i = 0; copse_http_request_header(request, "if-none-match", i, &list); i++) {
        while (copse_http_list_next(&list, &element)) {
            if (copse_bytes_equal(reply_strong(element), wanted) ||
                copse_bytes_equal(element, copse_bytes_of_text("*"))) {
                answer->status = 304;
                return true;
            }
        }
    }
    return false;
}
