/* The tree of an update's paths: a chain for each action, merged two by two.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/path.h"
#include "expr/update_private.h"
#include "value/dag_cbor_inline.h"
#include "value/json_number.h"

typedef struct update_tree {
    copse_update *update;
    copse_arena *arena;
    uint64_t position;
    copse_err *err;
} update_tree;

/* ---- Merging -------------------------------------------------------------------------------- */

static const copse_update_action *update_tree_action(const copse_update_node *node)
{
    while (node->action == NULL) {
        node = node->children[0];
    }
    return node->action;
}

static copse_status update_tree_conflict(const copse_update_node *a, const copse_update_node *b,
                                         copse_err *err)
{
    enum { SHOWN_MAX = 80 };
    copse_bytes path = update_tree_action(b)->path;
    copse_bytes at = a->path;
    return COPSE_ERR(err, COPSE_CORRUPT,
                     "updating the path '%.*s' would create a conflict at '%.*s'",
                     path.len < SHOWN_MAX ? (int)path.len : SHOWN_MAX, (const char *)path.ptr,
                     at.len < SHOWN_MAX ? (int)at.len : SHOWN_MAX, (const char *)at.ptr);
}

/* The children of both, in order; those of one key merged. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths, which have COPSE_PATH_PARTS_MAX parts */
static copse_status update_tree_merge_children(copse_arena *arena, const copse_update_node *a,
                                               const copse_update_node *b,
                                               copse_update_node *merged, copse_err *err)
{
    copse_status status = COPSE_OK;
    size_t i = 0;
    size_t j = 0;
    while (status == COPSE_OK && (i < a->count || j < b->count)) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : copse_bytes_compare(a->children[i]->key, b->children[j]->key);
        const copse_update_node *child = order <= 0 ? a->children[i++] : b->children[j++];
        if (order == 0) {
            status = copse_update_tree_merge(arena, child, b->children[j++], &child, err);
        }
        merged->children[merged->count++] = child;
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
copse_status copse_update_tree_merge(copse_arena *arena, const copse_update_node *a,
                                     const copse_update_node *b, const copse_update_node **ret_node,
                                     copse_err *err)
{
    if (a->action != NULL || b->action != NULL ||
        a->children[0]->selects != b->children[0]->selects) {
        return update_tree_conflict(a, b, err);
    }
    copse_update_node *merged = copse_arena_alloc(arena, sizeof *merged);
    const copse_update_node **children =
        copse_arena_alloc(arena, (a->count + b->count) * sizeof *children);
    if (merged == NULL || children == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *merged = *a;
    merged->children = children;
    merged->count = 0;
    copse_status status = update_tree_merge_children(arena, a, b, merged, err);
    if (status == COPSE_OK) {
        *ret_node = merged;
    }
    return status;
}

/* ---- Making --------------------------------------------------------------------------------- */

/* The node of one part, which ends at `end` in its action's path. */
static copse_status update_tree_node(const update_tree *tree, const copse_update_action *action,
                                     const copse_update_part *part, copse_update_node **ret_node)
{
    char digits[COPSE_JSON_NUMBER_TEXT_SIZE_MAX];
    copse_bytes text = part->text;
    if (part->kind == COPSE_UPDATE_PART_MATCHED) {
        size_t size = copse_json_int_write(false, tree->position, digits);
        text = (copse_bytes){(const uint8_t *)digits, size};
    }
    copse_update_node *node = copse_arena_alloc(tree->arena, sizeof *node);
    uint8_t *key = copse_arena_alloc(tree->arena, COPSE_CBOR_HEAD_SIZE_BYTES_MAX + text.len);
    if (node == NULL || key == NULL) {
        return COPSE_ERR_NOMEM(tree->err);
    }
    size_t head = copse_cbor_head_store(key, COPSE_CBOR_MAJOR_TEXT, text.len);
    memcpy(key + head, text.ptr, text.len);
    *node = (copse_update_node){
        .key = {key, head + text.len},
        .text = {key + head, text.len},
        .path = {action->path.ptr, (size_t)(part->text.ptr + part->text.len - action->path.ptr)},
        .selects = part->kind == COPSE_UPDATE_PART_ALL || part->kind == COPSE_UPDATE_PART_FILTERED,
        .filter = part->filter,
    };
    node->indexed = copse_path_part_index(text, &node->index);
    *ret_node = node;
    return COPSE_OK;
}

/* From the root to the action, one node for each part. */
static copse_status update_tree_chain(const update_tree *tree, const copse_update_action *action,
                                      const copse_update_node **ret_root)
{
    copse_update_node *root = copse_arena_alloc(tree->arena, sizeof *root);
    if (root == NULL) {
        return COPSE_ERR_NOMEM(tree->err);
    }
    *root = (copse_update_node){.path = {action->path.ptr, 0}};
    copse_update_node *node = root;
    for (size_t i = 0; i < action->parts_count; i++) {
        copse_update_node *child = NULL;
        copse_status status = update_tree_node(tree, action, &action->parts[i], &child);
        if (status != COPSE_OK) {
            return status;
        }
        node->children = copse_arena_alloc(tree->arena, sizeof *node->children);
        if (node->children == NULL) {
            return COPSE_ERR_NOMEM(tree->err);
        }
        node->children[0] = child;
        node->count = 1;
        node = child;
    }
    node->action = action;
    *ret_root = root;
    return COPSE_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the binary logarithm of the actions */
static copse_status update_tree_of(const update_tree *tree, size_t first, size_t count,
                                   const copse_update_node **ret_root)
{
    if (count == 1) {
        return update_tree_chain(tree, &tree->update->actions[first], ret_root);
    }
    const copse_update_node *a = NULL;
    const copse_update_node *b = NULL;
    copse_status status = update_tree_of(tree, first, count / 2, &a);
    if (status == COPSE_OK) {
        status = update_tree_of(tree, first + count / 2, count - count / 2, &b);
    }
    return status == COPSE_OK ? copse_update_tree_merge(tree->arena, a, b, ret_root, tree->err)
                              : status;
}

copse_status copse_update_tree_make(copse_update *update, copse_arena *arena, uint64_t position,
                                    const copse_update_node **ret_root, copse_err *err)
{
    update_tree tree = {update, arena, position, err};
    if (update->actions_count == 0) {
        *ret_root = NULL;
        return COPSE_OK;
    }
    return update_tree_of(&tree, 0, update->actions_count, ret_root);
}
