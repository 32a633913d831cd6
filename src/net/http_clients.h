/* The clients of a server, by their addresses: what each has open.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_NET_HTTP_CLIENTS_H
#define COPSE_NET_HTTP_CLIENTS_H

#include "net/http_address.h"

#include <copse/env.h>

enum { COPSE_HTTP_CLIENTS_BUCKETS = 1024 };

typedef struct copse_http_client {
    copse_http_address group;
    size_t connections;
    size_t answers; /**< That are being sent. */
    size_t holds;
    struct copse_http_client *next;
} copse_http_client;

/** Belongs to one thread. A zeroed one is empty, but for its env. */
typedef struct copse_http_clients {
    const copse_env *env;
    copse_http_client *buckets[COPSE_HTTP_CLIENTS_BUCKETS];
} copse_http_clients;

/** The client at an address, which stays until it is let go as often. NULL: no memory. */
copse_http_client *copse_http_clients_hold(copse_http_clients *clients,
                                           const copse_http_address *address);

/** Lets it go; NULL is allowed. Returns NULL. */
copse_http_client *copse_http_clients_let_go(copse_http_clients *clients,
                                             copse_http_client *client);

#endif
