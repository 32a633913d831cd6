/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/advice.h"

#include "index/definition.h"

/* The fields of an index in the making. */
typedef struct advice_fields {
    copse_bytes primary;
    copse_sort_field list[COPSE_SORT_FIELDS_MAX];
    size_t count;
} advice_fields;

static void advice_add(advice_fields *fields, copse_bytes path, bool descending)
{
    if (path.len == 0 || fields->count == COPSE_SORT_FIELDS_MAX ||
        copse_bytes_equal(path, fields->primary)) {
        return;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (copse_bytes_equal(fields->list[i].path, path)) {
            return;
        }
    }
    fields->list[fields->count++] = (copse_sort_field){.path = path, .descending = descending};
}

static bool advice_is_equality(const copse_filter_node *node)
{
    return node->kind == COPSE_FILTER_EQ || node->kind == COPSE_FILTER_IN;
}

static bool advice_is_range(const copse_filter_node *node)
{
    return (node->kind >= COPSE_FILTER_GT && node->kind <= COPSE_FILTER_LTE) ||
           (node->kind == COPSE_FILTER_REGEX && node->prefix.len > 0);
}

static void advice_collect(const copse_planned *planned, advice_fields *fields)
{
    const copse_query *query = planned->query;
    for (size_t i = 0; i < query->conjuncts_count; i++) {
        if (advice_is_equality(query->conjuncts[i])) {
            advice_add(fields, query->conjuncts[i]->path, false);
        }
    }
    for (size_t i = 0; i < query->sort.count; i++) {
        if (copse_bytes_equal(query->sort.fields[i].path, fields->primary)) {
            break;
        }
        advice_add(fields, query->sort.fields[i].path, query->sort.fields[i].descending);
    }
    for (size_t i = 0; i < query->conjuncts_count; i++) {
        if (advice_is_range(query->conjuncts[i])) {
            advice_add(fields, query->conjuncts[i]->path, false);
            return;
        }
    }
}

/* Whether the fields are those that an index begins with. */
static bool advice_is_there(const advice_fields *fields, const copse_index_definition *index)
{
    if (index == NULL || index->fields_count < fields->count) {
        return false;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (!copse_bytes_equal(index->fields[i].path, fields->list[i].path)) {
            return false;
        }
    }
    return true;
}

/* Whether the plan reads nothing but what is asked for, in its order. */
static bool advice_is_best(const copse_planned *planned)
{
    const copse_plan *plan = &planned->plan;
    return planned->collection == NULL || copse_database_version(planned->database) == 1 ||
           copse_planned_is_empty(planned) ||
           (!plan->filter && plan->order != COPSE_ORDERED_MEMORY);
}

/* An index with these fields that is there already, but not built; NULL: there is none. */
static const copse_index_definition *advice_unbuilt(const copse_planned *planned,
                                                    const advice_fields *fields)
{
    for (size_t i = 0; i < planned->candidates_count; i++) {
        const copse_planner_candidate *candidate = &planned->candidates[i];
        if (candidate->is_unbuilt &&
            advice_is_there(fields, &planned->collection->indexes[candidate->position])) {
            return &planned->collection->indexes[candidate->position];
        }
    }
    return NULL;
}

copse_status copse_advise_index(const copse_planned *planned, copse_buf *buf)
{
    advice_fields fields = {.count = 0};
    size_t offset = buf->len;
    if (advice_is_best(planned)) {
        return COPSE_NOT_FOUND;
    }
    fields.primary = planned->collection->primary_key;
    advice_collect(planned, &fields);
    for (size_t i = 0; i < planned->plan.scans_count; i++) {
        if (advice_is_there(&fields, planned->accesses[i].definition)) {
            return COPSE_NOT_FOUND;
        }
    }
    copse_index_definition definition = {.fields = fields.list, .fields_count = fields.count};
    const copse_index_definition *unbuilt = advice_unbuilt(planned, &fields);
    copse_status status =
        copse_index_definition_write_name(unbuilt != NULL ? unbuilt : &definition, buf);
    return status == COPSE_OK && buf->len == offset ? COPSE_NOT_FOUND : status;
}
