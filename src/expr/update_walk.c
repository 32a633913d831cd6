/* The pass that writes the new document: over the document and the tree of paths, both in order.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/path.h"
#include "expr/update_private.h"
#include "value/dag_cbor_inline.h"

enum { UPDATE_SHOWN_MAX = 80 };

/* Nulls that one path may add to an array, as in MongoDB. */
static const uint64_t update_padding_max = 1500000;

copse_status copse_update_finish(copse_buf *out, size_t offset, uint8_t major, uint64_t count)
{
    uint8_t head[COPSE_CBOR_HEAD_SIZE_BYTES_MAX];
    size_t size = copse_cbor_head_store(head, major, count);
    size_t content = out->len - offset;
    copse_status status = copse_buf_append(out, (copse_bytes){head, size});
    if (status == COPSE_OK) {
        memmove(out->ptr + offset + size, out->ptr + offset, content);
        memcpy(out->ptr + offset, head, size);
    }
    return status;
}

copse_status copse_update_keep(copse_update_run *run, copse_bytes value, bool *ret_there)
{
    *ret_there = value.len != 0;
    return copse_buf_append(run->out, value);
}

static copse_status update_walk_append(copse_update_run *run, const uint8_t *from,
                                       const uint8_t *to)
{
    return copse_buf_append(run->out, (copse_bytes){from, (size_t)(to - from)});
}

static copse_status update_walk_corrupt(copse_update_run *run)
{
    return COPSE_ERR(run->err, COPSE_CORRUPT, "a document breaks DAG-CBOR");
}

/* ---- Where a path can't go on --------------------------------------------------------------- */

/* The first action below that must reach its end; NULL: none. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static const copse_update_action *update_walk_strict(const copse_update_run *run,
                                                     const copse_update_node *node)
{
    if (node->action != NULL) {
        return !node->action->op->lenient && copse_update_is_active(run, node->action)
                   ? node->action
                   : NULL;
    }
    const copse_update_action *found = NULL;
    for (size_t i = 0; found == NULL && i < node->count; i++) {
        found = update_walk_strict(run, node->children[i]);
    }
    return found;
}

/* `value`, at the path of `node`, has no place for `child`. */
static copse_status update_walk_blocked(copse_update_run *run, const copse_update_node *node,
                                        const copse_update_node *child, copse_bytes value)
{
    copse_value typed;
    if (update_walk_strict(run, child) == NULL) {
        return COPSE_OK;
    }
    copse_status status = copse_value_read(value, &typed, run->err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes at = node->path;
    copse_bytes part = child->text;
    return COPSE_ERR(run->err, COPSE_CORRUPT, "cannot create field '%.*s' in '%.*s', which is %s",
                     part.len < UPDATE_SHOWN_MAX ? (int)part.len : UPDATE_SHOWN_MAX,
                     (const char *)part.ptr,
                     at.len < UPDATE_SHOWN_MAX ? (int)at.len : UPDATE_SHOWN_MAX,
                     (const char *)at.ptr, copse_value_type_name(typed.type));
}

/* ---- Objects -------------------------------------------------------------------------------- */

/* U5: removing a field must not leave something that is read as another type. */
static copse_status update_walk_check_object(copse_update_run *run, size_t offset)
{
    copse_bytes object = {run->out->ptr + offset, run->out->len - offset};
    return copse_path_check_made(object, "the update", run->err);
}

/* A pair of `child`; `value` len 0: it would be new. Counts it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static copse_status update_walk_pair(copse_update_run *run, const copse_update_node *child,
                                     copse_bytes value, uint64_t *count)
{
    size_t offset = run->out->len;
    bool there = false;
    copse_status status = copse_buf_append(run->out, child->key);
    if (status == COPSE_OK) {
        status = copse_update_walk(run, child, value, &there);
    }
    if (status == COPSE_OK && !there) {
        copse_buf_truncate(run->out, offset);
    }
    *count += there;
    return status;
}

/* The pairs of an object, `left` from `at` on, with the children of `node` merged in. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static copse_status update_walk_pairs(copse_update_run *run, const copse_update_node *node,
                                      const uint8_t *at, const uint8_t *end, uint64_t left,
                                      uint64_t *count)
{
    const uint8_t *kept = at; /* what is before was written */
    size_t i = 0;
    copse_status status = COPSE_OK;
    *count = left;
    for (; status == COPSE_OK && left > 0 && i < node->count; left--) {
        const uint8_t *value = copse_cbor_item_skip(at, end);
        const uint8_t *next = copse_cbor_item_skip(value, end);
        if (next == NULL) {
            return update_walk_corrupt(run);
        }
        copse_bytes key = {at, (size_t)(value - at)};
        int order = -1;
        while (status == COPSE_OK && i < node->count &&
               (order = copse_bytes_compare(node->children[i]->key, key)) <= 0) {
            status = update_walk_append(run, kept, at);
            kept = order == 0 ? next : at;
            *count -= order == 0;
            copse_bytes old = {value, order == 0 ? (size_t)(next - value) : 0};
            if (status == COPSE_OK) {
                status = update_walk_pair(run, node->children[i++], old, count);
            }
        }
        at = next;
    }
    if (status == COPSE_OK) {
        status = update_walk_append(run, kept, end);
    }
    for (; status == COPSE_OK && i < node->count; i++) {
        status = update_walk_pair(run, node->children[i], (copse_bytes){NULL, 0}, count);
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static copse_status update_walk_object(copse_update_run *run, const copse_update_node *node,
                                       copse_bytes object, uint64_t *ret_count)
{
    copse_cbor_head head;
    size_t offset = run->out->len;
    const uint8_t *end = object.ptr + object.len;
    if (!copse_cbor_head_read(object.ptr, end, &head)) {
        return update_walk_corrupt(run);
    }
    copse_status status =
        update_walk_pairs(run, node, object.ptr + head.size, end, head.arg, ret_count);
    if (status == COPSE_OK) {
        status = copse_update_finish(run->out, offset, COPSE_CBOR_MAJOR_MAP, *ret_count);
    }
    return status == COPSE_OK ? update_walk_check_object(run, offset) : status;
}

/* Where there is nothing: an object, if something comes into it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static copse_status update_walk_nothing(copse_update_run *run, const copse_update_node *node,
                                        bool *ret_there)
{
    static const uint8_t empty_map[] = {0xa0};
    size_t offset = run->out->len;
    uint64_t count = 0;
    copse_status status =
        update_walk_object(run, node, (copse_bytes){empty_map, sizeof empty_map}, &count);
    *ret_there = count != 0;
    if (status == COPSE_OK && count == 0) {
        copse_buf_truncate(run->out, offset);
    }
    return status;
}

/* ---- Arrays, by index ----------------------------------------------------------------------- */

/* An element behind the `count` that there are, with nulls up to it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static copse_status update_walk_new_element(copse_update_run *run, const copse_update_node *child,
                                            uint64_t *count)
{
    size_t offset = run->out->len;
    bool there = false;
    copse_status status = copse_update_walk(run, child, (copse_bytes){NULL, 0}, &there);
    if (status != COPSE_OK || !there) {
        return status;
    }
    uint64_t padding = child->index - *count;
    if (padding > update_padding_max) {
        return COPSE_ERR(run->err, COPSE_LIMIT, "an update adds at most %llu nulls to an array",
                         (unsigned long long)update_padding_max);
    }
    size_t size = run->out->len - offset;
    for (uint64_t i = 0; status == COPSE_OK && i < padding; i++) {
        status = copse_cbor_write_null(run->out);
    }
    if (status == COPSE_OK) {
        memmove(run->out->ptr + offset + padding, run->out->ptr + offset, size);
        memset(run->out->ptr + offset, COPSE_CBOR_NIL, (size_t)padding);
        *count = child->index + 1;
    }
    return status;
}

/* An element that is removed becomes null, so that those behind it stay where they are. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static copse_status update_walk_element(copse_update_run *run, const copse_update_node *child,
                                        copse_bytes element)
{
    bool there = false;
    copse_status status = copse_update_walk(run, child, element, &there);
    return status == COPSE_OK && !there ? copse_cbor_write_null(run->out) : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static copse_status update_walk_indexes(copse_update_run *run, const copse_update_node *node,
                                        copse_bytes array)
{
    copse_bytes content;
    uint64_t count = 0;
    size_t offset = run->out->len;
    copse_status status = COPSE_OK;
    if (!copse_update_array_open(array, &content, &count)) {
        return update_walk_corrupt(run);
    }
    const uint8_t *end = content.ptr + content.len;
    const uint8_t *kept = content.ptr;
    const uint8_t *at = kept;
    uint64_t elements = count;
    uint64_t position = 0;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        const copse_update_node *child = node->children[i];
        if (!child->indexed) {
            status = update_walk_blocked(run, node, child, array);
            continue;
        }
        for (; position < elements && position < child->index; position++) {
            at = copse_cbor_item_skip(at, end);
        }
        bool present = position == child->index && position < elements;
        const uint8_t *next = present ? copse_cbor_item_skip(at, end) : at;
        if (next == NULL) {
            return update_walk_corrupt(run);
        }
        status = update_walk_append(run, kept, at);
        if (status == COPSE_OK) {
            status = present
                         ? update_walk_element(run, child, (copse_bytes){at, (size_t)(next - at)})
                         : update_walk_new_element(run, child, &count);
        }
        position += present;
        kept = at = next;
    }
    if (status == COPSE_OK) {
        status = update_walk_append(run, kept, end);
    }
    return status == COPSE_OK ? copse_update_finish(run->out, offset, COPSE_CBOR_MAJOR_ARRAY, count)
                              : status;
}

/* ---- Arrays, by selectors ------------------------------------------------------------------- */

/* The node for one element: that of the selector that takes it, or of several the merger; NULL: no
 * selector takes it. */
static copse_status update_walk_select(copse_update_run *run, const copse_update_node *node,
                                       copse_bytes element, const copse_update_node **ret_node,
                                       bool *ret_merged)
{
    const copse_update_node *found = NULL;
    copse_status status = COPSE_OK;
    *ret_merged = false;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        const copse_update_node *child = node->children[i];
        bool match = true;
        if (child->filter != NULL) {
            status = copse_update_filter_test(run, child->filter, element, &match);
        }
        if (status == COPSE_OK && match && found != NULL) {
            *ret_merged = true;
            status =
                copse_update_tree_merge(&run->update->merge_arena, found, child, &found, run->err);
        } else if (match) {
            found = child;
        }
    }
    *ret_node = found;
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static copse_status update_walk_selected(copse_update_run *run, const copse_update_node *node,
                                         copse_bytes element)
{
    const copse_update_node *child = NULL;
    bool merged = false;
    copse_status status = update_walk_select(run, node, element, &child, &merged);
    if (status == COPSE_OK) {
        run->mergers += merged;
        status = child != NULL ? update_walk_element(run, child, element)
                               : copse_buf_append(run->out, element);
        run->mergers -= merged;
    }
    if (run->mergers == 0 && merged) {
        copse_arena_reset(&run->update->merge_arena);
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
static copse_status update_walk_selectors(copse_update_run *run, const copse_update_node *node,
                                          copse_bytes value)
{
    copse_bytes content;
    uint64_t count = 0;
    size_t offset = run->out->len;
    copse_status status = COPSE_OK;
    int shown = node->path.len < UPDATE_SHOWN_MAX ? (int)node->path.len : UPDATE_SHOWN_MAX;
    if (value.len == 0) {
        return COPSE_ERR(run->err, COPSE_CORRUPT,
                         "the path '%.*s' must exist in the document in order to apply array "
                         "updates",
                         shown, (const char *)node->path.ptr);
    }
    if (!copse_update_array_open(value, &content, &count)) {
        return COPSE_ERR(run->err, COPSE_CORRUPT,
                         "cannot apply array updates to the non-array element '%.*s'", shown,
                         (const char *)node->path.ptr);
    }
    const uint8_t *at = content.ptr;
    const uint8_t *end = at + content.len;
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        const uint8_t *next = copse_cbor_item_skip(at, end);
        if (next == NULL) {
            return update_walk_corrupt(run);
        }
        status = update_walk_selected(run, node, (copse_bytes){at, (size_t)(next - at)});
        at = next;
    }
    return status == COPSE_OK ? copse_update_finish(run->out, offset, COPSE_CBOR_MAJOR_ARRAY, count)
                              : status;
}

/* ---- All ------------------------------------------------------------------------------------ */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the paths */
copse_status copse_update_walk(copse_update_run *run, const copse_update_node *node,
                               copse_bytes value, bool *ret_there)
{
    uint64_t count = 0;
    *ret_there = true;
    if (node->action != NULL) {
        return copse_update_is_active(run, node->action)
                   ? node->action->op->apply(run, node->action, value, ret_there)
                   : copse_update_keep(run, value, ret_there);
    }
    if (node->children[0]->selects) {
        return update_walk_selectors(run, node, value);
    }
    if (value.len == 0) {
        return update_walk_nothing(run, node, ret_there);
    }
    if (copse_path_is_object(value)) {
        return update_walk_object(run, node, value, &count);
    }
    if (copse_path_is_array(value)) {
        return update_walk_indexes(run, node, value);
    }
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        status = update_walk_blocked(run, node, node->children[i], value);
    }
    return status == COPSE_OK ? copse_update_keep(run, value, ret_there) : status;
}
