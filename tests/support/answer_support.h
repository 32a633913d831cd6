/* Answers for tests: made into memory, and verified document by document against what the query
 * gives on the whole database.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_ANSWER_SUPPORT_H
#define COPSE_TESTS_ANSWER_SUPPORT_H

#include "support/database_world.h"
#include "support/proof_support.h"

#include <copse/answer.h>

enum { ANSWER_ONE_SECTIONS_MAX = 256 };

/** A database of one collection, `posts`. */
typedef struct answer_world {
    database_world db;
    copse_database *database;
    copse_cid commit; /* of its tree, in its store */
} answer_world;

/** A random one: documents of database_model_random_document, inline or linked, and some indexes.
 */
void answer_world_init_random(answer_world *world, uint64_t seed, size_t documents);

/** A fixed one: `documents` posts {_id, createdAt, tags, title}, indexes tags,-createdAt and
 * createdAt (which includes title). */
void answer_world_init_posts(answer_world *world, size_t documents);

/** The same posts as blocks of their own, to which the index tags,-createdAt links. */
void answer_world_init_linked_posts(answer_world *world, size_t documents);

void answer_world_release(answer_world *world);

/** A query with what its options borrow. Stays where it is. */
typedef struct answer_query {
    copse_env env;
    copse_query_options options;
    copse_bytes filter;
    copse_bytes projection;
    copse_sort_spec sort;
} answer_query;

/** `filter` and `projection` are JSON; all texts may be NULL. */
void answer_query_init(answer_query *query, const char *filter, const char *sort,
                       const char *projection, uint64_t skip, uint64_t limit);

/** A random one over the fields of a random world. */
void answer_query_init_random(answer_query *query, uint64_t *seed);

void answer_query_release(answer_query *query);

/** What the query gives on the whole database: documents in a row, each after its size. Fails the
 * test if it can't be answered. */
typedef struct answer_expected {
    copse_env env;
    copse_buf documents;
    uint64_t count;
} answer_expected;

void answer_expected_init(answer_expected *expected, answer_world *world,
                          const copse_query_options *query);
void answer_expected_release(answer_expected *expected);

/** Makes the answer. `root` NULL: of the tree. `buf` is set up here. */
copse_status answer_support_make(answer_world *world, const copse_cid *root,
                                 const copse_query_options *query,
                                 const copse_answer_maker_options *options, copse_buf *buf,
                                 copse_answer_stats *ret_stats, copse_err *err);

/** Fails the test unless all numbers are the same. */
void answer_support_assert_stats(const copse_answer_stats *stats, const copse_answer_stats *right);

/** How a verification ended. */
typedef struct answer_verdict {
    copse_status status; /* END: sound */
    copse_answer_fault fault;
    copse_answer_stats stats;
    copse_err err;
} answer_verdict;

/** Verifies `car`, fed in pieces of `piece` bytes. A document that is not the expected one, or a
 * complete answer that lacks one, fails the test. */
answer_verdict answer_support_verify(const copse_env *env, const copse_cid *root,
                                     const copse_query_options *query,
                                     const copse_answer_verifier_options *options, copse_bytes car,
                                     size_t piece, const answer_expected *expected);

/** One answer, to be looked at from all sides: the 12 newest of a tag, of 300 posts. */
typedef struct answer_one {
    answer_world world;
    answer_query query;
    answer_expected expected;
    copse_buf car; /* from the commit */
    copse_answer_stats stats;
    proof_support_section sections[ANSWER_ONE_SECTIONS_MAX];
    size_t count;
} answer_one;

answer_one *answer_one_new(void);
void answer_one_free(answer_one *one);

/** A maker with all that it needs, over a store of its own. */
typedef struct answer_sparse {
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_database *database;
    copse_answer_maker *maker;
} answer_sparse;

/** Begins; it may be released whatever the answer is. */
copse_status answer_sparse_init(answer_sparse *sparse, const copse_env *env, copse_store *store);
void answer_sparse_release(answer_sparse *sparse);

/** Opens the tree `tree`, and makes the answer of the root `root` (NULL: of the tree); goes on from
 * wherever it is. END: it is complete. */
copse_status answer_sparse_run(answer_sparse *sparse, const copse_cid *tree, const copse_cid *root,
                               const copse_query_options *query, copse_car_sink sink,
                               copse_err *err);

#endif
