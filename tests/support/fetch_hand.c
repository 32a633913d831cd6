/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/fetch_hand.h"

#include "support/car_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void fetch_hand_block(size_t number, uint8_t ret_data[FETCH_HAND_BLOCK_SIZE])
{
    memset(ret_data, 0, FETCH_HAND_BLOCK_SIZE);
    memcpy(ret_data, &number, sizeof number);
}

static copse_status hand_deliver(void *ctx, const copse_cid *cid, copse_bytes data, copse_err *err)
{
    fetch_hand *hand = ctx;
    size_t number = 0;
    (void)err;
    assert_int_equal(copse_cid_verify(cid, data, NULL), COPSE_OK);
    if (hand->deliver_status != COPSE_OK || data.len != FETCH_HAND_BLOCK_SIZE) {
        hand->delivered_count += hand->deliver_status == COPSE_OK;
        return hand->deliver_status;
    }
    memcpy(&number, data.ptr, sizeof number);
    assert_true(number < FETCH_HAND_BLOCKS_COUNT);
    assert_true(copse_cid_equal(cid, &hand->cids[number]));
    assert_int_equal(hand->delivered[number]++, 0);
    hand->delivered_count++;
    return COPSE_OK;
}

void fetch_hand_init(fetch_hand *hand, size_t peers_count)
{
    copse_fetch_options options = {peers_count, hand_deliver, hand};
    uint8_t data[FETCH_HAND_BLOCK_SIZE];
    *hand = (fetch_hand){.deliver_status = COPSE_OK};
    test_env_init(&hand->test);
    for (size_t i = 0; i < FETCH_HAND_BLOCKS_COUNT; i++) {
        fetch_hand_block(i, data);
        copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){data, sizeof data}, &hand->cids[i]);
    }
    assert_int_equal(copse_fetch_new(&hand->test.env, &options, &hand->fetch, NULL), COPSE_OK);
}

void fetch_hand_release(fetch_hand *hand)
{
    hand->fetch = copse_fetch_free(hand->fetch);
    test_env_assert_empty(&hand->test);
}

copse_fetch_peer_stats fetch_hand_stats(const fetch_hand *hand, size_t peer)
{
    return copse_fetch_get_peer_stats(hand->fetch, peer);
}

void fetch_hand_want(fetch_hand *hand, size_t from, size_t to)
{
    assert_int_equal(copse_fetch_want(hand->fetch, hand->cids + from, to - from, NULL), COPSE_OK);
}

static copse_status hand_next(fetch_hand *hand)
{
    return copse_fetch_next(hand->fetch, hand->now_ms, &hand->step, NULL);
}

uint64_t fetch_hand_ask(fetch_hand *hand, size_t peer, size_t first, size_t count)
{
    assert_int_equal(hand_next(hand), COPSE_OK);
    assert_int_not_equal(hand->step.kind, COPSE_FETCH_CANCEL);
    assert_int_equal(hand->step.peer, peer);
    assert_int_equal(hand->step.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(copse_cid_equal(&hand->step.cids[i], &hand->cids[first + i]));
    }
    return hand->step.request;
}

void fetch_hand_cancel(fetch_hand *hand, uint64_t request)
{
    assert_int_equal(hand_next(hand), COPSE_OK);
    assert_int_equal(hand->step.kind, COPSE_FETCH_CANCEL);
    assert_int_equal(hand->step.request, request);
}

void fetch_hand_wait(fetch_hand *hand, uint64_t in_ms)
{
    assert_int_equal(hand_next(hand), COPSE_WANT);
    assert_int_equal(hand->step.until_ms, hand->now_ms + in_ms);
}

void fetch_hand_idle(fetch_hand *hand, uint64_t for_ms)
{
    uint64_t to_ms = hand->now_ms + for_ms;
    while (hand->now_ms < to_ms) {
        assert_int_equal(hand_next(hand), COPSE_WANT);
        assert_true(hand->step.until_ms > hand->now_ms);
        hand->now_ms = hand->step.until_ms < to_ms ? hand->step.until_ms : to_ms;
    }
}

void fetch_hand_end(fetch_hand *hand, size_t delivered_count, size_t missing_count)
{
    size_t count = 0;
    assert_int_equal(hand_next(hand), COPSE_END);
    assert_int_equal(hand->delivered_count, delivered_count);
    assert_true((copse_fetch_missing(hand->fetch, &count) != NULL) == (missing_count > 0));
    assert_int_equal(count, missing_count);
}

void fetch_hand_car(fetch_hand *hand, const int *blocks, copse_buf *buf)
{
    static const copse_cid marker = {.size = 4, .bytes = {1, COPSE_CODEC_RAW, 0, 0}};
    uint8_t data[FETCH_HAND_BLOCK_SIZE];
    car_memory_sink sink = {.buf = buf, .writes_max = SIZE_MAX};
    copse_car_writer_options options = {.version = 1};
    copse_car_writer *writer = NULL;
    assert_int_equal(copse_car_writer_new(&hand->test.env, &options, car_memory_sink_of(&sink),
                                          &marker, 1, &writer, NULL),
                     COPSE_OK);
    for (; *blocks != FETCH_HAND_END; blocks++) {
        fetch_hand_block((size_t)*blocks, data);
        assert_int_equal(copse_car_writer_put(writer, &hand->cids[*blocks],
                                              (copse_bytes){data, sizeof data}, NULL),
                         COPSE_OK);
    }
    assert_int_equal(copse_car_writer_finish(writer, NULL, NULL), COPSE_OK);
    (void)copse_car_writer_free(writer);
}

copse_status fetch_hand_answer(fetch_hand *hand, uint64_t request, const int *blocks, bool is_whole)
{
    copse_buf car;
    copse_buf_init(&car, &hand->test.env, 1 << 20);
    fetch_hand_car(hand, blocks, &car);
    copse_status status =
        copse_fetch_received(hand->fetch, request, copse_buf_view(&car), hand->now_ms, NULL);
    if (status == COPSE_OK && is_whole) {
        status = copse_fetch_ended(hand->fetch, request, hand->now_ms, NULL);
    }
    copse_buf_release(&car);
    return status;
}

void fetch_hand_give(fetch_hand *hand, uint64_t request, size_t from, size_t to)
{
    int blocks[FETCH_HAND_BLOCKS_COUNT + 1];
    size_t count = 0;
    for (size_t i = from; i < to; i++) {
        blocks[count++] = (int)i;
    }
    blocks[count] = FETCH_HAND_END;
    assert_int_equal(fetch_hand_answer(hand, request, blocks, true), COPSE_OK);
}

void fetch_hand_send(fetch_hand *hand, uint64_t request, copse_bytes bytes, bool is_whole,
                     copse_status status)
{
    copse_err err = {.status = COPSE_OK};
    copse_status got = copse_fetch_received(hand->fetch, request, bytes, hand->now_ms, &err);
    if (got == COPSE_OK && is_whole) {
        got = copse_fetch_ended(hand->fetch, request, hand->now_ms, &err);
    }
    assert_int_equal(got, status);
    assert_true(status == COPSE_OK || err.status == status);
}

void fetch_hand_fail(fetch_hand *hand, uint64_t request, unsigned http_status,
                     uint32_t retry_after_ms)
{
    copse_fetch_failed(hand->fetch, request, http_status, retry_after_ms, "no luck", hand->now_ms);
}
