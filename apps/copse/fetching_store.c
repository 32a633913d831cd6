/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fetching_store.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct fetching_store {
    copse_store store;
    copse_place *place;
} fetching_store;

static copse_status fetching_store_fail(copse_status status, const char *message, copse_err *err)
{
    if (err != NULL) {
        *err = (copse_err){.status = status};
        (void)snprintf(err->message, sizeof err->message, "%s", message);
    }
    return status;
}

static copse_status fetching_store_get(copse_store *store, const copse_cid *cid,
                                       copse_block **ret_block, copse_err *err)
{
    copse_place *place = ((fetching_store *)store)->place;
    copse_status status;
    do {
        copse_source_begin(place->source);
        status = copse_source_get(place->source, cid, ret_block, err);
    } while (copse_place_fetch(place, status));
    copse_source_unpin(place->source);
    if (status != COPSE_WANT) {
        return status;
    }
    bool is_unknown = !place->has_peers || place->failed == COPSE_NOT_FOUND;
    return is_unknown ? fetching_store_fail(COPSE_NOT_FOUND, "the block is not there", err)
                      : fetching_store_fail(place->failed, place->call->err.message, err);
}

static copse_status fetching_store_put(copse_store *store, copse_block *const *blocks, size_t count,
                                       copse_err *err)
{
    (void)store;
    (void)blocks;
    (void)count;
    return fetching_store_fail(COPSE_DENIED, "the store is read-only", err);
}

static copse_status fetching_store_iterate(copse_store *store, copse_store_visit_fn visit,
                                           void *ctx, copse_err *err)
{
    (void)store;
    (void)visit;
    (void)ctx;
    return fetching_store_fail(COPSE_MISUSE, "what peers have can't be listed", err);
}

static copse_status fetching_store_remove(copse_store *store, const copse_cid *cids, size_t count,
                                          copse_err *err)
{
    (void)store;
    (void)cids;
    (void)count;
    return fetching_store_fail(COPSE_DENIED, "the store is read-only", err);
}

static void fetching_store_close(copse_store *store)
{
    free(store);
}

static const copse_store_ops fetching_store_ops = {
    .get = fetching_store_get,
    .put = fetching_store_put,
    .iterate = fetching_store_iterate,
    .remove = fetching_store_remove,
    .close = fetching_store_close,
};

copse_status copse_fetching_store_new(copse_place *place, copse_store **ret_store, copse_err *err)
{
    fetching_store *self = malloc(sizeof *self);
    if (self == NULL) {
        return fetching_store_fail(COPSE_NOMEM, "out of memory", err);
    }
    *self = (fetching_store){.store = {&fetching_store_ops}, .place = place};
    *ret_store = &self->store;
    return COPSE_OK;
}
