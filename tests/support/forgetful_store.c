/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/forgetful_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <copse/memory_store.h>

typedef struct forgetful_store {
    copse_store store;
    copse_store *inner;
    size_t blocks_max;
    size_t oldest; /* in `kept`, once it is full */
    size_t count;
    copse_cid kept[]; /* a ring */
} forgetful_store;

static forgetful_store *forgetful_of(copse_store *store)
{
    return (forgetful_store *)store;
}

static copse_status forgetful_get(copse_store *store, const copse_cid *cid, copse_block **ret_block,
                                  copse_err *err)
{
    return copse_store_get(forgetful_of(store)->inner, cid, ret_block, err);
}

static copse_status forgetful_put_one(forgetful_store *self, copse_block *block, copse_err *err)
{
    bool present = false;
    copse_status status = copse_store_has(self->inner, copse_block_cid(block), &present, err);
    if (status != COPSE_OK || present) {
        return status;
    }
    if (self->count == self->blocks_max) {
        status = copse_store_remove(self->inner, &self->kept[self->oldest], 1, err);
    }
    if (status == COPSE_OK) {
        status = copse_store_put(self->inner, &block, 1, err);
    }
    if (status == COPSE_OK) {
        self->kept[self->oldest] = *copse_block_cid(block);
        self->oldest = (self->oldest + 1) % self->blocks_max;
        self->count += self->count < self->blocks_max;
    }
    return status;
}

static copse_status forgetful_put(copse_store *store, copse_block *const *blocks, size_t count,
                                  copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = forgetful_put_one(forgetful_of(store), blocks[i], err);
    }
    return status;
}

static copse_status forgetful_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                      copse_err *err)
{
    return copse_store_iterate(forgetful_of(store)->inner, visit, ctx, err);
}

/* What was removed stays in the ring, and is removed once more. */
static copse_status forgetful_remove(copse_store *store, const copse_cid *cids, size_t count,
                                     copse_err *err)
{
    return copse_store_remove(forgetful_of(store)->inner, cids, count, err);
}

static void forgetful_close(copse_store *store)
{
    copse_store_close(forgetful_of(store)->inner);
    free(store);
}

static const copse_store_ops forgetful_ops = {
    .get = forgetful_get,
    .put = forgetful_put,
    .iterate = forgetful_iterate,
    .remove = forgetful_remove,
    .close = forgetful_close,
};

copse_store *forgetful_store_new(const copse_env *env, size_t blocks_max)
{
    forgetful_store *self = calloc(1, sizeof *self + blocks_max * sizeof *self->kept);
    assert_non_null(self);
    self->store.ops = &forgetful_ops;
    self->blocks_max = blocks_max;
    assert_int_equal(copse_memory_store_new(env, &self->inner, NULL), COPSE_OK);
    return &self->store;
}
