/* Commits in a store, for tests of history.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TEST_COMMIT_WORLD_H
#define COPSE_TEST_COMMIT_WORLD_H

#include <copse/commit.h>
#include <copse/source.h>

#include "support/fault_store.h"
#include "support/test_env.h"

enum { COMMIT_WORLD_LINE_MAX = 300 };

typedef struct commit_world {
    test_env test;      /* its clock is `now` */
    copse_store *store; /* of fault_store */
    copse_source *source;
    uint64_t now;
    copse_cid cids[COMMIT_WORLD_LINE_MAX]; /* for the test that uses it */
} commit_world;

void commit_world_init(commit_world *world);

/* Puts `count` commits into `cids`, a random history: each on one to three of those before. */
void commit_world_init_random(commit_world *world, size_t count, uint32_t seed);

/* Whether `from` is `to`, or comes from it. */
bool commit_world_reaches(commit_world *world, const copse_cid *from, const copse_cid *to);

/* Asserts that all memory was given back. */
void commit_world_release(commit_world *world);

/* The tree that all commits are of. */
const copse_cid *commit_world_tree(void);

/* Puts the commit's block into the store. */
copse_cid commit_world_put(commit_world *world, const copse_commit *commit);

/* The next commit on top of these, not yet put. */
copse_commit commit_world_next(commit_world *world, const copse_cid *parents, size_t count);

/* How many blocks were got since fault_store_forget. */
size_t commit_world_gets(commit_world *world);

#endif
