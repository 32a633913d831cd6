/* Entering a collection of a merge: which of its sides says what it is, and how its documents
 * merge.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

bool copse_merge_has_same_options(const copse_collection *a, const copse_collection *b)
{
    return a->documents == b->documents && copse_bytes_equal(a->primary_key, b->primary_key) &&
           a->merge == b->merge && a->tombstone_days == b->tombstone_days &&
           a->is_signed == b->is_signed;
}

bool copse_merge_is_like(const copse_collection *a, const copse_collection *b)
{
    return a->documents == b->documents && copse_bytes_equal(a->primary_key, b->primary_key);
}

/* The collection whose options the merged one has: ours, theirs if only they changed them, or NULL,
 * if both did. */
static const copse_collection *database_merge_agree(const copse_database_merge *merge)
{
    const copse_collection *base = merge->collections[COPSE_MERGE_BASE];
    const copse_collection *ours = merge->collections[COPSE_MERGE_OURS];
    const copse_collection *theirs = merge->collections[COPSE_MERGE_THEIRS];
    if (ours == NULL || theirs == NULL || copse_merge_has_same_options(ours, theirs)) {
        return ours != NULL ? ours : theirs;
    }
    if (base == NULL || !copse_merge_is_like(ours, theirs)) {
        return NULL;
    }
    return copse_merge_has_same_options(base, theirs) ? ours
           : copse_merge_has_same_options(base, ours) ? theirs
                                                      : NULL;
}

/* Whether ours says what the collection is, since what theirs made of it was refused. */
static bool database_merge_is_ours(const copse_database_merge *merge)
{
    return merge->collections[COPSE_MERGE_OURS] != NULL && merge->review != NULL &&
           copse_head_review_has_refused(merge->review, merge->name);
}

/* Up to when deletions were forgotten, by ours or, where it may say so, by theirs. */
static uint64_t database_merge_forgotten_ms(const copse_database_merge *merge)
{
    const copse_collection *ours = merge->collections[COPSE_MERGE_OURS];
    const copse_collection *theirs = merge->collections[COPSE_MERGE_THEIRS];
    uint64_t ours_ms = ours != NULL ? ours->forgotten_ms : 0;
    uint64_t theirs_ms =
        theirs != NULL && !database_merge_is_ours(merge) ? theirs->forgotten_ms : 0;
    return ours_ms > theirs_ms ? ours_ms : theirs_ms;
}

/* A forward merge takes a collection that was dropped and made anew, with other keys, whole. */
static void database_merge_renew(copse_database_merge *merge)
{
    const copse_collection **collections = merge->collections;
    if (merge->is_forward && collections[COPSE_MERGE_OURS] != NULL &&
        collections[COPSE_MERGE_THEIRS] != NULL && !database_merge_is_ours(merge) &&
        !copse_merge_is_like(collections[COPSE_MERGE_OURS], collections[COPSE_MERGE_THEIRS])) {
        collections[COPSE_MERGE_BASE] = collections[COPSE_MERGE_OURS] = NULL;
    }
}

void copse_merge_enter_collection(copse_database_merge *merge, copse_bytes name)
{
    merge->name = name;
    for (size_t side = 0; side < COPSE_MERGE_SIDES; side++) {
        merge->collections[side] = merge->databases[side] != NULL
                                       ? copse_database_collection(merge->databases[side], name)
                                       : NULL;
    }
    database_merge_renew(merge);
    const copse_collection **base = &merge->collections[COPSE_MERGE_BASE];
    const copse_collection *ours = merge->collections[COPSE_MERGE_OURS];
    const copse_collection *theirs = merge->collections[COPSE_MERGE_THEIRS];
    const copse_collection *agreed =
        database_merge_is_ours(merge) ? ours : database_merge_agree(merge);
    merge->is_disputed = agreed == NULL && ours != NULL;
    if (merge->is_disputed && copse_merge_is_like(ours, theirs)) {
        agreed = ours; /* of their documents something can be made */
    }
    merge->agreed = agreed;
    merge->is_taken_whole = ours == NULL;
    merge->forgotten_ms = database_merge_forgotten_ms(merge);
    if (agreed != NULL) {
        merge->policy =
            agreed->merge == COPSE_MERGE_THREE_WAY ? merge->options.policy : agreed->merge;
    }
    if (*base != NULL && agreed != NULL && !merge->is_taken_whole &&
        !copse_bytes_equal((*base)->primary_key, agreed->primary_key)) {
        *base = NULL; /* its rows are of other documents */
    }
}
