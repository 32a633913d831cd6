/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/document_actor.h"

#include <copse/commit.h>

static const copse_bytes actor_main = {(const uint8_t *)"main", 4};

copse_store *document_actor_store(const document_actor *actor)
{
    return copse_pack_db_store(actor->pack);
}

void document_actor_close(document_actor *actor)
{
    copse_tree_close(actor->tree);
    copse_node_cache_free(actor->cache);
    copse_source_free(actor->source);
    copse_pack_db_close(actor->pack);
    *actor = (document_actor){.env = NULL};
}

/* Opens the tree that the commit `head` names. */
static copse_status actor_open_head(document_actor *actor, const copse_cid *head, copse_err *err)
{
    copse_block *block = NULL;
    copse_commit commit;
    copse_status status = copse_store_get(document_actor_store(actor), head, &block, err);
    if (status == COPSE_OK) {
        status = copse_commit_decode(actor->env, block, &commit, err);
    }
    if (status == COPSE_OK) {
        status = copse_tree_open(actor->cache, &commit.tree, &actor->tree, err);
    }
    if (status == COPSE_OK) {
        actor->head = *head;
    }
    copse_block_unref(block);
    return status;
}

static copse_status actor_open_tree(document_actor *actor, copse_err *err)
{
    /* Small nodes, but room for the longest keys. */
    const copse_tree_config config = {32, 8 * COPSE_KEY_SIZE_BYTES_MAX, 256};
    copse_cid head;
    copse_status status = copse_refs_get(copse_pack_db_refs(actor->pack), actor_main, &head, err);
    if (status == COPSE_NOT_FOUND) {
        return copse_tree_new(actor->cache, document_actor_store(actor), &config, &actor->tree,
                              err);
    }
    return status == COPSE_OK ? actor_open_head(actor, &head, err) : status;
}

copse_status document_actor_open(document_actor *actor, const copse_env *env, copse_os *os,
                                 const copse_pack_options *options, copse_err *err)
{
    *actor = (document_actor){.env = env};
    copse_status status = copse_pack_db_open(env, os, "/store", options, &actor->pack, err);
    if (status == COPSE_OK) {
        status = copse_source_new(env, document_actor_store(actor), &actor->source, err);
    }
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, actor->source, &actor->cache, err);
    }
    if (status == COPSE_OK) {
        status = actor_open_tree(actor, err);
    }
    if (status != COPSE_OK) {
        document_actor_close(actor);
    }
    return status;
}

copse_status document_actor_refresh(document_actor *actor, copse_err *err)
{
    copse_status status = copse_pack_db_refresh(actor->pack, err);
    actor->tree = copse_tree_close(actor->tree);
    return status == COPSE_OK ? actor_open_tree(actor, err) : status;
}

copse_status document_actor_make_commit(document_actor *actor, const copse_tree *tree,
                                        copse_cid *ret_commit, copse_err *err)
{
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status =
        copse_commit_next(actor->env, actor->source, copse_tree_root(tree), &actor->head,
                          actor->head.size > 0 ? 1 : 0, &commit, err);
    if (status == COPSE_OK) {
        status = copse_commit_encode(actor->env, &commit, &block, err);
    }
    if (status == COPSE_OK) {
        status = copse_store_put(document_actor_store(actor), &block, 1, err);
    }
    if (status == COPSE_OK) {
        *ret_commit = *copse_block_cid(block);
    }
    copse_block_unref(block);
    return status;
}

copse_status document_actor_move(document_actor *actor, copse_tree *tree, const copse_cid *commit,
                                 copse_err *err)
{
    copse_status status = copse_refs_swap(copse_pack_db_refs(actor->pack), actor_main,
                                          actor->head.size > 0 ? &actor->head : NULL, commit, err);
    if (status == COPSE_OK) {
        copse_tree_close(actor->tree);
        actor->tree = tree;
        actor->head = *commit;
    }
    return status;
}
