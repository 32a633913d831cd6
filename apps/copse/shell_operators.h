/* The operators that Tab knows, by the place where they stand.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_OPERATORS_H
#define COPSE_APPS_SHELL_OPERATORS_H

/* Each list ends with NULL. */
extern const char *const copse_shell_filter_operators[];
extern const char *const copse_shell_update_operators[];
extern const char *const copse_shell_push_operators[]; /**< In what $push and $addToSet take. */
extern const char *const copse_shell_stages[];
extern const char *const copse_shell_expression_operators[];
extern const char *const copse_shell_accumulators[]; /**< In $group; many are expressions too. */

#endif
