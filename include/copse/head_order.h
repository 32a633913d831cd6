/* Which of two heads has what: by the commits that somebody made.
 *
 * Automatic merges (copse_commit_merge) are nobody's word: whoever has their parents can make them,
 * and those who merge the same heads in another order make other ones. So they don't count: of two
 * heads one is ahead if it comes from every commit that the other comes from but for automatic
 * merges. Where one head comes from the other that is the same as descent.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HEAD_ORDER_H
#define COPSE_HEAD_ORDER_H

#include <copse/commit.h>

COPSE_EXTERN_C_BEGIN

typedef enum copse_head_relation {
    COPSE_HEADS_SAME,   /**< Each has all commits of the other. */
    COPSE_HEADS_BEHIND, /**< b has all that a has, and more. */
    COPSE_HEADS_AHEAD,  /**< a has all that b has, and more. */
    COPSE_HEADS_APART   /**< Each has something that the other has not. */
} copse_head_relation;

/** A comparison in progress. Belongs to one thread. Holds about 200 bytes for each commit that it
 * has met, and the blocks at its front. */
typedef struct copse_head_order copse_head_order;

/** Begins with two commits. Reads nothing yet. `source` must outlive it. NOMEM; MISUSE: a zeroed
 * CID. */
COPSE_API COPSE_MUST_USE copse_status copse_head_order_new(const copse_env *env,
                                                           copse_source *source, const copse_cid *a,
                                                           const copse_cid *b,
                                                           copse_head_order **ret_order,
                                                           copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_head_order *copse_head_order_free(copse_head_order *order);

/** Compares: reads the commits that are not of both, and those where they meet. WANT: supply and
 * call again; it goes on where it was. CORRUPT: a block is no commit, or one that is not older than
 * what was made on it. IO, NOMEM. A failure is for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_head_order_find(copse_head_order *order,
                                                            copse_head_relation *ret_relation,
                                                            copse_err *err);

/** After copse_head_order_find was OK: the head that stands for both, lent until the order is
 * freed. Of two that are the SAME and of one tree that is the one of the higher generation, then of
 * the smaller CID, so that all who know both take the same. NULL: only a merge stands for both. */
COPSE_API const copse_cid *copse_head_order_standing(const copse_head_order *order);

COPSE_EXTERN_C_END

#endif
