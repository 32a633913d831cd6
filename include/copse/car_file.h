/* A CAR file as a read-only store: its blocks are read from it where they stand.
 *
 * A CARv2 with an index is opened without reading its blocks; when it is first asked for one that
 * the index leaves out, it is scanned once, since an index may be wrong. Any other CAR is scanned
 * when it is opened. A scan remembers where each block stands, in 22 to 43 bytes a block.
 *
 *     status = copse_car_file_open(&env, os, "posts.car", &car, &err);
 *     if (status == COPSE_OK) {
 *         roots = copse_car_file_roots(car, &count);
 *         source = copse_source_new(&env, copse_car_file_store(car), ...);
 *     }
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CAR_FILE_H
#define COPSE_CAR_FILE_H

#include <copse/sys/os.h>
#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. */
typedef struct copse_car_file copse_car_file;

/** Opens the CAR at `path`, which must not change while it is open; `env` (with a random
 * source, if the file is a stranger's) and `os` must outlive it. NOT_FOUND: no such file. CORRUPT:
 * no CAR, or cut short: the message says where. LIMIT: it passes a limit of `env`: also
 * limits.sort_memory_bytes_max, by what a scan would remember (64 MiB: of 3 million blocks).
 * DENIED, IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_car_file_open(const copse_env *env, copse_os *os,
                                                          const char *path,
                                                          copse_car_file **ret_file,
                                                          copse_err *err);

/** Closes it and its store; NULL is allowed. Returns NULL. Blocks that were got stay good. */
COPSE_API copse_car_file *copse_car_file_close(copse_car_file *file);

/** Its blocks as a store, which belongs to the file: closing it closes nothing. Each block is
 * verified when it is read: CORRUPT if it isn't what its CID says. put and remove are DENIED. */
COPSE_API copse_store *copse_car_file_store(copse_car_file *file);

/** The roots that its header names, which may be none, and need not be among its blocks. Borrowed
 * until the file is closed. */
COPSE_API const copse_cid *copse_car_file_roots(const copse_car_file *file, size_t *ret_count);

COPSE_EXTERN_C_END

#endif
