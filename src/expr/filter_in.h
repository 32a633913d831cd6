/* Long lists of $in: a search instead of one comparison for each value.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_FILTER_IN_H
#define COPSE_EXPR_FILTER_IN_H

#include "expr/filter_private.h"

/** What an IN node of many children has besides them. */
typedef struct copse_filter_in {
    copse_bytes *sorted; /* encodings that decide equality: of exact values, and of integers */
    size_t sorted_count;
    const copse_filter_node **rest; /* the other children */
    size_t rest_count;
} copse_filter_in;

/** Prepares an IN node whose children are set; those of a few children stay as they are. NOMEM. */
COPSE_MUST_USE copse_status copse_filter_in_prepare(copse_filter *filter, copse_filter_node *node,
                                                    copse_err *err);

/** Looks for `value` among the sorted ones. *ret_rest: what remains to be tried if it is not found
 * there. CORRUPT: no value. */
COPSE_MUST_USE copse_status copse_filter_in_find(const copse_filter_node *node, copse_bytes value,
                                                 bool *ret_found,
                                                 const copse_filter_node *const **ret_rest,
                                                 size_t *ret_rest_count, copse_err *err);

#endif
