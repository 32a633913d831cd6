/* An HTTP/1.1 request, as the reader hands it out (http_reader.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PROTO_HTTP_REQUEST_H
#define COPSE_PROTO_HTTP_REQUEST_H

#include <copse/buf.h>
#include <copse/bytes.h>

/** Values are bits, so that a route can name several. */
typedef enum copse_http_method {
    COPSE_HTTP_GET = 1,
    COPSE_HTTP_HEAD = 2,
    COPSE_HTTP_POST = 4,
    COPSE_HTTP_OPTIONS = 8,
    COPSE_HTTP_PUT = 16,
    COPSE_HTTP_OTHER = 32
} copse_http_method;

typedef struct copse_http_header {
    copse_bytes name; /**< In the case in which it was sent. */
    copse_bytes value;
} copse_http_header;

/** All views borrow from the reader, until it reads on. */
typedef struct copse_http_request {
    copse_http_method method;
    copse_bytes method_name;
    copse_bytes target;     /**< As it stood in the request line. */
    copse_bytes path;       /**< "/…", still percent-encoded; "*" of an OPTIONS. */
    copse_bytes query;      /**< Behind the '?', still percent-encoded; may be empty. */
    unsigned version_minor; /**< 0 or 1. */
    const copse_http_header *headers;
    size_t headers_count;
    bool keep_alive;       /**< The client would send another request. */
    bool expects_continue; /**< It waits for "100 Continue" before it sends the body. */
    copse_bytes body;      /**< Only once the request is whole. */
} copse_http_request;

/** Whether two texts are equal but for the case of ASCII letters. */
bool copse_http_name_equal(copse_bytes a, copse_bytes b);

/** The value of header number `index` (from 0) of those called `name`. False: there is none. */
bool copse_http_request_header(const copse_http_request *request, const char *name, size_t index,
                               copse_bytes *ret_value);

/** The value of the query's first parameter `name`, still percent-encoded. False: there is none. */
bool copse_http_request_parameter(const copse_http_request *request, const char *name,
                                  copse_bytes *ret_value);

/** Appends `text` with its %XX decoded. CORRUPT: a '%' without two hex digits, or one that stands
 * for NUL; the buf is as it was. NOMEM, LIMIT: from the buf. */
COPSE_MUST_USE copse_status copse_http_percent_decode(copse_bytes text, copse_buf *buf);

/** Appends `text` with all but ASCII letters, digits, '-', '.', '_' and '~' as %XX. NOMEM, LIMIT:
 * from the buf, which is as it was. */
COPSE_MUST_USE copse_status copse_http_percent_encode(copse_bytes text, copse_buf *buf);

/** Takes the first element off a comma-separated list, without the white space around it; commas in
 * quotes don't count. False: no element is left. */
bool copse_http_list_next(copse_bytes *list, copse_bytes *ret_element);

/** Takes the first part off "value; name=text; name=text" in the same way, at ';'. */
bool copse_http_parts_next(copse_bytes *element, copse_bytes *ret_part);

/** If `part` is `name`=text or `name`="text" gives the text. False: it isn't. */
bool copse_http_part_value(copse_bytes part, const char *name, copse_bytes *ret_text);

/** The weight of a list's element by its part "q", in thousandths: 1,000 without one, 0 if it is
 * none. */
unsigned copse_http_element_weight(copse_bytes element);

#endif
