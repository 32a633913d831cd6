/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/block_cache_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/pack_support.h"

static uint64_t cache_world_clock(void *ctx)
{
    return *(const uint64_t *)ctx;
}

void cache_world_init(cache_world *world, uint64_t bound)
{
    *world = (cache_world){.now = 1700000000000, .sim = os_sim_new(), .bound = bound};
    test_env_init(&world->env);
    world->env.env.clock = cache_world_clock;
    world->env.env.clock_ctx = &world->now;
}

void cache_world_close(cache_world *world)
{
    world->cache = copse_block_cache_close(world->cache);
    world->os = copse_os_free(world->os);
    world->store = NULL;
}

void cache_world_release(cache_world *world)
{
    cache_world_close(world);
    test_env_assert_empty(&world->env);
    world->sim = os_sim_free(world->sim);
}

void cache_world_open(cache_world *world)
{
    copse_err err = {0};
    world->os = os_sim_process(world->sim);
    pack_must(copse_block_cache_open(&world->env.env, world->os, CACHE_WORLD_PATH, world->bound,
                                     &world->cache, &err),
              &err);
    world->store = copse_block_cache_store(world->cache);
}

void cache_world_reopen(cache_world *world)
{
    cache_world_close(world);
    cache_world_open(world);
}

size_t cache_world_size(uint64_t number)
{
    return 100 + (size_t)(number * 2654435761u % 6000);
}

bool cache_world_try_put(const copse_env *env, copse_store *store, uint64_t number)
{
    copse_block *block = NULL;
    copse_status status = block_support_try(env, number, cache_world_size(number), &block);
    if (status == COPSE_OK) {
        status = copse_store_put(store, &block, 1, NULL);
    }
    copse_block_unref(block);
    return status == COPSE_OK;
}

bool cache_world_try_get(const copse_env *env, copse_store *store, uint64_t number, bool *ret_found)
{
    copse_block *block = NULL;
    copse_block *got = NULL;
    copse_status status = block_support_try(env, number, cache_world_size(number), &block);
    if (status == COPSE_OK) {
        status = copse_store_get(store, copse_block_cid(block), &got, NULL);
    }
    bool is_right =
        status == COPSE_NOT_FOUND ||
        (status == COPSE_OK && copse_bytes_equal(copse_block_data(block), copse_block_data(got)));
    if (ret_found != NULL) {
        *ret_found = status == COPSE_OK;
    }
    copse_block_unref(block);
    copse_block_unref(got);
    return is_right;
}

void cache_world_put(cache_world *world, uint64_t number)
{
    assert_true(cache_world_try_put(&world->env.env, world->store, number));
}

bool cache_world_has(cache_world *world, uint64_t number)
{
    bool found = false;
    assert_true(cache_world_try_get(&world->env.env, world->store, number, &found));
    return found;
}

void cache_world_flush(cache_world *world)
{
    assert_int_equal(copse_store_flush(world->store, NULL), COPSE_OK);
}

copse_block_cache_stats cache_world_stats(cache_world *world)
{
    copse_err err = {0};
    copse_block_cache_stats stats = {0};
    pack_must(copse_block_cache_get_stats(world->cache, &stats, &err), &err);
    return stats;
}

bool cache_world_live(const copse_env *env, copse_block_cache *cache, uint64_t first)
{
    copse_store *store = copse_block_cache_store(cache);
    copse_cid head;
    copse_cid got;
    uint64_t seen = 0;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("\xa0"), &head);
    bool is_right = copse_block_cache_set_head(cache, "a", &head, NULL) == COPSE_OK;
    for (uint64_t number = first; number < first + 120; number++) {
        is_right &= cache_world_try_put(env, store, number);
        is_right &= cache_world_try_get(env, store, number - number % 7, NULL);
        if (number % 50 == 49) {
            is_right &= copse_store_flush(store, NULL) == COPSE_OK;
        }
    }
    copse_status status = copse_block_cache_get_head(cache, "a", &got, &seen, NULL);
    return is_right &&
           (status == COPSE_NOT_FOUND || (status == COPSE_OK && copse_cid_equal(&got, &head)));
}
