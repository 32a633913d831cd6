/* The operating system as Copse's stores see it: files, directories, locks. For extenders.
 *
 * Backends call nothing else, so that a simulated disk (tests/support/os_sim.h) can stand in for
 * the real one (os/posix), lose power at any moment, and fail any call.
 *
 * What a system must keep to:
 *   O1  write_at of a file is seen by every later read_at of any process on the machine.
 *   O2  What was written before sync returned OK survives a loss of power, with the file's size.
 *       Without sync any part of a write may survive or not, in any order, also torn at any byte.
 *       What was written before a sync that failed is not made durable by a later one either: it
 *       must be written again.
 *   O3  A file's name, and a rename or remove, survive after sync_dir of the folder returned OK;
 *       before, either the old or the new state does, of each name by itself. rename replaces its
 *       target in one step, and stays within its folder.
 *   O4  Locks belong to the open file, are let go when it is closed or its process ends, and hold
 *       against other opens of the same file, also in the same process. Changing a lock gives the
 *       old one back first: after CONFLICT the file has none.
 *   O5  A file that is open stays readable and writable after it was removed or replaced.
 *
 * Failures: IO with os_errno set (ENOSPC and EDQUOT too), NOT_FOUND (no such file), DENIED (EACCES,
 * EPERM, EROFS), CONFLICT (exists already; folder not empty; locked by somebody else), NOMEM.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYS_OS_H
#define COPSE_SYS_OS_H

#include <copse/bytes.h>
#include <copse/env.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

typedef struct copse_os copse_os;
typedef struct copse_file copse_file;

/** How a file is opened; combine with |. READ is implied. */
enum {
    COPSE_OPEN_WRITE = 1,     /**< Also for writing. */
    COPSE_OPEN_CREATE = 2,    /**< With WRITE (else MISUSE): make it if it isn't there. */
    COPSE_OPEN_EXCLUSIVE = 4, /**< With CREATE: CONFLICT if it is there. */
    COPSE_OPEN_TRUNCATE = 8   /**< With WRITE (else MISUSE): empty it. */
};

typedef enum copse_lock { COPSE_LOCK_NONE, COPSE_LOCK_SHARED, COPSE_LOCK_EXCLUSIVE } copse_lock;

typedef copse_status (*copse_os_visit_fn)(void *ctx, const char *name, copse_err *err);

typedef struct copse_os_ops {
    copse_status (*open)(copse_os *os, const char *path, unsigned flags, copse_file **ret_file,
                         copse_err *err);
    /** Atomically. */
    copse_status (*rename)(copse_os *os, const char *from, const char *to, copse_err *err);
    copse_status (*remove)(copse_os *os, const char *path, copse_err *err);
    /** CONFLICT if it is there. */
    copse_status (*make_dir)(copse_os *os, const char *path, copse_err *err);
    copse_status (*remove_dir)(copse_os *os, const char *path, copse_err *err);
    /** Names of the folder's entries, in no order, without . and .. Any status but OK from `visit`
     * stops it and is returned. */
    copse_status (*list_dir)(copse_os *os, const char *path, copse_os_visit_fn visit, void *ctx,
                             copse_err *err);
    copse_status (*sync_dir)(copse_os *os, const char *path, copse_err *err);
    void (*free)(copse_os *os);
} copse_os_ops;

typedef struct copse_file_ops {
    /** Reads up to `size` bytes at `offset`; fewer only at the end of the file. */
    copse_status (*read_at)(copse_file *file, uint64_t offset, void *ret_bytes, size_t size,
                            size_t *ret_got, copse_err *err);
    /** Writes all the parts, one after the other, at `offset`. On failure any part of them may be
     * there. */
    copse_status (*write_at)(copse_file *file, uint64_t offset, const copse_bytes *parts,
                             size_t count, copse_err *err);
    copse_status (*size)(copse_file *file, uint64_t *ret_size, copse_err *err);
    copse_status (*truncate)(copse_file *file, uint64_t size, copse_err *err);
    copse_status (*sync)(copse_file *file, copse_err *err);
    /** Takes, changes or gives back the lock. CONFLICT: somebody else has it and `wait` is false.
     */
    copse_status (*lock)(copse_file *file, copse_lock lock, bool wait, copse_err *err);
    void (*close)(copse_file *file);
} copse_file_ops;

/** The head of every system and of every file; an implementation's struct begins with it. */
struct copse_os {
    const copse_os_ops *ops;
};
struct copse_file {
    const copse_file_ops *ops;
};

/** The real system. `env` must outlive it. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_os_posix_new(const copse_env *env, copse_os **ret_os,
                                                         copse_err *err);

/** Frees a system; its files must be closed. NULL is allowed. Returns NULL. */
COPSE_API copse_os *copse_os_free(copse_os *os);

/** Sets the clock and the random source of `env` to the system's. */
COPSE_API void copse_env_init_posix(copse_env *env);

COPSE_EXTERN_C_END

#endif
