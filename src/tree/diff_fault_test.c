/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/diff.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <copse/memory_store.h>

#include "support/fault_store.h"
#include "support/tree_pair.h"

typedef struct fault_run {
    copse_store *store;
    copse_cid roots[2];
    bool reverse;
} fault_run;

static copse_status run_diff(const copse_env *env, void *ctx)
{
    const fault_run *run = ctx;
    copse_source *source = NULL;
    copse_node_cache *cache = NULL;
    copse_tree *trees[2] = {NULL, NULL};
    copse_diff *diff = NULL;
    copse_change change;
    copse_status status = copse_source_new(env, run->store, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, source, &cache, NULL);
    }
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        status = copse_tree_open(cache, &run->roots[i], &trees[i], NULL);
    }
    if (status == COPSE_OK) {
        copse_diff_options options = {.reverse = run->reverse};
        status = copse_diff_new(trees[0], trees[1], &options, &diff, NULL);
    }
    while (status == COPSE_OK) {
        status = copse_diff_next(diff, &change, NULL);
    }
    copse_diff_free(diff);
    copse_tree_close(trees[0]);
    copse_tree_close(trees[1]);
    copse_node_cache_free(cache);
    copse_source_free(source);
    return status == COPSE_END ? COPSE_OK : status;
}

static void test_faults(void **state)
{
    uint64_t seed = 7;
    copse_tree_config config = tree_model_small_config();
    test_env test;
    fault_run run = {0};
    copse_store *memory;
    tree_model model = {0};
    (void)state;
    test_env_init(&test);
    assert_int_equal(copse_memory_store_new(&test.env, &memory, NULL), COPSE_OK);
    run.store = fault_store_new(&test.env, memory);
    tree_model_fill(&model, TREE_KEYS_RANDOM, TREE_VALUES_SMALL, &config, 0, 200, 1, &seed);
    run.roots[0] = tree_model_build(&model, &test.env, run.store, &config);
    tree_variant(&model, 3, TREE_KEYS_RANDOM, &config, &seed);
    run.roots[1] = tree_model_build(&model, &test.env, run.store, &config);
    for (int reverse = 0; reverse < 2; reverse++) {
        run.reverse = reverse == 1;
        fault_store_heal(run.store);
        assert_in_range(test_env_sweep(run_diff, &run, 100000), 100, 100000);
        for (uint64_t n = 0;; n++) {
            copse_status failure = n % 2 == 0 ? COPSE_IO : COPSE_CORRUPT;
            fault_store_fail_at(run.store, n, failure);
            copse_status status = run_diff(&test.env, &run);
            bool failed = fault_store_has_failed(run.store);
            assert_int_equal(status, failed ? failure : COPSE_OK);
            if (!failed) {
                break;
            }
        }
    }
    copse_store_close(run.store);
    tree_model_release(&model);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
