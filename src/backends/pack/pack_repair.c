/* Mending a store: a new generation out of all that is good in the old files.
 *
 *     0. If the store opens: blocks that its indexes lead to, and that hash to their CIDs, are
 *        copied.
 *     1. Every journal of the folder, by generation: the frames whose checksum is right move the
 *        refs, their blocks that hash to their CIDs are copied. Among the frames, what proves
 *        itself is salvaged (pack_salvage.h).
 *     2. Every pack: likewise.
 *     3. A new journal names the copies and the refs; it has the highest generation.
 *     4. Files that were damaged are copied to NAME.damaged; then all old ones are removed, as a
 *        garbage collection would. A journal is emptied first: a process that still has it open
 *        as the one in use would append to a file without a name.
 *
 * Until step 3 nothing is changed; a crash after it leaves some files too many. Blocks that had
 * been removed may come back, which is harmless. All of it happens under both locks, taken before
 * the check: a journal that is made after the folder was listed would be lost.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/pack/pack_fsck.h"

#include "backends/pack/pack_aside.h"
#include "backends/pack/pack_create.h"
#include "backends/pack/pack_salvage.h"
#include "base/err.h"
#include "block/block.h"

#include <stdio.h>
#include <string.h>

typedef struct fsck_repair {
    copse_fsck *fsck;
    copse_pack_db db;     /* the part of one that writes packs */
    copse_pack_view refs; /* the part of one that has refs */
    uint64_t generation;
    uint64_t sequence;
} fsck_repair;

/* Copies a block, if it is good and not copied yet. */
static copse_status fsck_repair_block(fsck_repair *repair, copse_bytes cid_bytes, copse_bytes data,
                                      copse_err *err)
{
    copse_cid cid;
    bool found = false;
    copse_pack_found in_pack = COPSE_PACK_FOUND_NOTHING;
    copse_pack_place place;
    copse_status status = copse_cid_from_bytes(cid_bytes, &cid, err);
    if (status != COPSE_OK || copse_cid_verify(&cid, data, NULL) == COPSE_CORRUPT) {
        return status;
    }
    status = copse_pack_writer_find(&repair->db.writer, &cid, &found, NULL, err);
    for (size_t i = 0; i < repair->db.packs_count && status == COPSE_OK && !found; i++) {
        status = copse_pack_file_find(repair->db.packs[i], &cid, &repair->refs.scratch, &in_pack,
                                      &place, NULL, err);
        found = in_pack == COPSE_PACK_FOUND_BLOCK;
    }
    return status == COPSE_OK && !found ? copse_pack_db_copy(&repair->db, &cid, data, err) : status;
}

static copse_status fsck_repair_section(void *ctx, uint64_t offset, copse_bytes cid,
                                        copse_bytes data, copse_err *err)
{
    (void)offset;
    return fsck_repair_block(ctx, cid, data, err);
}

static copse_status fsck_repair_frame(fsck_repair *repair, const copse_frame *frame,
                                      copse_bytes payload, copse_err *err)
{
    size_t at = 0;
    copse_item item;
    copse_status status;
    if ((frame->flags & COPSE_FRAME_SNAPSHOT) != 0) {
        repair->refs.refs_count = 0;
    }
    repair->sequence = frame->sequence > repair->sequence ? frame->sequence : repair->sequence;
    while ((status = copse_item_next(payload, &at, &item, err)) == COPSE_OK) {
        if (item.tag == COPSE_ITEM_BLOCK) {
            status = fsck_repair_block(repair, item.cid, item.data, err);
        } else if (item.tag == COPSE_ITEM_REF || item.tag == COPSE_ITEM_UNREF) {
            status = copse_pack_view_move_ref(&repair->refs, &item, err);
        } else if (item.tag == COPSE_ITEM_EPOCH && item.numbers[0] > repair->refs.epoch) {
            repair->refs.epoch = item.numbers[0];
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    return status == COPSE_END || status == COPSE_CORRUPT ? COPSE_OK : status;
}

/* A journal on its way through. */
typedef struct fsck_repair_journal {
    fsck_repair *repair;
    const char *name;
    copse_file *file;
    const uint64_t *salt; /* NULL: its header is damaged */
    uint64_t size;
} fsck_repair_journal;

static copse_status fsck_repair_salvaged_frame(void *ctx, const copse_frame *frame,
                                               copse_bytes payload, copse_err *err)
{
    fsck_repair_journal *journal = ctx;
    return fsck_repair_frame(journal->repair, frame, payload, err);
}

static copse_status fsck_repair_salvaged_item(void *ctx, const copse_item *item, uint64_t offset,
                                              copse_err *err)
{
    fsck_repair_journal *journal = ctx;
    return item->tag == COPSE_ITEM_BLOCK
               ? fsck_repair_block(journal->repair, item->cid, item->data, err)
               : copse_fsck_report_ref(journal->repair->fsck, journal->name, offset, item, err);
}

/* Takes what is good out of bytes that are no frames. */
static copse_status fsck_repair_gap(fsck_repair_journal *journal, uint64_t begin, uint64_t end,
                                    copse_err *err)
{
    const copse_pack_salvor salvor = {fsck_repair_salvaged_frame, fsck_repair_salvaged_item,
                                      journal};
    uint64_t lost = 0;
    return begin < end ? copse_pack_salvage(journal->repair->fsck->env, journal->file,
                                            journal->salt, begin, end, &salvor, &lost, err)
                       : COPSE_OK;
}

static copse_status fsck_repair_frames(fsck_repair_journal *journal, copse_err *err)
{
    copse_journal_reader reader;
    copse_frame frame;
    copse_bytes payload;
    uint64_t offset = COPSE_JOURNAL_HEADER_SIZE_BYTES;
    copse_status status = COPSE_OK;
    copse_journal_reader_init(&reader, journal->repair->fsck->env);
    copse_journal_reader_reset(&reader, journal->file, *journal->salt);
    while (status == COPSE_OK) {
        uint64_t found = offset;
        status = copse_journal_reader_search(&reader, &found, &frame, &payload, err);
        if (status == COPSE_END) {
            status = fsck_repair_gap(journal, offset, journal->size, err);
            break;
        }
        if (status == COPSE_OK) {
            status = fsck_repair_gap(journal, offset, found, err);
        }
        if (status == COPSE_OK) {
            status = fsck_repair_frame(journal->repair, &frame, payload, err);
            offset = found + copse_frame_size(&frame);
        }
    }
    copse_journal_reader_release(&reader);
    return status;
}

/* Whether this header is the one that the first frame names. */
static copse_status fsck_repair_try_header(copse_journal_reader *reader, copse_file *file,
                                           const uint8_t *bytes, copse_journal_header *ret_header,
                                           bool *ret_proven, copse_err *err)
{
    copse_frame frame;
    copse_bytes payload;
    *ret_proven = false;
    if (copse_journal_header_read(bytes, ret_header, NULL) != COPSE_OK) {
        return COPSE_OK;
    }
    copse_journal_reader_reset(reader, file, ret_header->salt);
    copse_status status =
        copse_journal_reader_at(reader, COPSE_JOURNAL_HEADER_SIZE_BYTES, &frame, &payload, err);
    *ret_proven = status == COPSE_OK && frame.chain == ret_header->chain;
    return status == COPSE_CORRUPT || status == COPSE_END ? COPSE_OK : status;
}

/* The header, in which a single wrong bit is set right. If the first frame proves none, it is taken
 * as it stands; *ret_found: it is one. */
static copse_status fsck_repair_header(fsck_repair_journal *journal, copse_journal_header *header,
                                       bool *ret_found, copse_err *err)
{
    uint8_t bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES];
    copse_journal_reader reader;
    bool is_proven = false;
    copse_status status =
        copse_pack_io_read(journal->file, journal->name, 0, bytes, sizeof bytes, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_journal_reader_init(&reader, journal->repair->fsck->env);
    status = fsck_repair_try_header(&reader, journal->file, bytes, header, &is_proven, err);
    for (size_t bit = 0; bit < 8 * sizeof bytes && status == COPSE_OK && !is_proven; bit++) {
        uint8_t mask = (uint8_t)(1u << bit % 8);
        bytes[bit / 8] ^= mask;
        status = fsck_repair_try_header(&reader, journal->file, bytes, header, &is_proven, err);
        bytes[bit / 8] ^= mask;
    }
    copse_journal_reader_release(&reader);
    *ret_found = is_proven || copse_journal_header_read(bytes, header, NULL) == COPSE_OK;
    return status;
}

static copse_status fsck_repair_read_journal(fsck_repair *repair, const char *name,
                                             copse_file *file, copse_err *err)
{
    copse_journal_header header;
    fsck_repair_journal journal = {.repair = repair, .name = name, .file = file};
    bool found = false;
    copse_status status = file->ops->size(file, &journal.size, err);
    if (status != COPSE_OK || journal.size <= COPSE_JOURNAL_HEADER_SIZE_BYTES) {
        return status;
    }
    status = fsck_repair_header(&journal, &header, &found, err);
    if (status != COPSE_OK) {
        return status;
    }
    journal.salt = found ? &header.salt : NULL;
    return found ? fsck_repair_frames(&journal, err)
                 : fsck_repair_gap(&journal, COPSE_JOURNAL_HEADER_SIZE_BYTES, journal.size, err);
}

/* Reads a pack through, up to what is no section. */
static copse_status fsck_repair_pack(fsck_repair *repair, copse_pack_file *pack, copse_err *err)
{
    uint64_t end = 0;
    copse_status status =
        pack->file != NULL ? copse_pack_file_sections(pack, fsck_repair_section, repair, &end, err)
                           : COPSE_OK;
    return status == COPSE_CORRUPT ? COPSE_OK : status;
}

static copse_status fsck_repair_read(fsck_repair *repair, const copse_fsck_file *file,
                                     copse_err *err)
{
    copse_pack_io *io = &repair->fsck->io;
    copse_file *opened = NULL;
    copse_pack_file *pack = NULL;
    uint64_t size = 0;
    copse_status status = copse_pack_io_open(io, file->name, 0, &opened, err);
    if (status == COPSE_OK && file->id.kind == COPSE_PACK_NAME_JOURNAL) {
        repair->generation = file->id.generation;
        status = fsck_repair_read_journal(repair, file->name, opened, err);
    } else if (status == COPSE_OK) {
        status = opened->ops->size(opened, &size, err);
        if (status == COPSE_OK) {
            status = copse_pack_file_open_pack(io, file->id.digest, size, &pack, err);
        }
        if (status == COPSE_OK) {
            status = fsck_repair_pack(repair, pack, err);
        }
        (void)copse_pack_file_free(pack);
    }
    (void)copse_pack_io_close(opened);
    return status;
}

/* What the visitor of a file's records needs. */
typedef struct fsck_repair_records {
    fsck_repair *repair;
    copse_pack_file *file;
    copse_buf scratch;
} fsck_repair_records;

static copse_status fsck_repair_place(void *ctx, copse_pack_place place, copse_err *err)
{
    fsck_repair_records *records = ctx;
    copse_block *block = NULL;
    if (place.length == 0) {
        return COPSE_OK;
    }
    copse_status status =
        copse_pack_file_read(records->file, place, &records->scratch, &block, err);
    if (status == COPSE_OK) {
        const copse_cid *cid = copse_block_cid_inline(block);
        status = fsck_repair_block(records->repair, (copse_bytes){cid->bytes, cid->size},
                                   copse_block_data_inline(block), err);
    }
    copse_block_unref(block);
    return status == COPSE_CORRUPT || status == COPSE_LIMIT ? COPSE_OK : status;
}

/* Copies what an index still leads to, also in a frame whose checksum is wrong. */
static copse_status fsck_repair_file(fsck_repair *repair, copse_pack_file *file, copse_err *err)
{
    fsck_repair_records records = {.repair = repair, .file = file};
    copse_status status = COPSE_OK;
    copse_buf_init(&records.scratch, repair->fsck->env, SIZE_MAX);
    if (file->file != NULL) {
        status = copse_pack_file_records(file, fsck_repair_place, &records, err);
    }
    copse_buf_release(&records.scratch);
    return status == COPSE_CORRUPT ? COPSE_OK : status;
}

/* If the store opens at all: copies what its indexes lead to. */
static copse_status fsck_repair_indexed(fsck_repair *repair, copse_err *err)
{
    copse_pack_view view;
    copse_status status = copse_pack_view_load(&repair->fsck->io, &view, err);
    if (status != COPSE_OK) {
        return status == COPSE_CORRUPT ? COPSE_OK : status;
    }
    status = fsck_repair_file(repair, view.journal, err);
    for (size_t i = 0; i < view.files_count && status == COPSE_OK; i++) {
        status = fsck_repair_file(repair, view.files[i], err);
    }
    copse_pack_view_release(&view);
    return status;
}

/* Writes the packs, and the journal that names them. */
static copse_status fsck_repair_write(fsck_repair *repair, copse_err *err)
{
    copse_buf snapshot;
    copse_pack_db *db = &repair->db;
    copse_status status = copse_pack_db_finish_bulk(db, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_pack_view next = repair->refs; /* borrows: never released */
    next.files = db->packs;
    next.files_count = db->packs_count;
    next.epoch++;
    copse_buf_init(&snapshot, repair->fsck->env, COPSE_FRAME_PAYLOAD_SIZE_MAX);
    status = copse_frame_begin(&snapshot);
    if (status == COPSE_OK) {
        status = copse_pack_view_snapshot(&next, false, &snapshot, err);
    }
    if (status == COPSE_OK) {
        copse_buf *extra = copse_pack_batch_is_empty(&db->batch) ? NULL : &db->batch.frame;
        status = copse_pack_create_journal(&repair->fsck->io, repair->generation + 1,
                                           repair->sequence + 1, &snapshot, extra, true, err);
    }
    copse_buf_release(&snapshot);
    return status;
}

static bool fsck_repair_is_kept(const fsck_repair *repair, const copse_fsck_file *file)
{
    for (size_t i = 0; i < repair->db.packs_count; i++) {
        if (strcmp(repair->db.packs[i]->name, file->name) == 0) {
            return true;
        }
    }
    return false;
}

/* Empties a journal that has been copied: whoever has it open as the one in use must not append to
 * it any more, and looks for the next instead. */
static copse_status fsck_repair_empty(copse_fsck *fsck, const char *name, copse_err *err)
{
    copse_file *file = NULL;
    copse_status status = copse_pack_io_open(&fsck->io, name, COPSE_OPEN_WRITE, &file, err);
    if (status == COPSE_OK) {
        status = file->ops->truncate(file, 0, err);
    }
    (void)copse_pack_io_close(file);
    return status;
}

static copse_status fsck_repair_put_aside(copse_fsck *fsck, const char *name, copse_err *err)
{
    char aside[COPSE_PACK_NAME_SIZE_MAX + 16];
    copse_file *file = NULL;
    (void)snprintf(aside, sizeof aside, "%s.damaged", name);
    copse_status status = copse_pack_io_open(&fsck->io, name, 0, &file, err);
    if (status == COPSE_OK) {
        status = copse_pack_aside_copy(&fsck->io, file, 0, (copse_bytes){NULL, 0}, aside, err);
    }
    (void)copse_pack_io_close(file);
    return status;
}

/* Puts the old files aside. */
static copse_status fsck_repair_sweep(fsck_repair *repair, copse_err *err)
{
    copse_fsck *fsck = repair->fsck;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < fsck->files_count && status == COPSE_OK; i++) {
        const copse_fsck_file *file = &fsck->files[i];
        if (file->id.kind == COPSE_PACK_NAME_ASIDE || fsck_repair_is_kept(repair, file)) {
            continue;
        }
        if (file->is_damaged) {
            status = fsck_repair_put_aside(fsck, file->name, err);
        }
        if (status == COPSE_OK && file->id.kind == COPSE_PACK_NAME_JOURNAL) {
            status = fsck_repair_empty(fsck, file->name, err);
        }
        if (status == COPSE_OK) {
            status = copse_pack_io_remove(&fsck->io, file->name, err);
        }
    }
    return status;
}

static copse_status fsck_repair_run(fsck_repair *repair, copse_err *err)
{
    copse_fsck *fsck = repair->fsck;
    copse_status status = fsck_repair_indexed(repair, err);
    for (size_t i = 0; i < fsck->files_count && status == COPSE_OK; i++) {
        copse_pack_name_kind kind = fsck->files[i].id.kind;
        if (kind == COPSE_PACK_NAME_JOURNAL || kind == COPSE_PACK_NAME_PACK) {
            status = fsck_repair_read(repair, &fsck->files[i], err);
        }
    }
    if (status == COPSE_OK) {
        status = fsck_repair_write(repair, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_create_format(&fsck->io, err);
    }
    return status == COPSE_OK ? fsck_repair_sweep(repair, err) : status;
}

copse_status copse_fsck_repair(copse_fsck *fsck, copse_err *err)
{
    fsck_repair repair = {.fsck = fsck};
    copse_pack_db *db = &repair.db;
    db->env = fsck->env;
    db->io = fsck->io; /* borrows its path */
    copse_buf_init(&repair.refs.scratch, fsck->env, SIZE_MAX);
    repair.refs.io = &fsck->io;
    copse_pack_writer_init(&db->writer, &db->io);
    copse_pack_batch_init(&db->batch, fsck->env, copse_pack_io_random(&db->io, 3));
    copse_status status = fsck_repair_run(&repair, err);
    copse_pack_db_drop(db);
    copse_pack_batch_release(&db->batch);
    copse_pack_view_release(&repair.refs);
    return status;
}
