/* An HTTP server that answers what it is told, byte by byte, whatever it is asked.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_HTTP_SCRIPT_H
#define COPSE_TESTS_HTTP_SCRIPT_H

#include "support/http_client.h"
#include "support/tcp_peer.h"

typedef enum http_script_manner {
    HTTP_SCRIPT_CLOSES,
    HTTP_SCRIPT_ANSWERS_ON,
    HTTP_SCRIPT_RESETS
} http_script_manner;

typedef struct http_script {
    tcp_peer peer;
    const void *bytes;
    size_t size;
    http_script_manner manner;
    char request[1024]; /* the last one */
} http_script;

/** Lends the bytes. */
void http_script_start(http_script *self, const void *bytes, size_t size,
                       http_script_manner manner);
void http_script_stop(http_script *self);

/** Gives the last request. */
const char *http_script_request(http_script *self, char ret_text[1024]);

/** Asks a server that answers this and closes. */
http_outcome http_script_ask(const void *bytes, size_t size);

/** A head with this Content-Encoding, and then the body, in one malloc'ed memory. */
uint8_t *http_script_compose(const char *coding, const uint8_t *body, size_t size,
                             size_t *ret_size);

#endif
