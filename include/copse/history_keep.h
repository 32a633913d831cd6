/* What of the past stays when the rest is dropped: all commits, and the trees of some.
 *
 *     ref ── C4 ── C3 ── C2 ── C1        commits: each some hundred bytes, all kept
 *            │     │     ┊     ┊
 *            T4    T3    T2    T1        trees: kept of heads, of what is not older than a time,
 *                                      and of what was current at that time
 *
 * Commits stay, so that `log` lists them and merges find where histories parted; what needs a tree
 * that was dropped finds its root missing. The ref `dropped-history` says until
 * when trees may be missing on purpose (docs/formats/dropped-history.md), so that it is told from
 * damage.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HISTORY_KEEP_H
#define COPSE_HISTORY_KEEP_H

#include <copse/commit.h>
#include <copse/sys/refs.h>

COPSE_EXTERN_C_BEGIN

typedef enum copse_history_part_kind {
    COPSE_HISTORY_COMMIT,  /**< Kept; what it links to comes by itself. */
    COPSE_HISTORY_WHOLE,   /**< Kept with all that it leads to: a tree, or what a ref names that is
                                no commit. */
    COPSE_HISTORY_CURRENT, /**< A tree that is older, but was what a branch held at that time: kept
                               with all that it leads to, where it is there. */
    COPSE_HISTORY_DROPPED  /**< A tree that is not kept for the sake of this commit. */
} copse_history_part_kind;

typedef struct copse_history_part {
    copse_history_part_kind kind;
    copse_cid cid;
    copse_cid commit; /**< That the tree is of; size 0: of none. */
    uint64_t time_ms; /**< Of the commit; 0: it is not there, or there is none. */
} copse_history_part;

/** Any status but OK ends the walk and is returned. */
typedef copse_status (*copse_history_part_fn)(void *ctx, const copse_history_part *part,
                                              copse_err *err);

/** Visits every commit that a ref leads to, its tree behind it, and what refs name besides. A tree
 * is kept if its commit is what a ref names, or not older than `before_ms` (0: all are), or the
 * first older one behind those. A commit
 * that the store lacks is visited as a commit, without a tree; what can't be read as a commit is
 * kept whole. CORRUPT, IO: of the store; NOMEM; or what `visit` returned. Holds 32 to 96 bytes a
 * commit, and their links. */
COPSE_API COPSE_MUST_USE copse_status copse_history_keep(const copse_env *env, copse_refs *refs,
                                                         copse_store *store, uint64_t before_ms,
                                                         copse_history_part_fn visit, void *ctx,
                                                         copse_err *err);

/** The `before_ms` for copse_history_keep, by the clock of the env: the time that was `keep_ms`
 * ago; with 0 one that all commits are before, also where clocks were wrong. MISUSE: no clock. Else
 * as copse_history_keep. */
COPSE_API COPSE_MUST_USE copse_status
copse_history_keep_before(const copse_env *env, copse_refs *refs, copse_store *store,
                          uint64_t keep_ms, uint64_t *ret_before_ms, copse_err *err);

/** Until when trees may have been dropped: those of commits before *ret_before_ms; 0: none.
 * CORRUPT: what the ref names is no such note, or not there. IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_history_dropped(const copse_env *env, copse_refs *refs,
                                                            copse_store *store,
                                                            uint64_t *ret_before_ms,
                                                            copse_err *err);

/** Notes that trees of commits before `before_ms` may be dropped from now on: to be called before
 * they are. A note of a later time stays. CONFLICT: somebody else moved the ref; call again. Else
 * as copse_history_dropped, copse_store_put, copse_refs_swap. */
COPSE_API COPSE_MUST_USE copse_status copse_history_note_dropped(
    const copse_env *env, copse_refs *refs, copse_store *store, uint64_t before_ms, copse_err *err);

/** Finds the commit whose tree `tree` was dropped, or may have been: no ref names it, and it is
 * older than what copse_history_dropped says; *ret_part is of its tree. NOT_FOUND: there is none,
 * so that the tree is missing for another reason. Else as copse_history_keep,
 * copse_history_dropped. */
COPSE_API COPSE_MUST_USE copse_status
copse_history_find_dropped(const copse_env *env, copse_refs *refs, copse_store *store,
                           const copse_cid *tree, copse_history_part *ret_part, copse_err *err);

COPSE_EXTERN_C_END

#endif
