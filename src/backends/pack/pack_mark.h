/* Walking what roots reach: every block once, a parent before its children, children in their
 * order.
 *
 * Links are those of DAG-CBOR, lax, also inside identity CIDs. Blocks of other codecs but raw are
 * opaque: kept, not followed.
 *
 * Memory: 24 to 48 bytes a block that was reached or missed, and the links that wait (those of one
 * block a level).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_MARK_H
#define COPSE_BACKENDS_PACK_PACK_MARK_H

#include "backends/pack/pack_db.h"

/** Called once for each block that is there. */
typedef copse_status (*copse_pack_mark_fn)(void *ctx, copse_block *block, copse_err *err);

/** Belongs to one thread. A zeroed one may be released. */
typedef struct copse_pack_mark {
    copse_pack_db *db;
    bool is_lenient; /* a block that is damaged is passed over like one that is absent */
    copse_pack_mark_fn visit;
    void *ctx;
    uint64_t seed;
    copse_pack_table seen;  /* keys and places are the halves of a hash of 128 bits */
    copse_pack_table alone; /* what was visited, and not followed; some may be in `seen` too */
    copse_cid *stack;
    size_t stack_count;
    size_t stack_capacity;
    copse_cid *absent; /* in the order in which they were missed, each once */
    size_t absent_count;
    size_t absent_capacity;
    copse_pack_table absent_seen;
    uint64_t opaque;
} copse_pack_mark;

void copse_pack_mark_init(copse_pack_mark *mark, copse_pack_db *db, copse_pack_mark_fn visit,
                          void *ctx);
void copse_pack_mark_release(copse_pack_mark *mark);

/** Walks from `root`, passing over what was reached before. CORRUPT: a block is damaged; or the
 * visitor's failure, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_mark_root(copse_pack_mark *mark, const copse_cid *root,
                                                 copse_err *err);

/** Visits `cid` alone, unless it was reached or visited before: a walk that reaches it later
 * follows it, and does not visit it again. Statuses as copse_pack_mark_root. */
COPSE_MUST_USE copse_status copse_pack_mark_alone(copse_pack_mark *mark, const copse_cid *cid,
                                                  copse_err *err);

/** Walks again from what was absent: it may be there by now. */
COPSE_MUST_USE copse_status copse_pack_mark_absent(copse_pack_mark *mark, copse_err *err);

/** Walks from all refs that the view has. */
COPSE_MUST_USE copse_status copse_pack_mark_refs(copse_pack_mark *mark, copse_err *err);

#endif
