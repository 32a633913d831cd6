/* What one history has and another has not: the commits that some heads come from, without those
 * that others come from. It is what somebody who has these needs to have those.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HISTORY_RANGE_H
#define COPSE_HISTORY_RANGE_H

#include <copse/commit.h>

COPSE_EXTERN_C_BEGIN

/** A walk in progress. Belongs to one thread. Holds about 200 bytes for each commit that it has
 * met, and the blocks at its front. */
typedef struct copse_history_range copse_history_range;

/** Begins with what `want` come from, without what `have` come from. Reads nothing yet. `source`
 * must outlive it. NOMEM; MISUSE: a zeroed CID, or nothing wanted. */
COPSE_API COPSE_MUST_USE copse_status copse_history_range_new(
    const copse_env *env, copse_source *source, const copse_cid *want, size_t want_count,
    const copse_cid *have, size_t have_count, copse_history_range **ret_range, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_history_range *copse_history_range_free(copse_history_range *range);

/** Gives the next commit and its CID, both lent until the next call: each once, and none before one
 * that was made on it. END. WANT: supply and call again; nothing is lost. CORRUPT: a block is no
 * commit, or one that is not older than what was made on it. IO, NOMEM. A failure is for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_history_range_next(copse_history_range *range,
                                                               const copse_cid **ret_cid,
                                                               const copse_commit **ret_commit,
                                                               copse_err *err);

/** The commits that were read, also those that both have. */
COPSE_API uint64_t copse_history_range_commits_read(const copse_history_range *range);

COPSE_EXTERN_C_END

#endif
