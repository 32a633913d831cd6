/* Failing allocations and failing stores under open, get and apply: the failure is reported as it
 * is, nothing leaks, and the tree from before works on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/fault_store.h"
#include "support/tree_model.h"

enum { FAULT_ENTRIES = 60 };

/* What stays the same over the runs. */
typedef struct fault_plan {
    copse_tree_config config;
    tree_model before;
    tree_model after;
    copse_cid want; /* root of `after` */
} fault_plan;

static tree_key fault_key(const fault_plan *plan, uint64_t index)
{
    tree_key key;
    tree_key_make(TREE_KEYS_SEQUENTIAL, &plan->config, index, &key);
    return key;
}

static void fault_plan_init(fault_plan *plan)
{
    uint64_t seed = 41;
    *plan = (fault_plan){.config = tree_model_small_config()};
    tree_model_fill(&plan->before, TREE_KEYS_SEQUENTIAL, TREE_VALUES_EDGE, &plan->config, 0,
                    FAULT_ENTRIES, 2, &seed);
    tree_model_copy(&plan->before, &plan->after);
    tree_key changed = fault_key(plan, 31);
    tree_key from = fault_key(plan, 70);
    tree_key to = fault_key(plan, 90);
    copse_bytes end = tree_key_view(&to);
    size_t len;
    uint8_t *value = tree_value_bytes(20, 'n', &len);
    tree_model_put(&plan->after, tree_key_view(&changed), (copse_bytes){value, len});
    tree_model_delete_range(&plan->after, tree_key_view(&from), &end);
    free(value);
    plan->want = tree_model_root(&plan->after, &plan->config);
}

static void fault_plan_release(fault_plan *plan)
{
    tree_model_release(&plan->before);
    tree_model_release(&plan->after);
}

/* The objects of one run. */
typedef struct fault_run {
    copse_store *memory;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    copse_batch *batch;
    copse_tree *tree;
    copse_tree *next;
} fault_run;

static void fault_run_release(fault_run *run)
{
    copse_tree_close(run->next);
    copse_tree_close(run->tree);
    copse_batch_free(run->batch);
    copse_node_cache_free(run->cache);
    copse_source_free(run->source);
    copse_store_close(run->store);
}

static copse_status fault_fill_batch(const fault_plan *plan, copse_batch *batch, copse_err *err)
{
    tree_key changed = fault_key(plan, 31);
    tree_key from = fault_key(plan, 70);
    tree_key to = fault_key(plan, 90);
    copse_bytes end = tree_key_view(&to);
    size_t len;
    uint8_t *value = tree_value_bytes(20, 'n', &len);
    copse_status status =
        copse_batch_put(batch, tree_key_view(&changed), (copse_bytes){value, len}, err);
    if (status == COPSE_OK) {
        status = copse_batch_delete_range(batch, tree_key_view(&from), &end, err);
    }
    free(value);
    return status;
}

/* From an empty store to the open tree. */
static copse_status fault_build(const fault_plan *plan, const copse_env *env, fault_run *run,
                                copse_err *err)
{
    copse_cid root = {0};
    copse_status status = copse_memory_store_new(env, &run->memory, err);
    if (status != COPSE_OK) {
        return status;
    }
    run->store = run->memory;
    status = tree_model_try_build(&plan->before, env, run->store, &plan->config, &root, err);
    if (status == COPSE_OK) {
        status = copse_source_new(env, run->store, &run->source, err);
    }
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, run->source, &run->cache, err);
    }
    if (status == COPSE_OK) {
        status = copse_tree_open(run->cache, &root, &run->tree, err);
    }
    return status;
}

static copse_status fault_read(const fault_plan *plan, copse_tree *tree, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < plan->before.count; i += 7) {
        copse_bytes value = {NULL, 77};
        status = copse_tree_get(tree, plan->before.entries[i].key, &value, err);
        if (status == COPSE_OK) {
            assert_true(copse_bytes_equal(value, plan->before.entries[i].value));
        } else {
            assert_int_equal(value.len, 77);
        }
    }
    return status;
}

static copse_status fault_change(const fault_plan *plan, const copse_env *env, fault_run *run,
                                 copse_err *err)
{
    copse_status status = copse_batch_new(env, &run->batch, err);
    if (status == COPSE_OK) {
        status = fault_fill_batch(plan, run->batch, err);
    }
    if (status == COPSE_OK) {
        status = copse_tree_apply(run->tree, run->batch, run->store, &run->next, NULL, err);
    }
    if (status == COPSE_OK) {
        assert_true(copse_cid_equal(copse_tree_root(run->next), &plan->want));
    } else {
        assert_null(run->next);
    }
    return status;
}

static copse_status fault_sweep_run(const copse_env *env, void *ctx)
{
    const fault_plan *plan = ctx;
    fault_run run = {0};
    copse_err err = {0};
    copse_status status = fault_build(plan, env, &run, &err);
    if (status == COPSE_OK) {
        status = fault_read(plan, run.tree, &err);
    }
    if (status == COPSE_OK) {
        status = fault_change(plan, env, &run, &err);
    }
    if (status != COPSE_OK) {
        assert_int_equal(err.status, status);
    }
    fault_run_release(&run);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    fault_plan plan;
    fault_plan_init(&plan);
    uint64_t allocations = test_env_sweep(fault_sweep_run, &plan, 5000);
    printf("%llu allocations, each failed once\n", (unsigned long long)allocations);
    assert_true(allocations > 150); /* fewer in builds whose arenas take chunks */
    fault_plan_release(&plan);
}

/* After a failed allocation in the middle of an apply, the same objects go on. */
static void test_apply_again_after_nomem(void **state)
{
    (void)state;
    fault_plan plan;
    fault_plan_init(&plan);
    bool failed = true;
    size_t failures = 0;
    for (uint64_t n = 0; failed; n++) {
        test_env test;
        fault_run run = {0};
        test_env_init(&test);
        assert_int_equal(fault_build(&plan, &test.env, &run, NULL), COPSE_OK);
        test.fail_at = test.calls + n;
        copse_status status = fault_change(&plan, &test.env, &run, NULL);
        failed = test.failed;
        failures += failed;
        test.fail_at = UINT64_MAX;
        assert_int_equal(status, failed ? COPSE_NOMEM : COPSE_OK);
        assert_int_equal(fault_read(&plan, run.tree, NULL), COPSE_OK);
        run.next = copse_tree_close(run.next);
        run.batch = copse_batch_free(run.batch);
        assert_int_equal(fault_change(&plan, &test.env, &run, NULL), COPSE_OK);
        fault_run_release(&run);
        test_env_assert_empty(&test);
    }
    assert_true(failures > 20);
    fault_plan_release(&plan);
}

/* The n-th call of the store fails, for each n, with each status. */
static void fault_store_sweep(const fault_plan *plan, copse_status fault_status)
{
    size_t failures = 0;
    bool failed = true;
    for (uint64_t n = 0; failed; n++) {
        test_env test;
        fault_run run = {0};
        copse_err err = {0};
        copse_cid root = {0};
        test_env_init(&test);
        assert_int_equal(copse_memory_store_new(&test.env, &run.memory, NULL), COPSE_OK);
        run.store = fault_store_new(&test.env, run.memory);
        assert_int_equal(
            tree_model_try_build(&plan->before, &test.env, run.store, &plan->config, &root, NULL),
            COPSE_OK);
        assert_int_equal(copse_source_new(&test.env, run.store, &run.source, NULL), COPSE_OK);
        assert_int_equal(copse_node_cache_new(&test.env, run.source, &run.cache, NULL), COPSE_OK);
        fault_store_fail_at(run.store, n, fault_status);
        copse_status status = copse_tree_open(run.cache, &root, &run.tree, &err);
        if (status == COPSE_OK) {
            status = fault_change(plan, &test.env, &run, &err);
        }
        failed = fault_store_has_failed(run.store);
        failures += failed;
        assert_int_equal(status, failed ? fault_status : COPSE_OK);
        if (failed) {
            assert_int_equal(err.status, fault_status);
        }
        fault_store_heal(run.store);
        run.batch = copse_batch_free(run.batch);
        run.next = copse_tree_close(run.next);
        if (run.tree == NULL) {
            assert_int_equal(copse_tree_open(run.cache, &root, &run.tree, NULL), COPSE_OK);
        }
        assert_int_equal(fault_read(plan, run.tree, NULL), COPSE_OK);
        assert_int_equal(fault_change(plan, &test.env, &run, NULL), COPSE_OK);
        fault_run_release(&run);
        test_env_assert_empty(&test);
    }
    assert_true(failures > 5);
}

static void test_store_failures(void **state)
{
    (void)state;
    fault_plan plan;
    fault_plan_init(&plan);
    fault_store_sweep(&plan, COPSE_IO);
    fault_store_sweep(&plan, COPSE_CORRUPT);
    fault_store_sweep(&plan, COPSE_NOMEM);
    fault_plan_release(&plan);
}

/* A hidden
 * block is WANT, and never NOT_FOUND or a shorter answer. */
static void test_hidden_blocks(void **state)
{
    (void)state;
    fault_plan plan;
    fault_plan_init(&plan);
    size_t hidden = 0;
    for (size_t n = 0;; n++) {
        test_env test;
        fault_run run = {0};
        test_env_init(&test);
        assert_int_equal(fault_build(&plan, &test.env, &run, NULL), COPSE_OK);
        copse_cid root = *copse_tree_root(run.tree);
        run.tree = copse_tree_close(run.tree);
        copse_node_cache_free(run.cache);
        copse_source_free(run.source);
        run.store = fault_store_new(&test.env, run.memory);
        assert_int_equal(copse_source_new(&test.env, run.store, &run.source, NULL), COPSE_OK);
        assert_int_equal(copse_node_cache_new(&test.env, run.source, &run.cache, NULL), COPSE_OK);
        assert_int_equal(copse_tree_open(run.cache, &root, &run.tree, NULL), COPSE_OK);
        fault_store_forget(run.store);
        assert_int_equal(fault_change(&plan, &test.env, &run, NULL), COPSE_OK);
        size_t count;
        const copse_cid *gets = fault_store_gets(run.store, &count);
        bool done = n >= count;
        if (!done) { /* a reader that has seen nothing yet */
            copse_cid away = gets[n];
            fault_run fresh = {.store = run.store};
            assert_int_equal(copse_source_new(&test.env, run.store, &fresh.source, NULL), COPSE_OK);
            assert_int_equal(copse_node_cache_new(&test.env, fresh.source, &fresh.cache, NULL),
                             COPSE_OK);
            assert_int_equal(copse_tree_open(fresh.cache, &root, &fresh.tree, NULL), COPSE_OK);
            fault_store_hide(run.store, &away);
            assert_int_equal(fault_change(&plan, &test.env, &fresh, NULL), COPSE_WANT);
            fault_store_heal(run.store);
            fresh.batch = copse_batch_free(fresh.batch);
            assert_int_equal(fault_change(&plan, &test.env, &fresh, NULL), COPSE_OK);
            fresh.store = NULL;
            fault_run_release(&fresh);
            hidden++;
        }
        fault_run_release(&run);
        test_env_assert_empty(&test);
        if (done) {
            break;
        }
    }
    assert_true(hidden > 5);
    fault_plan_release(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_apply_again_after_nomem),
        cmocka_unit_test(test_store_failures),
        cmocka_unit_test(test_hidden_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
