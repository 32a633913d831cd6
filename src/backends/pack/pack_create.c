/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_create.h"

#include "backends/pack/journal.h"
#include "backends/pack/pack_view.h"
#include "base/err.h"
#include "base/loadstore.h"

#include <string.h>

static const char pack_format_line[] = "copse store 1\n";

copse_status copse_pack_create_check(copse_pack_io *io, copse_err *err)
{
    char bytes[sizeof pack_format_line];
    size_t got = 0;
    copse_file *file = NULL;
    copse_status status = copse_pack_io_open(io, "format", 0, &file, err);
    if (status == COPSE_NOT_FOUND) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "there is no store in %s", io->path);
    }
    if (status == COPSE_OK) {
        status = file->ops->read_at(file, 0, bytes, sizeof bytes, &got, err);
    }
    (void)copse_pack_io_close(file);
    if (status == COPSE_OK &&
        (got != sizeof bytes - 1 || memcmp(bytes, pack_format_line, sizeof bytes - 1) != 0)) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "%s/format, byte 0: not a store of version 1, or damaged", io->path);
    }
    return status;
}

/* ---- Journals ---- */

/* Completes the frame in `buf`, writes it at *offset and moves that. */
static copse_status pack_create_frame(copse_pack_io *io, copse_file *file, uint64_t salt,
                                      copse_frame *frame, copse_buf *buf, uint64_t *offset,
                                      copse_err *err)
{
    copse_status status = copse_frame_finish(buf, salt, frame);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no room for the first frame of a journal");
    }
    status = copse_pack_io_write(io, file, *offset, copse_buf_view(buf), err);
    *offset += buf->len;
    return status;
}

static copse_status pack_create_write(copse_pack_io *io, copse_file *file, uint64_t generation,
                                      uint64_t sequence, copse_buf *snapshot, copse_buf *extra,
                                      bool is_durable, copse_err *err)
{
    uint8_t bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES];
    copse_journal_header header;
    uint64_t offset = sizeof bytes;
    uint32_t unsynced = is_durable ? 0 : COPSE_FRAME_UNSYNCED;
    copse_journal_header_write(generation, copse_pack_io_random(io, generation), bytes, &header);
    copse_frame frame = {
        .flags = COPSE_FRAME_SNAPSHOT | unsynced, .sequence = sequence, .chain = header.chain};
    copse_status status = copse_pack_io_write(io, file, 0, (copse_bytes){bytes, sizeof bytes}, err);
    if (status == COPSE_OK) {
        status = pack_create_frame(io, file, header.salt, &frame, snapshot, &offset, err);
    }
    if (status == COPSE_OK && extra != NULL && extra->len > 0) {
        copse_frame second = {.flags = unsynced, .sequence = sequence + 1, .chain = frame.checksum};
        status = pack_create_frame(io, file, header.salt, &second, extra, &offset, err);
    }
    if (status == COPSE_OK && is_durable) {
        status = copse_pack_io_sync(io, file, COPSE_PACK_SITE_JOURNAL, err);
    }
    return status;
}

copse_status copse_pack_create_journal(copse_pack_io *io, uint64_t generation, uint64_t sequence,
                                       copse_buf *snapshot, copse_buf *extra, bool is_durable,
                                       copse_err *err)
{
    char temporary[COPSE_PACK_NAME_SIZE_MAX];
    char name[COPSE_PACK_NAME_SIZE_MAX];
    copse_file *file = NULL;
    copse_pack_name_temporary(io, "journal", generation, temporary);
    copse_pack_name_journal(generation, name);
    copse_status status = copse_pack_io_open(
        io, temporary, COPSE_OPEN_WRITE | COPSE_OPEN_CREATE | COPSE_OPEN_TRUNCATE, &file, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = pack_create_write(io, file, generation, sequence, snapshot, extra, is_durable, err);
    (void)copse_pack_io_close(file);
    if (status == COPSE_OK) {
        status = copse_pack_io_rename(io, temporary, name, err);
    }
    if (status != COPSE_OK) {
        copse_pack_io_discard(io, temporary);
        return status;
    }
    return is_durable ? copse_pack_io_sync_dir(io, COPSE_PACK_SITE_JOURNAL_DIR, err) : COPSE_OK;
}

/* ---- Stores ---- */

typedef struct pack_create_listing {
    bool has_foreign;
} pack_create_listing;

static copse_status pack_create_visit(void *ctx, const char *name, copse_err *err)
{
    (void)err;
    pack_create_listing *listing = ctx;
    listing->has_foreign |= copse_pack_name_parse(name).kind == COPSE_PACK_NAME_FOREIGN;
    return COPSE_OK;
}

static copse_status pack_create_dir(copse_pack_io *io, copse_err *err)
{
    copse_err why;
    pack_create_listing listing = {false};
    copse_status status = io->os->ops->make_dir(io->os, io->path, &why);
    if (status == COPSE_CONFLICT) {
        status = copse_pack_io_list(io, pack_create_visit, &listing, &why);
        if (status == COPSE_OK && listing.has_foreign) {
            return COPSE_ERR(err, COPSE_CONFLICT, "%s has other files in it and is no store",
                             io->path);
        }
    }
    if (status != COPSE_OK && err != NULL) {
        *err = why;
    }
    return status;
}

static copse_status pack_create_first_journal(copse_pack_io *io, copse_err *err)
{
    static const uint8_t epoch[8] = {0};
    copse_bytes part = {epoch, sizeof epoch};
    copse_buf buf;
    copse_buf_init(&buf, io->env, 4096);
    copse_status status = copse_frame_begin(&buf);
    if (status == COPSE_OK) {
        status = copse_item_write(&buf, COPSE_ITEM_EPOCH, &part, 1);
    }
    status = status == COPSE_OK ? copse_pack_create_journal(io, 1, 1, &buf, NULL, true, err)
                                : COPSE_ERR_NOMEM(err);
    copse_buf_release(&buf);
    return status;
}

copse_status copse_pack_create_format(copse_pack_io *io, copse_err *err)
{
    char name[COPSE_PACK_NAME_SIZE_MAX];
    copse_file *file = NULL;
    copse_bytes line = copse_bytes_of_text(pack_format_line);
    copse_pack_name_temporary(io, "format", 0, name);
    copse_status status = copse_pack_io_open(
        io, name, COPSE_OPEN_WRITE | COPSE_OPEN_CREATE | COPSE_OPEN_TRUNCATE, &file, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_pack_io_write(io, file, 0, line, err);
    if (status == COPSE_OK) {
        status = copse_pack_io_sync(io, file, COPSE_PACK_SITE_FORMAT, err);
    }
    (void)copse_pack_io_close(file);
    if (status == COPSE_OK) {
        status = copse_pack_io_rename(io, name, "format", err);
    }
    if (status != COPSE_OK) {
        copse_pack_io_discard(io, name);
    }
    return status == COPSE_OK ? copse_pack_io_sync_dir(io, COPSE_PACK_SITE_FORMAT_DIR, err)
                              : status;
}

/* Syncs the folder that the store's folder is in, so that its name stays. */
static copse_status pack_create_sync_parent(copse_pack_io *io, copse_err *err)
{
    char path[COPSE_PACK_PATH_SIZE_MAX];
    memcpy(path, io->path, io->path_size);
    size_t size = io->path_size - 1;
    while (size > 1 && path[size - 1] == '/') {
        path[--size] = 0;
    }
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        memcpy(path, ".", 2);
    } else {
        slash[slash == path ? 1 : 0] = 0;
    }
    if (copse_pack_mutant(COPSE_PACK_SITE_PARENT_DIR)) {
        return COPSE_OK;
    }
    io->syncs++;
    return io->os->ops->sync_dir(io->os, path, err);
}

copse_status copse_pack_create(copse_pack_io *io, copse_err *err)
{
    copse_file *lock = NULL;
    copse_file *gc_lock = NULL;
    uint64_t newest = 0;
    copse_status status = pack_create_dir(io, err);
    if (status == COPSE_OK) {
        status = copse_pack_io_open(io, "lock", COPSE_OPEN_WRITE | COPSE_OPEN_CREATE, &lock, err);
    }
    if (status == COPSE_OK) {
        status = lock->ops->lock(lock, COPSE_LOCK_EXCLUSIVE, true, err);
    }
    if (status == COPSE_OK && copse_pack_create_check(io, NULL) != COPSE_OK) {
        status =
            copse_pack_io_open(io, "gc.lock", COPSE_OPEN_WRITE | COPSE_OPEN_CREATE, &gc_lock, err);
        (void)copse_pack_io_close(gc_lock);
        if (status == COPSE_OK) {
            status = pack_create_sync_parent(io, err);
        }
        if (status == COPSE_OK) {
            status = copse_pack_view_newest(io, &newest, err);
        }
        /* One that is there is whole, and may be all that is left of a store: never a new one. */
        if (status == COPSE_OK && newest == 0) {
            status = pack_create_first_journal(io, err);
        }
        if (status == COPSE_OK) {
            status = copse_pack_create_format(io, err);
        }
    }
    (void)copse_pack_io_close(lock);
    return status;
}
