/* A walk through history that hands marks down: each commit carries those of all that were made on
 * it.
 *
 * Commits come by generation, the highest first. So a commit comes after all that were made on it,
 * and its marks are complete then (K1). The walk ends when all that is left at its front has the
 * mark COPSE_MARK_DONE (K2).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HISTORY_MARKED_WALK_H
#define COPSE_HISTORY_MARKED_WALK_H

#include <copse/commit.h>

/** What has it, and what it comes from, is not walked for its own sake. */
#define COPSE_MARK_DONE (1u << 31)

/** A commit to begin at. */
typedef struct copse_marked_head {
    copse_cid cid;
    unsigned marks;
} copse_marked_head;

/** A walk in progress. Belongs to one thread. Holds about 200 bytes for each commit that it has
 * met, and the blocks at its front. */
typedef struct copse_marked_walk copse_marked_walk;

/** Begins at `heads`; the marks of one that stands twice are put together. Reads nothing yet.
 * `source` must outlive it. NOMEM; MISUSE: a zeroed CID. */
COPSE_MUST_USE copse_status copse_marked_walk_new(const copse_env *env, copse_source *source,
                                                  const copse_marked_head *heads, size_t count,
                                                  copse_marked_walk **ret_walk, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
copse_marked_walk *copse_marked_walk_free(copse_marked_walk *walk);

/** Gives the next commit, and its marks; views are lent until the next call. END (K2). WANT: supply
 * and call again; nothing is lost. CORRUPT: a block is no commit, or one that is not older than
 * what was made on it. IO, NOMEM. A failure is for ever. */
COPSE_MUST_USE copse_status copse_marked_walk_next(copse_marked_walk *walk,
                                                   const copse_cid **ret_cid,
                                                   const copse_commit **ret_commit,
                                                   unsigned *ret_marks, copse_err *err);

/** Adds marks to those that the commit given last hands down. */
void copse_marked_walk_add_marks(copse_marked_walk *walk, unsigned marks);

/** Puts marks in the place of those that the commit given last hands down. */
void copse_marked_walk_set_marks(copse_marked_walk *walk, unsigned marks);

/** The commits given until now. */
uint64_t copse_marked_walk_commits_read(const copse_marked_walk *walk);

/** As copse_history_log_front_size_bytes. */
size_t copse_marked_walk_front_size_bytes(const copse_marked_walk *walk);

#endif
