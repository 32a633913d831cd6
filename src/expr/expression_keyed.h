/* Arrays of expressions as lists by keys.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_EXPRESSION_KEYED_H
#define COPSE_EXPR_EXPRESSION_KEYED_H

#include "expr/expression_private.h"
#include "expr/keyed.h"

/** The elements of `array` with keys by which equal values are equal bytes, in the order of the
 * array; behind them is room for as many more. CORRUPT: "$op takes `what`". */
COPSE_MUST_USE copse_status copse_expression_keyed(copse_expression *run,
                                                   const copse_expression_node *node,
                                                   copse_bytes array, const char *what,
                                                   copse_keyed **ret_list, size_t *ret_count);

/** An array of the values of a list. */
COPSE_MUST_USE copse_status copse_expression_make_keyed(copse_expression *run,
                                                        const copse_keyed *list, size_t count,
                                                        copse_bytes *ret_value);

#endif
