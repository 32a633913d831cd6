/* The store that a replica is made in: new, or that of a clone that was broken off.
 *
 * Its ref `origin` is written first, and main, which makes it a database, last.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_REPLICA_STORE_H
#define COPSE_APPS_REPLICA_STORE_H

#include "origin.h"

/** Stays where it is while it is open. Close its `local`, also a zeroed one. */
typedef struct copse_replica_store {
    copse_local local; /**< Zeroed: it is not open. */
    copse_cid pulled;  /**< The ref origin/main; of size 0: there is none yet. */
} copse_replica_store;

/** Opens the store at `path`, or makes it. *ret_origin: its ref `origin`, of size 0 if there is
 * none. False also for one that is a database, or was begun as something else. */
bool copse_replica_store_open(copse_replica_store *store, copse_call *call, const char *path,
                              copse_cid *ret_origin);

/** Writes the ref `origin`, which is `present` now (of size 0: nothing), so that a clone that is
 * broken off knows what it is. Where it becomes another, of what came for the first nothing is
 * taken to be whole. */
bool copse_replica_store_write_origin(copse_replica_store *store, const copse_origin *origin,
                                      const copse_cid *present);

/** Moves the refs, `head` last: only now there is a database. `origin` (of size 0: none) is what
 * becomes origin/main. */
bool copse_replica_store_finish(copse_replica_store *store, const copse_cid *head,
                                const copse_cid *origin);

/** Takes the ref `origin` away: what was asked for is not there, and the store shall not say that
 * it is a clone of it. What goes wrong is a note. */
void copse_replica_store_forget_origin(copse_replica_store *store);

#endif
