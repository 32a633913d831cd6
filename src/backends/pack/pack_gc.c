/* Collecting garbage: the live blocks move to new packs, everything else is removed.
 *
 *     gc.lock shared              no other collection removes what this one makes
 *     mark from roots and pins    each block is hashed and copied, in the order of the walk
 *     gc.lock exclusive           nobody has blocks that no ref names yet
 *     lock exclusive              nobody commits
 *     mark again                  from what the roots are now, and what was absent before
 *     sync packs and folder
 *     end the journal             whoever has it open looks for the next from now on
 *     begin the next              its snapshot names the new packs only, epoch + 1
 *     remove the other files
 *
 * Invariants:
 *   G1  Until the next journal has its name, the old files are the store, and whole; from then
 *       on the new ones are. So a crash leaves one or the other, and some files too many.
 *   G2  A block is seen only when it was copied. What was absent is looked for again at the
 *       end, since its parent is not walked twice.
 *   G3  What is kept is decided anew in the second mark, by the refs as they are then. What
 *       only the first mark kept stays too.
 *   G4  Blocks that somebody put and no ref names yet are never taken: who puts holds gc.lock.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/pack/pack_mark.h"

#include <copse/pack_maintenance.h>

#include "base/err.h"
#include "block/block.h"

#include <string.h>

enum { PACK_GC_PROGRESS_BLOCKS = 1024 };

typedef struct pack_gc {
    copse_pack_db *db;
    const copse_pack_gc_options *options;
    copse_pack_gc_stats stats;
    copse_pack_mark mark;
} pack_gc;

/* Copies a live block. */
static copse_status pack_gc_visit(void *ctx, copse_block *block, copse_err *err)
{
    pack_gc *gc = ctx;
    copse_bytes data = copse_block_data_inline(block);
    copse_status status = copse_pack_db_copy(gc->db, copse_block_cid_inline(block), data, err);
    if (status != COPSE_OK) {
        return status;
    }
    gc->stats.live_blocks++;
    gc->stats.live_bytes += data.len;
    if (gc->options->progress != NULL && gc->stats.live_blocks % PACK_GC_PROGRESS_BLOCKS == 0) {
        gc->stats.absent = gc->mark.absent_count;
        gc->stats.opaque = gc->mark.opaque;
        status = gc->options->progress(gc->options->progress_ctx, &gc->stats, err);
    }
    return status;
}

static copse_status pack_gc_keep(void *ctx, const copse_cid *cid, bool is_whole, copse_err *err)
{
    pack_gc *gc = ctx;
    return is_whole ? copse_pack_mark_root(&gc->mark, cid, err)
                    : copse_pack_mark_alone(&gc->mark, cid, err);
}

static copse_status pack_gc_mark(pack_gc *gc, copse_err *err)
{
    const copse_pack_gc_options *options = gc->options;
    copse_status status = options->roots != NULL
                              ? options->roots(options->roots_ctx, pack_gc_keep, gc, err)
                              : copse_pack_mark_refs(&gc->mark, err);
    for (size_t i = 0; i < gc->options->pins_count && status == COPSE_OK; i++) {
        status = copse_pack_mark_root(&gc->mark, &gc->options->pins[i], err);
    }
    return status;
}

/* ---- The end ---- */

typedef struct pack_gc_sweep {
    copse_pack_db *db;
    uint64_t tails; /* that were put aside, and are removed */
} pack_gc_sweep;

static bool pack_gc_is_used(const copse_pack_view *view, const copse_pack_name *name)
{
    if (name->kind == COPSE_PACK_NAME_JOURNAL && name->generation == view->header.generation) {
        return true;
    }
    for (size_t i = 0; i < view->files_count; i++) {
        const copse_pack_name *id = &view->files[i]->id;
        if (id->kind == name->kind &&
            (id->kind == COPSE_PACK_NAME_PACK
                 ? memcmp(id->digest, name->digest, sizeof id->digest) == 0
                 : id->generation == name->generation)) {
            return true;
        }
    }
    return false;
}

static copse_status pack_gc_sweep_file(void *ctx, const char *name, copse_err *err)
{
    pack_gc_sweep *sweep = ctx;
    copse_pack_name parsed = copse_pack_name_parse(name);
    bool is_ours = parsed.kind == COPSE_PACK_NAME_JOURNAL || parsed.kind == COPSE_PACK_NAME_PACK;
    if (parsed.kind == COPSE_PACK_NAME_TEMPORARY ||
        (is_ours && !pack_gc_is_used(&sweep->db->view, &parsed))) {
        return copse_pack_io_remove(&sweep->db->io, name, err);
    }
    /* A tail of the journal that this collection ended may have been cut off by it just now. */
    if (parsed.kind == COPSE_PACK_NAME_ASIDE &&
        parsed.generation + 1 < sweep->db->view.header.generation) {
        copse_status status = copse_pack_io_remove(&sweep->db->io, name, err);
        sweep->tails += status == COPSE_OK;
        return status;
    }
    return COPSE_OK;
}

/* Under both locks: makes the copies the store (G1). */
static copse_status pack_gc_switch(pack_gc *gc, copse_err *err)
{
    copse_pack_db *db = gc->db;
    copse_status status = copse_pack_db_finish_bulk(db, err);
    if (status == COPSE_OK) {
        status = copse_pack_db_end_journal(db, false, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_pack_view next = db->view; /* borrows: never released */
    next.files = db->packs;
    next.files_count = db->packs_count;
    next.epoch = db->view.epoch + 1;
    copse_buf *extra = copse_pack_batch_is_empty(&db->batch) ? NULL : &db->batch.frame;
    return copse_pack_db_new_journal(db, &next, false, extra, err);
}

/* With nobody else at work: marks what came since, and switches. */
static copse_status pack_gc_finish(pack_gc *gc, uint64_t epoch, copse_err *err)
{
    copse_pack_db *db = gc->db;
    copse_status status = copse_pack_db_lock(db, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (db->view.epoch != epoch) {
        copse_pack_db_unlock(db);
        return COPSE_ERR(err, COPSE_CONFLICT, "another garbage collection came first");
    }
    status = pack_gc_mark(gc, err);
    if (status == COPSE_OK) {
        status = copse_pack_mark_absent(&gc->mark, err);
    }
    copse_pack_stat stat;
    copse_pack_db_stat(db, &stat);
    gc->stats.before_bytes = stat.size_bytes;
    if (status == COPSE_OK) {
        status = pack_gc_switch(gc, err);
    }
    if (status == COPSE_OK) {
        pack_gc_sweep sweep = {db, 0};
        status = copse_pack_io_list(&db->io, pack_gc_sweep_file, &sweep, err);
        copse_pack_db_stat(db, &stat);
        gc->stats.after_bytes = stat.size_bytes;
        gc->stats.tails = sweep.tails;
        db->read_epoch = db->view.epoch;
    }
    copse_pack_db_unlock(db);
    return status;
}

static copse_status pack_gc_lock_exclusive(pack_gc *gc, copse_err *err)
{
    copse_err why;
    copse_file *lock = gc->db->gc_lock;
    copse_status status = lock->ops->lock(lock, COPSE_LOCK_EXCLUSIVE, gc->options->wait, &why);
    if (status == COPSE_CONFLICT) {
        return COPSE_ERR(err, COPSE_CONFLICT,
                         "busy: somebody has blocks that no ref names yet; try again later");
    }
    if (status != COPSE_OK && err != NULL) {
        *err = why;
    }
    return status;
}

static copse_status pack_gc_run(pack_gc *gc, copse_err *err)
{
    copse_pack_db *db = gc->db;
    copse_status status = copse_pack_db_begin(db, err);
    uint64_t epoch = db->view.epoch;
    if (status == COPSE_OK) {
        status = pack_gc_mark(gc, err);
    }
    if (status == COPSE_OK) {
        status = pack_gc_lock_exclusive(gc, err);
    }
    return status == COPSE_OK ? pack_gc_finish(gc, epoch, err) : status;
}

copse_status copse_pack_gc(copse_pack_db *db, const copse_pack_gc_options *options,
                           copse_pack_gc_stats *ret_stats, copse_err *err)
{
    static const copse_pack_gc_options none = {0};
    if (db == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a garbage collection needs a store");
    }
    if (db->is_bulk || db->packs_count > 0 || !copse_pack_batch_is_empty(&db->batch)) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit or flush before collecting garbage");
    }
    pack_gc gc = {.db = db, .options = options != NULL ? options : &none};
    copse_pack_mark_init(&gc.mark, db, pack_gc_visit, &gc);
    copse_status status = pack_gc_run(&gc, err);
    gc.stats.absent = gc.mark.absent_count;
    gc.stats.opaque = gc.mark.opaque;
    copse_pack_mark_release(&gc.mark);
    copse_pack_db_drop(db);
    if (status == COPSE_OK && ret_stats != NULL) {
        *ret_stats = gc.stats;
    }
    return status;
}
