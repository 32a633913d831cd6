/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/head_stream.h>

#include <copse/address.h>

#include "base/alloc.h"
#include "base/err.h"
#include "proto/event_stream.h"
#include "remote/head_map.h"

#include <stdio.h>
#include <string.h>

enum {
    HEAD_STREAM_WAIT_MS_MIN = 250,
    HEAD_STREAM_WAIT_MS_MAX = 30000,
    HEAD_STREAM_SILENCE_MS = 45000,
    HEAD_STREAM_POLL_MS = 2000,
    HEAD_STREAM_AGAIN_MS = 60000,
    HEAD_STREAM_TROUBLE_SIZE = 160
};

/* What the request that runs asks for. */
typedef enum head_stream_way { HEAD_STREAM_EVENTS, HEAD_STREAM_POLL } head_stream_way;

struct copse_head_stream {
    const copse_env *env;
    copse_transport *transport;
    uint32_t poll_ms;
    copse_buf events_url;
    copse_buf head_url;
    head_stream_way way;
    bool is_running;
    uint64_t request;
    uint64_t begun_ms; /* when that was sent */
    uint64_t heard_ms;
    uint64_t due_ms;    /* when the next request is made */
    uint64_t events_ms; /* HEAD_STREAM_POLL: when events are tried again */
    uint32_t wait_ms;   /* H2: the next time to wait; 0: nothing has failed */
    copse_event_stream parser;
    copse_buf body;  /* of a head */
    copse_cid told;  /* size 0: none */
    copse_cid found; /* likewise */
    bool is_unknown; /* the head was answered with 404 */
    char trouble[HEAD_STREAM_TROUBLE_SIZE];
};

/* ---- Life ---- */

static copse_status head_stream_write_url(const char *peer, const char *name, const char *after,
                                          copse_buf *url, copse_err *err)
{
    copse_buf base;
    copse_buf_init(&base, url->env, SIZE_MAX / 2);
    copse_status status = copse_address_peer(peer, &base, err);
    if (status == COPSE_OK && copse_buf_append_byte(&base, 0) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_OK &&
        copse_address_page((const char *)base.ptr, "/copse/v1/", name, after, url) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    copse_buf_release(&base);
    return status == COPSE_CORRUPT ? COPSE_MISUSE : status;
}

copse_status copse_head_stream_new(const copse_env *env, const copse_head_stream_options *options,
                                   copse_head_stream **ret_stream, copse_err *err)
{
    if (env->random == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a stream of heads needs a random source");
    }
    copse_head_stream *stream = copse_alloc_zeroed(env, sizeof *stream);
    if (stream == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    stream->env = env;
    stream->transport = options->transport;
    stream->poll_ms = options->poll_ms > 0 ? options->poll_ms : HEAD_STREAM_POLL_MS;
    if (options->known != NULL) {
        stream->told = *options->known;
    }
    copse_buf_init(&stream->events_url, env, SIZE_MAX / 2);
    copse_buf_init(&stream->head_url, env, SIZE_MAX / 2);
    copse_buf_init(&stream->body, env, COPSE_HEAD_MAP_SIZE_BYTES_MAX);
    copse_event_stream_init(&stream->parser, env);
    copse_status status =
        head_stream_write_url(options->peer, options->name, "/events", &stream->events_url, err);
    if (status == COPSE_OK) {
        status = head_stream_write_url(options->peer, options->name, "", &stream->head_url, err);
    }
    if (status != COPSE_OK) {
        copse_head_stream_free(stream);
        return status;
    }
    *ret_stream = stream;
    return COPSE_OK;
}

copse_head_stream *copse_head_stream_free(copse_head_stream *stream)
{
    if (stream != NULL) {
        if (stream->is_running) {
            stream->transport->ops->cancel(stream->transport, stream->request);
        }
        copse_event_stream_release(&stream->parser);
        copse_buf_release(&stream->events_url);
        copse_buf_release(&stream->head_url);
        copse_buf_release(&stream->body);
        copse_free(stream->env, stream, sizeof *stream);
    }
    return NULL;
}

const char *copse_head_stream_trouble(const copse_head_stream *stream)
{
    return stream->trouble;
}

bool copse_head_stream_is_unknown(const copse_head_stream *stream)
{
    return stream->is_unknown;
}

/* ---- Requests ---- */

static uint64_t head_stream_now(const copse_head_stream *stream)
{
    return stream->transport->ops->now(stream->transport);
}

/* Begins the request that is due. */
static copse_status head_stream_start(copse_head_stream *stream, copse_err *err)
{
    uint64_t now = head_stream_now(stream);
    if (stream->way == HEAD_STREAM_POLL && now >= stream->events_ms) {
        stream->way = HEAD_STREAM_EVENTS;
    }
    bool events = stream->way == HEAD_STREAM_EVENTS;
    bool resumes = events && stream->told.size > 0;
    char last_id[COPSE_CID_TEXT_SIZE_MAX];
    if (resumes) {
        (void)copse_cid_to_text(&stream->told, COPSE_BASE32, last_id);
    }
    const copse_transport_request request = {
        .url = (const char *)(events ? stream->events_url.ptr : stream->head_url.ptr),
        .accept = events ? "text/event-stream" : "application/vnd.ipld.dag-json",
        .last_event_id = resumes ? last_id : NULL,
    };
    copse_event_stream_release(&stream->parser);
    copse_event_stream_init(&stream->parser, stream->env);
    copse_buf_truncate(&stream->body, 0);
    copse_status status =
        stream->transport->ops->start(stream->transport, &request, &stream->request, err);
    stream->is_running = status == COPSE_OK;
    stream->begun_ms = now;
    stream->heard_ms = now;
    return status;
}

static void head_stream_stop(copse_head_stream *stream)
{
    if (stream->is_running) {
        stream->transport->ops->cancel(stream->transport, stream->request);
        stream->is_running = false;
    }
}

/* H2: lets the next request wait. */
static copse_status head_stream_back_off(copse_head_stream *stream, const char *reason,
                                         uint32_t wait_ms_min, copse_err *err)
{
    uint32_t random;
    if (head_stream_now(stream) - stream->begun_ms >= HEAD_STREAM_WAIT_MS_MAX) {
        stream->wait_ms = 0;
    }
    uint32_t wait_ms =
        stream->wait_ms > HEAD_STREAM_WAIT_MS_MIN ? stream->wait_ms : HEAD_STREAM_WAIT_MS_MIN;
    if (wait_ms < wait_ms_min) {
        wait_ms = wait_ms_min < HEAD_STREAM_WAIT_MS_MAX ? wait_ms_min : HEAD_STREAM_WAIT_MS_MAX;
    }
    head_stream_stop(stream);
    (void)snprintf(stream->trouble, sizeof stream->trouble, "%s", reason);
    if (stream->env->random(stream->env->random_ctx, &random, sizeof random) != COPSE_OK) {
        stream->due_ms = head_stream_now(stream) + wait_ms;
        return COPSE_ERR(err, COPSE_IO, "there is no randomness");
    }
    stream->due_ms = head_stream_now(stream) + wait_ms - random % (wait_ms / 2 + 1);
    stream->wait_ms = wait_ms < HEAD_STREAM_WAIT_MS_MAX / 2 ? 2 * wait_ms : HEAD_STREAM_WAIT_MS_MAX;
    return COPSE_OK;
}

/* H4: asks for the head now, and from time to time. */
static void head_stream_turn_to_polls(copse_head_stream *stream)
{
    head_stream_stop(stream);
    stream->way = HEAD_STREAM_POLL;
    stream->due_ms = head_stream_now(stream);
    stream->events_ms = stream->due_ms + HEAD_STREAM_AGAIN_MS;
}

/* ---- What comes ---- */

/* A head came. */
static void head_stream_find(copse_head_stream *stream, const copse_cid *head)
{
    stream->found = *head;
    if (!copse_cid_equal(head, &stream->told)) {
        stream->wait_ms = 0;
    }
}

static copse_status head_stream_read_json(copse_head_stream *stream, copse_bytes text,
                                          copse_err *err)
{
    copse_cid head;
    copse_cid tree;
    copse_status status = copse_head_map_read_json(stream->env, text, &head, &tree);
    if (status == COPSE_OK) {
        head_stream_find(stream, &head);
    } else if (status == COPSE_CORRUPT) {
        status = head_stream_back_off(stream, "sent something that is no head", 0, err);
    }
    return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : status;
}

static copse_status head_stream_take_head(copse_head_stream *stream,
                                          const copse_transport_event *event, copse_err *err)
{
    char reason[64];
    bool events = stream->way == HEAD_STREAM_EVENTS;
    bool is_type =
        !events || copse_bytes_equal(event->content_type, copse_bytes_of_text("text/event-stream"));
    stream->is_unknown = !events && event->status == 404;
    if (event->status == 200 && is_type) {
        stream->trouble[0] = '\0';
        return COPSE_OK;
    }
    if (events && event->status != 500 && event->status != 502 && event->status != 504) {
        head_stream_turn_to_polls(stream);
        return COPSE_OK;
    }
    (void)snprintf(reason, sizeof reason, "answered %u", event->status);
    return head_stream_back_off(stream, reason, event->retry_after_ms, err);
}

/* Takes the events of a piece; the last one counts (H1). */
static copse_status head_stream_take_events(copse_head_stream *stream, copse_bytes piece,
                                            copse_err *err)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && stream->is_running) {
        copse_event event;
        status = copse_event_stream_next(&stream->parser, &piece, &event);
        if (status == COPSE_OK) {
            status = head_stream_read_json(stream, event.data, err);
        } else if (status == COPSE_LIMIT) {
            return head_stream_back_off(stream, "sent an event that is too long", 0, err);
        } else if (status == COPSE_NOMEM) {
            return COPSE_ERR_NOMEM(err);
        }
    }
    return status == COPSE_WANT ? COPSE_OK : status;
}

static copse_status head_stream_take_body(copse_head_stream *stream, copse_bytes piece,
                                          copse_err *err)
{
    if (stream->way == HEAD_STREAM_EVENTS) {
        return head_stream_take_events(stream, piece, err);
    }
    copse_status status = copse_buf_append(&stream->body, piece);
    if (status == COPSE_LIMIT) {
        return head_stream_back_off(stream, "sent something that is no head", 0, err);
    }
    return status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
}

static copse_status head_stream_take_end(copse_head_stream *stream, copse_err *err)
{
    stream->is_running = false;
    if (stream->way == HEAD_STREAM_EVENTS) {
        return head_stream_back_off(stream, "ended the stream of events", 0, err);
    }
    stream->due_ms = head_stream_now(stream) + stream->poll_ms;
    return head_stream_read_json(stream, copse_buf_view(&stream->body), err);
}

static copse_status head_stream_take(copse_head_stream *stream, const copse_transport_event *event,
                                     copse_err *err)
{
    stream->heard_ms = head_stream_now(stream);
    switch (event->kind) {
    case COPSE_TRANSPORT_HEAD:
        return head_stream_take_head(stream, event, err);
    case COPSE_TRANSPORT_BODY:
        return head_stream_take_body(stream, event->body, err);
    case COPSE_TRANSPORT_END:
        return head_stream_take_end(stream, err);
    case COPSE_TRANSPORT_FAILED:
    default:
        stream->is_running = false;
        return head_stream_back_off(stream, event->reason, 0, err);
    }
}

/* ---- Waiting ---- */

/* Starts what is due, and waits until something comes, or `until_ms`: then END. */
static copse_status head_stream_step(copse_head_stream *stream, uint64_t until_ms, copse_err *err)
{
    copse_transport_event event;
    copse_status status = COPSE_OK;
    if (!stream->is_running && head_stream_now(stream) >= stream->due_ms) {
        status = head_stream_start(stream, err);
    }
    uint64_t alarm_ms =
        stream->is_running ? stream->heard_ms + HEAD_STREAM_SILENCE_MS : stream->due_ms;
    if (status == COPSE_OK) {
        status = stream->transport->ops->wait(
            stream->transport, until_ms < alarm_ms ? until_ms : alarm_ms, &event, err);
    }
    if (status == COPSE_OK) {
        bool is_ours = stream->is_running && event.request == stream->request;
        return is_ours ? head_stream_take(stream, &event, err) : COPSE_OK;
    }
    uint64_t now = head_stream_now(stream);
    if (status == COPSE_END && stream->is_running && now >= alarm_ms) {
        return head_stream_back_off(stream, "was silent for too long", 0, err); /* H3 */
    }
    return status == COPSE_END && now < until_ms ? COPSE_OK : status;
}

copse_status copse_head_stream_next(copse_head_stream *stream, uint64_t until_ms,
                                    copse_cid *ret_head, copse_err *err)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        bool is_new = stream->found.size > 0 && !copse_cid_equal(&stream->found, &stream->told);
        if (is_new) {
            stream->told = stream->found;
            *ret_head = stream->told;
            return COPSE_OK;
        }
        status = head_stream_step(stream, until_ms, err);
    }
    if (status != COPSE_END) {
        head_stream_stop(stream); /* what came may be lost: it is asked for again */
    }
    return status;
}
