/* The inside of a block cache.
 *
 *     gen-000007   gen-000008   …   gen-000012      each a pack store; the last is the newest
 *     oldest                        newest <-- blocks that were put
 *        |                             ^
 *        +--- a block that is got -----+            from one of the older half
 *
 * Blocks that were put wait in memory, in their order, until they make a good write. Then, under
 * the folder's lock, they go into the newest generation; if that has no room for them, or doesn't
 * take them, another is begun, and the oldest ones go until there is room for it.
 *
 *   B1  When a generation is begun, it and the sizes of all others are at most the bound, if it
 *       takes a share (an eighth of the bound) at most; and it takes a write only if that fits. So
 *       the files stay below the bound, but for what a pack store writes beside blocks: refs and
 *       file names in a new journal, tails of a journal put aside.
 *   B2  A block that was got is there for as long as no more than half of the bound is written
 *       after it: it is among the newer half of the generations, or goes into the newest again. A
 *       block that lies in the newer half is not copied, so that who reads half of the bound over
 *       and over writes nothing.
 *   B3  What was read is verified against its CID before it is handed out. A generation that gave
 *       something wrong takes no more blocks: a good copy goes into a newer one, where it is found
 *       first.
 *   B4  Readers take no lock. A generation that is removed while it is read is read on, or passed
 *       over (O5): nothing that can be got from it is wrong (B3).
 *   B5  No failure to read or write reaches who gets or puts: it is counted. NOMEM does, and what
 *       waits waits on.
 *   B6  Generations are opened when they are first needed, the newest first, for reading only; for
 *       writing under the lock only, so that nobody makes files in one that is being removed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_BLOCK_CACHE_H
#define COPSE_BACKENDS_BLOCK_CACHE_H

#include <copse/block_cache.h>
#include <copse/pack_store.h>

#include "backends/block_cache/block_cache_folder.h"
#include "block/cid_map.h"

enum {
    COPSE_BLOCK_CACHE_SIZE_BYTES_MIN = 1 << 20,
    COPSE_BLOCK_CACHE_GENERATIONS_MAX = 8 /* also the number of shares */
};

typedef struct copse_block_cache_generation {
    uint64_t number;
    copse_pack_db *db; /* NULL: not opened yet, or it can't be */
    bool is_writable;
    bool is_passed_over; /* it could not be opened since the folder was listed */
    bool is_damaged;     /* B3 */
} copse_block_cache_generation;

/** Blocks that wait to be written, in their order. */
typedef struct copse_block_cache_pending {
    copse_cid_map map;
    copse_block **blocks;
    size_t count;
    size_t capacity;
    uint64_t size_bytes; /* that they take in a journal, at most */
} copse_block_cache_pending;

/** A head that is to be remembered. */
typedef struct copse_block_cache_head {
    copse_bytes name; /* of the ref */
    copse_block *block;
} copse_block_cache_head;

struct copse_block_cache {
    copse_store store; /* first: see block_cache_of_store */
    const copse_env *env;
    copse_block_cache_folder folder;
    uint64_t size_bytes_max;
    copse_block_cache_generation *generations; /* the newest first */
    size_t count;
    size_t capacity;
    copse_block_cache_pending pending;
    bool is_iterating; /* nothing is written, and the generations stay as they are */
    uint64_t hits;
    uint64_t misses;
    uint64_t failures;
};

/** The size that a generation grows to. */
static inline uint64_t copse_block_cache_share(const copse_block_cache *cache)
{
    return cache->size_bytes_max / COPSE_BLOCK_CACHE_GENERATIONS_MAX;
}

/* ---- block_cache_generation.c ---- */

/** Takes the generations over that were listed last, and closes those that are gone. NOMEM. */
COPSE_MUST_USE copse_status copse_block_cache_adopt(copse_block_cache *cache);

/** Lists the folder's generations and takes them over. On failure all is as it was. */
COPSE_MUST_USE copse_status copse_block_cache_refresh(copse_block_cache *cache);

/** Opens number `at` for reading, if that hasn't happened. False: it can't be read; that is counted
 * once, unless it is no store (F2). On NOMEM *ret_status is that, else OK. */
bool copse_block_cache_is_readable(copse_block_cache *cache, size_t at, copse_status *ret_status);

/** Notes what a call on number `at` has answered: counts a failure, and with CORRUPT the generation
 * takes no more blocks (B3). */
void copse_block_cache_note(copse_block_cache *cache, size_t at, copse_status status);

/** Gets a verified block from number `at`. NOT_FOUND, also for what can't be read (counted). NOMEM.
 */
COPSE_MUST_USE copse_status copse_block_cache_get_from(copse_block_cache *cache, size_t at,
                                                       const copse_cid *cid,
                                                       copse_block **ret_block);

/** Whether what is found in number `at` is to be put into the newest again (B2). */
static inline bool copse_block_cache_is_old(size_t at)
{
    return at >= COPSE_BLOCK_CACHE_GENERATIONS_MAX / 2;
}

/** Closes what is open of a generation. */
void copse_block_cache_generation_close(copse_block_cache_generation *generation);

/* ---- block_cache_write.c ---- */

/** Adds a block to those that wait; these are written first if they are many. A block that is
 * larger than half of a share is passed over. NOMEM. */
COPSE_MUST_USE copse_status copse_block_cache_add(copse_block_cache *cache, copse_block *block);

/** Writes what waits, and `head` (NULL: none). What can't be written is dropped, and counted.
 * NOMEM: it waits on. */
COPSE_MUST_USE copse_status copse_block_cache_write(copse_block_cache *cache,
                                                    const copse_block_cache_head *head);

/** Forgets what waits. */
void copse_block_cache_pending_clear(copse_block_cache_pending *pending);

/* ---- block_cache_head.c ---- */

/** How many addresses have heads. NOMEM. */
COPSE_MUST_USE copse_status copse_block_cache_count_heads(copse_block_cache *cache,
                                                          uint64_t *ret_count);

#endif
