/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/document_leaves.h"

#include "base/err.h"
#include "doc/document_member.h"

#include <copse/buf.h>
#include <copse/value.h>

typedef struct leaves_walk {
    copse_buf path;
    size_t depth;
    copse_document_leaf_fn visit;
    void *ctx;
} leaves_walk;

static copse_status leaves_walk_object(leaves_walk *walk, copse_bytes ours, copse_bytes theirs,
                                       copse_err *err);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as documents are */
static copse_status leaves_walk_value(leaves_walk *walk, copse_bytes ours, copse_bytes theirs,
                                      copse_err *err)
{
    copse_value value;
    copse_status status = copse_value_read(ours, &value, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (value.type == COPSE_VALUE_OBJECT && value.arg > 0) {
        return leaves_walk_object(walk, ours, theirs, err);
    }
    const copse_document_leaf leaf = {copse_buf_view(&walk->path), ours, theirs};
    return walk->visit(walk->ctx, &leaf, err);
}

/* Goes on at a member, with its name behind the path. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as documents are */
static copse_status leaves_walk_member(leaves_walk *walk, const copse_document_member *ours,
                                       copse_bytes theirs, copse_err *err)
{
    size_t size = walk->path.len;
    copse_status status = walk->depth > 0 ? copse_buf_append_byte(&walk->path, '.') : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_buf_append(&walk->path, ours->key);
    }
    walk->depth++;
    status = status == COPSE_OK ? leaves_walk_value(walk, ours->value, theirs, err)
                                : COPSE_ERR_NOMEM(err);
    walk->depth--;
    copse_buf_truncate(&walk->path, size);
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as documents are */
static copse_status leaves_walk_object(leaves_walk *walk, copse_bytes ours, copse_bytes theirs,
                                       copse_err *err)
{
    static const copse_bytes none = {NULL, 0};
    copse_document_member left;
    copse_document_member right = {.key = {NULL, 0}};
    copse_value value = {.type = COPSE_VALUE_NULL};
    copse_status status = copse_document_member_first(ours, &left, err);
    if (status == COPSE_OK && theirs.len > 0) {
        status = copse_value_read(theirs, &value, err);
    }
    if (status == COPSE_OK && value.type == COPSE_VALUE_OBJECT) {
        status = copse_document_member_first(theirs, &right, err);
    }
    while (status == COPSE_OK && left.key.ptr != NULL) {
        int order = copse_document_member_compare(&left, &right);
        if (order <= 0) {
            status = leaves_walk_member(walk, &left, order == 0 ? right.value : none, err);
        }
        if (status == COPSE_OK && order <= 0) {
            status = copse_document_member_next(&left, err);
        }
        if (status == COPSE_OK && order >= 0) {
            status = copse_document_member_next(&right, err);
        }
    }
    return status;
}

copse_status copse_document_leaves(const copse_env *env, copse_bytes document, copse_bytes other,
                                   copse_document_leaf_fn visit, void *ctx, copse_err *err)
{
    leaves_walk walk = {.visit = visit, .ctx = ctx};
    copse_buf_init(&walk.path, env, SIZE_MAX);
    copse_status status = leaves_walk_object(&walk, document, other, err);
    copse_buf_release(&walk.path);
    return status;
}
