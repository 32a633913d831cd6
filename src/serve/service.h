/* What the server answers: the table of routes, and what the routes share.
 *
 * To add a route: its function below, in route_<noun>.c, and its row in the table of service.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_SERVICE_H
#define COPSE_SERVE_SERVICE_H

#include "net/http_server.h"
#include "serve/answer_body.h"
#include "serve/budget.h"
#include "serve/metrics.h"
#include "serve/served_store.h"

typedef struct copse_service {
    copse_budget budget;
    const copse_env *env; /**< That of the budget. */
    copse_served_list databases;
    copse_store *store;        /**< All blocks (served_store.h). */
    copse_answer_pool answers; /**< To queries. */
    copse_metrics metrics;
    const copse_http_server *http; /**< For its counts; NULL before it is made. */
} copse_service;

/** Makes a service without databases; it must stay where it is. MISUSE: no clock. NOMEM. */
COPSE_MUST_USE copse_status copse_service_init(copse_service *service, const copse_env *env,
                                               copse_err *err);

void copse_service_release(copse_service *service);

/** Answers a request. */
void copse_service_answer(copse_service *service, const copse_http_request *request,
                          copse_http_answer *answer);

/** Answers what is no request. */
void copse_service_refuse(copse_service *service, unsigned status, const char *reason,
                          copse_http_answer *answer);

/** Counts what was answered. */
void copse_service_done(copse_service *service, const copse_http_exchange *exchange);

/** Appends the counts. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_service_write_metrics(const copse_service *service,
                                                        copse_buf *buf);

/* ---- Routes; `argument` is the path's segment that the pattern has as {}, decoded ---- */

typedef void copse_route_fn(copse_service *service, const copse_http_request *request,
                            copse_bytes argument, copse_http_answer *answer);

copse_route_fn copse_route_ipfs;      /**< A block, or the CAR of a DAG. */
copse_route_fn copse_route_ipfs_path; /**< A path inside of a block: not served. */
copse_route_fn copse_route_blocks;    /**< A batch of blocks. */
copse_route_fn copse_route_head;      /**< The head of a database. */
copse_route_fn copse_route_query;     /**< The answer to a query. */
copse_route_fn copse_route_index;     /**< What is served. */
copse_route_fn copse_route_health;
copse_route_fn copse_route_metrics;

/** Reads the head of a database, seeing what others have written: OK with its CID, and that of the
 * tree (of size 0: the head is no commit). NOT_FOUND: it has none. Or the store's failure. */
COPSE_MUST_USE copse_status copse_service_head(copse_service *service, const copse_served *served,
                                               copse_cid *ret_head, copse_cid *ret_tree,
                                               copse_err *err);

/** Reads the block `cid` of `store`: OK with the CID of the tree that it is a commit of, or one of
 * size 0 if it is no commit. NOT_FOUND: it is not there. Or the store's failure. */
COPSE_MUST_USE copse_status copse_service_commit_tree(copse_service *service, copse_store *store,
                                                      const copse_cid *cid, copse_cid *ret_tree,
                                                      copse_err *err);

#endif
