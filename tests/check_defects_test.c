/* The check finds each planted defect by its name, at its node, and nothing else.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/check.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/check_support.h"
#include "support/hand_tree.h"
#include "support/test_env.h"
#include "tree/chunker.h"
#include "tree/tree.h"

enum { PIECES_MAX = 512 };

/* A canonical tree whose levels a test may bend before the level above is made of them. */
typedef struct planted {
    test_env test;
    tree_fixture fixture;
    hand_tree hand;
    copse_tree_config config;
    copse_cid config_cid;
    hand_piece pieces[PIECES_MAX];
    size_t count; /* pieces of the present level */
    uint32_t level;
    size_t sizes[PIECES_MAX]; /* of the level that comes next */
    size_t sizes_count;
} planted;

static copse_status plant_emit(void *ctx, const copse_chunk *chunk, copse_err *err)
{
    (void)err;
    planted *plant = ctx;
    assert_true(plant->sizes_count < PIECES_MAX);
    plant->sizes[plant->sizes_count++] = chunk->entries;
    return COPSE_OK;
}

/* The sizes of the nodes that the rule makes next: of entries, or of the present pieces. */
static void plant_cut(planted *plant, uint32_t level)
{
    copse_chunker chunker;
    copse_err err = {0};
    copse_status status = COPSE_OK;
    size_t count = level == 0 ? plant->fixture.count : plant->count;
    plant->sizes_count = 0;
    plant->level = level;
    copse_chunker_init(&chunker, &plant->test.env, &plant->config, level, plant_emit, plant);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        const hand_piece *piece = &plant->pieces[i];
        status = level == 0 ? copse_chunker_add(&chunker, tree_fixture_key(&plant->fixture, i),
                                                tree_fixture_value(&plant->fixture, i), &err)
                            : copse_chunker_add_child(
                                  &chunker, (copse_bytes){piece->key, piece->key_len},
                                  (copse_bytes){piece->cid.bytes, COPSE_CID_SHA2_256_SIZE_BYTES},
                                  piece->count, piece->ahead, &err);
    }
    assert_int_equal(status, COPSE_OK);
    if (level > 0 && chunker.count == 1 && plant->sizes_count > 0) {
        plant->sizes[plant->sizes_count - 1]++; /* C5 */
        copse_chunker_reset(&chunker, 0);
    }
    assert_int_equal(copse_chunker_flush(&chunker, false, &err), COPSE_OK);
    copse_chunker_release(&chunker);
}

/* Makes the nodes of plant->sizes. */
static void plant_make(planted *plant)
{
    hand_piece made[PIECES_MAX];
    hand_tree_level(&plant->hand, plant->fixture.entries, plant->level == 0 ? NULL : plant->pieces,
                    plant->sizes, plant->sizes_count, made);
    memcpy(plant->pieces, made, plant->sizes_count * sizeof *made);
    plant->count = plant->sizes_count;
}

static planted *plant_new(void)
{
    planted *made = calloc(1, sizeof *made);
    assert_non_null(made);
    test_env_init(&made->test);
    made->config = tree_fixture_small_config();
    tree_fixture_init(&made->fixture, &made->test.env, &made->config, 42, 500);
    assert_true(made->fixture.height >= 4);
    made->hand = (hand_tree){.env = &made->test.env, .store = made->fixture.store};
    assert_int_equal(copse_tree_config_cid(&made->test.env, &made->config, &made->config_cid, NULL),
                     COPSE_OK);
    plant_cut(made, 0);
    return made;
}

/* Makes the rest of the tree by the rule. */
static copse_cid plant_finish(planted *plant)
{
    while (plant->count > 1) {
        plant_cut(plant, plant->level + 1);
        plant_make(plant);
    }
    return hand_tree_root(&plant->hand, &plant->config_cid, &plant->pieces[0].cid);
}

static found_list plant_check(planted *plant)
{
    copse_tree_stats stats;
    copse_cid root = plant_finish(plant);
    return check_support_run(&plant->test.env, plant->fixture.store, &root, &stats);
}

static void plant_free(planted *plant)
{
    tree_fixture_release(&plant->fixture);
    test_env_assert_empty(&plant->test);
    free(plant);
}

/* The bending does nothing by itself. */
static void test_plant_is_the_tree(void **state)
{
    (void)state;
    planted *plant = plant_new();
    plant_make(plant);
    copse_cid root = plant_finish(plant);
    assert_true(copse_cid_equal(&root, &plant->fixture.root));
    plant_free(plant);
}

static void test_wrong_parent(void **state)
{
    (void)state;
    static const copse_check_kind kinds[] = {COPSE_CHECK_COUNT, COPSE_CHECK_PARENT_KEY,
                                             COPSE_CHECK_AHEAD};
    for (size_t i = 0; i < 3; i++) {
        planted *plant = plant_new();
        plant_make(plant);
        hand_piece *piece = &plant->pieces[7];
        copse_cid cid = piece->cid;
        if (kinds[i] == COPSE_CHECK_COUNT) {
            piece->count++;
        } else if (kinds[i] == COPSE_CHECK_PARENT_KEY) {
            piece->key[piece->key_len - 1] ^= 1;
        } else {
            piece->ahead = 3;
        }
        found_list found = plant_check(plant);
        check_support_assert_found(&found, kinds[i], &cid);
        plant_free(plant);
    }
}

static void test_wrong_split_of_leaves(void **state)
{
    (void)state;
    for (size_t late = 0; late < 2; late++) {
        planted *plant = plant_new();
        size_t at = 5;
        while (plant->sizes[at] < 3) {
            at++;
        }
        if (late != 0) {
            plant->sizes[at]++;
            plant->sizes[at + 1]--;
        } else {
            plant->sizes[at]--;
            plant->sizes[at + 1]++;
        }
        plant_make(plant);
        copse_cid cid = plant->pieces[at].cid;
        found_list found = plant_check(plant);
        check_support_assert_found(
            &found, late != 0 ? COPSE_CHECK_SPLIT_LATE : COPSE_CHECK_SPLIT_EARLY, &cid);
        plant_free(plant);
    }
}

/* K2: a wrong split of a branch is found there, not above. */
static void test_wrong_split_of_branches(void **state)
{
    (void)state;
    planted *plant = plant_new();
    plant_make(plant);
    plant_cut(plant, 1);
    assert_true(plant->sizes_count > 4);
    plant->sizes[1] += plant->sizes[2];
    memmove(plant->sizes + 2, plant->sizes + 3, (plant->sizes_count - 3) * sizeof *plant->sizes);
    plant->sizes_count--;
    plant_make(plant);
    copse_cid cid = plant->pieces[1].cid;
    found_list found = plant_check(plant);
    check_support_assert_found(&found, COPSE_CHECK_SPLIT_LATE, &cid);
    plant_free(plant);
}

static void test_single_child(void **state)
{
    (void)state;
    planted *plant = plant_new();
    plant_make(plant);
    plant_cut(plant, 1);
    memmove(plant->sizes + 1, plant->sizes, plant->sizes_count * sizeof *plant->sizes);
    plant->sizes_count++;
    plant->sizes[0] = 1;
    plant->sizes[1]--;
    plant_make(plant);
    copse_cid cid = plant->pieces[0].cid;
    found_list found = plant_check(plant);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.of_kind[COPSE_CHECK_SINGLE_CHILD], 1);
    assert_int_equal(found.of_kind[COPSE_CHECK_SPLIT_EARLY], 1);
    assert_true(copse_cid_equal(&found.first[COPSE_CHECK_SINGLE_CHILD], &cid));
    plant_free(plant);
}

static void test_extra_level(void **state)
{
    (void)state;
    copse_tree_stats stats;
    planted *plant = plant_new();
    hand_piece top = {.cid = *copse_tree_top(plant->fixture.tree), .count = plant->fixture.count};
    top.key_len = plant->fixture.entries[0].key_len;
    memcpy(top.key, plant->fixture.entries[0].key, top.key_len);
    hand_piece over = hand_tree_branch(&plant->hand, &top, 1);
    copse_cid root = hand_tree_root(&plant->hand, &plant->config_cid, &over.cid);
    found_list found = check_support_run(&plant->test.env, plant->fixture.store, &root, &stats);
    check_support_assert_found(&found, COPSE_CHECK_EXTRA_LEVEL, &over.cid);
    assert_int_equal(stats.levels, plant->fixture.height + 1);
    plant_free(plant);
}

/* Entries of a leaf that the strict parser refuses, or that reach beyond the leaf. */
static void test_wrong_entries(void **state)
{
    (void)state;
    static const copse_check_kind kinds[] = {COPSE_CHECK_KEY_ORDER, COPSE_CHECK_VALUE,
                                             COPSE_CHECK_KEY_RANGE};
    for (size_t i = 0; i < 3; i++) {
        planted *plant = plant_new();
        size_t at = 3;
        size_t begin = plant->sizes[0] + plant->sizes[1] + plant->sizes[2];
        while (plant->sizes[at] < 3) {
            begin += plant->sizes[at++];
        }
        tree_fixture_entry *entries = &plant->fixture.entries[begin];
        tree_fixture_entry *last = &entries[plant->sizes[at] - 1];
        plant_make(plant);
        tree_fixture_entry whole = *last;
        if (kinds[i] == COPSE_CHECK_KEY_ORDER) {
            *last = entries[0];
        } else if (kinds[i] == COPSE_CHECK_VALUE) {
            last->value_len = 2;
            last->value[0] = 0x18; /* 1 in two bytes */
            last->value[1] = 0x01;
        } else {
            last->key[0] = 0xff;
            last->key[1] = 0xff;
        }
        hand_piece bad = hand_tree_leaf(&plant->hand, entries, plant->sizes[at]);
        *last = whole;
        plant->pieces[at].cid = bad.cid;
        found_list found = plant_check(plant);
        check_support_assert_found(&found, kinds[i], &bad.cid);
        plant_free(plant);
    }
}

/* Nodes that should not be where they are. */
static void test_wrong_place(void **state)
{
    (void)state;
    static const copse_check_kind kinds[] = {COPSE_CHECK_EMPTY_NODE, COPSE_CHECK_DEPTH,
                                             COPSE_CHECK_FORMAT};
    for (size_t i = 0; i < 3; i++) {
        planted *plant = plant_new();
        plant_make(plant);
        copse_cid cid;
        if (kinds[i] == COPSE_CHECK_EMPTY_NODE) {
            cid = hand_tree_leaf(&plant->hand, NULL, 0).cid;
        } else if (kinds[i] == COPSE_CHECK_DEPTH) {
            cid = hand_tree_branch(&plant->hand, &plant->pieces[4], 2).cid;
        } else {
            hand_tree_put(&plant->hand, (copse_bytes){(const uint8_t *)"\xa0", 1}, &cid);
        }
        plant->pieces[4].cid = cid;
        found_list found = plant_check(plant);
        check_support_assert_found(&found, kinds[i], &cid);
        plant_free(plant);
    }
}

/* Each node of the tree in turn missing, then with a wrong byte: found at that node, and what is
 * not below it is still checked, without false findings (K3). */
static void test_missing_and_flipped(void **state)
{
    (void)state;
    copse_tree_stats stats;
    planted *plant = plant_new();
    copse_store *store = plant->fixture.store;
    plant_make(plant);
    for (size_t level = 0; level < plant->fixture.height; level++) {
        for (size_t i = 0; i < plant->count; i++) {
            copse_block *block;
            copse_block *wrong;
            const copse_cid *cid = &plant->pieces[i].cid;
            assert_int_equal(copse_store_get(store, cid, &block, NULL), COPSE_OK);
            assert_int_equal(copse_store_remove(store, cid, 1, NULL), COPSE_OK);
            found_list found =
                check_support_run(&plant->test.env, store, &plant->fixture.root, &stats);
            check_support_assert_found(&found, COPSE_CHECK_MISSING, cid);
            assert_true(stats.entries < plant->fixture.count);

            copse_bytes data = copse_block_data(block);
            uint8_t *bytes = malloc(data.len);
            assert_non_null(bytes);
            memcpy(bytes, data.ptr, data.len);
            bytes[data.len / 2] ^= 4;
            assert_int_equal(copse_block_new(&plant->test.env, cid, (copse_bytes){bytes, data.len},
                                             &wrong, NULL),
                             COPSE_OK);
            assert_int_equal(copse_store_put(store, &wrong, 1, NULL), COPSE_OK);
            found = check_support_run(&plant->test.env, store, &plant->fixture.root, &stats);
            check_support_assert_found(&found, COPSE_CHECK_HASH, cid);
            assert_int_equal(copse_store_remove(store, cid, 1, NULL), COPSE_OK);
            assert_int_equal(copse_store_put(store, &block, 1, NULL), COPSE_OK);
            copse_block_unref(wrong);
            copse_block_unref(block);
            free(bytes);
        }
        if (plant->count > 1) {
            plant_cut(plant, plant->level + 1);
            plant_make(plant);
        }
    }
    plant_free(plant);
}

/* What is cut too late right before a gap is still found. */
static void test_defect_before_a_gap(void **state)
{
    (void)state;
    copse_tree_stats stats;
    planted *plant = plant_new();
    size_t at = 5;
    while (plant->sizes[at + 1] < 3) {
        at++;
    }
    plant->sizes[at]++;
    plant->sizes[at + 1]--;
    plant_make(plant);
    copse_cid wrong = plant->pieces[at].cid;
    copse_cid missing = plant->pieces[at + 1].cid;
    copse_cid root = plant_finish(plant);
    assert_int_equal(copse_store_remove(plant->fixture.store, &missing, 1, NULL), COPSE_OK);
    found_list found = check_support_run(&plant->test.env, plant->fixture.store, &root, &stats);
    assert_int_equal(found.count, 2);
    assert_true(copse_cid_equal(&found.first[COPSE_CHECK_MISSING], &missing));
    assert_true(copse_cid_equal(&found.first[COPSE_CHECK_SPLIT_LATE], &wrong));
    plant_free(plant);
}

/* All leaves but the last are missing: the branches are checked all the same. */
static void test_few_leaves(void **state)
{
    (void)state;
    copse_tree_stats stats;
    planted *plant = plant_new();
    plant_make(plant);
    size_t leaves = plant->count;
    for (size_t i = 0; i + 1 < leaves; i++) {
        assert_int_equal(copse_store_remove(plant->fixture.store, &plant->pieces[i].cid, 1, NULL),
                         COPSE_OK);
    }
    found_list found =
        check_support_run(&plant->test.env, plant->fixture.store, &plant->fixture.root, &stats);
    assert_int_equal(found.count, leaves - 1);
    assert_int_equal(found.of_kind[COPSE_CHECK_MISSING], leaves - 1);
    assert_int_equal(stats.level[0].nodes, 1);
    assert_int_equal(stats.level[1].entries, leaves);
    plant_free(plant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plant_is_the_tree),
        cmocka_unit_test(test_wrong_parent),
        cmocka_unit_test(test_wrong_split_of_leaves),
        cmocka_unit_test(test_wrong_split_of_branches),
        cmocka_unit_test(test_single_child),
        cmocka_unit_test(test_extra_level),
        cmocka_unit_test(test_wrong_entries),
        cmocka_unit_test(test_wrong_place),
        cmocka_unit_test(test_missing_and_flipped),
        cmocka_unit_test(test_defect_before_a_gap),
        cmocka_unit_test(test_few_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
