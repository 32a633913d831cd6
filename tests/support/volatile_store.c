/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/volatile_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <copse/memory_store.h>

#include "base/err.h"

typedef struct volatile_store {
    copse_store store;
    const copse_env *env;
    copse_store *durable;
    copse_store *pending;
    copse_store_visit_fn kept;
    void *kept_ctx;
    uint64_t calls_left; /* 0: the machine does not stop */
    bool has_stopped;
} volatile_store;

static volatile_store *volatile_of(copse_store *store)
{
    return (volatile_store *)store;
}

static copse_status volatile_call(volatile_store *self, copse_err *err)
{
    if (self->calls_left > 0 && --self->calls_left == 0) {
        self->has_stopped = true;
    }
    return self->has_stopped ? COPSE_ERR(err, COPSE_IO, "the machine has stopped") : COPSE_OK;
}

static copse_status volatile_get(copse_store *store, const copse_cid *cid, copse_block **ret_block,
                                 copse_err *err)
{
    volatile_store *self = volatile_of(store);
    copse_status status = volatile_call(self, err);
    if (status == COPSE_OK) {
        status = copse_store_get(self->pending, cid, ret_block, err);
    }
    return status == COPSE_NOT_FOUND ? copse_store_get(self->durable, cid, ret_block, err) : status;
}

static copse_status volatile_put(copse_store *store, copse_block *const *blocks, size_t count,
                                 copse_err *err)
{
    volatile_store *self = volatile_of(store);
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        bool is_durable = false;
        status = volatile_call(self, err);
        if (status == COPSE_OK) {
            status = copse_store_has(self->durable, copse_block_cid(blocks[i]), &is_durable, err);
        }
        if (status == COPSE_OK && !is_durable) {
            status = copse_store_put(self->pending, &blocks[i], 1, err);
        }
    }
    return status;
}

static copse_status volatile_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                     copse_err *err)
{
    volatile_store *self = volatile_of(store);
    copse_status status = copse_store_iterate(self->durable, visit, ctx, err);
    return status == COPSE_OK ? copse_store_iterate(self->pending, visit, ctx, err) : status;
}

static copse_status volatile_remove(copse_store *store, const copse_cid *cids, size_t count,
                                    copse_err *err)
{
    volatile_store *self = volatile_of(store);
    copse_status status = copse_store_remove(self->durable, cids, count, err);
    return status == COPSE_OK ? copse_store_remove(self->pending, cids, count, err) : status;
}

/* ---- What becomes of that which was put ------------------------------------------------------ */

/* Which of the pending blocks are written: by their numbers, from 0. */
typedef struct volatile_writing {
    volatile_store *self;
    uint64_t torn;
    uint64_t number;
} volatile_writing;

static copse_status volatile_write(void *ctx, copse_block *block, copse_err *err)
{
    volatile_writing *writing = ctx;
    volatile_store *self = writing->self;
    if (((writing->torn >> (writing->number++ % 64)) & 1) == 0) {
        return COPSE_OK;
    }
    copse_status status = copse_store_put(self->durable, &block, 1, err);
    return status == COPSE_OK && self->kept != NULL ? self->kept(self->kept_ctx, block, err)
                                                    : status;
}

static void volatile_settle(volatile_store *self, uint64_t torn)
{
    volatile_writing writing = {.self = self, .torn = torn};
    assert_int_equal(copse_store_iterate(self->pending, volatile_write, &writing, NULL), COPSE_OK);
    copse_store_close(self->pending);
    assert_int_equal(copse_memory_store_new(self->env, &self->pending, NULL), COPSE_OK);
}

static copse_status volatile_flush(copse_store *store, copse_err *err)
{
    volatile_store *self = volatile_of(store);
    copse_status status = volatile_call(self, err);
    if (status == COPSE_OK) {
        volatile_settle(self, UINT64_MAX);
    }
    return status;
}

static void volatile_close(copse_store *store)
{
    copse_store_close(volatile_of(store)->pending);
    copse_store_close(volatile_of(store)->durable);
    free(store);
}

static const copse_store_ops volatile_ops = {
    .get = volatile_get,
    .put = volatile_put,
    .flush = volatile_flush,
    .iterate = volatile_iterate,
    .remove = volatile_remove,
    .close = volatile_close,
};

copse_store *volatile_store_new(const copse_env *env, copse_store_visit_fn kept, void *kept_ctx)
{
    volatile_store *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->store.ops = &volatile_ops;
    self->env = env;
    self->kept = kept;
    self->kept_ctx = kept_ctx;
    assert_int_equal(copse_memory_store_new(env, &self->durable, NULL), COPSE_OK);
    assert_int_equal(copse_memory_store_new(env, &self->pending, NULL), COPSE_OK);
    return &self->store;
}

void volatile_store_stop_in(copse_store *store, uint64_t calls)
{
    volatile_of(store)->calls_left = calls;
}

bool volatile_store_has_stopped(const copse_store *store)
{
    return ((const volatile_store *)store)->has_stopped;
}

void volatile_store_restart(copse_store *store, uint64_t torn)
{
    volatile_store *self = volatile_of(store);
    self->has_stopped = false;
    self->calls_left = 0;
    volatile_settle(self, torn);
}

copse_store *volatile_store_durable(copse_store *store)
{
    return volatile_of(store)->durable;
}
