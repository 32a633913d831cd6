/* The planner: chooses how a query is answered, and checks what others chose.
 *
 *   L1  A plan follows from its choices (copse_planner_choice), the query and the catalogue,
 *       marks included: copse_planner_check makes it anew from the choices of a plan and
 *       compares bytes.
 *   L2  Choosing is by cost, from the counts in the branches that are present
 *       (tree/estimate.h); it wants nothing. Equal costs: more fields that are points, then
 *       fewer fields, then the name.
 *   L3  What a plan stands on is read exactly: the marks of the indexes that it uses.
 *   L4  A plan may outlive its database: nothing in it is the database's but what
 *       copse_planned_bind sets. On the same root it is the one that would be made anew, if no
 *       node was missing when it was chosen.
 *   L5  Where marks are missing, the choice is made as if there were none. Marks only make an
 *       index dearer: if those that are chosen have none, the choice stands, and what others
 *       have is never asked for. What the scan would begin with is asked for with the marks, so
 *       planning takes no round trips of its own.
 *
 * Costs are in units of one key that is read in passing. With a limit and the order from the keys,
 * or none, a scan is reckoned to end where enough matches have come, at the share of matches that
 * the most selective candidate shows.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_PLANNER_H
#define COPSE_QUERY_PLANNER_H

#include "query/access.h"

/** What is chosen: a scan each of the documents or an index. */
typedef struct copse_planner_choice {
    bool is_union;
    uint64_t branch; /**< Union: the $or's number among the conjuncts. */
    size_t positions[COPSE_PLAN_SCANS_MAX];
    size_t count;
} copse_planner_choice;

/** An access path that was thought of, for explain. */
typedef struct copse_planner_candidate {
    size_t position; /**< Of the index; COPSE_ACCESS_DOCUMENTS: documents or a union. */
    bool is_union;
    bool is_unbuilt; /**< An index that could be looked at if it were built. */
    uint64_t cost;
    uint64_t keys;       /**< Estimated. */
    const char *why_not; /**< NULL: it was possible. */
} copse_planner_candidate;

/** A plan ready to be run: the plan, and what it is made of. In its own arena. */
typedef struct copse_planned {
    copse_arena arena;
    copse_buf scratch;
    const copse_query *query;
    copse_database *database;
    const copse_collection *collection; /**< NULL: there is none of that name. */
    copse_query_need need;
    copse_plan plan;
    copse_access *accesses; /**< One for each scan of the plan. */
    copse_planner_choice choice;
    copse_planner_candidate *candidates;
    size_t candidates_count;
    copse_access_marks *marks; /**< Of each index. */
    bool *usable;              /**< Of each index: looked at, and holds all matches. */
    uint64_t documents;        /**< Estimated number in the collection. */
    copse_cid root;            /**< Of the tree; size 0: there is no plan. */
    bool complete;             /**< Chosen with all nodes present. */
} copse_planned;

/** Plans. WANT; MISUSE: the hint's index can't answer the query; NOT_FOUND: there is none of that
 * name. CORRUPT, LIMIT, IO, NOMEM. On OK the caller releases it. */
COPSE_MUST_USE copse_status copse_planner_plan(const copse_query *query, copse_database *database,
                                               copse_query_need need, copse_planned *ret_planned,
                                               copse_err *err);

/** Makes the plan that `encoded` names the choices of, if it is the same (L1). CORRUPT: no plan.
 * DENIED: it is not what answers the query. WANT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_planner_check(const copse_query *query, copse_database *database,
                                                copse_bytes encoded, copse_planned *ret_planned,
                                                copse_err *err);

void copse_planned_release(copse_planned *planned);

/** Whether it was made for the root of `database`. A zeroed one was not. */
bool copse_planned_is_for(const copse_planned *planned, const copse_database *database);

/** Lets it stand on `database`, of the root that it was made for (L4). */
void copse_planned_bind(copse_planned *planned, copse_database *database);

/** Whether no key is in any range. */
bool copse_planned_is_empty(const copse_planned *planned);

#endif
