/* The head of a name: what peer number 0 says it is, and what it was before.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/address.h>
#include <copse/commit.h>

#include "base/err.h"
#include "block/block.h"
#include "remote/head_map.h"
#include "remote/remote_car.h"
#include "remote/remote_exchange.h"

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

/* Fetches the block of `head`, and that of the tree that the peer says it is of, in one round trip:
 * whoever asks for a head needs both next. */
static copse_status remote_head_fetch(copse_remote *remote, copse_source *source,
                                      const remote_head *head, copse_err *err)
{
    copse_block *block = NULL;
    if (remote->store == NULL) {
        return COPSE_OK;
    }
    copse_source_begin(source);
    copse_status status = copse_source_get(source, &head->cid, &block, err);
    block = copse_block_unref(block);
    if (status == COPSE_WANT && head->tree.size > 0) {
        copse_status hinted = copse_source_hint(source, &head->tree, err);
        status = hinted == COPSE_OK ? status : hinted;
    }
    return status == COPSE_WANT ? copse_remote_fetch(remote, source, err) : status;
}

static copse_status remote_head_settle_here(copse_remote *remote, const char *name,
                                            const remote_head *head, copse_err *err)
{
    copse_source *source = NULL;
    copse_err why;
    copse_status status = copse_source_new(remote->env, copse_remote_store(remote), &source, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = remote_head_fetch(remote, source, head, &why);
    status = status == COPSE_NOMEM
                 ? COPSE_ERR_NOMEM(err)
                 : copse_remote_head_settle(remote, name, source, &head->cid, err);
    copse_source_free(source);
    return status;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* Receives the answer into remote->body. OK: *ret_heard is END, REFUSED or FAILED. */
static copse_status remote_head_receive(copse_remote *remote, copse_remote_exchange *exchange,
                                        copse_remote_heard *ret_heard, copse_err *err)
{
    copse_remote_heard heard = COPSE_REMOTE_HEARD_NOTHING;
    copse_transport_event event;
    copse_status status = COPSE_OK;
    copse_buf_truncate(&remote->body, 0);
    while (status == COPSE_OK && heard < COPSE_REMOTE_HEARD_END) {
        status = copse_remote_exchange_next(exchange, &heard, &event, err);
        bool is_body = status == COPSE_OK && heard == COPSE_REMOTE_HEARD_BODY;
        if (is_body && event.body.len > COPSE_HEAD_MAP_SIZE_BYTES_MAX - remote->body.len) {
            copse_buf_truncate(&remote->body, 0); /* which is no head either */
            heard = COPSE_REMOTE_HEARD_END;
        } else if (is_body && copse_buf_append(&remote->body, event.body) != COPSE_OK) {
            status = COPSE_ERR_NOMEM(err);
        }
    }
    copse_remote_exchange_end(exchange);
    *ret_heard = heard;
    return status;
}

/* Asks for the head. IO: the peer can't be asked. */
static copse_status remote_head_ask(copse_remote *remote, const char *name, remote_head *ret_head,
                                    copse_err *err)
{
    copse_remote_exchange exchange;
    copse_remote_heard heard;
    if (remote->cars[0] != NULL) {
        ret_head->tree = (copse_cid){0};
        return copse_remote_car_head(remote->cars[0], &ret_head->cid, err);
    }
    copse_buf_truncate(&remote->url, 0);
    if (copse_address_page(remote->peers[0], "/copse/v1/", name, "", &remote->url) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status =
        copse_remote_exchange_begin(&exchange, remote, 0, (const char *)remote->url.ptr,
                                    "application/vnd.ipld.dag-cbor", (copse_bytes){NULL, 0}, err);
    if (status == COPSE_OK) {
        status = remote_head_receive(remote, &exchange, &heard, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (heard != COPSE_REMOTE_HEARD_END) {
        bool is_unknown = heard == COPSE_REMOTE_HEARD_REFUSED && exchange.request.status == 404;
        bool is_other = heard == COPSE_REMOTE_HEARD_REFUSED && exchange.request.status == 200;
        return copse_remote_fail(remote,
                                 is_unknown ? COPSE_NOT_FOUND
                                 : is_other ? COPSE_CORRUPT
                                            : COPSE_IO,
                                 SIZE_MAX, "the head could not be had", err);
    }
    if (copse_head_map_read(remote->env, copse_buf_view(&remote->body), &ret_head->cid,
                            &ret_head->tree) != COPSE_OK) {
        remote->stats.refused++;
        copse_remote_note_reason(remote, 0, "sent something that is no head");
        return copse_remote_fail(remote, COPSE_CORRUPT, SIZE_MAX, "the head could not be had", err);
    }
    remote->has_given[0] = true;
    return COPSE_OK;
}

copse_status copse_remote_head(copse_remote *remote, const char *name, copse_cid *ret_head,
                               copse_err *err)
{
    remote_head head;
    copse_err why = {.message = "the head was not seen before, and nobody can be asked"};
    if (remote->peers_count == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a name of a peer, and no peer");
    }
    copse_remote_forget_reasons(remote);
    copse_status status =
        remote->transport != NULL ? remote_head_ask(remote, name, &head, &why) : COPSE_IO;
    if (status == COPSE_OK) {
        status = remote_head_settle_here(remote, name, &head, &why);
    } else if (status == COPSE_IO) {
        copse_err other;
        uint64_t seen_ms;
        status = copse_remote_head_seen(remote, name, &head.cid, &seen_ms, &other);
        remote->stats.is_stale = status == COPSE_OK;
        remote->stats.head_seen_ms = status == COPSE_OK ? seen_ms : 0;
        status = status == COPSE_OK || status == COPSE_NOMEM ? status : COPSE_IO;
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "%s", why.message);
    }
    *ret_head = head.cid;
    return COPSE_OK;
}
