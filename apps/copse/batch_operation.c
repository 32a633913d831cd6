/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "batch_operation.h"

#include <copse/sort_spec.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The operations, as bits of copse_batch_field.of. */
enum {
    BATCH_INSERT_ONE = 1 << 0,
    BATCH_UPDATE_ONE = 1 << 1,
    BATCH_UPDATE_MANY = 1 << 2,
    BATCH_REPLACE_ONE = 1 << 3,
    BATCH_DELETE_ONE = 1 << 4,
    BATCH_DELETE_MANY = 1 << 5,
    BATCH_CREATE_INDEX = 1 << 6,
    BATCH_UPDATES = BATCH_UPDATE_ONE | BATCH_UPDATE_MANY,
    BATCH_DELETES = BATCH_DELETE_ONE | BATCH_DELETE_MANY,
    BATCH_ONE = BATCH_UPDATE_ONE | BATCH_REPLACE_ONE | BATCH_DELETE_ONE,
    BATCH_FINDS = BATCH_UPDATES | BATCH_REPLACE_ONE | BATCH_DELETES,
    BATCH_ALL = BATCH_FINDS | BATCH_INSERT_ONE | BATCH_CREATE_INDEX
};

static const struct {
    const char *name;
    unsigned bit;
} batch_names[] = {
    {"insertOne", BATCH_INSERT_ONE},     {"updateOne", BATCH_UPDATE_ONE},
    {"updateMany", BATCH_UPDATE_MANY},   {"replaceOne", BATCH_REPLACE_ONE},
    {"deleteOne", BATCH_DELETE_ONE},     {"deleteMany", BATCH_DELETE_MANY},
    {"createIndex", BATCH_CREATE_INDEX},
};
enum { BATCH_NAMES_COUNT = sizeof batch_names / sizeof *batch_names };

/* What an operation takes. */
typedef enum batch_field {
    BATCH_COLLECTION,
    BATCH_DOCUMENT,
    BATCH_FILTER,
    BATCH_UPDATE,
    BATCH_REPLACEMENT,
    BATCH_ARRAY_FILTERS,
    BATCH_UPSERT,
    BATCH_SORT,
    BATCH_HINT,
    BATCH_FIELDS,
    BATCH_NAME,
    BATCH_UNIQUE,
    BATCH_LINK,
    BATCH_WHERE,
    BATCH_INCLUDE,
    BATCH_FIELDS_COUNT
} batch_field;

static const struct {
    const char *name;
    copse_cbor_kind kind;
    unsigned of; /* operations that may have it */
    bool needed;
} batch_fields[BATCH_FIELDS_COUNT] = {
    [BATCH_COLLECTION] = {"collection", COPSE_CBOR_TEXT, BATCH_ALL, true},
    [BATCH_DOCUMENT] = {"document", COPSE_CBOR_MAP, BATCH_INSERT_ONE, true},
    [BATCH_FILTER] = {"filter", COPSE_CBOR_MAP, BATCH_FINDS, true},
    [BATCH_UPDATE] = {"update", COPSE_CBOR_MAP, BATCH_UPDATES, true},
    [BATCH_REPLACEMENT] = {"replacement", COPSE_CBOR_MAP, BATCH_REPLACE_ONE, true},
    [BATCH_ARRAY_FILTERS] = {"arrayFilters", COPSE_CBOR_ARRAY, BATCH_UPDATES, false},
    [BATCH_UPSERT] = {"upsert", COPSE_CBOR_BOOL, BATCH_UPDATES | BATCH_REPLACE_ONE, false},
    [BATCH_SORT] = {"sort", COPSE_CBOR_TEXT, BATCH_ONE, false},
    [BATCH_HINT] = {"hint", COPSE_CBOR_TEXT, BATCH_FINDS, false},
    [BATCH_FIELDS] = {"fields", COPSE_CBOR_TEXT, BATCH_CREATE_INDEX, true},
    [BATCH_NAME] = {"name", COPSE_CBOR_TEXT, BATCH_CREATE_INDEX, false},
    [BATCH_UNIQUE] = {"unique", COPSE_CBOR_BOOL, BATCH_CREATE_INDEX, false},
    [BATCH_LINK] = {"link", COPSE_CBOR_BOOL, BATCH_CREATE_INDEX, false},
    [BATCH_WHERE] = {"where", COPSE_CBOR_MAP, BATCH_CREATE_INDEX, false},
    [BATCH_INCLUDE] = {"include", COPSE_CBOR_TEXT, BATCH_CREATE_INDEX, false},
};

/* What is wrong with a kind, for people. */
static const char *batch_kind_name(copse_cbor_kind kind)
{
    switch (kind) {
    case COPSE_CBOR_TEXT:
        return "a text";
    case COPSE_CBOR_MAP:
        return "an object";
    case COPSE_CBOR_ARRAY:
        return "an array";
    default:
        return "true or false";
    }
}

/* An operation, read. */
typedef struct batch_operation {
    copse_call *call;
    unsigned bit;
    copse_bytes fields[BATCH_FIELDS_COUNT]; /* items; of texts what they say; len 0: not there */
    bool flags[BATCH_FIELDS_COUNT];
} batch_operation;

static copse_status batch_refuse(batch_operation *self, copse_status status, const char *format,
                                 ...) COPSE_PRINTF(3, 4);

/* Says in call->err why it can't be done; CORRUPT: it is no operation. Returns `status`. */
static copse_status batch_refuse(batch_operation *self, copse_status status, const char *format,
                                 ...)
{
    copse_err *err = &self->call->err;
    va_list arguments;
    va_start(arguments, format);
    *err = (copse_err){.status = status};
    (void)vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- Reading ---- */

/* The field that the operation has under the name `key`; BATCH_FIELDS_COUNT: it takes none. */
static size_t batch_find_field(const batch_operation *self, copse_bytes key)
{
    size_t i = 0;
    while (i < BATCH_FIELDS_COUNT &&
           ((batch_fields[i].of & self->bit) == 0 ||
            !copse_bytes_equal(key, copse_bytes_of_text(batch_fields[i].name)))) {
        i++;
    }
    return i;
}

static copse_status batch_read_field(batch_operation *self, copse_bytes key,
                                     copse_cbor_reader *reader)
{
    copse_err *err = &self->call->err;
    copse_cbor_reader inside = *reader;
    copse_cbor_item head;
    size_t field = batch_find_field(self, key);
    if (field == BATCH_FIELDS_COUNT) {
        return batch_refuse(self, COPSE_CORRUPT, "it takes no \"%.*s\"", (int)key.len,
                            (const char *)key.ptr);
    }
    copse_status status = copse_cbor_take(reader, &self->fields[field], err);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&inside, &head, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (head.kind != batch_fields[field].kind) {
        return batch_refuse(self, COPSE_CORRUPT, "\"%s\" must be %s", batch_fields[field].name,
                            batch_kind_name(batch_fields[field].kind));
    }
    if (head.kind == COPSE_CBOR_TEXT) {
        self->fields[field] = head.bytes;
    }
    self->flags[field] = head.boolean;
    return COPSE_OK;
}

/* The number of the operation whose name `reader` reads in the map that it stands before; it then
 * stands before what that takes. BATCH_NAMES_COUNT: it is none. */
static size_t batch_read_name(copse_cbor_reader *reader)
{
    copse_cbor_item item;
    size_t i = 0;
    if (copse_cbor_next(reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_MAP ||
        item.arg != 1 || copse_cbor_next(reader, &item, NULL) != COPSE_OK) {
        return BATCH_NAMES_COUNT;
    }
    while (i < BATCH_NAMES_COUNT &&
           !copse_bytes_equal(item.bytes, copse_bytes_of_text(batch_names[i].name))) {
        i++;
    }
    return i;
}

const char *copse_batch_operation_name(copse_bytes encoded)
{
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, encoded);
    size_t number = batch_read_name(&reader);
    return number < BATCH_NAMES_COUNT ? batch_names[number].name : NULL;
}

static copse_status batch_read(batch_operation *self, copse_bytes encoded)
{
    copse_cbor_reader reader;
    copse_cbor_item map;
    copse_err *err = &self->call->err;
    copse_cbor_reader_init(&reader, encoded);
    size_t number = batch_read_name(&reader);
    if (number == BATCH_NAMES_COUNT) {
        return batch_refuse(self, COPSE_CORRUPT,
                            "not an operation: an object with one of insertOne, updateOne, "
                            "updateMany, replaceOne, deleteOne, deleteMany, createIndex");
    }
    self->bit = batch_names[number].bit;
    copse_status status = copse_cbor_next(&reader, &map, err);
    if (status == COPSE_OK && map.kind != COPSE_CBOR_MAP) {
        return batch_refuse(self, COPSE_CORRUPT, "what it takes is an object");
    }
    for (uint64_t i = 0; status == COPSE_OK && i < map.arg; i++) {
        copse_cbor_item key;
        status = copse_cbor_next(&reader, &key, err);
        if (status == COPSE_OK) {
            status = batch_read_field(self, key.bytes, &reader);
        }
    }
    for (size_t i = 0; i < BATCH_FIELDS_COUNT && status == COPSE_OK; i++) {
        bool needed = batch_fields[i].needed && (batch_fields[i].of & self->bit) != 0;
        if (needed && self->fields[i].len == 0) {
            status = batch_refuse(self, COPSE_CORRUPT, "it needs \"%s\"", batch_fields[i].name);
        }
    }
    return status;
}

/* ---- Doing ---- */

static copse_status batch_parse_fields(batch_operation *self, batch_field field, bool arrays,
                                       copse_sort_spec *ret_spec)
{
    const copse_env *env = &self->call->env;
    return self->fields[field].len == 0 ? COPSE_OK
                                        : copse_sort_spec_parse(env, self->fields[field], arrays,
                                                                ret_spec, &self->call->err);
}

static copse_status batch_create_index(batch_operation *self, copse_modify *modify)
{
    copse_sort_spec fields = {.count = 0};
    copse_sort_spec included = {.count = 0};
    copse_bytes include[COPSE_SORT_FIELDS_MAX];
    copse_status status = batch_parse_fields(self, BATCH_FIELDS, true, &fields);
    if (status == COPSE_OK) {
        status = batch_parse_fields(self, BATCH_INCLUDE, false, &included);
    }
    for (size_t i = 0; i < included.count; i++) {
        include[i] = included.fields[i].path;
        if (included.fields[i].descending) {
            status =
                batch_refuse(self, COPSE_CORRUPT, "\"include\" takes fields without a direction");
        }
    }
    if (status == COPSE_OK) {
        const copse_index_definition definition = {
            .name = self->fields[BATCH_NAME],
            .fields = fields.fields,
            .fields_count = fields.count,
            .unique = self->flags[BATCH_UNIQUE],
            .link = self->flags[BATCH_LINK],
            .filter = self->fields[BATCH_WHERE],
            .include = include,
            .include_count = included.count,
        };
        status =
            copse_write_create_index(copse_modify_write(modify), self->fields[BATCH_COLLECTION],
                                     &definition, &self->call->err);
    }
    copse_sort_spec_release(&fields);
    copse_sort_spec_release(&included);
    return status;
}

/* Compiles the update or replacement; NULL: it is a delete. */
static copse_status batch_compile(batch_operation *self, copse_update **ret_update)
{
    bool replaces = self->bit == BATCH_REPLACE_ONE;
    copse_update *update = NULL;
    if ((self->bit & BATCH_DELETES) != 0) {
        *ret_update = NULL;
        return COPSE_OK;
    }
    copse_status status = copse_update_new(
        &self->call->env, self->fields[replaces ? BATCH_REPLACEMENT : BATCH_UPDATE],
        self->fields[BATCH_ARRAY_FILTERS], &update, &self->call->err);
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_update_is_replacement(update) != replaces) {
        copse_update_free(update);
        return batch_refuse(self, COPSE_CORRUPT,
                            replaces ? "a replacement has no operators; updateOne takes them"
                                     : "an update has operators such as $set; replaceOne "
                                       "takes a whole document");
    }
    *ret_update = update;
    return COPSE_OK;
}

/* An update, a replacement or a delete. */
static copse_status batch_modify(batch_operation *self, copse_documents *documents,
                                 copse_modify *modify, copse_batch_counts *counts)
{
    copse_modify_result result;
    copse_sort_spec sort = {.count = 0};
    copse_modify_options options = {
        .collection = self->fields[BATCH_COLLECTION],
        .filter = self->fields[BATCH_FILTER],
        .sort = &sort,
        .hint = self->fields[BATCH_HINT],
        .multi = (self->bit & BATCH_ONE) == 0,
        .upsert = self->flags[BATCH_UPSERT],
    };
    copse_status status = batch_parse_fields(self, BATCH_SORT, false, &sort);
    if (status == COPSE_OK) {
        status = batch_compile(self, &options.update);
    }
    if (status == COPSE_OK) {
        status = copse_documents_modify(documents, modify, &options, &result);
    }
    if (status == COPSE_OK && options.update == NULL) {
        counts->deleted += result.modified;
    } else if (status == COPSE_OK) {
        counts->matched += result.matched;
        counts->modified += result.modified;
        counts->inserted += result.upserted;
    }
    copse_update_free(options.update);
    copse_sort_spec_release(&sort);
    return status;
}

static bool batch_has_made(const copse_buf *made, copse_bytes name)
{
    for (size_t at = 0; at < made->len;) {
        copse_bytes one = copse_bytes_of_text((const char *)made->ptr + at);
        if (copse_bytes_equal(one, name)) {
            return true;
        }
        at += one.len + 1;
    }
    return false;
}

/* Whether it may be about its collection: one that is there or was made by an operation before, or
 * that it makes by inserting into it. */
static copse_status batch_check_collection(batch_operation *self, copse_documents *documents,
                                           copse_buf *made)
{
    copse_bytes name = self->fields[BATCH_COLLECTION];
    char text[COPSE_DOCUMENTS_NAME_SIZE];
    char near[COPSE_DOCUMENTS_NAME_SIZE];
    if (copse_database_collection(documents->database, name) != NULL ||
        batch_has_made(made, name)) {
        return COPSE_OK;
    }
    if (self->bit == BATCH_INSERT_ONE || self->flags[BATCH_UPSERT]) {
        copse_status status = copse_buf_append(made, name);
        return status == COPSE_OK ? copse_buf_append(made, (copse_bytes){(const uint8_t *)"", 1})
                                  : status;
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.ptr);
    bool is_near = copse_documents_near_name(documents, text, near)[0] != '\0';
    return batch_refuse(self, COPSE_NOT_FOUND, "there is no collection '%.*s'%s%s%s", (int)name.len,
                        (const char *)name.ptr, is_near ? ", did you mean '" : "", near,
                        is_near ? "'?" : "");
}

copse_status copse_batch_operation_run(copse_documents *documents, copse_modify *modify,
                                       copse_bytes encoded, copse_batch_counts *counts,
                                       copse_buf *made)
{
    batch_operation self = {.call = documents->call};
    copse_status status = batch_read(&self, encoded);
    if (status == COPSE_OK) {
        status = batch_check_collection(&self, documents, made);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (self.bit == BATCH_CREATE_INDEX) {
        return batch_create_index(&self, modify);
    }
    if (self.bit != BATCH_INSERT_ONE) {
        return batch_modify(&self, documents, modify, counts);
    }
    status = copse_write_insert(copse_modify_write(modify), self.fields[BATCH_COLLECTION],
                                self.fields[BATCH_DOCUMENT], NULL, &self.call->err);
    counts->inserted += status == COPSE_OK;
    return status;
}
