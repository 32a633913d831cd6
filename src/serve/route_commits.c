/* POST /copse/v1/{name or CID}/commits: history (docs/formats/http.md).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/commits_body.h"
#include "serve/compress.h"
#include "serve/reply.h"
#include "serve/service.h"
#include "serve/work_clock.h"
#include "sync/commits_request.h"
#include "value/cid_parse.h"

#include "base/alloc.h"
#include "base/err.h"

enum { COMMITS_WANTED = 1 };

/* A request for history on its way to its answer. */
typedef struct commits_route {
    copse_service *service;
    copse_http_answer *answer;
    copse_work_clock clock;
    copse_commits_request request;
    copse_cid root;
    copse_marked_head *heads;
    size_t heads_count;
    size_t heads_capacity;
} commits_route;

/* Whether a block is a commit; NOT_FOUND: it is not here. */
static copse_status commits_look_at(commits_route *route, const copse_cid *cid, bool *ret_is_commit,
                                    copse_err *err)
{
    copse_service *service = route->service;
    copse_cid tree = {.size = 0};
    copse_status status = copse_service_commit_tree(service, service->store, cid, &tree, err);
    *ret_is_commit = tree.size > 0;
    return status;
}

static copse_status commits_add_head(commits_route *route, const copse_cid *cid, unsigned marks,
                                     copse_err *err)
{
    void *heads = route->heads;
    bool grown = copse_array_grow(route->service->env, &heads, &route->heads_capacity,
                                  route->heads_count + 1, sizeof *route->heads);
    route->heads = heads;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    route->heads[route->heads_count++] = (copse_marked_head){*cid, marks};
    return COPSE_OK;
}

/* Adds those of a list that are commits, and are here: of what an asker has much is unknown. What
 * is left when that takes too long is passed over too. */
static copse_status commits_add_list(commits_route *route, const copse_buf *list, unsigned marks,
                                     copse_err *err)
{
    const copse_cid *cids = (const copse_cid *)(const void *)list->ptr;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < list->len / sizeof *cids && status == COPSE_OK &&
                       !copse_work_clock_is_late(&route->clock);
         i++) {
        bool is_commit = false;
        if (!copse_cid_is_dag_cbor(&cids[i])) {
            continue;
        }
        status = commits_look_at(route, &cids[i], &is_commit, err);
        if (status == COPSE_OK && is_commit) {
            status = commits_add_head(route, &cids[i], marks, err);
        }
        status = status == COPSE_NOT_FOUND || status == COPSE_CORRUPT ? COPSE_OK : status;
    }
    return status;
}

/* Adds the commit that the path names. False: the answer says why not. */
static bool commits_add_root(commits_route *route, copse_bytes argument)
{
    copse_service *service = route->service;
    copse_err err = {.message = ""};
    bool is_head = false;
    bool is_commit = false;
    if (!copse_service_find_root(service, argument, route->answer, &route->root, &is_head)) {
        return false;
    }
    copse_status status = commits_look_at(route, &route->root, &is_commit, &err);
    if (status == COPSE_NOT_FOUND) {
        copse_service_reply_missing(service, &route->root, route->answer);
        return false;
    }
    if (status == COPSE_OK && !is_commit) {
        copse_reply_line(service->env, route->answer, 400,
                         "%s is no commit, and has no history: ask for one",
                         is_head ? "the head" : "what the path names");
        return false;
    }
    if (status == COPSE_OK) {
        status = commits_add_head(route, &route->root, COMMITS_WANTED, &err);
    }
    if (status != COPSE_OK) {
        copse_reply_failure(service->env, route->answer, status, &err);
    }
    return status == COPSE_OK;
}

static void commits_answer(commits_route *route, const copse_http_request *http)
{
    copse_service *service = route->service;
    copse_http_answer *answer = route->answer;
    copse_err err = {.message = ""};
    char root[COPSE_CID_TEXT_SIZE_MAX];
    copse_work_clock_begin(&route->clock);
    copse_status status = commits_add_list(route, &route->request.have, COPSE_MARK_DONE, &err);
    if (status == COPSE_OK) {
        status = commits_add_list(route, &route->request.want, COMMITS_WANTED, &err);
    }
    copse_work_clock_end(&route->clock);
    if (status == COPSE_OK) {
        status = copse_commits_body(service->env, service->store, &route->root, route->heads,
                                    route->heads_count, route->request.limit, &route->clock,
                                    &service->metrics, answer, &err);
    }
    if (status != COPSE_OK) {
        copse_reply_failure(service->env, answer, status, &err);
        return;
    }
    (void)copse_cid_to_text(&route->root, COPSE_BASE32, root);
    copse_reply_header(answer, "Content-Type", "application/vnd.ipld.car; version=1");
    copse_reply_header(answer, "Copse-Root", "%s", root);
    copse_reply_header(answer, "X-Content-Type-Options", "nosniff");
    copse_reply_header(answer, "Cache-Control", "no-store");
    copse_compress_answer(service->env, http, answer);
}

void copse_route_commits(copse_service *service, const copse_http_request *request,
                         copse_bytes argument, copse_http_answer *answer)
{
    commits_route route = {.service = service, .answer = answer, .clock = {.env = service->env}};
    copse_err err = {.message = ""};
    copse_status status =
        copse_commits_request_decode(service->env, request->body, &route.request, &err);
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        copse_reply_line(service->env, answer, status == COPSE_LIMIT ? 413 : 400,
                         "the body is no request for commits: %s", err.message);
    } else if (status != COPSE_OK) {
        copse_reply_failure(service->env, answer, status, &err);
    } else if (commits_add_root(&route, argument)) {
        commits_answer(&route, request);
    }
    copse_free_array(service->env, route.heads, route.heads_capacity, sizeof *route.heads);
    copse_commits_request_release(&route.request);
}
