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
 *   B4  The paths of all fields together are no larger than a document may be: deep objects
 *       could make of a small document paths of the square of its size.
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
#include "doc/document_blame_points.h"
#include "doc/document_leaves.h"
#include "index/key_space.h"
#include "tree/node_cache.h"

#include <copse/order.h>

typedef struct blame_field {
    copse_bytes value;
    size_t path_offset; /* in the blame's paths */
    size_t path_size;
    copse_blame_point *point; /* NULL: its line is known */
    copse_blame_point *next;  /* of a step: where it goes; NULL: nowhere yet */
    bool is_equal;            /* in the document that was compared last */
} blame_field;

struct copse_document_blame {
    const copse_env *env;
    copse_cid head;
    copse_buf row; /* at the head */
    copse_document document;
    copse_buf paths;
    blame_field *fields;
    size_t fields_count;
    size_t fields_capacity;
    copse_blame_line *lines; /* of the fields, or one of the deletion */
    size_t lines_count;
    copse_blame_points points;
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
    blame->head = *head;
    blame->named.env = env;
    copse_blame_points_init(&blame->points, cache);
    copse_buf_init(&blame->row, env, SIZE_MAX);
    copse_buf_init(&blame->paths, env, env->limits.document_size_bytes_max); /* B4 */
    status = copse_key_write_documents(&blame->points.key, collection) == COPSE_OK
                 ? copse_order_write_primary(&blame->points.key, id, err)
                 : COPSE_ERR_NOMEM(err);
    if (status != COPSE_OK) {
        copse_document_blame_free(blame);
        return status;
    }
    *ret_blame = blame;
    return COPSE_OK;
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
        copse_blame_points_release(&blame->points);
        copse_free_array(blame->env, blame->fields, blame->fields_capacity, sizeof *blame->fields);
        copse_block_list_release(&blame->named);
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

static copse_source *blame_source(const copse_document_blame *blame)
{
    return copse_node_cache_source(blame->points.cache);
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
    copse_status status = grown ? copse_buf_append(&blame->paths, leaf->path) : COPSE_NOMEM;
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status,
                         status == COPSE_LIMIT ? "a document whose paths are larger than one may be"
                                               : "no memory for the fields of a document");
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
static copse_status blame_compare(copse_document_blame *blame, const copse_blame_point *point,
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
static void blame_name(copse_blame_line *line, const copse_blame_point *point,
                       const copse_commit *commit)
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
static copse_status blame_collect(copse_document_blame *blame, copse_blame_point *point,
                                  copse_err *err)
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
    for (size_t i = 0; i < blame->points.count && status == COPSE_OK; i++) {
        copse_commit commit;
        status = copse_commit_decode(blame->env, blame->points.items[i]->block, &commit, err);
        for (size_t j = 0; j < blame->fields_count && status == COPSE_OK; j++) {
            if (blame->fields[j].point == blame->points.items[i]) {
                blame_name(&blame->lines[j], blame->points.items[i], &commit);
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
    copse_blame_point *point;
    copse_commit commit;
    copse_blame_point *parents[COPSE_COMMIT_PARENTS_MAX];
    bool is_new[COPSE_COMMIT_PARENTS_MAX];   /* it is no point yet */
    bool is_taken[COPSE_COMMIT_PARENTS_MAX]; /* it is to be one */
} blame_step;

static copse_status blame_step_load(blame_step *step, size_t at, copse_err *err)
{
    const copse_cid *cid = &step->commit.parents[at];
    step->parents[at] = copse_blame_points_find(&step->blame->points, cid);
    step->is_new[at] = step->parents[at] == NULL;
    if (!step->is_new[at]) {
        return COPSE_OK;
    }
    return copse_blame_points_load(&step->blame->points, cid, step->point->generation - 1,
                                   &step->parents[at], err);
}

/* Sends the fields that are equal in a parent, and not sent yet, there; *left: those that are. */
static copse_status blame_step_match(blame_step *step, size_t at, size_t *left, copse_err *err)
{
    copse_document_blame *blame = step->blame;
    copse_blame_point *parent = step->parents[at];
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
    blame_step step = {.blame = blame, .point = blame->points.items[blame->points.count - 1]};
    copse_status status = copse_commit_decode(blame->env, step.point->block, &step.commit, err);
    if (status == COPSE_OK) {
        status = copse_blame_points_reserve(&blame->points, step.commit.parents_count, err);
    }
    if (status == COPSE_OK) {
        status =
            blame->fields_count > 0 ? blame_step_fields(&step, err) : blame_step_absent(&step, err);
    }
    if (status == COPSE_OK) {
        blame->points.count--;
        copse_blame_point_free(blame->env, step.point);
    }
    for (size_t i = 0; i < step.commit.parents_count; i++) {
        if (step.is_new[i] && step.is_taken[i] && status == COPSE_OK) {
            copse_blame_points_add(&blame->points, step.parents[i]);
        } else if (step.is_new[i]) {
            copse_blame_point_free(blame->env, step.parents[i]);
        }
    }
    return status;
}

/* ---- Running ---- */

static copse_status blame_begin(copse_document_blame *blame, copse_err *err)
{
    copse_blame_point *point = NULL;
    copse_status status = copse_blame_points_reserve(&blame->points, 1, err);
    if (status == COPSE_OK) {
        status = copse_blame_points_load(&blame->points, &blame->head, INT64_MAX, &point, err);
    }
    if (status == COPSE_OK && point->row.len > 0) {
        status = blame_collect(blame, point, err);
    }
    if (status != COPSE_OK) {
        blame_forget_fields(blame);
        copse_blame_point_free(blame->env, point);
        return status;
    }
    copse_blame_points_add(&blame->points, point);
    blame->is_begun = true;
    return COPSE_OK;
}

/* Whether all lines are known: of fields, where none stands at a point. */
static bool blame_is_done(const copse_document_blame *blame)
{
    return blame->points.count == 0 || (blame->fields_count == 0 && blame->lines_count > 0);
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

copse_status copse_document_blame_run(copse_document_blame *blame, copse_err *err)
{
    copse_source_begin_several(blame_source(blame));
    copse_status status = blame_work(blame, err);
    if (status == COPSE_WANT) {
        status = blame_name_points(blame, err);
        status = status == COPSE_OK ? copse_blame_points_look_ahead(&blame->points, err) : status;
    }
    copse_source_end_several(blame_source(blame));
    return status;
}
