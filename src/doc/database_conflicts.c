/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/database_conflicts.h>

#include "base/alloc.h"
#include "base/err.h"
#include "doc/document.h"
#include "doc/document_conflict.h"
#include "doc/write.h"
#include "index/key_space.h"
#include "tree/tree.h"

#include <copse/cursor.h>
#include <copse/order.h>

/* The documents of a row: base, sides, and what waits. */
enum {
    CONFLICTS_BASE,
    CONFLICTS_SIDES,
    CONFLICTS_WAITING = CONFLICTS_SIDES + COPSE_CONFLICT_SIDES_MAX,
    CONFLICTS_DOCUMENTS
};

struct copse_database_conflicts {
    const copse_env *env;
    copse_database *database;
    const copse_collection *collections; /* those that are left, the present one first */
    size_t collections_count;
    copse_buf from;       /* the order key of the primary key that each begins with; empty: all */
    copse_cursor *cursor; /* in the present one; NULL: not begun */
    size_t prefix_size;
    bool is_pending; /* the row at the cursor is still to be given out */
    copse_buf id;
    copse_document documents[CONFLICTS_DOCUMENTS];
    copse_document_conflict conflict;
};

copse_status copse_database_conflicts_new(copse_database *database, copse_bytes name,
                                          copse_database_conflicts **ret_conflicts, copse_err *err)
{
    copse_tree *tree = copse_database_tree(database);
    const copse_env *env = tree->env;
    copse_status status = copse_tree_require_ours(tree, "conflicts", err);
    if (status != COPSE_OK) {
        return status;
    }
    size_t count = 0;
    const copse_collection *collections = copse_database_collections(database, &count);
    if (name.len > 0) {
        collections = copse_database_collection(database, name);
        count = 1;
    }
    if (name.len > 0 && collections == NULL) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "there is no collection %.*s", (int)name.len,
                         (const char *)name.ptr);
    }
    copse_database_conflicts *conflicts = copse_alloc_zeroed(env, sizeof *conflicts);
    if (conflicts == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    conflicts->env = env;
    conflicts->database = database;
    conflicts->collections = collections;
    conflicts->collections_count = count;
    copse_buf_init(&conflicts->from, env, SIZE_MAX);
    copse_buf_init(&conflicts->id, env, SIZE_MAX);
    *ret_conflicts = conflicts;
    return COPSE_OK;
}

copse_database_conflicts *copse_database_conflicts_free(copse_database_conflicts *conflicts)
{
    if (conflicts != NULL) {
        for (size_t i = 0; i < CONFLICTS_DOCUMENTS; i++) {
            copse_document_release(&conflicts->documents[i]);
        }
        copse_cursor_free(conflicts->cursor);
        copse_buf_release(&conflicts->from);
        copse_buf_release(&conflicts->id);
        copse_free(conflicts->env, conflicts, sizeof *conflicts);
    }
    return NULL;
}

copse_status copse_database_conflicts_seek(copse_database_conflicts *conflicts, copse_bytes id,
                                           copse_err *err)
{
    if (conflicts->cursor != NULL || conflicts->conflict.collection.len > 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "the conflicts are being read already");
    }
    copse_buf_truncate(&conflicts->from, 0);
    copse_status status = copse_order_write_primary(&conflicts->from, id, err);
    if (status != COPSE_OK) {
        copse_buf_truncate(&conflicts->from, 0);
    }
    return status;
}

/* Begins with the first collection that is left, unless it is begun. */
static copse_status conflicts_begin(copse_database_conflicts *conflicts, copse_err *err)
{
    copse_cursor *cursor = NULL;
    copse_buf range; /* its end behind its start */
    if (conflicts->cursor != NULL) {
        return COPSE_OK;
    }
    copse_buf_init(&range, conflicts->env, SIZE_MAX);
    copse_bytes name = conflicts->collections->name;
    copse_status status = copse_key_write_conflicts(&range, name);
    size_t prefix_size = range.len;
    if (status == COPSE_OK) {
        status = copse_buf_append(&range, copse_buf_view(&conflicts->from));
    }
    size_t size = range.len;
    if (status == COPSE_OK) {
        status = copse_key_write_conflicts(&range, name);
    }
    if (status == COPSE_OK) {
        status = copse_order_prefix_end(&range, size);
    }
    if (status != COPSE_OK) {
        status = COPSE_ERR(err, status, "no memory for a key");
    } else {
        status = copse_cursor_new(copse_database_tree(conflicts->database), &cursor, err);
    }
    if (status == COPSE_OK) {
        const copse_bytes end = {range.ptr + size, range.len - size};
        status = copse_cursor_set_range(cursor, (copse_bytes){range.ptr, size}, &end, err);
    }
    copse_buf_release(&range);
    if (status != COPSE_OK) {
        copse_cursor_free(cursor);
        return status;
    }
    conflicts->cursor = cursor;
    conflicts->prefix_size = prefix_size;
    return COPSE_OK;
}

/* Loads the document that `*row` is the row of, and makes that the document. */
static copse_status conflicts_load(copse_database_conflicts *conflicts, size_t which,
                                   copse_bytes *row, copse_err *err)
{
    copse_document *document = &conflicts->documents[which];
    copse_source *source =
        copse_node_cache_source(copse_tree_cache(copse_database_tree(conflicts->database)));
    if (row->len == 0) {
        return COPSE_OK;
    }
    copse_document_release(document);
    copse_status status = copse_document_load_within(source, conflicts->env, *row, document, err);
    if (status == COPSE_OK) {
        *row = document->encoded;
    }
    return status;
}

/* Gives out the row at the cursor. What is missing of all its documents is wanted at once. */
static copse_status conflicts_read(copse_database_conflicts *conflicts, copse_err *err)
{
    const bool descending = false;
    copse_document_conflict conflict;
    copse_order_decoded part;
    copse_bytes key = copse_cursor_key(conflicts->cursor);
    copse_bytes *rows[CONFLICTS_DOCUMENTS] = {
        [CONFLICTS_BASE] = &conflict.base, [CONFLICTS_WAITING] = &conflict.waiting.document};
    copse_status missing = COPSE_OK;
    copse_status status =
        copse_conflict_decode(copse_cursor_value(conflicts->cursor), &conflict, err);
    copse_buf_truncate(&conflicts->id, 0);
    if (status == COPSE_OK) {
        status = copse_order_decode(
            (copse_bytes){key.ptr + conflicts->prefix_size, key.len - conflicts->prefix_size},
            &descending, 1, &conflicts->id, &part, err);
    }
    copse_source_begin(
        copse_node_cache_source(copse_tree_cache(copse_database_tree(conflicts->database))));
    for (size_t i = 0; i < COPSE_CONFLICT_SIDES_MAX; i++) {
        rows[CONFLICTS_SIDES + i] = &conflict.sides[i].document;
    }
    for (size_t i = 0; i < CONFLICTS_DOCUMENTS && status == COPSE_OK; i++) {
        status = conflicts_load(conflicts, i, rows[i], err);
        missing = status == COPSE_WANT ? status : missing;
        status = status == COPSE_WANT ? COPSE_OK : status;
    }
    if (status != COPSE_OK || missing != COPSE_OK) {
        return status == COPSE_OK ? missing : status;
    }
    conflict.collection = conflicts->collections->name;
    conflict.id = copse_buf_view(&conflicts->id);
    conflicts->conflict = conflict;
    return COPSE_OK;
}

copse_status copse_database_conflicts_next(copse_database_conflicts *conflicts,
                                           const copse_document_conflict **ret_conflict,
                                           copse_err *err)
{
    while (conflicts->collections_count > 0) {
        copse_status status = conflicts_begin(conflicts, err);
        if (status == COPSE_OK && !conflicts->is_pending) {
            status = copse_cursor_next(conflicts->cursor, err);
            conflicts->is_pending = status == COPSE_OK;
        }
        if (status == COPSE_OK) {
            status = conflicts_read(conflicts, err);
            conflicts->is_pending = status != COPSE_OK;
        }
        if (status == COPSE_OK) {
            *ret_conflict = &conflicts->conflict;
        }
        if (status != COPSE_END) {
            return status;
        }
        conflicts->cursor = copse_cursor_free(conflicts->cursor);
        conflicts->collections++;
        conflicts->collections_count--;
    }
    return COPSE_END;
}

/* ---- Resolving ------------------------------------------------------------------------------- */

/* Makes run->scratch the key of the row. */
static copse_status conflicts_write_key(copse_write_run *run, const copse_collection *collection,
                                        copse_bytes id, copse_err *err)
{
    copse_buf_truncate(&run->scratch, 0);
    return copse_key_write_conflicts(&run->scratch, collection->name) == COPSE_OK
               ? copse_order_write_primary(&run->scratch, id, err)
               : COPSE_ERR_NOMEM(err);
}

copse_status copse_write_find_conflict(copse_write_run *run, const copse_collection *collection,
                                       copse_bytes id, copse_bytes *ret_row, copse_err *err)
{
    copse_status status = conflicts_write_key(run, collection, id, err);
    return status == COPSE_OK ? copse_tree_find_value(run->tree, copse_buf_view(&run->scratch),
                                                      &run->arena, ret_row, err)
                              : status;
}

copse_status copse_write_resolve_row(copse_write_run *run, const copse_collection *collection,
                                     copse_bytes id, bool *ret_waited, copse_err *err)
{
    copse_document_conflict conflict;
    copse_bytes row;
    copse_source_begin(copse_node_cache_source(copse_tree_cache(run->tree)));
    copse_status status = copse_write_find_conflict(run, collection, id, &row, err);
    if (status == COPSE_OK) {
        status = row.len > 0
                     ? copse_conflict_decode(row, &conflict, err)
                     : COPSE_ERR(err, COPSE_NOT_FOUND, "%.*s: that document has no conflict",
                                 (int)collection->name.len, (const char *)collection->name.ptr);
    }
    if (status == COPSE_OK) {
        *ret_waited = conflict.waiting.document.len > 0;
        status = copse_batch_delete(run->write->batch, copse_buf_view(&run->scratch), err);
    }
    return status;
}

copse_status copse_write_end_waiting(copse_write_run *run, const copse_collection *collection,
                                     copse_bytes id, copse_bytes row, copse_err *err)
{
    copse_document_conflict conflict;
    copse_buf left;
    copse_status status = copse_conflict_decode(row, &conflict, err);
    if (status != COPSE_OK || conflict.waiting.document.len == 0) {
        return status;
    }
    conflict.waiting = (copse_conflict_waiting){.time_ms = 0};
    copse_buf_init(&left, run->env, SIZE_MAX);
    status = copse_conflict_encode(&conflict, &left, err);
    if (status == COPSE_OK) {
        status = conflicts_write_key(run, collection, id, err);
    }
    if (status == COPSE_OK) {
        copse_bytes key = copse_buf_view(&run->scratch);
        status = left.len > 0 ? copse_batch_put(run->write->batch, key, copse_buf_view(&left), err)
                              : copse_batch_delete(run->write->batch, key, err);
    }
    copse_buf_release(&left);
    return status;
}

/* ---- Documents ------------------------------------------------------------------------------- */

copse_status copse_database_row_slots(copse_bytes key, copse_bytes value,
                                      copse_status (*slot)(void *ctx, copse_bytes slot,
                                                           copse_err *err),
                                      void *ctx, copse_err *err)
{
    copse_document_conflict conflict;
    /* A row that is malformed is for checks to find: whatever it is, it comes. */
    if (!copse_key_is_conflict(key) || copse_conflict_decode(value, &conflict, NULL) != COPSE_OK) {
        return slot(ctx, value, err);
    }
    copse_status status = conflict.base.len > 0 ? slot(ctx, conflict.base, err) : COPSE_OK;
    for (size_t i = 0; i < conflict.sides_count && status == COPSE_OK; i++) {
        copse_bytes document = conflict.sides[i].document;
        status = document.len > 0 ? slot(ctx, document, err) : COPSE_OK;
    }
    return status == COPSE_OK && conflict.waiting.document.len > 0
               ? slot(ctx, conflict.waiting.document, err)
               : status;
}
