/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_aside.h"

#include "backends/pack/journal.h"
#include "base/err.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

enum { PACK_ASIDE_CHUNK_BYTES = 1 << 16 };

/* Called for each part of a file, in order. */
typedef copse_status (*pack_aside_visit_fn)(void *ctx, copse_bytes part, copse_err *err);

static copse_status pack_aside_each(copse_pack_io *io, copse_file *from, uint64_t offset,
                                    pack_aside_visit_fn visit, void *ctx, copse_err *err)
{
    copse_buf part;
    size_t got = PACK_ASIDE_CHUNK_BYTES;
    copse_buf_init(&part, io->env, PACK_ASIDE_CHUNK_BYTES);
    copse_status status = copse_buf_reserve(&part, PACK_ASIDE_CHUNK_BYTES) == COPSE_OK
                              ? COPSE_OK
                              : COPSE_ERR_NOMEM(err);
    while (status == COPSE_OK && got == PACK_ASIDE_CHUNK_BYTES) {
        status = from->ops->read_at(from, offset, part.ptr, PACK_ASIDE_CHUNK_BYTES, &got, err);
        if (status == COPSE_OK && got > 0) {
            status = visit(ctx, (copse_bytes){part.ptr, got}, err);
            offset += got;
        }
    }
    copse_buf_release(&part);
    return status;
}

/* ---- Copying ---- */

typedef struct pack_aside_target {
    copse_pack_io *io;
    copse_file *file;
    uint64_t size;
} pack_aside_target;

static copse_status pack_aside_write(void *ctx, copse_bytes part, copse_err *err)
{
    pack_aside_target *target = ctx;
    copse_status status = copse_pack_io_write(target->io, target->file, target->size, part, err);
    target->size += part.len;
    return status;
}

copse_status copse_pack_aside_copy(copse_pack_io *io, copse_file *from, uint64_t offset,
                                   copse_bytes head, const char *name, copse_err *err)
{
    char temporary[COPSE_PACK_NAME_SIZE_MAX];
    pack_aside_target target = {.io = io};
    copse_pack_name_temporary(io, "journal", offset, temporary);
    copse_status status = copse_pack_io_open(
        io, temporary, COPSE_OPEN_WRITE | COPSE_OPEN_CREATE | COPSE_OPEN_TRUNCATE, &target.file,
        err);
    if (status != COPSE_OK) {
        return status;
    }
    status = pack_aside_write(&target, head, err);
    if (status == COPSE_OK) {
        status = pack_aside_each(io, from, offset, pack_aside_write, &target, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_io_sync(io, target.file, COPSE_PACK_SITE_ASIDE, err);
    }
    (void)copse_pack_io_close(target.file);
    if (status == COPSE_OK) {
        status = copse_pack_io_rename(io, temporary, name, err);
    }
    if (status != COPSE_OK) {
        copse_pack_io_discard(io, temporary);
        return status;
    }
    return copse_pack_io_sync_dir(io, COPSE_PACK_SITE_ASIDE_DIR, err);
}

/* ---- Tails ---- */

typedef struct pack_aside_tail {
    uint64_t size;
    uint64_t hash;
    bool has_content; /* a byte that is not zero */
} pack_aside_tail;

static copse_status pack_aside_look(void *ctx, copse_bytes part, copse_err *err)
{
    (void)err;
    pack_aside_tail *tail = ctx;
    for (size_t i = 0; i < part.len && !tail->has_content; i++) {
        tail->has_content = part.ptr[i] != 0;
    }
    tail->hash = XXH3_64bits_withSeed(part.ptr, part.len, tail->hash);
    tail->size += part.len;
    return COPSE_OK;
}

typedef struct pack_aside_listing {
    const char *kept; /* the newest, whatever its place */
    size_t count;
    copse_pack_name oldest;
    char name[COPSE_PACK_NAME_SIZE_MAX];
} pack_aside_listing;

static copse_status pack_aside_visit(void *ctx, const char *name, copse_err *err)
{
    (void)err;
    pack_aside_listing *listing = ctx;
    copse_pack_name id = copse_pack_name_parse(name);
    if (id.kind == COPSE_PACK_NAME_ASIDE && strcmp(name, listing->kept) != 0) {
        if (listing->count == 0 || id.generation < listing->oldest.generation ||
            (id.generation == listing->oldest.generation && id.offset < listing->oldest.offset)) {
            listing->oldest = id;
            memcpy(listing->name, name, strlen(name) + 1);
        }
        listing->count++;
    }
    return COPSE_OK;
}

copse_status copse_pack_aside_keep(copse_pack_io *io, copse_file *journal, uint64_t generation,
                                   uint64_t offset, copse_err *err)
{
    uint8_t head[COPSE_JOURNAL_HEADER_SIZE_BYTES];
    char name[COPSE_PACK_NAME_SIZE_MAX];
    pack_aside_tail tail = {0};
    pack_aside_listing listing = {.kept = name};
    copse_status status = pack_aside_each(io, journal, offset, pack_aside_look, &tail, err);
    if (status != COPSE_OK || !tail.has_content || tail.size <= COPSE_FRAME_OVERHEAD_BYTES) {
        return status; /* A3 */
    }
    copse_pack_name_aside(generation, offset, tail.hash, name);
    status = copse_pack_io_read(journal, "the journal", 0, head, sizeof head, err);
    if (status == COPSE_OK) {
        status =
            copse_pack_aside_copy(io, journal, offset, (copse_bytes){head, sizeof head}, name, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_io_list(io, pack_aside_visit, &listing, err);
    }
    if (status == COPSE_OK && listing.count >= COPSE_PACK_ASIDES_MAX) {
        copse_pack_io_discard(io, listing.name); /* A2 */
    }
    return status;
}
