/* The least and the greatest value of all documents, from the edges of indexes.
 *
 *   Z1  The least value at a field that is not null is that of the first document in the order of
 *       the field whose value is neither null nor missing. If an index gives that order, this is
 *       one read.
 *   Z2  An order takes an array by one of its elements, $min and $max take it whole. So the index
 *       must say that there are no arrays.
 *   Z3  Whether an index does is known when the query is planned. If it does not, or no document
 *       has a value, all documents are read as if this had never been tried.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/path.h"
#include "query/accumulator_kinds.h"
#include "query/pipeline.h"
#include "query/result.h"
#include "query/stage_group.h"

static bool group_edge_is(const copse_accumulator *accumulator)
{
    return (accumulator->kind == &copse_accumulator_min ||
            accumulator->kind == &copse_accumulator_max) &&
           accumulator->operand.field.len > 0;
}

bool copse_group_edge_may_be(const copse_stage_run *run)
{
    const copse_stage_group *group = run->stage->body;
    const copse_stage_chain *chain = run->chain;
    const copse_stage_source *source = &chain->list->source;
    bool may_be = run->input == NULL && !source->fed && chain->options.filter.len == 0 &&
                  source->sort == NULL && source->skip == 0 && source->limit == 0 &&
                  group->id.constant.len > 0 && group->count > 0;
    for (size_t i = 0; may_be && i < group->count; i++) {
        may_be = group_edge_is(&group->accumulators[i]);
    }
    return may_be;
}

/* ---- One of them ----------------------------------------------------------------------------- */

/* Appends {"$and": [the source's filter, {field: {"$ne": null}}]}. */
static copse_status group_edge_write_filter(const copse_stage_run *run, copse_bytes field,
                                            copse_buf *buf)
{
    copse_bytes filter = run->chain->list->source.filter;
    copse_status status = copse_stage_write_and(buf, 1 + (filter.len > 0));
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, filter);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_map(buf, 1);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, field);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_map(buf, 1);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("$ne"));
    }
    return status == COPSE_OK ? copse_cbor_write_null(buf) : status;
}

/* An order that begins with the field: that of an index, as among equal values any will do, else
 * that of the field alone. */
static void group_edge_order(const copse_stage_run *run, const copse_accumulator *accumulator,
                             copse_sort_spec *ret_sort)
{
    copse_bytes field = accumulator->operand.field;
    bool descending = accumulator->kind == &copse_accumulator_max;
    const copse_collection *collection =
        copse_database_collection(run->chain->world->database, run->chain->list->collection);
    *ret_sort =
        (copse_sort_spec){.count = 1, .fields = {{.path = field, .descending = descending}}};
    for (size_t i = 0; collection != NULL && i < collection->indexes_count; i++) {
        const copse_index_definition *index = &collection->indexes[i];
        bool fits = !index->is_unbuilt && copse_bytes_equal(index->fields[0].path, field);
        for (size_t k = 0; fits && k < index->fields_count; k++) {
            fits = !index->fields[k].array;
        }
        if (fits) {
            ret_sort->count = index->fields_count;
            for (size_t k = 0; k < index->fields_count; k++) {
                ret_sort->fields[k] = index->fields[k];
                ret_sort->fields[k].descending =
                    index->fields[k].descending != (index->fields[0].descending != descending);
            }
            return;
        }
    }
}

static copse_status group_edge_query(const copse_stage_run *run,
                                     const copse_accumulator *accumulator, copse_query **ret_query,
                                     copse_err *err)
{
    const copse_stage_list *list = run->chain->list;
    copse_bytes field = accumulator->operand.field;
    copse_sort_spec sort;
    copse_buf filter;
    copse_buf_init(&filter, copse_stage_env(run), SIZE_MAX);
    group_edge_order(run, accumulator, &sort);
    copse_status status = group_edge_write_filter(run, field, &filter);
    if (status == COPSE_OK) {
        const copse_query_options options = {.collection = list->collection,
                                             .filter = copse_buf_view(&filter),
                                             .sort = &sort,
                                             .limit = 1,
                                             .hint = list->hint};
        status = copse_query_new(copse_stage_env(run), &options, ret_query, err);
    } else {
        status = COPSE_ERR_NOMEM(err);
    }
    copse_buf_release(&filter);
    return status;
}

/* Whether the order of `result` comes from keys of which none is of an array at `field` (Z2). */
static bool group_edge_is_exact(const copse_result *result, copse_bytes field)
{
    const copse_planned *planned = &result->planned;
    if (result->stage == RESULT_ENDED || planned->plan.order == COPSE_ORDERED_MEMORY ||
        planned->plan.scans_count != 1) {
        return false;
    }
    const copse_index_definition *index = planned->accesses[0].definition;
    if (index == NULL) { /* a primary key is no array */
        return copse_bytes_equal(field, planned->collection->primary_key);
    }
    const copse_access_marks *marks = &planned->marks[planned->accesses[0].position];
    for (size_t i = 0; i < index->fields_count; i++) {
        if (copse_bytes_equal(index->fields[i].path, field)) {
            return !index->fields[i].array && !marks->multikey[i];
        }
    }
    return false;
}

/* Gives accumulator number state->edge_at its value. NOT_FOUND: it is to be had in another way. */
static copse_status group_edge_next(copse_stage_run *run, copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_group *group = run->stage->body;
    const copse_accumulator *accumulator = &group->accumulators[state->edge_at];
    copse_bytes document;
    copse_bytes value;
    copse_status status = COPSE_OK;
    if (state->edge_query == NULL) {
        status = group_edge_query(run, accumulator, &state->edge_query, err);
    }
    if (status == COPSE_OK && state->edge_result == NULL) {
        status = copse_result_open(state->edge_query, run->chain->world->database,
                                   &state->edge_result, err);
    }
    if (status == COPSE_OK &&
        !group_edge_is_exact(state->edge_result, accumulator->operand.field)) {
        return COPSE_NOT_FOUND;
    }
    if (status == COPSE_OK) {
        status = copse_result_next(state->edge_result, &document, err);
    }
    if (status == COPSE_OK) {
        status = copse_path_find_key(document, accumulator->operand.field, &value, err);
    }
    if (status != COPSE_OK) {
        return status == COPSE_END ? COPSE_NOT_FOUND : status;
    }
    status = copse_accumulator_add(accumulator, &state->pool, state->states + accumulator->offset,
                                   value, err);
    copse_group_edge_release(state);
    state->edge_at++;
    return status;
}

void copse_group_edge_release(copse_group_state *state)
{
    state->edge_result = copse_result_close(state->edge_result);
    state->edge_query = copse_query_free(state->edge_query);
}

copse_status copse_group_edge(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    copse_group_state *state = run->state;
    const copse_stage_group *group = run->stage->body;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && state->edge_at < group->count) {
        status = group_edge_next(run, err);
    }
    if (status == COPSE_OK) {
        status = copse_group_write(group, group->id.constant, state->states, &state->answer, err);
    }
    if (status == COPSE_OK) {
        run->by = "edge";
        *ret_document = copse_buf_view(&state->answer);
    }
    if (status == COPSE_NOT_FOUND) {
        copse_group_edge_release(state);
        for (size_t i = 0; i < group->count; i++) {
            copse_accumulator_release(&group->accumulators[i], &state->pool,
                                      state->states + group->accumulators[i].offset);
        }
    }
    return status;
}
