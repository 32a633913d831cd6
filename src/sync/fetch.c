/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sync/fetch.h"

#include "base/alloc.h"
#include "base/err.h"
#include "sync/fetch_plan.h"

#include <stdio.h>

copse_status copse_fetch_new(const copse_env *env, const copse_fetch_options *options,
                             copse_fetch **ret_fetch, copse_err *err)
{
    if (options->peers_count == 0 || options->peers_count > COPSE_FETCH_PEERS_MAX ||
        options->deliver == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a fetch needs 1 to %d peers and a place to deliver to",
                         COPSE_FETCH_PEERS_MAX);
    }
    copse_fetch *fetch = copse_alloc_zeroed(env, sizeof *fetch);
    if (fetch == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    fetch->env = env;
    fetch->options = *options;
    fetch->peers = copse_alloc_zeroed(env, options->peers_count * sizeof fetch->peers[0]);
    copse_status status =
        fetch->peers != NULL ? copse_cid_map_init(&fetch->wanted, env, err) : COPSE_ERR_NOMEM(err);
    if (status != COPSE_OK) {
        (void)copse_fetch_free(fetch);
        return status;
    }
    *ret_fetch = fetch;
    return COPSE_OK;
}

copse_fetch *copse_fetch_free(copse_fetch *fetch)
{
    if (fetch != NULL) {
        const copse_env *env = fetch->env;
        copse_fetch_state_finish_all(fetch);
        while (fetch->requests != NULL) {
            (void)copse_fetch_request_free(fetch, fetch->requests);
        }
        copse_cid_map_release(&fetch->wanted);
        copse_free_array(env, fetch->missing, fetch->missing_capacity, sizeof fetch->missing[0]);
        copse_free_array(env, fetch->missing_lacking, fetch->missing_lacking_capacity,
                         sizeof fetch->missing_lacking[0]);
        copse_free_array(env, fetch->peers, fetch->options.peers_count, sizeof fetch->peers[0]);
        copse_free(env, fetch, sizeof *fetch);
    }
    return NULL;
}

/* ---- Time ---- */

/* What every call with a time begins with. The time in which the caller was busy elsewhere is not
 * the peers' silence: their requests count as sent, and heard of, that much later (F5). */
static void fetch_arrive(copse_fetch *fetch, uint64_t now_ms)
{
    now_ms = now_ms > fetch->now_ms ? now_ms : fetch->now_ms;
    uint64_t lag_ms = now_ms > fetch->awaited_ms ? now_ms - fetch->awaited_ms : 0;
    if (lag_ms > COPSE_FETCH_HEDGE_MS) {
        for (copse_fetch_request *request = fetch->requests; request != NULL;
             request = request->next) {
            request->sent_ms += lag_ms;
            request->heard_ms += lag_ms;
            request->deadline_ms += lag_ms;
        }
        for (size_t i = 0; i < fetch->options.peers_count; i++) {
            fetch->peers[i].rated_ms += lag_ms;
        }
    }
    fetch->now_ms = now_ms;
    fetch->awaited_ms = now_ms;
}

static uint64_t fetch_pause_ms_max(const copse_fetch *fetch)
{
    return fetch->env->limits.fetch_silence_ms_max;
}

/* ---- Wanting ---- */

/* Checks all CIDs, and delivers the blocks that are in CIDs. */
static copse_status fetch_check_wants(copse_fetch *fetch, const copse_cid *cids, size_t count,
                                      copse_err *err)
{
    copse_bytes data = {NULL, 0};
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count; i++) {
        if (!copse_block_cid_is_valid(&cids[i]) ||
            copse_cid_verify(&cids[i], data, NULL) == COPSE_MISUSE) {
            return COPSE_ERR(err, COPSE_MISUSE, "a block was wanted that can't be verified");
        }
    }
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        if (copse_fetch_cid_holds(&cids[i], &data)) {
            status = fetch->options.deliver(fetch->options.ctx, &cids[i], data, err);
        }
    }
    return status;
}

copse_status copse_fetch_want(copse_fetch *fetch, const copse_cid *cids, size_t count,
                              copse_err *err)
{
    bool is_new_round = fetch->wanted.count == 0 && fetch->requests == NULL;
    copse_status status = fetch_check_wants(fetch, cids, count, err);
    if (status == COPSE_OK) {
        status = copse_fetch_state_add(fetch, cids, count, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    for (size_t i = 0; is_new_round && i < fetch->options.peers_count; i++) {
        copse_fetch_peer_renew(&fetch->peers[i]);
    }
    fetch->missing_count = 0;
    fetch->is_doubtful = true;
    return COPSE_OK;
}

void copse_fetch_drop(copse_fetch *fetch)
{
    copse_fetch_state_finish_all(fetch);
    for (copse_fetch_request *request = fetch->requests; request != NULL; request = request->next) {
        request->is_dropped = true;
    }
}

/* ---- Steps ---- */

/* Ends a request, if it is to be ended: one that is silent for too long has failed; one with
 * nothing left to give would only send what another has sent, and if it is late, its peer was no
 * help. One that has given all that it had is left to end by itself, for its connection's sake, as
 * long as that is not late. */
static bool fetch_end_request(const copse_fetch_plan *plan, copse_fetch *fetch,
                              copse_fetch_request *request)
{
    copse_fetch_peer *peer = &fetch->peers[request->peer];
    bool is_late = copse_fetch_plan_is_late(plan, request, 1);
    bool is_through = request->at == request->count;
    if (request->is_dropped) {
        /* Nobody's fault. */
    } else if (plan->now_ms >= request->deadline_ms) {
        copse_fetch_peer_fall_silent(peer, fetch_pause_ms_max(fetch), plan->now_ms);
        copse_fetch_request_fail(fetch, request);
    } else if (copse_fetch_plan_is_stuck(plan, request)) {
        copse_fetch_peer_avoid(peer, fetch_pause_ms_max(fetch), plan->now_ms);
        copse_fetch_request_abandon(request);
    } else if (request->left_count > 0 || (is_through && !is_late)) {
        return false;
    } else if (is_late && !is_through) {
        copse_fetch_peer_avoid(peer, fetch_pause_ms_max(fetch), plan->now_ms);
    }
    (void)copse_fetch_request_free(fetch, request);
    return true;
}

/* The next request to cancel, if there is one. */
static bool fetch_cancel(const copse_fetch_plan *plan, copse_fetch *fetch, copse_fetch_step *step)
{
    copse_fetch_request *next = NULL;
    for (copse_fetch_request *request = fetch->requests; request != NULL; request = next) {
        copse_fetch_step cancel = {
            .kind = COPSE_FETCH_CANCEL, .request = request->id, .peer = request->peer};
        next = request->next;
        if (fetch_end_request(plan, fetch, request)) {
            *step = cancel;
            return true;
        }
    }
    return false;
}

/* Gives up what nobody is left for (F5). */
static void fetch_give_up(const copse_fetch_plan *plan, copse_fetch *fetch)
{
    copse_fetch_block *next = NULL;
    for (copse_fetch_block *block = fetch->first; block != NULL; block = next) {
        next = block->next;
        if (copse_fetch_plan_candidates(plan, block) == 0) {
            fetch->missing[fetch->missing_count] = block->cid;
            fetch->missing_lacking[fetch->missing_count++] = block->lacking;
            copse_fetch_block_finish(fetch, block);
        }
    }
    fetch->is_doubtful = false;
}

static copse_status fetch_ask(const copse_fetch_plan *plan, copse_fetch *fetch,
                              copse_fetch_step *ret_step, copse_err *err)
{
    copse_fetch_block *blocks[COPSE_FETCH_PIECE_MAX];
    copse_fetch_request *request = NULL;
    size_t peer = 0;
    size_t slow = SIZE_MAX;
    size_t count = copse_fetch_plan_pick(plan, blocks, &peer, &slow);
    if (count == 0) {
        return COPSE_END;
    }
    copse_status status =
        copse_fetch_request_new(fetch, peer, blocks, count, plan->now_ms, &request, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (slow != SIZE_MAX) {
        fetch->peers[slow].stats.hedges++;
    }
    for (size_t i = 0; i < count; i++) {
        fetch->cids[i] = blocks[i]->cid;
    }
    *ret_step = (copse_fetch_step){.kind = request->is_batch ? COPSE_FETCH_ASK_BATCH
                                                             : COPSE_FETCH_ASK_BLOCK,
                                   .request = request->id,
                                   .peer = peer,
                                   .cids = fetch->cids,
                                   .count = count};
    return COPSE_OK;
}

copse_status copse_fetch_next(copse_fetch *fetch, uint64_t now_ms, copse_fetch_step *ret_step,
                              copse_err *err)
{
    copse_fetch_plan plan;
    fetch_arrive(fetch, now_ms);
    copse_fetch_plan_init(&plan, fetch, fetch->now_ms);
    if (fetch_cancel(&plan, fetch, ret_step)) {
        return COPSE_OK;
    }
    if (fetch->is_doubtful) {
        fetch_give_up(&plan, fetch);
    }
    copse_status status = fetch_ask(&plan, fetch, ret_step, err);
    if (status == COPSE_END && (fetch->wanted.count > 0 || fetch->requests != NULL)) {
        fetch->awaited_ms = copse_fetch_plan_until(&plan);
        *ret_step = (copse_fetch_step){.until_ms = fetch->awaited_ms};
        status = COPSE_WANT;
    }
    return status;
}

/* ---- Events ---- */

/* A verified block of an answer: delivers it, if it was asked for and did not come before. Those
 * asked for before it are not there: answers keep the order. */
static copse_status fetch_take(copse_fetch *fetch, copse_fetch_request *request,
                               const copse_cid *cid, copse_bytes data, copse_err *err)
{
    copse_fetch_peer *peer = &fetch->peers[request->peer];
    size_t at = request->at;
    while (at < request->count && !copse_cid_equal(&request->blocks[at]->cid, cid)) {
        at++;
    }
    if (at == request->count) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "the answer holds a block that was not asked for, or not in its place");
    }
    copse_fetch_request_pass(fetch, request, at, true);
    copse_fetch_block *block = request->blocks[at];
    if (block->is_wanted) {
        copse_status status = fetch->options.deliver(fetch->options.ctx, cid, data, err);
        if (status != COPSE_OK) {
            request->is_refused = true;
            return status;
        }
        copse_fetch_block_finish(fetch, block);
        copse_fetch_peer_note_block(peer, data.len);
        request->given_count++;
        fetch->blocks_count++;
        fetch->blocks_bytes += data.len;
    } else {
        peer->stats.wasted_bytes += data.len;
    }
    request->at = at + 1;
    return COPSE_OK;
}

/* Takes all blocks that are whole. WANT: more bytes are needed; END: the answer is whole. */
static copse_status fetch_read(copse_fetch *fetch, copse_fetch_request *request, copse_err *err)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        copse_cid cid;
        copse_bytes data;
        status = copse_fetch_answer_next(&request->answer, &cid, &data, err);
        if (status == COPSE_OK) {
            status = fetch_take(fetch, request, &cid, data, err);
        }
    }
    return status;
}

/* A sign of life of a request, with so many bytes, of which so many are of its answer; also of
 * those sent later, which the peer may send behind it. */
static void fetch_hear(copse_fetch *fetch, copse_fetch_request *request, size_t size_bytes,
                       size_t answer_bytes)
{
    size_t peer = request->peer;
    uint64_t deadline_ms = fetch->now_ms + fetch->env->limits.fetch_silence_ms_max;
    if (request->is_sample) {
        copse_fetch_peer_note_latency(&fetch->peers[peer], fetch->now_ms - request->sent_ms);
        request->is_sample = false;
    }
    copse_fetch_peer_hear(&fetch->peers[peer], answer_bytes, fetch->now_ms);
    for (; request != NULL; request = request->next) {
        if (request->peer == peer) {
            uint64_t bought_ms = request->deadline_ms + size_bytes;
            request->deadline_ms = bought_ms < deadline_ms ? bought_ms : deadline_ms;
            request->heard_ms = fetch->now_ms;
        }
    }
}

/* Ends a request that did not end well, and notes whose fault that was. `is_lie`: what CORRUPT
 * means of the peer. Returns the status. */
static copse_status fetch_end_badly(copse_fetch *fetch, copse_fetch_request *request, bool is_lie,
                                    copse_status status, const copse_err *detail, copse_err *err)
{
    copse_fetch_peer *peer = &fetch->peers[request->peer];
    if (status == COPSE_CORRUPT && !request->is_refused) {
        if (is_lie) {
            copse_fetch_peer_lie(peer, fetch_pause_ms_max(fetch), detail->message, fetch->now_ms);
        } else {
            copse_fetch_peer_fail(peer, 0, fetch_pause_ms_max(fetch), detail->message,
                                  fetch->now_ms);
        }
        copse_fetch_request_fail(fetch, request);
    }
    (void)copse_fetch_request_free(fetch, request);
    if (err != NULL) {
        *err = *detail;
    }
    return status;
}

copse_status copse_fetch_received(copse_fetch *fetch, uint64_t request, copse_bytes bytes,
                                  uint64_t now_ms, copse_err *err)
{
    copse_err detail = {.status = COPSE_OK};
    copse_fetch_request *running = copse_fetch_request_find(fetch, request);
    fetch_arrive(fetch, now_ms);
    if (running == NULL) {
        return COPSE_OK;
    }
    fetch_hear(fetch, running, bytes.len, bytes.len);
    copse_status status = copse_fetch_answer_feed(&running->answer, bytes, &detail);
    if (status == COPSE_OK) {
        status = fetch_read(fetch, running, &detail);
    }
    return status == COPSE_WANT ? COPSE_OK
                                : fetch_end_badly(fetch, running, true, status, &detail, err);
}

void copse_fetch_heard(copse_fetch *fetch, uint64_t request, size_t size_bytes, uint64_t now_ms)
{
    copse_fetch_request *running = copse_fetch_request_find(fetch, request);
    fetch_arrive(fetch, now_ms);
    if (running != NULL) {
        fetch_hear(fetch, running, size_bytes, 0);
    }
}

copse_status copse_fetch_ended(copse_fetch *fetch, uint64_t request, uint64_t now_ms,
                               copse_err *err)
{
    copse_err detail = {.status = COPSE_OK};
    copse_fetch_request *running = copse_fetch_request_find(fetch, request);
    fetch_arrive(fetch, now_ms);
    if (running == NULL) {
        return COPSE_OK;
    }
    fetch_hear(fetch, running, 0, 0);
    copse_fetch_answer_feed_end(&running->answer);
    copse_status status = fetch_read(fetch, running, &detail);
    if (status != COPSE_END) {
        /* All whole blocks of a batch were read before: what is wrong now is its end. */
        return fetch_end_badly(fetch, running, !running->is_batch, status, &detail, err);
    }
    copse_fetch_request_pass(fetch, running, running->count, true);
    copse_fetch_peer_note_answer(&fetch->peers[running->peer]);
    (void)copse_fetch_request_free(fetch, running);
    return COPSE_OK;
}

void copse_fetch_failed(copse_fetch *fetch, uint64_t request, unsigned http_status,
                        uint32_t retry_after_ms, const char *reason, uint64_t now_ms)
{
    copse_fetch_request *running = copse_fetch_request_find(fetch, request);
    fetch_arrive(fetch, now_ms);
    if (running == NULL) {
        return;
    }
    copse_fetch_peer *peer = &fetch->peers[running->peer];
    bool is_unknown_page = http_status == 404 || http_status == 405 || http_status == 501;
    if (running->is_batch && is_unknown_page) {
        peer->is_gateway = true;
        copse_fetch_peer_note_answer(peer);
    } else if (!running->is_batch && (http_status == 404 || http_status == 410)) {
        fetch_hear(fetch, running, 0, 0);
        copse_fetch_request_pass(fetch, running, running->count, true);
        copse_fetch_peer_note_answer(peer);
    } else {
        char text[COPSE_FETCH_REASON_SIZE];
        (void)snprintf(text, sizeof text, http_status != 0 ? "%s (HTTP status %u)" : "%s", reason,
                       http_status);
        copse_fetch_peer_fail(peer, retry_after_ms, fetch_pause_ms_max(fetch), text, fetch->now_ms);
        copse_fetch_request_fail(fetch, running);
    }
    (void)copse_fetch_request_free(fetch, running);
}

/* ---- What became of it ---- */

const copse_cid *copse_fetch_missing(const copse_fetch *fetch, size_t *ret_count)
{
    *ret_count = fetch->missing_count;
    return fetch->missing_count > 0 ? fetch->missing : NULL;
}

bool copse_fetch_is_lacking(const copse_fetch *fetch, size_t index, size_t peer)
{
    return index < fetch->missing_count && peer < fetch->options.peers_count &&
           (fetch->missing_lacking[index] >> peer & 1) != 0;
}

const char *copse_fetch_reason(const copse_fetch *fetch, size_t index, size_t peer)
{
    if (index >= fetch->missing_count || peer >= fetch->options.peers_count) {
        return "";
    }
    return copse_fetch_is_lacking(fetch, index, peer) ? "does not have it"
                                                      : fetch->peers[peer].reason;
}

copse_fetch_peer_stats copse_fetch_get_peer_stats(const copse_fetch *fetch, size_t peer)
{
    return peer < fetch->options.peers_count ? fetch->peers[peer].stats
                                             : (copse_fetch_peer_stats){.requests = 0};
}

void copse_fetch_note_peer(copse_fetch *fetch, size_t peer, bool failed, uint64_t latency_ms,
                           uint64_t now_ms)
{
    fetch_arrive(fetch, now_ms);
    if (peer >= fetch->options.peers_count) {
        return;
    }
    if (failed) {
        copse_fetch_peer_fail(&fetch->peers[peer], 0, fetch_pause_ms_max(fetch),
                              "failed when it was asked for something else", fetch->now_ms);
        fetch->is_doubtful = true;
        return;
    }
    copse_fetch_peer_restore(&fetch->peers[peer]);
    if (latency_ms > 0) {
        copse_fetch_peer_note_latency(&fetch->peers[peer], latency_ms);
    }
}

bool copse_fetch_choose_peer(const copse_fetch *fetch, const bool *not_asked, uint64_t now_ms,
                             size_t *ret_peer)
{
    copse_fetch_plan plan;
    uint64_t peers = 0;
    copse_fetch_plan_init(&plan, fetch, now_ms > fetch->now_ms ? now_ms : fetch->now_ms);
    for (size_t i = 0; i < fetch->options.peers_count; i++) {
        peers |= not_asked[i] ? plan.ready & UINT64_C(1) << i : 0;
    }
    peers = (peers & plan.prompt) != 0 ? peers & plan.prompt : peers;
    size_t peer = copse_fetch_plan_fastest(&plan, peers, 1);
    if (peer != SIZE_MAX) {
        *ret_peer = peer;
    }
    return peer != SIZE_MAX;
}
