/* Fetching history: what wanted commits come from, as one CAR of a peer.
 *
 * Format: docs/formats/http.md. Blocks are verified while they come, and are of use whatever comes
 * after.
 *
 *   S1  A block is taken once, and only if it was wanted, or is a parent of one that was taken: so
 *       all that a peer can do is to send less.
 *   S2  It is no more than was asked for: limits.answer_blocks_max bounds what one answer brings,
 *       and what is remembered of it.
 *   S3  Where an answer stops, since it is large enough, is remembered: the parents that did not
 *       come. When the walk gets to the first of them, all are asked for together. One after the
 *       other would bring again and again what they have in common.
 *   S4  A peer that sends nothing of what is wanted, or breaks off before what is most urgent, is
 *       not asked for history again; but where all is left out since it is said to be had, it is
 *       asked once more, and told that nothing is. So a call has an exchange with each peer at most
 *       and one more, and what is most urgent and did not come is then fetched as a block.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "remote/remote.h"

#include <copse/address.h>
#include <copse/car.h>
#include <copse/cid_set.h>
#include <copse/commit.h>

#include "base/alloc.h"
#include "base/err.h"
#include "history/milestones.h"
#include "remote/remote_exchange.h"
#include "sync/commits_request.h"

/* A first round where nothing says how much there is, and how much larger each is than the last. */
enum { REMOTE_HISTORY_FIRST_LIMIT = 1024, REMOTE_HISTORY_GROWTH = 4 };

_Static_assert((int)COPSE_MILESTONES_MAX <= (int)COPSE_COMMITS_HAVE_MAX, "too many to be told");

/* One call: what is wanted, and what came of it. */
typedef struct remote_history_round {
    copse_remote *remote;
    copse_source *source; /* gets the blocks */
    copse_cid wants[1 + COPSE_COMMITS_WANT_MAX];
    size_t wants_count;
    copse_milestones have;
    uint64_t limit;       /* S2 */
    copse_cid_set linked; /* what may come: */
    copse_buf links;      /* the same, copse_cid after copse_cid */
    copse_cid_set taken;  /* of these */
    copse_remote_exchange exchange;
    copse_car_reader *reader;
    bool not_asked[COPSE_REMOTE_PEERS_MAX];
} remote_history_round;

/* How the asking of a peer ended. */
typedef enum remote_history_came {
    REMOTE_HISTORY_CAME_MORE, /* it goes on */
    REMOTE_HISTORY_CAME_ALL,  /* it has ended, as it should */
    REMOTE_HISTORY_CAME_LESS  /* refused, broken off, or a lie */
} remote_history_came;

/* ---- Asking ---------------------------------------------------------------------------------- */

/* Begins to ask a peer. */
static copse_status remote_history_ask(remote_history_round *round, size_t peer, copse_err *err)
{
    copse_remote *remote = round->remote;
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_cid_to_text(&round->wants[0], COPSE_BASE32, cid);
    copse_buf_truncate(&remote->url, 0);
    copse_buf_truncate(&remote->body, 0);
    if (copse_address_page(remote->peers[peer], "/copse/v1/", cid, "/commits", &remote->url) !=
            COPSE_OK ||
        copse_commits_request_encode(round->wants + 1, round->wants_count - 1, round->have.cids,
                                     round->have.count, round->limit, &remote->body,
                                     NULL) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return copse_remote_exchange_begin(&round->exchange, remote, peer,
                                       (const char *)remote->url.ptr, "application/vnd.ipld.car",
                                       copse_buf_view(&remote->body), err);
}

/* ---- What comes ------------------------------------------------------------------------------ */

static remote_history_came remote_history_lie(remote_history_round *round, const char *what)
{
    copse_remote_exchange_note_lie(&round->exchange, "sent a wrong history (%s)", what);
    return REMOTE_HISTORY_CAME_LESS;
}

static copse_status remote_history_add_cid(copse_buf *cids, const copse_cid *cid)
{
    return copse_buf_append(cids, (copse_bytes){(const uint8_t *)cid, sizeof *cid});
}

/* From here on the block may come. */
static copse_status remote_history_link(remote_history_round *round, const copse_cid *cid,
                                        copse_err *err)
{
    bool added;
    copse_status status = copse_cid_set_add(&round->linked, cid, &added);
    if (status == COPSE_OK && added) {
        status = remote_history_add_cid(&round->links, cid);
    }
    return status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
}

static copse_status remote_history_link_parents(remote_history_round *round,
                                                const copse_commit *commit, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < commit->parents_count && status == COPSE_OK; i++) {
        status = remote_history_link(round, &commit->parents[i], err);
    }
    return status;
}

/* Why a block is not to be taken; NULL: it is (S1, S2). */
static const char *remote_history_fault(const remote_history_round *round, const copse_cid *cid)
{
    if (!copse_cid_set_has(&round->linked, cid) || round->taken.count == round->limit) {
        return "a block that nobody asked for";
    }
    return copse_cid_set_has(&round->taken, cid) ? "a commit twice" : NULL;
}

/* Takes a block that was hashed. */
static copse_status remote_history_take(remote_history_round *round, const copse_car_item *item,
                                        remote_history_came *ret_came, copse_err *err)
{
    copse_remote *remote = round->remote;
    copse_block *block = NULL;
    copse_commit commit;
    copse_err why;
    bool added;
    const char *fault = remote_history_fault(round, &item->cid);
    if (fault != NULL) {
        *ret_came = remote_history_lie(round, fault);
        return COPSE_OK;
    }
    copse_status status = copse_block_new(remote->env, &item->cid, item->data, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_commit_decode(remote->env, block, &commit, &why) != COPSE_OK) {
        *ret_came = remote_history_lie(round, "a block that is no commit");
    } else {
        status = remote_history_link_parents(round, &commit, err);
        if (status == COPSE_OK) {
            status = copse_remote_take_block(remote, round->source, block, err);
        }
        if (status == COPSE_OK &&
            copse_cid_set_add(&round->taken, &item->cid, &added) != COPSE_OK) {
            status = COPSE_ERR_NOMEM(err);
        }
    }
    copse_block_unref(block);
    return status;
}

/* Reads what the reader has. */
static copse_status remote_history_read(remote_history_round *round, remote_history_came *ret_came,
                                        copse_err *err)
{
    copse_car_item item;
    copse_err why = {.message = ""};
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && *ret_came == REMOTE_HISTORY_CAME_MORE) {
        copse_status read = copse_car_reader_next(round->reader, &item, &why);
        if (read == COPSE_WANT) {
            break;
        }
        if (read == COPSE_NOMEM) {
            status = COPSE_ERR_NOMEM(err);
        } else if (read == COPSE_END) {
            *ret_came = REMOTE_HISTORY_CAME_ALL;
        } else if (read != COPSE_OK) {
            *ret_came = remote_history_lie(round, why.message);
        } else if (item.kind == COPSE_CAR_SECTION) {
            status = remote_history_take(round, &item, ret_came, err);
        }
    }
    return status;
}

/* Waits for more of it. */
static copse_status remote_history_hear(remote_history_round *round, remote_history_came *ret_came,
                                        copse_err *err)
{
    copse_remote_heard heard;
    copse_transport_event event;
    copse_status status = copse_remote_exchange_next(&round->exchange, &heard, &event, err);
    if (status != COPSE_OK) {
        return status;
    }
    switch (heard) {
    case COPSE_REMOTE_HEARD_HEAD:
        round->remote->has_given[round->exchange.request.peer] = true;
        return COPSE_OK;
    case COPSE_REMOTE_HEARD_BODY:
        status = copse_car_reader_feed(round->reader, event.body, err);
        break;
    case COPSE_REMOTE_HEARD_END:
        copse_car_reader_feed_end(round->reader);
        break;
    default:
        *ret_came = REMOTE_HISTORY_CAME_LESS;
        return COPSE_OK;
    }
    status = status == COPSE_OK ? remote_history_read(round, ret_came, err) : status;
    copse_remote_tell_progress(round->remote);
    return status;
}

/* Asks a peer, and takes what it sends. */
static copse_status remote_history_receive(remote_history_round *round, size_t peer,
                                           remote_history_came *ret_came, copse_err *err)
{
    *ret_came = REMOTE_HISTORY_CAME_MORE;
    copse_status status = copse_car_reader_new(round->remote->env, NULL, &round->reader, err);
    if (status == COPSE_OK) {
        status = remote_history_ask(round, peer, err);
    }
    while (status == COPSE_OK && *ret_came == REMOTE_HISTORY_CAME_MORE) {
        status = remote_history_hear(round, ret_came, err);
    }
    copse_remote_exchange_end(&round->exchange);
    round->reader = copse_car_reader_free(round->reader);
    return status;
}

/* ---- The call -------------------------------------------------------------------------------- */

/* Finds out what is had: of the blocks that were here before anything was asked. */
static copse_status remote_history_find_have(remote_history_round *round,
                                             const copse_remote_history *history, copse_err *err)
{
    copse_remote *remote = round->remote;
    copse_source *source = NULL; /* not the caller's, whose wants are still to be fetched */
    if (history->ours.size == 0) {
        return COPSE_OK;
    }
    copse_status status = copse_source_new(remote->env, copse_remote_store(remote), &source, err);
    if (status == COPSE_OK) {
        status = copse_milestones_find(remote->env, source, &history->ours, &round->have, err);
    }
    copse_source_free(source);
    return status;
}

/* Whether what is most urgent has come. */
static bool remote_history_is_there(const remote_history_round *round)
{
    return copse_cid_set_has(&round->taken, &round->wants[0]);
}

static void remote_history_set_limit(remote_history_round *round,
                                     const copse_remote_history *history)
{
    uint64_t limit_max = round->remote->env->limits.answer_blocks_max;
    round->limit = history->limit > 0 && history->limit < limit_max ? history->limit : limit_max;
}

/* Wants one more, unless it is wanted already, or the request is full. */
static copse_status remote_history_want(remote_history_round *round, const copse_cid *cid,
                                        copse_err *err)
{
    bool is_new = !copse_cid_set_has(&round->linked, cid);
    if (is_new && round->wants_count < 1 + COPSE_COMMITS_WANT_MAX) {
        round->wants[round->wants_count++] = *cid;
        return remote_history_link(round, cid, err);
    }
    return COPSE_OK;
}

/* If the last answer stopped before what is most urgent: wants all that it stopped before (S3). */
static copse_status remote_history_want_front(remote_history_round *round, copse_err *err)
{
    const copse_buf *front = &round->remote->history_front;
    const copse_cid *cids = (const copse_cid *)(const void *)front->ptr;
    size_t count = front->len / sizeof *cids;
    bool goes_on = false;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && !goes_on; i++) {
        goes_on = copse_cid_equal(&cids[i], &round->wants[0]);
    }
    for (size_t i = 0; i < count && goes_on && status == COPSE_OK; i++) {
        status = remote_history_want(round, &cids[i], err);
    }
    return status;
}

/* Remembers what the answer stopped before. */
static copse_status remote_history_note_front(remote_history_round *round, copse_err *err)
{
    copse_remote *remote = round->remote;
    const copse_cid *cids = (const copse_cid *)(const void *)round->links.ptr;
    size_t count = round->links.len / sizeof *cids;
    copse_buf_truncate(&remote->history_front, 0);
    for (size_t i = 0; i < count; i++) {
        bool is_here = copse_cid_set_has(&round->taken, &cids[i]);
        copse_status status = COPSE_OK;
        if (!is_here && remote->store != NULL) {
            status = copse_store_has(remote->store, &cids[i], &is_here, err);
        }
        if (status == COPSE_OK && !is_here &&
            remote_history_add_cid(&remote->history_front, &cids[i]) != COPSE_OK) {
            status = COPSE_ERR_NOMEM(err);
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    return COPSE_OK;
}

static copse_status remote_history_round_init(remote_history_round *round, const copse_cid *wants,
                                              size_t count, const copse_remote_history *history,
                                              copse_err *err)
{
    const copse_env *env = round->remote->env;
    copse_status status = COPSE_OK;
    copse_cid_set_init(&round->linked, env);
    copse_cid_set_init(&round->taken, env);
    copse_buf_init(&round->links, env, SIZE_MAX / 2);
    remote_history_set_limit(round, history);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = remote_history_want(round, &wants[i], err);
    }
    if (status == COPSE_OK) {
        status = remote_history_want_front(round, err);
    }
    return status == COPSE_OK ? remote_history_find_have(round, history, err) : status;
}

static void remote_history_round_release(remote_history_round *round)
{
    copse_cid_set_release(&round->linked);
    copse_cid_set_release(&round->taken);
    copse_buf_release(&round->links);
}

/* What ours comes from is not here, or not all of it: from now on it comes too. */
static void remote_history_leave_nothing_out(remote_history_round *round,
                                             copse_remote_history *history)
{
    round->have.count = 0;
    history->ours.size = 0;
    history->limit = history->limit > 0 ? history->limit : REMOTE_HISTORY_FIRST_LIMIT;
    remote_history_set_limit(round, history);
}

/* What the answer of a peer says of those to come (S4). */
static void remote_history_learn(remote_history_round *round, size_t peer, remote_history_came came,
                                 copse_remote_history *history)
{
    bool is_there = remote_history_is_there(round);
    if (came == REMOTE_HISTORY_CAME_ALL && !is_there && round->have.count > 0) {
        remote_history_leave_nothing_out(round, history);
        return;
    }
    round->not_asked[peer] = false;
    round->remote->lacks_history[peer] =
        round->taken.count == 0 || (came == REMOTE_HISTORY_CAME_LESS && !is_there);
}

/* Asks one peer after the other until one has sent something. */
static copse_status remote_history_run(remote_history_round *round, copse_remote_history *history,
                                       copse_err *err)
{
    copse_remote *remote = round->remote;
    copse_status status = COPSE_OK;
    size_t peer = 0;
    for (size_t i = 0; i < remote->peers_count; i++) {
        round->not_asked[i] = remote->cars[i] == NULL && !remote->lacks_history[i];
    }
    while (status == COPSE_OK && round->taken.count == 0 &&
           copse_fetch_choose_peer(remote->fetch, round->not_asked,
                                   remote->transport->ops->now(remote->transport), &peer)) {
        remote_history_came came;
        status = remote_history_receive(round, peer, &came, err);
        if (status == COPSE_OK) {
            remote_history_learn(round, peer, came, history);
        }
    }
    if (history->limit <= round->limit) {
        history->limit *= REMOTE_HISTORY_GROWTH;
    }
    return status;
}

/* Asks for history. OK: *ret_is_there tells whether what is most urgent came. */
static copse_status remote_history_fetch(copse_remote *remote, copse_source *source,
                                         const copse_cid *wants, size_t count,
                                         copse_remote_history *history, bool *ret_is_there,
                                         copse_err *err)
{
    remote_history_round *round = copse_alloc_zeroed(remote->env, sizeof *round);
    if (round == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    round->remote = remote;
    round->source = source;
    copse_status status = remote_history_round_init(round, wants, count, history, err);
    if (status == COPSE_OK) {
        status = remote_history_run(round, history, err);
    }
    if (status == COPSE_OK) {
        status = remote_history_note_front(round, err);
    }
    bool stops_early = round->taken.count > 0 && round->taken.count < round->limit &&
                       remote->history_front.len > 0;
    if (stops_early && round->have.count > 0) {
        remote_history_leave_nothing_out(round, history);
    }
    *ret_is_there = remote_history_is_there(round);
    remote_history_round_release(round);
    copse_free(remote->env, round, sizeof *round);
    return status;
}

copse_status copse_remote_fetch_history(copse_remote *remote, copse_source *source,
                                        copse_remote_history *history, copse_err *err)
{
    size_t count = 0;
    bool is_there = false;
    copse_status status = COPSE_OK;
    const copse_cid *wants = copse_source_wants(source, &count);
    if (count > 0 && remote->fetch != NULL) {
        copse_remote_forget_reasons(remote);
        status = remote_history_fetch(remote, source, wants, count, history, &is_there, err);
    }
    return status == COPSE_OK && !is_there ? copse_remote_fetch(remote, source, err) : status;
}
