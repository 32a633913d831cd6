/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/batch.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "tree/key_sort.h"

#include <copse/dag_cbor.h>

#include <string.h>

/* The key is followed by a 0 byte, so that the least key above it is a view one byte longer. */
typedef struct batch_point {
    copse_bytes key;
    copse_bytes value; /* ptr NULL: delete */
    uint64_t sequence;
} batch_point;

typedef struct batch_range {
    copse_tree *tree; /* NULL: delete */
    copse_bytes from;
    copse_bytes to;
    bool has_to;
    uint64_t sequence;
} batch_range;

struct copse_batch {
    const copse_env *env;
    copse_arena arena;
    batch_point *points;
    size_t points_count;
    size_t points_capacity;
    batch_range *ranges;
    size_t ranges_count;
    size_t ranges_capacity;
    uint64_t sequence;
    bool settled;
};

copse_status copse_batch_new(const copse_env *env, copse_batch **ret_batch, copse_err *err)
{
    copse_batch *batch = copse_alloc_zeroed(env, sizeof *batch);
    if (batch == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    batch->env = env;
    batch->settled = true;
    copse_arena_init(&batch->arena, env);
    *ret_batch = batch;
    return COPSE_OK;
}

copse_batch *copse_batch_free(copse_batch *batch)
{
    if (batch == NULL) {
        return NULL;
    }
    copse_arena_release(&batch->arena);
    copse_free_array(batch->env, batch->points, batch->points_capacity, sizeof *batch->points);
    copse_free_array(batch->env, batch->ranges, batch->ranges_capacity, sizeof *batch->ranges);
    copse_free(batch->env, batch, sizeof *batch);
    return NULL;
}

void copse_batch_clear(copse_batch *batch)
{
    copse_arena_reset(&batch->arena);
    batch->points_count = 0;
    batch->ranges_count = 0;
    batch->settled = true;
}

size_t copse_batch_count(const copse_batch *batch)
{
    return batch->points_count + batch->ranges_count;
}

static copse_status batch_check_key(copse_bytes key, copse_err *err)
{
    if (key.len > COPSE_KEY_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a key of %zu bytes; the limit is %d", key.len,
                         COPSE_KEY_SIZE_BYTES_MAX);
    }
    return COPSE_OK;
}

/* A copy with a 0 byte behind it; ptr NULL if there is no memory. */
static copse_bytes batch_dup_key(copse_batch *batch, copse_bytes key)
{
    uint8_t *copy = copse_arena_alloc(&batch->arena, key.len + 1);
    if (copy == NULL) {
        return (copse_bytes){NULL, 0};
    }
    if (key.len != 0) {
        memcpy(copy, key.ptr, key.len);
    }
    copy[key.len] = 0;
    return (copse_bytes){copy, key.len};
}

static copse_status batch_add_point(copse_batch *batch, copse_bytes key, const copse_bytes *value,
                                    copse_err *err)
{
    void *points = batch->points;
    bool grown = copse_array_grow(batch->env, &points, &batch->points_capacity,
                                  batch->points_count + 1, sizeof *batch->points);
    batch->points = points;
    batch_point point = {.sequence = batch->sequence};
    if (grown) {
        point.key = batch_dup_key(batch, key);
    }
    if (point.key.ptr != NULL && value != NULL) {
        point.value = copse_arena_dup(&batch->arena, *value);
    }
    if (point.key.ptr == NULL || (value != NULL && point.value.ptr == NULL)) {
        return COPSE_ERR_NOMEM(err);
    }
    batch->points[batch->points_count++] = point;
    batch->sequence++;
    batch->settled = false;
    return COPSE_OK;
}

copse_status copse_batch_put(copse_batch *batch, copse_bytes key, copse_bytes value, copse_err *err)
{
    copse_tree_config widest = {.size_bytes_max = 8 * COPSE_KEY_SIZE_BYTES_MAX};
    copse_status status = copse_tree_check_entry(batch->env, &widest, key, value.len, err);
    if (status == COPSE_OK) {
        status = copse_dag_cbor_check(value, &batch->env->limits, COPSE_CBOR_STRICT, err);
    }
    return status == COPSE_OK ? batch_add_point(batch, key, &value, err) : status;
}

copse_status copse_batch_delete(copse_batch *batch, copse_bytes key, copse_err *err)
{
    copse_status status = batch_check_key(key, err);
    return status == COPSE_OK ? batch_add_point(batch, key, NULL, err) : status;
}

/* ---- ranges ---- */

static bool batch_reserve_ranges(copse_batch *batch, size_t extra)
{
    void *ranges = batch->ranges;
    bool grown = copse_array_grow(batch->env, &ranges, &batch->ranges_capacity,
                                  batch->ranges_count + extra, sizeof *batch->ranges);
    batch->ranges = ranges;
    return grown;
}

static void batch_insert_range(copse_batch *batch, size_t index, batch_range range)
{
    memmove(batch->ranges + index + 1, batch->ranges + index,
            (batch->ranges_count - index) * sizeof *batch->ranges);
    batch->ranges[index] = range;
    batch->ranges_count++;
}

static void batch_remove_range(copse_batch *batch, size_t index)
{
    batch->ranges_count--;
    memmove(batch->ranges + index, batch->ranges + index + 1,
            (batch->ranges_count - index) * sizeof *batch->ranges);
}

/* Whether the end of `range` is above `key`. */
static bool batch_range_reaches(const batch_range *range, copse_bytes key)
{
    return !range->has_to || copse_bytes_compare(range->to, key) > 0;
}

/* Cuts the part that `range` covers out of the ranges before it, so that all stay disjoint and in
 * order; gives the place for `range`. There is room for two more. */
static size_t batch_clear_way(copse_batch *batch, const batch_range *range)
{
    size_t i = 0; /* the first range that ends above range->from */
    size_t high = batch->ranges_count;
    while (i < high) {
        size_t middle = i + (high - i) / 2;
        if (batch_range_reaches(&batch->ranges[middle], range->from)) {
            high = middle;
        } else {
            i = middle + 1;
        }
    }
    if (i < batch->ranges_count && copse_bytes_compare(batch->ranges[i].from, range->from) < 0) {
        batch_range right = batch->ranges[i];
        batch->ranges[i].to = range->from;
        batch->ranges[i].has_to = true;
        right.from = range->from;
        batch_insert_range(batch, ++i, right);
    }
    while (i < batch->ranges_count && batch_range_reaches(range, batch->ranges[i].from)) {
        batch_range *old = &batch->ranges[i];
        if (range->has_to && batch_range_reaches(old, range->to)) {
            old->from = range->to;
            break;
        }
        batch_remove_range(batch, i);
    }
    return i;
}

static copse_status batch_add_range(copse_batch *batch, copse_tree *tree, copse_bytes from,
                                    const copse_bytes *to, copse_err *err)
{
    batch_range range = {.tree = tree, .has_to = to != NULL, .sequence = batch->sequence};
    copse_status status = batch_check_key(from, err);
    if (status == COPSE_OK && to != NULL) {
        /* The least key above the longest one is one byte longer. */
        status = batch_check_key((copse_bytes){to->ptr, to->len > 0 ? to->len - 1 : 0}, err);
    }
    if (status != COPSE_OK || (to != NULL && copse_bytes_compare(from, *to) >= 0)) {
        return status;
    }
    range.from = copse_arena_dup(&batch->arena, from);
    if (to != NULL) {
        range.to = copse_arena_dup(&batch->arena, *to);
    }
    if (range.from.ptr == NULL || (to != NULL && range.to.ptr == NULL) ||
        !batch_reserve_ranges(batch, 2)) {
        return COPSE_ERR_NOMEM(err);
    }
    batch_insert_range(batch, batch_clear_way(batch, &range), range);
    batch->sequence++;
    batch->settled = false;
    return COPSE_OK;
}

copse_status copse_batch_delete_range(copse_batch *batch, copse_bytes from, const copse_bytes *to,
                                      copse_err *err)
{
    return batch_add_range(batch, NULL, from, to, err);
}

copse_status copse_batch_splice(copse_batch *batch, copse_tree *other, copse_bytes from,
                                const copse_bytes *to, copse_err *err)
{
    copse_status status = copse_tree_require_ours(other, "a splice", err);
    return status == COPSE_OK ? batch_add_range(batch, other, from, to, err) : status;
}

/* ---- settling ---- */

/* The range that holds `key`, or NULL; *range is where the search goes on for higher keys. */
static const batch_range *batch_range_of(const copse_batch *batch, size_t *range, copse_bytes key)
{
    while (*range < batch->ranges_count && !batch_range_reaches(&batch->ranges[*range], key)) {
        (*range)++;
    }
    if (*range < batch->ranges_count && copse_bytes_compare(batch->ranges[*range].from, key) <= 0) {
        return &batch->ranges[*range];
    }
    return NULL;
}

/* Keeps of the sorted points the last of each key, unless a later range covers it. */
static size_t batch_keep_points(const copse_batch *batch, const copse_sort_item *items,
                                batch_point *ret_points)
{
    size_t kept = 0;
    size_t range = 0;
    for (size_t i = 0; i < batch->points_count; i++) {
        const batch_point *point = &batch->points[items[i].tag];
        if (i + 1 < batch->points_count && copse_bytes_equal(items[i + 1].key, point->key)) {
            continue;
        }
        const batch_range *over = batch_range_of(batch, &range, point->key);
        if (over == NULL || over->sequence < point->sequence) {
            ret_points[kept++] = *point;
        }
    }
    return kept;
}

copse_status copse_batch_settle(copse_batch *batch, copse_err *err)
{
    size_t count = batch->points_count;
    if (batch->settled || count == 0) {
        batch->settled = true;
        return COPSE_OK;
    }
    copse_sort_item *items = copse_alloc_array(batch->env, count, sizeof *items);
    batch_point *points = copse_alloc_array(batch->env, count, sizeof *points);
    copse_status status = COPSE_OK;
    if (items == NULL || points == NULL) {
        status = COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        items[i] = (copse_sort_item){.key = batch->points[i].key, .tag = i};
    }
    if (status == COPSE_OK) {
        status = copse_key_sort(batch->env, items, count, err);
    }
    if (status == COPSE_OK) {
        size_t kept = batch_keep_points(batch, items, points);
        memcpy(batch->points, points, kept * sizeof *points);
        batch->points_count = kept;
        batch->settled = true;
    }
    copse_free_array(batch->env, items, count, sizeof *items);
    copse_free_array(batch->env, points, count, sizeof *points);
    return status;
}

copse_status copse_batch_check(const copse_batch *batch, const copse_tree *tree, copse_err *err)
{
    copse_status status = copse_tree_require_ours(tree, "a change", err);
    for (size_t i = 0; status == COPSE_OK && i < batch->ranges_count; i++) {
        const copse_tree *other = batch->ranges[i].tree;
        if (other != NULL && (other->cache != tree->cache ||
                              !copse_cid_equal(&other->config_cid, &tree->config_cid))) {
            status =
                COPSE_ERR(err, COPSE_MISUSE, "a spliced tree has another node cache or config");
        }
    }
    for (size_t i = 0; status == COPSE_OK && i < batch->points_count; i++) {
        const batch_point *point = &batch->points[i];
        if (point->value.ptr != NULL) {
            status = copse_tree_check_entry(batch->env, &tree->config, point->key, point->value.len,
                                            err);
        }
    }
    return status;
}

/* ---- pieces ---- */

void copse_batch_pieces_init(copse_batch_pieces *pieces, const copse_batch *batch, copse_tree *base)
{
    *pieces = (copse_batch_pieces){.batch = batch, .base = base};
}

/* The tree that stands at pieces->at, NULL if nothing does, and where that ends. */
static copse_tree *pieces_ground(const copse_batch_pieces *pieces, copse_bytes *ret_end,
                                 bool *ret_has_end, bool *ret_in_range)
{
    const copse_batch *batch = pieces->batch;
    if (pieces->range == batch->ranges_count) {
        *ret_has_end = false;
        *ret_in_range = false;
        return pieces->base;
    }
    const batch_range *range = &batch->ranges[pieces->range];
    *ret_in_range = copse_bytes_compare(range->from, pieces->at) <= 0;
    *ret_end = *ret_in_range ? range->to : range->from;
    *ret_has_end = !*ret_in_range || range->has_to;
    return *ret_in_range ? range->tree : pieces->base;
}

/* Gives the entry of the point that is due, if it is a put. */
static bool pieces_take_point(copse_batch_pieces *pieces, copse_piece *ret_piece)
{
    const batch_point *point = &pieces->batch->points[pieces->point++];
    pieces->entry_due = false;
    pieces->at = (copse_bytes){point->key.ptr, point->key.len + 1};
    if (point->value.ptr == NULL) {
        return false;
    }
    *ret_piece = (copse_piece){.key = point->key, .value = point->value, .count = 1};
    return true;
}

bool copse_batch_pieces_next(copse_batch_pieces *pieces, copse_piece *ret_piece)
{
    const copse_batch *batch = pieces->batch;
    while (!pieces->ended) {
        if (pieces->entry_due && pieces_take_point(pieces, ret_piece)) {
            return true;
        }
        copse_bytes end = {NULL, 0};
        bool has_end;
        bool in_range;
        copse_tree *ground = pieces_ground(pieces, &end, &has_end, &in_range);
        copse_bytes from = pieces->at;
        if (pieces->point < batch->points_count &&
            (!has_end || copse_bytes_compare(batch->points[pieces->point].key, end) < 0)) {
            end = batch->points[pieces->point].key;
            has_end = true;
            pieces->entry_due = true;
        } else {
            pieces->range += in_range;
            pieces->ended = !has_end;
        }
        pieces->at = end;
        if (ground != NULL && (!has_end || copse_bytes_compare(from, end) < 0)) {
            *ret_piece = (copse_piece){.tree = ground, .from = from, .to = end, .has_to = has_end};
            return true;
        }
    }
    return false;
}
