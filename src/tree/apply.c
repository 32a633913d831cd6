/* Applying a batch: a pass over each level, from the leaves up, until one node is left.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "tree/level_pass.h"

#include <string.h>

typedef struct apply {
    const copse_env *env;
    copse_tree *tree;
    const copse_batch *batch;
    copse_arena arena;
    copse_block **staged; /* the new blocks, a reference each */
    size_t staged_count;
    size_t staged_capacity;
    copse_piece *pieces; /* of the next level; blocks are in `staged` */
    size_t pieces_count;
    size_t pieces_capacity;
    copse_cid top;
    size_t height;
    bool empty;
    copse_apply_stats stats;
} apply;

static copse_status apply_stage(apply *op, copse_block *block, copse_err *err)
{
    void *staged = op->staged;
    bool grown = copse_array_grow(op->env, &staged, &op->staged_capacity, op->staged_count + 1,
                                  sizeof(copse_block *));
    op->staged = staged;
    if (!grown) {
        copse_block_unref(block);
        return COPSE_ERR_NOMEM(err);
    }
    op->staged[op->staged_count++] = block;
    return COPSE_OK;
}

/* Moves the pieces of the level above, and their blocks, out of the pass. */
static copse_status apply_take_pieces(apply *op, copse_level_pass *pass, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < pass->out_count && status == COPSE_OK; i++) {
        copse_block *block = pass->out[i].block;
        if (block != NULL) {
            op->stats.nodes_written++;
            op->stats.nodes_written_bytes += copse_block_data(block).len;
            pass->out[i].block = NULL;
            status = apply_stage(op, block, err);
        }
    }
    if (status != COPSE_OK) {
        return status; /* the pass gives back the other blocks */
    }
    op->stats.nodes_read += pass->nodes_read;
    copse_piece *pieces = op->pieces;
    size_t capacity = op->pieces_capacity;
    op->pieces = pass->out;
    op->pieces_count = pass->out_count;
    op->pieces_capacity = pass->out_capacity;
    pass->out = pieces;
    pass->out_count = 0;
    pass->out_capacity = capacity;
    return COPSE_OK;
}

/* A branch with one child is no top: its child is. */
static copse_status apply_collapse(apply *op, const copse_level_pass *pass, bool *ret_done,
                                   copse_err *err)
{
    const copse_piece *piece = &pass->out[0];
    *ret_done = true;
    if (pass->level == 0 || piece->entries > 1) {
        op->top = *copse_block_cid(piece->block);
        op->height = pass->level + 1;
        op->empty = piece->entries == 0;
        return COPSE_OK;
    }
    copse_node *node;
    copse_status status = copse_node_parse(op->env, piece->block, COPSE_TREE_OURS, &node, err);
    if (status == COPSE_OK) {
        status = copse_cid_from_bytes(copse_node_link(node, 0), &op->top, err);
        op->height = pass->level;
        copse_node_unref(op->env, node);
    }
    return status;
}

static copse_status apply_leaf_pieces(apply *op, copse_level_pass *pass, copse_err *err)
{
    copse_batch_pieces pieces;
    copse_piece piece;
    copse_piece next;
    copse_batch_pieces_init(&pieces, op->batch, op->tree);
    bool more = copse_batch_pieces_next(&pieces, &piece);
    while (more) {
        more = copse_batch_pieces_next(&pieces, &next);
        copse_status status = copse_level_pass_add(pass, &piece, !more, err);
        if (status != COPSE_OK) {
            return status;
        }
        piece = next;
    }
    return COPSE_OK;
}

static copse_status apply_level(apply *op, size_t level, bool *ret_done, copse_err *err)
{
    copse_level_pass pass;
    copse_status status = COPSE_OK;
    copse_level_pass_init(&pass, op->env, &op->arena, &op->tree->config, level);
    *ret_done = false;
    if (level >= COPSE_TREE_LEVELS_MAX) {
        status =
            COPSE_ERR(err, COPSE_LIMIT, "a tree of more than %d levels", COPSE_TREE_LEVELS_MAX);
    } else if (level == 0) {
        status = apply_leaf_pieces(op, &pass, err);
    }
    for (size_t i = 0; level > 0 && status == COPSE_OK && i < op->pieces_count; i++) {
        status = copse_level_pass_add(&pass, &op->pieces[i], i + 1 == op->pieces_count, err);
    }
    if (status == COPSE_OK) {
        status = copse_level_pass_finish(&pass, err);
    }
    if (status == COPSE_OK && pass.out_count == 1 && pass.out[0].tree == NULL) {
        status = apply_collapse(op, &pass, ret_done, err);
        if (status == COPSE_OK && op->height == level) {
            pass.out[0].block = copse_block_unref(pass.out[0].block);
        }
    }
    if (status == COPSE_OK) {
        status = apply_take_pieces(op, &pass, err);
    }
    copse_level_pass_release(&pass);
    return status;
}

/* Puts what is new, and the root last. */
static copse_status apply_put(apply *op, copse_store *store, copse_cid *ret_root, copse_err *err)
{
    copse_block *config = NULL;
    copse_block *root = NULL;
    copse_status status = copse_tree_config_stored(op->env, &op->tree->config, &config, err);
    if (status == COPSE_OK && config != NULL) {
        status = apply_stage(op, config, err);
    }
    if (status == COPSE_OK) {
        status = copse_tree_root_block(op->env, &op->tree->config_cid, &op->top, &root, err);
    }
    if (status == COPSE_OK) {
        *ret_root = *copse_block_cid(root);
        status = apply_stage(op, root, err);
    }
    if (status == COPSE_OK) {
        status = copse_store_put(store, op->staged, op->staged_count, err);
    }
    return status;
}

/* The heights of all trees that ranges are taken from: one path each, down to where something
 * changes, which will often be read anyway. */
static copse_status apply_find_heights(apply *op, copse_err *err)
{
    copse_batch_pieces pieces;
    copse_piece piece;
    const copse_tree *asked[2] = {NULL, NULL}; /* what is missing there is wanted already */
    copse_status status = COPSE_OK;
    copse_batch_pieces_init(&pieces, op->batch, op->tree);
    while (copse_batch_pieces_next(&pieces, &piece)) {
        bool is_base = piece.tree == op->tree;
        if (piece.tree == NULL || piece.tree->height != 0 || asked[is_base] == piece.tree) {
            continue;
        }
        copse_status found = copse_tree_find_height(
            piece.tree, is_base && piece.has_to ? piece.to : piece.from, err);
        if (found < 0) {
            return found;
        }
        if (found != COPSE_OK) {
            asked[is_base] = piece.tree;
            status = found;
        }
    }
    return status;
}

copse_status copse_tree_apply(copse_tree *tree, copse_batch *batch, copse_store *store,
                              copse_tree **ret_tree, copse_apply_stats *ret_stats, copse_err *err)
{
    apply op = {.env = tree->env, .tree = tree, .batch = batch};
    bool done = false;
    copse_cid root = {0};
    copse_source_begin(tree->cache->source);
    copse_status status = copse_batch_settle(batch, err);
    if (status == COPSE_OK) {
        status = copse_batch_check(batch, tree, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_arena_init(&op.arena, op.env);
    status = apply_find_heights(&op, err);
    for (size_t level = 0; status == COPSE_OK && !done; level++) {
        status = apply_level(&op, level, &done, err);
    }
    if (status == COPSE_OK) {
        status = apply_put(&op, store, &root, err);
    }
    if (status == COPSE_OK) {
        status = copse_tree_open_known(tree->cache, &tree->config, &tree->config_cid, &root,
                                       &op.top, ret_tree, err);
    }
    if (status == COPSE_OK) {
        (*ret_tree)->height = op.height;
        (*ret_tree)->empty = op.empty;
        if (ret_stats != NULL) {
            *ret_stats = op.stats;
        }
    }
    for (size_t i = 0; i < op.staged_count; i++) {
        copse_block_unref(op.staged[i]);
    }
    copse_free_array(op.env, op.staged, op.staged_capacity, sizeof(copse_block *));
    copse_free_array(op.env, op.pieces, op.pieces_capacity, sizeof *op.pieces);
    copse_arena_release(&op.arena);
    return status;
}
