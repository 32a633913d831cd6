/* What a command prints on stdout: text lines for people and pipes, or JSON lines.
 *
 * Text shows byte strings as they are, except that what would break a line or a terminal is
 * escaped: \t, \n, \r, \\, and \xNN for other control characters and for bytes that are no UTF-8.
 * A value that is no byte string is shown as DAG-JSON. JSON shows byte strings that are UTF-8 as
 * strings, others as {"/":{"bytes":"base64"}}, links as {"/":"bafy…"}. With `hex`, keys and byte
 * strings are hexadecimal in both.
 *
 *     copse_output_begin(out);                      {
 *     copse_output_text(out, "ref", "main");         "ref":"main"
 *     copse_output_end(out);                        }   and a line's end
 *
 * Output is gathered and goes to stdout by copse_output_flush; failing to write makes `failed` true
 * and drops the rest.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_OUTPUT_H
#define COPSE_APPS_OUTPUT_H

#include <copse/buf.h>
#include <copse/cid.h>

typedef struct copse_output {
    const copse_env *env;
    bool json;
    bool hex;
    bool failed; /**< stdout did not take it all; os_errno says why. */
    int os_errno;
    bool comma; /**< JSON: the next member needs one before it. */
    size_t used;
    char buffer[1 << 15];
} copse_output;

void copse_output_init(copse_output *out, const copse_env *env);

/** Hands what was gathered to the system. False: it did not take it. */
bool copse_output_flush(copse_output *out);

/* ---- Text ---- */

/** Bytes as they are. */
void copse_output_raw(copse_output *out, copse_bytes bytes);

/** As printf; at most 1,024 bytes. */
void copse_output_format(copse_output *out, const char *format, ...) COPSE_PRINTF(2, 3);

/** A byte string, escaped, or hexadecimal with `hex`. */
void copse_output_bytes(copse_output *out, copse_bytes bytes);

/** A value, one encoded DAG-CBOR item: a byte string's content as copse_output_bytes, anything else
 * as DAG-JSON. CORRUPT, LIMIT (DAG-JSON has no form for it), NOMEM: nothing was written. */
COPSE_MUST_USE copse_status copse_output_value(copse_output *out, copse_bytes encoded,
                                               copse_err *err);

/* ---- JSON ---- */

/** Begins an object, or with a name (NULL: none) one inside another or inside an array. */
void copse_output_begin(copse_output *out);
void copse_output_begin_member(copse_output *out, const char *name);

/** Ends the outermost object, with its line; or one inside. */
void copse_output_end(copse_output *out);
void copse_output_end_member(copse_output *out);

void copse_output_begin_array(copse_output *out, const char *name);
void copse_output_end_array(copse_output *out);

/** Members of the present object. */
void copse_output_text(copse_output *out, const char *name, const char *text);
void copse_output_number(copse_output *out, const char *name, uint64_t number);
void copse_output_real(copse_output *out, const char *name, double number);
void copse_output_bool(copse_output *out, const char *name, bool value);
void copse_output_null(copse_output *out, const char *name);

/** A CID in its text form, as a plain string. `cid` NULL: null. */
void copse_output_cid(copse_output *out, const char *name, const copse_cid *cid);

/** A string that may hold any UTF-8. */
void copse_output_text_bytes(copse_output *out, const char *name, copse_bytes text);

/** A byte string: a string, a bytes object, or with `hex` hexadecimal. */
void copse_output_key(copse_output *out, const char *name, copse_bytes bytes);

/** One encoded DAG-CBOR item; ptr NULL: null. Statuses as copse_output_value. */
COPSE_MUST_USE copse_status copse_output_item(copse_output *out, const char *name,
                                              copse_bytes encoded, copse_err *err);

/** One encoded value as relaxed Extended JSON, of len 0 as null; in an array `name` is NULL.
 * Statuses as copse_ext_json_from_cbor: then nothing was written. */
COPSE_MUST_USE copse_status copse_output_ext_json(copse_output *out, const char *name,
                                                  copse_bytes encoded, copse_err *err);

/* ---- Both ---- */

/** A line with one CID, or {"name":"bafy…"}. */
void copse_output_cid_line(copse_output *out, const char *name, const copse_cid *cid);

/** A line with one number, or {"name":123}. */
void copse_output_number_line(copse_output *out, const char *name, uint64_t number);

/** A line KEY TAB VALUE, or {"key":…,"value":…}. Statuses as copse_output_value. */
COPSE_MUST_USE copse_status copse_output_entry(copse_output *out, copse_bytes key,
                                               copse_bytes encoded, copse_err *err);

/** One value as relaxed Extended JSON, within a line of text. Statuses as copse_output_ext_json. */
COPSE_MUST_USE copse_status copse_output_value_ext_json(copse_output *out, copse_bytes encoded,
                                                        copse_err *err);

/** A line with one value as Extended JSON, relaxed or `canonical`: the same for people and
 * programs. Statuses as copse_output_ext_json. */
COPSE_MUST_USE copse_status copse_output_document(copse_output *out, copse_bytes encoded,
                                                  bool canonical, copse_err *err);

#endif
