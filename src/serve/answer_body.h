/* The body of an answer to a query: made by an answer maker while it is sent.
 *
 *   Z1  Memory: each answer has a budget, limits.answer_memory_bytes_max, that it takes from one of
 *       all answers, which is half of the server's. Where a new answer finds more than half of that
 *       in use, the answer that holds most is ended to make room.
 *   Z2  Time: answer_ms_max of work, and of that at most COPSE_WORK_PULL_MS_MAX in one pull
 *       (work_clock.h). It is looked at before each document, so filters and their regexes are
 *       smaller than limits would let them be.
 *   Z3  What ends an answer early by a limit, or for a block that is not here, leaves a CAR of
 *       whole sections that is cut short: whoever asked has use for it. A block that can't be read
 *       ends the body with a failure.
 *   Z4  What does not even begin fails in copse_answer_body_begin, while there is no body yet.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_ANSWER_BODY_H
#define COPSE_SERVE_ANSWER_BODY_H

#include "net/http_server.h"
#include "query/answer_request.h"
#include "serve/budget.h"
#include "serve/metrics.h"
#include "serve/open_databases.h"

/** Z2: about a tenth of a second for the worst filter on one document. */
enum { COPSE_ANSWER_FILTER_NODES_MAX = 1024, COPSE_ANSWER_REGEX_STEPS_MAX = 20000 };

typedef struct copse_answer_body copse_answer_body;

/** What all answers share. Belongs to one thread; stays where it is. */
typedef struct copse_answer_pool {
    copse_budget budget; /* Z1 */
    copse_open_databases databases;
    copse_answer_body *first;
    copse_metrics *metrics;
} copse_answer_pool;

/** Readies it for answers from `store`, with half of `memory_bytes_max`, and an eighth of it for
 * decoded nodes. What is given must outlive it. NOMEM. */
COPSE_MUST_USE copse_status copse_answer_pool_init(copse_answer_pool *pool, const copse_env *env,
                                                   copse_store *store, size_t memory_bytes_max,
                                                   copse_metrics *metrics, copse_err *err);

/** All answers must be gone. A zeroed one is allowed. */
void copse_answer_pool_release(copse_answer_pool *pool);

/** Makes the body of the answer to `request` from the root `root`, whose tree is that of
 * `database`, which it takes over on OK. Statuses as copse_answer_maker_new. */
COPSE_MUST_USE copse_status copse_answer_body_new(copse_answer_pool *pool,
                                                  copse_open_database *database,
                                                  const copse_cid *root,
                                                  const copse_answer_request *request,
                                                  copse_answer_body **ret_body, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
copse_answer_body *copse_answer_body_free(copse_answer_body *body);

/** Makes what the body begins with. OK; WANT: a block is not there; failures as
 * copse_answer_maker_next. */
COPSE_MUST_USE copse_status copse_answer_body_begin(copse_answer_body *body, copse_err *err);

/** Makes it the body of an HTTP answer, which frees it. */
void copse_answer_body_give(copse_answer_body *body, copse_http_answer *answer);

#endif
