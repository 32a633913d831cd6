/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/explain.h"

#include "base/err.h"
#include "query/advice.h"
#include "query/explain_range.h"

enum { EXPLAIN_RANGES_MAX = 32 };

/* A map in the making: the first failure stays. */
typedef struct explain_map {
    copse_buf *buf;
    copse_status status;
    uint64_t count;
} explain_map;

static void explain_key(explain_map *map, const char *key)
{
    if (map->status == COPSE_OK) {
        map->status = copse_cbor_write_text(map->buf, copse_bytes_of_text(key));
        map->count++;
    }
}

static void explain_text(explain_map *map, const char *key, copse_bytes text)
{
    explain_key(map, key);
    if (map->status == COPSE_OK) {
        map->status = text.ptr == NULL ? copse_cbor_write_null(map->buf)
                                       : copse_cbor_write_text(map->buf, text);
    }
}

static void explain_number(explain_map *map, const char *key, uint64_t number)
{
    explain_key(map, key);
    if (map->status == COPSE_OK) {
        map->status = copse_cbor_write_uint(map->buf, number);
    }
}

/* ---- What it is ------------------------------------------------------------------------------ */

static bool explain_is_nothing(const copse_result *result)
{
    return result->planned.collection == NULL || copse_planned_is_empty(&result->planned);
}

static const char *explain_kind(const copse_result *result, bool counted)
{
    const copse_plan *plan = &result->planned.plan;
    if (explain_is_nothing(result)) {
        return "nothing";
    }
    if (counted) {
        return "count";
    }
    if (plan->is_union) {
        return "union";
    }
    if (plan->covered) {
        return "covered index scan";
    }
    if (result->planned.accesses[0].definition != NULL) {
        return "index scan";
    }
    return result->planned.accesses[0].fields_used > 0 ? "primary key" : "document scan";
}

static const char *explain_order(const copse_plan *plan)
{
    switch (plan->order) {
    case COPSE_ORDERED_KEYS:
        return "index";
    case COPSE_ORDERED_MEMORY:
        return "memory";
    default:
        return "none";
    }
}

/* Whether an index that is not built would be looked at. */
static bool explain_lacks_index(const copse_planned *planned)
{
    for (size_t i = 0; i < planned->candidates_count; i++) {
        if (planned->candidates[i].is_unbuilt) {
            return true;
        }
    }
    return false;
}

static const char *explain_why(const copse_result *result, bool counted)
{
    const copse_planned *planned = &result->planned;
    if (planned->collection == NULL) {
        return "there is no such collection";
    }
    if (explain_is_nothing(result)) {
        return "no value can meet the conditions";
    }
    if (result->given_plan) {
        return "the plan was given, and checked";
    }
    if (planned->query->hint.len > 0) {
        return "the hint says so";
    }
    if (counted) {
        return "the ranges hold the matches and nothing else, so that the counts in the tree's "
               "branches answer";
    }
    if (planned->plan.is_union) {
        return "each branch of the $or has its own index";
    }
    const copse_access *access = &planned->accesses[0];
    if (access->definition == NULL && access->fields_used == 0) {
        return explain_lacks_index(planned) ? "the index that could help is not built"
                                            : "no index reads less than all documents";
    }
    if (access->definition == NULL) {
        return "the primary key is bounded";
    }
    if (access->covered) {
        return "the index holds all that the answer needs";
    }
    if (access->fields_used == 0) {
        return "the index gives the order";
    }
    return planned->plan.order == COPSE_ORDERED_KEYS
               ? "of the indexes that bound the matches and give the order it reads the least"
               : "of the indexes that bound the matches it reads the least";
}

/* ---- Its parts ------------------------------------------------------------------------------- */

static copse_bytes explain_index(const copse_planned *planned)
{
    bool single = planned->plan.scans_count == 1 && !planned->plan.is_union &&
                  !copse_planned_is_empty(planned);
    return single ? planned->plan.scans[0].index : (copse_bytes){NULL, 0};
}

static void explain_indexes(explain_map *map, const copse_plan *plan)
{
    size_t offset = 0;
    uint64_t count = 0;
    explain_key(map, "indexes");
    offset = map->buf->len;
    for (size_t i = 0; i < plan->scans_count && map->status == COPSE_OK; i++) {
        bool again = plan->scans[i].index.ptr == NULL;
        for (size_t j = 0; j < i && !again; j++) {
            again = copse_bytes_equal(plan->scans[i].index, plan->scans[j].index);
        }
        if (!again) {
            map->status = copse_cbor_write_text(map->buf, plan->scans[i].index);
            count++;
        }
    }
    if (map->status == COPSE_OK) {
        map->status = copse_cbor_finish_array(map->buf, offset, count);
    }
}

static void explain_ranges(explain_map *map, const copse_planned *planned)
{
    uint64_t count = 0;
    explain_key(map, "ranges");
    size_t offset = map->buf->len;
    for (size_t i = 0; i < planned->plan.scans_count && map->status == COPSE_OK; i++) {
        const copse_access *access = &planned->accesses[i];
        bool all = access->definition == NULL && access->fields_used == 0;
        for (size_t r = 0; !all && r < access->scan.ranges_count && count < EXPLAIN_RANGES_MAX &&
                           map->status == COPSE_OK;
             r++) {
            map->status = copse_explain_range(planned, access, r, map->buf);
            count++;
        }
    }
    if (map->status == COPSE_OK) {
        map->status = copse_cbor_finish_array(map->buf, offset, count);
    }
}

static void explain_filter(explain_map *map, const copse_planned *planned)
{
    explain_key(map, "filter");
    if (map->status == COPSE_OK) {
        map->status =
            planned->plan.filter
                ? copse_cbor_write_encoded(map->buf, copse_filter_encoded(planned->query->filter))
                : copse_cbor_write_null(map->buf);
    }
}

static void explain_suggestion(explain_map *map, const copse_planned *planned)
{
    copse_buf text;
    copse_buf_init(&text, planned->query->env, SIZE_MAX);
    copse_status status = map->status;
    if (status == COPSE_OK) {
        status = copse_advise_index(planned, &text);
    }
    if (status == COPSE_NOT_FOUND) {
        explain_text(map, "suggestion", (copse_bytes){NULL, 0});
    } else if (status == COPSE_OK) {
        explain_text(map, "suggestion", copse_buf_view(&text));
    } else {
        map->status = status;
    }
    copse_buf_release(&text);
}

static void explain_candidate(explain_map *outer, const copse_planned *planned,
                              const copse_planner_candidate *candidate)
{
    explain_map map = {outer->buf, outer->status, 0};
    size_t offset = map.buf->len;
    copse_bytes index = {NULL, 0};
    if (candidate->is_union) {
        index = copse_bytes_of_text("$or");
    } else if (candidate->position != COPSE_ACCESS_DOCUMENTS) {
        index = planned->collection->indexes[candidate->position].name;
    }
    explain_text(&map, "index", index);
    if (candidate->why_not == NULL) {
        explain_number(&map, "cost", candidate->cost);
        explain_number(&map, "keys", candidate->keys);
    } else {
        explain_text(&map, "why not", copse_bytes_of_text(candidate->why_not));
    }
    outer->status =
        map.status == COPSE_OK ? copse_cbor_finish_map(map.buf, offset, map.count) : map.status;
}

static void explain_candidates(explain_map *map, const copse_planned *planned)
{
    explain_key(map, "candidates");
    size_t offset = map->buf->len;
    for (size_t i = 0; i < planned->candidates_count && map->status == COPSE_OK; i++) {
        explain_candidate(map, planned, &planned->candidates[i]);
    }
    if (map->status == COPSE_OK) {
        map->status = copse_cbor_finish_array(map->buf, offset, planned->candidates_count);
    }
}

copse_status copse_explain_write(const copse_result *result, bool counted, copse_buf *buf,
                                 copse_err *err)
{
    const copse_planned *planned = &result->planned;
    bool reverse = planned->plan.scans_count > 0 && planned->plan.scans[0].reverse;
    explain_map map = {buf, COPSE_OK, 0};
    size_t offset = buf->len;
    explain_text(&map, "plan", copse_bytes_of_text(explain_kind(result, counted)));
    explain_text(&map, "index", explain_index(planned));
    explain_indexes(&map, &planned->plan);
    explain_ranges(&map, planned);
    explain_text(&map, "direction", copse_bytes_of_text(reverse ? "backward" : "forward"));
    explain_text(&map, "sort", copse_bytes_of_text(explain_order(&planned->plan)));
    explain_filter(&map, planned);
    explain_text(&map, "why", copse_bytes_of_text(explain_why(result, counted)));
    explain_suggestion(&map, planned);
    explain_candidates(&map, planned);
    if (map.status == COPSE_OK) {
        map.status = copse_cbor_finish_map(buf, offset, map.count);
    }
    if (map.status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
        return COPSE_ERR(err, map.status, "no room to explain a plan");
    }
    return COPSE_OK;
}

copse_status copse_result_explain(const copse_result *result, copse_buf *buf, copse_err *err)
{
    return copse_explain_write(result, false, buf, err);
}
