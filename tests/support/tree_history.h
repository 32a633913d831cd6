/* Random histories of a tree: batches of puts, deletes, range deletes and splices; merges with a
 * fork, unions with another tree, and bulk loads that are spliced or united in. Each step is
 * followed by a comparison with the plain build of the model.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TREE_HISTORY_H
#define COPSE_TESTS_TREE_HISTORY_H

#include "support/tree_model.h"
#include "support/tree_naive.h"

/** The configs by which merges, unions and loads are counted. */
typedef enum tree_history_scale {
    TREE_HISTORY_DEFAULT,
    TREE_HISTORY_LAMBDA_128,
    TREE_HISTORY_OTHER,
    TREE_HISTORY_SCALES
} tree_history_scale;

/** The ways in which a second tree came in. */
typedef struct tree_history_joins {
    size_t merges;        /* three-way, with a fork */
    size_t unions;        /* two-way, with another tree */
    size_t loads_united;  /* trees made by a sorter, then united in */
    size_t loads_spliced; /* the same, spliced in */
    size_t duplicates;    /* entries of a load that a later one replaced */
    size_t runs;          /* that its sorter spilled */
    size_t conflicts;     /* keys that the callback decided, of merges and unions */
} tree_history_joins;

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
    tree_history_joins joined[TREE_HISTORY_SCALES];
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

/** Fails the test unless everything was met at least once; the ways in which a second tree came in,
 * at the default config and at lambda 128 each. */
void tree_history_assert_met(const tree_history_met *met);

#endif
