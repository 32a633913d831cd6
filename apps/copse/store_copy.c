/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store_copy.h"

static copse_status store_copy_block(void *ctx, copse_block *block, copse_err *err)
{
    copse_store_copy *copy = ctx;
    copy->blocks++;
    copse_progress_update(&copy->progress, copy->blocks, copy->blocks);
    return copse_store_put(copy->to->store, &block, 1, err);
}

static copse_status store_copy_missing(void *ctx, const copse_cid *cid, copse_err *err)
{
    copse_store_copy *copy = ctx;
    (void)err;
    if (copy->absent++ == 0) {
        copy->missing = *cid;
    }
    return COPSE_OK;
}

copse_status copse_store_copy_begin(copse_store_copy *copy, copse_store *from, copse_local *to)
{
    copse_call *call = to->call;
    const copse_dag_observer observer = {store_copy_block, store_copy_missing, copy};
    *copy = (copse_store_copy){.to = to};
    copse_dag_walk_init(&copy->walk, &call->env, from, &observer);
    copse_progress_init(&copy->progress, call, "copying", 0, "blocks");
    return copse_pack_db_begin_bulk(to->db, &call->err);
}

copse_status copse_store_copy_root(copse_store_copy *copy, const copse_cid *root)
{
    return copse_dag_walk_run(&copy->walk, root, &copy->to->call->err);
}

void copse_store_copy_end(copse_store_copy *copy)
{
    (void)copse_progress_end(&copy->progress);
    copse_dag_walk_release(&copy->walk);
}
