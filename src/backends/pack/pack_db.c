/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_db.h"

#include "backends/pack/pack_aside.h"
#include "backends/pack/pack_create.h"
#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

static const uint64_t pack_db_journal_size_max = (uint64_t)64 << 20;

/* ---- Opening and closing ---- */

static copse_status pack_db_open_lock(copse_pack_db *db, const char *name, copse_file **ret_file,
                                      copse_err *err)
{
    return copse_pack_io_open(&db->io, name, COPSE_OPEN_WRITE | COPSE_OPEN_CREATE, ret_file, err);
}

static copse_status pack_db_open(copse_pack_db *db, const char *path, copse_os *os, copse_err *err)
{
    copse_err why;
    copse_status status = copse_pack_io_init(&db->io, db->env, os, path, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_pack_writer_init(&db->writer, &db->io);
    copse_pack_batch_init(&db->batch, db->env, copse_pack_io_random(&db->io, 1));
    status = copse_pack_create_check(&db->io, &why);
    if (status == COPSE_NOT_FOUND && db->options.create && !db->options.read_only) {
        status = copse_pack_create(&db->io, &why);
        if (status == COPSE_OK) {
            status = copse_pack_create_check(&db->io, &why);
        }
    }
    if (status == COPSE_OK && !db->options.read_only) {
        status = pack_db_open_lock(db, "lock", &db->lock, &why);
    }
    if (status == COPSE_OK && !db->options.read_only) {
        status = pack_db_open_lock(db, "gc.lock", &db->gc_lock, &why);
    }
    if (status == COPSE_OK) {
        status = copse_pack_view_load(&db->io, &db->view, &why);
    }
    if (status == COPSE_OK && db->options.create && !db->options.read_only &&
        db->view.synced == 0) {
        /* Whoever made it may have died before the folder was synced. */
        status = copse_pack_io_sync_dir(&db->io, COPSE_PACK_SITE_FORMAT_DIR, &why);
    }
    if (status != COPSE_OK && err != NULL) {
        *err = why;
    }
    return status;
}

copse_status copse_pack_db_open(const copse_env *env, copse_os *os, const char *path,
                                const copse_pack_options *options, copse_pack_db **ret_db,
                                copse_err *err)
{
    static const copse_pack_options defaults = {.durability = COPSE_DURABILITY_FULL};
    if (env == NULL || os == NULL || path == NULL || ret_db == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a store needs an environment, a system and a path");
    }
    copse_pack_db *db = copse_alloc_zeroed(env, sizeof *db);
    if (db == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    db->env = env;
    db->store.ops = &copse_pack_store_ops;
    db->refs.ops = &copse_pack_refs_ops;
    db->options = options != NULL ? *options : defaults;
    if (db->options.journal_size_bytes_max == 0) {
        db->options.journal_size_bytes_max = pack_db_journal_size_max;
    }
    copse_buf_init(&db->frame, env, COPSE_FRAME_PAYLOAD_SIZE_MAX);
    copse_status status = pack_db_open(db, path, os, err);
    if (status != COPSE_OK) {
        (void)copse_pack_db_close(db);
        return status;
    }
    db->read_epoch = db->view.epoch;
    *ret_db = db;
    return COPSE_OK;
}

/* Gives gc.lock back. */
static void pack_db_release_gc_lock(copse_pack_db *db)
{
    if (db->holds_gc_lock) {
        (void)db->gc_lock->ops->lock(db->gc_lock, COPSE_LOCK_NONE, false, NULL);
        db->holds_gc_lock = false;
    }
}

static void pack_db_release_packs(copse_pack_db *db)
{
    for (size_t i = 0; i < db->packs_count; i++) {
        (void)copse_pack_file_free(db->packs[i]);
    }
    copse_free_array(db->env, db->packs, db->packs_capacity, sizeof(copse_pack_file *));
    db->packs = NULL;
    db->packs_count = 0;
    db->packs_capacity = 0;
}

void copse_pack_db_drop(copse_pack_db *db)
{
    copse_pack_batch_clear(&db->batch);
    copse_pack_writer_release(&db->writer);
    pack_db_release_packs(db);
    db->is_bulk = false;
    db->is_broken = false;
    pack_db_release_gc_lock(db);
}

copse_pack_db *copse_pack_db_close(copse_pack_db *db)
{
    if (db == NULL) {
        return NULL;
    }
    copse_pack_db_drop(db);
    copse_pack_db_witness(db);
    copse_pack_batch_release(&db->batch);
    copse_pack_view_release(&db->view);
    copse_buf_release(&db->frame);
    (void)copse_pack_io_close(db->lock);
    (void)copse_pack_io_close(db->gc_lock);
    copse_pack_io_release(&db->io);
    copse_free(db->env, db, sizeof *db);
    return NULL;
}

copse_store *copse_pack_db_store(copse_pack_db *db)
{
    return &db->store;
}

copse_refs *copse_pack_db_refs(copse_pack_db *db)
{
    return &db->refs;
}

copse_status copse_pack_db_refresh(copse_pack_db *db, copse_err *err)
{
    copse_status status = copse_pack_view_catch_up(&db->view, false, err);
    if (status == COPSE_OK && !db->holds_gc_lock) {
        db->read_epoch = db->view.epoch;
    }
    return status;
}

void copse_pack_db_stat(const copse_pack_db *db, copse_pack_stat *ret_stat)
{
    *ret_stat = (copse_pack_stat){.journal_size_bytes = db->view.tail,
                                  .size_bytes = db->view.tail,
                                  .blocks = copse_pack_file_count(db->view.journal),
                                  .written_bytes = db->io.written_bytes,
                                  .syncs = db->io.syncs};
    for (size_t i = 0; i < db->view.files_count; i++) {
        const copse_pack_file *file = db->view.files[i];
        ret_stat->packs += file->id.kind == COPSE_PACK_NAME_PACK;
        ret_stat->size_bytes += file->size;
        ret_stat->blocks += copse_pack_file_count(file);
    }
}

/* ---- The lock ---- */

void copse_pack_db_unlock(copse_pack_db *db)
{
    (void)db->lock->ops->lock(db->lock, COPSE_LOCK_NONE, false, NULL);
}

copse_status copse_pack_db_open_journal(copse_pack_db *db, copse_err *err)
{
    copse_pack_file *journal = db->view.journal;
    copse_file *file = NULL;
    if (journal->is_writable) {
        return COPSE_OK;
    }
    copse_status status = copse_pack_io_open(&db->io, journal->name, COPSE_OPEN_WRITE, &file, err);
    if (status == COPSE_OK) {
        (void)copse_pack_io_close(journal->file);
        journal->file = file;
        journal->is_writable = true;
    }
    return status;
}

/* Cuts off what a writer that died left behind the last frame (J2), once it is kept (A1). */
static copse_status pack_db_cut_tail(copse_pack_db *db, copse_err *err)
{
    copse_file *file = db->view.journal->file;
    copse_status status = COPSE_OK;
    if (!copse_pack_mutant(COPSE_PACK_SITE_KEEP)) {
        status =
            copse_pack_aside_keep(&db->io, file, db->view.header.generation, db->view.tail, err);
    }
    if (status == COPSE_OK) {
        status = file->ops->truncate(file, db->view.tail, err);
    }
    if (status == COPSE_OK && copse_pack_db_syncs(db)) {
        /* Else the old bytes could come back, behind a frame that fits in front of them. */
        status = copse_pack_io_sync(&db->io, file, COPSE_PACK_SITE_CUT, err);
    }
    if (status == COPSE_OK) {
        db->view.is_dirty = false;
    }
    return status;
}

/* Makes durable what was written with durability off (D3). */
static copse_status pack_db_sync_all(copse_pack_db *db, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < db->view.files_count && status == COPSE_OK; i++) {
        if (db->view.files[i]->file != NULL) {
            status = copse_pack_io_sync(&db->io, db->view.files[i]->file, COPSE_PACK_SITE_ALL, err);
        }
    }
    if (status == COPSE_OK) {
        status = copse_pack_io_sync(&db->io, db->view.journal->file, COPSE_PACK_SITE_ALL, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_io_sync_dir(&db->io, COPSE_PACK_SITE_ALL, err);
    }
    if (status == COPSE_OK) {
        db->view.is_unsynced = false;
        copse_pack_db_note_synced(db);
    }
    return status;
}

/* Makes the journal that a writer who died did not. What that one left un-synced is made durable
 * first: the new journal doesn't say any more how the old ones were written (D3). */
static copse_status pack_db_succeed(copse_pack_db *db, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (copse_pack_db_syncs(db)) {
        status = db->view.is_unsynced ? pack_db_sync_all(db, err)
                                      : copse_pack_io_sync(&db->io, db->view.journal->file,
                                                           COPSE_PACK_SITE_OLD_JOURNAL, err);
    }
    return status == COPSE_OK ? copse_pack_db_new_journal(db, &db->view, true, NULL, err) : status;
}

/* Before the first frame behind a snapshot: whoever made the journal may have died before its name
 * was durable (D2). */
static copse_status pack_db_keep_name(copse_pack_db *db, copse_err *err)
{
    copse_status status = copse_pack_io_sync_dir(&db->io, COPSE_PACK_SITE_YOUNG_DIR, err);
    if (status == COPSE_OK) {
        copse_pack_db_note_synced(db);
    }
    return status;
}

static copse_status pack_db_make_ready(copse_pack_db *db, copse_err *err)
{
    copse_status status = copse_pack_view_catch_up(&db->view, true, err);
    if (status == COPSE_OK && db->view.is_damaged) {
        return COPSE_ERR(err, COPSE_CORRUPT, "%s", db->view.damage.message);
    }
    if (status == COPSE_OK && db->view.is_last) {
        status = pack_db_succeed(db, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_db_open_journal(db, err);
    }
    if (status == COPSE_OK && db->view.is_dirty) {
        status = pack_db_cut_tail(db, err);
    }
    if (status == COPSE_OK && db->view.is_unsynced && copse_pack_db_syncs(db)) {
        status = pack_db_sync_all(db, err);
    }
    if (status == COPSE_OK && db->view.synced == 0 && copse_pack_db_syncs(db)) {
        status = pack_db_keep_name(db, err);
    }
    return status;
}

copse_status copse_pack_db_lock(copse_pack_db *db, copse_err *err)
{
    if (db->options.read_only) {
        return COPSE_ERR(err, COPSE_DENIED, "%s was opened for reading only", db->io.path);
    }
    if (db->is_poisoned) {
        return COPSE_ERR(err, COPSE_IO, "a sync failed before: open the store again");
    }
    copse_status status = db->lock->ops->lock(db->lock, COPSE_LOCK_EXCLUSIVE, true, err);
    if (status == COPSE_OK) {
        status = pack_db_make_ready(db, err);
        if (status != COPSE_OK) {
            copse_pack_db_unlock(db);
        }
    }
    return status;
}
