/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "support/tree_model.h"

static void test_ranges(void **state)
{
    (void)state;
    static const copse_tree_config good[] = {
        {0, 256, 16}, {256, 256, 256}, {0, 524288, 524288}, {524288, 524288, 16}};
    static const copse_tree_config bad[] = {{0, 255, 16},       {0, 524289, 16}, {257, 256, 16},
                                            {0, 256, 15},       {0, 256, 257},   {0, 0, 0},
                                            {0, UINT32_MAX, 16}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(copse_tree_config_check(&good[i], NULL), COPSE_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        copse_err err = {0};
        assert_int_equal(copse_tree_config_check(&bad[i], &err), COPSE_MISUSE);
        assert_non_null(strstr(err.message, "_bytes"));
    }
    copse_tree_config config;
    copse_tree_config_init(&config);
    assert_int_equal(copse_tree_config_check(&config, NULL), COPSE_OK);
}

static void test_round_trip(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < TREE_MODEL_CONFIGS; i++) {
        copse_tree_config config = tree_model_config(i);
        copse_tree_config got = {0};
        copse_tree_kind kind = COPSE_TREE_GO;
        copse_cid cid;
        copse_cid want;
        copse_buf buf;
        copse_buf_init(&buf, &test.env, 1000);
        assert_int_equal(copse_tree_config_encode(&config, &buf, NULL), COPSE_OK);
        assert_int_equal(
            copse_tree_config_decode(copse_buf_view(&buf), &test.env.limits, &kind, &got, NULL),
            COPSE_OK);
        assert_int_equal(kind, COPSE_TREE_OURS);
        assert_memory_equal(&got, &config, sizeof got);
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), &want);
        assert_int_equal(copse_tree_config_cid(&test.env, &config, &cid, NULL), COPSE_OK);
        assert_true(copse_cid_equal(&cid, &want));
        copse_buf_release(&buf);
    }
    test_env_assert_empty(&test);
}

/* The example of docs/formats/tree.md: {0, 256, 16}. */
#define CONFIG_HEAD "\x87\x00\x19\x01\x00\x01\x18\x71\x12\xf6\xa1\x67weibull\x83"

static void config_expect(const char *bytes, size_t size, copse_status expected,
                          copse_tree_kind kind)
{
    test_env test;
    test_env_init(&test);
    copse_tree_config config = {7, 7, 7};
    copse_tree_kind got = COPSE_TREE_OURS;
    copse_bytes data = {(const uint8_t *)bytes, size};
    assert_int_equal(copse_tree_config_decode(data, &test.env.limits, &got, &config, NULL),
                     expected);
    if (expected == COPSE_OK) {
        assert_int_equal(got, kind);
    }
    if (expected != COPSE_OK || kind != COPSE_TREE_OURS) {
        assert_int_equal(config.size_bytes_max, 7);
    }
}

#define CONFIG_EXPECT(bytes, expected, kind) config_expect(bytes, sizeof(bytes) - 1, expected, kind)

static void test_decode(void **state)
{
    (void)state;
    CONFIG_EXPECT(CONFIG_HEAD "\x04\x10\x19\xb3\xe3", COPSE_OK, COPSE_TREE_OURS);
    /* another shape or hash is another strategy */
    CONFIG_EXPECT(CONFIG_HEAD "\x02\x10\x19\xb3\xe3", COPSE_OK, COPSE_TREE_DRAFT);
    CONFIG_EXPECT(CONFIG_HEAD "\x04\x10\x19\xb3\xe1", COPSE_OK, COPSE_TREE_DRAFT);
    CONFIG_EXPECT(
        "\x87\x00\x1a\x00\x10\x00\x00\x01\x18\x71\x12\xf6\xa1\x6dhashThreshold\x82\x18\x40"
        "\x12",
        COPSE_OK, COPSE_TREE_DRAFT);
    CONFIG_EXPECT("\x89\0\0\0\0\0\0\0\0\0", COPSE_OK, COPSE_TREE_GO);
    /* ours, out of range */
    CONFIG_EXPECT(CONFIG_HEAD "\x04\x0f\x19\xb3\xe3", COPSE_CORRUPT, 0);
    CONFIG_EXPECT(CONFIG_HEAD "\x04\x1b\x00\x00\x00\x01\x00\x00\x00\x00\x19\xb3\xe3", COPSE_CORRUPT,
                  0);
    /* broken */
    CONFIG_EXPECT(CONFIG_HEAD "\x04\x10\x19\xb3\xe3\x00", COPSE_CORRUPT, 0);
    CONFIG_EXPECT(CONFIG_HEAD "\x04\x10\x19\xb3", COPSE_CORRUPT, 0);
    CONFIG_EXPECT("\x88\0\0\0\0\0\0\0\0", COPSE_CORRUPT, 0);
    CONFIG_EXPECT("\x80", COPSE_CORRUPT, 0);
    CONFIG_EXPECT("\xa0", COPSE_CORRUPT, 0);
    CONFIG_EXPECT("", COPSE_CORRUPT, 0);
}

static void test_entry_limits(void **state)
{
    (void)state;
    copse_env env;
    copse_env_init(&env);
    copse_tree_config small = {0, 256, 16};
    copse_tree_config large = {0, 524288, 4096};
    uint8_t key[COPSE_KEY_SIZE_BYTES_MAX + 1] = {0};
    assert_int_equal(copse_tree_config_key_size_max(&small), 32);
    assert_int_equal(copse_tree_config_key_size_max(&large), 1024);
    assert_int_equal(copse_tree_check_entry(&env, &small, (copse_bytes){key, 32}, 1, NULL),
                     COPSE_OK);
    assert_int_equal(copse_tree_check_entry(&env, &small, (copse_bytes){key, 33}, 1, NULL),
                     COPSE_LIMIT);
    assert_int_equal(copse_tree_check_entry(&env, &large, (copse_bytes){key, 1025}, 1, NULL),
                     COPSE_LIMIT);
    size_t most = (1u << 20) - 32 - 1024;
    assert_int_equal(copse_tree_check_entry(&env, &large, (copse_bytes){key, 1024}, most, NULL),
                     COPSE_OK);
    assert_int_equal(copse_tree_check_entry(&env, &large, (copse_bytes){key, 1024}, most + 1, NULL),
                     COPSE_LIMIT);
    assert_int_equal(copse_tree_check_entry(&env, &large, (copse_bytes){key, 0}, SIZE_MAX, NULL),
                     COPSE_LIMIT);
}

static copse_status config_run(const copse_env *env, void *ctx)
{
    copse_tree_config config = tree_model_small_config();
    return copse_tree_config_cid(env, &config, ctx, NULL);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    copse_cid cid;
    (void)test_env_sweep(config_run, &cid, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_entry_limits),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
