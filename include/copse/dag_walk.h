/* Walking over all blocks that a root leads to, depth first, links in the order in which they
 * stand, each block once: the order of the blocks of an exported tree, and the mark of a garbage
 * collection.
 *
 * The config of trees with default settings is built into Copse and need not be in a store. Where
 * it is linked and not there, the walk makes it up, so that an exported tree is whole for others.
 *
 * An identity CID holds its own bytes: there is no block to visit, but what they link to is.
 *
 * Memory: 32 to 96 bytes for each block seen, and the links of the blocks on the present path.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DAG_WALK_H
#define COPSE_DAG_WALK_H

#include <copse/buf.h>
#include <copse/cid_set.h>
#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** Who is told. Any status but OK ends the walk, which returns it. NULL: nobody. */
typedef struct copse_dag_observer {
    copse_status (*block)(void *ctx, copse_block *block, copse_err *err);
    /** A link to what the store does not have. NULL: the walk goes on without it. */
    copse_status (*missing)(void *ctx, const copse_cid *cid, copse_err *err);
    void *ctx;
} copse_dag_observer;

/** A walk in progress. Belongs to one thread. */
typedef struct copse_dag_walk {
    const copse_env *env;
    copse_store *store;
    copse_dag_observer observer;
    bool repeats; /**< Set it to visit a block wherever it is linked: nothing is remembered. */
    copse_cid_set seen;  /**< Of all roots so far. */
    copse_block *config; /**< The built-in one, once it was needed. */
    copse_buf stack;     /**< Of copse_cid: what is still to be visited, the next one last. */
} copse_dag_walk;

/** Makes a walk over `store`; several roots may be walked one after the other, what was seen stays
 * seen. `observer` NULL: nobody is told. Allocates nothing yet. */
COPSE_API void copse_dag_walk_init(copse_dag_walk *walk, const copse_env *env, copse_store *store,
                                   const copse_dag_observer *observer);

/** Frees what it holds. */
COPSE_API void copse_dag_walk_release(copse_dag_walk *walk);

/** Begins at `root`, leaving what is still to be visited. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_dag_walk_begin(copse_dag_walk *walk,
                                                           const copse_cid *root, copse_err *err);

/** Visits the next block that was not seen before: OK with a reference for the caller; END: all
 * were visited. NOT_FOUND: *ret_missing is linked, and the store does not have it; the next call
 * goes on behind it. CORRUPT: the block is not even lax DAG-CBOR,
 * or no DAG-PB. NOMEM, or the store's failures;
 * after these the walk can't go on. `ret_missing` NULL: not needed. */
COPSE_API COPSE_MUST_USE copse_status copse_dag_walk_next(copse_dag_walk *walk,
                                                          copse_block **ret_block,
                                                          copse_cid *ret_missing, copse_err *err);

/** Visits `root` and all that it leads to and that was not seen before, telling the observer.
 * Statuses as copse_dag_walk_next, or what the observer returned. */
COPSE_API COPSE_MUST_USE copse_status copse_dag_walk_run(copse_dag_walk *walk,
                                                         const copse_cid *root, copse_err *err);

/** Gets a block of the store, or the built-in config where that is not in it. Statuses as
 * copse_store_get; NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_dag_walk_load(copse_dag_walk *walk,
                                                          const copse_cid *cid,
                                                          copse_block **ret_block, copse_err *err);

/** Calls `visit` for each link of a block, in order; none in a block that is neither DAG-CBOR nor
 * DAG-PB. Statuses: CORRUPT, LIMIT, or what `visit` returned. */
COPSE_API COPSE_MUST_USE copse_status
copse_dag_links(const copse_env *env, const copse_block *block,
                copse_status (*visit)(void *ctx, const copse_cid *cid), void *ctx, copse_err *err);

/** Whether copse_dag_links sees all links of a block of this CID: it is DAG-CBOR, DAG-PB or raw. */
COPSE_API bool copse_dag_links_are_known(const copse_cid *cid);

COPSE_EXTERN_C_END

#endif
