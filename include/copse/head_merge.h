/* Merging two histories: their bases, the merged tree, and the commit that both become.
 *
 *     copse_head_merge_new(&options, &merge, &err);
 *     while ((status = copse_head_merge_next(merge, &conflict, &err)) == COPSE_OK) report;
 *     on END: copse_head_merge_result says what it is; of a MADE one, encode its commit, put it,
 * and move the head
 *
 * Several bases (histories that were merged crosswise) are merged first, by the same rules and in
 * the order of their CIDs; where they conflict, as if the conflicts were recorded.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HEAD_MERGE_H
#define COPSE_HEAD_MERGE_H

#include <copse/commit.h>
#include <copse/database_merge.h>

COPSE_EXTERN_C_BEGIN

typedef struct copse_head_merge_options {
    copse_node_cache *cache; /**< Over both histories and their trees. */
    copse_store *store; /**< Where new blocks go; its source reads from it. Bases that are merged
                             leave blocks there which nothing leads to. */
    copse_cid ours;     /**< Commits. */
    copse_cid theirs;
    bool is_base_lost; /**< The tree where they parted can't be had, and is not read; the commit is:
                             as copse_database_merge_options.is_base_lost. */
    copse_merge_policy policy; /**< As copse_database_merge_options.policy. */
    copse_merge_conflicts conflicts;
    copse_bytes author; /**< Of the commit, where conflicts are settled for one side; borrowed. */
    copse_bytes message;
} copse_head_merge_options;

typedef enum copse_head_merge_kind {
    COPSE_HEAD_MERGE_NOTHING, /**< Ours comes from theirs, or is it: it has all. */
    COPSE_HEAD_MERGE_FORWARD, /**< Theirs comes from ours: it is the merge. */
    COPSE_HEAD_MERGE_MADE     /**< A new tree. */
} copse_head_merge_kind;

typedef struct copse_head_merge_result {
    copse_head_merge_kind kind;
    copse_commit commit; /**< MADE: the automatic merge of both heads (copse_commit_merge); if a
                              conflict was settled for OURS or THEIRS, a commit on ours, then
                            theirs, with the author and message of the options. */
    size_t bases;        /**< How many they have. */
    copse_database_merge_stats stats;
    copse_write_stats written;
} copse_head_merge_result;

/** A merge in progress. Belongs to the thread of the node cache. */
typedef struct copse_head_merge copse_head_merge;

/** Begins; `env` and what the options name must outlive it. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_head_merge_new(const copse_env *env,
                                                           const copse_head_merge_options *options,
                                                           copse_head_merge **ret_merge,
                                                           copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_head_merge *copse_head_merge_free(copse_head_merge *merge);

/** Goes on to the next conflict, of which ours stays. END: it is done. WANT: supply and call again.
 * CONFLICT: a collection that is three-way differs, and they have no common past, or it is lost; or
 * one head has a commit that the other does not come from, and that is older than the deletions
 * which a collection of either has forgotten (copse_collection.forgotten_ms): it may be one of
 * them. MISUSE: a conflict was settled, and the env has no clock for the commit. LIMIT: more than
 * 16 bases, or bases of bases more than 16 deep. CORRUPT, IO, NOMEM, the store's failures. A
 * failure is for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_head_merge_next(copse_head_merge *merge,
                                                            copse_database_conflict *ret_conflict,
                                                            copse_err *err);

/** Whether what the last WANT asked for is of the base: where it is to be had nowhere, a merge with
 * is_base_lost may do without. */
COPSE_API bool copse_head_merge_wants_base(const copse_head_merge *merge);

/** What came of it; valid after END until the merge is freed. */
COPSE_API const copse_head_merge_result *copse_head_merge_get_result(const copse_head_merge *merge);

COPSE_EXTERN_C_END

#endif
