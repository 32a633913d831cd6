/* Merging a change: change_merge.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/change_merge.h"

#include "base/alloc.h"
#include "base/err.h"
#include "doc/write.h"
#include "tree/tree.h"

#include <copse/document_merge.h>

/* ---- Life ------------------------------------------------------------------------------------ */

copse_status copse_change_merge_new(const copse_change_merge_options *options, copse_write *write,
                                    copse_change_merge **ret_merge, copse_err *err)
{
    copse_database *databases[COPSE_CHANGE_MERGE_SIDES] = {options->before, options->after,
                                                           options->ours};
    const copse_tree *ours = copse_database_tree(options->ours);
    for (size_t i = 0; i < COPSE_CHANGE_MERGE_SIDES; i++) {
        const copse_tree *tree = copse_database_tree(databases[i]);
        if (tree->kind != COPSE_TREE_OURS || copse_tree_cache(tree) != copse_tree_cache(ours)) {
            return COPSE_ERR(err, COPSE_MISUSE,
                             "only databases of version 2 with one node cache can be merged");
        }
    }
    copse_change_merge *merge = copse_alloc_zeroed(ours->env, sizeof *merge);
    if (merge == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    merge->env = ours->env;
    for (size_t i = 0; i < COPSE_CHANGE_MERGE_SIDES; i++) {
        merge->databases[i] = databases[i];
    }
    merge->write = write;
    copse_buf_init(&merge->merged, merge->env, SIZE_MAX);
    *ret_merge = merge;
    return COPSE_OK;
}

copse_change_merge *copse_change_merge_free(copse_change_merge *merge)
{
    if (merge != NULL) {
        copse_document_diff_free(merge->drop);
        copse_document_diff_free(merge->diff);
        copse_document_release(&merge->document);
        copse_buf_release(&merge->merged);
        copse_free(merge->env, merge, sizeof *merge);
    }
    return NULL;
}

copse_database_merge_stats copse_change_merge_get_stats(const copse_change_merge *merge)
{
    return merge->stats;
}

/* ---- Documents ------------------------------------------------------------------------------- */

/* The next document that differs, of a collection whose documents are changed one by one. END. */
static copse_status change_merge_next_document(copse_change_merge *merge, copse_err *err)
{
    while (!merge->has_change) {
        copse_status status = copse_document_diff_next(merge->diff, &merge->change, err);
        if (status != COPSE_OK) {
            return status;
        }
        const copse_change_merge_collection collection =
            copse_change_merge_find(merge, merge->change.collection);
        merge->has_change =
            merge->change.what == COPSE_CHANGE_DOCUMENT && copse_change_merge_is_open(&collection);
    }
    return COPSE_OK;
}

/* The document at hand as ours has it; len 0: not at all. */
static copse_status change_merge_get_ours(copse_change_merge *merge,
                                          const copse_collection *collection, copse_bytes *ret_ours,
                                          copse_err *err)
{
    if (collection == NULL) {
        return COPSE_OK;
    }
    copse_status status = copse_database_get(merge->databases[COPSE_CHANGE_MERGE_OURS], collection,
                                             merge->change.id, &merge->document, err);
    if (status == COPSE_OK) {
        *ret_ours = merge->document.encoded;
    }
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

/* Makes the document at hand as it is after. */
static copse_status change_merge_take(copse_change_merge *merge, copse_err *err)
{
    const copse_document_change *change = &merge->change;
    copse_database_merge_stats *stats = &merge->stats;
    uint64_t *count = &stats->replaced;
    copse_status status;
    if (change->kind == COPSE_REMOVED) {
        count = &stats->deleted;
        status = copse_write_delete(merge->write, change->collection, change->id, err);
    } else if (change->kind == COPSE_ADDED) {
        count = &stats->inserted;
        status = copse_write_insert(merge->write, change->collection, change->after, NULL, err);
    } else {
        status = copse_write_replace_fields(merge->write, change->collection, change->after, err);
    }
    *count += status == COPSE_OK;
    return status;
}

static copse_status change_merge_document_conflict(copse_change_merge *merge, copse_bytes ours,
                                                   copse_database_conflict *ret_conflict)
{
    const copse_document_change *change = &merge->change;
    copse_status status =
        copse_change_merge_give(merge, COPSE_CONFLICT_DOCUMENT, change->collection, ret_conflict);
    ret_conflict->id = change->id;
    ret_conflict->base = change->before;
    ret_conflict->ours = ours;
    ret_conflict->theirs = change->after;
    return status;
}

/* The document is there before, after and in ours, where it is `ours`. END: settled. OK: a
 * conflict. */
static copse_status change_merge_fields(copse_change_merge *merge, copse_bytes ours,
                                        copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_document_change *change = &merge->change;
    size_t conflicts = 0;
    copse_buf_truncate(&merge->merged, 0);
    copse_status status = copse_document_merge(merge->env, change->before, ours, change->after,
                                               NULL, NULL, &merge->merged, &conflicts, err);
    if (status == COPSE_OK && conflicts > 0) {
        return change_merge_document_conflict(merge, ours, ret_conflict);
    }
    copse_bytes merged = copse_buf_view(&merge->merged);
    if (status == COPSE_OK && !copse_bytes_equal(merged, ours)) {
        status = copse_write_replace_fields(merge->write, change->collection, merged, err);
        merge->stats.merged += status == COPSE_OK;
    }
    return status == COPSE_OK ? COPSE_END : status;
}

/* Settles the document at hand. END: done. OK: a conflict. */
static copse_status change_merge_document(copse_change_merge *merge,
                                          copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_document_change *change = &merge->change;
    const copse_change_merge_collection in = copse_change_merge_find(merge, change->collection);
    const copse_collection *mine = in.of[COPSE_CHANGE_MERGE_OURS];
    copse_bytes ours = {NULL, 0};
    if (copse_change_merge_is_foreign(&in)) {
        return change->kind == COPSE_REMOVED && mine == NULL
                   ? COPSE_END
                   : change_merge_document_conflict(merge, ours, ret_conflict);
    }
    copse_status status = change_merge_get_ours(merge, mine, &ours, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_bytes_equal(ours, change->after)) {
        return COPSE_END;
    }
    if (copse_bytes_equal(ours, change->before)) {
        status = change_merge_take(merge, err);
        return status == COPSE_OK ? COPSE_END : status;
    }
    return change->kind == COPSE_CHANGED && ours.len > 0
               ? change_merge_fields(merge, ours, ret_conflict, err)
               : change_merge_document_conflict(merge, ours, ret_conflict);
}

/* The next conflict of documents. END: all of them are done. */
static copse_status change_merge_documents(copse_change_merge *merge,
                                           copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_status status = merge->diff == NULL
                              ? copse_document_diff_new(merge->databases[COPSE_CHANGE_MERGE_BEFORE],
                                                        merge->databases[COPSE_CHANGE_MERGE_AFTER],
                                                        NULL, &merge->diff, err)
                              : COPSE_OK;
    while (status == COPSE_OK) {
        status = change_merge_next_document(merge, err);
        if (status == COPSE_OK) {
            status = change_merge_document(merge, ret_conflict, err);
            merge->has_change = status != COPSE_OK && status != COPSE_END;
            if (status == COPSE_OK) {
                return status;
            }
            status = status == COPSE_END ? COPSE_OK : status;
        }
    }
    return status;
}

/* ---- Together -------------------------------------------------------------------------------- */

static copse_status change_merge_next(copse_change_merge *merge,
                                      copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_status status = COPSE_END;
    while (status == COPSE_END && merge->stage != COPSE_CHANGE_MERGE_DONE) {
        status = merge->stage == COPSE_CHANGE_MERGE_DOCUMENTS
                     ? change_merge_documents(merge, ret_conflict, err)
                     : copse_change_merge_catalogue(merge, ret_conflict, err);
        if (status == COPSE_END) {
            merge->stage++;
            merge->last = (copse_bytes){NULL, 0};
        }
    }
    return status;
}

copse_status copse_change_merge_next(copse_change_merge *merge,
                                     copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_database_conflict conflict;
    copse_status status = merge->failure.status;
    if (status == COPSE_OK) {
        status = change_merge_next(merge, &conflict, &merge->failure);
    }
    status = copse_err_keep(&merge->failure, status, err);
    if (status == COPSE_OK) {
        *ret_conflict = conflict;
    }
    return status;
}
