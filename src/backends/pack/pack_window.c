/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_window.h"

#include "base/alloc.h"
#include "base/err.h"

void copse_pack_window_release(copse_pack_window *window, const copse_env *env)
{
    copse_free(env, window->bytes, COPSE_PACK_WINDOW_BYTES_MAX);
    *window = (copse_pack_window){0};
}

static bool pack_window_holds(const copse_pack_window *window, uint64_t offset, size_t size)
{
    return offset >= window->offset && offset - window->offset <= window->size &&
           size <= window->size - (size_t)(offset - window->offset);
}

/* Whether `offset` is at `end` or a little behind it. */
static bool pack_window_follows(uint64_t offset, uint64_t end)
{
    return offset >= end && offset - end <= COPSE_PACK_WINDOW_GAP_BYTES_MAX;
}

/* How many bytes a window from `offset` on has (R1, R2). */
static size_t pack_window_size(const copse_pack_window *window, uint64_t end, uint64_t offset)
{
    uint64_t begin = window->offset;
    uint64_t left = end > offset ? end - offset : 0;
    size_t size = COPSE_PACK_WINDOW_BYTES_MIN;
    /* The block that didn't fit in whole may begin inside. */
    if (window->size > 0 && offset > begin &&
        (offset - begin < window->size || pack_window_follows(offset, begin + window->size))) {
        size = 2 * window->size < COPSE_PACK_WINDOW_BYTES_MAX ? 2 * window->size
                                                              : COPSE_PACK_WINDOW_BYTES_MAX;
    }
    return size < left ? size : (size_t)left;
}

static copse_status pack_window_fill(copse_pack_window *window, const copse_env *env,
                                     copse_file *file, uint64_t offset, size_t size, copse_err *err)
{
    if (window->bytes == NULL) {
        window->bytes = copse_alloc(env, COPSE_PACK_WINDOW_BYTES_MAX);
        if (window->bytes == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
    }
    size_t got = 0;
    bool is_read = file->ops->read_at(file, offset, window->bytes, size, &got, NULL) == COPSE_OK;
    window->offset = offset;
    window->size = is_read ? got : 0; /* R3 */
    return COPSE_OK;
}

copse_status copse_pack_window_read(copse_pack_window *window, const copse_env *env,
                                    copse_file *file, uint64_t end, uint64_t offset, size_t size,
                                    copse_bytes *ret_bytes, copse_err *err)
{
    bool in_order = window->next > 0 && pack_window_follows(offset, window->next);
    window->next = offset + size;
    if (in_order && !pack_window_holds(window, offset, size)) {
        size_t fill = pack_window_size(window, end, offset);
        copse_status status =
            size < fill ? pack_window_fill(window, env, file, offset, fill, err) : COPSE_OK;
        if (status != COPSE_OK) {
            return status;
        }
    }
    *ret_bytes = pack_window_holds(window, offset, size)
                     ? (copse_bytes){window->bytes + (offset - window->offset), size}
                     : (copse_bytes){NULL, 0};
    return COPSE_OK;
}
