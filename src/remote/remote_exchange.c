/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/remote_exchange.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static uint64_t remote_exchange_now(const copse_remote *remote)
{
    return remote->transport->ops->now(remote->transport);
}

copse_status copse_remote_exchange_begin(copse_remote_exchange *exchange, copse_remote *remote,
                                         size_t peer, const char *url, const char *type,
                                         copse_bytes body, copse_err *err)
{
    copse_remote_exchange_interrupt(remote);
    *exchange = (copse_remote_exchange){.remote = remote};
    copse_status status =
        copse_remote_request_start(remote, peer, url, type, body, &exchange->request, err);
    if (status != COPSE_OK) {
        return status;
    }
    exchange->is_running = true;
    exchange->begun_ms = remote_exchange_now(remote);
    exchange->heard_ms = exchange->begun_ms;
    remote->exchange = exchange;
    return COPSE_OK;
}

/* It is no longer under way. */
static void remote_exchange_close(copse_remote_exchange *exchange)
{
    exchange->is_running = false;
    exchange->remote->exchange = NULL;
}

void copse_remote_exchange_end(copse_remote_exchange *exchange)
{
    if (exchange->is_running) {
        copse_remote_request_stop(exchange->remote, &exchange->request);
        remote_exchange_close(exchange);
    }
}

void copse_remote_exchange_interrupt(copse_remote *remote)
{
    if (remote->exchange != NULL) {
        copse_remote_exchange_end(remote->exchange);
    }
}

uint64_t copse_remote_exchange_until(const copse_remote_exchange *exchange)
{
    uint64_t silence = exchange->remote->env->limits.fetch_silence_ms_max;
    uint64_t silent = exchange->heard_ms + silence;
    uint64_t slow = exchange->begun_ms + 2 * silence + exchange->received_bytes;
    return silent < slow ? silent : slow;
}

/* Tells who chooses peers how this one did. */
static void remote_exchange_tell(const copse_remote_exchange *exchange, bool failed)
{
    uint64_t now = remote_exchange_now(exchange->remote);
    copse_fetch_note_peer(exchange->remote->fetch, exchange->request.peer, failed,
                          now - exchange->begun_ms, now);
}

static copse_remote_heard remote_exchange_fail(copse_remote_exchange *exchange, const char *reason)
{
    copse_remote_note_reason(exchange->remote, exchange->request.peer, "%s", reason);
    remote_exchange_tell(exchange, true);
    return COPSE_REMOTE_HEARD_FAILED;
}

static copse_remote_heard remote_exchange_time_out(copse_remote_exchange *exchange)
{
    copse_remote_exchange_end(exchange);
    return remote_exchange_fail(exchange, exchange->received_bytes > 0
                                              ? "stopped in the middle of its answer"
                                              : "did not answer in time");
}

/* What an event of this exchange came to. */
static copse_remote_heard remote_exchange_take(copse_remote_exchange *exchange,
                                               const copse_transport_event *event)
{
    copse_remote *remote = exchange->remote;
    copse_remote_heard heard = copse_remote_request_hear(remote, &exchange->request, event);
    exchange->heard_ms = remote_exchange_now(remote);
    switch (heard) {
    case COPSE_REMOTE_HEARD_HEAD:
        remote_exchange_tell(exchange, false);
        break;
    case COPSE_REMOTE_HEARD_BODY:
        exchange->received_bytes += event->body.len;
        break;
    case COPSE_REMOTE_HEARD_REFUSED:
        remote_exchange_close(exchange);
        copse_remote_note_reason(remote, exchange->request.peer, "answered %u: %s",
                                 exchange->request.status, exchange->request.reason);
        break;
    case COPSE_REMOTE_HEARD_FAILED:
        remote_exchange_close(exchange);
        (void)remote_exchange_fail(exchange, exchange->request.reason);
        break;
    case COPSE_REMOTE_HEARD_END:
        remote_exchange_close(exchange);
        break;
    default:
        break;
    }
    return heard;
}

copse_remote_heard copse_remote_exchange_hear(copse_remote_exchange *exchange,
                                              const copse_transport_event *event)
{
    if (!exchange->is_running) {
        copse_remote_note_reason(exchange->remote, exchange->request.peer,
                                 "was not heard to the end: something else was asked");
        return COPSE_REMOTE_HEARD_FAILED;
    }
    if (event != NULL) {
        return event->request == exchange->request.id ? remote_exchange_take(exchange, event)
                                                      : COPSE_REMOTE_HEARD_NOTHING;
    }
    bool is_over = remote_exchange_now(exchange->remote) >= copse_remote_exchange_until(exchange);
    return is_over ? remote_exchange_time_out(exchange) : COPSE_REMOTE_HEARD_NOTHING;
}

copse_status copse_remote_exchange_next(copse_remote_exchange *exchange,
                                        copse_remote_heard *ret_heard,
                                        copse_transport_event *ret_event, copse_err *err)
{
    copse_transport *transport = exchange->remote->transport;
    copse_remote_heard heard = COPSE_REMOTE_HEARD_NOTHING;
    while (heard == COPSE_REMOTE_HEARD_NOTHING) {
        copse_status status = COPSE_END;
        if (exchange->is_running) {
            status = transport->ops->wait(transport, copse_remote_exchange_until(exchange),
                                          ret_event, err);
        }
        if (status < 0) {
            copse_remote_exchange_end(exchange);
            return status;
        }
        heard = copse_remote_exchange_hear(exchange, status == COPSE_OK ? ret_event : NULL);
    }
    *ret_heard = heard;
    return COPSE_OK;
}

void copse_remote_exchange_note_lie(copse_remote_exchange *exchange, const char *format, ...)
{
    copse_remote *remote = exchange->remote;
    char reason[COPSE_FETCH_REASON_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    remote->stats.refused++;
    copse_remote_note_reason(remote, exchange->request.peer, "%s", reason);
    copse_fetch_note_peer(remote->fetch, exchange->request.peer, true, 0,
                          remote_exchange_now(remote));
}
