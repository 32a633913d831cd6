/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/remote_fetch.h"

#include <copse/address.h>

#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"
#include "remote/remote_car.h"
#include "remote/remote_exchange.h"
#include "remote/remote_group.h"
#include "value/cid_list.h"

#include <stdio.h>

/* A request of the fetch on its way. */
struct copse_remote_fetch_request {
    copse_remote_request request;
    uint64_t step; /* what the fetch calls it */
};

static uint64_t remote_fetch_now(const copse_remote *remote)
{
    return remote->transport->ops->now(remote->transport);
}

copse_status copse_remote_fetch_deliver(void *ctx, const copse_cid *cid, copse_bytes data,
                                        copse_err *err)
{
    copse_remote *remote = ctx;
    copse_block *block = NULL;
    copse_status status = copse_block_new(remote->env, cid, data, &block, err);
    if (status == COPSE_OK) {
        status = copse_remote_take_block(remote, remote->sink, block, err);
    }
    copse_block_unref(block);
    remote->taken = status;
    return status;
}

void copse_remote_fetch_release(copse_remote *remote)
{
    copse_free_array(remote->env, remote->requests, remote->requests_capacity,
                     sizeof remote->requests[0]);
    copse_free_array(remote->env, remote->missing, remote->missing_capacity,
                     sizeof remote->missing[0]);
}

/* ---- The requests on their way --------------------------------------------------------------- */

/* The one with this id of the transport; NULL: none. */
static struct copse_remote_fetch_request *remote_fetch_find(copse_remote *remote, uint64_t id)
{
    for (size_t i = 0; i < remote->requests_count; i++) {
        if (remote->requests[i].request.id == id) {
            return &remote->requests[i];
        }
    }
    return NULL;
}

static void remote_fetch_forget(copse_remote *remote, struct copse_remote_fetch_request *request)
{
    *request = remote->requests[--remote->requests_count];
}

static void remote_fetch_cancel(copse_remote *remote, struct copse_remote_fetch_request *request)
{
    copse_remote_request_stop(remote, &request->request);
    remote_fetch_forget(remote, request);
}

/* Writes URL and body of a step. */
static copse_status remote_fetch_write(copse_remote *remote, const copse_fetch_step *step)
{
    const char *peer = remote->peers[step->peer];
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    copse_buf_truncate(&remote->url, 0);
    if (step->kind == COPSE_FETCH_ASK_BATCH) {
        copse_buf_truncate(&remote->body, 0);
        copse_status status = copse_cid_list_write(step->cids, step->count, &remote->body);
        return status == COPSE_OK
                   ? copse_address_page(peer, "/copse/v1/", "blocks", "", &remote->url)
                   : status;
    }
    (void)copse_cid_to_text(&step->cids[0], COPSE_BASE32, cid);
    return copse_address_page(peer, "/ipfs/", cid, "?format=raw", &remote->url);
}

static copse_status remote_fetch_ask(copse_remote *remote, const copse_fetch_step *step,
                                     copse_err *err)
{
    bool batch = step->kind == COPSE_FETCH_ASK_BATCH;
    void *requests = remote->requests;
    bool grown = copse_array_grow(remote->env, &requests, &remote->requests_capacity,
                                  remote->requests_count + 1, sizeof remote->requests[0]);
    remote->requests = requests;
    if (!grown || remote_fetch_write(remote, step) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    struct copse_remote_fetch_request *request = &remote->requests[remote->requests_count];
    copse_status status = copse_remote_request_start(
        remote, step->peer, (const char *)remote->url.ptr,
        batch ? "application/vnd.ipld.car" : "application/vnd.ipld.raw",
        batch ? copse_buf_view(&remote->body) : (copse_bytes){NULL, 0}, &request->request, err);
    if (status == COPSE_OK) {
        request->step = step->request;
        remote->requests_count++;
    }
    return status;
}

static copse_status remote_fetch_do(copse_remote *remote, const copse_fetch_step *step,
                                    copse_err *err)
{
    copse_remote_car *car = remote->cars[step->peer];
    if (step->kind != COPSE_FETCH_CANCEL) {
        return car != NULL ? copse_remote_car_add(car, step, err)
                           : remote_fetch_ask(remote, step, err);
    }
    if (car != NULL) {
        (void)copse_remote_car_drop(car, step->request);
        return COPSE_OK;
    }
    for (size_t i = 0; i < remote->requests_count; i++) {
        if (remote->requests[i].step == step->request) {
            remote_fetch_cancel(remote, &remote->requests[i]);
            break;
        }
    }
    return COPSE_OK;
}

/* ---- What comes ------------------------------------------------------------------------------ */

static copse_status remote_fetch_hear_cars(copse_remote *remote, const copse_transport_event *event,
                                           bool *ret_heard, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < remote->peers_count && status == COPSE_OK; i++) {
        if (remote->cars[i] != NULL) {
            *ret_heard = true; /* maybe */
            status = copse_remote_car_hear(remote->cars[i], event, err);
        }
    }
    return status;
}

/* Lets the files among the peers go on. *ret_told: the fetch may have a next step. */
static copse_status remote_fetch_run_cars(copse_remote *remote, bool *ret_told, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < remote->peers_count && status == COPSE_OK; i++) {
        if (remote->cars[i] != NULL) {
            status = copse_remote_car_run(remote->cars[i], ret_told, err);
        }
    }
    return status;
}

/* copse_remote_task_ops.hear: reports an event to the fetch. */
static copse_status remote_fetch_hear(void *ctx, const copse_transport_event *event,
                                      bool *ret_heard, copse_err *err)
{
    copse_remote *remote = ctx;
    struct copse_remote_fetch_request *request = remote_fetch_find(remote, event->request);
    uint64_t now = remote_fetch_now(remote);
    copse_status status = COPSE_OK;
    if (request == NULL) {
        return remote_fetch_hear_cars(remote, event, ret_heard, err);
    }
    *ret_heard = true;
    uint64_t step = request->step;
    copse_err why = {.message = ""};
    switch (copse_remote_request_hear(remote, &request->request, event)) {
    case COPSE_REMOTE_HEARD_BODY:
        status = copse_fetch_received(remote->fetch, step, event->body, now, &why);
        if (status != COPSE_OK) {
            remote_fetch_cancel(remote, request);
        }
        break;
    case COPSE_REMOTE_HEARD_END:
        remote_fetch_forget(remote, request);
        status = copse_fetch_ended(remote->fetch, step, now, &why);
        copse_remote_tell_progress(remote);
        break;
    case COPSE_REMOTE_HEARD_REFUSED:
    case COPSE_REMOTE_HEARD_FAILED:
        copse_fetch_failed(remote->fetch, step, request->request.status,
                           request->request.retry_after_ms, request->request.reason, now);
        remote_fetch_forget(remote, request);
        break;
    default:
        break;
    }
    /* The peer's failure, not this call's; but what the store says is. */
    bool is_lie = status == COPSE_CORRUPT && remote->taken == COPSE_OK;
    return status == COPSE_OK || is_lie ? COPSE_OK : COPSE_ERR(err, status, "%s", why.message);
}

/* copse_remote_task_ops.stop */
static void remote_fetch_abandon(void *ctx)
{
    copse_remote *remote = ctx;
    copse_fetch_step step;
    uint64_t now = remote_fetch_now(remote);
    copse_fetch_drop(remote->fetch);
    while (copse_fetch_next(remote->fetch, now, &step, NULL) == COPSE_OK) {
        (void)remote_fetch_do(remote, &step, NULL);
    }
    while (remote->requests_count > 0) {
        copse_fetch_failed(remote->fetch, remote->requests[0].step, 0, 0, "was not heard", now);
        remote_fetch_cancel(remote, &remote->requests[0]);
    }
    for (size_t i = 0; i < remote->peers_count; i++) {
        if (remote->cars[i] != NULL) {
            copse_remote_car_stop(remote->cars[i]);
        }
    }
}

/* copse_remote_task_ops.go: does what the fetch says until it waits. */
static copse_status remote_fetch_go(void *ctx, uint64_t *ret_until_ms, copse_err *err)
{
    copse_remote *remote = ctx;
    copse_fetch_step step;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        status = copse_fetch_next(remote->fetch, remote_fetch_now(remote), &step, err);
        if (status == COPSE_OK) {
            status = remote_fetch_do(remote, &step, err);
        } else if (status == COPSE_WANT) {
            bool told = false;
            status = remote_fetch_run_cars(remote, &told, err);
            if (status == COPSE_OK && !told) {
                *ret_until_ms = step.until_ms;
                return COPSE_WANT;
            }
        }
    }
    return status;
}

static const copse_remote_task_ops remote_fetch_ops = {remote_fetch_go, remote_fetch_hear,
                                                       remote_fetch_abandon};

/* ---- The call -------------------------------------------------------------------------------- */

const copse_cid *copse_remote_missing(const copse_remote *remote, size_t *ret_count)
{
    if (remote->fetch != NULL) {
        return copse_fetch_missing(remote->fetch, ret_count);
    }
    *ret_count = remote->missing_count;
    return remote->missing_count > 0 ? remote->missing : NULL;
}

/* Says why the block that was most urgent, missing block number `index`, is not there. */
static copse_status remote_fetch_fail(const copse_remote *remote, size_t index, copse_err *err)
{
    char what[COPSE_CID_TEXT_SIZE_MAX + 64];
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    size_t count;
    bool all_lack = remote->fetch != NULL;
    for (size_t i = 0; i < remote->peers_count && all_lack; i++) {
        all_lack = copse_fetch_is_lacking(remote->fetch, index, i);
    }
    copse_block_cid_text(&copse_remote_missing(remote, &count)[index], cid);
    (void)snprintf(what, sizeof what, "block %s %s", cid,
                   all_lack                ? "is with no peer"
                   : remote->fetch != NULL ? "could not be fetched"
                                           : "is not here, and nobody can be asked");
    return copse_remote_fail(remote, all_lack ? COPSE_NOT_FOUND : COPSE_IO, index, what, err);
}

/* Nobody can be asked: all that is wanted is missing. */
static copse_status remote_fetch_offline(copse_remote *remote, const copse_cid *wants, size_t count,
                                         copse_err *err)
{
    void *missing = remote->missing;
    remote->missing_count = 0;
    bool grown = copse_array_grow(remote->env, &missing, &remote->missing_capacity, count,
                                  sizeof remote->missing[0]);
    remote->missing = missing;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < count; i++) {
        remote->missing[i] = wants[i];
    }
    remote->missing_count = count;
    return remote_fetch_fail(remote, 0, err);
}

/* Hands the wants to the fetch. A hint that can't be verified is passed over. */
static copse_status remote_fetch_want(copse_remote *remote, const copse_cid *wants, size_t count,
                                      copse_err *err)
{
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_fetch_want(remote->fetch, &wants[i], 1, err);
        if (status == COPSE_MISUSE && i == 0) {
            return COPSE_ERR(err, COPSE_CORRUPT, "a link to %s, a hash that isn't known here",
                             copse_block_cid_text(&wants[0], cid));
        }
        status = status == COPSE_MISUSE ? COPSE_OK : status;
    }
    return status;
}

/* Makes the task of fetching what a source wants. *ret_task without ops: there is nothing to do. */
static copse_status remote_fetch_begin(copse_remote *remote, copse_source *source,
                                       copse_remote_task *ret_task, copse_err *err)
{
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(source, &count);
    if (count == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "the source wants nothing");
    }
    if (remote->sink != NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a remote is asked twice at the same time");
    }
    if (remote->fetch == NULL) {
        return remote_fetch_offline(remote, wants, count, err);
    }
    copse_remote_exchange_interrupt(remote);
    copse_status status = remote_fetch_want(remote, wants, count, err);
    if (status != COPSE_OK) {
        remote_fetch_abandon(remote);
        return status;
    }
    remote->sink = source;
    remote->taken = COPSE_OK;
    *ret_task = (copse_remote_task){.ops = &remote_fetch_ops, .ctx = remote, .err = err};
    return COPSE_OK;
}

/* Ends the task. OK only if what was most urgent came. */
static copse_status remote_fetch_finish(copse_remote *remote, const copse_remote_task *task,
                                        copse_err *err)
{
    size_t wants_count = 0;
    const copse_cid *wants = copse_source_wants(remote->sink, &wants_count);
    size_t missing_count = 0;
    const copse_cid *missing = copse_remote_missing(remote, &missing_count);
    copse_status status = task->status;
    remote->sink = NULL;
    for (size_t i = 0; i < missing_count && status == COPSE_OK; i++) {
        if (copse_cid_equal(&missing[i], &wants[0])) {
            status = remote_fetch_fail(remote, i, err);
        }
    }
    return status;
}

copse_status copse_remote_fetch(copse_remote *remote, copse_source *source, copse_err *err)
{
    copse_remote_task task = {.ops = NULL};
    copse_status status = remote_fetch_begin(remote, source, &task, err);
    if (status == COPSE_OK) {
        status = copse_remote_group_run(&task, 1, remote->transport, err);
        copse_status finished = remote_fetch_finish(remote, &task, err);
        status = status == COPSE_OK ? finished : status;
    }
    return status;
}

copse_status copse_remote_fetch_all(copse_remote_one *ones, size_t count, copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_transport *transport = NULL;
    copse_remote_task *tasks;
    if (count == 0) {
        return COPSE_OK;
    }
    tasks = copse_remote_group_new(ones, count);
    if (tasks == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < count; i++) {
        copse_remote_one *one = &ones[i];
        one->status = remote_fetch_begin(one->remote, one->source, &tasks[i], &one->err);
        transport = tasks[i].ops != NULL ? one->remote->transport : transport;
    }
    if (transport != NULL) {
        status = copse_remote_group_run(tasks, count, transport, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].ops != NULL) {
            ones[i].status = remote_fetch_finish(ones[i].remote, &tasks[i], &ones[i].err);
        }
    }
    copse_remote_group_free(tasks, ones, count);
    return status;
}
