/* Where a sorter puts the sorted runs that don't fit into its memory: temporary files, as a rule.
 * For whoever implements such a place; sorter.h is its user.
 *
 * A run is a sequence of bytes that is written once from begin to end, finished, then opened and
 * read once from begin to end, and removed. Its life:
 *
 *     create, append*, finish, open, read*, remove
 *
 * remove may come at any point after create. A sorter holds at most some hundred runs, has at most
 * 64 open, and one that is written. All calls come from the sorter's thread, and may return IO (the
 * outside failed) or NOMEM. What a run store gives back is checked: each part has a checksum.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYS_RUN_STORE_H
#define COPSE_SYS_RUN_STORE_H

#include <copse/bytes.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

/** What a run store does. `ctx` is the run store's own. */
typedef struct copse_run_store_ops {
    /** Makes an empty run and sets *ret_run (on OK only) to what the other calls get as `run`. */
    copse_status (*create)(void *ctx, void **ret_run, copse_err *err);
    /** Appends all of `bytes`, which are borrowed for the call. */
    copse_status (*append)(void *ctx, void *run, copse_bytes bytes, copse_err *err);
    /** Nothing more will be appended; resources needed for writing may go. */
    copse_status (*finish)(void *ctx, void *run, copse_err *err);
    /** Readies a finished run for reading from its begin. Called once. */
    copse_status (*open)(void *ctx, void *run, copse_err *err);
    /** Reads on: up to `size` (not 0) bytes into ret_bytes, their number into *ret_size; 0 only at
     * the end of the run. */
    copse_status (*read)(void *ctx, void *run, uint8_t *ret_bytes, size_t size, size_t *ret_size,
                         copse_err *err);
    /** Deletes the run. Whatever it returns, `run` is gone afterwards. */
    copse_status (*remove)(void *ctx, void *run, copse_err *err);
} copse_run_store_ops;

/** A run store; copied freely. The caller keeps it alive while a sorter uses it. */
typedef struct copse_run_store {
    const copse_run_store_ops *ops;
    void *ctx;
} copse_run_store;

COPSE_EXTERN_C_END

#endif
