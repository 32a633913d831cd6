/* Reads HTTP/1.1 requests from the bytes of one connection, without touching a socket.
 *
 *     while (status == COPSE_OK) {
 *         status = copse_http_reader_next(reader, bytes, &taken, &event, &err);
 *         bytes = what is left of it;
 *         COPSE_HTTP_EVENT_HEAD: reader's request is there, without its body
 *         COPSE_HTTP_EVENT_END:  and now with it: answer it before the next call
 *     }
 *     WANT: receive more bytes.  CORRUPT, LIMIT: answer with copse_http_reader_refusal and close.
 *
 * The head of a request (request line and headers) is gathered first, and only then parsed, by
 * llhttp in its strict mode, in one piece. So nothing depends on how the bytes were split, and what
 * different parsers take for different requests (smuggling) is refused before:
 *   H1  Any split of the bytes into pieces gives the same events, requests and refusals.
 *   H2  Lines of a head end with CRLF. CR or another control character but tab inside of one, and a
 *       line that begins with a space or tab (obs-fold) are refused.
 *   H3  The length of a body is beyond doubt: one Content-Length, or one `Transfer-Encoding:
 *       chunked` in HTTP/1.1, never both; nothing: no body.
 *   H4  HTTP/1.1 requests have exactly one Host, HTTP/1.0 ones at most one.
 *   H5  Memory is bounded by http_head_bytes_max, http_headers_max and http_body_bytes_max; the
 *       framing of a chunked body by twice the latter. Nothing of a next request is read before the
 *       caller asks for it: pipelining costs no memory here.
 *   H6  After a refusal nothing more is read: where the next request begins is unknown.
 *
 * An Upgrade is ignored, as a server may do. Trailers are checked and dropped. One CRLF before a
 * request line is passed over (RFC 9112, 2.2).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PROTO_HTTP_READER_H
#define COPSE_PROTO_HTTP_READER_H

#include "proto/http_request.h"

#include <copse/env.h>

typedef enum copse_http_event {
    COPSE_HTTP_EVENT_HEAD, /**< The request without its body. */
    COPSE_HTTP_EVENT_END   /**< The whole request. */
} copse_http_event;

typedef struct copse_http_reader copse_http_reader;

/** Makes a reader that stands before a request. NOMEM. */
COPSE_MUST_USE copse_status copse_http_reader_new(const copse_env *env,
                                                  copse_http_reader **ret_reader, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
copse_http_reader *copse_http_reader_free(copse_http_reader *reader);

/** Makes it ready for the first request of another connection. It keeps what memory it has, but for
 * that of a large body. */
void copse_http_reader_reset(copse_http_reader *reader);

/** Reads up to the next event. *ret_taken, set on OK and WANT, is how many of `bytes` were taken;
 * they need not stay. OK: *ret_event. WANT: all were taken and more are needed. CORRUPT, LIMIT: the
 * request is refused; the message says why, in one line for the client. NOMEM: so it is, too.
 * Refusals are final (H6): the same status from then on. */
COPSE_MUST_USE copse_status copse_http_reader_next(copse_http_reader *reader, copse_bytes bytes,
                                                   size_t *ret_taken, copse_http_event *ret_event,
                                                   copse_err *err);

/** The request of the last event; valid until the next call of copse_http_reader_next. */
const copse_http_request *copse_http_reader_request(const copse_http_reader *reader);

/** The HTTP status that a refusal has: 400, 413, 414, 417, 431, 501, 503, 505. 0: none yet. */
unsigned copse_http_reader_refusal(const copse_http_reader *reader);

/** Whether the reader stands inside of a request: bytes of it have come, but not its end. */
bool copse_http_reader_is_inside(const copse_http_reader *reader);

#endif
