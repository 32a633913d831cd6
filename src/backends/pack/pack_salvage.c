/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_salvage.h"

#include "backends/pack/pack_io.h"
#include "backends/pack/pack_table.h"

#include <copse/sys/refs.h>

#include "base/err.h"

enum {
    PACK_SALVAGE_MARK_END = 12,             /* of a frame's header */
    PACK_SALVAGE_FRAME_BYTES_MAX = 1 << 16, /* of one whose wrong bit is looked for */
    PACK_SALVAGE_FRAMES_MAX = 8,            /* that are tried */
    PACK_SALVAGE_VAIN_FACTOR = 16,
    PACK_SALVAGE_VAIN_BYTES = 1 << 26,
    PACK_SALVAGE_WINDOW_BYTES = 4 * COPSE_PACK_LENGTH_MAX
};

typedef struct pack_salvage {
    copse_file *file;
    const uint64_t *salt;
    const copse_pack_salvor *salvor;
    uint64_t at;
    uint64_t begin;
    uint64_t end;
    uint64_t window_offset; /* of the window in the file */
    copse_buf window;
    size_t tries;       /* of frames, that are left */
    uint64_t vain_left; /* bytes that may still be hashed in vain */
    uint64_t lost;
} pack_salvage;

/* The bytes from `at` on: to the end, or more than any item takes. */
static copse_status pack_salvage_fill(pack_salvage *salvage, copse_bytes *ret_bytes, copse_err *err)
{
    copse_buf *window = &salvage->window;
    uint64_t window_end = salvage->window_offset + window->len;
    uint64_t left = salvage->end - salvage->at;
    uint64_t want = left < window->max ? left : window->max;
    if (window->len == 0 || (window_end < salvage->end &&
                             window_end - salvage->at < 2 * (uint64_t)COPSE_PACK_LENGTH_MAX)) {
        copse_buf_truncate(window, 0);
        if (copse_buf_reserve(window, (size_t)want) != COPSE_OK) {
            return COPSE_ERR_NOMEM(err);
        }
        copse_status status = copse_pack_io_read(salvage->file, "the journal", salvage->at,
                                                 window->ptr, (size_t)want, err);
        if (status != COPSE_OK) {
            return status;
        }
        window->len = (size_t)want;
        salvage->window_offset = salvage->at;
    }
    size_t skip = (size_t)(salvage->at - salvage->window_offset);
    *ret_bytes = (copse_bytes){window->ptr + skip, window->len - skip};
    return COPSE_OK;
}

/* ---- Frames ---- */

/* Sets right the one bit that keeps the bytes from beginning with a frame. */
static bool pack_salvage_correct(uint8_t *bytes, size_t size, uint64_t salt, copse_frame *ret_frame)
{
    size_t tried = size < PACK_SALVAGE_FRAME_BYTES_MAX ? size : PACK_SALVAGE_FRAME_BYTES_MAX;
    for (size_t bit = 0; bit < 8 * tried; bit++) {
        uint8_t mask = (uint8_t)(1u << bit % 8);
        bytes[bit / 8] ^= mask;
        if (copse_frame_read((copse_bytes){bytes, tried}, salt, ret_frame) == COPSE_OK) {
            return true;
        }
        bytes[bit / 8] ^= mask;
    }
    return false;
}

/* Whether a frame may be looked for here: where one must be, or where one's mark stands. */
static bool pack_salvage_is_frame(const pack_salvage *salvage, copse_bytes bytes)
{
    copse_bytes start = {bytes.ptr, PACK_SALVAGE_MARK_END};
    return salvage->salt != NULL && bytes.len >= COPSE_FRAME_OVERHEAD_BYTES &&
           (salvage->at == salvage->begin || copse_frame_search(start, 0) == 0);
}

static copse_status pack_salvage_frame(pack_salvage *salvage, copse_bytes bytes, size_t *ret_size,
                                       copse_err *err)
{
    copse_frame frame;
    bool found = copse_frame_read(bytes, *salvage->salt, &frame) == COPSE_OK;
    if (!found && salvage->tries > 0) {
        uint8_t *start = salvage->window.ptr + (bytes.ptr - salvage->window.ptr);
        salvage->tries--;
        found = pack_salvage_correct(start, bytes.len, *salvage->salt, &frame);
    }
    if (!found) {
        return COPSE_OK;
    }
    *ret_size = (size_t)copse_frame_size(&frame);
    copse_bytes payload = {bytes.ptr + COPSE_FRAME_HEADER_SIZE_BYTES, frame.payload_size};
    return salvage->salvor->frame(salvage->salvor->ctx, &frame, payload, err);
}

/* ---- Items ---- */

static bool pack_salvage_proves(pack_salvage *salvage, const copse_item *item)
{
    copse_cid cid;
    if (item->tag == COPSE_ITEM_REF) {
        return copse_ref_name_is_valid(item->name);
    }
    if (item->tag != COPSE_ITEM_BLOCK || item->bytes.len > COPSE_PACK_LENGTH_MAX ||
        item->data.len > salvage->vain_left ||
        copse_cid_from_bytes(item->cid, &cid, NULL) != COPSE_OK) {
        return false;
    }
    bool is_right = copse_cid_verify(&cid, item->data, NULL) == COPSE_OK;
    salvage->vain_left -= is_right ? 0 : item->data.len;
    return is_right;
}

static copse_status pack_salvage_item(pack_salvage *salvage, copse_bytes bytes, size_t *ret_size,
                                      copse_err *err)
{
    copse_item item;
    size_t size = 0;
    if ((bytes.ptr[0] != COPSE_ITEM_BLOCK && bytes.ptr[0] != COPSE_ITEM_REF) ||
        copse_item_next(bytes, &size, &item, NULL) != COPSE_OK ||
        !pack_salvage_proves(salvage, &item)) {
        return COPSE_OK;
    }
    *ret_size = size;
    return salvage->salvor->item(salvage->salvor->ctx, &item, salvage->at + item.offset, err);
}

copse_status copse_pack_salvage(const copse_env *env, copse_file *file, const uint64_t *salt,
                                uint64_t begin, uint64_t end, const copse_pack_salvor *salvor,
                                uint64_t *ret_lost, copse_err *err)
{
    pack_salvage salvage = {.file = file,
                            .salt = salt,
                            .salvor = salvor,
                            .at = begin,
                            .begin = begin,
                            .end = end,
                            .tries = PACK_SALVAGE_FRAMES_MAX,
                            .vain_left = PACK_SALVAGE_VAIN_FACTOR * (end - begin)};
    copse_status status = COPSE_OK;
    if (salvage.vain_left < PACK_SALVAGE_VAIN_BYTES) {
        salvage.vain_left = PACK_SALVAGE_VAIN_BYTES;
    }
    copse_buf_init(&salvage.window, env, PACK_SALVAGE_WINDOW_BYTES);
    while (status == COPSE_OK && salvage.at < end) {
        copse_bytes bytes;
        size_t size = 0;
        status = pack_salvage_fill(&salvage, &bytes, err);
        if (status == COPSE_OK && pack_salvage_is_frame(&salvage, bytes)) {
            status = pack_salvage_frame(&salvage, bytes, &size, err);
        }
        if (status == COPSE_OK && size == 0) {
            status = pack_salvage_item(&salvage, bytes, &size, err);
        }
        salvage.lost += size == 0;
        salvage.at += size == 0 ? 1 : size;
    }
    copse_buf_release(&salvage.window);
    if (status == COPSE_OK) {
        *ret_lost = salvage.lost;
    }
    return status;
}
