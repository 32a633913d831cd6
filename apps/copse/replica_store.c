/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "replica_store.h"

#include "failure.h"

static copse_status replica_store_count_ref(void *ctx, copse_bytes name, const copse_cid *cid,
                                            copse_err *err)
{
    (void)name;
    (void)cid;
    (void)err;
    ++*(size_t *)ctx;
    return COPSE_OK;
}

bool copse_replica_store_open(copse_replica_store *store, copse_call *call, const char *path,
                              copse_cid *ret_origin)
{
    copse_cid main = {0};
    size_t refs = 0; /* only those of a clone that was broken off */
    if (!copse_local_open(&store->local, call, path, COPSE_LOCAL_CREATE)) {
        return false;
    }
    copse_status status =
        copse_refs_iterate(store->local.refs, replica_store_count_ref, &refs, &call->err);
    if (status == COPSE_OK) {
        status = copse_local_get_ref(&store->local, COPSE_REF_ORIGIN, ret_origin);
    }
    if (status == COPSE_OK) {
        status = copse_local_get_ref(&store->local, COPSE_REF_ORIGIN_HEAD, &store->pulled);
    }
    if (status == COPSE_OK) {
        status = copse_local_get_ref(&store->local, COPSE_REF_DEFAULT, &main);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the refs of '%s' can't be read", path);
    } else if (main.size > 0 || (refs > 0 && ret_origin->size == 0)) {
        status = COPSE_CONFLICT;
        (void)copse_failure(call, status,
                            ret_origin->size > 0 ? "`copse pull` brings it up to date"
                                                 : "name a folder that isn't there yet",
                            "'%s' is a store already; nothing was changed", path);
    }
    return status == COPSE_OK;
}

bool copse_replica_store_write_origin(copse_replica_store *store, const copse_origin *origin,
                                      const copse_cid *present)
{
    copse_call *call = store->local.call;
    copse_refs *refs = store->local.refs;
    copse_block *block = NULL;
    copse_status status = copse_origin_encode(&call->env, origin, &block, &call->err);
    if (status == COPSE_OK && !copse_cid_equal(present, copse_block_cid(block))) {
        if (store->pulled.size > 0) {
            status = copse_refs_swap(refs, copse_bytes_of_text(COPSE_REF_ORIGIN_HEAD),
                                     &store->pulled, NULL, &call->err);
            store->pulled = (copse_cid){0};
        }
        if (status == COPSE_OK) {
            status = copse_store_put(store->local.store, &block, 1, &call->err);
        }
        if (status == COPSE_OK) {
            status = copse_refs_swap(refs, copse_bytes_of_text(COPSE_REF_ORIGIN),
                                     present->size > 0 ? present : NULL, copse_block_cid(block),
                                     &call->err);
        }
    }
    copse_block_unref(block);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be written", store->local.path);
    }
    return status == COPSE_OK;
}

bool copse_replica_store_finish(copse_replica_store *store, const copse_cid *head,
                                const copse_cid *origin)
{
    const copse_cid none = {0};
    copse_status status =
        origin->size > 0
            ? copse_local_move_ref(&store->local, COPSE_REF_ORIGIN_HEAD, &store->pulled, origin)
            : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_local_move_ref(&store->local, COPSE_REF_DEFAULT, &none, head);
    }
    if (status == COPSE_CONFLICT) {
        (void)copse_failure_of(store->local.call, status, "'%s'", store->local.path);
    }
    return status == COPSE_OK;
}

void copse_replica_store_forget_origin(copse_replica_store *store)
{
    copse_cid present;
    if (copse_local_get_ref(&store->local, COPSE_REF_ORIGIN, &present) != COPSE_OK ||
        present.size == 0 ||
        copse_refs_swap(store->local.refs, copse_bytes_of_text(COPSE_REF_ORIGIN), &present, NULL,
                        &store->local.call->err) != COPSE_OK) {
        copse_note(store->local.call, "copse: '%s' still says where it is from", store->local.path);
    }
}
