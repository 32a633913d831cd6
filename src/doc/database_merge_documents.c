/* Settling the documents of a collection: the operations of what was decided on each.
 *
 *   K4  Whoever waits is put into the collection first; the apply says who clashes
 *       (database_merge_clashes.c).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "base/err.h"

/* ---- Operations ------------------------------------------------------------------------------ */

copse_status copse_merge_store_document(copse_database_merge *merge, copse_bytes document,
                                        copse_bytes *ret_value, copse_err *err)
{
    if (document.len == 0) {
        *ret_value = document;
        return COPSE_OK;
    }
    copse_buf_truncate(&merge->row, 0);
    copse_status status =
        copse_document_store(COPSE_DOCUMENTS_INLINE, document, &merge->row, &merge->blocks, err);
    if (status == COPSE_OK) {
        copse_bytes value = copse_arena_dup(&merge->arena, copse_buf_view(&merge->row));
        status = value.ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
        *ret_value = value;
    }
    return status;
}

copse_status copse_merge_put_conflict(copse_database_merge *merge,
                                      const copse_document_conflict *conflict, copse_err *err)
{
    copse_buf_truncate(&merge->row, 0);
    copse_status status = copse_conflict_encode(conflict, &merge->row, err);
    if (status == COPSE_OK) {
        status = copse_write_put_row(merge->write, COPSE_WRITE_CONFLICT_ROW, merge->name,
                                     copse_buf_view(&merge->id), copse_buf_view(&merge->row),
                                     &merge->blocks, err);
    }
    return status;
}

uint64_t *copse_merge_counter(copse_database_merge *merge)
{
    const copse_merge_verdict *verdict = &merge->verdict;
    const bool *is_known = &merge->rows.is_known[COPSE_MERGE_DOCUMENT_ROW];
    const copse_bytes *rows = merge->rows.values[COPSE_MERGE_DOCUMENT_ROW];
    bool has_ours = rows[COPSE_MERGE_OURS].len > 0;
    if (!*is_known || (merge->is_taken_whole && rows[COPSE_MERGE_THEIRS].len == 0)) {
        return NULL;
    }
    if (!verdict->is_there) {
        return has_ours ? &merge->stats.deleted : NULL;
    }
    switch (verdict->origin) {
    case COPSE_MERGE_FROM_OURS:
        return has_ours ? NULL : &merge->stats.returned;
    case COPSE_MERGE_FROM_THEIRS:
        return has_ours ? &merge->stats.replaced : &merge->stats.inserted;
    default:
        return &merge->stats.merged;
    }
}

/* The operation on the document itself, if ours must change for it. */
static copse_status merge_put_document(copse_database_merge *merge, copse_bytes document,
                                       copse_err *err)
{
    uint64_t *counter = copse_merge_counter(merge);
    copse_status status = COPSE_OK;
    if (counter != NULL && merge->verdict.is_there) {
        status = copse_write_replace(merge->write, merge->name, document, true, err);
    } else if (counter != NULL) {
        status = copse_write_delete(merge->write, merge->name, copse_buf_view(&merge->id), err);
    }
    if (counter != NULL && status == COPSE_OK) {
        (*counter)++;
    }
    return status;
}

static copse_status merge_put_version(copse_database_merge *merge, copse_err *err)
{
    const copse_bytes *rows = merge->rows.values[COPSE_MERGE_VERSION_ROW];
    return !copse_merge_has_versions(merge->policy) ||
                   copse_bytes_equal(merge->verdict.version, rows[COPSE_MERGE_OURS])
               ? COPSE_OK
               : copse_write_put_row(merge->write, COPSE_WRITE_VERSION_ROW, merge->name,
                                     copse_buf_view(&merge->id), merge->verdict.version,
                                     &merge->blocks, err);
}

/* The row that the conflict gets: of what is taken whole, or forward, as theirs has it, else
 * without what waits (K4). NULL: ours has that row. */
static const copse_document_conflict *merge_conflict_to_put(const copse_database_merge *merge)
{
    const copse_document_conflict *conflict = merge->is_taken_whole || merge->is_forward
                                                  ? &merge->conflicts[COPSE_MERGE_THEIRS]
                                                  : &merge->verdict.conflict;
    const copse_document_conflict *ours = &merge->conflicts[COPSE_MERGE_OURS];
    bool is_same = copse_conflict_same_sides(conflict, ours) &&
                   conflict->waiting.document.len == 0 && ours->waiting.document.len == 0;
    return is_same ? NULL : conflict;
}

/* Adds the operations of the document that was decided on, having read all of it (M1). */
static copse_status merge_put(copse_database_merge *merge, copse_err *err)
{
    const copse_merge_verdict *verdict = &merge->verdict;
    const copse_document_conflict *conflict = merge_conflict_to_put(merge);
    copse_bytes document = {NULL, 0};
    bool is_needed = verdict->is_there && copse_merge_counter(merge) != NULL;
    copse_status status = is_needed ? copse_merge_load_decided(merge, &document, err) : COPSE_OK;
    if (status == COPSE_OK && conflict != NULL) {
        status = copse_merge_hold_conflict(merge, conflict, err);
    }
    if (status == COPSE_OK) {
        status = merge_put_document(merge, document, err);
    }
    if (status == COPSE_OK) {
        status = merge_put_version(merge, err);
    }
    if (status == COPSE_OK && conflict != NULL) {
        status = copse_merge_put_conflict(merge, conflict, err);
    }
    if (status == COPSE_OK) {
        merge->stats.recorded += verdict->is_recorded;
        merge->stats.settled += verdict->is_settled;
        merge->stats.superseded += verdict->is_superseded;
    }
    return status;
}

/* ---- Conflicts that are given to the caller -------------------------------------------------- */

static copse_status merge_give_document(copse_database_merge *merge,
                                        copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_bytes documents[COPSE_MERGE_SIDES];
    copse_status status = COPSE_OK;
    for (copse_merge_side side = 0; side < COPSE_MERGE_SIDES && status == COPSE_OK; side++) {
        status = copse_merge_load(merge, side, &documents[side], err);
    }
    if (status == COPSE_OK) {
        *ret_conflict = (copse_database_conflict){.what = COPSE_CONFLICT_DOCUMENT,
                                                  .collection = merge->name,
                                                  .id = copse_buf_view(&merge->id),
                                                  .base = documents[COPSE_MERGE_BASE],
                                                  .ours = documents[COPSE_MERGE_OURS],
                                                  .theirs = documents[COPSE_MERGE_THEIRS]};
        merge->stats.conflicts++;
    }
    return status;
}

/* Notes that what theirs has of the document was left out, and why. */
static copse_status merge_tell_denied(copse_database_merge *merge, copse_err *err)
{
    const copse_head_refusal refusal = {.what = COPSE_CONFLICT_DOCUMENT,
                                        .collection = merge->name,
                                        .id = copse_buf_view(&merge->id),
                                        .reason = merge->denial.message};
    return copse_head_review_refuse(merge->review, &refusal, err);
}

copse_status copse_merge_documents(copse_database_merge *merge,
                                   copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_bytes key;
    copse_status status = copse_merge_walk_next(merge, &key, err);
    while (status == COPSE_OK) {
        status = copse_merge_walk_read(merge, key, err);
        if (status == COPSE_OK) {
            status = copse_merge_read_id(merge, err);
        }
        if (status == COPSE_OK) {
            copse_source_begin(copse_merge_source(merge));
            status = copse_merge_decide(merge, err);
        }
        if (status == COPSE_OK && merge->verdict.is_refused) {
            status = merge_give_document(merge, ret_conflict, err);
            if (status == COPSE_OK) {
                copse_merge_walk_pass(&merge->walk, key);
                return COPSE_OK;
            }
        } else if (status == COPSE_OK) {
            status = merge_put(merge, err);
        }
        if (status == COPSE_OK && merge->verdict.is_denied) {
            status = merge_tell_denied(merge, err);
        }
        if (status == COPSE_OK) {
            copse_merge_walk_pass(&merge->walk, key);
            status = copse_merge_walk_next(merge, &key, err);
        }
    }
    return status;
}
