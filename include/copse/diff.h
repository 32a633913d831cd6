/* Differences between two trees, in key order.
 *
 * Subtrees that both trees have are passed over unread, so that a diff costs what differs, not what
 * there is. A difference is given entry by entry, or, if the caller wants ranges, as a whole
 * subtree first, before it is read: the caller takes it as it is, or descends into it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DIFF_H
#define COPSE_DIFF_H

#include <copse/tree.h>

COPSE_EXTERN_C_BEGIN

/** What happened to a key, or to a range of them, from the tree `before` to the tree `after`. */
typedef enum copse_change_kind {
    COPSE_ADDED,   /**< Only `after` has it. */
    COPSE_REMOVED, /**< Only `before` has it. */
    COPSE_CHANGED  /**< Both have it, and differ; a range may turn out to hold the same entries, cut
                      into nodes in another way. */
} copse_change_kind;

/** One side of a range: a subtree that has not been read. */
typedef struct copse_change_subtree {
    copse_bytes cid; /**< Its binary CID; ptr NULL: this side has nothing in the range. */
    uint64_t count;  /**< Its entries. */
} copse_change_subtree;

/** A change: of one entry, or of a range. All views are valid until the next call on the diff. */
typedef struct copse_change {
    copse_change_kind kind;
    bool is_range;
    copse_bytes key;    /**< The entry's key; of a range, the first key there. */
    copse_bytes before; /**< An entry's encoded value; ptr NULL: it was not there. */
    copse_bytes after;  /**< An entry's encoded value; ptr NULL: it is not there any more. */
    copse_bytes end;    /**< A range: all its keys are below, if has_end; else it has no end. */
    bool has_end;
    copse_change_subtree subtree_before; /**< A range. */
    copse_change_subtree subtree_after;  /**< A range. */
} copse_change;

/** What is compared, and how it is given. Zeroed: all keys, upwards, entry by entry. */
typedef struct copse_diff_options {
    copse_bytes from;      /**< The lowest key looked at. Copied. */
    const copse_bytes *to; /**< All keys looked at are below; NULL: to the end. Copied. */
    bool reverse;          /**< From the last key down. */
    bool ranges;           /**< Give whole subtrees where the two sides begin and end at the same
                              keys, or where one has nothing. */
} copse_diff_options;

/** Belongs to the thread of the trees' node cache. */
typedef struct copse_diff copse_diff;

/** Makes a diff of two trees of ours with one node cache; they must stay open until it is freed.
 * `before` NULL: a tree without entries. `options` NULL: zeroed. Reads nothing yet. MISUSE: a
 * foreign tree, or another cache. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_diff_new(copse_tree *before, copse_tree *after,
                                                     const copse_diff_options *options,
                                                     copse_diff **ret_diff, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_diff *copse_diff_free(copse_diff *diff);

/** Gives the next change, and goes past the last one: a range that was given is passed over unread.
 * END: there are no more. WANT: supply the wanted blocks and call again; nothing is skipped. The
 * want list holds, as far as limits.wants_max allows, all that the rest of the diff is known to
 * need, so that a diff of trees that are not here yet takes as many rounds as they have levels;
 * with ranges it leaves out what the caller may take. CORRUPT, LIMIT, IO, NOMEM: calling again
 * tries again. */
COPSE_API COPSE_MUST_USE copse_status copse_diff_next(copse_diff *diff, copse_change *ret_change,
                                                      copse_err *err);

/** Makes copse_diff_next go into the range that it gave last, instead of past it: what comes next
 * are the smaller ranges and entries that differ there. Views of the range stay valid. MISUSE: the
 * last call of copse_diff_next gave no range. */
COPSE_API COPSE_MUST_USE copse_status copse_diff_descend(copse_diff *diff, copse_err *err);

/** The nodes that the diff has opened, of both trees, the tops included. */
COPSE_API uint64_t copse_diff_nodes_read(const copse_diff *diff);

COPSE_EXTERN_C_END

#endif
