/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/database.h"

#include "base/alloc.h"
#include "base/err.h"
#include "doc/catalogue.h"
#include "doc/document.h"
#include "doc/version1.h"
#include "tree/tree.h"

struct copse_database {
    const copse_env *env;
    copse_tree *tree;
    uint64_t version;
    copse_catalogue catalogue;
    copse_collection *collections; /* lent; in the order of the catalogue's */
};

static copse_status database_lend_collections(copse_database *database, copse_err *err)
{
    const copse_catalogue *catalogue = &database->catalogue;
    database->collections =
        copse_alloc_array(database->env, catalogue->count, sizeof *database->collections);
    if (database->collections == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < catalogue->count; i++) {
        database->collections[i] = catalogue->collections[i]->collection;
    }
    return COPSE_OK;
}

static copse_status database_add_version1(void *ctx, copse_bytes name, copse_err *err)
{
    copse_database *database = ctx;
    copse_catalogue_collection *collection;
    copse_status status =
        copse_catalogue_add(&database->catalogue, name, copse_bytes_of_text("_id"),
                            COPSE_DOCUMENTS_LINKED, &collection, err);
    if (status == COPSE_OK) {
        collection->collection.primary_key.len = 0; /* what it is stands nowhere */
    }
    return status;
}

/* Trees that Copse wrote are of version 2, foreign ones of version 1. */
static copse_status database_read_catalogue(copse_database *database, copse_err *err)
{
    if (database->tree->kind == COPSE_TREE_OURS) {
        database->version = COPSE_DATABASE_VERSION;
        return copse_catalogue_read(&database->catalogue, database->tree, err);
    }
    bool is_version1;
    copse_status status = copse_version1_is(database->tree, &is_version1, err);
    if (status == COPSE_OK && !is_version1) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a tree that is not a database");
    }
    database->version = 1;
    return status == COPSE_OK
               ? copse_version1_collections(database->tree, database_add_version1, database, err)
               : status;
}

copse_status copse_database_open(copse_tree *tree, copse_database **ret_database, copse_err *err)
{
    copse_database *database = copse_alloc_zeroed(tree->env, sizeof *database);
    if (database == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    database->env = tree->env;
    database->tree = tree;
    database->catalogue.env = tree->env;
    copse_status status = database_read_catalogue(database, err);
    if (status == COPSE_OK) {
        status = database_lend_collections(database, err);
    }
    if (status != COPSE_OK) {
        copse_database_close(database);
        return status;
    }
    *ret_database = database;
    return COPSE_OK;
}

copse_database *copse_database_close(copse_database *database)
{
    if (database != NULL) {
        copse_free_array(database->env, database->collections, database->catalogue.count,
                         sizeof *database->collections);
        copse_catalogue_release(&database->catalogue);
        copse_free(database->env, database, sizeof *database);
    }
    return NULL;
}

copse_tree *copse_database_tree(const copse_database *database)
{
    return database->tree;
}

uint64_t copse_database_version(const copse_database *database)
{
    return database->version;
}

const copse_identity *copse_database_identity(const copse_database *database)
{
    return database->catalogue.has_identity ? &database->catalogue.identity : NULL;
}

const copse_collection *copse_database_collections(const copse_database *database,
                                                   size_t *ret_count)
{
    *ret_count = database->catalogue.count;
    return database->collections;
}

const copse_collection *copse_database_collection(const copse_database *database, copse_bytes name)
{
    const copse_catalogue_collection *found = copse_catalogue_find(&database->catalogue, name);
    if (found == NULL) {
        return NULL;
    }
    size_t at = 0;
    while (database->catalogue.collections[at] != found) {
        at++;
    }
    return &database->collections[at];
}

copse_index_deriver *copse_database_deriver(const copse_database *database,
                                            const copse_collection *collection, size_t position)
{
    size_t at = (size_t)(collection - database->collections);
    return database->catalogue.collections[at]->derivers[position];
}

/* ---- counting ---- */

/* Counts what begins with the bytes in `prefix`, which it changes. */
static copse_status database_count_prefix(const copse_database *database, copse_buf *prefix,
                                          uint64_t *ret_count, copse_err *err)
{
    size_t len = prefix->len;
    copse_status status = copse_key_write_range_end(prefix, 0);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for the bounds of a count");
    }
    copse_bytes from = {prefix->ptr, len};
    copse_bytes to = {prefix->ptr + len, prefix->len - len};
    return copse_tree_range_count(database->tree, from, &to, ret_count, err);
}

copse_status copse_database_count(copse_database *database, const copse_collection *collection,
                                  uint64_t *ret_count, copse_err *err)
{
    copse_buf prefix;
    if (database->version == 1) {
        return copse_version1_count(database->tree, collection->name, ret_count, err);
    }
    copse_buf_init(&prefix, database->env, SIZE_MAX);
    copse_status status = copse_key_write_documents(&prefix, collection->name);
    status = status == COPSE_OK ? database_count_prefix(database, &prefix, ret_count, err)
                                : COPSE_ERR(err, status, "no memory for a key");
    copse_buf_release(&prefix);
    return status;
}

copse_status copse_database_index_count(copse_database *database,
                                        const copse_collection *collection,
                                        const copse_index_definition *index, uint64_t *ret_count,
                                        copse_err *err)
{
    copse_buf prefix;
    if (index->is_unbuilt) {
        *ret_count = 0;
        return COPSE_OK;
    }
    copse_buf_init(&prefix, database->env, SIZE_MAX);
    copse_status status = copse_key_write_entries(&prefix, collection->name, index->name);
    status = status == COPSE_OK ? database_count_prefix(database, &prefix, ret_count, err)
                                : COPSE_ERR(err, status, "no memory for a key");
    copse_buf_release(&prefix);
    return status;
}

/* ---- documents ---- */

static copse_status database_write_key(const copse_database *database,
                                       const copse_collection *collection, copse_bytes id,
                                       copse_buf *key, copse_err *err)
{
    bool is_version1 = database->version == 1;
    copse_status status = is_version1 ? copse_version1_write_documents(key, collection->name)
                                      : copse_key_write_documents(key, collection->name);
    if (status == COPSE_OK && is_version1) {
        status = copse_version1_write_record_id(key, id);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a key");
    }
    return is_version1 ? COPSE_OK : copse_order_write_primary(key, id, err);
}

copse_status copse_database_get(copse_database *database, const copse_collection *collection,
                                copse_bytes id, copse_document *document, copse_err *err)
{
    copse_buf key;
    copse_bytes value;
    copse_buf_init(&key, database->env, SIZE_MAX);
    copse_status status = database_write_key(database, collection, id, &key, err);
    if (status == COPSE_OK) {
        status = copse_tree_get(database->tree, copse_buf_view(&key), &value, err);
    }
    if (status == COPSE_OK) {
        status = copse_document_load(database, value, document, err);
    }
    copse_buf_release(&key);
    return status;
}

copse_status copse_document_load(copse_database *database, copse_bytes value,
                                 copse_document *document, copse_err *err)
{
    copse_source *source = copse_node_cache_source(copse_tree_cache(database->tree));
    copse_source_begin(source);
    return database->version == 1
               ? copse_version1_load_within(source, database->env, value, document, err)
               : copse_document_load_within(source, database->env, value, document, err);
}
