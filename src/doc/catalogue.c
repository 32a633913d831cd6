/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/catalogue.h"

#include "base/alloc.h"
#include "base/err.h"
#include "doc/catalogue_rows.h"
#include "expr/path.h"
#include "index/definition.h"
#include "tree/tree.h"

#include <copse/cursor.h>

#include <string.h>

/* ---- collections in memory ---- */

static copse_catalogue_collection *catalogue_collection_free(const copse_env *env,
                                                             copse_catalogue_collection *collection)
{
    for (size_t i = 0; i < collection->collection.indexes_count; i++) {
        copse_index_deriver_free(collection->derivers[i]);
    }
    copse_free_array(env, collection->definitions, collection->definitions_capacity,
                     sizeof *collection->definitions);
    copse_free_array(env, collection->derivers, collection->derivers_capacity,
                     sizeof(copse_index_deriver *));
    copse_arena_release(&collection->arena);
    copse_free(env, collection, sizeof *collection);
    return NULL;
}

void copse_catalogue_release(copse_catalogue *catalogue)
{
    if (catalogue->env == NULL) {
        return;
    }
    for (size_t i = 0; i < catalogue->count; i++) {
        catalogue_collection_free(catalogue->env, catalogue->collections[i]);
    }
    copse_free_array(catalogue->env, catalogue->collections, catalogue->capacity,
                     sizeof(copse_catalogue_collection *));
    *catalogue = (copse_catalogue){.env = catalogue->env};
}

/* The position of the first collection whose name is not below `name`. */
static size_t catalogue_lower(const copse_catalogue *catalogue, copse_bytes name)
{
    size_t low = 0;
    size_t high = catalogue->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (copse_bytes_compare(catalogue->collections[middle]->collection.name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

copse_catalogue_collection *copse_catalogue_find(const copse_catalogue *catalogue, copse_bytes name)
{
    size_t at = catalogue_lower(catalogue, name);
    if (at < catalogue->count &&
        copse_bytes_equal(catalogue->collections[at]->collection.name, name)) {
        return catalogue->collections[at];
    }
    return NULL;
}

copse_status copse_catalogue_check_primary(copse_bytes primary_key, copse_err *err)
{
    copse_status status = copse_path_check(primary_key, err);
    if (status == COPSE_OK && memchr(primary_key.ptr, '.', primary_key.len) != NULL) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a primary key is a field of the document itself");
    }
    return status;
}

static copse_status catalogue_collection_new(const copse_env *env, copse_bytes name,
                                             copse_bytes primary_key,
                                             copse_documents_form documents,
                                             copse_catalogue_collection **ret_collection,
                                             copse_err *err)
{
    copse_catalogue_collection *collection = copse_alloc_zeroed(env, sizeof *collection);
    if (collection == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_arena_init(&collection->arena, env);
    collection->collection = (copse_collection){
        .name = copse_arena_dup(&collection->arena, name),
        .primary_key = copse_arena_dup(&collection->arena, primary_key),
        .documents = documents,
    };
    if (collection->collection.name.ptr == NULL || collection->collection.primary_key.ptr == NULL) {
        catalogue_collection_free(env, collection);
        return COPSE_ERR_NOMEM(err);
    }
    *ret_collection = collection;
    return COPSE_OK;
}

copse_status copse_catalogue_add(copse_catalogue *catalogue, copse_bytes name,
                                 copse_bytes primary_key, copse_documents_form documents,
                                 copse_catalogue_collection **ret_collection, copse_err *err)
{
    copse_catalogue_collection *collection = NULL;
    void *collections = catalogue->collections;
    copse_status status = copse_name_check(name, "a collection", err);
    if (status == COPSE_OK) {
        status = copse_catalogue_check_primary(primary_key, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    bool grown = copse_array_grow(catalogue->env, &collections, &catalogue->capacity,
                                  catalogue->count + 1, sizeof(copse_catalogue_collection *));
    catalogue->collections = collections;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    status =
        catalogue_collection_new(catalogue->env, name, primary_key, documents, &collection, err);
    if (status == COPSE_OK) {
        size_t at = catalogue_lower(catalogue, name);
        copse_catalogue_collection **slot = &catalogue->collections[at];
        memmove(slot + 1, slot, (catalogue->count - at) * sizeof(copse_catalogue_collection *));
        *slot = collection;
        catalogue->count++;
        *ret_collection = collection;
    }
    return status;
}

void copse_catalogue_remove(copse_catalogue *catalogue, copse_catalogue_collection *collection)
{
    size_t at = catalogue_lower(catalogue, collection->collection.name);
    copse_catalogue_collection **slot = &catalogue->collections[at];
    catalogue->count--;
    memmove(slot, slot + 1, (catalogue->count - at) * sizeof(copse_catalogue_collection *));
    catalogue_collection_free(catalogue->env, collection);
}

/* ---- indexes in memory ---- */

size_t copse_catalogue_find_index(const copse_catalogue_collection *collection, copse_bytes name)
{
    for (size_t i = 0; i < collection->collection.indexes_count; i++) {
        if (copse_bytes_equal(collection->collection.indexes[i].name, name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool catalogue_grow_indexes(copse_catalogue_collection *collection, size_t need)
{
    const copse_env *env = collection->arena.env;
    void *definitions = collection->definitions;
    void *derivers = collection->derivers;
    bool grown = copse_array_grow(env, &definitions, &collection->definitions_capacity, need,
                                  sizeof *collection->definitions) &&
                 copse_array_grow(env, &derivers, &collection->derivers_capacity, need,
                                  sizeof(copse_index_deriver *));
    collection->definitions = definitions;
    collection->collection.indexes = definitions;
    collection->derivers = derivers;
    return grown;
}

copse_status copse_catalogue_add_index(copse_catalogue_collection *collection,
                                       const copse_index_definition *definition, copse_err *err)
{
    copse_collection *lent = &collection->collection;
    copse_index_deriver *deriver;
    if (!catalogue_grow_indexes(collection, lent->indexes_count + 1)) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status =
        copse_index_deriver_new(collection->arena.env, lent->name, definition, &deriver, err);
    if (status != COPSE_OK) {
        return status;
    }
    size_t at = lent->indexes_count;
    while (at > 0 && copse_bytes_compare(lent->indexes[at - 1].name, definition->name) > 0) {
        collection->definitions[at] = collection->definitions[at - 1];
        collection->derivers[at] = collection->derivers[at - 1];
        at--;
    }
    collection->definitions[at] = *copse_index_deriver_definition(deriver);
    collection->derivers[at] = deriver;
    lent->indexes_count++;
    return COPSE_OK;
}

void copse_catalogue_remove_index(copse_catalogue_collection *collection, size_t position)
{
    copse_index_deriver_free(collection->derivers[position]);
    collection->collection.indexes_count--;
    for (size_t i = position; i < collection->collection.indexes_count; i++) {
        collection->definitions[i] = collection->definitions[i + 1];
        collection->derivers[i] = collection->derivers[i + 1];
    }
}

/* ---- reading ---- */

static copse_status catalogue_read_collection(copse_catalogue *catalogue, copse_bytes name,
                                              copse_bytes value, copse_err *err)
{
    copse_catalogue_collection *collection;
    copse_collection read = {.merge = COPSE_MERGE_THREE_WAY};
    copse_status status = copse_catalogue_decode_collection(value, &read, err);
    if (status == COPSE_OK && read.is_signed && !catalogue->has_identity) {
        status = COPSE_ERR(err, COPSE_CORRUPT,
                           "a collection of signed documents in a database without a creator");
    }
    if (status == COPSE_OK) {
        status = copse_catalogue_add(catalogue, name, read.primary_key, read.documents, &collection,
                                     err);
    }
    if (status == COPSE_OK) {
        collection->collection.merge = read.merge;
        collection->collection.tombstone_days = read.tombstone_days;
        collection->collection.forgotten_ms = read.forgotten_ms;
        collection->collection.is_signed = read.is_signed;
    }
    return status;
}

static copse_status catalogue_read_index(copse_catalogue *catalogue, copse_bytes collection_name,
                                         copse_bytes name, copse_bytes value, copse_err *err)
{
    copse_index_definition definition;
    copse_arena arena;
    copse_catalogue_collection *collection = copse_catalogue_find(catalogue, collection_name);
    if (collection == NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "an index of a collection that isn't there");
    }
    copse_arena_init(&arena, catalogue->env);
    copse_status status = copse_index_definition_decode(&arena, name, value, &definition, err);
    if (status == COPSE_OK) {
        status = copse_catalogue_add_index(collection, &definition, err);
    }
    copse_arena_release(&arena);
    return status;
}

copse_status copse_catalogue_read_row(copse_catalogue *catalogue, copse_bytes key,
                                      copse_bytes value, copse_err *err)
{
    static const uint8_t first[] = {0, 0};
    if (!copse_bytes_has_prefix(key, (copse_bytes){first, sizeof first})) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not a database: its first key is not 00 00");
    }
    copse_bytes name = {key.ptr + sizeof first, key.len - sizeof first};
    if (name.len == 0) {
        catalogue->has_header = true;
        return copse_catalogue_decode_database(catalogue, value, err);
    }
    if (!catalogue->has_header) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not a database: its first key is not 00 00");
    }
    const uint8_t *end = memchr(name.ptr, 0, name.len);
    if (end == NULL) {
        return catalogue_read_collection(catalogue, name, value, err);
    }
    size_t len = (size_t)(end - name.ptr);
    copse_bytes index = {end + 1, name.len - len - 1};
    return catalogue_read_index(catalogue, (copse_bytes){name.ptr, len}, index, value, err);
}

static copse_status catalogue_read_rows(copse_catalogue *catalogue, copse_tree *tree,
                                        copse_err *err)
{
    static const uint8_t after[] = {0, 1};
    const copse_bytes to = {after, sizeof after};
    copse_cursor *cursor;
    copse_status status = copse_cursor_new(tree, &cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_cursor_set_range(cursor, (copse_bytes){NULL, 0}, &to, err);
    while (status == COPSE_OK) {
        status = copse_cursor_next(cursor, err);
        if (status == COPSE_OK) {
            status = copse_catalogue_read_row(catalogue, copse_cursor_key(cursor),
                                              copse_cursor_value(cursor), err);
        }
    }
    copse_cursor_free(cursor);
    return status == COPSE_END ? COPSE_OK : status;
}

copse_status copse_catalogue_read(copse_catalogue *catalogue, copse_tree *tree, copse_err *err)
{
    copse_status status = catalogue_read_rows(catalogue, tree, err);
    if (status == COPSE_OK && !catalogue->has_header) {
        uint64_t count;
        status = copse_tree_count(tree, &count, err);
        if (status == COPSE_OK && count > 0) {
            status = COPSE_ERR(err, COPSE_CORRUPT, "not a database: its first key is not 00 00");
        }
    }
    if (status != COPSE_OK) {
        copse_catalogue_release(catalogue);
    }
    return status;
}

copse_status copse_catalogue_check_empty(copse_tree *tree, copse_bytes name, copse_err *err)
{
    uint64_t count = 0;
    copse_buf bounds;
    copse_buf_init(&bounds, tree->env, SIZE_MAX);
    copse_status status = copse_key_write_data(&bounds, name);
    size_t size = bounds.len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(&bounds, 0);
    }
    if (status == COPSE_OK) {
        const copse_bytes to = {bounds.ptr + size, bounds.len - size};
        status = copse_tree_range_count(tree, (copse_bytes){bounds.ptr, size}, &to, &count, err);
    } else {
        status = COPSE_ERR(err, status, "no memory for the keys of a collection");
    }
    copse_buf_release(&bounds);
    return status == COPSE_OK && count > 0
               ? COPSE_ERR(err, COPSE_CONFLICT, "the collection %.*s has documents, or had some",
                           (int)name.len, (const char *)name.ptr)
               : status;
}
