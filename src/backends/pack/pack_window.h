/* A window: bytes of a file that were read ahead of somebody who goes through its blocks in order,
 * as a scan of a tree does that one load has written.
 *
 *   R1  A read that begins at the end of the last one, or up to 16 KiB behind it, is in order.
 *       If it is not in the window, the window is filled from there on: 16 KiB at first, then
 *       twice as many each time that the reader goes out at its end, up to 64 KiB. Other reads
 *       neither use nor change it, so that who reads here and there pays nothing, but the bytes
 *       of two blocks that lie beside each other by chance.
 *   R2  Only bytes that never change again go in: those below an end that the caller knows. So
 *       they are right as long as the file is open.
 *   R3  It is advice: where a window can't be read, the caller reads what it needs by itself.
 *
 * Memory: 64 KiB for each file that was read in order, from the first such read on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_WINDOW_H
#define COPSE_BACKENDS_PACK_PACK_WINDOW_H

#include <copse/sys/os.h>

#include <stdbool.h>

enum {
    COPSE_PACK_WINDOW_BYTES_MIN = 1 << 14,
    COPSE_PACK_WINDOW_BYTES_MAX = 1 << 16,
    COPSE_PACK_WINDOW_GAP_BYTES_MAX = 1 << 14
};

/** Belongs to one file and one thread. A zeroed one is empty. */
typedef struct copse_pack_window {
    uint8_t *bytes; /* COPSE_PACK_WINDOW_BYTES_MAX; NULL: nothing was in order yet */
    uint64_t offset;
    size_t size;
    uint64_t next; /* the end of the last read */
} copse_pack_window;

void copse_pack_window_release(copse_pack_window *window, const copse_env *env);

/** Notes a read of `size` bytes of `file` at `offset`. *ret_bytes: they are, until the next call;
 * or empty, and the caller must read them. `end`: R2. NOMEM. */
COPSE_MUST_USE copse_status copse_pack_window_read(copse_pack_window *window, const copse_env *env,
                                                   copse_file *file, uint64_t end, uint64_t offset,
                                                   size_t size, copse_bytes *ret_bytes,
                                                   copse_err *err);

#endif
