/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/http_letters.h"

#include <copse/sys/os.h>

#include "proto/http_response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void http_letters_fill(uint8_t *ret_bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ret_bytes[i] = (uint8_t)('a' + i % 26);
    }
}

/* "abcdefghij…" without end, or up to a size; fails there if it should, or has no more for now. */
typedef struct letters {
    http_letters *server;
    uint64_t at;
    uint64_t size;
    bool fails;
    bool trickles; /* every other pull gives a letter, the others none */
    bool waits;
} letters;

static copse_status letters_pull(void *ctx, copse_buf *buf, size_t size_max, copse_err *err)
{
    letters *body = ctx;
    (void)err;
    uint8_t piece[4096];
    size_t len = 0;
    if (body->trickles) {
        body->waits = !body->waits;
        size_max = body->waits ? 0 : 1;
    }
    while (len < sizeof piece && len < size_max && body->at < body->size) {
        piece[len++] = (uint8_t)('a' + body->at++ % 26);
    }
    if (copse_buf_append(buf, (copse_bytes){piece, len}) != COPSE_OK) {
        return COPSE_NOMEM;
    }
    if (body->at < body->size) {
        return body->trickles ? COPSE_WANT : COPSE_OK;
    }
    return body->fails ? COPSE_IO : COPSE_END;
}

static void letters_free(void *ctx)
{
    letters *body = ctx;
    body->server->bodies--;
    free(body);
}

static void http_letters_answer(void *ctx, const copse_http_request *request,
                                copse_http_answer *answer)
{
    http_letters *self = ctx;
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
    *body = (letters){.server = self,
                      .size = size,
                      .fails = strncmp(path, "/fail", 5) == 0,
                      .trickles = strncmp(path, "/trickle", 8) == 0};
    self->bodies++;
    answer->body = (copse_http_body){letters_pull, letters_free, body};
    bool known = strncmp(path, "/known", 6) == 0 || strcmp(path, "/body") == 0;
    bool is_short = strncmp(path, "/short", 6) == 0;
    answer->length = known ? size : is_short ? size + 1 : COPSE_HTTP_LENGTH_UNKNOWN;
}

static void http_letters_refuse(void *ctx, unsigned status, const char *reason,
                                copse_http_answer *answer)
{
    (void)ctx;
    answer->status = status;
    assert_int_equal(
        copse_http_header_write(&answer->headers, "Reason", copse_bytes_of_text(reason)), COPSE_OK);
}

static void http_letters_done(void *ctx, const copse_http_exchange *exchange)
{
    http_letters *self = ctx;
    self->exchanges++;
    self->cuts += exchange->cut ? 1 : 0;
    self->last_status = exchange->status;
    (void)snprintf(self->last_peer, sizeof self->last_peer, "%s", exchange->peer);
}

static void *http_letters_run(void *ctx)
{
    http_letters *self = ctx;
    return copse_http_server_run(self->server, NULL) == COPSE_OK ? self : NULL;
}

void http_letters_init(http_letters *self)
{
    *self = (http_letters){.options.address = "127.0.0.1"};
    test_env_init(&self->env);
    copse_env_init_posix(&self->env.env);
    /* All clients of a test have the same address. */
    self->env.env.limits.http_address_connections_max = SIZE_MAX;
    self->env.env.limits.http_address_answers_max = SIZE_MAX;
}

void http_letters_make(http_letters *self)
{
    copse_http_handler handler = {http_letters_answer, http_letters_refuse, http_letters_done, self,
                                  NULL};
    assert_int_equal(
        copse_http_server_new(&self->env.env, &self->options, &handler, &self->server, NULL),
        COPSE_OK);
}

void http_letters_start(http_letters *self)
{
    http_letters_make(self);
    assert_int_equal(pthread_create(&self->thread, NULL, http_letters_run, self), 0);
}

void http_letters_join(http_letters *self)
{
    void *result = NULL;
    assert_int_equal(pthread_join(self->thread, &result), 0);
    assert_ptr_equal(result, self);
}

void http_letters_end(http_letters *self)
{
    self->server = copse_http_server_free(self->server);
    assert_int_equal(self->bodies, 0);
    test_env_assert_empty(&self->env);
}

void http_letters_stop(http_letters *self)
{
    copse_http_server_stop(self->server);
    http_letters_join(self);
    http_letters_end(self);
}
