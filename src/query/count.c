/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/alloc.h"
#include "base/err.h"
#include "query/explain.h"
#include "query/result.h"

/* Whether the counts of the tree answer alone. */
static bool count_is_counted(const copse_result *result)
{
    const copse_plan *plan = &result->planned.plan;
    return result->stage != RESULT_ENDED && !plan->filter && !plan->unique &&
           copse_database_version(result->database) != 1;
}

static uint64_t count_cut(const copse_query *query, uint64_t count)
{
    count = count > query->skip ? count - query->skip : 0;
    return query->limit > 0 && count > query->limit ? query->limit : count;
}

static copse_status count_ranges(const copse_result *result, uint64_t *ret_count, copse_err *err)
{
    const copse_plan_scan *scan = &result->planned.plan.scans[0];
    uint64_t *counts = copse_alloc_array(result->env, scan->ranges_count, sizeof *counts);
    uint64_t total = 0;
    if (counts == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_tree_count_ranges(copse_database_tree(result->database),
                                                  scan->ranges, scan->ranges_count, counts, err);
    for (size_t i = 0; status == COPSE_OK && i < scan->ranges_count; i++) {
        total += counts[i];
    }
    copse_free_array(result->env, counts, scan->ranges_count, sizeof *counts);
    if (status == COPSE_OK) {
        *ret_count = count_cut(result->query, total);
    }
    return status;
}

static copse_status count_matches(copse_result *result, uint64_t *ret_count, copse_err *err)
{
    copse_bytes unused;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        status = copse_result_next(result, &unused, err);
    }
    if (status != COPSE_END) {
        return status;
    }
    *ret_count = result->stats.returned;
    return COPSE_OK;
}

/* Goes on with the count that a WANT has suspended, or begins one. */
static copse_status count_open(copse_query *query, copse_database *database,
                               copse_result **ret_result, copse_err *err)
{
    const copse_result_options options = {.need = COPSE_NEED_COUNT};
    copse_result *result = query->counting;
    query->counting = NULL;
    if (result == NULL || !copse_result_is_for(result, database)) {
        copse_result_close(result);
        return copse_result_open_with(query, database, &options, ret_result, err);
    }
    copse_status status = copse_result_resume(result, database, err);
    if (status != COPSE_OK) {
        copse_result_close(result);
        return status;
    }
    *ret_result = result;
    return COPSE_OK;
}

copse_status copse_query_count(copse_query *query, copse_database *database, uint64_t *ret_count,
                               copse_result_stats *ret_stats, copse_buf *explain, copse_err *err)
{
    copse_result *result = NULL;
    uint64_t count = 0;
    copse_status status = count_open(query, database, &result, err);
    if (status != COPSE_OK) {
        return status;
    }
    bool counted = count_is_counted(result);
    status = counted ? count_ranges(result, &count, err) : count_matches(result, &count, err);
    if (status == COPSE_WANT) {
        copse_status suspended = copse_result_suspend(result, err);
        query->counting = suspended == COPSE_OK ? result : copse_result_close(result);
        return suspended == COPSE_OK ? COPSE_WANT : suspended;
    }
    if (status == COPSE_OK && explain != NULL) {
        status = copse_explain_write(result, counted, explain, err);
    }
    if (status == COPSE_OK) {
        *ret_count = count;
        if (ret_stats != NULL) {
            *ret_stats = result->stats;
            ret_stats->returned = 0;
        }
    }
    copse_result_close(result);
    return status;
}
