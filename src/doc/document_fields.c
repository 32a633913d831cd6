/* Which fields of two documents differ: both are walked side by side, in the order of their keys.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/document_diff.h>
#include <copse/value.h>

#include "base/err.h"
#include "doc/document_member.h"

enum { FIELDS_NUMBER_SIZE = 20 };

typedef struct fields_walk {
    copse_buf path;
    copse_status (*visit)(void *ctx, const copse_field_change *change, copse_err *err);
    void *ctx;
    size_t depth_max;
} fields_walk;

static copse_status fields_report(fields_walk *walk, copse_bytes before, copse_bytes after,
                                  copse_err *err)
{
    const copse_field_change change = {
        .kind = before.ptr == NULL  ? COPSE_ADDED
                : after.ptr == NULL ? COPSE_REMOVED
                                    : COPSE_CHANGED,
        .path = copse_buf_view(&walk->path),
        .before = before,
        .after = after,
    };
    return walk->visit(walk->ctx, &change, err);
}

static copse_status fields_compare(fields_walk *walk, copse_bytes before, copse_bytes after,
                                   size_t depth, copse_err *err);

/* Goes on at `name` behind the present path. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_max */
static copse_status fields_enter(fields_walk *walk, copse_bytes name, copse_bytes before,
                                 copse_bytes after, size_t depth, copse_err *err)
{
    size_t len = walk->path.len;
    copse_status status = len > 0 ? copse_buf_append_byte(&walk->path, '.') : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_buf_append(&walk->path, name);
    }
    status = status == COPSE_OK ? fields_compare(walk, before, after, depth + 1, err)
                                : COPSE_ERR_NOMEM(err);
    copse_buf_truncate(&walk->path, len);
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_max */
static copse_status fields_compare_objects(fields_walk *walk, copse_bytes before, copse_bytes after,
                                           size_t depth, copse_err *err)
{
    static const copse_bytes none = {NULL, 0};
    copse_document_member left;
    copse_document_member right;
    copse_status status = copse_document_member_first(before, &left, err);
    if (status == COPSE_OK) {
        status = copse_document_member_first(after, &right, err);
    }
    while (status == COPSE_OK && (left.key.ptr != NULL || right.key.ptr != NULL)) {
        int order = copse_document_member_compare(&left, &right);
        status =
            fields_enter(walk, order <= 0 ? left.key : right.key, order <= 0 ? left.value : none,
                         order >= 0 ? right.value : none, depth, err);
        if (status == COPSE_OK && order <= 0) {
            status = copse_document_member_next(&left, err);
        }
        if (status == COPSE_OK && order >= 0) {
            status = copse_document_member_next(&right, err);
        }
    }
    return status;
}

/* The digits of `number`, in the caller's bytes. */
static copse_bytes fields_digits(uint64_t number, uint8_t ret_digits[FIELDS_NUMBER_SIZE])
{
    size_t at = FIELDS_NUMBER_SIZE;
    do {
        ret_digits[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return (copse_bytes){ret_digits + at, FIELDS_NUMBER_SIZE - at};
}

/* Of equal length. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_max */
static copse_status fields_compare_arrays(fields_walk *walk, copse_bytes before, copse_bytes after,
                                          uint64_t count, size_t depth, copse_err *err)
{
    copse_cbor_reader left;
    copse_cbor_reader right;
    copse_cbor_item item;
    copse_cbor_reader_init(&left, before);
    copse_cbor_reader_init(&right, after);
    copse_status status = copse_cbor_next(&left, &item, err);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&right, &item, err);
    }
    for (uint64_t i = 0; i < count && status == COPSE_OK; i++) {
        uint8_t digits[FIELDS_NUMBER_SIZE];
        copse_bytes a = {NULL, 0};
        copse_bytes b = {NULL, 0};
        status = copse_cbor_take(&left, &a, err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&right, &b, err);
        }
        if (status == COPSE_OK) {
            status = fields_enter(walk, fields_digits(i, digits), a, b, depth, err);
        }
    }
    return status;
}

/* Two values at the present path, of which one may be missing. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_max */
static copse_status fields_compare(fields_walk *walk, copse_bytes before, copse_bytes after,
                                   size_t depth, copse_err *err)
{
    copse_value left;
    copse_value right;
    if (before.ptr == NULL || after.ptr == NULL) {
        return fields_report(walk, before, after, err);
    }
    if (copse_bytes_equal(before, after)) {
        return COPSE_OK;
    }
    if (depth > walk->depth_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a document is nested too deep");
    }
    copse_status status = copse_value_read(before, &left, err);
    if (status == COPSE_OK) {
        status = copse_value_read(after, &right, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (left.type == COPSE_VALUE_OBJECT && right.type == COPSE_VALUE_OBJECT) {
        return fields_compare_objects(walk, before, after, depth, err);
    }
    if (left.type == COPSE_VALUE_ARRAY && right.type == COPSE_VALUE_ARRAY &&
        left.arg == right.arg) {
        return fields_compare_arrays(walk, before, after, left.arg, depth, err);
    }
    return fields_report(walk, before, after, err);
}

copse_status copse_document_fields_diff(const copse_env *env, copse_bytes before, copse_bytes after,
                                        copse_status (*visit)(void *ctx,
                                                              const copse_field_change *change,
                                                              copse_err *err),
                                        void *ctx, copse_err *err)
{
    fields_walk walk = {.visit = visit, .ctx = ctx, .depth_max = env->limits.cbor_depth_max};
    copse_buf_init(&walk.path, env, SIZE_MAX);
    copse_status status = fields_compare(&walk, before, after, 0, err);
    copse_buf_release(&walk.path);
    return status;
}
