/* A fetch whose peers and clock are moved by hand, step by step.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_FETCH_HAND_H
#define COPSE_TESTS_FETCH_HAND_H

#include "support/test_env.h"
#include "sync/fetch.h"

#include <copse/buf.h>

enum { FETCH_HAND_BLOCKS_COUNT = 1024, FETCH_HAND_BLOCK_SIZE = 64, FETCH_HAND_END = -1 };

/** Numbers of blocks, with their end. */
#define FETCH_HAND_BLOCKS(...)                                                                     \
    (const int[])                                                                                  \
    {                                                                                              \
        __VA_ARGS__, FETCH_HAND_END                                                                \
    }

/** How long a peer whose latency is not known may be silent, and any peer. */
enum { FETCH_HAND_PATIENCE_MS = 400, FETCH_HAND_SILENCE_MS = 10000 };

typedef struct fetch_hand {
    test_env test;
    copse_fetch *fetch;
    copse_cid cids[FETCH_HAND_BLOCKS_COUNT];
    unsigned delivered[FETCH_HAND_BLOCKS_COUNT]; /* times */
    size_t delivered_count;
    copse_status deliver_status; /* what deliver answers */
    uint64_t now_ms;
    copse_fetch_step step; /* the last one */
} fetch_hand;

void fetch_hand_init(fetch_hand *hand, size_t peers_count);

/** Frees it; fails the test if something is left. */
void fetch_hand_release(fetch_hand *hand);

copse_fetch_peer_stats fetch_hand_stats(const fetch_hand *hand, size_t peer);

/** The 64 bytes of a block. */
void fetch_hand_block(size_t number, uint8_t ret_data[FETCH_HAND_BLOCK_SIZE]);

/** Wants blocks [from, to). */
void fetch_hand_want(fetch_hand *hand, size_t from, size_t to);

/** The next step must be a request to this peer that asks for `count` blocks, from block `first`
 * on without a gap. Returns its id. */
uint64_t fetch_hand_ask(fetch_hand *hand, size_t peer, size_t first, size_t count);

/** The next step must be to cancel this request. */
void fetch_hand_cancel(fetch_hand *hand, uint64_t request);

/** There must be nothing to do until `in_ms` from now. */
void fetch_hand_wait(fetch_hand *hand, uint64_t in_ms);

/** Nothing happens for so long, and there must be nothing to do. */
void fetch_hand_idle(fetch_hand *hand, uint64_t for_ms);

/** It must have ended, with so many blocks delivered and missing. */
void fetch_hand_end(fetch_hand *hand, size_t delivered_count, size_t missing_count);

/** Appends a CAR of these blocks to `buf`: numbers, FETCH_HAND_END behind the last. */
void fetch_hand_car(fetch_hand *hand, const int *blocks, copse_buf *buf);

/** A request's answer is a CAR of these blocks; `is_whole`: and ends. Returns the last status. */
copse_status fetch_hand_answer(fetch_hand *hand, uint64_t request, const int *blocks,
                               bool is_whole);

/** The same with blocks [from, to), to the end; must be OK. */
void fetch_hand_give(fetch_hand *hand, uint64_t request, size_t from, size_t to);

/** More of an answer, to its end, which must be answered with this status. */
void fetch_hand_send(fetch_hand *hand, uint64_t request, copse_bytes bytes, bool is_whole,
                     copse_status status);

/** A request fails. */
void fetch_hand_fail(fetch_hand *hand, uint64_t request, unsigned http_status,
                     uint32_t retry_after_ms);

#endif
