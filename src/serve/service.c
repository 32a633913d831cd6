/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/service.h"

#include <copse/commit.h>

#include "base/err.h"
#include "serve/reply.h"

enum { SERVICE_READ = COPSE_HTTP_GET | COPSE_HTTP_HEAD, SERVICE_ARGUMENT_BYTES_MAX = 1024 };

/* {} is one segment of a path, * whatever follows. The first row that fits answers. */
static const struct service_route {
    unsigned methods;
    const char *pattern;
    const char *methods_text; /* of methods */
    copse_route_fn *answer;
} service_routes[] = {
    {SERVICE_READ, "/", "GET, HEAD, OPTIONS", copse_route_index},
    {SERVICE_READ, "/ipfs/{}", "GET, HEAD, OPTIONS", copse_route_ipfs},
    {SERVICE_READ, "/ipfs/{}/*", "GET, HEAD, OPTIONS", copse_route_ipfs_path},
    {COPSE_HTTP_POST, "/copse/v1/blocks", "POST, OPTIONS", copse_route_blocks},
    {SERVICE_READ, "/copse/v1/{}", "GET, HEAD, OPTIONS", copse_route_head},
    {COPSE_HTTP_POST, "/copse/v1/{}/query", "POST, OPTIONS", copse_route_query},
    {SERVICE_READ, "/health", "GET, HEAD, OPTIONS", copse_route_health},
    {SERVICE_READ, "/metrics", "GET, HEAD, OPTIONS", copse_route_metrics},
};

enum {
    SERVICE_ROUTES_COUNT = sizeof service_routes / sizeof service_routes[0],
    SERVICE_ROUTE_NONE = COPSE_METRICS_ROUTES_MAX - 1
};

_Static_assert((int)SERVICE_ROUTES_COUNT < (int)COPSE_METRICS_ROUTES_MAX, "too many routes");

/* ---- Life ---- */

copse_status copse_service_init(copse_service *service, const copse_env *env, copse_err *err)
{
    *service = (copse_service){.http = NULL};
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a server needs a clock");
    }
    copse_budget_init(&service->budget, env, env->limits.serve_memory_bytes_max);
    service->env = &service->budget.env;
    service->databases.env = service->env;
    copse_status status =
        copse_served_store_new(service->env, &service->databases, &service->store, err);
    if (status == COPSE_OK) {
        status = copse_answer_pool_init(&service->answers, service->env, service->store,
                                        env->limits.serve_memory_bytes_max, &service->metrics, err);
    }
    return status;
}

void copse_service_release(copse_service *service)
{
    copse_answer_pool_release(&service->answers);
    service->store = copse_store_close(service->store);
    if (service->env != NULL) {
        copse_served_list_release(&service->databases);
    }
}

/* ---- Routes ---- */

/* Whether the path is one of the pattern; `ret_argument` is what stands for {}. */
static bool service_matches(const char *pattern, copse_bytes path, copse_bytes *ret_argument)
{
    size_t at = 0;
    *ret_argument = (copse_bytes){NULL, 0};
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '*') {
            return at < path.len;
        }
        if (*pattern == '{') {
            size_t start = at;
            while (at < path.len && path.ptr[at] != '/') {
                at++;
            }
            *ret_argument = (copse_bytes){path.ptr + start, at - start};
            pattern++;
            if (at == start) {
                return false;
            }
        } else if (at == path.len || path.ptr[at++] != (uint8_t)*pattern) {
            return false;
        }
    }
    return at == path.len || (at + 1 == path.len && path.ptr[at] == '/');
}

/* The row for the path; of those for the method, if there are any. SERVICE_ROUTES_COUNT: none. */
static size_t service_find(const copse_http_request *request, copse_bytes *ret_argument)
{
    size_t of_path = SERVICE_ROUTES_COUNT;
    for (size_t i = 0; i < SERVICE_ROUTES_COUNT; i++) {
        copse_bytes argument;
        bool fits = service_matches(service_routes[i].pattern, request->path, &argument);
        bool of_method = (service_routes[i].methods & (unsigned)request->method) != 0;
        if (fits && (of_method || of_path == SERVICE_ROUTES_COUNT)) {
            of_path = i;
            *ret_argument = argument;
            if (of_method) {
                break;
            }
        }
    }
    return of_path;
}

/* Browsers may read everything from anywhere: it is public, and there is nothing to log in to. What
 * only they or their preflights need goes to others only where gateways are expected to send it. */
static void service_add_cors(const copse_http_request *request, copse_http_answer *answer)
{
    copse_bytes origin;
    bool is_gateway = request->method == COPSE_HTTP_OPTIONS ||
                      copse_bytes_has_prefix(request->path, copse_bytes_of_text("/ipfs/"));
    copse_reply_header(answer, "Access-Control-Allow-Origin", "*");
    if (is_gateway || copse_http_request_header(request, "Origin", 0, &origin)) {
        copse_reply_header(
            answer, "Access-Control-Expose-Headers",
            "Content-Length, Content-Range, Copse-Root, ETag, X-Chunked-Output, X-Ipfs-Path, "
            "X-Ipfs-Roots, X-Stream-Output");
    }
    if (is_gateway) {
        copse_reply_header(answer, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, POST");
        copse_reply_header(answer, "Access-Control-Allow-Headers",
                           "Accept, Content-Type, Range, User-Agent, X-Requested-With");
    }
}

static void service_run(copse_service *service, const struct service_route *route,
                        const copse_http_request *request, copse_bytes encoded,
                        copse_http_answer *answer)
{
    copse_buf argument;
    copse_buf_init(&argument, service->env, SERVICE_ARGUMENT_BYTES_MAX);
    copse_status status = copse_http_percent_decode(encoded, &argument);
    if (status == COPSE_OK) {
        route->answer(service, request, copse_buf_view(&argument), answer);
    } else if (status == COPSE_NOMEM) {
        copse_reply_failure(service->env, answer, status, NULL);
    } else {
        copse_reply_line(service->env, answer, 400, "the path can't be decoded: see /");
    }
    copse_buf_release(&argument);
}

void copse_service_answer(copse_service *service, const copse_http_request *request,
                          copse_http_answer *answer)
{
    copse_bytes argument;
    size_t at = service_find(request, &argument);
    const struct service_route *route = &service_routes[at];
    service_add_cors(request, answer);
    answer->status = 200;
    if (at == SERVICE_ROUTES_COUNT) {
        copse_reply_line(service->env, answer, 404, "there is no such page: see /");
    } else if (request->method == COPSE_HTTP_OPTIONS) {
        copse_reply_header(answer, "Allow", "%s", route->methods_text);
        answer->status = 204;
    } else if ((route->methods & (unsigned)request->method) == 0) {
        copse_reply_header(answer, "Allow", "%s", route->methods_text);
        copse_reply_line(service->env, answer, 405, "this page takes %s", route->methods_text);
    } else {
        service_run(service, route, request, argument, answer);
    }
}

void copse_service_refuse(copse_service *service, unsigned status, const char *reason,
                          copse_http_answer *answer)
{
    copse_reply_header(answer, "Access-Control-Allow-Origin", "*");
    answer->status = 200;
    copse_reply_line(service->env, answer, status, "%s", reason);
}

void copse_service_done(copse_service *service, const copse_http_exchange *exchange)
{
    copse_http_request request = {.path = exchange->target, .method = COPSE_HTTP_GET};
    copse_bytes argument;
    for (size_t i = 0; i < request.path.len; i++) {
        if (request.path.ptr[i] == '?') {
            request.path.len = i;
        }
    }
    if (copse_bytes_equal(exchange->method_name, copse_bytes_of_text("POST"))) {
        request.method = COPSE_HTTP_POST;
    }
    size_t at = service_find(&request, &argument);
    copse_metrics_add(&service->metrics, at < SERVICE_ROUTES_COUNT ? at : SERVICE_ROUTE_NONE,
                      exchange);
}

copse_status copse_service_write_metrics(const copse_service *service, copse_buf *buf)
{
    const char *names[COPSE_METRICS_ROUTES_MAX] = {NULL};
    copse_http_server_stats stats = {0};
    for (size_t i = 0; i < SERVICE_ROUTES_COUNT; i++) {
        names[i] = service_routes[i].pattern;
    }
    names[SERVICE_ROUTE_NONE] = "";
    if (service->http != NULL) {
        stats = copse_http_server_get_stats(service->http);
    }
    return copse_metrics_write(&service->metrics, &stats, names, service->budget.size_bytes, buf);
}

/* ---- Heads ---- */

copse_status copse_service_commit_tree(copse_service *service, copse_store *store,
                                       const copse_cid *cid, copse_cid *ret_tree, copse_err *err)
{
    copse_block *block = NULL;
    copse_cid tree = {.size = 0};
    copse_status status = copse_store_get(store, cid, &block, err);
    if (status == COPSE_OK && copse_commit_is(block)) {
        copse_commit commit;
        status = copse_commit_decode(service->env, block, &commit, err);
        tree = status == COPSE_OK ? commit.tree : tree;
    }
    block = copse_block_unref(block);
    if (status == COPSE_OK) {
        *ret_tree = tree;
    }
    return status;
}

copse_status copse_service_head(copse_service *service, const copse_served *served,
                                copse_cid *ret_head, copse_cid *ret_tree, copse_err *err)
{
    copse_cid head;
    copse_status status = served->refresh != NULL ? served->refresh(served->ctx, err) : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_refs_get(served->refs, copse_bytes_of_text(served->ref), &head, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_service_commit_tree(service, served->store, &head, ret_tree, err);
    if (status == COPSE_NOT_FOUND) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "the block of the head is missing");
    }
    if (status == COPSE_OK) {
        *ret_head = head;
    }
    return status;
}
