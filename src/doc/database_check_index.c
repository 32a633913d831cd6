/* Comparing an index with its documents row by row (K3): only where their sums differ.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_check.h"

#include "base/err.h"
#include "value/order_show.h"

#include <string.h>

/* ---- rows that documents make ---- */

/* A document whose rows are looked up. */
typedef struct dbcheck_lookup {
    copse_dbcheck_run *run;
    size_t position;
    copse_bytes id;
} dbcheck_lookup;

static copse_status dbcheck_lookup_row(void *ctx, const copse_index_row *row, copse_err *err)
{
    const dbcheck_lookup *lookup = ctx;
    const copse_collection *collection = &lookup->run->collection->collection;
    copse_bytes value;
    copse_status status = copse_tree_get(lookup->run->tree, row->key, &value, err);
    if (status == COPSE_OK && copse_bytes_equal(value, row->value)) {
        return COPSE_OK;
    }
    copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_ENTRY_VALUE,
                                    .collection = collection->name,
                                    .index = collection->indexes[lookup->position].name,
                                    .id = lookup->id,
                                    .key = row->key,
                                    .message = "the row has another value than its document makes"};
    if (status == COPSE_NOT_FOUND) {
        defect.kind =
            row->is_mark ? COPSE_DATABASE_DEFECT_MARK_MISSING : COPSE_DATABASE_DEFECT_ENTRY_MISSING;
        defect.message = "the document has no such row in the index";
        status = COPSE_OK;
    }
    return status == COPSE_OK ? copse_dbcheck_tell(lookup->run, &defect, NULL, err) : status;
}

static copse_status dbcheck_lookup_document(copse_dbcheck_run *run, size_t position,
                                            copse_bytes key, copse_bytes value, copse_err *err)
{
    copse_dbcheck_document document = {.id = {NULL, 0}};
    copse_status status = copse_dbcheck_read_document(
        run, key, value, run->collection->collection.documents, false, &document, err);
    if (status == COPSE_OK) {
        dbcheck_lookup lookup = {run, position, document.id};
        status = copse_index_derive(run->collection->derivers[position], document.document.encoded,
                                    document.id, document.link, dbcheck_lookup_row, &lookup, err);
        /* One that the index can't hold was told before. */
        status = status == COPSE_CORRUPT || status == COPSE_LIMIT ? COPSE_OK : status;
    }
    copse_dbcheck_document_release(&document);
    return status == COPSE_NOT_FOUND ? COPSE_OK : status; /* K4 */
}

/* ---- rows that are there ---- */

/* A row that is looked for among those of its document. */
typedef struct dbcheck_search {
    copse_bytes key;
    bool found;
} dbcheck_search;

static copse_status dbcheck_search_row(void *ctx, const copse_index_row *row, copse_err *err)
{
    dbcheck_search *search = ctx;
    (void)err;
    search->found = search->found || copse_bytes_equal(search->key, row->key);
    return COPSE_OK;
}

/* Appends order(pk) of an entry or a mark. CORRUPT: it is none. */
static copse_status dbcheck_row_primary(const copse_dbcheck_run *run, size_t position,
                                        copse_bytes key, copse_buf *buf, bool *ret_is_mark,
                                        copse_err *err)
{
    const copse_index_deriver *deriver = run->collection->derivers[position];
    const copse_index_definition *definition = copse_index_deriver_definition(deriver);
    *ret_is_mark = !copse_bytes_has_prefix(key, copse_index_deriver_prefix(deriver));
    if (!*ret_is_mark) {
        return copse_index_entry_primary(deriver, key, buf, err);
    }
    for (size_t i = 0; i < definition->fields_count; i++) {
        for (size_t long_one = 0; long_one < 2; long_one++) {
            copse_bytes prefix = copse_index_deriver_marks(
                deriver, i, long_one ? COPSE_INDEX_MARK_LONG : COPSE_INDEX_MARK_ARRAY);
            if (copse_bytes_has_prefix(key, prefix)) {
                return copse_buf_append(buf,
                                        (copse_bytes){key.ptr + prefix.len, key.len - prefix.len});
            }
        }
    }
    return COPSE_ERR(err, COPSE_CORRUPT, "a mark of no field of the index");
}

copse_status copse_dbcheck_tell_of_entry(copse_dbcheck_run *run, size_t position,
                                         copse_database_defect *defect, const copse_err *detail,
                                         copse_err *err)
{
    copse_order_decoded id;
    copse_buf order;
    copse_buf items;
    bool is_mark;
    copse_buf_init(&order, run->env, SIZE_MAX);
    copse_buf_init(&items, run->env, SIZE_MAX);
    copse_status status = dbcheck_row_primary(run, position, defect->key, &order, &is_mark, NULL);
    if (status == COPSE_OK) {
        status = copse_order_show(copse_buf_view(&order), false, &items, &id, NULL);
    }
    if (status == COPSE_OK) {
        defect->id = (copse_bytes){items.ptr + id.offset, id.size};
    }
    status =
        status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : copse_dbcheck_tell(run, defect, detail, err);
    copse_buf_release(&order);
    copse_buf_release(&items);
    return status;
}

/* Whether the document with the key in run->key makes a row with the key `key`; also true where
 * nothing can be said (K4). */
static copse_status dbcheck_is_made(copse_dbcheck_run *run, size_t position, copse_bytes key,
                                    bool *ret_made, copse_err *err)
{
    copse_bytes value;
    copse_dbcheck_document document = {.id = {NULL, 0}};
    dbcheck_search search = {.key = key};
    copse_status status = copse_tree_get(run->tree, copse_buf_view(&run->key), &value, err);
    if (status == COPSE_NOT_FOUND) {
        *ret_made = false;
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        copse_buf_truncate(&run->value, 0);
        status = copse_buf_append(&run->value, value) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_OK) {
        status = copse_dbcheck_read_document(
            run, copse_buf_view(&run->key), copse_buf_view(&run->value),
            run->collection->collection.documents, false, &document, err);
        search.found = status == COPSE_NOT_FOUND;
    }
    if (status == COPSE_OK) {
        status = copse_index_derive(run->collection->derivers[position], document.document.encoded,
                                    document.id, document.link, dbcheck_search_row, &search, err);
    }
    copse_dbcheck_document_release(&document);
    if (status == COPSE_OK || status == COPSE_NOT_FOUND || copse_dbcheck_is_finding(status)) {
        *ret_made = search.found;
        return COPSE_OK;
    }
    return status;
}

static copse_status dbcheck_stored_row(copse_dbcheck_run *run, size_t position, copse_bytes key,
                                       copse_err *err)
{
    const copse_collection *collection = &run->collection->collection;
    copse_err detail = {0};
    bool is_mark = false;
    bool is_made = false;
    copse_buf_truncate(&run->key, 0);
    if (copse_key_write_documents(&run->key, collection->name) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = dbcheck_row_primary(run, position, key, &run->key, &is_mark, &detail);
    if (status == COPSE_OK) {
        status = dbcheck_is_made(run, position, key, &is_made, err);
        if (status != COPSE_OK || is_made) {
            return status;
        }
        (void)COPSE_ERR(&detail, COPSE_CORRUPT, "a row that no document makes");
    } else if (status != COPSE_CORRUPT) {
        return COPSE_ERR(err, status, "%s", detail.message);
    }
    copse_database_defect defect = {.kind = is_mark ? COPSE_DATABASE_DEFECT_MARK_EXTRA
                                                    : COPSE_DATABASE_DEFECT_ENTRY_EXTRA,
                                    .collection = collection->name,
                                    .index = collection->indexes[position].name,
                                    .key = key};
    return copse_dbcheck_tell_of_entry(run, position, &defect, &detail, err);
}

/* ---- both ---- */

/* Goes through all rows that begin with the prefix in run->value: as documents, or as the index's
 * own. */
static copse_status dbcheck_compare_rows(copse_dbcheck_run *run, size_t position, bool documents,
                                         copse_err *err)
{
    const copse_collection *collection = &run->collection->collection;
    copse_cursor *cursor;
    copse_buf *from = &run->key;
    copse_buf *to = &run->value;
    copse_buf_truncate(from, 0);
    copse_buf_truncate(to, 0);
    copse_status status = documents
                              ? copse_key_write_documents(from, collection->name)
                              : copse_key_write_index_rows(from, collection->name,
                                                           collection->indexes[position].name);
    if (status == COPSE_OK) {
        status = copse_buf_append(to, copse_buf_view(from));
    }
    if (status != COPSE_OK || copse_order_prefix_end(to, 0) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    status = copse_cursor_new(run->tree, &cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    const copse_bytes end = copse_buf_view(to);
    status = copse_cursor_set_range(cursor, copse_buf_view(from), &end, err);
    while (status == COPSE_OK) {
        status = copse_cursor_next(cursor, err);
        if (status == COPSE_OK && documents) {
            status = dbcheck_lookup_document(run, position, copse_cursor_key(cursor),
                                             copse_cursor_value(cursor), err);
        } else if (status == COPSE_OK) {
            status = dbcheck_stored_row(run, position, copse_cursor_key(cursor), err);
        }
    }
    copse_cursor_free(cursor);
    return status == COPSE_END ? COPSE_OK : status;
}

copse_status copse_dbcheck_compare_index(copse_dbcheck_run *run, size_t position, copse_err *err)
{
    copse_status status = dbcheck_compare_rows(run, position, true, err);
    return status == COPSE_OK ? dbcheck_compare_rows(run, position, false, err) : status;
}
