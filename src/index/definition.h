/* Definitions of indexes as they are kept: copies, checks, and the row in the catalogue.
 *
 * Format: docs/formats/database.md, "The definition of an index".
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_INDEX_DEFINITION_H
#define COPSE_INDEX_DEFINITION_H

#include "base/arena.h"

#include <copse/index.h>

/** Checks all but the name and the filter: fields and paths. CORRUPT: no field, too many, a field
 * twice, two array fields, a bad path, or both `link` and included fields. */
COPSE_MUST_USE copse_status copse_index_definition_check(const copse_index_definition *definition,
                                                         copse_err *err);

/** Copies all that `definition` points to into the arena. NOMEM. */
COPSE_MUST_USE copse_status copse_index_definition_dup(copse_arena *arena,
                                                       const copse_index_definition *definition,
                                                       copse_index_definition *ret_copy,
                                                       copse_err *err);

/** Appends the name that an index has by default: "tags,-createdAt". LIMIT, NOMEM. */
COPSE_MUST_USE copse_status
copse_index_definition_write_name(const copse_index_definition *definition, copse_buf *buf);

/** Appends the value of its row in the catalogue, which does not hold the name. `definition` has
 * passed copse_index_definition_check. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_index_definition_encode(const copse_index_definition *definition,
                                                          copse_buf *buf, copse_err *err);

/** Whether both say the same, their names aside. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_index_definition_equal(const copse_env *env,
                                                         const copse_index_definition *a,
                                                         const copse_index_definition *b,
                                                         bool *ret_equal, copse_err *err);

/** Reads the value of a row, one strict item that was checked before; what the definition points to
 * is copied into the arena. `name` is borrowed. CORRUPT: no definition, or one of another version.
 * NOMEM. */
COPSE_MUST_USE copse_status copse_index_definition_decode(copse_arena *arena, copse_bytes name,
                                                          copse_bytes encoded,
                                                          copse_index_definition *ret_definition,
                                                          copse_err *err);

#endif
