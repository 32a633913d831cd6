/* Projections compiled: paths into a tree of keys.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/number.h"
#include "expr/path.h"
#include "expr/projection_private.h"
#include "expr/suggest.h"
#include "value/dag_cbor_inline.h"

#include <string.h>

/* What has been seen of modes; `_id` may differ from the others. */
typedef struct projection_parser {
    copse_projection *projection;
    bool includes;
    bool excludes;
    bool includes_id;
    bool excludes_id;
    bool other; /* $slice, $elemMatch, positional */
    copse_err *err;
} projection_parser;

/* One field, with its whole path. */
typedef struct projection_field {
    copse_bytes path;
    copse_bytes key;   /* encoded, as it stands in its map */
    copse_bytes value; /* encoded */
} projection_field;

static copse_status projection_fail(const projection_parser *parser, copse_bytes path,
                                    const char *why)
{
    enum { SHOWN_MAX = 80 };
    return COPSE_ERR(parser->err, COPSE_CORRUPT, "projection of \"%.*s\": %s",
                     path.len < SHOWN_MAX ? (int)path.len : SHOWN_MAX,
                     path.len != 0 ? (const char *)path.ptr : "", why);
}

/* ---- The tree ---------------------------------------------------------------------------------
 */

static copse_status projection_node_new(projection_parser *parser, copse_projection_kind kind,
                                        copse_bytes key, copse_projection_node **ret_node)
{
    copse_projection *projection = parser->projection;
    if (projection->nodes_count >= projection->env->limits.filter_nodes_max) {
        return COPSE_ERR(parser->err, COPSE_LIMIT, "a projection has more than %zu fields",
                         projection->env->limits.filter_nodes_max);
    }
    copse_projection_node *node = copse_arena_alloc(&projection->arena, sizeof *node);
    if (node == NULL) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    *node = (copse_projection_node){.kind = kind, .key = key};
    projection->nodes_count++;
    *ret_node = node;
    return COPSE_OK;
}

/* Where `key` is among the children, or would be. */
static size_t projection_lower(const copse_projection_node *node, copse_bytes key)
{
    size_t low = 0;
    size_t high = node->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (copse_cbor_key_order(node->children[middle]->key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Makes room for one more of `count` elements in an array of the arena. */
static copse_status projection_grow(projection_parser *parser, void **array, size_t *capacity,
                                    size_t count, size_t size)
{
    if (count < *capacity) {
        return COPSE_OK;
    }
    size_t grown_capacity = *capacity == 0 ? 4 : *capacity * 2;
    void *grown = copse_arena_alloc(&parser->projection->arena, grown_capacity * size);
    if (grown == NULL) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    if (count != 0) {
        memcpy(grown, *array, count * size);
    }
    *array = grown;
    *capacity = grown_capacity;
    return COPSE_OK;
}

static copse_status projection_insert(projection_parser *parser, copse_projection_node *node,
                                      size_t at, copse_projection_node *child)
{
    void *children = node->children;
    copse_status status =
        projection_grow(parser, &children, &node->capacity, node->count, sizeof *node->children);
    if (status == COPSE_OK) {
        node->children = children;
        memmove(node->children + at + 1, node->children + at,
                (node->count - at) * sizeof *node->children);
        node->children[at] = child;
        node->count++;
    }
    return status;
}

/* Adds the path with `kind` at its end. CORRUPT: it collides with another. */
static copse_status projection_add(projection_parser *parser, copse_bytes path,
                                   copse_projection_kind kind, copse_projection_node **ret_node)
{
    copse_projection_node *node = &parser->projection->root;
    copse_bytes rest = path;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && rest.len != 0) {
        copse_bytes key = copse_path_first(rest, &rest);
        size_t at = projection_lower(node, key);
        if (at < node->count && copse_cbor_key_order(node->children[at]->key, key) == 0) {
            node = node->children[at];
            if (rest.len == 0 || node->kind != COPSE_PROJECTION_KEYS) {
                return projection_fail(parser, path, "it collides with another path");
            }
            continue;
        }
        copse_projection_node *child = NULL;
        status =
            projection_node_new(parser, rest.len == 0 ? kind : COPSE_PROJECTION_KEYS, key, &child);
        if (status == COPSE_OK) {
            status = projection_insert(parser, node, at, child);
            node = child;
        }
    }
    if (status == COPSE_OK) {
        *ret_node = node;
    }
    return status;
}

static copse_status projection_add_path(projection_parser *parser, copse_bytes path)
{
    copse_projection *projection = parser->projection;
    void *paths = projection->paths;
    copse_status status = projection_grow(parser, &paths, &projection->paths_capacity,
                                          projection->paths_count, sizeof *projection->paths);
    if (status == COPSE_OK) {
        projection->paths = paths;
        projection->paths[projection->paths_count++] = path;
    }
    return status;
}

/* ---- Fields -----------------------------------------------------------------------------------
 */

static bool projection_is_id(copse_bytes path)
{
    return copse_bytes_equal(path, copse_bytes_of_text("_id"));
}

/* 1, 0, true, false, and other numbers. */
static copse_status projection_switch(projection_parser *parser, copse_bytes path,
                                      const copse_value *value)
{
    int64_t number = 0;
    bool whole = false;
    bool position = path.len > 2 && memcmp(path.ptr + path.len - 2, ".$", 2) == 0;
    bool include = value->type == COPSE_VALUE_BOOL
                       ? value->boolean
                       : !copse_number_truncate(value, &number, &whole) || !whole || number != 0;
    copse_projection_node *node = NULL;
    copse_projection_kind kind = include ? COPSE_PROJECTION_INCLUDE : COPSE_PROJECTION_EXCLUDE;
    if (position) {
        path.len -= 2;
        if (!include || parser->projection->position) {
            return projection_fail(parser, path, "one path may end with .$, and be included");
        }
        kind = COPSE_PROJECTION_POSITION;
        parser->projection->position = true;
        parser->other = true;
    }
    copse_status status = copse_path_check(path, parser->err);
    if (status == COPSE_OK) {
        status = projection_add(parser, path, kind, &node);
    }
    if (status == COPSE_OK && include) {
        status = projection_add_path(parser, path);
    }
    bool id = projection_is_id(path);
    *(include ? id ? &parser->includes_id : &parser->includes
      : id    ? &parser->excludes_id
              : &parser->excludes) = true;
    return status;
}

/* n, or [skip, limit]. */
static copse_status projection_parse_slice(projection_parser *parser, copse_bytes path,
                                           copse_bytes argument)
{
    static const char expected[] = "$slice takes a number, or [skip, limit] with a limit above 0";
    copse_cbor_reader reader;
    copse_value value;
    copse_projection_node *node = NULL;
    int64_t numbers[2] = {0, 0};
    bool whole = true;
    copse_cbor_reader_init(&reader, argument);
    bool pair = copse_path_is_array(argument);
    if (pair && (copse_value_read(argument, &value, NULL) != COPSE_OK || value.arg != 2)) {
        return projection_fail(parser, path, expected);
    }
    if (pair) {
        reader.at++; /* a head of one byte: two elements */
    }
    for (size_t i = pair ? 0 : 1; i < 2; i++) {
        if (copse_value_next(&reader, &value, NULL) != COPSE_OK ||
            !copse_number_truncate(&value, &numbers[i], &whole) || !whole) {
            return projection_fail(parser, path, expected);
        }
    }
    if (pair && numbers[1] <= 0) {
        return projection_fail(parser, path, expected);
    }
    parser->other = true;
    copse_status status = projection_add(parser, path, COPSE_PROJECTION_SLICE, &node);
    if (status == COPSE_OK) {
        node->skips = pair;
        node->skip = numbers[0];
        node->limit = numbers[1];
    }
    return status;
}

/* The filter is the pair itself, in a map of its own. */
static copse_status projection_parse_elem_match(projection_parser *parser,
                                                const projection_field *field)
{
    copse_projection *projection = parser->projection;
    copse_projection_node *node = NULL;
    copse_buf buf;
    copse_bytes rest;
    copse_bytes first = copse_path_first(field->path, &rest);
    if (first.len != field->path.len) {
        return projection_fail(parser, field->path, "$elemMatch is for fields of the document");
    }
    parser->other = true;
    parser->includes = true;
    copse_status status = projection_add(parser, field->path, COPSE_PROJECTION_ELEM_MATCH, &node);
    copse_buf_init(&buf, projection->env, 1 + field->key.len + field->value.len);
    if (status == COPSE_OK) {
        status = copse_cbor_write_map(&buf, 1);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(&buf, field->key);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(&buf, field->value);
    }
    if (status == COPSE_OK) {
        status =
            copse_filter_new(projection->env, copse_buf_view(&buf), &node->filter, parser->err);
    }
    if (status == COPSE_OK) {
        node->next_filter = projection->filters;
        projection->filters = node;
    }
    copse_buf_release(&buf);
    return status;
}

/* {"$slice": …} or {"$elemMatch": …}. */
static copse_status projection_parse_operator(projection_parser *parser,
                                              const projection_field *field, uint64_t pairs)
{
    static const char *const names[] = {"$slice", "$elemMatch", NULL};
    copse_cbor_reader reader;
    copse_cbor_item item = {0};
    copse_bytes argument = {NULL, 0};
    copse_cbor_reader_init(&reader, field->value);
    copse_status status = COPSE_OK;
    for (int i = 0; status == COPSE_OK && i < 2; i++) { /* the map's head, the key */
        status = copse_cbor_next(&reader, &item, parser->err);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_take(&reader, &argument, parser->err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (pairs == 1 && copse_bytes_equal(item.bytes, copse_bytes_of_text(names[0]))) {
        return projection_parse_slice(parser, field->path, argument);
    }
    if (pairs == 1 && copse_bytes_equal(item.bytes, copse_bytes_of_text(names[1]))) {
        return projection_parse_elem_match(parser, field);
    }
    const char *meant = copse_suggest_name(item.bytes, names);
    if (meant != NULL) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "projection: there is no %.*s, did you mean %s?", (int)item.bytes.len,
                         (const char *)item.bytes.ptr, meant);
    }
    return projection_fail(parser, field->path,
                           "computed fields are not supported; only $slice and $elemMatch");
}

/* ---- The map ----------------------------------------------------------------------------------
 */

static copse_status projection_parse_map(projection_parser *parser, copse_bytes prefix,
                                         copse_bytes map);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the projection */
static copse_status projection_parse_field(projection_parser *parser, const projection_field *field)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_value value;
    copse_cbor_reader_init(&reader, field->value);
    copse_status status = copse_cbor_next(&reader, &head, parser->err);
    if (status != COPSE_OK) {
        return status;
    }
    if (head.kind == COPSE_CBOR_MAP && !copse_path_is_object(field->value) &&
        copse_value_read(field->value, &value, NULL) != COPSE_OK) {
        status = copse_path_check(field->path, parser->err);
        return status == COPSE_OK ? projection_parse_operator(parser, field, head.arg) : status;
    }
    status = copse_value_read(field->value, &value, parser->err);
    if (status != COPSE_OK) {
        return status;
    }
    switch (value.type) {
    case COPSE_VALUE_BOOL:
    case COPSE_VALUE_INT:
    case COPSE_VALUE_FLOAT:
    case COPSE_VALUE_DECIMAL:
        return projection_switch(parser, field->path, &value);
    case COPSE_VALUE_OBJECT:
        if (value.arg == 0) {
            return projection_fail(parser, field->path, "an empty object");
        }
        status = copse_path_check(field->path, parser->err);
        return status == COPSE_OK ? projection_parse_map(parser, field->path, field->value)
                                  : status;
    default:
        return projection_fail(parser, field->path,
                               "computed fields are not supported; a field is 1 or 0");
    }
}

/* The path of `key` below `prefix`. */
static copse_status projection_join(projection_parser *parser, copse_bytes prefix, copse_bytes key,
                                    copse_bytes *ret_path)
{
    if (prefix.len == 0) {
        *ret_path = key;
        return COPSE_OK;
    }
    if (prefix.len + key.len > COPSE_PATH_SIZE_BYTES_MAX) {
        return projection_fail(parser, prefix, "the paths below it are too long");
    }
    uint8_t *path = copse_arena_alloc(&parser->projection->arena, prefix.len + 1 + key.len);
    if (path == NULL) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    memcpy(path, prefix.ptr, prefix.len);
    path[prefix.len] = '.';
    memcpy(path + prefix.len + 1, key.ptr, key.len);
    *ret_path = (copse_bytes){path, prefix.len + 1 + key.len};
    return COPSE_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the projection */
static copse_status projection_parse_map(projection_parser *parser, copse_bytes prefix,
                                         copse_bytes map)
{
    copse_cbor_reader reader;
    copse_cbor_item item = {0};
    copse_cbor_reader_init(&reader, map);
    copse_status status = copse_cbor_next(&reader, &item, parser->err);
    uint64_t count = item.arg;
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        projection_field field;
        copse_cbor_reader key = reader;
        status = copse_cbor_next(&key, &item, parser->err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &field.key, parser->err);
        }
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &field.value, parser->err);
        }
        if (status == COPSE_OK) {
            status = projection_join(parser, prefix, item.bytes, &field.path);
        }
        if (status == COPSE_OK) {
            status = projection_parse_field(parser, &field);
        }
    }
    return status;
}

/* Whether what is not named is left out; `_id` alone decides if nothing else does. */
static copse_status projection_set_mode(projection_parser *parser)
{
    copse_projection *projection = parser->projection;
    if (parser->includes && parser->excludes) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "a projection includes fields or excludes fields, not both (but for _id)");
    }
    projection->inclusion = parser->includes || (parser->includes_id && !parser->excludes);
    copse_bytes id = copse_bytes_of_text("_id");
    size_t at = projection_lower(&projection->root, id);
    bool named = at < projection->root.count &&
                 copse_cbor_key_order(projection->root.children[at]->key, id) == 0;
    copse_status status = COPSE_OK;
    if (projection->inclusion && !named) {
        copse_projection_node *node = NULL;
        status = projection_add(parser, id, COPSE_PROJECTION_INCLUDE, &node);
        if (status == COPSE_OK) {
            status = projection_add_path(parser, id);
        }
    }
    projection->plain = projection->inclusion && !parser->other;
    return status;
}

copse_status copse_projection_parse(copse_projection *projection, copse_err *err)
{
    projection_parser parser = {.projection = projection, .err = err};
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_reader_init(&reader, projection->encoded);
    copse_status status = copse_cbor_next(&reader, &head, err);
    if (status == COPSE_OK && head.kind != COPSE_CBOR_MAP) {
        status =
            COPSE_ERR(err, COPSE_CORRUPT, "a projection is a map, such as {\"name\": 1, \"x\": 1}");
    }
    if (status == COPSE_OK) {
        status = projection_parse_map(&parser, (copse_bytes){NULL, 0}, projection->encoded);
    }
    return status == COPSE_OK ? projection_set_mode(&parser) : status;
}
