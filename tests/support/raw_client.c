/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/raw_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* `buffer_bytes` 0: what the system has. */
static int raw_client_open(uint16_t port, unsigned host, int buffer_bytes)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & 0xffffff00U) | host);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    if (buffer_bytes > 0) {
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes),
                         0);
    }
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

int raw_client_connect(uint16_t port, unsigned host)
{
    return raw_client_open(port, host, 0);
}

int raw_client_connect_narrow(uint16_t port, unsigned host)
{
    return raw_client_open(port, host, 4096);
}

void raw_client_send(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

size_t raw_client_receive(int fd, char *ret_text, size_t size, size_t expected)
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

const char *raw_client_body(const char *response)
{
    const char *end = strstr(response, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

void raw_client_sleep(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}
