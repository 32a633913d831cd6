/* Merging trees: three-way with a common base, and the union of two.
 *
 * A merge reads where both sides changed something close by; what one side alone changed is taken
 * over as whole subtrees, unread. So two replicas that hold only a part of a tree can be merged by
 * loading what differs. The result is the tree of the merged entries, whatever the way.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_MERGE_H
#define COPSE_MERGE_H

#include <copse/batch.h>

COPSE_EXTERN_C_BEGIN

/** A key that both sides changed, differently. The views are valid for the call that gets them; a
 * value is one encoded item, and its ptr is NULL if the key is not there. */
typedef struct copse_conflict {
    copse_bytes key;
    copse_bytes base;
    copse_bytes ours;
    copse_bytes theirs;
} copse_conflict;

/** What becomes of the key. */
typedef enum copse_resolution_kind {
    COPSE_TAKE_OURS,   /**< As ours has it: the value, or that it is deleted. */
    COPSE_TAKE_THEIRS, /**< As theirs has it. */
    COPSE_TAKE_VALUE,  /**< A new value. */
    COPSE_TAKE_NOTHING /**< The key is deleted. */
} copse_resolution_kind;

typedef struct copse_resolution {
    copse_resolution_kind kind;
    copse_bytes value; /**< COPSE_TAKE_VALUE: one strict DAG-CBOR item. Copied before the next call
                          of the callback. */
} copse_resolution;

/** Decides a conflict: OK with *ret_resolution set, or a failure, which ends the merge and is what
 * it returns: COPSE_CONFLICT to refuse. Called in key order. A merge that returned WANT starts over
 * when it is called again, and calls this for the same keys again: its answer must depend on
 * `conflict` alone. */
typedef copse_status (*copse_conflict_fn)(void *ctx, const copse_conflict *conflict,
                                          copse_resolution *ret_resolution, copse_err *err);

/** What a merge did. */
typedef struct copse_merge_stats {
    uint64_t conflicts;  /**< Keys that the callback decided. */
    uint64_t splices;    /**< Ranges taken over from theirs. */
    uint64_t entries;    /**< Single entries put or deleted. */
    uint64_t nodes_read; /**< Nodes opened to compare the trees, of all of them. */
    copse_apply_stats apply;
} copse_merge_stats;

/** Merges what changed from `base` to `theirs` into `ours`: puts the new blocks into `store` and
 * opens the merged tree. All three are trees of ours with one node cache and one config, and stay
 * as they are. `decide` NULL: the first conflict fails. `ret_stats` may be NULL. Where two of the
 * three roots are equal, nothing is read or put. CONFLICT: refused; nothing was put. WANT: supply
 * the wanted blocks and call again; nothing was put. MISUSE: a foreign tree, another cache or
 * config. CORRUPT: a node is, or a new value is no strict item. LIMIT: a new value is too large.
 * IO, NOMEM, the store's failures. */
COPSE_API COPSE_MUST_USE copse_status copse_merge3(copse_tree *base, copse_tree *ours,
                                                   copse_tree *theirs, copse_conflict_fn decide,
                                                   void *decide_ctx, copse_store *store,
                                                   copse_tree **ret_tree,
                                                   copse_merge_stats *ret_stats, copse_err *err);

/** Makes the tree of all entries of `ours` and `theirs`; `decide` is asked where both have a key
 * with different values (`base` is then nothing). The rest as copse_merge3. The union of theirs and
 * ours is the same tree if `decide` gives the same answer with the two swapped. */
COPSE_API COPSE_MUST_USE copse_status copse_union2(copse_tree *ours, copse_tree *theirs,
                                                   copse_conflict_fn decide, void *decide_ctx,
                                                   copse_store *store, copse_tree **ret_tree,
                                                   copse_merge_stats *ret_stats, copse_err *err);

COPSE_EXTERN_C_END

#endif
