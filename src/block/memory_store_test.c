/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/store_conformance.h"
#include "support/test_env.h"

static copse_store *memory_store_make(void *ctx, const copse_env *env)
{
    (void)ctx;
    copse_store *store = NULL;
    assert_int_equal(copse_memory_store_new(env, &store, NULL), COPSE_OK);
    return store;
}

static void memory_store_conforms(void **state)
{
    (void)state;
    store_conformance_run(memory_store_make, NULL);
}

/* A store with the required slots only: the wrappers fall back. */
static copse_store *memory_store_make_bare(void *ctx, const copse_env *env)
{
    copse_store_ops *ops = ctx;
    copse_store *store = memory_store_make(NULL, env);
    *ops = *store->ops;
    ops->get_many = NULL;
    ops->has = NULL;
    ops->flush = NULL;
    store->ops = ops;
    return store;
}

static void memory_store_conforms_through_fallbacks(void **state)
{
    (void)state;
    copse_store_ops ops;
    store_conformance_run(memory_store_make_bare, &ops);
}

static void memory_store_accounts(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_store *store = memory_store_make(NULL, &test.env);
    copse_block *blocks[3];
    for (uint64_t i = 0; i < 3; i++) {
        blocks[i] = block_support_make(&test.env, i, 100 + i);
    }
    assert_int_equal(copse_store_put(store, blocks, 3, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(store, blocks, 3, NULL), COPSE_OK);
    assert_int_equal(copse_memory_store_block_count(store), 3);
    assert_int_equal(copse_memory_store_size_bytes(store), 303);
    assert_int_equal(copse_store_remove(store, copse_block_cid(blocks[1]), 1, NULL), COPSE_OK);
    assert_int_equal(copse_memory_store_block_count(store), 2);
    assert_int_equal(copse_memory_store_size_bytes(store), 202);
    copse_store_close(store);
    for (size_t i = 0; i < 3; i++) {
        copse_block_unref(blocks[i]);
    }
    test_env_assert_empty(&test);
    assert_int_equal(copse_memory_store_block_count(NULL), 0);
    assert_int_equal(copse_memory_store_size_bytes(NULL), 0);
    assert_int_equal(copse_memory_store_new(&test.env, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_memory_store_new(NULL, &store, NULL), COPSE_MISUSE);
}

static copse_status memory_store_random_fails(void *ctx, void *ret_bytes, size_t size)
{
    (void)ctx;
    (void)ret_bytes;
    (void)size;
    return COPSE_IO;
}

static void memory_store_needs_its_seed(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    test.env.random = memory_store_random_fails;
    copse_store *store = NULL;
    assert_int_equal(copse_memory_store_new(&test.env, &store, NULL), COPSE_IO);
    assert_null(store);
    test_env_assert_empty(&test);
}

/* Puts 40 blocks of another environment; what was accepted before the failure stays. */
static copse_status memory_store_sweep(const copse_env *env, void *ctx)
{
    copse_block **blocks = ctx;
    copse_store *store = NULL;
    copse_status status = copse_memory_store_new(env, &store, NULL);
    size_t accepted = 0;
    while (status == COPSE_OK && accepted < 40) {
        status = copse_store_put(store, &blocks[accepted], 1, NULL);
        accepted += status == COPSE_OK;
    }
    for (size_t i = 0; i < 40 && store != NULL; i++) {
        bool is_present = i >= accepted;
        assert_int_equal(copse_store_has(store, copse_block_cid(blocks[i]), &is_present, NULL),
                         COPSE_OK);
        assert_int_equal(is_present, i < accepted);
    }
    copse_store_close(store);
    return status;
}

static void memory_store_survives_failing_allocations(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_block *blocks[40];
    for (uint64_t i = 0; i < 40; i++) {
        blocks[i] = block_support_make(&test.env, i, 20);
    }
    /* The store, and three times (16, 32, 64 slots) two arrays. */
    assert_int_equal(test_env_sweep(memory_store_sweep, blocks, 100), 7);
    for (size_t i = 0; i < 40; i++) {
        copse_block_unref(blocks[i]);
    }
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_store_conforms),
        cmocka_unit_test(memory_store_conforms_through_fallbacks),
        cmocka_unit_test(memory_store_accounts),
        cmocka_unit_test(memory_store_needs_its_seed),
        cmocka_unit_test(memory_store_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
