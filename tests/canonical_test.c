/* A tree depends on its entries and its config alone, whatever the way that led there.
 * tests/canonical_slow_test.c runs the same for longer.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tree_history.h"
#include "support/tree_model.h"

/* ---- all orders ---- */

enum { ORDERS_KEYS = 6 };

typedef struct orders {
    tree_world world;
    copse_tree_config config;
    tree_key keys[ORDERS_KEYS];
    uint8_t *values[ORDERS_KEYS];
    size_t value_lens[ORDERS_KEYS];
    copse_cid roots[1 << ORDERS_KEYS]; /* of every subset, by plain build */
} orders;

static void orders_init(orders *run, const copse_tree_config *config, tree_values values)
{
    uint64_t seed = 17;
    *run = (orders){.config = *config};
    tree_world_init(&run->world);
    for (size_t i = 0; i < ORDERS_KEYS; i++) {
        tree_key_make(TREE_KEYS_RANDOM, config, i, &run->keys[i]);
        run->values[i] =
            tree_value_make(values, config, run->keys[i].len, &seed, &run->value_lens[i]);
    }
    for (size_t set = 0; set < 1 << ORDERS_KEYS; set++) {
        tree_model model = {0};
        for (size_t i = 0; i < ORDERS_KEYS; i++) {
            if ((set >> i & 1) != 0) {
                tree_model_put(&model, tree_key_view(&run->keys[i]),
                               (copse_bytes){run->values[i], run->value_lens[i]});
            }
        }
        run->roots[set] = tree_model_build(&model, &run->world.test.env, run->world.store, config);
        tree_model_release(&model);
    }
}

static void orders_release(orders *run)
{
    for (size_t i = 0; i < ORDERS_KEYS; i++) {
        free(run->values[i]);
    }
    tree_world_release(&run->world);
}

/* The tree with key `i` put or deleted. */
static copse_tree *orders_step(orders *run, copse_tree *tree, size_t i, bool put)
{
    copse_batch *batch = NULL;
    copse_tree *next = NULL;
    copse_bytes key = tree_key_view(&run->keys[i]);
    assert_int_equal(copse_batch_new(&run->world.test.env, &batch, NULL), COPSE_OK);
    if (put) {
        copse_bytes value = {run->values[i], run->value_lens[i]};
        assert_int_equal(copse_batch_put(batch, key, value, NULL), COPSE_OK);
    } else {
        assert_int_equal(copse_batch_delete(batch, key, NULL), COPSE_OK);
    }
    assert_int_equal(copse_tree_apply(tree, batch, run->world.store, &next, NULL, NULL), COPSE_OK);
    copse_batch_free(batch);
    return next;
}

/* Order number `number` of the keys: of those left, the one that the next digit names. */
static void orders_order(size_t number, size_t ret_order[ORDERS_KEYS])
{
    bool taken[ORDERS_KEYS] = {false};
    for (size_t i = 0; i < ORDERS_KEYS; i++) {
        size_t skip = number % (ORDERS_KEYS - i);
        size_t key = 0;
        number /= ORDERS_KEYS - i;
        while (taken[key] || skip > 0) {
            skip -= !taken[key];
            key++;
        }
        taken[key] = true;
        ret_order[i] = key;
    }
}

/* Replaces the tree, and asserts that its root is that of the plain build of `set`. */
static void orders_move(orders *run, copse_tree **tree, size_t key, bool put, size_t set)
{
    copse_tree *next = orders_step(run, *tree, key, put);
    copse_tree_close(*tree);
    *tree = next;
    assert_true(copse_cid_equal(copse_tree_root(next), &run->roots[set]));
}

/* Puts the keys singly in one order; with deletes, after each put every key that is there goes and
 * comes back. */
static void orders_play(orders *run, size_t number, bool with_deletes)
{
    size_t order[ORDERS_KEYS];
    size_t set = 0;
    copse_tree *tree = NULL;
    orders_order(number, order);
    assert_int_equal(copse_tree_new(run->world.cache, run->world.store, &run->config, &tree, NULL),
                     COPSE_OK);
    assert_true(copse_cid_equal(copse_tree_root(tree), &run->roots[0]));
    for (size_t i = 0; i < ORDERS_KEYS; i++) {
        set |= (size_t)1 << order[i];
        orders_move(run, &tree, order[i], true, set);
        for (size_t j = 0; with_deletes && j <= i; j++) {
            orders_move(run, &tree, order[j], false, set & ~((size_t)1 << order[j]));
            orders_move(run, &tree, order[j], true, set);
        }
    }
    copse_tree_close(tree);
}

static void orders_run(const copse_tree_config *config, tree_values values, bool with_deletes)
{
    enum { ORDERS_ALL = 720 };
    orders run;
    orders_init(&run, config, values);
    for (size_t number = 0; number < ORDERS_ALL; number++) {
        orders_play(&run, number, with_deletes);
    }
    orders_release(&run);
}

static void test_all_orders(void **state)
{
    (void)state;
    copse_tree_config config = tree_model_small_config();
    orders_run(&config, TREE_VALUES_EDGE, false);
    config = (copse_tree_config){0, 256, 16};
    orders_run(&config, TREE_VALUES_SMALL, false);
}

static void test_all_orders_with_deletes(void **state)
{
    (void)state;
    copse_tree_config config = {100, 256, 256};
    orders_run(&config, TREE_VALUES_SMALL, true);
}

/* ---- random histories ---- */

static void test_histories(void **state)
{
    (void)state;
    tree_history_met met = {0};
    uint64_t seed = 1;
    for (size_t c = 0; c < TREE_MODEL_CONFIGS; c++) {
        for (tree_keys keys = 0; keys < TREE_KEYS_COUNT; keys++) {
            for (tree_values values = 0; values <= TREE_VALUES_EDGE; values++, seed++) {
                tree_history_plan plan = {.config = tree_model_config(c),
                                          .keys = keys,
                                          .values = values,
                                          .key_count = c == 0 ? 1000 : 40 + 20 * seed % 160,
                                          .batch_max = 1 + 37 * seed % 120,
                                          .rounds = 8,
                                          .seed = seed};
                tree_history_run(&plan, &met);
            }
        }
    }
    tree_history_print(&met);
    tree_history_assert_met(&met);
}

/* Few keys, so that trees fall empty and grow again all the time. */
static void test_histories_of_few_keys(void **state)
{
    (void)state;
    tree_history_met met = {0};
    for (uint64_t seed = 1000; seed < 1040; seed++) {
        tree_history_plan plan = {.config = tree_model_config(1 + seed % (TREE_MODEL_CONFIGS - 1)),
                                  .keys = (tree_keys)(seed % TREE_KEYS_COUNT),
                                  .values = (tree_values)(seed % TREE_VALUES_HUGE),
                                  .key_count = 1 + seed % 24,
                                  .batch_max = 8,
                                  .rounds = 20,
                                  .seed = seed};
        tree_history_run(&plan, &met);
    }
    tree_history_print(&met);
    assert_true(met.empty > 0 && met.higher > 0 && met.lower > 0);
}

/* Values of hundreds of KiB. */
static void test_histories_of_huge_values(void **state)
{
    (void)state;
    tree_history_met met = {0};
    for (uint64_t seed = 2000; seed < 2004; seed++) {
        tree_history_plan plan = {.config = tree_model_config(seed % 2),
                                  .keys = TREE_KEYS_RANDOM,
                                  .values = TREE_VALUES_HUGE,
                                  .key_count = 120,
                                  .batch_max = 20,
                                  .rounds = 6,
                                  .seed = seed};
        tree_history_run(&plan, &met);
    }
    tree_history_print(&met);
    assert_true(met.oversized > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_orders),
        cmocka_unit_test(test_all_orders_with_deletes),
        cmocka_unit_test(test_histories),
        cmocka_unit_test(test_histories_of_few_keys),
        cmocka_unit_test(test_histories_of_huge_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
