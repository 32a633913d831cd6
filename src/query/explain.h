/* What people and programs are told of a plan.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_EXPLAIN_H
#define COPSE_QUERY_EXPLAIN_H

#include "query/result.h"

/** As copse_result_explain. `counted`: the counts of the tree answered. */
COPSE_MUST_USE copse_status copse_explain_write(const copse_result *result, bool counted,
                                                copse_buf *buf, copse_err *err);

#endif
