/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/database_model.h"

#include "expr/path.h"
#include "index/key_space.h"

#include <copse/filter.h>
#include <copse/projection.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MODEL_VALUES_MAX = 16, MODEL_ROWS_MAX = 64 };

static void model_ok(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

static copse_bytes model_dup(copse_bytes bytes)
{
    uint8_t *copy = malloc(bytes.len + 1);
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    return (copse_bytes){copy, bytes.len};
}

/* ---- definitions ---- */

/* A definition taken apart. */
typedef struct model_definition {
    copse_env env;
    copse_sort_spec spec;
    size_t array;
    bool unique;
    bool link;
    copse_filter *filter;
    copse_projection *include;
} model_definition;

static void model_read_include(model_definition *definition, const char *list)
{
    char json[128] = "{";
    char copy[64];
    bool has_id = false;
    snprintf(copy, sizeof copy, "%.*s", (int)strcspn(list, " "), list);
    for (char *path = strtok(copy, ","); path != NULL; path = strtok(NULL, ",")) {
        has_id = has_id || strcmp(path, "_id") == 0;
        snprintf(json + strlen(json), sizeof json - strlen(json), "\"%s\":1,", path);
    }
    snprintf(json + strlen(json), sizeof json - strlen(json), has_id ? "\"_id\":1}" : "\"_id\":0}");
    if (has_id) { /* it stands there already: the last one would be a second */
        json[strlen(json) - strlen(",\"_id\":1}")] = '\0';
        strcat(json, "}");
    }
    copse_bytes value = database_world_value(json);
    model_ok(copse_projection_new(&definition->env, value, &definition->include, NULL));
    database_world_free(value);
}

static void model_definition_init(model_definition *definition, const database_model_index *index)
{
    const char *filter = strstr(index->options, "filter=");
    const char *include = strstr(index->options, "include=");
    *definition = (model_definition){.array = index->array};
    copse_env_init(&definition->env);
    model_ok(copse_sort_spec_parse(&definition->env, copse_bytes_of_text(index->fields), true,
                                   &definition->spec, NULL));
    definition->unique = strstr(index->options, "unique") != NULL;
    definition->link = strstr(index->options, "link") != NULL;
    if (filter != NULL) {
        char json[96];
        snprintf(json, sizeof json, "%.*s", (int)strcspn(filter + 7, " "), filter + 7);
        copse_bytes value = database_world_value(json);
        model_ok(copse_filter_new(&definition->env, value, &definition->filter, NULL));
        database_world_free(value);
    }
    if (include != NULL) {
        model_read_include(definition, include + 8);
    }
    for (size_t i = 0; i < definition->spec.count; i++) {
        definition->array = definition->spec.fields[i].array ? i : definition->array;
    }
}

static void model_definition_release(model_definition *definition)
{
    copse_sort_spec_release(&definition->spec);
    copse_filter_free(definition->filter);
    copse_projection_free(definition->include);
}

/* ---- the values of a document ---- */

typedef struct model_value {
    copse_order_part part;
    copse_buf order;
} model_value;

typedef struct model_values {
    const copse_env *env;
    model_value values[MODEL_VALUES_MAX];
    size_t count;
    bool descending;
    bool array;
    bool cut;
} model_values;

static copse_status model_visit(void *ctx, copse_order_kind kind, copse_bytes encoded,
                                copse_err *err)
{
    model_values *values = ctx;
    assert_true(values->count < MODEL_VALUES_MAX);
    model_value *value = &values->values[values->count];
    value->part =
        (copse_order_part){.kind = kind, .descending = values->descending, .encoded = encoded};
    copse_buf_init(&value->order, values->env, SIZE_MAX);
    model_ok(copse_order_write_cut(&value->order, &value->part, &value->part.cut, err));
    values->cut |= value->part.cut;
    for (size_t i = 0; i < values->count; i++) {
        if (copse_bytes_equal(copse_buf_view(&values->values[i].order),
                              copse_buf_view(&value->order))) {
            copse_buf_release(&value->order);
            return COPSE_OK;
        }
    }
    values->count++;
    return COPSE_OK;
}

static void model_values_init(model_values *values, const model_definition *definition,
                              size_t field, copse_bytes document)
{
    *values = (model_values){.env = &definition->env,
                             .descending = definition->spec.fields[field].descending};
    model_ok(copse_path_visit(document, definition->spec.fields[field].path, model_visit, values,
                              &values->array, NULL));
}

/* ---- the rows of a document ---- */

typedef struct model_row {
    copse_buf key;
    copse_buf value;
    size_t unique_size; /* 0: exempt, not unique, or a mark */
} model_row;

typedef struct model_rows {
    const model_definition *definition;
    const char *index;
    copse_bytes document;
    copse_bytes id;
    copse_bytes link;
    model_row rows[MODEL_ROWS_MAX];
    size_t count;
} model_rows;

static model_row *model_rows_add(model_rows *rows)
{
    assert_true(rows->count < MODEL_ROWS_MAX);
    model_row *row = &rows->rows[rows->count++];
    copse_buf_init(&row->key, &rows->definition->env, SIZE_MAX);
    copse_buf_init(&row->value, &rows->definition->env, SIZE_MAX);
    row->unique_size = 0;
    return row;
}

static void model_rows_release(model_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        copse_buf_release(&rows->rows[i].key);
        copse_buf_release(&rows->rows[i].value);
    }
}

/* Adds the entry of one choice of values. */
static void model_add_entry(model_rows *rows, const model_values *fields, const size_t *choice)
{
    const model_definition *definition = rows->definition;
    size_t count = definition->spec.count;
    copse_order_part parts[COPSE_ORDER_PARTS_MAX];
    model_row *row = model_rows_add(rows);
    bool exempt = false;
    model_ok(copse_key_write_entries(&row->key, copse_bytes_of_text("posts"),
                                     copse_bytes_of_text(rows->index)));
    for (size_t i = 0; i < count; i++) {
        const model_value *value = &fields[i].values[choice[i]];
        parts[i] = value->part;
        exempt = exempt || value->part.kind == COPSE_ORDER_MISSING;
        model_ok(copse_buf_append(&row->key, copse_buf_view(&value->order)));
    }
    row->unique_size = definition->unique && !exempt ? row->key.len : 0;
    parts[count] =
        (copse_order_part){.descending = parts[count - 1].descending, .encoded = rows->id};
    model_ok(copse_order_write(&row->key, &parts[count], NULL));
    model_ok(copse_order_write_trailer(&row->key, parts, count + 1, NULL));
    if (definition->include != NULL) {
        model_ok(
            copse_projection_apply(definition->include, rows->document, NULL, &row->value, NULL));
    } else if (definition->link && rows->link.len > 0) {
        model_ok(copse_cbor_write_link(&row->value, rows->link));
    } else {
        model_ok(copse_cbor_write_null(&row->value));
    }
}

/* All choices of values of the fields from `field` on. */
static void model_add_entries(model_rows *rows, const model_values *fields, size_t field,
                              size_t *choice)
{
    if (field == rows->definition->spec.count) {
        model_add_entry(rows, fields, choice);
        return;
    }
    for (size_t i = 0; i < fields[field].count; i++) {
        choice[field] = i;
        model_add_entries(rows, fields, field + 1, choice);
    }
}

static void model_add_mark(model_rows *rows, size_t field, copse_index_mark why)
{
    model_row *row = model_rows_add(rows);
    model_ok(copse_key_write_marks(&row->key, copse_bytes_of_text("posts"),
                                   copse_bytes_of_text(rows->index), why,
                                   rows->definition->spec.fields[field].path));
    model_ok(copse_order_write_primary(&row->key, rows->id, NULL));
    model_ok(copse_cbor_write_null(&row->value));
}

/* CORRUPT: arrays in two fields. *ret_array (NULL allowed): the one, or SIZE_MAX. */
static copse_status model_rows_init(model_rows *rows, const model_definition *definition,
                                    const char *index, copse_bytes document, copse_bytes id,
                                    copse_bytes link, size_t *ret_array)
{
    model_values fields[4];
    size_t choice[4];
    size_t arrays = 0;
    bool match = true;
    *rows = (model_rows){
        .definition = definition, .index = index, .document = document, .id = id, .link = link};
    *ret_array = SIZE_MAX;
    if (definition->filter != NULL) {
        model_ok(copse_filter_match(definition->filter, document, &match, NULL));
    }
    if (!match) {
        return COPSE_OK;
    }
    for (size_t i = 0; i < definition->spec.count; i++) {
        model_values_init(&fields[i], definition, i, document);
        arrays += fields[i].array;
        *ret_array = fields[i].array ? i : *ret_array;
        if (fields[i].array && definition->array != i) {
            model_add_mark(rows, i, COPSE_INDEX_MARK_ARRAY);
        }
        if (fields[i].cut) {
            model_add_mark(rows, i, COPSE_INDEX_MARK_LONG);
        }
    }
    if (arrays <= 1) {
        model_add_entries(rows, fields, 0, choice);
    }
    for (size_t i = 0; i < definition->spec.count; i++) {
        for (size_t j = 0; j < fields[i].count; j++) {
            copse_buf_release(&fields[i].values[j].order);
        }
    }
    return arrays <= 1 ? COPSE_OK : COPSE_CORRUPT;
}

/* ---- documents ---- */

static copse_buf model_id(const copse_env *env, int id)
{
    copse_buf buf;
    copse_buf_init(&buf, env, SIZE_MAX);
    model_ok(copse_cbor_write_int(&buf, id));
    return buf;
}

/* The CID of a document that is linked, by the rules of docs/formats/database.md. */
static bool model_is_linked(const database_model *model, copse_bytes document, copse_cid *ret_cid)
{
    if (model->documents_form == COPSE_DOCUMENTS_INLINE && document.len <= 1024) {
        return false;
    }
    assert_true(document.len <= 1 << 20);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, document, ret_cid);
    return true;
}

static copse_status model_document_rows(const database_model *model,
                                        const model_definition *definition,
                                        const database_model_index *index,
                                        const database_model_document *document, model_rows *rows,
                                        copse_buf *id, copse_cid *cid, size_t *ret_array)
{
    copse_bytes link = {NULL, 0};
    *id = model_id(&definition->env, document->id);
    if (model_is_linked(model, document->encoded, cid)) {
        link = (copse_bytes){cid->bytes, cid->size};
    }
    return model_rows_init(rows, definition, index->name, document->encoded, copse_buf_view(id),
                           link, ret_array);
}

static bool model_rows_collide(const model_rows *a, const model_rows *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count; j++) {
            size_t size = a->rows[i].unique_size;
            if (size > 0 && size == b->rows[j].unique_size &&
                memcmp(a->rows[i].key.ptr, b->rows[j].key.ptr, size) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Whether an index can hold document number `at` beside the `count` first ones. */
static copse_status model_check_document(const database_model *model,
                                         const database_model_index *index, size_t at, size_t count)
{
    model_definition definition;
    model_rows rows;
    copse_buf id;
    copse_cid cid;
    size_t array;
    if (index->is_unbuilt) {
        return COPSE_OK;
    }
    model_definition_init(&definition, index);
    copse_status status = model_document_rows(model, &definition, index, &model->documents[at],
                                              &rows, &id, &cid, &array);
    for (size_t i = 0; i < count && status == COPSE_OK && definition.unique; i++) {
        model_rows others;
        copse_buf other_id;
        copse_cid other_cid;
        if (i == at) {
            continue;
        }
        model_ok(model_document_rows(model, &definition, index, &model->documents[i], &others,
                                     &other_id, &other_cid, &array));
        if (model_rows_collide(&rows, &others)) {
            status = COPSE_CONFLICT;
        }
        model_rows_release(&others);
        copse_buf_release(&other_id);
    }
    model_rows_release(&rows);
    copse_buf_release(&id);
    model_definition_release(&definition);
    return status;
}

/* ---- operations ---- */

void database_model_release(database_model *model)
{
    for (size_t i = 0; i < model->documents_count; i++) {
        database_world_free(model->documents[i].encoded);
    }
    *model = (database_model){.exists = false};
}

void database_model_copy(const database_model *model, database_model *copy)
{
    *copy = *model;
    for (size_t i = 0; i < model->documents_count; i++) {
        copy->documents[i].encoded = model_dup(model->documents[i].encoded);
    }
}

copse_status database_model_create(database_model *model, copse_documents_form form)
{
    if (model->exists) {
        return COPSE_CONFLICT;
    }
    model->exists = true;
    model->documents_form = form;
    return COPSE_OK;
}

copse_status database_model_drop(database_model *model)
{
    if (!model->exists) {
        return COPSE_NOT_FOUND;
    }
    database_model_release(model);
    return COPSE_OK;
}

static size_t model_find(const database_model *model, int id)
{
    size_t at = 0;
    while (at < model->documents_count && model->documents[at].id < id) {
        at++;
    }
    return at;
}

copse_status database_model_put(database_model *model, int id, copse_bytes encoded, bool may_exist,
                                bool may_lack)
{
    if (!model->exists && !may_lack) {
        return COPSE_NOT_FOUND;
    }
    model->exists = true;
    size_t at = model_find(model, id);
    bool exists = at < model->documents_count && model->documents[at].id == id;
    if (exists && !may_exist) {
        return COPSE_CONFLICT;
    }
    if (!exists && !may_lack) {
        return COPSE_NOT_FOUND;
    }
    if (exists) {
        database_world_free(model->documents[at].encoded);
    } else {
        assert_true(model->documents_count < DATABASE_MODEL_DOCUMENTS_MAX);
        memmove(&model->documents[at + 1], &model->documents[at],
                (model->documents_count - at) * sizeof *model->documents);
        model->documents_count++;
    }
    model->documents[at] = (database_model_document){id, model_dup(encoded)};
    for (size_t i = 0; i < model->indexes_count; i++) {
        copse_status status =
            model_check_document(model, &model->indexes[i], at, model->documents_count);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return COPSE_OK;
}

void database_model_delete(database_model *model, int id)
{
    size_t at = model_find(model, id);
    if (at < model->documents_count && model->documents[at].id == id) {
        database_world_free(model->documents[at].encoded);
        model->documents_count--;
        memmove(&model->documents[at], &model->documents[at + 1],
                (model->documents_count - at) * sizeof *model->documents);
    }
}

/* The first field in which a document has an array. */
static size_t model_find_array(const database_model *model, const database_model_index *index)
{
    size_t found = SIZE_MAX;
    model_definition definition;
    model_definition_init(&definition, index);
    for (size_t i = 0; i < model->documents_count && definition.array == SIZE_MAX; i++) {
        model_rows rows;
        copse_buf id;
        copse_cid cid;
        size_t array;
        (void)model_document_rows(model, &definition, index, &model->documents[i], &rows, &id, &cid,
                                  &array);
        found = array < found ? array : found;
        model_rows_release(&rows);
        copse_buf_release(&id);
    }
    model_definition_release(&definition);
    return found;
}

static copse_status model_build_index(const database_model *model, database_model_index *index)
{
    copse_status conflict = COPSE_OK;
    index->is_unbuilt = false;
    for (size_t i = 0; i < model->documents_count; i++) {
        copse_status status = model_check_document(model, index, i, i);
        if (status == COPSE_CORRUPT) {
            return status; /* found while documents are read, conflicts only when they are sorted */
        }
        conflict = status == COPSE_OK ? conflict : status;
    }
    index->array = model_find_array(model, index);
    return conflict;
}

copse_status database_model_create_index(database_model *model, const char *name,
                                         const char *fields, const char *options)
{
    bool is_unbuilt = strncmp(options, "unbuilt", 7) == 0;
    options += is_unbuilt ? 7 + (options[7] == ' ') : 0;
    if (!model->exists) {
        return COPSE_NOT_FOUND;
    }
    for (size_t i = 0; i < model->indexes_count; i++) {
        database_model_index *other = &model->indexes[i];
        if (strcmp(other->name, name) != 0) {
            continue;
        }
        if (strcmp(other->fields, fields) != 0 || strcmp(other->options, options) != 0) {
            return COPSE_CONFLICT;
        }
        return other->is_unbuilt && !is_unbuilt ? model_build_index(model, other) : COPSE_OK;
    }
    assert_true(model->indexes_count < DATABASE_MODEL_INDEXES_MAX);
    database_model_index *index = &model->indexes[model->indexes_count++];
    *index = (database_model_index){.array = SIZE_MAX, .is_unbuilt = is_unbuilt};
    snprintf(index->name, sizeof index->name, "%s", name);
    snprintf(index->fields, sizeof index->fields, "%s", fields);
    snprintf(index->options, sizeof index->options, "%s", options);
    return is_unbuilt ? COPSE_OK : model_build_index(model, index);
}

copse_status database_model_drop_index(database_model *model, const char *name)
{
    for (size_t i = 0; i < model->indexes_count; i++) {
        if (strcmp(model->indexes[i].name, name) == 0) {
            model->indexes[i] = model->indexes[--model->indexes_count];
            return COPSE_OK;
        }
    }
    return COPSE_NOT_FOUND;
}

/* ---- the tree ---- */

static void model_put_bytes(tree_model *rows, const char *key, size_t key_len, copse_bytes value)
{
    tree_model_put(rows, (copse_bytes){(const uint8_t *)key, key_len}, value);
    database_world_free(value);
}

static void model_put_definition(const database_model_index *index, tree_model *rows)
{
    model_definition definition;
    char key[64] = "\0\0posts";
    char json[512];
    model_definition_init(&definition, index);
    size_t at =
        (size_t)snprintf(json, sizeof json, "{\"kind\":\"ordered\",\"version\":1,\"fields\":[");
    for (size_t i = 0; i < definition.spec.count; i++) {
        const copse_sort_field *field = &definition.spec.fields[i];
        at +=
            (size_t)snprintf(json + at, sizeof json - at, "%s[\"%.*s\",%d%s]", i == 0 ? "" : ",",
                             (int)field->path.len, (const char *)field->path.ptr,
                             field->descending ? -1 : 1, definition.array == i ? ",\"array\"" : "");
    }
    at += (size_t)snprintf(
        json + at, sizeof json - at, "]%s%s%s", index->is_unbuilt ? ",\"built\":false" : "",
        definition.unique ? ",\"unique\":true" : "", definition.link ? ",\"link\":true" : "");
    const char *filter = strstr(index->options, "filter=");
    if (filter != NULL) {
        at += (size_t)snprintf(json + at, sizeof json - at, ",\"filter\":%.*s",
                               (int)strcspn(filter + 7, " "), filter + 7);
    }
    const char *include = strstr(index->options, "include=");
    if (include != NULL) {
        char list[64];
        snprintf(list, sizeof list, "%.*s", (int)strcspn(include + 8, " "), include + 8);
        at += (size_t)snprintf(json + at, sizeof json - at, ",\"include\":[");
        for (char *path = strtok(list, ","); path != NULL; path = strtok(NULL, ",")) {
            at += (size_t)snprintf(json + at, sizeof json - at, "%s\"%s\"",
                                   json[at - 1] == '[' ? "" : ",", path);
        }
        at += (size_t)snprintf(json + at, sizeof json - at, "]");
    }
    snprintf(json + at, sizeof json - at, "}");
    memcpy(key + 8, index->name, strlen(index->name));
    model_put_bytes(rows, key, 8 + strlen(index->name), database_world_value(json));
    model_definition_release(&definition);
}

static void model_put_index(const database_model *model, const database_model_index *index,
                            tree_model *rows)
{
    model_definition definition;
    model_definition_init(&definition, index);
    for (size_t i = 0; i < model->documents_count && !index->is_unbuilt; i++) {
        model_rows derived;
        copse_buf id;
        copse_cid cid;
        size_t array;
        model_ok(model_document_rows(model, &definition, index, &model->documents[i], &derived, &id,
                                     &cid, &array));
        for (size_t j = 0; j < derived.count; j++) {
            tree_model_put(rows, copse_buf_view(&derived.rows[j].key),
                           copse_buf_view(&derived.rows[j].value));
        }
        model_rows_release(&derived);
        copse_buf_release(&id);
    }
    model_definition_release(&definition);
}

static void model_put_document(const database_model *model, const copse_env *env,
                               const database_model_document *document, tree_model *rows)
{
    copse_cid cid;
    copse_buf key;
    copse_buf value;
    copse_buf id = model_id(env, document->id);
    copse_buf_init(&key, env, SIZE_MAX);
    copse_buf_init(&value, env, SIZE_MAX);
    model_ok(copse_buf_append(&key, (copse_bytes){(const uint8_t *)"\0posts\0d\0", 9}));
    model_ok(copse_order_write_primary(&key, copse_buf_view(&id), NULL));
    if (model_is_linked(model, document->encoded, &cid)) {
        model_ok(copse_cbor_write_link(&value, (copse_bytes){cid.bytes, cid.size}));
    } else {
        model_ok(copse_buf_append(&value, document->encoded));
    }
    tree_model_put(rows, copse_buf_view(&key), copse_buf_view(&value));
    copse_buf_release(&id);
    copse_buf_release(&key);
    copse_buf_release(&value);
}

void database_model_rows(const database_model *model, tree_model *rows)
{
    copse_env env;
    copse_env_init(&env);
    model_put_bytes(rows, "\0\0", 2,
                    database_world_value("{\"Format\":\"database\",\"Version\":2}"));
    if (!model->exists) {
        return;
    }
    bool is_inline = model->documents_form == COPSE_DOCUMENTS_INLINE;
    model_put_bytes(
        rows, "\0\0posts", 7,
        database_world_value(is_inline ? "{\"documents\":\"inline\",\"primaryKey\":\"_id\"}"
                                       : "{\"documents\":\"linked\",\"primaryKey\":\"_id\"}"));
    for (size_t i = 0; i < model->indexes_count; i++) {
        model_put_definition(&model->indexes[i], rows);
        model_put_index(model, &model->indexes[i], rows);
    }
    for (size_t i = 0; i < model->documents_count; i++) {
        model_put_document(model, &env, &model->documents[i], rows);
    }
}

void database_model_assert_root(const database_model *model, copse_tree *tree, const char *what)
{
    tree_model rows = {.count = 0};
    database_model_rows(model, &rows);
    tree_model_assert_root(&rows, tree, what);
    tree_model_release(&rows);
}

/* ---- random documents ---- */

static void model_append_scalar(char *json, size_t size, uint64_t *seed)
{
    static const char *const scalars[] = {"null",
                                          "1",
                                          "1.0",
                                          "2",
                                          "-3",
                                          "{\"$numberDecimal\":\"1.00\"}",
                                          "\"\"",
                                          "\"x\"",
                                          "\"x\\u0000y\"",
                                          "true",
                                          "{\"$date\":\"2026-01-01T00:00:00Z\"}",
                                          "{\"b\":1}",
                                          "{}",
                                          "\"y\"",
                                          "7.5",
                                          "12345678901"};
    size_t at = strlen(json);
    uint64_t choice = test_random_below(seed, 20);
    if (choice < sizeof scalars / sizeof *scalars) {
        snprintf(json + at, size - at, "%s", scalars[choice]);
    } else {
        snprintf(json + at, size - at, "\"%0*d\"", 250 + (int)test_random_below(seed, 30),
                 (int)test_random_below(seed, 3)); /* about where values are cut */
    }
}

static void model_append_array(char *json, size_t size, uint64_t *seed)
{
    uint64_t count = test_random_below(seed, 4);
    snprintf(json + strlen(json), size - strlen(json), "[");
    for (uint64_t i = 0; i < count; i++) {
        snprintf(json + strlen(json), size - strlen(json), "%s", i == 0 ? "" : ",");
        model_append_scalar(json, size, seed);
    }
    snprintf(json + strlen(json), size - strlen(json), "]");
}

char *database_model_random_document(uint64_t *seed, int id, unsigned parallel)
{
    enum { SIZE = 16384 };
    char *json = malloc(SIZE);
    bool any = parallel > 0 && test_random_below(seed, parallel) == 0;
    uint64_t array = test_random_below(seed, 8);
    assert_non_null(json);
    snprintf(json, SIZE, "{\"_id\":%d", id);
    for (char field = 'a'; field <= 'd'; field++) {
        if (test_random_below(seed, 5) == 0) {
            continue;
        }
        snprintf(json + strlen(json), SIZE - strlen(json), ",\"%c\":", field);
        if (array == (uint64_t)(field - 'a') || (any && test_random_below(seed, 2) == 0)) {
            model_append_array(json, SIZE, seed);
        } else {
            model_append_scalar(json, SIZE, seed);
        }
    }
    if (test_random_below(seed, 10) == 0) {
        snprintf(json + strlen(json), SIZE - strlen(json), ",\"pad\":\"%0*d\"",
                 800 + (int)test_random_below(seed, 400), id); /* about where they are linked */
    }
    snprintf(json + strlen(json), SIZE - strlen(json), "}");
    return json;
}
