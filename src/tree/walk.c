/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/walk.h"

#include "base/err.h"

#include <string.h>

enum { WALK_HINT_BRANCHES = 2 /* of each level */ };

void copse_walk_init(copse_walk *walk, copse_tree *tree, size_t level)
{
    walk->tree = tree;
    walk->level = level;
    walk->depth = tree->height - 1 - level;
    walk->placed = false;
    walk->nodes[0] = NULL;
}

static void walk_drop(copse_walk *walk, size_t from)
{
    for (size_t i = from; i < walk->depth; i++) {
        copse_node_unref(walk->tree->env, walk->nodes[i]);
    }
}

void copse_walk_release(copse_walk *walk)
{
    if (walk->tree != NULL && walk->placed) {
        walk_drop(walk, 0);
    }
    walk->placed = false;
}

void copse_walk_copy(const copse_walk *walk, copse_walk *ret_copy)
{
    copse_walk_init(ret_copy, walk->tree, walk->level);
    ret_copy->placed = walk->placed;
    for (size_t i = 0; walk->placed && i < walk->depth; i++) {
        ret_copy->nodes[i] = copse_node_ref(walk->nodes[i]);
        ret_copy->indexes[i] = walk->indexes[i];
    }
}

/* The upper bound of the keys of child `index` of the branch at `depth`: the next key of the
 * deepest branch on the way that has one. */
static bool walk_bound(const copse_walk *walk, size_t depth, copse_bytes *ret_bound)
{
    for (size_t i = depth + 1; i-- > 0;) {
        if (walk->indexes[i] + 1 < walk->nodes[i]->count) {
            *ret_bound = copse_node_key(walk->nodes[i], walk->indexes[i] + 1);
            return true;
        }
    }
    return false;
}

/* Which child a way down takes. */
typedef enum walk_way { WALK_FIRST, WALK_LAST, WALK_KEY, WALK_BELOW, WALK_NTH } walk_way;

typedef struct walk_aim {
    walk_way way;
    copse_bytes key;
    uint64_t index; /* entries to the left of the aim, below the present branch */
} walk_aim;

static uint32_t walk_choose(const copse_walk *walk, const copse_node *node, walk_aim *aim)
{
    switch (aim->way) {
    case WALK_FIRST:
        return 0;
    case WALK_LAST:
        return node->count - 1;
    case WALK_KEY:
        return copse_tree_route(walk->tree, node, aim->key);
    case WALK_BELOW:
        return copse_tree_route_below(walk->tree, node, aim->key);
    case WALK_NTH:
        break;
    }
    uint32_t low = 0;
    uint32_t high = node->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (node->sums[middle] <= aim->index) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    aim->index -= node->sums[low];
    return low;
}

/* The branch that the way goes on with at `depth`. */
static copse_status walk_step(copse_walk *walk, size_t depth, copse_node **ret_node, copse_err *err)
{
    if (depth == 0) {
        return copse_tree_load_top(walk->tree, ret_node, err);
    }
    copse_bytes bound;
    bool bounded = walk_bound(walk, depth - 1, &bound);
    return copse_tree_load_child(walk->tree, walk->nodes[depth - 1], depth - 1,
                                 walk->indexes[depth - 1], bounded ? &bound : NULL, ret_node, err);
}

/* Goes down again from `depth`; the branches above stay, with `walk->indexes` set for the new way.
 * On failure the old branches and indexes from `keep` on are put back. */
static copse_status walk_descend(copse_walk *walk, size_t depth, walk_aim aim,
                                 const uint32_t *old_indexes, copse_err *err)
{
    copse_node *old_nodes[COPSE_TREE_LEVELS_MAX];
    bool was_placed = walk->placed;
    memcpy(old_nodes, walk->nodes, walk->depth * sizeof *old_nodes);
    for (size_t i = depth; i < walk->depth; i++) {
        copse_node *node;
        copse_status status = walk_step(walk, i, &node, err);
        if (status != COPSE_OK) {
            for (size_t j = depth; j < i; j++) {
                copse_node_unref(walk->tree->env, walk->nodes[j]);
            }
            memcpy(walk->nodes, old_nodes, walk->depth * sizeof *old_nodes);
            memcpy(walk->indexes, old_indexes, walk->depth * sizeof *old_indexes);
            return status;
        }
        walk->nodes[i] = node;
        walk->indexes[i] = walk_choose(walk, node, &aim);
    }
    for (size_t i = depth; was_placed && i < walk->depth; i++) {
        copse_node_unref(walk->tree->env, old_nodes[i]);
    }
    walk->placed = true;
    return COPSE_OK;
}

static copse_status walk_from_top(copse_walk *walk, walk_aim aim, copse_err *err)
{
    uint32_t old_indexes[COPSE_TREE_LEVELS_MAX];
    memcpy(old_indexes, walk->indexes, walk->depth * sizeof *old_indexes);
    return walk_descend(walk, 0, aim, old_indexes, err);
}

copse_status copse_walk_seek_last(copse_walk *walk, copse_err *err)
{
    return walk_from_top(walk, (walk_aim){.way = WALK_LAST}, err);
}

copse_status copse_walk_seek_nth(copse_walk *walk, uint64_t index, uint32_t *ret_index,
                                 copse_err *err)
{
    copse_status status = walk_from_top(walk, (walk_aim){.way = WALK_NTH, .index = index}, err);
    for (size_t i = 0; status == COPSE_OK && i < walk->depth; i++) {
        index -= walk->nodes[i]->sums[walk->indexes[i]];
    }
    if (status == COPSE_OK) {
        *ret_index = (uint32_t)index;
    }
    return status;
}

/* Whether the branch at `depth`, as the walk stands, is the one that `key` belongs to. Branches
 * with last keys don't show where they begin: there only the top is sure. */
static bool walk_branch_holds(const copse_walk *walk, size_t depth, copse_bytes key)
{
    copse_bytes bound;
    if (depth == 0) {
        return true;
    }
    if (walk->tree->kind == COPSE_TREE_GO ||
        copse_bytes_compare(copse_node_key(walk->nodes[depth], 0), key) > 0) {
        return false;
    }
    return !walk_bound(walk, depth - 1, &bound) || copse_bytes_compare(key, bound) < 0;
}

copse_status copse_walk_seek(copse_walk *walk, copse_bytes key, copse_err *err)
{
    walk_aim aim = {.way = WALK_KEY, .key = key};
    if (!walk->placed || walk->depth == 0) {
        return walk_from_top(walk, aim, err);
    }
    uint32_t old_indexes[COPSE_TREE_LEVELS_MAX];
    memcpy(old_indexes, walk->indexes, walk->depth * sizeof *old_indexes);
    size_t depth = walk->depth - 1;
    while (!walk_branch_holds(walk, depth, key)) {
        depth--;
    }
    walk->indexes[depth] = walk_choose(walk, walk->nodes[depth], &aim);
    return walk_descend(walk, depth + 1, aim, old_indexes, err);
}

copse_status copse_walk_seek_below(copse_walk *walk, copse_bytes key, copse_err *err)
{
    return walk_from_top(walk, (walk_aim){.way = WALK_BELOW, .key = key}, err);
}

copse_status copse_walk_next(copse_walk *walk, copse_err *err)
{
    uint32_t old_indexes[COPSE_TREE_LEVELS_MAX];
    memcpy(old_indexes, walk->indexes, walk->depth * sizeof *old_indexes);
    for (size_t depth = walk->depth; depth-- > 0;) {
        if (walk->indexes[depth] + 1 < walk->nodes[depth]->count) {
            walk->indexes[depth]++;
            return walk_descend(walk, depth + 1, (walk_aim){.way = WALK_FIRST}, old_indexes, err);
        }
    }
    return COPSE_END;
}

copse_status copse_walk_prev(copse_walk *walk, copse_err *err)
{
    uint32_t old_indexes[COPSE_TREE_LEVELS_MAX];
    memcpy(old_indexes, walk->indexes, walk->depth * sizeof *old_indexes);
    for (size_t depth = walk->depth; depth-- > 0;) {
        if (walk->indexes[depth] > 0) {
            walk->indexes[depth]--;
            return walk_descend(walk, depth + 1, (walk_aim){.way = WALK_LAST}, old_indexes, err);
        }
    }
    return COPSE_END;
}

/* Asks ahead for child `index` of the branch at `depth`, if it is not here. */
static copse_status walk_hint(const copse_walk *walk, size_t depth, uint32_t index, copse_err *err)
{
    copse_node_cache *cache = walk->tree->cache;
    copse_bytes link = copse_node_link(walk->nodes[depth], index);
    copse_cid cid;
    return copse_node_cache_has_kind(cache, link, walk->tree->kind) ||
                   copse_cid_from_bytes(link, &cid, NULL) != COPSE_OK
               ? COPSE_OK /* a damaged link is told of where it is followed */
               : copse_source_hint(cache->source, &cid, err);
}

/* Asks ahead for the branches that follow those on the way. */
static copse_status walk_hint_branches(const copse_walk *walk, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t depth = 0; depth + 1 < walk->depth; depth++) {
        uint32_t count = walk->nodes[depth]->count;
        for (uint32_t i = walk->indexes[depth] + 1;
             i <= walk->indexes[depth] + WALK_HINT_BRANCHES && i < count && status == COPSE_OK;
             i++) {
            status = walk_hint(walk, depth, i, err);
        }
    }
    return status;
}

copse_status copse_walk_hint_next(const copse_walk *walk, size_t count, copse_err *err)
{
    copse_walk ahead;
    if (walk->depth == 0) {
        return COPSE_OK;
    }
    copse_walk_copy(walk, &ahead);
    copse_status status = walk_hint_branches(walk, err);
    /* What can't be gone to is asked for by now, or told of where it is needed. */
    for (size_t i = 0; i < count && status == COPSE_OK && copse_walk_next(&ahead, NULL) == COPSE_OK;
         i++) {
        status = walk_hint(&ahead, ahead.depth - 1, ahead.indexes[ahead.depth - 1], err);
    }
    copse_walk_release(&ahead);
    return status;
}

copse_status copse_walk_load(copse_walk *walk, copse_node **ret_node, copse_err *err)
{
    return walk_step(walk, walk->depth, ret_node, err);
}

bool copse_walk_is_first(const copse_walk *walk)
{
    for (size_t i = 0; i < walk->depth; i++) {
        if (walk->indexes[i] > 0) {
            return false;
        }
    }
    return true;
}

bool copse_walk_is_last(const copse_walk *walk)
{
    for (size_t i = 0; i < walk->depth; i++) {
        if (walk->indexes[i] + 1 < walk->nodes[i]->count) {
            return false;
        }
    }
    return true;
}

copse_bytes copse_walk_key(const copse_walk *walk)
{
    return copse_node_key(walk->nodes[walk->depth - 1], walk->indexes[walk->depth - 1]);
}

bool copse_walk_next_key(const copse_walk *walk, copse_bytes *ret_key)
{
    return walk->depth > 0 && walk_bound(walk, walk->depth - 1, ret_key);
}

uint64_t copse_walk_count(const copse_walk *walk)
{
    return copse_node_child_count(walk->nodes[walk->depth - 1], walk->indexes[walk->depth - 1]);
}

uint32_t copse_walk_ahead(const copse_walk *walk)
{
    if (walk->depth == 0) {
        return 0;
    }
    return copse_node_ahead(walk->nodes[walk->depth - 1], walk->indexes[walk->depth - 1]);
}
