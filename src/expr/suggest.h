/* What was perhaps meant by a name that is not there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_SUGGEST_H
#define COPSE_EXPR_SUGGEST_H

#include <copse/bytes.h>

/** The nearest of `names` (the list ends with NULL) if it is within two changes of a letter (in a
 * short name, one), case not counted; else NULL. */
const char *copse_suggest_name(copse_bytes name, const char *const *names);

#endif
