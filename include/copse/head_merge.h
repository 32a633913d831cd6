/* Merging two histories: their bases, the merged tree, and the commit that both become.
 *
 *     copse_head_merge_new(&options, &merge, &err);
 *     while ((status = copse_head_merge_next(merge, &conflict, &err)) == COPSE_OK) report;
 *     on END: copse_head_merge_result says what it is; of a MADE one, encode its commit, put it,
 * and move the head
 *
 * In a database with a creator (identity.h) theirs is *reviewed*: of what it would change, only
 * that is taken which the signer of its head may change, by the statements of both sides
 * (copse_authority_can); the rest stays as ours has it, and is told. Of a document with a signature
 * of its own (a collection that is lww) its signer is asked. Statements need no right. The clock of
 * the env says what has expired. Where the signer's rights are not enough, and where theirs is an
 * automatic merge, the commits that it is made of are merged in turn (head_frontier.h).
 * docs/writers.md has the rules.
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
    bool is_last_lost; /**< What copse_head_merge_wants_last told of can't be had. */
    copse_merge_policy policy; /**< As copse_database_merge_options.policy. */
    copse_merge_conflicts conflicts;
    copse_bytes author; /**< Of the commit, where conflicts are settled for one side; borrowed. */
    copse_bytes message;
    const copse_key *key; /**< Of the author: signs what is put on the way to the last commit, where
                               conflicts are settled and the frontier is merged; NULL: nobody. */
} copse_head_merge_options;

typedef enum copse_head_merge_kind {
    COPSE_HEAD_MERGE_NOTHING, /**< Ours comes from theirs, or is it: it has all. With a review: or
                                   theirs changes nothing, and is by who may write nothing. */
    COPSE_HEAD_MERGE_FORWARD, /**< Theirs comes from ours: it is the merge. With a review: nothing
                                   was refused, and its tree is the one that its documents make. */
    COPSE_HEAD_MERGE_MADE,    /**< A new tree. */
    COPSE_HEAD_MERGE_REFUSED, /**< The review left nothing of theirs: ours stays, and no commit is
                                   to be made. */
    COPSE_HEAD_MERGE_HELD     /**< The time of theirs is more than COPSE_HEAD_MERGE_AHEAD_MS_MAX
                                   ahead of the clock of the env: ours stays. */
} copse_head_merge_kind;

/** How far a head's time may be ahead of the own clock. */
#define COPSE_HEAD_MERGE_AHEAD_MS_MAX 300000
/** Refusals that are told one by one; the others are counted. */
#define COPSE_HEAD_MERGE_REFUSALS_MAX 256

/** What a review did not take from theirs. Views are valid until the merge is freed. */
typedef struct copse_head_refusal {
    copse_database_conflict_what what; /**< COLLECTION: it is made, dropped, or has other options,
                                            all of which, with its documents, stays away. */
    copse_bytes collection;
    copse_bytes index;  /**< INDEX: its name. */
    copse_bytes id;     /**< DOCUMENT: the primary key, one item. */
    const char *reason; /**< For people: "did:key:… has no grant", "the commit is not signed". One
                             text for all of one reason. */
} copse_head_refusal;

typedef struct copse_head_merge_result {
    copse_head_merge_kind kind;
    copse_commit commit; /**< MADE: the automatic merge of both heads (copse_commit_merge); if a
                              conflict was settled for OURS or THEIRS, a commit on ours, then
                            theirs, with the author and message of the options. */
    copse_cid head;      /**< FORWARD: what ours becomes: theirs, or one of the commits that theirs
                              comes from. Else zeroed. */
    size_t bases;        /**< How many they have. */
    copse_database_merge_stats stats;
    copse_write_stats written;
    uint64_t held_until_ms; /**< HELD: when it is held no more. */
    bool is_form_wrong;     /**< Nothing was refused, but indexes, counts or the form of their tree
                                 are not what its documents make: what these make was MADE. Only
                                 where theirs comes from ours anybody looks. */
    const copse_head_refusal *refusals; /**< The first ones; valid until the merge is freed. */
    size_t refusals_count;
    uint64_t refused; /**< All of them. */
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
 * them. MISUSE: the env has no clock, and a conflict was settled, or theirs is reviewed. LIMIT:
 * more than 16 bases, or bases of bases more than 16 deep; with a review: or theirs has more new
 * history than is looked at (head_frontier.h). CORRUPT, IO, NOMEM, the store's failures. A failure
 * is for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_head_merge_next(copse_head_merge *merge,
                                                            copse_database_conflict *ret_conflict,
                                                            copse_err *err);

/** Whether what the last WANT asked for is of the base: where it is to be had nowhere, a merge with
 * is_base_lost may do without. */
COPSE_API bool copse_head_merge_wants_base(const copse_head_merge *merge);

/** Whether what the last WANT asked for is of the history of a revocation's last commit: where it
 * is to be had nowhere, a merge with is_last_lost takes it that theirs is not in it. */
COPSE_API bool copse_head_merge_wants_last(const copse_head_merge *merge);

/** What came of it; valid after END until the merge is freed. */
COPSE_API const copse_head_merge_result *copse_head_merge_get_result(const copse_head_merge *merge);

COPSE_EXTERN_C_END

#endif
