/* The rules of fetch.h, one by one, with a clock moved by hand. Those of time (F3, F5) are in
 * fetch_silence_test.c, those of failures (F4) in fetch_failure_test.c; fetch_sim_test.c has the
 * whole.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/car_memory.h"
#include "support/fetch_hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- F1 ---- */

/* Each lie ends the request, costs a pause, and what came before it counts. */
static void test_lies(void **state)
{
    static const int answers[][4] = {
        {0, 4, FETCH_HAND_END},    /* not asked for */
        {0, 0, FETCH_HAND_END},    /* twice */
        {0, 2, 1, FETCH_HAND_END}, /* in another order */
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        fetch_hand hand;
        fetch_hand_init(&hand, 1);
        fetch_hand_want(&hand, 0, 4);
        uint64_t request = fetch_hand_ask(&hand, 0, 0, 4);
        assert_int_equal(fetch_hand_answer(&hand, request, answers[i], true), COPSE_CORRUPT);
        assert_int_equal(fetch_hand_stats(&hand, 0).lies, 1);
        assert_int_equal(hand.delivered[0], 1);
        assert_int_equal(hand.delivered[1], 0);
        fetch_hand_wait(&hand, COPSE_FETCH_PAUSE_MS);
        fetch_hand_release(&hand);
    }
}

/* After three lies a peer is out, though it would tell the truth now. */
static void test_banned(void **state)
{
    fetch_hand hand;
    uint8_t data[FETCH_HAND_BLOCK_SIZE] = {1, 1, 1};
    bool all[] = {true};
    size_t peer = 7;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 1);
    for (uint64_t i = 0; i < COPSE_FETCH_LIES_MAX; i++) {
        uint64_t request = fetch_hand_ask(&hand, 0, 0, 1);
        fetch_hand_send(&hand, request, (copse_bytes){data, sizeof data}, false, COPSE_CORRUPT);
        if (i + 1 < COPSE_FETCH_LIES_MAX) {
            fetch_hand_wait(&hand, (uint64_t)COPSE_FETCH_PAUSE_MS << i);
            hand.now_ms += (uint64_t)COPSE_FETCH_PAUSE_MS << i;
        }
    }
    fetch_hand_end(&hand, 0, 1);
    assert_string_not_equal(copse_fetch_reason(hand.fetch, 0, 0), "");
    assert_false(copse_fetch_is_lacking(hand.fetch, 0, 0));
    hand.now_ms += 1000000;
    fetch_hand_want(&hand, 1, 2);
    fetch_hand_end(&hand, 0, 1);
    assert_false(copse_fetch_choose_peer(hand.fetch, all, hand.now_ms, &peer));
    assert_int_equal(peer, 7);
    fetch_hand_release(&hand);
}

/* A batch that ends inside a block is an accident; any other header, or bytes behind the blocks, a
 * lie. */
static void test_broken_batches(void **state)
{
    fetch_hand hand;
    copse_buf car;
    (void)state;
    fetch_hand_init(&hand, 1);
    copse_buf_init(&car, &hand.test.env, 4096);
    fetch_hand_car(&hand, FETCH_HAND_BLOCKS(0, 1), &car);
    for (size_t size = 0; size < car.len; size++) {
        size_t header = car.len - 2 * (1 + COPSE_CID_SHA2_256_SIZE_BYTES + FETCH_HAND_BLOCK_SIZE);
        bool is_between = size == header || size == header + (car.len - header) / 2;
        memset(hand.delivered, 0, sizeof hand.delivered);
        copse_fetch_note_peer(hand.fetch, 0, false, 0, hand.now_ms);
        fetch_hand_want(&hand, 0, 2);
        uint64_t failures = fetch_hand_stats(&hand, 0).failures;
        uint64_t request = fetch_hand_ask(&hand, 0, 0, 2);
        fetch_hand_send(&hand, request, (copse_bytes){car.ptr, size}, true,
                        is_between ? COPSE_OK : COPSE_CORRUPT);
        assert_int_equal(fetch_hand_stats(&hand, 0).failures, failures + !is_between);
        copse_fetch_drop(hand.fetch);
        assert_int_equal(copse_fetch_next(hand.fetch, hand.now_ms, &hand.step, NULL), COPSE_END);
    }
    assert_int_equal(fetch_hand_stats(&hand, 0).lies, 0);
    car.ptr[car.len - 1] ^= 1;
    copse_fetch_note_peer(hand.fetch, 0, false, 0, hand.now_ms);
    memset(hand.delivered, 0, sizeof hand.delivered);
    fetch_hand_want(&hand, 0, 2);
    uint64_t request = fetch_hand_ask(&hand, 0, 0, 2);
    fetch_hand_send(&hand, request, copse_buf_view(&car), false, COPSE_CORRUPT);
    assert_int_equal(fetch_hand_stats(&hand, 0).lies, 1);
    assert_int_equal(hand.delivered[0] + 2 * hand.delivered[1], 1);
    copse_buf_release(&car);
    fetch_hand_release(&hand);
}

/* A batch has one header only: version 1, and the marker as its root. */
static void test_other_headers(void **state)
{
    static const copse_cid marker = {.size = 4, .bytes = {1, COPSE_CODEC_RAW, 0, 0}};
    (void)state;
    for (uint64_t version = 1; version <= 2; version++) {
        fetch_hand hand;
        copse_buf car;
        car_memory_sink sink = {.buf = &car, .writes_max = SIZE_MAX};
        copse_car_writer_options options = {.version = version};
        copse_car_writer *writer = NULL;
        uint8_t start[COPSE_CAR_START_SIZE_BYTES] = {0};
        fetch_hand_init(&hand, 1);
        copse_buf_init(&car, &hand.test.env, 4096);
        const copse_cid *root = version == 1 ? &hand.cids[0] : &marker;
        assert_int_equal(copse_car_writer_new(&hand.test.env, &options, car_memory_sink_of(&sink),
                                              root, 1, &writer, NULL),
                         COPSE_OK);
        assert_int_equal(copse_car_writer_finish(writer, start, NULL), COPSE_OK);
        (void)copse_car_writer_free(writer);
        if (version == 2) {
            memcpy(car.ptr, start, sizeof start);
        }
        fetch_hand_want(&hand, 0, 1);
        fetch_hand_send(&hand, fetch_hand_ask(&hand, 0, 0, 1), copse_buf_view(&car), false,
                        COPSE_CORRUPT);
        assert_int_equal(fetch_hand_stats(&hand, 0).lies, 1);
        copse_buf_release(&car);
        fetch_hand_release(&hand);
    }
}

/* ---- F2 ---- */

static void test_one_peer_one_request(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 256);
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 0, 0, 256), 0, 256);
    fetch_hand_end(&hand, 256, 0);
    fetch_hand_want(&hand, 256, 1000);
    uint64_t first = fetch_hand_ask(&hand, 0, 256, 256);
    uint64_t second = fetch_hand_ask(&hand, 0, 512, 256);
    fetch_hand_wait(&hand, COPSE_FETCH_HEDGE_MS);
    fetch_hand_give(&hand, first, 256, 512);
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 0, 768, 232), 768, 1000);
    fetch_hand_give(&hand, second, 512, 768);
    fetch_hand_end(&hand, 1000, 0);
    fetch_hand_release(&hand);
}

/* Several peers: first wants first, two requests each, and pieces that shrink towards the end. */
static void test_split(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 2);
    fetch_hand_want(&hand, 0, 200);
    fetch_hand_want(&hand, 100, 300);
    uint64_t first = fetch_hand_ask(&hand, 0, 0, 64); /* of unknown speed: no more than that */
    (void)fetch_hand_ask(&hand, 1, 64, 64);
    (void)fetch_hand_ask(&hand, 0, 128, 43); /* half of 300 / 2 - 64 */
    (void)fetch_hand_ask(&hand, 1, 171, 43);
    fetch_hand_wait(&hand, FETCH_HAND_PATIENCE_MS);
    hand.now_ms += 50;
    fetch_hand_give(&hand, first, 0, 64);
    (void)fetch_hand_ask(&hand, 0, 214, 75); /* all of (300 - 64) / 2 - 43: 100 ms are as much */
    fetch_hand_release(&hand);
}

/* ---- F6 ---- */

static void test_gateway(void **state)
{
    fetch_hand hand;
    uint8_t data[FETCH_HAND_BLOCK_SIZE];
    uint64_t requests[8];
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 9);
    fetch_hand_fail(&hand, fetch_hand_ask(&hand, 0, 0, 9), 404, 0);
    for (size_t i = 0; i < 8; i++) {
        requests[i] = fetch_hand_ask(&hand, 0, i, 1);
        assert_int_equal(hand.step.kind, COPSE_FETCH_ASK_BLOCK);
    }
    for (size_t i = 0; i < 7; i++) {
        fetch_hand_block(i, data);
        fetch_hand_send(&hand, requests[i], (copse_bytes){data, sizeof data}, true, COPSE_OK);
    }
    fetch_hand_fail(&hand, requests[7], 404, 0);
    uint64_t last = fetch_hand_ask(&hand, 0, 8, 1);
    assert_int_equal(fetch_hand_stats(&hand, 0).failures, 0);
    fetch_hand_send(&hand, last, (copse_bytes){data, sizeof data}, true, COPSE_CORRUPT);
    assert_int_equal(fetch_hand_stats(&hand, 0).lies, 1);
    hand.now_ms += COPSE_FETCH_PAUSE_MS;
    fetch_hand_block(8, data);
    last = fetch_hand_ask(&hand, 0, 8, 1);
    fetch_hand_send(&hand, last, (copse_bytes){data, sizeof data}, true, COPSE_OK);
    fetch_hand_end(&hand, 8, 1);
    fetch_hand_release(&hand);
}

/* ---- The rest ---- */

static void test_drop(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 4);
    uint64_t request = fetch_hand_ask(&hand, 0, 0, 4);
    assert_int_equal(fetch_hand_answer(&hand, request, FETCH_HAND_BLOCKS(0), false), COPSE_OK);
    copse_fetch_drop(hand.fetch);
    fetch_hand_want(&hand, 1, 2);
    fetch_hand_cancel(&hand, request);
    request = fetch_hand_ask(&hand, 0, 1, 1);
    assert_int_equal(fetch_hand_answer(&hand, request, FETCH_HAND_BLOCKS(1), false), COPSE_OK);
    copse_fetch_drop(hand.fetch);
    fetch_hand_cancel(&hand, request);
    fetch_hand_end(&hand, 2, 0);
    assert_int_equal(fetch_hand_stats(&hand, 0).failures, 0);
    fetch_hand_release(&hand);
}

/* What deliver refuses is the caller's trouble, not the peer's. */
static void test_deliver_fails(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 4);
    for (int status = COPSE_DENIED; status < COPSE_OK; status++) {
        uint64_t request = fetch_hand_ask(&hand, 0, 0, 4);
        hand.deliver_status = (copse_status)status;
        assert_int_equal(fetch_hand_answer(&hand, request, FETCH_HAND_BLOCKS(0), false), status);
    }
    hand.deliver_status = COPSE_OK;
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 0, 0, 4), 0, 4);
    fetch_hand_end(&hand, 4, 0);
    assert_int_equal(fetch_hand_stats(&hand, 0).failures + fetch_hand_stats(&hand, 0).lies, 0);
    fetch_hand_release(&hand);
}

/* Without memory nothing is asked for, and later all is as if it had been there. */
static void test_no_memory(void **state)
{
    fetch_hand hand;
    uint64_t failed_count = 0;
    copse_status status = COPSE_NOMEM;
    (void)state;
    fetch_hand_init(&hand, 1);
    for (; status == COPSE_NOMEM; failed_count++) {
        hand.test.calls = 0;
        hand.test.fail_at = failed_count;
        status = copse_fetch_want(hand.fetch, hand.cids, 40, NULL);
    }
    assert_true(failed_count > 40);
    status = COPSE_NOMEM;
    for (failed_count = 0; status == COPSE_NOMEM; failed_count++) {
        hand.test.calls = 0;
        hand.test.fail_at = failed_count;
        status = copse_fetch_next(hand.fetch, 0, &hand.step, NULL);
    }
    assert_true(failed_count > 3);
    hand.test.fail_at = UINT64_MAX;
    assert_int_equal(hand.step.count, 40);
    fetch_hand_give(&hand, hand.step.request, 0, 40);
    fetch_hand_end(&hand, 40, 0);
    fetch_hand_release(&hand);
}

static void test_arguments(void **state)
{
    fetch_hand hand;
    copse_fetch *fetch = NULL;
    copse_fetch_options options = {.peers_count = 1};
    copse_cid identity = {.size = 6, .bytes = {1, COPSE_CODEC_RAW, 0, 2, 'h', 'i'}};
    copse_cid unknown = {.size = 6, .bytes = {1, COPSE_CODEC_RAW, 0x11, 2, 1, 1}};
    (void)state;
    fetch_hand_init(&hand, 1);
    assert_int_equal(copse_fetch_new(&hand.test.env, &options, &fetch, NULL), COPSE_MISUSE);
    assert_int_equal(copse_fetch_want(hand.fetch, &unknown, 1, NULL), COPSE_MISUSE);
    assert_int_equal(copse_fetch_want(hand.fetch, &(copse_cid){.size = 0}, 1, NULL), COPSE_MISUSE);
    assert_int_equal(copse_fetch_want(hand.fetch, &identity, 1, NULL), COPSE_OK);
    fetch_hand_end(&hand, 1, 0);
    fetch_hand_send(&hand, 77, (copse_bytes){identity.bytes, 1}, true, COPSE_OK);
    fetch_hand_fail(&hand, 77, 500, 0);
    assert_int_equal(fetch_hand_stats(&hand, 0).failures + fetch_hand_stats(&hand, 9).failures, 0);
    fetch_hand_release(&hand);
}

/* The fastest peer that is well, from what the fetch and others learnt. */
static void test_choose(void **state)
{
    fetch_hand hand;
    bool all[] = {true, true, true};
    size_t peer = 9;
    (void)state;
    fetch_hand_init(&hand, 3);
    copse_fetch_note_peer(hand.fetch, 0, false, 150, 0);
    copse_fetch_note_peer(hand.fetch, 2, false, 20, 0);
    assert_true(copse_fetch_choose_peer(hand.fetch, all, 0, &peer));
    assert_int_equal(peer, 2);
    all[2] = false;
    assert_true(copse_fetch_choose_peer(hand.fetch, all, 0, &peer));
    assert_int_equal(peer, 0);
    copse_fetch_note_peer(hand.fetch, 0, true, 0, 0);
    assert_true(copse_fetch_choose_peer(hand.fetch, all, 0, &peer));
    assert_int_equal(peer, 1);
    all[1] = false;
    assert_false(copse_fetch_choose_peer(hand.fetch, all, 0, &peer));
    assert_true(copse_fetch_choose_peer(hand.fetch, all, COPSE_FETCH_PAUSE_MS, &peer));
    assert_int_equal(peer, 0);
    fetch_hand_release(&hand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_banned),
        cmocka_unit_test(test_broken_batches),
        cmocka_unit_test(test_other_headers),
        cmocka_unit_test(test_one_peer_one_request),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_gateway),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_deliver_fails),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
