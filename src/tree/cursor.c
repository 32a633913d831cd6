/* The cursor: a walk over the leaves, a leaf, and an index in it.
 *
 *   U1  The cursor's walk stands on its leaf; both are held, so that the position needs no block
 *       that could have gone since.
 *   U2  A move that leaves the leaf is made on a second walk, which takes the first one's place
 *       only when the leaf it leads to is loaded. So whatever happens, the position stays.
 *   U3  [begin, end) are the entries of the leaf inside the range. Moves inside it read nothing.
 *   U4  A leaf is not read if the keys at hand show that it has nothing for the move.
 *   U5  A miss asks for the rest of the scan in the direction of the move (prefetch.h).
 *   U6  A scan that has read more than an eighth of what the node cache holds reads the rest in
 *       passing (node_cache.h, N2). What it found in the cache doesn't count, so that
 *       scans of what fits in there find all of it after a few times.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/cursor.h>

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/err.h"
#include "tree/prefetch.h"
#include "tree/walk.h"

#include <copse/buf.h>

enum {
    CURSOR_BOUND_SIZE_BYTES_MAX = 65536,
    CURSOR_CACHE_SHARE = 8 /* U6 */
};

struct copse_cursor {
    copse_tree *tree;
    copse_node *leaf; /* NULL: stands nowhere */
    uint32_t index;   /* the three are 0 without a leaf */
    uint32_t begin;
    uint32_t end;
    uint32_t entered; /* the index at which it came into the leaf */
    uint64_t passed;  /* entries passed since the seek, without those of this leaf */
    uint64_t limit;
    uint64_t read_bytes; /* since the seek (U6) */
    copse_buf from;
    copse_buf to;
    bool has_to;
    uint8_t at; /* which walk is the cursor's (U2) */
    copse_walk walks[2];
};

/* A move under way. */
typedef struct cursor_move {
    copse_walk *walk;
    copse_node *leaf; /* the leaf reached, with a reference */
    copse_node *edge; /* a leaf passed over that scan.high borrows from */
    uint32_t index;
    uint64_t read_bytes; /* as the cursor's */
    copse_prefetch scan; /* what is still to be read */
} cursor_move;

copse_status copse_cursor_new(copse_tree *tree, copse_cursor **ret_cursor, copse_err *err)
{
    copse_cursor *cursor = copse_alloc_zeroed(tree->env, sizeof *cursor);
    if (cursor == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    cursor->tree = tree;
    copse_buf_init(&cursor->from, tree->env, CURSOR_BOUND_SIZE_BYTES_MAX);
    copse_buf_init(&cursor->to, tree->env, CURSOR_BOUND_SIZE_BYTES_MAX);
    *ret_cursor = cursor;
    return COPSE_OK;
}

void copse_cursor_release(copse_cursor *cursor)
{
    copse_walk_release(&cursor->walks[cursor->at]);
    cursor->leaf = copse_node_unref(cursor->tree->env, cursor->leaf);
    cursor->index = 0;
    cursor->begin = 0;
    cursor->end = 0;
}

copse_cursor *copse_cursor_free(copse_cursor *cursor)
{
    if (cursor != NULL) {
        copse_cursor_release(cursor);
        copse_buf_release(&cursor->from);
        copse_buf_release(&cursor->to);
        copse_free(cursor->tree->env, cursor, sizeof *cursor);
    }
    return NULL;
}

/* ---- the range ---- */

static copse_bytes cursor_from(const copse_cursor *cursor)
{
    return copse_buf_view(&cursor->from);
}

static bool cursor_is_before_range(const copse_cursor *cursor, copse_bytes key)
{
    return cursor->from.len > 0 && copse_bytes_compare(key, cursor_from(cursor)) < 0;
}

static bool cursor_is_past_range(const copse_cursor *cursor, copse_bytes key)
{
    return cursor->has_to && copse_bytes_compare(key, copse_buf_view(&cursor->to)) >= 0;
}

/* U3 */
static void cursor_clip(copse_cursor *cursor)
{
    const copse_node *leaf = cursor->leaf;
    cursor->begin = 0;
    cursor->end = leaf->count;
    if (cursor_is_before_range(cursor, copse_node_key(leaf, 0))) {
        cursor->begin = copse_node_lower(leaf, cursor_from(cursor));
    }
    if (cursor_is_past_range(cursor, copse_node_key(leaf, leaf->count - 1))) {
        cursor->end = copse_node_lower(leaf, copse_buf_view(&cursor->to));
    }
}

copse_status copse_cursor_set_range(copse_cursor *cursor, copse_bytes from, const copse_bytes *to,
                                    copse_err *err)
{
    copse_buf new_from;
    copse_buf new_to;
    copse_buf_init(&new_from, cursor->tree->env, CURSOR_BOUND_SIZE_BYTES_MAX);
    copse_buf_init(&new_to, cursor->tree->env, CURSOR_BOUND_SIZE_BYTES_MAX);
    copse_status status = copse_buf_append(&new_from, from);
    if (status == COPSE_OK && to != NULL) {
        status = copse_buf_append(&new_to, *to);
    }
    if (status != COPSE_OK) {
        copse_buf_release(&new_from);
        copse_buf_release(&new_to);
        return COPSE_ERR(err, status, "no room for the bounds of a range");
    }
    copse_buf_release(&cursor->from);
    copse_buf_release(&cursor->to);
    cursor->from = new_from;
    cursor->to = new_to;
    cursor->has_to = to != NULL;
    if (cursor->leaf != NULL) {
        cursor_clip(cursor);
        if (cursor->index < cursor->begin || cursor->index >= cursor->end) {
            copse_cursor_release(cursor);
        }
    }
    return COPSE_OK;
}

void copse_cursor_set_limit(copse_cursor *cursor, uint64_t entries)
{
    cursor->limit = entries;
}

/* ---- a move ---- */

/* Begins a move on the second walk, which stands where the first does. */
static cursor_move cursor_move_begin(copse_cursor *cursor, bool reverse)
{
    cursor_move move = {.walk = &cursor->walks[1 - cursor->at]};
    copse_source_begin(cursor->tree->cache->source);
    if (cursor->leaf != NULL) {
        copse_walk_copy(&cursor->walks[cursor->at], move.walk);
    }
    move.scan = (copse_prefetch){.low = cursor_from(cursor),
                                 .high = copse_buf_view(&cursor->to),
                                 .has_high = cursor->has_to,
                                 .reverse = reverse,
                                 .limit = cursor->limit};
    return move;
}

/* Readies the walk once the tree's height is known. */
static void cursor_move_ready(const copse_cursor *cursor, const cursor_move *move)
{
    if (cursor->leaf == NULL) {
        copse_walk_init(move->walk, cursor->tree, 0);
    }
}

/* The entries that a move on from the present one has seen in its leaf. */
static uint32_t cursor_passed_in_leaf(const copse_cursor *cursor)
{
    return 1 + (cursor->index > cursor->entered ? cursor->index - cursor->entered
                                                : cursor->entered - cursor->index);
}

/* Ends a move: takes the new place (U2), or asks for what is missing (U5). */
static copse_status cursor_move_end(copse_cursor *cursor, cursor_move *move, copse_status status,
                                    uint64_t passed, copse_err *err)
{
    const copse_env *env = cursor->tree->env;
    if (status == COPSE_WANT) {
        copse_status asked = copse_tree_prefetch(cursor->tree, &move->scan, err);
        status = asked == COPSE_OK ? status : asked;
    }
    copse_node_unref(env, move->edge);
    if (status != COPSE_OK) {
        copse_node_unref(env, move->leaf);
        copse_walk_release(move->walk);
        return status;
    }
    copse_cursor_release(cursor);
    cursor->at = (uint8_t)(1 - cursor->at);
    cursor->leaf = move->leaf;
    cursor->index = move->index;
    cursor->entered = move->index;
    cursor->passed = passed;
    cursor->read_bytes = move->read_bytes;
    cursor_clip(cursor);
    return COPSE_OK;
}

/* Goes on to the leaf after the one the walk stands on, which has nothing more for the move. */
static copse_status cursor_move_forward(const copse_cursor *cursor, cursor_move *move,
                                        copse_err *err)
{
    copse_bytes next;
    if (cursor->tree->kind != COPSE_TREE_GO && copse_walk_next_key(move->walk, &next)) {
        if (cursor_is_past_range(cursor, next)) { /* U4 */
            return COPSE_END;
        }
        move->scan.by_index = false;
        move->scan.low = next;
    }
    copse_status status = copse_walk_next(move->walk, err);
    if (status == COPSE_OK) {
        status = copse_walk_load(move->walk, &move->leaf, err);
    }
    move->index = 0;
    return status;
}

/* Goes back to the leaf before `leaf`, which the walk stands on and which has nothing more for the
 * move. */
static copse_status cursor_move_back(const copse_cursor *cursor, cursor_move *move,
                                     const copse_node *leaf, copse_err *err)
{
    if (leaf->count > 0) {
        copse_bytes first = copse_node_key(leaf, 0);
        if (copse_bytes_compare(first, cursor_from(cursor)) <= 0) { /* U4 */
            return COPSE_END;
        }
        move->scan.high = first;
        move->scan.has_high = true;
    }
    copse_status status = copse_walk_prev(move->walk, err);
    if (status == COPSE_OK) {
        status = copse_walk_load(move->walk, &move->leaf, err);
    }
    if (status == COPSE_OK) {
        move->index = move->leaf->count - 1;
    }
    return status;
}

/* Whether the entry reached lies in the range. */
static copse_status cursor_move_check(const copse_cursor *cursor, const cursor_move *move)
{
    copse_bytes key = copse_node_key(move->leaf, move->index);
    bool outside = cursor_is_past_range(cursor, key) || cursor_is_before_range(cursor, key);
    return outside ? COPSE_END : COPSE_OK;
}

/* ---- seeking forwards ---- */

static copse_status cursor_seek_low(const copse_cursor *cursor, cursor_move *move, copse_err *err)
{
    copse_bytes key = move->scan.low;
    copse_status status = copse_tree_find_height(cursor->tree, key, err);
    if (status == COPSE_OK) {
        cursor_move_ready(cursor, move);
        status = copse_walk_seek(move->walk, key, err);
    }
    if (status == COPSE_OK) {
        status = copse_walk_load(move->walk, &move->leaf, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    move->index = copse_node_lower(move->leaf, key);
    if (move->index == move->leaf->count) {
        move->leaf = copse_node_unref(cursor->tree->env, move->leaf);
        status = cursor_move_forward(cursor, move, err);
    }
    return status == COPSE_OK ? cursor_move_check(cursor, move) : status;
}

copse_status copse_cursor_seek(copse_cursor *cursor, copse_bytes key, copse_err *err)
{
    if (cursor_is_past_range(cursor, key) || cursor_is_past_range(cursor, cursor_from(cursor))) {
        return COPSE_END;
    }
    cursor_move move = cursor_move_begin(cursor, false);
    if (!cursor_is_before_range(cursor, key)) {
        move.scan.low = key;
    }
    copse_status status = cursor_seek_low(cursor, &move, err);
    return cursor_move_end(cursor, &move, status, 0, err);
}

copse_status copse_cursor_seek_first(copse_cursor *cursor, copse_err *err)
{
    return copse_cursor_seek(cursor, cursor_from(cursor), err);
}

static copse_status cursor_seek_index(copse_cursor *cursor, cursor_move *move, copse_err *err)
{
    copse_tree *tree = cursor->tree;
    uint64_t index = move->scan.index;
    copse_bytes key;
    copse_bytes value;
    copse_err detail; /* that there is no such entry is no failure here */
    copse_status status = copse_tree_nth(tree, index, &key, &value, &detail);
    if (status == COPSE_NOT_FOUND) {
        return COPSE_END;
    }
    if (status < 0 && err != NULL) {
        *err = detail;
    }
    if (status == COPSE_OK) {
        cursor_move_ready(cursor, move);
        status = copse_walk_seek_nth(move->walk, index, &move->index, err);
    }
    if (status == COPSE_OK) {
        status = copse_walk_load(move->walk, &move->leaf, err);
    }
    return status == COPSE_OK ? cursor_move_check(cursor, move) : status;
}

copse_status copse_cursor_seek_nth(copse_cursor *cursor, uint64_t index, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (cursor->tree->kind != COPSE_TREE_OURS) {
        return COPSE_ERR(err, COPSE_MISUSE, "the nodes of this foreign tree have no counts");
    }
    cursor_move move = cursor_move_begin(cursor, false);
    move.scan.by_index = true;
    move.scan.index = index;
    status = cursor_seek_index(cursor, &move, err);
    return cursor_move_end(cursor, &move, status, 0, err);
}

/* ---- seeking backwards ---- */

/* Makes the tree's height known by going down to the leaf that the move comes to first. */
static copse_status cursor_find_height_back(const cursor_move *move, copse_tree *tree,
                                            copse_err *err)
{
    copse_node *node = NULL;
    copse_status status = COPSE_OK;
    if (tree->height == 0) {
        status = copse_tree_load_top(tree, &node, err);
    }
    for (size_t depth = 0; status == COPSE_OK && tree->height == 0; depth++) {
        copse_node *child = NULL;
        uint32_t index = move->scan.has_high ? copse_tree_route_below(tree, node, move->scan.high)
                                             : node->count - 1;
        status = copse_tree_load_child(tree, node, depth, index, NULL, &child, err);
        copse_node_unref(tree->env, node);
        node = child;
    }
    copse_node_unref(tree->env, node);
    return status;
}

static copse_status cursor_seek_high(const copse_cursor *cursor, cursor_move *move, copse_err *err)
{
    copse_status status = cursor_find_height_back(move, cursor->tree, err);
    if (status == COPSE_OK) {
        cursor_move_ready(cursor, move);
        status = move->scan.has_high ? copse_walk_seek_below(move->walk, move->scan.high, err)
                                     : copse_walk_seek_last(move->walk, err);
    }
    if (status == COPSE_OK) {
        status = copse_walk_load(move->walk, &move->leaf, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    move->index =
        move->scan.has_high ? copse_node_lower(move->leaf, move->scan.high) : move->leaf->count;
    if (move->index > 0) {
        move->index--;
    } else {
        move->edge = move->leaf;
        move->leaf = NULL;
        status = cursor_move_back(cursor, move, move->edge, err);
    }
    return status == COPSE_OK ? cursor_move_check(cursor, move) : status;
}

static copse_status cursor_seek_before(copse_cursor *cursor, const copse_bytes *key, copse_err *err)
{
    cursor_move move = cursor_move_begin(cursor, true);
    if (key != NULL) {
        move.scan.high = *key;
        move.scan.has_high = true;
    }
    copse_status status = cursor_seek_high(cursor, &move, err);
    return cursor_move_end(cursor, &move, status, 0, err);
}

copse_status copse_cursor_seek_before(copse_cursor *cursor, copse_bytes key, copse_err *err)
{
    if (copse_bytes_compare(key, cursor_from(cursor)) <= 0) {
        return COPSE_END;
    }
    return cursor_seek_before(cursor, cursor_is_past_range(cursor, key) ? NULL : &key, err);
}

copse_status copse_cursor_seek_last(copse_cursor *cursor, copse_err *err)
{
    if (cursor_is_past_range(cursor, cursor_from(cursor))) {
        return COPSE_END;
    }
    return cursor_seek_before(cursor, NULL, err);
}

/* ---- stepping ---- */

/* Whether the leaf reached lies beyond `leaf`. In trees of ours the way down has shown it; the Go
 * implementation's branches don't show where their first child begins. */
static copse_status cursor_check_order(const copse_node *leaf, const cursor_move *move,
                                       bool reverse, copse_err *err)
{
    const copse_node *low = reverse ? move->leaf : leaf;
    const copse_node *high = reverse ? leaf : move->leaf;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (low->count == 0 || high->count == 0 ||
        copse_bytes_compare(copse_node_key(low, low->count - 1), copse_node_key(high, 0)) < 0) {
        return COPSE_OK;
    }
    copse_cid_to_text(&move->leaf->cid, COPSE_BASE32, text);
    return COPSE_ERR(err, COPSE_CORRUPT, "node %s: its keys reach into those of its neighbour",
                     text);
}

/* Goes on to the next leaf in the direction of the move (U6). */
static copse_status cursor_move_on(const copse_cursor *cursor, cursor_move *move, bool reverse,
                                   copse_err *err)
{
    copse_node_cache *cache = cursor->tree->cache;
    uint64_t before = cache->read_bytes;
    cache->is_passing =
        cursor->read_bytes > cache->env->limits.node_cache_bytes_max / CURSOR_CACHE_SHARE;
    copse_status status = reverse ? cursor_move_back(cursor, move, cursor->leaf, err)
                                  : cursor_move_forward(cursor, move, err);
    cache->is_passing = false;
    move->read_bytes = cursor->read_bytes + (cache->read_bytes - before);
    return status;
}

/* Moves to the leaf beside the present one. */
static COPSE_NOINLINE copse_status cursor_leave_leaf(copse_cursor *cursor, bool reverse,
                                                     copse_err *err)
{
    const copse_node *leaf = cursor->leaf;
    if (leaf == NULL) {
        return reverse ? copse_cursor_seek_last(cursor, err) : copse_cursor_seek_first(cursor, err);
    }
    if (reverse ? cursor->begin > 0 : cursor->end < leaf->count) {
        return COPSE_END;
    }
    cursor_move move = cursor_move_begin(cursor, reverse);
    uint64_t passed = cursor->passed + cursor_passed_in_leaf(cursor);
    if (cursor->limit != 0) {
        move.scan.limit = cursor->limit > passed ? cursor->limit - passed : 1;
    }
    if (!reverse) {
        move.scan.low = copse_node_key(leaf, cursor->index);
    }
    copse_status status = cursor_move_on(cursor, &move, reverse, err);
    if (status == COPSE_OK) {
        status = cursor_check_order(leaf, &move, reverse, err);
    }
    if (status == COPSE_OK) {
        status = cursor_move_check(cursor, &move);
    }
    return cursor_move_end(cursor, &move, status, passed, err);
}

copse_status copse_cursor_next(copse_cursor *cursor, copse_err *err)
{
    if (COPSE_LIKELY(cursor->index + 1 < cursor->end)) {
        cursor->index++;
        return COPSE_OK;
    }
    return cursor_leave_leaf(cursor, false, err);
}

copse_status copse_cursor_prev(copse_cursor *cursor, copse_err *err)
{
    if (COPSE_LIKELY(cursor->index > cursor->begin)) {
        cursor->index--;
        return COPSE_OK;
    }
    return cursor_leave_leaf(cursor, true, err);
}

copse_bytes copse_cursor_key(const copse_cursor *cursor)
{
    if (COPSE_UNLIKELY(cursor->leaf == NULL)) {
        return (copse_bytes){NULL, 0};
    }
    return copse_node_key(cursor->leaf, cursor->index);
}

copse_bytes copse_cursor_value(const copse_cursor *cursor)
{
    if (COPSE_UNLIKELY(cursor->leaf == NULL)) {
        return (copse_bytes){NULL, 0};
    }
    return copse_node_value(cursor->leaf, cursor->index);
}

copse_status copse_cursor_fill(copse_cursor *cursor, copse_cursor_entry *ret_entries,
                               size_t count_max, size_t *ret_count, copse_err *err)
{
    if (count_max == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "there is no room for an entry");
    }
    copse_status status = copse_cursor_next(cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    const copse_node *leaf = cursor->leaf;
    size_t count = cursor->end - cursor->index;
    count = count < count_max ? count : count_max;
    for (size_t i = 0; i < count; i++) {
        uint32_t index = cursor->index + (uint32_t)i;
        ret_entries[i] =
            (copse_cursor_entry){copse_node_key(leaf, index), copse_node_value(leaf, index)};
    }
    cursor->index += (uint32_t)count - 1;
    *ret_count = count;
    return COPSE_OK;
}
