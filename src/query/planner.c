/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/planner.h"

#include "base/err.h"
#include "doc/database.h"
#include "query/cost.h"
#include "query/planner_marks.h"
#include "tree/prefetch.h"

#include <string.h>

/* Filter nodes times branches times indexes that a plan may cost in unions: some milliseconds. */
enum { PLANNER_UNION_WORK_MAX = 1 << 18 };

static copse_access_context planner_context(copse_planned *planned)
{
    copse_access_context context;
    copse_access_context_init(&context, planned->query, planned->database, planned->collection,
                              planned->need, &planned->arena, &planned->scratch);
    return context;
}

/* ---- Which indexes are looked at ------------------------------------------------------------- */

static bool planner_sorts_by(const copse_planned *planned, copse_bytes path)
{
    const copse_sort_spec *sort = &planned->query->sort;
    for (size_t i = 0; i < sort->count; i++) {
        if (copse_bytes_equal(sort->fields[i].path, path)) {
            return true;
        }
    }
    return false;
}

static bool planner_filters_by(const copse_planned *planned, copse_bytes path)
{
    const copse_query *query = planned->query;
    for (size_t i = 0; i < query->filter_paths_count; i++) {
        if (copse_access_path_below(path, query->filter_paths[i])) {
            return true;
        }
    }
    return false;
}

/* Whether the index holds all documents that match. */
static bool planner_holds_matches(const copse_planned *planned, size_t position)
{
    copse_filter *filter = copse_index_deriver_filter(
        copse_database_deriver(planned->database, planned->collection, position));
    return filter == NULL || copse_filter_implies(planned->query->filter, filter);
}

/* Why an index is not looked at; NULL: it is. */
static const char *planner_refuse(const copse_planned *planned, size_t position)
{
    const copse_index_definition *index = &planned->collection->indexes[position];
    bool leads = planner_filters_by(planned, index->fields[0].path) ||
                 planner_sorts_by(planned, index->fields[0].path);
    if (!planner_holds_matches(planned, position)) {
        return "it does not hold all documents that may match";
    }
    if (!leads && planned->query->projection == NULL && planned->need != COPSE_NEED_COUNT) {
        return "its first field is neither filtered nor sorted by";
    }
    return NULL;
}

/* ---- From choices to a plan (L1) ------------------------------------------------------------- */

static copse_status planner_access(copse_planned *planned, size_t position,
                                   const copse_filter_node *const *conjuncts, size_t count,
                                   copse_access *ret_access, copse_err *err)
{
    copse_access_context context = planner_context(planned);
    bool documents = position == COPSE_ACCESS_DOCUMENTS;
    return copse_access_make(
        &context, position,
        documents ? NULL : copse_database_deriver(planned->database, planned->collection, position),
        documents ? NULL : &planned->marks[position], conjuncts, count, ret_access, err);
}

/* What all matches of one branch of the $or match: the other conjuncts, and the branch's own. */
static copse_status planner_branch(copse_planned *planned, uint64_t at, size_t branch,
                                   const copse_filter_node *const **ret_conjuncts,
                                   size_t *ret_count, copse_err *err)
{
    const copse_query *query = planned->query;
    const copse_filter_node *const *child = &query->conjuncts[at]->children[branch];
    bool is_and = (*child)->kind == COPSE_FILTER_AND;
    const copse_filter_node *const *own = is_and ? (*child)->children : child;
    size_t own_count = is_and ? (*child)->children_count : 1;
    size_t count = 0;
    const copse_filter_node **conjuncts = copse_arena_alloc(
        &planned->arena, (query->conjuncts_count + own_count) * sizeof *conjuncts);
    if (conjuncts == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < query->conjuncts_count; i++) {
        if (i != at) {
            conjuncts[count++] = query->conjuncts[i];
        }
    }
    for (size_t i = 0; i < own_count; i++) {
        conjuncts[count++] = own[i];
    }
    *ret_conjuncts = conjuncts;
    *ret_count = count;
    return COPSE_OK;
}

/* Whether scans in their orders can be merged. */
static bool planner_can_merge(const copse_access *accesses, size_t count)
{
    size_t streams = 0;
    for (size_t i = 0; i < count; i++) {
        streams += accesses[i].streams;
        if (!accesses[i].ordered || (count > 1 && accesses[i].gaps) ||
            accesses[i].scan.reverse != accesses[0].scan.reverse) {
            return false;
        }
    }
    return streams <= COPSE_ACCESS_STREAMS_MAX;
}

/* Makes the plan of planned->accesses. */
static copse_status planner_finish(copse_planned *planned, copse_err *err)
{
    copse_plan *plan = &planned->plan;
    size_t count = planned->choice.count;
    bool sorted = planned->need == COPSE_NEED_DOCUMENTS && planned->query->sort.count > 0;
    bool merges = planner_can_merge(planned->accesses, count);
    *plan = (copse_plan){.scans_count = count,
                         .is_union = planned->choice.is_union,
                         .branch = planned->choice.branch,
                         .unique = planned->choice.is_union};
    plan->scans = copse_arena_alloc(&planned->arena, count * sizeof *plan->scans);
    if (plan->scans == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    if (sorted) {
        plan->order = merges ? COPSE_ORDERED_KEYS : COPSE_ORDERED_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        copse_access *access = &planned->accesses[i];
        if (plan->order != COPSE_ORDERED_KEYS) {
            access->scan.reverse = false;
            access->streams = 1;
        }
        plan->scans[i] = access->scan;
        plan->filter = plan->filter || !access->exact;
        plan->unique = plan->unique || access->unique;
    }
    plan->covered = count == 1 && planned->accesses[0].covered;
    return COPSE_OK;
}

static copse_status planner_alloc_accesses(copse_planned *planned, size_t count, copse_err *err)
{
    planned->accesses = copse_arena_alloc(&planned->arena, count * sizeof *planned->accesses);
    return planned->accesses == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
}

/* Makes the plan of planned->choice. */
static copse_status planner_realize(copse_planned *planned, copse_err *err)
{
    const copse_planner_choice *choice = &planned->choice;
    const copse_filter_node *const *conjuncts = planned->query->conjuncts;
    size_t count = planned->query->conjuncts_count;
    copse_status status = planner_alloc_accesses(planned, choice->count, err);
    for (size_t i = 0; i < choice->count && status == COPSE_OK; i++) {
        if (choice->is_union) {
            status = planner_branch(planned, choice->branch, i, &conjuncts, &count, err);
        }
        if (status == COPSE_OK) {
            status = planner_access(planned, choice->positions[i], conjuncts, count,
                                    &planned->accesses[i], err);
        }
    }
    return status == COPSE_OK ? planner_finish(planned, err) : status;
}

/* ---- Choosing (L2) --------------------------------------------------------------------------- */

/* The best so far. */
typedef struct planner_search {
    copse_planned *planned;
    copse_cost_model model;
    bool found;
    uint64_t cost;
    copse_access best; /* of a single scan */
} planner_search;

static bool planner_is_better(const planner_search *search, uint64_t cost,
                              const copse_access *access)
{
    const copse_access *best = &search->best;
    if (!search->found || cost != search->cost) {
        return !search->found || cost < search->cost;
    }
    if (access->fields_equal != best->fields_equal) {
        return access->fields_equal > best->fields_equal;
    }
    if (access->definition == NULL || best->definition == NULL) {
        return best->definition == NULL && access->definition != NULL;
    }
    if (access->definition->fields_count != best->definition->fields_count) {
        return access->definition->fields_count < best->definition->fields_count;
    }
    return copse_bytes_compare(access->definition->name, best->definition->name) < 0;
}

/* Whether reading this access path can be better than reading all documents. */
static bool planner_is_of_use(const copse_planned *planned, const copse_access *access)
{
    return access->fields_used > 0 || access->ordered || access->covered ||
           planned->query->hint.len > 0;
}

static void planner_offer(planner_search *search, const copse_access *access, uint64_t cost)
{
    if (planner_is_better(search, cost, access)) {
        search->found = true;
        search->cost = cost;
        search->best = *access;
        search->planned->choice =
            (copse_planner_choice){.positions = {access->position}, .count = 1};
    }
}

static copse_planner_candidate *planner_note(copse_planned *planned, size_t position,
                                             const char *why_not)
{
    copse_planner_candidate *candidate = &planned->candidates[planned->candidates_count++];
    *candidate = (copse_planner_candidate){.position = position, .why_not = why_not};
    return candidate;
}

/* Makes the access paths of all usable indexes and of the documents, which come last, and what
 * reading each costs. */
static copse_status planner_list(planner_search *search, copse_access *accesses, size_t *ret_count,
                                 copse_err *err)
{
    copse_planned *planned = search->planned;
    size_t indexes = planned->collection->indexes_count;
    size_t count = 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i <= indexes && status == COPSE_OK; i++) {
        if (i < indexes && !planned->usable[i]) {
            continue;
        }
        copse_access *access = &accesses[count];
        status =
            planner_access(planned, i < indexes ? i : COPSE_ACCESS_DOCUMENTS,
                           planned->query->conjuncts, planned->query->conjuncts_count, access, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (i < indexes && !planner_is_of_use(planned, access)) {
            (void)planner_note(planned, i,
                               "nothing bounds its first field, and its order is not asked for");
            continue;
        }
        status = copse_cost_look(&search->model, access, err);
        count++;
    }
    *ret_count = count;
    return status;
}

static copse_status planner_choose_scan(planner_search *search, copse_err *err)
{
    copse_planned *planned = search->planned;
    size_t count = 0;
    copse_access *accesses = copse_arena_alloc(
        &planned->arena, (planned->collection->indexes_count + 1) * sizeof *accesses);
    if (accesses == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = planner_list(search, accesses, &count, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        uint64_t cost = 0;
        copse_planner_candidate *candidate = planner_note(planned, accesses[i].position, NULL);
        status = copse_cost_of(&search->model, &accesses[i], &cost, &candidate->keys, err);
        candidate->cost = cost;
        bool hinted = planned->query->hint.len == 0 || accesses[i].definition != NULL ||
                      copse_query_is_natural(planned->query);
        if (status == COPSE_OK && hinted) {
            planner_offer(search, &accesses[i], cost);
        }
    }
    return status;
}

/* planner_choose_branch; what it takes from the arena may go when it has returned. */
static copse_status planner_search_branch(planner_search *search, uint64_t at, size_t branch,
                                          size_t *ret_position, uint64_t *total, copse_err *err)
{
    copse_planned *planned = search->planned;
    const copse_filter_node *const *conjuncts;
    size_t count;
    planner_search local = {.planned = planned};
    copse_status status = planner_branch(planned, at, branch, &conjuncts, &count, err);
    for (size_t i = 0; status == COPSE_OK && i <= planned->collection->indexes_count; i++) {
        bool documents = i == planned->collection->indexes_count;
        copse_access access;
        uint64_t cost = 0;
        uint64_t keys = 0;
        if (!documents && !planned->usable[i]) {
            continue;
        }
        status = planner_access(planned, documents ? COPSE_ACCESS_DOCUMENTS : i, conjuncts, count,
                                &access, err);
        if (status != COPSE_OK || access.fields_used == 0) {
            continue;
        }
        access.covered = false;
        status = copse_cost_of(&search->model, &access, &cost, &keys, err);
        if (planner_is_better(&local, cost, &access)) {
            local.found = true;
            local.cost = cost;
            local.best = access;
        }
    }
    if (status == COPSE_OK && !local.found) {
        return COPSE_END;
    }
    if (status == COPSE_OK) {
        *ret_position = local.best.position;
        *total += local.cost;
    }
    return status;
}

/* The cheapest access path for a branch that bounds its keys. END: there is none. */
static copse_status planner_choose_branch(planner_search *search, uint64_t at, size_t branch,
                                          size_t *ret_position, uint64_t *total, copse_err *err)
{
    copse_planned *planned = search->planned;
    copse_arena kept = planned->arena;
    copse_arena_init(&planned->arena, planned->query->env);
    copse_status status = planner_search_branch(search, at, branch, ret_position, total, err);
    copse_arena_release(&planned->arena);
    planned->arena = kept;
    return status;
}

/* Offers the union of the branches of conjunct `at`, an $or, if each has its access path. */
static copse_status planner_offer_union(planner_search *search, uint64_t at, copse_err *err)
{
    copse_planned *planned = search->planned;
    const copse_filter_node *node = planned->query->conjuncts[at];
    copse_planner_choice choice = {.is_union = true, .branch = at};
    uint64_t cost = 0;
    copse_status status = COPSE_OK;
    for (; choice.count < node->children_count && status == COPSE_OK; choice.count++) {
        status = planner_choose_branch(search, at, choice.count, &choice.positions[choice.count],
                                       &cost, err);
    }
    copse_planner_candidate *candidate =
        planner_note(planned, COPSE_ACCESS_DOCUMENTS,
                     status == COPSE_END ? "a branch of the $or has no index" : NULL);
    candidate->is_union = true;
    candidate->cost = cost;
    if (status == COPSE_OK && cost < search->cost) {
        search->cost = cost;
        planned->choice = choice;
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static bool planner_is_union(const copse_query *query, uint64_t at)
{
    return at < query->conjuncts_count && query->conjuncts[at]->kind == COPSE_FILTER_OR &&
           query->conjuncts[at]->children_count <= COPSE_PLAN_SCANS_MAX;
}

/* The tests and operators in a filter. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static uint64_t planner_nodes(const copse_filter_node *node)
{
    uint64_t count = 1;
    for (size_t i = 0; i < node->children_count; i++) {
        count += planner_nodes(node->children[i]);
    }
    return count;
}

/* Whether the union of conjunct `at` is to be looked at: each of its branches is planned with all
 * the filter, for each index, and filters come from strangers. */
static bool planner_may_offer(const copse_planned *planned, uint64_t at, uint64_t *work)
{
    uint64_t nodes = planner_nodes(copse_filter_root(planned->query->filter));
    uint64_t branches = planned->query->conjuncts[at]->children_count;
    *work += branches * nodes * (planned->collection->indexes_count + 1);
    return *work <= PLANNER_UNION_WORK_MAX;
}

static copse_status planner_choose(copse_planned *planned, copse_err *err)
{
    planner_search search = {.planned = planned};
    uint64_t work = 0;
    copse_access_context context = planner_context(planned);
    copse_status status = copse_cost_model_init(&search.model, &context, err);
    if (status == COPSE_OK) {
        status = planner_choose_scan(&search, err);
    }
    planned->documents = search.model.documents;
    planned->complete = search.model.exact;
    for (size_t i = 0;
         status == COPSE_OK && planned->query->hint.len == 0 &&
         copse_database_version(planned->database) != 1 && i < planned->query->conjuncts_count;
         i++) {
        if (planner_is_union(planned->query, i) && planner_may_offer(planned, i, &work)) {
            status = planner_offer_union(&search, i, err);
        }
    }
    return status;
}

/* ---- Planning -------------------------------------------------------------------------------- */

static bool planner_hint_excludes(const copse_planned *planned, size_t position)
{
    return planned->query->hint.len > 0 &&
           !copse_bytes_equal(planned->query->hint, planned->collection->indexes[position].name);
}

static bool planner_has_hinted(const copse_planned *planned)
{
    for (size_t i = 0; i < planned->collection->indexes_count; i++) {
        if (!planner_hint_excludes(planned, i)) {
            return true;
        }
    }
    return planned->query->hint.len == 0 || copse_query_is_natural(planned->query);
}

static copse_status planner_check_hint(const copse_planned *planned, copse_err *err)
{
    copse_bytes hint = planned->query->hint;
    if (!planner_has_hinted(planned)) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "there is no index \"%.*s\" to use", (int)hint.len,
                         (const char *)hint.ptr);
    }
    for (size_t i = 0; i < planned->collection->indexes_count; i++) {
        if (hint.len == 0 || planner_hint_excludes(planned, i)) {
            continue;
        }
        if (planned->collection->indexes[i].is_unbuilt) {
            return COPSE_ERR(
                err, COPSE_MISUSE,
                "the index \"%.*s\" can't answer the query: it came by a merge, and is "
                "not built",
                (int)hint.len, (const char *)hint.ptr);
        }
        if (!planner_holds_matches(planned, i)) {
            return COPSE_ERR(err, COPSE_MISUSE,
                             "the index \"%.*s\" can't answer the query: it holds only documents "
                             "that its own filter matches, and the query's filter does not say "
                             "that they do",
                             (int)hint.len, (const char *)hint.ptr);
        }
    }
    return COPSE_OK;
}

/* Finds out which indexes are looked at. */
static void planner_find_usable(copse_planned *planned)
{
    for (size_t i = 0; i < planned->collection->indexes_count; i++) {
        bool hinted = planned->query->hint.len > 0;
        const char *why_not = hinted ? NULL : planner_refuse(planned, i);
        if (hinted && planner_hint_excludes(planned, i)) {
            why_not = "the hint names another";
        }
        bool is_unbuilt = why_not == NULL && planned->collection->indexes[i].is_unbuilt;
        if (is_unbuilt) {
            why_not = "it came by a merge, and is not built";
        }
        planned->usable[i] = why_not == NULL;
        if (why_not != NULL) {
            planner_note(planned, i, why_not)->is_unbuilt = is_unbuilt;
        }
    }
}

static copse_status planned_init(copse_planned *planned, const copse_query *query,
                                 copse_database *database, copse_query_need need, copse_err *err)
{
    *planned = (copse_planned){
        .query = query,
        .database = database,
        .collection = copse_database_collection(database, query->collection),
        .need = need,
        .root = *copse_tree_root(copse_database_tree(database)),
    };
    copse_arena_init(&planned->arena, query->env);
    copse_buf_init(&planned->scratch, query->env, SIZE_MAX);
    size_t count = planned->collection != NULL ? planned->collection->indexes_count : 0;
    /* each index, the documents, a union for each conjunct */
    size_t candidates = count + 1 + query->conjuncts_count;
    planned->marks = copse_arena_alloc(&planned->arena, count * sizeof *planned->marks);
    planned->usable = copse_arena_alloc(&planned->arena, count * sizeof *planned->usable);
    planned->candidates =
        copse_arena_alloc(&planned->arena, candidates * sizeof *planned->candidates);
    if (planned->marks == NULL || planned->usable == NULL || planned->candidates == NULL) {
        copse_planned_release(planned);
        return COPSE_ERR_NOMEM(err);
    }
    memset(planned->marks, 0, count * sizeof *planned->marks);
    memset(planned->usable, 0, count * sizeof *planned->usable);
    return COPSE_OK;
}

void copse_planned_release(copse_planned *planned)
{
    copse_buf_release(&planned->scratch);
    copse_arena_release(&planned->arena);
    *planned = (copse_planned){.accesses = NULL};
}

/* Asks for what the scans of the plan will begin with. */
static copse_status planner_prefetch(const copse_planned *planned, copse_err *err)
{
    const copse_query *query = planned->query;
    bool stops =
        query->limit > 0 && !planned->plan.filter && planned->plan.order != COPSE_ORDERED_MEMORY;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < planned->plan.scans_count && status == COPSE_OK; i++) {
        const copse_plan_scan *scan = &planned->plan.scans[i];
        if (scan->ranges_count == 0) {
            continue;
        }
        const copse_key_range *range = &scan->ranges[scan->reverse ? scan->ranges_count - 1 : 0];
        const copse_prefetch ahead = {.low = range->from,
                                      .high = range->to,
                                      .has_high = range->to.ptr != NULL,
                                      .reverse = scan->reverse,
                                      .limit = stops ? query->limit : 1};
        status = copse_tree_prefetch(copse_database_tree(planned->database), &ahead, err);
    }
    return status;
}

/* L5: not all marks are there. Chooses as if there were none: if that is so of the indexes that are
 * chosen, nothing better can be found, whatever the others have. That all documents are to be
 * scanned is not believed as long as little is here: reading the marks shows more of the indexes.
 */
static copse_status planner_look_ahead(copse_planned *planned, copse_err *err)
{
    bool any = false;
    size_t count = planned->collection->indexes_count;
    bool *chosen = copse_arena_alloc(&planned->arena, (count + 1) * sizeof *chosen);
    copse_status status = chosen != NULL ? planner_choose(planned, err) : COPSE_ERR_NOMEM(err);
    if (status == COPSE_OK) {
        status = planner_realize(planned, err);
    }
    if (status == COPSE_OK) {
        memset(chosen, 0, (count + 1) * sizeof *chosen);
        for (size_t i = 0; i < planned->choice.count; i++) {
            size_t position = planned->choice.positions[i];
            chosen[position < count ? position : count] = true;
        }
        planned->complete = false;
        status = copse_planner_read_marks(planned, chosen, &any, err);
    }
    if (status == COPSE_OK && (any || chosen[count])) {
        status = copse_planner_read_marks(planned, planned->usable, &any, err);
    }
    if (status == COPSE_WANT) {
        copse_status ahead = planner_prefetch(planned, err);
        status = ahead == COPSE_OK ? status : ahead;
    }
    return status;
}

static copse_status planner_run(copse_planned *planned, copse_err *err)
{
    if (planned->collection == NULL) {
        planned->complete = true;
        return COPSE_OK;
    }
    bool any;
    copse_status status = planner_check_hint(planned, err);
    if (status == COPSE_OK) {
        planner_find_usable(planned);
        status = copse_planner_read_marks(planned, planned->usable, &any, err);
        if (status == COPSE_WANT) {
            return planner_look_ahead(planned, err);
        }
    }
    if (status == COPSE_OK) {
        status = planner_choose(planned, err);
    }
    return status == COPSE_OK ? planner_realize(planned, err) : status;
}

copse_status copse_planner_plan(const copse_query *query, copse_database *database,
                                copse_query_need need, copse_planned *ret_planned, copse_err *err)
{
    copse_planned planned;
    copse_status status = planned_init(&planned, query, database, need, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = planner_run(&planned, err);
    if (status != COPSE_OK) {
        copse_planned_release(&planned);
        return status;
    }
    *ret_planned = planned;
    return COPSE_OK;
}

/* ---- Checking (L1) --------------------------------------------------------------------------- */

static copse_status planner_deny(const char *why, copse_err *err)
{
    return COPSE_ERR(err, COPSE_DENIED, "the plan does not answer the query: %s", why);
}

/* Takes the choice of a scan from a plan. */
static copse_status planner_take_scan(copse_planned *planned, const copse_plan_scan *scan,
                                      size_t *ret_position, copse_err *err)
{
    if (scan->index.ptr == NULL) {
        if (planned->query->hint.len > 0 && !copse_query_is_natural(planned->query)) {
            return planner_deny("it does not use the hint's index", err);
        }
        *ret_position = COPSE_ACCESS_DOCUMENTS;
        return COPSE_OK;
    }
    for (size_t i = 0; i < planned->collection->indexes_count; i++) {
        if (!copse_bytes_equal(scan->index, planned->collection->indexes[i].name)) {
            continue;
        }
        if (planner_hint_excludes(planned, i)) {
            return planner_deny("it does not use the hint's index", err);
        }
        if (planned->collection->indexes[i].is_unbuilt) {
            return planner_deny("it uses an index that is not built", err);
        }
        if (!planner_holds_matches(planned, i)) {
            return planner_deny("a partial index lacks documents that may match", err);
        }
        planned->usable[i] = true;
        *ret_position = i;
        return COPSE_OK;
    }
    return planner_deny("it uses an index that the collection has not", err);
}

static copse_status planner_take_choice(copse_planned *planned, const copse_plan *plan,
                                        copse_err *err)
{
    copse_planner_choice *choice = &planned->choice;
    *choice = (copse_planner_choice){
        .is_union = plan->is_union, .branch = plan->branch, .count = plan->scans_count};
    size_t scans = 1;
    if (plan->is_union) {
        if (!planner_is_union(planned->query, plan->branch) ||
            copse_database_version(planned->database) == 1) {
            return planner_deny("the filter has no such $or", err);
        }
        scans = planned->query->conjuncts[plan->branch]->children_count;
    }
    if (plan->scans_count != scans) {
        return planner_deny("it has another number of scans", err);
    }
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < scans && status == COPSE_OK; i++) {
        status = planner_take_scan(planned, &plan->scans[i], &choice->positions[i], err);
    }
    return status;
}

/* Whether the plan that was made is the one that was given. */
static copse_status planner_compare(copse_planned *planned, copse_bytes encoded, copse_err *err)
{
    copse_buf_truncate(&planned->scratch, 0);
    copse_status status = copse_plan_encode(&planned->plan, &planned->scratch, err);
    if (status == COPSE_OK && !copse_bytes_equal(copse_buf_view(&planned->scratch), encoded)) {
        status = planner_deny("its ranges, directions or checks are not those that its indexes "
                              "need for this query",
                              err);
    }
    return status;
}

copse_status copse_planner_check(const copse_query *query, copse_database *database,
                                 copse_bytes encoded, copse_planned *ret_planned, copse_err *err)
{
    copse_planned planned;
    copse_plan plan;
    bool any;
    copse_status status = planned_init(&planned, query, database, COPSE_NEED_DOCUMENTS, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_plan_decode(&planned.arena, encoded, &query->env->limits, &plan, err);
    if (status == COPSE_OK && planned.collection == NULL) {
        status = planner_compare(&planned, encoded, err);
    } else if (status == COPSE_OK) {
        status = planner_take_choice(&planned, &plan, err);
        if (status == COPSE_OK) {
            status = copse_planner_read_marks(&planned, planned.usable, &any, err);
        }
        if (status == COPSE_OK) {
            status = planner_realize(&planned, err);
        }
        if (status == COPSE_OK) {
            status = planner_compare(&planned, encoded, err);
        }
    }
    if (status != COPSE_OK) {
        copse_planned_release(&planned);
        return status;
    }
    *ret_planned = planned;
    return COPSE_OK;
}

/* ---- A plan that is kept (L4) ---------------------------------------------------------------- */

bool copse_planned_is_for(const copse_planned *planned, const copse_database *database)
{
    return copse_cid_equal(&planned->root, copse_tree_root(copse_database_tree(database)));
}

void copse_planned_bind(copse_planned *planned, copse_database *database)
{
    planned->database = database;
    planned->collection = copse_database_collection(database, planned->query->collection);
    for (size_t i = 0; i < planned->plan.scans_count; i++) {
        copse_access *access = &planned->accesses[i];
        if (access->position != COPSE_ACCESS_DOCUMENTS) {
            access->deriver =
                copse_database_deriver(database, planned->collection, access->position);
            access->definition = copse_index_deriver_definition(access->deriver);
            access->scan.index = access->definition->name;
        }
        planned->plan.scans[i].index = access->scan.index;
    }
}

bool copse_planned_is_empty(const copse_planned *planned)
{
    for (size_t i = 0; i < planned->plan.scans_count; i++) {
        if (planned->plan.scans[i].ranges_count > 0) {
            return false;
        }
    }
    return true;
}
