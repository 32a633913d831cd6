/* The marks of indexes, for the planner.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_PLANNER_MARKS_H
#define COPSE_QUERY_PLANNER_MARKS_H

#include "query/planner.h"

/** Reads into planned->marks those of the indexes that `which` says: one count each, and more only
 * of those that have any. *ret_any: one has. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_planner_read_marks(copse_planned *planned, const bool *which,
                                                     bool *ret_any, copse_err *err);

#endif
