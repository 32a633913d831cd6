/* Reading CSV (RFC 4180) in pieces.
 *
 * Records end with LF or CRLF, the last one perhaps with neither; fields may be quoted, with "" for
 * a quote; quoted fields may hold line ends. White space belongs to a field. A byte order mark at
 * the start is passed over. Empty lines are passed over. How many fields a record has is the
 * caller's to check.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CSV_H
#define COPSE_CSV_H

#include <copse/buf.h>
#include <copse/env.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. */
typedef struct copse_csv copse_csv;

/** A field of a record. */
typedef struct copse_csv_field {
    copse_bytes text; /**< Without its quotes; UTF-8. */
    bool quoted;      /**< So that "1" and "" can be told from 1 and nothing. */
} copse_csv_field;

/** Makes one, which the caller frees. `separator`: ',' or another ASCII character, no quote, NUL or
 * line end. `record_size_bytes_max`: the content of the largest record, without quotes and
 * separators; `fields_max`: its fields. `env` has to live as long. MISUSE, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_csv_new(const copse_env *env, char separator,
                                                    size_t record_size_bytes_max, size_t fields_max,
                                                    copse_csv **ret_csv, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_csv *copse_csv_free(copse_csv *csv);

/** Hands over the next piece; borrowed until copse_csv_next has returned WANT. An empty piece is
 * the end. MISUSE: the last piece has not been used up, or there was an end. */
COPSE_API COPSE_MUST_USE copse_status copse_csv_feed(copse_csv *csv, copse_bytes piece,
                                                     copse_err *err);

/** Gives the fields of the next record, valid until the next call, and its first line, from 1.
 * WANT: feed the next piece. END: no more records. CORRUPT: a quote where none may be, a quoted
 * field that goes on behind its quote or doesn't end, or not UTF-8; the message begins with line
 * and column (in bytes), both from 1. LIMIT: the record is too long or has too many fields. NOMEM:
 * nothing has changed. After CORRUPT or LIMIT the next call goes on behind the end of the line in
 * which it showed. */
COPSE_API COPSE_MUST_USE copse_status copse_csv_next(copse_csv *csv,
                                                     const copse_csv_field **ret_fields,
                                                     size_t *ret_count, uint64_t *ret_line,
                                                     copse_err *err);

COPSE_EXTERN_C_END

#endif
