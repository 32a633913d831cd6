/* A sorter: entries in any order come out in key order, the last of equal keys. With a run store it
 * takes any amount in bounded memory.
 *
 *     copse_sorter_new(env, 0, &runs, &sorter, &err);
 *     for each entry: copse_sorter_add(sorter, key, value, &err);
 *     copse_builder_new(env, store, NULL, &builder, &err);
 *     copse_sorter_build(sorter, builder, &err);
 *     copse_builder_finish(builder, &root, &err);
 *
 * Memory: never more than the bound, and 64 KiB besides. It grows with what is added; 22 bytes an
 * entry come on top of keys and values. When the bound is reached, what is there is sorted and
 * written as a run; runs are merged, up to 64 at a time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SORTER_H
#define COPSE_SORTER_H

#include <copse/builder.h>
#include <copse/sys/run_store.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. */
typedef struct copse_sorter copse_sorter;

/** How far a sorter is. */
typedef struct copse_sorter_progress {
    uint64_t entries_added;   /**< In all, with those that later ones replaced. */
    uint64_t entries_given;   /**< By next or build: in the end entries_added less duplicates. */
    uint64_t bytes_added;     /**< Keys and values. */
    uint64_t bytes_spilled;   /**< Written to runs, those of merges too. */
    uint64_t runs_written;    /**< Those of merges too. */
    uint64_t entries_merging; /**< Entries of the runs that are being merged into one; else 0. */
    uint64_t entries_merged;  /**< Of those, the ones that are through. */
} copse_sorter_progress;

/** Told of progress at each run, and every 65,536 entries that are added, merged or given. */
typedef void (*copse_sorter_progress_fn)(void *ctx, const copse_sorter_progress *progress);

/** Makes a sorter. `memory_bytes_max`: the bound, at least 64 KiB; 0: limits.sort_memory_bytes_max.
 * `runs` NULL: without one, what does not fit is refused. The run store is copied; its ctx must
 * outlive the sorter. MISUSE: the bound is too small. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_sorter_new(const copse_env *env,
                                                       size_t memory_bytes_max,
                                                       const copse_run_store *runs,
                                                       copse_sorter **ret_sorter, copse_err *err);

/** Frees it and removes its runs; NULL is allowed. Returns NULL. */
COPSE_API copse_sorter *copse_sorter_free(copse_sorter *sorter);

/** Sets who is told of progress; NULL: nobody. */
COPSE_API void copse_sorter_on_progress(copse_sorter *sorter, copse_sorter_progress_fn progress,
                                        void *ctx);

/** Adds an entry (copied): `value` is one strict DAG-CBOR item. CORRUPT: it isn't. LIMIT: the key
 * is over COPSE_KEY_SIZE_BYTES_MAX, the entry over limits.block_size_bytes_max or a quarter of the
 * memory bound, or there is no run store and the memory is full. MISUSE: entries were already taken
 * out. The sorter is then as before. NOMEM, IO or another failure of the run store: it is poisoned
 * and repeats that failure. */
COPSE_API COPSE_MUST_USE copse_status copse_sorter_add(copse_sorter *sorter, copse_bytes key,
                                                       copse_bytes value, copse_err *err);

/** Takes out the next entry in key order; the first call ends the adding. The views are valid until
 * the next call. END: there is none. CORRUPT: a run came back damaged. NOMEM, IO: as for add. */
COPSE_API COPSE_MUST_USE copse_status copse_sorter_next(copse_sorter *sorter, copse_bytes *ret_key,
                                                        copse_bytes *ret_value, copse_err *err);

/** Takes out all entries that are left and adds them to `builder`, which is to be finished by the
 * caller. Statuses as copse_sorter_next without END, and as copse_builder_add: with LIMIT or MISUSE
 * the entry that the builder refused is lost, and the call may be repeated for the others. */
COPSE_API COPSE_MUST_USE copse_status copse_sorter_build(copse_sorter *sorter,
                                                         copse_builder *builder, copse_err *err);

/** How far it is. */
COPSE_API copse_sorter_progress copse_sorter_get_progress(const copse_sorter *sorter);

COPSE_EXTERN_C_END

#endif
