/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "index/definition.h"

#include "base/err.h"
#include "expr/path.h"

enum { INDEX_DEFINITION_VERSION = 1 };

/* ---- checks and copies ---- */

static bool definition_has_path(const copse_index_definition *definition, size_t count,
                                copse_bytes path)
{
    for (size_t i = 0; i < count; i++) {
        if (copse_bytes_equal(definition->fields[i].path, path)) {
            return true;
        }
    }
    return false;
}

copse_status copse_index_definition_check(const copse_index_definition *definition, copse_err *err)
{
    size_t arrays = 0;
    if (definition->fields_count == 0 || definition->fields_count > COPSE_SORT_FIELDS_MAX) {
        return COPSE_ERR(err, COPSE_CORRUPT, "an index has 1 to %d fields, not %zu",
                         COPSE_SORT_FIELDS_MAX, definition->fields_count);
    }
    for (size_t i = 0; i < definition->fields_count; i++) {
        copse_bytes path = definition->fields[i].path;
        copse_status status = copse_path_check(path, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (definition_has_path(definition, i, path)) {
            return COPSE_ERR(err, COPSE_CORRUPT, "the field %.*s stands twice in the index",
                             (int)path.len, (const char *)path.ptr);
        }
        arrays += definition->fields[i].array;
    }
    if (arrays > 1) {
        return COPSE_ERR(err, COPSE_CORRUPT, "an index has at most one array field");
    }
    if (definition->link && definition->include_count > 0) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "an index holds either links or included fields, not both");
    }
    for (size_t i = 0; i < definition->include_count; i++) {
        copse_status status = copse_path_check(definition->include[i], err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return COPSE_OK;
}

copse_status copse_index_definition_dup(copse_arena *arena,
                                        const copse_index_definition *definition,
                                        copse_index_definition *ret_copy, copse_err *err)
{
    copse_index_definition copy = *definition;
    size_t fields_size = definition->fields_count * sizeof *definition->fields;
    size_t include_size = definition->include_count * sizeof *definition->include;
    copse_sort_field *fields = copse_arena_alloc(arena, fields_size);
    copse_bytes *include = copse_arena_alloc(arena, include_size);
    copy.name = copse_arena_dup(arena, definition->name);
    copy.filter = copse_arena_dup(arena, definition->filter);
    if (fields == NULL || include == NULL || copy.name.ptr == NULL || copy.filter.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < definition->fields_count; i++) {
        fields[i] = definition->fields[i];
        fields[i].path = copse_arena_dup(arena, definition->fields[i].path);
        if (fields[i].path.ptr == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
    }
    for (size_t i = 0; i < definition->include_count; i++) {
        include[i] = copse_arena_dup(arena, definition->include[i]);
        if (include[i].ptr == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
    }
    copy.fields = fields;
    copy.include = include;
    *ret_copy = copy;
    return COPSE_OK;
}

copse_status copse_index_definition_write_name(const copse_index_definition *definition,
                                               copse_buf *buf)
{
    size_t offset = buf->len;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < definition->fields_count && status == COPSE_OK; i++) {
        const copse_sort_field *field = &definition->fields[i];
        const char *before = field->descending ? ",-" : ",";
        status = copse_buf_append(buf, copse_bytes_of_text(i == 0 ? before + 1 : before));
        if (status == COPSE_OK) {
            status = copse_buf_append(buf, field->path);
        }
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status;
}

/* ---- the row ---- */

/* The keys of the row, in their order there. */
typedef enum definition_key {
    DEFINITION_KIND,
    DEFINITION_LINK,
    DEFINITION_BUILT,
    DEFINITION_FIELDS,
    DEFINITION_FILTER,
    DEFINITION_UNIQUE,
    DEFINITION_INCLUDE,
    DEFINITION_VERSION,
    DEFINITION_KEYS
} definition_key;

static const char *const definition_keys[DEFINITION_KEYS] = {
    "kind", "link", "built", "fields", "filter", "unique", "include", "version"};

static bool definition_key_present(const copse_index_definition *definition, definition_key key)
{
    switch (key) {
    case DEFINITION_LINK:
        return definition->link;
    case DEFINITION_BUILT:
        return definition->is_unbuilt;
    case DEFINITION_FILTER:
        return definition->filter.len > 1; /* {} is one byte */
    case DEFINITION_UNIQUE:
        return definition->unique;
    case DEFINITION_INCLUDE:
        return definition->include_count > 0;
    default:
        return true;
    }
}

static copse_status definition_write_fields(const copse_index_definition *definition,
                                            copse_buf *buf)
{
    copse_status status = copse_cbor_write_array(buf, definition->fields_count);
    for (size_t i = 0; i < definition->fields_count && status == COPSE_OK; i++) {
        const copse_sort_field *field = &definition->fields[i];
        status = copse_cbor_write_array(buf, field->array ? 3 : 2);
        if (status == COPSE_OK) {
            status = copse_cbor_write_text(buf, field->path);
        }
        if (status == COPSE_OK) {
            status = copse_cbor_write_int(buf, field->descending ? -1 : 1);
        }
        if (status == COPSE_OK && field->array) {
            status = copse_cbor_write_text(buf, copse_bytes_of_text("array"));
        }
    }
    return status;
}

static copse_status definition_write_include(const copse_index_definition *definition,
                                             copse_buf *buf)
{
    copse_status status = copse_cbor_write_array(buf, definition->include_count);
    for (size_t i = 0; i < definition->include_count && status == COPSE_OK; i++) {
        status = copse_cbor_write_text(buf, definition->include[i]);
    }
    return status;
}

static copse_status definition_write_value(const copse_index_definition *definition,
                                           definition_key key, copse_buf *buf)
{
    switch (key) {
    case DEFINITION_KIND:
        return copse_cbor_write_text(buf, copse_bytes_of_text("ordered"));
    case DEFINITION_BUILT:
        return copse_cbor_write_bool(buf, false);
    case DEFINITION_FIELDS:
        return definition_write_fields(definition, buf);
    case DEFINITION_FILTER:
        return copse_cbor_write_encoded(buf, definition->filter);
    case DEFINITION_INCLUDE:
        return definition_write_include(definition, buf);
    case DEFINITION_VERSION:
        return copse_cbor_write_uint(buf, INDEX_DEFINITION_VERSION);
    default:
        return copse_cbor_write_bool(buf, true);
    }
}

copse_status copse_index_definition_encode(const copse_index_definition *definition, copse_buf *buf,
                                           copse_err *err)
{
    size_t offset = buf->len;
    size_t pairs = 0;
    for (definition_key key = 0; key < DEFINITION_KEYS; key++) {
        pairs += definition_key_present(definition, key);
    }
    copse_status status = copse_cbor_write_map(buf, pairs);
    for (definition_key key = 0; key < DEFINITION_KEYS && status == COPSE_OK; key++) {
        if (definition_key_present(definition, key)) {
            status = copse_cbor_write_text(buf, copse_bytes_of_text(definition_keys[key]));
            if (status == COPSE_OK) {
                status = definition_write_value(definition, key, buf);
            }
        }
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
        return COPSE_ERR(err, status, "the definition of an index could not be written");
    }
    return COPSE_OK;
}

copse_status copse_index_definition_equal(const copse_env *env, const copse_index_definition *a,
                                          const copse_index_definition *b, bool *ret_equal,
                                          copse_err *err)
{
    copse_buf both;
    copse_buf_init(&both, env, SIZE_MAX);
    copse_status status = copse_index_definition_encode(a, &both, err);
    size_t size = both.len;
    if (status == COPSE_OK) {
        status = copse_index_definition_encode(b, &both, err);
    }
    if (status == COPSE_OK) {
        *ret_equal = copse_bytes_equal((copse_bytes){both.ptr, size},
                                       (copse_bytes){both.ptr + size, both.len - size});
    }
    copse_buf_release(&both);
    return status;
}

static copse_status definition_corrupt(const char *what, copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "not the definition of an index: %s", what);
}

/* The next item of `reader`, which must be of `kind`. */
static copse_status definition_next(copse_cbor_reader *reader, copse_cbor_kind kind,
                                    const char *what, copse_cbor_item *ret_item, copse_err *err)
{
    copse_status status = copse_cbor_next(reader, ret_item, err);
    if (status == COPSE_END || (status == COPSE_OK && ret_item->kind != kind)) {
        return definition_corrupt(what, err);
    }
    return status;
}

static copse_status definition_read_field(copse_arena *arena, copse_cbor_reader *reader,
                                          copse_sort_field *field, copse_err *err)
{
    copse_cbor_item pair;
    copse_cbor_item path;
    copse_cbor_item direction;
    copse_cbor_item array;
    copse_status status =
        definition_next(reader, COPSE_CBOR_ARRAY, "a field is no pair", &pair, err);
    if (status == COPSE_OK && pair.arg != 2 && pair.arg != 3) {
        status = definition_corrupt("a field is no pair", err);
    }
    if (status == COPSE_OK) {
        status = definition_next(reader, COPSE_CBOR_TEXT, "a path is no text", &path, err);
    }
    if (status == COPSE_OK) {
        status =
            definition_next(reader, COPSE_CBOR_INT, "a direction is no integer", &direction, err);
    }
    if (status == COPSE_OK && direction.arg != (direction.negative ? 0 : 1)) {
        status = definition_corrupt("a direction is neither 1 nor -1", err);
    }
    if (status == COPSE_OK && pair.arg == 3) {
        status = definition_next(reader, COPSE_CBOR_TEXT, "a field is not \"array\"", &array, err);
        if (status == COPSE_OK && !copse_bytes_equal(array.bytes, copse_bytes_of_text("array"))) {
            status = definition_corrupt("a field is not \"array\"", err);
        }
    }
    if (status == COPSE_OK) {
        *field = (copse_sort_field){copse_arena_dup(arena, path.bytes), direction.negative,
                                    pair.arg == 3};
        status = field->path.ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    }
    return status;
}

static copse_status definition_read_fields(copse_arena *arena, copse_cbor_reader *reader,
                                           copse_index_definition *definition, copse_err *err)
{
    copse_cbor_item list;
    copse_status status =
        definition_next(reader, COPSE_CBOR_ARRAY, "fields is no array", &list, err);
    if (status == COPSE_OK && list.arg > COPSE_SORT_FIELDS_MAX) {
        status = definition_corrupt("too many fields", err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_sort_field *fields = copse_arena_alloc(arena, (size_t)list.arg * sizeof *fields);
    if (fields == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < list.arg && status == COPSE_OK; i++) {
        status = definition_read_field(arena, reader, &fields[i], err);
    }
    definition->fields = fields;
    definition->fields_count = (size_t)list.arg;
    return status;
}

static copse_status definition_read_include(copse_arena *arena, copse_cbor_reader *reader,
                                            copse_index_definition *definition, copse_err *err)
{
    copse_cbor_item list;
    copse_status status =
        definition_next(reader, COPSE_CBOR_ARRAY, "include is no array", &list, err);
    if (status == COPSE_OK && list.arg == 0) {
        status = definition_corrupt("include is empty", err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes *include = copse_arena_alloc(arena, (size_t)list.arg * sizeof *include);
    if (include == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < list.arg && status == COPSE_OK; i++) {
        copse_cbor_item path;
        status =
            definition_next(reader, COPSE_CBOR_TEXT, "an included path is no text", &path, err);
        if (status == COPSE_OK) {
            include[i] = copse_arena_dup(arena, path.bytes);
            status = include[i].ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
        }
    }
    definition->include = include;
    definition->include_count = (size_t)list.arg;
    return status;
}

static copse_status definition_read_filter(copse_arena *arena, copse_cbor_reader *reader,
                                           copse_index_definition *definition, copse_err *err)
{
    copse_bytes filter;
    copse_status status = copse_cbor_take(reader, &filter, err);
    if (status == COPSE_OK && filter.len == 1) {
        status = definition_corrupt("an empty filter", err);
    }
    if (status == COPSE_OK) {
        definition->filter = copse_arena_dup(arena, filter);
        status = definition->filter.ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    }
    return status;
}

/* Reads a flag, which stands in a row only where it is `other` than by default. */
static copse_status definition_read_flag(copse_cbor_reader *reader, bool other, bool *ret_is_other,
                                         copse_err *err)
{
    copse_cbor_item flag;
    copse_status status = definition_next(reader, COPSE_CBOR_BOOL, "a flag is none", &flag, err);
    if (status == COPSE_OK && flag.boolean != other) {
        status = definition_corrupt("a flag that goes without saying", err);
    }
    *ret_is_other = status == COPSE_OK;
    return status;
}

/* Kinds and versions of later Copses are told from damage. */
static copse_status definition_read_constant(copse_cbor_reader *reader, definition_key key,
                                             copse_err *err)
{
    copse_cbor_item item;
    copse_status status = copse_cbor_next(reader, &item, err);
    if (status != COPSE_OK) {
        return definition_corrupt("it ends early", err);
    }
    if (key == DEFINITION_KIND) {
        if (item.kind == COPSE_CBOR_TEXT &&
            copse_bytes_equal(item.bytes, copse_bytes_of_text("ordered"))) {
            return COPSE_OK;
        }
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "an index of a kind that this version of Copse doesn't know");
    }
    if (item.kind == COPSE_CBOR_INT && !item.negative && item.arg == INDEX_DEFINITION_VERSION) {
        return COPSE_OK;
    }
    return COPSE_ERR(err, COPSE_CORRUPT,
                     "an index of version %llu; this version of Copse knows version %d",
                     (unsigned long long)item.arg, INDEX_DEFINITION_VERSION);
}

static copse_status definition_read_value(copse_arena *arena, copse_cbor_reader *reader,
                                          definition_key key, copse_index_definition *definition,
                                          copse_err *err)
{
    switch (key) {
    case DEFINITION_LINK:
        return definition_read_flag(reader, true, &definition->link, err);
    case DEFINITION_UNIQUE:
        return definition_read_flag(reader, true, &definition->unique, err);
    case DEFINITION_BUILT:
        return definition_read_flag(reader, false, &definition->is_unbuilt, err);
    case DEFINITION_FIELDS:
        return definition_read_fields(arena, reader, definition, err);
    case DEFINITION_FILTER:
        return definition_read_filter(arena, reader, definition, err);
    case DEFINITION_INCLUDE:
        return definition_read_include(arena, reader, definition, err);
    default:
        return definition_read_constant(reader, key, err);
    }
}

static definition_key definition_key_of(copse_bytes text)
{
    definition_key key = 0;
    while (key < DEFINITION_KEYS &&
           !copse_bytes_equal(text, copse_bytes_of_text(definition_keys[key]))) {
        key++;
    }
    return key;
}

copse_status copse_index_definition_decode(copse_arena *arena, copse_bytes name,
                                           copse_bytes encoded,
                                           copse_index_definition *ret_definition, copse_err *err)
{
    copse_index_definition definition = {.name = name};
    copse_cbor_reader reader;
    copse_cbor_item map;
    unsigned seen = 0;
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = definition_next(&reader, COPSE_CBOR_MAP, "it is no map", &map, err);
    for (uint64_t i = 0; status == COPSE_OK && i < map.arg; i++) {
        copse_cbor_item text;
        status = copse_cbor_next(&reader, &text, err);
        definition_key key = status == COPSE_OK ? definition_key_of(text.bytes) : DEFINITION_KEYS;
        if (status == COPSE_OK && key == DEFINITION_KEYS) {
            status = COPSE_ERR(err, COPSE_CORRUPT,
                               "an index with \"%.*s\", which this version of Copse doesn't know",
                               (int)(text.bytes.len < 64 ? text.bytes.len : 64),
                               (const char *)text.bytes.ptr);
        }
        if (status == COPSE_OK) {
            seen |= 1u << key;
            status = definition_read_value(arena, &reader, key, &definition, err);
        }
    }
    const unsigned required =
        1u << DEFINITION_KIND | 1u << DEFINITION_FIELDS | 1u << DEFINITION_VERSION;
    if (status == COPSE_OK && (seen & required) != required) {
        status = definition_corrupt("a part is missing", err);
    }
    if (status == COPSE_OK) {
        status = copse_index_definition_check(&definition, err);
    }
    if (status == COPSE_OK) {
        *ret_definition = definition;
    }
    return status;
}
