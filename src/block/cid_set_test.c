/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/cid_set.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* CID number `index`: of two codecs under one digest, and every fifth an identity CID. */
static void make_cid(size_t index, copse_cid *ret_cid)
{
    size_t half = index / 2;
    copse_bytes data = {(const uint8_t *)&half, sizeof half};
    copse_cid_of_data(index % 2 == 0 ? COPSE_CODEC_RAW : COPSE_CODEC_DAG_CBOR, data, ret_cid);
    if (index % 5 == 0) {
        assert_int_equal(copse_cid_from_parts(COPSE_CODEC_RAW, COPSE_HASH_IDENTITY,
                                              (copse_bytes){(const uint8_t *)&index, sizeof index},
                                              ret_cid, NULL),
                         COPSE_OK);
    }
}

static copse_status fill(const copse_env *env, void *ctx)
{
    size_t count = *(size_t *)ctx;
    copse_cid_set set;
    copse_cid cid;
    copse_status status = COPSE_OK;
    copse_cid_set_init(&set, env);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        bool added = false;
        make_cid(i, &cid);
        assert_false(copse_cid_set_has(&set, &cid));
        status = copse_cid_set_add(&set, &cid, &added);
        assert_int_equal(set.count, status == COPSE_OK ? i + 1 : i);
        assert_true(added || status != COPSE_OK);
    }
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        bool added = true;
        make_cid(i, &cid);
        assert_true(copse_cid_set_has(&set, &cid));
        status = copse_cid_set_add(&set, &cid, &added);
        assert_false(added);
    }
    copse_cid_set_release(&set);
    assert_int_equal(set.count, 0);
    return status;
}

static void test_fills(void **state)
{
    size_t count = 20000;
    test_env env;
    (void)state;
    test_env_init(&env);
    assert_int_equal(fill(&env.env, &count), COPSE_OK);
    test_env_assert_empty(&env);
    assert_int_equal(test_env_sweep(fill, &count, 100), 6); /* 1,024 slots, doubled five times */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
