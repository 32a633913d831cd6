/* An HTTP server on a thread of its own, whose bodies are letters: /known/SIZE (with a length),
 * /stream/SIZE (in chunks), /trickle/SIZE (a letter a tick), /fail/SIZE and /short/SIZE (cut),
 * /body (as many as the request's body has bytes); else 404. A refusal says why in the header
 * Reason.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_HTTP_LETTERS_H
#define COPSE_TESTS_HTTP_LETTERS_H

#include "net/http_server.h"
#include "support/test_env.h"

#include <pthread.h>

typedef struct http_letters {
    test_env env;
    copse_http_server_options options; /* on 127.0.0.1 */
    copse_http_server *server;
    pthread_t thread;
    size_t bodies;    /* made and not freed */
    size_t exchanges; /* that ended */
    size_t cuts;
    unsigned last_status;
    char last_peer[64];
} http_letters;

/** The letters that its bodies begin with. */
void http_letters_fill(uint8_t *ret_bytes, size_t size);

/** Readies it; its limits and options may then be changed. */
void http_letters_init(http_letters *self);

/** Makes the server, without a thread. */
void http_letters_make(http_letters *self);

/** Makes it and runs it on its thread. */
void http_letters_start(http_letters *self);

/** Waits until it has stopped. */
void http_letters_join(http_letters *self);

/** Frees what has stopped; fails the test (cmocka) if it held on to anything. */
void http_letters_end(http_letters *self);

/** Stops, joins and ends it. */
void http_letters_stop(http_letters *self);

#endif
