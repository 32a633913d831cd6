/* Trees made by hand, node by node, as no writer of Copse would make them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_HAND_TREE_H
#define COPSE_TESTS_HAND_TREE_H

#include "support/tree_fixture.h"
#include "tree/config.h"

/** Where the nodes go, and what they look like. */
typedef struct hand_tree {
    const copse_env *env;
    copse_store *store;
    copse_tree_kind kind;
    size_t arity; /* elements of a node's tuple; 0: those of the kind */
} hand_tree;

/** A node as its parent names it. A test changes what it says to plant a defect. */
typedef struct hand_piece {
    uint8_t key[96]; /* the node's first, of COPSE_TREE_GO its last */
    size_t key_len;
    copse_cid cid;
    uint64_t count;
    uint32_t ahead;
} hand_piece;

/** Puts a block of DAG-CBOR; its CID has 20 bytes of digest in a tree of COPSE_TREE_GO. */
void hand_tree_put(const hand_tree *hand, copse_bytes data, copse_cid *ret_cid);

/** Puts a leaf of these entries. */
hand_piece hand_tree_leaf(const hand_tree *hand, const tree_fixture_entry *entries, size_t count);

/** Puts a branch over these children. */
hand_piece hand_tree_branch(const hand_tree *hand, const hand_piece *children, size_t count);

/** Puts nodes of sizes[i] children (or, if `children` is NULL, of entries) each, and gives them. */
void hand_tree_level(const hand_tree *hand, const tree_fixture_entry *entries,
                     const hand_piece *children, const size_t *sizes, size_t sizes_count,
                     hand_piece *ret_pieces);

/** The root tuple over a config's CID and a top node. */
copse_cid hand_tree_root(const hand_tree *hand, const copse_cid *config, const copse_cid *top);

/** An entry of text key and a small integer. */
tree_fixture_entry hand_tree_entry(const char *key, unsigned value);

#endif
