/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/verify_store.h>

#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"

typedef struct verify_store {
    copse_store store;
    const copse_env *env;
    copse_store *inner;
} verify_store;

static copse_store *verify_store_inner(copse_store *store)
{
    return ((verify_store *)store)->inner;
}

/* Whether `block` is what `cid` says; names the CID where it is not. */
static copse_status verify_store_check(const copse_cid *cid, const copse_block *block,
                                       copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (!copse_cid_equal_inline(cid, copse_block_cid_inline(block))) {
        char other[COPSE_CID_TEXT_SIZE_MAX];
        return COPSE_ERR(err, COPSE_CORRUPT, "asked for block %s, the store gave %s",
                         copse_block_cid_text(cid, text),
                         copse_block_cid_text(copse_block_cid_inline(block), other));
    }
    copse_status status = copse_cid_verify(cid, copse_block_data_inline(block), NULL);
    if (status == COPSE_CORRUPT) {
        return COPSE_ERR(err, status, "block %s does not hash to its CID",
                         copse_block_cid_text(cid, text));
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "block %s can't be verified: its hash is not known",
                         copse_block_cid_text(cid, text));
    }
    return COPSE_OK;
}

static copse_status verify_store_get(copse_store *store, const copse_cid *cid,
                                     copse_block **ret_block, copse_err *err)
{
    copse_block *block = NULL;
    copse_status status = copse_store_get(verify_store_inner(store), cid, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = verify_store_check(cid, block, err);
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return status;
    }
    *ret_block = block;
    return COPSE_OK;
}

static copse_status verify_store_get_many(copse_store *store, const copse_cid *cids, size_t count,
                                          copse_block **ret_blocks, copse_err *err)
{
    copse_status status =
        copse_store_get_many(verify_store_inner(store), cids, count, ret_blocks, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        if (ret_blocks[i] != NULL) {
            status = verify_store_check(&cids[i], ret_blocks[i], err);
        }
    }
    return status;
}

static copse_status verify_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                     copse_err *err)
{
    for (size_t i = 0; i < count; i++) {
        copse_status status = verify_store_check(copse_block_cid_inline(blocks[i]), blocks[i], err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return copse_store_put(verify_store_inner(store), blocks, count, err);
}

static copse_status verify_store_has(copse_store *store, const copse_cid *cid, bool *ret_present,
                                     copse_err *err)
{
    return copse_store_has(verify_store_inner(store), cid, ret_present, err);
}

static copse_status verify_store_flush(copse_store *store, copse_err *err)
{
    return copse_store_flush(verify_store_inner(store), err);
}

typedef struct verify_store_visitor {
    copse_store_visit_fn visit;
    void *ctx;
} verify_store_visitor;

static copse_status verify_store_visit(void *ctx, copse_block *block, copse_err *err)
{
    const verify_store_visitor *visitor = ctx;
    copse_status status = verify_store_check(copse_block_cid_inline(block), block, err);
    return status == COPSE_OK ? visitor->visit(visitor->ctx, block, err) : status;
}

static copse_status verify_store_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                         copse_err *err)
{
    verify_store_visitor visitor = {visit, ctx};
    return copse_store_iterate(verify_store_inner(store), verify_store_visit, &visitor, err);
}

static copse_status verify_store_remove(copse_store *store, const copse_cid *cids, size_t count,
                                        copse_err *err)
{
    return copse_store_remove(verify_store_inner(store), cids, count, err);
}

static void verify_store_close(copse_store *store)
{
    verify_store *verify = (verify_store *)store;
    copse_store_close(verify->inner);
    copse_free(verify->env, verify, sizeof *verify);
}

static const copse_store_ops verify_store_ops = {
    .get = verify_store_get,
    .get_many = verify_store_get_many,
    .put = verify_store_put,
    .has = verify_store_has,
    .flush = verify_store_flush,
    .iterate = verify_store_iterate,
    .remove = verify_store_remove,
    .close = verify_store_close,
};

copse_status copse_verify_store_new(const copse_env *env, copse_store *inner,
                                    copse_store **ret_store, copse_err *err)
{
    if (env == NULL || inner == NULL || ret_store == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a verifying store needs a store to read through");
    }
    verify_store *verify = copse_alloc_zeroed(env, sizeof *verify);
    if (verify == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *verify = (verify_store){{&verify_store_ops}, env, inner};
    *ret_store = &verify->store;
    return COPSE_OK;
}
