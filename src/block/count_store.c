/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/count_store.h>

#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"

typedef struct count_store {
    copse_store store;
    const copse_env *env;
    copse_store *inner;
    copse_store_counts counts;
} count_store;

static copse_status count_store_call(copse_store_count *count, copse_status status)
{
    count->calls++;
    count->failures += status < 0 && status != COPSE_NOT_FOUND;
    return status;
}

static void count_store_block(copse_store_count *count, const copse_block *block)
{
    count->blocks++;
    count->size_bytes += copse_block_data_inline(block).len;
}

static copse_status count_store_get(copse_store *store, const copse_cid *cid,
                                    copse_block **ret_block, copse_err *err)
{
    count_store *counting = (count_store *)store;
    copse_store_count *count = &counting->counts.get;
    copse_status status = copse_store_get(counting->inner, cid, ret_block, err);
    if (status == COPSE_OK) {
        count_store_block(count, *ret_block);
    }
    count->missing += status == COPSE_NOT_FOUND;
    return count_store_call(count, status);
}

static copse_status count_store_get_many(copse_store *store, const copse_cid *cids, size_t count,
                                         copse_block **ret_blocks, copse_err *err)
{
    count_store *counting = (count_store *)store;
    copse_store_count *counted = &counting->counts.get_many;
    copse_status status = copse_store_get_many(counting->inner, cids, count, ret_blocks, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        if (ret_blocks[i] != NULL) {
            count_store_block(counted, ret_blocks[i]);
        } else {
            counted->missing++;
        }
    }
    return count_store_call(counted, status);
}

static copse_status count_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                    copse_err *err)
{
    count_store *counting = (count_store *)store;
    copse_status status = copse_store_put(counting->inner, blocks, count, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        count_store_block(&counting->counts.put, blocks[i]);
    }
    return count_store_call(&counting->counts.put, status);
}

static copse_status count_store_has(copse_store *store, const copse_cid *cid, bool *ret_present,
                                    copse_err *err)
{
    count_store *counting = (count_store *)store;
    copse_status status = copse_store_has(counting->inner, cid, ret_present, err);
    if (status == COPSE_OK) {
        counting->counts.has.blocks += *ret_present;
        counting->counts.has.missing += !*ret_present;
    }
    return count_store_call(&counting->counts.has, status);
}

static copse_status count_store_flush(copse_store *store, copse_err *err)
{
    count_store *counting = (count_store *)store;
    return count_store_call(&counting->counts.flush, copse_store_flush(counting->inner, err));
}

typedef struct count_store_visitor {
    copse_store_count *count;
    copse_store_visit_fn visit;
    void *ctx;
} count_store_visitor;

static copse_status count_store_visit(void *ctx, copse_block *block, copse_err *err)
{
    const count_store_visitor *visitor = ctx;
    count_store_block(visitor->count, block);
    return visitor->visit(visitor->ctx, block, err);
}

static copse_status count_store_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                        copse_err *err)
{
    count_store *counting = (count_store *)store;
    count_store_visitor visitor = {&counting->counts.iterate, visit, ctx};
    copse_status status = copse_store_iterate(counting->inner, count_store_visit, &visitor, err);
    return count_store_call(&counting->counts.iterate, status);
}

static copse_status count_store_remove(copse_store *store, const copse_cid *cids, size_t count,
                                       copse_err *err)
{
    count_store *counting = (count_store *)store;
    copse_status status = copse_store_remove(counting->inner, cids, count, err);
    counting->counts.remove.blocks += status == COPSE_OK ? count : 0;
    return count_store_call(&counting->counts.remove, status);
}

static void count_store_close(copse_store *store)
{
    count_store *counting = (count_store *)store;
    copse_store_close(counting->inner);
    copse_free(counting->env, counting, sizeof *counting);
}

static const copse_store_ops count_store_ops = {
    .get = count_store_get,
    .get_many = count_store_get_many,
    .put = count_store_put,
    .has = count_store_has,
    .flush = count_store_flush,
    .iterate = count_store_iterate,
    .remove = count_store_remove,
    .close = count_store_close,
};

copse_status copse_count_store_new(const copse_env *env, copse_store *inner,
                                   copse_store **ret_store, copse_err *err)
{
    if (env == NULL || inner == NULL || ret_store == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a counting store needs a store to count");
    }
    count_store *counting = copse_alloc_zeroed(env, sizeof *counting);
    if (counting == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    counting->store.ops = &count_store_ops;
    counting->env = env;
    counting->inner = inner;
    *ret_store = &counting->store;
    return COPSE_OK;
}

void copse_count_store_snapshot(const copse_store *store, copse_store_counts *ret_counts)
{
    *ret_counts = store != NULL && store->ops == &count_store_ops
                      ? ((const count_store *)store)->counts
                      : (copse_store_counts){0};
}

void copse_count_store_reset(copse_store *store)
{
    if (store != NULL && store->ops == &count_store_ops) {
        ((count_store *)store)->counts = (copse_store_counts){0};
    }
}
