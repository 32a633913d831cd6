/* The read that a proof proves. The prover and the verifier run this code and no other, so that
 * they use the same blocks in the same order.
 *
 * The order is a wire format (docs/formats/proof.md), and so it hangs on nothing but the tree and
 * the query: not on cursors, caches, prefetching or what is known of the tree's height.
 *
 *   R1  The nodes that the query meets are read in pre-order: a branch, then its children from left
 *       to right, from right to left if the range is reversed.
 *   R2  A key meets, in each branch, the one child that holds it if any does: also a key that is
 *       before all others meets the first child, down to a leaf.
 *   R3  A range meets the children that an entry of it can stand in, by the keys of their branch.
 *       Of an empty range (from >= to, or limit 0) and an empty list of keys nothing is read but
 *       what opening the tree reads.
 *   R4  The read ends with the entry that reaches the limit.
 *   R5  No node is read twice: keys are looked up in order, and a node is held while its children
 *       are read. A tree that links a node twice breaks the order of keys and is refused.
 *
 * Cost: one node a level is held.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_PROOF_READ_H
#define COPSE_TREE_PROOF_READ_H

#include "tree/key_sort.h"
#include "tree/tree.h"

#include <copse/proof.h>

/** A node that is being read: its children (of a leaf its entries) low .. high - 1 are still to be
 * read, for the sorted keys keys_at .. keys_end - 1. */
typedef struct copse_proof_frame {
    copse_node *node;
    uint32_t low;
    uint32_t high;
    uint32_t child; /* the one that the frame above holds */
    size_t keys_at;
    size_t keys_end;
} copse_proof_frame;

typedef struct copse_proof_read {
    const copse_env *env;
    const copse_proof_query *query;
    copse_tree *tree; /* borrowed */
    copse_proof_row_fn row;
    void *row_ctx;
    copse_sort_item *keys; /* sorted; tag: the index in the query */
    uint64_t rows;         /* handed out, of a range */
    uint64_t left;         /* of the limit */
    size_t depth;          /* frames in use */
    bool begun;
    bool collect; /* on a missing block, go on to learn what else is missing */
    bool starved; /* one was */
    copse_proof_frame frames[COPSE_TREE_LEVELS_MAX];
} copse_proof_read;

/** Makes the read ready. `query` must outlive it. MISUSE: a query of no kind. NOMEM. */
COPSE_MUST_USE copse_status copse_proof_read_init(copse_proof_read *read, const copse_env *env,
                                                  const copse_proof_query *query,
                                                  copse_proof_row_fn row, void *row_ctx,
                                                  copse_err *err);

/** Frees it. A zeroed read is allowed. */
void copse_proof_read_release(copse_proof_read *read);

/** Goes on reading `tree`, the same in each call. OK: the read is complete. WANT: a block is
 * missing; without `collect` the next call goes on there, with it the read must begin anew. Any
 * other failure, and what the row callback returned, ends the read. */
COPSE_MUST_USE copse_status copse_proof_read_run(copse_proof_read *read, copse_tree *tree,
                                                 copse_err *err);

#endif
