/* The rows of one document in the three databases: looking them up, and loading what they lead to.
 *
 *   M6  A database of somebody else may be made up: a document, also one of a conflict, that
 *       stands under the key of another one is CORRUPT. It would be written elsewhere than
 *       where it was decided on. Under a review theirs was looked at before, and what is not
 *       valid in the base is none: it came by a head of which the rest was taken.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "base/err.h"
#include "index/key_space.h"
#include "tree/tree.h"

#include <copse/order.h>

copse_source *copse_merge_source(const copse_database_merge *merge)
{
    return copse_node_cache_source(
        copse_tree_cache(copse_database_tree(merge->databases[COPSE_MERGE_OURS])));
}

/* ---- Looking up ------------------------------------------------------------------------------ */

copse_status copse_merge_write_prefix(copse_buf *buf, copse_bytes collection, copse_merge_kind kind,
                                      copse_err *err)
{
    copse_status status = COPSE_OK;
    switch (kind) {
    case COPSE_MERGE_CONFLICT_ROW:
        status = copse_key_write_conflicts(buf, collection);
        break;
    case COPSE_MERGE_DOCUMENT_ROW:
        status = copse_key_write_documents(buf, collection);
        break;
    default:
        status = copse_key_write_versions(buf, collection);
        break;
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a key");
}

copse_status copse_merge_find(copse_database_merge *merge, copse_merge_kind kind,
                              copse_merge_side side, copse_bytes *ret_value, copse_err *err)
{
    copse_buf_truncate(&merge->key, 0);
    copse_status status = copse_merge_write_prefix(&merge->key, merge->name, kind, err);
    if (status == COPSE_OK && copse_buf_append(&merge->key, merge->rows.key) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    return status == COPSE_OK
               ? copse_tree_find_value(copse_database_tree(merge->databases[side]),
                                       copse_buf_view(&merge->key), &merge->arena, ret_value, err)
               : status;
}

copse_status copse_merge_find_rows(copse_database_merge *merge, copse_err *err)
{
    copse_status missing = COPSE_OK;
    for (copse_merge_side side = COPSE_MERGE_BASE; side < COPSE_MERGE_SIDES; side++) {
        bool is_asked = merge->collections[side] != NULL &&
                        (side != COPSE_MERGE_BASE || merge->policy == COPSE_MERGE_THREE_WAY);
        for (copse_merge_kind kind = 0; is_asked && kind < COPSE_MERGE_KINDS; kind++) {
            if (kind == COPSE_MERGE_VERSION_ROW && !copse_merge_has_versions(merge->policy)) {
                continue;
            }
            copse_status status =
                copse_merge_find(merge, kind, side, &merge->rows.values[kind][side], err);
            if (status == COPSE_WANT) {
                missing = status;
            } else if (status != COPSE_OK) {
                return status;
            }
        }
    }
    for (copse_merge_kind kind = 0; kind < COPSE_MERGE_KINDS; kind++) {
        merge->rows.is_known[kind] = true;
    }
    return missing;
}

copse_status copse_merge_know(copse_database_merge *merge, copse_merge_kind kind, copse_err *err)
{
    copse_bytes value = copse_merge_nothing;
    if (merge->rows.is_known[kind]) {
        return COPSE_OK;
    }
    copse_status status = copse_merge_find(merge, kind, COPSE_MERGE_OURS, &value, err);
    for (size_t side = 0; side < COPSE_MERGE_SIDES && status == COPSE_OK; side++) {
        merge->rows.values[kind][side] = value;
    }
    merge->rows.is_known[kind] = status == COPSE_OK;
    return status;
}

copse_status copse_merge_read_id(copse_database_merge *merge, copse_err *err)
{
    const bool descending = false;
    copse_order_decoded part;
    copse_buf_truncate(&merge->id, 0);
    return copse_order_decode(merge->rows.key, &descending, 1, &merge->id, &part, err);
}

/* ---- Documents of sides ---------------------------------------------------------------------- */

void copse_merge_begin_document(copse_database_merge *merge)
{
    for (size_t side = 0; side < COPSE_MERGE_SIDES; side++) {
        copse_document_release(&merge->documents[side]);
        merge->is_loaded[side] = false;
        merge->conflicts[side] = (copse_document_conflict){.sides_count = 0};
    }
    copse_arena_reset(&merge->arena);
    copse_buf_truncate(&merge->merged, 0);
    copse_buf_truncate(&merge->row, 0);
    copse_block_list_truncate(&merge->blocks, 0);
    merge->rows = (copse_merge_rows){.key = {NULL, 0}};
    merge->verdict = (copse_merge_verdict){.is_there = false};
    merge->is_checked = false;
}

/* Whether what is wrong in a row of a side makes it none (M6). */
static bool merge_is_none(const copse_database_merge *merge, copse_merge_side side,
                          copse_status status)
{
    return status == COPSE_CORRUPT && side == COPSE_MERGE_BASE && merge->review != NULL;
}

copse_status copse_merge_read_conflicts(copse_database_merge *merge, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (copse_merge_side side = 0; side < COPSE_MERGE_SIDES && status == COPSE_OK; side++) {
        copse_bytes row = merge->rows.values[COPSE_MERGE_CONFLICT_ROW][side];
        status = row.len > 0 ? copse_conflict_decode(row, &merge->conflicts[side], err) : COPSE_OK;
        if (merge_is_none(merge, side, status)) {
            merge->conflicts[side] = (copse_document_conflict){.sides_count = 0};
            status = COPSE_OK;
        }
    }
    return status;
}

bool copse_merge_is_waiting(const copse_database_merge *merge, copse_merge_side side)
{
    return merge->rows.values[COPSE_MERGE_DOCUMENT_ROW][side].len == 0 &&
           merge->conflicts[side].waiting.document.len > 0;
}

copse_bytes copse_merge_document_row(const copse_database_merge *merge, copse_merge_side side)
{
    return copse_merge_is_waiting(merge, side) ? merge->conflicts[side].waiting.document
                                               : merge->rows.values[COPSE_MERGE_DOCUMENT_ROW][side];
}

/* Loads a document that stands in a row of merge->rows.key (M6). */
static copse_status merge_load_document(copse_database_merge *merge, copse_bytes value,
                                        copse_document *document, copse_err *err)
{
    copse_bytes id;
    copse_status status =
        copse_document_load_within(copse_merge_source(merge), merge->env, value, document, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_truncate(&merge->key, 0);
    status = copse_document_primary(document->encoded, merge->agreed->primary_key, &id, err);
    if (status == COPSE_OK) {
        status = copse_order_write_primary(&merge->key, id, err);
    }
    if (status == COPSE_NOT_FOUND ||
        (status == COPSE_OK && !copse_bytes_equal(copse_buf_view(&merge->key), merge->rows.key))) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "%.*s: a row has a document of another primary key",
                           (int)merge->name.len, (const char *)merge->name.ptr);
    }
    return status;
}

copse_status copse_merge_load(copse_database_merge *merge, copse_merge_side side,
                              copse_bytes *ret_document, copse_err *err)
{
    copse_bytes row = copse_merge_document_row(merge, side);
    copse_document *document = &merge->documents[side];
    copse_status status = COPSE_OK;
    if (row.len > 0 && !merge->is_loaded[side]) {
        status = merge_load_document(merge, row, document, err);
        merge->is_loaded[side] = status == COPSE_OK;
    }
    if (merge_is_none(merge, side, status)) {
        *ret_document = copse_merge_nothing;
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        *ret_document = row.len > 0 ? document->encoded : copse_merge_nothing;
    }
    return status;
}

/* Adds the blocks of one of them; a map has none. */
static copse_status merge_hold_document(copse_database_merge *merge, copse_bytes value,
                                        copse_err *err)
{
    copse_document document = {.block = NULL};
    copse_bytes stored;
    if (value.len == 0) {
        return COPSE_OK;
    }
    copse_status status = merge_load_document(merge, value, &document, err);
    if (status == COPSE_OK && document.encoded.ptr != value.ptr) {
        status = copse_merge_store_document(merge, document.encoded, &stored, err);
    }
    copse_document_release(&document);
    return status;
}

copse_status copse_merge_hold_conflict(copse_database_merge *merge,
                                       const copse_document_conflict *conflict, copse_err *err)
{
    copse_status missing = COPSE_OK;
    for (size_t i = 0; i < conflict->sides_count + 2; i++) {
        copse_status status =
            merge_hold_document(merge,
                                i < conflict->sides_count    ? conflict->sides[i].document
                                : i == conflict->sides_count ? conflict->base
                                                             : conflict->waiting.document,
                                err);
        if (status == COPSE_WANT) {
            missing = status;
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    return missing;
}

copse_status copse_merge_load_decided(copse_database_merge *merge, copse_bytes *ret_document,
                                      copse_err *err)
{
    switch (merge->verdict.origin) {
    case COPSE_MERGE_FROM_OURS:
        return copse_merge_load(merge, COPSE_MERGE_OURS, ret_document, err);
    case COPSE_MERGE_FROM_THEIRS:
        return copse_merge_load(merge, COPSE_MERGE_THEIRS, ret_document, err);
    default:
        *ret_document = copse_buf_view(&merge->merged);
        return COPSE_OK;
    }
}

copse_status copse_merge_load_all(copse_database_merge *merge, copse_merge_side first,
                                  copse_bytes ret_documents[COPSE_MERGE_SIDES], copse_err *err)
{
    copse_status missing = COPSE_OK;
    ret_documents[COPSE_MERGE_BASE] = copse_merge_nothing;
    for (copse_merge_side side = first; side < COPSE_MERGE_SIDES; side++) {
        copse_status status = copse_merge_load(merge, side, &ret_documents[side], err);
        if (status == COPSE_WANT) {
            missing = status;
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    return missing;
}

copse_status copse_merge_is_same_document(copse_database_merge *merge, copse_merge_side a,
                                          copse_merge_side b, bool *ret_same, copse_err *err)
{
    copse_bytes documents[2];
    copse_bytes row_a = copse_merge_document_row(merge, a);
    copse_bytes row_b = copse_merge_document_row(merge, b);
    *ret_same = copse_bytes_equal(row_a, row_b);
    if (*ret_same || row_a.len == 0 || row_b.len == 0 ||
        merge->agreed->documents == COPSE_DOCUMENTS_INLINE ||
        copse_merge_is_waiting(merge, a) == copse_merge_is_waiting(merge, b)) {
        return COPSE_OK;
    }
    copse_status status = copse_merge_load(merge, a, &documents[0], err);
    if (status == COPSE_OK) {
        status = copse_merge_load(merge, b, &documents[1], err);
    }
    *ret_same = status == COPSE_OK && copse_bytes_equal(documents[0], documents[1]);
    return status;
}

copse_status copse_merge_load_version(copse_database_merge *merge, copse_merge_side side,
                                      copse_bytes *ret_row, copse_err *err)
{
    copse_document row = {.block = NULL};
    copse_bytes value = merge->rows.values[COPSE_MERGE_VERSION_ROW][side];
    *ret_row = copse_merge_nothing;
    if (value.len == 0) {
        return COPSE_OK;
    }
    copse_status status =
        copse_document_load_within(copse_merge_source(merge), merge->env, value, &row, err);
    if (status == COPSE_OK) {
        *ret_row = copse_arena_dup(&merge->arena, row.encoded);
        status = ret_row->ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    }
    copse_document_release(&row);
    return status;
}
