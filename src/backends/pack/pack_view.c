/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_view.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"

#include <string.h>

enum { PACK_VIEW_TRIES = 16 }; /* to find the newest journal while others make newer ones */

/* ---- Life ---- */

static void pack_view_init(copse_pack_view *view, copse_pack_io *io)
{
    *view = (copse_pack_view){.io = io};
    copse_journal_reader_init(&view->reader, io->env);
    copse_buf_init(&view->scratch, io->env, SIZE_MAX);
}

void copse_pack_view_release(copse_pack_view *view)
{
    if (view->io == NULL) {
        return;
    }
    const copse_env *env = view->io->env;
    for (size_t i = 0; i < view->files_count; i++) {
        (void)copse_pack_file_free(view->files[i]);
    }
    copse_free_array(env, view->files, view->files_capacity, sizeof view->files[0]);
    copse_free_array(env, view->refs, view->refs_capacity, sizeof view->refs[0]);
    (void)copse_pack_file_free(view->journal);
    copse_journal_reader_release(&view->reader);
    copse_buf_release(&view->scratch);
    *view = (copse_pack_view){0};
}

/* ---- Refs and files ---- */

size_t copse_pack_view_ref(const copse_pack_view *view, copse_bytes name, bool *ret_found)
{
    size_t low = 0;
    size_t high = view->refs_count;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const copse_pack_ref *ref = &view->refs[middle];
        int order = copse_bytes_compare((copse_bytes){ref->name, ref->name_size}, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static copse_status pack_view_set_ref(copse_pack_view *view, const copse_item *item, copse_err *err)
{
    bool found;
    size_t at = copse_pack_view_ref(view, item->name, &found);
    if (!found) {
        void *refs = view->refs;
        if (!copse_array_grow(view->io->env, &refs, &view->refs_capacity, view->refs_count + 1,
                              sizeof view->refs[0])) {
            return COPSE_ERR_NOMEM(err);
        }
        view->refs = refs;
        memmove(&view->refs[at + 1], &view->refs[at],
                (view->refs_count - at) * sizeof view->refs[0]);
        view->refs_count++;
        view->refs[at].name_size = (uint8_t)item->name.len;
        memcpy(view->refs[at].name, item->name.ptr, item->name.len);
    }
    view->refs[at].is_unsure = false;
    view->refs[at].cid = (copse_cid){.size = (uint8_t)item->cid.len};
    memcpy(view->refs[at].cid.bytes, item->cid.ptr, item->cid.len);
    return COPSE_OK;
}

static void pack_view_remove_ref(copse_pack_view *view, copse_bytes name)
{
    bool found;
    size_t at = copse_pack_view_ref(view, name, &found);
    if (found) {
        view->refs_count--;
        memmove(&view->refs[at], &view->refs[at + 1],
                (view->refs_count - at) * sizeof view->refs[0]);
    }
}

copse_status copse_pack_view_move_ref(copse_pack_view *view, const copse_item *item, copse_err *err)
{
    if (item->tag == COPSE_ITEM_REF) {
        return pack_view_set_ref(view, item, err);
    }
    pack_view_remove_ref(view, item->name);
    return COPSE_OK;
}

static copse_status pack_view_add_file(copse_pack_view *view, const copse_item *item,
                                       copse_err *err)
{
    copse_pack_file *file = NULL;
    void *files = view->files;
    if (!copse_array_grow(view->io->env, &files, &view->files_capacity, view->files_count + 1,
                          sizeof(copse_pack_file *))) {
        return COPSE_ERR_NOMEM(err);
    }
    view->files = files;
    for (size_t i = 0; i < view->files_count && item->tag == COPSE_ITEM_PACK; i++) {
        const copse_pack_name *id = &view->files[i]->id;
        if (id->kind == COPSE_PACK_NAME_PACK &&
            memcmp(id->digest, item->digest.ptr, sizeof id->digest) == 0) {
            return COPSE_OK;
        }
    }
    copse_status status =
        item->tag == COPSE_ITEM_PACK
            ? copse_pack_file_open_pack(view->io, item->digest.ptr, item->numbers[0], &file, err)
            : copse_pack_file_open_journal(view->io, item->numbers[0], item->numbers[1],
                                           item->numbers[2], item->numbers[3], &file, err);
    if (status == COPSE_OK) {
        view->files[view->files_count++] = file;
    }
    return status;
}

/* ---- Applying ---- */

static copse_status pack_view_apply_item(copse_pack_view *view, const copse_item *item,
                                         uint64_t offset, copse_err *err)
{
    copse_pack_place place = {offset + item->offset, 0};
    switch (item->tag) {
    case COPSE_ITEM_BLOCK:
        place.length = (uint32_t)item->bytes.len;
        if (item->bytes.len > COPSE_PACK_LENGTH_MAX) {
            return COPSE_ERR(err, COPSE_CORRUPT, "%s, byte %llu: a block of %zu bytes",
                             view->journal->name, (unsigned long long)place.offset,
                             item->bytes.len);
        }
        return copse_pack_file_add(view->journal, item->cid, place, &view->scratch, err);
    case COPSE_ITEM_REMOVE:
        return copse_pack_file_add(view->journal, item->cid, place, &view->scratch, err);
    case COPSE_ITEM_REF:
    case COPSE_ITEM_UNREF:
        return copse_pack_view_move_ref(view, item, err);
    case COPSE_ITEM_PACK:
    case COPSE_ITEM_JOURNAL:
        return pack_view_add_file(view, item, err);
    case COPSE_ITEM_EPOCH:
        view->epoch = item->numbers[0];
        return COPSE_OK;
    case COPSE_ITEM_INDEX:
        view->index_offset = place.offset;
        view->index_size = item->bytes.len;
        return COPSE_OK;
    }
    return COPSE_OK;
}

copse_status copse_pack_view_apply(copse_pack_view *view, const copse_frame *frame,
                                   copse_bytes payload, uint64_t offset, copse_err *err)
{
    size_t at = 0;
    copse_item item;
    copse_status status;
    while ((status = copse_item_next(payload, &at, &item, err)) == COPSE_OK) {
        status = pack_view_apply_item(view, &item, offset, err);
        if (status != COPSE_OK) {
            break;
        }
    }
    if (status != COPSE_END) {
        view->is_stale = true;
        return status;
    }
    view->sequence = frame->sequence;
    view->checksum = frame->checksum;
    view->is_unsynced = (frame->flags & COPSE_FRAME_UNSYNCED) != 0;
    view->is_last = (frame->flags & COPSE_FRAME_LAST) != 0;
    view->synced = frame->synced > view->synced ? frame->synced : view->synced;
    view->tail = offset + frame->payload_size + COPSE_FRAME_TRAILER_SIZE_BYTES;
    view->journal->size = view->tail;
    return COPSE_OK;
}

/* ---- Reading frames ---- */

/* Whether the frame is the one after the last (J1). */
static bool pack_view_follows(const copse_pack_view *view, const copse_frame *frame)
{
    if (copse_pack_mutant(COPSE_PACK_SITE_CHAIN)) {
        return true;
    }
    return frame->sequence == view->sequence + 1 && frame->chain == view->checksum;
}

/* Applies the frames from the tail on, up to the first that doesn't count. */
static copse_status pack_view_replay(copse_pack_view *view, copse_err *err)
{
    copse_status status = COPSE_OK;
    view->is_dirty = false;
    while (status == COPSE_OK && !view->is_last) {
        copse_frame frame;
        copse_bytes payload;
        status = copse_journal_reader_at(&view->reader, view->tail, &frame, &payload, err);
        if (status == COPSE_OK && !pack_view_follows(view, &frame)) {
            status = COPSE_CORRUPT;
        }
        if (status == COPSE_OK) {
            status = copse_pack_view_apply(view, &frame, payload,
                                           view->tail + COPSE_FRAME_HEADER_SIZE_BYTES, err);
            if (status != COPSE_OK) {
                return status;
            }
        }
    }
    if (status == COPSE_CORRUPT) {
        view->is_dirty = true;
        return COPSE_OK;
    }
    return status == COPSE_END ? COPSE_OK : status;
}

/* Remembers that frames from the tail on were damaged: from here on a ref is known only if a later
 * frame moves it. */
static void pack_view_damaged(copse_pack_view *view, uint64_t next)
{
    if (!view->is_damaged) {
        (void)COPSE_ERR(&view->damage, COPSE_CORRUPT,
                        "%s is damaged between byte %llu and %llu: see `copse fsck`",
                        view->journal->name, (unsigned long long)view->tail,
                        (unsigned long long)next);
    }
    view->is_damaged = true;
    for (size_t i = 0; i < view->refs_count; i++) {
        view->refs[i].is_unsure = true;
    }
}

/* Standing before what is no frame: looks for a later frame that proves damage (J2), and goes on
 * behind it. *ret_found: it did. */
static copse_status pack_view_pass_damage(copse_pack_view *view, bool *ret_found, copse_err *err)
{
    copse_frame frame;
    copse_bytes payload;
    uint64_t offset = view->tail + 1;
    uint64_t tail = view->tail;
    copse_status status;
    *ret_found = false;
    while ((status = copse_journal_reader_search(&view->reader, &offset, &frame, &payload, err)) ==
           COPSE_OK) {
        if (frame.sequence > view->sequence && frame.synced > tail) {
            break;
        }
        offset++;
    }
    if (status != COPSE_OK) {
        return status == COPSE_END ? COPSE_OK : status;
    }
    /* Somebody may have been writing while this was read. */
    copse_frame again;
    copse_journal_reader_reset(&view->reader, view->journal->file, view->header.salt);
    status = copse_journal_reader_at(&view->reader, tail, &again, &payload, err);
    if (status != COPSE_CORRUPT && status != COPSE_END) {
        *ret_found = status == COPSE_OK && pack_view_follows(view, &again);
        if (status != COPSE_OK || *ret_found) {
            return status;
        }
    }
    status = copse_journal_reader_at(&view->reader, offset, &frame, &payload, err);
    if (status != COPSE_OK) {
        return status == COPSE_IO || status == COPSE_NOMEM ? status : COPSE_OK;
    }
    pack_view_damaged(view, offset);
    *ret_found = true;
    return copse_pack_view_apply(view, &frame, payload, offset + COPSE_FRAME_HEADER_SIZE_BYTES,
                                 err);
}

/* Reads to the end; where nobody can be writing, or it is a first look, past damage too. */
static copse_status pack_view_read(copse_pack_view *view, bool is_thorough, copse_err *err)
{
    bool is_on = true;
    copse_status status = COPSE_OK;
    while (is_on && status == COPSE_OK) {
        is_on = false;
        status = pack_view_replay(view, err);
        if (status == COPSE_OK && view->is_dirty && is_thorough) {
            status = pack_view_pass_damage(view, &is_on, err);
        }
    }
    return status;
}

/* ---- Loading ---- */

static copse_status pack_view_visit_name(void *ctx, const char *name, copse_err *err)
{
    (void)err;
    uint64_t *newest = ctx;
    copse_pack_name parsed = copse_pack_name_parse(name);
    if (parsed.kind == COPSE_PACK_NAME_JOURNAL && parsed.generation > *newest) {
        *newest = parsed.generation;
    }
    return COPSE_OK;
}

copse_status copse_pack_view_newest(copse_pack_io *io, uint64_t *ret_generation, copse_err *err)
{
    uint64_t newest = 0;
    copse_status status = copse_pack_io_list(io, pack_view_visit_name, &newest, err);
    if (status == COPSE_OK) {
        *ret_generation = newest;
    }
    return status;
}

/* Reads the header and the first frame, without which a journal is not believed. */
static copse_status pack_view_load_start(copse_pack_view *view, copse_file *file,
                                         uint64_t generation, copse_err *err)
{
    uint8_t bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES];
    char name[COPSE_PACK_NAME_SIZE_MAX];
    copse_err why = {0};
    copse_pack_name_journal(generation, name);
    copse_status status = copse_pack_io_read(file, name, 0, bytes, sizeof bytes, &why);
    if (status == COPSE_OK) {
        status = copse_journal_header_read(bytes, &view->header, &why);
    }
    if (status != COPSE_OK || view->header.generation != generation) {
        (void)copse_pack_io_close(file);
        return status == COPSE_OK || status == COPSE_CORRUPT
                   ? COPSE_ERR(err, COPSE_CORRUPT, "%s: %.180s", name,
                               status == COPSE_OK ? "byte 16: another generation" : why.message)
                   : COPSE_ERR(err, status, "%s: %.180s", name, why.message);
    }
    status = copse_pack_file_new(view->io->env, generation, file, view->header.salt, &view->journal,
                                 err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_frame frame;
    copse_bytes payload;
    view->tail = COPSE_JOURNAL_HEADER_SIZE_BYTES;
    copse_journal_reader_reset(&view->reader, file, view->header.salt);
    status = copse_journal_reader_at(&view->reader, view->tail, &frame, &payload, err);
    if (status == COPSE_END || status == COPSE_CORRUPT ||
        (status == COPSE_OK &&
         (frame.chain != view->header.chain || (frame.flags & COPSE_FRAME_SNAPSHOT) == 0))) {
        return COPSE_ERR(err, COPSE_CORRUPT, "%s, byte %llu: the first frame is not whole", name,
                         (unsigned long long)view->tail);
    }
    return status == COPSE_OK
               ? copse_pack_view_apply(view, &frame, payload,
                                       view->tail + COPSE_FRAME_HEADER_SIZE_BYTES, err)
               : status;
}

static copse_status pack_view_load_journal(copse_pack_view *view, uint64_t generation,
                                           copse_err *err)
{
    char name[COPSE_PACK_NAME_SIZE_MAX];
    copse_file *file = NULL;
    copse_pack_name_journal(generation, name);
    copse_status status = copse_pack_io_open(view->io, name, 0, &file, err);
    if (status == COPSE_OK) {
        status = pack_view_load_start(view, file, generation, err);
    }
    return status == COPSE_OK ? pack_view_read(view, true, err) : status;
}

/* Whether a file that the journal names is not there. */
static bool pack_view_misses_file(const copse_pack_view *view)
{
    for (size_t i = 0; i < view->files_count; i++) {
        if (view->files[i]->file == NULL) {
            return true;
        }
    }
    return false;
}

copse_status copse_pack_view_load(copse_pack_io *io, copse_pack_view *ret_view, copse_err *err)
{
    uint64_t generation = 0;
    uint64_t newest = 0;
    copse_status status = copse_pack_view_newest(io, &newest, err);
    for (int tries = 0; status == COPSE_OK; tries++) {
        copse_pack_view view;
        generation = newest;
        if (generation == 0) {
            return COPSE_ERR(err, COPSE_CORRUPT, "%s: the store has no journal", io->path);
        }
        pack_view_init(&view, io);
        status = pack_view_load_journal(&view, generation, err);
        bool is_whole = status == COPSE_OK && !pack_view_misses_file(&view);
        if (!is_whole && (status == COPSE_OK || status == COPSE_NOT_FOUND)) {
            /* A garbage collection may have taken files away since the folder was listed. */
            copse_status listed = copse_pack_view_newest(io, &newest, err);
            bool is_over = newest == generation || tries >= PACK_VIEW_TRIES;
            if (listed != COPSE_OK || !is_over) {
                copse_pack_view_release(&view);
                status = listed;
                continue;
            }
        }
        if (status != COPSE_OK) {
            copse_pack_view_release(&view);
            return status == COPSE_NOT_FOUND
                       ? COPSE_ERR(err, COPSE_IO, "no journal stays in %s", io->path)
                       : status;
        }
        *ret_view = view;
        return COPSE_OK;
    }
    return status;
}

static copse_status pack_view_reload(copse_pack_view *view, copse_err *err)
{
    copse_pack_view fresh;
    copse_status status = copse_pack_view_load(view->io, &fresh, err);
    if (status == COPSE_OK) {
        copse_pack_view_release(view);
        *view = fresh;
    }
    return status;
}

/* ---- Catching up ---- */

/* Looks at the end of the last frame and what stands behind it: *ret_more, or *ret_changed if that
 * frame is no longer there (its writer failed and took it back). */
static copse_status pack_view_peek(const copse_pack_view *view, bool *ret_more, bool *ret_changed,
                                   copse_err *err)
{
    uint8_t bytes[COPSE_FRAME_TRAILER_SIZE_BYTES + 1];
    size_t got = 0;
    copse_file *file = view->journal->file;
    copse_status status = file->ops->read_at(file, view->tail - COPSE_FRAME_TRAILER_SIZE_BYTES,
                                             bytes, sizeof bytes, &got, err);
    if (status == COPSE_OK) {
        *ret_changed =
            got < COPSE_FRAME_TRAILER_SIZE_BYTES || copse_load_u64le(bytes) != view->checksum;
        *ret_more = got == sizeof bytes;
    }
    return status;
}

copse_status copse_pack_view_catch_up(copse_pack_view *view, bool is_locked, copse_err *err)
{
    bool is_more = false;
    bool is_changed = view->is_stale;
    copse_status status = is_changed ? COPSE_OK : pack_view_peek(view, &is_more, &is_changed, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (is_changed) {
        return pack_view_reload(view, err);
    }
    view->is_dirty = false;
    if (is_more && !view->is_last) {
        copse_journal_reader_reset(&view->reader, view->journal->file, view->header.salt);
        status = pack_view_read(view, is_locked, err);
    }
    /* What looks like a torn tail may be a last frame that was damaged since. */
    if (status == COPSE_OK && (view->is_last || (view->is_dirty && is_locked))) {
        uint64_t newest = 0;
        status = copse_pack_view_newest(view->io, &newest, err);
        if (status == COPSE_OK && newest > view->header.generation) {
            status = pack_view_reload(view, err);
        }
    }
    return status;
}
