/* A database with a creator, a history in which several persons sign, and merges of its heads under
 * review, for tests. Each call fails the test (cmocka) that can't do what it says.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_REVIEW_WORLD_H
#define COPSE_TESTS_REVIEW_WORLD_H

#include "support/database_world.h"

#include <copse/head_merge.h>
#include <copse/statement.h>

enum { REVIEW_ANN, REVIEW_BEN, REVIEW_CAT, REVIEW_PERSONS, REVIEW_NOBODY = REVIEW_PERSONS };

#define REVIEW_WORLD_NOW UINT64_C(1800000000000)

/** ANN made the database. */
typedef struct review_world {
    database_world db;
    uint64_t now_ms; /* what the clock says; each commit is a second later than the one before */
    copse_key *keys[REVIEW_PERSONS];
    copse_identity identity;
    copse_cid first; /* a commit by ANN: posts, whose index on n is unique, with 1 and 2, and notes,
                        where last writers win, with 1 */
    copse_cid parent;                 /* of the commit in the making */
    copse_head_merge *merge;          /* the last one; NULL: none */
    copse_head_merge_options options; /* of merges; the heads are filled in */
    copse_err err;                    /* of the last one that failed */
} review_world;

void review_world_init(review_world *world);
void review_world_release(review_world *world);

/** Makes db->tree that of a commit, on which the next one is made. */
void review_world_at(review_world *world, const copse_cid *commit);

/** Applies what was added to db->write as if `writer` did it (NOBODY: as a merge does, which nobody
 * is asked for), and makes a commit of it that `signer` signs (NOBODY: unsigned). */
copse_cid review_world_commit(review_world *world, size_t writer, size_t signer);

/** The same with a tree that was made otherwise. */
copse_cid review_world_commit_tree(review_world *world, const copse_cid *tree, size_t signer);

/** Commits by ANN on `parent` what she says about `to`. */
copse_cid review_world_grant(review_world *world, const copse_cid *parent, size_t to,
                             copse_right right, const char *collection, uint64_t expires_ms,
                             copse_cid *ret_grant);
copse_cid review_world_revoke(review_world *world, const copse_cid *parent, size_t to,
                              const copse_cid *grant, const copse_cid *last);

/** Adds a document, {"_id": id, "n": n}, to a collection, or changes it, on `parent`; commits. */
copse_cid review_world_put(review_world *world, const copse_cid *parent, size_t signer,
                           const char *collection, const char *json);

/** Merges to the end; the result is valid until the next merge. */
const copse_head_merge_result *review_world_merge(review_world *world, const copse_cid *ours,
                                                  const copse_cid *theirs);

/** The same; puts the commit of a MADE one, and gives the head that ours is then. */
copse_cid review_world_take(review_world *world, const copse_cid *ours, const copse_cid *theirs,
                            const copse_head_merge_result **ret_result);

/** The result must have one refusal, of this; `id`: JSON, or NULL. */
void review_world_expect_refusal(const copse_head_merge_result *result,
                                 copse_database_conflict_what what, const char *collection,
                                 const char *id, const char *reason);

/** That must be the document in a commit's tree; NULL: there is none. */
void review_world_expect(review_world *world, const copse_cid *commit, const char *collection,
                         const char *id, const char *expected);

/** The tree of a commit. */
copse_cid review_world_tree(review_world *world, const copse_cid *commit);

#endif
