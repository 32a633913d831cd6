/* The catalogues first, which are in memory; then documents, as their diff gives them; then the
 * indexes that are to be made, which may be unique because of what became of documents.
 *
 *   C1  WANT leaves the state from which the call goes on: what is read for an operation is there
 *       before the operation is added.
 *   C2  What a collection or an index becomes depends on the three catalogues alone, so that it is
 *       judged anew wherever that matters. Only whether a collection may be dropped is read.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/change_merge.h>

#include <copse/document_diff.h>
#include <copse/document_merge.h>

#include "base/alloc.h"
#include "base/err.h"
#include "doc/write.h"
#include "index/definition.h"
#include "tree/tree.h"

enum { CHANGE_MERGE_BEFORE, CHANGE_MERGE_AFTER, CHANGE_MERGE_OURS, CHANGE_MERGE_SIDES };

/* A collection, or an index, as the sides have it; NULL: not at all. */
typedef struct change_merge_collection {
    const copse_collection *of[CHANGE_MERGE_SIDES];
} change_merge_collection;

typedef struct change_merge_index {
    const copse_index_definition *of[CHANGE_MERGE_SIDES];
} change_merge_index;

typedef enum change_merge_verdict {
    CHANGE_MERGE_KEEP,
    CHANGE_MERGE_TAKE, /* after */
    CHANGE_MERGE_CONFLICT
} change_merge_verdict;

typedef enum change_merge_stage {
    CHANGE_MERGE_CATALOGUE,
    CHANGE_MERGE_DOCUMENTS,
    CHANGE_MERGE_CREATE, /* indexes */
    CHANGE_MERGE_DONE
} change_merge_stage;

struct copse_change_merge {
    const copse_env *env;
    copse_database *databases[CHANGE_MERGE_SIDES];
    copse_write *write;
    copse_database_merge_stats stats;
    change_merge_stage stage;
    copse_bytes last;                   /* the last collection that is done; ptr NULL: none */
    copse_bytes name;                   /* the present one; ptr NULL: none */
    change_merge_collection collection; /* that */
    bool is_begun;                      /* it itself is settled, and its indexes are next */
    copse_bytes index_last;             /* as `last` */
    copse_document_diff *drop;    /* what ours changed in a collection that is to be dropped */
    copse_document_diff *diff;    /* from before to after */
    copse_document_change change; /* if has_change */
    bool has_change;
    copse_document document; /* of ours */
    copse_buf merged;
    copse_err failure; /* what it failed with, and does again */
};

/* ---- Life ------------------------------------------------------------------------------------ */

copse_status copse_change_merge_new(const copse_change_merge_options *options, copse_write *write,
                                    copse_change_merge **ret_merge, copse_err *err)
{
    copse_database *databases[CHANGE_MERGE_SIDES] = {options->before, options->after,
                                                     options->ours};
    const copse_tree *ours = copse_database_tree(options->ours);
    for (size_t i = 0; i < CHANGE_MERGE_SIDES; i++) {
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
    for (size_t i = 0; i < CHANGE_MERGE_SIDES; i++) {
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

static copse_status change_merge_give(copse_change_merge *merge, copse_database_conflict_what what,
                                      copse_bytes collection, copse_database_conflict *ret_conflict)
{
    *ret_conflict = (copse_database_conflict){.what = what, .collection = collection};
    merge->stats.conflicts++;
    return COPSE_OK;
}

/* What becomes of a thing of the catalogue, by which of its three states are the same. */
static change_merge_verdict change_merge_judge(bool before_is_after, bool ours_is_after,
                                               bool ours_is_before)
{
    return before_is_after || ours_is_after ? CHANGE_MERGE_KEEP
           : ours_is_before                 ? CHANGE_MERGE_TAKE
                                            : CHANGE_MERGE_CONFLICT;
}

/* ---- Collections ----------------------------------------------------------------------------- */

static change_merge_collection change_merge_find(const copse_change_merge *merge, copse_bytes name)
{
    change_merge_collection found;
    for (size_t i = 0; i < CHANGE_MERGE_SIDES; i++) {
        found.of[i] = copse_database_collection(merge->databases[i], name);
    }
    return found;
}

/* Whether what is made with the collection, and never changes, is the same. */
static bool change_merge_is_alike(const copse_collection *a, const copse_collection *b)
{
    return a->documents == b->documents && copse_bytes_equal(a->primary_key, b->primary_key);
}

static bool change_merge_collection_same(const copse_collection *a, const copse_collection *b)
{
    return a == b || (a != NULL && b != NULL && change_merge_is_alike(a, b) &&
                      a->merge == b->merge && a->tombstone_days == b->tombstone_days);
}

static change_merge_verdict change_merge_judge_collection(const change_merge_collection *collection)
{
    const copse_collection *before = collection->of[CHANGE_MERGE_BEFORE];
    const copse_collection *after = collection->of[CHANGE_MERGE_AFTER];
    const copse_collection *ours = collection->of[CHANGE_MERGE_OURS];
    if (before != NULL && after != NULL && !change_merge_is_alike(before, after)) {
        return CHANGE_MERGE_CONFLICT;
    }
    return change_merge_judge(change_merge_collection_same(before, after),
                              change_merge_collection_same(ours, after),
                              change_merge_collection_same(ours, before));
}

/* Whether indexes and documents of the collection are changed one by one. */
static bool change_merge_is_open(const change_merge_collection *collection)
{
    return collection->of[CHANGE_MERGE_AFTER] != NULL &&
           change_merge_judge_collection(collection) != CHANGE_MERGE_CONFLICT;
}

/* Whether ours has dropped the collection, or made it anew with another primary key. */
static bool change_merge_is_foreign(const change_merge_collection *collection)
{
    const copse_collection *ours = collection->of[CHANGE_MERGE_OURS];
    return ours == NULL ? collection->of[CHANGE_MERGE_BEFORE] != NULL
                        : !change_merge_is_alike(ours, collection->of[CHANGE_MERGE_AFTER]);
}

/* Drops the present collection, if ours has it as it was before. END: done. OK: a conflict. */
static copse_status change_merge_drop(copse_change_merge *merge,
                                      copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_document_diff_options options = {.collection = merge->name, .ids_only = true};
    copse_document_change change;
    copse_status status = merge->drop == NULL
                              ? copse_document_diff_new(merge->databases[CHANGE_MERGE_BEFORE],
                                                        merge->databases[CHANGE_MERGE_OURS],
                                                        &options, &merge->drop, err)
                              : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_document_diff_next(merge->drop, &change, err);
    }
    if (status == COPSE_WANT) {
        return status;
    }
    merge->drop = copse_document_diff_free(merge->drop);
    if (status == COPSE_OK) {
        return change_merge_give(merge, COPSE_CONFLICT_COLLECTION, merge->name, ret_conflict);
    }
    if (status == COPSE_END) {
        status = copse_write_drop_collection(merge->write, merge->name, err);
        return status == COPSE_OK ? COPSE_END : status;
    }
    return status;
}

static bool change_merge_is_default(const copse_collection *collection)
{
    return collection->merge == COPSE_MERGE_THREE_WAY && collection->tombstone_days == 0;
}

/* Makes the present collection as it is after. END: done. */
static copse_status change_merge_make(copse_change_merge *merge, copse_err *err)
{
    const copse_collection *after = merge->collection.of[CHANGE_MERGE_AFTER];
    bool is_new = merge->collection.of[CHANGE_MERGE_OURS] == NULL;
    copse_status status = COPSE_OK;
    if (is_new) {
        status = copse_write_create_collection(merge->write, after->name, after->primary_key,
                                               after->documents, err);
    }
    if (status == COPSE_OK && (!is_new || !change_merge_is_default(after))) {
        status = copse_write_set_merge(merge->write, after->name, after->merge,
                                       after->tombstone_days, err);
    }
    return status == COPSE_OK ? COPSE_END : status;
}

/* Settles what the present collection is. END: done. OK: a conflict. */
static copse_status change_merge_settle_collection(copse_change_merge *merge,
                                                   copse_database_conflict *ret_conflict,
                                                   copse_err *err)
{
    switch (change_merge_judge_collection(&merge->collection)) {
    case CHANGE_MERGE_CONFLICT:
        return change_merge_give(merge, COPSE_CONFLICT_COLLECTION, merge->name, ret_conflict);
    case CHANGE_MERGE_TAKE:
        return merge->collection.of[CHANGE_MERGE_AFTER] == NULL
                   ? change_merge_drop(merge, ret_conflict, err)
                   : change_merge_make(merge, err);
    case CHANGE_MERGE_KEEP:
        break;
    }
    return COPSE_END;
}

/* ---- Indexes --------------------------------------------------------------------------------- */

/* The index `name`, or with `is_next` the first one whose name is above it. */
static const copse_index_definition *change_merge_index_of(const copse_collection *collection,
                                                           copse_bytes name, bool is_next)
{
    for (size_t i = 0; collection != NULL && i < collection->indexes_count; i++) {
        const copse_index_definition *index = &collection->indexes[i];
        if (is_next ? name.ptr == NULL || copse_bytes_compare(index->name, name) > 0
                    : copse_bytes_equal(index->name, name)) {
            return index;
        }
    }
    return NULL;
}

/* The next index of the present collection, by name, before or after. False: there is none. */
static bool change_merge_next_index(copse_change_merge *merge, change_merge_index *ret_index)
{
    const copse_collection *const *of = merge->collection.of;
    const copse_index_definition *least = NULL;
    for (size_t i = CHANGE_MERGE_BEFORE; i <= CHANGE_MERGE_AFTER; i++) {
        const copse_index_definition *next = change_merge_index_of(of[i], merge->index_last, true);
        if (next != NULL && (least == NULL || copse_bytes_compare(next->name, least->name) < 0)) {
            least = next;
        }
    }
    if (least == NULL) {
        return false;
    }
    merge->index_last = least->name;
    for (size_t i = 0; i < CHANGE_MERGE_SIDES; i++) {
        ret_index->of[i] = change_merge_index_of(of[i], least->name, false);
    }
    return true;
}

static copse_status change_merge_index_same(const copse_change_merge *merge,
                                            const copse_index_definition *a,
                                            const copse_index_definition *b, bool *ret_same,
                                            copse_err *err)
{
    *ret_same = a == b;
    return a == NULL || b == NULL ? COPSE_OK
                                  : copse_index_definition_equal(merge->env, a, b, ret_same, err);
}

static copse_status change_merge_judge_index(const copse_change_merge *merge,
                                             const change_merge_index *index,
                                             change_merge_verdict *ret_verdict, copse_err *err)
{
    static const size_t pairs[3][2] = {{CHANGE_MERGE_BEFORE, CHANGE_MERGE_AFTER},
                                       {CHANGE_MERGE_OURS, CHANGE_MERGE_AFTER},
                                       {CHANGE_MERGE_OURS, CHANGE_MERGE_BEFORE}};
    bool same[3] = {false, false, false};
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        status = change_merge_index_same(merge, index->of[pairs[i][0]], index->of[pairs[i][1]],
                                         &same[i], err);
    }
    if (status == COPSE_OK) {
        *ret_verdict = change_merge_judge(same[0], same[1],
                                          same[2] && !change_merge_is_foreign(&merge->collection));
    }
    return status;
}

/* What an index gets: dropped before the documents, made behind them. END: settled. OK: a conflict,
 * which is told before. */
static copse_status change_merge_settle_index(copse_change_merge *merge,
                                              const change_merge_index *index,
                                              copse_database_conflict *ret_conflict, copse_err *err)
{
    bool is_before = merge->stage == CHANGE_MERGE_CATALOGUE;
    change_merge_verdict verdict = CHANGE_MERGE_KEEP;
    copse_status status = change_merge_judge_index(merge, index, &verdict, err);
    if (status == COPSE_OK && verdict == CHANGE_MERGE_CONFLICT && is_before) {
        status = change_merge_give(merge, COPSE_CONFLICT_INDEX, merge->name, ret_conflict);
        ret_conflict->index = merge->index_last;
        return status;
    }
    if (status == COPSE_OK && verdict == CHANGE_MERGE_TAKE) {
        const copse_index_definition *after = index->of[CHANGE_MERGE_AFTER];
        if (is_before && index->of[CHANGE_MERGE_OURS] != NULL) {
            status = copse_write_drop_index(merge->write, merge->name, merge->index_last, err);
        } else if (!is_before && after != NULL) {
            status = copse_write_create_index(merge->write, merge->name, after, err);
        }
    }
    return status == COPSE_OK ? COPSE_END : status;
}

/* ---- The catalogue --------------------------------------------------------------------------- */

/* Begins with the next collection by name, before or after. False: there is none. */
static bool change_merge_next_collection(copse_change_merge *merge)
{
    copse_bytes least = {NULL, 0};
    for (size_t i = CHANGE_MERGE_BEFORE; i <= CHANGE_MERGE_AFTER; i++) {
        size_t count = 0;
        const copse_collection *all = copse_database_collections(merge->databases[i], &count);
        for (size_t j = 0; j < count; j++) {
            bool is_behind =
                merge->last.ptr == NULL || copse_bytes_compare(all[j].name, merge->last) > 0;
            if (is_behind && (least.ptr == NULL || copse_bytes_compare(all[j].name, least) < 0)) {
                least = all[j].name;
            }
        }
    }
    merge->name = least;
    merge->collection = change_merge_find(merge, least);
    merge->is_begun = merge->stage == CHANGE_MERGE_CREATE;
    merge->index_last = (copse_bytes){NULL, 0};
    return least.ptr != NULL;
}

/* The next conflict of the present collection or its indexes. END: they are done. */
static copse_status change_merge_definitions(copse_change_merge *merge,
                                             copse_database_conflict *ret_conflict, copse_err *err)
{
    change_merge_index index;
    copse_status status = COPSE_END;
    if (!merge->is_begun) {
        status = change_merge_settle_collection(merge, ret_conflict, err);
        merge->is_begun = status == COPSE_END || status == COPSE_OK;
    }
    while (status == COPSE_END && change_merge_is_open(&merge->collection) &&
           change_merge_next_index(merge, &index)) {
        status = change_merge_settle_index(merge, &index, ret_conflict, err);
    }
    return status;
}

/* The next conflict of the catalogue. END: all of it is done. */
static copse_status change_merge_catalogue(copse_change_merge *merge,
                                           copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_status status = COPSE_END;
    while (status == COPSE_END &&
           (merge->name.ptr != NULL || change_merge_next_collection(merge))) {
        status = change_merge_definitions(merge, ret_conflict, err);
        if (status == COPSE_END) {
            merge->last = merge->name;
            merge->name = (copse_bytes){NULL, 0};
        }
    }
    return status;
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
        const change_merge_collection collection =
            change_merge_find(merge, merge->change.collection);
        merge->has_change =
            merge->change.what == COPSE_CHANGE_DOCUMENT && change_merge_is_open(&collection);
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
    copse_status status = copse_database_get(merge->databases[CHANGE_MERGE_OURS], collection,
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
        change_merge_give(merge, COPSE_CONFLICT_DOCUMENT, change->collection, ret_conflict);
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
    const change_merge_collection in = change_merge_find(merge, change->collection);
    const copse_collection *mine = in.of[CHANGE_MERGE_OURS];
    copse_bytes ours = {NULL, 0};
    if (change_merge_is_foreign(&in)) {
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
    copse_status status =
        merge->diff == NULL
            ? copse_document_diff_new(merge->databases[CHANGE_MERGE_BEFORE],
                                      merge->databases[CHANGE_MERGE_AFTER], NULL, &merge->diff, err)
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
    while (status == COPSE_END && merge->stage != CHANGE_MERGE_DONE) {
        status = merge->stage == CHANGE_MERGE_DOCUMENTS
                     ? change_merge_documents(merge, ret_conflict, err)
                     : change_merge_catalogue(merge, ret_conflict, err);
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
