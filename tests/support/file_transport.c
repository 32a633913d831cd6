/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/file_transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILE_PIECE_BYTES = 10000, FILE_ROUND_TRIP_MS = 50 };

const char *const file_transport_url = "http://files/blog.car";

typedef struct file_request {
    struct file_request *next;
    uint64_t id;
    file_fault fault;
    unsigned status;
    uint64_t from; /* said */
    uint64_t size; /* said */
    uint64_t total;
    const char *etag;
    uint8_t *body;
    size_t body_len;
    size_t sent;
    bool has_head;
} file_request;

static file_transport *file_of(const copse_transport *transport)
{
    return (file_transport *)(uintptr_t)transport; /* its first member */
}

/* ---- What the server answers ---- */

/* The range of the file that is asked for, as a sound server gives it. */
static void file_request_answer(file_request *request, copse_bytes file, uint64_t from,
                                uint64_t size)
{
    bool is_all = request->fault == FILE_IGNORES;
    if (!is_all && from >= file.len) {
        request->status = 416;
        return;
    }
    uint64_t left = file.len - from;
    request->status = is_all ? 200 : 206;
    request->from = is_all ? 0 : from;
    request->size = is_all ? file.len : (size < left ? size : left);
    request->total = file.len;
    request->body_len = (size_t)request->size;
    request->body = malloc(request->body_len + 1);
    assert_non_null(request->body);
    memcpy(request->body, file.ptr + request->from, request->body_len);
}

static void file_request_spoil(file_request *request, const file_transport *self, copse_bytes file)
{
    switch (request->fault) {
    case FILE_REFUSES:
        request->status = (unsigned)self->at;
        request->body_len = 0;
        break;
    case FILE_HIDES_SIZE:
        request->total = 0;
        break;
    case FILE_SAYS_NOTHING:
        request->size = 0;
        break;
    case FILE_SHIFTS:
    case FILE_SHIFTS_MUTE:
        if (request->from + request->size < file.len) {
            memcpy(request->body, file.ptr + request->from + 1, request->body_len);
            request->from += request->fault == FILE_SHIFTS;
        }
        break;
    case FILE_CUTS:
        request->body_len = self->at < request->body_len ? self->at : request->body_len;
        break;
    case FILE_PADS:
        request->body[request->body_len++] = 'x';
        break;
    case FILE_FLIPS:
        if (self->at < request->body_len) {
            request->body[self->at] ^= 1;
        }
        break;
    default:
        break;
    }
}

static copse_status file_start(copse_transport *transport, const copse_transport_request *asked,
                               uint64_t *ret_request, copse_err *err)
{
    file_transport *self = file_of(transport);
    file_request *request = calloc(1, sizeof *request);
    file_request **end = &self->first;
    size_t running = 1;
    (void)err;
    assert_non_null(request);
    assert_string_equal(asked->url, file_transport_url);
    assert_true(asked->range_size > 0 && asked->content_type == NULL);
    bool meets = self->fault != FILE_SOUND &&
                 (self->fault != FILE_REPLACED || self->stats.requests >= self->at) &&
                 !(self->once && self->met > 0);
    self->met += meets;
    request->id = ++self->id_last;
    request->fault = meets ? self->fault : FILE_SOUND;
    copse_bytes file = request->fault == FILE_REPLACED ? self->other : self->file;
    request->etag = request->fault == FILE_REPLACED ? "\"2\"" : "\"1\"";
    request->etag = self->without_etags ? "" : request->etag;
    file_request_answer(request, file, asked->range_from, asked->range_size);
    if (request->status != 416) {
        file_request_spoil(request, self, file);
    }
    for (; *end != NULL; end = &(*end)->next) {
        running++;
    }
    *end = request;
    self->running_most = running > self->running_most ? running : self->running_most;
    self->stats.requests++;
    self->stats.sent_bytes += 100;
    *ret_request = request->id;
    return COPSE_OK;
}

/* ---- What comes ---- */

static void file_request_free(file_transport *self, file_request *request)
{
    file_request **link = &self->first;
    while (*link != request) {
        link = &(*link)->next;
    }
    *link = request->next;
    free(request->body);
    free(request);
}

static void file_cancel(copse_transport *transport, uint64_t id)
{
    file_transport *self = file_of(transport);
    for (file_request *at = self->first; at != NULL; at = at->next) {
        if (at->id == id) {
            file_request_free(self, at);
            return;
        }
    }
}

static bool file_request_is_stuck(const file_transport *self, const file_request *request)
{
    return request->fault == FILE_STALLS && request->has_head && request->sent >= self->at;
}

/* The next event of a request; pieces are lent from its body. */
static void file_request_give(file_transport *self, file_request *request,
                              copse_transport_event *ret_event)
{
    size_t stop =
        request->fault == FILE_BREAKS || request->fault == FILE_STALLS ? self->at : SIZE_MAX;
    *ret_event = (copse_transport_event){.request = request->id};
    if (request->fault == FILE_AWAY || (request->fault == FILE_BREAKS && request->sent >= stop)) {
        ret_event->kind = COPSE_TRANSPORT_FAILED;
        ret_event->reason =
            request->fault == FILE_AWAY ? "connection refused" : "the connection was cut";
        file_request_free(self, request);
    } else if (!request->has_head) {
        request->has_head = true;
        self->stats.received_bytes += 200;
        ret_event->kind = COPSE_TRANSPORT_HEAD;
        ret_event->status = request->status;
        ret_event->content_type = copse_bytes_of_text("application/octet-stream");
        ret_event->etag = copse_bytes_of_text(request->etag);
        ret_event->total_size = request->total;
        ret_event->range_from = request->status == 206 ? request->from : 0;
        ret_event->range_size = request->status == 206 ? request->size : 0;
    } else if (request->sent < request->body_len && request->sent < stop) {
        size_t len = request->body_len - request->sent;
        len = len < FILE_PIECE_BYTES ? len : FILE_PIECE_BYTES;
        len = len < stop - request->sent ? len : stop - request->sent;
        ret_event->kind = COPSE_TRANSPORT_BODY;
        ret_event->body = (copse_bytes){request->body + request->sent, len};
        request->sent += len;
        self->now_ms += self->piece_ms;
        self->stats.received_bytes += len;
    } else {
        ret_event->kind = COPSE_TRANSPORT_END;
        file_request_free(self, request);
    }
}

static copse_status file_wait(copse_transport *transport, uint64_t until_ms,
                              copse_transport_event *ret_event, copse_err *err)
{
    file_transport *self = file_of(transport);
    (void)err;
    for (file_request *at = self->first; at != NULL; at = at->next) {
        if (!file_request_is_stuck(self, at)) {
            self->now_ms += at->has_head ? 0 : FILE_ROUND_TRIP_MS;
            file_request_give(self, at, ret_event);
            return COPSE_OK;
        }
    }
    assert_true(until_ms != UINT64_MAX);
    self->now_ms = until_ms > self->now_ms ? until_ms : self->now_ms;
    return COPSE_END;
}

/* ---- The rest ---- */

static uint64_t file_now(copse_transport *transport)
{
    return file_of(transport)->now_ms;
}

static copse_transport_stats file_stats(const copse_transport *transport)
{
    return file_of(transport)->stats;
}

static void file_free(copse_transport *transport)
{
    (void)transport; /* the test's */
}

void file_transport_init(file_transport *transport, copse_bytes file)
{
    static const copse_transport_ops ops = {file_start, file_cancel, file_wait,
                                            file_now,   file_stats,  file_free};
    *transport = (file_transport){.base = {.ops = &ops}, .file = file, .now_ms = 1000};
}

size_t file_transport_running(const file_transport *transport)
{
    size_t count = 0;
    for (const file_request *at = transport->first; at != NULL; at = at->next) {
        count++;
    }
    return count;
}
