/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/journal.h"

#include "backends/pack/mutant.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "base/varint.h"
#include "value/cid_parse.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

static const uint8_t journal_magic[8] = "copsejnl";
static const uint8_t frame_magic[4] = "CFRM";

enum { JOURNAL_VERSION = 1, FRAME_FLAGS = 7, FRAME_MAGIC_OFFSET = 8 };

/* ---- The header ---- */

void copse_journal_header_write(uint64_t generation, uint64_t salt,
                                uint8_t ret_bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES],
                                copse_journal_header *ret_header)
{
    memcpy(ret_bytes, journal_magic, sizeof journal_magic);
    copse_store_u32le(ret_bytes + 8, JOURNAL_VERSION);
    copse_store_u32le(ret_bytes + 12, 0);
    copse_store_u64le(ret_bytes + 16, generation);
    copse_store_u64le(ret_bytes + 24, salt);
    uint64_t chain = XXH3_64bits(ret_bytes, COPSE_JOURNAL_HEADER_SIZE_BYTES);
    *ret_header = (copse_journal_header){generation, salt, chain};
}

copse_status copse_journal_header_read(const uint8_t bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES],
                                       copse_journal_header *ret_header, copse_err *err)
{
    if (memcmp(bytes, journal_magic, sizeof journal_magic) != 0 ||
        copse_load_u32le(bytes + 12) != 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "byte 0: no header of a journal");
    }
    if (copse_load_u32le(bytes + 8) != JOURNAL_VERSION) {
        return COPSE_ERR(err, COPSE_CORRUPT, "byte 8: a journal of version %lu, known is %d",
                         (unsigned long)copse_load_u32le(bytes + 8), JOURNAL_VERSION);
    }
    *ret_header = (copse_journal_header){copse_load_u64le(bytes + 16), copse_load_u64le(bytes + 24),
                                         XXH3_64bits(bytes, COPSE_JOURNAL_HEADER_SIZE_BYTES)};
    return COPSE_OK;
}

/* ---- Frames ---- */

copse_status copse_frame_begin(copse_buf *buf)
{
    static const uint8_t zeros[COPSE_FRAME_HEADER_SIZE_BYTES];
    return copse_buf_append(buf, (copse_bytes){zeros, sizeof zeros});
}

copse_status copse_frame_finish(copse_buf *buf, uint64_t salt, copse_frame *frame)
{
    uint8_t trailer[COPSE_FRAME_TRAILER_SIZE_BYTES];
    size_t payload_size = buf->len - COPSE_FRAME_HEADER_SIZE_BYTES;
    copse_status status = payload_size <= COPSE_FRAME_PAYLOAD_SIZE_MAX
                              ? copse_buf_reserve(buf, sizeof trailer)
                              : COPSE_LIMIT;
    if (status != COPSE_OK) {
        return status;
    }
    frame->payload_size = (uint32_t)payload_size;
    memcpy(buf->ptr + FRAME_MAGIC_OFFSET, frame_magic, sizeof frame_magic);
    copse_store_u32le(buf->ptr + 12, frame->flags);
    copse_store_u32le(buf->ptr + 16, frame->payload_size);
    copse_store_u32le(buf->ptr + 20, 0);
    copse_store_u64le(buf->ptr + 24, frame->sequence);
    copse_store_u64le(buf->ptr + 32, frame->synced);
    copse_store_u64le(buf->ptr + 40, frame->chain);
    frame->checksum = XXH3_64bits_withSeed(buf->ptr + 8, buf->len - 8, salt);
    copse_store_u64le(buf->ptr, frame->checksum);
    copse_store_u64le(trailer, frame->checksum);
    return copse_buf_append(buf, (copse_bytes){trailer, sizeof trailer});
}

bool copse_frame_header_read(const uint8_t bytes[COPSE_FRAME_HEADER_SIZE_BYTES],
                             copse_frame *ret_frame)
{
    *ret_frame = (copse_frame){
        .flags = copse_load_u32le(bytes + 12),
        .payload_size = copse_load_u32le(bytes + 16),
        .sequence = copse_load_u64le(bytes + 24),
        .synced = copse_load_u64le(bytes + 32),
        .chain = copse_load_u64le(bytes + 40),
        .checksum = copse_load_u64le(bytes),
    };
    return memcmp(bytes + FRAME_MAGIC_OFFSET, frame_magic, sizeof frame_magic) == 0 &&
           (ret_frame->flags & ~(uint32_t)FRAME_FLAGS) == 0 && copse_load_u32le(bytes + 20) == 0 &&
           ret_frame->payload_size <= COPSE_FRAME_PAYLOAD_SIZE_MAX;
}

copse_status copse_frame_read(copse_bytes input, uint64_t salt, copse_frame *ret_frame)
{
    if (input.len < COPSE_FRAME_HEADER_SIZE_BYTES) {
        *ret_frame = (copse_frame){0};
        return COPSE_END;
    }
    if (!copse_frame_header_read(input.ptr, ret_frame)) {
        return COPSE_CORRUPT;
    }
    size_t size = COPSE_FRAME_OVERHEAD_BYTES + (size_t)ret_frame->payload_size;
    if (input.len < size) {
        return COPSE_END;
    }
    uint64_t checksum =
        XXH3_64bits_withSeed(input.ptr + 8, size - 8 - COPSE_FRAME_TRAILER_SIZE_BYTES, salt);
    if (copse_pack_mutant(COPSE_PACK_SITE_CHECKSUM)) {
        return COPSE_OK;
    }
    bool is_right = checksum == ret_frame->checksum &&
                    checksum == copse_load_u64le(input.ptr + size - COPSE_FRAME_TRAILER_SIZE_BYTES);
    return is_right ? COPSE_OK : COPSE_CORRUPT;
}

size_t copse_frame_search(copse_bytes input, size_t from)
{
    for (size_t at = from + FRAME_MAGIC_OFFSET; at + sizeof frame_magic <= input.len; at++) {
        const uint8_t *found =
            memchr(input.ptr + at, frame_magic[0], input.len - at - (sizeof frame_magic - 1));
        if (found == NULL) {
            break;
        }
        at = (size_t)(found - input.ptr);
        if (memcmp(found, frame_magic, sizeof frame_magic) == 0) {
            return at - FRAME_MAGIC_OFFSET;
        }
    }
    return input.len;
}

/* ---- Items ---- */

static copse_status item_fail(copse_err *err, size_t offset)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "the item at byte %zu of the frame breaks the format",
                     offset);
}

/* Reads the CID at the start of `bytes`; *ret_rest is what follows. */
static bool item_read_cid(copse_bytes bytes, copse_bytes *ret_cid, copse_bytes *ret_rest)
{
    copse_cid_parts parts;
    size_t size;
    if (copse_cid_parse(bytes, &parts, &size, NULL) != COPSE_OK ||
        size > COPSE_CID_SIZE_BYTES_MAX) {
        return false;
    }
    *ret_cid = (copse_bytes){bytes.ptr, size};
    *ret_rest = (copse_bytes){bytes.ptr + size, bytes.len - size};
    return true;
}

static bool item_read_numbers(copse_bytes bytes, size_t count, uint64_t *ret_numbers)
{
    if (bytes.len != 8 * count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        ret_numbers[i] = copse_load_u64le(bytes.ptr + 8 * i);
    }
    return true;
}

/* Takes the content of a REF apart. */
static bool item_read_ref(copse_item *item)
{
    if (item->bytes.len < 2 || item->bytes.ptr[0] == 0 ||
        item->bytes.ptr[0] > item->bytes.len - 1) {
        return false;
    }
    copse_bytes rest;
    size_t size = item->bytes.ptr[0];
    item->name = (copse_bytes){item->bytes.ptr + 1, size};
    return item_read_cid((copse_bytes){item->bytes.ptr + 1 + size, item->bytes.len - 1 - size},
                         &item->cid, &rest) &&
           rest.len == 0;
}

static bool item_read_content(copse_item *item)
{
    copse_bytes rest = {NULL, 0};
    switch (item->tag) {
    case COPSE_ITEM_BLOCK:
        return item_read_cid(item->bytes, &item->cid, &item->data);
    case COPSE_ITEM_REMOVE:
        return item_read_cid(item->bytes, &item->cid, &rest) && rest.len == 0;
    case COPSE_ITEM_REF:
        return item_read_ref(item);
    case COPSE_ITEM_UNREF:
        item->name = item->bytes;
        return item->name.len > 0 && item->name.len <= UINT8_MAX;
    case COPSE_ITEM_PACK:
        if (item->bytes.len != 40) {
            return false;
        }
        item->digest = (copse_bytes){item->bytes.ptr, 32};
        return item_read_numbers((copse_bytes){item->bytes.ptr + 32, 8}, 1, item->numbers);
    case COPSE_ITEM_JOURNAL:
        return item_read_numbers(item->bytes, 4, item->numbers);
    case COPSE_ITEM_EPOCH:
        return item_read_numbers(item->bytes, 1, item->numbers);
    case COPSE_ITEM_INDEX:
        return true;
    }
    return false;
}

copse_status copse_item_next(copse_bytes payload, size_t *offset, copse_item *ret_item,
                             copse_err *err)
{
    size_t at = *offset;
    uint64_t length;
    size_t length_size;
    if (at == payload.len) {
        return COPSE_END;
    }
    uint8_t tag = payload.ptr[at];
    copse_bytes rest = {payload.ptr + at + 1, payload.len - at - 1};
    if (tag < COPSE_ITEM_BLOCK || tag > COPSE_ITEM_INDEX ||
        copse_varint_read(rest, &length, &length_size) != COPSE_OK ||
        length > rest.len - length_size) {
        return item_fail(err, at);
    }
    copse_item item = {.tag = (copse_item_tag)tag,
                       .offset = at + 1 + length_size,
                       .bytes = {rest.ptr + length_size, (size_t)length}};
    if (!item_read_content(&item)) {
        return item_fail(err, at);
    }
    *offset = item.offset + item.bytes.len;
    *ret_item = item;
    return COPSE_OK;
}

copse_status copse_item_write(copse_buf *buf, copse_item_tag tag, const copse_bytes *parts,
                              size_t count)
{
    uint8_t head[1 + COPSE_VARINT_SIZE_BYTES_MAX] = {(uint8_t)tag};
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].len;
    }
    size_t head_size = 1 + copse_varint_write(size, head + 1);
    copse_status status = copse_buf_reserve(buf, head_size + size);
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, (copse_bytes){head, head_size});
    }
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_buf_append(buf, parts[i]);
    }
    return status;
}
