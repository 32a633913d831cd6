/* What the planner reads of a projection.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_PROJECTION_NODE_H
#define COPSE_EXPR_PROJECTION_NODE_H

#include <copse/projection.h>

/** Lends the paths that the projection keeps, `_id` among them unless it is excluded, if it does
 * nothing but keep paths: then an answer is a function of the values at these paths. False: it does
 * more, or keeps what it does not name. The paths live as long as the projection. */
bool copse_projection_paths(const copse_projection *projection, const copse_bytes **ret_paths,
                            size_t *ret_count);

#endif
