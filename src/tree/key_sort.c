/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/key_sort.h"

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/err.h"

#include <string.h>

enum { SORT_RUN = 12 }; /* below this many, insertion is faster */

static uint64_t sort_prefix(copse_bytes key)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++) {
        prefix = prefix << 8 | (i < key.len ? key.ptr[i] : 0);
    }
    return prefix;
}

/* Whether a stands strictly above b. */
COPSE_INLINE bool sort_above(const copse_sort_item *a, const copse_sort_item *b)
{
    if (COPSE_LIKELY(a->prefix != b->prefix)) {
        return a->prefix > b->prefix;
    }
    return copse_bytes_compare(a->key, b->key) > 0;
}

static void sort_insertion(copse_sort_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        copse_sort_item item = items[i];
        size_t j = i;
        while (j > 0 && sort_above(&items[j - 1], &item)) {
            items[j] = items[j - 1];
            j--;
        }
        items[j] = item;
    }
}

/* Merges from[0, middle) and from[middle, count) into `to`. */
static void sort_merge(const copse_sort_item *from, size_t middle, size_t count,
                       copse_sort_item *to)
{
    size_t left = 0;
    size_t right = middle;
    if (middle >= count || !sort_above(&from[middle - 1], &from[middle])) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bool take_right =
            left == middle || (right < count && sort_above(&from[left], &from[right]));
        to[i] = from[take_right ? right++ : left++];
    }
}

static bool sort_is_sorted(const copse_sort_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (sort_above(&items[i - 1], &items[i])) {
            return false;
        }
    }
    return true;
}

copse_status copse_key_sort(const copse_env *env, copse_sort_item *items, size_t count,
                            copse_err *err)
{
    for (size_t i = 0; i < count; i++) {
        items[i].prefix = sort_prefix(items[i].key);
    }
    if (sort_is_sorted(items, count)) {
        return COPSE_OK;
    }
    for (size_t i = 0; i < count; i += SORT_RUN) {
        sort_insertion(items + i, count - i < SORT_RUN ? count - i : SORT_RUN);
    }
    if (count <= SORT_RUN) {
        return COPSE_OK;
    }
    copse_sort_item *scratch = copse_alloc_array(env, count, sizeof *scratch);
    if (scratch == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_sort_item *from = items;
    copse_sort_item *to = scratch;
    for (size_t width = SORT_RUN; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            size_t span = count - i < 2 * width ? count - i : 2 * width;
            sort_merge(from + i, width < span ? width : span, span, to + i);
        }
        copse_sort_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, count * sizeof *items);
    }
    copse_free_array(env, scratch, count, sizeof *scratch);
    return COPSE_OK;
}
