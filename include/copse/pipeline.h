/* Pipelines: MongoDB's aggregation, stages that documents run through.
 *
 *     [{"$match": {"tags": "cats"}},
 *      {"$group": {"_id": "$author", "n": {"$sum": 1}}},
 *      {"$sort": {"n": -1}}]
 *
 * Stages and their meaning: docs/aggregation.md. What leading $match, $sort, $skip, $limit and
 * $project ask is a query (query.h), and so uses indexes; $count, and $group of nothing but counts
 * or the least or greatest value over a range of an index, are answered by the tree's counts and
 * edges. $group and $sort keep to a bound of memory and spill beyond it.
 *
 *     copse_pipeline_new(env, &options, &pipeline, &err);                   once: prepared
 *     copse_pipeline_open(pipeline, database, &run, &err);
 *     while ((status = copse_pipeline_next(run, &document, &err)) == COPSE_OK) use(document);
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PIPELINE_H
#define COPSE_PIPELINE_H

#include <copse/expression.h>
#include <copse/query.h>
#include <copse/sys/run_store.h>

COPSE_EXTERN_C_BEGIN

/** What is asked. Everything is copied, but for what `runs` leads to. */
typedef struct copse_pipeline_options {
    copse_bytes collection;
    copse_bytes stages; /**< An encoded array of maps, as copse_pipeline_read_json makes it. A sort
                             order of more than one field is an array of pairs (sort_spec.h). */
    copse_bytes hint;   /**< As copse_query_options. */
    const copse_run_store *runs; /**< Where $sort and $group spill; NULL: past the memory is
                                      LIMIT. */
    size_t memory_bytes_max;     /**< Of all stages together; 0: limits.query_memory_bytes_max. */
    uint64_t now_ms;             /**< $$NOW; 0: there is no such variable. */
} copse_pipeline_options;

/** Appends the stages that `text`, Extended JSON, stands for. The order of the fields in $sort and
 * in the sortBy of operators is kept: they become arrays of pairs. Statuses as copse_ext_json_read;
 * columns in messages may be some too high behind such an order. */
COPSE_API COPSE_MUST_USE copse_status copse_pipeline_read_json(const copse_env *env,
                                                               copse_bytes text, copse_buf *buf,
                                                               copse_err *err);

/** A prepared pipeline. Belongs to one thread. */
typedef struct copse_pipeline copse_pipeline;

/** Compiles. CORRUPT: no pipeline; the message has the stage's number and name, and what is wrong.
 * LIMIT: too many stages,
 * or too little memory for them. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_pipeline_new(const copse_env *env,
                                                         const copse_pipeline_options *options,
                                                         copse_pipeline **ret_pipeline,
                                                         copse_err *err);

/** Frees it; its runs must be closed. NULL is allowed. Returns NULL. */
COPSE_API copse_pipeline *copse_pipeline_free(copse_pipeline *pipeline);

/** A running pipeline. Belongs to the database's thread. */
typedef struct copse_pipeline_run copse_pipeline_run;

/** Plans and begins; one run of a pipeline at a time. Pipeline and database must stay until it is
 * closed. Statuses as copse_result_open. */
COPSE_API COPSE_MUST_USE copse_status copse_pipeline_open(copse_pipeline *pipeline,
                                                          copse_database *database,
                                                          copse_pipeline_run **ret_run,
                                                          copse_err *err);

/** Closes it; NULL is allowed. Returns NULL. */
COPSE_API copse_pipeline_run *copse_pipeline_close(copse_pipeline_run *run);

/** Gives the next document, lent until the next call on this run. END. WANT: supply and call again;
 * nothing is lost. CORRUPT: also an expression that a document can't be given to (stage and
 * operator in the message). LIMIT: memory, or what query.h says. IO, NOMEM. After a failure the run
 * repeats its status. */
COPSE_API COPSE_MUST_USE copse_status copse_pipeline_next(copse_pipeline_run *run,
                                                          copse_bytes *ret_document,
                                                          copse_err *err);

/** What its query did so far. */
COPSE_API copse_result_stats copse_pipeline_get_stats(const copse_pipeline_run *run);

/** Appends {"query": as copse_result_explain, or null if it has not begun, "stages": [{"stage":
 * "$group", "in": n, "out": n, "spilled_bytes": n}]}. Stages that the query does have "by" instead:
 * "query", "count" if they are made of the number of its matches, or "edge"
 * if of the first and last entries of indexes. Stages with pipelines that read collections, as
 * $lookup, have also "queries", how many they asked, "first_query", as copse_result_explain, and
 * what all of them read: "keys_examined", "documents_examined". LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_pipeline_explain(const copse_pipeline_run *run,
                                                             copse_buf *buf, copse_err *err);

COPSE_EXTERN_C_END

#endif
