/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_file.h"

#include "backends/pack/journal_reader.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/varint.h"
#include "block/block.h"
#include "value/car_header.h"
#include "value/cid_parse.h"

#include <string.h>

enum { PACK_FILE_CHUNK_BYTES = 1 << 18 };

/* ---- Life ---- */

static copse_pack_file *pack_file_alloc(const copse_env *env, copse_pack_name id, uint64_t size)
{
    copse_pack_file *file = copse_alloc_zeroed(env, sizeof *file);
    if (file != NULL) {
        file->env = env;
        file->id = id;
        file->size = size;
        file->table.env = env;
        if (id.kind == COPSE_PACK_NAME_PACK) {
            copse_pack_name_pack(id.digest, file->name);
        } else {
            copse_pack_name_journal(id.generation, file->name);
        }
    }
    return file;
}

copse_pack_file *copse_pack_file_free(copse_pack_file *file)
{
    if (file != NULL) {
        (void)copse_pack_io_close(file->file);
        copse_pack_index_release(&file->index);
        copse_pack_table_release(&file->table);
        copse_pack_window_release(&file->window, file->env);
        copse_free(file->env, file, sizeof *file);
    }
    return NULL;
}

copse_status copse_pack_file_new(const copse_env *env, uint64_t generation, copse_file *file,
                                 uint64_t seed, copse_pack_file **ret_file, copse_err *err)
{
    copse_pack_name id = {.kind = COPSE_PACK_NAME_JOURNAL, .generation = generation};
    copse_pack_file *made = pack_file_alloc(env, id, 0);
    if (made == NULL) {
        (void)copse_pack_io_close(file);
        return COPSE_ERR_NOMEM(err);
    }
    made->file = file;
    made->seed = seed;
    *ret_file = made;
    return COPSE_OK;
}

/* ---- Sections of a pack ---- */

/* Fills `buf` from `offset` of the file with at least `need` bytes; fewer at its end. */
static copse_status pack_file_fill(const copse_pack_file *file, uint64_t offset, size_t need,
                                   copse_buf *buf, copse_err *err)
{
    size_t want = need > PACK_FILE_CHUNK_BYTES ? need : PACK_FILE_CHUNK_BYTES;
    size_t got = 0;
    copse_buf_truncate(buf, 0);
    if (copse_buf_reserve(buf, want) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = file->file->ops->read_at(file->file, offset, buf->ptr, want, &got, err);
    buf->len = status == COPSE_OK ? got : 0;
    return status;
}

static copse_status pack_file_section_fail(const copse_pack_file *file, uint64_t offset,
                                           copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "%s, byte %llu: no section of a CAR", file->name,
                     (unsigned long long)offset);
}

/* The section at the start of `bytes`: sizes of its length and of what follows. CORRUPT: none.
 * END: `bytes` ends inside; *ret_size is then what is needed, as far as that is known. */
static copse_status pack_file_section_size(const copse_pack_file *file, copse_bytes bytes,
                                           size_t *ret_head, size_t *ret_size)
{
    uint64_t size = 0;
    size_t head = 0;
    copse_status status = copse_varint_read(bytes, &size, &head);
    *ret_size = COPSE_VARINT_SIZE_BYTES_MAX;
    if (status != COPSE_OK) {
        return status;
    }
    if (size == 0 || size > COPSE_PACK_LENGTH_MAX ||
        size > file->env->limits.foreign_size_bytes_max + COPSE_CID_SIZE_BYTES_MAX) {
        return COPSE_CORRUPT;
    }
    *ret_head = head;
    *ret_size = (size_t)size;
    return head + size <= bytes.len ? COPSE_OK : COPSE_END;
}

/* Where the payload ends by the file's own header; without one: the end of the file. */
static uint64_t pack_file_payload_end(const copse_pack_file *file)
{
    return file->index_offset != 0 ? file->index_offset : UINT64_MAX;
}

/* Visits the sections in `buf`, which begins at *offset; moves it behind the last whole one.
 * *ret_need is what the next one takes. */
static copse_status pack_file_visit_chunk(const copse_pack_file *file, copse_bytes bytes,
                                          bool *is_header, copse_pack_section_fn visit, void *ctx,
                                          uint64_t *offset, size_t *ret_need, copse_err *err)
{
    size_t at = 0;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && *offset < pack_file_payload_end(file)) {
        size_t head = 0;
        copse_bytes rest = {bytes.ptr + at, bytes.len - at};
        status = pack_file_section_size(file, rest, &head, ret_need);
        if (status == COPSE_END) {
            *ret_need += COPSE_VARINT_SIZE_BYTES_MAX;
            return at > 0 ? COPSE_OK : COPSE_END;
        }
        copse_bytes body = {rest.ptr + head, *ret_need};
        copse_cid_parts parts;
        size_t cid_size = 0;
        if (status == COPSE_OK && !*is_header) {
            status = copse_cid_parse(body, &parts, &cid_size, NULL);
        }
        if (status != COPSE_OK || cid_size > COPSE_CID_SIZE_BYTES_MAX) {
            return pack_file_section_fail(file, *offset, err);
        }
        if (!*is_header) {
            status = visit(ctx, *offset + head, (copse_bytes){body.ptr, cid_size},
                           (copse_bytes){body.ptr + cid_size, body.len - cid_size}, err);
        }
        if (status == COPSE_OK) {
            *is_header = false;
            at += head + body.len;
            *offset += head + body.len;
        }
    }
    return status;
}

copse_status copse_pack_file_sections(const copse_pack_file *file, copse_pack_section_fn visit,
                                      void *ctx, uint64_t *ret_end, copse_err *err)
{
    copse_buf buf;
    uint64_t offset = COPSE_CAR_START_SIZE_BYTES;
    size_t need = 0;
    bool is_header = true;
    copse_status status = COPSE_OK;
    copse_buf_init(&buf, file->env, SIZE_MAX);
    while (status == COPSE_OK && offset < pack_file_payload_end(file)) {
        size_t asked = need > PACK_FILE_CHUNK_BYTES ? need : PACK_FILE_CHUNK_BYTES;
        status = pack_file_fill(file, offset, need, &buf, err);
        if (status == COPSE_OK) {
            status = pack_file_visit_chunk(file, copse_buf_view(&buf), &is_header, visit, ctx,
                                           &offset, &need, err);
        }
        if (status == COPSE_END) { /* no whole section: read more of it, if there is more */
            bool is_end = buf.len < asked || need <= asked;
            status = is_end ? pack_file_section_fail(file, offset, err) : COPSE_OK;
        }
    }
    copse_buf_release(&buf);
    *ret_end = offset;
    return status;
}

/* ---- Opening ---- */

/* Remembers that the file can't be read whole. */
static void pack_file_damaged(copse_pack_file *file, const copse_err *why)
{
    file->is_damaged = true;
    file->damage = *why;
}

typedef struct pack_file_rebuild {
    copse_pack_file *file;
    copse_buf scratch;
} pack_file_rebuild;

static copse_status pack_file_rebuild_section(void *ctx, uint64_t offset, copse_bytes cid,
                                              copse_bytes data, copse_err *err)
{
    pack_file_rebuild *rebuild = ctx;
    copse_pack_place place = {offset, (uint32_t)(cid.len + data.len)};
    return copse_pack_file_add(rebuild->file, cid, place, &rebuild->scratch, err);
}

/* Indexes the blocks of a frame's payload, which stands at `offset` of the file. */
static copse_status pack_file_rebuild_frame(pack_file_rebuild *rebuild, copse_bytes payload,
                                            uint64_t offset, copse_err *err)
{
    size_t at = 0;
    copse_item item;
    copse_status status;
    while ((status = copse_item_next(payload, &at, &item, err)) == COPSE_OK) {
        if (item.tag != COPSE_ITEM_BLOCK && item.tag != COPSE_ITEM_REMOVE) {
            continue;
        }
        bool is_block = item.tag == COPSE_ITEM_BLOCK;
        copse_pack_place place = {offset + item.offset, is_block ? (uint32_t)item.bytes.len : 0};
        status = copse_pack_file_add(rebuild->file, item.cid, place, &rebuild->scratch, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

/* Reads a journal through; damaged frames are passed over, and make the file damaged. */
static copse_status pack_file_rebuild_journal(pack_file_rebuild *rebuild, copse_err *err)
{
    copse_pack_file *file = rebuild->file;
    copse_journal_reader reader;
    copse_frame frame;
    copse_bytes payload;
    uint64_t offset = COPSE_JOURNAL_HEADER_SIZE_BYTES;
    copse_status status = COPSE_OK;
    copse_journal_reader_init(&reader, file->env);
    copse_journal_reader_reset(&reader, file->file, file->seed);
    while (status == COPSE_OK && offset < file->size) {
        uint64_t found = offset;
        status = copse_journal_reader_search(&reader, &found, &frame, &payload, err);
        if (status == COPSE_OK || status == COPSE_END) {
            if (status == COPSE_END || found != offset) {
                copse_err why;
                (void)COPSE_ERR(&why, COPSE_CORRUPT, "%s, byte %llu: no valid frame", file->name,
                                (unsigned long long)offset);
                pack_file_damaged(file, &why);
            }
        }
        if (status == COPSE_OK) {
            status = pack_file_rebuild_frame(rebuild, payload,
                                             found + COPSE_FRAME_HEADER_SIZE_BYTES, err);
            offset = found + copse_frame_size(&frame);
        }
    }
    copse_journal_reader_release(&reader);
    return status == COPSE_END ? COPSE_OK : status;
}

copse_status copse_pack_file_rebuild(copse_pack_file *file, copse_err *err)
{
    pack_file_rebuild rebuild = {.file = file};
    copse_err why;
    uint64_t end = 0;
    copse_status status;
    copse_pack_table_release(&file->table);
    copse_buf_init(&rebuild.scratch, file->env, SIZE_MAX);
    if (file->id.kind == COPSE_PACK_NAME_PACK) {
        status = copse_pack_file_sections(file, pack_file_rebuild_section, &rebuild, &end, &why);
    } else {
        status = pack_file_rebuild_journal(&rebuild, &why);
    }
    copse_buf_release(&rebuild.scratch);
    if (status == COPSE_CORRUPT) {
        pack_file_damaged(file, &why);
        return COPSE_OK;
    }
    if (status != COPSE_OK && err != NULL) {
        *err = why;
    }
    return status;
}

/* Reads the CARv2 header of a pack: where its index is. */
static copse_status pack_file_read_pack_start(copse_pack_file *file, copse_err *err)
{
    uint8_t start[COPSE_CAR_START_SIZE_BYTES];
    copse_car_header header = {0};
    copse_status status = copse_pack_io_read(file->file, file->name, 0, start, sizeof start, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_car_is_pragma((copse_bytes){start, sizeof start}) ||
        copse_car_v2_header_parse(start + COPSE_CAR_PRAGMA_SIZE_BYTES, &header, NULL) != COPSE_OK ||
        header.data_offset != COPSE_CAR_START_SIZE_BYTES ||
        header.data_size > file->size - COPSE_CAR_START_SIZE_BYTES ||
        header.index_offset < header.data_offset + header.data_size) {
        return COPSE_ERR(err, COPSE_CORRUPT, "%s, byte 0: no header of a pack", file->name);
    }
    file->index_offset = header.data_offset + header.data_size;
    file->index_size = header.index_offset - file->index_offset;
    return COPSE_OK;
}

/* Reads the header of a journal that ended. */
static copse_status pack_file_read_journal_start(copse_pack_file *file, copse_err *err)
{
    uint8_t bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES];
    copse_journal_header header;
    copse_err why;
    copse_status status = copse_pack_io_read(file->file, file->name, 0, bytes, sizeof bytes, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_journal_header_read(bytes, &header, &why) != COPSE_OK ||
        header.generation != file->id.generation) {
        return COPSE_ERR(err, COPSE_CORRUPT, "%s, byte 0: no header of this journal", file->name);
    }
    file->seed = header.salt;
    return COPSE_OK;
}

/* Compares the size with what it must be. */
static copse_status pack_file_check_size(copse_pack_file *file, copse_err *err)
{
    uint64_t size = 0;
    copse_status status = file->file->ops->size(file->file, &size, err);
    if (status == COPSE_OK && size != file->size) {
        return COPSE_ERR(err, COPSE_CORRUPT, "%s has %llu bytes, and must have %llu", file->name,
                         (unsigned long long)size, (unsigned long long)file->size);
    }
    return status;
}

static copse_status pack_file_open_index(copse_pack_file *file, copse_err *err)
{
    bool is_pack = file->id.kind == COPSE_PACK_NAME_PACK;
    copse_status status =
        is_pack ? pack_file_read_pack_start(file, err) : pack_file_read_journal_start(file, err);
    if (status == COPSE_OK) {
        status = pack_file_check_size(file, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_index_open(file->env, file->file, file->name, file->index_offset,
                                       file->index_size, &file->index, err);
    }
    if (status == COPSE_OK) {
        file->has_index = true;
        file->seed = file->index.seed;
    }
    return status;
}

/* Opens by name. Whatever is wrong with the bytes is noted in the file. */
static copse_status pack_file_open(copse_pack_io *io, copse_pack_file *file, copse_err *err)
{
    copse_err why;
    copse_status status = copse_pack_io_open(io, file->name, 0, &file->file, &why);
    if (status == COPSE_NOT_FOUND) {
        (void)COPSE_ERR(&why, COPSE_CORRUPT, "%s is missing", file->name);
        pack_file_damaged(file, &why);
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = pack_file_open_index(file, &why);
    }
    if (status == COPSE_CORRUPT) {
        file->damage = why;
        status = copse_pack_file_rebuild(file, &why);
    }
    if (status != COPSE_OK && err != NULL) {
        *err = why;
    }
    return status;
}

static copse_status pack_file_open_new(copse_pack_io *io, copse_pack_file *file,
                                       copse_pack_file **ret_file, copse_err *err)
{
    if (file == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = pack_file_open(io, file, err);
    if (status != COPSE_OK) {
        (void)copse_pack_file_free(file);
        return status;
    }
    *ret_file = file;
    return COPSE_OK;
}

copse_status copse_pack_file_open_pack(copse_pack_io *io, const uint8_t *digest, uint64_t size,
                                       copse_pack_file **ret_file, copse_err *err)
{
    copse_pack_name id = {.kind = COPSE_PACK_NAME_PACK};
    memcpy(id.digest, digest, sizeof id.digest);
    return pack_file_open_new(io, pack_file_alloc(io->env, id, size), ret_file, err);
}

copse_status copse_pack_file_open_journal(copse_pack_io *io, uint64_t generation, uint64_t size,
                                          uint64_t index_offset, uint64_t index_size,
                                          copse_pack_file **ret_file, copse_err *err)
{
    copse_pack_name id = {.kind = COPSE_PACK_NAME_JOURNAL, .generation = generation};
    copse_pack_file *file = pack_file_alloc(io->env, id, size);
    if (file != NULL) {
        file->index_offset = index_offset;
        file->index_size = index_size;
    }
    return pack_file_open_new(io, file, ret_file, err);
}
