/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/sim_exchange.h"

#include "proto/http_response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EXCHANGE_PIECE = 16 << 10, EXCHANGE_HEADERS_MAX = 64 << 10 };

static void exchange_must(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

/* ---- The request ----------------------------------------------------------------------------- */

static char *exchange_dup(const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    assert_true(text == NULL || copy != NULL);
    return copy;
}

static sim_page exchange_page(const char *target, bool post)
{
    static const char api[] = "/copse/v1/";
    size_t len = strlen(target);
    if (strncmp(target, api, sizeof api - 1) == 0) {
        if (!post) {
            return SIM_PAGE_HEAD;
        }
        bool query = len > 6 && strcmp(target + len - 6, "/query") == 0;
        bool commits = len > 8 && strcmp(target + len - 8, "/commits") == 0;
        return query ? SIM_PAGE_QUERY : commits ? SIM_PAGE_COMMITS : SIM_PAGE_BLOCKS;
    }
    return strncmp(target, "/ipfs/", 6) == 0               ? SIM_PAGE_BLOCK
           : strncmp(target, "/ipns/", 6) == 0             ? SIM_PAGE_NAME
           : strncmp(target, "/routing/v1/ipns/", 17) == 0 ? SIM_PAGE_NAME
                                                           : SIM_PAGE_OTHER;
}

static void exchange_add_header(sim_exchange *exchange, const char *name, const char *value)
{
    if (value != NULL) {
        exchange->headers[exchange->request.headers_count++] =
            (copse_http_header){copse_bytes_of_text(name), copse_bytes_of_text(value)};
    }
}

/* What stands on the wire: as libcurl writes it. */
static size_t exchange_request_bytes(const sim_exchange *exchange, const char *host)
{
    bool post = exchange->content_type != NULL;
    size_t size = (size_t)snprintf(NULL, 0,
                                   "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: copse\r\n"
                                   "Accept-Encoding: zstd, gzip\r\nAccept: %s\r\n\r\n",
                                   post ? "POST" : "GET", exchange->target, host,
                                   exchange->accept != NULL ? exchange->accept : "*/*");
    if (post) {
        size += (size_t)snprintf(NULL, 0, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                                 exchange->content_type, exchange->body.len);
    }
    return size + exchange->body.len;
}

void sim_exchange_init(sim_exchange *exchange, const copse_env *env,
                       const copse_transport_request *request, const char *host)
{
    const char *after = request->url + 7 + strlen(host);
    assert_true(strncmp(request->url, "http://", 7) == 0);
    assert_false(request->is_put); /* is not simulated */
    assert_true(strncmp(request->url + 7, host, strlen(host)) == 0);
    after += strncmp(after, ":80", 3) == 0 ? 3 : 0;
    assert_true(*after == '/');
    *exchange = (sim_exchange){
        .page = exchange_page(after, request->content_type != NULL),
        .target = exchange_dup(after),
        .accept = exchange_dup(request->accept),
        .content_type = exchange_dup(request->content_type),
        .fault_from = UINT64_MAX,
    };
    copse_buf_init(&exchange->body, env, SIZE_MAX);
    copse_buf_init(&exchange->bytes, env, SIZE_MAX);
    exchange_must(copse_buf_append(&exchange->body, request->body));
    exchange->request_bytes = exchange_request_bytes(exchange, host);
}

static void exchange_drop_answer(sim_exchange *exchange)
{
    if (exchange->answer.body.free != NULL) {
        exchange->answer.body.free(exchange->answer.body.ctx);
    }
    exchange->answer.body = (copse_http_body){.pull = NULL};
    exchange->answer.length = 0;
}

void sim_exchange_release(sim_exchange *exchange)
{
    exchange_drop_answer(exchange);
    copse_buf_release(&exchange->answer.headers);
    copse_buf_release(&exchange->bytes);
    copse_buf_release(&exchange->body);
    free(exchange->content_type);
    free(exchange->accept);
    free(exchange->target);
    *exchange = (sim_exchange){.target = NULL};
}

/* ---- The answer ------------------------------------------------------------------------------ */

void sim_exchange_ask(sim_exchange *exchange, copse_service *service)
{
    char length[24];
    size_t path = strcspn(exchange->target, "?");
    copse_bytes target = copse_bytes_of_text(exchange->target);
    bool post = exchange->content_type != NULL;
    (void)snprintf(length, sizeof length, "%zu", exchange->body.len);
    exchange->service = service;
    exchange->request = (copse_http_request){
        .method = post ? COPSE_HTTP_POST : COPSE_HTTP_GET,
        .method_name = copse_bytes_of_text(post ? "POST" : "GET"),
        .target = target,
        .path = {target.ptr, path},
        .query = {target.ptr + path + (path < target.len), target.len - path - (path < target.len)},
        .version_minor = 1,
        .headers = exchange->headers,
        .keep_alive = true,
        .body = copse_buf_view(&exchange->body),
    };
    exchange_add_header(exchange, "Host", "peer");
    exchange_add_header(exchange, "Accept", exchange->accept);
    exchange_add_header(exchange, "Content-Type", exchange->content_type);
    copse_buf_init(&exchange->answer.headers, service->env, EXCHANGE_HEADERS_MAX);
    if (exchange->body.len > service->env->limits.http_body_bytes_max) {
        copse_service_refuse(service, 413, "the body is too large", &exchange->answer);
    } else {
        copse_service_answer(service, &exchange->request, &exchange->answer);
    }
}

bool sim_exchange_gather(sim_exchange *exchange)
{
    copse_status status = COPSE_OK;
    assert_false(exchange->made);
    while (status == COPSE_OK) {
        status = sim_exchange_pull(exchange, &exchange->bytes, EXCHANGE_PIECE);
    }
    exchange_drop_answer(exchange);
    exchange->made = true;
    exchange->cut = status != COPSE_END;
    exchange->answer.length = COPSE_HTTP_LENGTH_UNKNOWN;
    return !exchange->cut;
}

void sim_exchange_replace(sim_exchange *exchange, unsigned status, copse_bytes body)
{
    exchange_drop_answer(exchange);
    copse_buf_truncate(&exchange->answer.headers, 0);
    copse_buf_truncate(&exchange->bytes, 0);
    exchange_must(copse_buf_append(&exchange->bytes, body));
    exchange->answer.status = status;
    exchange->answer.length = COPSE_HTTP_LENGTH_UNKNOWN;
    exchange->made = true;
    exchange->cut = false;
}

/* ---- Headers --------------------------------------------------------------------------------- */

/* Takes the next line off `lines`. */
static bool exchange_next_header(copse_bytes *lines, copse_http_header *ret_header,
                                 copse_bytes *ret_line)
{
    const uint8_t *end = lines->len > 0 ? memchr(lines->ptr, '\n', lines->len) : NULL;
    if (end == NULL) {
        return false;
    }
    *ret_line = (copse_bytes){lines->ptr, (size_t)(end + 1 - lines->ptr)};
    const uint8_t *colon = memchr(lines->ptr, ':', ret_line->len);
    assert_non_null(colon);
    ret_header->name = (copse_bytes){lines->ptr, (size_t)(colon - lines->ptr)};
    ret_header->value = (copse_bytes){colon + 2, (size_t)(end - 1 - (colon + 2))};
    *lines = (copse_bytes){end + 1, lines->len - ret_line->len};
    return true;
}

bool sim_exchange_set_header(sim_exchange *exchange, const char *name, const char *value, bool add)
{
    copse_buf other;
    copse_bytes lines = copse_buf_view(&exchange->answer.headers);
    copse_bytes line;
    copse_http_header header;
    bool found = false;
    copse_buf_init(&other, exchange->answer.headers.env, EXCHANGE_HEADERS_MAX);
    while (exchange_next_header(&lines, &header, &line)) {
        if (copse_http_name_equal(header.name, copse_bytes_of_text(name))) {
            found = true;
        } else {
            exchange_must(copse_buf_append(&other, line));
        }
    }
    if (found || add) {
        exchange_must(copse_http_header_write(&other, name, copse_bytes_of_text(value)));
        copse_buf_release(&exchange->answer.headers);
        exchange->answer.headers = other;
    } else {
        copse_buf_release(&other);
    }
    return found;
}

void sim_exchange_write_head(const sim_exchange *exchange, uint64_t now_ms, copse_buf *buf)
{
    const copse_http_answer *answer = &exchange->answer;
    char date[COPSE_HTTP_DATE_SIZE];
    const copse_http_head head = {
        .status = answer->status,
        .headers = copse_buf_view(&answer->headers),
        .framing = answer->length == COPSE_HTTP_LENGTH_UNKNOWN ? COPSE_HTTP_FRAMING_CHUNKED
                                                               : COPSE_HTTP_FRAMING_LENGTH,
        .length = answer->length,
        .date = copse_http_date(now_ms, date),
    };
    exchange_must(copse_http_head_write(&head, buf));
}

void sim_exchange_read_head(const sim_exchange *exchange, copse_transport_event *event)
{
    copse_bytes lines = copse_buf_view(&exchange->answer.headers);
    copse_bytes line;
    copse_http_header header;
    event->status = exchange->answer.status;
    while (exchange_next_header(&lines, &header, &line)) {
        if (copse_http_name_equal(header.name, copse_bytes_of_text("Content-Type"))) {
            const uint8_t *end = memchr(header.value.ptr, ';', header.value.len);
            event->content_type = header.value;
            if (end != NULL) {
                event->content_type.len = (size_t)(end - header.value.ptr);
            }
        } else if (copse_http_name_equal(header.name, copse_bytes_of_text("Copse-Root"))) {
            event->copse_root = header.value;
        } else if (copse_http_name_equal(header.name, copse_bytes_of_text("Retry-After"))) {
            event->retry_after_ms =
                1000 * (uint32_t)strtoul((const char *)header.value.ptr, NULL, 10);
        }
    }
}

/* ---- The body -------------------------------------------------------------------------------- */

static copse_status exchange_pull_made(sim_exchange *exchange, copse_buf *buf, size_t size_max)
{
    const copse_buf *bytes = &exchange->bytes;
    do {
        size_t size = bytes->len - exchange->bytes_at;
        size = size < size_max ? size : size_max;
        if (size > 0) {
            exchange_must(
                copse_buf_append(buf, (copse_bytes){bytes->ptr + exchange->bytes_at, size}));
        }
        size_max -= size;
        exchange->bytes_at += size;
        if (exchange->endless && exchange->bytes_at == bytes->len) {
            exchange->bytes_at = exchange->bytes_loop;
        }
    } while (exchange->endless && size_max > 0);
    if (exchange->bytes_at < bytes->len) {
        return COPSE_OK;
    }
    return exchange->cut ? COPSE_IO : COPSE_END;
}

copse_status sim_exchange_pull(sim_exchange *exchange, copse_buf *buf, size_t size_max)
{
    if (exchange->made) {
        return exchange_pull_made(exchange, buf, size_max);
    }
    copse_http_body *body = &exchange->answer.body;
    return body->pull != NULL ? body->pull(body->ctx, buf, size_max, NULL) : COPSE_END;
}
