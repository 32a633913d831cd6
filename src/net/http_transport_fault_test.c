/* The transport over libcurl, against peers that are too fast, break the rules, break off or are
 * not there. T and X are the invariants of copse/sys/transport.h and http_transfer.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/http_client.h"
#include "support/http_letters.h"
#include "support/http_script.h"
#include "support/squeeze.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

enum { LETTERS_SIZE = 300000, SQUEEZED_SIZE = LETTERS_SIZE + 1000 };

/* T2, X1: 8 GiB of zeros in 256 KiB. */
static void test_bomb(void **state)
{
    enum { BLOCKS = 65536 };
    static uint8_t frame[16 + 4 * BLOCKS];
    struct rusage before;
    struct rusage after;
    size_t size = 0;
    http_script peer;
    http_client self;
    copse_transport_event event;
    (void)state;
    uint8_t *bytes = http_script_compose("zstd", frame, squeeze_zeros(BLOCKS, frame), &size);
    http_script_start(&peer, bytes, size, HTTP_SCRIPT_CLOSES);
    http_client_init(&self);
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    uint64_t id = http_client_start(&self, peer.peer.port, "/");
    for (int i = 0; i < 200; i++) {
        assert_int_equal(http_client_wait(&self, HTTP_CLIENT_HANG_MS, &event), COPSE_OK);
        assert_int_equal(event.kind, i == 0 ? COPSE_TRANSPORT_HEAD : COPSE_TRANSPORT_BODY);
        assert_true(event.body.len <= COPSE_TRANSPORT_PIECE_MAX);
    }
    assert_true(self.transport->ops->stats(self.transport).received_bytes < 192 << 10);
    self.transport->ops->cancel(self.transport, id);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < 16 << 10); /* KiB */
    assert_true(self.env.peak_bytes < 2 << 20);
    http_client_release(&self);
    http_script_stop(&peer);
    free(bytes);
}

/* X1: who is not waited for fills nothing but the network's buffers. */
static void test_slows_fast_peers(void **state)
{
    enum { PEERS = 4 };
    http_letters server;
    http_client self;
    copse_transport_event event;
    uint64_t ids[PEERS];
    size_t pieces[PEERS] = {0};
    (void)state;
    http_letters_init(&server);
    http_letters_start(&server);
    http_client_init(&self);
    for (size_t i = 0; i < PEERS; i++) {
        ids[i] =
            http_client_start(&self, copse_http_server_port(server.server), "/stream/999999999999");
    }
    for (int i = 0; i < 400; i++) {
        assert_int_equal(http_client_wait(&self, HTTP_CLIENT_HANG_MS, &event), COPSE_OK);
        for (size_t k = 0; k < PEERS; k++) {
            pieces[k] += event.request == ids[k] ? 1 : 0;
        }
    }
    for (size_t k = 0; k < PEERS; k++) {
        assert_true(pieces[k] > 400 / PEERS / 4); /* none is starved */
    }
    uint64_t received = self.transport->ops->stats(self.transport).received_bytes;
    http_client_sleep(50);
    assert_int_equal(self.transport->ops->stats(self.transport).received_bytes, received);
    assert_true(self.env.peak_bytes < (PEERS + 2) * 80 << 10);
    http_client_release(&self); /* which cancels them */
    http_letters_stop(&server);
    assert_int_equal(server.cuts, PEERS);
}

static void test_failures(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"", "the connection was closed without an answer"},
        {"HTTP/1.1 200 OK\r\nContent-Le", "the connection was cut"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "the connection was cut"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
         "the connection was cut"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "the connection was cut"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
         "the answer is broken"},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc", "what came is no HTTP"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "what came is no HTTP"},
        {"\r\n\r\n\r\n", "what came is no HTTP"},
        {"HTTP/9.9 200 OK\r\n\r\n", "what came is no HTTP"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
         "its transfer coding is unknown"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
         "its compression is unknown"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\n"
         "Content-Length: 1\r\n\r\nx",
         "its compression is unknown"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip.",
         "its compression is broken"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 9\r\n\r\nnot zstd.",
         "its compression is broken"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 9\r\n\r\n"
         "\x28\xb5\x2f\xfd\x04\x88\x01\x01\x01",
         "its compression window is too long"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        http_outcome got = http_script_ask(cases[i].text, strlen(cases[i].text));
        assert_int_equal(got.end, COPSE_TRANSPORT_FAILED);
        assert_string_equal(got.reason, cases[i].reason);
    }
}

/* What comes before a cut is handed out. */
static void test_cuts(void **state)
{
    http_letters server;
    http_client self;
    (void)state;
    http_letters_init(&server);
    http_letters_start(&server);
    http_client_init(&self);
    static const char *const paths[] = {"/fail/200000", "/short/200000", "/fail/0"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        http_outcome got = http_client_get(&self, copse_http_server_port(server.server), paths[i]);
        assert_int_equal(got.end, COPSE_TRANSPORT_FAILED);
        assert_string_equal(got.reason, "the connection was cut");
        assert_int_equal(got.heads, 1);
        assert_true(got.is_letters);
    }
    http_client_release(&self);
    http_letters_stop(&server);

    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabcdef";
    http_script peer;
    http_script_start(&peer, half, strlen(half), HTTP_SCRIPT_RESETS);
    http_client_init(&self);
    http_outcome got = http_client_get(&self, peer.peer.port, "/");
    assert_int_equal(got.end, COPSE_TRANSPORT_FAILED);
    assert_string_equal(got.reason, "the connection was cut");
    assert_string_equal(got.begin, "abcdef");
    http_client_release(&self);
    http_script_stop(&peer);
}

static void test_unreachable(void **state)
{
    char url[HTTP_CLIENT_URL_SIZE];
    http_script peer;
    http_client self;
    (void)state;
    http_script_start(&peer, "", 0, HTTP_SCRIPT_CLOSES);
    uint16_t port = peer.peer.port;
    http_script_stop(&peer); /* nobody listens there now */
    http_client_init(&self);
    http_outcome got = http_client_get(&self, port, "/");
    assert_int_equal(got.end, COPSE_TRANSPORT_FAILED);
    assert_string_equal(got.reason, "connection refused");

    /* A label of a name has at most 63 letters, so no server of names is asked. */
    uint64_t id = 0;
    (void)snprintf(url, sizeof url, "http://%070d.invalid/", 0);
    copse_transport_request request = {.url = url};
    assert_int_equal(self.transport->ops->start(self.transport, &request, &id, NULL), COPSE_OK);
    got = http_client_finish(&self, id);
    assert_string_equal(got.reason, "no such host");
    copse_transport_stats stats = self.transport->ops->stats(self.transport);
    assert_int_equal(stats.connections, 0);
    assert_int_equal(stats.sent_bytes, 0);
    http_client_release(&self);
}

/* X4 */
static void test_long_heads(void **state)
{
    static const struct {
        int count;
        const char *line;
        int width;
    } cases[] = {{300, "X: %0*d\r\n", 1},                            /* too many */
                 {100, "X: %0*d\r\n", 800},                          /* too long */
                 {300, "\r\nHTTP/1.1 103 Early\r\nX: %0*d\r\n", 1}}; /* interim ones */
    static char text[128 << 10];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = (size_t)snprintf(text, sizeof text, "HTTP/1.1 103 Early\r\n");
        for (int k = 0; k < cases[i].count; k++) {
            len +=
                (size_t)snprintf(text + len, sizeof text - len, cases[i].line, cases[i].width, k);
        }
        http_outcome got = http_script_ask(text, len);
        assert_int_equal(got.end, COPSE_TRANSPORT_FAILED);
        assert_string_equal(got.reason, "its head is too long");
    }
    static char line[200 << 10] = "HTTP/1.1 200 OK\r\nX: ";
    memset(line + strlen(line), 'x', sizeof line - strlen(line) - 1);
    http_outcome got = http_script_ask(line, sizeof line);
    assert_int_equal(got.end, COPSE_TRANSPORT_FAILED);
    assert_string_equal(got.reason, "out of memory, or its head is too long");
}

/* Whatever comes, there is an end. */
static void test_garbage(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nabcde",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "HTTP/1.1 204 No Content\r\n\r\nabcde",
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/2 200 OK\r\n\r\n"};
    uint64_t seed = 6;
    size_t ends = 0;
    enum { ROUNDS = 350 };
    (void)state;
    for (size_t round = 0; round < ROUNDS; round++) {
        char text[256];
        (void)snprintf(text, sizeof text, "%s", answers[round % 7]);
        size_t len = strlen(text);
        for (size_t i = 0; i < round / 7 % 4; i++) {
            text[test_random_below(&seed, len)] = (char)test_random(&seed);
        }
        ends += http_script_ask(text, len).end == COPSE_TRANSPORT_END ? 1 : 0;
    }
    assert_in_range(ends, ROUNDS / 4, ROUNDS * 3 / 4);
}

/* Answers the first request of a connection, and then closes it: at once, or when the next request
 * came. */
typedef struct fickle {
    tcp_peer peer;
    bool waits;
} fickle;

static void fickle_play(void *ctx, int fd, size_t index)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
    const fickle *self = ctx;
    char request[1024];
    (void)index;
    if (tcp_read_head(fd, request, sizeof request) && tcp_send(fd, answer, sizeof answer - 1) &&
        self->waits) {
        (void)tcp_read_head(fd, request, sizeof request);
    }
}

static void test_stale_connections(void **state)
{
    (void)state;
    for (int waits = 0; waits < 2; waits++) {
        fickle peer = {.waits = waits == 1};
        http_client self;
        tcp_peer_start(&peer.peer, fickle_play, &peer);
        http_client_init(&self);
        for (int i = 0; i < 4; i++) {
            http_outcome got =
                i % 2 == 0 ? http_client_get(&self, peer.peer.port, "/")
                           : http_client_post(&self, peer.peer.port, "/", copse_bytes_of_text(""));
            assert_int_equal(got.end, COPSE_TRANSPORT_END);
            assert_string_equal(got.begin, "ab");
            http_client_sleep(5);
        }
        assert_int_equal(self.transport->ops->stats(self.transport).connections, 4);
        assert_int_equal(tcp_peer_count(&peer.peer), 4);
        http_client_release(&self);
        tcp_peer_stop(&peer.peer);
    }
}

/* The n-th allocation fails, of a request whose answer is compressed. */
static copse_status sweep_run(const copse_env *env, void *ctx)
{
    const http_script *peer = ctx;
    char url[HTTP_CLIENT_URL_SIZE];
    copse_transport *transport = NULL;
    copse_transport_event event = {.kind = COPSE_TRANSPORT_HEAD};
    uint64_t id = 0;
    copse_transport_request request = {.url = http_client_url(url, peer->peer.port, "/"),
                                       .content_type = "a/b",
                                       .body = copse_bytes_of_text("")};
    copse_status status = copse_transport_http_new(env, &transport, NULL);
    if (status == COPSE_OK) {
        status = transport->ops->start(transport, &request, &id, NULL);
    }
    while (status == COPSE_OK && event.kind != COPSE_TRANSPORT_END) {
        status = transport->ops->wait(
            transport, transport->ops->now(transport) + HTTP_CLIENT_HANG_MS, &event, NULL);
    }
    if (status == COPSE_NOMEM && id != 0) { /* then the request is over, and this was why */
        assert_int_equal(transport->ops->wait(transport, 0, &event, NULL), COPSE_OK);
        assert_int_equal(event.kind, COPSE_TRANSPORT_FAILED);
        assert_string_equal(event.reason, "out of memory");
    }
    (void)copse_transport_free(transport);
    return status;
}

static void test_out_of_memory(void **state)
{
    static uint8_t letters[LETTERS_SIZE];
    static uint8_t squeezed[SQUEEZED_SIZE];
    (void)state;
    http_letters_fill(letters, LETTERS_SIZE);
    for (int i = 0; i < 2; i++) {
        size_t size = 0;
        size_t len = i == 0 ? squeeze_zstd(letters, LETTERS_SIZE, squeezed, SQUEEZED_SIZE)
                            : squeeze_gzip(letters, LETTERS_SIZE, squeezed, SQUEEZED_SIZE);
        uint8_t *bytes = http_script_compose(i == 0 ? "zstd" : "gzip", squeezed, len, &size);
        http_script peer;
        http_script_start(&peer, bytes, size, HTTP_SCRIPT_ANSWERS_ON);
        assert_true(test_env_sweep(sweep_run, &peer, 50) >= 5);
        http_script_stop(&peer);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bomb),          cmocka_unit_test(test_slows_fast_peers),
        cmocka_unit_test(test_failures),      cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_unreachable),   cmocka_unit_test(test_long_heads),
        cmocka_unit_test(test_garbage),       cmocka_unit_test(test_stale_connections),
        cmocka_unit_test(test_out_of_memory),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
