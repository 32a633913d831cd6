/* Sort orders inside operators.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_SORT_SPEC_H
#define COPSE_EXPR_SORT_SPEC_H

#include <copse/sort_spec.h>

/** Reads a sort order as operators take it: {path: 1 or -1}, or, since a map does not keep the
 * order of its fields, the encoded form, [[path, 1 or -1], …]. `encoded` was checked. As
 * copse_sort_spec_decode. */
COPSE_MUST_USE copse_status copse_sort_spec_read(const copse_env *env, copse_bytes encoded,
                                                 copse_sort_spec *ret_spec, copse_err *err);

#endif
