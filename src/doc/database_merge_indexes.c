/* Definitions of indexes: three-way, by name; rows are no part of it.
 *
 *   X1  A definition that only one side changed is that side's; one that a side dropped and the
 *       other left alone is dropped; else both must have the same. Whether it is built is no
 *       change.
 *   X2  In the outcome an index is built only if both sides have it so, as it is there: then
 *       each side's rows are those of its documents, and the apply keeps them so. Any other has
 *       no rows, also where ours has them, so that the tree is the same whichever side is ours.
 *   X3  A collection that only theirs has comes with its indexes, made before its documents: as
 *       they are there, also the field that arrays are in. So does all of a forward merge (V4).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "index/definition.h"

/* An index as the three sides have it; NULL: not at all. */
typedef struct merge_index {
    const copse_index_definition *sides[COPSE_MERGE_SIDES];
} merge_index;

/* The first definition whose name is above `last`; NULL: none. */
static const copse_index_definition *merge_index_after(const copse_collection *collection,
                                                       copse_bytes last)
{
    for (size_t i = 0; collection != NULL && i < collection->indexes_count; i++) {
        if (last.ptr == NULL || copse_bytes_compare(collection->indexes[i].name, last) > 0) {
            return &collection->indexes[i];
        }
    }
    return NULL;
}

/* Takes the next index by name. False: there is none. */
static bool merge_index_next(const copse_database_merge *merge, merge_index *ret_index,
                             copse_bytes *ret_name)
{
    copse_bytes least = {NULL, 0};
    for (size_t side = 0; side < COPSE_MERGE_SIDES; side++) {
        const copse_index_definition *next =
            merge_index_after(merge->collections[side], merge->index_last);
        ret_index->sides[side] = next;
        if (next != NULL && (least.ptr == NULL || copse_bytes_compare(next->name, least) < 0)) {
            least = next->name;
        }
    }
    for (size_t side = 0; side < COPSE_MERGE_SIDES; side++) {
        const copse_index_definition *next = ret_index->sides[side];
        if (next != NULL && !copse_bytes_equal(next->name, least)) {
            ret_index->sides[side] = NULL;
        }
    }
    *ret_name = least;
    return least.ptr != NULL;
}

/* Whether two definitions are the same (X1). */
static copse_status merge_index_is_same(const copse_env *env, const copse_index_definition *a,
                                        const copse_index_definition *b, bool *ret_same,
                                        copse_err *err)
{
    *ret_same = a == NULL && b == NULL;
    if (a == NULL || b == NULL) {
        return COPSE_OK;
    }
    copse_index_definition left = *a;
    copse_index_definition right = *b;
    left.is_unbuilt = right.is_unbuilt = true;
    return copse_index_definition_equal(env, &left, &right, ret_same, err);
}

/* What becomes of an index. */
typedef struct merge_index_verdict {
    const copse_index_definition *definition; /* NULL: it is dropped */
    bool is_built;
    bool is_conflict;
} merge_index_verdict;

static copse_status merge_index_judge(const copse_database_merge *merge, const merge_index *index,
                                      merge_index_verdict *ret_verdict, copse_err *err)
{
    const copse_index_definition *base = index->sides[COPSE_MERGE_BASE];
    const copse_index_definition *ours = index->sides[COPSE_MERGE_OURS];
    const copse_index_definition *theirs = index->sides[COPSE_MERGE_THEIRS];
    bool is_alike = false;
    bool is_ours_same = false;
    bool is_theirs_same = false;
    copse_status status = merge_index_is_same(merge->env, ours, theirs, &is_alike, err);
    if (status == COPSE_OK) {
        status = merge_index_is_same(merge->env, base, ours, &is_ours_same, err);
    }
    if (status == COPSE_OK) {
        status = merge_index_is_same(merge->env, base, theirs, &is_theirs_same, err);
    }
    if (status == COPSE_OK) {
        *ret_verdict = (merge_index_verdict){
            .definition = is_alike || is_theirs_same ? ours : theirs,
            .is_built = is_alike && ours != NULL && !ours->is_unbuilt && !theirs->is_unbuilt,
            .is_conflict = !is_alike && !is_ours_same && !is_theirs_same};
    }
    return status;
}

/* Adds the operations that give ours the index. */
static copse_status merge_index_put(copse_database_merge *merge, const copse_index_definition *ours,
                                    const merge_index_verdict *verdict, copse_err *err)
{
    bool is_kept = false;
    copse_status status = merge_index_is_same(merge->env, ours, verdict->definition, &is_kept, err);
    is_kept = is_kept && (ours == NULL || ours->is_unbuilt == !verdict->is_built);
    if (status == COPSE_OK && !is_kept && ours != NULL) {
        status = copse_write_drop_index(merge->write, merge->name, ours->name, err);
    }
    if (status == COPSE_OK && !is_kept && verdict->definition != NULL) {
        copse_index_definition definition = *verdict->definition;
        definition.is_unbuilt = !verdict->is_built;
        status = copse_write_create_index(merge->write, merge->name, &definition, err);
    }
    return status;
}

/* DENIED: theirs may not have the index as it has it, and that was refused. */
static copse_status merge_index_review(copse_database_merge *merge, const merge_index *index,
                                       copse_bytes name, copse_err *err)
{
    const copse_index_definition *theirs = index->sides[COPSE_MERGE_THEIRS];
    const copse_index_definition *before =
        index->sides[merge->collections[COPSE_MERGE_BASE] != NULL ? COPSE_MERGE_BASE
                                                                  : COPSE_MERGE_OURS];
    bool is_same = false;
    copse_status status = merge_index_is_same(merge->env, before, theirs, &is_same, err);
    bool is_built =
        merge->is_forward && is_same && theirs != NULL && before->is_unbuilt && !theirs->is_unbuilt;
    return status == COPSE_OK && (!is_same || is_built) ? copse_merge_review_index(merge, name, err)
                                                        : status;
}

/* END: settled. OK: a conflict. */
static copse_status merge_index_settle(copse_database_merge *merge, const merge_index *index,
                                       copse_bytes name, copse_database_conflict *ret_conflict,
                                       copse_err *err)
{
    const copse_index_definition *ours = index->sides[COPSE_MERGE_OURS];
    const copse_index_definition *theirs = index->sides[COPSE_MERGE_THEIRS];
    merge_index_verdict verdict = {.definition = theirs};
    bool is_same = false;
    copse_status status = merge_index_is_same(merge->env, ours, theirs, &is_same, err);
    merge->walk.is_touched = merge->walk.is_touched || !is_same; /* K2 */
    if (status == COPSE_OK && merge->review != NULL && !merge->is_taken_whole) {
        status = merge_index_review(merge, index, name, err);
        if (status == COPSE_DENIED) {
            return COPSE_END;
        }
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (!merge->is_taken_whole && !merge->is_forward) {
        status = merge_index_judge(merge, index, &verdict, err);
    } else if (theirs != NULL) { /* X3 */
        verdict.is_built = !theirs->is_unbuilt;
    }
    if (status == COPSE_OK && verdict.is_conflict) {
        *ret_conflict = (copse_database_conflict){
            .what = COPSE_CONFLICT_INDEX, .collection = merge->name, .index = name};
        merge->stats.conflicts++;
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = merge_index_put(merge, ours, &verdict, err);
    }
    return status == COPSE_OK ? COPSE_END : status;
}

copse_status copse_merge_indexes(copse_database_merge *merge, copse_database_conflict *ret_conflict,
                                 copse_err *err)
{
    merge_index index;
    copse_bytes name;
    while (merge_index_next(merge, &index, &name)) {
        copse_status status = merge_index_settle(merge, &index, name, ret_conflict, err);
        if (status == COPSE_OK || status == COPSE_END) {
            merge->index_last = name;
        }
        if (status != COPSE_END) {
            return status;
        }
    }
    merge->index_last = (copse_bytes){NULL, 0};
    return COPSE_END;
}

copse_status copse_merge_has_same_indexes(const copse_env *env, const copse_collection *a,
                                          const copse_collection *b, bool *ret_same, copse_err *err)
{
    copse_status status = COPSE_OK;
    *ret_same = a->indexes_count == b->indexes_count;
    for (size_t i = 0; i < a->indexes_count && *ret_same && status == COPSE_OK; i++) {
        *ret_same = copse_bytes_equal(a->indexes[i].name, b->indexes[i].name);
        if (*ret_same) {
            status = merge_index_is_same(env, &a->indexes[i], &b->indexes[i], ret_same, err);
        }
    }
    return status;
}
