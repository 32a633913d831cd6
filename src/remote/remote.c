/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/remote.h"

#include <copse/address.h>

#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"
#include "remote/remote_car.h"
#include "remote/remote_exchange.h"
#include "remote/remote_fetch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Life ------------------------------------------------------------------------------------ */

static copse_status remote_add_peer(copse_remote *remote, const char *url, copse_err *err)
{
    copse_err why;
    copse_buf_truncate(&remote->url, 0);
    copse_status status = copse_address_peer(url, &remote->url, &why);
    if (status == COPSE_CORRUPT) {
        return COPSE_ERR(err, COPSE_MISUSE, "the peer %s: %s", url, why.message);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(&remote->url, '\0');
    }
    char *copy = status == COPSE_OK ? copse_alloc(remote->env, remote->url.len) : NULL;
    if (copy == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    memcpy(copy, remote->url.ptr, remote->url.len);
    remote->peers[remote->peers_count++] = copy;
    return copse_address_is_car(copse_bytes_of_text(copy))
               ? copse_remote_car_new(remote, remote->peers_count - 1,
                                      &remote->cars[remote->peers_count - 1], err)
               : COPSE_OK;
}

static copse_status remote_init(copse_remote *remote, const copse_remote_options *options,
                                copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_buf_init(&remote->url, remote->env, SIZE_MAX);
    copse_buf_init(&remote->body, remote->env, SIZE_MAX);
    copse_buf_init(&remote->history_front, remote->env, SIZE_MAX);
    copse_remote_store_init(&remote->view, remote->env, options->store);
    remote->store = options->store;
    remote->store_keeps = options->store_keeps && options->store != NULL;
    remote->progress = options->progress;
    remote->progress_ctx = options->progress_ctx;
    if (options->heads != NULL) {
        remote->heads = *options->heads;
    }
    if (options->records != NULL) {
        remote->records = *options->records;
    }
    for (size_t i = 0; i < options->peers_count && status == COPSE_OK; i++) {
        status = remote_add_peer(remote, options->peers[i], err);
    }
    if (status == COPSE_OK && options->transport != NULL && options->peers_count > 0) {
        const copse_fetch_options fetch = {.peers_count = options->peers_count,
                                           .deliver = copse_remote_fetch_deliver,
                                           .ctx = remote};
        remote->transport = options->transport;
        remote->transport_before = options->transport->ops->stats(options->transport);
        status = copse_fetch_new(remote->env, &fetch, &remote->fetch, err);
    }
    return status;
}

copse_status copse_remote_new(const copse_env *env, const copse_remote_options *options,
                              copse_remote **ret_remote, copse_err *err)
{
    if (options->peers_count > COPSE_REMOTE_PEERS_MAX) {
        return COPSE_ERR(err, COPSE_MISUSE, "%zu peers, more than %d", options->peers_count,
                         COPSE_REMOTE_PEERS_MAX);
    }
    copse_remote *remote = copse_alloc_zeroed(env, sizeof *remote);
    if (remote == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    remote->env = env;
    copse_status status = remote_init(remote, options, err);
    if (status != COPSE_OK) {
        copse_remote_free(remote);
        return status;
    }
    *ret_remote = remote;
    return COPSE_OK;
}

copse_remote *copse_remote_free(copse_remote *remote)
{
    if (remote != NULL) {
        const copse_env *env = remote->env;
        copse_remote_exchange_interrupt(remote);
        for (size_t i = 0; i < remote->peers_count; i++) {
            copse_remote_car_free(remote->cars[i]);
            copse_free(env, remote->peers[i], strlen(remote->peers[i]) + 1);
        }
        copse_fetch_free(remote->fetch);
        copse_remote_fetch_release(remote);
        copse_remote_store_release(&remote->view);
        copse_buf_release(&remote->url);
        copse_buf_release(&remote->body);
        copse_buf_release(&remote->history_front);
        copse_free(env, remote, sizeof *remote);
    }
    return NULL;
}

/* ---- What is known --------------------------------------------------------------------------- */

copse_remote_stats copse_remote_get_stats(const copse_remote *remote)
{
    copse_remote_stats stats = remote->stats;
    stats.had = remote->view.had;
    if (remote->transport != NULL) {
        copse_transport_stats now = remote->transport->ops->stats(remote->transport);
        stats.sent_bytes = now.sent_bytes - remote->transport_before.sent_bytes;
        stats.received_bytes = now.received_bytes - remote->transport_before.received_bytes;
    }
    for (size_t i = 0; i < remote->peers_count && remote->fetch != NULL; i++) {
        copse_fetch_peer_stats peer = copse_fetch_get_peer_stats(remote->fetch, i);
        stats.refused += peer.lies;
        stats.peers += peer.blocks > 0 || remote->has_given[i];
    }
    return stats;
}

copse_store *copse_remote_store(copse_remote *remote)
{
    return &remote->view.store;
}

const char *copse_remote_peer(const copse_remote *remote, size_t peer)
{
    return peer < remote->peers_count ? remote->peers[peer] : NULL;
}

void copse_remote_tell_progress(const copse_remote *remote)
{
    if (remote->progress != NULL) {
        remote->progress(remote->progress_ctx);
    }
}

copse_status copse_remote_take_block(copse_remote *remote, copse_source *source, copse_block *block,
                                     copse_err *err)
{
    copse_status status = COPSE_OK;
    remote->stats.blocks++;
    remote->stats.block_bytes += copse_block_data_inline(block).len;
    if (remote->store != NULL) {
        status = copse_store_put(remote->store, &block, 1, err);
    }
    if (status == COPSE_OK && !remote->store_keeps) {
        status = copse_source_supply_block(source, block, err);
    }
    return status;
}

/* ---- Reasons --------------------------------------------------------------------------------- */

void copse_remote_note_reason(copse_remote *remote, size_t peer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(remote->reasons[peer], sizeof remote->reasons[peer], format, args);
    va_end(args);
}

void copse_remote_forget_reasons(copse_remote *remote)
{
    for (size_t i = 0; i < remote->peers_count; i++) {
        remote->reasons[i][0] = '\0';
    }
}

const char *copse_remote_reason(const copse_remote *remote, size_t index, size_t peer)
{
    size_t count = 0;
    if (peer >= remote->peers_count) {
        return "";
    }
    if (index == SIZE_MAX) {
        return remote->reasons[peer];
    }
    (void)copse_remote_missing(remote, &count);
    return remote->fetch != NULL && index < count ? copse_fetch_reason(remote->fetch, index, peer)
                                                  : "";
}

copse_status copse_remote_fail(const copse_remote *remote, copse_status status, size_t index,
                               const char *what, copse_err *err)
{
    char text[sizeof err->message];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", what);
    for (size_t i = 0; i < remote->peers_count && len < sizeof text; i++) {
        const char *reason = copse_remote_reason(remote, index, i);
        if (reason[0] != '\0') {
            len += (size_t)snprintf(text + len, sizeof text - len, "; %s: %s", remote->peers[i],
                                    reason);
        }
    }
    return COPSE_ERR(err, status, "%s", text);
}
