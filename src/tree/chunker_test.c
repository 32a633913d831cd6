/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/chunker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "support/tree_model.h"
#include "support/tree_naive.h"

/* ---- the rule against the naive one ---- */

/* What the chunker gives at one level, compared with one level of the naive tree. */
typedef struct chunker_check {
    const tree_naive_level *want;
    size_t at;
    size_t aheads;
} chunker_check;

static copse_status chunker_check_emit(void *ctx, const copse_chunk *chunk, copse_err *err)
{
    (void)err;
    chunker_check *check = ctx;
    assert_true(check->at < check->want->count);
    const tree_naive_chunk *want = &check->want->chunks[check->at++];
    assert_int_equal(chunk->entries, want->entries);
    assert_int_equal(chunk->ahead, want->ahead);
    assert_int_equal(chunk->count, want->count);
    assert_int_equal(copse_block_data(chunk->block).len, want->node_size);
    assert_true(copse_cid_equal(copse_block_cid(chunk->block), &want->cid));
    check->aheads += chunk->ahead != 0;
    return COPSE_OK;
}

/* The leaves come out of the chunker as the naive rule has them, and the whole tree out of the
 * builder. */
static void chunker_agree(const tree_model *model, const copse_tree_config *config,
                          tree_naive_features *ret_features)
{
    test_env test;
    tree_naive naive;
    copse_chunker chunker;
    test_env_init(&test);
    tree_naive_build(model, config, &naive);
    chunker_check check = {.want = &naive.levels[0]};
    copse_chunker_init(&chunker, &test.env, config, 0, chunker_check_emit, &check);
    for (size_t i = 0; i < model->count; i++) {
        assert_int_equal(
            copse_chunker_add(&chunker, model->entries[i].key, model->entries[i].value, NULL),
            COPSE_OK);
    }
    assert_int_equal(copse_chunker_flush(&chunker, check.at == 0, NULL), COPSE_OK);
    assert_int_equal(check.at, naive.levels[0].count);
    copse_chunker_release(&chunker);
    test_env_assert_empty(&test);

    copse_cid root = tree_model_root(model, config);
    assert_true(copse_cid_equal(&root, &naive.root));
    *ret_features = tree_naive_survey(&naive);
    tree_naive_release(&naive);
}

static void test_agrees_with_naive(void **state)
{
    (void)state;
    uint64_t seed = 7;
    tree_naive_features sum = {0};
    for (size_t c = 0; c < TREE_MODEL_CONFIGS; c++) {
        copse_tree_config config = tree_model_config(c);
        for (tree_keys keys = 0; keys < TREE_KEYS_COUNT; keys++) {
            for (tree_values values = 0; values < TREE_VALUES_COUNT; values++) {
                tree_model model = {0};
                tree_naive_features one;
                size_t count = values == TREE_VALUES_HUGE ? 100 : 400;
                tree_model_fill(&model, keys, values, &config, 0, count, 1 + c, &seed);
                chunker_agree(&model, &config, &one);
                sum.forced += one.forced;
                sum.oversized += one.oversized;
                sum.joined += one.joined;
                sum.aheads += one.aheads;
                tree_model_release(&model);
            }
        }
    }
    printf("forced cuts %zu, oversized %zu, joined %zu, aheads %zu\n", sum.forced, sum.oversized,
           sum.joined, sum.aheads);
    assert_true(sum.forced > 100 && sum.oversized > 100 && sum.joined > 10 && sum.aheads > 100);
}

/* All counts from none on, so that every way to end a level comes up. */
static void test_agrees_at_every_count(void **state)
{
    (void)state;
    copse_tree_config config = tree_model_small_config();
    tree_naive_features features;
    uint64_t seed = 3;
    tree_model model = {0};
    for (size_t count = 0; count < 300; count++) {
        chunker_agree(&model, &config, &features);
        tree_model_fill(&model, TREE_KEYS_SEQUENTIAL, TREE_VALUES_EDGE, &config, count, 1, 1,
                        &seed);
    }
    tree_model_release(&model);
}

/* Keys ground so that C1 holds nowhere: every cut is forced. */
static void test_agrees_under_suppression(void **state)
{
    (void)state;
    uint64_t seed = 5;
    size_t forced = 0;
    size_t aheads = 0;
    for (size_t c = 0; c < TREE_MODEL_CONFIGS; c++) {
        copse_tree_config config = tree_model_config(c);
        tree_naive_features features;
        tree_model model = {0};
        for (uint64_t i = 0; i < 2000; i++) {
            tree_key key;
            uint64_t index = i * 4096;
            do {
                tree_key_make(TREE_KEYS_SEQUENTIAL, &config, index++, &key);
            } while (copse_chunk_draw(tree_key_view(&key), 0) < 0xff000000u);
            size_t len;
            uint8_t *value = tree_value_make(TREE_VALUES_SMALL, &config, 8, &seed, &len);
            tree_model_put(&model, tree_key_view(&key), (copse_bytes){value, len});
            free(value);
        }
        chunker_agree(&model, &config, &features);
        forced += features.forced;
        aheads += features.aheads;
        tree_model_release(&model);
    }
    assert_true(forced > 1000);
    assert_true(aheads > 1000);
}

/* ---- parts of the rule ---- */

/* C1 to the bit: u = 2^31, t = s: the bound is at D = lambda^4. */
static void test_ends_exactly(void **state)
{
    (void)state;
    copse_u128 lambda4 = (copse_u128)128 * 128 * 128 * 128;
    assert_false(copse_chunk_ends(lambda4, 0, 128, 0x80000000u));
    assert_true(copse_chunk_ends(lambda4, 0, 128, 0x7fffffffu));
    assert_true(copse_chunk_ends(lambda4, 0, 129, 0x80000000u));
    assert_true(copse_chunk_ends(lambda4, 0, 1, 0));   /* 0 always ends */
    assert_false(copse_chunk_ends(lambda4, 0, 1, 16)); /* 2^32 / 2^28 = 16, and a little less */
    assert_true(copse_chunk_ends(lambda4, 0, 1, 15));
    /* No overflow at the largest sizes. */
    copse_u128 large = (copse_u128)524288 * 524288 * 524288 * 524288;
    assert_true(copse_chunk_ends(large, 0, 2u << 20, 0xff000000u));
    assert_false(copse_chunk_ends(large, 0, 2u << 20, UINT32_MAX));
    assert_true(copse_chunk_ends(1, 0, 2u << 20, UINT32_MAX - 1));
}

/* u, against values computed by the reference implementation (xxhsum of xxHash 0.8). */
static void test_draw(void **state)
{
    (void)state;
    copse_bytes abc = copse_bytes_of_text("abc");
    assert_int_equal(copse_chunk_draw((copse_bytes){NULL, 0}, 0), 0x2d068005u);
    assert_int_equal(copse_chunk_draw(abc, 0), 0x78af5f94u);
    assert_int_not_equal(copse_chunk_draw(abc, 1), copse_chunk_draw(abc, 0));
}

static void test_key_size(void **state)
{
    (void)state;
    assert_int_equal(copse_chunk_key_size(0), 1);
    assert_int_equal(copse_chunk_key_size(23), 24);
    assert_int_equal(copse_chunk_key_size(24), 26);
    assert_int_equal(copse_chunk_key_size(255), 257);
    assert_int_equal(copse_chunk_key_size(256), 259);
    assert_int_equal(copse_chunk_key_size(1024), 1027);
}

/* ---- failures ---- */

static copse_status chunker_emit_fail(void *ctx, const copse_chunk *chunk, copse_err *err)
{
    (void)ctx, (void)chunk, (void)err;
    return COPSE_IO;
}

static void test_emit_failure_is_passed_on(void **state)
{
    (void)state;
    test_env test;
    copse_chunker chunker;
    test_env_init(&test);
    copse_tree_config config = tree_model_small_config();
    copse_chunker_init(&chunker, &test.env, &config, 0, chunker_emit_fail, NULL);
    assert_int_equal(copse_chunker_flush(&chunker, false, NULL), COPSE_OK);
    assert_int_equal(copse_chunker_flush(&chunker, true, NULL), COPSE_IO);
    copse_chunker_release(&chunker);
    copse_chunker_release(&chunker);
    copse_chunker_release(NULL);
    test_env_assert_empty(&test);
}

static copse_status chunker_emit_nothing(void *ctx, const copse_chunk *chunk, copse_err *err)
{
    (void)ctx, (void)chunk, (void)err;
    return COPSE_OK;
}

static copse_status chunker_run(const copse_env *env, void *ctx)
{
    copse_tree_config config = tree_model_small_config();
    const tree_model *model = ctx;
    copse_chunker chunker;
    copse_status status = COPSE_OK;
    copse_chunker_init(&chunker, env, &config, 0, chunker_emit_nothing, NULL);
    for (size_t i = 0; status == COPSE_OK && i < model->count; i++) {
        status = copse_chunker_add(&chunker, model->entries[i].key, model->entries[i].value, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_chunker_flush(&chunker, false, NULL);
    }
    copse_chunker_release(&chunker);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    uint64_t seed = 11;
    tree_model model = {0};
    copse_tree_config config = tree_model_small_config();
    tree_model_fill(&model, TREE_KEYS_RANDOM, TREE_VALUES_EDGE, &config, 0, 60, 1, &seed);
    (void)test_env_sweep(chunker_run, &model, 1000);
    tree_model_release(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_naive),
        cmocka_unit_test(test_agrees_at_every_count),
        cmocka_unit_test(test_agrees_under_suppression),
        cmocka_unit_test(test_ends_exactly),
        cmocka_unit_test(test_draw),
        cmocka_unit_test(test_key_size),
        cmocka_unit_test(test_emit_failure_is_passed_on),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
