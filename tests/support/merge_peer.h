/* What a peer of a merge_world does: it writes, merges, fetches what it lacks, and crashes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_PEER_H
#define COPSE_TESTS_MERGE_PEER_H

#include <copse/head_merge.h>

#include "support/merge_world.h"

/** How something ended that a peer did. */
typedef enum merge_peer_ending {
    MERGE_PEER_DONE,
    MERGE_PEER_NOTHING, /**< There was nothing to do. */
    MERGE_PEER_REFUSED, /**< A conflict. */
    MERGE_PEER_TOO_OLD, /**< One may not know of what the other has forgotten, or nobody has any
                           more what both come from. */
    MERGE_PEER_ALONE,   /**< Nobody that it reaches has a block that it needs. */
    MERGE_PEER_CRASHED  /**< It has started again, with the head that it had. */
} merge_peer_ending;

enum { MERGE_CONFLICTS_MAX = 64 };

/** A conflict that refused a merge. */
typedef struct merge_refusal {
    copse_database_conflict_what what;
    merge_collection collection;
    int id; /**< DOCUMENT. */
    merge_document theirs;
    char index[16];
} merge_refusal;

/** What a merge came to. */
typedef struct merge_outcome {
    copse_head_merge_kind kind;
    size_t bases;
    copse_database_merge_stats stats;
    copse_cid commit; /**< MADE, and nothing refused it. */
    copse_cid tree;
    bool is_base_lost; /**< The tree where they parted was to be had nowhere. */
    merge_refusal refusals[MERGE_CONFLICTS_MAX];
    size_t refusals_count;
} merge_outcome;

/** A merge of two commits. */
typedef struct merge_request {
    copse_cid ours;
    copse_cid theirs;
    copse_merge_conflicts conflicts;
    bool is_base_lost; /**< The tree where they parted is not looked for. */
} merge_request;

/** Sets the env's clock: the peer's. */
void merge_peer_give_clock(merge_peer *peer);

/** Makes all that a running peer has in memory, and frees it. */
void merge_peer_start(merge_peer *peer);
void merge_peer_stop(merge_peer *peer);

/** Fetches what the peer's source wants of those it reaches. False: nobody has any of it, or the
 * machine has stopped. */
bool merge_peer_fetch(merge_world *world, merge_peer *peer);

/** Fetches and keeps all that the peer's head leads to, as far as it reaches somebody who has it.
 */
void merge_peer_complete(merge_world *world, merge_peer *peer);

/** Opens the database of the commit with this CID. */
copse_status merge_peer_open(merge_world *world, merge_peer *peer, const copse_cid *commit,
                             merge_view *view, copse_err *err);

/** Says how something ended that failed with `status`; if the machine has stopped, it starts
 * again. */
merge_peer_ending merge_peer_end(merge_world *world, merge_peer *peer, copse_status status,
                                 const char *what, const copse_err *err);

/** Applies the operations of peer->write to `view`, that of its head, and commits and acknowledges
 * what comes of it: `writes`, whose versions are found here. The operations are forgotten, the view
 * is closed. */
merge_peer_ending merge_peer_commit(merge_world *world, merge_peer *peer, merge_view *view,
                                    merge_write *writes, size_t writes_count);

/** Merges two commits over `cache`, whose source's store new blocks are put into; who is NULL: the
 * archive. Makes the commit's block, too. WANT: nobody has a block. */
copse_status merge_world_merge(merge_world *world, merge_peer *who, const merge_request *request,
                               merge_outcome *ret_outcome, copse_err *err);

/** Merges another head into the peer's, and acknowledges what comes of it. REFUSED: see the
 * outcome. */
merge_peer_ending merge_peer_merge(merge_world *world, merge_peer *peer, const copse_cid *theirs,
                                   copse_merge_conflicts conflicts, merge_outcome *ret_outcome);

#endif
