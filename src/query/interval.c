/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/interval.h"

#include "base/err.h"

#include <string.h>

static copse_status interval_set_alloc(copse_arena *arena, size_t count,
                                       copse_interval_set *ret_set, copse_err *err)
{
    copse_interval *items = copse_arena_alloc(arena, count * sizeof *items);
    if (items == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_set = (copse_interval_set){items, 0};
    return COPSE_OK;
}

/* The order of two ends; no end is above all. */
static int interval_compare_ends(copse_bytes a, copse_bytes b)
{
    if (a.ptr == NULL || b.ptr == NULL) {
        return (a.ptr == NULL) - (b.ptr == NULL);
    }
    return copse_bytes_compare(a, b);
}

/* Whether [from, to) holds nothing. */
static bool interval_is_empty(copse_bytes from, copse_bytes to)
{
    return to.ptr != NULL && copse_bytes_compare(from, to) >= 0;
}

bool copse_interval_set_is_full(const copse_interval_set *set)
{
    return set->count == 1 && set->items[0].from.len == 0 && set->items[0].to.ptr == NULL;
}

bool copse_interval_set_is_points(const copse_interval_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!set->items[i].is_point) {
            return false;
        }
    }
    return set->count > 0;
}

copse_status copse_interval_set_fill(copse_arena *arena, copse_interval_set *ret_set,
                                     copse_err *err)
{
    copse_status status = interval_set_alloc(arena, 1, ret_set, err);
    if (status == COPSE_OK) {
        ret_set->items[0] = (copse_interval){{NULL, 0}, {NULL, 0}, false};
        ret_set->count = 1;
    }
    return status;
}

/* ---- Sorting: a heap sort, since lists come from queries ------------------------------------- */

static bool interval_below(const copse_interval *a, const copse_interval *b)
{
    int order = copse_bytes_compare(a->from, b->from);
    return order < 0 || (order == 0 && interval_compare_ends(a->to, b->to) < 0);
}

static void interval_sift(copse_interval *items, size_t root, size_t count)
{
    copse_interval moved = items[root];
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        child += child + 1 < count && interval_below(&items[child], &items[child + 1]);
        if (!interval_below(&moved, &items[child])) {
            break;
        }
        items[root] = items[child];
        root = child;
    }
    items[root] = moved;
}

static void interval_sort(copse_interval *items, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        interval_sift(items, i - 1, count);
    }
    for (size_t left = count; left > 1; left--) {
        copse_interval last = items[left - 1];
        items[left - 1] = items[0];
        items[0] = last;
        interval_sift(items, 0, left - 1);
    }
}

void copse_interval_set_normalize(copse_interval_set *set)
{
    size_t kept = 0;
    interval_sort(set->items, set->count);
    for (size_t i = 0; i < set->count; i++) {
        copse_interval next = set->items[i];
        copse_interval *last = kept > 0 ? &set->items[kept - 1] : NULL;
        if (interval_is_empty(next.from, next.to)) {
            continue;
        }
        int order =
            last == NULL || last->to.ptr == NULL ? -1 : copse_bytes_compare(next.from, last->to);
        bool points = last != NULL && last->is_point && next.is_point;
        if (last == NULL || order > 0 || (order == 0 && points)) {
            set->items[kept++] = next;
        } else if (interval_compare_ends(next.to, last->to) > 0) {
            last->to = next.to;
            last->is_point = false;
        }
    }
    set->count = kept;
}

copse_status copse_interval_set_unite(copse_arena *arena, const copse_interval_set *sets,
                                      size_t count, copse_interval_set *ret_set, copse_err *err)
{
    size_t items_count = 0;
    for (size_t i = 0; i < count; i++) {
        items_count += sets[i].count;
    }
    copse_interval_set united;
    copse_status status = interval_set_alloc(arena, items_count, &united, err);
    if (status != COPSE_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        if (sets[i].count > 0) {
            memcpy(united.items + united.count, sets[i].items,
                   sets[i].count * sizeof *united.items);
        }
        united.count += sets[i].count;
    }
    copse_interval_set_normalize(&united);
    *ret_set = united;
    return COPSE_OK;
}

copse_status copse_interval_set_intersect(copse_arena *arena, const copse_interval_set *a,
                                          const copse_interval_set *b, copse_interval_set *ret_set,
                                          copse_err *err)
{
    copse_interval_set both;
    copse_status status = interval_set_alloc(arena, a->count + b->count, &both, err);
    if (status != COPSE_OK) {
        return status;
    }
    size_t i = 0;
    size_t j = 0;
    while (i < a->count && j < b->count) {
        const copse_interval *x = &a->items[i];
        const copse_interval *y = &b->items[j];
        bool x_ends = interval_compare_ends(x->to, y->to) < 0;
        copse_interval part = {
            .from = copse_bytes_compare(x->from, y->from) < 0 ? y->from : x->from,
            .to = x_ends ? x->to : y->to,
        };
        if (!interval_is_empty(part.from, part.to)) {
            part.is_point = (x->is_point && interval_compare_ends(part.to, x->to) == 0 &&
                             copse_bytes_equal(part.from, x->from)) ||
                            (y->is_point && interval_compare_ends(part.to, y->to) == 0 &&
                             copse_bytes_equal(part.from, y->from));
            both.items[both.count++] = part;
        }
        i += x_ends;
        j += !x_ends;
    }
    *ret_set = both;
    return COPSE_OK;
}

copse_status copse_interval_set_complement(copse_arena *arena, const copse_interval_set *set,
                                           copse_interval_set *ret_set, copse_err *err)
{
    copse_interval_set rest;
    copse_bytes from = {NULL, 0};
    copse_status status = interval_set_alloc(arena, set->count + 1, &rest, err);
    if (status != COPSE_OK) {
        return status;
    }
    for (size_t i = 0; i < set->count; i++) {
        copse_interval gap = {from, set->items[i].from, false};
        if (gap.to.ptr != NULL && copse_bytes_compare(gap.from, gap.to) < 0) {
            rest.items[rest.count++] = gap;
        }
        if (set->items[i].to.ptr == NULL) {
            *ret_set = rest;
            return COPSE_OK;
        }
        from = set->items[i].to;
    }
    rest.items[rest.count++] = (copse_interval){from, {NULL, 0}, false};
    *ret_set = rest;
    return COPSE_OK;
}
