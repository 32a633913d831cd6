/* Walking through history: all commits that some heads come from, newest first.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HISTORY_LOG_H
#define COPSE_HISTORY_LOG_H

#include <copse/commit.h>

COPSE_EXTERN_C_BEGIN

/** A walk in progress. Belongs to one thread. Holds the commits at its front, and 32 to 96 bytes
 * for each seen. */
typedef struct copse_history_log copse_history_log;

/** Begins at `heads`. Reads nothing yet. `source` must outlive it. NOMEM; MISUSE: a zeroed CID. */
COPSE_API COPSE_MUST_USE copse_status copse_history_log_new(const copse_env *env,
                                                            copse_source *source,
                                                            const copse_cid *heads, size_t count,
                                                            copse_history_log **ret_log,
                                                            copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_history_log *copse_history_log_free(copse_history_log *log);

/** Gives the next commit and its CID, both lent until the next call: by time, then generation, then
 * CID, the greatest first, each once. So no commit comes before one that was made on it. END. WANT:
 * supply and call again. CORRUPT: a block is no commit, or one that is not older than what was made
 * on it. IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_history_log_next(copse_history_log *log,
                                                             const copse_cid **ret_cid,
                                                             const copse_commit **ret_commit,
                                                             copse_err *err);

COPSE_EXTERN_C_END

#endif
