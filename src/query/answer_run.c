/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/answer_run.h"

#include <copse/answer.h>

#include "base/err.h"
#include "block/block.h"
#include "history/commit.h"
#include "query/result.h"

#include <assert.h>

static copse_status answer_run_take_have(copse_answer_run *run, const copse_cid *have,
                                         size_t have_count, copse_err *err)
{
    if (have_count > COPSE_ANSWER_HAVE_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a list of %zu blocks to have, more than %d", have_count,
                         COPSE_ANSWER_HAVE_MAX);
    }
    for (size_t i = 0; i < have_count; i++) {
        bool added;
        if (!copse_block_cid_is_valid(&have[i])) {
            return COPSE_ERR(err, COPSE_MISUSE, "number %zu of the blocks to have is no CID", i);
        }
        if (copse_cid_set_add(&run->have, &have[i], &added) != COPSE_OK) {
            return COPSE_ERR_NOMEM(err);
        }
    }
    return COPSE_OK;
}

copse_status copse_answer_run_init(copse_answer_run *run, const copse_env *env,
                                   const copse_cid *root, const copse_query_options *query,
                                   const copse_cid *have, size_t have_count, copse_err *err)
{
    *run = (copse_answer_run){.env = *env, .root = *root};
    run->env.limits.wants_max = 1; /* N1 */
    copse_cid_set_init(&run->have, &run->env);
    copse_status status = copse_query_new(&run->env, query, &run->query, err);
    if (status == COPSE_OK) {
        status = answer_run_take_have(run, have, have_count, err);
    }
    if (status == COPSE_OK) {
        status = copse_source_new(&run->env, NULL, &run->source, err);
    }
    if (status == COPSE_OK) {
        status = copse_node_cache_new(&run->env, run->source, &run->cache, err);
    }
    if (status != COPSE_OK) {
        copse_answer_run_release(run);
    }
    return status;
}

void copse_answer_run_release(copse_answer_run *run)
{
    copse_result_close(run->result);
    copse_database_close(run->database);
    copse_tree_close(run->tree);
    copse_node_cache_free(run->cache);
    copse_source_free(run->source);
    copse_query_free(run->query);
    copse_cid_set_release(&run->have);
    *run = (copse_answer_run){.query = NULL};
}

static copse_status answer_run_open(copse_answer_run *run, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (run->tree_root.size == 0) {
        status = copse_commit_find_tree(&run->env, run->source, &run->root, &run->tree_root, err);
    }
    if (status == COPSE_OK && run->tree == NULL) {
        status = copse_tree_open(run->cache, &run->tree_root, &run->tree, err);
    }
    if (status == COPSE_OK && run->database == NULL) {
        status = copse_database_open(run->tree, &run->database, err);
    }
    if (status == COPSE_OK) {
        const copse_result_options options = {.need = COPSE_NEED_DOCUMENTS,
                                              .recheck_entries = true, /* N3 */
                                              .has_plan = true,
                                              .plan = run->plan,
                                              .stop = run->stop};
        status = copse_result_open_with(run->query, run->database, &options, &run->result, err);
    }
    return status;
}

copse_status copse_answer_run_next(copse_answer_run *run, copse_bytes *ret_document,
                                   copse_cid *ret_want, copse_err *err)
{
    copse_status status = run->result == NULL ? answer_run_open(run, err) : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_result_next(run->result, ret_document, err);
    }
    if (status == COPSE_WANT) {
        size_t count = 0;
        const copse_cid *wants = copse_source_wants(run->source, &count);
        assert(count == 1);
        *ret_want = wants[0];
    }
    return status;
}

bool copse_answer_run_uses_index(const copse_answer_run *run)
{
    const copse_plan *plan = run->result != NULL ? &run->result->planned.plan : NULL;
    for (size_t i = 0; plan != NULL && i < plan->scans_count; i++) {
        if (plan->scans[i].index.ptr != NULL) {
            return true;
        }
    }
    return false;
}
