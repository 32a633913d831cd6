/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/remote_store.h"

#include "base/err.h"

/* 4 MiB at most. */
enum { REMOTE_STORE_COUNTED_MAX = 1 << 16 };

bool copse_remote_notes_add(copse_remote_notes *notes, const copse_cid *cid)
{
    for (size_t i = 0; i < notes->count; i++) {
        if (copse_cid_equal(&notes->cids[i], cid)) {
            return true;
        }
    }
    notes->full = notes->full || notes->count == COPSE_REMOTE_HAVE_MAX;
    if (!notes->full) {
        notes->cids[notes->count++] = *cid;
    }
    return !notes->full;
}

static copse_status remote_store_count(copse_remote_store_view *view, const copse_cid *cid,
                                       copse_err *err)
{
    bool added;
    if (view->counted.count == REMOTE_STORE_COUNTED_MAX) {
        copse_cid_set_release(&view->counted);
    }
    if (copse_cid_set_add(&view->counted, cid, &added) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    view->had += added;
    return COPSE_OK;
}

static copse_status remote_store_missing(copse_err *err)
{
    return COPSE_ERR(err, COPSE_NOT_FOUND, "the block is not here");
}

static copse_status remote_store_get(copse_store *store, const copse_cid *cid,
                                     copse_block **ret_block, copse_err *err)
{
    copse_remote_store_view *view = (copse_remote_store_view *)store;
    copse_block *block = NULL;
    if (view->inner == NULL) {
        return remote_store_missing(err);
    }
    copse_status status = copse_store_get(view->inner, cid, &block, err);
    if (status == COPSE_OK && view->notes != NULL && !copse_remote_notes_add(view->notes, cid)) {
        status = remote_store_missing(err);
    }
    if (status == COPSE_OK) {
        status = remote_store_count(view, cid, err);
    }
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return status;
    }
    *ret_block = block;
    return COPSE_OK;
}

static copse_status remote_store_has(copse_store *store, const copse_cid *cid, bool *ret_present,
                                     copse_err *err)
{
    const copse_remote_store_view *view = (const copse_remote_store_view *)store;
    if (view->inner == NULL) {
        *ret_present = false;
        return COPSE_OK;
    }
    return copse_store_has(view->inner, cid, ret_present, err);
}

static copse_status remote_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                     copse_err *err)
{
    (void)store;
    (void)blocks;
    (void)count;
    return COPSE_ERR(err, COPSE_MISUSE, "the store of a remote is read only");
}

static copse_status remote_store_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                         copse_err *err)
{
    const copse_remote_store_view *view = (const copse_remote_store_view *)store;
    return view->inner != NULL ? copse_store_iterate(view->inner, visit, ctx, err) : COPSE_OK;
}

static copse_status remote_store_remove(copse_store *store, const copse_cid *cids, size_t count,
                                        copse_err *err)
{
    (void)cids;
    return remote_store_put(store, NULL, count, err);
}

/* It is the remote's, as is what it stands on. */
static void remote_store_close(copse_store *store)
{
    (void)store;
}

static const copse_store_ops remote_store_ops = {
    .get = remote_store_get,
    .put = remote_store_put,
    .has = remote_store_has,
    .iterate = remote_store_iterate,
    .remove = remote_store_remove,
    .close = remote_store_close,
};

void copse_remote_store_init(copse_remote_store_view *view, const copse_env *env,
                             copse_store *inner)
{
    *view = (copse_remote_store_view){.store.ops = &remote_store_ops, .inner = inner};
    copse_cid_set_init(&view->counted, env);
}

void copse_remote_store_release(copse_remote_store_view *view)
{
    copse_cid_set_release(&view->counted);
}

void copse_remote_store_note(copse_remote_store_view *view, copse_remote_notes *notes)
{
    view->notes = notes;
}
