/* A server and a client in one thread, turn by turn: where memory lacks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "net/http_connection.h"

#include "support/http_letters.h"
#include "support/raw_client.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TURNS_MAX = 3000, RUNS_MAX = 500, TEXT_SIZE = 1 << 18 };

#define HOST "Host: h\r\n"

static const char requests[] =
    "GET /known/3 HTTP/1.1\r\n" HOST "\r\n"
    "GET /stream/70 HTTP/1.1\r\n" HOST "\r\n"
    "POST /body HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
    "GET /known/100000 HTTP/1.1\r\n" HOST "\r\n"
    "HEAD /known/9 HTTP/1.1\r\n" HOST "\r\n"
    "GET /known/5 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";

typedef struct turns {
    http_letters letters;
    int fd;
    char text[TEXT_SIZE];
    size_t len;
    bool ended;
} turns;

/* Always the same, so that all answers are. */
static uint64_t turns_clock(void *ctx)
{
    (void)ctx;
    return 784111777000;
}

static void turns_take(turns *self)
{
    copse_http_server *server = self->letters.server;
    (void)uv_run(&server->loop, UV_RUN_NOWAIT);
    if (server->accept_waits) { /* as the tick does */
        server->accept_waits = false;
        copse_http_connection_accept(server);
    }
    ssize_t got = recv(self->fd, self->text + self->len, TEXT_SIZE - 1 - self->len, MSG_DONTWAIT);
    self->len += got > 0 ? (size_t)got : 0;
    self->ended = got == 0 || (got < 0 && errno == ECONNRESET);
    if (got < 0 && !self->ended) {
        raw_client_sleep(1);
    }
    self->text[self->len] = '\0';
}

/* Asks all; the allocation number `fail_at` behind the making of the server fails. False: there was
 * none. */
static bool turns_run(turns *self, uint64_t fail_at)
{
    *self = (turns){.len = 0};
    http_letters_init(&self->letters);
    self->letters.env.env.clock = turns_clock;
    http_letters_make(&self->letters);
    self->letters.env.fail_at = fail_at == UINT64_MAX ? fail_at : self->letters.env.calls + fail_at;
    self->fd = raw_client_connect(copse_http_server_port(self->letters.server), 1);
    raw_client_send(self->fd, requests);
    for (size_t i = 0; i < TURNS_MAX && !self->ended; i++) {
        turns_take(self);
    }
    (void)close(self->fd);
    for (size_t i = 0; i < TURNS_MAX && self->letters.server->connections != NULL; i++) {
        (void)uv_run(&self->letters.server->loop, UV_RUN_NOWAIT);
    }
    bool failed = self->letters.env.failed;
    assert_true(self->ended);
    assert_int_equal(self->letters.server->stats.connections, 0);
    http_letters_end(&self->letters);
    return failed;
}

/* Whatever fails, the client sees the beginning of what it would have got, or a refusal behind it,
 * or less; never something else, and the server goes on. */
static void test_no_memory(void **state)
{
    static turns whole;
    static turns broken;
    uint64_t at = 0;
    size_t refused = 0;
    (void)state;
    assert_false(turns_run(&whole, UINT64_MAX));
    assert_string_equal(whole.text + whole.len - 9, "\r\n\r\nabcde");
    while (at < RUNS_MAX && turns_run(&broken, at)) {
        size_t same = 0;
        while (same < broken.len && broken.text[same] == whole.text[same]) {
            same++;
        }
        if (same < broken.len) {
            assert_true(same >= 9);
            assert_memory_equal(broken.text + same - 9, "HTTP/1.1 503 ", 13);
        }
        refused += strstr(broken.text, "HTTP/1.1 503 ") != NULL ? 1 : 0;
        at++;
    }
    assert_true(at > 5 && at < RUNS_MAX);
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_memory)};
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
