/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/http_reader.h"

#include "base/alloc.h"
#include "base/err.h"

#include <llhttp.h>

#include <string.h>

enum { HTTP_READER_BODY_KEPT_BYTES_MAX = 64 << 10 };

typedef enum http_reader_state {
    HTTP_READER_HEAD, /* gathers the head */
    HTTP_READER_BODY, /* HEAD was handed out; llhttp is paused behind the head, or in the body */
    HTTP_READER_END   /* END was handed out */
} http_reader_state;

struct copse_http_reader {
    const copse_env *env;
    http_reader_state state;
    copse_buf head;
    size_t line_start; /* in head, of the line that is being gathered */
    size_t lines;      /* whole ones in head */
    unsigned blank;    /* bytes of the CRLF before the request line */
    copse_buf body;
    size_t framed_bytes;        /* of the body with its framing */
    copse_http_header *headers; /* made when the first head is whole */
    size_t headers_max;
    copse_http_request request;
    copse_status failed; /* a refusal, or what a callback failed with */
    unsigned refusal;
    llhttp_t parser;
    llhttp_settings_t callbacks;
};

/* ---- llhttp's callbacks ---- */

static copse_bytes http_reader_span(const char *at, size_t len)
{
    return (copse_bytes){(const uint8_t *)at, len};
}

static int http_reader_on_url(llhttp_t *parser, const char *at, size_t len)
{
    copse_http_reader *reader = parser->data;
    reader->request.target = http_reader_span(at, len);
    return HPE_OK;
}

/* Names and values come whole, since the head is parsed in one piece. After the head come those of
 * trailers, which are dropped. http_reader_end_line has counted the headers. */
static int http_reader_on_name(llhttp_t *parser, const char *at, size_t len)
{
    copse_http_reader *reader = parser->data;
    if (reader->state == HTTP_READER_HEAD) {
        reader->headers[reader->request.headers_count++] =
            (copse_http_header){.name = http_reader_span(at, len)};
    }
    return HPE_OK;
}

static int http_reader_on_value(llhttp_t *parser, const char *at, size_t len)
{
    copse_http_reader *reader = parser->data;
    if (reader->state == HTTP_READER_HEAD) {
        while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t')) {
            len--;
        }
        reader->headers[reader->request.headers_count - 1].value = http_reader_span(at, len);
    }
    return HPE_OK;
}

static int http_reader_on_body(llhttp_t *parser, const char *at, size_t len)
{
    copse_http_reader *reader = parser->data;
    reader->failed = copse_buf_append(&reader->body, http_reader_span(at, len));
    return reader->failed == COPSE_OK ? HPE_OK : HPE_USER;
}

static int http_reader_on_pause(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

/* ---- Life ---- */

copse_status copse_http_reader_new(const copse_env *env, copse_http_reader **ret_reader,
                                   copse_err *err)
{
    copse_http_reader *reader = copse_alloc_zeroed(env, sizeof *reader);
    if (reader == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    reader->env = env;
    copse_buf_init(&reader->head, env, env->limits.http_head_bytes_max);
    copse_buf_init(&reader->body, env, env->limits.http_body_bytes_max);
    llhttp_settings_init(&reader->callbacks);
    reader->callbacks.on_url = http_reader_on_url;
    reader->callbacks.on_header_field = http_reader_on_name;
    reader->callbacks.on_header_value = http_reader_on_value;
    reader->callbacks.on_headers_complete = http_reader_on_pause;
    reader->callbacks.on_body = http_reader_on_body;
    reader->callbacks.on_message_complete = http_reader_on_pause;
    *ret_reader = reader;
    return COPSE_OK;
}

copse_http_reader *copse_http_reader_free(copse_http_reader *reader)
{
    if (reader != NULL) {
        const copse_env *env = reader->env;
        copse_free_array(env, reader->headers, reader->headers_max, sizeof *reader->headers);
        copse_buf_release(&reader->head);
        copse_buf_release(&reader->body);
        copse_free(env, reader, sizeof *reader);
    }
    return NULL;
}

const copse_http_request *copse_http_reader_request(const copse_http_reader *reader)
{
    return &reader->request;
}

unsigned copse_http_reader_refusal(const copse_http_reader *reader)
{
    return reader->refusal;
}

bool copse_http_reader_is_inside(const copse_http_reader *reader)
{
    return reader->state == HTTP_READER_BODY ||
           (reader->state == HTTP_READER_HEAD && reader->head.len > 0);
}

/* Makes `status` final. */
#define HTTP_READER_REFUSE(reader, code, err, status, ...)                                         \
    ((reader)->refusal = (code), (reader)->failed = COPSE_ERR(err, status, __VA_ARGS__))

static copse_status http_reader_no_memory(copse_http_reader *reader, copse_err *err)
{
    return HTTP_READER_REFUSE(reader, 503, err, COPSE_NOMEM, "out of memory: try again later");
}

/* ---- The head ---- */

static copse_status http_reader_head_too_long(copse_http_reader *reader, copse_err *err)
{
    if (reader->lines == 0) {
        return HTTP_READER_REFUSE(reader, 414, err, COPSE_LIMIT,
                                  "the request line is longer than %zu bytes",
                                  reader->env->limits.http_url_bytes_max);
    }
    return HTTP_READER_REFUSE(reader, 431, err, COPSE_LIMIT,
                              "the headers are longer than %zu bytes, send fewer",
                              reader->env->limits.http_head_bytes_max);
}

/* Checks the line that ends the head so far (H2). */
static copse_status http_reader_end_line(copse_http_reader *reader, copse_err *err)
{
    const uint8_t *line = reader->head.ptr + reader->line_start;
    size_t len = reader->head.len - reader->line_start;
    if (len < 2 || line[len - 2] != '\r') {
        return HTTP_READER_REFUSE(reader, 400, err, COPSE_CORRUPT,
                                  "a line of the request ends without CR");
    }
    if (line[0] == ' ' || line[0] == '\t') {
        return HTTP_READER_REFUSE(reader, 400, err, COPSE_CORRUPT,
                                  "a line of the request begins with a space");
    }
    for (size_t i = 0; i + 2 < len; i++) {
        if ((line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f) {
            return HTTP_READER_REFUSE(reader, 400, err, COPSE_CORRUPT,
                                      "a control character in the head of the request");
        }
    }
    if (reader->lines > reader->env->limits.http_headers_max && len > 2) {
        return HTTP_READER_REFUSE(reader, 431, err, COPSE_LIMIT,
                                  "more than %zu headers, send fewer",
                                  reader->env->limits.http_headers_max);
    }
    reader->line_start = reader->head.len;
    reader->lines++;
    return COPSE_OK;
}

/* Passes over one CRLF before the request line. Returns the bytes taken; whatever else stands there
 * is the request line's. */
static size_t http_reader_skip_blank(copse_http_reader *reader, copse_bytes bytes)
{
    size_t at = 0;
    while (reader->head.len == 0 && reader->blank < 2 && at < bytes.len &&
           bytes.ptr[at] == (uint8_t) "\r\n"[reader->blank]) {
        reader->blank++;
        at++;
    }
    return at;
}

/* Gathers bytes of the head up to its end. OK: it is whole; WANT. */
static copse_status http_reader_gather(copse_http_reader *reader, copse_bytes bytes,
                                       size_t *ret_taken, copse_err *err)
{
    size_t at = http_reader_skip_blank(reader, bytes);
    bool whole = false;
    if (reader->blank == 1 && at < bytes.len) {
        return HTTP_READER_REFUSE(reader, 400, err, COPSE_CORRUPT, "a CR without LF");
    }
    while (!whole && at < bytes.len) {
        const copse_limits *limits = &reader->env->limits;
        const uint8_t *from = bytes.ptr + at;
        const uint8_t *end = memchr(from, '\n', bytes.len - at);
        size_t len = end != NULL ? (size_t)(end - from) + 1 : bytes.len - at;
        size_t max = reader->lines == 0 && limits->http_url_bytes_max < limits->http_head_bytes_max
                         ? limits->http_url_bytes_max
                         : limits->http_head_bytes_max;
        if (len > max - reader->head.len) {
            return http_reader_head_too_long(reader, err);
        }
        if (copse_buf_append(&reader->head, (copse_bytes){from, len}) != COPSE_OK) {
            return http_reader_no_memory(reader, err);
        }
        at += len;
        whole = end != NULL && reader->head.len - reader->line_start == 2 &&
                reader->head.ptr[reader->line_start] == '\r';
        if (end != NULL && http_reader_end_line(reader, err) != COPSE_OK) {
            return reader->failed;
        }
    }
    *ret_taken = at;
    return whole ? COPSE_OK : COPSE_WANT;
}

static void http_reader_split_target(copse_http_request *request)
{
    copse_bytes rest = request->target;
    const char *scheme_end = "://";
    if (rest.len > 0 && rest.ptr[0] != '/' && rest.ptr[0] != '*') {
        /* The absolute form: the authority is Host's matter. */
        size_t at = 0;
        while (at + 3 <= rest.len && memcmp(rest.ptr + at, scheme_end, 3) != 0) {
            at++;
        }
        for (at += 3; at < rest.len && rest.ptr[at] != '/' && rest.ptr[at] != '?'; at++) {
        }
        at = at < rest.len ? at : rest.len;
        rest = (copse_bytes){rest.ptr + at, rest.len - at};
    }
    const uint8_t *mark = rest.len > 0 ? memchr(rest.ptr, '?', rest.len) : NULL;
    request->path = rest;
    request->query = (copse_bytes){NULL, 0};
    if (mark != NULL) {
        request->path.len = (size_t)(mark - rest.ptr);
        request->query = (copse_bytes){mark + 1, rest.len - request->path.len - 1};
    }
    if (request->path.len == 0) {
        request->path = copse_bytes_of_text("/");
    }
}

static copse_http_method http_reader_method(uint8_t method)
{
    return method == HTTP_GET       ? COPSE_HTTP_GET
           : method == HTTP_HEAD    ? COPSE_HTTP_HEAD
           : method == HTTP_POST    ? COPSE_HTTP_POST
           : method == HTTP_PUT     ? COPSE_HTTP_PUT
           : method == HTTP_OPTIONS ? COPSE_HTTP_OPTIONS
                                    : COPSE_HTTP_OTHER;
}

/* Checks what says how long the body is (H3). llhttp has refused two Content-Lengths. */
static copse_status http_reader_check_framing(copse_http_reader *reader, copse_err *err)
{
    const copse_http_request *request = &reader->request;
    copse_bytes value;
    if (copse_http_request_header(request, "transfer-encoding", 0, &value)) {
        copse_bytes other;
        if (copse_http_request_header(request, "content-length", 0, &other) ||
            copse_http_request_header(request, "transfer-encoding", 1, &other) ||
            request->version_minor == 0) {
            return HTTP_READER_REFUSE(reader, 400, err, COPSE_CORRUPT,
                                      "the length of the body is in doubt: send Content-Length "
                                      "or Transfer-Encoding, once");
        }
        if (!copse_http_name_equal(value, copse_bytes_of_text("chunked"))) {
            return HTTP_READER_REFUSE(reader, 501, err, COPSE_CORRUPT,
                                      "the only transfer encoding here is chunked");
        }
    } else if (reader->parser.content_length > reader->env->limits.http_body_bytes_max) {
        return HTTP_READER_REFUSE(reader, 413, err, COPSE_LIMIT,
                                  "the body is larger than %zu bytes",
                                  reader->env->limits.http_body_bytes_max);
    }
    return COPSE_OK;
}

static copse_status http_reader_check_head(copse_http_reader *reader, copse_err *err)
{
    copse_http_request *request = &reader->request;
    copse_bytes value;
    bool has_host = copse_http_request_header(request, "host", 0, &value);
    if (reader->parser.http_major != 1 || reader->parser.http_minor > 1) {
        return HTTP_READER_REFUSE(reader, 505, err, COPSE_CORRUPT, "this server speaks HTTP/1.1");
    }
    if ((!has_host && request->version_minor == 1) ||
        copse_http_request_header(request, "host", 1, &value)) {
        return HTTP_READER_REFUSE(reader, 400, err, COPSE_CORRUPT, "one Host header is needed");
    }
    if (reader->parser.method == HTTP_CONNECT) {
        return HTTP_READER_REFUSE(reader, 501, err, COPSE_CORRUPT, "this server is no proxy");
    }
    if (copse_http_request_header(request, "expect", 0, &value)) {
        if (!copse_http_name_equal(value, copse_bytes_of_text("100-continue"))) {
            return HTTP_READER_REFUSE(reader, 417, err, COPSE_CORRUPT,
                                      "the only expectation here is 100-continue");
        }
        request->expects_continue = request->version_minor == 1;
    }
    return http_reader_check_framing(reader, err);
}

/* Makes room for the headers: a client that sends half of a head costs no more than that. */
static copse_status http_reader_make_headers(copse_http_reader *reader, copse_err *err)
{
    size_t max = reader->env->limits.http_headers_max;
    if (reader->headers == NULL) {
        reader->headers = copse_alloc_array(reader->env, max, sizeof *reader->headers);
        reader->headers_max = reader->headers != NULL ? max : 0;
    }
    return reader->headers != NULL ? COPSE_OK : http_reader_no_memory(reader, err);
}

/* Parses the gathered head. */
static copse_status http_reader_parse_head(copse_http_reader *reader, copse_err *err)
{
    copse_http_request *request = &reader->request;
    llhttp_t *parser = &reader->parser;
    const char *bytes = (const char *)reader->head.ptr;
    if (http_reader_make_headers(reader, err) != COPSE_OK) {
        return reader->failed;
    }
    *request = (copse_http_request){.headers = reader->headers};
    copse_buf_truncate(&reader->body, 0);
    llhttp_init(parser, HTTP_REQUEST, &reader->callbacks);
    parser->data = reader;
    llhttp_errno_t code = llhttp_execute(parser, bytes, reader->head.len);
    if (code != HPE_PAUSED || llhttp_get_error_pos(parser) != bytes + reader->head.len) {
        const char *reason = llhttp_get_error_reason(parser);
        return HTTP_READER_REFUSE(reader, 400, err, COPSE_CORRUPT, "this is no HTTP request: %s",
                                  code != HPE_PAUSED && reason != NULL ? reason
                                                                       : "its head ends early");
    }
    request->method = http_reader_method(parser->method);
    request->method_name = copse_bytes_of_text(llhttp_method_name((llhttp_method_t)parser->method));
    request->version_minor = parser->http_minor;
    request->keep_alive = llhttp_should_keep_alive(parser) != 0;
    http_reader_split_target(request);
    if (http_reader_check_head(reader, err) != COPSE_OK) {
        return reader->failed;
    }
    parser->upgrade = 0;
    reader->framed_bytes = 0;
    reader->state = HTTP_READER_BODY;
    return COPSE_OK;
}

/* ---- The body ---- */

static copse_status http_reader_body_failed(copse_http_reader *reader, llhttp_errno_t code,
                                            copse_err *err)
{
    if (reader->failed == COPSE_NOMEM) {
        return http_reader_no_memory(reader, err);
    }
    if (code == HPE_USER) {
        return HTTP_READER_REFUSE(reader, 413, err, COPSE_LIMIT,
                                  "the body is larger than %zu bytes",
                                  reader->env->limits.http_body_bytes_max);
    }
    const char *reason = llhttp_get_error_reason(&reader->parser);
    return HTTP_READER_REFUSE(reader, 400, err, COPSE_CORRUPT, "the body is broken: %s",
                              reason != NULL ? reason : llhttp_errno_name(code));
}

/* Reads the body, which may have no bytes. OK: the request is whole; WANT. */
static copse_status http_reader_read_body(copse_http_reader *reader, copse_bytes bytes,
                                          size_t *ret_taken, copse_err *err)
{
    llhttp_t *parser = &reader->parser;
    size_t framed_max = 2 * reader->env->limits.http_body_bytes_max + 64;
    size_t len = bytes.len < framed_max - reader->framed_bytes ? bytes.len
                                                               : framed_max - reader->framed_bytes;
    const char *from = len > 0 ? (const char *)bytes.ptr : "";
    if (llhttp_get_errno(parser) == HPE_PAUSED) {
        llhttp_resume(parser);
    }
    llhttp_errno_t code = llhttp_execute(parser, from, len);
    if (code == HPE_PAUSED) {
        *ret_taken = (size_t)(llhttp_get_error_pos(parser) - from);
        reader->request.body = copse_buf_view(&reader->body);
        return COPSE_OK;
    }
    reader->framed_bytes += len;
    if (code != HPE_OK || len < bytes.len) {
        return http_reader_body_failed(reader, code != HPE_OK ? code : HPE_USER, err);
    }
    *ret_taken = len;
    return COPSE_WANT;
}

/* ---- Both ---- */

static void http_reader_begin(copse_http_reader *reader)
{
    copse_buf_truncate(&reader->head, 0);
    reader->line_start = 0;
    reader->lines = 0;
    reader->blank = 0;
    reader->state = HTTP_READER_HEAD;
}

void copse_http_reader_reset(copse_http_reader *reader)
{
    if (reader->body.cap > HTTP_READER_BODY_KEPT_BYTES_MAX) {
        copse_buf_release(&reader->body);
        copse_buf_init(&reader->body, reader->env, reader->env->limits.http_body_bytes_max);
    }
    reader->failed = COPSE_OK;
    reader->refusal = 0;
    http_reader_begin(reader);
}

copse_status copse_http_reader_next(copse_http_reader *reader, copse_bytes bytes, size_t *ret_taken,
                                    copse_http_event *ret_event, copse_err *err)
{
    if (reader->failed != COPSE_OK) {
        return COPSE_ERR(err, reader->failed, "this connection was refused before");
    }
    if (reader->state == HTTP_READER_END) {
        http_reader_begin(reader);
    }
    if (reader->state == HTTP_READER_BODY) {
        copse_status status = http_reader_read_body(reader, bytes, ret_taken, err);
        if (status == COPSE_OK) {
            reader->state = HTTP_READER_END;
            *ret_event = COPSE_HTTP_EVENT_END;
        }
        return status;
    }
    copse_status status = http_reader_gather(reader, bytes, ret_taken, err);
    if (status == COPSE_OK) {
        status = http_reader_parse_head(reader, err);
        *ret_event = COPSE_HTTP_EVENT_HEAD;
    }
    return status;
}
