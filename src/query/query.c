/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/query.h"

#include "base/alloc.h"
#include "base/err.h"
#include "query/result.h"

/* ---- The filter ------------------------------------------------------------------------------ */

static void query_find_conjuncts(copse_query *query)
{
    query->root = copse_filter_root(query->filter);
    query->conjuncts = &query->root;
    query->conjuncts_count = query->root->kind != COPSE_FILTER_TRUE;
    if (query->root->kind == COPSE_FILTER_AND) {
        query->conjuncts = query->root->children;
        query->conjuncts_count = query->root->children_count;
    }
}

/* Counts the paths of the tests below `node`, or also writes them. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static size_t query_collect_paths(const copse_filter_node *node, copse_bytes *paths, size_t count)
{
    switch (node->kind) {
    case COPSE_FILTER_TRUE:
    case COPSE_FILTER_FALSE:
        return count;
    case COPSE_FILTER_AND:
    case COPSE_FILTER_OR:
    case COPSE_FILTER_NOR:
    case COPSE_FILTER_NOT:
        for (size_t i = 0; i < node->children_count; i++) {
            count = query_collect_paths(node->children[i], paths, count);
        }
        return count;
    default: /* what is inside an $elemMatch lies below its path */
        if (paths != NULL) {
            paths[count] = node->path;
        }
        return count + 1;
    }
}

static copse_status query_find_paths(copse_query *query, copse_err *err)
{
    size_t count = query_collect_paths(query->root, NULL, 0);
    copse_bytes *paths = copse_arena_alloc(&query->arena, count * sizeof *paths);
    if (paths == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    query->filter_paths_count = query_collect_paths(query->root, paths, 0);
    query->filter_paths = paths;
    return COPSE_OK;
}

/* ---- Making one ------------------------------------------------------------------------------ */

static copse_status query_dup_sort(copse_query *query, const copse_sort_spec *sort, copse_err *err)
{
    copse_buf encoded;
    copse_buf_init(&encoded, query->env, SIZE_MAX);
    copse_status status = copse_sort_spec_encode(sort, &encoded);
    if (status == COPSE_OK) {
        status = copse_sort_spec_decode(query->env, copse_buf_view(&encoded), &query->sort, err);
    } else {
        status = COPSE_ERR(err, status, "no memory for the sort order");
    }
    copse_buf_release(&encoded);
    return status;
}

static copse_status query_init(copse_query *query, const copse_query_options *options,
                               copse_err *err)
{
    query->skip = options->skip;
    query->limit = options->limit;
    query->collection = copse_arena_dup(&query->arena, options->collection);
    query->hint = copse_arena_dup(&query->arena, options->hint);
    if (query->collection.ptr == NULL || query->hint.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_filter_new(query->env, options->filter, &query->filter, err);
    if (status == COPSE_OK) {
        query_find_conjuncts(query);
        status = query_find_paths(query, err);
    }
    if (status == COPSE_OK && options->sort != NULL) {
        status = query_dup_sort(query, options->sort, err);
    }
    if (status == COPSE_OK && options->projection.len > 0) {
        status = copse_projection_new(query->env, options->projection, &query->projection, err);
    }
    return status;
}

copse_status copse_query_new(const copse_env *env, const copse_query_options *options,
                             copse_query **ret_query, copse_err *err)
{
    copse_query *query = copse_alloc_zeroed(env, sizeof *query);
    if (query == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    query->env = env;
    copse_arena_init(&query->arena, env);
    copse_status status = query_init(query, options, err);
    if (status != COPSE_OK) {
        copse_query_free(query);
        return status;
    }
    *ret_query = query;
    return COPSE_OK;
}

copse_query *copse_query_free(copse_query *query)
{
    if (query != NULL) {
        copse_distinct_free(query->distinct);
        copse_result_close(query->counting);
        copse_result_free(query->idle);
        copse_filter_free(query->filter);
        copse_sort_spec_release(&query->sort);
        copse_projection_free(query->projection);
        copse_arena_release(&query->arena);
        copse_free(query->env, query, sizeof *query);
    }
    return NULL;
}

bool copse_query_is_natural(const copse_query *query)
{
    return copse_bytes_equal(query->hint, copse_bytes_of_text("$natural"));
}
