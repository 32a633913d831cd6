/* A place that a command reads from, whatever its address: a folder, a CAR file, or peers. All
 * reading goes through one source, and what is not there is fetched where somebody can be asked:
 *
 *     do {
 *         status = copse_tree_get(tree, key, &value, &call->err);
 *     } while (copse_place_fetch(place, status));
 *
 * A folder is the only place that is written to; writers use its `local`. It may have another place
 * beside it, of which it takes what it lacks.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false, but
 * copse_place_fetch.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_PLACE_H
#define COPSE_APPS_PLACE_H

#include "local.h"
#include "origin.h"
#include "peers.h"

#include <copse/address.h>
#include <copse/car_file.h>

/** Stays where it is while it is open. */
typedef struct copse_place {
    copse_call *call;
    const char *name; /**< The address as it was written. */
    copse_address address;
    copse_local local; /**< Of a folder; else zeroed. */
    copse_os *os;      /**< Of a CAR file. */
    copse_car_file *car;
    copse_store *car_store; /**< Its blocks, counted. */
    copse_store *keeper; /**< Where what peers give goes; NULL: the cache. Of a folder: itself. */
    copse_peers peers;   /**< Zeroed: nobody can be asked, or nobody had to be. */
    copse_origin origin; /**< Of a folder that was cloned. */
    bool has_peers;      /**< Somebody can be asked. */
    bool is_begun_anew;  /**< After a fetch what is read begins anew, and needs all again. */
    copse_status failed; /**< What the last fetch failed with. */
    copse_source *source;
    copse_node_cache *nodes;    /**< Over source. */
    struct copse_place *beside; /**< NULL: none. */
    copse_store *beside_store;  /**< That of a folder or a CAR beside, which fetches. */
} copse_place;

/** Opens the place that is the first argument of the command, for what `mode` says; only a folder
 * can be written to. Asks nobody yet. On failure `place` is zeroed. */
bool copse_place_open(copse_place *place, copse_call *call, copse_local_mode mode);

/** As copse_place_open to read, of the place `name`. */
bool copse_place_open_name(copse_place *place, copse_call *call, const char *name);

/** Opens the place `name`, to read, beside the folder `place`: from then on copse_place_fetch takes
 * what it can from there, before the peers of the folder are asked, and puts it into the folder's
 * store. Close `beside` before `place`. On failure `beside` is zeroed. */
bool copse_place_open_beside(copse_place *place, const char *name, copse_place *beside);

/** Takes nothing any more from the place beside, which can be closed then, and another one opened.
 */
void copse_place_leave_beside(copse_place *place);

/** Closes it; trees and databases in it must be gone. A zeroed one is allowed. */
void copse_place_close(copse_place *place);

/** Whether its blocks are with peers alone. */
bool copse_place_is_remote(const copse_place *place);

/** Whether it is a database that a peer serves by a name of the peer's own: a URL, and no CAR. */
bool copse_place_is_served(const copse_place *place);

/** What every call that may return WANT is followed by, with its status. True: it was that, and
 * what was wanted was fetched: call again. False: the status is final; if it is WANT, blocks can't
 * be had, and copse_place_failure says why. */
bool copse_place_fetch(copse_place *place, copse_status status);

/** As copse_place_fetch, after a call that reads commits, one after the other: fetches what these
 * come from too, as `history` says, in few round trips. */
bool copse_place_fetch_commits(copse_place *place, copse_status status,
                               copse_remote_history *history);

/** Fetches all commits that `theirs` comes from and `ours` (of size 0: nothing) does not, and with
 * them those down to where both part, in few round trips: one, where a peer serves history. False:
 * not all can be had, which is not reported; what needs it will want it. */
bool copse_place_fetch_history(copse_place *place, const copse_cid *ours, const copse_cid *theirs);

/** Whether the block is one that nobody had who was asked when copse_place_fetch failed last. */
bool copse_place_lacks(const copse_place *place, const copse_cid *cid);

/** The CID that `name` is: a ref of a folder, or a CID; COPSE_REF_DEFAULT is the head of a remote
 * database, the first root of a CAR file, the CID of an address that is one. */
bool copse_place_resolve(copse_place *place, const char *name, copse_cid *ret_cid);

/** As copse_local_commit; fetches. */
copse_status copse_place_commit(copse_place *place, const copse_cid *cid, copse_commit *ret_commit,
                                copse_block **ret_block);

/** Opens the tree `name`, as copse_place_resolve understands it. Close it before the place. */
bool copse_place_tree(copse_place *place, const char *name, copse_tree **ret_tree);

/** Fetches all of a tree, and what its documents link to, in parallel, as far as the cache holds
 * it. Statuses as copse_pull_next, OK for its END. */
copse_status copse_place_fetch_all(copse_place *place, copse_tree *tree);

/** What --ref says, or COPSE_REF_DEFAULT. */
const char *copse_place_ref(const copse_call *call);

/** The blocks that were read until now, wherever they were. */
uint64_t copse_place_blocks_read(const copse_place *place);

/** Reports what a read failed with, `what` being done; of blocks that can't be had their CIDs, who
 * was asked, and what each said. Returns an exit code. */
int copse_place_failure(copse_place *place, copse_status status, const char *what);

#endif
