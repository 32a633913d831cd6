/* The rules of fetch.h about time: hedging (F3) and silence (F5), with a clock moved by hand.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/fetch_hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- F3 ---- */

/* A silent peer's blocks are asked of another one, which is then the one that counts; late bytes
 * are wasted, not delivered. */
static void test_hedge(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 3);
    fetch_hand_want(&hand, 0, 4);
    uint64_t slow = fetch_hand_ask(&hand, 0, 0, 4);
    fetch_hand_wait(&hand, FETCH_HAND_PATIENCE_MS);
    fetch_hand_idle(&hand, FETCH_HAND_PATIENCE_MS);
    uint64_t hedge = fetch_hand_ask(&hand, 1, 0, 4);
    assert_int_equal(fetch_hand_stats(&hand, 0).hedges, 1);
    hand.now_ms += 20;
    fetch_hand_wait(&hand, FETCH_HAND_PATIENCE_MS - 20); /* on two ways, and no third */
    assert_int_equal(fetch_hand_answer(&hand, hedge, FETCH_HAND_BLOCKS(0, 1), false), COPSE_OK);
    assert_int_equal(fetch_hand_answer(&hand, slow, FETCH_HAND_BLOCKS(0), false), COPSE_OK);
    assert_int_equal(fetch_hand_stats(&hand, 0).wasted_bytes, FETCH_HAND_BLOCK_SIZE);
    assert_int_equal(fetch_hand_stats(&hand, 1).latency_ms, 20);
    assert_int_equal(fetch_hand_stats(&hand, 1).blocks, 2);
    fetch_hand_release(&hand);
}

static void test_hedge_wins(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 2);
    fetch_hand_want(&hand, 0, 4);
    uint64_t slow = fetch_hand_ask(&hand, 0, 0, 4);
    fetch_hand_idle(&hand, FETCH_HAND_PATIENCE_MS);
    uint64_t hedge = fetch_hand_ask(&hand, 1, 0, 4);
    hand.now_ms += 20;
    fetch_hand_give(&hand, hedge, 0, 4);
    fetch_hand_cancel(&hand, slow);
    fetch_hand_end(&hand, 4, 0);
    assert_int_equal(fetch_hand_stats(&hand, 0).failures, 0);
    /* The one that was late is asked last for a while. */
    fetch_hand_want(&hand, 4, 40);
    (void)fetch_hand_ask(&hand, 1, 4, 36);
    fetch_hand_release(&hand);
}

/* Two silent peers don't hold up what a third has. */
static void test_hedge_stuck(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 3);
    fetch_hand_want(&hand, 0, 4);
    uint64_t first = fetch_hand_ask(&hand, 0, 0, 4);
    fetch_hand_idle(&hand, FETCH_HAND_PATIENCE_MS);
    uint64_t second = fetch_hand_ask(&hand, 1, 0, 4);
    fetch_hand_idle(&hand, 3 * FETCH_HAND_PATIENCE_MS);
    fetch_hand_cancel(&hand, first);
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 2, 0, 4), 0, 4);
    fetch_hand_cancel(&hand, second);
    fetch_hand_end(&hand, 4, 0);
    assert_int_equal(fetch_hand_stats(&hand, 0).failures + fetch_hand_stats(&hand, 1).failures, 0);
    fetch_hand_release(&hand);
}

/* An idle peer takes over the end of a slow one's request, and no more than helps. */
static void test_take_over(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 2);
    fetch_hand_want(&hand, 0, 32);
    uint64_t slow = fetch_hand_ask(&hand, 0, 0, 16);
    uint64_t fast = fetch_hand_ask(&hand, 1, 16, 16);
    hand.now_ms += 20;
    fetch_hand_give(&hand, fast, 16, 32);
    assert_int_equal(fetch_hand_answer(&hand, slow, FETCH_HAND_BLOCKS(0), false), COPSE_OK);
    /* 64 bytes and more in 20 ms, against 16 times that: 14 of the 15 blocks. */
    assert_int_equal(copse_fetch_next(hand.fetch, hand.now_ms, &hand.step, NULL), COPSE_OK);
    assert_int_equal(hand.step.peer, 1);
    assert_in_range(hand.step.count, 10, 14);
    size_t first = 16 - hand.step.count;
    assert_true(copse_cid_equal(&hand.step.cids[0], &hand.cids[first]));
    uint64_t rest = hand.step.request;
    hand.now_ms += 20;
    fetch_hand_give(&hand, rest, first, 16);
    assert_int_equal(hand.delivered_count, 17 + 16 - first);
    fetch_hand_release(&hand);
}

/* ---- F5 ---- */

/* Silence ends a request; a drip of bytes only puts that off by a millisecond each. */
static void test_silence(void **state)
{
    fetch_hand hand;
    copse_buf car;
    (void)state;
    fetch_hand_init(&hand, 1);
    copse_buf_init(&car, &hand.test.env, 4096);
    fetch_hand_car(&hand, FETCH_HAND_BLOCKS(0), &car);
    fetch_hand_want(&hand, 0, 1);
    uint64_t silent = fetch_hand_ask(&hand, 0, 0, 1);
    fetch_hand_idle(&hand, FETCH_HAND_SILENCE_MS);
    fetch_hand_cancel(&hand, silent);
    hand.now_ms += COPSE_FETCH_PAUSE_MS;
    uint64_t dripping = fetch_hand_ask(&hand, 0, 0, 1);
    for (size_t i = 0; i < 9; i++) {
        fetch_hand_idle(&hand, 1000);
        fetch_hand_send(&hand, dripping, (copse_bytes){car.ptr + i, 1}, false, COPSE_OK);
    }
    fetch_hand_idle(&hand, 1000 + 9);
    fetch_hand_cancel(&hand, dripping);
    assert_int_equal(fetch_hand_stats(&hand, 0).failures, 2);
    copse_buf_release(&car);
    fetch_hand_release(&hand);
}

/* Silent peers are left for each other twice a block, then waited for: that ends. */
static void test_all_silent(void **state)
{
    fetch_hand hand;
    copse_status status = COPSE_OK;
    (void)state;
    fetch_hand_init(&hand, 4);
    fetch_hand_want(&hand, 0, 1);
    for (size_t i = 0; i < 1000 && status != COPSE_END; i++) {
        status = copse_fetch_next(hand.fetch, hand.now_ms, &hand.step, NULL);
        hand.now_ms = status == COPSE_WANT ? hand.step.until_ms : hand.now_ms;
    }
    fetch_hand_end(&hand, 0, 1);
    assert_in_range(hand.now_ms, FETCH_HAND_SILENCE_MS, 5 * FETCH_HAND_SILENCE_MS);
    fetch_hand_release(&hand);
}

/* An answer that has brought all and does not end is cut off when it is late. */
static void test_no_end(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 2);
    uint64_t request = fetch_hand_ask(&hand, 0, 0, 2);
    hand.now_ms += 10;
    assert_int_equal(fetch_hand_answer(&hand, request, FETCH_HAND_BLOCKS(0, 1), false), COPSE_OK);
    fetch_hand_idle(&hand, COPSE_FETCH_HEDGE_MS);
    fetch_hand_cancel(&hand, request);
    fetch_hand_end(&hand, 2, 0);
    assert_int_equal(fetch_hand_stats(&hand, 0).failures, 0);
    fetch_hand_release(&hand);
}

/* Time in which the caller was busy is not the peer's silence. */
static void test_lag(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 1);
    uint64_t request = fetch_hand_ask(&hand, 0, 0, 1);
    fetch_hand_wait(&hand, FETCH_HAND_PATIENCE_MS);
    hand.now_ms += 60000;
    fetch_hand_wait(&hand, 3 * FETCH_HAND_PATIENCE_MS);
    fetch_hand_give(&hand, request, 0, 1);
    fetch_hand_end(&hand, 1, 0);
    assert_int_equal(fetch_hand_stats(&hand, 0).latency_ms, FETCH_HAND_PATIENCE_MS);
    fetch_hand_release(&hand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hedge),       cmocka_unit_test(test_hedge_wins),
        cmocka_unit_test(test_hedge_stuck), cmocka_unit_test(test_take_over),
        cmocka_unit_test(test_silence),     cmocka_unit_test(test_all_silent),
        cmocka_unit_test(test_no_end),      cmocka_unit_test(test_lag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
