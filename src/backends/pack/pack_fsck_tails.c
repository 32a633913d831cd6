/* Taking back what was cut off: commits that were damaged and looked like torn writes.
 *
 *     The lock is taken, so that a tail of the journal in use is put aside (pack_aside.h).
 *     Each file with a tail, in the order of their places, is salvaged (pack_salvage.h):
 *         a frame that follows the store's last one   is committed again, with all its items
 *         any other frame, a block                    its blocks are put, its refs reported
 *     The blocks are flushed. A file all of which was taken back is then removed.
 *
 * A ref moves only if nothing has been committed since the tail was cut off: else it would undo
 * what came later. A crash in the middle leaves the file, and some blocks that no ref names.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/pack/pack_fsck.h"

#include "backends/pack/pack_salvage.h"
#include "base/err.h"

#include <string.h>

typedef struct fsck_tails {
    copse_fsck *fsck;
    copse_pack_db *db;
    const copse_fsck_file *file;
    uint64_t sequence;     /* of the frame before the one that comes, as it was first written */
    uint64_t chain;        /* its checksum */
    uint64_t own_sequence; /* of the store's frame that stands for it */
    uint64_t own_checksum;
} fsck_tails;

static copse_status fsck_tails_item(void *ctx, const copse_item *item, uint64_t offset,
                                    copse_err *err)
{
    fsck_tails *tails = ctx;
    copse_cid cid;
    copse_status status = copse_cid_from_bytes(item->cid, &cid, err);
    if (status == COPSE_OK && item->tag == COPSE_ITEM_REF) {
        bool found;
        const copse_pack_view *view = &tails->db->view;
        size_t at = copse_pack_view_ref(view, item->name, &found);
        return found && copse_cid_equal(&view->refs[at].cid, &cid)
                   ? COPSE_OK
                   : copse_fsck_report_ref(tails->fsck, tails->file->name, offset, item, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_db_begin(tails->db, err);
    }
    return status == COPSE_OK ? copse_pack_db_put(tails->db, &cid, item->data, err) : status;
}

/* The items of a frame whose refs are too old. */
static copse_status fsck_tails_items(fsck_tails *tails, copse_bytes payload, copse_err *err)
{
    size_t at = 0;
    copse_item item;
    copse_status status;
    while ((status = copse_item_next(payload, &at, &item, NULL)) == COPSE_OK) {
        copse_cid cid = {.size = (uint8_t)item.cid.len};
        bool is_block = item.tag == COPSE_ITEM_BLOCK;
        if (is_block) {
            memcpy(cid.bytes, item.cid.ptr, item.cid.len);
        }
        if ((is_block && copse_cid_verify(&cid, item.data, NULL) == COPSE_OK) ||
            item.tag == COPSE_ITEM_REF) {
            status = fsck_tails_item(tails, &item, 0, err);
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    return COPSE_OK;
}

/* Under the lock: whether the frame comes right behind the store's last one. */
static bool fsck_tails_follows(const fsck_tails *tails, const copse_frame *frame)
{
    const copse_pack_view *view = &tails->db->view;
    return view->sequence == tails->own_sequence && view->checksum == tails->own_checksum &&
           frame->sequence == tails->sequence + 1 && frame->chain == tails->chain &&
           frame->flags == 0;
}

/* Under the lock: commits the frame again. */
static copse_status fsck_tails_append(fsck_tails *tails, const copse_frame *frame,
                                      copse_bytes payload, copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, tails->fsck->env, COPSE_FRAME_PAYLOAD_SIZE_MAX);
    copse_status status = copse_frame_begin(&buf);
    if (status == COPSE_OK) {
        status = copse_buf_append(&buf, payload);
    }
    status = status == COPSE_OK ? copse_pack_db_append(tails->db, &buf, 0, true, err)
                                : COPSE_ERR_NOMEM(err);
    if (status == COPSE_OK) {
        tails->sequence = frame->sequence;
        tails->chain = frame->checksum;
        tails->own_sequence = tails->db->view.sequence;
        tails->own_checksum = tails->db->view.checksum;
    }
    copse_buf_release(&buf);
    return status;
}

static copse_status fsck_tails_frame(void *ctx, const copse_frame *frame, copse_bytes payload,
                                     copse_err *err)
{
    fsck_tails *tails = ctx;
    if (payload.len == 0) {
        return COPSE_OK;
    }
    copse_status status = copse_pack_db_lock(tails->db, err);
    if (status != COPSE_OK) {
        return status;
    }
    bool follows = fsck_tails_follows(tails, frame);
    if (follows) {
        status = fsck_tails_append(tails, frame, payload, err);
    }
    copse_pack_db_unlock(tails->db);
    return follows ? status : fsck_tails_items(tails, payload, err);
}

/* Salvages one file; *ret_lost: bytes that nothing was made of. */
static copse_status fsck_tails_read(fsck_tails *tails, copse_file *file, uint64_t *ret_lost,
                                    copse_err *err)
{
    uint8_t bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES];
    copse_journal_header header;
    const copse_pack_salvor salvor = {fsck_tails_frame, fsck_tails_item, tails};
    uint64_t size = 0;
    copse_status status = file->ops->size(file, &size, err);
    if (status != COPSE_OK || size <= sizeof bytes) {
        return status;
    }
    status = copse_pack_io_read(file, tails->file->name, 0, bytes, sizeof bytes, err);
    if (status != COPSE_OK) {
        return status;
    }
    bool has_salt = copse_journal_header_read(bytes, &header, NULL) == COPSE_OK;
    return copse_pack_salvage(tails->fsck->env, file, has_salt ? &header.salt : NULL, sizeof bytes,
                              size, &salvor, ret_lost, err);
}

static copse_status fsck_tails_take(fsck_tails *tails, copse_err *err)
{
    copse_pack_db *db = tails->db;
    copse_file *file = NULL;
    uint64_t lost = 0;
    tails->sequence = tails->own_sequence = db->view.sequence;
    tails->chain = tails->own_checksum = db->view.checksum;
    copse_status status = copse_pack_io_open(&db->io, tails->file->name, 0, &file, err);
    if (status == COPSE_OK) {
        status = fsck_tails_read(tails, file, &lost, err);
    }
    (void)copse_pack_io_close(file);
    if (status == COPSE_OK) {
        status = copse_pack_db_commit(db, NULL, true, err);
    }
    return status == COPSE_OK && lost == 0 ? copse_pack_io_remove(&db->io, tails->file->name, err)
                                           : status;
}

copse_status copse_fsck_take_tails(copse_fsck *fsck, copse_err *err)
{
    const copse_pack_options options = {.durability = COPSE_DURABILITY_FULL};
    fsck_tails tails = {.fsck = fsck};
    copse_status status =
        copse_pack_db_open(fsck->env, fsck->os, fsck->io.path, &options, &tails.db, err);
    if (status == COPSE_OK) {
        status = copse_pack_db_lock(tails.db, err);
    }
    if (status == COPSE_OK) {
        copse_pack_db_unlock(tails.db);
        status = copse_fsck_list(fsck, err); /* again: with the tail that was just put aside */
    }
    for (size_t i = 0; i < fsck->files_count && status == COPSE_OK; i++) {
        tails.file = &fsck->files[i];
        if (tails.file->id.kind == COPSE_PACK_NAME_ASIDE) {
            status = fsck_tails_take(&tails, err);
        }
    }
    (void)copse_pack_db_close(tails.db);
    return status;
}
