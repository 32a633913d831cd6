/* Taking documents in; loader_build.c makes the tree of them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/loader.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "doc/document_signature.h"
#include "tree/config.h"
#include "tree/tree.h"

#include <copse/commit.h>

#include <string.h>

enum {
    LOADER_BLOCKS_MAX = 64, /* linked documents put at once, */
    LOADER_BLOCKS_SIZE_BYTES_MAX = 1 << 20,
    LOADER_ROW_SHARE = 8, /* of the sorter's memory, for one row: it takes a fourth */
    LOADER_ROW_HEAD = 8   /* a staged row's sizes: key and value, 4 bytes each */
};

/* ---- the meter ---- */

static copse_status loader_meter_put(copse_store *store, copse_block *const *blocks, size_t count,
                                     copse_err *err)
{
    copse_loader_meter *meter = (copse_loader_meter *)(void *)store;
    copse_status status = copse_store_put(meter->inner, blocks, count, err);
    if (status == COPSE_OK) {
        meter->blocks += count;
        for (size_t i = 0; i < count; i++) {
            meter->size_bytes += copse_block_data(blocks[i]).len;
        }
    }
    return status;
}

static const copse_store_ops loader_meter_ops = {.put = loader_meter_put};

/* ---- making ---- */

static copse_status loader_init_versions(copse_loader *loader, copse_err *err)
{
    const copse_env *env = loader->env;
    const copse_collection *collection = &loader->target->collection;
    loader->has_versions = copse_merge_has_versions(collection->merge);
    if (!loader->has_versions) {
        return COPSE_OK;
    }
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "%.*s: its documents have versions, and there is no clock for them",
                         (int)collection->name.len, (const char *)collection->name.ptr);
    }
    loader->time_ms = env->clock(env->clock_ctx);
    if (loader->time_ms < collection->forgotten_ms) { /* write_version.h, V5 */
        loader->time_ms = collection->forgotten_ms;
    }
    return COPSE_OK;
}

static copse_status loader_init(copse_loader *loader, copse_bytes collection,
                                copse_bytes primary_key, copse_documents_form documents,
                                size_t memory_bytes_max, const copse_run_store *runs,
                                copse_err *err)
{
    copse_status status = copse_tree_get_config(loader->tree, &loader->config, err);
    if (status == COPSE_OK) {
        status = copse_catalogue_read(&loader->catalogue, loader->tree, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    loader->target = copse_catalogue_find(&loader->catalogue, collection);
    if (loader->target == NULL) {
        loader->is_new = true;
        status = copse_catalogue_add(&loader->catalogue, collection, primary_key, documents,
                                     &loader->target, err);
    }
    if (status == COPSE_OK) {
        status = copse_catalogue_check_empty(loader->tree, collection, err);
    }
    if (status == COPSE_OK && copse_key_write_documents(&loader->prefix, collection) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_OK) {
        status = loader_init_versions(loader, err);
    }
    if (status == COPSE_OK) {
        status = copse_sorter_new(loader->env, memory_bytes_max, runs, &loader->sorter, err);
    }
    return status;
}

copse_status copse_loader_new(copse_tree *tree, copse_store *store, copse_bytes collection,
                              copse_bytes primary_key, copse_documents_form documents,
                              size_t memory_bytes_max, const copse_run_store *runs,
                              copse_loader **ret_loader, copse_err *err)
{
    if (tree == NULL || store == NULL || ret_loader == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "loader: an argument is NULL");
    }
    const copse_env *env = tree->env;
    copse_loader *loader = copse_alloc_zeroed(env, sizeof *loader);
    if (loader == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    loader->env = env;
    loader->tree = tree;
    loader->meter.base.ops = &loader_meter_ops;
    loader->meter.inner = store;
    loader->catalogue.env = env;
    loader->blocks.env = env;
    loader->row_size_max =
        (memory_bytes_max > 0 ? memory_bytes_max : env->limits.sort_memory_bytes_max) /
        LOADER_ROW_SHARE;
    copse_buf *const scratch[] = {&loader->prefix, &loader->document, &loader->key,
                                  &loader->value,  &loader->wrapped,  &loader->rows,
                                  &loader->author, &loader->version,  &loader->signed_row};
    for (size_t i = 0; i < sizeof scratch / sizeof *scratch; i++) {
        copse_buf_init(scratch[i], env, SIZE_MAX);
    }
    copse_status status =
        loader_init(loader, collection, primary_key, documents, memory_bytes_max, runs, err);
    if (status != COPSE_OK) {
        copse_loader_free(loader);
        return status;
    }
    *ret_loader = loader;
    return COPSE_OK;
}

copse_loader *copse_loader_free(copse_loader *loader)
{
    if (loader != NULL) {
        copse_sorter_free(loader->sorter);
        copse_catalogue_release(&loader->catalogue);
        copse_block_list_release(&loader->blocks);
        copse_buf_release(&loader->prefix);
        copse_buf_release(&loader->author);
        copse_buf_release(&loader->version);
        copse_buf_release(&loader->signed_row);
        copse_buf_release(&loader->document);
        copse_buf_release(&loader->key);
        copse_buf_release(&loader->value);
        copse_buf_release(&loader->wrapped);
        copse_buf_release(&loader->rows);
        copse_free(loader->env, loader, sizeof *loader);
    }
    return NULL;
}

copse_status copse_loader_set_author(copse_loader *loader, copse_bytes author, copse_err *err)
{
    if (loader->stage != LOADER_ADDING || loader->number > 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "loader: documents were added");
    }
    if (author.len > COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_MISUSE, "an author of %zu bytes", author.len);
    }
    if (copse_buf_reserve(&loader->author, author.len) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_buf_truncate(&loader->author, 0);
    copse_buf_truncate(&loader->version, 0);
    loader->signer = NULL;
    return copse_buf_append(&loader->author, author); /* there is room */
}

copse_status copse_loader_set_key(copse_loader *loader, const copse_key *key, copse_err *err)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    (void)copse_public_key_to_did(copse_key_public(key), did);
    copse_status status = copse_loader_set_author(loader, copse_bytes_of_text(did), err);
    if (status == COPSE_OK) {
        loader->signer = key;
    }
    return status;
}

void copse_loader_on_progress(copse_loader *loader, copse_sorter_progress_fn progress, void *ctx)
{
    copse_sorter_on_progress(loader->sorter, progress, ctx);
}

/* ---- staging ---- */

/* Keeps a row until all of its document's are there. `suffix_size` bytes of the key are not for the
 * tree. */
static copse_status loader_stage(copse_loader *loader, copse_bytes key, size_t suffix_size,
                                 copse_bytes value, copse_err *err)
{
    uint8_t head[LOADER_ROW_HEAD];
    copse_bytes tree_key = {key.ptr, key.len - suffix_size};
    copse_status status =
        copse_tree_check_entry(loader->env, &loader->config, tree_key, value.len, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (key.len + value.len > loader->row_size_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a row of %zu bytes; the memory for sorting allows %zu",
                         key.len + value.len, loader->row_size_max);
    }
    copse_store_u32le(head, (uint32_t)key.len);
    copse_store_u32le(head + 4, (uint32_t)value.len);
    if (copse_buf_reserve(&loader->rows, sizeof head + key.len + value.len) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    uint8_t *at = loader->rows.ptr + loader->rows.len;
    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, key.ptr, key.len);
    memcpy(at + sizeof head + key.len, value.ptr, value.len);
    loader->rows.len += sizeof head + key.len + value.len;
    loader->rows_count++;
    return COPSE_OK;
}

static copse_status loader_stage_document(copse_loader *loader, copse_bytes id, copse_err *err)
{
    uint8_t suffix[COPSE_LOADER_SUFFIX_SIZE_BYTES];
    copse_buf *key = &loader->key;
    copse_buf_truncate(key, 0);
    copse_status status = copse_buf_append(key, copse_buf_view(&loader->prefix));
    if (status != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    status = copse_order_write_primary(key, id, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_store_u64be(suffix, loader->number);
    copse_store_u64be(suffix + 8, loader->tag);
    if (copse_buf_append(key, (copse_bytes){suffix, sizeof suffix}) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return loader_stage(loader, copse_buf_view(key), sizeof suffix, copse_buf_view(&loader->value),
                        err);
}

/* The value of an entry of a unique index as the sorter gets it. */
static copse_status loader_wrap(copse_loader *loader, const copse_index_row *row)
{
    copse_buf *buf = &loader->wrapped;
    copse_buf_truncate(buf, 0);
    copse_status status = copse_cbor_write_array(buf, 3);
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, row->value);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, loader->tag);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, row->unique_size);
    }
    return status;
}

/* A copse_index_row_fn. */
static copse_status loader_on_row(void *ctx, const copse_index_row *row, copse_err *err)
{
    copse_loader *loader = ctx;
    if (row->unique_size == 0) {
        return loader_stage(loader, row->key, 0, row->value, err);
    }
    if (loader_wrap(loader, row) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return loader_stage(loader, row->key, 0, copse_buf_view(&loader->wrapped), err);
}

static copse_status loader_stage_indexes(copse_loader *loader, copse_bytes document, copse_bytes id,
                                         copse_err *err)
{
    const copse_catalogue_collection *target = loader->target;
    copse_bytes link = copse_document_row_link(copse_buf_view(&loader->value));
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < target->collection.indexes_count && status == COPSE_OK; i++) {
        status =
            copse_index_derive(target->derivers[i], document, id, link, loader_on_row, loader, err);
    }
    return status;
}

/* The row of a document that was never written before: all of them have the same. */
static copse_status loader_make_version(copse_loader *loader, copse_bytes document, copse_err *err)
{
    const copse_collection *collection = &loader->target->collection;
    const copse_version_state none = {.row = {NULL, 0}};
    const copse_version version = {.time_ms = loader->time_ms,
                                   .author = copse_buf_view(&loader->author)};
    return loader->version.len > 0
               ? COPSE_OK
               : copse_version_write(loader->env, collection->merge, collection->primary_key, &none,
                                     document, true, &version, &loader->version, err);
}

/* Makes the row of a document, whose order(pk) is `order`, that its author signs. */
static copse_status loader_sign_version(copse_loader *loader, copse_bytes document,
                                        copse_bytes order, copse_err *err)
{
    copse_bytes name = loader->target->collection.name;
    const copse_document_place place = {&loader->catalogue.identity.cid, name, order};
    const copse_version_state state = {document, copse_buf_view(&loader->version)};
    if (loader->signer == NULL) {
        return COPSE_ERR(err, COPSE_DENIED,
                         "no right to load into %.*s: its documents are signed with a key",
                         (int)name.len, (const char *)name.ptr);
    }
    copse_buf_truncate(&loader->signed_row, 0);
    return copse_document_sign(loader->env, loader->signer, &place, &state, &loader->signed_row,
                               err);
}

static copse_status loader_stage_version(copse_loader *loader, copse_bytes document, copse_bytes id,
                                         copse_err *err)
{
    const copse_collection *collection = &loader->target->collection;
    copse_buf *key = &loader->key;
    copse_buf_truncate(key, 0);
    if (copse_key_write_versions(key, collection->name) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    size_t prefix_size = key->len;
    copse_status status = copse_order_write_primary(key, id, err);
    if (status == COPSE_OK) {
        status = loader_make_version(loader, document, err);
    }
    if (status == COPSE_OK && collection->is_signed) {
        const copse_bytes order = {key->ptr + prefix_size, key->len - prefix_size};
        status = loader_sign_version(loader, document, order, err);
    }
    return status == COPSE_OK
               ? loader_stage(
                     loader, copse_buf_view(key), 0,
                     copse_buf_view(collection->is_signed ? &loader->signed_row : &loader->version),
                     err)
               : status;
}

/* ---- adding ---- */

/* Finds the primary key; puts a new ObjectId in if it is a missing `_id`. */
static copse_status loader_identify(copse_loader *loader, copse_bytes *document,
                                    copse_bytes *ret_id, copse_err *err)
{
    copse_bytes primary_key = loader->target->collection.primary_key;
    copse_status status = copse_document_primary(*document, primary_key, ret_id, err);
    if (status != COPSE_NOT_FOUND) {
        return status;
    }
    if (!copse_bytes_equal(primary_key, copse_bytes_of_text("_id"))) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document without its primary key %.*s",
                         (int)primary_key.len, (const char *)primary_key.ptr);
    }
    uint8_t id[12];
    status = copse_object_id_new(loader->env, id, err);
    copse_buf_truncate(&loader->key, 0);
    if (status == COPSE_OK && copse_value_write_object_id(&loader->key, id) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_OK) {
        copse_buf_truncate(&loader->document, 0);
        status = copse_document_write_with_id(&loader->document, *document,
                                              copse_buf_view(&loader->key), err);
    }
    if (status == COPSE_OK) {
        *document = copse_buf_view(&loader->document);
        status = copse_document_primary(*document, primary_key, ret_id, err);
    }
    return status;
}

/* Stages all rows of a document. */
static copse_status loader_derive(copse_loader *loader, copse_bytes document, copse_err *err)
{
    copse_bytes id;
    copse_status status = copse_document_check(document, &loader->env->limits, err);
    copse_buf_truncate(&loader->rows, 0);
    copse_buf_truncate(&loader->value, 0);
    loader->rows_count = 0;
    if (status == COPSE_OK) {
        status = loader_identify(loader, &document, &id, err);
    }
    if (status == COPSE_OK) {
        status = copse_document_store(loader->target->collection.documents, document,
                                      &loader->value, &loader->blocks, err);
    }
    if (status == COPSE_OK) {
        status = loader_stage_document(loader, id, err);
    }
    if (status == COPSE_OK) {
        status = loader_stage_indexes(loader, document, id, err);
    }
    if (status == COPSE_OK && loader->has_versions) {
        status = loader_stage_version(loader, document, id, err);
    }
    return status;
}

static copse_status loader_sort_rows(copse_loader *loader, copse_err *err)
{
    const uint8_t *at = loader->rows.ptr;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < loader->rows_count && status == COPSE_OK; i++) {
        copse_bytes key = {at + LOADER_ROW_HEAD, copse_load_u32le(at)};
        copse_bytes value = {key.ptr + key.len, copse_load_u32le(at + 4)};
        status = copse_sorter_add(loader->sorter, key, value, err);
        at = value.ptr + value.len;
    }
    return status;
}

copse_status copse_loader_flush(copse_loader *loader, copse_err *err)
{
    copse_block_list *list = &loader->blocks;
    copse_status status = COPSE_OK;
    if (list->count > 0) {
        loader->stats.bytes_written += list->size_bytes;
        status = copse_store_put(loader->meter.inner, list->blocks, list->count, err);
    }
    copse_block_list_truncate(list, 0);
    return status;
}

copse_status copse_loader_add(copse_loader *loader, copse_bytes document, uint64_t tag,
                              copse_err *err)
{
    if (loader == NULL || loader->stage != LOADER_ADDING) {
        return COPSE_ERR(err, COPSE_MISUSE, "loader: there is none, or it was finished");
    }
    if (loader->poisoned != COPSE_OK) {
        return COPSE_ERR(err, loader->poisoned, "the loader failed before");
    }
    loader->tag = tag;
    copse_status status = loader_derive(loader, document, err);
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT || status == COPSE_MISUSE ||
        status == COPSE_DENIED) {
        return status; /* nothing of it has reached the sorter: L4 */
    }
    if (status == COPSE_OK) {
        status = loader_sort_rows(loader, err);
    }
    if (status == COPSE_OK && (loader->blocks.count >= LOADER_BLOCKS_MAX ||
                               loader->blocks.size_bytes >= LOADER_BLOCKS_SIZE_BYTES_MAX)) {
        status = copse_loader_flush(loader, err);
    }
    loader->poisoned = status;
    loader->number += status == COPSE_OK;
    loader->stats.inserted += status == COPSE_OK;
    loader->stats.index_rows_added +=
        status == COPSE_OK ? loader->rows_count - 1 - loader->has_versions : 0;
    return status;
}
