/* The JSON parser behind DAG-JSON: yajl, made safe. Only json_parse.c knows its memory, only
 * dag_json_read.c its callbacks; docs/decisions/0003-json-parser.md says why it was chosen.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_JSON_PARSE_H
#define COPSE_VALUE_JSON_PARSE_H

#include <copse/bytes.h>
#include <copse/env.h>

#include <yajl/yajl_parse.h>

/** Parses the one JSON value in `text`, which copse_json_text_check has passed. Callbacks get `ctx`
 * and return 0 to stop. The text that they get is valid during the call.
 * OK; END: a callback stopped; *ret_offset is then the place behind its token. CORRUPT: not JSON;
 * the message names the place. NOMEM. The memory that is taken is freed before it returns. */
COPSE_MUST_USE copse_status copse_json_parse(const copse_env *env, copse_bytes text,
                                             const yajl_callbacks *callbacks, void *ctx,
                                             size_t *ret_offset, copse_err *err);

#endif
