/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/event_trace.h"

#include "proto/event_stream.h"

static copse_status event_trace_add(const copse_event *event, copse_buf *buf)
{
    const copse_bytes parts[] = {
        copse_bytes_of_text("["), event->type, copse_bytes_of_text("|"), event->id,
        copse_bytes_of_text("|"), event->data, copse_bytes_of_text("]")};
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == COPSE_OK; i++) {
        status = copse_buf_append(buf, parts[i]);
    }
    return status;
}

copse_status event_trace(const copse_env *env, copse_bytes stream, size_t piece_size,
                         copse_buf *buf)
{
    copse_event_stream reader;
    copse_status status = COPSE_WANT;
    copse_event_stream_init(&reader, env);
    while (stream.len > 0 && (status == COPSE_WANT || status == COPSE_OK)) {
        copse_bytes piece = {stream.ptr, stream.len < piece_size ? stream.len : piece_size};
        stream.ptr += piece.len;
        stream.len -= piece.len;
        do {
            copse_event event;
            status = copse_event_stream_next(&reader, &piece, &event);
            if (status == COPSE_OK && event_trace_add(&event, buf) != COPSE_OK) {
                status = COPSE_NOMEM;
            }
        } while (status == COPSE_OK);
    }
    copse_event_stream_release(&reader);
    if (status == COPSE_LIMIT) {
        status = copse_buf_append(buf, copse_bytes_of_text("!LIMIT"));
    }
    return status == COPSE_NOMEM ? status : COPSE_OK;
}
