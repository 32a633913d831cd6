/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/key_sort.h"

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/err.h"
#include "tree/prefix_sort.h"

#include <string.h>

enum { KEY_SORT_AHEAD = 16 }; /* items fetched in advance */

static copse_bytes key_sort_key(const void *ctx, uint64_t ref)
{
    const copse_sort_item *items = ctx;
    return items[ref].key;
}

static uint64_t key_sort_prefix(copse_bytes key)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++) {
        prefix = prefix << 8 | (i < key.len ? key.ptr[i] : 0);
    }
    return prefix;
}

/* Puts the items in order, by way of `scratch`. */
static void key_sort_gather(copse_sort_item *items, const copse_prefix_item *order, size_t count,
                            copse_sort_item *scratch)
{
    for (size_t i = 0; i < count; i++) {
        if (i + KEY_SORT_AHEAD < count) {
            COPSE_PREFETCH(&items[order[i + KEY_SORT_AHEAD].ref]);
        }
        scratch[i] = items[order[i].ref];
    }
    memcpy(items, scratch, count * sizeof *items);
}

copse_status copse_key_sort(const copse_env *env, copse_sort_item *items, size_t count,
                            copse_err *err)
{
    for (size_t i = 0; i < count; i++) {
        items[i].prefix = key_sort_prefix(items[i].key);
    }
    if (count < 2) {
        return COPSE_OK;
    }
    copse_prefix_item *order = copse_alloc_array(env, count, sizeof *order);
    copse_sort_item *scratch = copse_alloc_array(env, count, sizeof *scratch);
    if (order == NULL || scratch == NULL) {
        copse_free_array(env, order, count, sizeof *order);
        copse_free_array(env, scratch, count, sizeof *scratch);
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < count; i++) {
        order[i].ref = i;
    }
    copse_prefix_sort(order, count, key_sort_key, items);
    key_sort_gather(items, order, count, scratch);
    copse_free_array(env, scratch, count, sizeof *scratch);
    copse_free_array(env, order, count, sizeof *order);
    return COPSE_OK;
}
