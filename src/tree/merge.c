/* Merging: three frontiers (frontier.h) that move past each other, upwards.
 *
 * k is the lowest key at which base or theirs begins; ours is moved up to it. Of each side, an item
 * begins at k, or there is a gap: nothing from k up to where the side's next item begins. Two sides
 * are equal at k if both have the same item, or both a gap; up to the nearer of the two ends they
 * then hold the same, and that decides the range without a look at the third:
 *
 *   M1  base = theirs: theirs changed nothing. Ours stays.
 *   M2  base = ours:   only theirs changed something, if anyone. The range of theirs is spliced in.
 *   M3  ours = theirs: both did the same. Ours stays.
 *   M4  No two are equal. If all are entries or gaps, the key is a conflict. Else the largest
 *       subtrees are expanded (F3), and k is looked at again.
 *
 * M1 is tried before ours is moved, so that ours is not read where theirs changed nothing. For M2
 * and M3 the third side goes on to the end of the range: what it has below is dropped unread, a
 * subtree that reaches past is expanded. Ranges that meet are spliced as one (M5). A union is a
 * merge with a base that is a single gap.
 *
 * The changes are collected in a batch over ours, and copse_tree_apply makes the tree; so the
 * result is canonical, and nothing is put before all is decided. On a missing node the frontiers go
 * on without it (copse_frontier_pass_by), to learn what else is missing; no callback is called any
 * more, and the batch is dropped.
 *
 * Cost: the nodes where base, ours and theirs are three different ones, the path to each end of a
 * splice, and what applying the batch reads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/merge.h>

#include "base/err.h"
#include "tree/frontier.h"

enum { MERGE_BASE, MERGE_OURS, MERGE_THEIRS, MERGE_SIDES };

typedef struct merge {
    copse_frontier sides[MERGE_SIDES];
    bool begins[MERGE_SIDES]; /* an item of the side begins at k; else it has a gap there */
    copse_batch *batch;
    copse_conflict_fn decide;
    void *decide_ctx;
    copse_buf from; /* the splice that has not been given to the batch yet (M5) */
    copse_buf to;
    bool has_splice;
    bool has_to;
    bool starved;
    copse_merge_stats stats;
} merge;

/* The end of what two sides have in common, exclusive. */
typedef struct merge_end {
    copse_bytes key;
    bool is_open; /* there is none */
} merge_end;

/* ---- what is done ---- */

static copse_status merge_flush_splice(merge *op, copse_err *err)
{
    if (!op->has_splice) {
        return COPSE_OK;
    }
    copse_bytes to = copse_buf_view(&op->to);
    op->has_splice = false;
    op->stats.splices++;
    return copse_batch_splice(op->batch, op->sides[MERGE_THEIRS].tree, copse_buf_view(&op->from),
                              op->has_to ? &to : NULL, err);
}

static copse_status merge_keep_key(copse_buf *buf, copse_bytes key, copse_err *err)
{
    copse_buf_truncate(buf, 0);
    copse_status status = copse_buf_append(buf, key);
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR(err, status, "no room for a key");
}

/* M5 */
static copse_status merge_splice(merge *op, copse_bytes from, const merge_end *end, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (op->starved) {
        return COPSE_OK;
    }
    if (!op->has_splice || !op->has_to || !copse_bytes_equal(copse_buf_view(&op->to), from)) {
        status = merge_flush_splice(op, err);
        if (status == COPSE_OK) {
            status = merge_keep_key(&op->from, from, err);
        }
    }
    if (status == COPSE_OK && !end->is_open) {
        status = merge_keep_key(&op->to, end->key, err);
    }
    op->has_splice = status == COPSE_OK;
    op->has_to = !end->is_open;
    return status;
}

/* Sets `key` to `value`; ptr NULL: deletes it. */
static copse_status merge_set(merge *op, copse_bytes key, copse_bytes value, copse_err *err)
{
    if (op->starved) {
        return COPSE_OK;
    }
    op->stats.entries++;
    return value.ptr != NULL ? copse_batch_put(op->batch, key, value, err)
                             : copse_batch_delete(op->batch, key, err);
}

/* ---- going on ---- */

static copse_bytes merge_value(const merge *op, size_t side)
{
    return op->begins[side] ? op->sides[side].head.content : (copse_bytes){NULL, 0};
}

static void merge_drop(merge *op, size_t side)
{
    if (op->begins[side]) {
        copse_frontier_drop(&op->sides[side]);
    }
}

/* Goes on without the head of `side`, which is missing. WANT: no side stands at k any more. */
static copse_status merge_pass_by(merge *op, size_t side, copse_err *err)
{
    copse_status status = COPSE_OK;
    op->starved = true;
    for (size_t i = 0; i < MERGE_SIDES && status == COPSE_OK; i++) {
        if (i != side && op->begins[i] && op->begins[side] && op->sides[i].head.count > 0 &&
            copse_frontier_is_peer(&op->sides[i], &op->sides[side])) {
            status = copse_frontier_hint(&op->sides[i], err);
        }
    }
    if (status == COPSE_OK) {
        status = copse_frontier_pass_by(op->sides, MERGE_SIDES, side, false, err);
    }
    return status == COPSE_OK ? COPSE_WANT : status;
}

static copse_status merge_expand(merge *op, size_t side, copse_err *err)
{
    copse_status status = copse_frontier_expand(&op->sides[side], err);
    return status == COPSE_WANT ? merge_pass_by(op, side, err) : status;
}

/* Moves `side` up to `end`. */
static copse_status merge_advance(merge *op, size_t side, const merge_end *end, copse_err *err)
{
    if (end->is_open) {
        copse_frontier_release(&op->sides[side]);
        return COPSE_OK;
    }
    copse_status status = copse_frontier_advance(&op->sides[side], end->key, err);
    if (status == COPSE_WANT) {
        op->begins[side] = false; /* it may begin below k; no peer is known */
        status = merge_pass_by(op, side, err);
    }
    return status;
}

/* ---- k ---- */

/* Whether two sides are equal at k. */
static bool merge_equal(const merge *op, size_t a, size_t b)
{
    return op->begins[a] == op->begins[b] &&
           (!op->begins[a] || copse_frontier_same(&op->sides[a], &op->sides[b]));
}

/* Where the item at k of `side`, or its gap, ends. */
static merge_end merge_end_of(const merge *op, size_t side)
{
    const copse_frontier *frontier = &op->sides[side];
    if (op->begins[side]) {
        return (merge_end){frontier->head.end, !frontier->head.has_end};
    }
    return (merge_end){frontier->head.first, !frontier->has_head};
}

/* The nearer end of two sides. */
static merge_end merge_common_end(const merge *op, size_t a, size_t b)
{
    merge_end x = merge_end_of(op, a);
    merge_end y = merge_end_of(op, b);
    if (x.is_open || y.is_open) {
        return x.is_open ? y : x;
    }
    return copse_bytes_compare(x.key, y.key) <= 0 ? x : y;
}

/* Whether `side` has an entry at k. */
static bool merge_is_entry(const merge *op, size_t side)
{
    return op->begins[side] && op->sides[side].head.count == 0;
}

/* Whether `side` has a subtree at k. */
static bool merge_is_subtree(const merge *op, size_t side)
{
    return op->begins[side] && op->sides[side].head.count > 0;
}

/* M2 */
static copse_status merge_take_theirs(merge *op, copse_bytes key, copse_err *err)
{
    copse_status status;
    bool is_entry =
        op->begins[MERGE_BASE] ? merge_is_entry(op, MERGE_BASE) : merge_is_entry(op, MERGE_THEIRS);
    if (is_entry && merge_is_subtree(op, MERGE_THEIRS)) {
        return merge_expand(op, MERGE_THEIRS, err);
    }
    if (is_entry) {
        status = merge_set(op, key, merge_value(op, MERGE_THEIRS), err);
        merge_drop(op, MERGE_THEIRS);
    } else {
        merge_end end = merge_common_end(op, MERGE_BASE, MERGE_OURS);
        status = merge_splice(op, key, &end, err);
        if (status == COPSE_OK) {
            status = merge_advance(op, MERGE_THEIRS, &end, err);
        }
    }
    if (status == COPSE_OK) {
        merge_drop(op, MERGE_BASE);
        merge_drop(op, MERGE_OURS);
    }
    return status;
}

/* M3 */
static copse_status merge_keep_ours(merge *op, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (merge_is_entry(op, MERGE_OURS) && merge_is_subtree(op, MERGE_BASE)) {
        return merge_expand(op, MERGE_BASE, err);
    }
    if (merge_is_entry(op, MERGE_OURS)) {
        merge_drop(op, MERGE_BASE);
    } else {
        merge_end end = merge_common_end(op, MERGE_OURS, MERGE_THEIRS);
        status = merge_advance(op, MERGE_BASE, &end, err);
    }
    if (status == COPSE_OK) {
        merge_drop(op, MERGE_OURS);
        merge_drop(op, MERGE_THEIRS);
    }
    return status;
}

/* M4, all entries or gaps. */
static copse_status merge_conflict(merge *op, copse_bytes key, copse_err *err)
{
    copse_conflict conflict = {key, merge_value(op, MERGE_BASE), merge_value(op, MERGE_OURS),
                               merge_value(op, MERGE_THEIRS)};
    copse_resolution resolution = {COPSE_TAKE_OURS, {NULL, 0}};
    if (op->starved) {
        return COPSE_OK;
    }
    if (op->decide == NULL) {
        return COPSE_ERR(err, COPSE_CONFLICT, "both sides changed a key of %zu bytes", key.len);
    }
    copse_status status = op->decide(op->decide_ctx, &conflict, &resolution, err);
    if (status != COPSE_OK) {
        return status;
    }
    op->stats.conflicts++;
    switch (resolution.kind) {
    case COPSE_TAKE_OURS:
        return COPSE_OK;
    case COPSE_TAKE_THEIRS:
        return merge_set(op, key, conflict.theirs, err);
    case COPSE_TAKE_NOTHING:
        return merge_set(op, key, (copse_bytes){NULL, 0}, err);
    case COPSE_TAKE_VALUE:
        if (resolution.value.ptr != NULL) {
            return merge_set(op, key, resolution.value, err);
        }
        break;
    }
    return COPSE_ERR(err, COPSE_MISUSE, "a conflict was decided by no known resolution");
}

/* M4 */
static copse_status merge_diverge(merge *op, copse_bytes key, copse_err *err)
{
    copse_status status = COPSE_OK;
    uint64_t largest = 0;
    for (size_t i = 0; i < MERGE_SIDES; i++) {
        uint64_t count = op->begins[i] ? op->sides[i].head.count : 0;
        largest = count > largest ? count : largest;
    }
    if (largest == 0) {
        status = merge_conflict(op, key, err);
    }
    for (size_t i = 0; i < MERGE_SIDES && status == COPSE_OK; i++) {
        if (largest == 0) {
            merge_drop(op, i);
        } else if (op->begins[i] && op->sides[i].head.count == largest) {
            status = merge_expand(op, i, err);
        }
    }
    return status;
}

/* Looks at one k. END: neither base nor theirs has anything left. WANT: something is missing, and
 * all sides have gone past it. */
static copse_status merge_step(merge *op, copse_err *err)
{
    const copse_frontier *base = &op->sides[MERGE_BASE];
    const copse_frontier *theirs = &op->sides[MERGE_THEIRS];
    if (!base->has_head && !theirs->has_head) {
        return COPSE_END;
    }
    int order = !base->has_head     ? 1
                : !theirs->has_head ? -1
                                    : copse_bytes_compare(base->head.first, theirs->head.first);
    merge_end key = {order <= 0 ? base->head.first : theirs->head.first, false};
    op->begins[MERGE_BASE] = order <= 0;
    op->begins[MERGE_THEIRS] = order >= 0;
    if (order == 0 && copse_frontier_same(base, theirs)) { /* M1 */
        merge_drop(op, MERGE_BASE);
        merge_drop(op, MERGE_THEIRS);
        return COPSE_OK;
    }
    copse_status status = merge_advance(op, MERGE_OURS, &key, err);
    if (status != COPSE_OK) {
        return status;
    }
    const copse_frontier *ours = &op->sides[MERGE_OURS];
    op->begins[MERGE_OURS] = ours->has_head && copse_bytes_equal(ours->head.first, key.key);
    if (merge_equal(op, MERGE_BASE, MERGE_OURS)) {
        return merge_take_theirs(op, key.key, err);
    }
    if (merge_equal(op, MERGE_OURS, MERGE_THEIRS)) {
        return merge_keep_ours(op, err);
    }
    return merge_diverge(op, key.key, err);
}

/* ---- the whole ---- */

/* All tops are tried, so that all are wanted. */
static copse_status merge_start(merge *op, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < MERGE_SIDES; i++) {
        copse_status started = copse_frontier_start(&op->sides[i], err);
        if (started < 0) {
            return started;
        }
        status = started != COPSE_OK ? started : status;
    }
    return status;
}

static copse_status merge_walk(merge *op, copse_err *err)
{
    uint64_t nodes_read = 0; /* when the first was missing */
    copse_status status = merge_start(op, err);
    while (status == COPSE_OK) {
        bool was_starved = op->starved;
        status = merge_step(op, err);
        if (op->starved && !was_starved) {
            nodes_read = copse_frontier_nodes_read(op->sides, MERGE_SIDES);
        }
        if (status == COPSE_WANT && !copse_frontier_is_far(op->sides, MERGE_SIDES, nodes_read)) {
            status = COPSE_OK;
        }
    }
    if (status == COPSE_END) {
        status = op->starved ? COPSE_WANT : merge_flush_splice(op, err);
    }
    return status;
}

static copse_status merge_open_again(copse_tree *tree, copse_tree **ret_tree, copse_err *err)
{
    copse_tree *same;
    copse_status status = copse_tree_open_known(tree->cache, &tree->config, &tree->config_cid,
                                                &tree->root, &tree->top, &same, err);
    if (status == COPSE_OK) {
        same->height = tree->height;
        same->empty = tree->empty;
        *ret_tree = same;
    }
    return status;
}

static copse_status merge_run(merge *op, copse_store *store, copse_tree **ret_tree,
                              copse_merge_stats *ret_stats, copse_err *err)
{
    copse_tree *ours = op->sides[MERGE_OURS].tree;
    copse_status status = copse_batch_new(ours->env, &op->batch, err);
    copse_buf_init(&op->from, ours->env, COPSE_KEY_SIZE_BYTES_MAX);
    copse_buf_init(&op->to, ours->env, COPSE_KEY_SIZE_BYTES_MAX);
    if (status == COPSE_OK) {
        status = merge_walk(op, err);
    }
    op->stats.nodes_read = copse_frontier_nodes_read(op->sides, MERGE_SIDES);
    if (status == COPSE_OK && copse_batch_count(op->batch) == 0) {
        status = merge_open_again(ours, ret_tree, err);
    } else if (status == COPSE_OK) {
        status = copse_tree_apply(ours, op->batch, store, ret_tree, &op->stats.apply, err);
    }
    if (status == COPSE_OK && ret_stats != NULL) {
        *ret_stats = op->stats;
    }
    for (size_t i = 0; i < MERGE_SIDES; i++) {
        copse_frontier_release(&op->sides[i]);
    }
    copse_buf_release(&op->from);
    copse_buf_release(&op->to);
    copse_batch_free(op->batch);
    return status;
}

/* Whether `other` may be merged into `ours`. */
static copse_status merge_check(const copse_tree *ours, const copse_tree *other, copse_err *err)
{
    copse_status status = copse_tree_require_ours(other, "a merge", err);
    if (status == COPSE_OK &&
        (ours->cache != other->cache || !copse_cid_equal(&ours->config_cid, &other->config_cid))) {
        status = COPSE_ERR(err, COPSE_MISUSE, "a merge of trees of two node caches or configs");
    }
    return status;
}

/* The side that the result is, if two of the trees are equal; else NULL. */
static copse_tree *merge_known(copse_tree *base, copse_tree *ours, copse_tree *theirs)
{
    if (copse_cid_equal(&ours->top, &theirs->top) ||
        (base != NULL && copse_cid_equal(&base->top, &theirs->top))) {
        return ours;
    }
    return base != NULL && copse_cid_equal(&base->top, &ours->top) ? theirs : NULL;
}

/* `base` NULL: a union. */
static copse_status merge_trees(copse_tree *base, copse_tree *ours, copse_tree *theirs, merge *op,
                                copse_store *store, copse_tree **ret_tree,
                                copse_merge_stats *ret_stats, copse_err *err)
{
    copse_tree *sides[MERGE_SIDES] = {base != NULL ? base : ours, ours, theirs};
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < MERGE_SIDES; i++) {
        status = merge_check(ours, sides[i], err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_source_begin(ours->cache->source);
    copse_tree *known = merge_known(base, ours, theirs);
    if (known != NULL) {
        status = merge_open_again(known, ret_tree, err);
        if (status == COPSE_OK && ret_stats != NULL) {
            *ret_stats = (copse_merge_stats){0};
        }
        return status;
    }
    for (size_t i = 0; i < MERGE_SIDES; i++) {
        copse_frontier_init(&op->sides[i], sides[i], NULL, false);
    }
    op->sides[MERGE_BASE].started = base == NULL; /* and has no head: a single gap */
    return merge_run(op, store, ret_tree, ret_stats, err);
}

copse_status copse_merge3(copse_tree *base, copse_tree *ours, copse_tree *theirs,
                          copse_conflict_fn decide, void *decide_ctx, copse_store *store,
                          copse_tree **ret_tree, copse_merge_stats *ret_stats, copse_err *err)
{
    merge op = {.decide = decide, .decide_ctx = decide_ctx};
    return merge_trees(base, ours, theirs, &op, store, ret_tree, ret_stats, err);
}

copse_status copse_union2(copse_tree *ours, copse_tree *theirs, copse_conflict_fn decide,
                          void *decide_ctx, copse_store *store, copse_tree **ret_tree,
                          copse_merge_stats *ret_stats, copse_err *err)
{
    merge op = {.decide = decide, .decide_ctx = decide_ctx};
    return merge_trees(NULL, ours, theirs, &op, store, ret_tree, ret_stats, err);
}
