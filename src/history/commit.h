/* The rules of a commit that its block alone shows: H1 to H3 in commit.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HISTORY_COMMIT_H
#define COPSE_HISTORY_COMMIT_H

#include <copse/buf.h>
#include <copse/commit.h>

/** Below 0: time a comes before time b, of commits or of what they hold; 0: the same. */
static inline int copse_commit_time_compare(uint64_t a_ms, uint32_t a_counter, uint64_t b_ms,
                                            uint32_t b_counter)
{
    return a_ms != b_ms             ? (a_ms < b_ms ? -1 : 1)
           : a_counter != b_counter ? (a_counter < b_counter ? -1 : 1)
                                    : 0;
}

/** What rule `commit` breaks, static text for people; NULL: none. */
const char *copse_commit_fault(const copse_commit *commit);

/** Whether copse_commit_merge makes such a commit. */
bool copse_commit_is_automatic(const copse_commit *commit);

/** Appends the encoding of a commit. MISUSE: it breaks a rule. LIMIT, NOMEM: the buf may hold a
 * part of it. */
COPSE_MUST_USE copse_status copse_commit_write(const copse_commit *commit, copse_buf *ret_buf,
                                               copse_err *err);

/** Finds out which tree `root` names: that of the commit that it is, or, if its block is none,
 * itself. Begins an operation on the source. Statuses as copse_source_get, CORRUPT, LIMIT. */
COPSE_MUST_USE copse_status copse_commit_find_tree(const copse_env *env, copse_source *source,
                                                   const copse_cid *root, copse_cid *ret_tree,
                                                   copse_err *err);

#endif
