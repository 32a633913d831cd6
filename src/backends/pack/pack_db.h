/* The inside of an open store.
 *
 * How a commit goes:
 *
 *     lock                              shared with nobody
 *     read what others appended         put a torn tail aside, and cut it off
 *     compare the ref                   CONFLICT: unlock, keep what waits
 *     write one frame at the tail
 *     sync                              durability full
 *     unlock
 *
 * Invariants:
 *   D1  A frame is written only under the lock, at the end of the newest journal, which has not
 *       ended, behind a frame that counts.
 *   D2  Before a frame that names a pack is written, the pack and its name are durable. Before a
 *       journal is used, it, its name and the one before are. (Not with durability off.)
 *   D3  A frame written with durability off says so; whoever wants more syncs all files before it
 *       writes the next.
 *   D4  The first put takes gc.lock, shared, and reads what others wrote, before it looks whether
 *       the block is there. So no block that a put passed over is collected before its commit.
 *   D5  A ref that was read before a garbage collection is not moved after it without being read
 *       again: the swap answers CONFLICT. So a tree that was built on blocks that are gone is
 *       never committed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_DB_H
#define COPSE_BACKENDS_PACK_PACK_DB_H

#include "backends/pack/pack_batch.h"
#include "backends/pack/pack_view.h"
#include "backends/pack/pack_writer.h"

#include <copse/pack_store.h>

/** Belongs to one thread, with its store and refs. */
struct copse_pack_db {
    copse_store store; /* first: see copse_pack_db_of_store */
    copse_refs refs;
    const copse_env *env;
    copse_pack_io io;
    copse_pack_options options;
    copse_file *lock;
    copse_file *gc_lock;
    bool holds_gc_lock;
    bool is_poisoned;   /* a sync failed: what is durable is no longer known */
    bool needs_sync;    /* frames of ours were written and not synced */
    bool needs_witness; /* we know more of the journal to be durable than it says itself (J4) */
    bool is_bulk;
    bool is_broken; /* a pack of the load could not be finished: it can't be committed any more */
    uint64_t read_epoch; /* D5 */
    copse_pack_view view;
    copse_pack_batch batch;
    copse_pack_writer writer; /* of the pack that a bulk load fills */
    copse_pack_file **packs;  /* that it has filled */
    size_t packs_count;
    size_t packs_capacity;
    copse_buf frame; /* one that is being made, if it isn't the batch's */
};

/** A ref's move, as copse_refs_swap has it. */
typedef struct copse_pack_move {
    copse_bytes name;
    const copse_cid *expected;
    const copse_cid *cid;
} copse_pack_move;

/** Takes the lock, catches up, makes the journal ready for a frame (D1). On failure the lock is
 * not held. DENIED (read-only), CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_db_lock(copse_pack_db *db, copse_err *err);
void copse_pack_db_unlock(copse_pack_db *db);

/** Opens the journal in use for writing, once. */
COPSE_MUST_USE copse_status copse_pack_db_open_journal(copse_pack_db *db, copse_err *err);

/** Under the lock: completes `buf`, which begins with room for a header, writes it as a frame,
 * syncs it if `is_durable`, and applies it. On failure nothing was written, and `buf` is as it
 * was. */
COPSE_MUST_USE copse_status copse_pack_db_append(copse_pack_db *db, copse_buf *buf, uint32_t flags,
                                                 bool is_durable, copse_err *err);

/** Writes what waits, and with it `move` (NULL: none). `is_flush`: syncs with durability normal
 * too. */
COPSE_MUST_USE copse_status copse_pack_db_commit(copse_pack_db *db, const copse_pack_move *move,
                                                 bool is_flush, copse_err *err);

/** Under the lock: makes a journal of the next generation, and loads it. Its first frame is a
 * snapshot of `view`; with_journal as copse_pack_view_snapshot. `extra` (empty: none): items of a
 * second frame, behind room for its header. */
COPSE_MUST_USE copse_status copse_pack_db_new_journal(copse_pack_db *db,
                                                      const copse_pack_view *view,
                                                      bool with_journal, copse_buf *extra,
                                                      copse_err *err);

/** Under the lock: ends the journal in use, with an index of its blocks if `with_index`. */
COPSE_MUST_USE copse_status copse_pack_db_end_journal(copse_pack_db *db, bool with_index,
                                                      copse_err *err);

/** Before blocks are put or removed (D4). */
COPSE_MUST_USE copse_status copse_pack_db_begin(copse_pack_db *db, copse_err *err);

/** Adds a block that is not there, or that was removed. */
COPSE_MUST_USE copse_status copse_pack_db_put(copse_pack_db *db, const copse_cid *cid,
                                              copse_bytes data, copse_err *err);

/** Adds a block to the pack that is being filled, wherever else it is. */
COPSE_MUST_USE copse_status copse_pack_db_copy(copse_pack_db *db, const copse_cid *cid,
                                               copse_bytes data, copse_err *err);

/** Ends the pack that is being filled, or moves its blocks to the batch if they are few. Then all
 * packs and their names are durable (D2). */
COPSE_MUST_USE copse_status copse_pack_db_finish_bulk(copse_pack_db *db, copse_err *err);

/** Looks everywhere. NOTHING also if damage may hide the block. */
COPSE_MUST_USE copse_status copse_pack_db_find(copse_pack_db *db, const copse_cid *cid,
                                               copse_pack_found *ret_found, copse_block **ret_block,
                                               copse_err *err);

/** Drops what waits. */
void copse_pack_db_drop(copse_pack_db *db);

/** Before the db is closed: writes the witness of the last commit (J4), if it can be done at once.
 */
void copse_pack_db_witness(copse_pack_db *db);

/** Notes that all of the journal up to the view's tail, and its name, are durable. */
static inline void copse_pack_db_note_synced(copse_pack_db *db)
{
    db->view.synced = db->view.tail;
    db->needs_witness = true;
}

/** Whether commits are synced at all. */
static inline bool copse_pack_db_syncs(const copse_pack_db *db)
{
    return db->options.durability != COPSE_DURABILITY_OFF;
}

extern const copse_store_ops copse_pack_store_ops;
extern const copse_refs_ops copse_pack_refs_ops;

#endif
