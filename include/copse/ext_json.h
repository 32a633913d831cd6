/* MongoDB Extended JSON v2, to and from values (value.h).
 *
 * Format: docs/formats/values.md;
 * https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/. Integer width is not kept;
 * that a number is a float is: 1.0 and {"$numberDouble": "1"} are floats, 1, {"$numberInt": "1"}
 * and {"$numberLong": "1"} the integer 1. Field order is not kept: objects are written in
 * DAG-CBOR's order with `_id` first.
 *
 *     copse_ext_json_reader *reader = NULL;
 *     status = copse_ext_json_reader_new(&env, &reader, &err);
 *     while (status == COPSE_OK && next_line(&line)) {
 *         copse_buf_truncate(&document, 0);
 *         status = copse_ext_json_read(reader, line, COPSE_EXT_JSON_VALUE, &document, &err);
 *     }
 *     copse_ext_json_reader_free(reader);
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXT_JSON_H
#define COPSE_EXT_JSON_H

#include <copse/value.h>

COPSE_EXTERN_C_BEGIN

typedef enum copse_ext_json_mode {
    /** A document or value: a map whose first key begins with "$" must be a type wrapper. */
    COPSE_EXT_JSON_VALUE,
    /** A filter, projection or the like: wrappers are values, other keys with "$" are kept. */
    COPSE_EXT_JSON_QUERY
} copse_ext_json_mode;

/** Memory for reading many texts one after the other: a few hundred bytes, and what the largest
 * text needed. Belongs to one thread. */
typedef struct copse_ext_json_reader copse_ext_json_reader;

/** Makes one, which the caller frees. `env` has to live as long. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_ext_json_reader_new(const copse_env *env,
                                                                copse_ext_json_reader **ret_reader,
                                                                copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_ext_json_reader *copse_ext_json_reader_free(copse_ext_json_reader *reader);

/** Appends to `buf` the one value in `text`, as strict DAG-CBOR that passes copse_value_check (in
 * VALUE mode). White space around it is allowed. An integer outside -2^64 to 2^64 - 1 becomes a
 * float. $undefined becomes null, $symbol a text; links and bytes may also stand as in dag_json.h.
 * CORRUPT: not JSON, not UTF-8, the same key twice, a wrapper that is malformed, has other keys
 * beside or is not supported ($code, $dbPointer), or what `mode` refuses. LIMIT:
 * limits.json_size_bytes_max, limits.cbor_depth_max (of the value, not of its wrappers), a float
 * out of range, the buf's maximum. Messages begin with line and column, from 1, of the place, for a
 * map of its end. NOMEM. Whatever is not OK leaves `buf` as it was, and the reader usable. Takes 48
 * bytes for each pair of the open maps, and twice the largest map that is sorted or a wrapper. */
COPSE_API COPSE_MUST_USE copse_status copse_ext_json_read(copse_ext_json_reader *reader,
                                                          copse_bytes text,
                                                          copse_ext_json_mode mode, copse_buf *buf,
                                                          copse_err *err);

/** copse_ext_json_read with a reader of its own, for one text. */
COPSE_API COPSE_MUST_USE copse_status copse_ext_json_to_cbor(const copse_env *env, copse_bytes text,
                                                             copse_ext_json_mode mode,
                                                             copse_buf *buf, copse_err *err);

/** Appends to `buf` the Extended JSON of `cbor`, one value: canonical (every number in a wrapper;
 * an integer outside int64, for which there is none, as digits), or relaxed (numbers as JSON's,
 * dates of the years 1970 to 9999 as text). Both read back as the same bytes. No white space. Maps
 * that begin with "$" and are no form (those of filters) are written as they are. CORRUPT: not
 * strict DAG-CBOR, or a bare -0.0. LIMIT: a map that would read back as a link or bytes, such as
 * {"/": "text"}; the buf's maximum; as copse_dag_cbor_check. NOMEM. Whatever is not OK leaves `buf`
 * as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_ext_json_from_cbor(const copse_env *env,
                                                               copse_bytes cbor, bool canonical,
                                                               copse_buf *buf, copse_err *err);

COPSE_EXTERN_C_END

#endif
