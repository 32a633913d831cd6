/* A bounded cache of blocks in a folder, shared by all processes of a user: what was fetched from
 * peers once is there for later queries, and without a network.
 *
 * The folder holds up to eight generations: stores of their own (pack_store.h), the newest of which
 * takes new blocks. When it has its share of the bound, another is begun, and the oldest goes, with
 * what was not used since: a block that is found in one of the older four is put into the newest
 * again. So what is used stays, and most uses write nothing. docs/formats/cache.md has the rest.
 *
 * Losing the cache loses nothing: where it can't be read or written it behaves as if it were empty,
 * and its failures are counted. Who puts a block has verified it; it is verified again when it is
 * read: other software may have touched the files.
 *
 * Blocks that are put wait in memory, about 1 MiB of them, until they are written: when they are
 * many, by a flush of the store, and when the cache is closed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BLOCK_CACHE_H
#define COPSE_BLOCK_CACHE_H

#include <copse/sys/os.h>
#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread; any number of processes may have one open on a folder. */
typedef struct copse_block_cache copse_block_cache;

typedef struct copse_block_cache_stats {
    uint64_t generations;
    uint64_t blocks;         /**< In all generations, those of heads too; a block may be in two. */
    uint64_t size_bytes;     /**< Of the files. */
    uint64_t size_bytes_max; /**< The bound. */
    uint64_t heads;          /**< Remembered. */
    uint64_t hits;           /**< Since it was opened. */
    uint64_t misses;
    uint64_t failures; /**< Reads and writes that failed and were passed over. */
} copse_block_cache_stats;

/** Opens the cache in folder `path`, which is made with its parents if it isn't there. The bound
 * holds for the files whenever something was written, but for some KiB that are not blocks; a block
 * larger than a sixteenth of it is not kept. `env` (with a random source: strangers choose CIDs)
 * and `os` must outlive it. IO, DENIED: the folder can't be made or read. CORRUPT: the folder holds
 * something else. MISUSE: a bound below 1 MiB. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_block_cache_open(const copse_env *env, copse_os *os,
                                                             const char *path,
                                                             uint64_t size_bytes_max,
                                                             copse_block_cache **ret_cache,
                                                             copse_err *err);

/** Writes what was put, and closes it; NULL is allowed. Returns NULL. */
COPSE_API copse_block_cache *copse_block_cache_close(copse_block_cache *cache);

/** Its blocks as a store, which belongs to the cache: closing it closes nothing. get answers
 * NOT_FOUND for what it hasn't, or can't read; put and flush never fail but with NOMEM, and don't
 * make anything durable; iterate visits each block at least once; remove is MISUSE. */
COPSE_API copse_store *copse_block_cache_store(copse_block_cache *cache);

/** The head last seen at `address` (a URL), and when (ms since 1970). NOT_FOUND. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_block_cache_get_head(copse_block_cache *cache,
                                                                 const char *address,
                                                                 copse_cid *ret_head,
                                                                 uint64_t *ret_seen_ms,
                                                                 copse_err *err);

/** Remembers it, as seen now (env.clock), for all processes at once. A failure to write is passed
 * over. MISUSE: no clock; an address that is not UTF-8, or longer than a block. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_block_cache_set_head(copse_block_cache *cache,
                                                                 const char *address,
                                                                 const copse_cid *head,
                                                                 copse_err *err);

/** Counts what is there. IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_block_cache_get_stats(
    copse_block_cache *cache, copse_block_cache_stats *ret_stats, copse_err *err);

/** Removes everything that the cache in folder `path` holds, and nothing else: files that are not a
 * cache's make it CORRUPT, with nothing removed. Processes that have it open go on without.
 * NOT_FOUND: there is none. IO, DENIED, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_block_cache_clear(const copse_env *env, copse_os *os,
                                                              const char *path, copse_err *err);

COPSE_EXTERN_C_END

#endif
