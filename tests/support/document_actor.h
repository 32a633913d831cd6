/* A database in a pack store on a simulated machine, open at its head: what a program does between
 * its start and its end, in steps that a test may interrupt.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DOCUMENT_ACTOR_H
#define COPSE_TESTS_DOCUMENT_ACTOR_H

#include <copse/pack_store.h>
#include <copse/query.h>
#include <copse/write.h>

/** A zeroed one is closed. */
typedef struct document_actor {
    const copse_env *env;
    copse_pack_db *pack;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree; /* of the head; an empty one if there is no head */
    copse_cid head;   /* the commit that `main` names; size 0: none */
} document_actor;

/** Opens the store "/store" of `os`, and the tree of the head. On failure it is closed again. */
copse_status document_actor_open(document_actor *actor, const copse_env *env, copse_os *os,
                                 const copse_pack_options *options, copse_err *err);

/** Opens the tree of what the head is now. On failure it can only be closed. */
copse_status document_actor_refresh(document_actor *actor, copse_err *err);

/** Closes what is open and zeroes it. */
void document_actor_close(document_actor *actor);

copse_store *document_actor_store(const document_actor *actor);

/** Makes the commit of `tree` on top of the head and puts it; the head stays. */
copse_status document_actor_make_commit(document_actor *actor, const copse_tree *tree,
                                        copse_cid *ret_commit, copse_err *err);

/** Moves the head to `commit`, which is that of `tree`; on OK the actor takes the tree. */
copse_status document_actor_move(document_actor *actor, copse_tree *tree, const copse_cid *commit,
                                 copse_err *err);

#endif
