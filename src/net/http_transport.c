/* The transport over libcurl's multi interface.
 *
 * Requests stand in a list, the one that had an event longest ago first. wait hands out what came
 * already, one event a call, in that order, so that none is starved; only when nothing is left does
 * it let libcurl work, and wait for the network. So at most X1 of http_transfer.h is held for each
 * request, and a peer that is faster than the caller is slowed down by TCP.
 *
 * libcurl keeps the connections, and knows which are still good; one that turns out to be closed
 * when it is used again is replaced by a new one, and the request sent again.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/sys/transport.h>

#include "base/alloc.h"
#include "base/err.h"
#include "net/http_transfer.h"

#include <limits.h>
#include <time.h>

enum { HTTP_TRANSPORT_CONNECTIONS_KEPT = 64 };

typedef struct http_transport {
    copse_transport base;
    const copse_env *env;
    CURLM *multi;
    copse_http_transfer *first;
    copse_http_transfer **end; /* where the next one is linked */
    copse_http_transfer *lent; /* whose views the caller may still look at */
    uint64_t id_last;
    copse_transport_stats stats;
    uint8_t piece[COPSE_TRANSPORT_PIECE_MAX];
} http_transport;

static void http_transport_link(http_transport *self, copse_http_transfer *transfer)
{
    transfer->next = NULL;
    transfer->link = self->end;
    *self->end = transfer;
    self->end = &transfer->next;
}

static void http_transport_unlink(http_transport *self, copse_http_transfer *transfer)
{
    *transfer->link = transfer->next;
    if (transfer->next != NULL) {
        transfer->next->link = transfer->link;
    } else {
        self->end = transfer->link;
    }
}

static void http_transport_drop(http_transport *self, copse_http_transfer *transfer)
{
    if (self->lent == transfer) {
        self->lent = NULL;
    }
    http_transport_unlink(self, transfer);
    (void)curl_multi_remove_handle(self->multi, transfer->easy);
    (void)copse_http_transfer_free(transfer);
}

static uint64_t http_transport_now(copse_transport *transport)
{
    struct timespec now = {0};
    (void)transport;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static copse_transport_stats http_transport_stats(const copse_transport *transport)
{
    return ((const http_transport *)transport)->stats;
}

/* ---- Starting and cancelling ---- */

static copse_status http_transport_start(copse_transport *transport,
                                         const copse_transport_request *request,
                                         uint64_t *ret_request, copse_err *err)
{
    http_transport *self = (http_transport *)transport;
    copse_http_transfer *transfer = NULL;
    copse_status status = copse_http_transfer_new(self->env, &self->stats, self->id_last + 1,
                                                  request, &transfer, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (curl_multi_add_handle(self->multi, transfer->easy) != CURLM_OK) {
        (void)copse_http_transfer_free(transfer);
        return COPSE_ERR_NOMEM(err);
    }
    http_transport_link(self, transfer);
    self->id_last = transfer->id;
    self->stats.requests++;
    *ret_request = transfer->id;
    return COPSE_OK;
}

static void http_transport_cancel(copse_transport *transport, uint64_t request)
{
    http_transport *self = (http_transport *)transport;
    for (copse_http_transfer *each = self->first; each != NULL; each = each->next) {
        if (each->id == request) {
            http_transport_drop(self, each);
            return;
        }
    }
}

/* ---- Waiting ---- */

static copse_status http_transport_failed(CURLMcode code, copse_err *err)
{
    return code == CURLM_OUT_OF_MEMORY
               ? COPSE_ERR_NOMEM(err)
               : COPSE_ERR(err, COPSE_IO, "libcurl: %s", curl_multi_strerror(code));
}

/* Hands out the next event of what came. END: nothing is left. */
static copse_status http_transport_next(http_transport *self, copse_transport_event *ret_event,
                                        copse_err *err)
{
    copse_http_transfer *each = self->first;
    while (each != NULL) {
        if (!copse_http_transfer_is_ready(each)) {
            each = each->next;
            continue;
        }
        copse_status status = copse_http_transfer_next(each, self->piece, ret_event, err);
        if (status == COPSE_END) {
            copse_http_transfer_resume(each); /* and look at it again */
            continue;
        }
        http_transport_unlink(self, each);
        http_transport_link(self, each);
        self->lent = each;
        if (status == COPSE_OK &&
            (ret_event->kind == COPSE_TRANSPORT_END || ret_event->kind == COPSE_TRANSPORT_FAILED)) {
            http_transport_drop(self, each);
        }
        return status;
    }
    return COPSE_END;
}

/* Lets libcurl work. */
static copse_status http_transport_work(http_transport *self, copse_err *err)
{
    int running = 0;
    int left = 0;
    CURLMcode code = curl_multi_perform(self->multi, &running);
    if (code != CURLM_OK) {
        return http_transport_failed(code, err);
    }
    for (CURLMsg *message = curl_multi_info_read(self->multi, &left); message != NULL;
         message = curl_multi_info_read(self->multi, &left)) {
        char *transfer = NULL;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) == CURLE_OK) {
            copse_http_transfer_end((copse_http_transfer *)(void *)transfer, message->data.result);
        }
    }
    return COPSE_OK;
}

static copse_status http_transport_wait(copse_transport *transport, uint64_t until_ms,
                                        copse_transport_event *ret_event, copse_err *err)
{
    http_transport *self = (http_transport *)transport;
    if (self->lent != NULL) {
        copse_http_transfer_resume(self->lent);
        self->lent = NULL;
    }
    copse_status status = http_transport_next(self, ret_event, err);
    while (status == COPSE_END && (self->first != NULL || until_ms != UINT64_MAX)) {
        status = http_transport_work(self, err);
        if (status == COPSE_OK) {
            status = http_transport_next(self, ret_event, err);
        }
        uint64_t now = http_transport_now(transport);
        if (status != COPSE_END || now >= until_ms) {
            break;
        }
        uint64_t ms = until_ms - now;
        CURLMcode code =
            curl_multi_poll(self->multi, NULL, 0, ms < INT_MAX ? (int)ms : INT_MAX, NULL);
        if (code != CURLM_OK) {
            return http_transport_failed(code, err);
        }
    }
    return status;
}

/* ---- Life ---- */

static void http_transport_free(copse_transport *transport)
{
    http_transport *self = (http_transport *)transport;
    while (self->first != NULL) {
        http_transport_drop(self, self->first);
    }
    (void)curl_multi_cleanup(self->multi);
    curl_global_cleanup();
    copse_free(self->env, self, sizeof *self);
}

static const copse_transport_ops http_transport_ops = {
    .start = http_transport_start,
    .cancel = http_transport_cancel,
    .wait = http_transport_wait,
    .now = http_transport_now,
    .stats = http_transport_stats,
    .free = http_transport_free,
};

copse_status copse_transport_http_new(const copse_env *env, copse_transport **ret_transport,
                                      copse_err *err)
{
    http_transport *self = copse_alloc_zeroed(env, sizeof *self);
    if (self == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    self->base.ops = &http_transport_ops;
    self->env = env;
    self->end = &self->first;
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT); /* counted by libcurl */
    if (code != CURLE_OK) {
        copse_free(env, self, sizeof *self);
        return COPSE_ERR(err, COPSE_IO, "libcurl can't begin: %s", curl_easy_strerror(code));
    }
    self->multi = curl_multi_init();
    if (self->multi == NULL ||
        curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS,
                          (long)HTTP_TRANSPORT_CONNECTIONS_KEPT) != CURLM_OK) {
        http_transport_free(&self->base);
        return COPSE_ERR_NOMEM(err);
    }
    *ret_transport = &self->base;
    return COPSE_OK;
}
