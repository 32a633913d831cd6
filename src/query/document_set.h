/* A document with one field set or taken out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_DOCUMENT_SET_H
#define COPSE_QUERY_DOCUMENT_SET_H

#include <copse/value.h>

/** Appends `document` with `value` at `path` (len 0: with nothing there). What stands in the way
 * and is no object becomes one; arrays are not gone into. CORRUPT: an object's first key would
 * begin with "$". NOMEM, LIMIT; `err` is filled in for all of them. */
COPSE_MUST_USE copse_status copse_document_set(copse_bytes document, copse_bytes path,
                                               copse_bytes value, copse_buf *buf, copse_err *err);

/** The value at `path`, through objects only; len 0: there is none. */
copse_bytes copse_document_at(copse_bytes document, copse_bytes path);

#endif
