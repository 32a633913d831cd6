/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_server.h"

#include <copse/sys/os.h>

#include "proto/http_response.h"
#include "support/test_env.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- A server on a thread of its own ---- */

typedef struct world {
    test_env env;
    copse_http_server *server;
    pthread_t thread;
    size_t bodies;    /* made and not freed */
    size_t exchanges; /* that ended */
    size_t cuts;
    unsigned last_status;
} world;

/* "abcdefghij…" without end, or up to a size; fails there if it should. */
typedef struct letters {
    world *world;
    uint64_t at;
    uint64_t size;
    bool fails;
} letters;

static copse_status letters_pull(void *ctx, copse_buf *buf, size_t size_max, copse_err *err)
{
    letters *body = ctx;
    (void)err;
    uint8_t piece[4096];
    size_t len = 0;
    while (len < sizeof piece && len < size_max && body->at < body->size) {
        piece[len++] = (uint8_t)('a' + body->at++ % 26);
    }
    if (copse_buf_append(buf, (copse_bytes){piece, len}) != COPSE_OK) {
        return COPSE_NOMEM;
    }
    return body->at < body->size ? COPSE_OK : body->fails ? COPSE_IO : COPSE_END;
}

static void letters_free(void *ctx)
{
    letters *body = ctx;
    body->world->bodies--;
    free(body);
}

/* Answers /known/SIZE, /stream/SIZE, /fail/SIZE and /short/SIZE with letters, /body with the body's
 * size, else 404. */
static void world_answer(void *ctx, const copse_http_request *request, copse_http_answer *answer)
{
    world *self = ctx;
    char path[64];
    (void)snprintf(path, sizeof path, "%.*s", (int)request->path.len,
                   (const char *)request->path.ptr);
    const char *slash = strrchr(path, '/');
    uint64_t size = strtoull(slash + 1, NULL, 10);
    answer->status = 200;
    if (strcmp(path, "/body") == 0) {
        size = request->body.len;
    } else if (slash == path) {
        answer->status = 404;
        return;
    }
    letters *body = malloc(sizeof *body);
    assert_non_null(body);
    *body = (letters){.world = self, .size = size, .fails = strncmp(path, "/fail", 5) == 0};
    self->bodies++;
    answer->body = (copse_http_body){letters_pull, letters_free, body};
    bool known = strncmp(path, "/known", 6) == 0 || strcmp(path, "/body") == 0;
    bool is_short = strncmp(path, "/short", 6) == 0;
    answer->length = known ? size : is_short ? size + 1 : COPSE_HTTP_LENGTH_UNKNOWN;
}

static void world_refuse(void *ctx, unsigned status, const char *reason, copse_http_answer *answer)
{
    (void)ctx;
    answer->status = status;
    assert_int_equal(
        copse_http_header_write(&answer->headers, "Reason", copse_bytes_of_text(reason)), COPSE_OK);
}

static void world_done(void *ctx, const copse_http_exchange *exchange)
{
    world *self = ctx;
    self->exchanges++;
    self->cuts += exchange->cut ? 1 : 0;
    self->last_status = exchange->status;
}

static void *world_run(void *ctx)
{
    world *self = ctx;
    return copse_http_server_run(self->server, NULL) == COPSE_OK ? self : NULL;
}

static void world_start(world *self)
{
    *self = (world){.bodies = 0};
    test_env_init(&self->env);
    copse_env_init_posix(&self->env.env);
    self->env.env.limits.http_request_ms_max = 400;
    self->env.env.limits.http_idle_ms_max = 600;
    self->env.env.limits.http_write_ms_max = 400;
    self->env.env.limits.http_stop_ms_max = 1500;
    self->env.env.limits.http_connections_max = 2;
    copse_http_handler handler = {world_answer, world_refuse, world_done, self};
    assert_int_equal(
        copse_http_server_new(&self->env.env, "127.0.0.1", 0, &handler, &self->server, NULL),
        COPSE_OK);
    assert_int_equal(pthread_create(&self->thread, NULL, world_run, self), 0);
}

static void world_join(world *self)
{
    void *result = NULL;
    assert_int_equal(pthread_join(self->thread, &result), 0);
    assert_ptr_equal(result, self);
}

static void world_end(world *self)
{
    self->server = copse_http_server_free(self->server);
    assert_int_equal(self->bodies, 0);
    test_env_assert_empty(&self->env);
}

static void world_stop(world *self)
{
    copse_http_server_stop(self->server);
    world_join(self);
    world_end(self);
}

/* ---- A client ---- */

static int client_try_connect(const world *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(copse_http_server_port(self->server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int client_connect(const world *self)
{
    int fd = client_try_connect(self);
    assert_true(fd >= 0);
    return fd;
}

static void client_send(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Receives until the end of the connection, or until `expected` bytes are there; at most 5 s of
 * silence. The text ends with a NUL. */
static size_t client_receive(int fd, char *ret_text, size_t size, size_t expected)
{
    size_t len = 0;
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    while (len < expected && len + 1 < size) {
        assert_int_equal(poll(&poller, 1, 5000), 1);
        ssize_t got = recv(fd, ret_text + len, size - 1 - len, 0);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
    }
    ret_text[len] = '\0';
    return len;
}

/* One exchange that ends the connection. */
static size_t client_ask(const world *self, const char *text, char *ret_text, size_t size)
{
    int fd = client_connect(self);
    client_send(fd, text);
    size_t len = client_receive(fd, ret_text, size, SIZE_MAX);
    (void)close(fd);
    return len;
}

static const char *client_body(const char *response)
{
    const char *end = strstr(response, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void client_sleep(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

#define HOST "Host: h\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

/* ---- Tests ---- */

static void test_answers_in_order(void **state)
{
    world self;
    char text[8192];
    (void)state;
    world_start(&self);
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
        at = client_body(at);
        assert_memory_equal(at, bodies[i], strlen(bodies[i]));
        at += strlen(bodies[i]);
    }
    assert_string_equal(at, "");
    assert_non_null(strstr(text, "Content-Length: 9\r\n"));
    assert_non_null(strstr(text, "Connection: close\r\n"));
    world_stop(&self);
    assert_int_equal(self.exchanges, 5);
    assert_int_equal(self.cuts, 0);
}

static void test_waits_for_the_body(void **state)
{
    world self;
    char text[4096];
    (void)state;
    world_start(&self);
    int fd = client_connect(&self);
    client_send(fd, "POST /body HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" CLOSE);
    (void)client_receive(fd, text, sizeof text, 25);
    assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(fd, "hi");
    (void)client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_string_equal(client_body(text), "ab");
    (void)close(fd);
    world_stop(&self);
}

static void test_streams(void **state)
{
    enum { SIZE = 3000000 };
    world self;
    char *text = malloc(SIZE + 65536);
    (void)state;
    assert_non_null(text);
    world_start(&self);
    size_t len = client_ask(&self, "GET /known/3000000 HTTP/1.1\r\n" CLOSE, text, SIZE + 65536);
    const char *body = client_body(text);
    assert_int_equal(len - (size_t)(body - text), SIZE);
    assert_int_equal(body[SIZE - 1], 'a' + (SIZE - 1) % 26);
    /* HTTP/1.0: the end of the connection is the end of the body. */
    len = client_ask(&self, "GET /stream/3000000 HTTP/1.0\r\n\r\n", text, SIZE + 65536);
    body = client_body(text);
    assert_int_equal(len - (size_t)(body - text), SIZE);
    assert_null(strstr(text, "chunked"));
    free(text);
    world_stop(&self);
    /* One piece of the stream, and the connection itself. */
    assert_true(self.env.peak_bytes < 3 * COPSE_HTTP_PIECE_SIZE_BYTES);
}

/* V4 */
static void test_cuts_what_fails(void **state)
{
    static char text[1 << 20];
    world self;
    (void)state;
    world_start(&self);
    size_t len = client_ask(&self, "GET /fail/200000 HTTP/1.1\r\n" HOST "\r\n", text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_true(len < 5 || strcmp(text + len - 5, "0\r\n\r\n") != 0);
    len = client_ask(&self, "GET /short/200000 HTTP/1.1\r\n" HOST "\r\n", text, sizeof text);
    assert_non_null(strstr(text, "Content-Length: 200001\r\n"));
    assert_true(len - (size_t)(client_body(text) - text) < 200001);
    /* One that fails at once shows its head, and in HTTP/1.0 a reset. */
    (void)client_ask(&self, "GET /fail/0 HTTP/1.1\r\n" HOST "\r\n", text, sizeof text);
    assert_string_equal(client_body(text), "");
    int fd = client_connect(&self);
    errno = 0;
    client_send(fd, "GET /fail/0 HTTP/1.0\r\n\r\n");
    while (recv(fd, text, sizeof text, 0) > 0) {
    }
    assert_int_equal(errno, ECONNRESET);
    (void)close(fd);
    world_stop(&self);
    assert_int_equal(self.cuts, 4);
}

static void test_refuses(void **state)
{
    world self;
    char text[4096];
    (void)state;
    world_start(&self);
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
    world_stop(&self);
}

/* V2 */
static void test_drops_slow_clients(void **state)
{
    world self;
    char text[4096];
    (void)state;
    world_start(&self);
    /* A request that trickles. */
    int fd = client_connect(&self);
    for (int i = 0; i < 8; i++) {
        (void)send(fd, &"GET /known"[i], 1, MSG_NOSIGNAL);
        client_sleep(70);
    }
    (void)client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_memory_equal(text, "HTTP/1.1 408 ", 13);
    (void)close(fd);
    /* A connection without a request is closed, and not counted as slow. */
    fd = client_connect(&self);
    assert_int_equal(client_receive(fd, text, sizeof text, SIZE_MAX), 0);
    (void)close(fd);
    /* A client that asks, and does not read. */
    fd = client_connect(&self);
    client_send(fd, "GET /stream/9999999999 HTTP/1.1\r\n" HOST "\r\n");
    client_sleep(1200);
    (void)close(fd);
    copse_http_server_stop(self.server);
    world_join(&self);
    assert_int_equal(copse_http_server_get_stats(self.server).dropped, 2);
    assert_int_equal(self.cuts, 1);
    assert_true(self.env.peak_bytes < 3 * COPSE_HTTP_PIECE_SIZE_BYTES);
    world_end(&self);
}

/* V1 */
static void test_limits_connections(void **state)
{
    world self;
    char text[4096];
    int fds[2];
    (void)state;
    world_start(&self);
    for (int i = 0; i < 2; i++) {
        fds[i] = client_connect(&self);
        client_send(fds[i], "GET /known/1 HTTP/1.1\r\n" HOST "\r\n");
        (void)client_receive(fds[i], text, sizeof text, 1);
    }
    int fd = client_connect(&self);
    (void)client_receive(fd, text, sizeof text, SIZE_MAX);
    assert_memory_equal(text, "HTTP/1.1 503 ", 13);
    assert_non_null(strstr(text, "Retry-After: 1\r\n"));
    (void)close(fd);
    (void)close(fds[0]);
    client_sleep(100);
    (void)client_ask(&self, "GET /known/1 HTTP/1.1\r\n" CLOSE, text, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    (void)close(fds[1]);
    copse_http_server_stop(self.server);
    world_join(&self);
    assert_int_equal(copse_http_server_get_stats(self.server).refused, 1);
    world_end(&self);
}

/* V5: an answer that runs is finished; one that does not end is cut. */
static void test_stops(void **state)
{
    enum { SIZE = 8000000 };
    world self;
    char *text = malloc(SIZE + 65536);
    (void)state;
    assert_non_null(text);
    world_start(&self);
    int fd = client_connect(&self);
    client_send(fd, "GET /known/8000000 HTTP/1.1\r\n" HOST "\r\n");
    int idle = client_connect(&self);
    size_t len = client_receive(fd, text, SIZE + 65536, 1);
    copse_http_server_stop(self.server);
    assert_int_equal(client_receive(idle, text + len, 100, SIZE_MAX), 0);
    len += client_receive(fd, text + len, SIZE + 65536 - len, SIZE_MAX);
    assert_int_equal(len - (size_t)(client_body(text) - text), SIZE);
    (void)close(fd);
    (void)close(idle);
    world_join(&self);
    assert_int_equal(self.cuts, 0);
    world_end(&self);

    world_start(&self);
    fd = client_connect(&self);
    client_send(fd, "GET /stream/9999999999 HTTP/1.1\r\n" HOST "\r\n");
    (void)client_receive(fd, text, SIZE, 1);
    copse_http_server_stop(self.server);
    while (client_receive(fd, text, SIZE, SIZE_MAX) == SIZE - 1) {
    }
    (void)close(fd);
    world_join(&self);
    assert_int_equal(self.cuts, 1);
    world_end(&self);
    free(text);
}

static void test_addresses(void **state)
{
    world self;
    test_env env;
    copse_http_server *server = NULL;
    copse_http_handler handler = {world_answer, world_refuse, world_done, &self};
    copse_err err;
    (void)state;
    test_env_init(&env);
    assert_int_equal(copse_http_server_new(&env.env, "127.0.0.1", 0, &handler, &server, &err),
                     COPSE_MISUSE); /* no clock */
    copse_env_init_posix(&env.env);
    assert_int_equal(copse_http_server_new(&env.env, "localhost", 0, &handler, &server, &err),
                     COPSE_MISUSE);
    world_start(&self);
    assert_int_equal(copse_http_server_new(&env.env, "127.0.0.1",
                                           copse_http_server_port(self.server), &handler, &server,
                                           &err),
                     COPSE_IO);
    assert_int_equal(err.os_errno, EADDRINUSE);
    assert_null(server);
    world_stop(&self);
    assert_int_equal(copse_http_server_new(&env.env, "127.0.0.1", 0, &handler, &server, &err),
                     COPSE_OK);
    server = copse_http_server_free(server); /* it never ran */
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
        cmocka_unit_test(test_addresses),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
