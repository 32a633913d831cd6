/* GET /copse/v1/{name}/events: the heads of a database as they come (docs/formats/http.md), as
 * server-sent events.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "serve/reply.h"
#include "serve/service.h"

enum { EVENTS_HEARTBEAT_MS = 15000 };

/* One client's stream. */
typedef struct events_body {
    copse_service *service;
    size_t index;      /* of the database */
    copse_cid told;    /* the head that the client knows; size 0: none */
    uint64_t spoke_ms; /* when something was sent last */
} events_body;

static copse_status events_pull(void *ctx, copse_buf *buf, size_t size_max, copse_err *err)
{
    static const char heartbeat[] = ":\n\n";
    events_body *body = ctx;
    copse_service *service = body->service;
    uint64_t now = service->env->clock(service->env->clock_ctx);
    const copse_watched_head *head = copse_heads_look(service, body->index);
    copse_bytes text = {NULL, 0};
    (void)err;
    if (head != NULL && head->event.len > 0 && !copse_cid_equal(&head->cid, &body->told)) {
        text = copse_buf_view(&head->event);
    } else if (now - body->spoke_ms >= EVENTS_HEARTBEAT_MS) {
        text = copse_bytes_of_text(heartbeat);
    }
    if (text.len == 0 || text.len > size_max) {
        return COPSE_WANT;
    }
    if (copse_buf_append(buf, text) != COPSE_OK) {
        return COPSE_NOMEM;
    }
    if (head != NULL) {
        body->told = head->cid;
    }
    body->spoke_ms = now;
    return COPSE_WANT;
}

static void events_free(void *ctx)
{
    events_body *body = ctx;
    body->service->heads.watchers--;
    copse_free(body->service->env, body, sizeof *body);
}

void copse_route_events(copse_service *service, const copse_http_request *request,
                        copse_bytes argument, copse_http_answer *answer)
{
    const copse_served *served = copse_served_list_find(&service->databases, argument);
    copse_bytes last;
    if (served == NULL) {
        copse_reply_line(service->env, answer, 404,
                         "there is no database of this name: / lists those that are served");
        return;
    }
    if (service->heads.watchers >= service->env->limits.serve_watchers_max) {
        copse_reply_header(answer, "Retry-After", "10");
        copse_reply_line(service->env, answer, 503,
                         "too many clients watch already: ask for the head from time to time");
        return;
    }
    events_body *body = copse_alloc_zeroed(service->env, sizeof *body);
    if (body == NULL) {
        copse_reply_failure(service->env, answer, COPSE_NOMEM, NULL);
        return;
    }
    body->service = service;
    body->index = (size_t)(served - service->databases.items);
    body->spoke_ms = service->env->clock(service->env->clock_ctx);
    if (copse_http_request_header(request, "Last-Event-ID", 0, &last) &&
        copse_cid_from_text(last, &body->told, NULL) != COPSE_OK) {
        body->told = (copse_cid){.size = 0};
    }
    service->heads.watchers++;
    copse_reply_header(answer, "Content-Type", "text/event-stream");
    copse_reply_header(answer, "Cache-Control", "no-store");
    copse_reply_header(answer, "X-Accel-Buffering", "no"); /* nginx passes events on at once */
    answer->body = (copse_http_body){events_pull, events_free, body};
    answer->length = COPSE_HTTP_LENGTH_UNKNOWN;
}
