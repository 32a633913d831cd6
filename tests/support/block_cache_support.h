/* Block caches for tests, on a simulated machine.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BLOCK_CACHE_SUPPORT_H
#define COPSE_TESTS_BLOCK_CACHE_SUPPORT_H

#include <copse/block_cache.h>

#include "support/os_sim.h"
#include "support/test_env.h"

/** Where it is. */
#define CACHE_WORLD_PATH "/home/user/cache"

/** What the files may have beyond the bound: it is not blocks. */
enum { CACHE_WORLD_SLACK_BYTES = 8192 };

typedef struct cache_world {
    test_env env; /* its clock is `now` */
    uint64_t now;
    os_sim *sim;
    copse_os *os;
    uint64_t bound;
    copse_block_cache *cache;
    copse_store *store;
} cache_world;

/** A machine without a cache. Nothing is open. */
void cache_world_init(cache_world *world, uint64_t bound);

/** Closes what is open; everything must have been given back. */
void cache_world_release(cache_world *world);

/** Opens the cache in a process of its own; it must succeed. */
void cache_world_open(cache_world *world);
void cache_world_close(cache_world *world);
void cache_world_reopen(cache_world *world);

/** Puts block `number`, of cache_world_size bytes. */
void cache_world_put(cache_world *world, uint64_t number);
size_t cache_world_size(uint64_t number);

/** Whether the cache has it; it must then be right. */
bool cache_world_has(cache_world *world, uint64_t number);

void cache_world_flush(cache_world *world);

copse_block_cache_stats cache_world_stats(cache_world *world);

/** As put and has, for tasks and children, which must not fail the test. False: something was
 * wrong. *ret_found (NULL allowed): whether it was there. */
bool cache_world_try_put(const copse_env *env, copse_store *store, uint64_t number);
bool cache_world_try_get(const copse_env *env, copse_store *store, uint64_t number,
                         bool *ret_found);

/** Puts and gets 120 blocks from `first` on, and a head, as a process does that uses a cache of
 * 1 MiB: generations come and go. False: something was wrong, not only missing. */
bool cache_world_live(const copse_env *env, copse_block_cache *cache, uint64_t first);

#endif
