/* The bytes of an HTTP/1.1 response: its head, and the framing of its body.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PROTO_HTTP_RESPONSE_H
#define COPSE_PROTO_HTTP_RESPONSE_H

#include <copse/buf.h>

/** How the client learns where the body ends. */
typedef enum copse_http_framing {
    COPSE_HTTP_FRAMING_LENGTH,  /**< Content-Length. */
    COPSE_HTTP_FRAMING_CHUNKED, /**< HTTP/1.1 only. */
    COPSE_HTTP_FRAMING_CLOSE,   /**< The connection is closed: HTTP/1.0. */
    COPSE_HTTP_FRAMING_NONE     /**< There is no body: 304, 204. */
} copse_http_framing;

/** What stands before a body. */
typedef struct copse_http_head {
    unsigned status;
    copse_bytes headers; /**< Lines "Name: value\r\n", or none. */
    copse_http_framing framing;
    uint64_t length;  /**< FRAMING_LENGTH. */
    bool close;       /**< The connection will be closed. */
    bool is_head;     /**< The request was a HEAD: no Transfer-Encoding is named. */
    const char *date; /**< As copse_http_date writes it; NULL: none. */
} copse_http_head;

/** The reason phrase of a status, such as "Not Found". Never NULL; static storage. */
const char *copse_http_reason(unsigned status);

/** Appends the head with its empty line. NOMEM, LIMIT: from the buf, which is as it was. */
COPSE_MUST_USE copse_status copse_http_head_write(const copse_http_head *head, copse_buf *buf);

/** Appends a header line to those of a head. `value` must be one line: what would end the line is
 * MISUSE. NOMEM, LIMIT; the buf is as it was. */
COPSE_MUST_USE copse_status copse_http_header_write(copse_buf *headers, const char *name,
                                                    copse_bytes value);

/** As copse_http_header_write, for a value in parts: at most COPSE_HTTP_HEADER_PARTS_MAX. */
COPSE_MUST_USE copse_status copse_http_header_write_parts(copse_buf *headers, const char *name,
                                                          const copse_bytes *parts, size_t count);

#define COPSE_HTTP_HEADER_PARTS_MAX 12

#define COPSE_HTTP_CHUNK_HEAD_SIZE_MAX 24
/** What ends a chunk that is not the last one. */
#define COPSE_HTTP_CHUNK_END "\r\n"
/** The last chunk of a body. */
#define COPSE_HTTP_CHUNK_LAST "0\r\n\r\n"

/** Writes the head of a chunk of `size` bytes (not 0); returns its length. */
size_t copse_http_chunk_head(size_t size, char ret_text[COPSE_HTTP_CHUNK_HEAD_SIZE_MAX]);

#define COPSE_HTTP_DATE_SIZE 32
/** Writes "Sun, 06 Nov 1994 08:49:37 GMT" and returns it. */
const char *copse_http_date(uint64_t ms, char ret_text[COPSE_HTTP_DATE_SIZE]);

#endif
