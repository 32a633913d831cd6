/* What a check of a tree finds, for tests.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_CHECK_SUPPORT_H
#define COPSE_TESTS_CHECK_SUPPORT_H

#include <copse/check.h>

/** All findings of one check, and its last progress. */
typedef struct found_list {
    size_t count;
    size_t of_kind[COPSE_CHECK_FORCED_CUTS + 1];
    copse_cid first[COPSE_CHECK_FORCED_CUTS + 1]; /* of a kind */
    char text[600];
    uint64_t progress_done;
    uint64_t progress_total;
} found_list;

/** Opens the tree with this root and checks it; fails the test if the check can't be done. */
found_list check_support_run(const copse_env *env, copse_store *store, const copse_cid *root,
                             copse_tree_stats *ret_stats);

/** Fails the test if anything was found. */
void check_support_assert_clean(const found_list *found);

/** Fails the test unless only `kind` was found, once, at the node `cid`. */
void check_support_assert_found(const found_list *found, copse_check_kind kind,
                                const copse_cid *cid);

#endif
