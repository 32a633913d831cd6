/* One connection of an HTTP server.
 *
 *     READING ──request whole──> ANSWERING ──answer sent──> READING
 *        │ refused, or too slow ────^  │ last one
 *        │ end of input                v
 *        └──────────────────────>  LINGERING ──end of input, or its time is up──> CLOSING
 *
 * LINGERING: the answer is sent and our direction shut, but the client's bytes are still read and
 * dropped for a moment. Closing at once would make its system throw away the answer unread.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_NET_HTTP_CONNECTION_H
#define COPSE_NET_HTTP_CONNECTION_H

#include "net/http_server.h"
#include "proto/http_reader.h"
#include "proto/http_response.h"

#include <uv.h>

typedef enum copse_http_connection_state {
    COPSE_HTTP_CONNECTION_READING,
    COPSE_HTTP_CONNECTION_ANSWERING,
    COPSE_HTTP_CONNECTION_LINGERING,
    COPSE_HTTP_CONNECTION_CLOSING
} copse_http_connection_state;

typedef struct copse_http_connection copse_http_connection;

struct copse_http_server {
    const copse_env *env;
    copse_http_handler handler;
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_async_t wake; /* by copse_http_server_stop */
    uv_timer_t tick;
    bool accept_waits; /* a connection was left at the listener, for lack of memory */
    bool stopping;
    uint64_t stop_deadline;
    copse_http_connection *connections; /* a list */
    copse_http_server_stats stats;
};

struct copse_http_connection {
    copse_http_server *server;
    copse_http_connection *next;
    copse_http_connection **link; /* what points here */
    copse_http_connection_state state;
    uint64_t deadline; /* of the present state, in the loop's time */
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    char peer[64];
    copse_http_reader *reader;
    uint8_t input[COPSE_HTTP_INPUT_SIZE_BYTES];
    size_t input_at;
    size_t input_len;
    /* The present answer. */
    copse_http_answer answer;
    copse_http_exchange exchange;
    copse_http_framing framing;
    uint64_t begun_ms;
    uint64_t left; /* of the promised length */
    copse_buf head;
    copse_buf piece;
    char chunk_head[COPSE_HTTP_CHUNK_HEAD_SIZE_MAX];
    bool is_head;   /* no body is sent */
    bool close;     /* after this answer */
    bool cut;       /* the body failed: closed when what came before is sent */
    bool body_done; /* the piece that is written is the last one */
};

/** Takes a connection over that waits at the listener. */
void copse_http_connection_accept(copse_http_server *server);

/** Closes it, whatever it does. */
void copse_http_connection_close(copse_http_connection *connection);

/** Looks at its deadline. */
void copse_http_connection_tick(copse_http_connection *connection, uint64_t now);

/** The server stops: closes it if it is between two requests. */
void copse_http_connection_stop(copse_http_connection *connection);

#endif
