/* The answers of a connection: http_connection.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "net/http_connection.h"

#include <string.h>

/* ---- Beginning and ending ---- */

static void http_connection_begin_answer(copse_http_connection *connection)
{
    copse_http_server *server = connection->server;
    connection->state = COPSE_HTTP_CONNECTION_ANSWERING;
    connection->has_answer = true;
    connection->pulled = COPSE_OK;
    connection->begun_ms = uv_now(&server->loop);
    connection->exchange = (copse_http_exchange){.peer = connection->asker_name};
    /* The spares: out may be in use already, by answers that are gathered. */
    connection->answer.headers = server->headers;
    server->headers = (copse_buf){0};
    if (connection->answer.headers.env == NULL) {
        copse_buf_init(&connection->answer.headers, server->env, COPSE_HTTP_HEADERS_SIZE_BYTES_MAX);
    }
    if (connection->out.ptr == NULL && server->out.ptr != NULL) {
        connection->out = server->out;
        server->out = (copse_buf){0};
    }
}

/* Gives the buffer of the headers back: they are in the head. */
static void http_connection_give_headers(copse_http_connection *connection)
{
    copse_http_server *server = connection->server;
    copse_buf *headers = &connection->answer.headers;
    if (server->headers.env == NULL && headers->env != NULL) {
        copse_buf_truncate(headers, 0);
        server->headers = *headers;
        *headers = (copse_buf){0};
    }
    copse_buf_release(headers);
}

/* Whoever asked, for logs and limits. NULL: no memory. */
static copse_http_client *http_connection_hold_asker(copse_http_connection *connection,
                                                     const copse_http_request *request)
{
    copse_http_server *server = connection->server;
    if (server->proxies_count == 0) {
        connection->client->holds++;
        return connection->client;
    }
    copse_http_address address = copse_http_address_of_client(
        request, &connection->address, server->proxies, server->proxies_count);
    (void)copse_http_address_name(&address, connection->asker_name);
    return copse_http_clients_hold(&server->clients, &address);
}

void copse_http_connection_end_answer(copse_http_connection *connection, bool cut)
{
    copse_http_server *server = connection->server;
    copse_http_exchange *exchange = &connection->exchange;
    copse_http_answer *answer = &connection->answer;
    if (answer->body.free != NULL) {
        answer->body.free(answer->body.ctx);
    }
    http_connection_give_headers(connection);
    exchange->cut = cut;
    exchange->duration_ms = uv_now(&server->loop) - connection->begun_ms;
    exchange->tag = answer->tag;
    server->stats.sent_bytes += exchange->sent_bytes;
    server->handler.done(server->handler.ctx, exchange);
    *answer = (copse_http_answer){0};
    connection->has_answer = false;
    if (connection->asker != NULL) {
        connection->asker->answers--;
        connection->asker = copse_http_clients_let_go(&server->clients, connection->asker);
    }
}

/* ---- Pieces ---- */

/* Appends more of the body to `out`, or what failed. */
static copse_status http_connection_pull(copse_http_connection *connection)
{
    const copse_http_body *body = &connection->answer.body;
    copse_buf *out = &connection->out;
    size_t start = out->len;
    copse_status status = COPSE_OK;
    if (connection->is_head || connection->framing == COPSE_HTTP_FRAMING_NONE ||
        body->pull == NULL) {
        return connection->is_head || connection->left == 0 ? COPSE_END : COPSE_MISUSE;
    }
    if (connection->rests && connection->server->stopping) {
        return COPSE_END;
    }
    bool goes_on = true;
    while (status == COPSE_OK && goes_on) {
        size_t len_before = out->len;
        status =
            body->pull(body->ctx, out, COPSE_HTTP_PIECE_SIZE_BYTES - (len_before - start), NULL);
        if (status == COPSE_OK && out->len == len_before) {
            status = COPSE_MISUSE; /* it would turn for ever */
        }
        goes_on = !connection->answer.is_slow && out->len - start < COPSE_HTTP_PIECE_SIZE_BYTES_MIN;
    }
    if (connection->framing == COPSE_HTTP_FRAMING_LENGTH) {
        size_t len = out->len - start;
        if (len > connection->left || (status == COPSE_END && len < connection->left)) {
            copse_buf_truncate(out, start);
            return COPSE_MISUSE; /* not what was promised: the client must not take it for that */
        }
        connection->left -= len;
    }
    return status;
}

/* Pulls a piece as a chunk, and the last chunk if it is the last. */
static copse_status http_connection_pull_chunk(copse_http_connection *connection)
{
    copse_buf *out = &connection->out;
    char head[COPSE_HTTP_CHUNK_HEAD_SIZE_MAX] = "";
    size_t start = out->len;
    /* How long its head is, is known behind it. */
    copse_status status = copse_buf_append(out, (copse_bytes){(uint8_t *)head, sizeof head});
    if (status != COPSE_OK) {
        return status;
    }
    copse_status pulled = http_connection_pull(connection);
    size_t len = out->len - start - sizeof head;
    if (len > 0) {
        size_t head_len = copse_http_chunk_head(len, head);
        memcpy(out->ptr + start, head, head_len);
        memmove(out->ptr + start + head_len, out->ptr + start + sizeof head, len);
        copse_buf_truncate(out, start + head_len + len);
        status = copse_buf_append(out, copse_bytes_of_text(COPSE_HTTP_CHUNK_END));
    } else {
        copse_buf_truncate(out, start);
    }
    if (status == COPSE_OK && pulled == COPSE_END) {
        status = copse_buf_append(out, copse_bytes_of_text(COPSE_HTTP_CHUNK_LAST));
    }
    return status == COPSE_OK ? pulled : status;
}

/* ---- Sending ---- */

/* Lets the answer rest until its body has more. The client sends nothing meanwhile but its end, or
 * a next request, which is kept. */
static void http_connection_rest(copse_http_connection *connection)
{
    if (!connection->rests) {
        connection->rests = true;
        connection->deadline = UINT64_MAX;
        copse_http_connection_set_reading(connection, !connection->has_input);
    }
}

/* Some of a next request may be here already. */
static void http_connection_begin_idle(copse_http_connection *connection)
{
    const copse_limits *limits = &connection->server->env->limits;
    bool inside = connection->reader != NULL && copse_http_reader_is_inside(connection->reader);
    connection->state = COPSE_HTTP_CONNECTION_READING;
    copse_http_connection_set_deadline(connection, inside ? limits->http_request_ms_max
                                                          : limits->http_idle_ms_max);
}

/* The answer is out, or gathered: on to the next request. */
static void http_connection_answered(copse_http_connection *connection)
{
    connection->rests = false;
    bool close = connection->close || connection->server->stopping;
    copse_http_connection_end_answer(connection, false);
    if (close) {
        copse_http_connection_linger(connection);
        return;
    }
    http_connection_begin_idle(connection);
}

/* All that was gathered is sent, and the body is asked for no more now. */
static void http_connection_sent(copse_http_connection *connection)
{
    if (!connection->has_answer) {
        http_connection_begin_idle(connection);
    } else if (connection->pulled == COPSE_WANT) {
        http_connection_rest(connection);
    } else if (connection->pulled == COPSE_END) {
        http_connection_answered(connection);
    } else {
        connection->rests = false;
        copse_http_connection_close(connection);
    }
}

static void http_connection_on_write(uv_write_t *request, int status)
{
    copse_http_connection *connection = request->data;
    if (connection->state != COPSE_HTTP_CONNECTION_ANSWERING) {
        return; /* it is being closed */
    }
    copse_buf_truncate(&connection->out, 0);
    if (status != 0) {
        copse_http_connection_close(connection);
        return;
    }
    if (connection->has_answer && connection->pulled == COPSE_OK) {
        copse_http_connection_pump(connection);
    } else {
        http_connection_sent(connection);
    }
    copse_http_connection_go_on(connection);
}

bool copse_http_connection_flush(copse_http_connection *connection)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    uv_buf_t part = uv_buf_init((char *)connection->out.ptr, (unsigned)connection->out.len);
    if (!connection->has_answer || connection->pulled != COPSE_OK) {
        int sent = uv_try_write(stream, &part, 1);
        if (sent == (int)part.len) {
            copse_buf_truncate(&connection->out, 0);
            return true;
        }
        if (sent < 0 && sent != UV_EAGAIN) {
            copse_http_connection_close(connection);
            return false;
        }
        part = uv_buf_init(part.base + (sent > 0 ? sent : 0),
                           (unsigned)part.len - (unsigned)(sent > 0 ? sent : 0));
    }
    connection->state = COPSE_HTTP_CONNECTION_ANSWERING;
    copse_http_connection_set_reading(connection, false);
    copse_http_connection_set_deadline(connection,
                                       connection->server->env->limits.http_write_ms_max);
    connection->write.data = connection;
    if (uv_write(&connection->write, stream, &part, 1, http_connection_on_write) != 0) {
        copse_http_connection_close(connection);
    }
    return false;
}

void copse_http_connection_pump(copse_http_connection *connection)
{
    copse_buf *out = &connection->out;
    size_t len_before = out->len;
    bool chunked = connection->framing == COPSE_HTTP_FRAMING_CHUNKED && !connection->is_head;
    connection->pulled =
        chunked ? http_connection_pull_chunk(connection) : http_connection_pull(connection);
    connection->exchange.sent_bytes += out->len - len_before;
    bool gathers = connection->pulled == COPSE_END && connection->has_input && !connection->close &&
                   !connection->server->stopping && out->len < COPSE_HTTP_PIECE_SIZE_BYTES_MIN;
    if (gathers) {
        http_connection_answered(connection);
        return;
    }
    if (out->len > 0) {
        connection->rests = false;
        if (!copse_http_connection_flush(connection)) {
            return;
        }
    }
    http_connection_sent(connection);
}

/* ---- Heads ---- */

static copse_http_framing http_connection_choose_framing(const copse_http_connection *connection,
                                                         unsigned version_minor)
{
    const copse_http_answer *answer = &connection->answer;
    if (answer->status == 304 || answer->status == 204) {
        return COPSE_HTTP_FRAMING_NONE;
    }
    if (answer->length != COPSE_HTTP_LENGTH_UNKNOWN) {
        return COPSE_HTTP_FRAMING_LENGTH;
    }
    return version_minor >= 1 ? COPSE_HTTP_FRAMING_CHUNKED : COPSE_HTTP_FRAMING_CLOSE;
}

/* The date now, written once a second. */
static const char *http_connection_date(copse_http_server *server)
{
    uint64_t now_ms = server->env->clock(server->env->clock_ctx);
    if (now_ms == 0) {
        return NULL;
    }
    if (now_ms / 1000 != server->date_second) {
        server->date_second = now_ms / 1000;
        (void)copse_http_date(now_ms, server->date);
    }
    return server->date;
}

/* Sends the answer that was filled in; `request` NULL: it refuses one. */
static void http_connection_send_answer(copse_http_connection *connection,
                                        const copse_http_request *request)
{
    copse_http_answer *answer = &connection->answer;
    size_t len_before = connection->out.len;
    connection->framing =
        http_connection_choose_framing(connection, request != NULL ? request->version_minor : 1);
    connection->is_head = request != NULL && request->method == COPSE_HTTP_HEAD;
    connection->close = request == NULL || !request->keep_alive || connection->server->stopping ||
                        connection->framing == COPSE_HTTP_FRAMING_CLOSE;
    connection->left = connection->framing == COPSE_HTTP_FRAMING_LENGTH ? answer->length : 0;
    connection->exchange.status = answer->status;
    copse_http_head head = {
        .status = answer->status,
        .headers = copse_buf_view(&answer->headers),
        .framing = connection->framing,
        .length = answer->length,
        .close = connection->close,
        .is_head = connection->is_head,
        .date = http_connection_date(connection->server),
    };
    copse_status status = copse_http_head_write(&head, &connection->out);
    if (status != COPSE_OK) {
        copse_http_connection_close(connection);
        return;
    }
    http_connection_give_headers(connection);
    connection->exchange.sent_bytes = connection->out.len - len_before;
    copse_http_connection_pump(connection);
}

void copse_http_connection_answer(copse_http_connection *connection)
{
    const copse_http_handler *handler = &connection->server->handler;
    const copse_http_request *request = copse_http_reader_request(connection->reader);
    http_connection_begin_answer(connection);
    connection->exchange.method_name = request->method_name;
    connection->exchange.target = request->target;
    connection->asker = http_connection_hold_asker(connection, request);
    size_t max = connection->server->env->limits.http_address_answers_max;
    if (connection->asker == NULL) {
        handler->refuse(handler->ctx, 503, "out of memory: try again later", &connection->answer);
    } else if (++connection->asker->answers > max) {
        handler->refuse(handler->ctx, 429,
                        "too many answers to this address are on their way: try again when one "
                        "has come",
                        &connection->answer);
    } else {
        handler->answer(handler->ctx, request, &connection->answer);
    }
    http_connection_send_answer(connection, request);
}

void copse_http_connection_refuse(copse_http_connection *connection, unsigned status,
                                  const char *reason)
{
    const copse_http_handler *handler = &connection->server->handler;
    http_connection_begin_answer(connection);
    (void)copse_http_address_name(&connection->address, connection->asker_name);
    handler->refuse(handler->ctx, status, reason, &connection->answer);
    http_connection_send_answer(connection, NULL);
}
