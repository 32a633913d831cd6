/* Frames, commits, and journals that end and begin: what pack_db.h says of them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/pack/pack_db.h"

#include "backends/pack/pack_create.h"
#include "base/alloc.h"
#include "base/err.h"

enum { PACK_DB_SPILL_BYTES = 4 << 20 }; /* of blocks that wait in memory */

/* ---- Frames ---- */

/* Writes a complete frame at the tail. A failure takes it back. */
static copse_status pack_db_write_frame(copse_pack_db *db, copse_bytes frame, copse_pack_site site,
                                        bool is_durable, copse_err *err)
{
    copse_file *file = db->view.journal->file;
    copse_status status = copse_pack_io_write(&db->io, file, db->view.tail, frame, err);
    if (status == COPSE_OK && is_durable) {
        status = copse_pack_io_sync(&db->io, file, site, err);
        /* The system may have dropped what it could not write, and say so only once. */
        db->is_poisoned = status != COPSE_OK;
    }
    if (status != COPSE_OK) {
        (void)file->ops->truncate(file, db->view.tail, NULL);
    }
    return status;
}

copse_status copse_pack_db_append(copse_pack_db *db, copse_buf *buf, uint32_t flags,
                                  bool is_durable, copse_err *err)
{
    size_t size = buf->len;
    uint64_t tail = db->view.tail;
    copse_pack_site site =
        (flags & COPSE_FRAME_LAST) != 0 ? COPSE_PACK_SITE_SEAL : COPSE_PACK_SITE_COMMIT;
    copse_frame frame = {.flags = flags |
                                  (copse_pack_db_syncs(db) ? 0u : (uint32_t)COPSE_FRAME_UNSYNCED),
                         .sequence = db->view.sequence + 1,
                         .synced = db->view.synced,
                         .chain = db->view.checksum};
    copse_status status = copse_frame_finish(buf, db->view.header.salt, &frame);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no room for a frame of %zu bytes", size);
    }
    status = pack_db_write_frame(db, copse_buf_view(buf), site, is_durable, err);
    if (status == COPSE_OK) {
        copse_bytes payload = {buf->ptr + COPSE_FRAME_HEADER_SIZE_BYTES, frame.payload_size};
        db->needs_sync = !is_durable;
        /* It is written and so it counts: what fails from here on only makes the view stale. */
        if (copse_pack_view_apply(&db->view, &frame, payload, tail + COPSE_FRAME_HEADER_SIZE_BYTES,
                                  NULL) == COPSE_OK &&
            is_durable) {
            copse_pack_db_note_synced(db);
        }
    }
    copse_buf_truncate(buf, size);
    return status;
}

/* ---- Journals that end and begin ---- */

/* Appends the item with the index of the journal's blocks. */
static copse_status pack_db_write_index(copse_pack_db *db, copse_buf *buf, copse_err *err)
{
    const copse_pack_table *table = &db->view.journal->table;
    copse_buf index;
    size_t count = 0;
    copse_pack_record *records = copse_alloc_array(db->env, table->count, sizeof records[0]);
    if (records == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].place != 0) {
            records[count++] = table->slots[i];
        }
    }
    copse_buf_init(&index, db->env, COPSE_FRAME_PAYLOAD_SIZE_MAX);
    copse_status status =
        copse_pack_index_build(db->env, records, count, db->view.header.salt, &index, err);
    if (status == COPSE_OK) {
        copse_bytes part = copse_buf_view(&index);
        status = copse_item_write(buf, COPSE_ITEM_INDEX, &part, 1);
        status = status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for an index");
    }
    copse_buf_release(&index);
    copse_free_array(db->env, records, table->count, sizeof records[0]);
    return status;
}

/* An empty frame in db->frame. */
static copse_status pack_db_begin_frame(copse_pack_db *db, copse_err *err)
{
    copse_buf_truncate(&db->frame, 0);
    return copse_frame_begin(&db->frame) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

copse_status copse_pack_db_end_journal(copse_pack_db *db, bool with_index, copse_err *err)
{
    copse_status status = pack_db_begin_frame(db, err);
    if (status == COPSE_OK && with_index) {
        status = pack_db_write_index(db, &db->frame, err);
    }
    if (status == COPSE_OK) {
        status =
            copse_pack_db_append(db, &db->frame, COPSE_FRAME_LAST, copse_pack_db_syncs(db), err);
    }
    return status;
}

void copse_pack_db_witness(copse_pack_db *db)
{
    if (!db->needs_witness || db->is_poisoned || copse_pack_mutant(COPSE_PACK_SITE_WITNESS) ||
        db->lock->ops->lock(db->lock, COPSE_LOCK_EXCLUSIVE, false, NULL) != COPSE_OK) {
        return;
    }
    const copse_pack_view *view = &db->view;
    copse_status status = copse_pack_view_catch_up(&db->view, true, NULL);
    /* Who wrote behind us leaves a witness of its own; what is wrong is left to the next writer. */
    if (status == COPSE_OK && view->synced == view->tail && view->journal->is_writable &&
        !view->is_last && !view->is_dirty && !view->is_damaged) {
        status = pack_db_begin_frame(db, NULL);
        if (status == COPSE_OK) {
            status = copse_pack_db_append(db, &db->frame, 0, false, NULL);
        }
    }
    (void)status;
    copse_pack_db_unlock(db);
}

copse_status copse_pack_db_new_journal(copse_pack_db *db, const copse_pack_view *view,
                                       bool with_journal, copse_buf *extra, copse_err *err)
{
    copse_status status = pack_db_begin_frame(db, err);
    if (status == COPSE_OK) {
        status = copse_pack_view_snapshot(view, with_journal, &db->frame, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_create_journal(&db->io, db->view.header.generation + 1,
                                           db->view.sequence + 1, &db->frame, extra,
                                           copse_pack_db_syncs(db), err);
    }
    copse_buf_release(&db->frame);
    copse_buf_init(&db->frame, db->env, COPSE_FRAME_PAYLOAD_SIZE_MAX);
    if (status != COPSE_OK) {
        return status;
    }
    db->view.is_stale = true;
    status = copse_pack_view_catch_up(&db->view, true, err);
    if (status == COPSE_OK && copse_pack_db_syncs(db)) {
        copse_pack_db_note_synced(db);
    }
    return status == COPSE_OK ? copse_pack_db_open_journal(db, err) : status;
}

/* Ends a journal that has grown long, and begins the next. What fails here fails again, or is done,
 * at the next commit: the one before has been acknowledged. */
static void pack_db_seal(copse_pack_db *db)
{
    if (db->view.is_stale || db->view.tail <= db->options.journal_size_bytes_max) {
        return;
    }
    copse_status status = copse_pack_db_end_journal(db, true, NULL);
    if (status == COPSE_OK) {
        status = copse_pack_db_new_journal(db, &db->view, true, NULL, NULL);
    }
    (void)status;
}

/* ---- Commits ---- */

static bool pack_db_ref_is(const copse_pack_view *view, copse_bytes name, const copse_cid *cid)
{
    bool found;
    size_t at = copse_pack_view_ref(view, name, &found);
    return found ? cid != NULL && copse_cid_equal(&view->refs[at].cid, cid) : cid == NULL;
}

/* Compares (R1, D5) and appends the item that moves the ref. */
static copse_status pack_db_write_move(copse_pack_db *db, const copse_pack_move *move,
                                       copse_buf *buf, copse_err *err)
{
    if (db->view.epoch != db->read_epoch && move->cid != NULL) {
        db->read_epoch = db->view.epoch;
        return COPSE_ERR(err, COPSE_CONFLICT, "garbage was collected since ref %.*s was read",
                         (int)move->name.len, (const char *)move->name.ptr);
    }
    if (!pack_db_ref_is(&db->view, move->name, move->expected)) {
        db->read_epoch = db->view.epoch;
        return COPSE_ERR(err, COPSE_CONFLICT, "ref %.*s names something else now",
                         (int)move->name.len, (const char *)move->name.ptr);
    }
    uint8_t size = (uint8_t)move->name.len;
    copse_status status;
    if (move->cid != NULL) {
        copse_bytes parts[3] = {{&size, 1}, move->name, {move->cid->bytes, move->cid->size}};
        status = copse_item_write(buf, COPSE_ITEM_REF, parts, 3);
    } else {
        status = copse_item_write(buf, COPSE_ITEM_UNREF, &move->name, 1);
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for a ref");
}

/* Appends the items that name the packs of a bulk load. */
static copse_status pack_db_write_packs(const copse_pack_db *db, copse_buf *buf, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < db->packs_count && status == COPSE_OK; i++) {
        uint8_t size[8];
        for (size_t k = 0; k < sizeof size; k++) {
            size[k] = (uint8_t)(db->packs[i]->size >> (8 * k));
        }
        const copse_pack_name *id = &db->packs[i]->id;
        copse_bytes parts[2] = {{id->digest, sizeof id->digest}, {size, sizeof size}};
        status = copse_item_write(buf, COPSE_ITEM_PACK, parts, 2);
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for packs");
}

/* Ends the pack that is being filled, and opens it for reading. */
static copse_status pack_db_finish_pack(copse_pack_db *db, copse_err *err)
{
    uint8_t digest[COPSE_PACK_DIGEST_SIZE_BYTES];
    uint64_t size = 0;
    void *packs = db->packs;
    if (!copse_array_grow(db->env, &packs, &db->packs_capacity, db->packs_count + 1,
                          sizeof(copse_pack_file *))) {
        return COPSE_ERR_NOMEM(err);
    }
    db->packs = packs;
    copse_status status =
        copse_pack_writer_finish(&db->writer, copse_pack_db_syncs(db), digest, &size, err);
    if (status == COPSE_OK) {
        status = copse_pack_file_open_pack(&db->io, digest, size, &db->packs[db->packs_count], err);
    }
    db->packs_count += status == COPSE_OK;
    db->is_broken |= status != COPSE_OK; /* its blocks are in no pack that could be named */
    return status;
}

static copse_status pack_db_batch_section(void *ctx, uint64_t offset, copse_bytes cid_bytes,
                                          copse_bytes data, copse_err *err)
{
    (void)offset;
    copse_pack_db *db = ctx;
    copse_cid cid;
    copse_status status = copse_cid_from_bytes(cid_bytes, &cid, err);
    return status == COPSE_OK ? copse_pack_batch_add(&db->batch, &cid, &data, err) : status;
}

copse_status copse_pack_db_finish_bulk(copse_pack_db *db, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (db->is_broken) {
        return COPSE_ERR(err, COPSE_IO,
                         "a pack of this load could not be written: open the store again");
    }
    if (db->writer.count > 0 && copse_pack_writer_is_small(&db->writer)) {
        status = copse_pack_writer_each(&db->writer, pack_db_batch_section, db, err);
        if (status == COPSE_OK) {
            copse_pack_writer_release(&db->writer);
        }
    } else if (db->writer.count > 0) {
        status = pack_db_finish_pack(db, err);
    }
    if (status == COPSE_OK && db->packs_count > 0 && copse_pack_db_syncs(db)) {
        status = copse_pack_io_sync_dir(&db->io, COPSE_PACK_SITE_PACK_DIR, err);
    }
    return status;
}

/* Under the lock: writes the frame. */
static copse_status pack_db_write_commit(copse_pack_db *db, const copse_pack_move *move,
                                         bool is_durable, copse_err *err)
{
    copse_buf *buf = &db->batch.frame;
    copse_status status = copse_pack_batch_begin(&db->batch, err);
    size_t size = buf->len;
    if (status == COPSE_OK) {
        status = pack_db_write_packs(db, buf, err);
    }
    if (status == COPSE_OK && move != NULL) {
        status = pack_db_write_move(db, move, buf, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_db_append(db, buf, 0, is_durable, err);
    }
    copse_buf_truncate(buf, size); /* without the items that were only for this frame */
    if (status == COPSE_OK) {
        copse_pack_db_drop(db);
        pack_db_seal(db);
    }
    return status;
}

/* A flush with nothing to write: syncs what earlier commits left. */
static copse_status pack_db_sync_journal(copse_pack_db *db, copse_err *err)
{
    if (!db->needs_sync || !copse_pack_db_syncs(db)) {
        return COPSE_OK;
    }
    copse_status status = copse_pack_db_lock(db, err);
    if (status == COPSE_OK) {
        status = copse_pack_io_sync(&db->io, db->view.journal->file, COPSE_PACK_SITE_COMMIT, err);
        db->is_poisoned = status != COPSE_OK;
        copse_pack_db_unlock(db);
    }
    if (status == COPSE_OK) {
        db->needs_sync = false;
        copse_pack_db_note_synced(db);
    }
    return status;
}

copse_status copse_pack_db_commit(copse_pack_db *db, const copse_pack_move *move, bool is_flush,
                                  copse_err *err)
{
    bool is_durable =
        db->options.durability == COPSE_DURABILITY_FULL || (is_flush && copse_pack_db_syncs(db));
    copse_status status = copse_pack_db_finish_bulk(db, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (move == NULL && copse_pack_batch_is_empty(&db->batch) && db->packs_count == 0) {
        copse_pack_db_drop(db);
        return is_flush ? pack_db_sync_journal(db, err) : COPSE_OK;
    }
    status = copse_pack_db_lock(db, err);
    if (status == COPSE_OK) {
        status = pack_db_write_commit(db, move, is_durable, err);
        copse_pack_db_unlock(db);
    }
    return status;
}

/* ---- Blocks ---- */

copse_status copse_pack_db_begin(copse_pack_db *db, copse_err *err)
{
    if (db->options.read_only) {
        return COPSE_ERR(err, COPSE_DENIED, "%s was opened for reading only", db->io.path);
    }
    if (db->holds_gc_lock) {
        return COPSE_OK;
    }
    copse_status status = db->gc_lock->ops->lock(db->gc_lock, COPSE_LOCK_SHARED, true, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_pack_view_catch_up(&db->view, false, err);
    db->holds_gc_lock = status == COPSE_OK; /* else the next try must read again (D4) */
    if (status != COPSE_OK) {
        (void)db->gc_lock->ops->lock(db->gc_lock, COPSE_LOCK_NONE, false, NULL);
    }
    return status;
}

copse_status copse_pack_db_begin_bulk(copse_pack_db *db, copse_err *err)
{
    copse_status status = copse_pack_db_begin(db, err);
    db->is_bulk |= status == COPSE_OK;
    return status;
}

/* Writes the blocks that wait as a frame without a ref. */
static copse_status pack_db_spill(copse_pack_db *db, copse_err *err)
{
    copse_status status = copse_pack_db_lock(db, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_pack_db_append(db, &db->batch.frame, 0, false, err);
    if (status == COPSE_OK) {
        copse_pack_batch_clear(&db->batch);
        pack_db_seal(db);
    }
    copse_pack_db_unlock(db);
    return status;
}

copse_status copse_pack_db_copy(copse_pack_db *db, const copse_cid *cid, copse_bytes data,
                                copse_err *err)
{
    copse_status status = copse_pack_writer_put(&db->writer, cid, data, err);
    return status == COPSE_OK && copse_pack_writer_is_full(&db->writer)
               ? pack_db_finish_pack(db, err)
               : status;
}

copse_status copse_pack_db_put(copse_pack_db *db, const copse_cid *cid, copse_bytes data,
                               copse_err *err)
{
    copse_pack_found found = COPSE_PACK_FOUND_NOTHING;
    copse_status status = copse_pack_db_find(db, cid, &found, NULL, err);
    if (status == COPSE_CORRUPT) {
        status = COPSE_OK; /* a good copy of a block whose place is damaged */
    }
    if (status != COPSE_OK || found == COPSE_PACK_FOUND_BLOCK) {
        return status;
    }
    if (db->is_bulk && found == COPSE_PACK_FOUND_NOTHING) {
        return copse_pack_db_copy(db, cid, data, err);
    }
    /* What was removed goes to the journal, which is looked at before the packs. */
    status = copse_pack_batch_add(&db->batch, cid, &data, err);
    return status == COPSE_OK && !db->is_bulk && db->batch.frame.len > PACK_DB_SPILL_BYTES
               ? pack_db_spill(db, err)
               : status;
}

copse_status copse_pack_db_find(copse_pack_db *db, const copse_cid *cid,
                                copse_pack_found *ret_found, copse_block **ret_block,
                                copse_err *err)
{
    copse_pack_file *file = NULL;
    copse_pack_place place;
    bool found = false;
    copse_status status = copse_pack_batch_find(&db->batch, cid, ret_found, ret_block, err);
    if (status != COPSE_OK || *ret_found != COPSE_PACK_FOUND_NOTHING) {
        return status;
    }
    status = copse_pack_writer_find(&db->writer, cid, &found, ret_block, err);
    if (status != COPSE_OK || found) {
        *ret_found = found ? COPSE_PACK_FOUND_BLOCK : COPSE_PACK_FOUND_NOTHING;
        return status;
    }
    for (size_t i = 0; i < db->packs_count; i++) {
        status = copse_pack_file_find(db->packs[i], cid, &db->view.scratch, ret_found, &place,
                                      ret_block, err);
        if (status != COPSE_OK || *ret_found != COPSE_PACK_FOUND_NOTHING) {
            return status;
        }
    }
    if (db->view.is_stale) {
        status = copse_pack_view_catch_up(&db->view, false, err);
    }
    return status == COPSE_OK
               ? copse_pack_view_find(&db->view, cid, ret_found, &file, &place, ret_block, err)
               : status;
}
