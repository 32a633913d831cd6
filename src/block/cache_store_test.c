/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/cache_store.h>

#include <copse/count_store.h>
#include <copse/memory_store.h>
#include <copse/verify_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/decorator_conformance.h"
#include "support/store_conformance.h"
#include "support/test_env.h"

static copse_status cache_store_make(void *ctx, const copse_env *env, copse_store *inner,
                                     copse_store **ret_store)
{
    return copse_cache_store_new(env, inner, *(const size_t *)ctx, ret_store, NULL);
}

/* Bounds that hold nothing, one or two blocks, some, with a ghost table, and everything. */
static void cache_store_conforms(void **state)
{
    (void)state;
    static const size_t bounds[] = {0, 700, 5000, 100000, (size_t)64 << 20};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        size_t bound = bounds[i];
        decorator_conformance_run(cache_store_make, &bound);
    }
}

/* count(cache(verify(count(memory)))) */
static copse_store *cache_stack_make(void *ctx, const copse_env *env)
{
    copse_store *store = NULL;
    assert_int_equal(copse_memory_store_new(env, &store, NULL), COPSE_OK);
    assert_int_equal(copse_count_store_new(env, store, &store, NULL), COPSE_OK);
    assert_int_equal(copse_verify_store_new(env, store, &store, NULL), COPSE_OK);
    assert_int_equal(cache_store_make(ctx, env, store, &store), COPSE_OK);
    assert_int_equal(copse_count_store_new(env, store, &store, NULL), COPSE_OK);
    return store;
}

static void cache_stack_conforms(void **state)
{
    (void)state;
    size_t bound = 20000;
    store_conformance_run(cache_stack_make, &bound);
}

typedef struct cache_fixture {
    test_env below;
    test_env above; /* of the cache alone */
    copse_store *memory;
    copse_store *count;
    copse_store *store;
} cache_fixture;

static void cache_fixture_init(cache_fixture *fixture, size_t bound)
{
    test_env_init(&fixture->below);
    test_env_init(&fixture->above);
    const copse_env *env = &fixture->below.env;
    assert_int_equal(copse_memory_store_new(env, &fixture->memory, NULL), COPSE_OK);
    assert_int_equal(copse_count_store_new(env, fixture->memory, &fixture->count, NULL), COPSE_OK);
    assert_int_equal(
        copse_cache_store_new(&fixture->above.env, fixture->count, bound, &fixture->store, NULL),
        COPSE_OK);
}

static void cache_fixture_release(cache_fixture *fixture)
{
    copse_store_close(fixture->store);
    test_env_assert_empty(&fixture->above);
    test_env_assert_empty(&fixture->below);
}

/* Puts `count` blocks of `size` bytes into the inner store; their CIDs. */
static copse_cid *cache_fixture_fill(cache_fixture *fixture, size_t count, size_t size)
{
    copse_cid *cids = calloc(count, sizeof *cids);
    assert_non_null(cids);
    for (size_t i = 0; i < count; i++) {
        copse_block *block = block_support_make(&fixture->below.env, i, size);
        cids[i] = *copse_block_cid(block);
        assert_int_equal(copse_store_put(fixture->count, &block, 1, NULL), COPSE_OK);
        copse_block_unref(block);
    }
    return cids;
}

static void cache_read(cache_fixture *fixture, const copse_cid *cid)
{
    copse_block *block = NULL;
    assert_int_equal(copse_store_get(fixture->store, cid, &block, NULL), COPSE_OK);
    copse_block_unref(block);
}

/* C1, C2: the bound holds after every operation, and what the cache says that it holds covers what
 * it took from the allocator and the blocks that it keeps alive. */
static void cache_store_keeps_its_bound(void **state)
{
    (void)state;
    const size_t bound = 200000;
    cache_fixture fixture;
    cache_fixture_init(&fixture, bound);
    copse_cid *cids = cache_fixture_fill(&fixture, 2000, 500);
    size_t fixed = fixture.above.size_bytes; /* with the ghost table, which is counted */
    uint64_t random = 5;
    copse_cache_stats stats = {0};
    copse_block *batch[64];
    for (int step = 0; step < 20000; step++) {
        size_t at = (size_t)test_random_below(&random, 2000 - 64);
        at = test_random_below(&random, 2) == 0 ? at / 16 : at;
        size_t choice = (size_t)test_random_below(&random, 10);
        if (choice == 0) {
            assert_int_equal(copse_store_get_many(fixture.store, &cids[at], 64, batch, NULL),
                             COPSE_OK);
            assert_int_equal(copse_store_put(fixture.store, batch, 64, NULL), COPSE_OK);
            for (size_t i = 0; i < 64; i++) {
                copse_block_unref(batch[i]);
            }
        } else {
            cache_read(&fixture, &cids[at]);
        }
        copse_cache_store_snapshot(fixture.store, &stats);
        assert_true(stats.size_bytes <= bound);
        size_t kept_alive = stats.blocks * (500 + sizeof(copse_cid));
        /* 192: the map's first 16 slots. */
        assert_true(fixture.above.size_bytes - fixed + kept_alive <= stats.size_bytes + 192);
    }
    assert_true(stats.size_bytes > bound / 100 * 95);
    assert_true(stats.evictions > 1000 && stats.hits > 1000 && stats.misses > 1000);
    free(cids);
    cache_fixture_release(&fixture);
}

/* One put that is far larger than the bound takes no lasting room for all of it. */
static void cache_store_keeps_its_bound_after_a_large_put(void **state)
{
    (void)state;
    enum { BATCH = 2000 };
    const size_t bound = 5000;
    cache_fixture fixture;
    cache_fixture_init(&fixture, bound);
    size_t fixed = fixture.above.size_bytes;
    copse_block **blocks = calloc(BATCH, sizeof *blocks);
    assert_non_null(blocks);
    for (uint64_t i = 0; i < BATCH; i++) {
        blocks[i] = block_support_make(&fixture.below.env, i, 100);
    }
    assert_int_equal(copse_store_put(fixture.store, blocks, BATCH, NULL), COPSE_OK);
    assert_true(fixture.above.size_bytes - fixed <= bound);
    copse_cache_stats stats;
    copse_cache_store_snapshot(fixture.store, &stats);
    assert_true(stats.blocks > 1 && stats.size_bytes <= bound);
    assert_int_equal(copse_memory_store_block_count(fixture.memory), BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        copse_block_unref(blocks[i]);
    }
    free(blocks);
    cache_fixture_release(&fixture);
}

static void cache_store_reads_inner_once(void **state)
{
    (void)state;
    cache_fixture fixture;
    cache_fixture_init(&fixture, 100000);
    copse_cid *cids = cache_fixture_fill(&fixture, 10, 100);
    copse_block *blocks[10];
    for (int round = 0; round < 3; round++) {
        cache_read(&fixture, &cids[4]);
        assert_int_equal(copse_store_get_many(fixture.store, cids, 10, blocks, NULL), COPSE_OK);
        for (size_t i = 0; i < 10; i++) {
            copse_block_unref(blocks[i]);
        }
    }
    copse_store_counts counts;
    copse_count_store_snapshot(fixture.count, &counts);
    assert_int_equal(counts.get.calls, 1);
    assert_int_equal(counts.get_many.calls, 1);
    assert_int_equal(counts.get_many.blocks, 9);
    copse_cache_stats stats;
    copse_cache_store_snapshot(fixture.store, &stats);
    assert_int_equal(stats.misses, 10);
    assert_int_equal(stats.hits, 23);
    assert_int_equal(stats.blocks, 10);
    free(cids);
    cache_fixture_release(&fixture);
}

/* Blocks larger than the bound pass through, and push nothing out. */
static void cache_store_passes_large_blocks(void **state)
{
    (void)state;
    cache_fixture fixture;
    cache_fixture_init(&fixture, 4000);
    copse_cid *cids = cache_fixture_fill(&fixture, 2, 100);
    cache_read(&fixture, &cids[0]);
    copse_block *large = block_support_make(&fixture.below.env, 99, 4001);
    assert_int_equal(copse_store_put(fixture.store, &large, 1, NULL), COPSE_OK);
    cache_read(&fixture, copse_block_cid(large));
    copse_block_unref(large);
    copse_cache_stats stats;
    copse_cache_store_snapshot(fixture.store, &stats);
    assert_int_equal(stats.blocks, 1);
    assert_int_equal(stats.evictions, 0);
    copse_cache_store_snapshot(fixture.memory, &stats);
    assert_int_equal(stats.blocks, 0);
    free(cids);
    cache_fixture_release(&fixture);
}

/* A working set of half the bound is read again and again; then a scan of 20 times the bound runs
 * through. LRU would lose the working set with every scan. */
static void cache_store_resists_scans(void **state)
{
    (void)state;
    cache_fixture fixture;
    cache_fixture_init(&fixture, 400000);
    copse_cid *cids = cache_fixture_fill(&fixture, 10000, 500);
    const size_t hot = 200;
    copse_cache_stats before;
    copse_cache_stats after;
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < hot; i++) {
            cache_read(&fixture, &cids[i]);
            cache_read(&fixture, &cids[i]);
        }
    }
    for (size_t i = hot; i < 10000; i++) {
        cache_read(&fixture, &cids[i]);
    }
    copse_cache_store_snapshot(fixture.store, &before);
    for (size_t i = 0; i < hot; i++) {
        cache_read(&fixture, &cids[i]);
    }
    copse_cache_store_snapshot(fixture.store, &after);
    print_message("after a scan, %d of %d hot blocks were still cached\n",
                  (int)(after.hits - before.hits), (int)hot);
    assert_true(after.hits - before.hits >= hot * 95 / 100);
    free(cids);
    cache_fixture_release(&fixture);
}

/* A block that comes back soon after it left goes into the main queue, so a loop that is larger
 * than the small queue is kept after its second round. */
static void cache_store_ghost_brings_back(void **state)
{
    (void)state;
    cache_fixture fixture;
    cache_fixture_init(&fixture, 1000000);
    copse_cid *cids = cache_fixture_fill(&fixture, 8000, 500);
    for (size_t i = 0; i < 2000; i++) {
        cache_read(&fixture, &cids[i]);
    }
    /* 100 that have just left the cache, and are noted. */
    copse_cache_stats before;
    copse_cache_stats after;
    for (size_t i = 500; i < 600; i++) {
        cache_read(&fixture, &cids[i]);
    }
    for (size_t i = 2000; i < 8000; i++) {
        cache_read(&fixture, &cids[i]);
    }
    copse_cache_store_snapshot(fixture.store, &before);
    for (size_t i = 500; i < 600; i++) {
        cache_read(&fixture, &cids[i]);
    }
    copse_cache_store_snapshot(fixture.store, &after);
    print_message("the ghost brought %d of 100 back for good\n", (int)(after.hits - before.hits));
    assert_true(after.hits - before.hits >= 50);
    free(cids);
    cache_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_store_conforms),
        cmocka_unit_test(cache_stack_conforms),
        cmocka_unit_test(cache_store_keeps_its_bound),
        cmocka_unit_test(cache_store_keeps_its_bound_after_a_large_put),
        cmocka_unit_test(cache_store_reads_inner_once),
        cmocka_unit_test(cache_store_passes_large_blocks),
        cmocka_unit_test(cache_store_resists_scans),
        cmocka_unit_test(cache_store_ghost_brings_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
