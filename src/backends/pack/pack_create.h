/* Making a store, and seeing whether there is one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_CREATE_H
#define COPSE_BACKENDS_PACK_PACK_CREATE_H

#include "backends/pack/pack_io.h"

#include <copse/buf.h>

/** OK: the folder is a store. NOT_FOUND: it isn't there, or none. CORRUPT: `format` says something
 * else. */
COPSE_MUST_USE copse_status copse_pack_create_check(copse_pack_io *io, copse_err *err);

/** Makes a store: `format` last, so that a crash leaves none or a whole one. CONFLICT: the folder
 * has other files. Several may try at once. */
COPSE_MUST_USE copse_status copse_pack_create(copse_pack_io *io, copse_err *err);

/** Writes a new journal and gives it its name: header, the frame that is all of `snapshot` (behind
 * room for its header) with `sequence`, and that of `extra` (empty: none). Syncs file and folder
 * if `is_durable`. */
COPSE_MUST_USE copse_status copse_pack_create_journal(copse_pack_io *io, uint64_t generation,
                                                      uint64_t sequence, copse_buf *snapshot,
                                                      copse_buf *extra, bool is_durable,
                                                      copse_err *err);

/** Writes `format`, durably: what makes a folder a store. */
COPSE_MUST_USE copse_status copse_pack_create_format(copse_pack_io *io, copse_err *err);

#endif
