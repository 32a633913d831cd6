/* Two hostile peers, and a clock that jumps: any bytes as answers, in any pieces, ends, failures.
 *
 * The input is a list of events, two bytes each:
 *
 *     kind (low 3 bits) and request (the others), argument
 *       0 the clock goes on by the argument, times 16      1 the request ends
 *       2 it fails: 0, 404, 429 or 500                      3 it gets an honest answer, and ends
 *       4 all is dropped, and wanted again 5, 6, 7 it gets so many bytes of the input
 *
 * Asserts that each block is delivered right and at most once a want, that nothing is asked for
 * that came, that ids are new, that memory is bounded, and that when nobody says anything more, the
 * fetch ends, with each block delivered or missing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "sync/fetch.h"

#include "support/car_memory.h"
#include "support/fuzz.h"
#include "support/test_env.h"

#include <string.h>

enum {
    FUZZ_PEERS_COUNT = 2,
    FUZZ_BLOCKS_COUNT = 6,
    FUZZ_RUNNING_MAX = 32,
    FUZZ_STEPS_MAX = 10000,
    FUZZ_SECTION_MAX = 4096,
    FUZZ_MEMORY_MAX = 1 << 18
};

typedef struct fuzz_request {
    uint64_t id;
    bool is_batch;
    size_t count;
    copse_cid cids[FUZZ_BLOCKS_COUNT];
} fuzz_request;

typedef struct fuzz_fetch {
    test_env test;
    test_env plain; /* for what the target itself needs */
    copse_fetch *fetch;
    copse_cid cids[FUZZ_BLOCKS_COUNT];
    unsigned delivered[FUZZ_BLOCKS_COUNT];
    fuzz_request running[FUZZ_RUNNING_MAX];
    size_t running_count;
    uint64_t last_id;
    uint64_t now_ms;
    bool is_over;
} fuzz_fetch;

/* A block is its number and that many bytes more. */
static copse_bytes fuzz_block(size_t number)
{
    static const uint8_t bytes[FUZZ_BLOCKS_COUNT][1 + FUZZ_BLOCKS_COUNT] = {{0}, {1}, {2},
                                                                            {3}, {4}, {5}};
    return (copse_bytes){bytes[number], 1 + number};
}

static size_t fuzz_find(const fuzz_fetch *self, const copse_cid *cid)
{
    size_t number = 0;
    while (!copse_cid_equal(&self->cids[number], cid)) {
        number++;
        fuzz_must(number < FUZZ_BLOCKS_COUNT);
    }
    return number;
}

static copse_status fuzz_deliver(void *ctx, const copse_cid *cid, copse_bytes data, copse_err *err)
{
    fuzz_fetch *self = ctx;
    size_t number = fuzz_find(self, cid);
    (void)err;
    fuzz_must(copse_bytes_equal(data, fuzz_block(number)));
    fuzz_must(self->delivered[number]++ == 0);
    return COPSE_OK;
}

static void fuzz_want(fuzz_fetch *self)
{
    memset(self->delivered, 0, sizeof self->delivered);
    fuzz_must(copse_fetch_want(self->fetch, self->cids, FUZZ_BLOCKS_COUNT, NULL) == COPSE_OK);
}

static void fuzz_forget(fuzz_fetch *self, uint64_t id)
{
    size_t at = 0;
    while (self->running[at].id != id) {
        at++;
        fuzz_must(at < self->running_count);
    }
    self->running[at] = self->running[--self->running_count];
}

static void fuzz_ask(fuzz_fetch *self, const copse_fetch_step *step)
{
    fuzz_must(self->running_count < FUZZ_RUNNING_MAX && step->request > self->last_id);
    fuzz_must(step->peer < FUZZ_PEERS_COUNT && step->count > 0 && step->count <= FUZZ_BLOCKS_COUNT);
    fuzz_request *request = &self->running[self->running_count++];
    request->id = step->request;
    request->is_batch = step->kind == COPSE_FETCH_ASK_BATCH;
    request->count = step->count;
    self->last_id = step->request;
    for (size_t i = 0; i < step->count; i++) {
        request->cids[i] = step->cids[i];
        fuzz_must(self->delivered[fuzz_find(self, &step->cids[i])] == 0);
    }
}

/* Does all steps that are due. Returns when the fetch wants to be called again. */
static uint64_t fuzz_steps(fuzz_fetch *self)
{
    copse_fetch_step step;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK; i++) {
        fuzz_must(i < FUZZ_STEPS_MAX);
        status = copse_fetch_next(self->fetch, self->now_ms, &step, NULL);
        if (status == COPSE_OK && step.kind == COPSE_FETCH_CANCEL) {
            fuzz_forget(self, step.request);
        } else if (status == COPSE_OK) {
            fuzz_ask(self, &step);
        }
    }
    fuzz_must(status == COPSE_WANT || status == COPSE_END);
    self->is_over = status == COPSE_END;
    fuzz_must(self->is_over ? self->running_count == 0 : step.until_ms > self->now_ms);
    return self->is_over ? UINT64_MAX : step.until_ms;
}

/* Some bytes of an answer, and perhaps its end. */
static void fuzz_send(fuzz_fetch *self, const fuzz_request *request, copse_bytes bytes, bool ends)
{
    uint64_t id = request->id;
    copse_status status = copse_fetch_received(self->fetch, id, bytes, self->now_ms, NULL);
    if (status == COPSE_OK && ends) {
        status = copse_fetch_ended(self->fetch, id, self->now_ms, NULL);
    }
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT);
    if (ends || status != COPSE_OK) {
        fuzz_forget(self, id);
    }
}

static void fuzz_answer(fuzz_fetch *self, const fuzz_request *request)
{
    static const copse_cid marker = {.size = 4, .bytes = {1, COPSE_CODEC_RAW, 0, 0}};
    copse_buf buf;
    car_memory_sink sink = {.buf = &buf, .writes_max = SIZE_MAX};
    copse_car_writer_options options = {.version = 1};
    copse_car_writer *writer = NULL;
    copse_buf_init(&buf, &self->plain.env, 1 << 16);
    if (!request->is_batch) {
        fuzz_send(self, request, fuzz_block(fuzz_find(self, &request->cids[0])), true);
        return;
    }
    fuzz_must(copse_car_writer_new(&self->plain.env, &options, car_memory_sink_of(&sink), &marker,
                                   1, &writer, NULL) == COPSE_OK);
    for (size_t i = 0; i < request->count; i++) {
        copse_bytes data = fuzz_block(fuzz_find(self, &request->cids[i]));
        fuzz_must(copse_car_writer_put(writer, &request->cids[i], data, NULL) == COPSE_OK);
    }
    fuzz_must(copse_car_writer_finish(writer, NULL, NULL) == COPSE_OK);
    (void)copse_car_writer_free(writer);
    fuzz_send(self, request, copse_buf_view(&buf), true);
    copse_buf_release(&buf);
}

/* One event; takes its bytes off the input. */
static void fuzz_event(fuzz_fetch *self, copse_bytes *input)
{
    static const unsigned statuses[] = {0, 404, 429, 500};
    uint8_t kind = input->ptr[0] & 7;
    uint8_t argument = input->ptr[1];
    size_t at = self->running_count > 0 ? (size_t)(input->ptr[0] >> 3) % self->running_count : 0;
    const fuzz_request *request = self->running_count > 0 ? &self->running[at] : NULL;
    *input = (copse_bytes){input->ptr + 2, input->len - 2};
    if (kind == 0) {
        self->now_ms += 16u * argument;
    } else if (kind == 4) {
        copse_fetch_drop(self->fetch);
        fuzz_want(self);
    } else if (request != NULL && kind == 1) {
        fuzz_send(self, request, (copse_bytes){NULL, 0}, true);
    } else if (request != NULL && kind == 2) {
        copse_fetch_failed(self->fetch, request->id, statuses[argument & 3], (argument & 4u) * 1000,
                           "fuzzed", self->now_ms);
        fuzz_forget(self, request->id);
    } else if (request != NULL && kind == 3) {
        fuzz_answer(self, request);
    } else if (request != NULL) {
        size_t size = argument < input->len ? argument : input->len;
        fuzz_send(self, request, (copse_bytes){input->ptr, size}, false);
        *input = (copse_bytes){input->ptr + size, input->len - size};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_fetch self = {.fetch = NULL};
    copse_fetch_options options = {FUZZ_PEERS_COUNT, fuzz_deliver, &self};
    copse_bytes input = {data, size};
    size_t missing_count = 0;
    test_env_init(&self.test);
    test_env_init(&self.plain);
    self.test.env.limits.foreign_size_bytes_max = FUZZ_SECTION_MAX;
    self.test.env.limits.car_header_bytes_max = FUZZ_SECTION_MAX;
    for (size_t i = 0; i < FUZZ_BLOCKS_COUNT; i++) {
        copse_cid_of_data(COPSE_CODEC_RAW, fuzz_block(i), &self.cids[i]);
    }
    fuzz_must(copse_fetch_new(&self.test.env, &options, &self.fetch, NULL) == COPSE_OK);
    fuzz_want(&self);
    uint64_t until_ms = fuzz_steps(&self);
    while (input.len >= 2) {
        fuzz_event(&self, &input);
        until_ms = fuzz_steps(&self);
    }
    for (size_t i = 0; !self.is_over; i++) {
        fuzz_must(i < FUZZ_STEPS_MAX);
        self.now_ms = until_ms;
        until_ms = fuzz_steps(&self);
    }
    (void)copse_fetch_missing(self.fetch, &missing_count);
    for (size_t i = 0; i < FUZZ_BLOCKS_COUNT; i++) {
        missing_count += self.delivered[i];
    }
    fuzz_must(missing_count == FUZZ_BLOCKS_COUNT);
    self.fetch = copse_fetch_free(self.fetch);
    fuzz_must(self.test.peak_bytes <= FUZZ_MEMORY_MAX);
    fuzz_must(self.test.blocks == 0 && self.plain.blocks == 0);
    return 0;
}
