/* A query that runs here: over the blocks that a source has, from a root that is a commit or a
 * tree, by its own plan or one that was verified.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_RUN_H
#define COPSE_REMOTE_REMOTE_RUN_H

#include <copse/query.h>

/** A zeroed one may be released. */
typedef struct copse_remote_run {
    const copse_env *env;
    copse_query *query;
    copse_source *source;
    copse_node_cache *cache;
    copse_cid root;      /* size 0: not begun */
    copse_bytes plan;    /* borrowed; ptr NULL: its own */
    copse_cid tree_root; /* size 0: not known yet */
    copse_tree *tree;
    copse_database *database;
    copse_result *result; /* NULL: nothing is planned yet */
} copse_remote_run;

/** Readies it. Statuses as copse_query_new. On failure it is to be released too. */
COPSE_MUST_USE copse_status copse_remote_run_init(copse_remote_run *run, const copse_env *env,
                                                  const copse_query_options *query,
                                                  copse_store *store, copse_err *err);

void copse_remote_run_release(copse_remote_run *run);

/** Begins at the first document. What is decoded of the same root stays. `plan`, encoded, must stay
 * as long as it runs; ptr NULL: it plans by itself. */
void copse_remote_run_begin(copse_remote_run *run, const copse_cid *root, copse_bytes plan);

/** Opens run->database. Statuses as of copse_commit_find_tree, copse_tree_open and
 * copse_database_open; WANT: run->source says what. */
COPSE_MUST_USE copse_status copse_remote_run_open(copse_remote_run *run, copse_err *err);

/** Goes on to the next document. Statuses as copse_result_open_plan and copse_result_next, after
 * those of opening the database; WANT: run->source says what. */
COPSE_MUST_USE copse_status copse_remote_run_next(copse_remote_run *run, copse_bytes *ret_document,
                                                  copse_err *err);

#endif
