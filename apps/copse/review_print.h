/* What commands that merge tell of a review: what was not taken, and why.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_REVIEW_PRINT_H
#define COPSE_APPS_REVIEW_PRINT_H

#include "command.h"

#include <copse/head_merge.h>

/** Warns of each reason, with how many and which first, of a head that is held, and of a tree that
 * is not what its documents make. `from` names whose head it is. */
void copse_review_warn(copse_call *call, const char *from, const copse_head_merge_result *result);

/** As JSON, prints the members "refused" and "refused_count", "held_until" and "form_wrong" of an
 * object that is open, where there is something to tell. Statuses as copse_output_ext_json. */
COPSE_MUST_USE copse_status copse_review_print(copse_call *call,
                                               const copse_head_merge_result *result);

#endif
