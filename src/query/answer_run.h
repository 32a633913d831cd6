/* Running a plan block by block: what maker and verifier of an answer both do, in the same order.
 *
 *   N1  The source has no store. It begins empty, and each time the run lacks a block, that block
 *       alone is supplied: the first of the want list, which nothing but the root, the query, the
 *       plan and the blocks supplied before decides. The want list is one CID long, so that no
 *       environment's limits.wants_max decides what is asked for together.
 *   N2  What was supplied stays until the run is released, so no block is wanted twice.
 *   N3  Each document that an index leads to must have the entry that led to it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_ANSWER_RUN_H
#define COPSE_QUERY_ANSWER_RUN_H

#include "query/result.h"
#include <copse/cid_set.h>

/** Stays where it was initialized. A zeroed one may be released. */
typedef struct copse_answer_run {
    copse_env env; /* N1 */
    copse_cid root;
    copse_cid_set have; /* blocks that the asker has */
    copse_query *query;
    copse_bytes plan;      /* borrowed; set before the first copse_answer_run_next, */
    copse_query_stop stop; /* as this, if it is wanted */
    copse_source *source;
    copse_node_cache *cache;
    copse_cid tree_root; /* size 0: not known yet */
    copse_tree *tree;
    copse_database *database;
    copse_result *result;
} copse_answer_run;

/** Readies it. `root`: a commit or a tree. `have`: blocks that the asker has. Statuses as
 * copse_query_new; LIMIT: also more than COPSE_ANSWER_HAVE_MAX blocks; MISUSE: one of them is
 * zeroed. On failure it is zeroed. */
COPSE_MUST_USE copse_status copse_answer_run_init(copse_answer_run *run, const copse_env *env,
                                                  const copse_cid *root,
                                                  const copse_query_options *query,
                                                  const copse_cid *have, size_t have_count,
                                                  copse_err *err);

void copse_answer_run_release(copse_answer_run *run);

/** Goes on to the next document, lent until the next call. END. WANT: the block `ret_want` (N1).
 * DENIED: the plan does not answer the query. CORRUPT: what the root names is no sound database.
 * LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_answer_run_next(copse_answer_run *run, copse_bytes *ret_document,
                                                  copse_cid *ret_want, copse_err *err);

/** Whether it reads an index; false as long as it isn't known. */
bool copse_answer_run_uses_index(const copse_answer_run *run);

#endif
