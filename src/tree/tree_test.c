/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/hand_tree.h"
#include "support/tree_model.h"

/* ---- reads against the model ---- */

static void tree_check_entry(copse_tree *tree, const tree_model *model, size_t index)
{
    const tree_model_entry *entry = &model->entries[index];
    copse_bytes key;
    copse_bytes value;
    uint64_t rank = 0;
    assert_int_equal(copse_tree_get(tree, entry->key, &value, NULL), COPSE_OK);
    assert_true(copse_bytes_equal(value, entry->value));
    assert_int_equal(copse_tree_rank(tree, entry->key, &rank, NULL), COPSE_OK);
    assert_int_equal(rank, index);
    assert_int_equal(copse_tree_nth(tree, index, &key, &value, NULL), COPSE_OK);
    assert_true(copse_bytes_equal(key, entry->key));
    assert_true(copse_bytes_equal(value, entry->value));
}

static void tree_check_range(copse_tree *tree, const tree_model *model, copse_bytes from,
                             const copse_bytes *to)
{
    uint64_t count = 99;
    size_t first = tree_model_lower(model, from);
    size_t end = to != NULL ? tree_model_lower(model, *to) : model->count;
    assert_int_equal(copse_tree_range_count(tree, from, to, &count, NULL), COPSE_OK);
    assert_int_equal(count, end > first ? end - first : 0);
}

static void tree_check_reads(tree_world *world, const tree_model *model,
                             const copse_tree_config *config, tree_keys keys)
{
    copse_tree *tree = tree_model_open(model, world, config);
    copse_tree_config got;
    uint64_t count = 0;
    assert_int_equal(copse_tree_get_config(tree, &got, NULL), COPSE_OK);
    assert_memory_equal(&got, config, sizeof got);
    assert_int_equal(copse_tree_count(tree, &count, NULL), COPSE_OK);
    assert_int_equal(count, model->count);
    for (size_t i = 0; i < model->count; i++) {
        tree_check_entry(tree, model, i);
    }
    tree_key last = {.len = 0};
    for (uint64_t i = 0; i < 300; i++) { /* keys that are there and keys that are not */
        tree_key key;
        copse_bytes value;
        uint64_t rank = 0;
        size_t index;
        tree_key_make(keys, config, i, &key);
        copse_bytes view = tree_key_view(&key);
        copse_bytes last_view = tree_key_view(&last);
        bool there = tree_model_find(model, view, &index);
        assert_int_equal(copse_tree_get(tree, view, &value, NULL),
                         there ? COPSE_OK : COPSE_NOT_FOUND);
        assert_int_equal(copse_tree_rank(tree, view, &rank, NULL), COPSE_OK);
        assert_int_equal(rank, index);
        tree_check_range(tree, model, view, &last_view);
        tree_check_range(tree, model, last_view, &view);
        tree_check_range(tree, model, view, NULL);
        last = key;
    }
    copse_tree_close(tree);
}

static void test_reads(void **state)
{
    (void)state;
    uint64_t seed = 31;
    for (size_t c = 0; c < TREE_MODEL_CONFIGS; c += 2) {
        for (tree_keys keys = 0; keys < TREE_KEYS_COUNT; keys++) {
            tree_world world;
            tree_model model = {0};
            copse_tree_config config = tree_model_config(c == 2 ? 1 : c);
            tree_world_init(&world);
            tree_model_fill(&model, keys, TREE_VALUES_EDGE, &config, 1, 150, 2, &seed);
            tree_check_reads(&world, &model, &config, keys);
            tree_model_release(&model);
            tree_world_release(&world);
        }
    }
}

static void test_empty(void **state)
{
    (void)state;
    tree_world world;
    tree_model model = {0};
    copse_tree_config config = tree_model_small_config();
    copse_bytes value = {NULL, 77};
    copse_bytes key = {NULL, 77};
    copse_err err = {0};
    size_t height = 0;
    tree_world_init(&world);
    copse_tree *tree = tree_model_open(&model, &world, &config);
    tree_check_range(tree, &model, (copse_bytes){NULL, 0}, NULL);
    assert_int_equal(copse_tree_get(tree, (copse_bytes){NULL, 0}, &value, &err), COPSE_NOT_FOUND);
    assert_int_equal(err.status, COPSE_NOT_FOUND);
    assert_int_equal(copse_tree_nth(tree, 0, &key, &value, NULL), COPSE_NOT_FOUND);
    assert_int_equal(value.len, 77); /* untouched */
    assert_int_equal(key.len, 77);
    assert_int_equal(copse_tree_height(tree, &height, NULL), COPSE_OK);
    assert_int_equal(height, 1);
    assert_ptr_equal(copse_tree_cache(tree), world.cache);
    assert_ptr_equal(copse_node_cache_source(world.cache), world.source);
    assert_null(copse_tree_close(tree));
    assert_null(copse_tree_close(NULL));
    tree_world_release(&world);
}

/* The view of a value stays good until the next read through the cache, also if nothing is kept. */
static void test_value_outlives_eviction(void **state)
{
    (void)state;
    uint64_t seed = 8;
    tree_world world;
    tree_model model = {0};
    copse_tree_config config = tree_model_small_config();
    tree_world_init(&world);
    world.test.env.limits.node_cache_bytes_max = 1;
    tree_model_fill(&model, TREE_KEYS_RANDOM, TREE_VALUES_SMALL, &config, 0, 200, 1, &seed);
    tree_check_reads(&world, &model, &config, TREE_KEYS_RANDOM);
    tree_model_release(&model);
    tree_world_release(&world);
}

static void test_not_a_root(void **state)
{
    (void)state;
    tree_world world;
    tree_model model = {0};
    tree_world_init(&world);
    copse_tree_config config = tree_model_small_config();
    copse_tree *tree = tree_model_open(&model, &world, &config);
    copse_tree *other = NULL;
    copse_cid top = *copse_tree_top(tree);
    copse_cid nowhere;
    size_t wants = 0;
    assert_int_equal(copse_tree_open(world.cache, &top, &other, NULL), COPSE_CORRUPT);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("nowhere"), &nowhere);
    assert_int_equal(copse_tree_open(world.cache, &nowhere, &other, NULL), COPSE_WANT);
    assert_true(copse_cid_equal(copse_source_wants(world.source, &wants), &nowhere));
    assert_int_equal(wants, 1);
    assert_null(other);
    copse_tree_close(tree);
    tree_world_release(&world);
}

/* ---- nodes out of place ---- */

enum { PLANT_LEAVES = 4 };

typedef enum plant {
    PLANT_NOTHING,
    PLANT_FIRST_KEY,   /* P1 */
    PLANT_LAST_KEY,    /* P2: against the next key of the parent */
    PLANT_OUTER_BOUND, /* P2: against the next key of the grandparent */
    PLANT_COUNT,       /* P3 */
    PLANT_DEPTH,       /* P4: a leaf among branches */
    PLANT_ONE_CHILD,   /* P4 */
    PLANT_EMPTY_LEAF,  /* P4 */
    PLANT_END
} plant;

/* Two branches of two leaves; the defect is in the second leaf or its parent. */
static copse_cid plant_tree(tree_world *world, plant defect)
{
    hand_tree hand = {&world->test.env, world->store, COPSE_TREE_OURS, 0};
    static const char *const keys[PLANT_LEAVES][2] = {
        {"a", "b"}, {"c", "d"}, {"e", "f"}, {"g", "h"}};
    hand_piece leaves[PLANT_LEAVES];
    hand_piece branches[2];
    copse_tree_config config;
    copse_cid config_cid;
    for (size_t i = 0; i < PLANT_LEAVES; i++) {
        tree_fixture_entry entries[2] = {hand_tree_entry(keys[i][0], 1),
                                         hand_tree_entry(keys[i][1], 2)};
        if (i == 0 && defect == PLANT_LAST_KEY) {
            entries[1] = hand_tree_entry("c", 2);
        }
        if (i == 1 && defect == PLANT_OUTER_BOUND) {
            entries[1] = hand_tree_entry("e", 2);
        }
        leaves[i] = hand_tree_leaf(&hand, entries, i == 1 && defect == PLANT_EMPTY_LEAF ? 0 : 2);
    }
    if (defect == PLANT_EMPTY_LEAF) {
        leaves[1].key[0] = 'c';
        leaves[1].key_len = 1;
        leaves[1].count = 1;
    }
    leaves[1].key[0] = (uint8_t)(leaves[1].key[0] - (defect == PLANT_FIRST_KEY));
    leaves[1].count += defect == PLANT_COUNT;
    branches[0] = hand_tree_branch(&hand, leaves, 2);
    branches[1] = hand_tree_branch(&hand, leaves + 2, defect == PLANT_ONE_CHILD ? 1 : 2);
    if (defect == PLANT_DEPTH) {
        branches[1] = leaves[2];
    }
    hand_piece top = hand_tree_branch(&hand, branches, 2);
    copse_tree_config_init(&config);
    assert_int_equal(copse_tree_config_cid(&world->test.env, &config, &config_cid, NULL), COPSE_OK);
    return hand_tree_root(&hand, &config_cid, &top.cid);
}

static void test_nodes_out_of_place(void **state)
{
    (void)state;
    for (plant defect = PLANT_NOTHING; defect < PLANT_END; defect++) {
        tree_world world;
        tree_world_init(&world);
        copse_cid root = plant_tree(&world, defect);
        copse_tree *tree = tree_world_open(&world, &root);
        size_t corrupt = 0;
        for (const char *key = "abcdefgh"; *key != '\0'; key++) {
            copse_bytes value;
            copse_err err = {0};
            copse_status status =
                copse_tree_get(tree, (copse_bytes){(const uint8_t *)key, 1}, &value, &err);
            assert_true(status == COPSE_OK || status == COPSE_CORRUPT);
            corrupt += status == COPSE_CORRUPT;
        }
        if ((corrupt == 0) != (defect == PLANT_NOTHING)) {
            fail_msg("defect %d: %zu of 8 gets were refused", (int)defect, corrupt);
        }
        copse_tree_close(tree);
        tree_world_release(&world);
    }
}

/* A last child is checked against the outer bound also if it was seen under no bound before: the
 * same branch may hang in two trees. */
static void test_bound_is_checked_again(void **state)
{
    (void)state;
    tree_world world;
    copse_bytes value;
    tree_world_init(&world);
    hand_tree hand = {&world.test.env, world.store, COPSE_TREE_OURS, 0};
    tree_fixture_entry entries[6] = {hand_tree_entry("a", 1), hand_tree_entry("b", 1),
                                     hand_tree_entry("e", 1), hand_tree_entry("d", 1),
                                     hand_tree_entry("f", 1), hand_tree_entry("g", 1)};
    hand_piece low[2] = {hand_tree_leaf(&hand, entries, 1), hand_tree_leaf(&hand, entries + 1, 2)};
    hand_piece high[2] = {hand_tree_leaf(&hand, entries + 3, 1),
                          hand_tree_leaf(&hand, entries + 4, 1)};
    hand_piece branches[2] = {hand_tree_branch(&hand, low, 2), hand_tree_branch(&hand, high, 2)};
    hand_piece top = hand_tree_branch(&hand, branches, 2);
    copse_tree_config config;
    copse_cid config_cid;
    copse_tree_config_init(&config);
    assert_int_equal(copse_tree_config_cid(&world.test.env, &config, &config_cid, NULL), COPSE_OK);
    copse_cid good_root = hand_tree_root(&hand, &config_cid, &branches[0].cid);
    copse_cid bad_root = hand_tree_root(&hand, &config_cid, &top.cid);
    copse_tree *good = tree_world_open(&world, &good_root);
    copse_tree *bad = tree_world_open(&world, &bad_root);
    copse_bytes e = copse_bytes_of_text("b");
    assert_int_equal(copse_tree_get(good, e, &value, NULL), COPSE_OK);
    assert_int_equal(copse_tree_get(bad, e, &value, NULL), COPSE_CORRUPT);
    assert_int_equal(copse_tree_get(good, e, &value, NULL), COPSE_OK);
    copse_tree_close(good);
    copse_tree_close(bad);
    tree_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_value_outlives_eviction),
        cmocka_unit_test(test_not_a_root),
        cmocka_unit_test(test_nodes_out_of_place),
        cmocka_unit_test(test_bound_is_checked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
