/* The transport over libcurl, against our own server, a proxy before it that counts, and
 * scripted answers. T and X are the invariants of copse/sys/transport.h and http_transfer.h.
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

#include <cmocka.h>

enum { LETTERS_SIZE = 300000, SQUEEZED_SIZE = LETTERS_SIZE + 1000 };

static void test_gets_and_posts(void **state)
{
    http_letters server;
    http_client self;
    static uint8_t body[LETTERS_SIZE];
    (void)state;
    http_letters_init(&server);
    http_letters_start(&server);
    http_client_init(&self);
    uint16_t port = copse_http_server_port(server.server);
    static const struct {
        const char *path;
        unsigned status;
        uint64_t len;
    } gets[] = {{"/known/0", 200, 0},
                {"/known/3", 200, 3},
                {"/known/3000000", 200, 3000000},
                {"/stream/3000000", 200, 3000000},
                {"/stream/0", 200, 0},
                {"/nothing", 404, 0}};
    for (size_t i = 0; i < sizeof gets / sizeof gets[0]; i++) {
        http_outcome got = http_client_get(&self, port, gets[i].path);
        assert_int_equal(got.end, COPSE_TRANSPORT_END);
        assert_int_equal(got.status, gets[i].status);
        assert_int_equal(got.len, gets[i].len);
        assert_true(got.is_letters);
    }
    http_outcome posted = http_client_post(&self, port, "/body", (copse_bytes){body, sizeof body});
    assert_int_equal(posted.end, COPSE_TRANSPORT_END);
    assert_int_equal(posted.len, sizeof body);
    posted = http_client_post(&self, port, "/body", (copse_bytes){NULL, 0});
    assert_int_equal(posted.end, COPSE_TRANSPORT_END);
    assert_int_equal(posted.len, 0);
    copse_transport_stats stats = self.transport->ops->stats(self.transport);
    assert_int_equal(stats.requests, 8);
    assert_int_equal(stats.connections, 1);
    http_client_release(&self);
    http_letters_stop(&server);
    assert_int_equal(server.exchanges, 8);
}

static void test_request_on_the_wire(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char expected[1024];
    char request[1024];
    http_script peer;
    http_client self;
    (void)state;
    http_script_start(&peer, answer, strlen(answer), HTTP_SCRIPT_ANSWERS_ON);
    http_client_init(&self);
    (void)http_client_get(&self, peer.peer.port, "/a?b=c%20d#fragment");
    (void)snprintf(expected, sizeof expected,
                   "GET /a?b=c%%20d HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: copse/%s\r\n"
                   "Accept: */*\r\nAccept-Encoding: zstd, gzip\r\n\r\n",
                   peer.peer.port, COPSE_VERSION);
    assert_string_equal(http_script_request(&peer, request), expected);
    (void)http_client_post(&self, peer.peer.port, "/b", copse_bytes_of_text(""));
    (void)snprintf(expected, sizeof expected,
                   "POST /b HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: copse/%s\r\n"
                   "Accept-Encoding: zstd, gzip\r\nAccept: application/vnd.ipld.car\r\n"
                   "Content-Type: application/vnd.ipld.dag-cbor\r\nContent-Length: 0\r\n\r\n",
                   peer.peer.port, COPSE_VERSION);
    assert_string_equal(http_script_request(&peer, request), expected);
    char url[HTTP_CLIENT_URL_SIZE];
    uint64_t id = 0;
    const copse_transport_request events = {.url = http_client_url(url, peer.peer.port, "/c"),
                                            .accept = "text/event-stream",
                                            .last_event_id = "bafy"};
    assert_int_equal(self.transport->ops->start(self.transport, &events, &id, NULL), COPSE_OK);
    (void)http_client_finish(&self, id);
    (void)snprintf(expected, sizeof expected,
                   "GET /c HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: copse/%s\r\n"
                   "Accept-Encoding: zstd, gzip\r\nAccept: text/event-stream\r\n"
                   "Last-Event-ID: bafy\r\n\r\n",
                   peer.peer.port, COPSE_VERSION);
    assert_string_equal(http_script_request(&peer, request), expected);
    http_client_release(&self);
    http_script_stop(&peer);
}

/* The events of a GET of ten bytes from 100 on. */
static copse_transport_event range_ask(http_client *self, uint16_t port)
{
    char url[HTTP_CLIENT_URL_SIZE];
    copse_transport_event event = {.request = 0};
    copse_transport_event head = {.request = 0};
    uint64_t id = 0;
    const copse_transport_request request = {
        .url = http_client_url(url, port, "/a.car"), .range_from = 100, .range_size = 10};
    assert_int_equal(self->transport->ops->start(self->transport, &request, &id, NULL), COPSE_OK);
    do {
        assert_int_equal(http_client_wait(self, HTTP_CLIENT_HANG_MS, &event), COPSE_OK);
        if (event.kind == COPSE_TRANSPORT_HEAD) {
            head = event;
            assert_true(event.etag.len < 8);
            head.reason = event.etag.len > 0 ? "etag" : "none";
        }
    } while (event.kind != COPSE_TRANSPORT_END && event.kind != COPSE_TRANSPORT_FAILED);
    head.kind = event.kind;
    return head;
}

/* T5, and what a head says of a range. */
static void test_ranges(void **state)
{
    static const struct {
        const char *text;
        copse_transport_event_kind end;
        uint64_t from;
        uint64_t size;
        uint64_t total;
        const char *etag;
    } cases[] = {
        {"HTTP/1.1 206 Part\r\nContent-Range: bytes 100-109/5000\r\nETag: \"x\"\r\n"
         "Content-Length: 10\r\n\r\n0123456789",
         COPSE_TRANSPORT_END, 100, 10, 5000, "etag"},
        {"HTTP/1.1 206 Part\r\nContent-Range: bytes 100-109/*\r\nContent-Length: 10\r\n\r\n"
         "0123456789",
         COPSE_TRANSPORT_END, 100, 10, 0, "none"},
        {"HTTP/1.1 206 Part\r\nContent-Range: nonsense\r\nContent-Length: 2\r\n\r\nhi",
         COPSE_TRANSPORT_END, 0, 0, 0, "none"},
        {"HTTP/1.1 200 OK\r\nContent-Range: bytes 1-2/3\r\nContent-Length: 2\r\n\r\nhi",
         COPSE_TRANSPORT_END, 0, 0, 2, "none"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
         COPSE_TRANSPORT_END, 0, 0, 0, "none"},
        {"HTTP/1.1 206 Part\r\nContent-Range: bytes 100-101/5000\r\nContent-Encoding: gzip\r\n"
         "Content-Length: 2\r\n\r\nhi",
         COPSE_TRANSPORT_FAILED, 0, 0, 0, NULL},
    };
    char expected[1024];
    char request[1024];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        http_script peer;
        http_client self;
        http_script_start(&peer, cases[i].text, strlen(cases[i].text), HTTP_SCRIPT_CLOSES);
        http_client_init(&self);
        copse_transport_event head = range_ask(&self, peer.peer.port);
        assert_int_equal(head.kind, cases[i].end);
        assert_int_equal(head.range_from, cases[i].from);
        assert_int_equal(head.range_size, cases[i].size);
        assert_int_equal(head.total_size, cases[i].total);
        assert_true(cases[i].etag == NULL || strcmp(head.reason, cases[i].etag) == 0);
        (void)snprintf(expected, sizeof expected,
                       "GET /a.car HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: copse/%s\r\n"
                       "Accept: */*\r\nAccept-Encoding: identity\r\nRange: bytes=100-109\r\n\r\n",
                       peer.peer.port, COPSE_VERSION);
        assert_string_equal(http_script_request(&peer, request), expected);
        http_client_release(&self);
        http_script_stop(&peer);
    }
}

/* T4, and what a head says. */
static void test_heads(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
        const char *type;
        const char *root;
        uint32_t retry_after_ms;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\ncopse-root:  bafy \r\n"
         "Content-Length: 2\r\n\r\nhi",
         200, "text/plain", "bafy", 0, "hi"},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302,
         "", "", 0, ""},
        {"HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nno\n", 503, "", "", 7000,
         "no\n"},
        {"HTTP/1.1 429 No\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n", 429,
         "", "", UINT32_MAX, ""},
        {"HTTP/1.1 503 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n"
         "\r\n",
         503, "", "", 0, ""},
        {"HTTP/1.1 100 Continue\r\nCopse-Root: no\r\n\r\nHTTP/1.1 103 Early\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
         200, "", "", 0, "hi"},
        {"HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nto the end", 200, "a/b", "", 0, "to the end"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
         "Copse-Root: trailer\r\n\r\n",
         200, "", "", 0, "hi"},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", "", 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        http_outcome got = http_script_ask(cases[i].text, strlen(cases[i].text));
        assert_int_equal(got.end, COPSE_TRANSPORT_END);
        assert_int_equal(got.status, cases[i].status);
        assert_string_equal(got.content_type, cases[i].type);
        assert_string_equal(got.copse_root, cases[i].root);
        assert_int_equal(got.retry_after_ms, cases[i].retry_after_ms);
        assert_string_equal(got.begin, cases[i].body);
    }
}

/* T2, X2 */
static void test_decodes(void **state)
{
    static uint8_t letters[LETTERS_SIZE];
    static uint8_t squeezed[SQUEEZED_SIZE];
    (void)state;
    http_letters_fill(letters, LETTERS_SIZE);
    for (int i = 0; i < 4; i++) {
        size_t size = 0;
        bool is_zstd = i % 2 == 0;
        size_t len = is_zstd ? squeeze_zstd(letters, LETTERS_SIZE, squeezed, SQUEEZED_SIZE)
                             : squeeze_gzip(letters, LETTERS_SIZE, squeezed, SQUEEZED_SIZE);
        bool is_cut = i >= 2;
        uint8_t *bytes =
            http_script_compose(is_zstd ? "zstd" : "GZIP", squeezed, is_cut ? len - 1 : len, &size);
        http_outcome got = http_script_ask(bytes, size);
        assert_true(got.is_letters);
        assert_int_equal(got.end, is_cut ? COPSE_TRANSPORT_FAILED : COPSE_TRANSPORT_END);
        if (is_cut) {
            assert_string_equal(got.reason, "its compressed body ends too soon");
        } else {
            assert_int_equal(got.len, LETTERS_SIZE);
        }
        free(bytes);
    }
}

/* X3: what the client counts is what a proxy between it and the server sees. */
static void test_counts_the_wire(void **state)
{
    static uint8_t body[LETTERS_SIZE];
    http_letters server;
    tcp_proxy proxy;
    http_client self;
    (void)state;
    http_letters_init(&server);
    http_letters_start(&server);
    tcp_proxy_start(&proxy, copse_http_server_port(server.server));
    http_client_init(&self);
    static const char *const paths[] = {"/known/0",  "/known/100000", "/stream/1234567", "/nothing",
                                        "/stream/0", "/short/100000", "/fail/70000"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        http_outcome got = http_client_get(&self, proxy.peer.port, paths[i]);
        assert_int_equal(got.end, i < 5 ? COPSE_TRANSPORT_END : COPSE_TRANSPORT_FAILED);
        copse_transport_stats stats = self.transport->ops->stats(self.transport);
        assert_int_equal(stats.sent_bytes, proxy.sent_bytes);
        assert_int_equal(stats.received_bytes, proxy.received_bytes);
    }
    (void)http_client_post(&self, proxy.peer.port, "/body", (copse_bytes){body, sizeof body});
    copse_transport_stats stats = self.transport->ops->stats(self.transport);
    assert_true(stats.sent_bytes > sizeof body);
    assert_int_equal(stats.sent_bytes, proxy.sent_bytes);
    assert_int_equal(stats.received_bytes, proxy.received_bytes);
    assert_int_equal(stats.connections, tcp_peer_count(&proxy.peer));
    http_client_release(&self);
    tcp_proxy_stop(&proxy);
    http_letters_stop(&server);
}

/* X3: likewise for compressed bodies, interim answers and trailers: all that is sent is counted. */
static void test_counts_what_is_decoded(void **state)
{
    static const char chunked[] = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nabcde\r\n"
                                  "3\r\nfgh\r\n0\r\nTrailer: z\r\n\r\n";
    static uint8_t letters[LETTERS_SIZE];
    static uint8_t squeezed[SQUEEZED_SIZE];
    (void)state;
    http_letters_fill(letters, LETTERS_SIZE);
    for (int i = 0; i < 3; i++) {
        size_t size = sizeof chunked - 1;
        size_t len = i == 0 ? squeeze_gzip(letters, LETTERS_SIZE, squeezed, SQUEEZED_SIZE)
                            : squeeze_zstd(letters, LETTERS_SIZE, squeezed, SQUEEZED_SIZE);
        uint8_t *bytes =
            i == 2 ? NULL : http_script_compose(i == 0 ? "gzip" : "zstd", squeezed, len, &size);
        char request[1024];
        http_script peer;
        http_client self;
        http_script_start(&peer, bytes != NULL ? (const void *)bytes : chunked, size,
                          HTTP_SCRIPT_ANSWERS_ON);
        http_client_init(&self);
        for (uint64_t round = 1; round <= 3; round++) {
            http_outcome got = http_client_get(&self, peer.peer.port, "/x");
            assert_int_equal(got.end, COPSE_TRANSPORT_END);
            assert_true(got.is_letters);
            copse_transport_stats stats = self.transport->ops->stats(self.transport);
            assert_int_equal(stats.received_bytes, round * size);
            assert_int_equal(stats.sent_bytes, round * strlen(http_script_request(&peer, request)));
        }
        http_client_release(&self);
        http_script_stop(&peer);
        free(bytes);
    }
}

static void test_many_at_once(void **state)
{
    enum { REQUESTS = 200 };
    static http_outcome outcomes[REQUESTS + 1];
    http_letters server;
    http_client self;
    copse_transport_event event;
    size_t ended = 0;
    (void)state;
    http_letters_init(&server);
    http_letters_start(&server);
    http_client_init(&self);
    memset(outcomes, 0, sizeof outcomes);
    for (size_t i = 1; i <= REQUESTS; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "/%s/%zu", i % 2 == 0 ? "known" : "stream", i * 1000);
        assert_int_equal(http_client_start(&self, copse_http_server_port(server.server), path), i);
    }
    while (ended < REQUESTS) {
        assert_int_equal(http_client_wait(&self, HTTP_CLIENT_HANG_MS, &event), COPSE_OK);
        assert_in_range(event.request, 1, REQUESTS);
        ended += http_outcome_take(&outcomes[event.request], &event) ? 1 : 0;
    }
    assert_int_equal(self.transport->ops->wait(self.transport, UINT64_MAX, &event, NULL),
                     COPSE_END);
    for (size_t i = 1; i <= REQUESTS; i++) {
        assert_int_equal(outcomes[i].end, COPSE_TRANSPORT_END);
        assert_int_equal(outcomes[i].status, 200);
        assert_int_equal(outcomes[i].len, i * 1000);
        assert_true(outcomes[i].is_letters);
    }
    http_client_release(&self);
    http_letters_stop(&server);
}

/* T1: cancelled after its n-th event, for each n, also before and while it connects. */
static void test_cancels(void **state)
{
    http_letters server;
    http_client self;
    copse_transport_event event;
    (void)state;
    http_letters_init(&server);
    http_letters_start(&server);
    http_client_init(&self);
    uint16_t port = copse_http_server_port(server.server);
    const copse_transport_ops *ops = self.transport->ops;
    bool whole = false;
    for (int events = -2; !whole; events++) {
        uint64_t id = http_client_start(&self, port, "/known/200000");
        uint64_t other = http_client_start(&self, port, "/known/5");
        if (events == -1) {
            (void)ops->wait(self.transport, 0, &event, NULL);
        }
        for (int i = 0; i < events && !whole;) {
            assert_int_equal(http_client_wait(&self, HTTP_CLIENT_HANG_MS, &event), COPSE_OK);
            i += event.request == id ? 1 : 0;
            whole = event.request == id && event.kind == COPSE_TRANSPORT_END;
        }
        ops->cancel(self.transport, id);
        ops->cancel(self.transport, id);
        while (ops->wait(self.transport, UINT64_MAX, &event, NULL) == COPSE_OK) {
            assert_int_equal(event.request, other);
        }
        assert_int_equal(http_client_get(&self, port, "/known/7").len, 7);
    }
    ops->cancel(self.transport, UINT64_MAX);
    http_client_release(&self);
    http_letters_stop(&server);
}

/* A peer that says nothing: wait comes back in time, and a cancel too. */
static void silent_play(void *ctx, int fd, size_t index)
{
    (void)ctx;
    (void)index;
    tcp_drain(fd);
}

static void test_waits_no_longer(void **state)
{
    tcp_peer peer;
    http_client self;
    copse_transport_event event;
    (void)state;
    tcp_peer_start(&peer, silent_play, NULL);
    http_client_init(&self);
    const copse_transport_ops *ops = self.transport->ops;
    uint64_t begin = ops->now(self.transport);
    /* No request runs: somebody waits to try again. */
    assert_int_equal(http_client_wait(&self, 60, &event), COPSE_END);
    assert_in_range(ops->now(self.transport) - begin, 59, 1000);
    assert_int_equal(ops->wait(self.transport, UINT64_MAX, &event, NULL), COPSE_END);
    uint64_t id = http_client_start(&self, peer.port, "/");
    begin = ops->now(self.transport);
    assert_int_equal(http_client_wait(&self, 60, &event), COPSE_END);
    assert_in_range(ops->now(self.transport) - begin, 59, 1000);
    assert_int_equal(http_client_wait(&self, 0, &event), COPSE_END);
    ops->cancel(self.transport, id);
    http_client_release(&self);
    tcp_peer_stop(&peer);
}

static void test_misuse(void **state)
{
    static const char *const urls[] = {"",
                                       "nonsense",
                                       "/path",
                                       "ftp://127.0.0.1/",
                                       "file:///etc/hostname",
                                       "http://",
                                       "http://a b/",
                                       "http://user:word@127.0.0.1/",
                                       "http://127.0.0.1:99999/",
                                       "http://127.0.0.1/\r\nX: y"};
    http_client self;
    (void)state;
    http_client_init(&self);
    const copse_transport_ops *ops = self.transport->ops;
    uint64_t id = 99;
    copse_err err = {.status = COPSE_OK};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        copse_transport_request request = {.url = urls[i]};
        assert_int_equal(ops->start(self.transport, &request, &id, &err), COPSE_MISUSE);
    }
    copse_transport_request request = {.url = "http://127.0.0.1/", .accept = "a\r\nX: y"};
    assert_int_equal(ops->start(self.transport, &request, &id, &err), COPSE_MISUSE);
    assert_int_equal(id, 99);
    assert_int_equal(ops->stats(self.transport).requests, 0);
    http_client_release(&self);
    assert_null(copse_transport_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gets_and_posts),
        cmocka_unit_test(test_request_on_the_wire),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_decodes),
        cmocka_unit_test(test_counts_the_wire),
        cmocka_unit_test(test_counts_what_is_decoded),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_cancels),
        cmocka_unit_test(test_waits_no_longer),
        cmocka_unit_test(test_misuse),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
