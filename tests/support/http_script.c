/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/http_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void http_script_play(void *ctx, int fd, size_t index)
{
    http_script *self = ctx;
    (void)index;
    if (self->manner == HTTP_SCRIPT_RESETS) {
        tcp_reset_on_close(fd);
    }
    char request[sizeof self->request];
    bool goes_on = true;
    while (goes_on && tcp_read_head(fd, request, sizeof request)) {
        (void)pthread_mutex_lock(&self->peer.mutex);
        memcpy(self->request, request, sizeof request);
        (void)pthread_mutex_unlock(&self->peer.mutex);
        goes_on = tcp_send(fd, self->bytes, self->size) && self->manner == HTTP_SCRIPT_ANSWERS_ON;
    }
    http_client_sleep(
        self->manner == HTTP_SCRIPT_RESETS ? 50 : 0); /* a reset takes away what was not read yet */
}

const char *http_script_request(http_script *self, char ret_text[1024])
{
    (void)pthread_mutex_lock(&self->peer.mutex);
    memcpy(ret_text, self->request, sizeof self->request);
    (void)pthread_mutex_unlock(&self->peer.mutex);
    return ret_text;
}

void http_script_start(http_script *self, const void *bytes, size_t size, http_script_manner manner)
{
    *self = (http_script){.bytes = bytes, .size = size, .manner = manner};
    tcp_peer_start(&self->peer, http_script_play, self);
}

void http_script_stop(http_script *self)
{
    tcp_peer_stop(&self->peer);
}

http_outcome http_script_ask(const void *bytes, size_t size)
{
    http_script peer;
    http_client self;
    http_script_start(&peer, bytes, size, HTTP_SCRIPT_CLOSES);
    http_client_init(&self);
    http_outcome result = http_client_get(&self, peer.peer.port, "/");
    http_client_release(&self);
    http_script_stop(&peer);
    return result;
}

uint8_t *http_script_compose(const char *coding, const uint8_t *body, size_t size, size_t *ret_size)
{
    char head[128];
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                       coding, size);
    uint8_t *bytes = malloc((size_t)len + size);
    assert_non_null(bytes);
    memcpy(bytes, head, (size_t)len);
    memcpy(bytes + len, body, size);
    *ret_size = (size_t)len + size;
    return bytes;
}
