/* A frontier: what of one tree is still to be compared, in key order, without reading more of it
 * than was asked for. diff.c compares two, merge.c three.
 *
 *        top  [ . . 3 4 5 ]            frames[0], index 2
 *                    |
 *                 [ . 7 8 ]            frames[1], index 1
 *                     |
 *                   head: the subtree 7; then 8, then the subtrees 4 and 5
 *
 * The frames hold the branches (at last a leaf) that were opened on the way down; what is left of
 * them, the deepest first, is what is left of the tree. The first of that is the head: an entry, or
 * a subtree that has not been read. A head is dropped unread, or expanded: opened, and its own
 * first child becomes the head.
 *
 *   F1  The head's first key is exact (P1 in tree.h). Its end is a bound: no key of it is at or
 *       above `end`, but the last one may be anywhere below.
 *   F2  Two subtrees with the same CID hold the same entries, so they have the same first key, and
 *       the same number of entries.
 *   F3  Of two different subtrees with the same first key, one can contain the other only if it has
 *       more entries, since every branch has two children at least. So who expands the larger one
 *       only, or both if they are equally large, never opens a subtree that stands in the other
 *       tree too. No level is needed for that, which would have to be learnt by reading a path down
 *       to a leaf. An entry counts as 0: it is smaller than a leaf that holds nothing else.
 *   F4  A call that returns WANT has changed nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_FRONTIER_H
#define COPSE_TREE_FRONTIER_H

#include "tree/tree.h"

/** All views borrow from nodes that the frontier holds, until it moves. */
typedef struct copse_item {
    copse_bytes first;   /* the key of the entry, or the first one of the subtree */
    copse_bytes end;     /* of a subtree, if has_end */
    copse_bytes content; /* the encoded value of an entry, or the binary CID of a subtree */
    uint64_t count;      /* entries of a subtree; 0: it is an entry (F3) */
    bool has_end;
} copse_item;

/** The keys that are looked at: [from, to), or to the end. */
typedef struct copse_frontier_range {
    copse_bytes from;
    copse_bytes to;
    bool has_to;
} copse_frontier_range;

typedef struct copse_frontier {
    copse_tree *tree;
    copse_frontier_range range;
    bool reverse;
    bool started;
    bool has_head; /* false: nothing is left, or not started */
    copse_item head;
    uint64_t total; /* entries of the whole tree, once started */
    uint64_t nodes_read;
    size_t depth; /* frames */
    copse_node *nodes[COPSE_TREE_LEVELS_MAX];
    uint32_t indexes[COPSE_TREE_LEVELS_MAX];
} copse_frontier;

/** A frontier of all of `tree` within `range` (NULL: all keys), from the first key up or,
 * `reverse`, from the last one down. Borrows the tree and the bounds. Reads nothing yet. */
void copse_frontier_init(copse_frontier *frontier, copse_tree *tree,
                         const copse_frontier_range *range, bool reverse);

/** Lets go of all nodes; nothing is left then. A zeroed frontier is allowed. */
void copse_frontier_release(copse_frontier *frontier);

/** Makes `to`, which holds nothing, stand where `from` stands. */
void copse_frontier_copy(copse_frontier *to, const copse_frontier *from);

/** Reads the top; once it is there, does nothing. WANT, CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_frontier_start(copse_frontier *frontier, copse_err *err);

/** Goes past the head. */
void copse_frontier_drop(copse_frontier *frontier);

/** Opens the head, a subtree. Statuses as copse_frontier_start (F4). */
COPSE_MUST_USE copse_status copse_frontier_expand(copse_frontier *frontier, copse_err *err);

/** Not reverse: drops what is below `key`, and opens what `key` falls into, until the head's first
 * key is not below it. Statuses as copse_frontier_start; on WANT it stands at what has to be
 * opened. */
COPSE_MUST_USE copse_status copse_frontier_advance(copse_frontier *frontier, copse_bytes key,
                                                   copse_err *err);

/** Whether the heads hold the same: the same entry or the same subtree (F2). Both have a head. */
bool copse_frontier_same(const copse_frontier *a, const copse_frontier *b);

/** Whether the range holds all of the head. */
bool copse_frontier_head_is_whole(const copse_frontier *frontier);

/** Reverse: whether the tree holds the subtree `item` in what is left of it. Reads branches that
 * have more entries than the item, and are no part of the tree that the item is from if that tree's
 * frontier has come upon it by F3. Statuses as copse_frontier_start. */
COPSE_MUST_USE copse_status copse_frontier_holds(copse_frontier *frontier, const copse_item *item,
                                                 bool *ret_holds, copse_err *err);

/* For looking ahead: what will have to be read behind a block that is missing.
 *
 * Two subtrees are peers if they stand at the same level. Peers that overlap and differ have to be
 * read both, so that both may be asked for in the same round. The level of a subtree is known only
 * when the height of its tree is; until then trees of about the same size are taken to be of the
 * same height. A wrong guess costs a block that was not needed, nothing else. */

/** Asks the source for the head, if it is a subtree that is not present. NOMEM, the store's
 * failure.
 */
COPSE_MUST_USE copse_status copse_frontier_hint(copse_frontier *frontier, copse_err *err);

/** Whether the heads, both subtrees, are peers. */
bool copse_frontier_is_peer(const copse_frontier *a, const copse_frontier *b);

/** Goes past the head of sides[at], a subtree that is not present, on all `count` sides: what the
 * others have there can't be compared now. `ask`: hints their heads that are peers of it. NOMEM,
 * CORRUPT, LIMIT, IO. */
COPSE_MUST_USE copse_status copse_frontier_pass_by(copse_frontier *sides, size_t count, size_t at,
                                                   bool ask, copse_err *err);

/** Whether the want list is full, or so much was read since `nodes_read` that it is time to ask. */
bool copse_frontier_is_far(const copse_frontier *sides, size_t count, uint64_t nodes_read);

/** The nodes read by all sides. */
uint64_t copse_frontier_nodes_read(const copse_frontier *sides, size_t count);

#endif
