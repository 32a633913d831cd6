/* Cutting a stream of JSON into its values, without parsing them: newline-delimited JSON, values
 * one after the other, or one array of values. A byte order mark of UTF-8 at the start is passed
 * over.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_JSON_STREAM_H
#define COPSE_JSON_STREAM_H

#include <copse/buf.h>
#include <copse/env.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. */
typedef struct copse_json_stream copse_json_stream;

/** Where a value begins. */
typedef struct copse_json_place {
    uint64_t line;   /**< From 1. */
    uint64_t column; /**< In bytes, from 1. */
    uint64_t offset; /**< In the stream. */
} copse_json_place;

/** Makes one, which the caller frees. `value_size_bytes_max`: the longest value; no more is ever
 * held (while it grows, twice that). `env` has to live as long. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_json_stream_new(const copse_env *env,
                                                            size_t value_size_bytes_max,
                                                            copse_json_stream **ret_stream,
                                                            copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_json_stream *copse_json_stream_free(copse_json_stream *stream);

/** Hands over the next piece; borrowed until copse_json_stream_next has returned WANT. An empty
 * piece is the end of the stream. MISUSE: the last piece has not been used up, or there was an end.
 */
COPSE_API COPSE_MUST_USE copse_status copse_json_stream_feed(copse_json_stream *stream,
                                                             copse_bytes piece, copse_err *err);

/** Gives the text of the next value, valid until the next call, and where it begins. WANT: feed the
 * next piece. END: the stream has ended. CORRUPT: what is there can't be a value (the message
 * begins with line and column): a value ends where its brackets and quotes do, a scalar at white
 * space, a comma or a bracket; in an array there is one comma between two; behind an array only
 * white space. LIMIT: a value is too long. NOMEM: nothing has changed. After CORRUPT or LIMIT a
 * call goes on behind the end of the line, so that a bad line can be skipped; in an array it
 * repeats the failure. Also refused is what shows that the line before was cut short: a line end in
 * a string, and after a line end a bracket that opens where a comma should be; there a call goes
 * on. */
COPSE_API COPSE_MUST_USE copse_status copse_json_stream_next(copse_json_stream *stream,
                                                             copse_bytes *ret_text,
                                                             copse_json_place *ret_place,
                                                             copse_err *err);

COPSE_EXTERN_C_END

#endif
