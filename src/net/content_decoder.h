/* Decodes the body of an answer: gzip or zstd (Content-Encoding), a bounded piece at a time, so
 * that a small body which decodes to a huge one costs no more memory than any other (T2 of
 * copse/sys/transport.h). That is also why libcurl doesn't do it: it decodes all that one read
 * brought.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_NET_CONTENT_DECODER_H
#define COPSE_NET_CONTENT_DECODER_H

#include <copse/bytes.h>
#include <copse/env.h>

#include <stdbool.h>

/** What copse_content_coding_find knows, as Accept-Encoding lists it: best first. */
#define COPSE_CONTENT_CODINGS "zstd, gzip"

enum {
    /** A zstd body that needs a longer window is refused. All who send zstd over HTTP keep within
     * it (RFC 9659). */
    COPSE_CONTENT_ZSTD_WINDOW_BITS_MAX = 23
};

typedef enum copse_content_coding {
    COPSE_CONTENT_IDENTITY, /**< As it is: needs no decoder. */
    COPSE_CONTENT_GZIP,
    COPSE_CONTENT_ZSTD
} copse_content_coding;

/** The coding that a Content-Encoding names. False: it is none of these, or several. */
bool copse_content_coding_find(copse_bytes name, copse_content_coding *ret_coding);

typedef struct copse_content_decoder copse_content_decoder;

/** Makes a decoder of gzip or zstd. `env` must outlive it. NOMEM. */
COPSE_MUST_USE copse_status copse_content_decoder_new(const copse_env *env,
                                                      copse_content_coding coding,
                                                      copse_content_decoder **ret_decoder,
                                                      copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
copse_content_decoder *copse_content_decoder_free(copse_content_decoder *decoder);

/** Takes bytes off the front of `input` and writes up to `size` (not 0) decoded ones. OK: if
 * *ret_len is less than `size`, all of `input` was taken and nothing is held back. CORRUPT: not of
 * this coding; LIMIT: its window is too long; NOMEM: these poison the decoder. */
COPSE_MUST_USE copse_status copse_content_decoder_step(copse_content_decoder *decoder,
                                                       copse_bytes *input, uint8_t *ret_bytes,
                                                       size_t size, size_t *ret_len,
                                                       copse_err *err);

/** Whether a body may end after what was taken so far; one without any bytes may. */
bool copse_content_decoder_is_whole(const copse_content_decoder *decoder);

#endif
