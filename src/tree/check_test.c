/* The check finds nothing in trees that Copse wrote, and counts them right.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/check.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/builder.h>
#include <copse/memory_store.h>

#include "support/check_support.h"
#include "support/test_env.h"
#include "support/tree_fixture.h"
#include "tree/chunker.h"
#include "tree/walk.h"

/* ---- trees that are right ---- */

/* All numbers of entries from 0 on: also those whose last branch has to be joined (K4). */
static void test_nothing_wrong_at_every_count(void **state)
{
    (void)state;
    const copse_tree_config small = tree_fixture_small_config();
    for (size_t i = 0; i < 250; i++) {
        test_env test;
        tree_fixture fixture;
        copse_tree_stats stats;
        test_env_init(&test);
        tree_fixture_init(&fixture, &test.env, &small, 1000 + i, i);
        found_list found = check_support_run(&test.env, fixture.store, &fixture.root, &stats);
        check_support_assert_clean(&found);
        assert_int_equal(found.progress_done, fixture.count);
        tree_fixture_release(&fixture);
        test_env_assert_empty(&test);
    }
}

static void test_nothing_wrong(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 5, 30, 200, 700, 3000};
    const copse_tree_config small = tree_fixture_small_config();
    for (size_t i = 0; i < 2 * sizeof counts / sizeof counts[0]; i++) {
        test_env test;
        tree_fixture fixture;
        copse_tree_stats stats;
        size_t extra = i % 2 != 0 ? 2 : 1; /* root and config */
        uint64_t key_bytes = 0;
        uint64_t value_bytes = 0;
        uint64_t nodes = 0;
        test_env_init(&test);
        tree_fixture_init(&fixture, &test.env, i % 2 != 0 ? &small : NULL, i, counts[i / 2]);
        found_list found = check_support_run(&test.env, fixture.store, &fixture.root, &stats);
        check_support_assert_clean(&found);
        for (size_t j = 0; j < fixture.count; j++) {
            key_bytes += fixture.entries[j].key_len;
            value_bytes += fixture.entries[j].value_len;
        }
        assert_int_equal(stats.levels, fixture.height);
        assert_int_equal(stats.entries, fixture.count);
        assert_int_equal(found.progress_done, fixture.count);
        assert_int_equal(found.progress_total, fixture.count);
        assert_int_equal(stats.key_size_bytes, key_bytes);
        assert_int_equal(stats.value_size_bytes, value_bytes);
        assert_int_equal(stats.nodes + extra, copse_memory_store_block_count(fixture.store));
        for (size_t j = 0; j < stats.levels; j++) {
            const copse_level_stats *level = &stats.level[j];
            nodes += level->nodes;
            assert_true(level->node_size_bytes_min <= level->node_size_bytes_median);
            assert_true(level->node_size_bytes_median <= level->node_size_bytes_max);
            assert_int_equal(level->entries, j == 0 ? stats.entries : stats.level[j - 1].nodes);
        }
        assert_int_equal(nodes, stats.nodes);
        assert_int_equal(stats.level[stats.levels - 1].nodes, 1);
        tree_fixture_release(&fixture);
        test_env_assert_empty(&test);
    }
}

/* ---- forced cuts ---- */

/* Builds a tree of `count` keys that were ground so that the rule ends no chunk, but for those
 * whose number is a multiple of `free_each`, which are as they come, and large entries among them;
 * 0: none of both. */
static copse_cid build_ground(const copse_env *env, copse_store *store, uint32_t count,
                              uint32_t free_each)
{
    copse_builder *builder;
    copse_cid root;
    const copse_tree_config small = tree_fixture_small_config();
    assert_int_equal(copse_builder_new(env, store, &small, &builder, NULL), COPSE_OK);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t key[8] = {(uint8_t)(i >> 8), (uint8_t)i};
        copse_bytes view = {key, sizeof key};
        bool is_free = free_each != 0 && i % free_each == 0;
        for (uint32_t nonce = 0; !is_free && copse_chunk_draw(view, 0) < 0xffc00000u; nonce++) {
            memcpy(key + 4, &nonce, sizeof nonce);
        }
        static const uint8_t value[1500];
        bool is_large = free_each != 0 && i % 41 == 0;
        size_t size = is_large ? 600 + i % 900 : 8;
        assert_int_equal(copse_builder_add_bytes(builder, view, (copse_bytes){value, size}, NULL),
                         COPSE_OK);
    }
    assert_int_equal(copse_builder_finish(builder, &root, NULL), COPSE_OK);
    copse_builder_free(builder);
    return root;
}

static copse_status forced_of(const tree_fixture *fixture, const copse_cid *root)
{
    copse_tree *tree;
    assert_int_equal(copse_tree_open(fixture->cache, root, &tree, NULL), COPSE_OK);
    copse_status status = copse_tree_check_forced_cuts(tree, NULL);
    copse_tree_close(tree);
    return status;
}

static void test_forced_cuts(void **state)
{
    (void)state;
    test_env test;
    tree_fixture fixture;
    copse_tree_stats stats;
    test_env_init(&test);
    tree_fixture_init(&fixture, &test.env, NULL, 1, 0);
    copse_cid root = build_ground(&test.env, fixture.store, 2000, 0);
    found_list found = check_support_run(&test.env, fixture.store, &root, &stats);
    uint64_t run = stats.level[0].forced_cuts_run_max;
    print_message("%llu forced cuts, %llu in a row\n",
                  (unsigned long long)stats.level[0].forced_cuts, (unsigned long long)run);
    assert_true(run > test.env.limits.forced_cuts_run_max);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.of_kind[COPSE_CHECK_FORCED_CUTS], 1);
    assert_int_equal(forced_of(&fixture, &root), COPSE_LIMIT);

    test.env.limits.forced_cuts_run_max = (size_t)run;
    found = check_support_run(&test.env, fixture.store, &root, &stats);
    check_support_assert_clean(&found);
    assert_int_equal(forced_of(&fixture, &root), COPSE_OK);
    test.env.limits.forced_cuts_run_max = (size_t)run - 1;
    found = check_support_run(&test.env, fixture.store, &root, &stats);
    assert_int_equal(found.of_kind[COPSE_CHECK_FORCED_CUTS], 1);
    assert_int_equal(forced_of(&fixture, &root), COPSE_LIMIT);
    tree_fixture_release(&fixture);
    test_env_assert_empty(&test);
}

/* X1: as many as the chunker makes, also among keys that end chunks and entries above max. */
static void test_forced_cuts_by_aheads(void **state)
{
    (void)state;
    for (uint32_t free_each = 2; free_each < 60; free_each += 8) {
        test_env test;
        tree_fixture fixture;
        copse_tree_stats stats;
        test_env_init(&test);
        tree_fixture_init(&fixture, &test.env, NULL, 1, 0);
        copse_cid root = build_ground(&test.env, fixture.store, 1000, free_each);
        (void)check_support_run(&test.env, fixture.store, &root, &stats);
        size_t run = 0;
        test.env.limits.forced_cuts_run_max = 0;
        while (forced_of(&fixture, &root) == COPSE_LIMIT) {
            test.env.limits.forced_cuts_run_max = ++run;
        }
        uint64_t run_max = 0;
        for (size_t i = 0; i < stats.levels; i++) {
            uint64_t of_level = stats.level[i].forced_cuts_run_max;
            run_max = of_level > run_max ? of_level : run_max;
        }
        assert_int_equal(run, run_max);
        tree_fixture_release(&fixture);
        test_env_assert_empty(&test);
    }
}

/* K3 where nodes have aheads: a gap makes no findings of its own. */
static void test_gaps_among_forced_cuts(void **state)
{
    (void)state;
    test_env test;
    tree_fixture fixture;
    copse_tree_stats stats;
    copse_tree *tree;
    test_env_init(&test);
    test.env.limits.forced_cuts_run_max = SIZE_MAX;
    tree_fixture_init(&fixture, &test.env, NULL, 1, 0);
    copse_cid root = build_ground(&test.env, fixture.store, 1000, 0);
    assert_int_equal(copse_tree_open(fixture.cache, &root, &tree, NULL), COPSE_OK);
    assert_int_equal(copse_tree_find_height(tree, (copse_bytes){NULL, 0}, NULL), COPSE_OK);
    copse_walk walk;
    copse_walk_init(&walk, tree, 0);
    copse_status status = copse_walk_seek(&walk, (copse_bytes){NULL, 0}, NULL);
    size_t leaves = 0;
    while (status == COPSE_OK) {
        copse_node *leaf;
        assert_int_equal(copse_walk_load(&walk, &leaf, NULL), COPSE_OK);
        const copse_cid *cid = copse_block_cid(leaf->block);
        assert_int_equal(copse_store_remove(fixture.store, cid, 1, NULL), COPSE_OK);
        found_list found = check_support_run(&test.env, fixture.store, &root, &stats);
        check_support_assert_found(&found, COPSE_CHECK_MISSING, cid);
        assert_int_equal(copse_store_put(fixture.store, &leaf->block, 1, NULL), COPSE_OK);
        copse_node_unref(&test.env, leaf);
        leaves++;
        status = copse_walk_next(&walk, NULL);
    }
    assert_int_equal(status, COPSE_END);
    assert_true(leaves > 20);
    copse_walk_release(&walk);
    copse_tree_close(tree);
    tree_fixture_release(&fixture);
    test_env_assert_empty(&test);
}

/* ---- statuses ---- */

static copse_status finding_denies(void *ctx, const copse_check_finding *finding, copse_err *err)
{
    (void)ctx;
    (void)finding;
    (void)err;
    return COPSE_DENIED;
}

static copse_status progress_denies(void *ctx, uint64_t done, uint64_t total, copse_err *err)
{
    (void)ctx;
    (void)done;
    (void)total;
    (void)err;
    return COPSE_DENIED;
}

static void test_observer_ends_the_check(void **state)
{
    (void)state;
    const copse_tree_config small = tree_fixture_small_config();
    test_env test;
    tree_fixture full;
    tree_fixture sparse;
    copse_tree_stats stats = {0};
    test_env_init(&test);
    tree_fixture_init(&full, &test.env, &small, 2, 300);
    tree_fixture_init_sparse(&sparse, &full);
    copse_check_observer observer = {.progress = progress_denies};
    assert_int_equal(copse_tree_check(full.tree, &observer, &stats, NULL), COPSE_DENIED);
    observer = (copse_check_observer){.finding = finding_denies};
    assert_int_equal(copse_tree_check(sparse.tree, &observer, &stats, NULL), COPSE_DENIED);
    assert_int_equal(stats.levels, 0);
    assert_int_equal(copse_tree_check(full.tree, NULL, NULL, NULL), COPSE_OK);
    tree_fixture_release(&sparse);
    tree_fixture_release(&full);
    test_env_assert_empty(&test);
}

/* A level a round, and then the same numbers. */
static void test_stat_wants(void **state)
{
    (void)state;
    const copse_tree_config small = tree_fixture_small_config();
    test_env test;
    tree_fixture full;
    tree_fixture sparse;
    copse_tree_stats stats;
    copse_tree_stats expected;
    size_t rounds = 0;
    test_env_init(&test);
    tree_fixture_init(&full, &test.env, &small, 3, 400);
    tree_fixture_init_sparse(&sparse, &full);
    assert_int_equal(copse_tree_stat(full.tree, &expected, NULL), COPSE_OK);
    copse_status status;
    while ((status = copse_tree_stat(sparse.tree, &stats, NULL)) == COPSE_WANT) {
        size_t count;
        const copse_cid *wants = copse_source_wants(sparse.source, &count);
        for (size_t i = 0; i < count; i++) {
            copse_block *block;
            assert_int_equal(copse_store_get(full.store, &wants[i], &block, NULL), COPSE_OK);
            assert_int_equal(copse_store_put(sparse.store, &block, 1, NULL), COPSE_OK);
            copse_block_unref(block);
        }
        rounds++;
    }
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(rounds, full.height);
    assert_memory_equal(&stats, &expected, sizeof stats);
    tree_fixture_release(&sparse);
    tree_fixture_release(&full);
    test_env_assert_empty(&test);
}

static copse_status sweep_check(const copse_env *env, void *ctx)
{
    tree_fixture *fixture = ctx;
    copse_tree_stats stats;
    const copse_env *own = fixture->tree->env;
    fixture->tree->env = env;
    copse_status status = copse_tree_stat(fixture->tree, &stats, NULL);
    fixture->tree->env = own;
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const copse_tree_config small = tree_fixture_small_config();
    test_env test;
    tree_fixture fixture;
    test_env_init(&test);
    tree_fixture_init(&fixture, &test.env, &small, 9, 60);
    assert_true(test_env_sweep(sweep_check, &fixture, 2000) > 20);
    tree_fixture_release(&fixture);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_wrong),
        cmocka_unit_test(test_nothing_wrong_at_every_count),
        cmocka_unit_test(test_forced_cuts),
        cmocka_unit_test(test_forced_cuts_by_aheads),
        cmocka_unit_test(test_gaps_among_forced_cuts),
        cmocka_unit_test(test_observer_ends_the_check),
        cmocka_unit_test(test_stat_wants),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
