/* Queries on a remote whose peers, or store, fail it: each document is right, and what can't be had
 * is said. What heads become of that.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "support/find_case.h"

/* A store that has what `inner` has, until so many blocks were read; what is put is dropped. */
typedef struct bounded_store {
    copse_store store;
    copse_store *inner;
    uint64_t gets;
} bounded_store;

static copse_status bounded_store_get(copse_store *store, const copse_cid *cid,
                                      copse_block **ret_block, copse_err *err)
{
    bounded_store *bounded = (bounded_store *)store;
    if (bounded->gets == 0) {
        return COPSE_NOT_FOUND;
    }
    bounded->gets--;
    return copse_store_get(bounded->inner, cid, ret_block, err);
}

static copse_status bounded_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                      copse_err *err)
{
    (void)store;
    (void)blocks;
    (void)count;
    (void)err;
    return COPSE_OK;
}

static const copse_store_ops bounded_store_ops = {.get = bounded_store_get,
                                                  .put = bounded_store_put};

/* One that has nothing, and says that it is damaged when a block is put. */
static copse_status damaged_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                      copse_err *err)
{
    (void)store;
    (void)blocks;
    (void)count;
    return COPSE_ERR(err, COPSE_CORRUPT, "this store is damaged");
}

static const copse_store_ops damaged_store_ops = {.get = bounded_store_get,
                                                  .put = damaged_store_put};

/* ---- Peers that fail ------------------------------------------------------------------------- */

/* The bytes of the whole answer of peer number 0. */
static size_t answer_size(find_case *one)
{
    copse_buf car;
    assert_int_equal(answer_support_make(&one->world.world, &one->world.newer, &one->query.options,
                                         NULL, &car, NULL, NULL),
                     COPSE_END);
    size_t size = car.len;
    copse_buf_release(&car);
    return size;
}

/* Peer number 0 does `fault` to its answers at every so many bytes; the other is sound. Returns how
 * often that was asked. */
static size_t check_fault(find_case *one, script_fault fault, bool is_lie)
{
    size_t size = answer_size(one);
    size_t by_answer = 0;
    for (size_t at = 0; at < size; at += size / 11 + 1) {
        find_case_renew(one, 2, 0);
        script_peer *peer = find_case_peer(one, 0);
        *peer = (script_peer){.world = &one->world.world,
                              .head = one->world.newer,
                              .fault = fault,
                              .pages = SCRIPT_QUERY,
                              .at = at};
        remote_found found = find_case_run(one, NULL, false);
        bool asked_other = find_case_peer(one, 1)->queries > 0;
        find_case_assert_ended(&found, asked_other ? COPSE_REMOTE_ANSWER : COPSE_REMOTE_MIXED);
        /* A byte of a section's length may make the answer look cut short. */
        bool is_cut = is_lie && found.stats.refused == 0;
        assert_true(asked_other || is_cut || one->query.options.sort == NULL);
        assert_int_equal(found.stats.refused, is_lie && !is_cut);
        by_answer += asked_other;
    }
    return by_answer;
}

static void test_next_peer(void **state)
{
    (void)state;
    find_case one;
    static const script_fault faults[] = {SCRIPT_FLIPS, SCRIPT_PADS, SCRIPT_BREAKS, SCRIPT_STALLS,
                                          SCRIPT_TRICKLES};
    find_case_init(&one, 2, 0);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        size_t by_answer = 0;
        for (size_t j = 0; j < FIND_CASE_ROWS_COUNT; j++) {
            find_case_ask(&one, &find_case_rows[j]);
            by_answer += check_fault(&one, faults[i], i < 2);
        }
        assert_true(by_answer > 10);
    }
    find_case_release(&one);
}

/* An answer of no root, or of another, is none. */
static void test_wrong_root(void **state)
{
    (void)state;
    static const script_fault faults[] = {SCRIPT_NO_ROOT, SCRIPT_BAD_ROOT, SCRIPT_WRONG_ROOT};
    find_case one;
    find_case_init(&one, 2, 0);
    for (size_t i = 0; i < 3; i++) {
        for (int named = 0; named < 2; named++) {
            find_case_renew(&one, 1, 0);
            find_case_peer(&one, 0)->fault = faults[i];
            find_case_peer(&one, 0)->pages = SCRIPT_QUERY;
            remote_found found = find_case_run(&one, named != 0 ? NULL : &one.world.newer, false);
            assert_int_equal(found.stats.refused, 1);
            find_case_assert_said(&one, 0, named != 0 && i < 2 ? "" : "other-root");
            if (named != 0 && faults[i] == SCRIPT_WRONG_ROOT) {
                /* The tree is what the peer says that its head is; its answer is not of that. */
                find_case_assert_ended(&found, COPSE_REMOTE_BLOCKS);
                assert_true(copse_cid_equal(&found.root, copse_tree_root(one.world.world.db.tree)));
            } else {
                find_case_assert_ended(&found, COPSE_REMOTE_BLOCKS);
                assert_true(copse_cid_equal(&found.root, &one.world.newer));
                assert_int_equal(find_case_peer(&one, 0)->heads, named);
            }
        }
    }
    find_case_release(&one);
}

static void test_refused(void **state)
{
    (void)state;
    static const unsigned statuses[] = {400, 404, 405, 413, 429, 500, 501, 503};
    find_case one;
    find_case_init(&one, 2, 0);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        find_case_renew(&one, 2, 0);
        for (size_t peer = 0; peer < 2; peer++) {
            find_case_peer(&one, peer)->fault = SCRIPT_REFUSES;
            find_case_peer(&one, peer)->pages = SCRIPT_QUERY;
            find_case_peer(&one, peer)->status = statuses[i];
        }
        remote_found found = find_case_run(&one, &one.world.newer, false);
        find_case_assert_ended(&found, COPSE_REMOTE_BLOCKS);
        size_t queries = find_case_peer(&one, 0)->queries + find_case_peer(&one, 1)->queries;
        assert_int_equal(queries, statuses[i] == 413 ? 1 : 2);
        assert_int_equal(found.stats.answers, 0);
        find_case_assert_said(&one, find_case_peer(&one, 0)->queries > 0 ? 0 : 1, ": not ?[now");
    }
    find_case_renew(&one, 1, 0);
    find_case_peer(&one, 0)->fault = SCRIPT_OTHER_TYPE;
    find_case_peer(&one, 0)->pages = SCRIPT_QUERY;
    remote_found found = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&found, COPSE_REMOTE_BLOCKS);
    find_case_release(&one);
}

static void test_nobody(void **state)
{
    (void)state;
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    find_case one;
    find_case_init(&one, 2, 0);
    (void)copse_cid_to_text(&one.world.newer, COPSE_BASE32, cid);
    find_case_peer(&one, 0)->fault = SCRIPT_AWAY;
    find_case_peer(&one, 1)->fault = SCRIPT_AWAY;
    remote_found found = find_case_run(&one, &one.world.newer, false);
    size_t count = 0;
    assert_int_equal(found.status, COPSE_IO);
    assert_non_null(strstr(found.err.message, cid));
    assert_non_null(strstr(found.err.message, "http://p0: connection refused"));
    assert_true(script_transport_elapsed_ms(one.client.script) < 10000);
    assert_true(copse_cid_equal(copse_remote_missing(one.client.remote, &count), &one.world.newer));
    assert_int_equal(count, 1);
    assert_non_null(strstr(copse_remote_reason(one.client.remote, 0, 1), "connection refused"));
    found = find_case_run(&one, NULL, false);
    assert_int_equal(found.status, COPSE_IO);
    assert_non_null(strstr(found.err.message, "connection refused"));

    /* Silence is no answer. */
    find_case_renew(&one, 2, 0);
    find_case_peer(&one, 0)->fault = SCRIPT_STALLS;
    find_case_peer(&one, 1)->world = NULL;
    found = find_case_run(&one, &one.world.newer, false);
    assert_int_equal(found.status, COPSE_IO);
    assert_true(script_transport_elapsed_ms(one.client.script) < 120000);

    /* Peers that are there, and have no such block or name. */
    find_case_renew(&one, 2, 0);
    find_case_peer(&one, 0)->world = NULL;
    find_case_peer(&one, 1)->world = NULL;
    found = find_case_run(&one, &one.world.newer, false);
    assert_int_equal(found.status, COPSE_NOT_FOUND);
    assert_non_null(strstr(found.err.message, "no peer"));
    find_case_peer(&one, 0)->head.size = 0;
    found = find_case_run(&one, NULL, false);
    assert_int_equal(found.status, COPSE_NOT_FOUND);
    assert_non_null(strstr(found.err.message, "there is no database of that name"));
    find_case_release(&one);
}

/* Writes an answer from `root` that has the plan of a sound one, and then `block` alone. */
static void write_answer(find_case *one, const copse_block *block, copse_buf *ret_car)
{
    static const copse_car_writer_options options = {.version = 1};
    proof_support_section sections[ANSWER_ONE_SECTIONS_MAX];
    copse_buf sound;
    copse_car_writer *writer = NULL;
    assert_int_equal(answer_support_make(&one->world.world, &one->world.newer, &one->query.options,
                                         NULL, &sound, NULL, NULL),
                     COPSE_END);
    assert_true(proof_support_sections(&one->env, copse_buf_view(&sound), sections,
                                       ANSWER_ONE_SECTIONS_MAX) > 2);
    const copse_bytes head = {sound.ptr + sections[0].offset, sections[0].size};
    copse_buf_init(ret_car, &one->env, SIZE_MAX);
    assert_int_equal(copse_car_writer_new(&one->env, &options, proof_support_sink(ret_car),
                                          copse_block_cid(block), 1, &writer, NULL),
                     COPSE_OK);
    assert_int_equal(copse_buf_append(ret_car, head), COPSE_OK);
    assert_int_equal(
        copse_car_writer_put(writer, copse_block_cid(block), copse_block_data(block), NULL),
        COPSE_OK);
    assert_int_equal(copse_car_writer_finish(writer, NULL, NULL), COPSE_OK);
    copse_car_writer_free(writer);
    copse_buf_release(&sound);
}

/* What the root names is no database: no other peer is asked. */
static void test_broken_root(void **state)
{
    (void)state;
    find_case one;
    copse_block *block = NULL;
    copse_buf car;
    find_case_init(&one, 2, FIND_CASE_STORE);
    assert_int_equal(copse_block_of_data(&one.env, COPSE_CODEC_DAG_CBOR,
                                         copse_bytes_of_text("\x82\x01\x02"), &block, NULL),
                     COPSE_OK);
    write_answer(&one, block, &car);
    find_case_peer(&one, 0)->head = *copse_block_cid(block);
    find_case_peer(&one, 0)->canned = copse_buf_view(&car);
    for (int i = 0; i < 2; i++) {
        remote_found found = find_case_run(&one, NULL, false);
        assert_int_equal(found.status, COPSE_CORRUPT);
        assert_true(strlen(found.err.message) > 10);
        assert_int_equal(found.stats.refused, 0);
        assert_int_equal(found.stats.requests, 1);
    }
    remote_found found = find_case_run(&one, copse_block_cid(block), false); /* it is here */
    assert_int_equal(found.status, COPSE_CORRUPT);
    assert_int_equal(found.stats.requests, 0);
    copse_buf_release(&car);
    copse_block_unref(block);
    find_case_release(&one);
}

/* ---- A store that lets go -------------------------------------------------------------------- */

/* A cache may drop any block at any time, also one that a peer was told not to send. */
static void test_bounded_store(void **state)
{
    (void)state;
    find_case one;
    find_case_init(&one, 1, FIND_CASE_STORE);
    remote_found whole = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&whole, COPSE_REMOTE_ANSWER);
    copse_store *full = one.store;
    one.store = NULL;
    remote_client_release(&one.client);
    for (uint64_t gets = 1; gets < 2 * whole.stats.blocks; gets++) {
        bounded_store bounded = {.store.ops = &bounded_store_ops, .inner = full, .gets = gets};
        one.store = &bounded.store;
        find_case_connect(&one, 1, 0);
        remote_found found = find_case_run(&one, NULL, false);
        assert_int_equal(found.status, COPSE_END);
        assert_true(found.stats.blocks <= whole.stats.blocks + 1);
        remote_client_release(&one.client);
    }
    one.store = full;
    find_case_connect(&one, 1, 0);
    find_case_release(&one);
}

/* What a store says of itself is no lie of the peer whose block it was given. */
static void test_damaged_store(void **state)
{
    (void)state;
    find_case one;
    bounded_store damaged = {.store.ops = &damaged_store_ops};
    find_case_init(&one, 2, 0);
    one.store = &damaged.store;
    for (int blocks_only = 0; blocks_only < 2; blocks_only++) {
        find_case_reconnect(&one, 2, 0);
        remote_found found = find_case_run(&one, &one.world.newer, blocks_only != 0);
        assert_int_equal(found.status, COPSE_CORRUPT);
        assert_string_equal(found.err.message, "this store is damaged");
        assert_int_equal(found.stats.refused, 0);
        assert_int_equal(found.stats.blocks, 1);
    }
    one.store = NULL;
    find_case_release(&one);
}

/* What came from a peer that broke off is not asked for again. */
static void test_rest_of_answer(void **state)
{
    (void)state;
    find_case one;
    find_case_init(&one, 2, FIND_CASE_STORE);
    size_t size = answer_size(&one);
    remote_found whole = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&whole, COPSE_REMOTE_ANSWER);
    find_case_renew(&one, 2, FIND_CASE_STORE);
    script_peer *peer = find_case_peer(&one, 0);
    peer->fault = SCRIPT_BREAKS;
    peer->pages = SCRIPT_QUERY;
    peer->at = size / 5 * 4;
    remote_found found = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&found, COPSE_REMOTE_ANSWER);
    assert_int_equal(find_case_peer(&one, 1)->queries, 1);
    assert_int_equal(found.stats.blocks, whole.stats.blocks);
    find_case_release(&one);
}

/* ---- Heads ----------------------------------------------------------------------------------- */

static void test_stale(void **state)
{
    (void)state;
    find_case one;
    find_case_init(&one, 1, FIND_CASE_STORE);
    remote_found first = find_case_run(&one, NULL, false);
    find_case_assert_ended(&first, COPSE_REMOTE_ANSWER);
    one.heads.seen_ms = 77;
    for (unsigned offline = 0; offline < 2; offline++) {
        find_case_reconnect(&one, 1, offline != 0 ? FIND_CASE_OFFLINE : 0);
        find_case_peer(&one, 0)->fault = SCRIPT_AWAY;
        remote_found found = find_case_run(&one, NULL, false);
        find_case_assert_ended(&found, COPSE_REMOTE_LOCAL);
        assert_true(found.stats.is_stale);
        assert_int_equal(found.stats.head_seen_ms, 77);
        assert_true(copse_cid_equal(&found.root, &one.world.newer));
        /* What is not here can't be had. */
        answer_query_release(&one.query);
        answer_query_init(&one.query, NULL, NULL, NULL, 0, 0);
        found = find_case_run(&one, NULL, false);
        assert_int_equal(found.status, COPSE_IO);
        size_t count = 0;
        assert_non_null(copse_remote_missing(one.client.remote, &count));
        answer_query_release(&one.query);
        answer_query_init(&one.query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 12);
    }
    /* Others may have the blocks of the head that was seen. */
    find_case_reconnect(&one, 2, 0);
    find_case_peer(&one, 0)->fault = SCRIPT_AWAY;
    answer_query_release(&one.query);
    answer_query_init(&one.query, NULL, "_id", NULL, 0, 0);
    remote_found found = find_case_run(&one, NULL, false);
    find_case_assert_ended(&found, COPSE_REMOTE_ANSWER);
    assert_true(found.stats.is_stale);
    /* Nobody remembers. */
    one.heads.head.size = 0;
    find_case_reconnect(&one, 1, FIND_CASE_OFFLINE);
    found = find_case_run(&one, NULL, false);
    assert_int_equal(found.status, COPSE_IO);
    assert_non_null(strstr(found.err.message, "not seen before"));
    find_case_release(&one);
}

static void test_older(void **state)
{
    (void)state;
    for (int blocks_only = 0; blocks_only < 2; blocks_only++) {
        find_case one;
        find_case_init(&one, 1, FIND_CASE_STORE);
        remote_found found = find_case_run(&one, NULL, blocks_only != 0);
        assert_int_equal(found.status, COPSE_END);
        assert_false(found.stats.is_older);
        find_case_peer(&one, 0)->head = one.world.older;
        found = find_case_run(&one, NULL, blocks_only != 0);
        assert_int_equal(found.status, COPSE_END);
        assert_true(found.stats.is_older);
        assert_true(copse_cid_equal(&found.root, &one.world.older));
        assert_true(copse_cid_equal(&one.heads.head, &one.world.newer));
        find_case_peer(&one, 0)->head = one.world.newer;
        found = find_case_run(&one, NULL, blocks_only != 0);
        assert_false(found.stats.is_older);
        one.heads.head = one.world.older;
        found = find_case_run(&one, NULL, blocks_only != 0);
        assert_false(found.stats.is_older);
        assert_true(copse_cid_equal(&one.heads.head, &one.world.newer));
        find_case_release(&one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_peer),     cmocka_unit_test(test_wrong_root),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_broken_root),   cmocka_unit_test(test_bounded_store),
        cmocka_unit_test(test_damaged_store), cmocka_unit_test(test_rest_of_answer),
        cmocka_unit_test(test_stale),         cmocka_unit_test(test_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
