/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/difference_hint.h"

#include "base/alloc.h"
#include "base/err.h"

#include <copse/cid_set.h>

/* What one tree has on a level and the other has not, as far as it is here: branches. */
typedef struct hint_side {
    copse_tree *tree;
    size_t depth;       /* of the nodes; 0: the top */
    copse_node **nodes; /* a reference each */
    size_t count;
    size_t capacity;
    copse_cid_set children;
    uint64_t children_count;
    uint64_t entries;
} hint_side;

static void hint_drop_nodes(hint_side *side)
{
    while (side->count > 0) {
        copse_node_unref(side->tree->env, side->nodes[--side->count]);
    }
}

static void hint_release(hint_side *side)
{
    hint_drop_nodes(side);
    copse_free_array(side->tree->env, side->nodes, side->capacity, sizeof(copse_node *));
    copse_cid_set_release(&side->children);
}

/* Takes over the reference. */
static copse_status hint_push(hint_side *side, copse_node *node, copse_err *err)
{
    void *nodes = side->nodes;
    bool grown = copse_array_grow(side->tree->env, &nodes, &side->capacity, side->count + 1,
                                  sizeof(copse_node *));
    side->nodes = nodes;
    if (!grown) {
        copse_node_unref(side->tree->env, node);
        return COPSE_ERR_NOMEM(err);
    }
    side->nodes[side->count++] = node;
    return COPSE_OK;
}

/* Collects the children of the side's nodes. */
static copse_status hint_collect(hint_side *side, copse_err *err)
{
    copse_cid_set_release(&side->children);
    side->children_count = 0;
    side->entries = 0;
    for (size_t i = 0; i < side->count; i++) {
        const copse_node *node = side->nodes[i];
        side->children_count += node->count;
        side->entries += copse_node_total(node);
        for (uint32_t j = 0; j < node->count; j++) {
            copse_cid cid;
            bool added;
            if (copse_cid_from_bytes(copse_node_link(node, j), &cid, NULL) != COPSE_OK) {
                return COPSE_END;
            }
            if (copse_cid_set_add(&side->children, &cid, &added) != COPSE_OK) {
                return COPSE_ERR_NOMEM(err);
            }
        }
    }
    return COPSE_OK;
}

/* Whether the children of `a` stand on a level above those of `b`. Nodes of one level hold as many
 * entries but for chance, those of the next one up as many times more as a node of it has children:
 * the line is drawn at the root of that. */
static bool hint_is_above(const hint_side *a, const hint_side *b)
{
    uint64_t of_a = a->entries / (a->children_count + 1);
    uint64_t of_b = b->entries / (b->children_count + 1) + 1;
    uint64_t ratio = of_a / of_b;
    return ratio > 1 && ratio * ratio > b->children_count / b->count;
}

/* Asks for the node at `link` if it is not here. END: there is no room for more. */
static copse_status hint_ask(copse_tree *tree, copse_bytes link, bool *ret_asked, copse_err *err)
{
    copse_source *source = tree->cache->source;
    copse_cid cid;
    size_t before = 0;
    size_t after = 0;
    *ret_asked = false;
    if (copse_node_cache_has_kind(tree->cache, link, tree->kind)) {
        return COPSE_OK;
    }
    (void)copse_source_wants(source, &before);
    if (before >= tree->env->limits.wants_max ||
        copse_cid_from_bytes(link, &cid, NULL) != COPSE_OK) {
        return COPSE_END;
    }
    copse_status status = copse_source_hint(source, &cid, err);
    (void)copse_source_wants(source, &after);
    *ret_asked =
        after > before; /* else it is here, or was on the list: loading it finds that out */
    return status;
}

/* A child that the other side has not: asks for it, or keeps it in `next` if it is a branch. */
static copse_status hint_child(const hint_side *side, copse_node *parent, uint32_t index,
                               bool goes_on, hint_side *next, copse_err *err)
{
    copse_node *child;
    copse_bytes bound = {NULL, 0};
    bool asked;
    bool bounded = index + 1 < parent->count;
    copse_status status = hint_ask(side->tree, copse_node_link(parent, index), &asked, err);
    if (status != COPSE_OK || asked || !goes_on) {
        return status;
    }
    if (bounded) {
        bound = copse_node_key(parent, index + 1);
    }
    status = copse_tree_load_child(side->tree, parent, side->depth, index, bounded ? &bound : NULL,
                                   &child, err);
    if (status == COPSE_OK && !child->leaf) {
        return hint_push(next, child, err);
    }
    if (status == COPSE_OK) {
        copse_node_unref(side->tree->env, child);
    }
    return status == COPSE_CORRUPT ? COPSE_END : status == COPSE_WANT ? COPSE_OK : status;
}

/* Replaces the side's nodes by those of the next level that `other` (NULL: nobody) has not. */
static copse_status hint_side_down(hint_side *side, const hint_side *other, bool goes_on,
                                   copse_err *err)
{
    hint_side next = {.tree = side->tree};
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < side->count && status == COPSE_OK; i++) {
        copse_node *node = side->nodes[i];
        for (uint32_t j = 0; j < node->count && status == COPSE_OK; j++) {
            copse_cid cid;
            status = copse_cid_from_bytes(copse_node_link(node, j), &cid, err);
            bool is_same =
                status == COPSE_OK && other != NULL && copse_cid_set_has(&other->children, &cid);
            if (status == COPSE_OK && !is_same) {
                status = hint_child(side, node, j, goes_on, &next, err);
            }
        }
    }
    hint_drop_nodes(side);
    copse_free_array(side->tree->env, side->nodes, side->capacity, sizeof(copse_node *));
    side->nodes = next.nodes;
    side->count = next.count;
    side->capacity = next.capacity;
    side->depth++;
    return status;
}

/* Takes both sides a level down, or the one that stands above. */
static copse_status hint_down(hint_side sides[2], size_t levels, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        status = hint_collect(&sides[i], err);
    }
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        if (hint_is_above(&sides[i], &sides[1 - i])) {
            return hint_side_down(&sides[i], NULL, sides[i].depth + 1 < levels, err);
        }
    }
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        status = hint_side_down(&sides[i], &sides[1 - i], sides[i].depth + 1 < levels, err);
    }
    return status;
}

static copse_status hint_begin(hint_side *side, copse_err *err)
{
    copse_node *top;
    copse_status status = copse_tree_load_top(side->tree, &top, err);
    if (status == COPSE_OK && !top->leaf) {
        return hint_push(side, top, err);
    }
    if (status == COPSE_OK) {
        copse_node_unref(side->tree->env, top);
        status = COPSE_END;
    }
    return status;
}

copse_status copse_tree_hint_difference(copse_tree *a, copse_tree *b, size_t levels, copse_err *err)
{
    hint_side sides[2] = {{.tree = a}, {.tree = b}};
    copse_touch_fn touch = a->cache->touch;
    copse_status status = COPSE_OK;
    if (copse_cid_equal(&a->top, &b->top)) {
        return COPSE_OK;
    }
    a->cache->touch = NULL; /* advice is not recorded */
    for (size_t i = 0; i < 2; i++) {
        copse_cid_set_init(&sides[i].children, sides[i].tree->env);
    }
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        status = hint_begin(&sides[i], err);
    }
    while (status == COPSE_OK && sides[0].depth < levels && sides[1].depth < levels &&
           sides[0].count > 0 && sides[1].count > 0) {
        status = hint_down(sides, levels, err);
    }
    for (size_t i = 0; i < 2; i++) {
        hint_release(&sides[i]);
    }
    a->cache->touch = touch;
    return status == COPSE_NOMEM || status == COPSE_IO ? status : COPSE_OK;
}
