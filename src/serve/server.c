/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/server.h>

#include "base/alloc.h"
#include "base/err.h"
#include "serve/service.h"

#include <stdio.h>

struct copse_server {
    const copse_env *env;
    copse_server_options options;
    copse_service service;
    copse_http_server *http;
};

static void server_answer(void *ctx, const copse_http_request *request, copse_http_answer *answer)
{
    copse_server *server = ctx;
    copse_service_answer(&server->service, request, answer);
}

static void server_refuse(void *ctx, unsigned status, const char *reason, copse_http_answer *answer)
{
    copse_server *server = ctx;
    copse_service_refuse(&server->service, status, reason, answer);
}

static void server_done(void *ctx, const copse_http_exchange *exchange)
{
    copse_server *server = ctx;
    copse_service_done(&server->service, exchange);
    if (server->options.log != NULL) {
        char line[1024];
        bool read = exchange->target.len > 0;
        (void)snprintf(line, sizeof line, "%s \"%.*s %.*s\" %u %llu B %llu ms%s", exchange->peer,
                       (int)exchange->method_name.len, (const char *)exchange->method_name.ptr,
                       read ? (int)exchange->target.len : 1,
                       read ? (const char *)exchange->target.ptr : "-", exchange->status,
                       (unsigned long long)exchange->sent_bytes,
                       (unsigned long long)exchange->duration_ms, exchange->cut ? " cut" : "");
        server->options.log(server->options.log_ctx, line);
    }
}

copse_status copse_server_new(const copse_env *env, const copse_server_options *options,
                              copse_server **ret_server, copse_err *err)
{
    copse_server *server = copse_alloc_zeroed(env, sizeof *server);
    if (server == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    server->env = env;
    server->options = *options;
    copse_status status = copse_service_init(&server->service, env, err);
    if (status == COPSE_OK) {
        copse_http_handler handler = {server_answer, server_refuse, server_done, server};
        status = copse_http_server_new(server->service.env,
                                       options->address != NULL ? options->address : "127.0.0.1",
                                       options->port, &handler, &server->http, err);
    }
    if (status != COPSE_OK) {
        (void)copse_server_free(server);
        return status;
    }
    server->service.http = server->http;
    *ret_server = server;
    return COPSE_OK;
}

copse_server *copse_server_free(copse_server *server)
{
    if (server != NULL) {
        server->http = copse_http_server_free(server->http);
        copse_service_release(&server->service);
        copse_free(server->env, server, sizeof *server);
    }
    return NULL;
}

copse_status copse_server_add(copse_server *server, const copse_served *served, copse_err *err)
{
    return copse_served_list_add(&server->service.databases, served, err);
}

uint16_t copse_server_port(const copse_server *server)
{
    return copse_http_server_port(server->http);
}

copse_status copse_server_run(copse_server *server, copse_err *err)
{
    return copse_http_server_run(server->http, err);
}

void copse_server_stop(copse_server *server)
{
    copse_http_server_stop(server->http);
}
