/* A bounded cache in memory in front of a slower store.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CACHE_STORE_H
#define COPSE_CACHE_STORE_H

#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** What a cache did since it was made, and what it holds. */
typedef struct copse_cache_stats {
    uint64_t hits;      /**< Blocks of get and get_many that it had. */
    uint64_t misses;    /**< Blocks of get and get_many that it asked the inner store for. */
    uint64_t evictions; /**< Blocks that it let go to make room. */
    size_t blocks;      /**< Blocks held now. */
    size_t size_bytes;  /**< Memory held now: blocks, their headers, and its own bookkeeping. */
} copse_cache_stats;

/** Makes a cache of at most `size_bytes_max` bytes in front of `inner`, which it owns from then on
 * (S7). The bound holds after every call and counts bookkeeping; what it let go lives on only as
 * long as somebody else holds a reference. A block larger than the bound passes through, and so
 * does one whose CID holds its bytes itself.
 *
 * Reads fill it, puts go to the inner store first and then fill it, removals go to both; iterate
 * doesn't touch it. That a block is not there is not remembered. Reading many blocks once each does
 * not push out the blocks that are read again and again.
 *
 * Change the inner store only through the cache. NOMEM, MISUSE and the random source's failure
 * leave *ret_store untouched and `inner` the caller's. */
COPSE_API COPSE_MUST_USE copse_status copse_cache_store_new(const copse_env *env,
                                                            copse_store *inner,
                                                            size_t size_bytes_max,
                                                            copse_store **ret_store,
                                                            copse_err *err);

/** What it did until now. All zero if `store` is not a cache. */
COPSE_API void copse_cache_store_snapshot(const copse_store *store, copse_cache_stats *ret_stats);

COPSE_EXTERN_C_END

#endif
