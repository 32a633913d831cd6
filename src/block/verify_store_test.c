/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/verify_store.h>

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

static copse_status verify_store_make(void *ctx, const copse_env *env, copse_store *inner,
                                      copse_store **ret_store)
{
    (void)ctx;
    return copse_verify_store_new(env, inner, ret_store, NULL);
}

static void verify_store_conforms(void **state)
{
    (void)state;
    decorator_conformance_run(verify_store_make, NULL);
}

typedef struct verify_fixture {
    test_env test;
    copse_store *memory;
    copse_store *fault;
    copse_store *store;
    copse_block *blocks[3];
    copse_cid cids[3];
} verify_fixture;

static void verify_fixture_init(verify_fixture *fixture)
{
    test_env_init(&fixture->test);
    const copse_env *env = &fixture->test.env;
    assert_int_equal(copse_memory_store_new(env, &fixture->memory, NULL), COPSE_OK);
    fixture->fault = fault_store_new(env, fixture->memory);
    assert_int_equal(copse_verify_store_new(env, fixture->fault, &fixture->store, NULL), COPSE_OK);
    for (uint64_t i = 0; i < 3; i++) {
        fixture->blocks[i] = block_support_make(env, i, 50);
        fixture->cids[i] = *copse_block_cid(fixture->blocks[i]);
    }
}

static void verify_fixture_release(verify_fixture *fixture)
{
    copse_store_close(fixture->store);
    for (size_t i = 0; i < 3; i++) {
        copse_block_unref(fixture->blocks[i]);
    }
    test_env_assert_empty(&fixture->test);
}

static void verify_assert_names(const copse_err *err, const copse_cid *cid)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_cid_to_text(cid, COPSE_BASE32, text);
    assert_non_null(strstr(err->message, text));
}

static copse_status verify_visit(void *ctx, copse_block *block, copse_err *err)
{
    (void)ctx;
    (void)err;
    return copse_block_verify(block, NULL);
}

static void verify_store_reads(void **state)
{
    (void)state;
    verify_fixture fixture;
    verify_fixture_init(&fixture);
    assert_int_equal(copse_store_put(fixture.store, fixture.blocks, 3, NULL), COPSE_OK);
    fault_store_garble(fixture.fault, &fixture.cids[1]);
    copse_err err = {0};
    copse_block *block = fixture.blocks[0];
    assert_int_equal(copse_store_get(fixture.store, &fixture.cids[1], &block, &err), COPSE_CORRUPT);
    assert_int_equal(err.status, COPSE_CORRUPT);
    assert_ptr_equal(block, fixture.blocks[0]);
    verify_assert_names(&err, &fixture.cids[1]);
    copse_block *blocks[3];
    err = (copse_err){0};
    assert_int_equal(copse_store_get_many(fixture.store, fixture.cids, 3, blocks, &err),
                     COPSE_CORRUPT);
    verify_assert_names(&err, &fixture.cids[1]);
    for (size_t i = 0; i < 3; i++) {
        assert_null(blocks[i]);
    }
    err = (copse_err){0};
    assert_int_equal(copse_store_iterate(fixture.store, verify_visit, NULL, &err), COPSE_CORRUPT);
    verify_assert_names(&err, &fixture.cids[1]);
    fault_store_heal(fixture.fault);
    assert_int_equal(copse_store_iterate(fixture.store, verify_visit, NULL, NULL), COPSE_OK);
    verify_fixture_release(&fixture);
}

static void verify_store_writes_all_or_nothing(void **state)
{
    (void)state;
    verify_fixture fixture;
    verify_fixture_init(&fixture);
    copse_block *wrong = NULL;
    assert_int_equal(copse_block_new(&fixture.test.env, &fixture.cids[1],
                                     copse_block_data(fixture.blocks[2]), &wrong, NULL),
                     COPSE_OK);
    copse_block *blocks[] = {fixture.blocks[0], wrong, fixture.blocks[2]};
    copse_err err = {0};
    assert_int_equal(copse_store_put(fixture.store, blocks, 3, &err), COPSE_CORRUPT);
    verify_assert_names(&err, &fixture.cids[1]);
    assert_int_equal(copse_memory_store_block_count(fixture.memory), 0);
    copse_block_unref(wrong);
    verify_fixture_release(&fixture);
}

/* A block under a hash that can't be computed (blake3, 0x1e) is neither right nor corrupt. */
static void verify_store_unknown_hash(void **state)
{
    (void)state;
    verify_fixture fixture;
    verify_fixture_init(&fixture);
    uint8_t digest[32] = {1};
    copse_cid cid;
    assert_int_equal(copse_cid_from_parts(COPSE_CODEC_RAW, 0x1e,
                                          (copse_bytes){digest, sizeof digest}, &cid, NULL),
                     COPSE_OK);
    copse_block *block = NULL;
    copse_block *got = NULL;
    assert_int_equal(
        copse_block_new(&fixture.test.env, &cid, copse_bytes_of_text("x"), &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(fixture.store, &block, 1, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_put(fixture.memory, &block, 1, NULL), COPSE_OK);
    assert_int_equal(copse_store_get(fixture.store, &cid, &got, NULL), COPSE_MISUSE);
    assert_null(got);
    copse_block_unref(block);
    verify_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_store_conforms),
        cmocka_unit_test(verify_store_reads),
        cmocka_unit_test(verify_store_writes_all_or_nothing),
        cmocka_unit_test(verify_store_unknown_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
