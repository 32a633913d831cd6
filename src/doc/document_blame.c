/* Fields are looked for where their values came from.
 *
 *     head ── M ── P ── …      a: equal in P, looked for there
 *              \               b: differs in P, equal in Q, looked for there
 *               Q ── …         c: in neither as it is in M, so M gave it its value
 *
 *   B1  A field that is still looked for stands at a point: a commit in whose document it has the
 *       value that it has at the head. Of a document that is not at the head there are points
 *       without fields: commits that lack it too, and so do all between.
 *   B2  The point of the highest generation is next. So no commit is a point twice.
 *   B3  A step takes one point to those of its parents that its fields came from. It changes
 *       nothing until all that it reads is there.
 *
 * Costs, for each commit on the way: its block, the nodes of one path that differ from those of the
 * commits around it, and the document if its row differs. What lies further back is asked for
 * together with what is missing, as far as the commits are there already.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/document_blame.h>

#include "base/alloc.h"
#include "base/err.h"
#include "doc/document.h"
#include "doc/document_leaves.h"
#include "history/history_log.h"
#include "index/key_space.h"
#include "tree/node.h"
#include "tree/node_cache.h"
#include "tree/tree.h"

#include <copse/order.h>

/* The commits that are looked at when blocks are missing. */
enum { BLAME_AHEAD_MAX = 64 };

typedef struct blame_point {
    copse_cid cid;
    copse_block *block;
    uint64_t generation;
    copse_buf row; /* of the document; len 0: it is not there */
} blame_point;

typedef struct blame_field {
    copse_bytes value;
    size_t path_offset; /* in the blame's paths */
    size_t path_size;
    blame_point *point; /* NULL: its line is known */
    blame_point *next;  /* of a step: where it goes; NULL: nowhere yet */
    bool is_equal;      /* in the document that was compared last */
} blame_field;

struct copse_document_blame {
    const copse_env *env;
    copse_node_cache *cache; /* borrowed */
    copse_cid head;
    copse_buf key;
    copse_buf row; /* at the head */
    copse_document document;
    copse_buf paths;
    blame_field *fields;
    size_t fields_count;
    size_t fields_capacity;
    copse_blame_line *lines; /* of the fields, or one of the deletion */
    size_t lines_count;
    blame_point **points; /* the next one last (B2) */
    size_t points_count;
    size_t points_capacity;
    copse_block_list named; /* what the lines borrow from */
    bool is_begun;
};

/* ---- Life ---- */

copse_status copse_document_blame_new(copse_node_cache *cache, const copse_cid *head,
                                      copse_bytes collection, copse_bytes id,
                                      copse_document_blame **ret_blame, copse_err *err)
{
    const copse_env *env = cache->env;
    copse_status status = copse_name_check(collection, "a collection", err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_document_blame *blame = copse_alloc_zeroed(env, sizeof *blame);
    if (blame == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    blame->env = env;
    blame->cache = cache;
    blame->head = *head;
    blame->named.env = env;
    copse_buf_init(&blame->key, env, SIZE_MAX);
    copse_buf_init(&blame->row, env, SIZE_MAX);
    copse_buf_init(&blame->paths, env, SIZE_MAX);
    status = copse_key_write_documents(&blame->key, collection) == COPSE_OK
                 ? copse_order_write_primary(&blame->key, id, err)
                 : COPSE_ERR_NOMEM(err);
    if (status != COPSE_OK) {
        copse_document_blame_free(blame);
        return status;
    }
    *ret_blame = blame;
    return COPSE_OK;
}

static blame_point *blame_point_free(const copse_document_blame *blame, blame_point *point)
{
    if (point != NULL) {
        copse_block_unref(point->block);
        copse_buf_release(&point->row);
        copse_free(blame->env, point, sizeof *point);
    }
    return NULL;
}

static void blame_forget_fields(copse_document_blame *blame)
{
    copse_document_release(&blame->document);
    copse_buf_truncate(&blame->paths, 0);
    copse_buf_truncate(&blame->row, 0);
    copse_free_array(blame->env, blame->lines, blame->lines_count, sizeof *blame->lines);
    blame->lines = NULL;
    blame->lines_count = blame->fields_count = 0;
}

copse_document_blame *copse_document_blame_free(copse_document_blame *blame)
{
    if (blame != NULL) {
        blame_forget_fields(blame);
        for (size_t i = 0; i < blame->points_count; i++) {
            blame_point_free(blame, blame->points[i]);
        }
        copse_free_array(blame->env, blame->points, blame->points_capacity, sizeof(blame_point *));
        copse_free_array(blame->env, blame->fields, blame->fields_capacity, sizeof *blame->fields);
        copse_block_list_release(&blame->named);
        copse_buf_release(&blame->key);
        copse_buf_release(&blame->row);
        copse_buf_release(&blame->paths);
        copse_free(blame->env, blame, sizeof *blame);
    }
    return NULL;
}

const copse_blame_line *copse_document_blame_lines(const copse_document_blame *blame,
                                                   size_t *ret_count)
{
    *ret_count = blame->lines_count;
    return blame->lines;
}

/* ---- Points ---- */

static copse_source *blame_source(const copse_document_blame *blame)
{
    return copse_node_cache_source(blame->cache);
}

/* Appends the document's row in a tree; nothing if it is not there. */
static copse_status blame_read_row(copse_document_blame *blame, const copse_cid *root,
                                   copse_buf *row, copse_err *err)
{
    copse_tree *tree = NULL;
    copse_node *leaf = NULL;
    uint32_t index;
    bool found = false;
    copse_status status = copse_tree_open(blame->cache, root, &tree, err);
    if (status == COPSE_OK && tree->kind != COPSE_TREE_OURS) {
        status = COPSE_ERR(err, COPSE_MISUSE, "a tree that is no database of version 2");
    }
    if (status == COPSE_OK) {
        status = copse_tree_find(tree, copse_buf_view(&blame->key), &leaf, &index, &found, err);
    }
    if (status == COPSE_OK && found &&
        copse_buf_append(row, copse_node_value(leaf, index)) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    copse_node_unref(blame->env, leaf);
    copse_tree_close(tree);
    return status;
}

/* Loads a commit and its row. Its generation is at most `generation_max`. */
static copse_status blame_load_point(copse_document_blame *blame, const copse_cid *cid,
                                     uint64_t generation_max, blame_point **ret_point,
                                     copse_err *err)
{
    copse_commit commit;
    blame_point *point = copse_alloc_zeroed(blame->env, sizeof *point);
    if (point == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    point->cid = *cid;
    copse_buf_init(&point->row, blame->env, SIZE_MAX);
    copse_status status = copse_source_get(blame_source(blame), cid, &point->block, err);
    if (status == COPSE_OK) {
        status = copse_commit_decode(blame->env, point->block, &commit, err);
    }
    if (status == COPSE_OK && commit.generation > generation_max) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "commit: a generation that its descendants deny");
    }
    if (status == COPSE_OK) {
        point->generation = commit.generation;
        status = blame_read_row(blame, &commit.tree, &point->row, err);
    }
    if (status != COPSE_OK) {
        blame_point_free(blame, point);
        return status;
    }
    *ret_point = point;
    return COPSE_OK;
}

/* Whether `a` comes before `b` (B2). */
static bool blame_is_before(const blame_point *a, const blame_point *b)
{
    return a->generation != b->generation ? a->generation > b->generation
                                          : copse_cid_compare(&a->cid, &b->cid) > 0;
}

static copse_status blame_reserve_points(copse_document_blame *blame, size_t count, copse_err *err)
{
    void *points = blame->points;
    bool grown = copse_array_grow(blame->env, &points, &blame->points_capacity,
                                  blame->points_count + count, sizeof(blame_point *));
    blame->points = points;
    return grown ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

/* Into room that there is. */
static void blame_add_point(copse_document_blame *blame, blame_point *point)
{
    size_t at = blame->points_count++;
    while (at > 0 && blame_is_before(blame->points[at - 1], point)) {
        blame->points[at] = blame->points[at - 1];
        at--;
    }
    blame->points[at] = point;
}

static blame_point *blame_find_point(const copse_document_blame *blame, const copse_cid *cid)
{
    for (size_t i = 0; i < blame->points_count; i++) {
        if (copse_cid_equal(&blame->points[i]->cid, cid)) {
            return blame->points[i];
        }
    }
    return NULL;
}

/* ---- Fields ---- */

static copse_status blame_add_field(void *ctx, const copse_document_leaf *leaf, copse_err *err)
{
    copse_document_blame *blame = ctx;
    void *fields = blame->fields;
    bool grown = copse_array_grow(blame->env, &fields, &blame->fields_capacity,
                                  blame->fields_count + 1, sizeof *blame->fields);
    blame->fields = fields;
    size_t offset = blame->paths.len;
    if (!grown || copse_buf_append(&blame->paths, leaf->path) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    blame->fields[blame->fields_count++] =
        (blame_field){.value = leaf->value, .path_offset = offset, .path_size = leaf->path.len};
    return COPSE_OK;
}

/* A walk through the document of the head beside another one. */
typedef struct blame_comparing {
    copse_document_blame *blame;
    size_t at; /* the next field */
} blame_comparing;

static copse_status blame_compare_field(void *ctx, const copse_document_leaf *leaf, copse_err *err)
{
    blame_comparing *comparing = ctx;
    (void)err;
    comparing->blame->fields[comparing->at++].is_equal =
        copse_bytes_equal(leaf->value, leaf->other);
    return COPSE_OK;
}

/* Says of each field whether it is equal in the document of `point`. */
static copse_status blame_compare(copse_document_blame *blame, const blame_point *point,
                                  copse_err *err)
{
    blame_comparing comparing = {.blame = blame};
    copse_document document = {.block = NULL};
    copse_status status = copse_document_load_within(blame_source(blame), blame->env,
                                                     copse_buf_view(&point->row), &document, err);
    if (status == COPSE_OK) {
        status = copse_document_leaves(blame->env, blame->document.encoded, document.encoded,
                                       blame_compare_field, &comparing, err);
    }
    copse_document_release(&document);
    return status;
}

/* ---- Lines ---- */

/* Names the commit of a point, from whose block the line borrows. */
static void blame_name(copse_blame_line *line, const blame_point *point, const copse_commit *commit)
{
    line->commit = point->cid;
    line->is_older = false;
    line->time_ms = commit->time_ms;
    line->author = commit->author;
    line->message = commit->message;
}

static copse_status blame_alloc_lines(copse_document_blame *blame, size_t count, copse_err *err)
{
    copse_blame_line *lines = copse_alloc_array(blame->env, count, sizeof *lines);
    if (lines == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < count; i++) {
        lines[i] = (copse_blame_line){.path = {NULL, 0}};
    }
    blame->lines = lines;
    blame->lines_count = count;
    return COPSE_OK;
}

/* Collects the fields of the document, and makes a line for each. */
static copse_status blame_collect(copse_document_blame *blame, blame_point *point, copse_err *err)
{
    copse_status status = copse_buf_append(&blame->row, copse_buf_view(&point->row)) == COPSE_OK
                              ? COPSE_OK
                              : COPSE_ERR_NOMEM(err);
    if (status == COPSE_OK) {
        status = copse_document_load_within(blame_source(blame), blame->env,
                                            copse_buf_view(&blame->row), &blame->document, err);
    }
    if (status == COPSE_OK) {
        status = copse_document_leaves(blame->env, blame->document.encoded, (copse_bytes){NULL, 0},
                                       blame_add_field, blame, err);
    }
    if (status == COPSE_OK && blame->fields_count == 0) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a document without its primary key");
    }
    if (status == COPSE_OK) {
        status = blame_alloc_lines(blame, blame->fields_count, err);
    }
    for (size_t i = 0; i < blame->fields_count && status == COPSE_OK; i++) {
        blame_field *field = &blame->fields[i];
        field->point = point;
        blame->lines[i].path =
            (copse_bytes){blame->paths.ptr + field->path_offset, field->path_size};
        blame->lines[i].value = field->value;
    }
    return status;
}

/* Says of the lines that are not known how far they are. */
static copse_status blame_name_points(copse_document_blame *blame, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < blame->points_count && status == COPSE_OK; i++) {
        copse_commit commit;
        status = copse_commit_decode(blame->env, blame->points[i]->block, &commit, err);
        for (size_t j = 0; j < blame->fields_count && status == COPSE_OK; j++) {
            if (blame->fields[j].point == blame->points[i]) {
                blame_name(&blame->lines[j], blame->points[i], &commit);
                blame->lines[j].is_older = true;
            }
        }
    }
    return status;
}

/* ---- Steps ---- */

/* A point and its parents, as far as they are needed. */
typedef struct blame_step {
    copse_document_blame *blame;
    blame_point *point;
    copse_commit commit;
    blame_point *parents[COPSE_COMMIT_PARENTS_MAX];
    bool is_new[COPSE_COMMIT_PARENTS_MAX];   /* it is no point yet */
    bool is_taken[COPSE_COMMIT_PARENTS_MAX]; /* it is to be one */
} blame_step;

static copse_status blame_step_load(blame_step *step, size_t at, copse_err *err)
{
    const copse_cid *cid = &step->commit.parents[at];
    step->parents[at] = blame_find_point(step->blame, cid);
    step->is_new[at] = step->parents[at] == NULL;
    if (!step->is_new[at]) {
        return COPSE_OK;
    }
    return blame_load_point(step->blame, cid, step->point->generation - 1, &step->parents[at], err);
}

/* Sends the fields that are equal in a parent, and not sent yet, there; *left: those that are. */
static copse_status blame_step_match(blame_step *step, size_t at, size_t *left, copse_err *err)
{
    copse_document_blame *blame = step->blame;
    blame_point *parent = step->parents[at];
    bool is_same =
        copse_bytes_equal(copse_buf_view(&parent->row), copse_buf_view(&step->point->row));
    if (parent->row.len == 0) {
        return COPSE_OK;
    }
    copse_status status = is_same ? COPSE_OK : blame_compare(blame, parent, err);
    for (size_t i = 0; i < blame->fields_count && status == COPSE_OK; i++) {
        blame_field *field = &blame->fields[i];
        if (field->point == step->point && field->next == NULL && (is_same || field->is_equal)) {
            field->next = parent;
            step->is_taken[at] = true;
            (*left)--;
        }
    }
    return status;
}

/* Finds where the fields of the point go. */
static copse_status blame_step_fields(blame_step *step, copse_err *err)
{
    copse_document_blame *blame = step->blame;
    size_t left = 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < blame->fields_count; i++) {
        blame->fields[i].next = NULL;
        left += blame->fields[i].point == step->point;
    }
    for (size_t i = 0; i < step->commit.parents_count && left > 0 && status == COPSE_OK; i++) {
        status = blame_step_load(step, i, err);
        if (status == COPSE_OK) {
            status = blame_step_match(step, i, &left, err);
        }
    }
    if (status == COPSE_OK && left > 0) {
        status = copse_block_list_append(&blame->named, &step->point->block, 1, err);
    }
    for (size_t i = 0; i < blame->fields_count && status == COPSE_OK; i++) {
        blame_field *field = &blame->fields[i];
        if (field->point == step->point) {
            field->point = field->next;
            if (field->next == NULL) {
                blame_name(&blame->lines[i], step->point, &step->commit);
            }
        }
    }
    return status;
}

/* Goes on where the document is not there either. Where it is in all parents, it was deleted. */
static copse_status blame_step_absent(blame_step *step, copse_err *err)
{
    copse_document_blame *blame = step->blame;
    bool is_deletion = step->commit.parents_count > 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < step->commit.parents_count && status == COPSE_OK; i++) {
        status = blame_step_load(step, i, err);
        if (status == COPSE_OK && step->parents[i]->row.len == 0) {
            step->is_taken[i] = true;
            is_deletion = false;
        }
    }
    if (status == COPSE_OK && is_deletion) {
        status = copse_block_list_append(&blame->named, &step->point->block, 1, err);
    }
    if (status == COPSE_OK && is_deletion) {
        status = blame_alloc_lines(blame, 1, err);
    }
    if (status == COPSE_OK && is_deletion) {
        blame_name(&blame->lines[0], step->point, &step->commit);
    }
    return status;
}

/* B3 */
static copse_status blame_step_run(copse_document_blame *blame, copse_err *err)
{
    blame_step step = {.blame = blame, .point = blame->points[blame->points_count - 1]};
    copse_status status = copse_commit_decode(blame->env, step.point->block, &step.commit, err);
    if (status == COPSE_OK) {
        status = blame_reserve_points(blame, step.commit.parents_count, err);
    }
    if (status == COPSE_OK) {
        status =
            blame->fields_count > 0 ? blame_step_fields(&step, err) : blame_step_absent(&step, err);
    }
    if (status == COPSE_OK) {
        blame->points_count--;
        blame_point_free(blame, step.point);
    }
    for (size_t i = 0; i < step.commit.parents_count; i++) {
        if (step.is_new[i] && step.is_taken[i] && status == COPSE_OK) {
            blame_add_point(blame, step.parents[i]);
        } else if (step.is_new[i]) {
            blame_point_free(blame, step.parents[i]);
        }
    }
    return status;
}

/* ---- Running ---- */

static copse_status blame_begin(copse_document_blame *blame, copse_err *err)
{
    blame_point *point = NULL;
    copse_status status = blame_reserve_points(blame, 1, err);
    if (status == COPSE_OK) {
        status = blame_load_point(blame, &blame->head, INT64_MAX, &point, err);
    }
    if (status == COPSE_OK && point->row.len > 0) {
        status = blame_collect(blame, point, err);
    }
    if (status != COPSE_OK) {
        blame_forget_fields(blame);
        blame_point_free(blame, point);
        return status;
    }
    blame_add_point(blame, point);
    blame->is_begun = true;
    return COPSE_OK;
}

/* Whether all lines are known: of fields, where none stands at a point. */
static bool blame_is_done(const copse_document_blame *blame)
{
    return blame->points_count == 0 || (blame->fields_count == 0 && blame->lines_count > 0);
}

static copse_status blame_work(copse_document_blame *blame, copse_err *err)
{
    copse_status status = blame->is_begun ? COPSE_OK : blame_begin(blame, err);
    while (status == COPSE_OK && !blame_is_done(blame)) {
        status = blame_step_run(blame, err);
    }
    return status == COPSE_OK && blame->lines_count == 0
               ? COPSE_ERR(err, COPSE_NOT_FOUND, "no commit has such a document")
               : status;
}

/* Appends the CIDs of the points' parents. */
static copse_status blame_list_parents(const copse_document_blame *blame, copse_buf *cids)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < blame->points_count && status == COPSE_OK; i++) {
        copse_commit commit;
        status = copse_commit_decode(blame->env, blame->points[i]->block, &commit, NULL);
        if (status == COPSE_OK) {
            status = copse_buf_append(cids,
                                      (copse_bytes){(const uint8_t *)commit.parents,
                                                    commit.parents_count * sizeof *commit.parents});
        }
    }
    return status;
}

/* Asks for what the next steps would read. What else fails here fails again where it is needed. */
static copse_status blame_look_ahead(copse_document_blame *blame, copse_err *err)
{
    copse_history_log *log = NULL;
    copse_buf cids;
    copse_buf row;
    copse_buf_init(&cids, blame->env, SIZE_MAX);
    copse_buf_init(&row, blame->env, SIZE_MAX);
    copse_status status = blame_list_parents(blame, &cids);
    if (status == COPSE_OK) {
        status = copse_history_log_new_by(
            blame->env, blame_source(blame), (const copse_cid *)(const void *)cids.ptr,
            cids.len / sizeof(copse_cid), COPSE_HISTORY_BY_GENERATION, &log, NULL);
    }
    for (size_t i = 0; i < BLAME_AHEAD_MAX && status == COPSE_OK; i++) {
        const copse_cid *cid;
        const copse_commit *commit;
        status = copse_history_log_next(log, &cid, &commit, NULL);
        copse_buf_truncate(&row, 0);
        if (status == COPSE_OK) {
            status = blame_read_row(blame, &commit->tree, &row, NULL);
            status = status == COPSE_WANT ? COPSE_OK : status;
        }
    }
    copse_history_log_free(log);
    copse_buf_release(&cids);
    copse_buf_release(&row);
    return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : COPSE_WANT;
}

copse_status copse_document_blame_run(copse_document_blame *blame, copse_err *err)
{
    copse_source_begin_several(blame_source(blame));
    copse_status status = blame_work(blame, err);
    if (status == COPSE_WANT) {
        status = blame_name_points(blame, err);
        status = status == COPSE_OK ? blame_look_ahead(blame, err) : status;
    }
    copse_source_end_several(blame_source(blame));
    return status;
}
