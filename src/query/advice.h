/* Which index would help a query.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_ADVICE_H
#define COPSE_QUERY_ADVICE_H

#include "query/planner.h"

/** Appends the fields of an index that would serve the query better than its plan, as
 * `tags,-createdAt`: those that are compared for equality, then those of the order, then one that
 * is bounded. If an index that is not built begins with them, its fields. NOT_FOUND: there is none.
 * LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_advise_index(const copse_planned *planned, copse_buf *buf);

#endif
