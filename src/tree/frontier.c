/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/frontier.h"

#include <string.h>

enum {
    FRONTIER_PEER_FACTOR = 8,    /* trees that differ less in size may be of the same height */
    FRONTIER_AHEAD_PER_WANT = 64 /* nodes to look at for each CID that may be asked for */
};

void copse_frontier_init(copse_frontier *frontier, copse_tree *tree,
                         const copse_frontier_range *range, bool reverse)
{
    frontier->tree = tree;
    frontier->range = range != NULL ? *range : (copse_frontier_range){{NULL, 0}, {NULL, 0}, false};
    frontier->reverse = reverse;
    frontier->started = false;
    frontier->has_head = false;
    frontier->total = 0;
    frontier->nodes_read = 0;
    frontier->depth = 0;
}

void copse_frontier_release(copse_frontier *frontier)
{
    for (size_t i = 0; i < frontier->depth; i++) {
        copse_node_unref(frontier->tree->env, frontier->nodes[i]);
    }
    frontier->depth = 0;
    frontier->has_head = false;
}

void copse_frontier_copy(copse_frontier *to, const copse_frontier *from)
{
    *to = *from;
    for (size_t i = 0; i < to->depth; i++) {
        copse_node_ref(to->nodes[i]);
    }
}

/* ---- the head ---- */

/* The upper bound of the keys of the head: the next key of the deepest frame that has one. */
static bool frontier_end(const copse_frontier *frontier, copse_bytes *ret_end)
{
    for (size_t i = frontier->depth; i-- > 0;) {
        const copse_node *node = frontier->nodes[i];
        if (frontier->indexes[i] + 1 < node->count) {
            *ret_end = copse_node_key(node, frontier->indexes[i] + 1);
            return true;
        }
    }
    return false;
}

/* Whether the head lies behind the range, as the frontier goes. */
static bool frontier_head_is_behind(const copse_frontier *frontier)
{
    const copse_frontier_range *range = &frontier->range;
    const copse_item *head = &frontier->head;
    if (!frontier->reverse) {
        return range->has_to && copse_bytes_compare(head->first, range->to) >= 0;
    }
    if (range->from.len == 0) {
        return false;
    }
    if (head->count == 0) {
        return copse_bytes_compare(head->first, range->from) < 0;
    }
    return head->has_end && copse_bytes_compare(head->end, range->from) <= 0;
}

/* Makes a head of what the deepest frame stands on. */
static void frontier_take_head(copse_frontier *frontier)
{
    if (frontier->depth == 0) {
        frontier->has_head = false;
        return;
    }
    const copse_node *node = frontier->nodes[frontier->depth - 1];
    uint32_t index = frontier->indexes[frontier->depth - 1];
    copse_item *head = &frontier->head;
    head->first = copse_node_key(node, index);
    head->has_end = false;
    if (node->leaf) {
        head->content = copse_node_value(node, index);
        head->count = 0;
    } else {
        head->content = copse_node_link(node, index);
        head->count = copse_node_child_count(node, index);
        head->has_end = frontier_end(frontier, &head->end);
    }
    frontier->has_head = true;
    if (frontier_head_is_behind(frontier)) {
        copse_frontier_release(frontier);
    }
}

void copse_frontier_drop(copse_frontier *frontier)
{
    while (frontier->depth > 0) {
        size_t last = frontier->depth - 1;
        copse_node *node = frontier->nodes[last];
        if (!frontier->reverse && frontier->indexes[last] + 1 < node->count) {
            frontier->indexes[last]++;
            break;
        }
        if (frontier->reverse && frontier->indexes[last] > 0) {
            frontier->indexes[last]--;
            break;
        }
        copse_node_unref(frontier->tree->env, node);
        frontier->depth--;
    }
    frontier_take_head(frontier);
}

/* The last child of a branch that may hold `key`, or the first of all. */
static uint32_t frontier_child_of(const copse_node *branch, copse_bytes key)
{
    uint32_t above = copse_node_upper(branch, key);
    return above > 0 ? above - 1 : 0;
}

/* Takes over the reference to `node` as the deepest frame. Begins with what may hold keys from
 * `from` on, or reverse with what may hold keys below range.to. */
static void frontier_push(copse_frontier *frontier, copse_node *node, copse_bytes from)
{
    size_t last = frontier->depth++;
    uint32_t index = 0;
    bool is_past = node->count == 0;
    if (frontier->reverse) {
        index = frontier->range.has_to ? copse_node_lower(node, frontier->range.to) : node->count;
        is_past = index == 0;
        index -= !is_past;
    } else if (from.len > 0 && node->leaf) {
        index = copse_node_lower(node, from);
        is_past = index == node->count;
        index -= is_past && index > 0;
    } else if (from.len > 0) {
        index = frontier_child_of(node, from);
    }
    frontier->nodes[last] = node;
    frontier->indexes[last] = index;
    if (is_past) {
        copse_frontier_drop(frontier);
    } else {
        frontier_take_head(frontier);
    }
}

copse_status copse_frontier_start(copse_frontier *frontier, copse_err *err)
{
    copse_node *top;
    if (frontier->started) {
        return COPSE_OK;
    }
    copse_status status = copse_tree_load_top(frontier->tree, &top, err);
    if (status == COPSE_OK) {
        frontier->started = true;
        frontier->total = copse_node_total(top);
        frontier->nodes_read++;
        frontier_push(frontier, top, frontier->range.from);
    }
    return status;
}

/* The child that the frame at `depth` stands on, with a reference. */
static copse_status frontier_load(copse_frontier *frontier, copse_node *parent, size_t depth,
                                  uint32_t index, const copse_item *item, copse_node **ret_node,
                                  copse_err *err)
{
    copse_status status = copse_tree_load_child(frontier->tree, parent, depth, index,
                                                item->has_end ? &item->end : NULL, ret_node, err);
    frontier->nodes_read += status == COPSE_OK;
    return status;
}

static copse_status frontier_expand_at(copse_frontier *frontier, copse_bytes from, copse_err *err)
{
    copse_node *node;
    size_t last = frontier->depth - 1;
    copse_status status = frontier_load(frontier, frontier->nodes[last], last,
                                        frontier->indexes[last], &frontier->head, &node, err);
    if (status == COPSE_OK) {
        frontier_push(frontier, node, from);
    }
    return status;
}

copse_status copse_frontier_expand(copse_frontier *frontier, copse_err *err)
{
    return frontier_expand_at(frontier, frontier->range.from, err);
}

copse_status copse_frontier_advance(copse_frontier *frontier, copse_bytes key, copse_err *err)
{
    while (frontier->has_head && copse_bytes_compare(frontier->head.first, key) < 0) {
        size_t last = frontier->depth - 1;
        const copse_node *node = frontier->nodes[last];
        uint32_t index = frontier->indexes[last];
        uint32_t to = node->leaf ? copse_node_lower(node, key) : frontier_child_of(node, key);
        if (to == node->count) {
            frontier->indexes[last] = to - 1;
            copse_frontier_drop(frontier);
        } else if (to > index) {
            frontier->indexes[last] = to;
            frontier_take_head(frontier);
        } else if (frontier->head.has_end && copse_bytes_compare(frontier->head.end, key) <= 0) {
            copse_frontier_drop(frontier);
        } else {
            copse_status status = frontier_expand_at(frontier, key, err);
            if (status != COPSE_OK) {
                return status;
            }
        }
    }
    return COPSE_OK;
}

bool copse_frontier_same(const copse_frontier *a, const copse_frontier *b)
{
    const copse_item *x = &a->head;
    const copse_item *y = &b->head;
    return x->count == y->count && copse_bytes_equal(x->first, y->first) &&
           copse_bytes_equal(x->content, y->content);
}

bool copse_frontier_head_is_whole(const copse_frontier *frontier)
{
    const copse_item *head = &frontier->head;
    const copse_frontier_range *range = &frontier->range;
    return copse_bytes_compare(head->first, range->from) >= 0 &&
           (!range->has_to || (head->has_end && copse_bytes_compare(head->end, range->to) <= 0));
}

copse_status copse_frontier_holds(copse_frontier *frontier, const copse_item *item, bool *ret_holds,
                                  copse_err *err)
{
    size_t depth = frontier->depth;
    *ret_holds = false;
    /* Up to the first branch that begins at or before the item. */
    while (depth > 0 &&
           (frontier->nodes[depth - 1]->leaf ||
            copse_bytes_compare(copse_node_key(frontier->nodes[depth - 1], 0), item->first) > 0)) {
        depth--;
    }
    if (depth == 0) {
        return COPSE_OK;
    }
    copse_node *node = copse_node_ref(frontier->nodes[--depth]);
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && !node->leaf) {
        uint32_t index = frontier_child_of(node, item->first);
        uint64_t count = copse_node_child_count(node, index);
        if (count <= item->count) {
            *ret_holds = count == item->count &&
                         copse_bytes_equal(copse_node_link(node, index), item->content);
            break;
        }
        copse_node *child;
        copse_item bound = {.has_end = index + 1 < node->count};
        if (bound.has_end) {
            bound.end = copse_node_key(node, index + 1);
        }
        status = frontier_load(frontier, node, depth++, index, &bound, &child, err);
        if (status == COPSE_OK) {
            copse_node_unref(frontier->tree->env, node);
            node = child;
        }
    }
    copse_node_unref(frontier->tree->env, node);
    return status;
}

/* ---- looking ahead ---- */

copse_status copse_frontier_hint(copse_frontier *frontier, copse_err *err)
{
    copse_cid cid;
    copse_node_cache *cache = frontier->tree->cache;
    if (frontier->head.count == 0 || copse_node_cache_has(cache, frontier->head.content)) {
        return COPSE_OK;
    }
    copse_status status = copse_cid_from_bytes(frontier->head.content, &cid, err);
    return status == COPSE_OK ? copse_source_hint(cache->source, &cid, err) : status;
}

bool copse_frontier_is_peer(const copse_frontier *a, const copse_frontier *b)
{
    size_t height_a = a->tree->height;
    size_t height_b = b->tree->height;
    if (height_a != 0 && height_b != 0) {
        return height_a + b->depth == height_b + a->depth;
    }
    uint64_t small = a->total < b->total ? a->total : b->total;
    uint64_t large = a->total < b->total ? b->total : a->total;
    return a->depth == b->depth && large / FRONTIER_PEER_FACTOR <= small;
}

/* Where the passing by has come to: everything before it has been passed, as the frontiers go. The
 * key is a copy, since the nodes it comes from are let go of on the way. */
typedef struct frontier_place {
    uint8_t bytes[COPSE_KEY_SIZE_BYTES_MAX];
    size_t size;
    bool is_end;
} frontier_place;

/* Sets the place behind the head. */
static void frontier_set_behind(frontier_place *place, const copse_frontier *frontier)
{
    const copse_item *head = &frontier->head;
    copse_bytes key = frontier->reverse ? head->first : head->end;
    place->is_end = !frontier->reverse && !head->has_end;
    place->size = place->is_end ? 0 : key.len;
    if (place->size > 0) {
        memcpy(place->bytes, key.ptr, place->size);
    }
}

/* Whether the head begins before the place; *ret_reaches: whether it may reach past it. */
static bool frontier_begins_before(const copse_frontier *frontier, const frontier_place *place,
                                   bool *ret_reaches)
{
    const copse_item *head = &frontier->head;
    copse_bytes at = {place->bytes, place->size};
    *ret_reaches = false;
    if (!frontier->has_head || place->is_end) {
        return frontier->has_head;
    }
    bool is_below = copse_bytes_compare(head->first, at) < 0;
    bool ends_above = head->count > 0 && (!head->has_end || copse_bytes_compare(head->end, at) > 0);
    *ret_reaches = is_below && ends_above;
    return frontier->reverse ? !is_below || ends_above : is_below;
}

/* Takes `frontier` to the place, or beyond it if what stands there can't be opened. */
static copse_status frontier_pass_to(copse_frontier *frontier, const copse_frontier *missing,
                                     bool ask, frontier_place *place, bool *ret_moved,
                                     copse_err *err)
{
    bool reaches;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && frontier_begins_before(frontier, place, &reaches)) {
        *ret_moved = true;
        if (reaches && frontier->head.count >= missing->head.count) {
            status = copse_frontier_expand(frontier, err);
            if (status == COPSE_OK) {
                continue;
            }
            status = status == COPSE_WANT ? COPSE_OK : status;
        } else if (ask && frontier->head.count > 0 && copse_frontier_is_peer(frontier, missing)) {
            status = copse_frontier_hint(frontier, err);
        }
        if (reaches) {
            frontier_set_behind(place, frontier);
        }
        copse_frontier_drop(frontier);
    }
    return status;
}

copse_status copse_frontier_pass_by(copse_frontier *sides, size_t count, size_t at, bool ask,
                                    copse_err *err)
{
    copse_frontier missing;
    frontier_place place;
    copse_status status = COPSE_OK;
    bool moved = true;
    copse_frontier_copy(&missing, &sides[at]);
    frontier_set_behind(&place, &missing);
    copse_frontier_drop(&sides[at]);
    while (status == COPSE_OK && moved) {
        moved = false;
        for (size_t i = 0; status == COPSE_OK && i < count; i++) {
            status = frontier_pass_to(&sides[i], &missing, ask, &place, &moved, err);
        }
    }
    copse_frontier_release(&missing);
    return status;
}

uint64_t copse_frontier_nodes_read(const copse_frontier *sides, size_t count)
{
    uint64_t nodes_read = 0;
    for (size_t i = 0; i < count; i++) {
        nodes_read += sides[i].nodes_read;
    }
    return nodes_read;
}

bool copse_frontier_is_far(const copse_frontier *sides, size_t count, uint64_t nodes_read)
{
    size_t wants;
    uint64_t wants_max = sides[0].tree->env->limits.wants_max;
    (void)copse_source_wants(sides[0].tree->cache->source, &wants);
    return wants >= wants_max ||
           (copse_frontier_nodes_read(sides, count) - nodes_read) / FRONTIER_AHEAD_PER_WANT >=
               wants_max;
}
