/* JSON text before it is parsed: what the parser doesn't check, and places in it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_JSON_TEXT_H
#define COPSE_VALUE_JSON_TEXT_H

#include <copse/bytes.h>
#include <copse/status.h>

/** Whether `text` is UTF-8, and \u escapes of surrogates come in pairs. CORRUPT names the place. */
COPSE_MUST_USE copse_status copse_json_text_check(copse_bytes text, copse_err *err);

/** Fills `err` with `status` and the line and column (in characters) of `offset`, both from 1, then
 * `why`. Returns `status`. */
copse_status copse_json_text_fail(copse_bytes text, size_t offset, copse_status status,
                                  const char *why, copse_err *err);

#endif
