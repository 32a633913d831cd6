/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/http_trace.h"

#include "proto/http_reader.h"

#include <stdio.h>
#include <stdlib.h>

static copse_status http_trace_text(copse_buf *trace, const char *text)
{
    return copse_buf_append(trace, copse_bytes_of_text(text));
}

static copse_status http_trace_view(copse_buf *trace, copse_bytes view, const char *end)
{
    copse_status status = copse_buf_append(trace, view);
    return status == COPSE_OK ? http_trace_text(trace, end) : status;
}

static copse_status http_trace_head(copse_buf *trace, const copse_http_request *request)
{
    copse_status status = http_trace_text(trace, "HEAD ");
    if (status == COPSE_OK) {
        status = http_trace_view(trace, request->method_name, " ");
    }
    if (status == COPSE_OK) {
        status = http_trace_view(trace, request->path, "?");
    }
    if (status == COPSE_OK) {
        status = http_trace_view(trace, request->query, request->version_minor ? " 1.1" : " 1.0");
    }
    if (status == COPSE_OK) {
        status = http_trace_text(trace, request->keep_alive ? " keep" : " close");
    }
    if (status == COPSE_OK) {
        status = http_trace_text(trace, request->expects_continue ? " continue " : " ");
    }
    for (size_t i = 0; status == COPSE_OK && i < request->headers_count; i++) {
        status = http_trace_view(trace, request->headers[i].name, "=");
        if (status == COPSE_OK) {
            status = http_trace_view(trace, request->headers[i].value, ";");
        }
    }
    return status == COPSE_OK ? http_trace_text(trace, "\n") : status;
}

static copse_status http_trace_event(copse_buf *trace, const copse_http_reader *reader,
                                     copse_http_event event)
{
    const copse_http_request *request = copse_http_reader_request(reader);
    if (event == COPSE_HTTP_EVENT_HEAD) {
        return http_trace_head(trace, request);
    }
    copse_status status = http_trace_text(trace, "END ");
    return status == COPSE_OK ? http_trace_view(trace, request->body, "\n") : status;
}

copse_status http_trace(const copse_env *env, copse_bytes bytes, size_t (*next_size)(void *ctx),
                        void *ctx, copse_buf *trace)
{
    copse_http_reader *reader = NULL;
    copse_status status = copse_http_reader_new(env, &reader, NULL);
    bool more = true;
    while (status == COPSE_OK && more) {
        size_t size = next_size != NULL ? next_size(ctx) : bytes.len;
        size = size == 0 ? 1 : size;
        size = size < bytes.len ? size : bytes.len;
        copse_bytes piece = {bytes.ptr, size};
        bytes = (copse_bytes){bytes.ptr + size, bytes.len - size};
        copse_status read = COPSE_OK;
        while (status == COPSE_OK && read == COPSE_OK) {
            copse_http_event event = COPSE_HTTP_EVENT_HEAD;
            size_t taken = 0;
            read = copse_http_reader_next(reader, piece, &taken, &event, NULL);
            if (taken > piece.len || (read == COPSE_WANT && taken != piece.len)) {
                abort();
            }
            piece = (copse_bytes){piece.ptr + taken, piece.len - taken};
            status = read == COPSE_OK ? http_trace_event(trace, reader, event) : COPSE_OK;
        }
        if (read == COPSE_NOMEM) {
            status = read;
        } else if (status == COPSE_OK && read != COPSE_WANT) {
            char line[32];
            (void)snprintf(line, sizeof line, "REFUSE %u\n", copse_http_reader_refusal(reader));
            status = http_trace_text(trace, line);
            more = false;
        }
        more = more && bytes.len > 0;
    }
    reader = copse_http_reader_free(reader);
    return status;
}
