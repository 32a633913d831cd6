/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/answer_body.h"

#include "base/alloc.h"
#include "base/err.h"
#include "serve/work_clock.h"

struct copse_answer_body {
    copse_answer_pool *pool;
    const copse_env *env;
    copse_answer_body *next; /* of the pool's */
    copse_answer_body **link;
    copse_budget budget;           /* Z1 */
    copse_open_database *database; /* until the maker is gone */
    copse_answer_maker *maker;     /* NULL: it has ended */
    copse_buf pending;             /* of the maker, up to a section */
    size_t pending_at;             /* how far it was sent */
    copse_status failed;
    copse_work_clock clock; /* Z2 */
};

/* ---- The pool -------------------------------------------------------------------------------- */

copse_status copse_answer_pool_init(copse_answer_pool *pool, const copse_env *env,
                                    copse_store *store, size_t memory_bytes_max,
                                    copse_metrics *metrics, copse_err *err)
{
    *pool = (copse_answer_pool){.metrics = metrics};
    copse_budget_init(&pool->budget, env, memory_bytes_max / 2);
    return copse_open_databases_init(&pool->databases, env, store, memory_bytes_max / 8, err);
}

void copse_answer_pool_release(copse_answer_pool *pool)
{
    copse_open_databases_release(&pool->databases);
}

/* Lets go of the maker and all that it holds. */
static void answer_body_end(copse_answer_body *body)
{
    if (body->maker != NULL) {
        body->pool->metrics->blocks_sent += copse_answer_maker_stats(body->maker).blocks;
        body->maker = copse_answer_maker_free(body->maker);
        body->database = copse_open_databases_give(&body->pool->databases, body->database);
    }
}

/* Z1 */
static void answer_pool_make_room(copse_answer_pool *pool)
{
    while (pool->budget.size_bytes > pool->budget.size_bytes_max / 2) {
        copse_answer_body *largest = NULL;
        for (copse_answer_body *body = pool->first; body != NULL; body = body->next) {
            if (body->maker != NULL &&
                (largest == NULL || body->budget.size_bytes > largest->budget.size_bytes)) {
                largest = body;
            }
        }
        if (largest == NULL) {
            return;
        }
        answer_body_end(largest);
        pool->metrics->answers_short++;
    }
}

/* ---- Making sections ------------------------------------------------------------------------- */

/* Z2 */
static bool answer_body_is_late(void *ctx)
{
    const copse_answer_body *body = ctx;
    return copse_work_clock_is_late(&body->clock);
}

static copse_status answer_body_write(void *ctx, copse_bytes bytes, copse_err *err)
{
    copse_answer_body *body = ctx;
    copse_status status = copse_buf_append(&body->pending, bytes);
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for a section");
}

/* One step of the maker: `pending` holds what it wrote, whole sections. */
static copse_status answer_body_step(copse_answer_body *body, copse_err *err)
{
    copse_buf_truncate(&body->pending, 0);
    body->pending_at = 0;
    copse_status status = copse_answer_maker_next(body->maker, err);
    if (status == COPSE_OK && answer_body_is_late(body)) {
        status = COPSE_ERR(err, COPSE_LIMIT,
                           "the answer takes more than %u ms of work, or %d without a new block",
                           body->env->limits.answer_ms_max, COPSE_WORK_PULL_MS_MAX);
    } else if (status != COPSE_OK) {
        copse_buf_truncate(&body->pending, 0);
    }
    return status;
}

/* Makes sections until there is something to send, or the answer has ended. */
static copse_status answer_body_work(copse_answer_body *body, copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_work_clock_begin(&body->clock);
    while (status == COPSE_OK && body->maker != NULL && body->pending_at == body->pending.len) {
        status = answer_body_step(body, err);
        if (status != COPSE_OK) {
            answer_body_end(body);
        }
    }
    copse_work_clock_end(&body->clock);
    return status;
}

copse_status copse_answer_body_begin(copse_answer_body *body, copse_err *err)
{
    return answer_body_work(body, err);
}

static copse_status answer_body_pull(void *ctx, copse_buf *buf, size_t size_max, copse_err *err)
{
    copse_answer_body *body = ctx;
    copse_status status = answer_body_work(body, err);
    if (status == COPSE_WANT || status == COPSE_LIMIT || status == COPSE_NOMEM) {
        body->pool->metrics->answers_short++; /* Z3 */
    } else if (status < 0) {
        body->failed = status;
    }
    size_t left = body->pending.len - body->pending_at;
    if (left == 0) {
        return body->failed != COPSE_OK ? body->failed : COPSE_END;
    }
    size_t size = left < size_max ? left : size_max;
    status = copse_buf_append(buf, (copse_bytes){body->pending.ptr + body->pending_at, size});
    body->pending_at += status == COPSE_OK ? size : 0;
    return status;
}

/* ---- Life ------------------------------------------------------------------------------------ */

copse_answer_body *copse_answer_body_free(copse_answer_body *body)
{
    if (body != NULL) {
        answer_body_end(body);
        *body->link = body->next;
        if (body->next != NULL) {
            body->next->link = body->link;
        }
        copse_buf_release(&body->pending);
        copse_free(body->env, body, sizeof *body);
    }
    return NULL;
}

/* Z2 */
static void answer_body_limit_filter(copse_limits *limits)
{
    if (limits->filter_nodes_max > COPSE_ANSWER_FILTER_NODES_MAX) {
        limits->filter_nodes_max = COPSE_ANSWER_FILTER_NODES_MAX;
    }
    if (limits->regex_steps_max > COPSE_ANSWER_REGEX_STEPS_MAX) {
        limits->regex_steps_max = COPSE_ANSWER_REGEX_STEPS_MAX;
    }
}

copse_status copse_answer_body_new(copse_answer_pool *pool, copse_open_database *database,
                                   const copse_cid *root, const copse_answer_request *request,
                                   copse_answer_body **ret_body, copse_err *err)
{
    const copse_env *env = pool->budget.inner;
    answer_pool_make_room(pool);
    copse_answer_body *body = copse_alloc_zeroed(env, sizeof *body);
    if (body == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *body =
        (copse_answer_body){.pool = pool, .env = env, .next = pool->first, .clock = {.env = env}};
    copse_budget_init(&body->budget, &pool->budget.env, env->limits.answer_memory_bytes_max);
    answer_body_limit_filter(&body->budget.env.limits);
    copse_buf_init(&body->pending, env, SIZE_MAX / 2);
    body->link = &pool->first;
    *body->link = body;
    if (body->next != NULL) {
        body->next->link = &body->next;
    }
    const copse_answer_maker_options options = {
        .env = &body->budget.env,
        .have = (const copse_cid *)(const void *)request->have.ptr,
        .have_count = request->have.len / sizeof(copse_cid),
        .blocks_max = env->limits.answer_blocks_max,
        .size_bytes_max = env->limits.answer_size_bytes_max,
        .stop = answer_body_is_late,
        .stop_ctx = body,
    };
    copse_status status =
        copse_answer_maker_new(database->database, root, &request->query, &options,
                               (copse_car_sink){answer_body_write, body}, &body->maker, err);
    if (status != COPSE_OK) {
        copse_answer_body_free(body);
        return status;
    }
    body->database = database;
    *ret_body = body;
    return COPSE_OK;
}

static void answer_body_release(void *ctx)
{
    copse_answer_body_free(ctx);
}

void copse_answer_body_give(copse_answer_body *body, copse_http_answer *answer)
{
    answer->body = (copse_http_body){answer_body_pull, answer_body_release, body};
    answer->length = COPSE_HTTP_LENGTH_UNKNOWN;
}
