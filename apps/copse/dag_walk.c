/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "dag_walk.h"

#include <copse/dag_cbor.h>
#include <copse/tree.h>

#include <string.h>

void copse_dag_walk_init(copse_dag_walk *walk, const copse_env *env, copse_store *store,
                         const copse_dag_observer *observer)
{
    *walk = (copse_dag_walk){.env = env, .store = store, .observer = *observer};
    copse_cid_set_init(&walk->seen, env);
    copse_buf_init(&walk->stack, env, SIZE_MAX / 2);
}

void copse_dag_walk_release(copse_dag_walk *walk)
{
    copse_cid_set_release(&walk->seen);
    copse_buf_release(&walk->stack);
    walk->config = copse_block_unref(walk->config);
}

/* ---- The built-in config ---- */

static copse_status dag_walk_make_config(copse_dag_walk *walk, copse_err *err)
{
    copse_tree_config config;
    copse_tree_config_init(&config);
    return copse_tree_config_block(walk->env, &config, &walk->config, err);
}

/* A block from the store, or the built-in config. */
static copse_status dag_walk_get(copse_dag_walk *walk, const copse_cid *cid,
                                 copse_block **ret_block, copse_err *err)
{
    copse_status status = copse_store_get(walk->store, cid, ret_block, err);
    if (status == COPSE_NOT_FOUND && walk->config == NULL) {
        copse_status made = dag_walk_make_config(walk, err);
        if (made != COPSE_OK) {
            return made;
        }
    }
    if (status == COPSE_NOT_FOUND && copse_cid_equal(cid, copse_block_cid(walk->config))) {
        *ret_block = copse_block_ref(walk->config);
        status = COPSE_OK;
    }
    return status;
}

/* ---- Walking ---- */

copse_status copse_dag_links(const copse_env *env, const copse_block *block,
                             copse_status (*visit)(void *ctx, const copse_cid *cid), void *ctx,
                             copse_err *err)
{
    copse_cid_parts parts;
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cid_split(copse_block_cid(block), &parts);
    if (parts.codec != COPSE_CODEC_DAG_CBOR) {
        return COPSE_OK;
    }
    copse_status status = copse_cbor_reader_init_untrusted(&reader, copse_block_data(block),
                                                           &env->limits, COPSE_CBOR_LAX, err);
    while (status == COPSE_OK && (status = copse_cbor_next(&reader, &item, err)) == COPSE_OK) {
        copse_cid cid;
        if (item.kind == COPSE_CBOR_LINK) {
            status = copse_cid_from_bytes(item.bytes, &cid, err);
            if (status == COPSE_OK) {
                status = visit(ctx, &cid);
            }
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status dag_walk_push(void *ctx, const copse_cid *cid)
{
    copse_dag_walk *walk = ctx;
    return copse_buf_append(&walk->stack, (copse_bytes){(const uint8_t *)cid, sizeof *cid});
}

/* Turns around what was pushed from `start` on, so that the first link is visited first. */
static void dag_walk_reverse(copse_buf *stack, size_t start)
{
    size_t low = start;
    size_t high = stack->len;
    while (high - low > sizeof(copse_cid)) {
        copse_cid swapped;
        high -= sizeof swapped;
        memcpy(&swapped, stack->ptr + low, sizeof swapped);
        memcpy(stack->ptr + low, stack->ptr + high, sizeof swapped);
        memcpy(stack->ptr + high, &swapped, sizeof swapped);
        low += sizeof swapped;
        if (high <= low) {
            break;
        }
    }
}

static copse_status dag_walk_visit(copse_dag_walk *walk, const copse_cid *cid, copse_err *err)
{
    copse_block *block = NULL;
    bool added = false;
    size_t start = walk->stack.len;
    copse_status status = copse_cid_set_add(&walk->seen, cid, &added);
    if (status != COPSE_OK || !added) {
        return status;
    }
    status = dag_walk_get(walk, cid, &block, err);
    if (status == COPSE_NOT_FOUND) {
        return walk->observer.missing != NULL ? walk->observer.missing(walk->observer.ctx, cid, err)
                                              : COPSE_OK;
    }
    if (status == COPSE_OK && walk->observer.block != NULL) {
        status = walk->observer.block(walk->observer.ctx, block, err);
    }
    if (status == COPSE_OK) {
        status = copse_dag_links(walk->env, block, dag_walk_push, walk, err);
        dag_walk_reverse(&walk->stack, start);
    }
    block = copse_block_unref(block);
    return status;
}

copse_status copse_dag_walk_run(copse_dag_walk *walk, const copse_cid *root, copse_err *err)
{
    copse_buf_truncate(&walk->stack, 0);
    copse_status status = dag_walk_push(walk, root);
    while (status == COPSE_OK && walk->stack.len > 0) {
        copse_cid cid;
        size_t start = walk->stack.len - sizeof cid;
        memcpy(&cid, walk->stack.ptr + start, sizeof cid);
        copse_buf_truncate(&walk->stack, start);
        status = dag_walk_visit(walk, &cid, err);
    }
    return status;
}
