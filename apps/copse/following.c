/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "following.h"

#include "failure.h"

#include <stdio.h>

enum { FOLLOWING_TRIES_MAX = 100, FOLLOWING_SIZE_MAX = 1 << 16 };

/* ---- The list ---- */

static copse_status following_load(copse_local *local, const copse_cid *cid,
                                   copse_follow_list **ret_list)
{
    copse_call *call = local->call;
    copse_block *block = NULL;
    if (cid->size == 0) {
        return copse_follow_list_new(&call->env, ret_list, &call->err);
    }
    copse_status status = copse_store_get(local->store, cid, &block, &call->err);
    if (status == COPSE_OK) {
        status =
            copse_follow_list_decode(&call->env, copse_block_data(block), ret_list, &call->err);
    }
    copse_block_unref(block);
    return status;
}

bool copse_following_read(copse_local *local, copse_follow_list **ret_list, copse_cid *ret_cid)
{
    copse_call *call = local->call;
    copse_cid cid = {.size = 0};
    copse_status status = copse_local_ref_now(local, COPSE_FOLLOW_REF, &cid);
    if (status == COPSE_OK) {
        status = following_load(local, &cid, ret_list);
    }
    if (status != COPSE_OK) {
        (void)copse_failure(call, status,
                            "`copse refs delete STORE " COPSE_FOLLOW_REF "` forgets it",
                            "the list of whom '%s' follows: %s", local->path, call->err.message);
        return false;
    }
    if (ret_cid != NULL) {
        *ret_cid = cid;
    }
    return true;
}

/* Writes the list in the place of what `before` names. CONFLICT: it is another one by now. */
static copse_status following_write(copse_local *local, const copse_follow_list *list,
                                    const copse_cid *before)
{
    copse_call *call = local->call;
    copse_block *block = NULL;
    copse_buf buf;
    copse_buf_init(&buf, &call->env, FOLLOWING_SIZE_MAX);
    copse_status status = copse_follow_list_encode(list, &buf, &call->err);
    if (status == COPSE_OK) {
        status = copse_block_of_data(&call->env, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), &block,
                                     &call->err);
    }
    if (status == COPSE_OK && !copse_cid_equal(copse_block_cid(block), before)) {
        status = copse_store_put(local->store, &block, 1, &call->err);
        if (status == COPSE_OK) {
            status = copse_refs_swap(local->refs, copse_bytes_of_text(COPSE_FOLLOW_REF),
                                     before->size > 0 ? before : NULL, copse_block_cid(block),
                                     &call->err);
        }
    }
    copse_block_unref(block);
    copse_buf_release(&buf);
    return status;
}

bool copse_following_edit(copse_local *local, copse_following_edit_fn edit, void *ctx)
{
    copse_status status = COPSE_CONFLICT;
    for (int i = 0; status == COPSE_CONFLICT && i < FOLLOWING_TRIES_MAX; i++) {
        copse_follow_list *list = NULL;
        copse_cid before;
        if (!copse_following_read(local, &list, &before)) {
            return false;
        }
        bool edited = edit(ctx, list);
        status = edited ? following_write(local, list, &before) : COPSE_OK;
        copse_follow_list_free(list);
        if (!edited) {
            return false;
        }
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(local->call, status, "the list of whom '%s' follows", local->path);
    }
    return status == COPSE_OK;
}

/* ---- Heads ---- */

static void following_ref(const char *address, char ret_ref[COPSE_REF_NAME_SIZE_BYTES_MAX + 1])
{
    (void)snprintf(ret_ref, COPSE_REF_NAME_SIZE_BYTES_MAX + 1, "%s/%s", COPSE_FOLLOW_REF, address);
}

bool copse_following_head(copse_local *local, const char *address, copse_cid *ret_head)
{
    char ref[COPSE_REF_NAME_SIZE_BYTES_MAX + 1];
    following_ref(address, ref);
    copse_status status = copse_local_ref_now(local, ref, ret_head);
    if (status != COPSE_OK) {
        (void)copse_failure_of(local->call, status, "the ref '%s'", ref);
    }
    return status == COPSE_OK;
}

bool copse_following_set_head(copse_local *local, const char *address, const copse_cid *head)
{
    copse_call *call = local->call;
    char ref[COPSE_REF_NAME_SIZE_BYTES_MAX + 1];
    copse_status status = COPSE_CONFLICT;
    following_ref(address, ref);
    for (int i = 0; status == COPSE_CONFLICT && i < FOLLOWING_TRIES_MAX; i++) {
        copse_cid before = {.size = 0};
        status = copse_local_ref_now(local, ref, &before);
        if (status == COPSE_OK && (before.size > 0 || head != NULL)) {
            status = copse_refs_swap(local->refs, copse_bytes_of_text(ref),
                                     before.size > 0 ? &before : NULL, head, &call->err);
        }
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the ref '%s' could not be moved", ref);
    }
    return status == COPSE_OK;
}
