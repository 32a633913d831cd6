/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/write_rows.h"

#include "base/alloc.h"
#include "base/err.h"

void copse_write_rows_init(copse_write_rows *rows, const copse_env *env)
{
    *rows = (copse_write_rows){.rows = NULL};
    copse_buf_init(&rows->bytes, env, SIZE_MAX);
}

void copse_write_rows_release(copse_write_rows *rows, const copse_env *env)
{
    copse_free_array(env, rows->rows, rows->capacity, sizeof *rows->rows);
    copse_buf_release(&rows->bytes);
}

/* ---- Deriving ---- */

static copse_status write_rows_add(const copse_write_run *run, copse_write_rows *rows,
                                   const copse_index_row *row, copse_err *err)
{
    void *array = rows->rows;
    bool grown =
        copse_array_grow(run->env, &array, &rows->capacity, rows->count + 1, sizeof *rows->rows);
    rows->rows = array;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_write_index_row *added = &rows->rows[rows->count];
    *added = (copse_write_index_row){rows->bytes.len, row->key.len, rows->bytes.len + row->key.len,
                                     row->value.len};
    copse_status status = copse_buf_append(&rows->bytes, row->key);
    if (status == COPSE_OK) {
        status = copse_buf_append(&rows->bytes, row->value);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for the rows of a document");
    }
    rows->count++;
    return COPSE_OK;
}

static copse_status write_rows_add_event(copse_write_derive *derive, const copse_index_row *row,
                                         size_t op, bool is_claim, copse_err *err)
{
    copse_unique_event event = {.collection = derive->change->collection,
                                .index = derive->index,
                                .document = derive->change->key,
                                .entry = row->key,
                                .unique_size = row->unique_size,
                                .op = op,
                                .is_claim = is_claim};
    return op == SIZE_MAX ? COPSE_OK
                          : copse_unique_events_add(derive->unique, derive->run, &event, err);
}

static copse_status write_rows_visit(void *ctx, const copse_index_row *row, copse_err *err)
{
    copse_write_derive *derive = ctx;
    copse_status status = write_rows_add(derive->run, derive->rows, row, err);
    if (status == COPSE_OK && row->unique_size > 0) {
        status = write_rows_add_event(derive, row, derive->claim_op, true, err);
        if (status == COPSE_OK) {
            status = write_rows_add_event(derive, row, derive->release_op, false, err);
        }
    }
    return status;
}

copse_status copse_write_rows_derive(copse_write_derive *derive, copse_bytes document,
                                     copse_bytes link, copse_err *err)
{
    const copse_catalogue_collection *collection = derive->change->collection;
    copse_status status = COPSE_OK;
    derive->rows->count = 0;
    copse_buf_truncate(&derive->rows->bytes, 0);
    if (document.len == 0) {
        return COPSE_OK;
    }
    copse_bytes id;
    status = copse_document_primary(document, collection->collection.primary_key, &id, err);
    for (size_t i = 0; i < collection->collection.indexes_count && status == COPSE_OK; i++) {
        derive->index = i;
        status = copse_index_derive(collection->derivers[i], document, id, link, write_rows_visit,
                                    derive, err);
        derive->is_unfit =
            derive->claim_op != SIZE_MAX && (status == COPSE_CORRUPT || status == COPSE_LIMIT);
    }
    return status == COPSE_NOT_FOUND
               ? COPSE_ERR(err, COPSE_CORRUPT, "a document without its primary key")
               : status;
}

/* ---- Putting ---- */

static copse_bytes write_rows_key(const copse_write_rows *rows, size_t row)
{
    return (copse_bytes){rows->bytes.ptr + rows->rows[row].key_offset, rows->rows[row].key_size};
}

static copse_bytes write_rows_value(const copse_write_rows *rows, size_t row)
{
    return (copse_bytes){rows->bytes.ptr + rows->rows[row].value_offset,
                         rows->rows[row].value_size};
}

copse_status copse_write_rows_diff(copse_write_run *run, const copse_write_rows *before,
                                   const copse_write_rows *after, copse_err *err)
{
    size_t i = 0;
    size_t j = 0;
    copse_status status = COPSE_OK;
    while ((i < before->count || j < after->count) && status == COPSE_OK) {
        int order = i == before->count ? 1
                    : j == after->count
                        ? -1
                        : copse_bytes_compare(write_rows_key(before, i), write_rows_key(after, j));
        if (order < 0) {
            run->stats.index_rows_removed++;
            status = copse_batch_delete(run->write->batch, write_rows_key(before, i), err);
        } else if (order > 0) {
            run->stats.index_rows_added++;
            status = copse_batch_put(run->write->batch, write_rows_key(after, j),
                                     write_rows_value(after, j), err);
        } else if (!copse_bytes_equal(write_rows_value(before, i), write_rows_value(after, j))) {
            run->stats.index_rows_removed++;
            run->stats.index_rows_added++;
            status = copse_batch_put(run->write->batch, write_rows_key(after, j),
                                     write_rows_value(after, j), err);
        }
        i += order <= 0;
        j += order >= 0;
    }
    return status;
}
