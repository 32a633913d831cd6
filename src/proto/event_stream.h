/* A reader of server-sent events (text/event-stream, https://html.spec.whatwg.org/, "Server-sent
 * events"): bytes go in, events come out.
 *
 *   A1  Lines end with LF, CR or CRLF, wherever the pieces are cut. A byte order mark at the begin
 *       is passed over. Lines that begin with ':' are comments; unknown fields are passed over.
 *   A2  An event is given at the empty line behind it, if it has data; the lines of its data are
 *       joined by LF. Its id stays that of later events until another comes; one with a NUL is
 *       passed over.
 *   A3  What a stream can make the reader hold is bounded: COPSE_EVENT_SIZE_BYTES_MAX for the line
 *       at hand and as much for the data of an event. Past that it is LIMIT, for ever.
 *   A4  Text is not checked to be UTF-8; who uses it does.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PROTO_EVENT_STREAM_H
#define COPSE_PROTO_EVENT_STREAM_H

#include <copse/buf.h>

enum { COPSE_EVENT_SIZE_BYTES_MAX = 16 << 10 };

/** An event; views are valid until the next call. */
typedef struct copse_event {
    copse_bytes type; /**< Empty: "message". */
    copse_bytes data;
    copse_bytes id; /**< Empty: none yet. */
} copse_event;

/** A zeroed one may be released. */
typedef struct copse_event_stream {
    copse_buf line;
    copse_buf data;
    copse_buf type;
    copse_buf id;
    bool begun;     /* past where a byte order mark may stand */
    bool after_cr;  /* an LF that comes next belongs to the end of the line before */
    bool has_data;  /* also if it is empty */
    bool gave;      /* what is in `data` and `type` was given */
    bool is_over;   /* A3 */
    bool has_retry; /* `retry_ms` was set */
    uint32_t retry_ms;
} copse_event_stream;

/** Readies it for a new stream. */
void copse_event_stream_init(copse_event_stream *stream, const copse_env *env);

void copse_event_stream_release(copse_event_stream *stream);

/** Reads on in `bytes`, and moves it past what was read. OK: an event; WANT: all was read, and no
 * event is whole. LIMIT (A3). NOMEM: as much as was moved past was read, and reading can go on. */
COPSE_MUST_USE copse_status copse_event_stream_next(copse_event_stream *stream, copse_bytes *bytes,
                                                    copse_event *ret_event);

/** The time to wait before connecting again that the stream has set last. False: none. */
bool copse_event_stream_retry(const copse_event_stream *stream, uint32_t *ret_ms);

#endif
