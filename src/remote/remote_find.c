/* A query on a remote: tried here, then asked of peers, then run here over what they send.
 *
 *     BEGUN ──> ASKING <──> ANSWER ──> ENDED
 *       │          │           │         ^
 *       └──────────┴─────> RUNNING ──────┘
 *
 * BEGUN     The query runs over the blocks that are here, and gives nothing out. Of a root that is
 *           known, it may come to its end (or read so much that asking for the rest is no gain):
 *           then RUNNING. What it read is what peers are told not to send.
 * ASKING    Chooses the peer to ask next: of a name, peer number 0 first.
 * ANSWER    Verifies the answer while it arrives, and gives its documents out.
 * RUNNING   The query runs here; what it wants is fetched.
 *
 *   Q1  Each document is given out once. Whatever goes on after some were given passes over as
 *       many. With a sort that is right by any plan; without one only by the same plan, so then no
 *       other peer is asked for an answer.
 *   Q2  Blocks of answers are pinned in the run's source, or kept by the store, as fetched ones
 *       are: none is fetched again. The next peer is told of them, as of others that are here, up
 *       to COPSE_REMOTE_HAVE_MAX.
 *   Q3  A peer is asked for an answer once. So each find ends: there are as many answers as peers
 *       at most, each of which ends (remote_exchange.h), one head, and one run, each of whose
 *       fetches brings the block that it can't go on without.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "remote/remote_find.h"

#include "base/alloc.h"
#include "base/err.h"

/* ---- Life ------------------------------------------------------------------------------------ */

/* Keeps a copy of the query, by way of its encoding. */
static copse_status find_take_query(copse_remote_find *find, const copse_query_options *query,
                                    copse_err *err)
{
    copse_status status = copse_answer_request_encode(query, NULL, NULL, 0, &find->encoded, err);
    return status == COPSE_OK
               ? copse_answer_request_decode(find->remote->env, copse_buf_view(&find->encoded),
                                             &find->request, err)
               : status;
}

static copse_status find_init(copse_remote_find *find, const copse_remote_find_options *options,
                              copse_err *err)
{
    const copse_env *env = find->remote->env;
    copse_buf_init(&find->name, env, SIZE_MAX);
    copse_buf_init(&find->encoded, env, SIZE_MAX);
    copse_buf_init(&find->plan, env, SIZE_MAX);
    find->blocks_only = options->blocks_only || find->remote->transport == NULL;
    if (options->root != NULL) {
        find->root = *options->root;
    }
    for (size_t i = 0; i < find->remote->peers_count; i++) {
        find->not_asked[i] = find->remote->cars[i] == NULL; /* files answer no queries */
    }
    copse_status status = copse_remote_run_init(&find->run, env, options->query,
                                                copse_remote_store(find->remote), err);
    if (status == COPSE_OK) {
        status = find_take_query(find, options->query, err);
    }
    if (status == COPSE_OK && options->name != NULL &&
        (copse_buf_append(&find->name, copse_bytes_of_text(options->name)) != COPSE_OK ||
         copse_buf_append_byte(&find->name, '\0') != COPSE_OK)) {
        status = COPSE_ERR_NOMEM(err);
    }
    return status;
}

copse_status copse_remote_find_new(copse_remote *remote, const copse_remote_find_options *options,
                                   copse_remote_find **ret_find, copse_err *err)
{
    if (options->name == NULL && options->root == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a query of neither a name nor a root");
    }
    if (options->name != NULL && remote->peers_count == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a name of a peer, and no peer");
    }
    copse_remote_find *find = copse_alloc_zeroed(remote->env, sizeof *find);
    if (find == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    find->remote = remote;
    find->blocks_before = remote->stats.blocks;
    copse_status status = find_init(find, options, err);
    if (status != COPSE_OK) {
        copse_remote_find_free(find);
        return status;
    }
    *ret_find = find;
    return COPSE_OK;
}

copse_remote_find *copse_remote_find_free(copse_remote_find *find)
{
    if (find != NULL) {
        copse_remote_answer_release(&find->answer);
        copse_remote_run_release(&find->run);
        copse_answer_request_release(&find->request);
        copse_buf_release(&find->encoded);
        copse_buf_release(&find->name);
        copse_buf_release(&find->plan);
        copse_free(find->remote->env, find, sizeof *find);
    }
    return NULL;
}

const char *copse_remote_find_name(const copse_remote_find *find)
{
    return find->name.len > 0 ? (const char *)find->name.ptr : NULL;
}

/* ---- RUNNING --------------------------------------------------------------------------------- */

static bool find_has_order(const copse_remote_find *find)
{
    const copse_sort_spec *sort = find->request.query.sort;
    return sort != NULL && sort->count > 0;
}

/* The plan that an answer followed is followed on where it must be (Q1). Else a peer that sends a
 * bad one and stops would choose what is fetched. */
static void find_begin_run(copse_remote_find *find)
{
    copse_bytes none = {NULL, 0};
    bool follows = find->plan.len > 0 && find->given > 0 && !find_has_order(find);
    copse_remote_run_begin(&find->run, &find->root, follows ? copse_buf_view(&find->plan) : none);
    find->passed = find->given;
    find->stage = FIND_RUNNING;
}

static copse_status find_run(copse_remote_find *find, copse_bytes *ret_document, copse_err *err)
{
    copse_status status;
    while ((status = copse_remote_run_next(&find->run, ret_document, err)) == COPSE_WANT) {
        status = copse_remote_fetch(find->remote, find->run.source, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return status;
}

/* ---- BEGUN ----------------------------------------------------------------------------------- */

/* Tries the query on the blocks that are here. Of a name, on the head seen before, for what it
 * reads. */
copse_status copse_remote_find_try(copse_remote_find *find, copse_err *err)
{
    copse_remote *remote = find->remote;
    copse_bytes document;
    uint64_t seen_ms;
    bool is_known = find->root.size > 0;
    copse_status status = COPSE_OK;
    find->tried = find->root;
    if (!is_known) {
        status = copse_remote_head_seen(remote, copse_remote_find_name(find), &find->tried,
                                        &seen_ms, err);
    }
    if (status == COPSE_OK) {
        copse_remote_run_begin(&find->run, &find->tried, (copse_bytes){NULL, 0});
        copse_remote_store_note(&remote->view, &find->notes);
        while (status == COPSE_OK) {
            status = copse_remote_run_next(&find->run, &document, err);
        }
        copse_remote_store_note(&remote->view, NULL);
    }
    find->is_here = status == COPSE_END;
    return is_known || status == COPSE_NOMEM ? status : COPSE_OK;
}

static copse_status find_begin(copse_remote_find *find, copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_remote_forget_reasons(find->remote);
    if (find->blocks_only && find->root.size == 0) {
        status = copse_remote_head(find->remote, copse_remote_find_name(find), &find->root, err);
    } else if (!find->blocks_only) {
        status = copse_remote_find_try(find, err);
    }
    if (status >= 0 && find->root.size == 0 && find->notes.full) {
        /* More is here than a peer can be told: only whether the head is still that one is asked.
         */
        status = copse_remote_head(find->remote, copse_remote_find_name(find), &find->root, err);
    }
    if (status < 0) {
        return status;
    }
    if (find->blocks_only || (find->root.size > 0 && (find->is_here || find->notes.full))) {
        find_begin_run(find);
    } else {
        find->stage = FIND_ASKING;
    }
    return COPSE_OK;
}

/* ---- ASKING ---------------------------------------------------------------------------------- */

copse_status copse_remote_find_ask_peer(copse_remote_find *find, size_t peer, copse_err *err)
{
    const copse_remote_question question = {.name = peer == 0 ? copse_remote_find_name(find) : NULL,
                                            .root = find->root,
                                            .query = &find->request.query,
                                            .have = &find->notes,
                                            .source = find->run.source};
    find->not_asked[peer] = false;
    find->passed = find->given;
    find->stage = FIND_ANSWER;
    return copse_remote_answer_begin(&find->answer, find->remote, peer, &question, err);
}

static copse_status find_ask(copse_remote_find *find, copse_err *err)
{
    copse_remote *remote = find->remote;
    size_t peer = 0;
    if (find->root.size == 0 && find->not_asked[0]) {
        return copse_remote_find_ask_peer(find, 0, err);
    }
    if (find->root.size == 0) {
        copse_status status =
            copse_remote_head(remote, copse_remote_find_name(find), &find->root, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    bool is_here = find->is_here && copse_cid_equal(&find->root, &find->tried);
    if (!is_here &&
        copse_fetch_choose_peer(remote->fetch, find->not_asked,
                                remote->transport->ops->now(remote->transport), &peer)) {
        return copse_remote_find_ask_peer(find, peer, err);
    }
    find_begin_run(find);
    return COPSE_OK;
}

/* ---- ANSWER ---------------------------------------------------------------------------------- */

/* The answer did not come to its end: keeps what can be used, and says how to go on. */
static copse_status find_leave_answer(copse_remote_find *find, copse_remote_came came,
                                      copse_err *err)
{
    copse_remote_answer *answer = &find->answer;
    copse_bytes plan = answer->verifier != NULL ? copse_answer_verifier_plan(answer->verifier)
                                                : (copse_bytes){NULL, 0};
    find->was_answered = find->was_answered || answer->blocks > 0;
    if (plan.len > 0) {
        copse_buf_truncate(&find->plan, 0);
        if (copse_buf_append(&find->plan, plan) != COPSE_OK) {
            return COPSE_ERR_NOMEM(err);
        }
    }
    copse_remote_answer_release(answer);
    if (find->root.size == 0 ||
        (came != COPSE_REMOTE_CAME_CUT && (find->given == 0 || find_has_order(find)))) {
        find->stage = FIND_ASKING;
    } else {
        find_begin_run(find);
    }
    return COPSE_OK;
}

/* OK: a document, or another stage. END. */
static copse_status find_hear(copse_remote_find *find, copse_bytes *ret_document,
                              bool *ret_is_document, copse_err *err)
{
    copse_remote_came came;
    copse_status status = copse_remote_answer_next(&find->answer, &came, ret_document, err);
    if (find->root.size == 0) {
        find->root = find->answer.question.root;
        find->must_settle = find->root.size > 0;
    }
    if (status != COPSE_OK) {
        return status;
    }
    switch (came) {
    case COPSE_REMOTE_CAME_DOCUMENT:
        *ret_is_document = true;
        return COPSE_OK;
    case COPSE_REMOTE_CAME_ALL:
        return COPSE_END;
    case COPSE_REMOTE_CAME_BROKEN:
        return COPSE_CORRUPT;
    default:
        return find_leave_answer(find, came, err);
    }
}

/* ---- Going on -------------------------------------------------------------------------------- */

/* One step. OK: *ret_is_document, or another stage. END. */
static copse_status find_step(copse_remote_find *find, copse_bytes *ret_document,
                              bool *ret_is_document, copse_err *err)
{
    switch (find->stage) {
    case FIND_BEGUN:
        return find_begin(find, err);
    case FIND_ASKING:
        return find_ask(find, err);
    case FIND_ANSWER:
        return find_hear(find, ret_document, ret_is_document, err);
    case FIND_RUNNING:
        *ret_is_document = true;
        return find_run(find, ret_document, err);
    default:
        return COPSE_END;
    }
}

/* Remembers the head, once its block is here. */
copse_status copse_remote_find_settle(copse_remote_find *find, copse_err *err)
{
    if (!find->must_settle) {
        return COPSE_OK;
    }
    find->must_settle = false;
    return copse_remote_head_settle(find->remote, copse_remote_find_name(find), find->run.source,
                                    &find->root, err);
}

static copse_status find_fail(copse_remote_find *find, copse_status status)
{
    copse_remote_answer_release(&find->answer);
    find->failed = status;
    return status;
}

copse_status copse_remote_find_next(copse_remote_find *find, copse_bytes *ret_document,
                                    copse_err *err)
{
    copse_bytes document;
    if (find->failed != COPSE_OK) {
        return COPSE_ERR(err, find->failed, "the query has failed before");
    }
    for (;;) {
        bool is_document = false;
        copse_status status = find_step(find, &document, &is_document, err);
        if (status == COPSE_OK && !is_document) {
            continue;
        }
        if (status >= 0) {
            copse_status settled = copse_remote_find_settle(find, err);
            status = settled == COPSE_OK ? status : settled;
        }
        if (status < 0) {
            return find_fail(find, status);
        }
        if (status == COPSE_END) {
            find->stage = FIND_ENDED;
            return COPSE_END;
        }
        if (find->passed == 0) {
            find->given++;
            *ret_document = document;
            return COPSE_OK;
        }
        find->passed--;
    }
}

/* ---- What is known --------------------------------------------------------------------------- */

copse_remote_way copse_remote_find_way(const copse_remote_find *find)
{
    if (find->answer.verifier != NULL) {
        return COPSE_REMOTE_ANSWER;
    }
    if (find->stage < FIND_RUNNING) {
        return COPSE_REMOTE_NOT_YET;
    }
    bool was_fetched = find->remote->stats.blocks > find->blocks_before;
    return find->was_answered ? COPSE_REMOTE_MIXED
           : was_fetched      ? COPSE_REMOTE_BLOCKS
                              : COPSE_REMOTE_LOCAL;
}

copse_cid copse_remote_find_root(const copse_remote_find *find)
{
    return find->root;
}

copse_status copse_remote_find_explain(const copse_remote_find *find, copse_buf *buf,
                                       copse_err *err)
{
    if (find->answer.verifier != NULL) {
        return copse_answer_verifier_explain(find->answer.verifier, buf, err);
    }
    if (find->run.result == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "nothing was planned yet");
    }
    return copse_result_explain(find->run.result, buf, err);
}

copse_result_stats copse_remote_find_stats(const copse_remote_find *find)
{
    const copse_result_stats none = {.returned = 0};
    if (find->answer.verifier != NULL) {
        return copse_answer_verifier_result_stats(find->answer.verifier);
    }
    return find->run.result != NULL ? copse_result_get_stats(find->run.result) : none;
}
