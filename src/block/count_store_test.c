/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/count_store.h>

#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/decorator_conformance.h"
#include "support/fault_store.h"
#include "support/test_env.h"

static copse_status count_store_make(void *ctx, const copse_env *env, copse_store *inner,
                                     copse_store **ret_store)
{
    (void)ctx;
    return copse_count_store_new(env, inner, ret_store, NULL);
}

static void count_store_conforms(void **state)
{
    (void)state;
    decorator_conformance_run(count_store_make, NULL);
}

static void count_assert(copse_store_count count, uint64_t calls, uint64_t failures,
                         uint64_t blocks, uint64_t missing, uint64_t size_bytes)
{
    assert_int_equal(count.calls, calls);
    assert_int_equal(count.failures, failures);
    assert_int_equal(count.blocks, blocks);
    assert_int_equal(count.missing, missing);
    assert_int_equal(count.size_bytes, size_bytes);
}

static copse_status count_visit(void *ctx, copse_block *block, copse_err *err)
{
    (void)ctx;
    (void)block;
    (void)err;
    return COPSE_END;
}

static void count_store_counts_exactly(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_store *memory = NULL;
    copse_store *store = NULL;
    assert_int_equal(copse_memory_store_new(&test.env, &memory, NULL), COPSE_OK);
    copse_store *fault = fault_store_new(&test.env, memory);
    assert_int_equal(copse_count_store_new(&test.env, fault, &store, NULL), COPSE_OK);
    copse_block *blocks[3];
    copse_cid cids[3];
    for (uint64_t i = 0; i < 3; i++) {
        blocks[i] = block_support_make(&test.env, i, 100);
        cids[i] = *copse_block_cid(blocks[i]);
    }
    copse_block *got[3];
    bool is_present = false;
    assert_int_equal(copse_store_put(store, blocks, 2, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(store, NULL, 0, NULL), COPSE_OK);
    assert_int_equal(copse_store_get(store, &cids[0], &got[0], NULL), COPSE_OK);
    copse_block_unref(got[0]);
    assert_int_equal(copse_store_get(store, &cids[2], &got[0], NULL), COPSE_NOT_FOUND);
    fault_store_fail_at(fault, 0, COPSE_IO);
    assert_int_equal(copse_store_get(store, &cids[0], &got[0], NULL), COPSE_IO);
    assert_int_equal(copse_store_get_many(store, cids, 3, got, NULL), COPSE_OK);
    copse_block_unref(got[0]);
    copse_block_unref(got[1]);
    assert_int_equal(copse_store_has(store, &cids[0], &is_present, NULL), COPSE_OK);
    assert_int_equal(copse_store_has(store, &cids[2], &is_present, NULL), COPSE_OK);
    assert_int_equal(copse_store_iterate(store, count_visit, NULL, NULL), COPSE_END);
    assert_int_equal(copse_store_flush(store, NULL), COPSE_OK);
    assert_int_equal(copse_store_remove(store, cids, 3, NULL), COPSE_OK);
    copse_store_counts counts;
    copse_count_store_snapshot(store, &counts);
    count_assert(counts.put, 1, 0, 2, 0, 200);
    count_assert(counts.get, 3, 1, 1, 1, 100);
    count_assert(counts.get_many, 1, 0, 2, 1, 200);
    count_assert(counts.has, 2, 0, 1, 1, 0);
    count_assert(counts.iterate, 1, 0, 1, 0, 100);
    count_assert(counts.flush, 1, 0, 0, 0, 0);
    count_assert(counts.remove, 1, 0, 3, 0, 0);
    copse_count_store_reset(store);
    copse_count_store_snapshot(store, &counts);
    count_assert(counts.get, 0, 0, 0, 0, 0);
    copse_count_store_reset(memory);
    copse_count_store_snapshot(memory, &counts);
    count_assert(counts.put, 0, 0, 0, 0, 0);
    copse_store_close(store);
    for (size_t i = 0; i < 3; i++) {
        copse_block_unref(blocks[i]);
    }
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_store_conforms),
        cmocka_unit_test(count_store_counts_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
