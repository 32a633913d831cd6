/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/cid_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

enum { LIST_COUNT = 30 };

static void list_cids(copse_cid ret_cids[LIST_COUNT])
{
    memset(ret_cids, 0, LIST_COUNT * sizeof *ret_cids);
    for (uint8_t i = 0; i < LIST_COUNT; i++) {
        copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){&i, 1}, &ret_cids[i]);
    }
}

/* Writes a list and what stands behind it, and reads it. */
static copse_status write_and_read(const copse_env *env, void *ctx)
{
    const size_t *count = ctx;
    copse_cid cids[LIST_COUNT];
    copse_buf buf;
    copse_buf back;
    copse_cbor_reader reader;
    copse_cbor_item item;
    list_cids(cids);
    copse_buf_init(&buf, env, SIZE_MAX);
    copse_buf_init(&back, env, SIZE_MAX);
    copse_status status = copse_cid_list_write(cids, *count, &buf);
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(&buf, 7);
    }
    if (status == COPSE_OK) {
        copse_cbor_reader_init(&reader, copse_buf_view(&buf));
        status = copse_cid_list_read(&reader, *count, &back, NULL);
    }
    if (status == COPSE_OK) {
        assert_int_equal(back.len, *count * sizeof *cids);
        for (size_t i = 0; i < *count; i++) {
            assert_true(copse_cid_equal(&((const copse_cid *)(const void *)back.ptr)[i], &cids[i]));
        }
        assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
        assert_int_equal(item.arg, 7);
    }
    copse_buf_release(&buf);
    copse_buf_release(&back);
    return status;
}

static void test_comes_back(void **state)
{
    (void)state;
    for (size_t count = 0; count <= LIST_COUNT; count += LIST_COUNT / 2) {
        assert_true(test_env_sweep(write_and_read, &count, 100) > 0);
    }
}

static void check_refused(const char *bytes, size_t size, size_t count_max, copse_status expected)
{
    test_env env;
    copse_buf cids;
    copse_cbor_reader reader;
    copse_err err = {.message = ""};
    test_env_init(&env);
    copse_buf_init(&cids, &env.env, SIZE_MAX);
    copse_cbor_reader_init(&reader, (copse_bytes){(const uint8_t *)bytes, size});
    assert_int_equal(copse_cid_list_read(&reader, count_max, &cids, &err), expected);
    assert_true(strlen(err.message) > 10);
    assert_int_equal(cids.len, 0);
    copse_buf_release(&cids);
    test_env_assert_empty(&env);
}

static void test_refused(void **state)
{
    static const copse_cid none = {.size = 0};
    test_env env;
    copse_buf buf;
    (void)state;
    check_refused("\xa0", 1, 9, COPSE_CORRUPT);
    check_refused("\xf6", 1, 9, COPSE_CORRUPT);
    check_refused("\x81\x01", 2, 9, COPSE_CORRUPT);
    check_refused("\x83\xd8\x2a\x45\x00\x01\x55\x00\x00", 9, 2, COPSE_LIMIT);
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, SIZE_MAX);
    assert_int_equal(copse_cid_list_write(&none, 1, &buf), COPSE_MISUSE);
    copse_buf_release(&buf);
    copse_buf_init(&buf, &env.env, 0);
    assert_int_equal(copse_cid_list_write(&none, 0, &buf), COPSE_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
