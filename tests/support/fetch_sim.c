/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/fetch_sim.h"

#include "base/alloc.h"
#include "support/car_memory.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SIM_BLOCK_SIZE_MAX = 8192, SIM_ANSWER_SIZE_MAX = 1 << 22, SIM_STEPS_MAX = 1000000 };

void fetch_sim_require(const fetch_sim *sim, bool is_so, const char *what)
{
    if (!is_so) {
        fail_msg("seed %llu, at %llu ms: %s", (unsigned long long)sim->seed,
                 (unsigned long long)fetch_sim_now_ms(sim), what);
    }
}

static const copse_cid sim_marker = {.size = 4, .bytes = {1, COPSE_CODEC_RAW, 0, 0}};

/* ---- Blocks ---- */

static size_t sim_block(const fetch_sim *sim, size_t number, uint8_t ret_data[SIM_BLOCK_SIZE_MAX])
{
    uint64_t random = number * 2654435761u + 1;
    uint64_t first = test_random(&random);
    size_t size = sim->block_size;
    if (size == 0 && number > 0) {
        size = sizeof number + test_random_below(&random, 700);
    }
    memset(ret_data, (int)(first & 0xff), size);
    memcpy(ret_data, &number, size < sizeof number ? size : sizeof number);
    return size;
}

bool fetch_sim_has(const fetch_sim *sim, size_t peer, size_t block)
{
    uint64_t random = block * 64 + peer;
    return test_random_below(&random, 100) < sim->peers[peer].has_percent;
}

copse_status fetch_sim_init(fetch_sim *sim, const copse_env *env, uint64_t seed,
                            size_t blocks_count, size_t block_size)
{
    uint8_t data[SIM_BLOCK_SIZE_MAX];
    *sim = (fetch_sim){
        .env = env, .seed = seed, .random = seed, .block_size = block_size, .piece_max = 16384};
    sim->blocks_count = blocks_count;
    sim->cids = copse_alloc_array(env, blocks_count, sizeof *sim->cids);
    sim->delivered = copse_alloc_zeroed(env, blocks_count);
    sim->missing = copse_alloc_zeroed(env, blocks_count);
    for (size_t i = 0; sim->cids != NULL && i < blocks_count; i++) {
        size_t size = sim_block(sim, i, data);
        copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){data, size}, &sim->cids[i]);
    }
    return sim->cids != NULL && sim->delivered != NULL && sim->missing != NULL ? COPSE_OK
                                                                               : COPSE_NOMEM;
}

static void sim_forget(fetch_sim_answer *answer)
{
    copse_buf_release(&answer->bytes);
    *answer = (fetch_sim_answer){.id = 0};
}

void fetch_sim_release(fetch_sim *sim)
{
    sim->fetch = copse_fetch_free(sim->fetch);
    for (size_t i = 0; i < FETCH_SIM_REQUESTS_MAX; i++) {
        sim_forget(&sim->answers[i]);
    }
    copse_free_array(sim->env, sim->cids, sim->blocks_count, sizeof *sim->cids);
    copse_free(sim->env, sim->delivered, sim->blocks_count);
    copse_free(sim->env, sim->missing, sim->blocks_count);
}

/* The number of a block; most often it is the one behind the last. */
static size_t sim_find(fetch_sim *sim, const copse_cid *cid)
{
    for (size_t i = 0; i < sim->blocks_count; i++) {
        sim->found = sim->found + 1 < sim->blocks_count ? sim->found + 1 : 0;
        if (copse_cid_equal(&sim->cids[sim->found], cid)) {
            return sim->found;
        }
    }
    fetch_sim_require(sim, false, "a block that does not exist");
    return 0;
}

static copse_status sim_deliver(void *ctx, const copse_cid *cid, copse_bytes data, copse_err *err)
{
    fetch_sim *sim = ctx;
    uint8_t expected[SIM_BLOCK_SIZE_MAX];
    size_t block = sim_find(sim, cid);
    (void)err;
    size_t size = sim_block(sim, block, expected);
    fetch_sim_require(sim, data.len == size && (size == 0 || memcmp(data.ptr, expected, size) == 0),
                      "wrong bytes were delivered");
    sim->delivered[block]++;
    return COPSE_OK;
}

copse_status fetch_sim_begin(fetch_sim *sim)
{
    copse_fetch_options options = {sim->peers_count, sim_deliver, sim};
    return copse_fetch_new(sim->env, &options, &sim->fetch, NULL);
}

/* ---- Answers ---- */

/* Writes the batch that a peer has of what is asked; the fault spoils block number `spoilt`. */
static copse_status sim_write_batch(fetch_sim *sim, const copse_fetch_step *step,
                                    fetch_sim_answer *answer, int fault, size_t spoilt)
{
    uint8_t data[SIM_BLOCK_SIZE_MAX];
    car_memory_sink sink = {.buf = &answer->bytes, .writes_max = SIZE_MAX};
    copse_car_writer_options options = {.version = 1};
    copse_car_writer *writer = NULL;
    copse_status status = copse_car_writer_new(sim->env, &options, car_memory_sink_of(&sink),
                                               &sim_marker, 1, &writer, NULL);
    for (size_t i = 0; status == COPSE_OK && i < step->count; i++) {
        size_t block = sim_find(sim, &step->cids[i]);
        copse_cid cid = step->cids[i];
        bool is_spoilt = i == spoilt;
        if (!fetch_sim_has(sim, step->peer, block) && !(is_spoilt && fault >= 0)) {
            continue;
        }
        size_t size = sim_block(sim, block, data);
        if (is_spoilt && fault == FETCH_SIM_WRONG_BYTES) {
            data[0] ^= 1;
            size += size == 0;
        } else if (is_spoilt && fault == FETCH_SIM_WRONG_BLOCK) {
            data[size++] = 7;
            copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){data, size}, &cid);
        } else if (is_spoilt && fault == FETCH_SIM_TWICE) {
            status = copse_car_writer_put(writer, &cid, (copse_bytes){data, size}, NULL);
        }
        if (status == COPSE_OK) {
            status = copse_car_writer_put(writer, &cid, (copse_bytes){data, size}, NULL);
        }
    }
    if (status == COPSE_OK) {
        status = copse_car_writer_finish(writer, NULL, NULL);
    }
    (void)copse_car_writer_free(writer);
    return status;
}

/* The same for a gateway, which has the block or answers 404. */
static copse_status sim_write_block(fetch_sim *sim, const copse_fetch_step *step,
                                    fetch_sim_answer *answer, int fault)
{
    uint8_t data[SIM_BLOCK_SIZE_MAX];
    size_t block = sim_find(sim, &step->cids[0]);
    size_t size = sim_block(sim, block, data);
    if (!fetch_sim_has(sim, step->peer, block)) {
        answer->status = 404;
        return COPSE_OK;
    }
    if (fault == FETCH_SIM_WRONG_BYTES || fault == FETCH_SIM_WRONG_BLOCK) {
        data[0] ^= 1;
        size += size == 0;
    }
    copse_status status = copse_buf_append(&answer->bytes, (copse_bytes){data, size});
    if (fault == FETCH_SIM_TWICE && status == COPSE_OK) {
        data[size] = 0;
        status = copse_buf_append(&answer->bytes, (copse_bytes){data, size + 1});
    }
    return status;
}

/* What a fault does to an answer as a whole. */
static copse_status sim_spoil(fetch_sim *sim, fetch_sim_answer *answer, int fault)
{
    static const uint8_t zeros[64] = {0};
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0x7f};
    size_t somewhere = test_random_below(&sim->random, answer->bytes.len + 1);
    copse_status status = COPSE_OK;
    switch (fault) {
    case FETCH_SIM_LOST:
        answer->stuck_at = 0;
        break;
    case FETCH_SIM_STALL:
        answer->stuck_at = somewhere;
        break;
    case FETCH_SIM_CUT:
    case FETCH_SIM_TRUNCATED:
        copse_buf_truncate(&answer->bytes, somewhere);
        answer->is_cut = fault == FETCH_SIM_CUT;
        break;
    case FETCH_SIM_REFUSED:
        answer->status = 0;
        break;
    case FETCH_SIM_BUSY:
        answer->status = 503;
        answer->retry_ms = (uint32_t)test_random_below(&sim->random, 3) * 1000;
        break;
    case FETCH_SIM_PADDED:
        status = copse_buf_append(&answer->bytes, (copse_bytes){zeros, sizeof zeros});
        break;
    case FETCH_SIM_HUGE:
        status = copse_buf_append(&answer->bytes, (copse_bytes){huge, sizeof huge});
        break;
    case FETCH_SIM_NO_CAR:
        copse_buf_truncate(&answer->bytes, 0);
        status = copse_buf_append(&answer->bytes, copse_bytes_of_text("<html>no</html>"));
        break;
    default:
        break;
    }
    return status;
}

static int sim_draw_fault(fetch_sim *sim, const fetch_sim_peer *peer)
{
    int fault = (int)test_random_below(&sim->random, FETCH_SIM_FAULTS_COUNT);
    bool is_due = fetch_sim_now_ms(sim) >= peer->faults_from_ms &&
                  test_random_below(&sim->random, 100) < peer->fault_percent;
    while (is_due && (peer->faults >> fault & 1) == 0) {
        fault = (fault + 1) % FETCH_SIM_FAULTS_COUNT;
    }
    return is_due ? fault : -1;
}

static copse_status sim_ask(fetch_sim *sim, const copse_fetch_step *step)
{
    const fetch_sim_peer *peer = &sim->peers[step->peer];
    bool is_batch = step->kind == COPSE_FETCH_ASK_BATCH;
    size_t slot = 0;
    while (sim->answers[slot].id != 0) {
        slot++;
        fetch_sim_require(sim, slot < FETCH_SIM_REQUESTS_MAX, "too many requests");
    }
    fetch_sim_answer *answer = &sim->answers[slot];
    answer->id = step->request;
    answer->peer = step->peer;
    answer->ready_us = sim->time_us + peer->latency_ms * 1000;
    answer->stuck_at = SIZE_MAX;
    answer->status = 200;
    copse_buf_init(&answer->bytes, sim->env, SIM_ANSWER_SIZE_MAX);
    sim->requests_count++;
    if (is_batch && peer->is_gateway) {
        answer->status = 404;
        return COPSE_OK;
    }
    int fault = sim_draw_fault(sim, peer);
    if (fault >= 0) {
        sim->faults_counts[fault]++;
    }
    size_t spoilt = test_random_below(&sim->random, step->count);
    copse_status status = is_batch ? sim_write_batch(sim, step, answer, fault, spoilt)
                                   : sim_write_block(sim, step, answer, fault);
    return status == COPSE_OK ? sim_spoil(sim, answer, fault) : status;
}

static void sim_cancel(fetch_sim *sim, uint64_t id)
{
    size_t slot = 0;
    while (sim->answers[slot].id != id) {
        slot++;
        fetch_sim_require(sim, slot < FETCH_SIM_REQUESTS_MAX, "an unknown request is cancelled");
    }
    sim_forget(&sim->answers[slot]);
    sim->cancels_count++;
}

/* ---- Events ---- */

/* How much of an answer arrives next. */
static size_t sim_piece(const fetch_sim *sim, const fetch_sim_answer *answer)
{
    size_t end = answer->stuck_at < answer->bytes.len ? answer->stuck_at : answer->bytes.len;
    size_t left = answer->status == 200 ? end - answer->sent : 0;
    return left < sim->piece_max ? left : sim->piece_max;
}

/* The answer of which something arrives next; a peer's link works on the first one sent. */
static fetch_sim_answer *sim_next_event(fetch_sim *sim, uint64_t *ret_us)
{
    fetch_sim_answer *firsts[FETCH_SIM_PEERS_MAX] = {NULL};
    fetch_sim_answer *next = NULL;
    for (size_t i = 0; i < FETCH_SIM_REQUESTS_MAX; i++) {
        fetch_sim_answer *answer = &sim->answers[i];
        bool is_stuck = answer->status == 200 && answer->sent >= answer->stuck_at;
        fetch_sim_answer *first = firsts[answer->peer];
        if (answer->id != 0 && !is_stuck && (first == NULL || answer->id < first->id)) {
            firsts[answer->peer] = answer;
        }
    }
    *ret_us = UINT64_MAX;
    for (size_t i = 0; i < sim->peers_count; i++) {
        if (firsts[i] != NULL) {
            uint64_t at_us = firsts[i]->ready_us > sim->peers[i].link_us ? firsts[i]->ready_us
                                                                         : sim->peers[i].link_us;
            at_us += sim_piece(sim, firsts[i]) * 1000 / sim->peers[i].bytes_per_ms;
            at_us = at_us > sim->time_us ? at_us : sim->time_us;
            if (at_us < *ret_us) {
                *ret_us = at_us;
                next = firsts[i];
            }
        }
    }
    return next;
}

/* Something of an answer arrives. */
static copse_status sim_arrive(fetch_sim *sim, fetch_sim_answer *answer)
{
    uint64_t now_ms = fetch_sim_now_ms(sim);
    size_t size = sim_piece(sim, answer);
    copse_status status = COPSE_OK;
    sim->peers[answer->peer].link_us = sim->time_us;
    if (size > 0) {
        copse_bytes piece = {answer->bytes.ptr + answer->sent, size};
        answer->sent += size;
        status = copse_fetch_received(sim->fetch, answer->id, piece, now_ms, NULL);
    }
    if (status == COPSE_OK && answer->status != 200) {
        copse_fetch_failed(sim->fetch, answer->id, answer->status, answer->retry_ms, "refused",
                           now_ms);
        sim_forget(answer);
    } else if (status == COPSE_OK && answer->sent == answer->bytes.len &&
               answer->stuck_at > answer->sent) {
        if (answer->is_cut) {
            copse_fetch_failed(sim->fetch, answer->id, 0, 0, "the connection broke", now_ms);
        } else {
            status = copse_fetch_ended(sim->fetch, answer->id, now_ms, NULL);
        }
        sim_forget(answer);
    }
    if (status == COPSE_CORRUPT) {
        sim_forget(answer);
    }
    return status == COPSE_CORRUPT ? COPSE_OK : status;
}

/* Notes which blocks are missing, and checks why. */
static void sim_note_missing(fetch_sim *sim)
{
    size_t count = 0;
    const copse_cid *missing = copse_fetch_missing(sim->fetch, &count);
    for (size_t i = 0; i < count; i++) {
        size_t block = sim_find(sim, &missing[i]);
        sim->missing[block] = 1;
        for (size_t peer = 0; peer < sim->peers_count; peer++) {
            bool is_honest = sim->peers[peer].fault_percent == 0;
            fetch_sim_require(sim, !is_honest || !fetch_sim_has(sim, peer, block),
                              "a block is missing that an honest peer has");
            fetch_sim_require(sim, copse_fetch_reason(sim->fetch, i, peer)[0] != '\0',
                              "a block is missing without a reason");
        }
    }
}

copse_status fetch_sim_want(fetch_sim *sim, size_t from, size_t to)
{
    sim_note_missing(sim);
    return copse_fetch_want(sim->fetch, sim->cids + from, to - from, NULL);
}

uint64_t fetch_sim_now_ms(const fetch_sim *sim)
{
    return sim->time_us / 1000;
}

/* Waits for what comes first: an event, or the time. */
static copse_status sim_wait(fetch_sim *sim, uint64_t until_ms)
{
    uint64_t at_us = UINT64_MAX;
    fetch_sim_answer *answer = sim_next_event(sim, &at_us);
    fetch_sim_require(sim, until_ms > fetch_sim_now_ms(sim), "it waits for the past");
    fetch_sim_require(sim, until_ms != UINT64_MAX || answer != NULL, "it waits for ever");
    if (answer == NULL || at_us / 1000 >= until_ms) {
        sim->time_us = until_ms * 1000;
        return COPSE_OK;
    }
    sim->time_us = at_us;
    copse_status status = sim_arrive(sim, answer);
    if (test_random_below(&sim->random, 1000) < sim->lag_permille) {
        sim->time_us += test_random_below(&sim->random, 30000000);
    }
    return status;
}

static void sim_trace(fetch_sim *sim, const copse_fetch_step *step)
{
    const uint64_t parts[] = {step->kind,  step->request,  step->peer,
                              step->count, step->until_ms, sim->time_us};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        sim->trace = (sim->trace ^ parts[i]) * 0x100000001b3u;
    }
}

copse_status fetch_sim_run(fetch_sim *sim, uint64_t until_ms)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && fetch_sim_now_ms(sim) < until_ms) {
        copse_fetch_step step;
        fetch_sim_require(sim, sim->steps_count++ < SIM_STEPS_MAX, "it does not end");
        status = copse_fetch_next(sim->fetch, fetch_sim_now_ms(sim), &step, NULL);
        if (status == COPSE_OK || status == COPSE_WANT) {
            sim_trace(sim, &step);
        }
        if (status == COPSE_WANT) {
            status = sim_wait(sim, step.until_ms < until_ms ? step.until_ms : until_ms);
        } else if (status == COPSE_OK && step.kind == COPSE_FETCH_CANCEL) {
            sim_cancel(sim, step.request);
        } else if (status == COPSE_OK) {
            status = sim_ask(sim, &step);
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

/* ---- Checks ---- */

void fetch_sim_check(fetch_sim *sim, size_t from, size_t to)
{
    sim_note_missing(sim);
    for (size_t block = from; block < to; block++) {
        fetch_sim_require(sim, sim->delivered[block] + sim->missing[block] == 1,
                          "a block is neither delivered once nor missing");
    }
}
