/* Bringing a history: commits, their trees, and what their documents link to.
 *
 * The tree of each commit is compared with that of its first parent, and what it has more is
 * fetched: so all of it is there in the end, if all that is not brought was there, and what is
 * common is never read.
 *
 * Trees of the past that nobody has any more are left out, and noted as dropped (history_keep.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_HISTORY_COPY_H
#define COPSE_APPS_HISTORY_COPY_H

#include "local.h"

enum {
    /** How many blocks are wanted at once: limits.wants_max of commands that copy history. */
    COPSE_HISTORY_COPY_WANTS = 8192,
    /** copse_history_copy.lot where a round takes the time of a network, */
    COPSE_HISTORY_COPY_LOT_FAR = 4096,
    /** and where it takes none: what is missing is then told one block at a time. */
    COPSE_HISTORY_COPY_LOT_NEAR = 64
};

/** Where to, and from whom. */
typedef struct copse_history_copy {
    copse_call *call;
    copse_local *local;      /**< Which the blocks come into. */
    copse_node_cache *nodes; /**< Over its store. */
    /** What every call that may return WANT is followed by: true: what was wanted is in that store;
     * call again. A failure of its own is what *status becomes. */
    bool (*fetched)(void *ctx, copse_status *status);
    /** Whether nobody had this block when `fetched` failed last. */
    bool (*lacks)(void *ctx, const copse_cid *cid);
    void *ctx;
    size_t lot;       /**< So many commits are brought together at most. */
    uint64_t commits; /**< Those that are done. */
    uint64_t lost_ms; /**< Above the times of commits whose trees nobody has; 0: there are none. */
} copse_history_copy;

/** Brings what `want`, a commit or a bare tree, leads to, without what the commit `have` (of size
 * 0: nothing) leads to. Trees of earlier commits that nobody has are left out. LIMIT: but for those
 * whose time is far ahead of the clock, as a note that tells of that would tell of all that is
 * written here. OK, or what can't be read; unreported. */
COPSE_MUST_USE copse_status copse_history_copy_run(copse_history_copy *copy, const copse_cid *want,
                                                   const copse_cid *have);

#endif
