/* What a merge of trees must give: the same, of sorted arrays, key by key.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TREE_MODEL_MERGE_H
#define COPSE_TESTS_TREE_MODEL_MERGE_H

#include <copse/merge.h>

#include "support/tree_model.h"

/** A copse_conflict_fn that decides by the key and the two values, whichever of them is ours:
 * deletes, makes a new value, or takes the larger one. `ctx` is a size_t that counts the calls. */
copse_status tree_model_decide(void *ctx, const copse_conflict *conflict,
                               copse_resolution *ret_resolution, copse_err *err);

/** Merges into the empty `out`, by tree_model_decide; a union has an empty base. Returns the number
 * of conflicts. */
size_t tree_model_merge(const tree_model *base, const tree_model *ours, const tree_model *theirs,
                        tree_model *out);

#endif
