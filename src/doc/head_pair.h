/* A merge of two heads, with nothing between them: what copse_head_merge is made of.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_HEAD_PAIR_H
#define COPSE_DOC_HEAD_PAIR_H

#include "doc/head_merge.h"

/** As copse_head_merge. */
typedef struct copse_head_pair copse_head_pair;

/* The functions of head_merge.h, for a merge of this kind. */

COPSE_MUST_USE copse_status copse_head_pair_new(const copse_env *env,
                                                const copse_head_merge_options *options,
                                                copse_head_pair **ret_pair, copse_err *err);
copse_head_pair *copse_head_pair_free(copse_head_pair *pair);
COPSE_MUST_USE copse_status copse_head_pair_next(copse_head_pair *pair,
                                                 copse_database_conflict *ret_conflict,
                                                 copse_err *err);
bool copse_head_pair_wants_base(const copse_head_pair *pair);
bool copse_head_pair_wants_last(const copse_head_pair *pair);
const copse_head_merge_result *copse_head_pair_get_result(const copse_head_pair *pair);

/** Has what theirs brings be what it has otherwise than this commit, and not than the bases, unless
 * theirs comes from ours; before the first copse_head_pair_next. */
void copse_head_pair_set_base(copse_head_pair *pair, const copse_cid *base);

/** Whether theirs changes nothing, and who made it may write nothing, so that it is not taken
 * (NOTHING): else anybody could make the history of others as long as he likes. */
bool copse_head_pair_is_empty(const copse_head_pair *pair);

/** Whether theirs was reviewed, and is not taken as it is; valid after END. */
bool copse_head_pair_is_reviewed(const copse_head_pair *pair);

#endif
