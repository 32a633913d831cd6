/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/fault_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

typedef struct fault_cids {
    copse_cid *cids;
    size_t count;
    size_t capacity;
} fault_cids;

typedef struct fault_store {
    copse_store store;
    const copse_env *env;
    copse_store *inner;
    uint64_t calls;
    uint64_t fail_at;
    copse_status fail_status;
    bool has_failed;
    fault_cids hidden;
    fault_cids garbled;
    fault_cids gets;
} fault_store;

static void fault_cids_add(fault_cids *list, const copse_cid *cid)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 16;
        copse_cid *grown = realloc(list->cids, capacity * sizeof *grown);
        if (grown == NULL) {
            fail_msg("the machine is out of memory");
            return;
        }
        list->cids = grown;
        list->capacity = capacity;
    }
    list->cids[list->count++] = *cid;
}

static bool fault_cids_has(const fault_cids *list, const copse_cid *cid)
{
    for (size_t i = 0; i < list->count; i++) {
        if (copse_cid_equal(&list->cids[i], cid)) {
            return true;
        }
    }
    return false;
}

/* Counts a call; the status to fail with if its turn has come. */
static copse_status fault_store_enter(fault_store *fault, copse_err *err)
{
    if (fault->calls++ != fault->fail_at) {
        return COPSE_OK;
    }
    fault->has_failed = true;
    return COPSE_ERR(err, fault->fail_status, "injected");
}

/* Puts a wrong block in the place of *block. */
static copse_status fault_store_spoil(fault_store *fault, copse_block **block, copse_err *err)
{
    if (!fault_cids_has(&fault->garbled, copse_block_cid(*block))) {
        return COPSE_OK;
    }
    copse_bytes data = copse_block_data(*block);
    size_t size = data.len > 0 ? data.len : 1;
    uint8_t *bytes = calloc(1, size);
    if (bytes == NULL) {
        fail_msg("the machine is out of memory");
        return COPSE_NOMEM;
    }
    if (data.len > 0) {
        memcpy(bytes, data.ptr, data.len);
    }
    bytes[size / 2] ^= 0x10;
    copse_block *wrong = NULL;
    copse_status status = copse_block_new(fault->env, copse_block_cid(*block),
                                          (copse_bytes){bytes, size}, &wrong, err);
    free(bytes);
    if (status == COPSE_OK) {
        copse_block_unref(*block);
        *block = wrong;
    }
    return status;
}

static copse_status fault_store_get_one(fault_store *fault, const copse_cid *cid,
                                        copse_block **ret_block, copse_err *err)
{
    fault_cids_add(&fault->gets, cid);
    if (fault_cids_has(&fault->hidden, cid)) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "hidden");
    }
    copse_block *block = NULL;
    copse_status status = copse_store_get(fault->inner, cid, &block, err);
    if (status == COPSE_OK) {
        status = fault_store_spoil(fault, &block, err);
    }
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return status;
    }
    *ret_block = block;
    return COPSE_OK;
}

static copse_status fault_store_get(copse_store *store, const copse_cid *cid,
                                    copse_block **ret_block, copse_err *err)
{
    fault_store *fault = (fault_store *)store;
    copse_status status = fault_store_enter(fault, err);
    return status == COPSE_OK ? fault_store_get_one(fault, cid, ret_block, err) : status;
}

static copse_status fault_store_get_many(copse_store *store, const copse_cid *cids, size_t count,
                                         copse_block **ret_blocks, copse_err *err)
{
    fault_store *fault = (fault_store *)store;
    copse_status status = fault_store_enter(fault, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_err detail;
        status = fault_store_get_one(fault, &cids[i], &ret_blocks[i], &detail);
        if (status == COPSE_NOT_FOUND) {
            status = COPSE_OK;
        } else if (status != COPSE_OK && err != NULL) {
            *err = detail;
        }
    }
    for (size_t i = 0; i < count && status != COPSE_OK; i++) {
        ret_blocks[i] = copse_block_unref(ret_blocks[i]);
    }
    return status;
}

static copse_status fault_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                    copse_err *err)
{
    fault_store *fault = (fault_store *)store;
    copse_status status = fault_store_enter(fault, err);
    size_t reach = status == COPSE_OK ? count : count / 2;
    copse_status inner = copse_store_put(fault->inner, blocks, reach, err);
    return status != COPSE_OK ? status : inner;
}

static copse_status fault_store_has(copse_store *store, const copse_cid *cid, bool *ret_present,
                                    copse_err *err)
{
    fault_store *fault = (fault_store *)store;
    copse_status status = fault_store_enter(fault, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (fault_cids_has(&fault->hidden, cid)) {
        *ret_present = false;
        return COPSE_OK;
    }
    return copse_store_has(fault->inner, cid, ret_present, err);
}

static copse_status fault_store_flush(copse_store *store, copse_err *err)
{
    fault_store *fault = (fault_store *)store;
    copse_status status = fault_store_enter(fault, err);
    return status == COPSE_OK ? copse_store_flush(fault->inner, err) : status;
}

typedef struct fault_visitor {
    fault_store *fault;
    copse_store_visit_fn visit;
    void *ctx;
} fault_visitor;

static copse_status fault_store_visit(void *ctx, copse_block *block, copse_err *err)
{
    fault_visitor *visitor = ctx;
    if (fault_cids_has(&visitor->fault->hidden, copse_block_cid(block))) {
        return COPSE_OK;
    }
    copse_block *shown = copse_block_ref(block);
    copse_status status = fault_store_spoil(visitor->fault, &shown, err);
    if (status == COPSE_OK) {
        status = visitor->visit(visitor->ctx, shown, err);
    }
    copse_block_unref(shown);
    return status;
}

static copse_status fault_store_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                        copse_err *err)
{
    fault_store *fault = (fault_store *)store;
    copse_status status = fault_store_enter(fault, err);
    fault_visitor visitor = {fault, visit, ctx};
    return status == COPSE_OK ? copse_store_iterate(fault->inner, fault_store_visit, &visitor, err)
                              : status;
}

static copse_status fault_store_remove(copse_store *store, const copse_cid *cids, size_t count,
                                       copse_err *err)
{
    fault_store *fault = (fault_store *)store;
    copse_status status = fault_store_enter(fault, err);
    return status == COPSE_OK ? copse_store_remove(fault->inner, cids, count, err) : status;
}

static void fault_store_close(copse_store *store)
{
    fault_store *fault = (fault_store *)store;
    copse_store_close(fault->inner);
    free(fault->hidden.cids);
    free(fault->garbled.cids);
    free(fault->gets.cids);
    free(fault);
}

static const copse_store_ops fault_store_ops = {
    .get = fault_store_get,
    .get_many = fault_store_get_many,
    .put = fault_store_put,
    .has = fault_store_has,
    .flush = fault_store_flush,
    .iterate = fault_store_iterate,
    .remove = fault_store_remove,
    .close = fault_store_close,
};

copse_store *fault_store_new(const copse_env *env, copse_store *inner)
{
    fault_store *fault = calloc(1, sizeof *fault);
    if (fault == NULL) {
        fail_msg("the machine is out of memory");
        return NULL;
    }
    fault->store.ops = &fault_store_ops;
    fault->env = env;
    fault->inner = inner;
    fault->fail_at = UINT64_MAX;
    return &fault->store;
}

void fault_store_fail_at(copse_store *store, uint64_t n, copse_status status)
{
    fault_store *fault = (fault_store *)store;
    fault->fail_at = fault->calls + n;
    fault->fail_status = status;
    fault->has_failed = false;
}

bool fault_store_has_failed(const copse_store *store)
{
    return ((const fault_store *)store)->has_failed;
}

uint64_t fault_store_calls(const copse_store *store)
{
    return ((const fault_store *)store)->calls;
}

void fault_store_hide(copse_store *store, const copse_cid *cid)
{
    fault_cids_add(&((fault_store *)store)->hidden, cid);
}

void fault_store_garble(copse_store *store, const copse_cid *cid)
{
    fault_cids_add(&((fault_store *)store)->garbled, cid);
}

void fault_store_heal(copse_store *store)
{
    fault_store *fault = (fault_store *)store;
    fault->hidden.count = 0;
    fault->garbled.count = 0;
    fault->fail_at = UINT64_MAX;
}

const copse_cid *fault_store_gets(const copse_store *store, size_t *ret_count)
{
    const fault_store *fault = (const fault_store *)store;
    *ret_count = fault->gets.count;
    return fault->gets.cids;
}

void fault_store_forget(copse_store *store)
{
    ((fault_store *)store)->gets.count = 0;
}
