/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/builder.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/memory_store.h>

#include "support/fault_store.h"
#include "support/tree_model.h"

static const uint8_t builder_null[] = {0xf6};

static copse_status builder_add_text(copse_builder *builder, const char *key)
{
    return copse_builder_add(builder, copse_bytes_of_text(key), (copse_bytes){builder_null, 1},
                             NULL);
}

/* Refused entries leave the builder as it was. */
static void test_refused_entries(void **state)
{
    (void)state;
    tree_world world;
    copse_builder *builder = NULL;
    copse_cid root;
    copse_err err = {0};
    uint8_t long_key[1025] = {'z'};
    tree_world_init(&world);
    assert_int_equal(copse_builder_new(&world.test.env, world.store, NULL, &builder, NULL),
                     COPSE_OK);
    assert_int_equal(builder_add_text(builder, "b"), COPSE_OK);
    assert_int_equal(builder_add_text(builder, "b"), COPSE_MISUSE);
    assert_int_equal(builder_add_text(builder, "a"), COPSE_MISUSE);
    assert_int_equal(builder_add_text(builder, ""), COPSE_MISUSE);
    static const uint8_t half[] = {0xf9, 0x00, 0x00};
    static const uint8_t two[] = {0x00, 0x00};
    copse_bytes c = copse_bytes_of_text("c");
    assert_int_equal(copse_builder_add(builder, c, (copse_bytes){half, 3}, &err), COPSE_CORRUPT);
    assert_int_equal(err.status, COPSE_CORRUPT);
    assert_int_equal(copse_builder_add(builder, c, (copse_bytes){two, 2}, NULL), COPSE_CORRUPT);
    assert_int_equal(copse_builder_add(builder, c, (copse_bytes){NULL, 0}, NULL), COPSE_CORRUPT);
    assert_int_equal(
        copse_builder_add(builder, (copse_bytes){long_key, 1025}, (copse_bytes){two, 1}, &err),
        COPSE_LIMIT);
    assert_int_equal(builder_add_text(builder, "c"), COPSE_OK);
    assert_int_equal(copse_builder_finish(builder, &root, NULL), COPSE_OK);
    copse_builder_free(builder);

    tree_model model = {0};
    tree_model_put(&model, copse_bytes_of_text("b"), (copse_bytes){builder_null, 1});
    tree_model_put(&model, c, (copse_bytes){builder_null, 1});
    copse_tree_config config;
    copse_tree_config_init(&config);
    copse_cid want = tree_model_root(&model, &config);
    assert_true(copse_cid_equal(&root, &want));
    tree_model_release(&model);
    tree_world_release(&world);
}

/* An entry may be just as large as a block holds, given either way. */
static void test_largest_entry(void **state)
{
    (void)state;
    const size_t most = (1u << 20) - 32 - 1; /* of key and encoded value; the key has one byte */
    for (size_t more = 0; more < 2; more++) {
        for (size_t as_bytes = 0; as_bytes < 2; as_bytes++) {
            tree_world world;
            copse_builder *builder = NULL;
            copse_cid root;
            size_t len;
            uint8_t *value = tree_value_bytes(most + more - 5, 'x', &len);
            copse_bytes k = copse_bytes_of_text("k");
            assert_int_equal(len, most + more);
            tree_world_init(&world);
            assert_int_equal(copse_builder_new(&world.test.env, world.store, NULL, &builder, NULL),
                             COPSE_OK);
            copse_status status =
                as_bytes != 0
                    ? copse_builder_add_bytes(builder, k, (copse_bytes){value + 5, len - 5}, NULL)
                    : copse_builder_add(builder, k, (copse_bytes){value, len}, NULL);
            assert_int_equal(status, more == 0 ? COPSE_OK : COPSE_LIMIT);
            assert_int_equal(copse_builder_finish(builder, &root, NULL), COPSE_OK);
            copse_builder_free(builder);
            copse_tree *tree = tree_world_open(&world, &root);
            uint64_t count = 9;
            assert_int_equal(copse_tree_count(tree, &count, NULL), COPSE_OK);
            assert_int_equal(count, 1 - more);
            copse_tree_close(tree);
            tree_world_release(&world);
            free(value);
        }
    }
}

static void test_misuse(void **state)
{
    (void)state;
    tree_world world;
    copse_builder *builder = NULL;
    copse_cid root;
    copse_cid untouched = {.size = 99};
    copse_tree_config bad = {0, 100, 16};
    tree_world_init(&world);
    assert_int_equal(copse_builder_new(&world.test.env, world.store, &bad, &builder, NULL),
                     COPSE_MISUSE);
    assert_null(builder);
    assert_null(copse_builder_free(NULL));
    assert_int_equal(copse_builder_new(&world.test.env, world.store, NULL, &builder, NULL),
                     COPSE_OK);
    assert_int_equal(copse_builder_finish(builder, &root, NULL), COPSE_OK);
    /* finished: only to be freed */
    assert_int_equal(copse_builder_finish(builder, &untouched, NULL), COPSE_MISUSE);
    assert_int_equal(untouched.size, 99);
    assert_int_equal(builder_add_text(builder, "a"), COPSE_MISUSE);
    copse_builder_free(builder);
    tree_world_release(&world);
}

/* add_bytes is add of the encoded byte string. */
static void test_add_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 23, 24, 255, 256, 65535, 65536};
    copse_tree_config config = tree_model_small_config();
    tree_world world;
    tree_model model = {0};
    copse_builder *builder = NULL;
    copse_cid root;
    tree_world_init(&world);
    assert_int_equal(copse_builder_new(&world.test.env, world.store, &config, &builder, NULL),
                     COPSE_OK);
    for (uint8_t i = 0; i < 8; i++) {
        size_t len;
        uint8_t *value = tree_value_bytes(sizes[i], i, &len);
        uint8_t *bytes = value + (len - sizes[i]);
        tree_model_put(&model, (copse_bytes){&i, 1}, (copse_bytes){value, len});
        assert_int_equal(copse_builder_add_bytes(builder, (copse_bytes){&i, 1},
                                                 (copse_bytes){bytes, sizes[i]}, NULL),
                         COPSE_OK);
        free(value);
    }
    assert_int_equal(copse_builder_finish(builder, &root, NULL), COPSE_OK);
    copse_builder_free(builder);
    copse_cid want = tree_model_root(&model, &config);
    assert_true(copse_cid_equal(&root, &want));
    tree_model_release(&model);
    tree_world_release(&world);
}

/* A failing put is reported as it is, and again by every later call. */
static void test_store_failures(void **state)
{
    (void)state;
    copse_tree_config config = tree_model_small_config();
    tree_model model = {0};
    uint64_t seed = 2;
    tree_model_fill(&model, TREE_KEYS_RANDOM, TREE_VALUES_SMALL, &config, 0, 400, 1, &seed);
    copse_cid want = tree_model_root(&model, &config);
    size_t failures = 0;
    for (uint64_t n = 0;; n++) {
        test_env test;
        copse_store *memory = NULL;
        copse_builder *builder = NULL;
        copse_cid root = {.size = 99};
        copse_status status = COPSE_OK;
        test_env_init(&test);
        assert_int_equal(copse_memory_store_new(&test.env, &memory, NULL), COPSE_OK);
        copse_store *fault = fault_store_new(&test.env, memory);
        fault_store_fail_at(fault, n, COPSE_IO);
        assert_int_equal(copse_builder_new(&test.env, fault, &config, &builder, NULL), COPSE_OK);
        for (size_t i = 0; status == COPSE_OK && i < model.count; i++) {
            status = copse_builder_add(builder, model.entries[i].key, model.entries[i].value, NULL);
        }
        if (status == COPSE_OK) {
            status = copse_builder_finish(builder, &root, NULL);
        }
        bool failed = fault_store_has_failed(fault);
        assert_int_equal(status, failed ? COPSE_IO : COPSE_OK);
        if (failed) {
            failures++;
            assert_int_equal(root.size, 99);
            assert_int_equal(copse_builder_finish(builder, &root, NULL), COPSE_IO);
            assert_int_equal(builder_add_text(builder, "zzz"), COPSE_IO);
        } else {
            assert_true(copse_cid_equal(&root, &want));
        }
        copse_builder_free(builder);
        copse_store_close(fault);
        test_env_assert_empty(&test);
        if (!failed) {
            break;
        }
    }
    assert_true(failures >= 3);
    tree_model_release(&model);
}

static copse_status builder_run(const copse_env *env, void *ctx)
{
    const tree_model *model = ctx;
    copse_tree_config config = tree_model_small_config();
    copse_store *store = NULL;
    copse_cid root = {.size = 99};
    copse_status status = copse_memory_store_new(env, &store, NULL);
    if (status == COPSE_OK) {
        status = tree_model_try_build(model, env, store, &config, &root, NULL);
    }
    if (status != COPSE_OK) {
        assert_int_equal(root.size, 99);
    }
    copse_store_close(store);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    uint64_t seed = 4;
    copse_tree_config config = tree_model_small_config();
    tree_model model = {0};
    tree_model_fill(&model, TREE_KEYS_RANDOM, TREE_VALUES_EDGE, &config, 0, 40, 1, &seed);
    uint64_t allocations = test_env_sweep(builder_run, &model, 2000);
    assert_true(allocations > 30);
    tree_model_release(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_entries), cmocka_unit_test(test_largest_entry),
        cmocka_unit_test(test_misuse),          cmocka_unit_test(test_add_bytes),
        cmocka_unit_test(test_store_failures),  cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
