/* One request over libcurl: what was asked, and what came of it and was not handed out yet.
 *
 *   X1  It holds at most COPSE_TRANSPORT_PIECE_MAX bytes of a body as they came. What libcurl
 *       brings while these are not handed out pauses it; then libcurl holds one read of its own
 *       (16 KiB), and reads no more from the connection (HTTP/2: no more than the window granted).
 *   X2  Bodies are decoded when they are handed out, a piece at a time (content_decoder.h).
 *   X3  The bytes on the wire are those that libcurl shows to its callbacks: what it sends, each
 *       line of a head, and of a body what came before chunks are undone, trailers included. For
 *       HTTP/1.1 they are exact; an answer that breaks within its head is counted up to the last
 *       whole line, and what was not read before a cancel is not counted. HTTP/2 counts as if it
 *       were HTTP/1.1.
 *   X4  A head of more than HTTP_TRANSFER_HEAD_BYTES_MAX or HTTP_TRANSFER_HEAD_LINES_MAX, interim
 *       answers and trailers included, fails the request.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_NET_HTTP_TRANSFER_H
#define COPSE_NET_HTTP_TRANSFER_H

#include <copse/sys/transport.h>

#include "net/content_decoder.h"

#include <curl/curl.h>

typedef struct copse_http_transfer {
    struct copse_http_transfer *next;
    struct copse_http_transfer **link; /* what points at this one */
    const copse_env *env;
    copse_transport_stats *stats;
    uint64_t id;
    CURL *easy;
    struct curl_slist *headers;
    uint8_t *memory; /* the input, and behind it the body to send */
    size_t memory_size;
    size_t input_at; /* of the body as it came: from here on it was not handed out */
    size_t input_len;
    bool is_range;
    copse_content_coding coding;
    copse_content_decoder *decoder;
    bool decoder_holds; /* decoded bytes that had no room */
    bool head_came;
    bool head_given;
    bool paused;
    bool ended;
    const char *failure; /* ended, and this is why */
    size_t head_bytes;
    size_t head_lines;
    long connections; /* opened for it */
} copse_http_transfer;

/** Makes the request `id`. `stats` is counted in, and with `env` must outlive it. MISUSE: the URL
 * is none, or a header's value is more than one line; NOMEM. */
COPSE_MUST_USE copse_status copse_http_transfer_new(const copse_env *env,
                                                    copse_transport_stats *stats, uint64_t id,
                                                    const copse_transport_request *request,
                                                    copse_http_transfer **ret_transfer,
                                                    copse_err *err);

/** Frees it; its handle must be out of the multi handle. Returns NULL. */
copse_http_transfer *copse_http_transfer_free(copse_http_transfer *transfer);

/** libcurl is done with it. */
void copse_http_transfer_end(copse_http_transfer *transfer, CURLcode code);

/** Whether copse_http_transfer_next may have an event. */
bool copse_http_transfer_is_ready(const copse_http_transfer *transfer);

/** Gives the next event; `piece` is room for a decoded one. OK; END: nothing came of what there
 * was. NOMEM: FAILED is the next event. */
COPSE_MUST_USE copse_status copse_http_transfer_next(copse_http_transfer *transfer,
                                                     uint8_t piece[COPSE_TRANSPORT_PIECE_MAX],
                                                     copse_transport_event *ret_event,
                                                     copse_err *err);

/** What was handed out is not looked at any more: reads on. */
void copse_http_transfer_resume(copse_http_transfer *transfer);

#endif
