/* A TCP peer on 127.0.0.1 that does what a test says, a thread for each connection; and a proxy
 * made of one, which counts what passes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TCP_PEER_H
#define COPSE_TESTS_TCP_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TCP_PEER_CONNECTIONS_MAX = 512 };

struct tcp_peer;

typedef struct tcp_peer_connection {
    struct tcp_peer *peer;
    pthread_t thread;
    size_t index; /* from 0 */
    int fd;       /* -1: it ended */
} tcp_peer_connection;

typedef struct tcp_peer {
    /** Plays its part on a connection, which is closed when it returns. */
    void (*play)(void *ctx, int fd, size_t index);
    void *ctx;
    uint16_t port;
    int listener;
    pthread_t thread;
    pthread_mutex_t mutex; /* of the fds */
    tcp_peer_connection connections[TCP_PEER_CONNECTIONS_MAX];
    size_t count; /* of connections, so far */
    bool stopping;
} tcp_peer;

void tcp_peer_start(tcp_peer *peer, void (*play)(void *ctx, int fd, size_t index), void *ctx);

/** Ends all connections and waits for their threads. */
void tcp_peer_stop(tcp_peer *peer);

/** Connections that were accepted so far. */
size_t tcp_peer_count(tcp_peer *peer);

/** A connection to a port of 127.0.0.1; -1: nobody listens. */
int tcp_connect(uint16_t port);

/** Sends all. False: the other side is gone. */
bool tcp_send(int fd, const void *bytes, size_t size);

/** Reads until an empty line; the text ends with a NUL. False: the connection ended before, or the
 * head is longer than `size`. */
bool tcp_read_head(int fd, char *ret_text, size_t size);

/** Reads until the other side ends. */
void tcp_drain(int fd);

/** Lets the connection end with a reset when it is closed. */
void tcp_reset_on_close(int fd);

typedef struct tcp_proxy {
    tcp_peer peer;
    uint16_t port; /* where it leads */
    _Atomic uint64_t sent_bytes;
    _Atomic uint64_t received_bytes;
} tcp_proxy;

void tcp_proxy_start(tcp_proxy *proxy, uint16_t port);
void tcp_proxy_stop(tcp_proxy *proxy);

#endif
