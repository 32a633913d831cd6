/* What was not taken from a head: all of it is counted, the first of it is kept.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_HEAD_REFUSALS_H
#define COPSE_DOC_HEAD_REFUSALS_H

#include "base/arena.h"

#include <copse/head_merge.h>

typedef struct copse_head_refusals {
    copse_arena arena;
    copse_head_refusal *kept; /**< COPSE_HEAD_MERGE_REFUSALS_MAX at most; NULL: none. */
    size_t kept_count;
    uint64_t count;
} copse_head_refusals;

void copse_head_refusals_init(copse_head_refusals *refusals, const copse_env *env);
void copse_head_refusals_release(copse_head_refusals *refusals);

/** Adds one, copied. NOMEM: nothing was added. */
COPSE_MUST_USE copse_status copse_head_refusals_add(copse_head_refusals *refusals,
                                                    const copse_head_refusal *refusal,
                                                    copse_err *err);

#endif
