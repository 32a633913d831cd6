/* Three objects are walked side by side, in the order of their keys, and the merged one is written
 * on the way.
 *
 *   M1  A value that base and ours share becomes theirs, one that base and theirs share ours, and
 *       one that ours and theirs share stays; missing is a value here.
 *   M2  Otherwise objects of ours and theirs are gone into, base being an empty one if it is none.
 *   M3  Otherwise it is a conflict, and ours stays.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/document_merge.h>
#include <copse/value.h>

#include "base/err.h"
#include "doc/document_member.h"

typedef struct document_merging {
    copse_buf *buf;
    copse_buf path;
    copse_field_conflict_fn visit;
    void *ctx;
    size_t conflicts;
    size_t depth_max;
} document_merging;

/* What the three sides have at a path; ptr NULL: nothing. */
typedef struct merged_sides {
    copse_bytes base;
    copse_bytes ours;
    copse_bytes theirs;
} merged_sides;

static const copse_bytes merged_nothing = {NULL, 0};

static copse_status document_merge_value(document_merging *merging, const merged_sides *sides,
                                         size_t depth, bool *ret_is_there, copse_err *err);

static bool merged_same(copse_bytes a, copse_bytes b)
{
    return (a.ptr == NULL) == (b.ptr == NULL) && copse_bytes_equal(a, b);
}

static copse_status merged_is_object(copse_bytes item, bool *ret_is_object, copse_err *err)
{
    copse_value value = {.type = COPSE_VALUE_NULL};
    copse_status status = item.ptr != NULL ? copse_value_read(item, &value, err) : COPSE_OK;
    *ret_is_object = status == COPSE_OK && value.type == COPSE_VALUE_OBJECT;
    return status;
}

/* Writes `item`, or nothing if there is none. */
static copse_status document_merge_write(document_merging *merging, copse_bytes item,
                                         bool *ret_is_there, copse_err *err)
{
    *ret_is_there = item.ptr != NULL;
    copse_status status =
        item.ptr != NULL ? copse_cbor_write_encoded(merging->buf, item) : COPSE_OK;
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for a merged document");
}

static copse_status document_merge_conflict(document_merging *merging, const merged_sides *sides,
                                            bool *ret_is_there, copse_err *err)
{
    const copse_field_conflict conflict = {.path = copse_buf_view(&merging->path),
                                           .base = sides->base,
                                           .ours = sides->ours,
                                           .theirs = sides->theirs};
    merging->conflicts++;
    copse_status status =
        merging->visit != NULL ? merging->visit(merging->ctx, &conflict, err) : COPSE_OK;
    return status == COPSE_OK ? document_merge_write(merging, sides->ours, ret_is_there, err)
                              : status;
}

/* Writes the member `key`, if the merge leaves one. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_max */
static copse_status document_merge_member(document_merging *merging, copse_bytes key,
                                          const merged_sides *sides, size_t depth,
                                          uint64_t *ret_count, copse_err *err)
{
    size_t path_len = merging->path.len;
    size_t start = merging->buf->len;
    bool is_there = false;
    copse_status status = path_len > 0 ? copse_buf_append_byte(&merging->path, '.') : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_buf_append(&merging->path, key);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(merging->buf, key);
    }
    status = status == COPSE_OK ? document_merge_value(merging, sides, depth + 1, &is_there, err)
                                : COPSE_ERR(err, status, "no room for a merged document");
    copse_buf_truncate(&merging->path, path_len);
    if (!is_there) {
        copse_buf_truncate(merging->buf, start);
    }
    *ret_count += is_there;
    return status;
}

enum { MERGED_BASE, MERGED_OURS, MERGED_THEIRS, MERGED_SIDES };

/* Begins all three; base with nothing if it is no object. */
static copse_status merged_begin(const merged_sides *sides, bool is_base_object,
                                 copse_document_member ret_members[MERGED_SIDES], copse_err *err)
{
    const copse_bytes maps[MERGED_SIDES] = {is_base_object ? sides->base : merged_nothing,
                                            sides->ours, sides->theirs};
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < MERGED_SIDES && status == COPSE_OK; i++) {
        ret_members[i] = (copse_document_member){.key = merged_nothing};
        if (maps[i].ptr != NULL) {
            status = copse_document_member_first(maps[i], &ret_members[i], err);
        }
    }
    return status;
}

/* The next key among the three; `ret_sides` gets what they have there, and they go on. False: they
 * have all ended. */
static bool merged_take(copse_document_member members[MERGED_SIDES], copse_bytes *ret_key,
                        merged_sides *ret_sides, bool ret_taken[MERGED_SIDES])
{
    const copse_document_member *least = &members[0];
    for (size_t i = 1; i < MERGED_SIDES; i++) {
        least = copse_document_member_compare(&members[i], least) < 0 ? &members[i] : least;
    }
    if (least->key.ptr == NULL) {
        return false;
    }
    *ret_key = least->key;
    for (size_t i = 0; i < MERGED_SIDES; i++) {
        ret_taken[i] = copse_document_member_compare(&members[i], least) == 0;
    }
    ret_sides->base = ret_taken[MERGED_BASE] ? members[MERGED_BASE].value : merged_nothing;
    ret_sides->ours = ret_taken[MERGED_OURS] ? members[MERGED_OURS].value : merged_nothing;
    ret_sides->theirs = ret_taken[MERGED_THEIRS] ? members[MERGED_THEIRS].value : merged_nothing;
    return true;
}

/* Whether the map at the end of the buf, from `start` on, has a first key that begins with `$`. */
static bool merged_is_led_by_dollar(const copse_buf *buf, size_t start)
{
    copse_document_member member;
    copse_bytes map = {buf->ptr + start, buf->len - start};
    return copse_document_member_first(map, &member, NULL) == COPSE_OK && member.key.len > 0 &&
           member.key.ptr[0] == '$';
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_max */
static copse_status document_merge_objects(document_merging *merging, const merged_sides *sides,
                                           bool is_base_object, size_t depth, bool *ret_is_there,
                                           copse_err *err)
{
    copse_document_member members[MERGED_SIDES];
    bool taken[MERGED_SIDES];
    copse_bytes key;
    merged_sides inner;
    uint64_t count = 0;
    size_t start = merging->buf->len;
    copse_status status = merged_begin(sides, is_base_object, members, err);
    while (status == COPSE_OK && merged_take(members, &key, &inner, taken)) {
        status = document_merge_member(merging, key, &inner, depth, &count, err);
        for (size_t i = 0; i < MERGED_SIDES && status == COPSE_OK; i++) {
            status = taken[i] ? copse_document_member_next(&members[i], err) : COPSE_OK;
        }
    }
    if (status == COPSE_OK) {
        status = copse_cbor_finish_map(merging->buf, start, count);
        status =
            status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for a merged document");
    }
    *ret_is_there = status == COPSE_OK;
    if (status == COPSE_OK && merged_is_led_by_dollar(merging->buf, start)) {
        copse_buf_truncate(merging->buf, start);
        status = document_merge_conflict(merging, sides, ret_is_there, err);
    }
    return status;
}

/* Writes what the three sides become; *ret_is_there says whether that is anything. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_max */
static copse_status document_merge_value(document_merging *merging, const merged_sides *sides,
                                         size_t depth, bool *ret_is_there, copse_err *err)
{
    bool is_object[MERGED_SIDES] = {false, false, false};
    if (merged_same(sides->ours, sides->theirs) || merged_same(sides->base, sides->theirs)) {
        return document_merge_write(merging, sides->ours, ret_is_there, err);
    }
    if (merged_same(sides->base, sides->ours)) {
        return document_merge_write(merging, sides->theirs, ret_is_there, err);
    }
    if (depth > merging->depth_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a document is nested too deep");
    }
    copse_status status = merged_is_object(sides->base, &is_object[MERGED_BASE], err);
    if (status == COPSE_OK) {
        status = merged_is_object(sides->ours, &is_object[MERGED_OURS], err);
    }
    if (status == COPSE_OK) {
        status = merged_is_object(sides->theirs, &is_object[MERGED_THEIRS], err);
    }
    if (status != COPSE_OK || !is_object[MERGED_OURS] || !is_object[MERGED_THEIRS]) {
        return status == COPSE_OK ? document_merge_conflict(merging, sides, ret_is_there, err)
                                  : status;
    }
    return document_merge_objects(merging, sides, is_object[MERGED_BASE], depth, ret_is_there, err);
}

copse_status copse_document_merge(const copse_env *env, copse_bytes base, copse_bytes ours,
                                  copse_bytes theirs, copse_field_conflict_fn visit, void *ctx,
                                  copse_buf *buf, size_t *ret_conflicts, copse_err *err)
{
    document_merging merging = {
        .buf = buf, .visit = visit, .ctx = ctx, .depth_max = env->limits.cbor_depth_max};
    const merged_sides sides = {base.len > 0 ? base : merged_nothing, ours, theirs};
    size_t start = buf->len;
    bool is_there;
    copse_buf_init(&merging.path, env, SIZE_MAX);
    copse_status status = document_merge_value(&merging, &sides, 0, &is_there, err);
    copse_buf_release(&merging.path);
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, start);
        return status;
    }
    *ret_conflicts = merging.conflicts;
    return COPSE_OK;
}
