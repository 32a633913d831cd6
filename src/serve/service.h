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
#include "serve/heads.h"
#include "serve/metrics.h"
#include "serve/relayed_records.h"
#include "serve/served_store.h"

typedef struct copse_service {
    copse_budget budget;
    const copse_env *env; /**< That of the budget. */
    copse_served_list databases;
    copse_store *store;        /**< All blocks (served_store.h). */
    copse_answer_pool answers; /**< To queries. */
    copse_heads heads;         /**< That are watched. */
    copse_metrics metrics;
    const copse_http_server *http; /**< For its counts; NULL before it is made. */
    copse_counts *shared;          /**< Those of all servers that share a port; NULL: of none. */
    size_t shared_count;
    size_t shared_at;              /**< This one's. */
    copse_counts before;           /**< What stood there: another's, whose place this one took. */
    copse_buf announced;           /**< Multiaddrs of this server, each with a line's end. */
    copse_relayed_records records; /**< Of names of others. */
    bool accepts_records;          /**< From anybody. */
} copse_service;

/** Makes a service without databases; it must stay where it is. MISUSE: no clock. NOMEM. */
COPSE_MUST_USE copse_status copse_service_init(copse_service *service, const copse_env *env,
                                               copse_err *err);

void copse_service_release(copse_service *service);

/** Adds an address that delegated routing names: a multiaddr, or a URL without a path. MISUSE: it
 * is none. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_service_announce(copse_service *service, const char *text,
                                                   copse_err *err);

/** Answers a request. */
void copse_service_answer(copse_service *service, const copse_http_request *request,
                          copse_http_answer *answer);

/** Answers what is no request. */
void copse_service_refuse(copse_service *service, unsigned status, const char *reason,
                          copse_http_answer *answer);

/** Counts what was answered. */
void copse_service_done(copse_service *service, const copse_http_exchange *exchange);

/** Has its counts in `shared[at]` too, for others that share the port. */
void copse_service_share(copse_service *service, copse_counts *shared, size_t count, size_t at);

/** Brings the shared counts up to date. */
void copse_service_publish(copse_service *service);

/** Appends the counts, of all servers that share the port. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_service_write_metrics(const copse_service *service,
                                                        copse_buf *buf);

/* ---- Routes; `argument` is the path's segment that the pattern has as {}, decoded ---- */

typedef void copse_route_fn(copse_service *service, const copse_http_request *request,
                            copse_bytes argument, copse_http_answer *answer);

copse_route_fn copse_route_ipfs;      /**< A block, or the CAR of a DAG, by CID or path. */
copse_route_fn copse_route_blocks;    /**< A batch of blocks. */
copse_route_fn copse_route_head;      /**< The head of a database. */
copse_route_fn copse_route_events;    /**< The heads of a database, as they come. */
copse_route_fn copse_route_query;     /**< The answer to a query. */
copse_route_fn copse_route_commits;   /**< History. */
copse_route_fn copse_route_providers; /**< Who has a block. */
copse_route_fn copse_route_ipns;      /**< The record of a name, as gateways give it. */
copse_route_fn copse_route_record;    /**< The same, as delegated routing gives and takes it. */
copse_route_fn copse_route_index;     /**< What is served. */
copse_route_fn copse_route_health;
copse_route_fn copse_route_metrics;

/** Reads the head of a database, seeing what others have written: OK with its CID, and that of the
 * tree (of size 0: the head is no commit). NOT_FOUND: it has none. Or the store's failure. */
COPSE_MUST_USE copse_status copse_service_head(copse_service *service, const copse_served *served,
                                               copse_cid *ret_head, copse_cid *ret_tree,
                                               copse_err *err);

/** Finds the root that `argument` of a path names: the head of a served database (`ret_is_head`),
 * or a CID. False: the answer says why there is none. */
bool copse_service_find_root(copse_service *service, copse_bytes argument,
                             copse_http_answer *answer, copse_cid *ret_root, bool *ret_is_head);

/** Answers 404: the block is not here. */
void copse_service_reply_missing(copse_service *service, const copse_cid *cid,
                                 copse_http_answer *answer);

/** Appends the map that tells of a head (docs/formats/http.md); `tree` of size 0: it is no commit.
 * NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_service_write_head(const copse_served *served,
                                                     const copse_cid *head, const copse_cid *tree,
                                                     copse_buf *buf);

/** Reads the block `cid` of `store`: OK with the CID of the tree that it is a commit of, or one of
 * size 0 if it is no commit. NOT_FOUND: it is not there. Or the store's failure. */
COPSE_MUST_USE copse_status copse_service_commit_tree(copse_service *service, copse_store *store,
                                                      const copse_cid *cid, copse_cid *ret_tree,
                                                      copse_err *err);

#endif
