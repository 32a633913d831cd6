/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/remote_car.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/varint.h"
#include "block/block.h"
#include "remote/remote_exchange.h"
#include "sync/range_car.h"
#include "value/car_header.h"

#include <stdio.h>
#include <string.h>

/* A batch that the fetch asked for. */
typedef struct remote_car_batch {
    uint64_t step;
    copse_cid *cids;
    size_t count;
    size_t next; /* those before were given, or are not there */
    bool is_begun;
} remote_car_batch;

/* A range on its way. */
typedef struct remote_car_request {
    copse_remote_request request;
    uint64_t range;
} remote_car_request;

struct copse_remote_car {
    copse_remote *remote;
    size_t peer;
    copse_range_car *car;
    remote_car_batch *batches;
    size_t batches_count;
    size_t batches_capacity;
    remote_car_request requests[COPSE_REMOTE_CAR_RUNNING_MAX];
    size_t requests_count;
    uint64_t received_bytes;
    bool is_stale;       /* something came, or was added, since the batches were looked at */
    copse_status failed; /* OK: nothing has */
    bool is_final;       /* and trying again is of no use */
    uint32_t retry_after_ms;
    char reason[COPSE_FETCH_REASON_SIZE];
    copse_buf head; /* what stands before a section's data */
};

static uint64_t remote_car_now(const copse_remote_car *car)
{
    return car->remote->transport->ops->now(car->remote->transport);
}

/* ---- The front ------------------------------------------------------------------------------- */

/* Whether a batch asks for the block, so that it will be given. */
static bool remote_car_is_asked(const copse_remote_car *car, const copse_cid *cid)
{
    for (size_t i = 0; i < car->batches_count; i++) {
        const remote_car_batch *batch = &car->batches[i];
        for (size_t j = batch->next; j < batch->count; j++) {
            if (copse_cid_equal(&batch->cids[j], cid)) {
                return true;
            }
        }
    }
    return false;
}

/* copse_range_car_observer.section: what comes with the front is kept, if it is right. Upper
 * branches that are here let a query be planned well, which asks for none. */
static copse_status remote_car_take_front(void *ctx, const copse_cid *cid, copse_bytes data,
                                          copse_err *err)
{
    copse_remote_car *car = ctx;
    copse_remote *remote = car->remote;
    copse_block *block = NULL;
    bool is_here = true;
    if (remote->store == NULL || remote_car_is_asked(car, cid) ||
        copse_cid_verify(cid, data, NULL) != COPSE_OK) {
        return COPSE_OK;
    }
    copse_status status = copse_store_has(remote->store, cid, &is_here, err);
    if (status == COPSE_OK && !is_here) {
        status = copse_block_new(remote->env, cid, data, &block, err);
        if (status == COPSE_OK) {
            status = copse_store_put(remote->store, &block, 1, err);
        }
        remote->stats.blocks += status == COPSE_OK;
        remote->stats.block_bytes += status == COPSE_OK ? data.len : 0;
    }
    copse_block_unref(block);
    /* What can't be kept now is fetched when it is needed, and what the store says told then. */
    return status == COPSE_NOMEM ? status : COPSE_OK;
}

/* ---- Life ------------------------------------------------------------------------------------ */

copse_status copse_remote_car_new(copse_remote *remote, size_t peer, copse_remote_car **ret_car,
                                  copse_err *err)
{
    copse_remote_car *car = copse_alloc_zeroed(remote->env, sizeof *car);
    if (car == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    const copse_range_car_observer observer = {remote_car_take_front, car};
    car->remote = remote;
    car->peer = peer;
    copse_buf_init(&car->head, remote->env, SIZE_MAX);
    copse_status status = copse_range_car_new(remote->env, &observer, &car->car, err);
    if (status != COPSE_OK) {
        copse_remote_car_free(car);
        return status;
    }
    *ret_car = car;
    return COPSE_OK;
}

static void remote_car_cancel_requests(copse_remote_car *car)
{
    while (car->requests_count > 0) {
        remote_car_request *request = &car->requests[--car->requests_count];
        copse_remote_request_stop(car->remote, &request->request);
        copse_range_car_fail(car->car, request->range);
    }
}

static void remote_car_forget_batch(copse_remote_car *car, size_t index)
{
    remote_car_batch *batch = &car->batches[index];
    copse_free_array(car->remote->env, batch->cids, batch->count, sizeof batch->cids[0]);
    car->batches_count--;
    memmove(batch, batch + 1, (car->batches_count - index) * sizeof *batch);
    if (car->batches_count == 0) {
        remote_car_cancel_requests(car); /* for what nobody needs */
        copse_range_car_rest(car->car);
    }
}

copse_remote_car *copse_remote_car_free(copse_remote_car *car)
{
    if (car != NULL) {
        const copse_env *env = car->remote->env;
        remote_car_cancel_requests(car);
        while (car->batches_count > 0) {
            remote_car_forget_batch(car, car->batches_count - 1);
        }
        copse_free_array(env, car->batches, car->batches_capacity, sizeof car->batches[0]);
        copse_range_car_free(car->car);
        copse_buf_release(&car->head);
        copse_free(env, car, sizeof *car);
    }
    return NULL;
}

/* ---- Requests of the fetch ------------------------------------------------------------------- */

copse_status copse_remote_car_add(copse_remote_car *car, const copse_fetch_step *step,
                                  copse_err *err)
{
    const copse_env *env = car->remote->env;
    void *batches = car->batches;
    bool grown = copse_array_grow(env, &batches, &car->batches_capacity, car->batches_count + 1,
                                  sizeof car->batches[0]);
    car->batches = batches;
    copse_cid *cids = grown ? copse_alloc(env, step->count * sizeof cids[0]) : NULL;
    if (cids == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    memcpy(cids, step->cids, step->count * sizeof cids[0]);
    car->batches[car->batches_count++] =
        (remote_car_batch){.step = step->request, .cids = cids, .count = step->count};
    car->is_stale = true;
    return COPSE_OK;
}

bool copse_remote_car_drop(copse_remote_car *car, uint64_t step)
{
    for (size_t i = 0; i < car->batches_count; i++) {
        if (car->batches[i].step == step) {
            remote_car_forget_batch(car, i);
            return true;
        }
    }
    return false;
}

/* ---- Failing --------------------------------------------------------------------------------- */

/* Notes a failure; the first counts. */
static void remote_car_fail(copse_remote_car *car, copse_status status, const char *reason)
{
    if (car->failed == COPSE_OK) {
        car->failed = status;
        car->is_final = status != COPSE_IO;
        (void)snprintf(car->reason, sizeof car->reason, "%.*s", (int)sizeof car->reason - 1,
                       reason);
    }
}

/* Tells the fetch that all batches have failed. */
static void remote_car_fail_batches(copse_remote_car *car)
{
    uint64_t now = remote_car_now(car);
    uint32_t retry_after_ms = car->is_final ? UINT32_MAX : car->retry_after_ms;
    remote_car_cancel_requests(car);
    while (car->batches_count > 0) {
        uint64_t step = car->batches[0].step;
        remote_car_forget_batch(car, 0);
        copse_fetch_failed(car->remote->fetch, step, 0, retry_after_ms, car->reason, now);
    }
    car->failed = COPSE_OK;
    car->retry_after_ms = 0;
}

void copse_remote_car_stop(copse_remote_car *car)
{
    remote_car_fail(car, COPSE_IO, "was not heard");
    remote_car_fail_batches(car);
}

/* ---- Answering ------------------------------------------------------------------------------- */

/* Writes what stands before the data of a block: of the first one, the header of a batch too. */
static copse_status remote_car_write_head(copse_remote_car *car, const remote_car_batch *batch,
                                          const copse_cid *cid, size_t size)
{
    static const copse_cid marker = {.size = 4, .bytes = {1, COPSE_CODEC_RAW, 0, 0}};
    uint8_t length[COPSE_VARINT_SIZE_BYTES_MAX];
    copse_status status = COPSE_OK;
    copse_buf_truncate(&car->head, 0);
    if (!batch->is_begun) {
        status = copse_car_header_write(&marker, 1, &car->head, NULL);
    }
    if (status == COPSE_OK && cid != NULL) {
        size_t length_size = copse_varint_write(cid->size + size, length);
        status = copse_buf_append(&car->head, (copse_bytes){length, length_size});
    }
    return status == COPSE_OK && cid != NULL
               ? copse_buf_append(&car->head, (copse_bytes){cid->bytes, cid->size})
               : status;
}

/* Gives a block to the fetch; `cid` NULL: none, but the begin of the answer. CORRUPT: it did not
 * want it like that, and has dropped the batch. */
static copse_status remote_car_give(copse_remote_car *car, remote_car_batch *batch,
                                    const copse_cid *cid, copse_bytes data, copse_err *err)
{
    copse_fetch *fetch = car->remote->fetch;
    uint64_t now = remote_car_now(car);
    if (remote_car_write_head(car, batch, cid, data.len) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    batch->is_begun = true;
    copse_status status =
        copse_fetch_received(fetch, batch->step, copse_buf_view(&car->head), now, err);
    return status == COPSE_OK && data.len > 0
               ? copse_fetch_received(fetch, batch->step, data, now, err)
               : status;
}

/* Gives what is here of a batch, and lets the file want the rest. OK: it is complete; WANT. CORRUPT
 * as remote_car_give. */
static copse_status remote_car_answer(copse_remote_car *car, remote_car_batch *batch,
                                      bool *ret_told, copse_err *err)
{
    copse_err why = {.message = ""};
    copse_bytes data;
    copse_status status = COPSE_OK;
    for (size_t i = batch->next; i < batch->count && car->failed == COPSE_OK; i++) {
        status = copse_range_car_section(car->car, &batch->cids[i], &data, &why);
        if (status == COPSE_NOMEM) {
            return COPSE_ERR_NOMEM(err);
        }
        if (status < 0 && status != COPSE_NOT_FOUND) {
            remote_car_fail(car, status, why.message);
        } else if (i == batch->next && status == COPSE_OK) {
            batch->next++;
            *ret_told = true;
            status = remote_car_give(car, batch, &batch->cids[i], data, err);
            if (status != COPSE_OK) {
                return status;
            }
        } else if (i == batch->next && status == COPSE_NOT_FOUND) {
            batch->next++;
        }
    }
    return batch->next == batch->count ? COPSE_OK : COPSE_WANT;
}

/* Looks at batch number `index`; *ret_over: it is no more. */
static copse_status remote_car_advance(copse_remote_car *car, size_t index, bool *ret_over,
                                       bool *ret_told, copse_err *err)
{
    copse_remote *remote = car->remote;
    copse_err why = {.message = ""};
    remote_car_batch *batch = &car->batches[index];
    uint64_t step = batch->step;
    copse_status status = remote_car_answer(car, batch, ret_told, &why);
    if (status == COPSE_OK && car->failed == COPSE_OK) {
        status = batch->is_begun ? COPSE_OK
                                 : remote_car_give(car, batch, NULL, (copse_bytes){NULL, 0}, &why);
        status = status == COPSE_OK
                     ? copse_fetch_ended(remote->fetch, step, remote_car_now(car), &why)
                     : status;
        *ret_over = true;
        *ret_told = true;
        copse_remote_tell_progress(remote);
    } else if (status == COPSE_CORRUPT) {
        *ret_over = true;
    }
    if (*ret_over) {
        remote_car_forget_batch(car, index);
    }
    bool is_lie = status == COPSE_CORRUPT && remote->taken == COPSE_OK;
    return status == COPSE_OK || status == COPSE_WANT || is_lie
               ? COPSE_OK
               : COPSE_ERR(err, status, "%s", why.message);
}

/* ---- Asking the server ----------------------------------------------------------------------- */

static copse_status remote_car_ask(copse_remote_car *car, copse_err *err)
{
    copse_remote *remote = car->remote;
    copse_range range;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && car->requests_count < COPSE_REMOTE_CAR_RUNNING_MAX &&
           copse_range_car_ask(car->car, &range)) {
        remote_car_request *request = &car->requests[car->requests_count];
        status = copse_remote_request_start_range(remote, car->peer, remote->peers[car->peer],
                                                  range.from, range.size, &request->request, err);
        if (status == COPSE_OK) {
            request->range = range.id;
            car->requests_count++;
        } else {
            copse_range_car_fail(car->car, range.id);
        }
    }
    return status;
}

copse_status copse_remote_car_run(copse_remote_car *car, bool *ret_told, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (car->is_stale) {
        car->is_stale = false;
        for (size_t i = 0; i < car->batches_count && status == COPSE_OK;) {
            bool is_over = false;
            status = remote_car_advance(car, i, &is_over, ret_told, err);
            i += is_over ? 0 : 1;
        }
    }
    if (car->failed != COPSE_OK) {
        *ret_told = *ret_told || car->batches_count > 0;
        remote_car_fail_batches(car);
    }
    return status == COPSE_OK && car->batches_count > 0 ? remote_car_ask(car, err) : status;
}

/* ---- What comes ------------------------------------------------------------------------------ */

static void remote_car_refused(copse_remote_car *car, const copse_remote_request *request)
{
    char text[COPSE_FETCH_REASON_SIZE];
    unsigned status = request->status;
    bool is_missing = status == 404 || status == 410;
    bool is_busy = status == 408 || status == 429 || status >= 500;
    (void)snprintf(text, sizeof text, "answered %u: %.100s", status,
                   status == 416 ? "the file is empty" : request->reason);
    remote_car_fail(car,
                    is_missing      ? COPSE_NOT_FOUND
                    : status == 416 ? COPSE_CORRUPT
                                    : COPSE_IO,
                    text);
    car->is_final = !is_busy;
    car->retry_after_ms = request->retry_after_ms;
}

static copse_status remote_car_begin(copse_remote_car *car, uint64_t range,
                                     const copse_transport_event *event, copse_err *err)
{
    const copse_range_answer answer = {.is_whole = event->status == 200,
                                       .from = event->range_from,
                                       .size = event->range_size,
                                       .total = event->total_size,
                                       .etag = event->etag};
    return copse_range_car_begin(car->car, range, &answer, err);
}

/* Bytes that came are of use for all batches: a range may take longer than a peer may be silent. */
static void remote_car_note_bytes(copse_remote_car *car, size_t size)
{
    uint64_t now = remote_car_now(car);
    car->received_bytes += size;
    for (size_t i = 0; i < car->batches_count; i++) {
        copse_fetch_heard(car->remote->fetch, car->batches[i].step, size, now);
    }
}

/* A request of this, by the transport's id; NULL: none. */
static remote_car_request *remote_car_find(copse_remote_car *car, uint64_t id)
{
    for (size_t i = 0; i < car->requests_count; i++) {
        if (car->requests[i].request.id == id) {
            return &car->requests[i];
        }
    }
    return NULL;
}

copse_status copse_remote_car_hear(copse_remote_car *car, const copse_transport_event *event,
                                   copse_err *err)
{
    copse_err why = {.message = ""};
    copse_status status = COPSE_OK;
    remote_car_request *request = remote_car_find(car, event->request);
    if (request == NULL) {
        return COPSE_OK;
    }
    uint64_t range = request->range;
    copse_remote_heard heard = copse_remote_request_hear(car->remote, &request->request, event);
    if (heard == COPSE_REMOTE_HEARD_HEAD) {
        status = remote_car_begin(car, range, event, &why);
    } else if (heard == COPSE_REMOTE_HEARD_BODY) {
        status = copse_range_car_receive(car->car, range, event->body, &why);
        remote_car_note_bytes(car, event->body.len);
    } else if (heard == COPSE_REMOTE_HEARD_END) {
        status = copse_range_car_end(car->car, range, &why);
        *request = car->requests[--car->requests_count];
    } else if (heard == COPSE_REMOTE_HEARD_REFUSED || heard == COPSE_REMOTE_HEARD_FAILED) {
        copse_range_car_fail(car->car, range);
        if (heard == COPSE_REMOTE_HEARD_REFUSED) {
            remote_car_refused(car, &request->request);
        } else {
            remote_car_fail(car, COPSE_IO, request->request.reason);
        }
        *request = car->requests[--car->requests_count];
    }
    if (status == COPSE_NOMEM) {
        return COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_CONFLICT) {
        remote_car_cancel_requests(car); /* they are of the file that was */
    } else if (status != COPSE_OK) {
        remote_car_fail(car, status == COPSE_CORRUPT ? COPSE_IO : status, why.message);
    }
    car->is_stale = car->is_stale || heard >= COPSE_REMOTE_HEARD_END || status != COPSE_OK;
    return COPSE_OK;
}

/* ---- The head -------------------------------------------------------------------------------- */

/* Waits for an event of the file. IO also if none comes in time. */
static copse_status remote_car_wait(copse_remote_car *car, copse_err *err)
{
    copse_remote *remote = car->remote;
    copse_transport *transport = remote->transport;
    copse_transport_event event;
    uint64_t until = remote_car_now(car) + remote->env->limits.fetch_silence_ms_max;
    copse_status status = transport->ops->wait(transport, until, &event, err);
    if (status == COPSE_END) {
        remote_car_fail(car, COPSE_IO, "did not answer in time");
        return COPSE_OK;
    }
    return status == COPSE_OK ? copse_remote_car_hear(car, &event, err) : status;
}

copse_status copse_remote_car_head(copse_remote_car *car, copse_cid *ret_head, copse_err *err)
{
    copse_remote *remote = car->remote;
    copse_err why = {.message = ""};
    copse_status status = COPSE_WANT;
    uint64_t until = remote_car_now(car) + 2 * remote->env->limits.fetch_silence_ms_max;
    uint64_t before = car->received_bytes;
    copse_remote_exchange_interrupt(remote);
    while (status == COPSE_WANT && car->failed == COPSE_OK) {
        status = copse_range_car_root(car->car, ret_head, &why);
        if (status == COPSE_WANT) {
            copse_status waited = remote_car_ask(car, err);
            waited = waited == COPSE_OK ? remote_car_wait(car, err) : waited;
            if (waited != COPSE_OK) {
                remote_car_cancel_requests(car);
                return waited;
            }
        }
        if (remote_car_now(car) > until + (car->received_bytes - before)) {
            remote_car_fail(car, COPSE_IO, "is too slow");
        }
    }
    if (status != COPSE_WANT && status != COPSE_OK) {
        remote_car_fail(car, status == COPSE_LIMIT ? COPSE_IO : status, why.message);
    }
    status = car->failed;
    if (status != COPSE_OK) {
        copse_remote_note_reason(remote, car->peer, "%s", car->reason);
        remote_car_fail_batches(car);
        return copse_remote_fail(remote, status == COPSE_LIMIT ? COPSE_IO : status, SIZE_MAX,
                                 "the file can't be read", err);
    }
    remote->has_given[car->peer] = true;
    return COPSE_OK;
}
