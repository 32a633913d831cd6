/* From sorted rows to a tree; conflicts are found on the way.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/loader.h"

#include "base/err.h"
#include "base/loadstore.h"
#include "doc/catalogue_rows.h"
#include "doc/write_unique.h"
#include "doc/writers.h"
#include "tree/builder.h"
#include "value/order_show.h"

#include <copse/batch.h>
#include <copse/ext_json.h>

#include <string.h>

enum {
    LOADER_TEXT_SIZE_BYTES_MAX = 80, /* of a value in a message */
    LOADER_WRAPPED_HEAD = 0x83       /* no entry's value is an array, but for wrapped ones */
};

/* What the rows before say about the next. */
typedef struct loader_walk {
    copse_loader *loader;
    copse_builder *builder;
    copse_buf last;   /* key of the last document, or of the last entry that is not exempt */
    size_t last_size; /* what of it no other may have; 0: nothing */
    uint64_t last_tag;
    copse_loader_conflict *ret_conflict; /* NULL: nobody asks */
} loader_walk;

/* ---- conflicts ---- */

/* The primary key in a document's key as JSON, cut for a message. */
static void loader_describe(const copse_loader *loader, copse_bytes key,
                            char ret_text[LOADER_TEXT_SIZE_BYTES_MAX + 1])
{
    copse_bytes order = {key.ptr + loader->prefix.len, key.len - loader->prefix.len};
    copse_order_decoded id;
    copse_buf items;
    copse_buf json;
    size_t size = 0;
    copse_buf_init(&items, loader->env, SIZE_MAX);
    copse_buf_init(&json, loader->env, SIZE_MAX);
    copse_status status = copse_order_show(order, false, &items, &id, NULL);
    if (status == COPSE_OK) {
        copse_bytes item = {items.ptr + id.offset, id.size};
        status = copse_ext_json_from_cbor(loader->env, item, false, &json, NULL);
    }
    if (status == COPSE_OK) {
        size = json.len < LOADER_TEXT_SIZE_BYTES_MAX ? json.len : LOADER_TEXT_SIZE_BYTES_MAX;
        memcpy(ret_text, json.ptr, size);
    }
    ret_text[size] = 0;
    copse_buf_release(&items);
    copse_buf_release(&json);
}

static copse_status loader_report(const loader_walk *walk, copse_bytes key, uint64_t tag,
                                  copse_err *err)
{
    const copse_loader *loader = walk->loader;
    const copse_catalogue_collection *target = loader->target;
    const copse_collection *collection = &target->collection;
    if (walk->ret_conflict != NULL) {
        *walk->ret_conflict = (copse_loader_conflict){walk->last_tag, tag};
    }
    for (size_t i = 0; i < collection->indexes_count; i++) {
        if (copse_bytes_has_prefix(key, copse_index_deriver_prefix(target->derivers[i]))) {
            return copse_unique_conflict(loader->env, collection->name, target->derivers[i],
                                         copse_buf_view(&walk->last), key, err);
        }
    }
    char id[LOADER_TEXT_SIZE_BYTES_MAX + 1];
    loader_describe(loader, key, id);
    return COPSE_ERR(err, COPSE_CONFLICT, "two documents have the %.*s %s",
                     (int)collection->primary_key.len, (const char *)collection->primary_key.ptr,
                     id);
}

/* ---- rows ---- */

/* Passes a row whose first `size` bytes of key no other may have. */
static copse_status loader_pass(loader_walk *walk, copse_bytes key, size_t size, uint64_t tag,
                                copse_bytes value, copse_err *err)
{
    if (size == walk->last_size && memcmp(key.ptr, walk->last.ptr, size) == 0) {
        return loader_report(walk, key, tag, err);
    }
    copse_buf_truncate(&walk->last, 0);
    if (copse_buf_append(&walk->last, key) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    walk->last_size = size;
    walk->last_tag = tag;
    return copse_builder_add_checked(walk->builder, key, value, err);
}

static copse_status loader_pass_wrapped(loader_walk *walk, copse_bytes key, copse_bytes wrapped,
                                        copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_item tag;
    copse_cbor_item unique;
    copse_bytes value;
    copse_cbor_reader_init(&reader, wrapped);
    copse_status status = copse_cbor_next(&reader, &head, err);
    if (status == COPSE_OK) {
        status = copse_cbor_take(&reader, &value, err);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &tag, err);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &unique, err);
    }
    return status == COPSE_OK ? loader_pass(walk, key, (size_t)unique.arg, tag.arg, value, err)
                              : status;
}

static copse_status loader_pass_row(loader_walk *walk, copse_bytes key, copse_bytes value,
                                    copse_err *err)
{
    if (copse_bytes_has_prefix(key, copse_buf_view(&walk->loader->prefix))) {
        key.len -= COPSE_LOADER_SUFFIX_SIZE_BYTES;
        uint64_t tag = copse_load_u64be(key.ptr + key.len + 8);
        return loader_pass(walk, key, key.len, tag, value, err);
    }
    if (value.ptr[0] == LOADER_WRAPPED_HEAD) {
        return loader_pass_wrapped(walk, key, value, err);
    }
    return copse_builder_add_checked(walk->builder, key, value, err);
}

static copse_status loader_build(copse_loader *loader, copse_loader_conflict *ret_conflict,
                                 copse_err *err)
{
    loader_walk walk = {.loader = loader, .ret_conflict = ret_conflict};
    copse_status status =
        copse_builder_new(loader->env, &loader->meter.base, &loader->config, &walk.builder, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_init(&walk.last, loader->env, COPSE_KEY_SIZE_BYTES_MAX);
    while (status == COPSE_OK) {
        copse_bytes key;
        copse_bytes value;
        status = copse_sorter_next(loader->sorter, &key, &value, err);
        if (status == COPSE_OK) {
            status = loader_pass_row(&walk, key, value, err);
        }
    }
    if (status == COPSE_END) {
        status = copse_builder_finish(walk.builder, &loader->root, err);
    }
    copse_builder_free(walk.builder);
    copse_buf_release(&walk.last);
    return status;
}

/* ---- the tree ---- */

typedef copse_status (*loader_write_fn)(const copse_loader *loader, copse_buf *buf);

static copse_status loader_write_database_key(const copse_loader *loader, copse_buf *buf)
{
    (void)loader;
    return copse_key_write_database(buf);
}

static copse_status loader_write_database(const copse_loader *loader, copse_buf *buf)
{
    (void)loader;
    return copse_catalogue_encode_database(buf);
}

static copse_status loader_write_collection_key(const copse_loader *loader, copse_buf *buf)
{
    return copse_key_write_collection(buf, loader->target->collection.name);
}

static copse_status loader_write_collection(const copse_loader *loader, copse_buf *buf)
{
    return copse_catalogue_encode_collection(&loader->target->collection, buf);
}

static copse_status loader_put_row(copse_loader *loader, copse_batch *batch, loader_write_fn key,
                                   loader_write_fn value, copse_err *err)
{
    copse_buf_truncate(&loader->key, 0);
    copse_buf_truncate(&loader->value, 0);
    if (key(loader, &loader->key) != COPSE_OK || value(loader, &loader->value) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return copse_batch_put(batch, copse_buf_view(&loader->key), copse_buf_view(&loader->value),
                           err);
}

/* Puts the rows of the catalogue, and the data of `built` (NULL: there is none). */
static copse_status loader_fill_batch(copse_loader *loader, copse_batch *batch, copse_tree *built,
                                      copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_buf *from = &loader->key;
    copse_buf *to = &loader->value;
    if (!loader->catalogue.has_header) {
        status =
            loader_put_row(loader, batch, loader_write_database_key, loader_write_database, err);
    }
    if (status == COPSE_OK && loader->is_new) {
        status = loader_put_row(loader, batch, loader_write_collection_key, loader_write_collection,
                                err);
    }
    if (status != COPSE_OK || built == NULL) {
        return status;
    }
    copse_buf_truncate(from, 0);
    copse_buf_truncate(to, 0);
    if (copse_key_write_data(from, loader->target->collection.name) != COPSE_OK ||
        copse_buf_append(to, copse_buf_view(from)) != COPSE_OK ||
        copse_order_prefix_end(to, 0) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    const copse_bytes end = copse_buf_view(to);
    return copse_batch_splice(batch, built, copse_buf_view(from), &end, err);
}

static copse_status loader_splice(copse_loader *loader, copse_tree **ret_tree,
                                  copse_apply_stats *ret_stats, copse_err *err)
{
    copse_batch *batch = NULL;
    copse_tree *built = NULL;
    copse_status status = copse_batch_new(loader->env, &batch, err);
    if (status == COPSE_OK && loader->number > 0) {
        status = copse_tree_open(copse_tree_cache(loader->tree), &loader->root, &built, err);
    }
    if (status == COPSE_OK) {
        status = loader_fill_batch(loader, batch, built, err);
    }
    if (status == COPSE_OK) {
        status =
            copse_tree_apply(loader->tree, batch, loader->meter.inner, ret_tree, ret_stats, err);
    }
    copse_batch_free(batch);
    copse_tree_close(built);
    return status;
}

/* Ends the adding and builds; not again after a WANT of the splice. */
static copse_status loader_make_root(copse_loader *loader, copse_loader_conflict *ret_conflict,
                                     copse_err *err)
{
    copse_status status = copse_loader_flush(loader, err);
    if (status == COPSE_OK && loader->number > 0) {
        status = loader_build(loader, ret_conflict, err);
    }
    loader->poisoned = status;
    if (status == COPSE_OK) {
        loader->stage = LOADER_BUILT;
    }
    return status;
}

/* In a database with a creator: whether the author may load. */
static copse_status loader_check_author(const copse_loader *loader, copse_err *err)
{
    copse_authority *authority = NULL;
    copse_public_key who;
    if (!loader->catalogue.has_identity) {
        return COPSE_OK;
    }
    if (loader->author.len == 0) {
        return COPSE_ERR(err, COPSE_DENIED,
                         "no right to load: the database has a creator, and who writes it signs "
                         "with a key");
    }
    copse_status status = copse_public_key_from_did(copse_buf_view(&loader->author), &who, err);
    if (status == COPSE_OK) {
        status =
            copse_writers_authority_of(loader->tree, &loader->catalogue.identity, &authority, err);
    }
    if (status == COPSE_OK) {
        status = copse_writers_ask(loader->env, authority, &who,
                                   loader->is_new ? COPSE_RIGHT_ADMIN : COPSE_RIGHT_INSERT,
                                   loader->target->collection.name,
                                   loader->is_new ? "change the catalogue of" : "insert into", err);
    }
    copse_authority_free(authority);
    return status;
}

copse_status copse_loader_finish(copse_loader *loader, copse_tree **ret_tree,
                                 copse_write_stats *ret_stats, copse_loader_conflict *ret_conflict,
                                 copse_err *err)
{
    copse_apply_stats applied;
    if (loader == NULL || ret_tree == NULL || loader->stage == LOADER_ENDED) {
        return COPSE_ERR(err, COPSE_MISUSE, "loader: there is none, or it was finished");
    }
    if (loader->poisoned != COPSE_OK) {
        return COPSE_ERR(err, loader->poisoned, "the loader failed before");
    }
    copse_status status = COPSE_OK;
    if (loader->stage == LOADER_ADDING) {
        status = loader_check_author(loader, err);
    }
    if (status == COPSE_OK && loader->stage == LOADER_ADDING) {
        status = loader_make_root(loader, ret_conflict, err);
    }
    if (status == COPSE_OK) {
        status = loader_splice(loader, ret_tree, &applied, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    loader->stage = LOADER_ENDED;
    if (ret_stats != NULL) {
        *ret_stats = loader->stats;
        ret_stats->nodes_written = loader->meter.blocks + applied.nodes_written;
        ret_stats->bytes_written += loader->meter.size_bytes + applied.nodes_written_bytes;
    }
    return COPSE_OK;
}
