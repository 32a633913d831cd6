/* Numbers of any kind as 64-bit integers, for what takes integers: $mod, $size, bits, $slice.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_NUMBER_H
#define COPSE_EXPR_NUMBER_H

#include <copse/value.h>

/** The value without its fraction. *ret_whole: it had none. False: no number, or one that is not
 * within int64_t. */
bool copse_number_truncate(const copse_value *value, int64_t *ret_number, bool *ret_whole);

/** Whether the value is NaN, of either kind. */
bool copse_number_is_nan(const copse_value *value);

#endif
