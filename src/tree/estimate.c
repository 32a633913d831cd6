/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/estimate.h"

#include "base/err.h"

/* The entries below a key: between `low` and `high`. */
typedef struct estimate_rank {
    uint64_t low;
    uint64_t high;
} estimate_rank;

/* One step down towards `key`. END: the rank is known. */
static copse_status estimate_step(copse_tree *tree, copse_bytes key, size_t depth,
                                  copse_node **node, estimate_rank *rank, copse_err *err)
{
    copse_node *at = *node;
    copse_node *child = NULL;
    uint32_t below = copse_node_lower(at, key);
    if (at->leaf || below == 0) {
        rank->low += below;
        rank->high = rank->low;
        return COPSE_END;
    }
    if (below < at->count && copse_bytes_equal(copse_node_key(at, below), key)) {
        rank->low += at->sums[below];
        rank->high = rank->low;
        return COPSE_END;
    }
    rank->high = rank->low + at->sums[below];
    rank->low += at->sums[below - 1];
    copse_status status = copse_tree_load_child(tree, at, depth, below - 1, NULL, &child, err);
    if (status == COPSE_OK) {
        copse_node_unref(tree->env, at);
        *node = child;
    }
    return status;
}

/* OK: the rank is exact, or `levels_max` nodes were read. WANT: as far as is known. */
static copse_status estimate_rank_of(copse_tree *tree, copse_bytes key, size_t levels_max,
                                     estimate_rank *ret_rank, copse_err *err)
{
    copse_node *node = NULL;
    copse_status status = copse_tree_load_top(tree, &node, err);
    if (status != COPSE_OK) {
        return status;
    }
    *ret_rank = (estimate_rank){0, 0};
    for (size_t depth = 0; status == COPSE_OK && depth < levels_max; depth++) {
        if (!copse_node_has_total(node)) {
            status = COPSE_ERR(err, COPSE_MISUSE, "the nodes of this foreign tree have no counts");
        } else {
            status = estimate_step(tree, key, depth, &node, ret_rank, err);
        }
    }
    copse_node_unref(tree->env, node);
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status estimate_end(copse_tree *tree, copse_bytes to, size_t levels_max,
                                 estimate_rank *ret_rank, copse_err *err)
{
    copse_node *top = NULL;
    if (to.ptr != NULL) {
        return estimate_rank_of(tree, to, levels_max, ret_rank, err);
    }
    copse_status status = copse_tree_load_top(tree, &top, err);
    if (status == COPSE_OK) {
        uint64_t total = copse_node_has_total(top) ? copse_node_total(top) : 0;
        *ret_rank = (estimate_rank){total, total};
        copse_node_unref(tree->env, top);
    }
    return status;
}

static bool estimate_is_empty(const copse_key_range *range)
{
    return range->to.ptr != NULL && copse_bytes_compare(range->from, range->to) >= 0;
}

static uint64_t estimate_middle(const estimate_rank *rank)
{
    return rank->low + (rank->high - rank->low) / 2;
}

/* About the square root: both bounds cut one node. */
static uint64_t estimate_geometric_middle(uint64_t count)
{
    uint64_t middle = 1;
    while (middle < count / middle) {
        middle *= 2;
    }
    return middle < count ? middle : count;
}

copse_status copse_tree_estimate(copse_tree *tree, const copse_key_range *range, size_t levels_max,
                                 uint64_t *ret_count, bool *ret_exact, copse_err *err)
{
    estimate_rank from = {0, 0};
    estimate_rank to = {0, 0};
    if (estimate_is_empty(range)) {
        *ret_count = 0;
        *ret_exact = true;
        return COPSE_OK;
    }
    copse_source_begin(tree->cache->source);
    copse_status status = estimate_rank_of(tree, range->from, levels_max, &from, err);
    if (status == COPSE_OK || status == COPSE_WANT) {
        status = estimate_end(tree, range->to, levels_max, &to, err);
    }
    copse_source_begin(tree->cache->source); /* M1 */
    if (status != COPSE_OK && status != COPSE_WANT) {
        return status;
    }
    uint64_t low = estimate_middle(&from);
    uint64_t high = estimate_middle(&to);
    *ret_exact = status == COPSE_OK && from.low == from.high && to.low == to.high;
    *ret_count = high > low ? high - low : 0;
    if (!*ret_exact && *ret_count == 0) {
        *ret_count = estimate_geometric_middle(to.high - from.low);
    }
    return COPSE_OK;
}

copse_status copse_tree_count_ranges(copse_tree *tree, const copse_key_range *ranges, size_t count,
                                     uint64_t *ret_counts, copse_err *err)
{
    copse_status wanted = COPSE_OK;
    copse_source_begin(tree->cache->source);
    for (size_t i = 0; i < count; i++) {
        estimate_rank from = {0, 0};
        estimate_rank to = {0, 0};
        if (estimate_is_empty(&ranges[i])) {
            ret_counts[i] = 0;
            continue;
        }
        copse_status status =
            estimate_rank_of(tree, ranges[i].from, COPSE_TREE_LEVELS_MAX, &from, err);
        wanted = status == COPSE_WANT ? status : wanted;
        if (status == COPSE_OK || status == COPSE_WANT) {
            status = estimate_end(tree, ranges[i].to, COPSE_TREE_LEVELS_MAX, &to, err);
            wanted = status == COPSE_WANT ? status : wanted;
        }
        if (status != COPSE_OK && status != COPSE_WANT) {
            return status;
        }
        ret_counts[i] = to.low - from.low;
    }
    return wanted;
}
