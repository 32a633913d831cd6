/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_writer.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "base/varint.h"
#include "crypto/hash.h"
#include "value/car_header.h"
#include "value/car_index_build.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <assert.h>
#include <string.h>

/* ---- Life ---- */

static void pack_writer_init_bufs(copse_pack_writer *writer)
{
    const copse_env *env = writer->io->env;
    copse_buf_init(&writer->buffer, env, SIZE_MAX);
    copse_buf_init(&writer->cids, env, SIZE_MAX);
    copse_buf_init(&writer->scratch, env, SIZE_MAX);
}

void copse_pack_writer_init(copse_pack_writer *writer, copse_pack_io *io)
{
    *writer = (copse_pack_writer){.io = io};
    pack_writer_init_bufs(writer);
}

/* Frees all but the file's name on disk. */
static void pack_writer_clear(copse_pack_writer *writer)
{
    copse_pack_io *io = writer->io;
    (void)copse_pack_file_free(writer->file);
    copse_buf_release(&writer->buffer);
    copse_buf_release(&writer->cids);
    copse_buf_release(&writer->scratch);
    copse_free_array(io->env, writer->offsets, writer->capacity, sizeof writer->offsets[0]);
    copse_pack_writer_init(writer, io);
}

void copse_pack_writer_release(copse_pack_writer *writer)
{
    if (writer->io == NULL) {
        return;
    }
    if (writer->file != NULL && writer->file->file != NULL) {
        char name[COPSE_PACK_NAME_SIZE_MAX];
        memcpy(name, writer->file->name, sizeof name);
        writer->file->file = copse_pack_io_close(writer->file->file);
        copse_pack_io_discard(writer->io, name);
    }
    pack_writer_clear(writer);
}

/* ---- Blocks ---- */

/* Begins the pack in memory: room for the start, and the header of the payload. */
static copse_status pack_writer_begin(copse_pack_writer *writer, copse_err *err)
{
    static const uint8_t root_bytes[] = {1, COPSE_CODEC_RAW, 0, 0};
    uint8_t start[COPSE_CAR_START_SIZE_BYTES] = {0};
    copse_cid root = {.size = sizeof root_bytes};
    memcpy(root.bytes, root_bytes, sizeof root_bytes);
    copse_status status = copse_pack_file_new(
        writer->io->env, 0, NULL, copse_pack_io_random(writer->io, (uint64_t)(uintptr_t)writer),
        &writer->file, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_buf_append(&writer->buffer, (copse_bytes){start, sizeof start});
    if (status != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return copse_car_header_write(&root, 1, &writer->buffer, err);
}

/* Writes the buffer to the file, which the first time is made. */
static copse_status pack_writer_drain(copse_pack_writer *writer, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (writer->file->file == NULL) {
        copse_pack_name_temporary(writer->io, "pack", (uint64_t)(uintptr_t)writer,
                                  writer->file->name);
        status = copse_pack_io_open(writer->io, writer->file->name,
                                    COPSE_OPEN_WRITE | COPSE_OPEN_CREATE | COPSE_OPEN_EXCLUSIVE,
                                    &writer->file->file, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_io_write(writer->io, writer->file->file, writer->written,
                                     copse_buf_view(&writer->buffer), err);
    }
    if (status == COPSE_OK) {
        writer->written += writer->buffer.len;
        copse_buf_truncate(&writer->buffer, 0);
    }
    return status;
}

/* Notes the CID and the offset of the block that comes. */
static copse_status pack_writer_note(copse_pack_writer *writer, const copse_cid *cid,
                                     uint64_t offset, copse_err *err)
{
    void *offsets = writer->offsets;
    if (!copse_array_grow(writer->io->env, &offsets, &writer->capacity, writer->count + 1,
                          sizeof writer->offsets[0])) {
        return COPSE_ERR_NOMEM(err);
    }
    writer->offsets = offsets;
    if (copse_buf_reserve(&writer->cids, 1 + (size_t)cid->size) != COPSE_OK ||
        !copse_pack_table_reserve(&writer->file->table, 1)) {
        return COPSE_ERR_NOMEM(err);
    }
    writer->cids.ptr[writer->cids.len] = cid->size;
    memcpy(writer->cids.ptr + writer->cids.len + 1, cid->bytes, cid->size);
    writer->cids.len += 1 + (size_t)cid->size;
    writer->offsets[writer->count++] = offset;
    return COPSE_OK;
}

copse_status copse_pack_writer_put(copse_pack_writer *writer, const copse_cid *cid,
                                   copse_bytes data, copse_err *err)
{
    uint8_t head[COPSE_VARINT_SIZE_BYTES_MAX];
    size_t size = cid->size + data.len;
    size_t head_size = copse_varint_write(size, head);
    copse_status status = writer->file == NULL ? pack_writer_begin(writer, err) : COPSE_OK;
    if (status == COPSE_OK && writer->buffer.len > 0 &&
        writer->buffer.len + size > COPSE_PACK_BUFFER_BYTES) {
        status = pack_writer_drain(writer, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    uint64_t offset = writer->written + writer->buffer.len + head_size;
    if (size > COPSE_PACK_LENGTH_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a block of %zu bytes is too large", data.len);
    }
    if (copse_buf_reserve(&writer->buffer, head_size + size) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    status = pack_writer_note(writer, cid, offset - head_size, err);
    if (status == COPSE_OK) {
        copse_buf *buffer = &writer->buffer;
        memcpy(buffer->ptr + buffer->len, head, head_size);
        memcpy(buffer->ptr + buffer->len + head_size, cid->bytes, cid->size);
        if (data.len > 0) {
            memcpy(buffer->ptr + buffer->len + head_size + cid->size, data.ptr, data.len);
        }
        buffer->len += head_size + size;
        copse_pack_place place = {offset, (uint32_t)size};
        copse_bytes bytes = {cid->bytes, cid->size};
        copse_pack_record record = {copse_pack_key(bytes, writer->file->seed),
                                    copse_pack_place_pack(place)};
        copse_pack_table_insert(&writer->file->table, record);
    }
    return status;
}

bool copse_pack_writer_is_full(const copse_pack_writer *writer)
{
    return writer->count >= COPSE_PACK_BLOCKS_MAX ||
           writer->written + writer->buffer.len >= COPSE_PACK_SIZE_MAX;
}

bool copse_pack_writer_is_small(const copse_pack_writer *writer)
{
    return writer->written == 0;
}

copse_status copse_pack_writer_find(copse_pack_writer *writer, const copse_cid *cid,
                                    bool *ret_found, copse_block **ret_block, copse_err *err)
{
    *ret_found = false;
    if (writer->file == NULL) {
        return COPSE_OK;
    }
    size_t cursor = 0;
    const copse_pack_record *record;
    uint64_t key = copse_pack_key((copse_bytes){cid->bytes, cid->size}, writer->file->seed);
    while ((record = copse_pack_table_find(&writer->file->table, key, &cursor)) != NULL) {
        copse_pack_place place = copse_pack_place_unpack(record->place);
        copse_bytes bytes = {NULL, place.length};
        if (place.offset >= writer->written) {
            bytes.ptr = writer->buffer.ptr + (size_t)(place.offset - writer->written);
        } else {
            copse_buf_truncate(&writer->scratch, 0);
            if (copse_buf_reserve(&writer->scratch, place.length) != COPSE_OK) {
                return COPSE_ERR_NOMEM(err);
            }
            copse_status status =
                copse_pack_io_read(writer->file->file, writer->file->name, place.offset,
                                   writer->scratch.ptr, place.length, err);
            if (status != COPSE_OK) {
                return status;
            }
            bytes.ptr = writer->scratch.ptr;
        }
        if (bytes.len >= cid->size && memcmp(bytes.ptr, cid->bytes, cid->size) == 0) {
            *ret_found = true;
            bytes = (copse_bytes){bytes.ptr + cid->size, bytes.len - cid->size};
            return ret_block != NULL ? copse_block_new(writer->io->env, cid, bytes, ret_block, err)
                                     : COPSE_OK;
        }
    }
    return COPSE_OK;
}

/* The CID at *at of the noted ones; moves *at behind it. */
static copse_cid pack_writer_next_cid(const copse_pack_writer *writer, size_t *at)
{
    copse_cid cid = {.size = writer->cids.ptr[*at]};
    memcpy(cid.bytes, writer->cids.ptr + *at + 1, cid.size);
    *at += 1 + (size_t)cid.size;
    return cid;
}

copse_status copse_pack_writer_each(copse_pack_writer *writer, copse_pack_section_fn visit,
                                    void *ctx, copse_err *err)
{
    size_t at = 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < writer->count && status == COPSE_OK; i++) {
        copse_cid cid = pack_writer_next_cid(writer, &at);
        uint64_t size = 0;
        size_t head = 0;
        copse_bytes section = {writer->buffer.ptr + writer->offsets[i],
                               writer->buffer.len - (size_t)writer->offsets[i]};
        status = copse_varint_read(section, &size, &head);
        assert(status == COPSE_OK);
        status = visit(ctx, writer->offsets[i] + head, (copse_bytes){section.ptr + head, cid.size},
                       (copse_bytes){section.ptr + head + cid.size, (size_t)size - cid.size}, err);
    }
    return status;
}

/* ---- The end ---- */

/* What the end of a pack is made of. */
typedef struct pack_writer_end {
    copse_car_index_builder builder;
    copse_pack_record *records;
    uint64_t payload_end; /* in the file */
    uint64_t index_end;
} pack_writer_end;

static uint64_t pack_writer_seed(const copse_pack_writer *writer)
{
    return XXH3_64bits(writer->cids.ptr, writer->cids.len);
}

/* Gathers the records of both indexes. */
static copse_status pack_writer_gather(copse_pack_writer *writer, pack_writer_end *end,
                                       copse_err *err)
{
    uint64_t seed = pack_writer_seed(writer);
    uint64_t last = end->payload_end;
    size_t at = 0;
    copse_status status = COPSE_OK;
    end->records = copse_alloc_array(writer->io->env, writer->count, sizeof end->records[0]);
    if (end->records == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < writer->count && status == COPSE_OK; i++) {
        copse_cid cid = pack_writer_next_cid(writer, &at);
        uint64_t next = i + 1 < writer->count ? writer->offsets[i + 1] : last;
        uint64_t size = next - writer->offsets[i];
        /* The section's length takes what is left beside what it counts. */
        uint64_t head = copse_varint_size(size - copse_varint_size(size));
        copse_pack_place place = {writer->offsets[i] + head, (uint32_t)(size - head)};
        end->records[i] = (copse_pack_record){
            copse_pack_key((copse_bytes){cid.bytes, cid.size}, seed), copse_pack_place_pack(place)};
        status = copse_car_index_builder_add(&end->builder, &cid,
                                             writer->offsets[i] - COPSE_CAR_START_SIZE_BYTES, err);
    }
    return status;
}

static copse_status pack_writer_append(void *ctx, copse_bytes bytes, copse_err *err)
{
    copse_pack_writer *writer = ctx;
    copse_status status = COPSE_OK;
    while (bytes.len > 0 && status == COPSE_OK) {
        size_t room = COPSE_PACK_BUFFER_BYTES - writer->buffer.len % COPSE_PACK_BUFFER_BYTES;
        size_t part = bytes.len < room ? bytes.len : room;
        if (copse_buf_append(&writer->buffer, (copse_bytes){bytes.ptr, part}) != COPSE_OK) {
            return COPSE_ERR_NOMEM(err);
        }
        bytes = (copse_bytes){bytes.ptr + part, bytes.len - part};
        if (writer->buffer.len >= COPSE_PACK_BUFFER_BYTES) {
            status = pack_writer_drain(writer, err);
        }
    }
    return status;
}

static copse_status pack_writer_write_indexes(copse_pack_writer *writer, pack_writer_end *end,
                                              copse_err *err)
{
    copse_status status = copse_pack_index_build(writer->io->env, end->records, writer->count,
                                                 pack_writer_seed(writer), &writer->buffer, err);
    end->index_end = writer->written + writer->buffer.len;
    if (status == COPSE_OK) {
        status = pack_writer_drain(writer, err);
    }
    if (status == COPSE_OK) {
        status = copse_car_index_builder_write(&end->builder,
                                               (copse_car_sink){pack_writer_append, writer}, err);
    }
    return status == COPSE_OK ? pack_writer_drain(writer, err) : status;
}

/* The pack's name: see pack_writer.h. The builder has been sorted. */
static void pack_writer_digest(const copse_pack_writer *writer,
                               const copse_car_index_builder *builder,
                               uint8_t ret_digest[COPSE_PACK_DIGEST_SIZE_BYTES])
{
    copse_sha2_256_stream stream;
    copse_sha2_256_init(&stream);
    for (size_t i = 0; i < builder->count; i++) {
        const copse_car_table *table = &builder->tables[i];
        for (size_t k = 0; k < table->count; k++) {
            copse_bytes digest = {table->records + k * table->record_size, table->record_size - 8};
            copse_sha2_256_update(&stream, digest);
        }
    }
    for (size_t i = 0, at = 0; i < writer->count; i++) {
        copse_cid cid = pack_writer_next_cid(writer, &at);
        copse_cid_parts parts;
        copse_cid_split(&cid, &parts);
        if (parts.hash == COPSE_HASH_IDENTITY) {
            copse_sha2_256_update(&stream, (copse_bytes){cid.bytes, cid.size});
        }
    }
    copse_sha2_256_digest(&stream, ret_digest);
}

/* Writes the first 51 bytes, now that all sizes are known. */
static copse_status pack_writer_write_start(copse_pack_writer *writer, const pack_writer_end *end,
                                            copse_err *err)
{
    uint8_t start[COPSE_CAR_START_SIZE_BYTES];
    copse_car_v2_start_write(end->payload_end - COPSE_CAR_START_SIZE_BYTES, true, start);
    copse_store_u64le(start + COPSE_CAR_START_SIZE_BYTES - 8, end->index_end);
    return copse_pack_io_write(writer->io, writer->file->file, 0,
                               (copse_bytes){start, sizeof start}, err);
}

static copse_status pack_writer_write_end(copse_pack_writer *writer, pack_writer_end *end,
                                          copse_err *err)
{
    end->payload_end = writer->written + writer->buffer.len;
    copse_status status = pack_writer_gather(writer, end, err);
    if (status == COPSE_OK) {
        copse_pack_table_release(&writer->file->table);
        status = pack_writer_write_indexes(writer, end, err);
    }
    return status == COPSE_OK ? pack_writer_write_start(writer, end, err) : status;
}

copse_status copse_pack_writer_finish(copse_pack_writer *writer, bool is_durable,
                                      uint8_t ret_digest[COPSE_PACK_DIGEST_SIZE_BYTES],
                                      uint64_t *ret_size, copse_err *err)
{
    uint8_t digest[COPSE_PACK_DIGEST_SIZE_BYTES] = {0};
    char name[COPSE_PACK_NAME_SIZE_MAX];
    copse_env env = *writer->io->env;
    env.limits.sort_memory_bytes_max = SIZE_MAX; /* COPSE_PACK_BLOCKS_MAX is the bound here */
    pack_writer_end end = {.builder = {.env = &env}};
    if (writer->count == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a pack without blocks");
    }
    copse_status status = pack_writer_write_end(writer, &end, err);
    if (status == COPSE_OK) {
        pack_writer_digest(writer, &end.builder, digest);
    }
    copse_car_index_builder_release(&end.builder);
    copse_free_array(writer->io->env, end.records, writer->count, sizeof end.records[0]);
    if (status == COPSE_OK && is_durable) {
        status = copse_pack_io_sync(writer->io, writer->file->file, COPSE_PACK_SITE_PACK, err);
    }
    copse_pack_name_pack(digest, name);
    if (status == COPSE_OK) {
        status = copse_pack_io_rename(writer->io, writer->file->name, name, err);
    }
    if (status == COPSE_OK) {
        memcpy(ret_digest, digest, sizeof digest);
        *ret_size = writer->written;
        pack_writer_clear(writer);
    }
    return status;
}
