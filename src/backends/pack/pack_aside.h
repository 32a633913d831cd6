/* What is put aside: the bytes behind the last frame that counts, before a writer cuts them off.
 *
 * They may be a write that a crash cut short, or a commit that was acknowledged and then damaged:
 * nothing tells which (J2). So they are kept until a collection, and a repair takes out of them
 * what proves itself.
 *
 * A file `journal-<generation>-<offset>-<hash>.damaged` is the header of the journal, then its
 * bytes from `offset` on. So it reads like a journal whose first frame is elsewhere. `hash` is of
 * those bytes, so that a second tail at the same place doesn't take the first one's name.
 *
 * Invariants:
 *   A1  At every moment a tail is in the journal, or whole and durable in its file.
 *   A2  There are at most COPSE_PACK_ASIDES_MAX: the oldest goes when one more was kept.
 *   A3  A tail of zeros, or too short for a frame with an item, holds nothing and is not kept.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_ASIDE_H
#define COPSE_BACKENDS_PACK_PACK_ASIDE_H

#include "backends/pack/pack_io.h"

enum { COPSE_PACK_ASIDES_MAX = 8 };

/** Puts aside what stands in the journal from `offset` on (A1). IO, DENIED, NOMEM: the caller must
 * not cut it off. */
COPSE_MUST_USE copse_status copse_pack_aside_keep(copse_pack_io *io, copse_file *journal,
                                                  uint64_t generation, uint64_t offset,
                                                  copse_err *err);

/** Copies the bytes of `from` from `offset` on to a file `name`, behind the `head` (empty: none),
 * durably: it has its name once it is whole. IO, DENIED, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_aside_copy(copse_pack_io *io, copse_file *from,
                                                  uint64_t offset, copse_bytes head,
                                                  const char *name, copse_err *err);

#endif
