/* The fields of an index, as commands take them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_INDEX_FIELDS_H
#define COPSE_APPS_INDEX_FIELDS_H

#include <copse/buf.h>
#include <copse/index.h>

/** Appends them: "tags[],-createdAt". NOMEM, LIMIT: some may be there. */
COPSE_MUST_USE copse_status copse_index_fields_write(const copse_index_definition *index,
                                                     copse_buf *buf);

#endif
