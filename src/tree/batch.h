/* A batch made ready: what the new tree consists of, as pieces in key order.
 *
 * A piece is a range of an existing tree or a single entry. The pieces of level 0 come from the
 * batch; the pass over a level (level_pass.h) turns its pieces into those of the level above, where
 * an entry is a child. The keys of a range's bounds at a level above 0 are always first keys of
 * nodes of the level below.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_BATCH_H
#define COPSE_TREE_BATCH_H

#include "tree/tree.h"

#include <copse/batch.h>

/** The first 8 fields matter for a range (tree set), the others for an entry. Borrowed bytes. */
typedef struct copse_piece {
    copse_tree *tree; /* NULL: an entry */
    copse_bytes from; /* range: inclusive */
    copse_bytes to;   /* range: exclusive, if has_to */
    bool has_to;
    copse_bytes key;    /* entry */
    copse_bytes value;  /* entry of a leaf: the encoded item; of a branch: the binary CID */
    uint64_t count;     /* entry of a branch: entries of the tree below */
    uint32_t ahead;     /* entry of a branch */
    uint32_t entries;   /* entry of a branch: entries of the child itself */
    copse_block *block; /* entry of a branch: the child, made by the pass; a reference */
} copse_piece;

/** A position in the pieces that a batch makes of a tree. */
typedef struct copse_batch_pieces {
    const copse_batch *batch;
    copse_tree *base;
    size_t point;
    size_t range;
    copse_bytes at; /* everything below it has been given */
    bool entry_due; /* the entry of `point` comes next */
    bool ended;
} copse_batch_pieces;

/** Sorts and settles the batch: after this, points are in key order and distinct, ranges in key
 * order and disjoint, and no point stands in a range that was added later. NOMEM. */
COPSE_MUST_USE copse_status copse_batch_settle(copse_batch *batch, copse_err *err);

/** Whether `tree` may take the settled batch: MISUSE, LIMIT as copse_tree_apply. */
COPSE_MUST_USE copse_status copse_batch_check(const copse_batch *batch, const copse_tree *tree,
                                              copse_err *err);

/** Stands before the first piece of a settled batch over `base`. */
void copse_batch_pieces_init(copse_batch_pieces *pieces, const copse_batch *batch,
                             copse_tree *base);

/** The next piece; false if there is none. Never an empty range by its bounds. */
bool copse_batch_pieces_next(copse_batch_pieces *pieces, copse_piece *ret_piece);

#endif
