/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/proof_read.h"

#include "base/alloc.h"
#include "base/err.h"

copse_status copse_proof_read_init(copse_proof_read *read, const copse_env *env,
                                   const copse_proof_query *query, copse_proof_row_fn row,
                                   void *row_ctx, copse_err *err)
{
    if (query->kind != COPSE_PROOF_KEYS && query->kind != COPSE_PROOF_RANGE) {
        return COPSE_ERR(err, COPSE_MISUSE, "a proof is of keys or of a range");
    }
    copse_sort_item *keys = NULL;
    size_t count = query->kind == COPSE_PROOF_KEYS ? query->keys_count : 0;
    if (count > 0) {
        keys = copse_alloc_array(env, count, sizeof *keys);
        if (keys == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        for (size_t i = 0; i < count; i++) {
            keys[i] = (copse_sort_item){.key = query->keys[i], .tag = i};
        }
        copse_status status = copse_key_sort(env, keys, count, err);
        if (status != COPSE_OK) {
            copse_free_array(env, keys, count, sizeof *keys);
            return status;
        }
    }
    *read = (copse_proof_read){.env = env,
                               .query = query,
                               .row = row,
                               .row_ctx = row_ctx,
                               .keys = keys,
                               .left = query->limit};
    return COPSE_OK;
}

static void proof_read_pop_all(copse_proof_read *read)
{
    while (read->depth > 0) {
        copse_node_unref(read->env, read->frames[--read->depth].node);
    }
}

void copse_proof_read_release(copse_proof_read *read)
{
    if (read->env != NULL) {
        proof_read_pop_all(read);
        copse_free_array(read->env, read->keys, read->query->keys_count, sizeof *read->keys);
        *read = (copse_proof_read){0};
    }
}

/* R3: whether the read ends with opening the tree. */
static bool proof_query_is_empty(const copse_proof_query *query)
{
    if (query->kind == COPSE_PROOF_KEYS) {
        return query->keys_count == 0;
    }
    return query->limit == 0 ||
           (query->to != NULL && copse_bytes_compare(query->from, *query->to) >= 0);
}

/* R3: the children or entries of `node` that the range meets, [*ret_low, *ret_high). Child i of a
 * branch with first keys begins with key i; one with last keys begins above key i - 1. */
static void proof_meet_range(const copse_proof_query *query, const copse_node *node,
                             uint32_t *ret_low, uint32_t *ret_high)
{
    uint32_t low = copse_node_lower(node, query->from);
    uint32_t high = query->to != NULL ? copse_node_lower(node, *query->to) : node->count;
    if (!node->leaf && node->kind == COPSE_TREE_GO) {
        high += high < node->count;
    } else if (!node->leaf) {
        uint32_t above = copse_node_upper(node, query->from);
        low = above > 0 ? above - 1 : 0;
    }
    *ret_low = low;
    *ret_high = high;
}

/* Takes over the reference to `node`. */
static void proof_read_push(copse_proof_read *read, copse_node *node, size_t keys_at,
                            size_t keys_end)
{
    copse_proof_frame *frame = &read->frames[read->depth++];
    *frame = (copse_proof_frame){
        .node = node, .high = node->count, .keys_at = keys_at, .keys_end = keys_end};
    if (read->query->kind == COPSE_PROOF_RANGE) {
        proof_meet_range(read->query, node, &frame->low, &frame->high);
    }
}

/* ---- rows ---- */

static copse_status proof_give(copse_proof_read *read, const copse_proof_row *row, copse_err *err)
{
    copse_status status = read->row != NULL ? read->row(read->row_ctx, row, err) : COPSE_OK;
    if (status > 0) {
        /* WANT and END mean something else to the loops above. */
        return COPSE_ERR(err, COPSE_MISUSE, "a row callback returned %s",
                         copse_status_name(status));
    }
    return status;
}

/* R4 */
static copse_status proof_give_range(copse_proof_read *read, const copse_proof_frame *frame,
                                     copse_err *err)
{
    bool reverse = read->query->reverse;
    uint32_t count = frame->low < frame->high ? frame->high - frame->low : 0;
    for (uint32_t i = 0; i < count && read->left > 0; i++) {
        uint32_t index = reverse ? frame->high - 1 - i : frame->low + i;
        copse_proof_row row = {.index = read->rows++,
                               .key = copse_node_key(frame->node, index),
                               .present = true,
                               .value = copse_node_value(frame->node, index)};
        read->left--;
        copse_status status = proof_give(read, &row, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return COPSE_OK;
}

static copse_status proof_give_keys(copse_proof_read *read, const copse_proof_frame *frame,
                                    copse_err *err)
{
    for (size_t i = frame->keys_at; i < frame->keys_end; i++) {
        copse_proof_row row = {.index = read->keys[i].tag, .key = read->keys[i].key};
        uint32_t at = copse_node_lower(frame->node, row.key);
        if (at < frame->node->count &&
            copse_bytes_equal(copse_node_key(frame->node, at), row.key)) {
            row.present = true;
            row.value = copse_node_value(frame->node, at);
        }
        copse_status status = proof_give(read, &row, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return COPSE_OK;
}

/* ---- going down ---- */

/* The child that is read next, and the keys that are looked up in it; false if there is none. */
typedef struct proof_next {
    uint32_t child;
    size_t keys_end;
} proof_next;

/* R2: the sorted keys that lead to the same child. */
static bool proof_next_by_key(const copse_proof_read *read, const copse_proof_frame *frame,
                              proof_next *ret_next)
{
    if (frame->keys_at == frame->keys_end) {
        return false;
    }
    const copse_node *node = frame->node;
    uint32_t child = copse_tree_route(read->tree, node, read->keys[frame->keys_at].key);
    size_t end = frame->keys_at + 1;
    while (end < frame->keys_end &&
           copse_tree_route(read->tree, node, read->keys[end].key) == child) {
        end++;
    }
    *ret_next = (proof_next){child, end};
    return true;
}

static bool proof_next_child(const copse_proof_read *read, const copse_proof_frame *frame,
                             proof_next *ret_next)
{
    if (read->query->kind == COPSE_PROOF_KEYS) {
        return proof_next_by_key(read, frame, ret_next);
    }
    if (frame->low >= frame->high || read->left == 0) {
        return false;
    }
    ret_next->child = read->query->reverse ? frame->high - 1 : frame->low;
    ret_next->keys_end = 0;
    return true;
}

static void proof_pass_child(const copse_proof_read *read, copse_proof_frame *frame,
                             const proof_next *next)
{
    frame->child = next->child;
    if (read->query->kind == COPSE_PROOF_KEYS) {
        frame->keys_at = next->keys_end;
    } else if (read->query->reverse) {
        frame->high--;
    } else {
        frame->low++;
    }
}

/* What bounds the keys of child `child` of the last frame from above. */
static bool proof_read_bound(const copse_proof_read *read, uint32_t child, copse_bytes *ret_bound)
{
    for (size_t i = read->depth; i-- > 0;) {
        const copse_node *node = read->frames[i].node;
        uint32_t index = i + 1 == read->depth ? child : read->frames[i].child;
        if (index + 1 < node->count) {
            *ret_bound = copse_node_key(node, index + 1);
            return true;
        }
    }
    return false;
}

/* A leaf of a tree with last keys must begin above the last key before it, which stands in the
 * deepest branch that has one; copse_tree_load_child sees its parent only. */
static copse_status proof_check_begin(const copse_proof_read *read, const copse_node *leaf,
                                      uint32_t child, copse_err *err)
{
    for (size_t i = read->depth; i-- > 0;) {
        uint32_t index = i + 1 == read->depth ? child : read->frames[i].child;
        if (index > 0) {
            copse_bytes before = copse_node_key(read->frames[i].node, index - 1);
            if (copse_bytes_compare(before, copse_node_key(leaf, 0)) >= 0) {
                return COPSE_ERR(err, COPSE_CORRUPT, "a leaf begins below the one before it");
            }
            return COPSE_OK;
        }
    }
    return COPSE_OK;
}

/* A child that is missing: the limit shrinks by the entries that it surely has in the range, so
 * that no more is asked for than may be needed. */
static void proof_starve(copse_proof_read *read, const copse_proof_frame *frame, uint32_t child)
{
    const copse_proof_query *query = read->query;
    const copse_node *node = frame->node;
    copse_bytes bound;
    read->starved = true;
    if (query->kind == COPSE_PROOF_KEYS || node->sums == NULL ||
        copse_bytes_compare(copse_node_key(node, child), query->from) < 0 ||
        (query->to != NULL &&
         (!proof_read_bound(read, child, &bound) || copse_bytes_compare(bound, *query->to) > 0))) {
        return;
    }
    uint64_t count = copse_node_child_count(node, child);
    read->left -= count < read->left ? count : read->left;
}

/* Whether nothing more can be asked for. */
static bool proof_wants_are_full(const copse_proof_read *read)
{
    size_t count = 0;
    (void)copse_source_wants(read->tree->cache->source, &count);
    return count >= read->env->limits.wants_max;
}

static copse_status proof_read_child(copse_proof_read *read, const proof_next *next, copse_err *err)
{
    copse_proof_frame *frame = &read->frames[read->depth - 1];
    copse_bytes bound;
    bool bounded = proof_read_bound(read, next->child, &bound);
    copse_node *child;
    copse_status status = copse_tree_load_child(read->tree, frame->node, read->depth - 1,
                                                next->child, bounded ? &bound : NULL, &child, err);
    if (status == COPSE_WANT && read->collect && !proof_wants_are_full(read)) {
        proof_starve(read, frame, next->child);
        proof_pass_child(read, frame, next);
        return COPSE_OK;
    }
    if (status == COPSE_OK && read->tree->kind == COPSE_TREE_GO && child->leaf) {
        status = proof_check_begin(read, child, next->child, err);
        if (status != COPSE_OK) {
            copse_node_unref(read->env, child);
        }
    }
    if (status != COPSE_OK) {
        return status;
    }
    size_t keys_at = frame->keys_at;
    proof_pass_child(read, frame, next);
    proof_read_push(read, child, keys_at, next->keys_end);
    return COPSE_OK;
}

/* Goes on at the last frame: gives out a leaf, goes down to the next child, or leaves the node. */
static copse_status proof_read_step(copse_proof_read *read, copse_err *err)
{
    copse_proof_frame *frame = &read->frames[read->depth - 1];
    copse_status status = COPSE_OK;
    if (frame->node->leaf) {
        status = read->query->kind == COPSE_PROOF_KEYS ? proof_give_keys(read, frame, err)
                                                       : proof_give_range(read, frame, err);
    } else {
        proof_next next;
        if (proof_next_child(read, frame, &next)) {
            return proof_read_child(read, &next, err);
        }
    }
    copse_node_unref(read->env, frame->node);
    read->depth--;
    return status;
}

copse_status copse_proof_read_run(copse_proof_read *read, copse_tree *tree, copse_err *err)
{
    read->tree = tree;
    copse_source_begin(tree->cache->source);
    if (!read->begun) {
        copse_node *top;
        if (proof_query_is_empty(read->query)) {
            return COPSE_OK;
        }
        copse_status status = copse_tree_load_top(tree, &top, err);
        if (status != COPSE_OK) {
            return status;
        }
        read->begun = true;
        proof_read_push(read, top, 0, read->query->keys_count);
    }
    while (read->depth > 0) {
        copse_status status = proof_read_step(read, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return read->starved ? COPSE_WANT : COPSE_OK;
}
