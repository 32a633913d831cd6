/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/sys/store.h>

#include "base/err.h"
#include "block/block.h"

/* The wrappers check what a caller gives, so that an implementation need not: the store, the count
 * and every CID and block. A count of 0 never reaches it. */

static copse_status store_misuse(copse_err *err, const char *what)
{
    return COPSE_ERR(err, COPSE_MISUSE, "a call on a store needs %s", what);
}

static copse_status store_check_cids(const copse_store *store, const copse_cid *cids, size_t count,
                                     copse_err *err)
{
    if (store == NULL || (cids == NULL && count > 0)) {
        return store_misuse(err, "a store and CIDs");
    }
    for (size_t i = 0; i < count; i++) {
        if (!copse_block_cid_is_valid(&cids[i])) {
            return store_misuse(err, "CIDs that are not empty");
        }
    }
    return COPSE_OK;
}

copse_status copse_store_get(copse_store *store, const copse_cid *cid, copse_block **ret_block,
                             copse_err *err)
{
    if (COPSE_UNLIKELY(store == NULL || ret_block == NULL || !copse_block_cid_is_valid(cid))) {
        return store_misuse(err, "a store, a CID and a place for the block");
    }
    return store->ops->get(store, cid, ret_block, err);
}

/* get in a loop; blocks that are not there stay NULL. */
static copse_status store_get_each(copse_store *store, const copse_cid *cids, size_t count,
                                   copse_block **ret_blocks, copse_err *err)
{
    for (size_t i = 0; i < count; i++) {
        copse_err detail; /* a block that is not there is no failure and leaves err alone */
        copse_status status = store->ops->get(store, &cids[i], &ret_blocks[i], &detail);
        if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
            if (err != NULL) {
                *err = detail;
            }
            return status;
        }
    }
    return COPSE_OK;
}

copse_status copse_store_get_many(copse_store *store, const copse_cid *cids, size_t count,
                                  copse_block **ret_blocks, copse_err *err)
{
    if (ret_blocks == NULL && count > 0) {
        return store_misuse(err, "a place for the blocks");
    }
    for (size_t i = 0; i < count; i++) {
        ret_blocks[i] = NULL;
    }
    copse_status status = store_check_cids(store, cids, count, err);
    if (status != COPSE_OK || count == 0) {
        return status;
    }
    status = store->ops->get_many != NULL
                 ? store->ops->get_many(store, cids, count, ret_blocks, err)
                 : store_get_each(store, cids, count, ret_blocks, err);
    for (size_t i = 0; i < count && status != COPSE_OK; i++) {
        ret_blocks[i] = copse_block_unref(ret_blocks[i]);
    }
    return status;
}

copse_status copse_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                             copse_err *err)
{
    if (store == NULL || (blocks == NULL && count > 0)) {
        return store_misuse(err, "a store and blocks");
    }
    for (size_t i = 0; i < count; i++) {
        if (blocks[i] == NULL) {
            return store_misuse(err, "blocks that are not NULL");
        }
    }
    return count > 0 ? store->ops->put(store, blocks, count, err) : COPSE_OK;
}

copse_status copse_store_has(copse_store *store, const copse_cid *cid, bool *ret_present,
                             copse_err *err)
{
    if (store == NULL || ret_present == NULL || !copse_block_cid_is_valid(cid)) {
        return store_misuse(err, "a store, a CID and a place for the answer");
    }
    if (store->ops->has != NULL) {
        return store->ops->has(store, cid, ret_present, err);
    }
    copse_block *block = NULL;
    copse_status status = store_get_each(store, cid, 1, &block, err);
    if (status == COPSE_OK) {
        *ret_present = block != NULL;
        copse_block_unref(block);
    }
    return status;
}

copse_status copse_store_flush(copse_store *store, copse_err *err)
{
    if (store == NULL) {
        return store_misuse(err, "a store");
    }
    return store->ops->flush != NULL ? store->ops->flush(store, err) : COPSE_OK;
}

copse_status copse_store_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                 copse_err *err)
{
    if (store == NULL || visit == NULL) {
        return store_misuse(err, "a store and a function that is called for each block");
    }
    return store->ops->iterate(store, visit, ctx, err);
}

copse_status copse_store_remove(copse_store *store, const copse_cid *cids, size_t count,
                                copse_err *err)
{
    copse_status status = store_check_cids(store, cids, count, err);
    if (status != COPSE_OK || count == 0) {
        return status;
    }
    return store->ops->remove(store, cids, count, err);
}

copse_store *copse_store_close(copse_store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
    return NULL;
}
