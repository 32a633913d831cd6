/* One collection after the other, by name: first what it is, then its indexes, then its documents.
 * The documents that each side changed come from two diffs, side by side by their primary keys: so
 * what both changed shows, and only what differs is read.
 *
 *   M1  WANT leaves the state from which the call goes on: what is read for an operation is there
 *       before the operation is added.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_merge.h>

#include <copse/document_diff.h>
#include <copse/document_merge.h>
#include <copse/value.h>

#include "base/alloc.h"
#include "base/err.h"
#include "index/definition.h"
#include "tree/tree.h"

/* A collection as the three sides have it; NULL: not at all. */
typedef struct database_merge_collection {
    const copse_collection *base;
    const copse_collection *ours;
    const copse_collection *theirs;
} database_merge_collection;

/* A definition of an index, likewise. */
typedef struct database_merge_index {
    const copse_index_definition *base;
    const copse_index_definition *ours;
    const copse_index_definition *theirs;
} database_merge_index;

typedef enum database_merge_stage {
    DATABASE_MERGE_OPTIONS,
    DATABASE_MERGE_INDEXES,
    DATABASE_MERGE_DOCUMENTS,
    DATABASE_MERGE_CREATE
} database_merge_stage;

/* The documents that one side changed. */
typedef struct database_merge_side {
    copse_document_diff *diff;
    copse_document_change change; /* if has_change */
    bool has_change;
    bool has_ended;
} database_merge_side;

struct copse_database_merge {
    const copse_env *env;
    copse_database_merge_options options;
    copse_write *write;
    copse_database_merge_stats stats;
    copse_bytes last; /* the last collection that is done; ptr NULL: none */
    copse_bytes name; /* of the present one; ptr NULL: none */
    database_merge_collection collection;
    database_merge_stage stage;
    copse_bytes index_last; /* likewise among its indexes */
    database_merge_side ours;
    database_merge_side theirs;
    copse_document document; /* of ours */
    copse_buf merged;
    copse_err failure; /* what it failed with, and does again */
};

/* ---- Life ------------------------------------------------------------------------------------ */

static bool database_merge_is_usable(const copse_database *database, const copse_database *ours)
{
    copse_tree *tree = database != NULL ? copse_database_tree(database) : NULL;
    return tree == NULL || (tree->kind == COPSE_TREE_OURS &&
                            copse_tree_cache(tree) == copse_tree_cache(copse_database_tree(ours)));
}

copse_status copse_database_merge_new(const copse_database_merge_options *options,
                                      copse_write *write, copse_database_merge **ret_merge,
                                      copse_err *err)
{
    if (!database_merge_is_usable(options->base, options->ours) ||
        !database_merge_is_usable(options->ours, options->ours) ||
        !database_merge_is_usable(options->theirs, options->ours)) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "only databases of version 2 with one node cache can be merged");
    }
    if (options->policy == COPSE_MERGE_THREE_WAY && options->base == NULL) {
        return COPSE_ERR(err, COPSE_CONFLICT,
                         "they have no common past: only a union of both can be made");
    }
    const copse_env *env = copse_database_tree(options->ours)->env;
    copse_database_merge *merge = copse_alloc_zeroed(env, sizeof *merge);
    if (merge == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    merge->env = env;
    merge->options = *options;
    merge->write = write;
    copse_buf_init(&merge->merged, env, SIZE_MAX);
    *ret_merge = merge;
    return COPSE_OK;
}

static void database_merge_side_release(database_merge_side *side)
{
    copse_document_diff_free(side->diff);
    *side = (database_merge_side){.diff = NULL};
}

copse_database_merge *copse_database_merge_free(copse_database_merge *merge)
{
    if (merge != NULL) {
        database_merge_side_release(&merge->ours);
        database_merge_side_release(&merge->theirs);
        copse_document_release(&merge->document);
        copse_buf_release(&merge->merged);
        copse_free(merge->env, merge, sizeof *merge);
    }
    return NULL;
}

copse_database_merge_stats copse_database_merge_get_stats(const copse_database_merge *merge)
{
    return merge->stats;
}

static bool database_merge_is_union(const copse_database_merge *merge)
{
    return merge->options.policy == COPSE_MERGE_UNION;
}

/* ---- Conflicts ------------------------------------------------------------------------------- */

static copse_status database_merge_give(copse_database_merge *merge,
                                        copse_database_conflict_what what,
                                        copse_database_conflict *ret_conflict)
{
    *ret_conflict = (copse_database_conflict){.what = what, .collection = merge->name};
    merge->stats.conflicts++;
    return COPSE_OK;
}

/* ---- Documents ------------------------------------------------------------------------------- */

static copse_status database_merge_side_begin(copse_database_merge *merge,
                                              database_merge_side *side, copse_database *before,
                                              copse_database *after, bool ids_only, copse_err *err)
{
    const copse_document_diff_options options = {.collection = merge->name, .ids_only = ids_only};
    return side->diff != NULL ? COPSE_OK
                              : copse_document_diff_new(before, after, &options, &side->diff, err);
}

/* The next document that the side changed, in `change`, or has_ended. */
static copse_status database_merge_side_fill(database_merge_side *side, copse_err *err)
{
    while (!side->has_change && !side->has_ended) {
        copse_status status = copse_document_diff_next(side->diff, &side->change, err);
        if (status == COPSE_END) {
            side->has_ended = true;
        } else if (status != COPSE_OK) {
            return status;
        } else {
            side->has_change = side->change.what == COPSE_CHANGE_DOCUMENT;
        }
    }
    return COPSE_OK;
}

/* Whether ours changed the document that theirs is at, after going on to there. */
static copse_status database_merge_meet(copse_database_merge *merge, bool *ret_met, copse_err *err)
{
    int order = -1;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && order < 0) {
        status = database_merge_side_fill(&merge->ours, err);
        if (status == COPSE_OK && merge->ours.has_ended) {
            order = 1;
        } else if (status == COPSE_OK) {
            status =
                copse_value_compare(merge->ours.change.id, merge->theirs.change.id, &order, err);
            merge->ours.has_change = status != COPSE_OK || order >= 0;
        }
    }
    *ret_met = order == 0;
    return status;
}

static copse_status database_merge_put(copse_database_merge *merge, copse_bytes document,
                                       uint64_t *count, copse_err *err)
{
    copse_status status = copse_write_replace(merge->write, merge->name, document, true, err);
    *count += status == COPSE_OK;
    return status;
}

/* Does what theirs did. */
static copse_status database_merge_take_theirs(copse_database_merge *merge, copse_err *err)
{
    const copse_document_change *change = &merge->theirs.change;
    if (change->kind != COPSE_REMOVED) {
        return database_merge_put(
            merge, change->after,
            change->kind == COPSE_ADDED ? &merge->stats.inserted : &merge->stats.replaced, err);
    }
    copse_status status = copse_write_delete(merge->write, merge->name, change->id, err);
    merge->stats.deleted += status == COPSE_OK;
    return status;
}

static copse_status database_merge_document_conflict(copse_database_merge *merge, copse_bytes ours,
                                                     copse_database_conflict *ret_conflict)
{
    const copse_document_change *change = &merge->theirs.change;
    copse_status status = database_merge_give(merge, COPSE_CONFLICT_DOCUMENT, ret_conflict);
    ret_conflict->id = change->id;
    ret_conflict->base = change->before;
    ret_conflict->ours = ours;
    ret_conflict->theirs = change->after;
    return status;
}

/* Both sides have the document, and base had it: ours is `ours`. */
static copse_status database_merge_fields(copse_database_merge *merge, copse_bytes ours,
                                          copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_document_change *change = &merge->theirs.change;
    size_t conflicts = 0;
    copse_buf_truncate(&merge->merged, 0);
    copse_status status = copse_document_merge(merge->env, change->before, ours, change->after,
                                               NULL, NULL, &merge->merged, &conflicts, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (conflicts > 0) {
        return database_merge_document_conflict(merge, ours, ret_conflict);
    }
    copse_bytes merged = copse_buf_view(&merge->merged);
    status = copse_bytes_equal(merged, ours)
                 ? COPSE_OK
                 : database_merge_put(merge, merged, &merge->stats.merged, err);
    return status == COPSE_OK ? COPSE_END : status;
}

/* Both sides changed the document. END: that is settled. OK: it is a conflict. */
static copse_status database_merge_both(copse_database_merge *merge,
                                        copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_document_change *change = &merge->theirs.change;
    bool is_ours = merge->ours.change.kind != COPSE_REMOVED;
    bool is_theirs = change->kind != COPSE_REMOVED;
    copse_bytes ours = {NULL, 0};
    if (is_ours) {
        copse_status status = copse_database_get(merge->options.ours, merge->collection.ours,
                                                 change->id, &merge->document, err);
        if (status != COPSE_OK) {
            return status == COPSE_NOT_FOUND
                       ? COPSE_ERR(err, COPSE_CORRUPT, "a document that changed is not there")
                       : status;
        }
        ours = merge->document.encoded;
    }
    if (is_ours == is_theirs && copse_bytes_equal(ours, change->after)) {
        return COPSE_END;
    }
    return is_ours && is_theirs && change->kind == COPSE_CHANGED
               ? database_merge_fields(merge, ours, ret_conflict, err)
               : database_merge_document_conflict(merge, ours, ret_conflict);
}

/* What a union makes of a document that theirs has otherwise. */
static copse_status database_merge_unite(copse_database_merge *merge, copse_err *err)
{
    const copse_document_change *change = &merge->theirs.change;
    bool is_taken =
        change->kind == COPSE_ADDED ||
        (change->kind == COPSE_CHANGED && copse_bytes_compare(change->after, change->before) > 0);
    return is_taken ? database_merge_take_theirs(merge, err) : COPSE_OK;
}

/* Settles the document that theirs is at. END: done. OK: it is a conflict. */
static copse_status database_merge_document(copse_database_merge *merge,
                                            copse_database_conflict *ret_conflict, copse_err *err)
{
    bool met = false;
    copse_status status = database_merge_is_union(merge) ? database_merge_unite(merge, err)
                                                         : database_merge_meet(merge, &met, err);
    if (status == COPSE_OK && met) {
        return database_merge_both(merge, ret_conflict, err);
    }
    if (status == COPSE_OK && !database_merge_is_union(merge)) {
        status = database_merge_take_theirs(merge, err);
    }
    return status == COPSE_OK ? COPSE_END : status;
}

/* Whether base has the documents by the same primary key: else its rows are of other documents than
 * those that ours and theirs have there. */
static bool database_merge_base_fits(const copse_database_merge *merge)
{
    const copse_collection *base = merge->collection.base;
    const copse_collection *theirs = merge->collection.theirs;
    return base == NULL || copse_bytes_equal(base->primary_key, theirs->primary_key);
}

/* END: all documents of the collection are done. */
static copse_status database_merge_documents(copse_database_merge *merge,
                                             copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_database_merge_options *options = &merge->options;
    copse_database *before = database_merge_is_union(merge)    ? options->ours
                             : database_merge_base_fits(merge) ? options->base
                                                               : NULL;
    copse_status status =
        database_merge_side_begin(merge, &merge->theirs, before, options->theirs, false, err);
    if (status == COPSE_OK && !database_merge_is_union(merge)) {
        status = database_merge_side_begin(merge, &merge->ours, before, options->ours, true, err);
    }
    while (status == COPSE_OK) {
        status = database_merge_side_fill(&merge->theirs, err);
        if (status == COPSE_OK && merge->theirs.has_ended) {
            return COPSE_END;
        }
        if (status == COPSE_OK) {
            status = database_merge_document(merge, ret_conflict, err);
            merge->theirs.has_change = status != COPSE_OK && status != COPSE_END;
            if (status == COPSE_OK) {
                return COPSE_OK;
            }
            status = status == COPSE_END ? COPSE_OK : status;
        }
    }
    return status;
}

/* ---- Indexes --------------------------------------------------------------------------------- */

/* The first definition whose name is above `last`; NULL: none. */
static const copse_index_definition *database_merge_index_after(const copse_collection *collection,
                                                                copse_bytes last)
{
    for (size_t i = 0; collection != NULL && i < collection->indexes_count; i++) {
        if (last.ptr == NULL || copse_bytes_compare(collection->indexes[i].name, last) > 0) {
            return &collection->indexes[i];
        }
    }
    return NULL;
}

static const copse_index_definition *database_merge_index_least(const copse_index_definition *a,
                                                                const copse_index_definition *b)
{
    return a == NULL || (b != NULL && copse_bytes_compare(b->name, a->name) < 0) ? b : a;
}

/* Takes the next index by name. False: there is none. */
static bool database_merge_index_next(const copse_database_merge *merge,
                                      database_merge_index *ret_index)
{
    const database_merge_collection *of = &merge->collection;
    database_merge_index next = {database_merge_index_after(of->base, merge->index_last),
                                 database_merge_index_after(of->ours, merge->index_last),
                                 database_merge_index_after(of->theirs, merge->index_last)};
    const copse_index_definition *least =
        database_merge_index_least(next.base, database_merge_index_least(next.ours, next.theirs));
    if (least == NULL) {
        return false;
    }
    const copse_index_definition **sides[3] = {&next.base, &next.ours, &next.theirs};
    for (size_t i = 0; i < 3; i++) {
        if (*sides[i] != NULL && !copse_bytes_equal((*sides[i])->name, least->name)) {
            *sides[i] = NULL;
        }
    }
    *ret_index = next;
    return true;
}

static copse_status database_merge_index_same(const copse_database_merge *merge,
                                              const copse_index_definition *a,
                                              const copse_index_definition *b, bool *ret_same,
                                              copse_err *err)
{
    *ret_same = a == NULL && b == NULL;
    return a == NULL || b == NULL ? COPSE_OK
                                  : copse_index_definition_equal(merge->env, a, b, ret_same, err);
}

typedef enum database_merge_verdict {
    DATABASE_MERGE_KEEP, /* ours */
    DATABASE_MERGE_TAKE, /* theirs */
    DATABASE_MERGE_CONFLICT
} database_merge_verdict;

static copse_status database_merge_index_judge(const copse_database_merge *merge,
                                               const database_merge_index *index,
                                               database_merge_verdict *ret_verdict, copse_err *err)
{
    bool is_kept = false;
    bool is_taken = false;
    copse_status status =
        database_merge_index_same(merge, index->ours, index->theirs, &is_kept, err);
    if (database_merge_is_union(merge)) {
        is_kept = is_kept || index->theirs == NULL;
        is_taken = index->ours == NULL;
    } else {
        if (status == COPSE_OK && !is_kept) {
            status = database_merge_index_same(merge, index->base, index->theirs, &is_kept, err);
        }
        if (status == COPSE_OK && !is_kept) {
            status = database_merge_index_same(merge, index->base, index->ours, &is_taken, err);
        }
    }
    if (status == COPSE_OK) {
        *ret_verdict = is_kept    ? DATABASE_MERGE_KEEP
                       : is_taken ? DATABASE_MERGE_TAKE
                                  : DATABASE_MERGE_CONFLICT;
    }
    return status;
}

/* Before the documents indexes are dropped, behind them they are made: theirs may be unique because
 * of what they did to documents. END: settled. OK: a conflict. */
static copse_status database_merge_index_settle(copse_database_merge *merge,
                                                const database_merge_index *index,
                                                copse_database_conflict *ret_conflict,
                                                copse_err *err)
{
    bool is_before = merge->stage == DATABASE_MERGE_INDEXES;
    database_merge_verdict verdict = DATABASE_MERGE_KEEP;
    copse_status status = database_merge_index_judge(merge, index, &verdict, err);
    if (status == COPSE_OK && verdict == DATABASE_MERGE_CONFLICT && is_before) {
        status = database_merge_give(merge, COPSE_CONFLICT_INDEX, ret_conflict);
        ret_conflict->index = index->ours != NULL ? index->ours->name : index->theirs->name;
        return status;
    }
    if (status == COPSE_OK && verdict == DATABASE_MERGE_TAKE && is_before && index->ours != NULL) {
        status = copse_write_drop_index(merge->write, merge->name, index->ours->name, err);
    }
    if (status == COPSE_OK && verdict == DATABASE_MERGE_TAKE && !is_before &&
        index->theirs != NULL) {
        status = copse_write_create_index(merge->write, merge->name, index->theirs, err);
    }
    return status == COPSE_OK ? COPSE_END : status;
}

/* END: all of them are done. */
static copse_status database_merge_indexes(copse_database_merge *merge,
                                           copse_database_conflict *ret_conflict, copse_err *err)
{
    database_merge_index index;
    while (database_merge_index_next(merge, &index)) {
        copse_status status = database_merge_index_settle(merge, &index, ret_conflict, err);
        if (status == COPSE_OK || status == COPSE_END) {
            merge->index_last =
                database_merge_index_least(index.base,
                                           database_merge_index_least(index.ours, index.theirs))
                    ->name;
        }
        if (status != COPSE_END) {
            return status;
        }
    }
    merge->index_last = (copse_bytes){NULL, 0};
    return COPSE_END;
}

/* ---- Collections ----------------------------------------------------------------------------- */

/* The first collection whose name is above `last`; NULL: none. */
static const copse_collection *database_merge_collection_after(const copse_database *database,
                                                               copse_bytes last)
{
    size_t count = 0;
    const copse_collection *collections =
        database != NULL ? copse_database_collections(database, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        if (last.ptr == NULL || copse_bytes_compare(collections[i].name, last) > 0) {
            return &collections[i];
        }
    }
    return NULL;
}

/* Begins with the next collection by name. False: there is none. */
static bool database_merge_collection_begin(copse_database_merge *merge)
{
    const copse_database_merge_options *options = &merge->options;
    const copse_database *databases[3] = {options->base, options->ours, options->theirs};
    const copse_collection *least = NULL;
    for (size_t i = 0; i < 3; i++) {
        const copse_collection *next = database_merge_collection_after(databases[i], merge->last);
        if (next != NULL && (least == NULL || copse_bytes_compare(next->name, least->name) < 0)) {
            least = next;
        }
    }
    if (least == NULL) {
        return false;
    }
    merge->name = least->name;
    merge->collection = (database_merge_collection){
        options->base != NULL ? copse_database_collection(options->base, least->name) : NULL,
        copse_database_collection(options->ours, least->name),
        copse_database_collection(options->theirs, least->name)};
    merge->stage = DATABASE_MERGE_OPTIONS;
    merge->index_last = (copse_bytes){NULL, 0};
    return true;
}

static void database_merge_collection_end(copse_database_merge *merge)
{
    database_merge_side_release(&merge->ours);
    database_merge_side_release(&merge->theirs);
    merge->last = merge->name;
    merge->name = (copse_bytes){NULL, 0};
}

static bool database_merge_collection_same(const copse_collection *a, const copse_collection *b)
{
    return a->documents == b->documents && copse_bytes_equal(a->primary_key, b->primary_key);
}

/* Whether `side` has the collection as base does. */
static copse_status database_merge_collection_kept(copse_database_merge *merge,
                                                   copse_database *side, bool *ret_kept,
                                                   copse_err *err)
{
    copse_status status =
        database_merge_side_begin(merge, &merge->ours, merge->options.base, side, true, err);
    if (status == COPSE_OK) {
        status = copse_document_diff_next(merge->ours.diff, &merge->ours.change, err);
    }
    *ret_kept = status == COPSE_END;
    return status == COPSE_END ? COPSE_OK : status;
}

/* One side has dropped the collection. END: settled. OK: a conflict. */
static copse_status database_merge_dropped(copse_database_merge *merge,
                                           copse_database_conflict *ret_conflict, copse_err *err)
{
    bool is_theirs = merge->collection.theirs == NULL;
    bool is_kept = false;
    copse_status status = database_merge_collection_kept(
        merge, is_theirs ? merge->options.ours : merge->options.theirs, &is_kept, err);
    if (status == COPSE_OK && !is_kept) {
        return database_merge_give(merge, COPSE_CONFLICT_COLLECTION, ret_conflict);
    }
    if (status == COPSE_OK && is_theirs) {
        status = copse_write_drop_collection(merge->write, merge->name, err);
    }
    return status == COPSE_OK ? COPSE_END : status;
}

/* Settles what the collection is. OK with *ret_goes_on: its indexes and documents are next. END:
 * there is nothing more to it. OK without: a conflict, and nothing more to it. */
static copse_status database_merge_options(copse_database_merge *merge, bool *ret_goes_on,
                                           copse_database_conflict *ret_conflict, copse_err *err)
{
    const database_merge_collection *of = &merge->collection;
    bool has_base = of->base != NULL && !database_merge_is_union(merge);
    *ret_goes_on = false;
    if (of->ours != NULL && of->theirs != NULL) {
        *ret_goes_on = database_merge_collection_same(of->ours, of->theirs);
        return *ret_goes_on ? COPSE_OK
                            : database_merge_give(merge, COPSE_CONFLICT_COLLECTION, ret_conflict);
    }
    if (of->ours == NULL && of->theirs == NULL) {
        return COPSE_END;
    }
    if (has_base) {
        return database_merge_dropped(merge, ret_conflict, err);
    }
    if (of->theirs == NULL) {
        return COPSE_END;
    }
    copse_status status = copse_write_create_collection(
        merge->write, merge->name, of->theirs->primary_key, of->theirs->documents, err);
    *ret_goes_on = status == COPSE_OK;
    return status;
}

/* The next conflict of the present collection. END: it is done. */
static copse_status database_merge_collection_next(copse_database_merge *merge,
                                                   copse_database_conflict *ret_conflict,
                                                   copse_err *err)
{
    copse_status status = COPSE_END;
    if (merge->stage == DATABASE_MERGE_OPTIONS) {
        bool goes_on = false;
        status = database_merge_options(merge, &goes_on, ret_conflict, err);
        if (!goes_on) {
            return status;
        }
        merge->stage = DATABASE_MERGE_INDEXES;
    }
    if (merge->stage == DATABASE_MERGE_INDEXES) {
        status = database_merge_indexes(merge, ret_conflict, err);
        if (status != COPSE_END) {
            return status;
        }
        merge->stage = DATABASE_MERGE_DOCUMENTS;
    }
    if (merge->stage == DATABASE_MERGE_DOCUMENTS) {
        status = database_merge_documents(merge, ret_conflict, err);
        if (status != COPSE_END) {
            return status;
        }
        merge->stage = DATABASE_MERGE_CREATE;
    }
    return database_merge_indexes(merge, ret_conflict, err);
}

/* END: all collections are done. */
static copse_status database_merge_next(copse_database_merge *merge,
                                        copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_status status = COPSE_END;
    while (status == COPSE_END &&
           (merge->name.ptr != NULL || database_merge_collection_begin(merge))) {
        status = database_merge_collection_next(merge, ret_conflict, err);
        bool is_whole = status == COPSE_OK && ret_conflict->what == COPSE_CONFLICT_COLLECTION;
        if (status == COPSE_END || is_whole) {
            database_merge_collection_end(merge);
        }
    }
    return status;
}

copse_status copse_database_merge_next(copse_database_merge *merge,
                                       copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_database_conflict conflict;
    copse_status status = merge->failure.status;
    if (status == COPSE_OK) {
        status = database_merge_next(merge, &conflict, &merge->failure);
    }
    status = copse_err_keep(&merge->failure, status, err);
    if (status == COPSE_OK) {
        *ret_conflict = conflict;
    }
    return status;
}
