/* What clients do to a server, by mistake or on purpose, while another one asks as it should: that
 * one gets all its answers. The invariants V1 to V6 are those of http_server.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "net/http_server.h"

#include "support/http_letters.h"
#include "support/raw_client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ABUSERS = 40, ABUSER_HOST = 2, GOOD_HOST = 9 };

#define HOST "Host: h\r\n"

typedef struct abuse {
    http_letters letters;
    uint16_t port;
    int good; /* the connection of the client that behaves */
    size_t good_answers;
    int fds[ABUSERS];
} abuse;

static void abuse_ready(abuse *self)
{
    *self = (abuse){.good = -1};
    http_letters_init(&self->letters);
    self->letters.env.env.limits.http_request_ms_max = 200;
    self->letters.env.env.limits.http_write_ms_max = 200;
    self->letters.env.env.limits.http_connections_max = 3 * ABUSERS;
}

static void abuse_start(abuse *self)
{
    http_letters_start(&self->letters);
    self->port = copse_http_server_port(self->letters.server);
    self->good = raw_client_connect(self->port, GOOD_HOST);
}

static void abuse_connect_all(abuse *self)
{
    for (int i = 0; i < ABUSERS; i++) {
        self->fds[i] = raw_client_connect_narrow(self->port, ABUSER_HOST);
    }
}

static void abuse_close_all(abuse *self)
{
    for (int i = 0; i < ABUSERS; i++) {
        (void)close(self->fds[i]);
    }
}

/* The client that behaves asks on its connection, which stays the same. */
static void abuse_ask_well(abuse *self)
{
    char text[1024];
    const char *answer = "\r\n\r\nabcdefg";
    raw_client_send(self->good, "GET /known/7 HTTP/1.1\r\n" HOST "\r\n");
    size_t len = 0;
    do {
        len += raw_client_receive(self->good, text + len, sizeof text - len, 1);
    } while (len < strlen(answer) || strcmp(text + len - strlen(answer), answer) != 0);
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    self->good_answers++;
}

/* Stops the server: what it counted may then be looked at. */
static void abuse_stop(abuse *self)
{
    assert_true(self->good_answers > 0);
    (void)close(self->good);
    copse_http_server_stop(self->letters.server);
    http_letters_join(&self->letters);
}

/* Ends it all; `dropped`: so many of the others were, for being slow. */
static void abuse_end(abuse *self, uint64_t dropped)
{
    assert_int_equal(copse_http_server_get_stats(self->letters.server).dropped, dropped);
    http_letters_end(&self->letters);
}

/* V2: bytes that dribble. */
static void test_slow_requests(void **state)
{
    static const char request[] = "GET /known/1 HTTP/1.1\r\nHost: h\r\n\r\n";
    abuse self;
    char text[512];
    (void)state;
    abuse_ready(&self);
    abuse_start(&self);
    abuse_connect_all(&self);
    for (int i = 0; i < ABUSERS; i += 2) { /* half of them behind one that is whole */
        raw_client_send(self.fds[i], request);
        (void)raw_client_receive(self.fds[i], text, sizeof text, 60);
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < ABUSERS; i++) {
            (void)send(self.fds[i], &request[round], 1, MSG_NOSIGNAL);
        }
        abuse_ask_well(&self);
        raw_client_sleep(40);
    }
    for (int i = 0; i < ABUSERS; i++) {
        (void)raw_client_receive(self.fds[i], text, sizeof text, SIZE_MAX);
        assert_non_null(strstr(text, "HTTP/1.1 408 "));
    }
    abuse_close_all(&self);
    abuse_stop(&self);
    abuse_end(&self, ABUSERS);
}

/* V1: heads and bodies without an end. */
static void test_endless_requests(void **state)
{
    static const struct endless_row {
        const char *begin;
        const char *again;
        const char *status;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "A: ", "aaaaaaaaaaaaaaaa", "HTTP/1.1 431 "},
        {"GET / HTTP/1.1\r\n" HOST, "A: bbbbbbbbbb\r\n", "HTTP/1.1 431 "},
        {"GET /", "aaaaaaaaaaaaaaaa", "HTTP/1.1 414 "},
        {"POST /body HTTP/1.1\r\n" HOST "Content-Length: 999999999999\r\n\r\n", "aaaaaaaaaaaaaaaa",
         "HTTP/1.1 413 "},
        {"POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "4\r\naaaa\r\n",
         "HTTP/1.1 413 "},
        {"POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", "aaaaaaaaaaaaaaaa",
         "HTTP/1.1 413 "},
    };
    static char block[1 << 16];
    abuse self;
    char text[512];
    (void)state;
    abuse_ready(&self);
    abuse_start(&self);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        size_t len = strlen(rows[row].again);
        for (size_t at = 0; at + len <= sizeof block; at += len) {
            memcpy(block + at, rows[row].again, len);
        }
        int fd = raw_client_connect(self.port, ABUSER_HOST);
        raw_client_send(fd, rows[row].begin);
        /* What is left of the block begins anew each time: it is a whole number of repetitions. */
        for (int i = 0; i < 64 && send(fd, block, sizeof block / len * len, MSG_NOSIGNAL) > 0;
             i++) {
            abuse_ask_well(&self);
        }
        (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
        /* A client that goes on sending may be reset before it reads. */
        assert_true(text[0] == '\0' || strncmp(text, rows[row].status, 13) == 0);
        (void)close(fd);
    }
    abuse_stop(&self);
    /* A body of the largest size, grown to by doubling, and little else. */
    assert_true(self.letters.env.peak_bytes < ((size_t)4 << 20));
    abuse_end(&self, 0);
}

/* A client may shut its direction behind its requests: it gets its answers, whole. */
static void test_half_closed(void **state)
{
    enum { SIZE = 400000 };
    abuse self;
    char *text = malloc(SIZE + 4096);
    (void)state;
    assert_non_null(text);
    abuse_ready(&self);
    abuse_start(&self);
    for (int i = 0; i < 20; i++) {
        int fd = raw_client_connect(self.port, ABUSER_HOST);
        raw_client_send(fd, i % 2 == 0 ? "GET /known/3 HTTP/1.1\r\n" HOST
                                         "\r\nGET /known/400000 HTTP/1.1\r\n" HOST "\r\n"
                                       : "GET /stream/400000 HTTP/1.0\r\n\r\n");
        (void)shutdown(fd, SHUT_WR);
        abuse_ask_well(&self);
        size_t len = raw_client_receive(fd, text, SIZE + 4096, SIZE_MAX);
        assert_true(len > SIZE);
        assert_int_equal(text[len - 1], 'a' + (SIZE - 1) % 26);
        (void)close(fd);
    }
    free(text);
    abuse_stop(&self);
    assert_int_equal(self.letters.cuts, 0);
    abuse_end(&self, 0);
}

/* V3: a hundred requests in one packet. */
static void test_pipelining(void **state)
{
    enum { REQUESTS = 100 };
    static char text[1 << 16];
    char expected[64];
    abuse self;
    size_t len = 0;
    (void)state;
    abuse_ready(&self);
    abuse_start(&self);
    for (int i = 0; i < REQUESTS; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "GET /known/%d HTTP/1.1\r\n" HOST "%s\r\n", i,
                                i + 1 == REQUESTS ? "Connection: close\r\n" : "");
    }
    int fd = raw_client_connect(self.port, ABUSER_HOST);
    raw_client_send(fd, text);
    abuse_ask_well(&self);
    (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
    const char *at = text;
    for (int i = 0; i < REQUESTS; i++) {
        (void)snprintf(expected, sizeof expected, "Content-Length: %d\r\n", i);
        assert_memory_equal(at, "HTTP/1.1 200 ", 13);
        const char *body = raw_client_body(at);
        const char *found = strstr(at, expected);
        assert_true(found != NULL && found < body);
        at = body + i;
    }
    assert_string_equal(at, "");
    (void)close(fd);
    abuse_stop(&self);
    assert_int_equal(self.letters.exchanges, REQUESTS + 1);
    abuse_end(&self, 0);
}

/* V1, V2: they ask for much and read nothing, with more requests behind. */
static void test_readers_that_never_read(void **state)
{
    enum { READERS = 8 };
    abuse self;
    (void)state;
    abuse_ready(&self);
    abuse_start(&self);
    for (int i = 0; i < READERS; i++) {
        self.fds[i] = raw_client_connect_narrow(self.port, ABUSER_HOST);
        raw_client_send(self.fds[i], "GET /stream/9999999999 HTTP/1.1\r\n" HOST
                                     "\r\nGET /known/3 HTTP/1.1\r\n" HOST "\r\n");
    }
    for (int round = 0; round < 25; round++) {
        abuse_ask_well(&self);
        raw_client_sleep(60);
    }
    for (int i = 0; i < READERS; i++) {
        (void)close(self.fds[i]);
    }
    abuse_stop(&self);
    assert_int_equal(self.letters.cuts, READERS);
    assert_true(self.letters.env.peak_bytes < (READERS + 4) * (COPSE_HTTP_PIECE_SIZE_BYTES + 8192));
    abuse_end(&self, READERS);
}

/* Answers that are gathered, and then not read. */
static void test_pipelines_that_are_not_read(void **state)
{
    static char text[1 << 14];
    abuse self;
    size_t len = 0;
    (void)state;
    abuse_ready(&self);
    abuse_start(&self);
    abuse_connect_all(&self);
    while (len + 64 < sizeof text) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "GET /known/9000 HTTP/1.1\r\n" HOST "\r\n");
    }
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < ABUSERS; i++) {
            (void)send(self.fds[i], text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        abuse_ask_well(&self);
        raw_client_sleep(30);
    }
    abuse_close_all(&self);
    abuse_stop(&self);
    assert_true(self.letters.env.peak_bytes < (ABUSERS + 4) * ((size_t)96 << 10));
    abuse_end(&self, ABUSERS);
}

static void test_storm(void **state)
{
    enum { ROUNDS = 50 };
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    abuse self;
    (void)state;
    abuse_ready(&self);
    abuse_start(&self);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 10; i++) {
            int fd = raw_client_connect(self.port, ABUSER_HOST);
            if (i % 5 > 0) {
                raw_client_send(fd, i % 5 == 1   ? "GET /stream/99999999 HTTP/1.1\r\n" HOST "\r\n"
                                    : i % 5 == 2 ? "GET /known/5 HTTP/1.1\r\n" HOST "\r\nGET"
                                    : i % 5 == 3 ? "GET /trickle/9 HTTP/1.1\r\n" HOST "\r\n"
                                                 : "\x16\x03\x01");
            }
            if (i % 2 == 0) {
                (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            }
            (void)close(fd);
        }
        abuse_ask_well(&self);
    }
    raw_client_sleep(200);
    abuse_stop(&self);
    assert_int_equal(copse_http_server_get_stats(self.letters.server).accepted, 10 * ROUNDS + 1);
    abuse_end(&self, 0);
}

/* V6 */
static void test_connections_of_an_address(void **state)
{
    abuse self;
    char text[512];
    (void)state;
    abuse_ready(&self);
    self.letters.env.env.limits.http_address_connections_max = ABUSERS;
    abuse_start(&self);
    abuse_connect_all(&self);
    abuse_ask_well(&self); /* so that all were accepted */
    int fd = raw_client_connect(self.port, ABUSER_HOST);
    (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_memory_equal(text, "HTTP/1.1 429 ", 13);
    assert_non_null(strstr(text, "Retry-After: 1\r\n"));
    assert_non_null(strstr(text, "Content-Length: 64\r\n"));
    assert_int_equal(strlen(raw_client_body(text)), 64);
    (void)close(fd);
    fd = raw_client_connect(self.port, ABUSER_HOST + 1);
    raw_client_send(fd, "GET /known/3 HTTP/1.0\r\n\r\n");
    (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    (void)close(fd);
    (void)close(self.fds[0]);
    raw_client_sleep(50);
    fd = self.fds[0] = raw_client_connect(self.port, ABUSER_HOST);
    raw_client_send(fd, "GET /known/3 HTTP/1.0\r\n\r\n");
    (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    abuse_close_all(&self);
    abuse_stop(&self);
    assert_int_equal(copse_http_server_get_stats(self.letters.server).refused, 1);
    abuse_end(&self, 0);
}

/* Sends a request that may name a client, and returns the status of its answer. */
static unsigned abuse_status(int fd, const char *path, const char *header)
{
    char text[512];
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "%s\r\n", path, header);
    raw_client_send(fd, text);
    (void)raw_client_receive(fd, text, sizeof text, 13);
    assert_memory_equal(text, "HTTP/1.1 ", 9);
    return (unsigned)strtoul(text + 9, NULL, 10);
}

/* V6: what is on its way to one address is bounded; the connection of a request too many stays. */
static void test_answers_to_an_address(void **state)
{
    abuse self;
    (void)state;
    abuse_ready(&self);
    self.letters.env.env.limits.http_address_answers_max = 2;
    abuse_start(&self);
    for (int i = 0; i < 3; i++) {
        self.fds[i] = raw_client_connect(self.port, ABUSER_HOST);
        assert_int_equal(abuse_status(self.fds[i], i < 2 ? "/trickle/99999" : "/known/3", ""),
                         i < 2 ? 200 : 429);
        abuse_ask_well(&self);
    }
    (void)close(self.fds[0]);
    raw_client_sleep(150);
    assert_int_equal(abuse_status(self.fds[2], "/known/3", ""), 200);
    (void)close(self.fds[1]);
    (void)close(self.fds[2]);
    abuse_stop(&self);
    abuse_end(&self, 0);
}

/* V6: a trusted proxy has its clients counted, and none else can name another. */
static void test_clients_of_a_proxy(void **state)
{
    static const char *const proxies[] = {"127.0.0.2"};
    abuse self;
    (void)state;
    abuse_ready(&self);
    self.letters.env.env.limits.http_address_answers_max = 1;
    self.letters.env.env.limits.http_address_connections_max = 2;
    self.letters.options.proxies = proxies;
    self.letters.options.proxies_count = 1;
    abuse_start(&self);
    abuse_connect_all(&self); /* of the proxy: not counted */
    assert_int_equal(abuse_status(self.fds[0], "/trickle/99999", "X-Forwarded-For: 1.2.3.4\r\n"),
                     200);
    assert_int_equal(abuse_status(self.fds[1], "/known/3", "X-Forwarded-For: 1.2.3.4\r\n"), 429);
    assert_int_equal(abuse_status(self.fds[2], "/known/3", "X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\n"),
                     200);
    int other = raw_client_connect(self.port, ABUSER_HOST + 1);
    assert_int_equal(abuse_status(other, "/known/3", "X-Forwarded-For: 1.2.3.4\r\n"), 200);
    abuse_ask_well(&self);
    (void)close(other);
    abuse_stop(&self); /* which ends what trickles, as the last one */
    assert_string_equal(self.letters.last_peer, "1.2.3.4");
    abuse_close_all(&self);
    abuse_end(&self, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_requests),
        cmocka_unit_test(test_endless_requests),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_readers_that_never_read),
        cmocka_unit_test(test_pipelines_that_are_not_read),
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_connections_of_an_address),
        cmocka_unit_test(test_answers_to_an_address),
        cmocka_unit_test(test_clients_of_a_proxy),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
