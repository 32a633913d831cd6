/* Applying a batch to a tree of which nothing is here: how many round trips it takes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/tree_model.h"
#include "support/want_supply.h"

enum { ENTRIES = 100000, CHANGES = 400, SEEDS = 10, ROUNDS_BEYOND_HEIGHT = 5 };

/* New entries between those that are there: they move boundaries. */
static void sparse_fill(copse_batch *batch, const copse_tree_config *config, uint64_t *seed)
{
    for (size_t i = 0; i < CHANGES; i++) {
        tree_key key;
        size_t len;
        tree_key_make(TREE_KEYS_SEQUENTIAL, config, test_random(seed) % ENTRIES * 2 + 1, &key);
        uint8_t *value = tree_value_make(TREE_VALUES_SMALL, config, key.len, seed, &len);
        assert_int_equal(
            copse_batch_put(batch, tree_key_view(&key), (copse_bytes){value, len}, NULL), COPSE_OK);
        free(value);
    }
}

/* The rounds of an apply on the tree `root`, which `full` has. */
static size_t sparse_rounds(tree_world *full, const copse_cid *root, uint64_t seed)
{
    tree_world sparse;
    copse_tree *tree = NULL;
    copse_tree *next = NULL;
    copse_batch *batch = NULL;
    size_t rounds = 0;
    const copse_tree_config config = tree_model_config(0);
    tree_world_init(&sparse);
    while (copse_tree_open(sparse.cache, root, &tree, NULL) == COPSE_WANT) {
        (void)want_supply_some(sparse.source, full->store, SIZE_MAX);
    }
    assert_int_equal(copse_batch_new(&sparse.test.env, &batch, NULL), COPSE_OK);
    sparse_fill(batch, &config, &seed);
    copse_status status;
    while ((status = copse_tree_apply(tree, batch, sparse.store, &next, NULL, NULL)) ==
           COPSE_WANT) {
        (void)want_supply_some(sparse.source, full->store, SIZE_MAX);
        rounds++;
    }
    assert_int_equal(status, COPSE_OK);
    copse_tree_close(next);
    copse_tree_close(tree);
    copse_batch_free(batch);
    tree_world_release(&sparse);
    return rounds;
}

/* L6: 14 without it. */
static void test_boundaries_that_move_cost_few_round_trips(void **state)
{
    tree_world full;
    tree_model model = {0};
    uint64_t seed = 1;
    size_t height = 0;
    size_t most = 0;
    const copse_tree_config config = tree_model_config(0);
    (void)state;
    tree_world_init(&full);
    tree_model_fill(&model, TREE_KEYS_SEQUENTIAL, TREE_VALUES_SMALL, &config, 0, ENTRIES, 2, &seed);
    copse_tree *tree = tree_model_open(&model, &full, &config);
    assert_int_equal(copse_tree_height(tree, &height, NULL), COPSE_OK);
    for (uint64_t i = 0; i < SEEDS; i++) {
        size_t rounds = sparse_rounds(&full, copse_tree_root(tree), i);
        most = rounds > most ? rounds : most;
    }
    assert_in_range(most, height, height + ROUNDS_BEYOND_HEIGHT);
    copse_tree_close(tree);
    tree_model_release(&model);
    tree_world_release(&full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boundaries_that_move_cost_few_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
