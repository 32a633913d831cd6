/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/dag_walk.h>

#include <copse/dag_cbor.h>
#include <copse/tree.h>

#include "base/err.h"
#include "value/dag_pb.h"

#include <string.h>

void copse_dag_walk_init(copse_dag_walk *walk, const copse_env *env, copse_store *store,
                         const copse_dag_observer *observer)
{
    *walk = (copse_dag_walk){.env = env, .store = store};
    walk->observer = observer != NULL ? *observer : (copse_dag_observer){NULL, NULL, NULL};
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

copse_status copse_dag_walk_load(copse_dag_walk *walk, const copse_cid *cid,
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

static copse_status dag_links_of_cbor(const copse_env *env, copse_bytes data,
                                      copse_status (*visit)(void *ctx, const copse_cid *cid),
                                      void *ctx, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, data, &env->limits, COPSE_CBOR_LAX, err);
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

static copse_status dag_links_of_pb(copse_bytes data,
                                    copse_status (*visit)(void *ctx, const copse_cid *cid),
                                    void *ctx, copse_err *err)
{
    copse_dag_pb_reader reader;
    copse_dag_pb_link link;
    copse_status status = COPSE_OK;
    copse_dag_pb_reader_init(&reader, data);
    while (status == COPSE_OK && (status = copse_dag_pb_next(&reader, &link, err)) == COPSE_OK) {
        status = visit(ctx, &link.cid);
    }
    return status == COPSE_END ? COPSE_OK : status;
}

copse_status copse_dag_links(const copse_env *env, const copse_block *block,
                             copse_status (*visit)(void *ctx, const copse_cid *cid), void *ctx,
                             copse_err *err)
{
    copse_cid_parts parts;
    copse_cid_split(copse_block_cid(block), &parts);
    switch (parts.codec) {
    case COPSE_CODEC_DAG_CBOR:
        return dag_links_of_cbor(env, copse_block_data(block), visit, ctx, err);
    case COPSE_CODEC_DAG_PB:
        return dag_links_of_pb(copse_block_data(block), visit, ctx, err);
    default:
        return COPSE_OK;
    }
}

bool copse_dag_links_are_known(const copse_cid *cid)
{
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    return parts.codec == COPSE_CODEC_RAW || parts.codec == COPSE_CODEC_DAG_CBOR ||
           parts.codec == COPSE_CODEC_DAG_PB;
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

/* Pushes the links of a block. */
static copse_status dag_walk_push_links(copse_dag_walk *walk, const copse_block *block,
                                        copse_err *err)
{
    size_t start = walk->stack.len;
    copse_status status = copse_dag_links(walk->env, block, dag_walk_push, walk, err);
    dag_walk_reverse(&walk->stack, start);
    return status;
}

/* If the CID holds its own bytes, pushes what they link to. False: it doesn't. */
static bool dag_walk_passes_identity(copse_dag_walk *walk, const copse_cid *cid,
                                     copse_status *ret_status, copse_err *err)
{
    copse_cid_parts parts;
    copse_block *block = NULL;
    copse_cid_split(cid, &parts);
    *ret_status = COPSE_OK;
    if (parts.hash != COPSE_HASH_IDENTITY) {
        return false;
    }
    if (parts.codec != COPSE_CODEC_RAW) {
        *ret_status = copse_block_new(walk->env, cid, parts.digest, &block, err);
        if (*ret_status == COPSE_OK) {
            *ret_status = dag_walk_push_links(walk, block, err);
        }
        block = copse_block_unref(block);
    }
    return true;
}

copse_status copse_dag_walk_begin(copse_dag_walk *walk, const copse_cid *root, copse_err *err)
{
    copse_buf_truncate(&walk->stack, 0);
    copse_status status = dag_walk_push(walk, root);
    return status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
}

/* Takes the next CID off the stack that is to be visited. END: there is none. */
static copse_status dag_walk_pop(copse_dag_walk *walk, copse_cid *ret_cid, copse_err *err)
{
    copse_status status = COPSE_OK;
    bool added = false;
    while (status == COPSE_OK && !added) {
        if (walk->stack.len == 0) {
            return COPSE_END;
        }
        memcpy(ret_cid, walk->stack.ptr + walk->stack.len - sizeof *ret_cid, sizeof *ret_cid);
        copse_buf_truncate(&walk->stack, walk->stack.len - sizeof *ret_cid);
        if (dag_walk_passes_identity(walk, ret_cid, &status, err)) {
            continue;
        }
        added = walk->repeats;
        if (!added && copse_cid_set_add(&walk->seen, ret_cid, &added) != COPSE_OK) {
            status = COPSE_ERR_NOMEM(err);
        }
    }
    return status;
}

copse_status copse_dag_walk_next(copse_dag_walk *walk, copse_block **ret_block,
                                 copse_cid *ret_missing, copse_err *err)
{
    copse_block *block = NULL;
    copse_cid cid;
    copse_status status = dag_walk_pop(walk, &cid, err);
    if (status == COPSE_OK) {
        status = copse_dag_walk_load(walk, &cid, &block, err);
        if (status == COPSE_NOT_FOUND && ret_missing != NULL) {
            *ret_missing = cid;
        }
    }
    if (status == COPSE_OK) {
        status = dag_walk_push_links(walk, block, err);
    }
    if (status == COPSE_OK) {
        *ret_block = block;
        return COPSE_OK;
    }
    block = copse_block_unref(block);
    return status;
}

copse_status copse_dag_walk_run(copse_dag_walk *walk, const copse_cid *root, copse_err *err)
{
    const copse_dag_observer *observer = &walk->observer;
    copse_status status = copse_dag_walk_begin(walk, root, err);
    while (status == COPSE_OK) {
        copse_block *block = NULL;
        copse_cid missing;
        status = copse_dag_walk_next(walk, &block, &missing, err);
        if (status == COPSE_NOT_FOUND) {
            status = observer->missing != NULL ? observer->missing(observer->ctx, &missing, err)
                                               : COPSE_OK;
        } else if (status == COPSE_OK && observer->block != NULL) {
            status = observer->block(observer->ctx, block, err);
        }
        block = copse_block_unref(block);
    }
    return status == COPSE_END ? COPSE_OK : status;
}
