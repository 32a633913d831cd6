/* Histories of a database, and merges of their heads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_HEAD_WORLD_H
#define COPSE_TESTS_HEAD_WORLD_H

#include "support/database_world.h"

#include <copse/head_merge.h>

/** Makes a commit of db->tree. */
copse_cid head_world_commit_tree(database_world *db, const copse_cid *parents, size_t count,
                                 const char *message);

/** Makes a commit of what `operations` make of the first parent's tree, without one of a collection
 * posts whose index on n is unique: "put JSON", "del ID", "keep DAYS" (last writers win, and
 * deletions are kept so long), "days DAYS" (an option that says nothing where nothing has versions)
 * or "forget MS" (deletions from before), separated by ';'. */
copse_cid head_world_commit(database_world *db, const copse_cid *parents, size_t count,
                            const char *operations);

typedef struct head_world_outcome {
    copse_head_merge_result result;
    copse_cid commit; /* of a MADE one */
    size_t conflicts;
    copse_err err;
} head_world_outcome;

/** Merges, and puts the commit of a MADE one into the options' store. Blocks that the cache's
 * source wants come from `from`. */
copse_status head_world_merge_over(const copse_env *env, const copse_head_merge_options *options,
                                   copse_store *from, head_world_outcome *ret_outcome);

/** Merges in the world's store. */
copse_status head_world_merge(database_world *db, const copse_cid *ours, const copse_cid *theirs,
                              copse_merge_policy policy, copse_merge_conflicts conflicts,
                              head_world_outcome *ret_outcome);

/** Merges both ways; fails the test unless both are OK and, without conflicts, make one commit. */
void head_world_merge_both_ways(database_world *db, const copse_cid *a, const copse_cid *b,
                                copse_merge_conflicts conflicts, head_world_outcome *ret_outcome);

/** Fails the test unless that is the document in posts of a tree; NULL: there must be none. */
void head_world_expect(database_world *db, const copse_cid *tree, const char *id,
                       const char *expected);

#endif
