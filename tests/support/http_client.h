/* A client over libcurl's transport, that fails the test (cmocka) where the transport breaks its
 * contract.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_HTTP_CLIENT_H
#define COPSE_TESTS_HTTP_CLIENT_H

#include <copse/sys/transport.h>

#include "support/test_env.h"

enum { HTTP_CLIENT_HANG_MS = 10000, HTTP_CLIENT_URL_SIZE = 128 };

typedef struct http_client {
    test_env env;
    copse_transport *transport;
} http_client;

/** What came of a request. */
typedef struct http_outcome {
    copse_transport_event_kind end;
    unsigned heads;
    unsigned status;
    uint32_t retry_after_ms;
    char content_type[64];
    char copse_root[64];
    uint64_t len; /* of the body */
    bool is_letters;
    char begin[64]; /* of the body */
    char reason[64];
} http_outcome;

void http_client_init(http_client *self);

/** Frees the transport, which must give everything back. */
void http_client_release(http_client *self);

/** Writes the URL of a path on a port of 127.0.0.1, and returns it. */
const char *http_client_url(char ret_url[HTTP_CLIENT_URL_SIZE], uint16_t port, const char *path);

/** Starts a GET and returns its id. */
uint64_t http_client_start(http_client *self, uint16_t port, const char *path);

/** Waits so long at most. */
copse_status http_client_wait(http_client *self, uint64_t ms, copse_transport_event *ret_event);

/** Notes an event. True: it was the last one of its request. */
bool http_outcome_take(http_outcome *self, const copse_transport_event *event);

/** Waits for the end of the only request that runs. */
http_outcome http_client_finish(http_client *self, uint64_t id);

http_outcome http_client_get(http_client *self, uint16_t port, const char *path);

/** Posts DAG-CBOR, for a CAR. */
http_outcome http_client_post(http_client *self, uint16_t port, const char *path, copse_bytes body);

void http_client_sleep(unsigned ms);

#endif
