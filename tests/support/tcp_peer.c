/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/tcp_peer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- Connections ---- */

static struct sockaddr_in tcp_address(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int tcp_connect(uint16_t port)
{
    struct sockaddr_in address = tcp_address(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

bool tcp_send(int fd, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool tcp_read_head(int fd, char *ret_text, size_t size)
{
    size_t len = 0;
    ret_text[0] = '\0';
    while (len + 1 < size && recv(fd, ret_text + len, 1, 0) == 1) {
        ret_text[++len] = '\0';
        if (len >= 4 && memcmp(ret_text + len - 4, "\r\n\r\n", 4) == 0) {
            return true;
        }
    }
    return false;
}

void tcp_drain(int fd)
{
    char bytes[4096];
    while (recv(fd, bytes, sizeof bytes, 0) > 0) {
    }
}

void tcp_reset_on_close(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
}

/* ---- The peer ---- */

static void *tcp_peer_play(void *ctx)
{
    tcp_peer_connection *connection = ctx;
    tcp_peer *peer = connection->peer;
    peer->play(peer->ctx, connection->fd, connection->index);
    (void)pthread_mutex_lock(&peer->mutex);
    (void)close(connection->fd);
    connection->fd = -1;
    (void)pthread_mutex_unlock(&peer->mutex);
    return NULL;
}

static void *tcp_peer_accept(void *ctx)
{
    tcp_peer *peer = ctx;
    int fd = accept(peer->listener, NULL, NULL);
    while (fd >= 0) {
        (void)pthread_mutex_lock(&peer->mutex);
        if (peer->stopping || peer->count == TCP_PEER_CONNECTIONS_MAX) {
            (void)close(fd);
        } else {
            tcp_peer_connection *connection = &peer->connections[peer->count];
            *connection = (tcp_peer_connection){.peer = peer, .index = peer->count, .fd = fd};
            assert_int_equal(pthread_create(&connection->thread, NULL, tcp_peer_play, connection),
                             0);
            peer->count++;
        }
        (void)pthread_mutex_unlock(&peer->mutex);
        fd = accept(peer->listener, NULL, NULL);
    }
    return NULL;
}

void tcp_peer_start(tcp_peer *peer, void (*play)(void *ctx, int fd, size_t index), void *ctx)
{
    struct sockaddr_in address = tcp_address(0);
    socklen_t size = sizeof address;
    *peer = (tcp_peer){.play = play, .ctx = ctx};
    peer->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(peer->listener >= 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(peer->listener, TCP_PEER_CONNECTIONS_MAX), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
    peer->port = ntohs(address.sin_port);
    assert_int_equal(pthread_mutex_init(&peer->mutex, NULL), 0);
    assert_int_equal(pthread_create(&peer->thread, NULL, tcp_peer_accept, peer), 0);
}

void tcp_peer_stop(tcp_peer *peer)
{
    (void)pthread_mutex_lock(&peer->mutex);
    peer->stopping = true;
    for (size_t i = 0; i < peer->count; i++) {
        if (peer->connections[i].fd >= 0) {
            (void)shutdown(peer->connections[i].fd, SHUT_RDWR);
        }
    }
    (void)pthread_mutex_unlock(&peer->mutex);
    (void)shutdown(peer->listener, SHUT_RDWR);
    assert_int_equal(pthread_join(peer->thread, NULL), 0);
    for (size_t i = 0; i < peer->count; i++) {
        assert_int_equal(pthread_join(peer->connections[i].thread, NULL), 0);
    }
    (void)close(peer->listener);
    (void)pthread_mutex_destroy(&peer->mutex);
}

size_t tcp_peer_count(tcp_peer *peer)
{
    (void)pthread_mutex_lock(&peer->mutex);
    size_t count = peer->count;
    (void)pthread_mutex_unlock(&peer->mutex);
    return count;
}

/* ---- The proxy ---- */

/* Passes on what came, and counts it. False: the connection is over, in this direction. */
static bool tcp_proxy_pass(int from, int to, _Atomic uint64_t *count)
{
    uint8_t bytes[16384];
    ssize_t got = recv(from, bytes, sizeof bytes, 0);
    if (got <= 0) {
        (void)shutdown(to, SHUT_WR);
        return false;
    }
    *count += (uint64_t)got;
    return tcp_send(to, bytes, (size_t)got);
}

static void tcp_proxy_play(void *ctx, int fd, size_t index)
{
    tcp_proxy *proxy = ctx;
    struct pollfd ends[2] = {{.fd = fd, .events = POLLIN},
                             {.fd = tcp_connect(proxy->port), .events = POLLIN}};
    int client = fd;
    int server = ends[1].fd;
    (void)index;
    while (server >= 0 && (ends[0].fd >= 0 || ends[1].fd >= 0) && poll(ends, 2, -1) > 0) {
        if (ends[0].revents != 0 && !tcp_proxy_pass(client, server, &proxy->sent_bytes)) {
            ends[0].fd = -1;
        }
        if (ends[1].fd >= 0 && ends[1].revents != 0 &&
            !tcp_proxy_pass(server, client, &proxy->received_bytes)) {
            ends[1].fd = -1;
        }
    }
    if (server >= 0) {
        (void)close(server);
    }
}

void tcp_proxy_start(tcp_proxy *proxy, uint16_t port)
{
    proxy->port = port;
    proxy->sent_bytes = 0;
    proxy->received_bytes = 0;
    tcp_peer_start(&proxy->peer, tcp_proxy_play, proxy);
}

void tcp_proxy_stop(tcp_proxy *proxy)
{
    tcp_peer_stop(&proxy->peer);
}
