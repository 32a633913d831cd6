/* A replica: a store that is filled from an origin, whole or in part. What clone and pull share.
 *
 * Blocks go into the store as they come, a flush a round, so that what came stays however the
 * command ends; no ref moves here. Refs are moved by the callers, at the end.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_REPLICA_H
#define COPSE_APPS_REPLICA_H

#include "origin.h"
#include "peers.h"

#include <copse/pull.h>

/** Stays where it is while it is open. */
typedef struct copse_replica {
    copse_call *call;
    copse_local *local;
    const copse_origin *origin; /**< What of the database is fetched, and what messages name. */
    copse_peers peers;
    copse_progress progress;
    char label[64];         /**< Of the progress. */
    copse_status failed;    /**< What the last fetch failed with. */
    copse_pull_stats stats; /**< Without a filter. */
    uint64_t documents;     /**< With a filter: those that matched. */
    uint64_t commits;       /**< Of a fork: those that came. */
    bool is_unknown;        /**< There is no such collection; reported. */
} copse_replica;

/** Opens the peers, those of the command's options too; `firsts` come before them. Asks nobody yet.
 * `local`, open to be written to, and `origin` must outlive it. */
bool copse_replica_open(copse_replica *replica, copse_local *local, const copse_origin *origin,
                        const char *const *firsts, size_t firsts_count);

/** A zeroed one is allowed. */
void copse_replica_close(copse_replica *replica);

/** Fetches what the origin says of the database that `head`, a commit or a bare tree, names:
 * against what `base` names (of size 0: nothing), which was fetched before. Of a fork also its
 * history, but if it is partial, then the head alone. */
bool copse_replica_fetch(copse_replica *replica, const copse_cid *head, const copse_cid *base);

/** Reads the block `cid`, fetched if it isn't here; as copse_local_commit, but for WANT. `what` is
 * what a failure is reported with. */
bool copse_replica_commit(copse_replica *replica, const copse_cid *cid, const char *what,
                          copse_commit *ret_commit, copse_block **ret_block);

/** Whether `commit` is `head`, or `head` comes from it. Fetches commits, not their trees: a few on
 * a line without merges, else all between the two. False also for a bare tree, and where a commit
 * can't be had. */
bool copse_replica_leads_to(copse_replica *replica, const copse_cid *commit, const copse_cid *head);

/** What every call that may return WANT is followed by: true: what was wanted is in the store, safe
 * from the end of this process; call again. *status is the failure to keep it, if there was one. */
bool copse_replica_fetched(copse_replica *replica, copse_status *status);

#endif
