/* The block store of a pack database: the slots of <copse/sys/store.h>.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/pack/pack_db.h"

#include "base/err.h"
#include "block/block.h"

static copse_pack_db *pack_store_db(copse_store *store)
{
    return (copse_pack_db *)store; /* its first member */
}

/* What is not found: known not to be there, unless damage may hide it (S2). */
static copse_status pack_store_missing(const copse_pack_db *db, const copse_cid *cid,
                                       copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    const copse_err *damage = copse_pack_view_damage(&db->view);
    if (damage != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "block %.80s may be in what is damaged: %.150s",
                         copse_block_cid_text(cid, text), damage->message);
    }
    return err == NULL ? COPSE_NOT_FOUND
                       : COPSE_ERR(err, COPSE_NOT_FOUND, "block %s is not in the store",
                                   copse_block_cid_text(cid, text));
}

static copse_status pack_store_get(copse_store *store, const copse_cid *cid,
                                   copse_block **ret_block, copse_err *err)
{
    copse_pack_db *db = pack_store_db(store);
    copse_pack_found found = COPSE_PACK_FOUND_NOTHING;
    copse_status status = copse_pack_db_find(db, cid, &found, ret_block, err);
    if (status != COPSE_OK || found == COPSE_PACK_FOUND_BLOCK) {
        return status;
    }
    if (found == COPSE_PACK_FOUND_NOTHING) {
        /* Others may have put it since. */
        uint64_t tail = db->view.tail;
        uint64_t generation = db->view.header.generation;
        status = copse_pack_view_catch_up(&db->view, false, err);
        if (status == COPSE_OK &&
            (db->view.tail != tail || db->view.header.generation != generation)) {
            status = copse_pack_db_find(db, cid, &found, ret_block, err);
        }
        if (status != COPSE_OK || found == COPSE_PACK_FOUND_BLOCK) {
            return status;
        }
    }
    return pack_store_missing(db, cid, err);
}

static copse_status pack_store_has(copse_store *store, const copse_cid *cid, bool *ret_present,
                                   copse_err *err)
{
    copse_pack_db *db = pack_store_db(store);
    copse_pack_found found = COPSE_PACK_FOUND_NOTHING;
    copse_status status = copse_pack_db_find(db, cid, &found, NULL, err);
    if (status == COPSE_OK && found == COPSE_PACK_FOUND_NOTHING &&
        copse_pack_view_damage(&db->view) != NULL) {
        return pack_store_missing(db, cid, err);
    }
    if (status == COPSE_OK) {
        *ret_present = found == COPSE_PACK_FOUND_BLOCK;
    }
    return status;
}

static copse_status pack_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                   copse_err *err)
{
    copse_pack_db *db = pack_store_db(store);
    copse_status status = copse_pack_db_begin(db, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_pack_db_put(db, copse_block_cid_inline(blocks[i]),
                                   copse_block_data_inline(blocks[i]), err);
    }
    return status;
}

static copse_status pack_store_remove(copse_store *store, const copse_cid *cids, size_t count,
                                      copse_err *err)
{
    copse_pack_db *db = pack_store_db(store);
    copse_status status = copse_pack_db_begin(db, err);
    if (status == COPSE_OK && db->is_bulk) {
        return COPSE_ERR(err, COPSE_MISUSE, "blocks can't be removed within a bulk load");
    }
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_pack_found found = COPSE_PACK_FOUND_NOTHING;
        status = copse_pack_db_find(db, &cids[i], &found, NULL, err);
        if (status == COPSE_OK && found == COPSE_PACK_FOUND_BLOCK) {
            status = copse_pack_batch_add(&db->batch, &cids[i], NULL, err);
        }
    }
    return status;
}

static copse_status pack_store_flush(copse_store *store, copse_err *err)
{
    copse_pack_db *db = pack_store_db(store);
    return db->options.read_only ? COPSE_OK : copse_pack_db_commit(db, NULL, true, err);
}

/* ---- Iteration ---- */

typedef struct pack_store_iteration {
    copse_pack_db *db;
    copse_pack_file *file; /* being visited */
    copse_buf scratch;
    copse_store_visit_fn visit;
    void *ctx;
} pack_store_iteration;

/* Visits a block unless a newer place of its CID is visited, or it was removed. */
static copse_status pack_store_visit_place(void *ctx, copse_pack_place place, copse_err *err)
{
    pack_store_iteration *iteration = ctx;
    copse_pack_db *db = iteration->db;
    copse_block *block = NULL;
    copse_pack_found found = COPSE_PACK_FOUND_NOTHING;
    copse_pack_file *file = NULL;
    copse_pack_place other = {0, 0};
    if (place.length == 0) {
        return COPSE_OK;
    }
    copse_status status =
        copse_pack_file_read(iteration->file, place, &iteration->scratch, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    const copse_cid *cid = copse_block_cid_inline(block);
    status = copse_pack_batch_find(&db->batch, cid, &found, NULL, err);
    if (status == COPSE_OK && found == COPSE_PACK_FOUND_NOTHING) {
        status = copse_pack_view_find(&db->view, cid, &found, &file, &other, NULL, err);
    }
    if (status == COPSE_OK && file == iteration->file && other.offset == place.offset) {
        status = iteration->visit(iteration->ctx, block, err);
    }
    copse_block_unref(block);
    return status;
}

static copse_status pack_store_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                       copse_err *err)
{
    copse_pack_db *db = pack_store_db(store);
    pack_store_iteration iteration = {.db = db, .visit = visit, .ctx = ctx};
    if (db->is_bulk) {
        return COPSE_ERR(err, COPSE_MISUSE, "blocks can't be listed within a bulk load");
    }
    copse_buf_init(&iteration.scratch, db->env, SIZE_MAX);
    copse_status status = copse_pack_batch_each(&db->batch, visit, ctx, err);
    iteration.file = db->view.journal;
    if (status == COPSE_OK) {
        status = copse_pack_file_records(iteration.file, pack_store_visit_place, &iteration, err);
    }
    for (size_t i = 0; i < db->view.files_count && status == COPSE_OK; i++) {
        iteration.file = db->view.files[i];
        status = copse_pack_file_records(iteration.file, pack_store_visit_place, &iteration, err);
    }
    copse_buf_release(&iteration.scratch);
    const copse_err *damage = copse_pack_view_damage(&db->view);
    return status == COPSE_OK && damage != NULL
               ? COPSE_ERR(err, COPSE_CORRUPT, "%s", damage->message)
               : status;
}

/* The db owns its store: closing that closes nothing. */
static void pack_store_close(copse_store *store)
{
    (void)store;
}

const copse_store_ops copse_pack_store_ops = {
    .get = pack_store_get,
    .put = pack_store_put,
    .has = pack_store_has,
    .flush = pack_store_flush,
    .iterate = pack_store_iterate,
    .remove = pack_store_remove,
    .close = pack_store_close,
};
