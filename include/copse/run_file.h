/* A temporary file for the runs of a sorter whose entries don't fit into memory.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_RUN_FILE_H
#define COPSE_RUN_FILE_H

#include <copse/env.h>
#include <copse/sys/os.h>
#include <copse/sys/run_store.h>

COPSE_EXTERN_C_BEGIN

typedef struct copse_run_file copse_run_file;

/** Makes a place for runs in the folder `folder`, which must have room for twice what is sorted, as
 * a merge reads one copy while it writes the other. Nothing is made there before the first run, and
 * nothing stays there, not even if the process is killed. `env` and `os` must outlive it; `folder`
 * is copied. NOMEM, MISUSE. */
COPSE_API COPSE_MUST_USE copse_status copse_run_file_new(const copse_env *env, copse_os *os,
                                                         const char *folder,
                                                         copse_run_file **ret_file, copse_err *err);

/** What to give to a sorter. Valid as long as `file`. One thread. Its calls return IO, NOMEM, and
 * what making a file may: NOT_FOUND and DENIED name the folder. */
COPSE_API copse_run_store copse_run_file_store(copse_run_file *file);

/** The most bytes that it took on the disk. */
COPSE_API uint64_t copse_run_file_peak_bytes(const copse_run_file *file);

/** Frees it, and with it the space on the disk. Its runs must have been removed, as a sorter does
 * when it is freed. NULL is allowed. Returns NULL. */
COPSE_API copse_run_file *copse_run_file_free(copse_run_file *file);

COPSE_EXTERN_C_END

#endif
