/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/commits_body.h"

#include "base/alloc.h"
#include "base/err.h"
#include "serve/budget.h"
#include "serve/car_body.h"

typedef struct commits_body {
    const copse_env *env;
    copse_budget budget; /* X2 */
    copse_work_clock clock;
    copse_store *store;
    copse_source *source;
    copse_marked_walk *walk;
    uint64_t asked_left; /* commits */
    uint64_t blocks_left;
    uint64_t bytes_left;
    copse_metrics *metrics;
} commits_body;

static void commits_body_free(void *ctx)
{
    commits_body *body = ctx;
    copse_marked_walk_free(body->walk);
    copse_source_free(body->source);
    copse_free(body->env, body, sizeof *body);
}

/* Walks to the next commit that is to be given. LIMIT: that takes too long. */
static copse_status commits_body_walk(commits_body *body, const copse_cid **ret_cid, copse_err *err)
{
    const copse_commit *commit;
    unsigned marks = COPSE_MARK_DONE;
    copse_status status = COPSE_OK;
    copse_work_clock_begin(&body->clock);
    while (status == COPSE_OK && (marks & COPSE_MARK_DONE) != 0) {
        status = copse_work_clock_is_late(&body->clock)
                     ? COPSE_ERR(err, COPSE_LIMIT, "the walk takes too long")
                     : copse_marked_walk_next(body->walk, ret_cid, &commit, &marks, err);
    }
    copse_work_clock_end(&body->clock);
    return status;
}

/* Counts a block that is to be given. LIMIT: it is one too many. */
static copse_status commits_body_count(commits_body *body, const copse_block *block, copse_err *err)
{
    size_t size = copse_block_data(block).len;
    if (body->blocks_left == 0 || size > body->bytes_left) {
        return COPSE_ERR(err, COPSE_LIMIT, "the answer is as large as it may be");
    }
    body->asked_left--;
    body->blocks_left--;
    body->bytes_left -= size;
    return COPSE_OK;
}

static copse_status commits_body_next(void *ctx, copse_block **ret_block, copse_err *err)
{
    commits_body *body = ctx;
    const copse_cid *cid;
    copse_block *block = NULL;
    if (body->asked_left == 0) {
        return COPSE_END;
    }
    copse_status status = commits_body_walk(body, &cid, err);
    if (status == COPSE_OK) {
        status = copse_store_get(body->store, cid, &block, err);
    }
    if (status == COPSE_OK) {
        status = commits_body_count(body, block, err);
    }
    if (status == COPSE_WANT || status == COPSE_LIMIT || status == COPSE_NOMEM) {
        body->asked_left = 0;
        body->metrics->answers_short++;
        status = COPSE_END;
    }
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return status;
    }
    *ret_block = block;
    return COPSE_OK;
}

copse_status copse_commits_body(const copse_env *env, copse_store *store, const copse_cid *root,
                                const copse_marked_head *heads, size_t heads_count, uint64_t limit,
                                const copse_work_clock *clock, copse_metrics *metrics,
                                copse_http_answer *answer, copse_err *err)
{
    commits_body *body = copse_alloc_zeroed(env, sizeof *body);
    if (body == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *body = (commits_body){
        .env = env,
        .clock = *clock,
        .store = store,
        .asked_left = limit > 0 ? limit : UINT64_MAX,
        .blocks_left = env->limits.answer_blocks_max,
        .bytes_left = env->limits.answer_size_bytes_max,
        .metrics = metrics,
    };
    copse_budget_init(&body->budget, env, env->limits.answer_memory_bytes_max);
    copse_status status = copse_source_new(&body->budget.env, store, &body->source, err);
    if (status == COPSE_OK) {
        status = copse_marked_walk_new(&body->budget.env, body->source, heads, heads_count,
                                       &body->walk, err);
    }
    if (status == COPSE_OK) {
        const copse_car_blocks blocks = {commits_body_next, commits_body_free, body};
        status = copse_car_body_of_blocks(env, root, &blocks, &metrics->blocks_sent, answer, err);
    }
    if (status != COPSE_OK) {
        commits_body_free(body);
    }
    return status;
}
