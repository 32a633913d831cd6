/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/remote_request.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

static copse_status remote_request_send(copse_remote *remote, size_t peer,
                                        const copse_transport_request *asked,
                                        copse_remote_request *ret_request, copse_err *err)
{
    copse_remote_request request = {
        .peer = peer, .type = asked->accept, .may_be_file = asked->content_type == NULL};
    copse_status status = remote->transport->ops->start(remote->transport, asked, &request.id, err);
    if (status != COPSE_OK) {
        return status;
    }
    remote->stats.requests++;
    remote->stats.round_trips += remote->running++ == 0;
    *ret_request = request;
    return COPSE_OK;
}

copse_status copse_remote_request_start(copse_remote *remote, size_t peer, const char *url,
                                        const char *type, copse_bytes body,
                                        copse_remote_request *ret_request, copse_err *err)
{
    const copse_transport_request asked = {
        .url = url,
        .accept = type,
        .content_type = body.ptr != NULL ? "application/vnd.ipld.dag-cbor" : NULL,
        .body = body,
    };
    return remote_request_send(remote, peer, &asked, ret_request, err);
}

copse_status copse_remote_request_start_range(copse_remote *remote, size_t peer, const char *url,
                                              uint64_t from, uint64_t size,
                                              copse_remote_request *ret_request, copse_err *err)
{
    const copse_transport_request asked = {.url = url, .range_from = from, .range_size = size};
    return remote_request_send(remote, peer, &asked, ret_request, err);
}

void copse_remote_request_stop(copse_remote *remote, const copse_remote_request *request)
{
    remote->transport->ops->cancel(remote->transport, request->id);
    remote->running--;
}

/* Adds what can be shown of the first line of an answer; true: no more is of use. What a peer sends
 * ends up on a terminal. */
static bool remote_request_add_line(copse_remote_request *request, copse_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '\n' || c == '\r' || request->reason_len + 1 == sizeof request->reason) {
            return true;
        }
        request->reason[request->reason_len++] = (char)(c >= ' ' && c < 0x7f ? c : '?');
        request->reason[request->reason_len] = '\0';
    }
    return false;
}

static void remote_request_say(copse_remote_request *request, const char *text)
{
    (void)remote_request_add_line(request, copse_bytes_of_text(text));
}

/* Whether an answer of this type can be what was asked for. Web servers give files that they know
 * nothing of one of these types; what is in them is checked anyway. */
static bool remote_request_takes_type(const copse_remote_request *request, copse_bytes type)
{
    static const char *const of_files[] = {"application/octet-stream", "binary/octet-stream",
                                           "text/plain", ""};
    bool takes =
        request->type == NULL || copse_bytes_equal(type, copse_bytes_of_text(request->type));
    for (size_t i = 0; i < sizeof of_files / sizeof of_files[0] && request->may_be_file; i++) {
        takes = takes || copse_bytes_equal(type, copse_bytes_of_text(of_files[i]));
    }
    return takes;
}

static copse_remote_heard remote_request_begin(copse_remote_request *request,
                                               const copse_transport_event *event)
{
    bool is_text = copse_bytes_equal(event->content_type, copse_bytes_of_text("text/plain"));
    bool is_done = event->status == 200 || (event->status == 206 && request->type == NULL);
    request->status = event->status;
    request->retry_after_ms = event->retry_after_ms;
    if (is_done && remote_request_takes_type(request, event->content_type)) {
        return COPSE_REMOTE_HEARD_HEAD;
    }
    request->is_refused = true;
    if (event->status == 200 || !is_text) {
        remote_request_say(request, event->status == 200 ? "something else than was asked for"
                                                         : "no reason given");
        return COPSE_REMOTE_HEARD_REFUSED;
    }
    return COPSE_REMOTE_HEARD_NOTHING;
}

static copse_remote_heard remote_request_refused(copse_remote_request *request,
                                                 const copse_transport_event *event)
{
    if (event->kind == COPSE_TRANSPORT_BODY && !remote_request_add_line(request, event->body)) {
        return COPSE_REMOTE_HEARD_NOTHING;
    }
    return COPSE_REMOTE_HEARD_REFUSED;
}

copse_remote_heard copse_remote_request_hear(copse_remote *remote, copse_remote_request *request,
                                             const copse_transport_event *event)
{
    copse_remote_heard heard;
    if (request->is_refused) {
        heard = remote_request_refused(request, event);
    } else if (event->kind == COPSE_TRANSPORT_HEAD) {
        heard = remote_request_begin(request, event);
    } else if (event->kind == COPSE_TRANSPORT_FAILED) {
        request->status = 0;
        remote_request_say(request, event->reason);
        heard = COPSE_REMOTE_HEARD_FAILED;
    } else {
        heard =
            event->kind == COPSE_TRANSPORT_BODY ? COPSE_REMOTE_HEARD_BODY : COPSE_REMOTE_HEARD_END;
    }
    if (heard == COPSE_REMOTE_HEARD_REFUSED || heard == COPSE_REMOTE_HEARD_FAILED ||
        heard == COPSE_REMOTE_HEARD_END) {
        copse_remote_request_stop(remote, request); /* a transport passes over what has ended */
    }
    return heard;
}
