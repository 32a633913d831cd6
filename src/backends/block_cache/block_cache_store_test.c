/* A block cache keeps to the rules of stores, as far as its contract goes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/block_cache_support.h"
#include "support/store_conformance.h"

enum { CACHE_STORE_BOUND = 16 << 20 };

/* Blocks by CID. */
typedef struct cache_test_set {
    copse_cid cids[300];
    size_t count;
} cache_test_set;

static bool cache_test_set_has(const cache_test_set *set, const copse_cid *cid)
{
    size_t i = 0;
    while (i < set->count && !copse_cid_equal(&set->cids[i], cid)) {
        i++;
    }
    return i < set->count;
}

/* Whether it wasn't there. */
static bool cache_test_set_add(cache_test_set *set, const copse_cid *cid)
{
    bool is_new = !cache_test_set_has(set, cid);
    if (is_new) {
        assert_true(set->count < sizeof set->cids / sizeof set->cids[0]);
        set->cids[set->count++] = *cid;
    }
    return is_new;
}

static void cache_test_set_drop(cache_test_set *set, const copse_cid *cid)
{
    for (size_t i = 0; i < set->count; i++) {
        if (copse_cid_equal(&set->cids[i], cid)) {
            set->cids[i] = set->cids[--set->count];
            return;
        }
    }
}

/* A store over the cache with what its contract leaves out: blocks that were removed are hidden,
 * and what an iteration visits again is passed over. */
typedef struct cache_test_store {
    copse_store store;
    cache_world world;
    cache_test_set removed;
    cache_test_set visited;
    copse_store_visit_fn visit;
    void *ctx;
} cache_test_store;

static copse_status cache_test_get(copse_store *store, const copse_cid *cid,
                                   copse_block **ret_block, copse_err *err)
{
    cache_test_store *self = (cache_test_store *)store;
    if (cache_test_set_has(&self->removed, cid)) {
        if (err != NULL) {
            err->status = COPSE_NOT_FOUND;
        }
        return COPSE_NOT_FOUND;
    }
    return copse_store_get(self->world.store, cid, ret_block, err);
}

static copse_status cache_test_put(copse_store *store, copse_block *const *blocks, size_t count,
                                   copse_err *err)
{
    cache_test_store *self = (cache_test_store *)store;
    for (size_t i = 0; i < count; i++) {
        cache_test_set_drop(&self->removed, copse_block_cid(blocks[i]));
    }
    return copse_store_put(self->world.store, blocks, count, err);
}

static copse_status cache_test_flush(copse_store *store, copse_err *err)
{
    return copse_store_flush(((cache_test_store *)store)->world.store, err);
}

static copse_status cache_test_visit(void *ctx, copse_block *block, copse_err *err)
{
    cache_test_store *self = ctx;
    const copse_cid *cid = copse_block_cid(block);
    if (cache_test_set_has(&self->removed, cid) || !cache_test_set_add(&self->visited, cid)) {
        return COPSE_OK;
    }
    return self->visit(self->ctx, block, err);
}

static copse_status cache_test_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                       copse_err *err)
{
    cache_test_store *self = (cache_test_store *)store;
    self->visited.count = 0;
    self->visit = visit;
    self->ctx = ctx;
    return copse_store_iterate(self->world.store, cache_test_visit, self, err);
}

static copse_status cache_test_remove(copse_store *store, const copse_cid *cids, size_t count,
                                      copse_err *err)
{
    cache_test_store *self = (cache_test_store *)store;
    assert_int_equal(copse_store_remove(self->world.store, cids, count, err), COPSE_MISUSE);
    for (size_t i = 0; i < count; i++) {
        (void)cache_test_set_add(&self->removed, &cids[i]);
    }
    return COPSE_OK;
}

static void cache_test_close(copse_store *store)
{
    cache_world_close(&((cache_test_store *)store)->world);
}

static const copse_store_ops cache_test_ops = {
    .get = cache_test_get,
    .put = cache_test_put,
    .flush = cache_test_flush,
    .iterate = cache_test_iterate,
    .remove = cache_test_remove,
    .close = cache_test_close,
};

static copse_store *cache_test_reopen(void *ctx, const copse_env *env)
{
    cache_test_store *self = ctx;
    self->world.env.env.alloc = env->alloc; /* so that the suite counts what is taken */
    self->world.env.env.alloc_ctx = env->alloc_ctx;
    cache_world_open(&self->world);
    return &self->store;
}

static copse_store *cache_test_make(void *ctx, const copse_env *env)
{
    cache_test_store *self = ctx;
    self->store.ops = &cache_test_ops;
    return cache_test_reopen(ctx, env);
}

static void cache_conforms(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        cache_test_store *self = calloc(1, sizeof *self);
        assert_non_null(self);
        cache_world_init(&self->world, CACHE_STORE_BOUND);
        store_conformance_run_with(&(store_conformance_options){.make = cache_test_make,
                                                                .reopen = cache_test_reopen,
                                                                .ctx = self,
                                                                .seed = seed,
                                                                .operations = 1000,
                                                                .block_size_bytes_max = 300000});
        os_sim_free(self->world.sim);
        free(self);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_conforms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
