/* What was put and removed since the last frame: the payload of the next one, and where in it each
 * block stands.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_BATCH_H
#define COPSE_BACKENDS_PACK_PACK_BATCH_H

#include "backends/pack/journal.h"
#include "backends/pack/pack_file.h"

/** Belongs to one thread. A zeroed one may be released. */
typedef struct copse_pack_batch {
    const copse_env *env;
    copse_buf frame; /* room for a header, then items */
    copse_pack_table table;
    uint64_t seed;
    size_t items; /* blocks and removals */
} copse_pack_batch;

void copse_pack_batch_init(copse_pack_batch *batch, const copse_env *env, uint64_t seed);
void copse_pack_batch_release(copse_pack_batch *batch);

/** Forgets everything, keeps memory for small batches. */
void copse_pack_batch_clear(copse_pack_batch *batch);

/** Whether there is something to write. */
bool copse_pack_batch_is_empty(const copse_pack_batch *batch);

/** Makes room for the header of the frame, if that hasn't happened. NOMEM. */
COPSE_MUST_USE copse_status copse_pack_batch_begin(copse_pack_batch *batch, copse_err *err);

/** Appends a block, or with `data` NULL a removal. NOMEM, LIMIT: as it was. */
COPSE_MUST_USE copse_status copse_pack_batch_add(copse_pack_batch *batch, const copse_cid *cid,
                                                 const copse_bytes *data, copse_err *err);

/** Looks for a CID; `ret_block` NULL: not wanted. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_pack_batch_find(const copse_pack_batch *batch,
                                                  const copse_cid *cid, copse_pack_found *ret_found,
                                                  copse_block **ret_block, copse_err *err);

/** Visits the blocks that stand, once each. */
COPSE_MUST_USE copse_status copse_pack_batch_each(const copse_pack_batch *batch,
                                                  copse_status (*visit)(void *ctx,
                                                                        copse_block *block,
                                                                        copse_err *err),
                                                  void *ctx, copse_err *err);

#endif
