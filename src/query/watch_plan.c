/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/watch_plan.h"

#include "base/err.h"
#include "index/definition.h"

/* What is chosen from. */
typedef struct watch_chooser {
    const copse_query *query;
    copse_database *before;
    copse_database *after;
    bool membership_only;
    copse_watch_plan *plan;
} watch_chooser;

static const copse_collection *watch_collection(const watch_chooser *chooser,
                                                copse_database *database)
{
    return database != NULL ? copse_database_collection(database, chooser->query->collection)
                            : NULL;
}

/* Plans the query with another hint, in the place of the plan before. */
static copse_status watch_plan_with(watch_chooser *chooser, copse_bytes hint,
                                    copse_database *database, copse_err *err)
{
    copse_watch_plan *plan = chooser->plan;
    copse_planned_release(&plan->planned);
    plan->query = *chooser->query;
    plan->query.hint = hint;
    return copse_planner_plan(&plan->query, database, COPSE_NEED_DOCUMENTS, &plan->planned, err);
}

/* ---- Whether a plan shows all changes -------------------------------------------------------- */

/* K1, K2 */
static bool watch_access_is_whole(const copse_access *access, const copse_collection *collection,
                                  bool is_exact)
{
    return access->definition == NULL || (is_exact && access->definition->link &&
                                          collection->documents == COPSE_DOCUMENTS_LINKED);
}

/* K1–K3; a scan that nothing bounds is left to the documents. */
static bool watch_plan_tells(watch_chooser *chooser)
{
    copse_watch_plan *plan = chooser->plan;
    const copse_planned *planned = &plan->planned;
    plan->is_exact = !planned->plan.filter;
    plan->is_single = plan->is_exact && !planned->plan.unique;
    plan->is_whole = true;
    for (size_t i = 0; i < planned->plan.scans_count; i++) {
        const copse_access *access = &planned->accesses[i];
        plan->is_whole =
            plan->is_whole && watch_access_is_whole(access, planned->collection, plan->is_exact);
        bool is_asked = chooser->query->hint.len > 0 || copse_query_is_natural(&plan->query);
        if (access->fields_used == 0 && !is_asked) {
            return false;
        }
    }
    return plan->is_whole || (chooser->membership_only && plan->is_exact);
}

/* Whether the collections of both states have the same indexes, as far as the plan uses any. */
static copse_status watch_plan_compare(watch_chooser *chooser, bool *ret_same, copse_err *err)
{
    const copse_planned *planned = &chooser->plan->planned;
    const copse_collection *before = watch_collection(chooser, chooser->before);
    bool same = before->documents == planned->collection->documents;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < planned->plan.scans_count && same && status == COPSE_OK; i++) {
        const copse_index_definition *after = planned->accesses[i].definition;
        for (size_t j = 0; after != NULL && j < before->indexes_count; j++) {
            if (copse_bytes_equal(before->indexes[j].name, after->name)) {
                status = copse_index_definition_equal(chooser->query->env, &before->indexes[j],
                                                      after, &same, err);
            }
        }
    }
    *ret_same = same;
    return status;
}

/* Whether the state before has the same plan. */
static copse_status watch_plan_agrees(watch_chooser *chooser, bool *ret_agrees, copse_err *err)
{
    copse_watch_plan *plan = chooser->plan;
    copse_planned before;
    copse_buf encoded;
    copse_buf_init(&encoded, chooser->query->env, SIZE_MAX);
    copse_status status = copse_plan_encode(&plan->planned.plan, &encoded, err);
    if (status == COPSE_OK) {
        status = copse_planner_check(&plan->query, chooser->before, copse_buf_view(&encoded),
                                     &before, err);
        *ret_agrees = status == COPSE_OK;
        if (status == COPSE_OK) {
            copse_planned_release(&before);
            status = watch_plan_compare(chooser, ret_agrees, err);
        }
    }
    copse_buf_release(&encoded);
    return status == COPSE_DENIED ? COPSE_OK : status;
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/* Takes the plan with this hint if it tells; *ret_keys: what is in its ranges. */
static copse_status watch_plan_try(watch_chooser *chooser, copse_bytes hint, bool *ret_tells,
                                   uint64_t *ret_keys, copse_err *err)
{
    copse_watch_plan *plan = chooser->plan;
    bool tells = false;
    copse_status status = watch_plan_with(chooser, hint, chooser->after, err);
    if (status == COPSE_OK && watch_plan_tells(chooser)) {
        status = watch_plan_agrees(chooser, &tells, err);
    } else if (status == COPSE_MISUSE && chooser->query->hint.len == 0) {
        status = COPSE_OK; /* an index that lacks documents */
    }
    *ret_tells = status == COPSE_OK && tells;
    *ret_keys = UINT64_MAX;
    for (size_t i = 0; *ret_tells && i < plan->planned.candidates_count; i++) {
        const copse_planner_candidate *candidate = &plan->planned.candidates[i];
        if (!candidate->is_union && candidate->position == plan->planned.choice.positions[0]) {
            *ret_keys = candidate->keys;
        }
    }
    return status;
}

/* Takes the index with the fewest keys of those that tell. */
static copse_status watch_plan_try_indexes(watch_chooser *chooser, bool *ret_tells, copse_err *err)
{
    const copse_collection *collection = watch_collection(chooser, chooser->after);
    const copse_index_definition *best = NULL;
    uint64_t best_keys = UINT64_MAX;
    uint64_t keys = 0;
    copse_status status = COPSE_OK;
    *ret_tells = false;
    for (size_t i = 0; i < collection->indexes_count && status == COPSE_OK; i++) {
        const copse_index_definition *index = &collection->indexes[i];
        if (index->link || chooser->membership_only) {
            status = watch_plan_try(chooser, index->name, ret_tells, &keys, err);
            if (*ret_tells && (best == NULL || keys < best_keys)) {
                best = index;
                best_keys = keys;
            }
        }
    }
    return status == COPSE_OK && best != NULL
               ? watch_plan_try(chooser, best->name, ret_tells, &keys, err)
               : status;
}

/* All documents of the collection. */
static copse_status watch_plan_take_all(watch_chooser *chooser, copse_err *err)
{
    copse_watch_plan *plan = chooser->plan;
    copse_planned_release(&plan->planned);
    copse_buf_truncate(&plan->keys, 0);
    copse_status status = copse_key_write_documents(&plan->keys, chooser->query->collection);
    size_t size = plan->keys.len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(&plan->keys, 0);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "the key of a collection");
    }
    plan->is_all = true;
    plan->is_exact = false;
    plan->is_single = false;
    plan->is_whole = true;
    plan->all =
        (copse_key_range){{plan->keys.ptr, size}, {plan->keys.ptr + size, plan->keys.len - size}};
    return COPSE_OK;
}

static copse_status watch_plan_choose(watch_chooser *chooser, copse_err *err)
{
    copse_bytes hint = chooser->query->hint;
    uint64_t keys;
    bool tells = false;
    copse_status status = watch_plan_try(chooser, hint, &tells, &keys, err);
    if (status == COPSE_OK && !tells && hint.len == 0) {
        status = watch_plan_try_indexes(chooser, &tells, err);
        if (status == COPSE_OK && !tells) {
            status = watch_plan_try(chooser, copse_bytes_of_text("$natural"), &tells, &keys, err);
        }
    } else if (status == COPSE_OK && !tells && !copse_query_is_natural(chooser->query)) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "the index \"%.*s\" does not show all changes of the matches in both "
                         "states",
                         (int)hint.len, (const char *)hint.ptr);
    }
    return status == COPSE_OK && !tells ? watch_plan_take_all(chooser, err) : status;
}

/* K4 */
static copse_status watch_plan_one_side(watch_chooser *chooser, copse_database *database,
                                        copse_err *err)
{
    copse_status status = watch_plan_with(chooser, chooser->query->hint, database, err);
    chooser->plan->is_exact = false;
    chooser->plan->is_single = false;
    chooser->plan->is_whole = true;
    return status;
}

copse_status copse_watch_plan_make(const copse_query *query, copse_database *before,
                                   copse_database *after, bool membership_only,
                                   copse_watch_plan *plan, copse_err *err)
{
    watch_chooser chooser = {query, before, after, membership_only, plan};
    bool had = watch_collection(&chooser, before) != NULL;
    bool has = watch_collection(&chooser, after) != NULL;
    copse_status status = COPSE_OK;
    *plan = (copse_watch_plan){.query = *query, .is_whole = true};
    plan->trees[COPSE_WATCH_BEFORE] = had ? copse_database_tree(before) : NULL;
    plan->trees[COPSE_WATCH_AFTER] = has ? copse_database_tree(after) : NULL;
    copse_buf_init(&plan->keys, query->env, SIZE_MAX);
    if (had && has) {
        status = watch_plan_choose(&chooser, err);
    } else if (had || has) {
        status = watch_plan_one_side(&chooser, has ? after : before, err);
    }
    if (status != COPSE_OK) {
        copse_watch_plan_release(plan);
    }
    return status;
}

void copse_watch_plan_release(copse_watch_plan *plan)
{
    copse_planned_release(&plan->planned);
    copse_buf_release(&plan->keys);
    *plan = (copse_watch_plan){.is_all = false};
}

bool copse_watch_plan_scan(const copse_watch_plan *plan, size_t at, const copse_access **ret_access,
                           const copse_key_range **ret_ranges, size_t *ret_count)
{
    if (plan->is_all) {
        *ret_access = NULL;
        *ret_ranges = &plan->all;
        *ret_count = 1;
        return at == 0;
    }
    if (plan->planned.accesses == NULL || at >= plan->planned.plan.scans_count) {
        return false;
    }
    *ret_access = &plan->planned.accesses[at];
    *ret_ranges = (*ret_access)->scan.ranges;
    *ret_count = (*ret_access)->scan.ranges_count;
    if ((*ret_access)->definition == NULL) {
        *ret_access = NULL;
    }
    return true;
}
