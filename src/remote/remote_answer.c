/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/remote_answer.h"

#include <copse/address.h>

#include "base/err.h"
#include "query/answer_request.h"

/* ---- Asking ---------------------------------------------------------------------------------- */

/* Writes page and body of the request. */
static copse_status remote_answer_write(copse_remote_answer *answer, size_t peer, copse_err *err)
{
    copse_remote *remote = answer->remote;
    const copse_remote_question *question = &answer->question;
    const copse_cid *root = question->root.size > 0 ? &question->root : NULL;
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_cid_to_text(&question->root, COPSE_BASE32, cid);
    copse_buf_truncate(&remote->url, 0);
    copse_buf_truncate(&remote->body, 0);
    if (copse_address_page(remote->peers[peer], "/copse/v1/",
                           question->name != NULL ? question->name : cid, "/query",
                           &remote->url) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return copse_answer_request_encode(question->query, root, question->have->cids,
                                       question->have->count, &remote->body, err);
}

copse_status copse_remote_answer_begin(copse_remote_answer *answer, copse_remote *remote,
                                       size_t peer, const copse_remote_question *question,
                                       copse_err *err)
{
    *answer = (copse_remote_answer){.remote = remote, .question = *question};
    copse_buf_init(&answer->piece, remote->env, COPSE_TRANSPORT_PIECE_MAX);
    copse_status status = remote_answer_write(answer, peer, err);
    return status == COPSE_OK ? copse_remote_exchange_begin(
                                    &answer->exchange, remote, peer, (const char *)remote->url.ptr,
                                    "application/vnd.ipld.car", copse_buf_view(&remote->body), err)
                              : status;
}

void copse_remote_answer_release(copse_remote_answer *answer)
{
    copse_remote_exchange_end(&answer->exchange);
    answer->verifier = copse_answer_verifier_free(answer->verifier);
    copse_buf_release(&answer->piece);
}

/* ---- What comes ------------------------------------------------------------------------------ */

/* copse_answer_verifier_options.block */
static copse_status remote_answer_block(void *ctx, copse_block *block, copse_err *err)
{
    copse_remote_answer *answer = ctx;
    copse_status status =
        copse_remote_take_block(answer->remote, answer->question.source, block, err);
    answer->blocks++;
    if (status == COPSE_OK && answer->remote->store != NULL) {
        (void)copse_remote_notes_add(answer->question.have, copse_block_cid(block));
    }
    return status;
}

static copse_remote_came remote_answer_lie(copse_remote_answer *answer, const char *fault,
                                           const char *why)
{
    copse_remote_exchange_note_lie(&answer->exchange, "sent a wrong answer (%s%s%s)", fault,
                                   why[0] != '\0' ? ": " : "", why);
    return COPSE_REMOTE_CAME_LIE;
}

/* The answer begins: OK with *ret_is_lie if it is of another root than was asked for, or says of
 * none. */
static copse_status remote_answer_head(copse_remote_answer *answer, copse_bytes said,
                                       bool *ret_is_lie, copse_err *err)
{
    copse_remote *remote = answer->remote;
    copse_remote_question *question = &answer->question;
    const copse_answer_verifier_options options = {
        .have = question->have->cids,
        .have_count = question->have->count,
        .store = copse_remote_store(remote),
        .block = remote_answer_block,
        .block_ctx = answer,
    };
    copse_cid root;
    copse_status status = copse_cid_from_text(said, &root, NULL);
    bool is_other = question->root.size > 0 && !copse_cid_equal(&root, &question->root);
    *ret_is_lie = status != COPSE_OK || is_other;
    if (*ret_is_lie) {
        return COPSE_OK;
    }
    remote->stats.answers++;
    remote->has_given[answer->exchange.request.peer] = true;
    status = copse_answer_verifier_new(remote->env, &root, question->query, &options,
                                       &answer->verifier, err);
    if (status == COPSE_MISUSE) { /* no hash that can be verified */
        *ret_is_lie = true;
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        question->root = root;
    }
    return status;
}

/* Takes what was heard of the answer: more of it, or that there is no more. */
static copse_status remote_answer_take(copse_remote_answer *answer, copse_remote_heard heard,
                                       const copse_transport_event *event, copse_err *err)
{
    bool is_lie = false;
    copse_status status;
    switch (heard) {
    case COPSE_REMOTE_HEARD_NOTHING:
        return COPSE_OK;
    case COPSE_REMOTE_HEARD_HEAD:
        status = remote_answer_head(answer, event->copse_root, &is_lie, err);
        if (is_lie) {
            answer->is_over = true;
            answer->came = remote_answer_lie(answer, "other-root", "");
        }
        return status;
    case COPSE_REMOTE_HEARD_BODY:
        copse_buf_truncate(&answer->piece, 0);
        if (copse_buf_append(&answer->piece, event->body) != COPSE_OK) {
            return COPSE_ERR_NOMEM(err);
        }
        return copse_answer_verifier_feed(answer->verifier, copse_buf_view(&answer->piece), err);
    case COPSE_REMOTE_HEARD_END:
        copse_answer_verifier_feed_end(answer->verifier);
        return COPSE_OK;
    default:
        answer->is_over = true;
        answer->came = heard == COPSE_REMOTE_HEARD_FAILED       ? COPSE_REMOTE_CAME_LESS
                       : answer->exchange.request.status == 413 ? COPSE_REMOTE_CAME_CUT
                                                                : COPSE_REMOTE_CAME_REFUSAL;
        return COPSE_OK;
    }
}

/* What a refused answer comes to. */
static copse_remote_came remote_answer_refused(copse_remote_answer *answer, const copse_err *why)
{
    copse_answer_fault fault = copse_answer_verifier_fault(answer->verifier);
    switch (fault) {
    case COPSE_ANSWER_CUT_SHORT:
        copse_remote_note_reason(answer->remote, answer->exchange.request.peer,
                                 "answered in part: %s", why->message);
        return COPSE_REMOTE_CAME_CUT;
    case COPSE_ANSWER_BROKEN_ROOT:
        return COPSE_REMOTE_CAME_BROKEN;
    default:
        return remote_answer_lie(answer, copse_answer_fault_name(fault), why->message);
    }
}

/* Verifies as far as it goes, once the answer has begun. OK: *ret_came; WANT: more must come. */
static copse_status remote_answer_verify_begun(copse_remote_answer *answer,
                                               copse_remote_came *ret_came,
                                               copse_bytes *ret_document, copse_err *err)
{
    copse_err why = {.message = ""};
    copse_status status = copse_answer_verifier_next(answer->verifier, ret_document, &why);
    if (status == COPSE_CORRUPT &&
        copse_answer_verifier_fault(answer->verifier) == COPSE_ANSWER_SOUND) {
        return COPSE_ERR(err, status, "%s", why.message); /* what is here is damaged */
    }
    switch (status) {
    case COPSE_OK:
        *ret_came = COPSE_REMOTE_CAME_DOCUMENT;
        return COPSE_OK;
    case COPSE_END:
        *ret_came = COPSE_REMOTE_CAME_ALL;
        return COPSE_OK;
    case COPSE_CORRUPT:
        *ret_came = remote_answer_refused(answer, &why);
        break;
    case COPSE_LIMIT:     /* what one answer may take is less than what a query may */
    case COPSE_NOT_FOUND: /* the store let go of a block that was said to be had */
        *ret_came = COPSE_REMOTE_CAME_CUT;
        copse_remote_note_reason(answer->remote, answer->exchange.request.peer, "was given up: %s",
                                 why.message);
        break;
    case COPSE_WANT:
        return status;
    default:
        return COPSE_ERR(err, status, "%s", why.message);
    }
    if (err != NULL) {
        *err = why;
    }
    return COPSE_OK;
}

copse_status copse_remote_answer_verify(copse_remote_answer *answer, copse_remote_came *ret_came,
                                        copse_bytes *ret_document, copse_err *err)
{
    copse_status status = answer->is_over ? COPSE_OK : COPSE_WANT;
    *ret_came = answer->came;
    if (!answer->is_over && answer->verifier != NULL) {
        status = remote_answer_verify_begun(answer, ret_came, ret_document, err);
    }
    if (status != COPSE_WANT && (status != COPSE_OK || *ret_came != COPSE_REMOTE_CAME_DOCUMENT)) {
        copse_remote_exchange_end(&answer->exchange);
    }
    return status;
}

copse_status copse_remote_answer_hear(copse_remote_answer *answer,
                                      const copse_transport_event *event, bool *ret_heard,
                                      copse_err *err)
{
    copse_remote_heard heard = copse_remote_exchange_hear(&answer->exchange, event);
    *ret_heard = heard != COPSE_REMOTE_HEARD_NOTHING;
    return remote_answer_take(answer, heard, event, err);
}

copse_status copse_remote_answer_next(copse_remote_answer *answer, copse_remote_came *ret_came,
                                      copse_bytes *ret_document, copse_err *err)
{
    copse_status status;
    while ((status = copse_remote_answer_verify(answer, ret_came, ret_document, err)) ==
           COPSE_WANT) {
        copse_remote_heard heard;
        copse_transport_event event;
        copse_remote_tell_progress(answer->remote);
        status = copse_remote_exchange_next(&answer->exchange, &heard, &event, err);
        if (status == COPSE_OK) {
            status = remote_answer_take(answer, heard, &event, err);
        }
        if (status != COPSE_OK) {
            copse_remote_exchange_end(&answer->exchange);
            break;
        }
    }
    return status;
}
