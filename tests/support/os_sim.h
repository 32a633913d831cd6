/* A machine in memory for tests: a disk that loses what was not synced, and processes on it that
 * can be killed. Keeps to O1 to O5 of copse/sys/os.h, and to nothing more.
 *
 *     os_sim *sim = os_sim_new();
 *     copse_os *os = os_sim_process(sim);        one per process that the test plays
 *     …                                          a store works on `os`
 *     os_sim *after = os_sim_crash(sim, seed);   the disk as a loss of power here would leave it
 *
 * A crash makes a new machine and leaves the old one as it was, so many seeds may be tried from one
 * point; called from a hook, it crashes inside an operation. What a crash does to each change that
 * was not synced:
 *   D1  A write survives, or not, or torn: a begin, an end, all but a middle, or single sectors
 *       of 512 bytes are there; or garbled: random bytes or zeros stand in a part of its range.
 *   D2  Writes and truncates of a file survive in any order. The size that they gave the file
 *       may be there without them, zeros in their place.
 *   D3  A new name, a rename, and a removal each survive or not, each on its own; a rename
 *       never by half. A name that is there says nothing about what is in the file.
 *   D4  What was synced is there to the byte. A sync that failed made nothing durable, and what
 *       was written before it is not made durable by a later one either, as Linux has it.
 *   D5  Locks are gone. Nothing is pending: what is there is durable. All of it follows from
 *       the seed. Half of the seeds treat every change alike or nearly so (all lost, all but
 *       one kept, a prefix kept, names without data, …): the rare bug is often there.
 *
 * It takes its memory from malloc and so doesn't disturb a sweep over allocations. One thread.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_OS_SIM_H
#define COPSE_TESTS_OS_SIM_H

#include <copse/sys/os.h>

typedef struct os_sim os_sim;

/** The calls of a system and of its files, close and free excepted. */
typedef enum os_sim_kind {
    OS_SIM_OPEN,
    OS_SIM_RENAME,
    OS_SIM_REMOVE,
    OS_SIM_MAKE_DIR,
    OS_SIM_REMOVE_DIR,
    OS_SIM_LIST_DIR,
    OS_SIM_SYNC_DIR,
    OS_SIM_READ,
    OS_SIM_WRITE,
    OS_SIM_SIZE,
    OS_SIM_TRUNCATE,
    OS_SIM_SYNC,
    OS_SIM_LOCK,
    OS_SIM_KINDS
} os_sim_kind;

/** Sets of kinds, for os_sim_fail. */
#define OS_SIM_MASK(kind) (1u << (kind))
#define OS_SIM_MASK_ALL (OS_SIM_MASK(OS_SIM_KINDS) - 1)
#define OS_SIM_MASK_SYNCS (OS_SIM_MASK(OS_SIM_SYNC) | OS_SIM_MASK(OS_SIM_SYNC_DIR))

/* ---- the machine ---- */

/** A machine with an empty disk: one folder, "/". */
os_sim *os_sim_new(void);

/** Frees it. Its processes must have been freed. NULL is allowed. Returns NULL. */
os_sim *os_sim_free(os_sim *sim);

/** The machine after a loss of power now. It has no processes, no hook and no faults; the syncs to
 * drop stay. */
os_sim *os_sim_crash(const os_sim *sim, uint64_t seed);

/** The machine after an orderly stop now: everything is there. */
os_sim *os_sim_copy(const os_sim *sim);

/** A process. Free it with copse_os_free, after its files were closed. Paths are absolute or not,
 * it is the same; there is no "..". A rename stays within its folder (else EXDEV). */
copse_os *os_sim_process(os_sim *sim);

/** kill -9: its locks are gone, what it wrote is there for others (not durable), and all its calls
 * fail with IO from now on, so that its code can only give up. Its files are still to be closed. */
void os_sim_kill(copse_os *process);

/* ---- the hook ---- */

typedef struct os_sim_call {
    os_sim_kind kind;
    uint64_t number;   /**< Calls on this machine before this one. */
    copse_os *process; /**< Whose call. */
    const char *path;  /**< As it was given, or as the file was opened. */
    uint64_t offset;   /**< READ, WRITE; TRUNCATE: the size. */
    size_t size;       /**< READ, WRITE. */
    bool is_waiting;   /**< LOCK: it is held by another; called again and again. */
} os_sim_call;

/** Runs before each call does anything; not for calls of a process whose hook it is in. It may
 * crash the machine, kill processes (that of the call too), and let another process work. While a
 * lock is waited for it is called each time before the next try; after 1,000 tries the lock fails
 * with EDEADLK, so that a test can't hang. */
typedef void (*os_sim_hook_fn)(void *ctx, const os_sim_call *call);

void os_sim_set_hook(os_sim *sim, os_sim_hook_fn hook, void *ctx);

/* ---- faults ---- */

/** Makes the n-th call from now (0: the next) of those kinds fail with an errno, whose status is
 * that of the real system: EIO, ENOSPC: IO; EACCES, EROFS: DENIED; ENOMEM: NOMEM. A write that
 * fails has written a part; a sync that fails is D4. `lasting`: all later ones of those kinds fail
 * too. One at a time; `kinds` 0 ends it. */
void os_sim_fail(os_sim *sim, unsigned kinds, uint64_t n, int error, bool lasting);

/** How many calls have failed by os_sim_fail since it was last called. */
uint64_t os_sim_failed(const os_sim *sim);

/** The disk has room for so many bytes in all files; a write past it writes what fits and fails
 * with ENOSPC, as does a truncate. UINT64_MAX: without bound, as in the beginning. */
void os_sim_set_space(os_sim *sim, uint64_t size_bytes_max);

/** Whatever would change the disk fails with EROFS. */
void os_sim_set_read_only(os_sim *sim, bool read_only);

/** Mutants: from now on sync (or, with `is_dir`, sync_dir) of a path that contains `part` does
 * nothing and says OK. The path is the one that the file was opened by. At most 8. */
void os_sim_drop_sync(os_sim *sim, const char *part, bool is_dir);

/** How many syncs were dropped: a mutant that dropped none proves nothing. */
uint64_t os_sim_dropped_syncs(const os_sim *sim);

/* ---- what happened ---- */

typedef struct os_sim_counts {
    uint64_t calls[OS_SIM_KINDS]; /**< Failed ones too. */
    uint64_t written_bytes;
    uint64_t read_bytes;
} os_sim_counts;

/** Since the machine was made. Valid as long as it is. */
const os_sim_counts *os_sim_get_counts(const os_sim *sim);

/** All calls since the machine was made: the number of the next. */
uint64_t os_sim_calls(const os_sim *sim);

/** What a crash did to changes that were not synced. */
typedef struct os_sim_fates {
    uint64_t kept;        /**< Writes and truncates there in full. */
    uint64_t dropped;     /**< Of which nothing is there. */
    uint64_t torn;        /**< Writes of which a part is there. */
    uint64_t garbled;     /**< Writes with other bytes in a part of their range. */
    uint64_t zero_filled; /**< Files whose size is there without the data. */
    uint64_t reordered;   /**< Files whose changes were applied in another order. */
    uint64_t names_kept;
    uint64_t names_dropped;
} os_sim_fates;

/** Of the crash that made this machine; zeros if none did. Valid as long as the machine is. */
const os_sim_fates *os_sim_get_fates(const os_sim *sim);

/** Bytes of all files on the disk, removed ones that are open too. */
uint64_t os_sim_size_bytes(const os_sim *sim);

/** The content of a file as processes see it; false if there is none. Valid until the file changes.
 */
bool os_sim_peek(const os_sim *sim, const char *path, copse_bytes *ret_content);

/** Puts a file there, durable, or replaces its content: for damage. Its folder must be there. */
void os_sim_plant(os_sim *sim, const char *path, copse_bytes content);

#endif
