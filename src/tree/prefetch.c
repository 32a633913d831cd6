/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/prefetch.h"

enum {
    PREFETCH_CUT_SHARE = 8,     /* F2 */
    PREFETCH_NODE_ENTRIES = 16, /* F2 */
    PREFETCH_LOOKS_PER_WANT = 4
};

/* A branch that is being gone through. */
typedef struct prefetch_branch {
    copse_node *node;
    uint32_t index; /* the child to look at next; count: none, also below 0 */
    bool bounded;
    copse_bytes bound; /* its keys are below it */
} prefetch_branch;

typedef struct prefetch_state {
    copse_tree *tree;
    const copse_prefetch *scan;
    copse_err *err;
    size_t wants_max;
    size_t looks;  /* left */
    uint64_t left; /* entries */
    uint64_t skip; /* entries of the branch on top of the stack to pass over (by_index) */
    size_t depth;  /* branches on the stack */
    prefetch_branch branches[COPSE_TREE_LEVELS_MAX];
} prefetch_state;

/* The child that the scan begins with; count: none. */
static uint32_t prefetch_first_child(const prefetch_state *state, const copse_node *node)
{
    const copse_prefetch *scan = state->scan;
    uint32_t index = 0;
    if (scan->by_index) {
        while (index + 1 < node->count && node->sums[index + 1] <= state->skip) {
            index++;
        }
        return index;
    }
    if (!scan->reverse) {
        return copse_tree_route(state->tree, node, scan->low);
    }
    if (!scan->has_high) {
        return node->count - 1;
    }
    index = copse_node_lower(node, scan->high);
    if (node->kind == COPSE_TREE_GO) {
        return index < node->count ? index : node->count - 1;
    }
    return index > 0 ? index - 1 : node->count;
}

/* F1: whether the child may hold entries before the scan's end. */
static bool prefetch_in_range(const copse_prefetch *scan, const copse_node *node, uint32_t index)
{
    bool last_keys = node->kind == COPSE_TREE_GO;
    if (!scan->reverse) {
        return !scan->has_high || (last_keys && index == 0) ||
               copse_bytes_compare(copse_node_key(node, last_keys ? index - 1 : index),
                                   scan->high) < 0;
    }
    if (last_keys) {
        return copse_bytes_compare(copse_node_key(node, index), scan->low) >= 0;
    }
    return index + 1 == node->count ||
           copse_bytes_compare(copse_node_key(node, index + 1), scan->low) > 0;
}

static bool prefetch_bound(const prefetch_branch *branch, uint32_t index, copse_bytes *ret_bound)
{
    if (index + 1 < branch->node->count) {
        *ret_bound = copse_node_key(branch->node, index + 1);
        return true;
    }
    *ret_bound = branch->bound;
    return branch->bounded;
}

/* Whether the begin of the scan stands inside the child, as far as its parent shows. */
static bool prefetch_is_cut(const copse_prefetch *scan, const prefetch_branch *branch,
                            uint32_t index)
{
    copse_bytes bound;
    if (!scan->reverse) {
        return copse_bytes_compare(copse_node_key(branch->node, index), scan->low) < 0;
    }
    return scan->has_high &&
           (!prefetch_bound(branch, index, &bound) || copse_bytes_compare(scan->high, bound) < 0);
}

/* F2: the entries that the scan is reckoned to find below the child. */
static uint64_t prefetch_entries(const prefetch_state *state, const prefetch_branch *branch,
                                 uint32_t index)
{
    uint64_t entries = PREFETCH_NODE_ENTRIES;
    if (state->scan->by_index) {
        return copse_node_child_count(branch->node, index) - state->skip;
    }
    if (branch->node->sums != NULL) {
        entries = copse_node_child_count(branch->node, index);
    } else {
        for (size_t level = state->depth + 1; level < state->tree->height; level++) {
            entries *= entries < UINT32_MAX ? PREFETCH_NODE_ENTRIES : 1;
        }
    }
    return prefetch_is_cut(state->scan, branch, index) ? entries / PREFETCH_CUT_SHARE : entries;
}

static bool prefetch_is_full(const prefetch_state *state)
{
    size_t count = 0;
    (void)copse_source_wants(state->tree->cache->source, &count);
    return count >= state->wants_max;
}

/* Asks for the child if it is not there. */
static copse_status prefetch_ask(const prefetch_state *state, copse_bytes link, bool *ret_present)
{
    copse_node_cache *cache = state->tree->cache;
    copse_cid cid;
    size_t before = 0;
    size_t after = 0;
    if (copse_node_cache_has_kind(cache, link, state->tree->kind)) {
        *ret_present = true;
        return COPSE_OK;
    }
    copse_status status = copse_cid_from_bytes(link, &cid, NULL);
    if (status != COPSE_OK) {
        return status;
    }
    (void)copse_source_wants(cache->source, &before);
    status = copse_source_hint(cache->source, &cid, state->err);
    (void)copse_source_wants(cache->source, &after);
    *ret_present = after == before; /* or it was on the list: loading it finds that out */
    return status;
}

static void prefetch_push(prefetch_state *state, copse_node *node, const copse_bytes *bound)
{
    prefetch_branch *branch = &state->branches[state->depth++];
    *branch = (prefetch_branch){.node = node, .bounded = bound != NULL};
    if (bound != NULL) {
        branch->bound = *bound;
    }
    branch->index = prefetch_first_child(state, node);
    if (state->scan->by_index) {
        state->skip -= node->sums[branch->index];
    }
}

/* Passes over child `index`, which the scan will read as a whole. */
static void prefetch_pass(prefetch_state *state, uint32_t index)
{
    uint64_t entries = prefetch_entries(state, &state->branches[state->depth - 1], index);
    state->left -= entries < state->left ? entries : state->left;
    state->skip = 0;
}

/* Goes into child `index` if it is a branch that is there; else passes over it. */
static copse_status prefetch_enter(prefetch_state *state, uint32_t index)
{
    const prefetch_branch *branch = &state->branches[state->depth - 1];
    copse_node *child = NULL;
    copse_bytes bound;
    bool bounded = prefetch_bound(branch, index, &bound);
    copse_err detail;
    copse_status status = copse_tree_load_child(state->tree, branch->node, state->depth - 1, index,
                                                bounded ? &bound : NULL, &child, &detail);
    if (status == COPSE_OK && !child->leaf) {
        prefetch_push(state, child, bounded ? &bound : NULL);
        return COPSE_OK;
    }
    if (status < 0) {
        if (state->err != NULL) {
            *state->err = detail;
        }
        return status;
    }
    copse_node_unref(state->tree->env, child);
    prefetch_pass(state, index);
    return COPSE_OK;
}

/* Looks at the next child. END: there is nothing more to look at. */
static copse_status prefetch_step(prefetch_state *state)
{
    prefetch_branch *branch = &state->branches[state->depth - 1];
    uint32_t index = branch->index;
    bool present = false;
    if (index >= branch->node->count) {
        copse_node_unref(state->tree->env, branch->node);
        state->depth--;
        return state->depth > 0 ? COPSE_OK : COPSE_END;
    }
    if (state->looks == 0 || state->left == 0 || prefetch_is_full(state) ||
        !prefetch_in_range(state->scan, branch->node, index)) {
        return COPSE_END;
    }
    state->looks--;
    branch->index = state->scan->reverse ? index - 1 : index + 1; /* below 0: above any count */
    copse_status status = prefetch_ask(state, copse_node_link(branch->node, index), &present);
    if (status != COPSE_OK) {
        return status;
    }
    if (!present || state->depth + 1 == state->tree->height) {
        prefetch_pass(state, index);
        return COPSE_OK;
    }
    return prefetch_enter(state, index);
}

static copse_status prefetch_run(prefetch_state *state)
{
    copse_node *top = NULL;
    copse_err detail;
    copse_status status = copse_tree_load_top(state->tree, &top, &detail);
    if (status != COPSE_OK) {
        if (status < 0 && state->err != NULL) {
            *state->err = detail;
        }
        return status;
    }
    if (top->leaf) {
        copse_node_unref(state->tree->env, top);
        return COPSE_OK;
    }
    prefetch_push(state, top, NULL);
    while (status == COPSE_OK) {
        status = prefetch_step(state);
    }
    while (state->depth > 0) {
        copse_node_unref(state->tree->env, state->branches[--state->depth].node);
    }
    return status;
}

copse_status copse_tree_prefetch(copse_tree *tree, const copse_prefetch *scan, copse_err *err)
{
    copse_node_cache *cache = tree->cache;
    copse_touch_fn touch = cache->touch;
    copse_err detail;
    size_t wants_max = tree->env->limits.wants_max;
    prefetch_state state = {.tree = tree, .scan = scan, .err = &detail};
    state.wants_max = wants_max > 0 ? wants_max : 1;
    state.looks = state.wants_max * PREFETCH_LOOKS_PER_WANT;
    state.left = scan->limit != 0 ? scan->limit : UINT64_MAX;
    state.skip = scan->index;
    cache->touch = NULL; /* F4 */
    copse_status status = prefetch_run(&state);
    cache->touch = touch;
    if (status != COPSE_NOMEM && status != COPSE_IO) {
        return COPSE_OK; /* F4 */
    }
    if (err != NULL) {
        *err = detail;
    }
    return status;
}
