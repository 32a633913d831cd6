/* Merging databases in tests: both ways round, checked, and over what is not there yet.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_PAIR_H
#define COPSE_TESTS_MERGE_PAIR_H

#include "support/database_world.h"

#include <copse/database_merge.h>

/** A merge, by the roots of its trees. */
typedef struct merge_pair_case {
    const copse_cid *base; /* NULL: none */
    const copse_cid *ours;
    const copse_cid *theirs;
    copse_merge_head ours_head;
    copse_merge_head theirs_head;
    copse_merge_policy policy;
    copse_merge_conflicts conflicts;
} merge_pair_case;

typedef struct merge_pair_outcome {
    copse_cid root;
    copse_database_merge_stats stats;
    char conflicts[1024]; /* as database_sides_note has them */
} merge_pair_outcome;

/** The case with ours and theirs swapped, and what becomes of conflicts likewise. */
merge_pair_case merge_pair_swap(const merge_pair_case *merge);

/** Merges over a cache and its source; `store` NULL: what was decided is not applied. */
copse_status merge_pair_over(copse_node_cache *cache, copse_store *store,
                             const merge_pair_case *merge, merge_pair_outcome *ret_outcome,
                             copse_err *err);

/** Merges over the world's store; fails the test unless that is OK, the merged database has no
 * defect, and the other way round makes the same of it: the same conflicts, and without any the
 * same tree. */
void merge_pair_run(database_world *db, const merge_pair_case *merge,
                    merge_pair_outcome *ret_outcome);

/** Merges anew over stores that have nothing at first and are given what is wanted; fails the test
 * unless it comes to the same. Returns the number of blocks that were given. */
size_t merge_pair_fetch(database_world *db, const merge_pair_case *merge,
                        const merge_pair_outcome *expected);

/** Merges with each of its allocations failing, over the world's store, which has all blocks; what
 * was decided is applied if `applies`. Returns what test_env_sweep does. */
uint64_t merge_pair_sweep(database_world *db, const merge_pair_case *merge, bool applies);

/** Fails the test if the database at `root` has a defect. */
void merge_pair_check(database_world *db, const copse_cid *root);

/** Commits, and gives the root. */
copse_cid merge_pair_commit(database_world *db);

#endif
