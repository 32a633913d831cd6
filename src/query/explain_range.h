/* Ranges of keys as people read them: `tags = "cats", createdAt >= … < …`.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_EXPLAIN_RANGE_H
#define COPSE_QUERY_EXPLAIN_RANGE_H

#include "query/planner.h"

/** Appends range number `number` of an access path as a text item. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_explain_range(const copse_planned *planned,
                                                const copse_access *access, size_t number,
                                                copse_buf *buf);

#endif
