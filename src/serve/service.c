/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/service.h"

#include <copse/cache_store.h>
#include <copse/commit.h>

#include "base/err.h"
#include "serve/multiaddr.h"
#include "serve/reply.h"

#include <string.h>

enum {
    SERVICE_READ = COPSE_HTTP_GET | COPSE_HTTP_HEAD,
    SERVICE_ARGUMENT_BYTES_MAX = 1024,
    SERVICE_ANNOUNCED_BYTES_MAX = 16 << 10
};

/* {} is one segment of a path, * whatever follows. The first row that fits answers. */
static const struct service_route {
    unsigned methods;
    const char *pattern;
    const char *methods_text; /* of methods */
    copse_route_fn *answer;
} service_routes[] = {
    {SERVICE_READ, "/", "GET, HEAD, OPTIONS", copse_route_index},
    {SERVICE_READ, "/ipfs/{}", "GET, HEAD, OPTIONS", copse_route_ipfs},
    {SERVICE_READ, "/ipfs/{}/*", "GET, HEAD, OPTIONS", copse_route_ipfs},
    {SERVICE_READ, "/ipns/{}", "GET, HEAD, OPTIONS", copse_route_ipns},
    {COPSE_HTTP_POST, "/copse/v1/blocks", "POST, OPTIONS", copse_route_blocks},
    {SERVICE_READ, "/copse/v1/{}", "GET, HEAD, OPTIONS", copse_route_head},
    {COPSE_HTTP_POST, "/copse/v1/{}/query", "POST, OPTIONS", copse_route_query},
    {COPSE_HTTP_POST, "/copse/v1/{}/commits", "POST, OPTIONS", copse_route_commits},
    {SERVICE_READ, "/copse/v1/{}/events", "GET, HEAD, OPTIONS", copse_route_events},
    {SERVICE_READ, "/routing/v1/providers/{}", "GET, HEAD, OPTIONS", copse_route_providers},
    {SERVICE_READ | COPSE_HTTP_PUT, "/routing/v1/ipns/{}", "GET, HEAD, PUT, OPTIONS",
     copse_route_record},
    {SERVICE_READ, "/health", "GET, HEAD, OPTIONS", copse_route_health},
    {SERVICE_READ, "/metrics", "GET, HEAD, OPTIONS", copse_route_metrics},
};

enum {
    SERVICE_ROUTES_COUNT = sizeof service_routes / sizeof service_routes[0],
    SERVICE_ROUTE_NONE = COPSE_METRICS_ROUTES_MAX - 1
};

_Static_assert((int)SERVICE_ROUTES_COUNT < (int)COPSE_METRICS_ROUTES_MAX, "too many routes");

/* ---- Life ---- */

/* Puts a cache in front of the store. It holds blocks that the databases have made, and has a bound
 * of its own: so it takes nothing from the answers. */
static copse_status service_keep_blocks(copse_service *service, const copse_env *env,
                                        copse_err *err)
{
    return copse_cache_store_new(env, service->store, env->limits.serve_cache_bytes_max,
                                 &service->store, err);
}

copse_status copse_service_init(copse_service *service, const copse_env *env, copse_err *err)
{
    *service = (copse_service){.http = NULL};
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a server needs a clock");
    }
    copse_budget_init(&service->budget, env, env->limits.serve_memory_bytes_max);
    service->env = &service->budget.env;
    service->databases.env = service->env;
    service->records.env = service->env;
    copse_buf_init(&service->announced, service->env, SERVICE_ANNOUNCED_BYTES_MAX);
    copse_status status =
        copse_served_store_new(service->env, &service->databases, &service->store, err);
    if (status == COPSE_OK) {
        status = service_keep_blocks(service, env, err);
    }
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
    copse_buf_release(&service->announced);
    if (service->env != NULL) {
        copse_heads_release(service);
        copse_served_list_release(&service->databases);
        copse_relayed_records_release(&service->records);
    }
}

copse_status copse_service_announce(copse_service *service, const char *text, copse_err *err)
{
    copse_buf *announced = &service->announced;
    size_t len_before = announced->len;
    copse_status status = copse_multiaddr_of_text(copse_bytes_of_text(text), announced);
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(announced, '\n');
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(announced, len_before);
    }
    return status == COPSE_OK ? status
           : status == COPSE_CORRUPT
               ? COPSE_ERR(err, COPSE_MISUSE, "'%.200s' is neither a multiaddr nor http(s)://HOST",
                           text)
               : COPSE_ERR(err, status, "too many addresses are announced");
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
                      copse_bytes_has_prefix(request->path, copse_bytes_of_text("/ipfs/")) ||
                      copse_bytes_has_prefix(request->path, copse_bytes_of_text("/ipns/")) ||
                      copse_bytes_has_prefix(request->path, copse_bytes_of_text("/routing/"));
    copse_reply_lines(answer, "Access-Control-Allow-Origin: *\r\n");
    if (is_gateway || copse_http_request_header(request, "Origin", 0, &origin)) {
        copse_reply_lines(answer,
                          "Access-Control-Expose-Headers: "
                          "Content-Length, Content-Range, Copse-Root, ETag, X-Chunked-Output, "
                          "X-Ipfs-Path, X-Ipfs-Roots, X-Stream-Output\r\n");
    }
    if (is_gateway) {
        copse_reply_lines(answer, "Access-Control-Allow-Methods: GET, HEAD, OPTIONS, POST, PUT\r\n"
                                  "Access-Control-Allow-Headers: "
                                  "Accept, Content-Type, Range, User-Agent, X-Requested-With\r\n");
    }
}

static void service_run(copse_service *service, const struct service_route *route,
                        const copse_http_request *request, copse_bytes encoded,
                        copse_http_answer *answer)
{
    copse_buf argument;
    if (encoded.len == 0 || memchr(encoded.ptr, '%', encoded.len) == NULL) {
        route->answer(service, request, encoded, answer);
        return;
    }
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
    copse_bytes argument = {NULL, 0};
    size_t at = service_find(request, &argument);
    const struct service_route *route = &service_routes[at];
    answer->status = 200;
    service_add_cors(request, answer);
    answer->tag = at < SERVICE_ROUTES_COUNT ? at : SERVICE_ROUTE_NONE; /* for the counts */
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
    answer->status = 200;
    copse_reply_header(answer, "Access-Control-Allow-Origin", "*");
    answer->tag = SERVICE_ROUTE_NONE;
    copse_reply_line(service->env, answer, status, "%s", reason);
}

void copse_service_done(copse_service *service, const copse_http_exchange *exchange)
{
    copse_metrics_add(&service->metrics, exchange->tag, exchange);
}

/* ---- Counts ---- */

void copse_service_share(copse_service *service, copse_counts *shared, size_t count, size_t at)
{
    service->shared = shared;
    service->shared_count = count;
    service->shared_at = at;
    service->before = shared[at];
    copse_counts_end(&service->before);
}

/* Its own, and those of servers before it in its place. */
static void service_counts(const copse_service *service, copse_counts *ret_counts)
{
    *ret_counts =
        (copse_counts){.metrics = service->metrics, .memory_bytes = service->budget.size_bytes};
    if (service->http != NULL) {
        ret_counts->http = copse_http_server_get_stats(service->http);
    }
    copse_counts_add(ret_counts, &service->before);
}

void copse_service_publish(copse_service *service)
{
    if (service->shared != NULL) {
        service_counts(service, &service->shared[service->shared_at]);
    }
}

copse_status copse_service_write_metrics(const copse_service *service, copse_buf *buf)
{
    const char *names[COPSE_METRICS_ROUTES_MAX] = {NULL};
    copse_counts counts;
    for (size_t i = 0; i < SERVICE_ROUTES_COUNT; i++) {
        names[i] = service_routes[i].pattern;
    }
    names[SERVICE_ROUTE_NONE] = "";
    service_counts(service, &counts);
    for (size_t i = 0; i < service->shared_count; i++) {
        if (i != service->shared_at) {
            copse_counts_add(&counts, &service->shared[i]);
        }
    }
    return copse_metrics_write(&counts, names, buf);
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

void copse_service_reply_missing(copse_service *service, const copse_cid *cid,
                                 copse_http_answer *answer)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_cid_to_text(cid, COPSE_BASE32, text);
    copse_reply_line(service->env, answer, 404,
                     "no database here has the block %s: ask another peer for it", text);
}

bool copse_service_find_root(copse_service *service, copse_bytes argument,
                             copse_http_answer *answer, copse_cid *ret_root, bool *ret_is_head)
{
    const copse_served *served = copse_served_list_find(&service->databases, argument);
    copse_err err = {.message = ""};
    copse_cid tree;
    *ret_is_head = served != NULL;
    if (served == NULL) {
        bool is_cid = copse_cid_from_text(argument, ret_root, NULL) == COPSE_OK;
        if (!is_cid) {
            copse_reply_line(service->env, answer, 404,
                             "there is no database of this name, and it is no CID: / lists those "
                             "that are served");
        }
        return is_cid;
    }
    copse_status status = copse_service_head(service, served, ret_root, &tree, &err);
    if (status == COPSE_NOT_FOUND) {
        copse_reply_line(service->env, answer, 404, "the database '%s' has no ref '%s' yet",
                         served->name, served->ref);
    } else if (status != COPSE_OK) {
        copse_reply_failure(service->env, answer, status, &err);
    }
    return status == COPSE_OK;
}
