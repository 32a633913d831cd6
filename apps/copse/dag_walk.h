/* Walking over all blocks that a root leads to, depth first, links in the order in which they
 * stand, each block once: the order of the blocks of an exported tree, and the mark of a garbage
 * collection.
 *
 * The config of trees with default settings is built into Copse and need not be in a store. Where
 * it is linked and not there, the walk makes it up, so that an exported tree is whole for others.
 *
 * Memory: 32 to 96 bytes for each block seen, and the links of the blocks on the present path.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_DAG_WALK_H
#define COPSE_APPS_DAG_WALK_H

#include "cid_set.h"

#include <copse/buf.h>
#include <copse/sys/store.h>

/** Who is told. Any status but OK ends the walk, which returns it. NULL: nobody. */
typedef struct copse_dag_observer {
    copse_status (*block)(void *ctx, copse_block *block, copse_err *err);
    /** A link to what the store does not have. NULL: the walk goes on without it. */
    copse_status (*missing)(void *ctx, const copse_cid *cid, copse_err *err);
    void *ctx;
} copse_dag_observer;

typedef struct copse_dag_walk {
    const copse_env *env;
    copse_store *store;
    copse_dag_observer observer;
    copse_cid_set seen;
    copse_block *config; /**< The built-in one, once it was needed. */
    copse_buf stack;     /**< Of copse_cid: what is still to be visited, the next one last. */
} copse_dag_walk;

/** Makes a walk; several roots may be walked one after the other, what was seen stays seen. */
void copse_dag_walk_init(copse_dag_walk *walk, const copse_env *env, copse_store *store,
                         const copse_dag_observer *observer);
void copse_dag_walk_release(copse_dag_walk *walk);

/** Visits `root` and all that it leads to and that was not seen before. Follows the links of
 * DAG-CBOR blocks; a block that is not even lax DAG-CBOR is CORRUPT. NOMEM, the store's failures,
 * or what the observer returned. */
COPSE_MUST_USE copse_status copse_dag_walk_run(copse_dag_walk *walk, const copse_cid *root,
                                               copse_err *err);

/** Calls `visit` for each link of a block, in order; none in a block that is not DAG-CBOR.
 * Statuses: CORRUPT, or what `visit` returned. */
COPSE_MUST_USE copse_status copse_dag_links(const copse_env *env, const copse_block *block,
                                            copse_status (*visit)(void *ctx, const copse_cid *cid),
                                            void *ctx, copse_err *err);

#endif
