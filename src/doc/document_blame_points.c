/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/document_blame_points.h"

#include "base/alloc.h"
#include "base/err.h"
#include "history/history_log.h"
#include "tree/node.h"
#include "tree/node_cache.h"
#include "tree/tree.h"

/* The commits that are looked at when blocks are missing. */
enum { BLAME_POINTS_AHEAD_MAX = 64 };

void copse_blame_points_init(copse_blame_points *points, copse_node_cache *cache)
{
    *points = (copse_blame_points){.env = cache->env, .cache = cache};
    copse_buf_init(&points->key, cache->env, SIZE_MAX);
}

void copse_blame_points_release(copse_blame_points *points)
{
    for (size_t i = 0; i < points->count; i++) {
        copse_blame_point_free(points->env, points->items[i]);
    }
    copse_free_array(points->env, points->items, points->capacity, sizeof(copse_blame_point *));
    copse_buf_release(&points->key);
}

copse_blame_point *copse_blame_point_free(const copse_env *env, copse_blame_point *point)
{
    if (point != NULL) {
        copse_block_unref(point->block);
        copse_buf_release(&point->row);
        copse_free(env, point, sizeof *point);
    }
    return NULL;
}

/* Appends the document's row in a tree; nothing if it is not there. */
static copse_status blame_points_read_row(copse_blame_points *points, const copse_cid *root,
                                          copse_buf *row, copse_err *err)
{
    copse_tree *tree = NULL;
    copse_node *leaf = NULL;
    uint32_t index;
    bool found = false;
    copse_status status = copse_tree_open(points->cache, root, &tree, err);
    if (status == COPSE_OK && tree->kind != COPSE_TREE_OURS) {
        status = COPSE_ERR(err, COPSE_MISUSE, "a tree that is no database of version 2");
    }
    if (status == COPSE_OK) {
        status = copse_tree_find(tree, copse_buf_view(&points->key), &leaf, &index, &found, err);
    }
    if (status == COPSE_OK && found &&
        copse_buf_append(row, copse_node_value(leaf, index)) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    copse_node_unref(points->env, leaf);
    copse_tree_close(tree);
    return status;
}

copse_status copse_blame_points_load(copse_blame_points *points, const copse_cid *cid,
                                     uint64_t generation_max, copse_blame_point **ret_point,
                                     copse_err *err)
{
    copse_commit commit;
    copse_blame_point *point = copse_alloc_zeroed(points->env, sizeof *point);
    if (point == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    point->cid = *cid;
    copse_buf_init(&point->row, points->env, SIZE_MAX);
    copse_status status =
        copse_source_get(copse_node_cache_source(points->cache), cid, &point->block, err);
    if (status == COPSE_OK) {
        status = copse_commit_decode(points->env, point->block, &commit, err);
    }
    if (status == COPSE_OK && commit.generation > generation_max) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "commit: a generation that its descendants deny");
    }
    if (status == COPSE_OK) {
        point->generation = commit.generation;
        status = blame_points_read_row(points, &commit.tree, &point->row, err);
    }
    if (status != COPSE_OK) {
        copse_blame_point_free(points->env, point);
        return status;
    }
    *ret_point = point;
    return COPSE_OK;
}

/* Whether `a` comes before `b` (B2). */
static bool blame_points_is_before(const copse_blame_point *a, const copse_blame_point *b)
{
    return a->generation != b->generation ? a->generation > b->generation
                                          : copse_cid_compare(&a->cid, &b->cid) > 0;
}

copse_status copse_blame_points_reserve(copse_blame_points *points, size_t count, copse_err *err)
{
    void *items = points->items;
    bool grown = copse_array_grow(points->env, &items, &points->capacity, points->count + count,
                                  sizeof(copse_blame_point *));
    points->items = items;
    return grown ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

void copse_blame_points_add(copse_blame_points *points, copse_blame_point *point)
{
    size_t at = points->count++;
    while (at > 0 && blame_points_is_before(points->items[at - 1], point)) {
        points->items[at] = points->items[at - 1];
        at--;
    }
    points->items[at] = point;
}

copse_blame_point *copse_blame_points_find(const copse_blame_points *points, const copse_cid *cid)
{
    for (size_t i = 0; i < points->count; i++) {
        if (copse_cid_equal(&points->items[i]->cid, cid)) {
            return points->items[i];
        }
    }
    return NULL;
}

/* Appends the CIDs of the points' parents. */
static copse_status blame_points_list_parents(const copse_blame_points *points, copse_buf *cids)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < points->count && status == COPSE_OK; i++) {
        copse_commit commit;
        status = copse_commit_decode(points->env, points->items[i]->block, &commit, NULL);
        if (status == COPSE_OK) {
            status = copse_buf_append(cids,
                                      (copse_bytes){(const uint8_t *)commit.parents,
                                                    commit.parents_count * sizeof *commit.parents});
        }
    }
    return status;
}

copse_status copse_blame_points_look_ahead(copse_blame_points *points, copse_err *err)
{
    copse_history_log *log = NULL;
    copse_buf cids;
    copse_buf row;
    copse_buf_init(&cids, points->env, SIZE_MAX);
    copse_buf_init(&row, points->env, SIZE_MAX);
    copse_status status = blame_points_list_parents(points, &cids);
    if (status == COPSE_OK) {
        status = copse_history_log_new_by(points->env, copse_node_cache_source(points->cache),
                                          (const copse_cid *)(const void *)cids.ptr,
                                          cids.len / sizeof(copse_cid), COPSE_HISTORY_BY_GENERATION,
                                          &log, NULL);
    }
    for (size_t i = 0; i < BLAME_POINTS_AHEAD_MAX && status == COPSE_OK; i++) {
        const copse_cid *cid;
        const copse_commit *commit;
        status = copse_history_log_next(log, &cid, &commit, NULL);
        copse_buf_truncate(&row, 0);
        if (status == COPSE_OK) {
            status = blame_points_read_row(points, &commit->tree, &row, NULL);
            status = status == COPSE_WANT ? COPSE_OK : status;
        }
    }
    copse_history_log_free(log);
    copse_buf_release(&cids);
    copse_buf_release(&row);
    return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : COPSE_WANT;
}
