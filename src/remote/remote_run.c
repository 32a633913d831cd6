/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/remote_run.h"

#include "base/err.h"
#include "history/commit.h"
#include "query/result.h"

copse_status copse_remote_run_init(copse_remote_run *run, const copse_env *env,
                                   const copse_query_options *query, copse_store *store,
                                   copse_err *err)
{
    *run = (copse_remote_run){.env = env};
    copse_status status = copse_query_new(env, query, &run->query, err);
    if (status == COPSE_OK) {
        status = copse_source_new(env, store, &run->source, err);
    }
    return status == COPSE_OK ? copse_node_cache_new(env, run->source, &run->cache, err) : status;
}

/* Lets go of the root. */
static void remote_run_close(copse_remote_run *run)
{
    run->result = copse_result_close(run->result);
    run->database = copse_database_close(run->database);
    run->tree = copse_tree_close(run->tree);
    run->tree_root.size = 0;
}

void copse_remote_run_release(copse_remote_run *run)
{
    remote_run_close(run);
    copse_node_cache_free(run->cache);
    copse_source_free(run->source);
    copse_query_free(run->query);
    *run = (copse_remote_run){.env = NULL};
}

void copse_remote_run_begin(copse_remote_run *run, const copse_cid *root, copse_bytes plan)
{
    run->result = copse_result_close(run->result);
    run->plan = plan;
    if (!copse_cid_equal(&run->root, root)) {
        remote_run_close(run);
        run->root = *root;
    }
}

copse_status copse_remote_run_open(copse_remote_run *run, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (run->tree_root.size == 0) {
        status = copse_commit_find_tree(run->env, run->source, &run->root, &run->tree_root, err);
    }
    if (status == COPSE_OK && run->tree == NULL) {
        status = copse_tree_open(run->cache, &run->tree_root, &run->tree, err);
    }
    if (status == COPSE_OK && run->database == NULL) {
        status = copse_database_open(run->tree, &run->database, err);
    }
    return status;
}

static copse_status remote_run_plan(copse_remote_run *run, copse_err *err)
{
    copse_status status = copse_remote_run_open(run, err);
    if (status == COPSE_OK) {
        const copse_result_options options = {.need = COPSE_NEED_DOCUMENTS,
                                              .recheck_entries = true, /* the root is foreign */
                                              .has_plan = run->plan.ptr != NULL,
                                              .plan = run->plan};
        status = copse_result_open_with(run->query, run->database, &options, &run->result, err);
    }
    return status;
}

copse_status copse_remote_run_next(copse_remote_run *run, copse_bytes *ret_document, copse_err *err)
{
    copse_status status = run->result == NULL ? remote_run_plan(run, err) : COPSE_OK;
    return status == COPSE_OK ? copse_result_next(run->result, ret_document, err) : status;
}
