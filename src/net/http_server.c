/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_server.h"

#include "base/alloc.h"
#include "base/err.h"
#include "net/http_connection.h"

#include <errno.h>
#include <sys/socket.h>

enum { HTTP_SERVER_BACKLOG = 1024 };

/* ---- Stopping ---- */

static void http_server_on_stop(uv_async_t *wake)
{
    copse_http_server *server = wake->data;
    copse_http_connection *next = NULL;
    if (server->stopping) {
        return;
    }
    server->stopping = true;
    server->stop_deadline = uv_now(&server->loop) + server->env->limits.http_stop_ms_max;
    uv_close((uv_handle_t *)&server->listener, NULL);
    for (copse_http_connection *each = server->connections; each != NULL; each = next) {
        next = each->next;
        copse_http_connection_stop(each);
    }
}

static void http_server_close_all(copse_http_server *server)
{
    while (server->connections != NULL) {
        copse_http_connection_close(server->connections);
    }
}

static void http_server_on_tick(uv_timer_t *tick)
{
    copse_http_server *server = tick->data;
    uint64_t now = uv_now(&server->loop);
    copse_http_connection *next = NULL;
    for (copse_http_connection *each = server->connections; each != NULL; each = next) {
        next = each->next;
        copse_http_connection_tick(each, now);
    }
    if (server->handler.tick != NULL) {
        server->handler.tick(server->handler.ctx);
    }
    if (server->accept_waits && !server->stopping) {
        server->accept_waits = false;
        copse_http_connection_accept(server);
    }
    if (server->stopping && now >= server->stop_deadline) {
        http_server_close_all(server);
    }
    if (server->stopping && server->connections == NULL) {
        uv_close((uv_handle_t *)&server->tick, NULL);
        uv_close((uv_handle_t *)&server->wake, NULL);
    }
}

void copse_http_server_stop(copse_http_server *server)
{
    (void)uv_async_send(&server->wake);
}

/* ---- Life ---- */

static copse_status http_server_failed(int code, const char *what, copse_err *err)
{
    copse_status status = code == UV_EACCES || code == UV_EPERM ? COPSE_DENIED
                          : code == UV_ENOMEM                   ? COPSE_NOMEM
                                                                : COPSE_IO;
    (void)COPSE_ERR(err, status, "%s: %s", what, uv_strerror(code));
    if (err != NULL) {
        err->os_errno = -code;
    }
    return status;
}

static void http_server_on_connection(uv_stream_t *listener, int status)
{
    if (status == 0) {
        copse_http_connection_accept(listener->data);
    }
}

static copse_status http_server_parse_address(const char *address, uint16_t port,
                                              struct sockaddr_storage *ret_address, copse_err *err)
{
    if (uv_ip4_addr(address, port, (struct sockaddr_in *)ret_address) != 0 &&
        uv_ip6_addr(address, port, (struct sockaddr_in6 *)ret_address) != 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "'%s' is no IP address", address);
    }
    return COPSE_OK;
}

/* 0, or libuv's code. */
static int http_server_share_port(copse_http_server *server, int family)
{
    const int yes = 1;
    uv_os_fd_t fd;
    int code = uv_tcp_init_ex(&server->loop, &server->listener, (unsigned)family);
    if (code == 0) {
        code = uv_fileno((uv_handle_t *)&server->listener, &fd);
    }
    if (code == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0) {
        code = uv_translate_sys_error(errno);
    }
    return code;
}

static copse_status http_server_listen(copse_http_server *server,
                                       const struct sockaddr_storage *address, bool shares_port,
                                       copse_err *err)
{
    int code = shares_port ? http_server_share_port(server, address->ss_family)
                           : uv_tcp_init(&server->loop, &server->listener);
    server->listener.data = server;
    if (code == 0) {
        code = uv_tcp_bind(&server->listener, (const struct sockaddr *)address, 0);
    }
    if (code == 0) {
        code = uv_listen((uv_stream_t *)&server->listener, HTTP_SERVER_BACKLOG,
                         http_server_on_connection);
    }
    return code == 0 ? COPSE_OK : http_server_failed(code, "the address can't be listened on", err);
}

static copse_status http_server_set_proxies(copse_http_server *server,
                                            const copse_http_server_options *options,
                                            copse_err *err)
{
    size_t count = options->proxies_count;
    if (count == 0) {
        return COPSE_OK;
    }
    server->proxies = copse_alloc_array(server->env, count, sizeof *server->proxies);
    if (server->proxies == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    server->proxies_count = count;
    for (size_t i = 0; i < count; i++) {
        if (!copse_http_address_parse(copse_bytes_of_text(options->proxies[i]),
                                      &server->proxies[i])) {
            return COPSE_ERR(err, COPSE_MISUSE, "'%.60s' is no IP address of a proxy",
                             options->proxies[i]);
        }
    }
    return COPSE_OK;
}

/* Makes loop and handles; none of them allocates or fails but the first. */
static copse_status http_server_init(copse_http_server *server, copse_err *err)
{
    int code = uv_loop_init(&server->loop);
    if (code != 0) {
        return http_server_failed(code, "no event loop", err);
    }
    code = uv_async_init(&server->loop, &server->wake, http_server_on_stop);
    if (code != 0) {
        (void)uv_loop_close(&server->loop);
        return http_server_failed(code, "no event loop", err);
    }
    (void)uv_timer_init(&server->loop, &server->tick);
    server->wake.data = server;
    server->tick.data = server;
    return COPSE_OK;
}

copse_status copse_http_server_new(const copse_env *env, const copse_http_server_options *options,
                                   const copse_http_handler *handler,
                                   copse_http_server **ret_server, copse_err *err)
{
    struct sockaddr_storage parsed = {0};
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a server needs a clock");
    }
    copse_status status = http_server_parse_address(options->address, options->port, &parsed, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_http_server *server = copse_alloc_zeroed(env, sizeof *server);
    if (server == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    server->env = env;
    server->clients.env = env;
    server->handler = *handler;
    status = http_server_init(server, err);
    if (status != COPSE_OK) {
        copse_free(env, server, sizeof *server);
        return status;
    }
    status = http_server_set_proxies(server, options, err);
    if (status == COPSE_OK) {
        status = http_server_listen(server, &parsed, options->shares_port, err);
    }
    if (status != COPSE_OK) {
        (void)copse_http_server_free(server);
        return status;
    }
    *ret_server = server;
    return COPSE_OK;
}

static void http_server_close_handle(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

copse_http_server *copse_http_server_free(copse_http_server *server)
{
    if (server != NULL) {
        http_server_close_all(server);
        uv_walk(&server->loop, http_server_close_handle, NULL);
        (void)uv_run(&server->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&server->loop);
        (void)copse_http_reader_free(server->reader);
        copse_buf_release(&server->out);
        copse_buf_release(&server->headers);
        copse_free_array(server->env, server->proxies, server->proxies_count,
                         sizeof *server->proxies);
        copse_free(server->env, server, sizeof *server);
    }
    return NULL;
}

uint16_t copse_http_server_port(const copse_http_server *server)
{
    struct sockaddr_storage address;
    int size = sizeof address;
    if (uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &size) != 0) {
        return 0;
    }
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                         : ntohs(((struct sockaddr_in *)&address)->sin_port);
}

copse_status copse_http_server_run(copse_http_server *server, copse_err *err)
{
    int code =
        uv_timer_start(&server->tick, http_server_on_tick, COPSE_HTTP_TICK_MS, COPSE_HTTP_TICK_MS);
    if (code == 0) {
        code = uv_run(&server->loop, UV_RUN_DEFAULT);
    }
    return code == 0 ? COPSE_OK : http_server_failed(code, "the event loop", err);
}

copse_http_server_stats copse_http_server_get_stats(const copse_http_server *server)
{
    return server->stats;
}
