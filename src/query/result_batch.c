/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/result_batch.h"

#include "base/err.h"
#include "doc/document.h"
#include "doc/version1.h"

#include <string.h>

/* ---- Entries --------------------------------------------------------------------------------- */

/* The answers that are still to be found; UINT64_MAX: all. */
static uint64_t result_to_find(const copse_result *result)
{
    bool all = result->limit == UINT64_MAX || result->planned.plan.order == COPSE_ORDERED_MEMORY ||
               result->limit > UINT64_MAX - result->skip;
    return all ? UINT64_MAX : result->limit + result->skip;
}

/* Where the filter may refuse documents, as much again as was looked at: so what is not here comes
 * in a number of rounds that grows with its logarithm, however few match. */
void copse_result_set_look_ahead(copse_result *result)
{
    uint64_t ahead = result_to_find(result);
    if (result->planned.plan.filter && ahead < UINT64_MAX / 2) {
        ahead += 2 * result->stats.keys_examined; /* counted from the scan's begin */
    }
    copse_scanner_set_limit(&result->scanner, ahead == UINT64_MAX ? 0 : ahead);
}

/* Appends to result->bytes. */
static copse_status result_append(copse_result *result, copse_bytes bytes,
                                  copse_result_span *ret_span, copse_err *err)
{
    *ret_span = (copse_result_span){result->bytes.len, bytes.len};
    copse_status status = copse_buf_append(&result->bytes, bytes);
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR(err, status, "no memory for a batch");
}

static copse_bytes result_at(const copse_result *result, copse_result_span span)
{
    return (copse_bytes){result->bytes.ptr + span.offset, span.len};
}

/* Appends the key of the document that an entry leads to. */
static copse_status result_append_key(copse_result *result, const copse_scanner_entry *entry,
                                      copse_result_span *ret_span, copse_err *err)
{
    if (entry->access->definition == NULL) {
        return result_append(result, entry->key, ret_span, err);
    }
    copse_status status = result_append(result, copse_buf_view(&result->prefix), ret_span, err);
    if (status == COPSE_OK) {
        status = copse_index_entry_primary(entry->access->deriver, entry->key, &result->bytes, err);
    }
    ret_span->len = result->bytes.len - ret_span->offset;
    return status;
}

/* Whether the document with this key was not met before. */
static copse_status result_is_new(copse_result *result, copse_result_span key, bool *ret_new,
                                  copse_err *err)
{
    copse_bytes id = {result->bytes.ptr + key.offset + result->prefix.len,
                      key.len - result->prefix.len};
    *ret_new = true;
    return result->planned.plan.unique ? copse_id_set_add(&result->seen, id, ret_new, err)
                                       : COPSE_OK;
}

copse_status copse_result_next_entry(copse_result *result, copse_scanner_entry *ret_entry,
                                     copse_err *err)
{
    bool is_new = false;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && !is_new) {
        copse_result_span key;
        status = copse_scanner_next(&result->scanner, ret_entry, err);
        if (status != COPSE_OK) {
            return status;
        }
        result->stats.keys_examined++;
        copse_buf_truncate(&result->bytes, 0);
        is_new = !result->planned.plan.unique;
        if (!is_new) {
            status = result_append_key(result, ret_entry, &key, err);
            if (status == COPSE_OK) {
                status = result_is_new(result, key, &is_new, err);
            }
        }
    }
    return status;
}

/* ---- Filling a batch ------------------------------------------------------------------------- */

/* R2 */
static size_t result_batch_size(const copse_result *result)
{
    uint64_t to_find = result_to_find(result);
    size_t size = result->batch_size;
    if (result->planned.plan.order == COPSE_ORDERED_MEMORY || to_find == UINT64_MAX) {
        return COPSE_RESULT_BATCH_MAX;
    }
    if (to_find > size && result->first_batch == 0) {
        size = to_find < COPSE_RESULT_BATCH_MAX ? (size_t)to_find : COPSE_RESULT_BATCH_MAX;
    }
    if (to_find < size && !result->planned.plan.filter) {
        size = (size_t)to_find;
    }
    return size;
}

static void result_grow_batch(copse_result *result)
{
    result->batch_size *= 2;
    if (result->batch_size > COPSE_RESULT_BATCH_MAX) {
        result->batch_size = COPSE_RESULT_BATCH_MAX;
    }
}

/* Whether the entry itself says where the document is. */
static bool result_entry_links(const copse_scanner_entry *entry)
{
    return entry->access->definition->link && copse_document_row_link(entry->value).len > 0;
}

/* Adds the document of an entry, or a row of the documents. */
static copse_status result_add_entry(copse_result *result, const copse_scanner_entry *entry,
                                     copse_err *err)
{
    copse_result_row row = {.access = entry->access};
    size_t offset = result->bytes.len;
    bool is_new = false;
    copse_status status = result_append_key(result, entry, &row.key, err);
    if (status == COPSE_OK) {
        status = result_is_new(result, row.key, &is_new, err);
    }
    if (status != COPSE_OK || !is_new) {
        copse_buf_truncate(&result->bytes, offset);
        return status;
    }
    if (entry->access->definition == NULL || result_entry_links(entry)) {
        status = result_append(result, entry->value, &row.value, err);
    }
    if (status == COPSE_OK && entry->access->definition != NULL && result->recheck_entries) {
        status = result_append(result, entry->key, &row.entry, err);
        if (status == COPSE_OK) {
            status = result_append(result, entry->value, &row.entry_value, err);
        }
    }
    if (status == COPSE_OK) {
        result->rows[result->rows_count++] = row;
    }
    return status;
}

static copse_status result_fill_from_scanner(copse_result *result, size_t size, copse_err *err)
{
    copse_status status = COPSE_OK;
    while (result->rows_count < size && status == COPSE_OK) {
        copse_scanner_entry entry;
        status = copse_scanner_next(&result->scanner, &entry, err);
        if (status == COPSE_OK) {
            result->stats.keys_examined++;
            status = result_add_entry(result, &entry, err);
        }
    }
    return status;
}

/* Documents whose keys are known. */
static copse_status result_fill_from_points(copse_result *result, size_t size, copse_err *err)
{
    const copse_access *access = &result->planned.accesses[0];
    copse_status status = COPSE_OK;
    size_t count = access->scan.ranges_count;
    while (result->rows_count < size && status == COPSE_OK) {
        if (result->point == count) {
            return COPSE_END;
        }
        size_t at = access->scan.reverse ? count - 1 - result->point : result->point;
        copse_result_row row = {.access = access};
        status = result_append(result, access->scan.ranges[at].from, &row.key, err);
        if (status == COPSE_OK) {
            result->rows[result->rows_count++] = row;
            result->point++;
            result->stats.keys_examined++;
        }
    }
    return status;
}

/* Whether the documents are looked up by their keys alone. */
static bool result_reads_points(const copse_result *result)
{
    return result->planned.plan.scans_count == 1 && result->planned.accesses[0].points;
}

/* Fills the next batch. END: there is nothing more. */
static copse_status result_fill(copse_result *result, copse_err *err)
{
    copse_buf_truncate(&result->bytes, 0);
    result->rows_count = 0;
    result->row = 0;
    result->looked_up = false;
    result->hinted = false;
    if (result->planned.plan.filter) {
        copse_result_set_look_ahead(result);
    }
    size_t size = result_batch_size(result);
    copse_status status = result_reads_points(result) ? result_fill_from_points(result, size, err)
                                                      : result_fill_from_scanner(result, size, err);
    bool pauses = status == COPSE_END || status == COPSE_WANT;
    if (pauses && result->rows_count > 0) {
        status = COPSE_OK;
    }
    if (status == COPSE_OK) {
        result_grow_batch(result);
    }
    return status;
}

/* ---- Looking documents up -------------------------------------------------------------------- */

/* From the present row on. */
static copse_status result_look_up(copse_result *result, copse_err *err)
{
    copse_bytes keys[COPSE_RESULT_BATCH_MAX];
    copse_bytes found[COPSE_RESULT_BATCH_MAX];
    size_t count = 0;
    for (size_t i = result->row; i < result->rows_count; i++) {
        const copse_result_row *row = &result->rows[i];
        if (row->value.len > 0) {
            result->values[i] = result_at(result, row->value);
        } else {
            keys[count++] = result_at(result, row->key);
        }
    }
    copse_status status =
        count > 0 ? copse_get_many_run(&result->gets, keys, count, found, err) : COPSE_OK;
    if (status != COPSE_OK) {
        return status;
    }
    count = 0;
    for (size_t i = result->row; i < result->rows_count; i++) {
        if (result->rows[i].value.len == 0) {
            result->values[i] = found[count++];
        }
    }
    result->looked_up = true;
    return COPSE_OK;
}

/* Asks for the blocks of all linked documents of the batch together. */
static copse_status result_hint(copse_result *result, copse_err *err)
{
    copse_source *source =
        copse_node_cache_source(copse_tree_cache(copse_database_tree(result->database)));
    size_t wants = 0;
    copse_source_begin(source);
    for (size_t i = result->row; i < result->rows_count; i++) {
        copse_bytes link = result->values[i].ptr != NULL
                               ? copse_document_row_link(result->values[i])
                               : (copse_bytes){NULL, 0};
        copse_cid cid;
        copse_status status = COPSE_OK;
        if (link.len > 0) {
            status = copse_cid_from_bytes(link, &cid, err);
            if (status == COPSE_OK) {
                status = copse_source_hint(source, &cid, err);
            }
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    (void)copse_source_wants(source, &wants);
    result->hinted = wants == 0;
    return wants > 0 ? COPSE_WANT : COPSE_OK;
}

/* ---- Checking -------------------------------------------------------------------------------- */

static copse_status result_lost(const copse_result *result, const copse_result_row *row,
                                const char *what, copse_err *err)
{
    enum { LOST_TEXT_MAX = 64 };
    static const char digits[] = "0123456789abcdef";
    char hex[2 * LOST_TEXT_MAX + 1];
    copse_bytes key = result_at(result, row->key);
    size_t size = 0;
    for (size_t i = result->prefix.len; i < key.len && size < LOST_TEXT_MAX; i++, size++) {
        hex[2 * size] = digits[key.ptr[i] >> 4];
        hex[2 * size + 1] = digits[key.ptr[i] & 15];
    }
    hex[2 * size] = '\0';
    copse_bytes name = row->access->definition->name;
    return COPSE_ERR(err, COPSE_CORRUPT, "index \"%.*s\": the document with the primary key %s %s",
                     (int)name.len, (const char *)name.ptr, hex, what);
}

/* Looks for an entry among those that a document has. */
typedef struct result_search {
    copse_bytes key;
    copse_bytes value;
    bool found;
} result_search;

static copse_status result_compare_row(void *ctx, const copse_index_row *row, copse_err *err)
{
    result_search *search = ctx;
    (void)err;
    search->found = search->found || (!row->is_mark && copse_bytes_equal(row->key, search->key) &&
                                      copse_bytes_equal(row->value, search->value));
    return COPSE_OK;
}

static copse_status result_recheck(copse_result *result, const copse_result_row *row,
                                   copse_bytes document, copse_err *err)
{
    result_search search = {result_at(result, row->entry), result_at(result, row->entry_value),
                            false};
    copse_bytes id;
    copse_status status =
        copse_document_primary(document, result->planned.collection->primary_key, &id, err);
    if (status == COPSE_NOT_FOUND) {
        return result_lost(result, row, "has none", err);
    }
    if (status == COPSE_OK) {
        copse_bytes link = copse_document_row_link(result->values[result->row]);
        status = copse_index_derive(row->access->deriver, document, id, link, result_compare_row,
                                    &search, err);
    }
    if (status == COPSE_OK && !search.found) {
        status = result_lost(result, row, "does not have the entry that led to it", err);
    }
    return status;
}

copse_status copse_result_version1_id(copse_result *result, const copse_result_row *row,
                                      copse_bytes *ret_id, copse_err *err)
{
    copse_bytes key = result_at(result, row->key);
    copse_buf_truncate(&result->made, 0);
    copse_status status =
        copse_version1_write_documents(&result->made, result->planned.collection->name);
    size_t prefix = result->made.len;
    copse_buf_truncate(&result->made, 0);
    if (status == COPSE_OK) {
        status = copse_version1_write_id(
            result->env, (copse_bytes){key.ptr + prefix, key.len - prefix}, &result->made, err);
    }
    if (status == COPSE_OK) {
        *ret_id = copse_buf_view(&result->made);
    }
    return status;
}

/* ---- The next document ----------------------------------------------------------------------- */

/* The document of the present row. NOT_FOUND: a point that has none. */
static copse_status result_load(copse_result *result, const copse_result_row *row,
                                copse_bytes *ret_document, copse_err *err)
{
    copse_bytes value = result->values[result->row];
    if (value.ptr == NULL) {
        return row->access->definition == NULL ? COPSE_NOT_FOUND
                                               : result_lost(result, row, "is missing", err);
    }
    copse_status status = copse_document_load(result->database, value, &result->document, err);
    if (status == COPSE_OK && row->entry.len > 0) {
        status = result_recheck(result, row, result->document.encoded, err);
    }
    if (status == COPSE_OK) {
        result->stats.documents_examined++;
        *ret_document = result->document.encoded;
    }
    return status;
}

copse_status copse_result_next_row(copse_result *result, const copse_result_row **ret_row,
                                   copse_bytes *ret_document, copse_err *err)
{
    copse_status status = COPSE_NOT_FOUND;
    while (status == COPSE_NOT_FOUND) {
        status = COPSE_OK;
        if (result->row == result->rows_count) {
            status = result_fill(result, err);
        }
        if (status == COPSE_OK && !result->looked_up) {
            status = result_look_up(result, err);
        }
        if (status == COPSE_OK && !result->hinted) {
            status = result_hint(result, err);
        }
        if (status != COPSE_OK) {
            return status;
        }
        const copse_result_row *row = &result->rows[result->row];
        status = result_load(result, row, ret_document, err);
        if (status == COPSE_OK || status == COPSE_NOT_FOUND) {
            result->row++;
            *ret_row = row;
        }
    }
    return status;
}
