/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/prefix_sort.h"

#include "base/compiler.h"
#include "base/loadstore.h"

#include <string.h>

enum {
    PREFIX_BYTES = 7,      /* of a key in a number (X1) */
    PREFIX_GOES_ON = 8,    /* lowest byte of a number whose key goes on */
    PREFIX_INSERTION = 24, /* below this many, insertion is faster */
    PREFIX_NINTHER = 256,  /* from this many, the pivot is a median of nine */
    PREFIX_STACK = 160,    /* levels of X4: keys of 1,120 bytes; beyond, heap sort by key */
    PREFIX_SPANS = 64
};

typedef struct prefix_keys {
    copse_prefix_key_fn key;
    const void *ctx;
} prefix_keys;

/* ---- numbers (X3) ---- */

COPSE_INLINE bool prefix_below(const copse_prefix_item *a, const copse_prefix_item *b)
{
    copse_u128 left = (copse_u128)a->prefix << 64 | a->ref;
    copse_u128 right = (copse_u128)b->prefix << 64 | b->ref;
    return left < right;
}

COPSE_INLINE void prefix_swap(copse_prefix_item *a, copse_prefix_item *b)
{
    copse_prefix_item item = *a;
    *a = *b;
    *b = item;
}

static void prefix_insertion(copse_prefix_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        copse_prefix_item item = items[i];
        size_t j = i;
        while (j > 0 && prefix_below(&item, &items[j - 1])) {
            items[j] = items[j - 1];
            j--;
        }
        items[j] = item;
    }
}

/* Of the items a, b and c, puts the median into b. */
static void prefix_median(copse_prefix_item *a, copse_prefix_item *b, copse_prefix_item *c)
{
    if (prefix_below(b, a)) {
        prefix_swap(a, b);
    }
    if (prefix_below(c, b)) {
        prefix_swap(b, c);
        if (prefix_below(b, a)) {
            prefix_swap(a, b);
        }
    }
}

/* Parts the items around a pivot and returns where it stands then. */
static size_t prefix_partition(copse_prefix_item *items, size_t count)
{
    size_t middle = count / 2;
    size_t below = 0;
    if (count >= PREFIX_NINTHER) {
        size_t step = count / 10;
        prefix_median(&items[step], &items[2 * step], &items[3 * step]);
        prefix_median(&items[4 * step], &items[middle], &items[6 * step]);
        prefix_median(&items[7 * step], &items[8 * step], &items[9 * step]);
        prefix_median(&items[2 * step], &items[middle], &items[8 * step]);
    } else {
        prefix_median(&items[0], &items[middle], &items[count - 1]);
    }
    prefix_swap(&items[middle], &items[count - 1]);
    const copse_prefix_item pivot = items[count - 1];
    /* The gap at `below` moves along: what stands above it is not below the pivot. */
    copse_prefix_item first = items[0];
    for (size_t i = 0; i + 2 < count; i++) {
        copse_prefix_item item = items[i + 1];
        items[i] = items[below];
        items[below] = item;
        below += prefix_below(&item, &pivot);
    }
    items[count - 2] = items[below];
    items[below] = first;
    below += prefix_below(&first, &pivot);
    prefix_swap(&items[below], &items[count - 1]);
    return below;
}

/* ---- keys ---- */

/* Whether a stands before b: by number, then, if `keys` is given, by key. */
static bool prefix_before(const prefix_keys *keys, const copse_prefix_item *a,
                          const copse_prefix_item *b)
{
    if (keys != NULL && a->prefix == b->prefix) {
        int order = copse_bytes_compare(keys->key(keys->ctx, a->ref), keys->key(keys->ctx, b->ref));
        if (order != 0) {
            return order < 0;
        }
    }
    return prefix_below(a, b);
}

static void prefix_insertion_by_key(const prefix_keys *keys, copse_prefix_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        copse_prefix_item item = items[i];
        size_t j = i;
        while (j > 0 && prefix_before(keys, &item, &items[j - 1])) {
            items[j] = items[j - 1];
            j--;
        }
        items[j] = item;
    }
}

static void prefix_sift(const prefix_keys *keys, copse_prefix_item *items, size_t at, size_t count)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && prefix_before(keys, &items[child], &items[child + 1])) {
            child++;
        }
        if (!prefix_before(keys, &items[at], &items[child])) {
            return;
        }
        prefix_swap(&items[at], &items[child]);
        at = child;
    }
}

static void prefix_heap(const prefix_keys *keys, copse_prefix_item *items, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) {
        prefix_sift(keys, items, i, count);
    }
    for (size_t end = count; end > 1; end--) {
        prefix_swap(&items[0], &items[end - 1]);
        prefix_sift(keys, items, 0, end - 1);
    }
}

/* ---- one depth ---- */

typedef struct prefix_span {
    copse_prefix_item *items;
    size_t count;
    unsigned turns; /* partitions allowed before heap sort */
} prefix_span;

static bool prefix_is_sorted(const copse_prefix_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (prefix_below(&items[i], &items[i - 1])) {
            return false;
        }
    }
    return true;
}

/* Sorts by number. The smaller part goes first, so that the spans that wait halve. */
static void prefix_sort_numbers(copse_prefix_item *items, size_t count)
{
    prefix_span spans[PREFIX_SPANS];
    size_t waiting = 0;
    unsigned turns = 0;
    for (size_t n = count; n > 1; n /= 2) {
        turns += 2;
    }
    if (prefix_is_sorted(items, count)) {
        return;
    }
    spans[waiting++] = (prefix_span){items, count, turns};
    while (waiting > 0) {
        prefix_span span = spans[--waiting];
        while (span.count > PREFIX_INSERTION && span.turns > 0) {
            size_t at = prefix_partition(span.items, span.count);
            unsigned left = span.turns - 1;
            prefix_span low = {span.items, at, left};
            prefix_span high = {span.items + at + 1, span.count - at - 1, left};
            spans[waiting++] = low.count > high.count ? low : high;
            span = low.count > high.count ? high : low;
        }
        if (span.count > PREFIX_INSERTION) {
            prefix_heap(NULL, span.items, span.count);
        } else {
            prefix_insertion(span.items, span.count);
        }
    }
}

/* X1 */
static uint64_t prefix_number(copse_bytes key, size_t depth)
{
    size_t len = key.len > depth ? key.len - depth : 0;
    uint64_t number = 0;
    if (COPSE_LIKELY(len >= 8)) {
        return (copse_load_u64be(key.ptr + depth) & ~(uint64_t)0xff) | PREFIX_GOES_ON;
    }
    for (size_t i = 0; i < PREFIX_BYTES; i++) {
        number = number << 8 | (i < len ? key.ptr[depth + i] : 0);
    }
    return number << 8 | len;
}

/* X2: how many bytes all keys share, if they share the first `depth`. */
static size_t prefix_common(const prefix_keys *keys, const copse_prefix_item *items, size_t count,
                            size_t depth)
{
    copse_bytes first = keys->key(keys->ctx, items[0].ref);
    size_t common = first.len;
    for (size_t i = 1; i < count && common > depth; i++) {
        copse_bytes key = keys->key(keys->ctx, items[i].ref);
        size_t len = key.len < common ? key.len : common;
        size_t same = depth;
        while (same < len && key.ptr[same] == first.ptr[same]) {
            same++;
        }
        common = same;
    }
    return common;
}

/* Sorts by the bytes from `depth` on, as far as they go into a number; returns the depth of what
 * is then to follow. */
static size_t prefix_sort_depth(const prefix_keys *keys, copse_prefix_item *items, size_t count,
                                size_t depth)
{
    depth = prefix_common(keys, items, count, depth);
    for (size_t i = 0; i < count; i++) {
        items[i].prefix = prefix_number(keys->key(keys->ctx, items[i].ref), depth);
    }
    prefix_sort_numbers(items, count);
    return depth + PREFIX_BYTES;
}

/* ---- all depths (X4) ---- */

/* A group whose items are sorted by number, and whose ties are to be sorted from `depth` on. */
typedef struct prefix_group {
    size_t end;
    size_t depth;
} prefix_group;

void copse_prefix_sort(copse_prefix_item *items, size_t count, copse_prefix_key_fn key,
                       const void *ctx)
{
    prefix_group groups[PREFIX_STACK];
    prefix_keys keys = {key, ctx};
    size_t nested = 0;
    size_t at = 0;
    if (count < 2) {
        return;
    }
    groups[nested++] = (prefix_group){count, prefix_sort_depth(&keys, items, count, 0)};
    while (nested > 0) {
        const prefix_group *group = &groups[nested - 1];
        if (at == group->end) {
            nested--;
            continue;
        }
        size_t end = at + 1;
        while (end < group->end && items[end].prefix == items[at].prefix) {
            end++;
        }
        size_t ties = end - at;
        if (ties == 1 || (items[at].prefix & 0xff) < PREFIX_GOES_ON) {
            at = end;
        } else if (ties <= PREFIX_INSERTION) {
            prefix_insertion_by_key(&keys, items + at, ties);
            at = end;
        } else if (nested == PREFIX_STACK) {
            prefix_heap(&keys, items + at, ties);
            at = end;
        } else {
            size_t depth = prefix_sort_depth(&keys, items + at, ties, group->depth);
            groups[nested++] = (prefix_group){end, depth};
        }
    }
}
