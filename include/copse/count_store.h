/* A store that counts what is asked of the store below it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_COUNT_STORE_H
#define COPSE_COUNT_STORE_H

#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** What one operation came to. A call is counted when it reaches the store: one with a count of 0
 * or a misuse does not. */
typedef struct copse_store_count {
    uint64_t calls;      /**< Calls, whatever they returned. */
    uint64_t failures;   /**< Of these, those that failed. A NOT_FOUND of get is no failure here. */
    uint64_t blocks;     /**< Blocks handed out, taken, named for removal, or seen by has. */
    uint64_t missing;    /**< CIDs that were not there (get, get_many, has). */
    uint64_t size_bytes; /**< Bytes of the blocks handed out or taken. */
} copse_store_count;

/** Counts of each operation since the store was made or last reset. Blocks of a failed get_many or
 * put are not counted; those of an iteration are, up to where it stopped. */
typedef struct copse_store_counts {
    copse_store_count get;
    copse_store_count get_many;
    copse_store_count put;
    copse_store_count has;
    copse_store_count flush;
    copse_store_count iterate;
    copse_store_count remove;
} copse_store_counts;

/** Makes a store that does all through `inner`, which it owns from then on (S7), and counts. NOMEM
 * and MISUSE leave *ret_store untouched and `inner` the caller's. */
COPSE_API COPSE_MUST_USE copse_status copse_count_store_new(const copse_env *env,
                                                            copse_store *inner,
                                                            copse_store **ret_store,
                                                            copse_err *err);

/** The counts until now. All zero if `store` is not a counting store. */
COPSE_API void copse_count_store_snapshot(const copse_store *store, copse_store_counts *ret_counts);

/** Sets every count to zero. Does nothing if `store` is not a counting store. */
COPSE_API void copse_count_store_reset(copse_store *store);

COPSE_EXTERN_C_END

#endif
