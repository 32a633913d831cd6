/* What of two trees is compared to find the matches of a query that differ.
 *
 * A plan of the query says where all matches stand (access.h, A1). If it is the same plan on both
 * states, with the same definitions, a document that matches on either side stands in its ranges on
 * that side. That the difference of the ranges shows all changes takes more:
 *
 *   K1  The documents' range shows every change: a row is the document, or the link to it.
 *   K2  So do the entries of an index with `link` in a collection of linked documents: a document
 *       that changes changes its link, in each of its entries. One in chunks, of over 1 MiB, has
 *       no link in its entries, so that only a change of the indexed fields shows, and only in the
 *       entries that it moves. So such an index is taken only if it decides the filter alone, as
 *       in K3: then no new or gone match is missed; and of one without a link both states are
 *       looked up (watch.c, W5).
 *   K3  If only new and gone matches are asked for, the entries of any index do that decides the
 *       filter alone (`exact`, A2): whoever begins or ceases to match enters or leaves its ranges.
 *   K4  If there is nothing on one side, any plan on the other does: all of it differs.
 *   K5  A plan as in K3 that meets no document twice (access.h, A4) tells by its entries alone who
 *       comes and who goes: what has one on one side only.
 *
 * The planner's own choice is taken if it is of such a kind and bounds something; else, of the
 * indexes that are, the one with the fewest keys in its ranges; else the documents. Where the two
 * states disagree (an index was made, arrays came into a field), it is the documents too.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_WATCH_PLAN_H
#define COPSE_QUERY_WATCH_PLAN_H

#include "query/planner.h"

/** The states: also the last byte of keys in a sorter (watch_rows.h). */
enum { COPSE_WATCH_BEFORE, COPSE_WATCH_AFTER, COPSE_WATCH_SIDES };

/** Stays where it is. A zeroed one may be released. */
typedef struct copse_watch_plan {
    copse_query query;     /**< As given, but for the hint. */
    copse_planned planned; /**< No accesses: nothing is compared, or all documents. */
    copse_tree *trees[COPSE_WATCH_SIDES]; /**< NULL: there is nothing on this side. */
    copse_buf keys;                       /**< Of `all`. */
    bool is_all;                          /**< All documents: the states don't agree on more. */
    copse_key_range all;
    bool is_exact;  /**< Who stands in the ranges matches. */
    bool is_single; /**< And does so once: K5. */
    bool is_whole; /**< What differs shows on which sides a document stands in the ranges at all. */
} copse_watch_plan;

/** Chooses. `before` NULL: nothing. WANT; MISUSE: the hint's index can't tell. NOT_FOUND: there is
 * none of that name. CORRUPT, LIMIT, IO, NOMEM. On failure nothing is to be released. */
COPSE_MUST_USE copse_status copse_watch_plan_make(const copse_query *query, copse_database *before,
                                                  copse_database *after, bool membership_only,
                                                  copse_watch_plan *plan, copse_err *err);

void copse_watch_plan_release(copse_watch_plan *plan);

/** Scan number `at`: its access path (NULL: all documents) and ranges; false: there is none. */
bool copse_watch_plan_scan(const copse_watch_plan *plan, size_t at, const copse_access **ret_access,
                           const copse_key_range **ret_ranges, size_t *ret_count);

#endif
