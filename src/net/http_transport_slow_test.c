/* T3: connecting is the one thing that has a time limit.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/sys/transport.h>

#include "support/test_env.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILLERS = 8, URL_SIZE = 64 };

/* A listener that accepts nothing, and whose queue is full: what else connects hears nothing. */
static uint16_t deaf_listen(int *ret_listener, int ret_fillers[FILLERS])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *ret_listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*ret_listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(*ret_listener, 0), 0);
    assert_int_equal(getsockname(*ret_listener, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < FILLERS; i++) {
        ret_fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(ret_fillers[i], (struct sockaddr *)&address, size);
    }
    return ntohs(address.sin_port);
}

static void test_connecting_ends(void **state)
{
    int listener = -1;
    int fillers[FILLERS];
    char url[URL_SIZE];
    test_env env;
    copse_transport *transport = NULL;
    copse_transport_event event = {.kind = COPSE_TRANSPORT_HEAD};
    copse_transport_request request = {.url = url};
    uint64_t id = 0;
    (void)state;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", deaf_listen(&listener, fillers));
    test_env_init(&env);
    assert_int_equal(copse_transport_http_new(&env.env, &transport, NULL), COPSE_OK);
    uint64_t begin = transport->ops->now(transport);
    assert_int_equal(transport->ops->start(transport, &request, &id, NULL), COPSE_OK);
    assert_int_equal(transport->ops->wait(transport, begin + 1000, &event, NULL), COPSE_END);
    assert_int_equal(transport->ops->wait(transport, begin + 20000, &event, NULL), COPSE_OK);
    assert_int_equal(event.kind, COPSE_TRANSPORT_FAILED);
    assert_string_equal(event.reason, "no connection in time");
    assert_in_range(transport->ops->now(transport) - begin, 4900, 8000);
    assert_int_equal(transport->ops->stats(transport).connections, 0);
    (void)copse_transport_free(transport);
    test_env_assert_empty(&env);
    for (size_t i = 0; i < FILLERS; i++) {
        (void)close(fillers[i]);
    }
    (void)close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_connecting_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
