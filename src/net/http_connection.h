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
 * A connection holds only what it needs now; what it doesn't goes to the server as a spare for the
 * next one:
 *
 *     between two requests   itself
 *     inside of a request    a reader with what came of it
 *     in an answer           that reader; `out`: the piece that is being sent; `input`: what the
 *                            client sent behind the request, if it did
 *
 * An answer that the system takes at once is sent at once, in one call, and the next request read
 * in the same turn; those to requests that came in one packet go out in one packet too. Whatever
 * takes longer goes on by the event loop, so that others have their turns.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_NET_HTTP_CONNECTION_H
#define COPSE_NET_HTTP_CONNECTION_H

#include "net/http_clients.h"
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

enum {
    COPSE_HTTP_HEADERS_SIZE_BYTES_MAX = 64 << 10, /* of one answer */
    /* A piece is sent when it has so many bytes, or the body has no more for now; so are answers
     * that are gathered. */
    COPSE_HTTP_PIECE_SIZE_BYTES_MIN = 16 << 10
};

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
    copse_http_clients clients;
    copse_http_address *proxies; /* that are trusted */
    size_t proxies_count;
    copse_http_server_stats stats;
    uint64_t date_second; /* of `date` */
    char date[COPSE_HTTP_DATE_SIZE];
    /* Spares, and what the connection that is read now receives into. */
    copse_http_reader *reader;
    copse_buf out;
    copse_buf headers;
    uint8_t input[COPSE_HTTP_INPUT_SIZE_BYTES];
};

struct copse_http_connection {
    copse_http_server *server;
    copse_http_connection *next;
    copse_http_connection **link; /* what points here */
    copse_http_connection_state state;
    bool is_read;      /* libuv is told to read */
    uint64_t deadline; /* of the present state, in the loop's time */
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    copse_http_address address; /* of the other end: a client, or a proxy */
    copse_http_client *client;
    copse_http_reader *reader; /* NULL between two requests */
    copse_buf input;           /* what came behind the request that is answered */
    bool has_input;            /* there is some, there or still being read */
    copse_buf out;             /* what is to be sent */
    /* The present answer. */
    bool has_answer;
    copse_http_answer answer;
    copse_http_exchange exchange;
    copse_http_client *asker; /* whom it is for */
    char asker_name[COPSE_HTTP_ADDRESS_NAME_SIZE];
    copse_http_framing framing;
    copse_status pulled; /* OK: the body goes on; END; WANT: not for now; else it failed */
    uint64_t begun_ms;
    uint64_t left; /* of the promised length */
    bool is_head;  /* no body is sent */
    bool close;    /* after this answer */
    bool rests;    /* all that the body had is sent: it is asked again at the next tick */
};

/** Takes a connection over that waits at the listener. */
void copse_http_connection_accept(copse_http_server *server);

/** Closes it, whatever it does. */
void copse_http_connection_close(copse_http_connection *connection);

/** Looks at its deadline, and whether a body that rests has more. */
void copse_http_connection_tick(copse_http_connection *connection, uint64_t now);

/** The server stops: closes it if it is between two requests. */
void copse_http_connection_stop(copse_http_connection *connection);

/* ---- Between the two files ---- */

/** Begins to read, or stops. */
void copse_http_connection_set_reading(copse_http_connection *connection, bool reads);

/** Sets the deadline of what it does now. */
void copse_http_connection_set_deadline(copse_http_connection *connection, uint32_t ms);

/** Goes on after what was waited for: reads requests from what came behind the last one. */
void copse_http_connection_go_on(copse_http_connection *connection);

/** Answers the request that the reader has. */
void copse_http_connection_answer(copse_http_connection *connection);

/** Answers what is no request, and then closes. */
void copse_http_connection_refuse(copse_http_connection *connection, unsigned status,
                                  const char *reason);

/** Goes on with the answer: pulls a piece and sends it. */
void copse_http_connection_pump(copse_http_connection *connection);

/** Sends what was gathered. True: all of it is sent; false: it waits, or is being closed. */
bool copse_http_connection_flush(copse_http_connection *connection);

/** Ends the answer. */
void copse_http_connection_end_answer(copse_http_connection *connection, bool cut);

/** Shuts our direction, and waits for the client to end its own. */
void copse_http_connection_linger(copse_http_connection *connection);

#endif
