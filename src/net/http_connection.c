/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_connection.h"

#include "base/alloc.h"

#include <string.h>

enum {
    HTTP_CONNECTION_LINGER_MS = 1000,
    HTTP_CONNECTION_HEADERS_BYTES_MAX = 64 << 10,
    /* A piece is sent when it has so many bytes, or the body has no more for now. */
    HTTP_CONNECTION_PIECE_BYTES_MIN = 16 << 10,
    HTTP_CONNECTION_PARTS_MAX = 4 /* head, head of a chunk, piece, end of a chunk */
};

static const char http_connection_full[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Retry-After: 1\r\nContent-Length: 53\r\nConnection: close\r\n\r\n"
    "too many connections are open: try again in a second\n";

static void http_connection_read(copse_http_connection *connection);
static void http_connection_process(copse_http_connection *connection);
static bool http_connection_send_piece(copse_http_connection *connection);

static uint64_t http_connection_now(const copse_http_connection *connection)
{
    return uv_now(&connection->server->loop);
}

static void http_connection_set_deadline(copse_http_connection *connection, uint32_t ms)
{
    connection->deadline = http_connection_now(connection) + ms;
}

/* ---- Closing ---- */

static void http_connection_end_answer(copse_http_connection *connection, bool cut)
{
    const copse_http_handler *handler = &connection->server->handler;
    copse_http_exchange *exchange = &connection->exchange;
    copse_http_answer *answer = &connection->answer;
    if (answer->body.free != NULL) {
        answer->body.free(answer->body.ctx);
    }
    copse_buf_release(&answer->headers);
    *answer = (copse_http_answer){0};
    exchange->cut = cut;
    exchange->duration_ms = http_connection_now(connection) - connection->begun_ms;
    connection->server->stats.sent_bytes += exchange->sent_bytes;
    handler->done(handler->ctx, exchange);
}

static void http_connection_free(copse_http_connection *connection)
{
    const copse_env *env = connection->server->env;
    connection->reader = copse_http_reader_free(connection->reader);
    copse_buf_release(&connection->head);
    copse_buf_release(&connection->piece);
    copse_free(env, connection, sizeof *connection);
}

static void http_connection_on_close(uv_handle_t *handle)
{
    copse_http_connection *connection = handle->data;
    http_connection_free(connection);
}

void copse_http_connection_close(copse_http_connection *connection)
{
    if (connection->state == COPSE_HTTP_CONNECTION_CLOSING) {
        return;
    }
    bool resets = connection->state == COPSE_HTTP_CONNECTION_ANSWERING &&
                  connection->framing == COPSE_HTTP_FRAMING_CLOSE;
    if (connection->state == COPSE_HTTP_CONNECTION_ANSWERING) {
        http_connection_end_answer(connection, true);
    }
    connection->state = COPSE_HTTP_CONNECTION_CLOSING;
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    connection->server->stats.connections--;
    /* Where the end of the connection is that of the body, a cut is shown by a reset. */
    if (!resets || uv_tcp_close_reset(&connection->tcp, http_connection_on_close) != 0) {
        uv_close((uv_handle_t *)&connection->tcp, http_connection_on_close);
    }
}

static void http_connection_on_shutdown(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status;
}

static void http_connection_linger(copse_http_connection *connection)
{
    connection->state = COPSE_HTTP_CONNECTION_LINGERING;
    http_connection_set_deadline(connection, HTTP_CONNECTION_LINGER_MS);
    if (uv_shutdown(&connection->shutdown, (uv_stream_t *)&connection->tcp,
                    http_connection_on_shutdown) != 0) {
        copse_http_connection_close(connection);
    } else {
        http_connection_read(connection);
    }
}

/* ---- Answering ---- */

/* The answer is out: on to the next request. */
static void http_connection_answered(copse_http_connection *connection)
{
    bool close = connection->close || connection->server->stopping;
    http_connection_end_answer(connection, false);
    if (close) {
        http_connection_linger(connection);
        return;
    }
    connection->state = COPSE_HTTP_CONNECTION_READING;
    http_connection_set_deadline(connection, connection->server->env->limits.http_idle_ms_max);
    http_connection_process(connection);
}

static void http_connection_on_write(uv_write_t *request, int status)
{
    copse_http_connection *connection = request->data;
    if (connection->state != COPSE_HTTP_CONNECTION_ANSWERING) {
        return; /* it is being closed */
    }
    while (status == 0 && !connection->cut && !connection->body_done) {
        if (http_connection_send_piece(connection)) {
            return;
        }
    }
    if (status != 0 || connection->cut) {
        copse_http_connection_close(connection);
    } else {
        http_connection_answered(connection);
    }
}

/* Fills `piece`. OK; END: that was all; or the body's failure. */
static copse_status http_connection_pull(copse_http_connection *connection)
{
    const copse_http_body *body = &connection->answer.body;
    copse_buf *piece = &connection->piece;
    copse_status status = COPSE_OK;
    copse_buf_truncate(piece, 0);
    if (connection->is_head || connection->framing == COPSE_HTTP_FRAMING_NONE ||
        body->pull == NULL) {
        return connection->is_head || connection->left == 0 ? COPSE_END : COPSE_MISUSE;
    }
    while (status == COPSE_OK && piece->len < HTTP_CONNECTION_PIECE_BYTES_MIN) {
        size_t len_before = piece->len;
        status = body->pull(body->ctx, piece, COPSE_HTTP_PIECE_SIZE_BYTES - piece->len, NULL);
        if (status == COPSE_OK && piece->len == len_before) {
            status = COPSE_MISUSE; /* it would turn for ever */
        }
    }
    if (connection->framing == COPSE_HTTP_FRAMING_LENGTH) {
        if (piece->len > connection->left ||
            (status == COPSE_END && piece->len < connection->left)) {
            copse_buf_truncate(piece, 0);
            return COPSE_MISUSE; /* not what was promised: the client must not take it for that */
        }
        connection->left -= piece->len;
    }
    return status;
}

/* Lists what is to be written: the head, if it wasn't yet, and the piece in its framing. */
static unsigned http_connection_gather(copse_http_connection *connection,
                                       uv_buf_t ret_parts[HTTP_CONNECTION_PARTS_MAX])
{
    static const char ends[] = COPSE_HTTP_CHUNK_END COPSE_HTTP_CHUNK_LAST;
    const size_t end_len = sizeof COPSE_HTTP_CHUNK_END - 1;
    unsigned count = 0;
    bool has_piece = connection->piece.len > 0;
    bool chunked = connection->framing == COPSE_HTTP_FRAMING_CHUNKED && !connection->is_head;
    if (connection->head.len > 0) {
        ret_parts[count++] =
            uv_buf_init((char *)connection->head.ptr, (unsigned)connection->head.len);
    }
    if (has_piece && chunked) {
        size_t len = copse_http_chunk_head(connection->piece.len, connection->chunk_head);
        ret_parts[count++] = uv_buf_init(connection->chunk_head, (unsigned)len);
    }
    if (has_piece) {
        ret_parts[count++] =
            uv_buf_init((char *)connection->piece.ptr, (unsigned)connection->piece.len);
    }
    if (chunked && (has_piece || connection->body_done)) {
        size_t from = has_piece ? 0 : end_len;
        size_t to = connection->body_done ? sizeof ends - 1 : end_len;
        ret_parts[count++] = uv_buf_init((char *)ends + from, (unsigned)(to - from));
    }
    return count;
}

/* Sends the head, if it wasn't yet, with the next piece of the body. False: there is nothing to
 * write; true, and on_write is called, or the connection is being closed. */
static bool http_connection_send_piece(copse_http_connection *connection)
{
    uv_buf_t parts[HTTP_CONNECTION_PARTS_MAX];
    copse_status status = http_connection_pull(connection);
    connection->body_done = status == COPSE_END;
    connection->cut = status != COPSE_OK && status != COPSE_END;
    unsigned count = http_connection_gather(connection, parts);
    if (count == 0) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        connection->exchange.sent_bytes += parts[i].len;
    }
    copse_buf_truncate(&connection->head, 0);
    http_connection_set_deadline(connection, connection->server->env->limits.http_write_ms_max);
    connection->write.data = connection;
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, parts, count,
                 http_connection_on_write) != 0) {
        copse_http_connection_close(connection);
    }
    return true;
}

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

/* Sends the answer that was filled in; `request` NULL: it refuses one. */
static void http_connection_send_answer(copse_http_connection *connection,
                                        const copse_http_request *request)
{
    const copse_env *env = connection->server->env;
    copse_http_answer *answer = &connection->answer;
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
        .now_ms = env->clock(env->clock_ctx),
    };
    if (copse_http_head_write(&head, &connection->head) != COPSE_OK) {
        copse_http_connection_close(connection);
    } else {
        (void)http_connection_send_piece(connection); /* there is the head at least */
    }
}

static void http_connection_begin_answer(copse_http_connection *connection)
{
    connection->state = COPSE_HTTP_CONNECTION_ANSWERING;
    connection->begun_ms = http_connection_now(connection);
    connection->exchange = (copse_http_exchange){.peer = connection->peer};
    copse_buf_truncate(&connection->head, 0);
    copse_buf_init(&connection->answer.headers, connection->server->env,
                   HTTP_CONNECTION_HEADERS_BYTES_MAX);
}

static void http_connection_answer(copse_http_connection *connection)
{
    const copse_http_handler *handler = &connection->server->handler;
    const copse_http_request *request = copse_http_reader_request(connection->reader);
    http_connection_begin_answer(connection);
    connection->exchange.method_name = request->method_name;
    connection->exchange.target = request->target;
    handler->answer(handler->ctx, request, &connection->answer);
    http_connection_send_answer(connection, request);
}

static void http_connection_refuse(copse_http_connection *connection, unsigned status,
                                   const char *reason)
{
    const copse_http_handler *handler = &connection->server->handler;
    http_connection_begin_answer(connection);
    handler->refuse(handler->ctx, status, reason, &connection->answer);
    http_connection_send_answer(connection, NULL);
}

/* ---- Reading ---- */

static void http_connection_continue(copse_http_connection *connection)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t part = uv_buf_init((char *)text, sizeof text - 1);
    int sent = uv_try_write((uv_stream_t *)&connection->tcp, &part, 1);
    if (sent != (int)sizeof text - 1) {
        copse_http_connection_close(connection); /* 25 bytes that don't fit: it takes nothing */
    }
}

/* Reads requests from the input as far as it goes. */
static void http_connection_process(copse_http_connection *connection)
{
    copse_status status = COPSE_OK;
    copse_err err = {.message = ""};
    while (connection->state == COPSE_HTTP_CONNECTION_READING && status == COPSE_OK) {
        copse_http_event event = COPSE_HTTP_EVENT_HEAD;
        size_t taken = 0;
        copse_bytes rest = {connection->input + connection->input_at,
                            connection->input_len - connection->input_at};
        bool was_inside = copse_http_reader_is_inside(connection->reader);
        status = copse_http_reader_next(connection->reader, rest, &taken, &event, &err);
        connection->input_at += taken;
        if (!was_inside && copse_http_reader_is_inside(connection->reader)) {
            http_connection_set_deadline(connection,
                                         connection->server->env->limits.http_request_ms_max);
        }
        if (status == COPSE_OK && event == COPSE_HTTP_EVENT_END) {
            http_connection_answer(connection);
        } else if (status == COPSE_OK && taken == rest.len &&
                   copse_http_reader_request(connection->reader)->expects_continue) {
            http_connection_continue(connection);
        }
    }
    if (status == COPSE_WANT) {
        http_connection_read(connection);
    } else if (status != COPSE_OK) {
        http_connection_refuse(connection, copse_http_reader_refusal(connection->reader),
                               err.message);
    }
}

static void http_connection_on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret_buf)
{
    copse_http_connection *connection = handle->data;
    (void)size;
    *ret_buf = uv_buf_init((char *)connection->input, sizeof connection->input);
}

static void http_connection_on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    copse_http_connection *connection = stream->data;
    (void)buf;
    if (got == 0) {
        return;
    }
    if (got < 0) {
        copse_http_connection_close(connection);
        return;
    }
    connection->server->stats.received_bytes += (uint64_t)got;
    if (connection->state == COPSE_HTTP_CONNECTION_READING) {
        (void)uv_read_stop(stream);
        connection->input_at = 0;
        connection->input_len = (size_t)got;
        http_connection_process(connection);
    }
}

static void http_connection_read(copse_http_connection *connection)
{
    if (uv_read_start((uv_stream_t *)&connection->tcp, http_connection_on_alloc,
                      http_connection_on_read) != 0) {
        copse_http_connection_close(connection);
    }
}

/* ---- What the server asks ---- */

/* The client's address, for logs. */
static void http_connection_name_peer(copse_http_connection *connection)
{
    struct sockaddr_storage address;
    int size = sizeof address;
    if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&address, &size) != 0 ||
        uv_ip_name((const struct sockaddr *)&address, connection->peer, sizeof connection->peer) !=
            0) {
        connection->peer[0] = '\0';
    }
}

static copse_http_connection *http_connection_new(copse_http_server *server)
{
    copse_http_connection *connection = copse_alloc_zeroed(server->env, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    connection->server = server;
    copse_buf_init(&connection->head, server->env, 2 * HTTP_CONNECTION_HEADERS_BYTES_MAX);
    copse_buf_init(&connection->piece, server->env, COPSE_HTTP_PIECE_SIZE_BYTES);
    if (copse_http_reader_new(server->env, &connection->reader, NULL) != COPSE_OK ||
        uv_tcp_init(&server->loop, &connection->tcp) != 0) {
        http_connection_free(connection);
        return NULL;
    }
    connection->tcp.data = connection;
    return connection;
}

void copse_http_connection_accept(copse_http_server *server)
{
    copse_http_connection *connection = http_connection_new(server);
    if (connection == NULL) {
        server->accept_waits = true;
        return;
    }
    connection->link = &server->connections;
    connection->next = server->connections;
    server->connections = connection;
    if (connection->next != NULL) {
        connection->next->link = &connection->next;
    }
    server->stats.connections++;
    http_connection_set_deadline(connection, server->env->limits.http_idle_ms_max);
    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&connection->tcp) != 0) {
        copse_http_connection_close(connection);
        return;
    }
    server->stats.accepted++;
    if (server->stats.connections > server->env->limits.http_connections_max) {
        uv_buf_t part = uv_buf_init((char *)http_connection_full, sizeof http_connection_full - 1);
        (void)uv_try_write((uv_stream_t *)&connection->tcp, &part, 1);
        server->stats.refused++;
        copse_http_connection_close(connection);
        return;
    }
    (void)uv_tcp_nodelay(&connection->tcp, 1);
    http_connection_name_peer(connection);
    http_connection_read(connection);
}

void copse_http_connection_tick(copse_http_connection *connection, uint64_t now)
{
    if (now < connection->deadline) {
        return;
    }
    bool inside = connection->state == COPSE_HTTP_CONNECTION_READING &&
                  copse_http_reader_is_inside(connection->reader);
    connection->server->stats.dropped +=
        inside || connection->state == COPSE_HTTP_CONNECTION_ANSWERING ? 1 : 0;
    if (inside) {
        (void)uv_read_stop((uv_stream_t *)&connection->tcp);
        http_connection_refuse(connection, 408, "the request came too slowly: send it at once");
    } else {
        copse_http_connection_close(connection);
    }
}

void copse_http_connection_stop(copse_http_connection *connection)
{
    if (connection->state == COPSE_HTTP_CONNECTION_READING &&
        !copse_http_reader_is_inside(connection->reader)) {
        copse_http_connection_close(connection);
    }
}
