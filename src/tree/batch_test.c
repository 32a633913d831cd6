/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/memory_store.h>

#include "support/fault_store.h"
#include "support/tree_model.h"

static const uint8_t batch_null[] = {0xf6};

static copse_bytes batch_text(const char *text)
{
    return copse_bytes_of_text(text);
}

static void test_limits(void **state)
{
    (void)state;
    test_env test;
    copse_batch *batch = NULL;
    uint8_t key[COPSE_KEY_SIZE_BYTES_MAX + 2] = {0};
    copse_bytes longest = {key, COPSE_KEY_SIZE_BYTES_MAX};
    copse_bytes longer = {key, COPSE_KEY_SIZE_BYTES_MAX + 1};
    copse_bytes too_long = {key, COPSE_KEY_SIZE_BYTES_MAX + 2};
    copse_bytes null = {batch_null, 1};
    test_env_init(&test);
    assert_int_equal(copse_batch_new(&test.env, &batch, NULL), COPSE_OK);
    assert_int_equal(copse_batch_put(batch, longer, null, NULL), COPSE_LIMIT);
    assert_int_equal(copse_batch_delete(batch, longer, NULL), COPSE_LIMIT);
    assert_int_equal(copse_batch_delete_range(batch, longer, NULL, NULL), COPSE_LIMIT);
    assert_int_equal(copse_batch_delete_range(batch, batch_text(""), &too_long, NULL), COPSE_LIMIT);
    static const uint8_t broken[] = {0x81};
    assert_int_equal(copse_batch_put(batch, longest, (copse_bytes){broken, 1}, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_batch_put(batch, longest, (copse_bytes){NULL, 0}, NULL), COPSE_CORRUPT);
    assert_int_equal(copse_batch_count(batch), 0);
    assert_int_equal(copse_batch_put(batch, longest, null, NULL), COPSE_OK);
    assert_int_equal(copse_batch_delete_range(batch, batch_text(""), &longer, NULL), COPSE_OK);
    assert_int_equal(copse_batch_count(batch), 2);
    /* no change */
    copse_bytes b = batch_text("b");
    assert_int_equal(copse_batch_delete_range(batch, b, &b, NULL), COPSE_OK);
    copse_bytes a = batch_text("a");
    assert_int_equal(copse_batch_delete_range(batch, b, &a, NULL), COPSE_OK);
    assert_int_equal(copse_batch_count(batch), 2);
    copse_batch_clear(batch);
    assert_int_equal(copse_batch_count(batch), 0);
    assert_null(copse_batch_free(batch));
    assert_null(copse_batch_free(NULL));
    test_env_assert_empty(&test);
}

/* An entry that no block can hold is refused, by put or by apply, with the tree as it was. */
static void test_entry_over_the_block_limit(void **state)
{
    (void)state;
    tree_world world;
    copse_batch *batch = NULL;
    copse_tree *tree = NULL;
    copse_tree *next = NULL;
    size_t len;
    tree_world_init(&world);
    assert_int_equal(copse_tree_new(world.cache, world.store, NULL, &tree, NULL), COPSE_OK);
    for (size_t more = 0; more < 2; more++) {
        uint8_t *value = tree_value_bytes((1u << 20) - 32 - 1 - 5 + more, 'x', &len);
        assert_int_equal(copse_batch_new(&world.test.env, &batch, NULL), COPSE_OK);
        copse_status status =
            copse_batch_put(batch, batch_text("k"), (copse_bytes){value, len}, NULL);
        if (status == COPSE_OK) {
            status = copse_tree_apply(tree, batch, world.store, &next, NULL, NULL);
        }
        assert_int_equal(status, more == 0 ? COPSE_OK : COPSE_LIMIT);
        copse_batch_free(batch);
        free(value);
    }
    copse_tree_close(next);
    copse_tree_close(tree);
    tree_world_release(&world);
}

/* A key that fits the format, but not this config. */
static void test_key_over_the_config(void **state)
{
    (void)state;
    tree_world world;
    copse_batch *batch = NULL;
    copse_tree *tree = NULL;
    copse_tree *next = NULL;
    copse_tree_config config = {0, 256, 16};
    uint8_t key[33] = {0};
    tree_world_init(&world);
    assert_int_equal(copse_tree_new(world.cache, world.store, &config, &tree, NULL), COPSE_OK);
    assert_int_equal(copse_batch_new(&world.test.env, &batch, NULL), COPSE_OK);
    assert_int_equal(
        copse_batch_put(batch, (copse_bytes){key, 33}, (copse_bytes){batch_null, 1}, NULL),
        COPSE_OK);
    assert_int_equal(copse_tree_apply(tree, batch, world.store, &next, NULL, NULL), COPSE_LIMIT);
    assert_null(next);
    /* to delete it, or ranges up to it, does no harm */
    copse_batch_clear(batch);
    assert_int_equal(copse_batch_delete(batch, (copse_bytes){key, 33}, NULL), COPSE_OK);
    assert_int_equal(copse_tree_apply(tree, batch, world.store, &next, NULL, NULL), COPSE_OK);
    assert_true(copse_cid_equal(copse_tree_root(next), copse_tree_root(tree)));
    copse_batch_free(batch);
    copse_tree_close(next);
    copse_tree_close(tree);
    tree_world_release(&world);
}

static void test_splice_of_a_stranger(void **state)
{
    (void)state;
    tree_world world;
    tree_world other;
    copse_tree *tree = NULL;
    copse_tree *of_config = NULL;
    copse_tree *of_cache = NULL;
    copse_tree *next = NULL;
    copse_batch *batch = NULL;
    copse_tree_config small = tree_model_small_config();
    tree_world_init(&world);
    tree_world_init(&other);
    assert_int_equal(copse_tree_new(world.cache, world.store, NULL, &tree, NULL), COPSE_OK);
    assert_int_equal(copse_tree_new(world.cache, world.store, &small, &of_config, NULL), COPSE_OK);
    assert_int_equal(copse_tree_new(other.cache, other.store, NULL, &of_cache, NULL), COPSE_OK);
    copse_tree *const strangers[] = {of_config, of_cache};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(copse_batch_new(&world.test.env, &batch, NULL), COPSE_OK);
        assert_int_equal(copse_batch_splice(batch, strangers[i], batch_text("a"), NULL, NULL),
                         COPSE_OK);
        assert_int_equal(copse_tree_apply(tree, batch, world.store, &next, NULL, NULL),
                         COPSE_MISUSE);
        copse_batch_free(batch);
    }
    copse_tree_close(of_cache);
    copse_tree_close(of_config);
    copse_tree_close(tree);
    tree_world_release(&other);
    tree_world_release(&world);
}

/* ---- later changes win ---- */

/* Settled pieces against a model, over an empty base: points and ranges of few keys in any order.
 */
static void test_later_changes_win(void **state)
{
    (void)state;
    uint64_t seed = 77;
    copse_tree_config config = tree_model_small_config();
    for (size_t run = 0; run < 300; run++) {
        tree_world world;
        tree_model model = {0};
        copse_batch *batch = NULL;
        copse_tree *next = NULL;
        tree_world_init(&world);
        tree_model_fill(&model, TREE_KEYS_SHORT, TREE_VALUES_ITEMS, &config, 0, 8, 2, &seed);
        copse_tree *tree = tree_model_open(&model, &world, &config);
        assert_int_equal(copse_batch_new(&world.test.env, &batch, NULL), COPSE_OK);
        for (size_t i = 0; i < 1 + run % 12; i++) {
            tree_key keys[2];
            size_t len;
            uint8_t *value = tree_value_make(TREE_VALUES_ITEMS, &config, 1, &seed, &len);
            copse_bytes views[2];
            for (size_t j = 0; j < 2; j++) {
                tree_key_make(TREE_KEYS_SHORT, &config, test_random_below(&seed, 18), &keys[j]);
                views[j] = tree_key_view(&keys[j]);
            }
            switch (test_random_below(&seed, 3)) {
            case 0:
                assert_int_equal(copse_batch_put(batch, views[0], (copse_bytes){value, len}, NULL),
                                 COPSE_OK);
                tree_model_put(&model, views[0], (copse_bytes){value, len});
                break;
            case 1:
                assert_int_equal(copse_batch_delete(batch, views[0], NULL), COPSE_OK);
                tree_model_delete(&model, views[0]);
                break;
            default:
                assert_int_equal(copse_batch_delete_range(batch, views[0], &views[1], NULL),
                                 COPSE_OK);
                if (copse_bytes_compare(views[0], views[1]) < 0) {
                    tree_model_delete_range(&model, views[0], &views[1]);
                }
                break;
            }
            free(value);
        }
        /* applied twice: the batch is kept */
        for (size_t twice = 0; twice < 2; twice++) {
            assert_int_equal(copse_tree_apply(tree, batch, world.store, &next, NULL, NULL),
                             COPSE_OK);
            tree_model_assert_root(&model, next, "later changes");
            copse_tree_close(next);
        }
        copse_batch_free(batch);
        copse_tree_close(tree);
        tree_model_release(&model);
        tree_world_release(&world);
    }
}

/* An apply that changes nothing writes no node. */
static void test_no_change(void **state)
{
    (void)state;
    uint64_t seed = 6;
    tree_world world;
    tree_model model = {0};
    copse_batch *batch = NULL;
    copse_tree *next = NULL;
    copse_apply_stats stats = {0};
    copse_tree_config config = tree_model_small_config();
    tree_world_init(&world);
    tree_model_fill(&model, TREE_KEYS_RANDOM, TREE_VALUES_SMALL, &config, 0, 300, 1, &seed);
    copse_tree *tree = tree_model_open(&model, &world, &config);
    assert_int_equal(copse_batch_new(&world.test.env, &batch, NULL), COPSE_OK);
    assert_int_equal(copse_tree_apply(tree, batch, world.store, &next, &stats, NULL), COPSE_OK);
    assert_true(copse_cid_equal(copse_tree_root(tree), copse_tree_root(next)));
    assert_int_equal(stats.nodes_written, 0);
    assert_int_equal(stats.nodes_read, 0);
    copse_tree_close(next);
    /* a splice of the tree with itself */
    assert_int_equal(copse_batch_splice(batch, tree, batch_text(""), NULL, NULL), COPSE_OK);
    assert_int_equal(copse_tree_apply(tree, batch, world.store, &next, &stats, NULL), COPSE_OK);
    assert_true(copse_cid_equal(copse_tree_root(tree), copse_tree_root(next)));
    assert_int_equal(stats.nodes_written, 0);
    copse_tree_close(next);
    copse_batch_free(batch);
    copse_tree_close(tree);
    tree_model_release(&model);
    tree_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_entry_over_the_block_limit),
        cmocka_unit_test(test_key_over_the_config),
        cmocka_unit_test(test_splice_of_a_stranger),
        cmocka_unit_test(test_later_changes_win),
        cmocka_unit_test(test_no_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
