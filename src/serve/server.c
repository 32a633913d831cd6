/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/server.h>

#include "base/alloc.h"
#include "base/err.h"
#include "serve/service.h"

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

static void server_tick(void *ctx)
{
    copse_server *server = ctx;
    copse_service_publish(&server->service);
}

static void server_done(void *ctx, const copse_http_exchange *exchange)
{
    copse_server *server = ctx;
    copse_service_done(&server->service, exchange);
    if (server->options.log != NULL) {
        const copse_server_request request = {
            .peer = exchange->peer,
            .method = exchange->method_name,
            .target = exchange->target,
            .status = exchange->status,
            .sent_bytes = exchange->sent_bytes,
            .duration_ms = exchange->duration_ms,
            .cut = exchange->cut,
        };
        server->options.log(server->options.log_ctx, &request);
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
    server->service.accepts_records = options->accepts_records;
    for (size_t i = 0; status == COPSE_OK && i < options->announce_count; i++) {
        status = copse_service_announce(&server->service, options->announce[i], err);
    }
    if (status == COPSE_OK) {
        copse_http_handler handler = {server_answer, server_refuse, server_done, server,
                                      server_tick};
        copse_http_server_options http = {
            .address = options->address != NULL ? options->address : "127.0.0.1",
            .port = options->port,
            .shares_port = options->shares_port,
            .proxies = options->proxies,
            .proxies_count = options->proxies_count,
        };
        status = copse_http_server_new(server->service.env, &http, &handler, &server->http, err);
    }
    if (status != COPSE_OK) {
        (void)copse_server_free(server);
        return status;
    }
    server->service.http = server->http;
    if (options->shared_counts != NULL) {
        copse_service_share(&server->service, options->shared_counts, options->servers_count,
                            options->server_number);
    }
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

copse_status copse_server_put_record(copse_server *server, const copse_public_key *name,
                                     copse_bytes record, copse_err *err)
{
    return copse_relayed_records_put(&server->service.records, name, record, true, err);
}

size_t copse_server_counts_size(size_t servers_count)
{
    return servers_count * sizeof(copse_counts);
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
