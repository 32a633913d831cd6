/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

void http_client_init(http_client *self)
{
    test_env_init(&self->env);
    assert_int_equal(copse_transport_http_new(&self->env.env, &self->transport, NULL), COPSE_OK);
}

void http_client_release(http_client *self)
{
    self->transport = copse_transport_free(self->transport);
    test_env_assert_empty(&self->env);
}

const char *http_client_url(char ret_url[HTTP_CLIENT_URL_SIZE], uint16_t port, const char *path)
{
    (void)snprintf(ret_url, HTTP_CLIENT_URL_SIZE, "http://127.0.0.1:%u%s", port, path);
    return ret_url;
}

uint64_t http_client_start(http_client *self, uint16_t port, const char *path)
{
    char url[HTTP_CLIENT_URL_SIZE];
    uint64_t id = 0;
    copse_transport_request request = {.url = http_client_url(url, port, path)};
    assert_int_equal(self->transport->ops->start(self->transport, &request, &id, NULL), COPSE_OK);
    return id;
}

copse_status http_client_wait(http_client *self, uint64_t ms, copse_transport_event *ret_event)
{
    const copse_transport_ops *ops = self->transport->ops;
    return ops->wait(self->transport, ops->now(self->transport) + ms, ret_event, NULL);
}

static void http_client_take_text(copse_bytes text, char *ret_text, size_t size)
{
    (void)snprintf(ret_text, size, "%.*s", (int)text.len, (const char *)text.ptr);
}

bool http_outcome_take(http_outcome *self, const copse_transport_event *event)
{
    switch (event->kind) {
    case COPSE_TRANSPORT_HEAD:
        *self = (http_outcome){.heads = self->heads + 1,
                               .status = event->status,
                               .retry_after_ms = event->retry_after_ms,
                               .is_letters = true};
        http_client_take_text(event->content_type, self->content_type, sizeof self->content_type);
        http_client_take_text(event->copse_root, self->copse_root, sizeof self->copse_root);
        return false;
    case COPSE_TRANSPORT_BODY:
        assert_int_equal(self->heads, 1);
        assert_in_range(event->body.len, 1, COPSE_TRANSPORT_PIECE_MAX); /* T2 */
        if (self->len == 0) {
            http_client_take_text(event->body, self->begin, sizeof self->begin);
        }
        for (size_t i = 0; i < event->body.len; i++) {
            self->is_letters = self->is_letters && event->body.ptr[i] == 'a' + self->len % 26;
            self->len++;
        }
        return false;
    case COPSE_TRANSPORT_END:
        assert_int_equal(self->heads, 1);
        break;
    case COPSE_TRANSPORT_FAILED:
        assert_non_null(event->reason);
        (void)snprintf(self->reason, sizeof self->reason, "%s", event->reason);
        break;
    }
    self->end = event->kind;
    return true;
}

http_outcome http_client_finish(http_client *self, uint64_t id)
{
    http_outcome result = {.heads = 0};
    copse_transport_event event = {.request = 0};
    do {
        assert_int_equal(http_client_wait(self, HTTP_CLIENT_HANG_MS, &event), COPSE_OK);
        assert_int_equal(event.request, id);
    } while (!http_outcome_take(&result, &event));
    assert_int_equal(http_client_wait(self, 0, &event), COPSE_END); /* T1 */
    return result;
}

http_outcome http_client_get(http_client *self, uint16_t port, const char *path)
{
    return http_client_finish(self, http_client_start(self, port, path));
}

http_outcome http_client_post(http_client *self, uint16_t port, const char *path, copse_bytes body)
{
    char url[HTTP_CLIENT_URL_SIZE];
    uint64_t id = 0;
    copse_transport_request request = {.url = http_client_url(url, port, path),
                                       .accept = "application/vnd.ipld.car",
                                       .content_type = "application/vnd.ipld.dag-cbor",
                                       .body = body};
    assert_int_equal(self->transport->ops->start(self->transport, &request, &id, NULL), COPSE_OK);
    return http_client_finish(self, id);
}

void http_client_sleep(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}
