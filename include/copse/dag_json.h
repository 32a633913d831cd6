/* DAG-JSON: the text form of the IPLD data model, to and from DAG-CBOR.
 *
 * Format: docs/formats/dag-json.md; https://ipld.io/specs/codecs/dag-json/spec/. Links are written
 * {"/":"bafy…"}, bytes {"/":{"bytes":"base64 without padding"}}; other maps that begin like these
 * are refused. Any JSON without such maps is DAG-JSON.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DAG_JSON_H
#define COPSE_DAG_JSON_H

#include <copse/buf.h>
#include <copse/bytes.h>
#include <copse/dag_cbor.h>
#include <copse/env.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

/** Appends to `buf` the strict DAG-CBOR of the one JSON value in `text`. White space and the order
 * of keys are free. A number of digits only is an integer from -2^64 to 2^64 - 1, one with a
 * fraction or an exponent a 64-bit float.
 * CORRUPT: not JSON, not UTF-8, half of a surrogate pair, the same key twice, a map in the reserved
 * form that is no link or bytes. LIMIT: limits.json_size_bytes_max or limits.cbor_depth_max, a
 * number out of range, or the buf's maximum. Messages begin with line and column, both from 1, of
 * the place of what is wrong. NOMEM. Whatever is not OK leaves `buf` as it was.
 * Takes memory for the levels of nesting, 48 bytes for each pair of the open maps, and a copy of
 * the pairs of a map whose keys are out of order. */
COPSE_API COPSE_MUST_USE copse_status copse_dag_json_to_cbor(const copse_env *env, copse_bytes text,
                                                             copse_buf *buf, copse_err *err);

/** Appends to `buf` the canonical DAG-JSON of the one item in `cbor`: keys in bytewise order, no
 * white space, floats in the fewest digits that read back the same, with a point or an exponent.
 * Checks `cbor` in `mode` first: CORRUPT and LIMIT as copse_dag_cbor_check. CORRUPT also: text that
 * is not UTF-8 (lax mode). LIMIT also: a map that DAG-JSON reserves, such as {"/":"text"} (it has
 * no form in JSON), or the buf's maximum. NOMEM. Whatever is not OK leaves `buf` as it was. Takes
 * memory for the pairs of all open maps, 48 bytes each, and for the text of one map if its keys
 * stand in another order than in DAG-CBOR. */
COPSE_API COPSE_MUST_USE copse_status copse_dag_json_from_cbor(const copse_env *env,
                                                               copse_bytes cbor,
                                                               copse_cbor_mode mode, copse_buf *buf,
                                                               copse_err *err);

COPSE_EXTERN_C_END

#endif
