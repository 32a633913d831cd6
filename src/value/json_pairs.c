/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/json_pairs.h"

#include <string.h>

enum { JSON_PAIRS_FEW = 16 };

int copse_json_pair_compare(const uint8_t *keys, copse_json_order order, const copse_json_pair *a,
                            const copse_json_pair *b)
{
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    if (order == COPSE_JSON_SHORTEST_FIRST && a->key_size != b->key_size) {
        return a->key_size < b->key_size ? -1 : 1;
    }
    return copse_bytes_compare((copse_bytes){keys + a->key, a->key_size},
                               (copse_bytes){keys + b->key, b->key_size});
}

/* Most maps have few pairs. */
static void json_pairs_sort_few(const uint8_t *keys, copse_json_order order, copse_json_pair *pairs,
                                size_t count)
{
    for (size_t i = 1; i < count; i++) {
        copse_json_pair pair = pairs[i];
        size_t at = i;
        for (; at > 0 && copse_json_pair_compare(keys, order, &pairs[at - 1], &pair) > 0; at--) {
            pairs[at] = pairs[at - 1];
        }
        pairs[at] = pair;
    }
}

/* Puts `pair` where it belongs below the free place `at` of a heap. */
static void json_pairs_sift(const uint8_t *keys, copse_json_order order, copse_json_pair *heap,
                            size_t count, size_t at, copse_json_pair pair)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count &&
            copse_json_pair_compare(keys, order, &heap[child + 1], &heap[child]) > 0) {
            child++;
        }
        if (copse_json_pair_compare(keys, order, &pair, &heap[child]) >= 0) {
            break;
        }
        heap[at] = heap[child];
    }
    heap[at] = pair;
}

/* Heap sort: in place, and no choice of keys makes it slow. */
static void json_pairs_sort_many(const uint8_t *keys, copse_json_order order,
                                 copse_json_pair *pairs, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) {
        json_pairs_sift(keys, order, pairs, count, i, pairs[i]);
    }
    for (size_t left = count; left > 1;) {
        copse_json_pair last = pairs[--left];
        pairs[left] = pairs[0];
        json_pairs_sift(keys, order, pairs, left, 0, last);
    }
}

copse_status copse_json_pairs_sort(const uint8_t *keys, copse_json_order order,
                                   copse_json_pair *pairs, size_t count, char separator,
                                   copse_buf *buf, copse_buf *scratch)
{
    size_t start = pairs[0].start;
    copse_buf_truncate(scratch, 0);
    copse_status status =
        copse_buf_append(scratch, (copse_bytes){buf->ptr + start, buf->len - start});
    if (status != COPSE_OK) {
        return status;
    }
    if (count <= JSON_PAIRS_FEW) {
        json_pairs_sort_few(keys, order, pairs, count);
    } else {
        json_pairs_sort_many(keys, order, pairs, count);
    }
    for (size_t i = 1; i < count; i++) {
        if (copse_json_pair_compare(keys, order, &pairs[i - 1], &pairs[i]) == 0) {
            return COPSE_CORRUPT;
        }
    }
    /* The sum of the sizes stays the same, so this fills the place that the pairs had. */
    uint8_t *to = buf->ptr + start;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && separator != '\0') {
            *to++ = (uint8_t)separator;
        }
        memcpy(to, scratch->ptr + (pairs[i].start - start), pairs[i].size);
        to += pairs[i].size;
    }
    return COPSE_OK;
}
