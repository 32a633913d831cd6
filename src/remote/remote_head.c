/* The head of a name: what peer number 0 says it is, and what it was before.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/address.h>
#include <copse/commit.h>

#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"
#include "remote/head_map.h"
#include "remote/remote_car.h"
#include "remote/remote_exchange.h"
#include "remote/remote_group.h"

#include <stdio.h>
#include <string.h>

/* What a peer says. */
typedef struct remote_head {
    copse_cid cid;
    copse_cid tree; /* of size 0: it says none */
} remote_head;

/* ---- What was seen --------------------------------------------------------------------------- */

/* Writes what a head is remembered by into remote->url. */
static copse_status remote_head_address(copse_remote *remote, const char *name, copse_err *err)
{
    copse_buf_truncate(&remote->url, 0);
    copse_status status =
        remote->cars[0] != NULL /* there are no names in it */
            ? copse_buf_append(&remote->url, (copse_bytes){(const uint8_t *)remote->peers[0],
                                                           strlen(remote->peers[0]) + 1})
            : copse_address_page(remote->peers[0], "/", name, "", &remote->url);
    return status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
}

copse_status copse_remote_head_seen(copse_remote *remote, const char *name, copse_cid *ret_head,
                                    uint64_t *ret_seen_ms, copse_err *err)
{
    if (remote->heads.get == NULL) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "nobody remembers heads");
    }
    copse_status status = remote_head_address(remote, name, err);
    return status == COPSE_OK ? remote->heads.get(remote->heads.ctx, (const char *)remote->url.ptr,
                                                  ret_head, ret_seen_ms, err)
                              : status;
}

/* The generation of the commit `head`. WANT: its block is not here. NOT_FOUND: it is no commit. */
static copse_status remote_head_generation(const copse_remote *remote, copse_source *source,
                                           const copse_cid *head, uint64_t *ret_generation,
                                           copse_err *err)
{
    copse_block *block = NULL;
    copse_commit commit;
    copse_source_begin(source);
    copse_status status = copse_source_get(source, head, &block, err);
    if (status == COPSE_OK) {
        status = copse_commit_is(block) ? copse_commit_decode(remote->env, block, &commit, err)
                                        : COPSE_NOT_FOUND;
    }
    if (status == COPSE_OK) {
        *ret_generation = commit.generation;
    }
    copse_block_unref(block);
    return status;
}

/* Finds out whether `head` is older than the one seen before: false if that can't be seen. NOMEM.
 */
static copse_status remote_head_compare(copse_remote *remote, const char *name,
                                        copse_source *source, const copse_cid *head,
                                        bool *ret_is_older)
{
    copse_cid seen;
    uint64_t seen_ms;
    uint64_t generation_seen;
    uint64_t generation;
    copse_err why;
    *ret_is_older = false;
    copse_status status = copse_remote_head_seen(remote, name, &seen, &seen_ms, &why);
    if (status == COPSE_OK) {
        status = remote_head_generation(remote, source, &seen, &generation_seen, &why);
    }
    if (status == COPSE_OK) {
        status = remote_head_generation(remote, source, head, &generation, &why);
    }
    if (status == COPSE_OK) {
        *ret_is_older = generation < generation_seen;
    }
    return status == COPSE_NOMEM ? status : COPSE_OK;
}

copse_status copse_remote_head_settle(copse_remote *remote, const char *name, copse_source *source,
                                      const copse_cid *head, copse_err *err)
{
    remote->stats.is_stale = false;
    if (remote_head_compare(remote, name, source, head, &remote->stats.is_older) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    if (remote->heads.set == NULL || remote->stats.is_older) {
        return COPSE_OK;
    }
    copse_status status = remote_head_address(remote, name, err);
    return status == COPSE_OK
               ? remote->heads.set(remote->heads.ctx, (const char *)remote->url.ptr, head, err)
               : status;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* A head that is asked for. */
typedef struct remote_head_asking {
    copse_remote_one *one;
    remote_head head;
    copse_remote_exchange exchange;
    copse_remote_heard heard; /* END, REFUSED or FAILED: it is over */
    copse_source *source;     /* to settle; NULL: none */
} remote_head_asking;

/* copse_remote_task_ops.go */
static copse_status remote_head_go(void *ctx, uint64_t *ret_until_ms, copse_err *err)
{
    remote_head_asking *asking = ctx;
    (void)err;
    if (asking->heard < COPSE_REMOTE_HEARD_END) {
        asking->heard = copse_remote_exchange_hear(&asking->exchange, NULL);
    }
    if (asking->heard >= COPSE_REMOTE_HEARD_END) {
        return COPSE_END;
    }
    *ret_until_ms = copse_remote_exchange_until(&asking->exchange);
    return COPSE_WANT;
}

/* copse_remote_task_ops.hear: receives the answer into remote->body. */
static copse_status remote_head_hear(void *ctx, const copse_transport_event *event, bool *ret_heard,
                                     copse_err *err)
{
    remote_head_asking *asking = ctx;
    copse_buf *body = &asking->one->remote->body;
    copse_remote_heard heard = copse_remote_exchange_hear(&asking->exchange, event);
    *ret_heard = heard != COPSE_REMOTE_HEARD_NOTHING;
    if (*ret_heard) {
        asking->heard = heard;
    }
    if (heard == COPSE_REMOTE_HEARD_BODY &&
        event->body.len > COPSE_HEAD_MAP_SIZE_BYTES_MAX - body->len) {
        copse_buf_truncate(body, 0); /* which is no head either */
        copse_remote_exchange_end(&asking->exchange);
        asking->heard = COPSE_REMOTE_HEARD_END;
    } else if (heard == COPSE_REMOTE_HEARD_BODY &&
               copse_buf_append(body, event->body) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return COPSE_OK;
}

/* copse_remote_task_ops.stop */
static void remote_head_stop(void *ctx)
{
    remote_head_asking *asking = ctx;
    copse_remote_exchange_end(&asking->exchange);
}

static const copse_remote_task_ops remote_head_ops = {remote_head_go, remote_head_hear,
                                                      remote_head_stop};

/* Asks for the head: of a file at once. *ret_task without ops: it is not waited for. */
static copse_status remote_head_ask(remote_head_asking *asking, copse_remote_task *ret_task,
                                    copse_err *err)
{
    copse_remote *remote = asking->one->remote;
    copse_remote_forget_reasons(remote);
    if (remote->peers_count == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a name of a peer, and no peer");
    }
    if (remote->transport == NULL) {
        return COPSE_ERR(err, COPSE_IO, "the head was not seen before, and nobody can be asked");
    }
    if (remote->cars[0] != NULL) {
        return copse_remote_car_head(remote->cars[0], &asking->head.cid, err);
    }
    copse_buf_truncate(&remote->url, 0);
    copse_buf_truncate(&remote->body, 0);
    if (copse_address_page(remote->peers[0], "/copse/v1/", asking->one->name, "", &remote->url) !=
        COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status =
        copse_remote_exchange_begin(&asking->exchange, remote, 0, (const char *)remote->url.ptr,
                                    "application/vnd.ipld.dag-cbor", (copse_bytes){NULL, 0}, err);
    if (status == COPSE_OK) {
        *ret_task = (copse_remote_task){.ops = &remote_head_ops, .ctx = asking, .err = err};
    }
    return status;
}

/* Reads what the peer said. IO: it can't be asked. */
static copse_status remote_head_read(remote_head_asking *asking, copse_err *err)
{
    copse_remote *remote = asking->one->remote;
    copse_remote_heard heard = asking->heard;
    if (heard != COPSE_REMOTE_HEARD_END) {
        bool is_unknown =
            heard == COPSE_REMOTE_HEARD_REFUSED && asking->exchange.request.status == 404;
        bool is_other =
            heard == COPSE_REMOTE_HEARD_REFUSED && asking->exchange.request.status == 200;
        return copse_remote_fail(remote,
                                 is_unknown ? COPSE_NOT_FOUND
                                 : is_other ? COPSE_CORRUPT
                                            : COPSE_IO,
                                 SIZE_MAX, "the head could not be had", err);
    }
    if (copse_head_map_read(remote->env, copse_buf_view(&remote->body), &asking->head.cid,
                            &asking->head.tree) != COPSE_OK) {
        remote->stats.refused++;
        copse_remote_note_reason(remote, 0, "sent something that is no head");
        return copse_remote_fail(remote, COPSE_CORRUPT, SIZE_MAX, "the head could not be had", err);
    }
    remote->has_given[0] = true;
    return COPSE_OK;
}

/* ---- Settling -------------------------------------------------------------------------------- */

/* Makes the source that reads the blocks of the head and, as the peer says, of its tree: whoever
 * asks for a head needs both next. WANT: they are to be fetched, in one round trip. */
static copse_status remote_head_open_source(remote_head_asking *asking, copse_err *err)
{
    copse_remote *remote = asking->one->remote;
    copse_block *block = NULL;
    copse_status status =
        copse_source_new(remote->env, copse_remote_store(remote), &asking->source, err);
    if (status != COPSE_OK || remote->store == NULL) {
        return status;
    }
    copse_source_begin(asking->source);
    status = copse_source_get(asking->source, &asking->head.cid, &block, err);
    block = copse_block_unref(block);
    if (status == COPSE_WANT && asking->head.tree.size > 0) {
        copse_status hinted = copse_source_hint(asking->source, &asking->head.tree, err);
        status = hinted == COPSE_OK ? status : hinted;
    }
    return status == COPSE_WANT || status == COPSE_NOMEM ? status : COPSE_OK;
}

/* Where the peer can't be asked, the head is the one seen before. */
static copse_status remote_head_recall(remote_head_asking *asking)
{
    copse_remote_one *one = asking->one;
    copse_remote *remote = one->remote;
    copse_err why;
    uint64_t seen_ms;
    if (remote->peers_count == 0 || one->status != COPSE_IO) {
        return one->status;
    }
    copse_status status =
        copse_remote_head_seen(remote, one->name, &asking->head.cid, &seen_ms, &why);
    remote->stats.is_stale = status == COPSE_OK;
    remote->stats.head_seen_ms = status == COPSE_OK ? seen_ms : 0;
    if (status == COPSE_NOMEM) {
        one->err = why;
    }
    return status == COPSE_OK || status == COPSE_NOMEM ? status : COPSE_IO;
}

/* ---- All ------------------------------------------------------------------------------------- */

/* Asks all, and waits. */
static copse_status remote_head_ask_all(remote_head_asking *askings, copse_remote_one *ones,
                                        copse_remote_task *tasks, size_t count, copse_err *err)
{
    copse_transport *transport = NULL;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count; i++) {
        askings[i] = (remote_head_asking){.one = &ones[i]};
        ones[i].status = remote_head_ask(&askings[i], &tasks[i], &ones[i].err);
        transport = tasks[i].ops != NULL ? ones[i].remote->transport : transport;
    }
    if (transport != NULL) {
        status = copse_remote_group_run(tasks, count, transport, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].ops != NULL) {
            copse_remote_exchange_end(&askings[i].exchange);
            ones[i].status = tasks[i].status != COPSE_OK
                                 ? tasks[i].status
                                 : remote_head_read(&askings[i], &ones[i].err);
        }
    }
    return status;
}

/* Fetches the blocks of the heads, and remembers these. That they can't be had is seen by whoever
 * needs them. */
static copse_status remote_head_settle_all(remote_head_asking *askings, size_t count,
                                           copse_remote_one *fetches, copse_err *err)
{
    size_t fetches_count = 0;
    for (size_t i = 0; i < count; i++) {
        copse_remote_one *one = askings[i].one;
        if (one->status == COPSE_OK) {
            copse_status opened = remote_head_open_source(&askings[i], &one->err);
            if (opened == COPSE_WANT) {
                fetches[fetches_count++] =
                    (copse_remote_one){.remote = one->remote, .source = askings[i].source};
            } else {
                one->status = opened;
            }
        } else {
            one->status = remote_head_recall(&askings[i]);
        }
    }
    copse_status status = copse_remote_fetch_all(fetches, fetches_count, err);
    size_t fetched = 0;
    for (size_t i = 0; i < count; i++) {
        copse_remote_one *one = askings[i].one;
        bool was_fetched = fetched < fetches_count && fetches[fetched].source == askings[i].source;
        bool no_memory = was_fetched && fetches[fetched].status == COPSE_NOMEM;
        fetched += was_fetched;
        if (no_memory) {
            one->status = COPSE_ERR_NOMEM(&one->err);
        } else if (one->status == COPSE_OK && askings[i].source != NULL) {
            one->status = copse_remote_head_settle(one->remote, one->name, askings[i].source,
                                                   &askings[i].head.cid, &one->err);
        }
        if (one->status == COPSE_OK) {
            one->head = askings[i].head.cid;
        }
        askings[i].source = copse_source_free(askings[i].source);
    }
    return status;
}

copse_status copse_remote_head_all(copse_remote_one *ones, size_t count, copse_err *err)
{
    if (count == 0) {
        return COPSE_OK;
    }
    const copse_env *env = ones[0].remote->env;
    copse_remote_task *tasks = copse_remote_group_new(ones, count);
    remote_head_asking *askings = copse_alloc_array(env, count, sizeof *askings);
    copse_remote_one *fetches = copse_alloc_array(env, count, sizeof *fetches);
    copse_status status = COPSE_ERR_NOMEM(err);
    if (tasks != NULL && askings != NULL && fetches != NULL) {
        status = remote_head_ask_all(askings, ones, tasks, count, err);
        copse_status settled = remote_head_settle_all(askings, count, fetches, err);
        status = status == COPSE_OK ? settled : status;
    }
    copse_free_array(env, fetches, count, sizeof *fetches);
    copse_free_array(env, askings, count, sizeof *askings);
    copse_remote_group_free(tasks, ones, count);
    return status;
}

copse_status copse_remote_head(copse_remote *remote, const char *name, copse_cid *ret_head,
                               copse_err *err)
{
    copse_remote_one one = {.remote = remote, .name = name};
    copse_status status = copse_remote_head_all(&one, 1, err);
    if (status == COPSE_OK && one.status != COPSE_OK) {
        status = COPSE_ERR(err, one.status, "%s", one.err.message);
    }
    if (status == COPSE_OK) {
        *ret_head = one.head;
    }
    return status;
}
