/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "block/block.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/test_env.h"

static void block_copy_holds_its_bytes(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    uint8_t bytes[] = "some bytes";
    copse_block *block = NULL;
    assert_int_equal(copse_block_of_data(&test.env, COPSE_CODEC_DAG_CBOR,
                                         (copse_bytes){bytes, sizeof bytes}, &block, NULL),
                     COPSE_OK);
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){bytes, sizeof bytes}, &cid);
    bytes[0] = 'X';
    assert_true(copse_cid_equal(copse_block_cid(block), &cid));
    assert_string_equal((const char *)copse_block_data(block).ptr, "some bytes");
    assert_int_equal(copse_block_verify(block, NULL), COPSE_OK);
    assert_ptr_equal(copse_block_ref(block), block);
    assert_null(copse_block_unref(block));
    assert_int_equal(test.blocks, 1);
    assert_null(copse_block_unref(block));
    assert_null(copse_block_unref(NULL));
    test_env_assert_empty(&test);
}

static void block_empty(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_block *block = NULL;
    assert_int_equal(
        copse_block_of_data(&test.env, COPSE_CODEC_RAW, (copse_bytes){NULL, 0}, &block, NULL),
        COPSE_OK);
    assert_int_equal(copse_block_data(block).len, 0);
    assert_int_equal(copse_block_verify(block, NULL), COPSE_OK);
    copse_block_unref(block);
    test_env_assert_empty(&test);
}

static void block_verify_sees_wrong_bytes(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text("right"), &cid);
    copse_block *block = NULL;
    assert_int_equal(copse_block_new(&test.env, &cid, copse_bytes_of_text("wrong"), &block, NULL),
                     COPSE_OK);
    copse_err err = {0};
    assert_int_equal(copse_block_verify(block, &err), COPSE_CORRUPT);
    assert_int_equal(err.status, COPSE_CORRUPT);
    copse_block_unref(block);
    test_env_assert_empty(&test);
}

static void block_count_release(void *ctx)
{
    ++*(int *)ctx;
}

static void block_view_borrows_until_the_last_reference(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_bytes data = copse_bytes_of_text("mapped");
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_RAW, data, &cid);
    int released = 0;
    copse_block *block = NULL;
    assert_int_equal(
        copse_block_new_view(&test.env, &cid, data, block_count_release, &released, &block, NULL),
        COPSE_OK);
    assert_ptr_equal(copse_block_data(block).ptr, data.ptr);
    copse_block_ref(block);
    copse_block_unref(block);
    assert_int_equal(released, 0);
    copse_block_unref(block);
    assert_int_equal(released, 1);
    test_env_assert_empty(&test);
    /* An empty view, and failures: the caller keeps ctx. */
    assert_int_equal(copse_block_new_view(&test.env, &cid, (copse_bytes){NULL, 0},
                                          block_count_release, &released, &block, NULL),
                     COPSE_OK);
    copse_block_unref(block);
    assert_int_equal(released, 2);
    test.fail_at = test.calls;
    assert_int_equal(
        copse_block_new_view(&test.env, &cid, data, block_count_release, &released, &block, NULL),
        COPSE_NOMEM);
    assert_int_equal(copse_block_new_view(&test.env, &cid, data, NULL, &released, &block, NULL),
                     COPSE_MISUSE);
    assert_int_equal(released, 2);
    test_env_assert_empty(&test);
}

static void block_limits_and_misuse(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    test.env.limits.foreign_size_bytes_max = 8;
    copse_block *const untouched = (copse_block *)(void *)&test;
    copse_block *block = untouched;
    copse_cid cid;
    copse_cid none = {0};
    copse_bytes fits = copse_bytes_of_text("12345678");
    copse_cid_of_data(COPSE_CODEC_RAW, fits, &cid);
    const copse_env *env = &test.env;
    assert_int_equal(copse_block_new(env, &cid, copse_bytes_of_text("123456789"), &block, NULL),
                     COPSE_LIMIT);
    assert_int_equal(
        copse_block_of_data(env, COPSE_CODEC_RAW, copse_bytes_of_text("123456789"), &block, NULL),
        COPSE_LIMIT);
    assert_int_equal(copse_block_new(env, &none, fits, &block, NULL), COPSE_MISUSE);
    assert_int_equal(copse_block_new(env, NULL, fits, &block, NULL), COPSE_MISUSE);
    assert_int_equal(copse_block_new(NULL, &cid, fits, &block, NULL), COPSE_MISUSE);
    assert_int_equal(copse_block_new(env, &cid, fits, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_block_new(env, &cid, (copse_bytes){NULL, 1}, &block, NULL),
                     COPSE_MISUSE);
    assert_int_equal(
        copse_block_of_data(env, COPSE_CODEC_RAW, (copse_bytes){NULL, 1}, &block, NULL),
        COPSE_MISUSE);
    test.fail_at = test.calls;
    assert_int_equal(copse_block_new(env, &cid, fits, &block, NULL), COPSE_NOMEM);
    assert_ptr_equal(block, untouched);
    assert_int_equal(copse_block_new(env, &cid, fits, &block, NULL), COPSE_OK);
    copse_block_unref(block);
    test_env_assert_empty(&test);
}

enum { BLOCK_THREADS = 4, BLOCK_ROUNDS = 20000 };

static void *block_thread(void *ctx)
{
    copse_block *block = ctx;
    for (int i = 0; i < BLOCK_ROUNDS; i++) {
        copse_block *mine = copse_block_ref(block);
        if (copse_block_data(mine).len != 64) {
            return block;
        }
        copse_block_unref(mine);
    }
    copse_block_unref(block);
    return NULL;
}

static void block_is_shared_by_threads(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_block *block = block_support_make(&test.env, 1, 64);
    pthread_t threads[BLOCK_THREADS];
    for (int i = 0; i < BLOCK_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, block_thread, copse_block_ref(block)),
                         0);
    }
    copse_block_unref(block);
    for (int i = 0; i < BLOCK_THREADS; i++) {
        void *failed = block;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_copy_holds_its_bytes),
        cmocka_unit_test(block_empty),
        cmocka_unit_test(block_verify_sees_wrong_bytes),
        cmocka_unit_test(block_view_borrows_until_the_last_reference),
        cmocka_unit_test(block_limits_and_misuse),
        cmocka_unit_test(block_is_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
