/* Five thousand connections: what each costs (V1 of http_server.h), asserted on what the server
 * holds and on what the system says that the process does.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    FEW = 1000,
    MANY = 5000,
    ADDRESS_CONNECTIONS = 250,
    IDLE_BYTES_MAX = 1200,    /* a connection between two requests */
    INSIDE_BYTES_MAX = 3000,  /* one that has sent half of a request */
    RESIDENT_BYTES_MAX = 8192 /* with the client, and what a sanitizer puts around it */
};

#define REQUEST "GET /known/3 HTTP/1.1\r\nHost: h\r\nUser-Agent: a client of some length\r\n"

static int fds[MANY];

static size_t resident_bytes(void)
{
    char text[256];
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) {
        return 0; /* another system: only what the server holds is asserted */
    }
    if (fgets(text, sizeof text, file) != NULL) {
        (void)sscanf(text, "%*s %zu", &pages);
    }
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

typedef struct connections {
    http_letters letters;
    uint16_t port;
    size_t held_before;
    size_t resident_before;
} connections;

static void connections_open(connections *self, size_t from, size_t to)
{
    char text[512];
    for (size_t i = from; i < to; i++) {
        fds[i] = raw_client_connect(self->port, (unsigned)(2 + i / ADDRESS_CONNECTIONS));
        raw_client_send(fds[i], REQUEST "\r\n");
        (void)raw_client_receive(fds[i], text, sizeof text, 20);
        assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    }
}

static void connections_check(const connections *self, size_t count, const char *what,
                              size_t bytes_max)
{
    size_t held = (self->letters.env.size_bytes - self->held_before) / count;
    size_t resident = resident_bytes();
    resident = resident > self->resident_before ? (resident - self->resident_before) / count : 0;
    print_message("%zu connections, %s: %zu bytes each, resident %zu\n", count, what, held,
                  resident);
    assert_true(held < bytes_max);
    assert_true(resident < RESIDENT_BYTES_MAX);
}

static void test_memory_is_flat(void **state)
{
    connections self = {.port = 0};
    struct rlimit limit;
    char text[512];
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max < 2 * MANY + 100 || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        skip();
    }
    http_letters_init(&self.letters);
    http_letters_start(&self.letters);
    self.port = copse_http_server_port(self.letters.server);
    connections_open(&self, 0, 10);
    self.held_before = self.letters.env.size_bytes;
    self.resident_before = resident_bytes();
    connections_open(&self, 10, FEW);
    connections_check(&self, FEW - 10, "idle", IDLE_BYTES_MAX);
    connections_open(&self, FEW, MANY);
    connections_check(&self, MANY - 10, "idle", IDLE_BYTES_MAX);
    for (size_t i = 0; i < MANY; i++) {
        raw_client_send(fds[i], REQUEST);
    }
    raw_client_sleep(500);
    connections_check(&self, MANY - 10, "half of a request", INSIDE_BYTES_MAX);
    for (size_t i = 0; i < MANY; i++) {
        raw_client_send(fds[i], "\r\n");
        (void)raw_client_receive(fds[i], text, sizeof text, 20);
        assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    }
    raw_client_sleep(100);
    connections_check(&self, MANY - 10, "idle again", IDLE_BYTES_MAX);
    for (size_t i = 0; i < MANY; i++) {
        (void)close(fds[i]);
    }
    raw_client_sleep(500);
    assert_int_equal(copse_http_server_get_stats(self.letters.server).dropped, 0);
    assert_int_equal(copse_http_server_get_stats(self.letters.server).refused, 0);
    http_letters_stop(&self.letters);
    assert_int_equal(self.letters.exchanges, 2 * MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory_is_flat)};
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
