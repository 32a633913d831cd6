/* JSON text, writing: what DAG-JSON and Extended JSON share. Each call appends to `buf`: NOMEM,
 * LIMIT from the buf; what was appended before a failure is the caller's to take back.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_JSON_PRINT_H
#define COPSE_VALUE_JSON_PRINT_H

#include <copse/buf.h>

/** NUL-terminated text, as it is. */
COPSE_MUST_USE copse_status copse_json_print(copse_buf *buf, const char *text);

/** `text`, which is UTF-8, as a string in quotes, with as few escapes as JSON allows. */
COPSE_MUST_USE copse_status copse_json_print_string(copse_buf *buf, copse_bytes text);

/** The integer arg, or -1 - arg. */
COPSE_MUST_USE copse_status copse_json_print_int(copse_buf *buf, bool negative, uint64_t arg);

/** A finite float, with a point or an exponent. */
COPSE_MUST_USE copse_status copse_json_print_float(copse_buf *buf, double value);

/** Base64 without padding or quotes. */
COPSE_MUST_USE copse_status copse_json_print_base64(copse_buf *buf, copse_bytes bytes);

/** {"/":"bafy..."} for a binary CID. CORRUPT: it is none. */
COPSE_MUST_USE copse_status copse_json_print_link(copse_buf *buf, copse_bytes cid);

#endif
