/* Random histories of a tree: batches of puts, deletes, range deletes and splices, each followed by
 * a comparison with the plain build of the model.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TREE_HISTORY_H
#define COPSE_TESTS_TREE_HISTORY_H

#include "support/tree_model.h"
#include "support/tree_naive.h"

/** What the runs met. A test that met none of something proves nothing about it. */
typedef struct tree_history_met {
    size_t applies;
    size_t entries_changed;
    size_t oversized;          /* entries above max in a resulting tree */
    size_t new_first_keys;     /* the least key of the tree changed */
    size_t deleted_boundaries; /* a deleted entry was the last of its leaf */
    size_t forced_cuts;
    size_t aheads;
    size_t joins; /* C5 */
    size_t higher;
    size_t lower;
    size_t empty;
    size_t range_deletes;
    size_t splices;
    size_t nodes_read;
    size_t nodes_written;
    size_t height_max;
} tree_history_met;

typedef struct tree_history_plan {
    copse_tree_config config;
    tree_keys keys;
    tree_values values;
    uint64_t key_count; /* keys come from this many */
    size_t batch_max;   /* changes in a batch, at most */
    size_t rounds;
    uint64_t seed;
} tree_history_plan;

/** Runs one history from an empty or a filled tree; fails the test with the plan's seed if a root
 * is not that of a plain build. Adds to *met. */
void tree_history_run(const tree_history_plan *plan, tree_history_met *met);

void tree_history_print(const tree_history_met *met);

/** Fails the test unless everything was met at least once. */
void tree_history_assert_met(const tree_history_met *met);

#endif
