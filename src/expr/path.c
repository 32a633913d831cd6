/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/path.h"

#include "base/err.h"
#include "value/dag_cbor_inline.h"
#include "value/value_form.h"

/* ---- Paths ---------------------------------------------------------------------------------- */

copse_bytes copse_path_first(copse_bytes path, copse_bytes *ret_rest)
{
    const uint8_t *dot = path.len != 0 ? memchr(path.ptr, '.', path.len) : NULL;
    if (dot == NULL) {
        *ret_rest = (copse_bytes){NULL, 0};
        return path;
    }
    size_t len = (size_t)(dot - path.ptr);
    *ret_rest = (copse_bytes){dot + 1, path.len - len - 1};
    return (copse_bytes){path.ptr, len};
}

copse_status copse_path_check(copse_bytes path, copse_err *err)
{
    if (path.len == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a path is empty");
    }
    if (path.len > COPSE_PATH_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a path has %zu bytes, at most %d are allowed",
                         path.len, COPSE_PATH_SIZE_BYTES_MAX);
    }
    if (!copse_utf8_valid(path) || memchr(path.ptr, 0, path.len) != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a path is not UTF-8 or holds a NUL");
    }
    int len = (int)path.len;
    copse_bytes rest = path;
    size_t count = 0;
    bool more = true;
    while (more) {
        const uint8_t *start = rest.ptr;
        copse_bytes part = copse_path_first(rest, &rest);
        more = start + part.len < path.ptr + path.len; /* a dot is behind it */
        if (part.len == 0 || (more && rest.len == 0)) {
            return COPSE_ERR(err, COPSE_CORRUPT, "the path \"%.*s\" has an empty part", len,
                             (const char *)path.ptr);
        }
        if (part.ptr[0] == '$') {
            return COPSE_ERR(err, COPSE_CORRUPT, "the path \"%.*s\" has a part that begins with $",
                             len, (const char *)path.ptr);
        }
        if (++count > COPSE_PATH_PARTS_MAX) {
            return COPSE_ERR(err, COPSE_CORRUPT, "a path has more than %d parts",
                             COPSE_PATH_PARTS_MAX);
        }
    }
    return COPSE_OK;
}

bool copse_path_part_index(copse_bytes part, uint64_t *ret_index)
{
    enum { DIGITS_MAX = 18 }; /* no array is longer */
    if (part.len == 0 || part.len > DIGITS_MAX || (part.ptr[0] == '0' && part.len > 1)) {
        return false;
    }
    uint64_t index = 0;
    for (size_t i = 0; i < part.len; i++) {
        if (part.ptr[i] < '0' || part.ptr[i] > '9') {
            return false;
        }
        index = index * 10 + (uint64_t)(part.ptr[i] - '0');
    }
    *ret_index = index;
    return true;
}

/* ---- Items ---------------------------------------------------------------------------------- */

static COPSE_NOINLINE copse_status path_fail(copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "a document breaks DAG-CBOR");
}

bool copse_path_is_array(copse_bytes encoded)
{
    return encoded.len != 0 && encoded.ptr[0] >> 5 == COPSE_CBOR_MAJOR_ARRAY;
}

bool copse_path_is_object(copse_bytes encoded)
{
    copse_cbor_head head;
    copse_cbor_head key;
    if (encoded.len == 0 || encoded.ptr[0] >> 5 != COPSE_CBOR_MAJOR_MAP) {
        return false;
    }
    const uint8_t *end = encoded.ptr + encoded.len;
    if (!copse_cbor_head_read(encoded.ptr, end, &head)) {
        return false;
    }
    const uint8_t *at = encoded.ptr + head.size;
    if (head.arg == 0 || !copse_cbor_head_read(at, end, &key) || key.arg == 0) {
        return true;
    }
    if (at + key.size < end && at[key.size] != '$') {
        return true;
    }
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, encoded);
    reader.at = at;
    return head.arg > 1 && copse_value_is_reference(reader, head.arg);
}

copse_status copse_path_check_made(copse_bytes made, const char *what, copse_err *err)
{
    return copse_path_is_object(made)
               ? COPSE_OK
               : COPSE_ERR(err, COPSE_CORRUPT, "%s leaves an object whose first key begins with $",
                           what);
}

copse_status copse_path_find_key(copse_bytes map, copse_bytes key, copse_bytes *ret_value,
                                 copse_err *err)
{
    copse_cbor_head head;
    if (map.len == 0) {
        return path_fail(err);
    }
    const uint8_t *end = map.ptr + map.len;
    if (!copse_cbor_head_read(map.ptr, end, &head) || head.major != COPSE_CBOR_MAJOR_MAP) {
        return path_fail(err);
    }
    const uint8_t *at = map.ptr + head.size;
    for (uint64_t left = head.arg; left > 0; left--) {
        copse_cbor_head text;
        if (!copse_cbor_head_read(at, end, &text) || text.major != COPSE_CBOR_MAJOR_TEXT ||
            text.arg > (size_t)(end - at) - text.size) {
            return path_fail(err);
        }
        at += text.size;
        if (text.arg >= key.len) { /* keys are in order: shorter ones first, then bytewise */
            int order = text.arg > key.len ? 1 : memcmp(at, key.ptr, key.len);
            if (order > 0) {
                return COPSE_NOT_FOUND;
            }
            if (order == 0) {
                const uint8_t *value = at + key.len;
                const uint8_t *next = copse_cbor_item_skip(value, end);
                *ret_value = (copse_bytes){value, (size_t)(next - value)};
                return next != NULL ? COPSE_OK : path_fail(err);
            }
        }
        at = copse_cbor_item_skip(at + text.arg, end);
        if (at == NULL) {
            return path_fail(err);
        }
    }
    return COPSE_NOT_FOUND;
}

/* ---- The walk ------------------------------------------------------------------------------- */

static copse_status path_walk_value(copse_path_walk *walk, copse_bytes value, copse_bytes path,
                                    copse_err *err);

/* W2. `silent`: an object that lacks the key says nothing. */
/* NOLINTNEXTLINE(misc-no-recursion): at most two calls for each part of the path */
static copse_status path_walk_object(copse_path_walk *walk, copse_bytes object, copse_bytes path,
                                     bool silent, copse_err *err)
{
    copse_bytes rest;
    copse_bytes part = copse_path_first(path, &rest);
    copse_bytes value;
    copse_status status = copse_path_find_key(object, part, &value, err);
    if (status == COPSE_NOT_FOUND) {
        return silent ? COPSE_OK : walk->leaf(walk, (copse_bytes){NULL, 0}, err);
    }
    return status == COPSE_OK ? path_walk_value(walk, value, rest, err) : status;
}

/* W5: counts `element`, which the key `part` leads into as well as its index. */
static copse_status path_fork(copse_path_walk *walk, copse_bytes element, copse_bytes part,
                              copse_err *err)
{
    copse_bytes unused;
    if (!copse_path_is_object(element) ||
        copse_path_find_key(element, part, &unused, NULL) != COPSE_OK) {
        return COPSE_OK;
    }
    walk->again_size_bytes += COPSE_PATH_FORK_SIZE_BYTES + element.len;
    return walk->again_size_bytes <= COPSE_PATH_AGAIN_SIZE_BYTES_MAX
               ? COPSE_OK
               : COPSE_ERR(err, COPSE_LIMIT,
                           "a path of indexes forks too often in arrays of objects with such keys");
}

/* W3. `through`: its objects are gone into. */
/* NOLINTNEXTLINE(misc-no-recursion): at most two calls for each part of the path */
static copse_status path_walk_array(copse_path_walk *walk, copse_bytes array, copse_bytes path,
                                    bool through, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_bytes rest;
    uint64_t wanted = 0;
    copse_bytes part = copse_path_first(path, &rest);
    bool indexed = copse_path_part_index(part, &wanted);
    copse_cbor_reader_init(&reader, array);
    copse_status status = copse_cbor_next(&reader, &head, err);
    bool outermost = through && !walk->in_array;
    indexed = indexed && wanted < head.arg;
    walk->array = true;
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_bytes element;
        status = copse_cbor_take(&reader, &element, err);
        if (status != COPSE_OK) {
            return path_fail(err);
        }
        if (outermost) {
            walk->in_array = true;
            walk->index = i;
        }
        if (through && copse_path_is_object(element)) {
            status = path_walk_object(walk, element, path, indexed, err);
        }
        if (status == COPSE_OK && indexed && i == wanted) {
            status = through ? path_fork(walk, element, part, err) : COPSE_OK;
            if (status == COPSE_OK) {
                status = path_walk_value(walk, element, rest, err);
            }
        }
    }
    if (outermost && status == COPSE_OK) {
        walk->in_array = false;
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most two calls for each part of the path */
static copse_status path_walk_value(copse_path_walk *walk, copse_bytes value, copse_bytes path,
                                    copse_err *err)
{
    if (path.len == 0) {
        return walk->leaf(walk, value, err);
    }
    if (copse_path_is_array(value)) {
        return path_walk_array(walk, value, path, true, err);
    }
    if (copse_path_is_object(value)) {
        return path_walk_object(walk, value, path, false, err);
    }
    return walk->leaf(walk, (copse_bytes){NULL, 0}, err);
}

copse_status copse_path_walk_run(copse_path_walk *walk, copse_bytes root, copse_bytes path,
                                 copse_err *err)
{
    walk->array = false;
    walk->in_array = false;
    walk->again_size_bytes = 0;
    if (path.len != 0 && copse_path_is_array(root)) {
        return path_walk_array(walk, root, path, false, err);
    }
    return path_walk_value(walk, root, path, err);
}

/* ---- What an index has ----------------------------------------------------------------------- */

typedef struct path_visitor {
    copse_path_visit_fn visit;
    void *ctx;
    bool visited;
    bool array;
} path_visitor;

static copse_status path_visit_leaf(copse_path_walk *walk, copse_bytes value, copse_err *err)
{
    path_visitor *visitor = walk->ctx;
    visitor->visited = true;
    if (!copse_path_is_array(value)) {
        return visitor->visit(visitor->ctx,
                              value.len != 0 ? COPSE_ORDER_VALUE : COPSE_ORDER_MISSING, value, err);
    }
    visitor->array = true;
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cbor_next(&reader, &head, err);
    if (status == COPSE_OK && head.arg == 0) {
        return visitor->visit(visitor->ctx, COPSE_ORDER_EMPTY_ARRAY, value, err);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_bytes element;
        if (copse_cbor_take(&reader, &element, err) != COPSE_OK) {
            return path_fail(err);
        }
        status = visitor->visit(visitor->ctx, COPSE_ORDER_VALUE, element, err);
    }
    return status;
}

copse_status copse_path_visit(copse_bytes document, copse_bytes path, copse_path_visit_fn visit,
                              void *ctx, bool *ret_array, copse_err *err)
{
    path_visitor visitor = {.visit = visit, .ctx = ctx};
    copse_path_walk walk = {.leaf = path_visit_leaf, .ctx = &visitor};
    copse_status status = copse_path_walk_run(&walk, document, path, err);
    if (status == COPSE_OK && !visitor.visited) {
        status = visit(ctx, COPSE_ORDER_MISSING, (copse_bytes){NULL, 0}, err);
    }
    if (status == COPSE_OK) {
        *ret_array = visitor.array || walk.array;
    }
    return status;
}
