/* What an answer says of the part of a resource that is in its body (RFC 9110, 14.4).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PROTO_HTTP_RANGE_H
#define COPSE_PROTO_HTTP_RANGE_H

#include <copse/bytes.h>

#include <stdbool.h>

typedef struct copse_http_content_range {
    uint64_t from;
    uint64_t size;  /**< Never 0. */
    uint64_t total; /**< 0: it is not said ("*"). */
} copse_http_content_range;

/** Reads a decimal number that fills `text`. False: it is none, or greater than 2^63 - 1. */
bool copse_http_number_parse(copse_bytes text, uint64_t *ret_number);

/** Reads "bytes 0-99/1234", the value of Content-Range. False: it is none of bytes, names no bytes
 * ("*"), or ends behind the total. */
bool copse_http_content_range_parse(copse_bytes value, copse_http_content_range *ret_range);

#endif
