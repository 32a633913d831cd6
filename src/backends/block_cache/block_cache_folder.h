/* The folder of a block cache: its generations by their numbers, and the lock of those who write.
 * docs/formats/cache.md describes it.
 *
 *   F1  Who holds the lock, and nobody else, makes and removes generations and writes to them.
 *   F2  A generation is a store once its file `format` is there: that is made last, and removed
 *       first. So what a process that was killed left half made, or half removed, is no store; who
 *       holds the lock may remove it.
 *   F3  Nothing is removed but files whose names are those of a pack store, and their folders.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_BLOCK_CACHE_FOLDER_H
#define COPSE_BACKENDS_BLOCK_CACHE_FOLDER_H

#include "backends/pack/pack_io.h"

/** Belongs to one thread. A zeroed one may be released. */
typedef struct copse_block_cache_folder {
    copse_pack_io io;
    uint64_t *numbers; /* of its generations, the newest first, when it was last listed */
    size_t count;
    size_t capacity;
    bool has_foreign; /* and something else */
} copse_block_cache_folder;

/** Lists folder `path`, which `make` makes with its parents if it isn't there (else NOT_FOUND).
 * CORRUPT: it holds something else, or is no folder. MISUSE: the path is empty or too long. DENIED,
 * IO, NOMEM. */
COPSE_MUST_USE copse_status copse_block_cache_folder_open(copse_block_cache_folder *folder,
                                                          const copse_env *env, copse_os *os,
                                                          const char *path, bool make,
                                                          copse_err *err);
void copse_block_cache_folder_release(copse_block_cache_folder *folder);

/** Lists it again. On failure the numbers are as they were. */
COPSE_MUST_USE copse_status copse_block_cache_folder_list(copse_block_cache_folder *folder,
                                                          copse_err *err);

/** Waits for the lock (F1); closing *ret_lock gives it back. DENIED: it can't be written. */
COPSE_MUST_USE copse_status copse_block_cache_folder_lock(copse_block_cache_folder *folder,
                                                          copse_file **ret_lock, copse_err *err);

/** The path of a generation. */
void copse_block_cache_folder_path(const copse_block_cache_folder *folder, uint64_t number,
                                   char ret_path[COPSE_PACK_PATH_SIZE_MAX]);

/** The size of the generation's files; those that can't be looked at count nothing. NOMEM. */
COPSE_MUST_USE copse_status copse_block_cache_folder_size(copse_block_cache_folder *folder,
                                                          uint64_t number, uint64_t *ret_size,
                                                          copse_err *err);

/** Whether the generation's folder holds files that are no pack store's (F3). */
COPSE_MUST_USE copse_status copse_block_cache_folder_check(copse_block_cache_folder *folder,
                                                           uint64_t number, copse_err *err);

/** Under the lock: removes a generation (F2, F3). CONFLICT: it holds foreign files, which stay. */
COPSE_MUST_USE copse_status copse_block_cache_folder_remove(copse_block_cache_folder *folder,
                                                            uint64_t number, copse_err *err);

#endif
