/* The rules of fetch.h about peers that lack a block or fail (F4), with a clock moved by hand.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/fetch_hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* What a peer does not have is asked of others, at once, and of it never again. */
static void test_lacking(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 2);
    fetch_hand_want(&hand, 0, 4);
    uint64_t request = fetch_hand_ask(&hand, 0, 0, 4);
    assert_int_equal(fetch_hand_answer(&hand, request, FETCH_HAND_BLOCKS(2), false), COPSE_OK);
    uint64_t other = fetch_hand_ask(&hand, 1, 0, 2);
    assert_int_equal(copse_fetch_ended(hand.fetch, request, hand.now_ms, NULL), COPSE_OK);
    (void)fetch_hand_ask(&hand, 1, 3, 1);
    fetch_hand_give(&hand, hand.step.request, 4, 4);
    fetch_hand_give(&hand, other, 1, 2);
    fetch_hand_end(&hand, 2, 2);
    for (size_t i = 0; i < 2; i++) {
        for (size_t peer = 0; peer < 2; peer++) {
            assert_true(copse_fetch_is_lacking(hand.fetch, i, peer));
            assert_string_equal(copse_fetch_reason(hand.fetch, i, peer), "does not have it");
        }
    }
    assert_string_equal(copse_fetch_reason(hand.fetch, 2, 0), "");
    assert_string_equal(copse_fetch_reason(hand.fetch, 0, 2), "");
    fetch_hand_release(&hand);
}

/* Pauses double; after six failures in a row the peer, and with it the block, is given up; a new
 * round tries once more. */
static void test_failures(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 1);
    for (unsigned i = 0; i < COPSE_FETCH_TRIES_MAX; i++) {
        fetch_hand_fail(&hand, fetch_hand_ask(&hand, 0, 0, 1), 0, 0);
        if (i + 1 < COPSE_FETCH_TRIES_MAX) {
            fetch_hand_wait(&hand, (uint64_t)COPSE_FETCH_PAUSE_MS << i);
            hand.now_ms += (uint64_t)COPSE_FETCH_PAUSE_MS << i;
        }
    }
    fetch_hand_end(&hand, 0, 1);
    assert_string_equal(copse_fetch_reason(hand.fetch, 0, 0), "no luck");
    assert_int_equal(fetch_hand_stats(&hand, 0).failures, COPSE_FETCH_TRIES_MAX);
    fetch_hand_want(&hand, 2, 4);
    fetch_hand_fail(&hand, fetch_hand_ask(&hand, 0, 2, 2), 500, 0);
    fetch_hand_end(&hand, 0, 2);
    assert_string_equal(copse_fetch_reason(hand.fetch, 0, 0), "no luck (HTTP status 500)");
    fetch_hand_want(&hand, 4, 6);
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 0, 4, 2), 4, 6);
    fetch_hand_end(&hand, 2, 0);
    fetch_hand_release(&hand);
}

/* The peer is left alone for as long as it asks; if that is longer than anybody waits, others are
 * asked or the block is given up, and it is not asked before either. */
static void test_retry_after(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 2);
    fetch_hand_fail(&hand, fetch_hand_ask(&hand, 0, 0, 2), 429, 3000);
    fetch_hand_wait(&hand, 3000);
    hand.now_ms += 3000;
    fetch_hand_fail(&hand, fetch_hand_ask(&hand, 0, 0, 2), 503, FETCH_HAND_SILENCE_MS + 1);
    fetch_hand_end(&hand, 0, 2);
    fetch_hand_want(&hand, 0, 2);
    fetch_hand_end(&hand, 0, 2);
    hand.now_ms += FETCH_HAND_SILENCE_MS + 1;
    fetch_hand_want(&hand, 0, 2);
    (void)fetch_hand_ask(&hand, 0, 0, 2);
    fetch_hand_release(&hand);
}

/* What came before a cut counts, and only the block at the cut has failed. The rest is asked for
 * again: little until something comes. */
static void test_cut(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 100);
    uint64_t request = fetch_hand_ask(&hand, 0, 0, 100);
    assert_int_equal(fetch_hand_answer(&hand, request, FETCH_HAND_BLOCKS(0, 1, 2), false),
                     COPSE_OK);
    fetch_hand_fail(&hand, request, 0, 0);
    hand.now_ms += COPSE_FETCH_PAUSE_MS;
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 0, 3, 16), 3, 19);
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 0, 19, 81), 19, 100);
    fetch_hand_end(&hand, 100, 0);
    fetch_hand_release(&hand);
}

/* One block that a peer can't send is told from its neighbours, which all come. */
static void test_poison(void **state)
{
    enum { POISON = 37, COUNT = 100 };
    fetch_hand hand;
    copse_status status = COPSE_OK;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, COUNT);
    for (size_t i = 0; i < 1000 && status != COPSE_END; i++) {
        int blocks[COUNT + 1];
        bool is_poisoned = false;
        status = copse_fetch_next(hand.fetch, hand.now_ms, &hand.step, NULL);
        for (size_t k = 0; status == COPSE_OK && k < hand.step.count; k++) {
            size_t number = 0;
            while (!copse_cid_equal(&hand.step.cids[k], &hand.cids[number])) {
                number++;
            }
            blocks[k] = (int)number;
            is_poisoned |= number == POISON;
        }
        if (status == COPSE_WANT) {
            hand.now_ms = hand.step.until_ms;
        } else if (status == COPSE_OK && is_poisoned) {
            fetch_hand_fail(&hand, hand.step.request, 500, 0);
            copse_fetch_note_peer(hand.fetch, 0, false, 0, hand.now_ms); /* else it is well */
        } else if (status == COPSE_OK) {
            blocks[hand.step.count] = FETCH_HAND_END;
            assert_int_equal(fetch_hand_answer(&hand, hand.step.request, blocks, true), COPSE_OK);
        }
    }
    fetch_hand_end(&hand, COUNT - 1, 1);
    assert_int_equal(hand.delivered[POISON], 0);
    fetch_hand_release(&hand);
}

/* What failed is asked of others first, and in smaller company each time. */
static void test_failed_blocks(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 2);
    fetch_hand_want(&hand, 0, 4);
    fetch_hand_fail(&hand, fetch_hand_ask(&hand, 0, 0, 4), 500, 0);
    copse_fetch_note_peer(hand.fetch, 0, false, 10, hand.now_ms);
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 1, 0, 4), 0, 4);
    fetch_hand_release(&hand);

    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 100);
    fetch_hand_fail(&hand, fetch_hand_ask(&hand, 0, 0, 100), 500, 0);
    copse_fetch_note_peer(hand.fetch, 0, false, 0, hand.now_ms);
    fetch_hand_fail(&hand, fetch_hand_ask(&hand, 0, 0, 64), 500, 0);
    copse_fetch_note_peer(hand.fetch, 0, false, 0, hand.now_ms);
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 0, 64, 36), 64, 100);
    fetch_hand_give(&hand, fetch_hand_ask(&hand, 0, 0, 16), 0, 16);
    fetch_hand_release(&hand);
}

/* Requests that fail together are one failure of the peer. */
static void test_failures_together(void **state)
{
    fetch_hand hand;
    (void)state;
    fetch_hand_init(&hand, 1);
    fetch_hand_want(&hand, 0, 300);
    uint64_t first = fetch_hand_ask(&hand, 0, 0, 256);
    uint64_t second = fetch_hand_ask(&hand, 0, 256, 44);
    fetch_hand_fail(&hand, first, 0, 0);
    fetch_hand_fail(&hand, second, 0, 0);
    fetch_hand_wait(&hand, COPSE_FETCH_PAUSE_MS);
    hand.now_ms += COPSE_FETCH_PAUSE_MS;
    uint64_t probe = fetch_hand_ask(&hand, 0, 0, 16);
    fetch_hand_wait(&hand, FETCH_HAND_PATIENCE_MS); /* no second one beside it */
    fetch_hand_fail(&hand, probe, 0, 0);
    fetch_hand_wait(&hand, 2 * (uint64_t)COPSE_FETCH_PAUSE_MS);
    fetch_hand_release(&hand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lacking),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_poison),
        cmocka_unit_test(test_failed_blocks),
        cmocka_unit_test(test_failures_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
