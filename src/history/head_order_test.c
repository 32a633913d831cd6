/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/head_order.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/commit_world.h"
#include "support/want_supply.h"

enum { ORDER_COMMITS = 40 };

/* Compares; blocks that are wanted come from `fetched_from`. */
static copse_head_relation order_find(const copse_env *env, copse_source *source,
                                      copse_store *fetched_from, const copse_cid *a,
                                      const copse_cid *b, copse_cid *ret_standing)
{
    copse_head_order *order = NULL;
    copse_head_relation relation = COPSE_HEADS_APART;
    copse_status status;
    assert_int_equal(copse_head_order_new(env, source, a, b, &order, NULL), COPSE_OK);
    while ((status = copse_head_order_find(order, &relation, NULL)) == COPSE_WANT) {
        (void)want_supply_some(source, fetched_from, SIZE_MAX);
    }
    assert_int_equal(status, COPSE_OK);
    const copse_cid *standing = copse_head_order_standing(order);
    *ret_standing = standing != NULL ? *standing : (copse_cid){.size = 0};
    assert_null(copse_head_order_free(order));
    return relation;
}

static copse_cid order_write(commit_world *world, const copse_cid *parent, const char *message)
{
    copse_commit commit = commit_world_next(world, parent, parent != NULL);
    commit.message = copse_bytes_of_text(message);
    return commit_world_put(world, &commit);
}

static copse_cid order_merge(commit_world *world, const copse_cid *a, const copse_cid *b,
                             const copse_cid *tree)
{
    const copse_cid heads[2] = {*a, *b};
    copse_commit commit;
    assert_int_equal(
        copse_commit_merge(&world->test.env, world->source, tree, heads, 2, &commit, NULL),
        COPSE_OK);
    return commit_world_put(world, &commit);
}

static void order_expect(commit_world *world, const copse_cid *a, const copse_cid *b,
                         copse_head_relation expected, const copse_cid *expected_standing)
{
    static const copse_head_relation other_way[] = {
        [COPSE_HEADS_SAME] = COPSE_HEADS_SAME,
        [COPSE_HEADS_BEHIND] = COPSE_HEADS_AHEAD,
        [COPSE_HEADS_AHEAD] = COPSE_HEADS_BEHIND,
        [COPSE_HEADS_APART] = COPSE_HEADS_APART,
    };
    copse_cid standing;
    for (int i = 0; i < 2; i++) {
        copse_head_relation relation = order_find(&world->test.env, world->source, NULL,
                                                  i == 0 ? a : b, i == 0 ? b : a, &standing);
        assert_int_equal(relation, i == 0 ? expected : other_way[expected]);
        assert_int_equal(standing.size > 0, expected_standing != NULL);
        assert_true(expected_standing == NULL || copse_cid_equal(&standing, expected_standing));
    }
}

static void test_relations(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init(&world);
    copse_cid root = order_write(&world, NULL, "root");
    copse_cid a = order_write(&world, &root, "a");
    copse_cid a2 = order_write(&world, &a, "a2");
    copse_cid b = order_write(&world, &root, "b");
    order_expect(&world, &a, &a, COPSE_HEADS_SAME, &a);
    order_expect(&world, &a, &a2, COPSE_HEADS_BEHIND, &a2);
    order_expect(&world, &root, &a2, COPSE_HEADS_BEHIND, &a2);
    order_expect(&world, &a2, &b, COPSE_HEADS_APART, NULL);
    copse_cid other = order_write(&world, NULL, "a stranger");
    order_expect(&world, &a2, &other, COPSE_HEADS_APART, NULL);
    commit_world_release(&world);
}

/* O1: automatic merges are nobody's word, whatever was merged first; others are somebody's. */
static void test_automatic_merges_do_not_count(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init(&world);
    const copse_cid *tree = commit_world_tree();
    copse_cid root = order_write(&world, NULL, "root");
    copse_cid a = order_write(&world, &root, "a");
    copse_cid b = order_write(&world, &root, "b");
    copse_cid c = order_write(&world, &root, "c");
    copse_cid ab = order_merge(&world, &a, &b, tree);
    copse_cid bc = order_merge(&world, &b, &c, tree);
    copse_cid ab_c = order_merge(&world, &ab, &c, tree);
    copse_cid bc_a = order_merge(&world, &bc, &a, tree);
    const copse_cid *first = copse_cid_compare(&ab_c, &bc_a) < 0 ? &ab_c : &bc_a;
    order_expect(&world, &ab_c, &bc_a, COPSE_HEADS_SAME, first);
    order_expect(&world, &ab, &bc_a, COPSE_HEADS_BEHIND, &bc_a);
    order_expect(&world, &ab, &bc, COPSE_HEADS_APART, NULL);
    /* O3: the higher generation stands, whatever the CIDs are. */
    copse_cid high = order_merge(&world, &ab_c, &bc_a, tree);
    copse_cid higher = order_merge(&world, &high, &a, tree);
    order_expect(&world, &high, &bc_a, COPSE_HEADS_SAME, &high);
    order_expect(&world, &higher, &ab_c, COPSE_HEADS_SAME, &higher);
    /* The same commits, but not the same content. */
    copse_cid other_tree;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("other"), &other_tree);
    copse_cid odd = order_merge(&world, &ab, &c, &other_tree);
    order_expect(&world, &odd, &ab_c, COPSE_HEADS_SAME, NULL);
    /* What somebody settled. */
    const copse_cid heads[2] = {ab, c};
    copse_commit commit = commit_world_next(&world, heads, 2);
    commit.message = copse_bytes_of_text("as I say");
    copse_cid settled = commit_world_put(&world, &commit);
    order_expect(&world, &ab_c, &settled, COPSE_HEADS_BEHIND, &settled);
    commit_world_release(&world);
}

/* The definition, in random histories, and where all blocks have to be fetched. */
static void test_random_histories(void **state)
{
    (void)state;
    size_t counts[4] = {0};
    for (uint32_t seed = 1; seed <= 10; seed++) {
        commit_world world;
        copse_source *sparse = NULL;
        commit_world_init_random(&world, ORDER_COMMITS, seed);
        const copse_env *env = &world.test.env;
        for (size_t i = 0; i < 20; i++) {
            const copse_cid *a = &world.cids[(seed * 7 + i * 3) % ORDER_COMMITS];
            const copse_cid *b = &world.cids[(seed * 5 + i * 7) % ORDER_COMMITS];
            copse_cid standing[2];
            bool a_reaches = commit_world_reaches(&world, a, b);
            bool b_reaches = commit_world_reaches(&world, b, a);
            copse_head_relation expected = a_reaches
                                               ? b_reaches ? COPSE_HEADS_SAME : COPSE_HEADS_AHEAD
                                           : b_reaches ? COPSE_HEADS_BEHIND
                                                       : COPSE_HEADS_APART;
            assert_int_equal(order_find(env, world.source, NULL, a, b, &standing[0]), expected);
            assert_int_equal(copse_source_new(env, NULL, &sparse, NULL), COPSE_OK);
            assert_int_equal(order_find(env, sparse, world.store, a, b, &standing[1]), expected);
            assert_true(copse_cid_equal(&standing[0], &standing[1]));
            sparse = copse_source_free(sparse);
            counts[expected]++;
        }
        commit_world_release(&world);
    }
    assert_true(counts[COPSE_HEADS_BEHIND] > 10 && counts[COPSE_HEADS_AHEAD] > 10);
    assert_true(counts[COPSE_HEADS_APART] > 10);
}

static void test_cost_and_failures(void **state)
{
    (void)state;
    commit_world world;
    copse_cid standing;
    copse_head_order *order = NULL;
    copse_head_relation relation = COPSE_HEADS_APART;
    const copse_cid none = {.size = 0};
    commit_world_init(&world);
    const copse_env *env = &world.test.env;
    copse_cid head = order_write(&world, NULL, "root");
    for (size_t i = 0; i < 100; i++) {
        head = order_write(&world, &head, "line");
    }
    copse_cid next = order_write(&world, &head, "next");
    fault_store_forget(world.store);
    assert_int_equal(order_find(env, world.source, NULL, &head, &next, &standing),
                     COPSE_HEADS_BEHIND);
    assert_true(commit_world_gets(&world) <= 3);
    /* O2: both have something: no more has to be read. */
    copse_cid far = order_write(&world, &head, "far");
    fault_store_forget(world.store);
    assert_int_equal(order_find(env, world.source, NULL, &next, &far, &standing),
                     COPSE_HEADS_APART);
    assert_true(commit_world_gets(&world) <= 3);
    assert_int_equal(copse_head_order_new(env, world.source, &none, &head, &order, NULL),
                     COPSE_MISUSE);
    copse_cid nowhere;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("nowhere"), &nowhere);
    assert_int_equal(copse_head_order_new(env, world.source, &nowhere, &head, &order, NULL),
                     COPSE_OK);
    assert_int_equal(copse_head_order_find(order, &relation, NULL), COPSE_WANT);
    assert_int_equal(copse_head_order_find(order, &relation, NULL), COPSE_WANT);
    copse_head_order_free(order);
    commit_world_release(&world);
}

/* Every allocation fails in turn. */
static copse_status order_sweep(const copse_env *env, void *ctx)
{
    commit_world *world = ctx;
    copse_source *source = NULL;
    copse_head_order *order = NULL;
    copse_head_relation relation;
    copse_status status = copse_source_new(env, world->store, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_head_order_new(env, source, &world->cids[8], &world->cids[9], &order, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_head_order_find(order, &relation, NULL);
    }
    copse_head_order_free(order);
    copse_source_free(source);
    return status;
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init_random(&world, 12, 5);
    assert_true(test_env_sweep(order_sweep, &world, 1000) > 5);
    commit_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relations),
        cmocka_unit_test(test_automatic_merges_do_not_count),
        cmocka_unit_test(test_random_histories),
        cmocka_unit_test(test_cost_and_failures),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
