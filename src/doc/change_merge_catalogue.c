/* Merging a change, the catalogue: change_merge.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/change_merge.h"

#include "base/err.h"
#include "index/definition.h"

/* As copse_change_merge_collection. */
typedef struct change_merge_index {
    const copse_index_definition *of[COPSE_CHANGE_MERGE_SIDES];
} change_merge_index;

typedef enum change_merge_verdict {
    CHANGE_MERGE_KEEP,
    CHANGE_MERGE_TAKE, /* after */
    CHANGE_MERGE_CONFLICT
} change_merge_verdict;

copse_status copse_change_merge_give(copse_change_merge *merge, copse_database_conflict_what what,
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

copse_change_merge_collection copse_change_merge_find(const copse_change_merge *merge,
                                                      copse_bytes name)
{
    copse_change_merge_collection found;
    for (size_t i = 0; i < COPSE_CHANGE_MERGE_SIDES; i++) {
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
    return a == b ||
           (a != NULL && b != NULL && change_merge_is_alike(a, b) && a->merge == b->merge &&
            a->tombstone_days == b->tombstone_days && a->is_signed == b->is_signed);
}

static change_merge_verdict
change_merge_judge_collection(const copse_change_merge_collection *collection)
{
    const copse_collection *before = collection->of[COPSE_CHANGE_MERGE_BEFORE];
    const copse_collection *after = collection->of[COPSE_CHANGE_MERGE_AFTER];
    const copse_collection *ours = collection->of[COPSE_CHANGE_MERGE_OURS];
    if (before != NULL && after != NULL && !change_merge_is_alike(before, after)) {
        return CHANGE_MERGE_CONFLICT;
    }
    if (ours != NULL && ours->is_signed && after != NULL && !after->is_signed &&
        !change_merge_collection_same(before, after)) {
        return CHANGE_MERGE_CONFLICT; /* that stays until it is dropped */
    }
    return change_merge_judge(change_merge_collection_same(before, after),
                              change_merge_collection_same(ours, after),
                              change_merge_collection_same(ours, before));
}

bool copse_change_merge_is_open(const copse_change_merge_collection *collection)
{
    return collection->of[COPSE_CHANGE_MERGE_AFTER] != NULL &&
           change_merge_judge_collection(collection) != CHANGE_MERGE_CONFLICT;
}

bool copse_change_merge_is_foreign(const copse_change_merge_collection *collection)
{
    const copse_collection *ours = collection->of[COPSE_CHANGE_MERGE_OURS];
    return ours == NULL ? collection->of[COPSE_CHANGE_MERGE_BEFORE] != NULL
                        : !change_merge_is_alike(ours, collection->of[COPSE_CHANGE_MERGE_AFTER]);
}

/* Drops the present collection, if ours has it as it was before. END: done. OK: a conflict. */
static copse_status change_merge_drop(copse_change_merge *merge,
                                      copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_document_diff_options options = {.collection = merge->name, .ids_only = true};
    copse_document_change change;
    copse_status status = merge->drop == NULL
                              ? copse_document_diff_new(merge->databases[COPSE_CHANGE_MERGE_BEFORE],
                                                        merge->databases[COPSE_CHANGE_MERGE_OURS],
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
        return copse_change_merge_give(merge, COPSE_CONFLICT_COLLECTION, merge->name, ret_conflict);
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
    const copse_collection *after = merge->collection.of[COPSE_CHANGE_MERGE_AFTER];
    bool is_new = merge->collection.of[COPSE_CHANGE_MERGE_OURS] == NULL;
    copse_status status = COPSE_OK;
    if (is_new) {
        status = copse_write_create_collection(merge->write, after->name, after->primary_key,
                                               after->documents, err);
    }
    if (status == COPSE_OK && (!is_new || !change_merge_is_default(after))) {
        status = copse_write_set_merge(merge->write, after->name, after->merge,
                                       after->tombstone_days, err);
    }
    if (status == COPSE_OK && after->is_signed) {
        status = copse_write_set_signed(merge->write, after->name, err);
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
        return copse_change_merge_give(merge, COPSE_CONFLICT_COLLECTION, merge->name, ret_conflict);
    case CHANGE_MERGE_TAKE:
        return merge->collection.of[COPSE_CHANGE_MERGE_AFTER] == NULL
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
    for (size_t i = COPSE_CHANGE_MERGE_BEFORE; i <= COPSE_CHANGE_MERGE_AFTER; i++) {
        const copse_index_definition *next = change_merge_index_of(of[i], merge->index_last, true);
        if (next != NULL && (least == NULL || copse_bytes_compare(next->name, least->name) < 0)) {
            least = next;
        }
    }
    if (least == NULL) {
        return false;
    }
    merge->index_last = least->name;
    for (size_t i = 0; i < COPSE_CHANGE_MERGE_SIDES; i++) {
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
    static const size_t pairs[3][2] = {{COPSE_CHANGE_MERGE_BEFORE, COPSE_CHANGE_MERGE_AFTER},
                                       {COPSE_CHANGE_MERGE_OURS, COPSE_CHANGE_MERGE_AFTER},
                                       {COPSE_CHANGE_MERGE_OURS, COPSE_CHANGE_MERGE_BEFORE}};
    bool same[3] = {false, false, false};
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        status = change_merge_index_same(merge, index->of[pairs[i][0]], index->of[pairs[i][1]],
                                         &same[i], err);
    }
    if (status == COPSE_OK) {
        *ret_verdict = change_merge_judge(
            same[0], same[1], same[2] && !copse_change_merge_is_foreign(&merge->collection));
    }
    return status;
}

/* What an index gets: dropped before the documents, made behind them. END: settled. OK: a conflict,
 * which is told before. */
static copse_status change_merge_settle_index(copse_change_merge *merge,
                                              const change_merge_index *index,
                                              copse_database_conflict *ret_conflict, copse_err *err)
{
    bool is_before = merge->stage == COPSE_CHANGE_MERGE_CATALOGUE;
    change_merge_verdict verdict = CHANGE_MERGE_KEEP;
    copse_status status = change_merge_judge_index(merge, index, &verdict, err);
    if (status == COPSE_OK && verdict == CHANGE_MERGE_CONFLICT && is_before) {
        status = copse_change_merge_give(merge, COPSE_CONFLICT_INDEX, merge->name, ret_conflict);
        ret_conflict->index = merge->index_last;
        return status;
    }
    if (status == COPSE_OK && verdict == CHANGE_MERGE_TAKE) {
        const copse_index_definition *after = index->of[COPSE_CHANGE_MERGE_AFTER];
        if (is_before && index->of[COPSE_CHANGE_MERGE_OURS] != NULL) {
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
    for (size_t i = COPSE_CHANGE_MERGE_BEFORE; i <= COPSE_CHANGE_MERGE_AFTER; i++) {
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
    merge->collection = copse_change_merge_find(merge, least);
    merge->is_begun = merge->stage == COPSE_CHANGE_MERGE_CREATE;
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
    while (status == COPSE_END && copse_change_merge_is_open(&merge->collection) &&
           change_merge_next_index(merge, &index)) {
        status = change_merge_settle_index(merge, &index, ret_conflict, err);
    }
    return status;
}

copse_status copse_change_merge_catalogue(copse_change_merge *merge,
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
