/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/decorator_conformance.h"

#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/fault_store.h"
#include "support/store_conformance.h"
#include "support/test_env.h"

enum { DECORATOR_BLOCKS = 8, DECORATOR_BLOCK_SIZE = 100 };

typedef struct decorator {
    decorator_make_fn make;
    void *ctx;
    test_env below; /* of the blocks and the memory store */
    copse_block *blocks[DECORATOR_BLOCKS];
    copse_cid cids[DECORATOR_BLOCKS];
    copse_store *fault; /* inside the decorator that is open */
} decorator;

static copse_store *decorator_make_conforming(void *ctx, const copse_env *env)
{
    decorator *run = ctx;
    copse_store *memory = NULL;
    copse_store *store = NULL;
    assert_int_equal(copse_memory_store_new(env, &memory, NULL), COPSE_OK);
    assert_int_equal(run->make(run->ctx, env, memory, &store), COPSE_OK);
    return store;
}

/* Opens a fault store over a memory store that holds the first half of the blocks. */
static copse_store *decorator_make_fault(decorator *run)
{
    copse_store *memory = NULL;
    assert_int_equal(copse_memory_store_new(&run->below.env, &memory, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(memory, run->blocks, DECORATOR_BLOCKS / 2, NULL), COPSE_OK);
    run->fault = fault_store_new(&run->below.env, memory);
    return run->fault;
}

static copse_status decorator_visit(void *ctx, copse_block *block, copse_err *err)
{
    (void)block;
    (void)err;
    ++*(size_t *)ctx;
    return COPSE_OK;
}

/* All operations that read, with their outputs; the first failure ends it. `count` is how many of
 * the blocks are there. Checks what a failure leaves. */
static copse_status decorator_read_all(decorator *run, copse_store *store, size_t count)
{
    copse_block *many[DECORATOR_BLOCKS];
    for (size_t i = 0; i < DECORATOR_BLOCKS; i++) {
        copse_block *const untouched = run->blocks[0];
        copse_block *block = untouched;
        copse_status status = copse_store_get(store, &run->cids[i], &block, NULL);
        if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
            assert_ptr_equal(block, untouched);
            return status;
        }
        assert_int_equal(status == COPSE_OK, i < count);
        if (status == COPSE_OK) {
            assert_true(copse_cid_equal(copse_block_cid(block), &run->cids[i]));
            copse_block_unref(block);
        }
    }
    copse_status status = copse_store_get_many(store, run->cids, DECORATOR_BLOCKS, many, NULL);
    for (size_t i = 0; i < DECORATOR_BLOCKS; i++) {
        assert_int_equal(many[i] != NULL, status == COPSE_OK && i < count);
        copse_block_unref(many[i]);
    }
    for (size_t i = 0; i < DECORATOR_BLOCKS && status == COPSE_OK; i++) {
        bool is_present = i >= count;
        status = copse_store_has(store, &run->cids[i], &is_present, NULL);
        assert_int_equal(is_present, status == COPSE_OK ? i < count : i >= count);
    }
    size_t visits = 0;
    if (status == COPSE_OK) {
        status = copse_store_iterate(store, decorator_visit, &visits, NULL);
        assert_true(visits <= count && (status != COPSE_OK || visits == count));
    }
    return status;
}

/* Reads, writes, reads again, removes, reads again. */
static copse_status decorator_script(decorator *run, copse_store *store)
{
    const size_t half = DECORATOR_BLOCKS / 2;
    copse_status status = decorator_read_all(run, store, half);
    if (status == COPSE_OK) {
        status = copse_store_put(store, run->blocks, DECORATOR_BLOCKS, NULL);
    }
    if (status == COPSE_OK) {
        status = decorator_read_all(run, store, DECORATOR_BLOCKS);
    }
    if (status == COPSE_OK) {
        status = copse_store_flush(store, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_store_remove(store, &run->cids[half], half, NULL);
    }
    return status == COPSE_OK ? decorator_read_all(run, store, half) : status;
}

/* S2: each call below fails in its turn, with each status; it comes up unchanged, and the store
 * works on as if nothing had been. */
static void decorator_check_failures(decorator *run)
{
    static const copse_status statuses[] = {COPSE_IO, COPSE_CORRUPT, COPSE_NOMEM, COPSE_DENIED,
                                            COPSE_LIMIT};
    test_env above;
    test_env_init(&above);
    for (size_t s = 0; s < sizeof statuses / sizeof statuses[0]; s++) {
        bool has_failed = true;
        for (uint64_t n = 0; has_failed; n++) {
            copse_store *store = NULL;
            copse_store *fault = decorator_make_fault(run);
            assert_int_equal(run->make(run->ctx, &above.env, fault, &store), COPSE_OK);
            fault_store_fail_at(fault, n, statuses[s]);
            copse_status status = decorator_script(run, store);
            has_failed = fault_store_has_failed(fault);
            assert_int_equal(status, has_failed ? statuses[s] : COPSE_OK);
            fault_store_heal(fault);
            const size_t half = DECORATOR_BLOCKS / 2;
            assert_int_equal(copse_store_remove(store, &run->cids[half], half, NULL), COPSE_OK);
            assert_int_equal(decorator_script(run, store), COPSE_OK);
            copse_store_close(store);
            assert_true(n < 1000);
        }
    }
    test_env_assert_empty(&above);
}

/* A block that the inner store lost before it was ever read is NOT_FOUND, nothing else. */
static void decorator_check_hidden(decorator *run)
{
    test_env above;
    test_env_init(&above);
    copse_store *store = NULL;
    copse_store *fault = decorator_make_fault(run);
    assert_int_equal(run->make(run->ctx, &above.env, fault, &store), COPSE_OK);
    fault_store_hide(fault, &run->cids[3]);
    assert_int_equal(decorator_read_all(run, store, 3), COPSE_OK);
    /* Not remembered: there when it comes back. */
    fault_store_heal(fault);
    assert_int_equal(decorator_read_all(run, store, 4), COPSE_OK);
    copse_store_close(store);
    test_env_assert_empty(&above);
}

static copse_status decorator_sweep(const copse_env *env, void *ctx)
{
    decorator *run = ctx;
    copse_store *store = NULL;
    copse_store *fault = decorator_make_fault(run);
    copse_status status = run->make(run->ctx, env, fault, &store);
    if (status != COPSE_OK) {
        /* S7: still ours. */
        assert_null(store);
        copse_store_close(fault);
        return status;
    }
    status = decorator_script(run, store);
    copse_store_close(store);
    return status;
}

void decorator_conformance_run(decorator_make_fn make, void *ctx)
{
    decorator *run = calloc(1, sizeof *run);
    assert_non_null(run);
    run->make = make;
    run->ctx = ctx;
    store_conformance_run(decorator_make_conforming, run);
    test_env_init(&run->below);
    for (uint64_t i = 0; i < DECORATOR_BLOCKS; i++) {
        run->blocks[i] = block_support_make(&run->below.env, i, DECORATOR_BLOCK_SIZE);
        run->cids[i] = *copse_block_cid(run->blocks[i]);
    }
    decorator_check_failures(run);
    decorator_check_hidden(run);
    (void)test_env_sweep(decorator_sweep, run, 1000);
    copse_store *store = NULL;
    assert_int_equal(make(ctx, &run->below.env, NULL, &store), COPSE_MISUSE);
    assert_int_equal(make(ctx, NULL, run->fault, &store), COPSE_MISUSE);
    assert_null(store);
    for (size_t i = 0; i < DECORATOR_BLOCKS; i++) {
        copse_block_unref(run->blocks[i]);
    }
    test_env_assert_empty(&run->below);
    free(run);
}
