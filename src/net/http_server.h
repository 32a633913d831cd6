/* An HTTP/1.1 server over libuv: one thread, any number of connections up to a limit.
 *
 *   V1  What a client can make the server hold is bounded: connections by http_connections_max, one
 *       connection's requests by the limits of http_reader.h, and its answer by one piece of
 *       COPSE_HTTP_PIECE_SIZE_BYTES, beside what the answer's own body keeps. A body is pulled only
 *       when the client has taken the piece before. A connection without a request holds no buffer.
 *   V2  Time is bounded: a request must be whole http_request_ms_max after its first byte, a piece
 *       of an answer taken within http_write_ms_max, the next request begun in http_idle_ms_max.
 *       Deadlines are looked at every COPSE_HTTP_TICK_MS. A body that has nothing to send for now
 *       is under none: it is asked again as often, and a client that ends its direction meanwhile
 *       is taken to be gone.
 *   V3  Requests of a connection are answered in their order, one at a time. Those behind the
 *       present one wait in a buffer of COPSE_HTTP_INPUT_SIZE_BYTES, and then in the network.
 *       Answers to requests that came together are sent together, as far as they are small.
 *   V4  A body that fails on its way is cut: the client sees neither a last chunk nor the promised
 *       length, but the end of the connection.
 *   V5  After a stop no request is begun; answers that run get http_stop_ms_max to end. A body
 *       that has nothing to send for now ends at once.
 *   V6  No address holds more than http_address_connections_max connections (429, closed), or has
 *       more than http_address_answers_max answers on their way (429): what one does shuts nobody
 *       else out. What one address is: http_address.h. Connections of trusted proxies are not
 *       counted: their clients' answers are.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_NET_HTTP_SERVER_H
#define COPSE_NET_HTTP_SERVER_H

#include "proto/http_request.h"

#include <copse/env.h>

enum {
    COPSE_HTTP_PIECE_SIZE_BYTES = 64 << 10,
    COPSE_HTTP_INPUT_SIZE_BYTES = 16 << 10,
    COPSE_HTTP_TICK_MS = 100
};

/** A body whose length is not known before its end. */
#define COPSE_HTTP_LENGTH_UNKNOWN UINT64_MAX

/** A body that is made while it is sent. */
typedef struct copse_http_body {
    /** Appends up to `size_max` more bytes, at least one. OK; END: it is whole (bytes may have been
     * appended, or not). WANT: it has no more for now (likewise), and could end here (V5): it is
     * asked again at the next tick. A failure cuts the answer (V4). */
    copse_status (*pull)(void *ctx, copse_buf *buf, size_t size_max, copse_err *err);
    /** Called once, also for a body that was never pulled. */
    void (*free)(void *ctx);
    void *ctx;
} copse_http_body;

/** An answer, filled in by a handler. */
typedef struct copse_http_answer {
    unsigned status;   /**< An HTTP status. */
    copse_buf headers; /**< Lines by copse_http_header_write. */
    uint64_t length;   /**< Of the body, or COPSE_HTTP_LENGTH_UNKNOWN; a 304 and a 204 have none. */
    copse_http_body body; /**< pull NULL: `length` is 0. */
    /** The body takes far more work than its bytes tell: each pull is a piece of its own, and
     * between two of them other connections have their turn. */
    bool is_slow;
    size_t tag; /**< The handler's own: `done` gets it back. */
} copse_http_answer;

/** What happened with a request, for logs and counts. */
typedef struct copse_http_exchange {
    const char *peer;        /**< The client's address. */
    copse_bytes method_name; /**< Empty if the request was refused unread. */
    copse_bytes target;      /**< Likewise. */
    unsigned status;
    uint64_t sent_bytes;  /**< With heads and framing. */
    uint64_t duration_ms; /**< From the whole request to the end of the answer. */
    bool cut;             /**< The client did not get all of it. */
    size_t tag;           /**< That of the answer. */
} copse_http_exchange;

/** Who answers. All are called on the server's thread. */
typedef struct copse_http_handler {
    /** Answers a whole request, which is lent until `done`. `answer` comes zeroed but for the empty
     * headers. Sets the status at least. */
    void (*answer)(void *ctx, const copse_http_request *request, copse_http_answer *answer);
    /** Answers what is no request, or comes too slowly, with this status and reason. */
    void (*refuse)(void *ctx, unsigned status, const char *reason, copse_http_answer *answer);
    void (*done)(void *ctx, const copse_http_exchange *exchange);
    void *ctx;
    void (*tick)(void *ctx); /**< Every COPSE_HTTP_TICK_MS; NULL: nobody needs it. */
} copse_http_handler;

typedef struct copse_http_server_stats {
    uint64_t accepted;
    uint64_t refused; /**< Closed at once: V1, V6. */
    uint64_t dropped; /**< Closed in a request or an answer: V2. */
    size_t connections;
    uint64_t received_bytes;
    uint64_t sent_bytes;
} copse_http_server_stats;

/** Belongs to one thread. */
typedef struct copse_http_server copse_http_server;

typedef struct copse_http_server_options {
    const char *address; /**< An IP address. */
    uint16_t port;       /**< 0: a free one. */
    /** Other servers, in processes of their own, listen there too: the system deals the connections
     * out. All of them must say so. */
    bool shares_port;
    const char *const *proxies; /**< IP addresses of those trusted to name their clients. */
    size_t proxies_count;
} copse_http_server_options;

/** Makes a server that listens. Options and handler are copied. MISUSE: no IP address, or an env
 * without a clock. IO (os_errno), DENIED: the address can't be had. NOMEM. */
COPSE_MUST_USE copse_status copse_http_server_new(const copse_env *env,
                                                  const copse_http_server_options *options,
                                                  const copse_http_handler *handler,
                                                  copse_http_server **ret_server, copse_err *err);

/** Frees it, closing what is open; NULL is allowed. Returns NULL. */
copse_http_server *copse_http_server_free(copse_http_server *server);

uint16_t copse_http_server_port(const copse_http_server *server);

/** Serves until copse_http_server_stop. OK; IO. */
COPSE_MUST_USE copse_status copse_http_server_run(copse_http_server *server, copse_err *err);

/** Begins to stop (V5); copse_http_server_run returns when it has. May be called on any thread and
 * from a signal handler, between new and free. */
void copse_http_server_stop(copse_http_server *server);

copse_http_server_stats copse_http_server_get_stats(const copse_http_server *server);

#endif
