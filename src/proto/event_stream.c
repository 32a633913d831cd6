/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/event_stream.h"

#include <string.h>

void copse_event_stream_init(copse_event_stream *stream, const copse_env *env)
{
    *stream = (copse_event_stream){.begun = false};
    copse_buf_init(&stream->line, env, COPSE_EVENT_SIZE_BYTES_MAX);
    copse_buf_init(&stream->data, env, COPSE_EVENT_SIZE_BYTES_MAX);
    copse_buf_init(&stream->type, env, COPSE_EVENT_SIZE_BYTES_MAX);
    copse_buf_init(&stream->id, env, COPSE_EVENT_SIZE_BYTES_MAX);
}

void copse_event_stream_release(copse_event_stream *stream)
{
    copse_buf_release(&stream->line);
    copse_buf_release(&stream->data);
    copse_buf_release(&stream->type);
    copse_buf_release(&stream->id);
    *stream = (copse_event_stream){.begun = false};
}

/* ---- Fields ---- */

static copse_status event_stream_set(copse_buf *buf, copse_bytes value)
{
    copse_status status = COPSE_OK;
    if (value.len > buf->len) {
        status = copse_buf_reserve(buf, value.len - buf->len);
    }
    if (status == COPSE_OK) {
        copse_buf_truncate(buf, 0);
        status = copse_buf_append(buf, value);
    }
    return status;
}

/* One line of data more. */
static copse_status event_stream_add_data(copse_event_stream *stream, copse_bytes value)
{
    size_t before = stream->data.len;
    copse_status status = stream->has_data ? copse_buf_append_byte(&stream->data, '\n') : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_buf_append(&stream->data, value);
    }
    if (status == COPSE_OK) {
        stream->has_data = true;
    } else {
        copse_buf_truncate(&stream->data, before);
    }
    return status;
}

/* Only digits count. */
static void event_stream_set_retry(copse_event_stream *stream, copse_bytes value)
{
    uint64_t ms = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9' || ms > UINT32_MAX) {
            return;
        }
        ms = ms * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    if (value.len > 0 && ms <= UINT32_MAX) {
        stream->has_retry = true;
        stream->retry_ms = (uint32_t)ms;
    }
}

/* What the line at hand says; it is not empty. */
static copse_status event_stream_take_line(copse_event_stream *stream)
{
    copse_bytes line = copse_buf_view(&stream->line);
    const uint8_t *colon = memchr(line.ptr, ':', line.len);
    copse_bytes name = {line.ptr, colon != NULL ? (size_t)(colon - line.ptr) : line.len};
    copse_bytes value = {line.ptr + line.len, 0};
    if (colon != NULL) {
        size_t skip = name.len + 1;
        skip += skip < line.len && line.ptr[skip] == ' ';
        value = (copse_bytes){line.ptr + skip, line.len - skip};
    }
    if (copse_bytes_equal(name, copse_bytes_of_text("data"))) {
        return event_stream_add_data(stream, value);
    }
    if (copse_bytes_equal(name, copse_bytes_of_text("event"))) {
        return event_stream_set(&stream->type, value);
    }
    if (copse_bytes_equal(name, copse_bytes_of_text("id")) &&
        (value.len == 0 || memchr(value.ptr, 0, value.len) == NULL)) {
        return event_stream_set(&stream->id, value);
    }
    if (copse_bytes_equal(name, copse_bytes_of_text("retry"))) {
        event_stream_set_retry(stream, value);
    }
    return COPSE_OK;
}

/* ---- Lines ---- */

/* Takes the byte order mark off the first line. */
static void event_stream_skip_mark(copse_event_stream *stream)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    copse_buf *line = &stream->line;
    if (!stream->begun && line->len >= sizeof mark && memcmp(line->ptr, mark, sizeof mark) == 0) {
        memmove(line->ptr, line->ptr + sizeof mark, line->len - sizeof mark);
        copse_buf_truncate(line, line->len - sizeof mark);
    }
    stream->begun = true;
}

/* The line is whole. OK: so is an event; WANT: none. */
static copse_status event_stream_end_line(copse_event_stream *stream)
{
    copse_status status = COPSE_WANT;
    event_stream_skip_mark(stream);
    if (stream->line.len > 0) {
        status = event_stream_take_line(stream);
        status = status == COPSE_OK ? COPSE_WANT : status;
    } else {
        status = stream->has_data ? COPSE_OK : COPSE_WANT;
        stream->gave = true;
    }
    if (status == COPSE_OK || status == COPSE_WANT) {
        copse_buf_truncate(&stream->line, 0);
    }
    return status;
}

/* Moves `bytes` past the line's end that it begins with. */
static void event_stream_skip_end(copse_event_stream *stream, copse_bytes *bytes)
{
    stream->after_cr = bytes->ptr[0] == '\r';
    bytes->ptr++;
    bytes->len--;
}

/* Appends to the line what stands before its end, and moves `bytes` past it. */
static copse_status event_stream_gather(copse_event_stream *stream, copse_bytes *bytes)
{
    size_t len = 0;
    while (len < bytes->len && bytes->ptr[len] != '\n' && bytes->ptr[len] != '\r') {
        len++;
    }
    copse_status status = copse_buf_append(&stream->line, (copse_bytes){bytes->ptr, len});
    if (status == COPSE_OK) {
        bytes->ptr += len;
        bytes->len -= len;
    }
    return status;
}

/* Forgets the event that was given. */
static void event_stream_forget(copse_event_stream *stream)
{
    if (stream->gave) {
        copse_buf_truncate(&stream->data, 0);
        copse_buf_truncate(&stream->type, 0);
        stream->has_data = false;
        stream->gave = false;
    }
}

copse_status copse_event_stream_next(copse_event_stream *stream, copse_bytes *bytes,
                                     copse_event *ret_event)
{
    copse_status status = stream->is_over ? COPSE_LIMIT : COPSE_WANT;
    while (status == COPSE_WANT && bytes->len > 0) {
        event_stream_forget(stream);
        if (stream->after_cr && bytes->ptr[0] == '\n') {
            event_stream_skip_end(stream, bytes);
            continue;
        }
        stream->after_cr = false;
        status = event_stream_gather(stream, bytes);
        if (status == COPSE_OK && bytes->len > 0) {
            status = event_stream_end_line(stream);
            if (status == COPSE_OK || status == COPSE_WANT) {
                event_stream_skip_end(stream, bytes);
            }
        } else if (status == COPSE_OK) {
            status = COPSE_WANT;
        }
    }
    stream->is_over = status == COPSE_LIMIT;
    if (status == COPSE_OK) {
        *ret_event = (copse_event){
            .type = copse_buf_view(&stream->type),
            .data = copse_buf_view(&stream->data),
            .id = copse_buf_view(&stream->id),
        };
    }
    return status;
}

bool copse_event_stream_retry(const copse_event_stream *stream, uint32_t *ret_ms)
{
    if (stream->has_retry) {
        *ret_ms = stream->retry_ms;
    }
    return stream->has_retry;
}
