/* POST /copse/v1/{name or CID}/query: the answer to a query (docs/formats/http.md).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/answer_body.h"
#include "serve/compress.h"
#include "serve/reply.h"
#include "serve/service.h"

/* A query on its way to its answer. */
typedef struct query_route {
    copse_service *service;
    copse_http_answer *answer;
    copse_answer_request request;
    copse_cid root;
    bool is_head; /* which the client did not choose */
    copse_open_database *database;
} query_route;

/* Says what is wrong with the request, or why it can't be answered. WANT: of the pool's source. */
static void query_reply_failure(query_route *route, copse_status status, const copse_err *err)
{
    copse_source *source = route->service->answers.databases.source;
    size_t count = 0;
    switch (status) {
    case COPSE_WANT:
        copse_service_reply_missing(route->service, copse_source_wants(source, &count),
                                    route->answer);
        break;
    case COPSE_LIMIT:
        copse_reply_line(route->service->env, route->answer, 413,
                         "%s: ask for less, or read it block by block", err->message);
        break;
    default:
        copse_reply_failure(route->service->env, route->answer, status, err);
        break;
    }
}

static void query_reply_wrong(query_route *route, const copse_err *err)
{
    copse_reply_line(route->service->env, route->answer, 400, "%s", err->message);
}

/* ---- The root -------------------------------------------------------------------------------- */

/* Which root is asked: that of the request, where the path has a name that is served. False: the
 * answer says why there is none. */
static bool query_find_root(query_route *route, copse_bytes argument)
{
    copse_service *service = route->service;
    const copse_cid *asked = &route->request.root;
    if (asked->size > 0 && copse_served_list_find(&service->databases, argument) != NULL) {
        route->root = *asked;
        return true;
    }
    if (!copse_service_find_root(service, argument, route->answer, &route->root, &route->is_head)) {
        return false;
    }
    if (asked->size > 0 && !copse_cid_equal(asked, &route->root)) {
        copse_reply_line(service->env, route->answer, 400,
                         "the path names one root and the request another: leave out one");
        return false;
    }
    return true;
}

/* Opens the database of the root. False: the answer says why not. */
static bool query_open(query_route *route)
{
    copse_service *service = route->service;
    copse_err err = {.message = ""};
    copse_cid tree;
    copse_status status =
        copse_service_commit_tree(service, service->store, &route->root, &tree, &err);
    if (status == COPSE_NOT_FOUND) {
        copse_service_reply_missing(service, &route->root, route->answer);
        return false;
    }
    if (status == COPSE_OK) {
        status =
            copse_open_databases_take(&service->answers.databases,
                                      tree.size > 0 ? &tree : &route->root, &route->database, &err);
    }
    if (status == COPSE_CORRUPT && !route->is_head) {
        copse_reply_line(service->env, route->answer, 400,
                         "the root is neither a commit nor the tree of a database: ask for one");
    } else if (status != COPSE_OK) {
        query_reply_failure(route, status, &err);
    }
    return status == COPSE_OK;
}

/* ---- The answer ------------------------------------------------------------------------------ */

static void query_answer(query_route *route, const copse_http_request *http)
{
    copse_service *service = route->service;
    copse_answer_body *body = NULL;
    copse_err err = {.message = ""};
    char root[COPSE_CID_TEXT_SIZE_MAX];
    copse_status status = copse_answer_body_new(&service->answers, route->database, &route->root,
                                                &route->request, &body, &err);
    if (status == COPSE_CORRUPT) {
        query_reply_wrong(route, &err); /* filter or projection */
        return;
    }
    if (status == COPSE_OK) {
        route->database = NULL; /* the body's */
        status = copse_answer_body_begin(body, &err);
    }
    if (status != COPSE_OK) {
        copse_answer_body_free(body);
        if (status == COPSE_NOT_FOUND || status == COPSE_MISUSE) {
            query_reply_wrong(route, &err); /* the hint */
        } else {
            query_reply_failure(route, status, &err);
        }
        return;
    }
    copse_answer_body_give(body, route->answer);
    (void)copse_cid_to_text(&route->root, COPSE_BASE32, root);
    copse_reply_header(route->answer, "Content-Type", "application/vnd.ipld.car; version=1");
    copse_reply_header(route->answer, "Copse-Root", "%s", root);
    copse_reply_header(route->answer, "X-Content-Type-Options", "nosniff");
    copse_reply_header(route->answer, "Cache-Control", "no-store");
    copse_compress_answer(service->env, http, route->answer);
}

void copse_route_query(copse_service *service, const copse_http_request *request,
                       copse_bytes argument, copse_http_answer *answer)
{
    query_route route = {.service = service, .answer = answer};
    copse_err err = {.message = ""};
    copse_status status =
        copse_answer_request_decode(service->env, request->body, &route.request, &err);
    if (status == COPSE_CORRUPT) {
        copse_reply_line(service->env, answer, 400, "the body is no request for an answer: %s",
                         err.message);
    } else if (status != COPSE_OK) {
        query_reply_failure(&route, status, &err);
    } else if (query_find_root(&route, argument) && query_open(&route)) {
        query_answer(&route, request);
    }
    copse_open_databases_give(&service->answers.databases, route.database);
    copse_answer_request_release(&route.request);
}
