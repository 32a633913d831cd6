/* Making one head of many: which of them have to be merged, and in what order.
 *
 *     copse_head_fold_new(&env, source, heads, count, &fold, &err);
 *     while ((status = copse_head_fold_next(fold, &ours, &theirs, &err)) == COPSE_OK) {
 *         merge the two (head_merge.h), put the commit
 *         copse_head_fold_merged(fold, &commit);
 *     }
 *     on END: copse_head_fold_head says what is left
 *
 *   F1  What is merged, and so what is left, depends on the set of heads alone: they are taken by
 *       CID. Whoever folds the same heads makes the same commits.
 *   F2  A head that another one stands for (head_order.h) takes no part: nothing is merged without
 *       need.
 *   F3  What is left has every commit, but for automatic merges, that one of the heads comes from.
 *
 * So databases that take each other's heads by it come to rest at one, however late and out of
 * order they hear of them: as long as something is new to somebody, he gets more of a finite set of
 * commits (F3); where all have the same commits, and their merges came to the same tree, nothing is
 * merged any more, and the head that stands for all is taken by all (F2).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HEAD_FOLD_H
#define COPSE_HEAD_FOLD_H

#include <copse/commit.h>

COPSE_EXTERN_C_BEGIN

/** The most heads of one fold. */
#define COPSE_HEAD_FOLD_MAX 128

/** A fold in progress. Belongs to one thread. */
typedef struct copse_head_fold copse_head_fold;

/** Begins with `count` commits, in any order; one that stands there twice counts once. Reads
 * nothing yet. `env` and `source` must outlive it. MISUSE: none, more than COPSE_HEAD_FOLD_MAX, a
 * zeroed CID. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_head_fold_new(const copse_env *env,
                                                          copse_source *source,
                                                          const copse_cid *heads, size_t count,
                                                          copse_head_fold **ret_fold,
                                                          copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_head_fold *copse_head_fold_free(copse_head_fold *fold);

/** The next two to merge, lent until the next call: the same again until copse_head_fold_merged.
 * END: one is left. WANT: supply and call again. CORRUPT: a block is no commit, or one that is not
 * older than what was made on it. IO, NOMEM. A failure is for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_head_fold_next(copse_head_fold *fold,
                                                           const copse_cid **ret_ours,
                                                           const copse_cid **ret_theirs,
                                                           copse_err *err);

/** `commit` is what became of the two; its block is there. */
COPSE_API void copse_head_fold_merged(copse_head_fold *fold, const copse_cid *commit);

/** What is left; valid after END until the fold is freed. */
COPSE_API const copse_cid *copse_head_fold_head(const copse_head_fold *fold);

COPSE_EXTERN_C_END

#endif
