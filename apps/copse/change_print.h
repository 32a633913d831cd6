/* How changes of documents are printed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_CHANGE_PRINT_H
#define COPSE_APPS_CHANGE_PRINT_H

#include "command.h"

#include <copse/diff.h>

/** "+", "-" or "~". */
char copse_change_sign(copse_change_kind kind);

/** Prints the fields that differ between two documents: a line each, behind the line that is open,
 * or the member "fields". CORRUPT, LIMIT, NOMEM: call->err. */
COPSE_MUST_USE copse_status copse_change_print_fields(copse_call *call, copse_bytes before,
                                                      copse_bytes after);

#endif
