/* Bytes of a disk as a frame, as a frame's items, as the index of a file, as a pack, and as a tail
 * that is salvaged. Nothing is read outside of the input, no memory is taken that the input doesn't
 * pay for, and items that are accepted are written again as they were.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/pack_store.h>

#include <string.h>

#include "backends/pack/journal.h"
#include "backends/pack/pack_file.h"
#include "backends/pack/pack_salvage.h"
#include "support/fuzz.h"
#include "support/test_env.h"

enum { FUZZ_MEMORY_MAX = 4 << 20, FUZZ_CORRECTED_BYTES_MAX = 256 };

/* A file in memory. */
typedef struct fuzz_file {
    copse_file file;
    copse_bytes bytes;
} fuzz_file;

static copse_status fuzz_read_at(copse_file *file, uint64_t offset, void *ret_bytes, size_t size,
                                 size_t *ret_got, copse_err *err)
{
    (void)err;
    copse_bytes bytes = ((fuzz_file *)file)->bytes;
    size_t at = offset < bytes.len ? (size_t)offset : bytes.len;
    *ret_got = bytes.len - at < size ? bytes.len - at : size;
    if (*ret_got > 0) {
        memcpy(ret_bytes, bytes.ptr + at, *ret_got);
    }
    return COPSE_OK;
}

static copse_status fuzz_size(copse_file *file, uint64_t *ret_size, copse_err *err)
{
    (void)err;
    *ret_size = ((fuzz_file *)file)->bytes.len;
    return COPSE_OK;
}

static void fuzz_close(copse_file *file)
{
    (void)file;
}

static const copse_file_ops fuzz_file_ops = {
    .read_at = fuzz_read_at, .size = fuzz_size, .close = fuzz_close};

typedef struct fuzz_os {
    copse_os os;
    fuzz_file *file;
} fuzz_os;

static copse_status fuzz_open(copse_os *os, const char *path, unsigned flags, copse_file **ret_file,
                              copse_err *err)
{
    (void)path;
    (void)flags;
    (void)err;
    *ret_file = &((fuzz_os *)os)->file->file;
    return COPSE_OK;
}

static const copse_os_ops fuzz_os_ops = {.open = fuzz_open};

static void fuzz_items(const copse_env *env, copse_bytes payload)
{
    copse_buf copy;
    copse_item item;
    size_t at = 0;
    copse_buf_init(&copy, env, payload.len + 64);
    while (copse_item_next(payload, &at, &item, NULL) == COPSE_OK) {
        fuzz_must(copse_item_write(&copy, item.tag, &item.bytes, 1) == COPSE_OK);
        fuzz_must(copy.len == at && memcmp(copy.ptr, payload.ptr, at) == 0);
    }
    copse_buf_release(&copy);
}

typedef struct fuzz_salvor {
    uint64_t checksum; /* of the last frame */
    uint64_t bytes;    /* that frames and items have, without the head of an item */
} fuzz_salvor;

static copse_status fuzz_salvaged_frame(void *ctx, const copse_frame *frame, copse_bytes payload,
                                        copse_err *err)
{
    (void)err;
    fuzz_salvor *salvor = ctx;
    fuzz_must(payload.len == frame->payload_size);
    salvor->checksum = frame->checksum;
    salvor->bytes += copse_frame_size(frame);
    return COPSE_OK;
}

static copse_status fuzz_salvaged_item(void *ctx, const copse_item *item, uint64_t offset,
                                       copse_err *err)
{
    (void)offset;
    (void)err;
    fuzz_salvor *salvor = ctx;
    copse_cid cid;
    fuzz_must(copse_cid_from_bytes(item->cid, &cid, NULL) == COPSE_OK);
    fuzz_must(item->tag == COPSE_ITEM_REF || copse_cid_verify(&cid, item->data, NULL) == COPSE_OK);
    salvor->bytes += item->bytes.len;
    return COPSE_OK;
}

static fuzz_salvor fuzz_salvage(const copse_env *env, fuzz_file *file)
{
    static const uint64_t salt = 99;
    fuzz_salvor found = {0, 0};
    const copse_pack_salvor salvor = {fuzz_salvaged_frame, fuzz_salvaged_item, &found};
    uint64_t lost = 0;
    bool is_short = file->bytes.len <= FUZZ_CORRECTED_BYTES_MAX;
    fuzz_must(copse_pack_salvage(env, &file->file, is_short ? &salt : NULL, 0, file->bytes.len,
                                 &salvor, &lost, NULL) == COPSE_OK);
    fuzz_must(lost + found.bytes <= file->bytes.len);
    return found;
}

/* A frame that was written is read, and with a bit changed is not, but is salvaged. */
static void fuzz_frame(const copse_env *env, copse_bytes payload)
{
    copse_buf buf;
    copse_frame frame = {.sequence = payload.len, .chain = 7};
    copse_frame read;
    copse_buf_init(&buf, env, payload.len + 256);
    fuzz_must(copse_frame_begin(&buf) == COPSE_OK);
    fuzz_must(copse_buf_append(&buf, payload) == COPSE_OK);
    fuzz_must(copse_frame_finish(&buf, 99, &frame) == COPSE_OK);
    fuzz_must(copse_frame_read(copse_buf_view(&buf), 99, &read) == COPSE_OK);
    fuzz_must(read.checksum == frame.checksum && read.sequence == payload.len);
    fuzz_must(copse_frame_read(copse_buf_view(&buf), 98, &read) != COPSE_OK);
    buf.ptr[payload.len > 0 ? payload.ptr[0] % buf.len : 0] ^= 1;
    fuzz_must(copse_frame_read(copse_buf_view(&buf), 99, &read) != COPSE_OK);
    if (buf.len <= FUZZ_CORRECTED_BYTES_MAX) {
        fuzz_file file = {{&fuzz_file_ops}, copse_buf_view(&buf)};
        fuzz_must(fuzz_salvage(env, &file).checksum == frame.checksum);
    }
    copse_buf_release(&buf);
}

static void fuzz_index(const copse_env *env, fuzz_file *file)
{
    copse_pack_index index;
    copse_pack_place place;
    if (copse_pack_index_open(env, &file->file, "fuzz", 0, file->bytes.len, &index, NULL) !=
        COPSE_OK) {
        return;
    }
    for (uint64_t key = 1; key != 0; key <<= 1) {
        copse_status status = copse_pack_index_find(&index, key, 0, &place, NULL);
        fuzz_must(status == COPSE_OK || status == COPSE_NOT_FOUND || status == COPSE_CORRUPT);
    }
    copse_pack_index_release(&index);
}

/* Opens the bytes as a pack; whatever is wrong with them, blocks that it finds have the CID that
 * was asked for. */
static void fuzz_pack(const copse_env *env, fuzz_file *file)
{
    static const uint8_t digest[COPSE_PACK_DIGEST_SIZE_BYTES];
    fuzz_os os = {{&fuzz_os_ops}, file};
    copse_pack_io io;
    copse_pack_file *pack = NULL;
    copse_buf scratch;
    copse_cid cid;
    copse_block *block = NULL;
    copse_pack_found found;
    copse_pack_place place;
    copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){NULL, 0}, &cid);
    copse_buf_init(&scratch, env, SIZE_MAX);
    fuzz_must(copse_pack_io_init(&io, env, &os.os, "-", NULL) == COPSE_OK);
    if (copse_pack_file_open_pack(&io, digest, file->bytes.len, &pack, NULL) == COPSE_OK &&
        copse_pack_file_find(pack, &cid, &scratch, &found, &place, &block, NULL) == COPSE_OK &&
        found == COPSE_PACK_FOUND_BLOCK) {
        fuzz_must(copse_cid_equal(copse_block_cid(block), &cid));
    }
    copse_block_unref(block);
    (void)copse_pack_file_free(pack);
    copse_pack_io_release(&io);
    copse_buf_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env test;
    copse_frame frame;
    fuzz_file file = {{&fuzz_file_ops}, {data, size}};
    test_env_init(&test);
    fuzz_must(copse_frame_read(file.bytes, 99, &frame) != COPSE_OK || size >= 56);
    fuzz_items(&test.env, file.bytes);
    fuzz_frame(&test.env, file.bytes);
    fuzz_index(&test.env, &file);
    fuzz_pack(&test.env, &file);
    (void)fuzz_salvage(&test.env, &file);
    fuzz_must(test.blocks == 0);
    fuzz_must(test.peak_bytes <= FUZZ_MEMORY_MAX);
    return 0;
}
