/* A pass over one level: makes of the pieces of a level the pieces of the level above.
 *
 * Entries go through the chunker; every chunk that comes out is an entry of the level above. A
 * range of a tree is read only where it must be: from a node's begin where the chunker stands
 * empty, up to the last node that what follows the range can't change, the nodes are taken over
 * whole, unread, as a range of the level above.
 *
 *   L1  Nodes are taken over only where the chunker's queue is empty (or can be emptied, L3)
 *       and as many entries ahead are looked at as the tree itself has there: then the chunks
 *       that follow are those of the tree, down to the `ahead` in their parent.
 *   L2  A range is left at the begin of a node X such that no cut before X depends on entries
 *       from the range's end on: the end's place in X is not below X's ahead. So an edit starts
 *       again from a chunk before, if that chunk's forced cut looked at the edited entry.
 *   L3  While a forced cut leaves entries queued, they are compared with the tree: if they
 *       begin at the begin of one of its nodes, and all came from the tree unchanged, the queue
 *       is dropped and the nodes from there on are taken over. Without it an edit among ground
 *       keys would cut everything behind it again.
 *   L4  The last node of a level of a tree is open; it is taken over only as the last of the
 *       result.
 *   L5  A pass that meets a missing block goes on with the other pieces, to learn what else is
 *       missing, and then returns WANT; nothing of it is used.
 *   L6  Where an edit has moved a boundary, chunks are cut anew until one ends where it did:
 *       mostly one node further, seldom more. If that one is missing, the next three are asked
 *       for with it, and two branches behind each above; if it isn't enough, the next eight:
 *       else each would cost a round trip of its own.
 *
 * Cost of one edited entry: a path, and about two nodes a level.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_LEVEL_PASS_H
#define COPSE_TREE_LEVEL_PASS_H

#include "base/arena.h"
#include "tree/batch.h"
#include "tree/chunker.h"
#include "tree/walk.h"

enum { COPSE_PASS_MARKS_MAX = 64 };

typedef struct copse_level_pass {
    const copse_env *env;
    copse_arena *arena; /* for keys; outlives the pass */
    size_t level;
    copse_chunker chunker;
    copse_piece *out;
    size_t out_count;
    size_t out_capacity;
    copse_walk walk;  /* of the tree that was used last */
    bool starved;     /* a block was missing (L5) */
    uint64_t fed;     /* entries of the present range, one after the other, without a gap */
    uint64_t rewound; /* where the last L3 went back to, + 1; 0: it did not */
    uint64_t marks[COPSE_PASS_MARKS_MAX]; /* `fed` at the begin of the nodes fed last, a ring */
    size_t marks_count;
    uint64_t nodes_read;
} copse_level_pass;

void copse_level_pass_init(copse_level_pass *pass, const copse_env *env, copse_arena *arena,
                           const copse_tree_config *config, size_t level);

/** Frees it, with the blocks of the pieces that are left in `out`. A zeroed pass is allowed. */
void copse_level_pass_release(copse_level_pass *pass);

/** Takes the next piece; `is_last`: no other follows. Heights of the trees must be known. OK also
 * if a block was missing. */
COPSE_MUST_USE copse_status copse_level_pass_add(copse_level_pass *pass, const copse_piece *piece,
                                                 bool is_last, copse_err *err);

/** Ends the level; pass->out then holds the pieces of the level above. WANT: see L5. */
COPSE_MUST_USE copse_status copse_level_pass_finish(copse_level_pass *pass, copse_err *err);

#endif
