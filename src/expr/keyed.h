/* Values beside keys of order.h: sorted, and equal ones found, by comparing bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_KEYED_H
#define COPSE_EXPR_KEYED_H

#include <copse/bytes.h>

typedef struct copse_keyed {
    copse_bytes key;
    copse_bytes value;
    size_t order; /**< In the list that it is from. */
} copse_keyed;

/** Sorts by key, equal ones in their order. `spare`: room for as many more. */
void copse_keyed_sort(copse_keyed *list, copse_keyed *spare, size_t count);

/** Of equal keys in a sorted list keeps the first one; returns how many are left. */
size_t copse_keyed_unique(copse_keyed *list, size_t count);

/** An entry of `key` in a sorted list; NULL: it has none. */
const copse_keyed *copse_keyed_find(const copse_keyed *list, size_t count, copse_bytes key);

#endif
