/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/keyed.h"

#include <string.h>

/* Merges two sorted runs that stand one behind the other. */
static void keyed_merge(const copse_keyed *from, size_t middle, size_t count, copse_keyed *to)
{
    size_t i = 0;
    size_t k = middle;
    for (size_t at = 0; at < count; at++) {
        bool first =
            k == count || (i < middle && copse_bytes_compare(from[i].key, from[k].key) <= 0);
        to[at] = from[first ? i++ : k++];
    }
}

void copse_keyed_sort(copse_keyed *list, copse_keyed *spare, size_t count)
{
    copse_keyed *from = list;
    copse_keyed *to = spare;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            size_t size = count - start < 2 * run ? count - start : 2 * run;
            keyed_merge(from + start, run < size ? run : size, size, to + start);
        }
        copse_keyed *merged = to;
        to = from;
        from = merged;
    }
    if (from != list) {
        memcpy(list, from, count * sizeof *list);
    }
}

size_t copse_keyed_unique(copse_keyed *list, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !copse_bytes_equal(list[i].key, list[kept - 1].key)) {
            list[kept++] = list[i];
        }
    }
    return kept;
}

const copse_keyed *copse_keyed_find(const copse_keyed *list, size_t count, copse_bytes key)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = copse_bytes_compare(list[middle].key, key);
        if (order == 0) {
            return &list[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}
