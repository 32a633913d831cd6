/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/watch_rows.h"

#include "base/err.h"
#include "doc/document.h"

enum { WATCH_SORTER_BYTES_MIN = 64 << 10 };

/* ---- Life ---- */

/* Whether documents' rows come in the order of primary keys by themselves. */
static bool watch_rows_are_sorted(const copse_watch_plan *plan)
{
    const copse_access *access = NULL;
    const copse_access *other;
    const copse_key_range *ranges;
    size_t count;
    bool has_first = copse_watch_plan_scan(plan, 0, &access, &ranges, &count);
    return !has_first ||
           (access == NULL && !copse_watch_plan_scan(plan, 1, &other, &ranges, &count));
}

copse_status copse_watch_rows_init(copse_watch_rows *rows, const copse_watch_plan *plan,
                                   copse_err *err)
{
    const copse_env *env = plan->query.env;
    size_t memory = env->limits.query_memory_bytes_max;
    *rows = (copse_watch_rows){.env = env, .plan = plan};
    copse_buf_init(&rows->bytes, env, SIZE_MAX);
    copse_status status = copse_key_write_documents(&rows->bytes, plan->query.collection);
    rows->prefix_size = rows->bytes.len;
    if (status != COPSE_OK) {
        (void)COPSE_ERR(err, status, "the key of a collection");
    } else if (!watch_rows_are_sorted(plan)) {
        status =
            copse_sorter_new(env, memory < WATCH_SORTER_BYTES_MIN ? WATCH_SORTER_BYTES_MIN : memory,
                             NULL, &rows->sorter, err);
    }
    if (status != COPSE_OK) {
        copse_watch_rows_release(rows);
    }
    return status;
}

void copse_watch_rows_release(copse_watch_rows *rows)
{
    rows->diff = copse_diff_free(rows->diff);
    rows->sorter = copse_sorter_free(rows->sorter);
    copse_buf_release(&rows->bytes);
}

/* ---- What differs ---- */

/* Compares the next range. END: there is none. */
static copse_status watch_rows_begin_range(copse_watch_rows *rows, copse_err *err)
{
    const copse_watch_plan *plan = rows->plan;
    const copse_access *access;
    const copse_key_range *ranges;
    size_t count = 0;
    while (copse_watch_plan_scan(plan, rows->scan, &access, &ranges, &count) &&
           rows->range == count) {
        rows->scan++;
        rows->range = 0;
    }
    if (!copse_watch_plan_scan(plan, rows->scan, &access, &ranges, &count)) {
        return COPSE_END;
    }
    const copse_key_range *range = &ranges[rows->range];
    const copse_diff_options options = {.from = range->from,
                                        .to = range->to.ptr != NULL ? &range->to : NULL};
    copse_tree *before = plan->trees[COPSE_WATCH_BEFORE];
    copse_tree *after = plan->trees[COPSE_WATCH_AFTER];
    copse_status status = after != NULL ? copse_diff_new(before, after, &options, &rows->diff, err)
                                        : copse_diff_new(NULL, before, &options, &rows->diff, err);
    rows->range += status == COPSE_OK;
    return status;
}

/* The next difference, in rows->change; *ret_access: where it is. END: there is none. */
static copse_status watch_rows_change(copse_watch_rows *rows, const copse_access **ret_access,
                                      copse_err *err)
{
    const copse_key_range *ranges;
    size_t count;
    copse_change *change = &rows->change;
    copse_status status = COPSE_END;
    while (status == COPSE_END) {
        status = rows->diff == NULL ? watch_rows_begin_range(rows, err) : COPSE_OK;
        if (status != COPSE_OK) {
            return status;
        }
        status = copse_diff_next(rows->diff, change, err);
        if (status == COPSE_END) {
            rows->diff = copse_diff_free(rows->diff);
        }
    }
    if (status == COPSE_OK) {
        rows->count++;
        (void)copse_watch_plan_scan(rows->plan, rows->scan, ret_access, &ranges, &count);
        if (rows->plan->trees[COPSE_WATCH_AFTER] == NULL) {
            change->before = change->after;
            change->after = (copse_bytes){NULL, 0};
        }
    }
    return status;
}

/* Appends order(pk) of the present change. */
static copse_status watch_rows_primary(copse_watch_rows *rows, const copse_access *access,
                                       copse_err *err)
{
    copse_bytes key = rows->change.key;
    if (access != NULL) {
        return copse_index_entry_primary(access->deriver, key, &rows->bytes, err);
    }
    if (key.len < rows->prefix_size) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document's key is too short");
    }
    key.ptr += rows->prefix_size;
    key.len -= rows->prefix_size;
    return copse_buf_append(&rows->bytes, key) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

/* ---- Rows of documents ---- */

static copse_status watch_rows_next_document(copse_watch_rows *rows, copse_watch_row *ret_row,
                                             copse_err *err)
{
    const copse_access *access = NULL;
    copse_status status = watch_rows_change(rows, &access, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_truncate(&rows->bytes, 0);
    status = watch_rows_primary(rows, access, err);
    if (status == COPSE_OK) {
        const copse_change *change = &rows->change;
        *ret_row = (copse_watch_row){
            .primary = copse_buf_view(&rows->bytes),
            .in = {change->before.ptr != NULL, change->after.ptr != NULL},
            .value = {change->before, change->after},
        };
    }
    return status;
}

/* ---- Entries of indexes ---- */

/* Adds one side of the present change: order(pk) and the side lead to the link, or to null. */
static copse_status watch_rows_add_side(copse_watch_rows *rows, uint8_t side, copse_bytes value,
                                        copse_err *err)
{
    static const uint8_t null_item[] = {0xf6};
    size_t size = rows->bytes.len;
    copse_status status = COPSE_OK;
    if (value.ptr != NULL) {
        if (copse_document_row_link(value).len == 0) {
            value = (copse_bytes){null_item, sizeof null_item};
        }
        status =
            copse_buf_append_byte(&rows->bytes, side) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
        if (status == COPSE_OK) {
            status = copse_sorter_add(rows->sorter, copse_buf_view(&rows->bytes), value, err);
        }
        copse_buf_truncate(&rows->bytes, size);
    }
    return status;
}

static copse_status watch_rows_add(copse_watch_rows *rows, const copse_access *access,
                                   copse_err *err)
{
    copse_buf_truncate(&rows->bytes, 0);
    copse_status status = watch_rows_primary(rows, access, err);
    if (status == COPSE_OK) {
        status = watch_rows_add_side(rows, COPSE_WATCH_BEFORE, rows->change.before, err);
    }
    if (status == COPSE_OK) {
        status = watch_rows_add_side(rows, COPSE_WATCH_AFTER, rows->change.after, err);
    }
    return status;
}

static copse_status watch_rows_look_ahead(copse_watch_rows *rows, copse_err *err)
{
    copse_status status =
        copse_sorter_next(rows->sorter, &rows->ahead_key, &rows->ahead_value, err);
    rows->has_ahead = status == COPSE_OK;
    return status == COPSE_END ? COPSE_OK : status;
}

/* Reads all entries that differ. */
static copse_status watch_rows_sort(copse_watch_rows *rows, copse_err *err)
{
    const copse_access *access = NULL;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        status = watch_rows_change(rows, &access, err);
        if (status == COPSE_OK) {
            status = watch_rows_add(rows, access, err);
        }
    }
    if (status == COPSE_END) {
        rows->sorted = true;
        status = watch_rows_look_ahead(rows, err);
    }
    return status;
}

/* Puts the sides of the next document together. */
static copse_status watch_rows_join(copse_watch_rows *rows, copse_watch_row *ret_row,
                                    copse_err *err)
{
    size_t primary_size = rows->ahead_key.len - 1;
    size_t offsets[COPSE_WATCH_SIDES] = {0, 0};
    size_t sizes[COPSE_WATCH_SIDES] = {0, 0};
    copse_watch_row row = {.in = {false, false}};
    copse_status status = COPSE_OK;
    copse_buf_truncate(&rows->bytes, 0);
    if (copse_buf_append(&rows->bytes, (copse_bytes){rows->ahead_key.ptr, primary_size}) !=
        COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    do {
        uint8_t side = rows->ahead_key.ptr[primary_size];
        row.in[side] = true;
        if (copse_document_row_link(rows->ahead_value).len > 0) {
            offsets[side] = rows->bytes.len;
            sizes[side] = rows->ahead_value.len;
            if (copse_buf_append(&rows->bytes, rows->ahead_value) != COPSE_OK) {
                return COPSE_ERR_NOMEM(err);
            }
        }
        status = watch_rows_look_ahead(rows, err);
    } while (status == COPSE_OK && rows->has_ahead && rows->ahead_key.len == primary_size + 1 &&
             copse_bytes_has_prefix(rows->ahead_key, (copse_bytes){rows->bytes.ptr, primary_size}));
    row.primary = (copse_bytes){rows->bytes.ptr, primary_size};
    for (size_t i = 0; i < COPSE_WATCH_SIDES; i++) {
        if (sizes[i] > 0) {
            row.value[i] = (copse_bytes){rows->bytes.ptr + offsets[i], sizes[i]};
        }
    }
    *ret_row = row;
    return status;
}

copse_status copse_watch_rows_next(copse_watch_rows *rows, copse_watch_row *ret_row, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (rows->sorter == NULL) {
        return watch_rows_next_document(rows, ret_row, err);
    }
    if (!rows->sorted) {
        status = watch_rows_sort(rows, err);
    }
    if (status == COPSE_OK && !rows->has_ahead) {
        status = COPSE_END;
    }
    return status == COPSE_OK ? watch_rows_join(rows, ret_row, err) : status;
}
