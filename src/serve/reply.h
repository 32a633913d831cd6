/* Filling in answers: texts, bytes, blocks, errors.
 *
 * None of these fails: where memory lacks, the answer is a 503.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_REPLY_H
#define COPSE_SERVE_REPLY_H

#include "net/http_server.h"

#include <copse/block.h>

/** Adds whole header lines, each with its CRLF. */
void copse_reply_lines(copse_http_answer *answer, const char *lines);

/** Adds a header, as printf; a value that is formatted is cut at 1,023 bytes. */
void copse_reply_header(copse_http_answer *answer, const char *name, const char *format, ...)
    COPSE_PRINTF(3, 4);

/** Adds a header whose value is the parts joined: at most 8. */
void copse_reply_header_parts(copse_http_answer *answer, const char *name, const copse_bytes *parts,
                              size_t count);

/** Adds a header whose value is the texts behind `name` joined, up to a NULL: at most 8. */
void copse_reply_header_join(copse_http_answer *answer, const char *name, ...);

/** Adds a header of any length, which must be one line. */
void copse_reply_header_bytes(copse_http_answer *answer, const char *name, copse_bytes value);

/** Answers `status` with one line of text, as printf, that says what to do. Headers stay; a 503 or
 * 429 that has no Retry-After gets one of a second. */
void copse_reply_line(const copse_env *env, copse_http_answer *answer, unsigned status,
                      const char *format, ...) COPSE_PRINTF(4, 5);

/** As copse_reply_line, for what a call failed with: 404, 400, 503 or 500. */
void copse_reply_failure(const copse_env *env, copse_http_answer *answer, copse_status status,
                         const copse_err *err);

/** Makes the bytes in `buf`, which it takes over and zeroes, the body. Leaves the status. */
void copse_reply_buf(const copse_env *env, copse_http_answer *answer, const char *content_type,
                     copse_buf *buf);

/** Makes bytes [from, to) of a block the body; takes its own reference. Leaves the status. */
void copse_reply_block(const copse_env *env, copse_http_answer *answer, copse_block *block,
                       size_t from, size_t to);

/** If the request's If-None-Match names `etag` (with its quotes; W/ counts for nothing), answers
 * 304 and returns true. */
bool copse_reply_not_modified(const copse_http_request *request, const char *etag,
                              copse_http_answer *answer);

#endif
