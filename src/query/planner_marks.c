/* The marks of indexes, which limit what they may be used for (index/key_space.h): L3 in planner.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "query/planner_marks.h"

#include "base/err.h"
#include "doc/database.h"

static copse_status planner_keep_key(copse_planned *planned, copse_status status,
                                     copse_bytes *ret_key, copse_err *err)
{
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a key");
    }
    copse_bytes kept = copse_arena_dup(&planned->arena, copse_buf_view(&planned->scratch));
    copse_buf_truncate(&planned->scratch, 0);
    if (kept.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_key = kept;
    return COPSE_OK;
}

/* The range of all marks of an index. */
static copse_status planner_marks_range(copse_planned *planned, size_t position,
                                        copse_key_range *ret_range, copse_err *err)
{
    const copse_collection *collection = planned->collection;
    copse_buf *buf = &planned->scratch;
    copse_buf_truncate(buf, 0);
    copse_status status = planner_keep_key(
        planned,
        copse_key_write_index_rows(buf, collection->name, collection->indexes[position].name),
        &ret_range->from, err);
    ret_range->to =
        copse_index_deriver_prefix(copse_database_deriver(planned->database, collection, position));
    return status;
}

/* The range of the marks of one kind for one field. */
static copse_status planner_field_range(copse_planned *planned, copse_bytes marks,
                                        copse_key_range *ret_range, copse_err *err)
{
    copse_buf *buf = &planned->scratch;
    copse_buf_truncate(buf, 0);
    copse_status status = copse_buf_append(buf, marks);
    if (status == COPSE_OK) {
        status = copse_order_prefix_end(buf, 0);
    }
    ret_range->from = marks;
    return planner_keep_key(planned, status, &ret_range->to, err);
}

/* Reads what the marks of index `position` say of each of its fields. */
static copse_status planner_read_fields(copse_planned *planned, size_t position, copse_err *err)
{
    copse_key_range ranges[2 * COPSE_SORT_FIELDS_MAX] = {0};
    uint64_t counts[2 * COPSE_SORT_FIELDS_MAX];
    copse_access_marks *marks = &planned->marks[position];
    const copse_index_deriver *deriver =
        copse_database_deriver(planned->database, planned->collection, position);
    size_t fields = planned->collection->indexes[position].fields_count;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < fields && status == COPSE_OK; i++) {
        status = planner_field_range(planned,
                                     copse_index_deriver_marks(deriver, i, COPSE_INDEX_MARK_ARRAY),
                                     &ranges[2 * i], err);
        if (status == COPSE_OK) {
            status = planner_field_range(
                planned, copse_index_deriver_marks(deriver, i, COPSE_INDEX_MARK_LONG),
                &ranges[2 * i + 1], err);
        }
    }
    if (status == COPSE_OK) {
        status = copse_tree_count_ranges(copse_database_tree(planned->database), ranges, 2 * fields,
                                         counts, err);
    }
    for (size_t i = 0; i < fields && status == COPSE_OK; i++) {
        marks->multikey[i] = counts[2 * i] > 0;
        marks->cut[i] = counts[2 * i + 1] > 0;
    }
    return status;
}

copse_status copse_planner_read_marks(copse_planned *planned, const bool *which, bool *ret_any,
                                      copse_err *err)
{
    size_t count = planned->collection->indexes_count;
    copse_key_range *ranges = copse_arena_alloc(&planned->arena, count * sizeof *ranges);
    uint64_t *counts = copse_arena_alloc(&planned->arena, count * sizeof *counts);
    if (ranges == NULL || counts == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    size_t asked = 0;
    *ret_any = false;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        if (which[i]) {
            status = planner_marks_range(planned, i, &ranges[asked++], err);
        }
    }
    if (status == COPSE_OK && asked > 0) {
        status = copse_tree_count_ranges(copse_database_tree(planned->database), ranges, asked,
                                         counts, err);
    }
    asked = 0;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        if (which[i] && counts[asked++] > 0) {
            *ret_any = true;
            status = planner_read_fields(planned, i, err);
        }
    }
    return status;
}
