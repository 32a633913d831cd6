/* Sorting references to byte strings, in place, without memory of its own.
 *
 * Each item is 16 bytes: a number made of a few bytes of its key, and the reference by which its
 * key is found. The numbers are sorted as numbers; where they tie, later bytes of the keys come in.
 *
 *   X1  An item's number at depth d is the key's bytes d .. d + 6, padded with zeroes, and in its
 *       lowest byte how many bytes the key has from d on, at most 8. So two numbers compare as the
 *       keys do from d on; if they are equal and the lowest byte is below 8, the keys are equal.
 *   X2  d begins behind the bytes that all keys share, so that long common prefixes cost one look.
 *   X3  Numbers are compared together with the references, as 128 bits: equal keys come out in the
 *       order of their references, and no two items are equal. So any sort is a stable one.
 *   X4  A group of equal numbers whose keys go on is sorted again, seven bytes or more further on:
 *       one key is read again at most once every 7 bytes, whatever the keys are. Small groups are
 *       compared key by key.
 *
 * The numbers are sorted by quicksort with a partition without branches, median of three or nine;
 * heap sort where that goes wrong, so the worst case is n log n for each seven bytes. Against MSD
 * radix sort it needs no tables and does not mind keys of few distinct bytes (hexadecimal text).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_PREFIX_SORT_H
#define COPSE_TREE_PREFIX_SORT_H

#include <copse/bytes.h>

typedef struct copse_prefix_item {
    uint64_t prefix; /* written by the sort; afterwards, different ones mean different keys */
    uint64_t ref;
} copse_prefix_item;

/** The key that `ref` stands for, valid and unchanged during the sort. */
typedef copse_bytes (*copse_prefix_key_fn)(const void *ctx, uint64_t ref);

/** Sorts by key, equal keys by `ref`. The refs must be distinct. */
void copse_prefix_sort(copse_prefix_item *items, size_t count, copse_prefix_key_fn key,
                       const void *ctx);

#endif
