/* Queries: find documents by a filter, sorted, cut and projected.
 *
 *     copse_query_new(env, &options, &query, &err);             once: prepared
 *     copse_result_open(query, database, &result, &err);        plans
 *     while ((status = copse_result_next(result, &document, &err)) == COPSE_OK) use(document);
 *     if (status == COPSE_WANT) fetch, supply (source.h), call copse_result_next again
 *
 * The answer never depends on which indexes there are: results stand in the order of the sort
 * fields, then of the primary key in the direction of the last field. Without a sort, a limit may
 * pick any matches.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_H
#define COPSE_QUERY_H

#include <copse/database.h>
#include <copse/filter.h>
#include <copse/projection.h>
#include <copse/sort_spec.h>

COPSE_EXTERN_C_BEGIN

/** What is asked. Zeroed: all documents. Everything is copied. */
typedef struct copse_query_options {
    copse_bytes collection;
    copse_bytes filter;          /**< Encoded map (filter.h); len 0: all documents. */
    const copse_sort_spec *sort; /**< NULL: none. */
    copse_bytes projection;      /**< Encoded map (projection.h); len 0: whole documents. */
    uint64_t skip;
    uint64_t limit;   /**< 0: none. */
    copse_bytes hint; /**< The name of the index to use; "$natural": none; len 0: the planner's
                           choice. */
} copse_query_options;

/** A prepared query: compiled once, run on any number of databases (one at a time). It keeps the
 * plan and the memory of its last run for the next, and nothing of a database. Belongs to one
 * thread. */
typedef struct copse_query copse_query;

/** Compiles. CORRUPT: filter or projection (their messages), LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_query_new(const copse_env *env,
                                                      const copse_query_options *options,
                                                      copse_query **ret_query, copse_err *err);

/** Frees it; its results must be closed. NULL is allowed. Returns NULL. */
COPSE_API copse_query *copse_query_free(copse_query *query);

/** Appends the plan for `query` on `database`, as DAG-CBOR (docs/formats/plan.md): which ranges of
 * which index are read in which direction, what is checked on each document, what is sorted. It can
 * be written down, sent, and run again exactly. Planning reads at most one path a candidate index
 * besides what is present. WANT; NOT_FOUND: no such collection, or no index of the hint's name;
 * MISUSE: the hint's index can't answer the query (the message says why). CORRUPT, LIMIT, IO,
 * NOMEM.
 */
COPSE_API COPSE_MUST_USE copse_status copse_query_plan(copse_query *query, copse_database *database,
                                                       copse_buf *buf, copse_err *err);

/** A running query. Belongs to the database's thread. */
typedef struct copse_result copse_result;

/** Plans and begins. A collection that isn't there has no documents. Statuses as copse_query_plan
 * without that NOT_FOUND. The query and the database must stay until the result is closed. */
COPSE_API COPSE_MUST_USE copse_status copse_result_open(copse_query *query,
                                                        copse_database *database,
                                                        copse_result **ret_result, copse_err *err);

/** Begins with a plan of copse_query_plan, made anywhere by anyone: it is checked that it answers
 * this query on this database, for any documents. CORRUPT: no plan. DENIED: it doesn't, with the
 * reason. WANT, LIMIT, IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_result_open_plan(copse_query *query,
                                                             copse_database *database,
                                                             copse_bytes plan,
                                                             copse_result **ret_result,
                                                             copse_err *err);

/** Closes it; NULL is allowed. Returns NULL. */
COPSE_API copse_result *copse_result_close(copse_result *result);

/** Gives the next document of the answer: one strict map, lent until the next call on this result.
 * END: there are no more. WANT: supply the wanted blocks and call again; the want list holds what
 * the next documents are known to need, bounded by limit and limits.wants_max. LIMIT: the sort or
 * the telling apart of documents passed limits.query_memory_bytes_max (the message names an index
 * that would help), or a regex its bounds. CORRUPT: also an index entry whose document is missing
 * or does not have it. MISUSE: the projection can't be applied (copse_projection_apply). IO, NOMEM.
 * After a failure the result repeats its status, and can only be explained and closed. */
COPSE_API COPSE_MUST_USE copse_status copse_result_next(copse_result *result,
                                                        copse_bytes *ret_document, copse_err *err);

/** What a query did so far. */
typedef struct copse_result_stats {
    uint64_t keys_examined;      /**< Entries of indexes, and keys of the documents' range. */
    uint64_t documents_examined; /**< Documents loaded. */
    uint64_t returned;
    uint64_t sorted; /**< Documents held to be sorted; 0: the order came from the keys. */
} copse_result_stats;

COPSE_API copse_result_stats copse_result_get_stats(const copse_result *result);

/** Appends what people and programs want to know of the plan: a map {"plan": "index scan"|"covered
 * index scan"|"document scan"|"primary key"|"union"|"count"|"nothing", "index": name or null,
 * "indexes": […], "ranges": [readable bounds], "direction", "sort": "index"|"memory"|"none",
 * "filter": what is still checked on documents, "why": one sentence, "suggestion": an index that
 * would help, as `tags,-createdAt` (one that is not built is made again by that), or null,
 * "candidates": [{index, cost, why not}]}. LIMIT, NOMEM.
 */
COPSE_API COPSE_MUST_USE copse_status copse_result_explain(const copse_result *result,
                                                           copse_buf *buf, copse_err *err);

/** Counts the matches of the query's filter, after its skip and limit, without its sort and
 * projection. Where ranges of keys answer it alone, the counts in the tree's branches do, and
 * nothing is read but two paths a range. WANT: supply the blocks and call again with a database of
 * the same root, and it goes on where it was. What it keeps for that belongs to the query; another
 * root begins anew. `ret_stats`, `explain` (as copse_result_explain
 * appends) may be NULL. Statuses as copse_result_next without END. */
COPSE_API COPSE_MUST_USE copse_status copse_query_count(copse_query *query,
                                                        copse_database *database,
                                                        uint64_t *ret_count,
                                                        copse_result_stats *ret_stats,
                                                        copse_buf *explain, copse_err *err);

/** Appends the distinct values at `path` of all matches, as an array in the order of
 * copse_value_compare; of an array each element, missing fields none (as MongoDB's distinct). Of
 * values that compare equal, the first met. Skip, limit and order are not looked at. CORRUPT: also
 * `path` is none. Statuses as copse_query_count; after a WANT it goes on as that does. */
COPSE_API COPSE_MUST_USE copse_status copse_query_distinct(copse_query *query,
                                                           copse_database *database,
                                                           copse_bytes path, copse_buf *buf,
                                                           copse_err *err);

COPSE_EXTERN_C_END

#endif
