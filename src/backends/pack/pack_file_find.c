/* Finding blocks in a file, and adding to the table of the journal in use.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/pack/pack_file.h"

#include "base/err.h"
#include "value/cid_parse.h"

#include <string.h>

/* ---- Finding ---- */

/* The `candidate`-th place with `key`. NOT_FOUND. */
static copse_status pack_file_candidate(copse_pack_file *file, uint64_t key, size_t candidate,
                                        size_t *cursor, copse_pack_place *ret_place, copse_err *err)
{
    if (file->has_index) {
        copse_err why;
        copse_status status = copse_pack_index_find(&file->index, key, candidate, ret_place, &why);
        if (status != COPSE_CORRUPT) {
            if (status != COPSE_OK && status != COPSE_NOT_FOUND && err != NULL) {
                *err = why;
            }
            return status;
        }
        /* The index was damaged since, or a part that opening doesn't look at. */
        copse_pack_index_release(&file->index);
        file->has_index = false;
        file->damage = why;
        status = copse_pack_file_rebuild(file, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    const copse_pack_record *record = copse_pack_table_find(&file->table, key, cursor);
    if (record == NULL) {
        return COPSE_NOT_FOUND;
    }
    *ret_place = copse_pack_place_unpack(record->place);
    return COPSE_OK;
}

static copse_status pack_file_place_fail(const copse_pack_file *file, copse_pack_place place,
                                         copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "%s, byte %llu: another block than the index says",
                     file->name, (unsigned long long)place.offset);
}

/* Reads `size` bytes at `offset` into `scratch`. */
static copse_status pack_file_read_bytes(const copse_pack_file *file, uint64_t offset, size_t size,
                                         copse_buf *scratch, copse_bytes *ret_bytes, copse_err *err)
{
    copse_buf_truncate(scratch, 0);
    if (copse_buf_reserve(scratch, size) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status =
        copse_pack_io_read(file->file, file->name, offset, scratch->ptr, size, err);
    scratch->len = status == COPSE_OK ? size : 0;
    *ret_bytes = copse_buf_view(scratch);
    return status;
}

/* Reads CID and data of a block: *ret_bytes are in `scratch` or in the window. */
static copse_status pack_file_read_block(copse_pack_file *file, copse_pack_place place,
                                         copse_buf *scratch, copse_bytes *ret_bytes, copse_err *err)
{
    copse_status status = copse_pack_window_read(&file->window, file->env, file->file, file->size,
                                                 place.offset, place.length, ret_bytes, err);
    return status == COPSE_OK && ret_bytes->len == 0
               ? pack_file_read_bytes(file, place.offset, place.length, scratch, ret_bytes, err)
               : status;
}

/* Whether the CID at the start of `bytes` is `cid`. CORRUPT: it is one that can't stand under
 * `key`. */
static copse_status pack_file_compare(const copse_pack_file *file, copse_pack_place place,
                                      copse_bytes bytes, const copse_cid *cid, uint64_t key,
                                      bool *ret_same, copse_err *err)
{
    copse_cid_parts parts;
    size_t size = 0;
    *ret_same = bytes.len >= cid->size && memcmp(bytes.ptr, cid->bytes, cid->size) == 0;
    if (*ret_same) {
        return COPSE_OK;
    }
    if (copse_cid_parse(bytes, &parts, &size, NULL) != COPSE_OK ||
        copse_pack_key((copse_bytes){bytes.ptr, size}, file->seed) != key) {
        return pack_file_place_fail(file, place, err);
    }
    return COPSE_OK;
}

copse_status copse_pack_file_find(copse_pack_file *file, const copse_cid *cid, copse_buf *scratch,
                                  copse_pack_found *ret_found, copse_pack_place *ret_place,
                                  copse_block **ret_block, copse_err *err)
{
    uint64_t key = copse_pack_key((copse_bytes){cid->bytes, cid->size}, file->seed);
    copse_pack_place place = {0, 0};
    copse_bytes bytes = {NULL, 0};
    size_t cursor = 0;
    bool is_same = false;
    copse_status status = COPSE_OK;
    *ret_found = COPSE_PACK_FOUND_NOTHING;
    for (size_t candidate = 0; status == COPSE_OK && !is_same; candidate++) {
        status = pack_file_candidate(file, key, candidate, &cursor, &place, err);
        if (status == COPSE_NOT_FOUND) {
            return COPSE_OK;
        }
        bool is_whole = ret_block != NULL && place.length > 0;
        size_t head =
            place.length > 0 && place.length < COPSE_CID_SIZE_BYTES_MAX ? place.length : cid->size;
        if (status == COPSE_OK) {
            status = is_whole
                         ? pack_file_read_block(file, place, scratch, &bytes, err)
                         : pack_file_read_bytes(file, place.offset, head, scratch, &bytes, err);
        }
        if (status == COPSE_OK) {
            status = pack_file_compare(file, place, bytes, cid, key, &is_same, err);
        }
    }
    if (status == COPSE_OK && place.length > 0 && ret_block != NULL) {
        copse_bytes data = {bytes.ptr + cid->size, bytes.len - cid->size};
        status = copse_block_new(file->env, cid, data, ret_block, err);
    }
    if (status == COPSE_OK) {
        *ret_found = place.length > 0 ? COPSE_PACK_FOUND_BLOCK : COPSE_PACK_FOUND_REMOVED;
        *ret_place = place;
    }
    return status;
}

copse_status copse_pack_file_read(copse_pack_file *file, copse_pack_place place, copse_buf *scratch,
                                  copse_block **ret_block, copse_err *err)
{
    copse_cid cid;
    copse_bytes bytes = {NULL, 0};
    size_t size = 0;
    copse_status status = pack_file_read_block(file, place, scratch, &bytes, err);
    if (status == COPSE_OK && copse_cid_read(bytes, &cid, &size, NULL) != COPSE_OK) {
        return pack_file_place_fail(file, place, err);
    }
    return status == COPSE_OK
               ? copse_block_new(file->env, &cid, (copse_bytes){bytes.ptr + size, bytes.len - size},
                                 ret_block, err)
               : status;
}

/* ---- All records ---- */

size_t copse_pack_file_count(const copse_pack_file *file)
{
    return file->has_index ? file->index.count : file->table.count;
}

static copse_status pack_file_index_records(copse_pack_file *file,
                                            copse_status (*visit)(void *ctx, copse_pack_place place,
                                                                  copse_err *err),
                                            void *ctx, copse_err *err)
{
    copse_status status = COPSE_OK;
    size_t buckets = (size_t)1 << file->index.bits;
    for (size_t i = 0; i < buckets && status == COPSE_OK; i++) {
        const uint8_t *records = NULL;
        size_t count = 0;
        status = copse_pack_index_bucket(&file->index, i, &records, &count, err);
        for (size_t k = 0; k < count && status == COPSE_OK; k++) {
            uint64_t place = copse_pack_index_record(records + 16 * k).place;
            status = visit(ctx, copse_pack_place_unpack(place), err);
            if (status == COPSE_OK && !file->has_index) {
                return COPSE_ERR(err, COPSE_CORRUPT, "%s", file->damage.message);
            }
            if (file->index.records == NULL && k + 1 < count && status == COPSE_OK) {
                /* The visitor may have searched this index, and so read another bucket. */
                status = copse_pack_index_bucket(&file->index, i, &records, &count, err);
            }
        }
    }
    return status;
}

copse_status copse_pack_file_records(copse_pack_file *file,
                                     copse_status (*visit)(void *ctx, copse_pack_place place,
                                                           copse_err *err),
                                     void *ctx, copse_err *err)
{
    if (file->has_index) {
        return pack_file_index_records(file, visit, ctx, err);
    }
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < file->table.capacity && status == COPSE_OK; i++) {
        if (file->table.slots[i].place != 0) {
            status = visit(ctx, copse_pack_place_unpack(file->table.slots[i].place), err);
        }
    }
    return status;
}

copse_status copse_pack_file_add(copse_pack_file *file, copse_bytes cid, copse_pack_place place,
                                 copse_buf *scratch, copse_err *err)
{
    uint64_t key = copse_pack_key(cid, file->seed);
    size_t cursor = 0;
    copse_pack_record *record;
    if (place.offset > COPSE_PACK_OFFSET_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "%s is too long", file->name);
    }
    while ((record = copse_pack_table_find(&file->table, key, &cursor)) != NULL) {
        copse_pack_place other = copse_pack_place_unpack(record->place);
        copse_bytes bytes;
        copse_status status =
            pack_file_read_bytes(file, other.offset, cid.len, scratch, &bytes, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (memcmp(bytes.ptr, cid.ptr, cid.len) == 0) {
            record->place = copse_pack_place_pack(place);
            return COPSE_OK;
        }
    }
    if (!copse_pack_table_reserve(&file->table, 1)) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_pack_table_insert(&file->table, (copse_pack_record){key, copse_pack_place_pack(place)});
    return COPSE_OK;
}
