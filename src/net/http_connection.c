/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_connection.h"

#include "base/alloc.h"

#include <string.h>

enum {
    HTTP_CONNECTION_LINGER_MS = 1000,
    /* What is gathered, the headers of one more answer twice (its buf grows), and a piece. */
    HTTP_CONNECTION_OUT_BYTES_MAX = COPSE_HTTP_PIECE_SIZE_BYTES_MIN +
                                    2 * COPSE_HTTP_HEADERS_SIZE_BYTES_MAX +
                                    COPSE_HTTP_PIECE_SIZE_BYTES + 1024
};

static const char http_connection_full[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Retry-After: 1\r\nContent-Length: 53\r\nConnection: close\r\n\r\n"
    "too many connections are open: try again in a second\n";

static const char http_connection_greedy[] =
    "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Retry-After: 1\r\nContent-Length: 64\r\nConnection: close\r\n\r\n"
    "too many connections of this address are open: close some first\n";

/* ---- Spares ---- */

/* False: no memory. */
static bool http_connection_take_reader(copse_http_connection *connection)
{
    copse_http_server *server = connection->server;
    connection->reader = server->reader;
    server->reader = NULL;
    return connection->reader != NULL ||
           copse_http_reader_new(server->env, &connection->reader, NULL) == COPSE_OK;
}

static void http_connection_give_reader(copse_http_connection *connection)
{
    copse_http_server *server = connection->server;
    if (connection->reader != NULL && server->reader == NULL) {
        copse_http_reader_reset(connection->reader);
        server->reader = connection->reader;
        connection->reader = NULL;
    }
    connection->reader = copse_http_reader_free(connection->reader);
}

static void http_connection_give_out(copse_http_connection *connection)
{
    copse_http_server *server = connection->server;
    copse_buf *out = &connection->out;
    if (out->ptr == NULL) {
        return;
    }
    if (server->out.ptr == NULL) {
        server->out = *out;
    } else {
        copse_buf_release(out);
    }
    copse_buf_init(out, server->env, HTTP_CONNECTION_OUT_BYTES_MAX);
}

/* ---- Closing ---- */

static void http_connection_free(copse_http_connection *connection)
{
    const copse_env *env = connection->server->env;
    connection->reader = copse_http_reader_free(connection->reader);
    copse_buf_release(&connection->input);
    copse_buf_release(&connection->out);
    copse_free(env, connection, sizeof *connection);
}

static void http_connection_on_close(uv_handle_t *handle)
{
    copse_http_connection *connection = handle->data;
    http_connection_free(connection);
}

void copse_http_connection_close(copse_http_connection *connection)
{
    copse_http_server *server = connection->server;
    if (connection->state == COPSE_HTTP_CONNECTION_CLOSING) {
        return;
    }
    bool cuts = connection->has_answer && !connection->rests;
    bool resets = cuts && connection->framing == COPSE_HTTP_FRAMING_CLOSE;
    if (connection->has_answer) {
        copse_http_connection_end_answer(connection, cuts);
    }
    connection->state = COPSE_HTTP_CONNECTION_CLOSING;
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    server->stats.connections--;
    if (connection->client != NULL) {
        connection->client->connections--;
        connection->client = copse_http_clients_let_go(&server->clients, connection->client);
    }
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

void copse_http_connection_linger(copse_http_connection *connection)
{
    connection->state = COPSE_HTTP_CONNECTION_LINGERING;
    copse_http_connection_set_deadline(connection, HTTP_CONNECTION_LINGER_MS);
    http_connection_give_reader(connection);
    http_connection_give_out(connection);
    if (uv_shutdown(&connection->shutdown, (uv_stream_t *)&connection->tcp,
                    http_connection_on_shutdown) != 0) {
        copse_http_connection_close(connection);
    } else {
        copse_http_connection_set_reading(connection, true);
    }
}

/* ---- Reading ---- */

void copse_http_connection_set_deadline(copse_http_connection *connection, uint32_t ms)
{
    connection->deadline = uv_now(&connection->server->loop) + ms;
}

/* Reads the next piece of a request. END: nothing is left to be read. Else as
 * copse_http_reader_next. */
static copse_status http_connection_step(copse_http_connection *connection, copse_bytes *input,
                                         copse_err *err)
{
    copse_http_event event = COPSE_HTTP_EVENT_HEAD;
    size_t taken = 0;
    if (connection->reader == NULL) {
        if (input->len == 0) {
            return COPSE_END;
        }
        if (!http_connection_take_reader(connection)) {
            copse_http_connection_close(connection);
            return COPSE_END;
        }
    }
    bool was_inside = copse_http_reader_is_inside(connection->reader);
    copse_status status = copse_http_reader_next(connection->reader, *input, &taken, &event, err);
    *input = (copse_bytes){input->ptr + taken, input->len - taken};
    connection->has_input = input->len > 0;
    if (!was_inside && copse_http_reader_is_inside(connection->reader)) {
        copse_http_connection_set_deadline(connection,
                                           connection->server->env->limits.http_request_ms_max);
    }
    if (status == COPSE_OK && event == COPSE_HTTP_EVENT_END) {
        copse_http_connection_answer(connection);
        if (connection->state == COPSE_HTTP_CONNECTION_READING && input->len == 0) {
            http_connection_give_reader(connection);
        }
    } else if (status == COPSE_OK && input->len == 0 &&
               copse_http_reader_request(connection->reader)->expects_continue &&
               copse_buf_append(&connection->out,
                                copse_bytes_of_text("HTTP/1.1 100 Continue\r\n\r\n")) != COPSE_OK) {
        copse_http_connection_close(connection);
    }
    return status;
}

/* Reads requests from the input as far as it goes, and answers them. */
static void http_connection_process(copse_http_connection *connection, copse_bytes input)
{
    copse_status status = COPSE_OK;
    copse_err err = {.message = ""};
    while (connection->state == COPSE_HTTP_CONNECTION_READING && status == COPSE_OK) {
        status = http_connection_step(connection, &input, &err);
    }
    if (status < 0) {
        copse_http_connection_refuse(connection, copse_http_reader_refusal(connection->reader),
                                     err.message);
    }
    if (connection->state == COPSE_HTTP_CONNECTION_READING && connection->out.len > 0) {
        (void)copse_http_connection_flush(connection);
    }
    if (connection->state == COPSE_HTTP_CONNECTION_READING) {
        http_connection_give_out(connection);
        copse_http_connection_set_reading(connection, true);
    } else if (connection->state == COPSE_HTTP_CONNECTION_ANSWERING && input.len > 0 &&
               copse_buf_append(&connection->input, input) != COPSE_OK) {
        copse_http_connection_close(connection);
    }
}

void copse_http_connection_go_on(copse_http_connection *connection)
{
    if (connection->state == COPSE_HTTP_CONNECTION_READING) {
        copse_buf input = connection->input;
        copse_buf_init(&connection->input, connection->server->env, COPSE_HTTP_INPUT_SIZE_BYTES);
        if (input.len == 0) {
            http_connection_give_reader(connection);
        }
        http_connection_process(connection, copse_buf_view(&input));
        copse_buf_release(&input);
    }
}

static void http_connection_on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret_buf)
{
    copse_http_connection *connection = handle->data;
    copse_http_server *server = connection->server;
    (void)size;
    *ret_buf = uv_buf_init((char *)server->input, sizeof server->input);
}

static void http_connection_on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    copse_http_connection *connection = stream->data;
    if (got == 0) {
        return;
    }
    if (got < 0) {
        copse_http_connection_close(connection);
        return;
    }
    copse_bytes input = {(const uint8_t *)buf->base, (size_t)got};
    connection->server->stats.received_bytes += input.len;
    if (connection->state == COPSE_HTTP_CONNECTION_READING) {
        http_connection_process(connection, input);
    } else if (connection->state == COPSE_HTTP_CONNECTION_ANSWERING) {
        /* A next request, behind an answer that rests. */
        connection->has_input = true;
        copse_http_connection_set_reading(connection, false);
        if (copse_buf_append(&connection->input, input) != COPSE_OK) {
            copse_http_connection_close(connection);
        }
    }
}

void copse_http_connection_set_reading(copse_http_connection *connection, bool reads)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    if (reads == connection->is_read) {
        return;
    }
    connection->is_read = reads;
    if (!reads) {
        (void)uv_read_stop(stream);
    } else if (uv_read_start(stream, http_connection_on_alloc, http_connection_on_read) != 0) {
        copse_http_connection_close(connection);
    }
}

/* ---- What the server asks ---- */

/* Finds out whose it is. False: no memory. */
static bool http_connection_find_client(copse_http_connection *connection)
{
    struct sockaddr_storage socket = {0};
    int size = sizeof socket;
    if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&socket, &size) == 0) {
        connection->address = copse_http_address_of_socket((const struct sockaddr *)&socket);
        (void)copse_http_address_name(&connection->address, connection->asker_name);
    }
    connection->client =
        copse_http_clients_hold(&connection->server->clients, &connection->address);
    if (connection->client != NULL) {
        connection->client->connections++;
    }
    return connection->client != NULL;
}

/* What is told to a connection that can't stay; NULL: it can. A proxy stands for many clients. */
static const char *http_connection_excess(const copse_http_connection *connection)
{
    const copse_http_server *server = connection->server;
    const copse_limits *limits = &server->env->limits;
    if (server->stats.connections > limits->http_connections_max) {
        return http_connection_full;
    }
    if (connection->client->connections <= limits->http_address_connections_max ||
        copse_http_address_is_of(&connection->address, server->proxies, server->proxies_count)) {
        return NULL;
    }
    return http_connection_greedy;
}

static copse_http_connection *http_connection_new(copse_http_server *server)
{
    copse_http_connection *connection = copse_alloc_zeroed(server->env, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    connection->server = server;
    copse_buf_init(&connection->input, server->env, COPSE_HTTP_INPUT_SIZE_BYTES);
    copse_buf_init(&connection->out, server->env, HTTP_CONNECTION_OUT_BYTES_MAX);
    if (uv_tcp_init(&server->loop, &connection->tcp) != 0) {
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
    copse_http_connection_set_deadline(connection, server->env->limits.http_idle_ms_max);
    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&connection->tcp) != 0 ||
        !http_connection_find_client(connection)) {
        copse_http_connection_close(connection);
        return;
    }
    server->stats.accepted++;
    const char *excess = http_connection_excess(connection);
    if (excess != NULL) {
        uv_buf_t part = uv_buf_init((char *)excess, (unsigned)strlen(excess));
        (void)uv_try_write((uv_stream_t *)&connection->tcp, &part, 1);
        server->stats.refused++;
        copse_http_connection_close(connection);
        return;
    }
    (void)uv_tcp_nodelay(&connection->tcp, 1);
    copse_http_connection_set_reading(connection, true);
}

/* Whether some of a request has come, but not its end. */
static bool http_connection_is_inside(const copse_http_connection *connection)
{
    return connection->state == COPSE_HTTP_CONNECTION_READING && connection->reader != NULL &&
           copse_http_reader_is_inside(connection->reader);
}

void copse_http_connection_tick(copse_http_connection *connection, uint64_t now)
{
    if (connection->rests) {
        copse_http_connection_pump(connection);
        copse_http_connection_go_on(connection);
        return;
    }
    if (now < connection->deadline) {
        return;
    }
    bool inside = http_connection_is_inside(connection);
    connection->server->stats.dropped +=
        inside || connection->state == COPSE_HTTP_CONNECTION_ANSWERING ? 1 : 0;
    if (inside) {
        connection->has_input = false;
        copse_http_connection_set_reading(connection, false);
        copse_http_connection_refuse(connection, 408,
                                     "the request came too slowly: send it at once");
    } else {
        copse_http_connection_close(connection);
    }
}

void copse_http_connection_stop(copse_http_connection *connection)
{
    if (connection->state == COPSE_HTTP_CONNECTION_READING &&
        !http_connection_is_inside(connection)) {
        copse_http_connection_close(connection);
    } else if (connection->rests) {
        copse_http_connection_pump(connection);
        copse_http_connection_go_on(connection);
    }
}
