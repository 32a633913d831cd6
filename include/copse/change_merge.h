/* Making a change again: what differs between two states of a database is made of operations on a
 * third. What `git revert` and `git cherry-pick` do for files:
 *
 *     cherry-pick     from the parent of a commit to the commit, on another head
 *     revert          from the commit back to its parent, on what came of it
 *
 *     copse_change_merge_new(&options, write, &merge, &err);
 *     while ((status = copse_change_merge_next(merge, &conflict, &err)) == COPSE_OK) report;
 *     write_options.is_unique_in_the_end = true;
 *     copse_write_apply(write, tree of ours, …, &write_options, …);       on END
 *     then an ordinary commit
 *
 * It is a write and no merge of histories: somebody wants it, now. So the policies of collections
 * play no part, documents get new versions, and unique indexes refuse what clashes. Rules:
 *
 *   documents     What ours still has as it was before is made so. What ours has already as it is
 *                 after stays. A document that ours has otherwise is merged by its fields
 *                 (document_merge.h).
 *   collections,  Likewise, each as a whole: made, dropped, with other options. A collection is
 *   indexes       dropped only if its documents are as they were before.
 *
 * Where that can't be there is a conflict, and ours stays whole. What a merge left open
 * (database_conflicts.h) is no part of a change.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CHANGE_MERGE_H
#define COPSE_CHANGE_MERGE_H

#include <copse/database_merge.h>

COPSE_EXTERN_C_BEGIN

typedef struct copse_change_merge_options {
    copse_database *before; /**< All three stay open, and have one node cache. */
    copse_database *after;
    copse_database *ours;
} copse_change_merge_options;

/** Making one, in progress. Belongs to the databases' thread. */
typedef struct copse_change_merge copse_change_merge;

/** Begins: operations will be added to `write`, behind those that are there, at most one on each
 * document. Reads nothing yet. MISUSE: a database of version 1, or another node cache. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status
copse_change_merge_new(const copse_change_merge_options *options, copse_write *write,
                       copse_change_merge **ret_merge, copse_err *err);

/** Frees it; the operations stay. NULL is allowed. Returns NULL. */
COPSE_API copse_change_merge *copse_change_merge_free(copse_change_merge *merge);

/** Goes on to the next conflict: `base` is as it was before, `theirs` as it is after. END: all
 * operations are there. WANT: supply and call again. CORRUPT, LIMIT, IO, NOMEM: for ever; the
 * operations are not to be used. */
COPSE_API COPSE_MUST_USE copse_status copse_change_merge_next(copse_change_merge *merge,
                                                              copse_database_conflict *ret_conflict,
                                                              copse_err *err);

/** What came of it until now: of documents only. */
COPSE_API copse_database_merge_stats copse_change_merge_get_stats(const copse_change_merge *merge);

COPSE_EXTERN_C_END

#endif
