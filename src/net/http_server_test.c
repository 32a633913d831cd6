/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_server.h"

#include <copse/sys/os.h>

#include "support/http_letters.h"
#include "support/raw_client.h"

#include <errno.h>
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

static void server_start(http_letters *self)
{
    http_letters_init(self);
    self->env.env.limits.http_request_ms_max = 400;
    self->env.env.limits.http_idle_ms_max = 600;
    self->env.env.limits.http_write_ms_max = 400;
    self->env.env.limits.http_stop_ms_max = 1500;
    self->env.env.limits.http_connections_max = 2;
    http_letters_start(self);
}

/* ---- A client ---- */

static int client_connect(const http_letters *self)
{
    return raw_client_connect(copse_http_server_port(self->server), 1);
}

/* One exchange that ends the connection. */
static size_t client_ask(const http_letters *self, const char *text, char *ret_text, size_t size)
{
    int fd = client_connect(self);
    raw_client_send(fd, text);
    size_t len = raw_client_receive(fd, ret_text, size, SIZE_MAX);
    (void)close(fd);
    return len;
}

#define HOST "Host: h\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

/* ---- Tests ---- */

static void test_answers_in_order(void **state)
{
    http_letters self;
    char text[8192];
    (void)state;
    server_start(&self);
    (void)client_ask(&self,
                     "GET /known/3 HTTP/1.1\r\n" HOST "\r\nHEAD /known/9 HTTP/1.1\r\n" HOST
                     "\r\nGET /stream/30 HTTP/1.1\r\n" HOST "\r\nGET /nothing HTTP/1.1\r\n" HOST
                     "\r\nPOST /body HTTP/1.1\r\nContent-Length: 4\r\n" CLOSE "wxyz",
                     text, sizeof text);
    const char *at = text;
    for (int i = 0; i < 5; i++) {
        static const char *const bodies[] = {
            "abc", "", "1e\r\nabcdefghijklmnopqrstuvwxyzabcd\r\n0\r\n\r\n", "", "abcd"};
        assert_memory_equal(at, i == 3 ? "HTTP/1.1 404 " : "HTTP/1.1 200 ", 13);
        at = raw_client_body(at);
        assert_memory_equal(at, bodies[i], strlen(bodies[i]));
        at += strlen(bodies[i]);
    }
    assert_string_equal(at, "");
    assert_non_null(strstr(text, "Content-Length: 9\r\n"));
    assert_non_null(strstr(text, "Connection: close\r\n"));
    http_letters_stop(&self);
    assert_int_equal(self.exchanges, 5);
    assert_int_equal(self.cuts, 0);
}

static void test_waits_for_the_body(void **state)
{
    http_letters self;
    char text[4096];
    (void)state;
    server_start(&self);
    int fd = client_connect(&self);
    raw_client_send(fd,
                    "POST /body HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" CLOSE);
    (void)raw_client_receive(fd, text, sizeof text, 25);
    assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
    raw_client_send(fd, "hi");
    (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_string_equal(raw_client_body(text), "ab");
    (void)close(fd);
    http_letters_stop(&self);
}

static void test_streams(void **state)
{
    enum { SIZE = 3000000 };
    http_letters self;
    char *text = malloc(SIZE + 65536);
    (void)state;
    assert_non_null(text);
    server_start(&self);
    size_t len = client_ask(&self, "GET /known/3000000 HTTP/1.1\r\n" CLOSE, text, SIZE + 65536);
    const char *body = raw_client_body(text);
    assert_int_equal(len - (size_t)(body - text), SIZE);
    assert_int_equal(body[SIZE - 1], 'a' + (SIZE - 1) % 26);
    /* HTTP/1.0: the end of the connection is the end of the body. */
    len = client_ask(&self, "GET /stream/3000000 HTTP/1.0\r\n\r\n", text, SIZE + 65536);
    body = raw_client_body(text);
    assert_int_equal(len - (size_t)(body - text), SIZE);
    assert_null(strstr(text, "chunked"));
    free(text);
    http_letters_stop(&self);
    /* One piece of the stream, and the connection itself. */
    assert_true(self.env.peak_bytes < 3 * COPSE_HTTP_PIECE_SIZE_BYTES);
}

/* V4 */
static void test_cuts_what_fails(void **state)
{
    static char text[1 << 20];
    http_letters self;
    (void)state;
    server_start(&self);
    size_t len = client_ask(&self, "GET /fail/200000 HTTP/1.1\r\n" HOST "\r\n", text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_true(len < 5 || strcmp(text + len - 5, "0\r\n\r\n") != 0);
    len = client_ask(&self, "GET /short/200000 HTTP/1.1\r\n" HOST "\r\n", text, sizeof text);
    assert_non_null(strstr(text, "Content-Length: 200001\r\n"));
    assert_true(len - (size_t)(raw_client_body(text) - text) < 200001);
    /* One that fails at once shows its head, and in HTTP/1.0 a reset. */
    (void)client_ask(&self, "GET /fail/0 HTTP/1.1\r\n" HOST "\r\n", text, sizeof text);
    assert_string_equal(raw_client_body(text), "");
    int fd = client_connect(&self);
    errno = 0;
    raw_client_send(fd, "GET /fail/0 HTTP/1.0\r\n\r\n");
    while (recv(fd, text, sizeof text, 0) > 0) {
    }
    assert_int_equal(errno, ECONNRESET);
    (void)close(fd);
    http_letters_stop(&self);
    assert_int_equal(self.cuts, 4);
}

static void test_refuses(void **state)
{
    http_letters self;
    char text[4096];
    (void)state;
    server_start(&self);
    (void)client_ask(&self, "nonsense\r\n\r\n", text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 400 ", 13);
    assert_non_null(strstr(text, "Connection: close\r\n"));
    assert_non_null(strstr(text, "Reason: "));
    /* What comes behind it is not answered, and does not lose the answer. */
    (void)client_ask(&self,
                     "POST /body HTTP/1.1\r\n" HOST "Content-Length: 9999999\r\n\r\n"
                     "GET /known/3 HTTP/1.1\r\n" HOST "\r\n",
                     text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 413 ", 13);
    assert_null(strstr(text + 1, "HTTP/1.1 "));
    http_letters_stop(&self);
}

/* V2 */
static void test_drops_slow_clients(void **state)
{
    http_letters self;
    char text[4096];
    (void)state;
    server_start(&self);
    /* A request that trickles. */
    int fd = client_connect(&self);
    for (int i = 0; i < 8; i++) {
        (void)send(fd, &"GET /known"[i], 1, MSG_NOSIGNAL);
        raw_client_sleep(70);
    }
    (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_memory_equal(text, "HTTP/1.1 408 ", 13);
    (void)close(fd);
    /* A connection without a request is closed, and not counted as slow. */
    fd = client_connect(&self);
    assert_int_equal(raw_client_receive(fd, text, sizeof text, SIZE_MAX), 0);
    (void)close(fd);
    /* A client that asks, and does not read. */
    fd = client_connect(&self);
    raw_client_send(fd, "GET /stream/9999999999 HTTP/1.1\r\n" HOST "\r\n");
    raw_client_sleep(1200);
    (void)close(fd);
    copse_http_server_stop(self.server);
    http_letters_join(&self);
    assert_int_equal(copse_http_server_get_stats(self.server).dropped, 2);
    assert_int_equal(self.cuts, 1);
    assert_true(self.env.peak_bytes < 3 * COPSE_HTTP_PIECE_SIZE_BYTES);
    http_letters_end(&self);
}

/* V1 */
static void test_limits_connections(void **state)
{
    http_letters self;
    char text[4096];
    int fds[2];
    (void)state;
    server_start(&self);
    for (int i = 0; i < 2; i++) {
        fds[i] = client_connect(&self);
        raw_client_send(fds[i], "GET /known/1 HTTP/1.1\r\n" HOST "\r\n");
        (void)raw_client_receive(fds[i], text, sizeof text, 1);
    }
    int fd = client_connect(&self);
    (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_memory_equal(text, "HTTP/1.1 503 ", 13);
    assert_non_null(strstr(text, "Retry-After: 1\r\n"));
    (void)close(fd);
    (void)close(fds[0]);
    raw_client_sleep(100);
    (void)client_ask(&self, "GET /known/1 HTTP/1.1\r\n" CLOSE, text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    (void)close(fds[1]);
    copse_http_server_stop(self.server);
    http_letters_join(&self);
    assert_int_equal(copse_http_server_get_stats(self.server).refused, 1);
    http_letters_end(&self);
}

/* V5: an answer that runs is finished; one that does not end is cut. */
static void test_stops(void **state)
{
    enum { SIZE = 8000000 };
    http_letters self;
    char *text = malloc(SIZE + 65536);
    (void)state;
    assert_non_null(text);
    server_start(&self);
    int fd = client_connect(&self);
    raw_client_send(fd, "GET /known/8000000 HTTP/1.1\r\n" HOST "\r\n");
    int idle = client_connect(&self);
    size_t len = raw_client_receive(fd, text, SIZE + 65536, 1);
    copse_http_server_stop(self.server);
    assert_int_equal(raw_client_receive(idle, text + len, 100, SIZE_MAX), 0);
    len += raw_client_receive(fd, text + len, SIZE + 65536 - len, SIZE_MAX);
    assert_int_equal(len - (size_t)(raw_client_body(text) - text), SIZE);
    (void)close(fd);
    (void)close(idle);
    http_letters_join(&self);
    assert_int_equal(self.cuts, 0);
    http_letters_end(&self);

    server_start(&self);
    fd = client_connect(&self);
    raw_client_send(fd, "GET /stream/9999999999 HTTP/1.1\r\n" HOST "\r\n");
    (void)raw_client_receive(fd, text, SIZE, 1);
    copse_http_server_stop(self.server);
    while (raw_client_receive(fd, text, SIZE, SIZE_MAX) == SIZE - 1) {
    }
    (void)close(fd);
    http_letters_join(&self);
    assert_int_equal(self.cuts, 1);
    http_letters_end(&self);
    free(text);
}

/* V2, V5: a body that has nothing for now outlasts the deadlines, and others are served beside it;
 * what the client asked behind it comes when it is through; a stop ends it. */
static void test_waits_for_more(void **state)
{
    http_letters self;
    char text[8192];
    (void)state;
    server_start(&self);
    self.env.env.limits.http_write_ms_max = 150;
    int fd = client_connect(&self);
    raw_client_send(fd, "GET /trickle/5 HTTP/1.1\r\n" HOST "\r\n");
    (void)client_ask(&self, "GET /known/3 HTTP/1.1\r\n" CLOSE, text, sizeof text);
    assert_string_equal(raw_client_body(text), "abc");
    raw_client_send(fd, "GET /known/3 HTTP/1.1\r\n" CLOSE);
    (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_memory_equal(raw_client_body(text),
                        "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n0\r\n\r\nHTTP/1.1 200 ",
                        43);
    assert_string_equal(text + strlen(text) - 7, "\r\n\r\nabc");
    (void)close(fd);
    fd = client_connect(&self);
    raw_client_send(fd, "GET /trickle/9999999 HTTP/1.1\r\n" HOST "\r\n");
    raw_client_sleep(300);
    copse_http_server_stop(self.server);
    (void)raw_client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_memory_equal(raw_client_body(text), "1\r\na\r\n", 6);
    assert_string_equal(text + strlen(text) - 7, "\r\n0\r\n\r\n");
    (void)close(fd);
    http_letters_join(&self);
    assert_int_equal(copse_http_server_get_stats(self.server).dropped, 0);
    assert_int_equal(self.cuts, 0);
    http_letters_end(&self);
}

/* V2: a client that left, or shut its direction, is gone at once, not when it is written to next.
 */
static void test_sees_who_left(void **state)
{
    http_letters self;
    char text[4096];
    (void)state;
    server_start(&self);
    for (int i = 0; i < 4; i++) { /* there is room for two */
        int fd = client_connect(&self);
        raw_client_send(fd, i % 2 == 0 ? "GET /trickle/9999999 HTTP/1.1\r\n" HOST "\r\n"
                                       : "GET /trickle/9999999 HTTP/1.0\r\n\r\n");
        (void)raw_client_receive(fd, text, sizeof text, 1);
        assert_memory_equal(text, "HTTP/1.1 200 ", 13);
        raw_client_sleep(150);
        (void)shutdown(fd, SHUT_WR);
        raw_client_sleep(150);
        while (raw_client_receive(fd, text, sizeof text, SIZE_MAX) == sizeof text - 1) {
        }
        (void)close(fd);
    }
    http_letters_stop(&self);
    assert_int_equal(self.cuts, 0);
    assert_int_equal(self.exchanges, 4);
}

static void test_addresses(void **state)
{
    http_letters self;
    test_env env;
    copse_http_server *server = NULL;
    copse_http_handler handler = {.ctx = NULL};
    copse_http_server_options options = {.address = "127.0.0.1"};
    copse_err err;
    (void)state;
    test_env_init(&env);
    assert_int_equal(copse_http_server_new(&env.env, &options, &handler, &server, &err),
                     COPSE_MISUSE); /* no clock */
    copse_env_init_posix(&env.env);
    options.address = "localhost";
    assert_int_equal(copse_http_server_new(&env.env, &options, &handler, &server, &err),
                     COPSE_MISUSE);
    server_start(&self);
    options = (copse_http_server_options){.address = "127.0.0.1",
                                          .port = copse_http_server_port(self.server)};
    assert_int_equal(copse_http_server_new(&env.env, &options, &handler, &server, &err), COPSE_IO);
    assert_int_equal(err.os_errno, EADDRINUSE);
    options.shares_port = true; /* the other one doesn't */
    assert_int_equal(copse_http_server_new(&env.env, &options, &handler, &server, &err), COPSE_IO);
    assert_null(server);
    http_letters_stop(&self);
    options.port = 0;
    assert_int_equal(copse_http_server_new(&env.env, &options, &handler, &server, &err), COPSE_OK);
    options.port = copse_http_server_port(server);
    copse_http_server *other = NULL;
    assert_int_equal(copse_http_server_new(&env.env, &options, &handler, &other, &err), COPSE_OK);
    assert_int_equal(copse_http_server_port(other), options.port);
    other = copse_http_server_free(other);
    server = copse_http_server_free(server); /* it never ran */
    options.proxies = &(const char *){"nowhere"};
    options.proxies_count = 1;
    assert_int_equal(copse_http_server_new(&env.env, &options, &handler, &server, &err),
                     COPSE_MISUSE);
    assert_null(copse_http_server_free(NULL));
    test_env_assert_empty(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_in_order),
        cmocka_unit_test(test_waits_for_the_body),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_cuts_what_fails),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_drops_slow_clients),
        cmocka_unit_test(test_limits_connections),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_waits_for_more),
        cmocka_unit_test(test_sees_who_left),
        cmocka_unit_test(test_addresses),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
