/* The body of an answer with history: a CAR of the commits that some come from, without those that
 * others come from, made by a walk while it is sent.
 *
 *   X1  Commits come by generation, the highest first: none before one that was made on it. So each
 *       is one that was asked for, or the parent of one before, and shows it.
 *   X2  It gives at most as many as asked for, answer_blocks_max of them and answer_size_bytes_max,
 *       holds answer_memory_bytes_max, and works as long as work_clock.h says, on what it reads and
 *       does not give too. Where it passes a limit, or a commit is not here, it ends early, as a
 *       CAR that is whole: links to commits that did not come show what else there is to ask for.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_COMMITS_BODY_H
#define COPSE_SERVE_COMMITS_BODY_H

#include "history/marked_walk.h"
#include "serve/metrics.h"
#include "serve/work_clock.h"

#include <copse/sys/store.h>

/** Makes the body of a CAR of the commits that `heads` come from, but for what those come from that
 * have COPSE_MARK_DONE; all are in `store`. Its root is `root`. `limit` 0: no other than X2.
 * `clock` is of the work on this answer so far. NOMEM: the answer has no body. */
COPSE_MUST_USE copse_status copse_commits_body(const copse_env *env, copse_store *store,
                                               const copse_cid *root,
                                               const copse_marked_head *heads, size_t heads_count,
                                               uint64_t limit, const copse_work_clock *clock,
                                               copse_metrics *metrics, copse_http_answer *answer,
                                               copse_err *err);

#endif
