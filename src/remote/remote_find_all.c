/* Queries on many remotes, asked at the same time: what their answers are made of comes here, and
 * the documents are found in it afterwards.
 *
 *     tried here ──> answers, all together ──> heads that are still not known, all together
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "remote/remote_find.h"
#include "remote/remote_group.h"

/* copse_remote_task_ops.go: verifies; the documents are passed over. */
static copse_status find_all_go(void *ctx, uint64_t *ret_until_ms, copse_err *err)
{
    copse_remote_find *find = ctx;
    copse_remote_came came = COPSE_REMOTE_CAME_DOCUMENT;
    copse_bytes document;
    bool heard = true;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && came == COPSE_REMOTE_CAME_DOCUMENT) {
        status = copse_remote_answer_verify(&find->answer, &came, &document, err);
        if (status == COPSE_WANT) { /* perhaps for too long */
            copse_remote_tell_progress(find->remote);
            status = copse_remote_answer_hear(&find->answer, NULL, &heard, err);
            if (status == COPSE_OK && !heard) {
                *ret_until_ms = copse_remote_exchange_until(&find->answer.exchange);
                return COPSE_WANT;
            }
        }
    }
    return status == COPSE_OK ? COPSE_END : status;
}

/* copse_remote_task_ops.hear */
static copse_status find_all_hear(void *ctx, const copse_transport_event *event, bool *ret_heard,
                                  copse_err *err)
{
    copse_remote_find *find = ctx;
    return copse_remote_answer_hear(&find->answer, event, ret_heard, err);
}

/* copse_remote_task_ops.stop */
static void find_all_stop(void *ctx)
{
    copse_remote_find *find = ctx;
    copse_remote_exchange_end(&find->answer.exchange);
}

static const copse_remote_task_ops find_all_ops = {find_all_go, find_all_hear, find_all_stop};

/* Asks one peer for the answer, unless it is here or there is none to ask. */
static copse_status find_all_begin(copse_remote_find *find, copse_remote_task *ret_task,
                                   copse_err *err)
{
    copse_remote *remote = find->remote;
    size_t peer = 0;
    copse_remote_forget_reasons(remote);
    if (find->blocks_only) {
        return COPSE_OK;
    }
    copse_status status = copse_remote_find_try(find, err);
    bool is_known = find->root.size > 0;
    if (status < 0 || find->notes.full || (is_known && find->is_here)) {
        return status < 0 ? status : COPSE_OK;
    }
    bool may_ask =
        is_known ? copse_fetch_choose_peer(remote->fetch, find->not_asked,
                                           remote->transport->ops->now(remote->transport), &peer)
                 : find->not_asked[0];
    if (!may_ask) {
        return COPSE_OK;
    }
    status = copse_remote_find_ask_peer(find, peer, err);
    if (status == COPSE_OK) {
        *ret_task = (copse_remote_task){.ops = &find_all_ops, .ctx = find, .err = err};
    }
    return status;
}

/* Takes what is known by the answer. */
static copse_status find_all_end(copse_remote_find *find, copse_err *err)
{
    if (find->root.size == 0) {
        find->root = find->answer.question.root;
        find->must_settle = find->root.size > 0;
    }
    find->was_answered = find->answer.blocks > 0;
    copse_remote_answer_release(&find->answer);
    return copse_remote_find_settle(find, err);
}

static copse_status find_all_ask(copse_remote_one *ones, copse_remote_task *tasks, size_t count,
                                 copse_err *err)
{
    copse_transport *transport = NULL;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count; i++) {
        ones[i].status = find_all_begin(ones[i].find, &tasks[i], &ones[i].err);
        transport = tasks[i].ops != NULL ? ones[i].remote->transport : transport;
    }
    if (transport != NULL) {
        status = copse_remote_group_run(tasks, count, transport, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].ops != NULL) {
            copse_status ended = find_all_end(ones[i].find, &ones[i].err);
            ones[i].status = tasks[i].status != COPSE_OK ? tasks[i].status : ended;
        }
        ones[i].find->stage = FIND_ENDED;
    }
    return status;
}

/* Asks for the heads of those whose answer did not say. */
static copse_status find_all_heads(copse_remote_one *ones, copse_remote_one *asked, size_t count,
                                   copse_err *err)
{
    size_t asked_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (ones[i].status == COPSE_OK && ones[i].find->root.size == 0) {
            asked[asked_count++] = (copse_remote_one){.remote = ones[i].remote,
                                                      .name = copse_remote_find_name(ones[i].find),
                                                      .find = ones[i].find};
        }
    }
    copse_status status = copse_remote_head_all(asked, asked_count, err);
    for (size_t i = 0, at = 0; i < count; i++) {
        if (at < asked_count && asked[at].find == ones[i].find) {
            ones[i].status = asked[at].status;
            ones[i].err = asked[at].err;
            ones[i].find->root = asked[at].head;
            at++;
        }
        ones[i].head = ones[i].find->root;
        ones[i].source = ones[i].find->run.source;
    }
    return status;
}

copse_status copse_remote_find_all(copse_remote_one *ones, size_t count, copse_err *err)
{
    if (count == 0) {
        return COPSE_OK;
    }
    for (size_t i = 0; i < count; i++) {
        ones[i].remote = ones[i].find->remote;
    }
    const copse_env *env = ones[0].remote->env;
    copse_remote_task *tasks = copse_remote_group_new(ones, count);
    copse_remote_one *asked = copse_alloc_array(env, count, sizeof *asked);
    copse_status status = tasks != NULL && asked != NULL ? find_all_ask(ones, tasks, count, err)
                                                         : COPSE_ERR_NOMEM(err);
    if (status == COPSE_OK) {
        status = find_all_heads(ones, asked, count, err);
    }
    copse_free_array(env, asked, count, sizeof *asked);
    copse_remote_group_free(tasks, ones, count);
    return status;
}

copse_status copse_remote_find_database(copse_remote_find *find, copse_database **ret_database,
                                        copse_err *err)
{
    if (find->root.size == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "the root is not known");
    }
    if (!copse_cid_equal(&find->run.root, &find->root)) {
        copse_remote_run_begin(&find->run, &find->root, (copse_bytes){NULL, 0});
    }
    copse_status status = copse_remote_run_open(&find->run, err);
    if (status == COPSE_OK) {
        *ret_database = find->run.database;
    }
    return status;
}
