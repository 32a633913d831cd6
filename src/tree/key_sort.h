/* Sorting items by key: stable, bytewise, over prefix_sort.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_KEY_SORT_H
#define COPSE_TREE_KEY_SORT_H

#include <copse/bytes.h>
#include <copse/env.h>

typedef struct copse_sort_item {
    uint64_t prefix; /* set by copse_key_sort: the first eight bytes of the key */
    copse_bytes key;
    uint64_t tag; /* the caller's */
} copse_sort_item;

/** Sorts by key; equal keys keep their order. Needs one and a half times as much memory
 * again. NOMEM:
 * the items are in their old order. */
COPSE_MUST_USE copse_status copse_key_sort(const copse_env *env, copse_sort_item *items,
                                           size_t count, copse_err *err);

#endif
