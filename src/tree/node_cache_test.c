/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/node_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tree_model.h"
#include "support/tree_naive.h"

static copse_bytes cache_cid(const tree_naive *naive, size_t leaf)
{
    const copse_cid *cid = &naive->levels[0].chunks[leaf].cid;
    return (copse_bytes){cid->bytes, cid->size};
}

typedef struct cache_world {
    tree_world world;
    tree_naive naive;
    size_t leaves;
} cache_world;

static void cache_world_init(cache_world *run, size_t size_bytes_max)
{
    uint64_t seed = 19;
    tree_model model = {0};
    copse_tree_config config = tree_model_small_config();
    *run = (cache_world){0};
    tree_world_init(&run->world);
    run->world.test.env.limits.node_cache_bytes_max = size_bytes_max;
    tree_model_fill(&model, TREE_KEYS_RANDOM, TREE_VALUES_SMALL, &config, 0, 1000, 1, &seed);
    (void)tree_model_build(&model, &run->world.test.env, run->world.store, &config);
    tree_naive_build(&model, &config, &run->naive);
    run->leaves = run->naive.levels[0].count;
    tree_model_release(&model);
}

static void cache_world_release(cache_world *run)
{
    tree_naive_release(&run->naive);
    tree_world_release(&run->world);
}

static copse_node *cache_load(cache_world *run, size_t leaf)
{
    copse_node *node = NULL;
    copse_bytes cid = cache_cid(&run->naive, leaf);
    copse_source_begin(run->world.source);
    assert_int_equal(copse_node_cache_load(run->world.cache, cid, COPSE_TREE_OURS, &node, NULL),
                     COPSE_OK);
    assert_true(
        copse_cid_equal(copse_block_cid(node->block), &run->naive.levels[0].chunks[leaf].cid));
    return node;
}

static void test_keeps_nodes(void **state)
{
    (void)state;
    cache_world run;
    cache_world_init(&run, 64u << 20);
    const copse_env *env = &run.world.test.env;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < run.leaves; i++) {
            assert_int_equal(copse_node_cache_has(run.world.cache, cache_cid(&run.naive, i)),
                             round == 1);
            copse_node_unref(env, cache_load(&run, i));
        }
    }
    assert_int_equal(run.world.cache->count, run.leaves);
    copse_node *first = cache_load(&run, 0);
    copse_node *again = cache_load(&run, 0);
    assert_ptr_equal(first, again);
    copse_node_unref(env, first);
    copse_node_unref(env, again);
    cache_world_release(&run);
}

/* The bound holds after every load, but for nodes in use; those stay valid. */
static void test_bound(void **state)
{
    (void)state;
    enum { BOUND = 20000, HELD = 10 };
    cache_world run;
    copse_node *held[HELD];
    uint64_t seed = 3;
    cache_world_init(&run, BOUND);
    const copse_env *env = &run.world.test.env;
    assert_true(run.leaves > 2 * HELD);
    for (size_t i = 0; i < HELD; i++) {
        held[i] = cache_load(&run, i);
    }
    for (size_t i = 0; i < 5000; i++) {
        copse_node_unref(env, cache_load(&run, test_random_below(&seed, run.leaves)));
        assert_true(run.world.cache->size_bytes <= BOUND + 4096);
    }
    assert_true(run.world.cache->count < run.leaves);
    for (size_t i = 0; i < HELD; i++) {
        assert_true(
            copse_cid_equal(copse_block_cid(held[i]->block), &run.naive.levels[0].chunks[i].cid));
        copse_node_unref(env, held[i]);
    }
    cache_world_release(&run);
}

/* N2: what is read in passing is kept while there is room, and then pushes out nothing. */
static void test_in_passing(void **state)
{
    (void)state;
    enum { BOUND = 20000 };
    cache_world run;
    cache_world_init(&run, BOUND);
    const copse_env *env = &run.world.test.env;
    copse_node_cache *cache = run.world.cache;
    size_t kept = 0;
    cache->is_passing = true;
    for (size_t round = 0; round < 2; round++) {
        size_t has = 0;
        for (size_t i = 0; i < run.leaves; i++) {
            copse_node_unref(env, cache_load(&run, i));
            assert_true(cache->size_bytes <= BOUND);
            has += copse_node_cache_has(cache, cache_cid(&run.naive, i));
        }
        assert_true(has >= 10 && has <= run.leaves / 2);
        assert_int_equal(has, cache->count);
        assert_true(round == 0 || has == kept);
        kept = has;
    }
    cache->is_passing = false;
    copse_node_unref(env, cache_load(&run, run.leaves - 1));
    assert_true(copse_node_cache_has(cache, cache_cid(&run.naive, run.leaves - 1)));
    cache_world_release(&run);
}

/* The same block under another kind of config is another node. */
static void test_kinds_are_apart(void **state)
{
    (void)state;
    cache_world run;
    copse_node *draft = NULL;
    cache_world_init(&run, 64u << 20);
    const copse_env *env = &run.world.test.env;
    copse_node *ours = cache_load(&run, 0);
    assert_int_equal(copse_node_cache_load(run.world.cache, cache_cid(&run.naive, 0),
                                           COPSE_TREE_DRAFT, &draft, NULL),
                     COPSE_OK);
    assert_ptr_not_equal(ours, draft);
    assert_int_equal(draft->kind, COPSE_TREE_DRAFT);
    assert_int_equal(copse_node_cache_load(run.world.cache, cache_cid(&run.naive, 0), COPSE_TREE_GO,
                                           &draft, NULL),
                     COPSE_CORRUPT);
    copse_node_unref(env, ours);
    copse_node_unref(env, draft);
    cache_world_release(&run);
}

typedef struct cache_touches {
    size_t count;
    copse_status status;
} cache_touches;

static copse_status cache_on_touch(void *ctx, copse_block *block, copse_err *err)
{
    cache_touches *touches = ctx;
    (void)block, (void)err;
    touches->count++;
    return touches->status;
}

/* Told of each block that is used, cached or not; its failure is the load's. */
static void test_touch(void **state)
{
    (void)state;
    cache_world run;
    cache_touches touches = {0};
    copse_node *node = NULL;
    cache_world_init(&run, 64u << 20);
    const copse_env *env = &run.world.test.env;
    copse_node_cache_on_touch(run.world.cache, cache_on_touch, &touches);
    copse_node_unref(env, cache_load(&run, 0));
    copse_node_unref(env, cache_load(&run, 0));
    copse_node_unref(env, cache_load(&run, 1));
    assert_int_equal(touches.count, 3);
    touches.status = COPSE_DENIED;
    assert_int_equal(copse_node_cache_load(run.world.cache, cache_cid(&run.naive, 0),
                                           COPSE_TREE_OURS, &node, NULL),
                     COPSE_DENIED);
    assert_null(node);
    copse_node_cache_on_touch(run.world.cache, NULL, NULL);
    copse_node_unref(env, cache_load(&run, 2));
    assert_int_equal(touches.count, 4);
    assert_null(copse_node_cache_free(NULL));
    cache_world_release(&run);
}

static void test_lent_node_stays(void **state)
{
    (void)state;
    cache_world run;
    cache_world_init(&run, 1); /* keeps nothing */
    copse_node *node = cache_load(&run, 0);
    copse_bytes key = copse_node_key(node, 0);
    uint8_t copy[64];
    memcpy(copy, key.ptr, key.len);
    copse_node_cache_lend(run.world.cache, node);
    copse_node_unref(&run.world.test.env, cache_load(&run, 1));
    assert_memory_equal(copy, key.ptr, key.len);
    copse_node_cache_lend(run.world.cache, NULL);
    cache_world_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_nodes), cmocka_unit_test(test_bound),
        cmocka_unit_test(test_in_passing),  cmocka_unit_test(test_kinds_are_apart),
        cmocka_unit_test(test_touch),       cmocka_unit_test(test_lent_node_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
