/* The chunk rule a second time, written from docs/formats/tree.md alone: the whole level lies in
 * memory, nothing is incremental, and no code of src/tree is used but the entries that go in. What
 * it gives is compared with what the chunker does.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TREE_NAIVE_H
#define COPSE_TESTS_TREE_NAIVE_H

#include "support/tree_model.h"

typedef struct tree_naive_chunk {
    size_t first;   /* index of its first entry in the level */
    size_t entries; /* of the level */
    uint32_t ahead; /* of its first entries, how many an earlier forced cut looked at */
    bool forced;    /* cut by C2 */
    bool oversized; /* one entry above max: C3 */
    bool joined;    /* C5 put a last single child to it */
    uint64_t count; /* entries of the tree below */
    size_t size;    /* sum of the entry sizes */
    copse_cid cid;  /* of the encoded node */
    size_t node_size;
} tree_naive_chunk;

typedef struct tree_naive_level {
    tree_naive_chunk *chunks;
    size_t count;
} tree_naive_level;

/** A whole tree; levels[0] holds the leaves, the last one the top alone. */
typedef struct tree_naive {
    tree_naive_level levels[64];
    size_t height;
    copse_cid root;
} tree_naive;

/** Builds the tree of the model. Memory from malloc; release it. */
void tree_naive_build(const tree_model *model, const copse_tree_config *config, tree_naive *tree);

void tree_naive_release(tree_naive *tree);

/** The sums over all levels. */
typedef struct tree_naive_features {
    size_t nodes;
    size_t forced;
    size_t oversized;
    size_t joined;
    size_t aheads;
    size_t node_size_max;
    size_t size_bytes;
} tree_naive_features;

tree_naive_features tree_naive_survey(const tree_naive *tree);

#endif
