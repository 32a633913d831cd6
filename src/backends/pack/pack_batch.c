/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_batch.h"

#include "base/err.h"

#include <string.h>

enum { PACK_BATCH_KEPT_BYTES = 1 << 18 };

void copse_pack_batch_init(copse_pack_batch *batch, const copse_env *env, uint64_t seed)
{
    *batch = (copse_pack_batch){.env = env, .table = {.env = env}, .seed = seed};
    copse_buf_init(&batch->frame, env, COPSE_FRAME_PAYLOAD_SIZE_MAX);
}

void copse_pack_batch_release(copse_pack_batch *batch)
{
    copse_buf_release(&batch->frame);
    copse_pack_table_release(&batch->table);
    batch->items = 0;
}

void copse_pack_batch_clear(copse_pack_batch *batch)
{
    copse_pack_table_clear(&batch->table);
    if (batch->frame.cap > PACK_BATCH_KEPT_BYTES) {
        copse_buf_release(&batch->frame);
        copse_buf_init(&batch->frame, batch->env, COPSE_FRAME_PAYLOAD_SIZE_MAX);
    }
    copse_buf_truncate(&batch->frame, 0);
    batch->items = 0;
}

bool copse_pack_batch_is_empty(const copse_pack_batch *batch)
{
    return batch->items == 0;
}

copse_status copse_pack_batch_begin(copse_pack_batch *batch, copse_err *err)
{
    if (batch->frame.len == 0 && copse_frame_begin(&batch->frame) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return COPSE_OK;
}

/* The record of `cid`, or NULL. Its place counts from the start of the frame. */
static copse_pack_record *pack_batch_record(const copse_pack_batch *batch, const copse_cid *cid)
{
    size_t cursor = 0;
    uint64_t key = copse_pack_key((copse_bytes){cid->bytes, cid->size}, batch->seed);
    copse_pack_record *record;
    while ((record = copse_pack_table_find(&batch->table, key, &cursor)) != NULL) {
        size_t offset = (size_t)copse_pack_place_unpack(record->place).offset;
        if (batch->frame.len - offset >= cid->size &&
            memcmp(batch->frame.ptr + offset, cid->bytes, cid->size) == 0) {
            return record;
        }
    }
    return NULL;
}

copse_status copse_pack_batch_add(copse_pack_batch *batch, const copse_cid *cid,
                                  const copse_bytes *data, copse_err *err)
{
    copse_bytes parts[2] = {{cid->bytes, cid->size}, data != NULL ? *data : (copse_bytes){NULL, 0}};
    size_t size = parts[0].len + parts[1].len;
    if (size > COPSE_PACK_LENGTH_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a block of %zu bytes is too large", parts[1].len);
    }
    copse_status status = copse_pack_batch_begin(batch, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_pack_table_reserve(&batch->table, 1)) {
        return COPSE_ERR_NOMEM(err);
    }
    status = copse_item_write(&batch->frame, data != NULL ? COPSE_ITEM_BLOCK : COPSE_ITEM_REMOVE,
                              parts, 2);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no room for what waits to be written");
    }
    copse_pack_place place = {batch->frame.len - size, data != NULL ? (uint32_t)size : 0};
    copse_pack_record *record = pack_batch_record(batch, cid);
    if (record != NULL) {
        record->place = copse_pack_place_pack(place);
    } else {
        copse_pack_record added = {copse_pack_key(parts[0], batch->seed),
                                   copse_pack_place_pack(place)};
        copse_pack_table_insert(&batch->table, added);
    }
    batch->items++;
    return COPSE_OK;
}

copse_status copse_pack_batch_find(const copse_pack_batch *batch, const copse_cid *cid,
                                   copse_pack_found *ret_found, copse_block **ret_block,
                                   copse_err *err)
{
    const copse_pack_record *record = pack_batch_record(batch, cid);
    if (record == NULL) {
        *ret_found = COPSE_PACK_FOUND_NOTHING;
        return COPSE_OK;
    }
    copse_pack_place place = copse_pack_place_unpack(record->place);
    copse_status status = COPSE_OK;
    if (place.length > 0 && ret_block != NULL) {
        copse_bytes data = {batch->frame.ptr + place.offset + cid->size,
                            place.length - (size_t)cid->size};
        status = copse_block_new(batch->env, cid, data, ret_block, err);
    }
    if (status == COPSE_OK) {
        *ret_found = place.length > 0 ? COPSE_PACK_FOUND_BLOCK : COPSE_PACK_FOUND_REMOVED;
    }
    return status;
}

copse_status copse_pack_batch_each(const copse_pack_batch *batch,
                                   copse_status (*visit)(void *ctx, copse_block *block,
                                                         copse_err *err),
                                   void *ctx, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < batch->table.capacity && status == COPSE_OK; i++) {
        copse_pack_place place = copse_pack_place_unpack(batch->table.slots[i].place);
        copse_bytes bytes = {batch->frame.ptr + place.offset, place.length};
        copse_block *block = NULL;
        copse_cid cid;
        size_t size = 0;
        if (place.length == 0) {
            continue;
        }
        status = copse_cid_read(bytes, &cid, &size, err);
        if (status == COPSE_OK) {
            bytes = (copse_bytes){bytes.ptr + size, bytes.len - size};
            status = copse_block_new(batch->env, &cid, bytes, &block, err);
        }
        if (status == COPSE_OK) {
            status = visit(ctx, block, err);
        }
        copse_block_unref(block);
    }
    return status;
}
