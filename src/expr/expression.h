/* Evaluating an expression without copying what comes out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_EXPRESSION_H
#define COPSE_EXPR_EXPRESSION_H

#include <copse/expression.h>

/** As copse_expression_evaluate, but lends the value; empty: missing. It lies in `document`, in a
 * variable's value or in the expression, and lives until one of these ends or the next evaluation.
 */
COPSE_MUST_USE copse_status copse_expression_lend(copse_expression *expression,
                                                  copse_bytes document,
                                                  const copse_expression_variable *variables,
                                                  copse_bytes *ret_value, copse_err *err);

/** Whether a variable may be named so: a small letter or what isn't ASCII, then also other letters,
 * digits and "_". */
bool copse_expression_is_variable_name(copse_bytes name);

#endif
