/* Proofs accept what is right, hold exactly the blocks that they must (R1..R4 of proof_read.h), and
 * are written from sparse trees. tests/proof_damage_test.c has those that must be refused.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/proof.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/proof_support.h"
#include "support/test_env.h"
#include "tree/walk.h"

enum { TEST_SECTIONS_MAX = 4096 };

static copse_proof_query query_of_keys(const copse_bytes *keys, size_t count)
{
    return (copse_proof_query){.kind = COPSE_PROOF_KEYS, .keys = keys, .keys_count = count};
}

/* ---- which blocks ---- */

/* The keys between the first and the last row inclusive, and the query's bounds on the sides that
 * the limit does not cut off: what the proof must show. False: nothing but the opening (R3). */
typedef struct shown_range {
    copse_bytes from;
    copse_bytes to;
    bool has_to;
    bool to_inclusive;
} shown_range;

static bool shown_of_query(const tree_fixture *fixture, const copse_proof_query *query,
                           shown_range *ret_shown)
{
    if (query->limit == 0 ||
        (query->to != NULL && copse_bytes_compare(query->from, *query->to) >= 0)) {
        return false;
    }
    size_t begin = tree_fixture_lower(fixture, query->from);
    size_t end = query->to != NULL ? tree_fixture_lower(fixture, *query->to) : fixture->count;
    *ret_shown = (shown_range){.from = query->from, .has_to = query->to != NULL};
    if (query->to != NULL) {
        ret_shown->to = *query->to;
    }
    if (end - begin >= query->limit) {
        if (query->reverse) {
            ret_shown->from = tree_fixture_key(fixture, end - query->limit);
        } else {
            ret_shown->to = tree_fixture_key(fixture, begin + query->limit - 1);
            ret_shown->has_to = true;
            ret_shown->to_inclusive = true;
        }
    }
    return true;
}

/* Whether the node under the walk can hold something of the shown range. */
static bool shown_meets(const shown_range *shown, const copse_walk *walk)
{
    copse_bytes next;
    if (walk->depth == 0) {
        return true;
    }
    if (shown->has_to) {
        int order = copse_bytes_compare(copse_walk_key(walk), shown->to);
        if (order > 0 || (order == 0 && !shown->to_inclusive)) {
            return false;
        }
    }
    return !copse_walk_next_key(walk, &next) || copse_bytes_compare(next, shown->from) > 0;
}

/* The nodes that a proof of a range must hold, found by looking at every node of the tree. */
static size_t count_by_looking(const tree_fixture *fixture, const copse_proof_query *query)
{
    shown_range shown;
    size_t count = 0;
    if (!shown_of_query(fixture, query, &shown)) {
        return 0;
    }
    for (size_t level = 0; level < fixture->height; level++) {
        copse_walk walk;
        copse_walk_init(&walk, fixture->tree, level);
        copse_status status = copse_walk_seek(&walk, (copse_bytes){NULL, 0}, NULL);
        while (status == COPSE_OK) {
            count += shown_meets(&shown, &walk);
            status = copse_walk_next(&walk, NULL);
        }
        assert_int_equal(status, COPSE_END);
        copse_walk_release(&walk);
    }
    return count;
}

static void assert_distinct(const proof_support_section *sections, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            assert_false(copse_cid_equal(&sections[i].cid, &sections[j].cid));
        }
    }
}

/* R2: a path a key, whether it is there or not, at the edges too. */
static void test_one_key_takes_a_path(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 40, 400, 4000};
    static const uint8_t low[1] = {0};
    static const uint8_t high[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const copse_tree_config small = tree_fixture_small_config();
    size_t height_max = 0;
    for (size_t i = 0; i < 2 * sizeof counts / sizeof counts[0]; i++) {
        test_env test;
        tree_fixture fixture;
        uint64_t random = i;
        size_t extra = i % 2; /* the config's block */
        test_env_init(&test);
        tree_fixture_init(&fixture, &test.env, i % 2 != 0 ? &small : NULL, i, counts[i / 2]);
        height_max = fixture.height > height_max ? fixture.height : height_max;
        for (size_t j = 0; j < 30; j++) {
            uint8_t room[16];
            copse_bytes key = j == 0   ? (copse_bytes){low, 0}
                              : j == 1 ? (copse_bytes){low, 1}
                              : j == 2 ? (copse_bytes){high, 16}
                              : j % 2 == 0 && fixture.count > 0
                                  ? tree_fixture_key(&fixture, j * 997 % fixture.count)
                                  : tree_fixture_random_key(&random, 0, room);
            copse_proof_query query = query_of_keys(&key, 1);
            copse_buf proof;
            copse_proof_stats stats = proof_support_write(&fixture, &query, &proof);
            assert_int_equal(stats.blocks, 1 + extra + fixture.height);
            assert_int_equal(proof_support_verify(&fixture, &query, copse_buf_view(&proof), NULL),
                             COPSE_OK);
            copse_buf_release(&proof);
        }
        tree_fixture_release(&fixture);
        test_env_assert_empty(&test);
    }
    assert_true(height_max >= 4);
}

/* R1..R5 on random trees and queries. */
static void test_random_queries(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 10, 100, 500, 1500};
    const copse_tree_config small = tree_fixture_small_config();
    static proof_support_section sections[TEST_SECTIONS_MAX];
    uint64_t random = 7;
    size_t ranges = 0;
    size_t partial = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        test_env test;
        tree_fixture fixture;
        test_env_init(&test);
        tree_fixture_init(&fixture, &test.env, &small, i, counts[i]);
        for (size_t j = 0; j < 100; j++) {
            proof_support_query query;
            copse_buf proof;
            proof_support_random_query(&random, &fixture, &query);
            copse_proof_stats stats = proof_support_write(&fixture, &query.query, &proof);
            size_t count = proof_support_sections(&test.env, copse_buf_view(&proof), sections,
                                                  TEST_SECTIONS_MAX);
            assert_int_equal(stats.blocks, count);
            assert_distinct(sections, count);
            if (query.query.kind == COPSE_PROOF_RANGE) {
                assert_int_equal(count, 2 + count_by_looking(&fixture, &query.query));
                uint64_t rows = proof_support_rows(&fixture, &query.query);
                ranges++;
                partial += rows > 0 && rows < fixture.count;
            }
            assert_int_equal(
                proof_support_verify(&fixture, &query.query, copse_buf_view(&proof), NULL),
                COPSE_OK);
            copse_buf_release(&proof);
        }
        tree_fixture_release(&fixture);
        test_env_assert_empty(&test);
    }
    print_message("ranges that are neither empty nor all: %zu of %zu\n", partial, ranges);
    assert_true(partial * 10 >= ranges * 3);
}

/* R3: nothing to read, nothing but the opening. */
static void test_empty_queries_take_the_opening(void **state)
{
    (void)state;
    test_env test;
    tree_fixture fixture;
    test_env_init(&test);
    tree_fixture_init(&fixture, &test.env, NULL, 1, 300);
    copse_bytes to = tree_fixture_key(&fixture, 10);
    copse_proof_query queries[] = {
        query_of_keys(NULL, 0),
        {.kind = COPSE_PROOF_RANGE, .limit = 0},
        {.kind = COPSE_PROOF_RANGE, .from = to, .to = &to, .limit = UINT64_MAX},
    };
    for (size_t i = 0; i < 3; i++) {
        copse_buf proof;
        assert_int_equal(proof_support_write(&fixture, &queries[i], &proof).blocks, 1);
        assert_int_equal(proof_support_verify(&fixture, &queries[i], copse_buf_view(&proof), NULL),
                         COPSE_OK);
        copse_buf_release(&proof);
    }
    tree_fixture_release(&fixture);
}

/* ---- streams, failures ---- */

/* Every size of pieces gives the same; V4 bounds the memory by the pieces' and a path. */
static void test_streams(void **state)
{
    (void)state;
    const copse_tree_config small = tree_fixture_small_config();
    const copse_proof_query query = {.kind = COPSE_PROOF_RANGE, .limit = UINT64_MAX};
    test_env test;
    tree_fixture fixture;
    copse_buf proof;
    test_env_init(&test);
    tree_fixture_init(&fixture, &test.env, &small, 3, 3000);
    proof_support_write(&fixture, &query, &proof);
    static const size_t pieces[] = {1, 7, 300, 5000};
    for (size_t i = 0; i < 4; i++) {
        test_env own;
        copse_proof_verifier *verifier;
        test_env_init(&own);
        assert_int_equal(
            copse_proof_verifier_new(&own.env, &fixture.root, &query, NULL, NULL, &verifier, NULL),
            COPSE_OK);
        for (size_t at = 0; at < proof.len; at += pieces[i]) {
            size_t size = proof.len - at < pieces[i] ? proof.len - at : pieces[i];
            assert_int_equal(
                copse_proof_verifier_feed(verifier, (copse_bytes){proof.ptr + at, size}, NULL),
                COPSE_OK);
        }
        assert_int_equal(copse_proof_verifier_finish(verifier, NULL), COPSE_OK);
        assert_int_equal(copse_proof_verifier_finish(verifier, NULL), COPSE_MISUSE);
        copse_proof_verifier_free(verifier);
        test_env_assert_empty(&own);
        print_message("%zu bytes in pieces of %zu: %zu bytes held at most\n", proof.len, pieces[i],
                      own.peak_bytes);
        assert_true(proof.len > 100000 && own.peak_bytes < 40000);
    }
    copse_buf_release(&proof);
    tree_fixture_release(&fixture);
}

/* From a sparse tree: wants only what the proof holds, a level a time, and then is the same. */
static void test_want(void **state)
{
    (void)state;
    const copse_tree_config small = tree_fixture_small_config();
    static proof_support_section sections[TEST_SECTIONS_MAX];
    test_env test;
    tree_fixture full;
    uint64_t random = 11;
    size_t wanted_more = 0;
    size_t wanted = 0;
    test_env_init(&test);
    tree_fixture_init(&full, &test.env, &small, 5, 800);
    for (size_t i = 0; i < 60; i++) {
        proof_support_query query;
        tree_fixture sparse;
        copse_buf proof;
        copse_buf other;
        proof_support_random_query(&random, &full, &query);
        proof_support_write(&full, &query.query, &proof);
        size_t count =
            proof_support_sections(&test.env, copse_buf_view(&proof), sections, TEST_SECTIONS_MAX);
        tree_fixture_init_sparse(&sparse, &full);
        copse_buf_init(&other, &test.env, SIZE_MAX);
        copse_status status;
        size_t rounds = 0;
        while ((status = copse_proof_write(sparse.tree, &query.query, proof_support_sink(&other),
                                           NULL, NULL)) == COPSE_WANT) {
            size_t wants_count;
            const copse_cid *wants = copse_source_wants(sparse.source, &wants_count);
            assert_true(wants_count > 0);
            assert_int_equal(other.len, 0);
            for (size_t j = 0; j < wants_count; j++) {
                size_t k = 0;
                while (k < count && !copse_cid_equal(&sections[k].cid, &wants[j])) {
                    k++;
                }
                wanted_more += k == count;
                copse_block *block;
                assert_int_equal(copse_store_get(full.store, &wants[j], &block, NULL), COPSE_OK);
                assert_int_equal(copse_source_supply_block(sparse.source, block, NULL), COPSE_OK);
                copse_block_unref(block);
            }
            wanted += wants_count;
            rounds++;
        }
        assert_int_equal(status, COPSE_OK);
        if (query.query.kind == COPSE_PROOF_KEYS || query.query.limit == UINT64_MAX) {
            assert_true(rounds <= full.height);
            assert_int_equal(wanted_more, 0);
        } else {
            /* the child in which the range begins may have no entry in it: one more a level */
            assert_true(wanted_more <= full.height);
        }
        assert_true(copse_bytes_equal(copse_buf_view(&proof), copse_buf_view(&other)));
        copse_buf_release(&proof);
        copse_buf_release(&other);
        tree_fixture_release(&sparse);
        wanted_more = 0;
    }
    assert_true(wanted > 100);
    tree_fixture_release(&full);
    test_env_assert_empty(&test);
}

static copse_status row_denies(void *ctx, const copse_proof_row *row, copse_err *err)
{
    (void)err;
    (void)row;
    return *(copse_status *)ctx;
}

static copse_status sink_fails(void *ctx, copse_bytes bytes, copse_err *err)
{
    (void)ctx;
    (void)bytes;
    (void)err;
    return COPSE_IO;
}

static void test_statuses(void **state)
{
    (void)state;
    test_env test;
    tree_fixture fixture;
    copse_buf proof;
    copse_proof_stats stats = {0};
    const copse_proof_query none = {.kind = (copse_proof_kind)7};
    const copse_proof_query all = {.kind = COPSE_PROOF_RANGE, .limit = UINT64_MAX};
    test_env_init(&test);
    tree_fixture_init(&fixture, &test.env, NULL, 1, 300);
    copse_car_sink sink = {.write = sink_fails};
    assert_int_equal(copse_proof_write(fixture.tree, &none, sink, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_proof_write(fixture.tree, &all, sink, &stats, NULL), COPSE_IO);
    assert_int_equal(stats.blocks, 0);
    proof_support_write(&fixture, &all, &proof);
    copse_status answers[] = {COPSE_DENIED, COPSE_END, COPSE_WANT};
    for (size_t i = 0; i < 3; i++) {
        copse_proof_verifier *verifier;
        assert_int_equal(copse_proof_verifier_new(&test.env, &fixture.root, &all, row_denies,
                                                  &answers[i], &verifier, NULL),
                         COPSE_OK);
        copse_status expected = i == 0 ? COPSE_DENIED : COPSE_MISUSE;
        assert_int_equal(copse_proof_verifier_feed(verifier, copse_buf_view(&proof), NULL),
                         expected);
        assert_int_equal(copse_proof_verifier_feed(verifier, copse_buf_view(&proof), NULL),
                         expected);
        assert_int_equal(copse_proof_verifier_finish(verifier, NULL), expected);
        copse_proof_verifier_free(verifier);
    }
    test.env.limits.pinned_size_bytes_max = 500;
    assert_int_equal(copse_proof_write(fixture.tree, &all, sink, NULL, NULL), COPSE_LIMIT);
    copse_cid unknown;
    uint8_t digest[32] = {0};
    assert_int_equal(
        copse_cid_from_parts(COPSE_CODEC_DAG_CBOR, 0x1e, (copse_bytes){digest, 32}, &unknown, NULL),
        COPSE_OK);
    assert_int_equal(
        copse_proof_verify(&test.env, &unknown, &all, copse_buf_view(&proof), NULL, NULL, NULL),
        COPSE_MISUSE);
    copse_buf_release(&proof);
    tree_fixture_release(&fixture);
}

/* ---- memory ---- */

typedef struct sweep_ctx {
    tree_fixture *fixture;
    const copse_proof_query *query;
    copse_buf proof;
} sweep_ctx;

static copse_status sweep_verify(const copse_env *env, void *ctx)
{
    sweep_ctx *sweep = ctx;
    return copse_proof_verify(env, &sweep->fixture->root, sweep->query,
                              copse_buf_view(&sweep->proof), NULL, NULL, NULL);
}

static copse_status sink_ignores(void *ctx, copse_bytes bytes, copse_err *err)
{
    (void)ctx;
    (void)bytes;
    (void)err;
    return COPSE_OK;
}

/* The tree is the fixture's, the memory that of the sweep. */
static copse_status sweep_write(const copse_env *env, void *ctx)
{
    sweep_ctx *sweep = ctx;
    const copse_env *own = sweep->fixture->tree->env;
    copse_car_sink sink = {.write = sink_ignores};
    sweep->fixture->tree->env = env;
    copse_status status = copse_proof_write(sweep->fixture->tree, sweep->query, sink, NULL, NULL);
    sweep->fixture->tree->env = own;
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const copse_tree_config small = tree_fixture_small_config();
    test_env test;
    tree_fixture fixture;
    test_env_init(&test);
    tree_fixture_init(&fixture, &test.env, &small, 9, 200);
    copse_bytes keys[] = {tree_fixture_key(&fixture, 150), tree_fixture_key(&fixture, 3),
                          tree_fixture_key(&fixture, 70)};
    const copse_proof_query query = query_of_keys(keys, 3);
    sweep_ctx sweep = {.fixture = &fixture, .query = &query};
    proof_support_write(&fixture, &query, &sweep.proof);
    assert_true(test_env_sweep(sweep_verify, &sweep, 1000) > 10);
    assert_true(test_env_sweep(sweep_write, &sweep, 1000) > 10);
    copse_buf_release(&sweep.proof);
    tree_fixture_release(&fixture);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_key_takes_a_path),
        cmocka_unit_test(test_random_queries),
        cmocka_unit_test(test_empty_queries_take_the_opening),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_want),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
