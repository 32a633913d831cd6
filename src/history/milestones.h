/* A few commits of a history that tell somebody else how far back it agrees with theirs.
 *
 *   N1  They are the head and its first-parent ancestors at distances that are powers of two. So
 *       where the newest commit that both have lies d back on that line, one that both have is
 *       among them, less than 2 d back.
 *   N2  Of merges less than COPSE_MILESTONES_NEAR back the other parents are among them too: what
 *       both had at the last merge is there, whichever parent came first.
 *   N3  Only commits that are here; what is not is not asked for.
 *   N4  Where the line ends here, be it with its first commit or since what is behind is not here,
 *       as in a clone, the last commit that skip links lead to is among them, and some before it.
 *
 * Cost: COPSE_MILESTONES_NEAR commits, some log2(n)^2 more of n, and those given.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HISTORY_MILESTONES_H
#define COPSE_HISTORY_MILESTONES_H

#include <copse/commit.h>

enum { COPSE_MILESTONES_NEAR = 64, COPSE_MILESTONES_MAX = 256 };

typedef struct copse_milestones {
    copse_cid cids[COPSE_MILESTONES_MAX]; /**< The head first; distinct commits, mostly. */
    size_t count;
} copse_milestones;

/** Finds those of `head`, among the blocks that `source` has. OK; none if the head is not here or
 * is no commit. IO, NOMEM. */
COPSE_MUST_USE copse_status copse_milestones_find(const copse_env *env, copse_source *source,
                                                  const copse_cid *head,
                                                  copse_milestones *ret_milestones, copse_err *err);

#endif
