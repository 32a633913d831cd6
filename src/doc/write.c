/* Collecting operations; write_apply.c applies them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/write.h"

#include "base/alloc.h"
#include "base/err.h"
#include "index/definition.h"

#include <copse/value.h>

copse_status copse_write_new(const copse_env *env, copse_write **ret_write, copse_err *err)
{
    copse_write *write = copse_alloc_zeroed(env, sizeof *write);
    if (write == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    write->env = env;
    write->catalogue.env = env;
    write->blocks.env = env;
    copse_buf_init(&write->bytes, env, SIZE_MAX);
    copse_status status = copse_batch_new(env, &write->batch, err);
    if (status != COPSE_OK) {
        copse_write_free(write);
        return status;
    }
    *ret_write = write;
    return COPSE_OK;
}

copse_write *copse_write_free(copse_write *write)
{
    if (write != NULL) {
        copse_authority_free(write->authority);
        copse_catalogue_release(&write->catalogue);
        copse_batch_free(write->batch);
        copse_buf_release(&write->bytes);
        copse_block_list_release(&write->blocks);
        copse_free_array(write->env, write->ops, write->ops_capacity, sizeof *write->ops);
        copse_free_array(write->env, write->changes, write->changes_capacity,
                         sizeof *write->changes);
        copse_free(write->env, write, sizeof *write);
    }
    return NULL;
}

void copse_write_rewind(copse_write *write, size_t count)
{
    if (count < write->ops_count) { /* an operation's bytes begin with its collection's name */
        copse_buf_truncate(&write->bytes, write->ops[count].collection.offset);
        copse_block_list_truncate(&write->blocks, write->ops[count].blocks_first);
        write->ops_count = count;
    }
}

void copse_write_clear(copse_write *write)
{
    copse_write_rewind(write, 0);
}

void copse_write_on_clash(copse_write *write, copse_write_clash_fn visit, void *ctx)
{
    write->clash = visit;
    write->clash_ctx = ctx;
}

void copse_write_take_indexes(copse_write *write, copse_tree *rows)
{
    write->index_rows = rows;
    write->leaves_indexes = rows == NULL;
}

size_t copse_write_count(const copse_write *write)
{
    return write->ops_count;
}

/* ---- adding ---- */

/* An operation in the making. */
typedef struct write_adding {
    copse_write *write;
    size_t offset; /* of its first byte: where it is taken back to */
    copse_write_op op;
    copse_status status;
} write_adding;

static copse_write_span write_add_bytes(write_adding *adding, copse_bytes bytes)
{
    copse_write_span span = {adding->write->bytes.len, bytes.len};
    if (adding->status == COPSE_OK) {
        adding->status = copse_buf_append(&adding->write->bytes, bytes);
    }
    return span;
}

static write_adding write_begin(copse_write *write, copse_write_kind kind, copse_bytes collection)
{
    write_adding adding = {write, write->bytes.len, {.kind = kind}, COPSE_OK};
    adding.op.blocks_first = write->blocks.count;
    adding.op.collection = write_add_bytes(&adding, collection);
    return adding;
}

static copse_status write_end(write_adding *adding, copse_err *err)
{
    copse_write *write = adding->write;
    copse_status status = adding->status;
    if (status == COPSE_OK) {
        void *ops = write->ops;
        if (!copse_array_grow(write->env, &ops, &write->ops_capacity, write->ops_count + 1,
                              sizeof *write->ops)) {
            status = COPSE_NOMEM;
        }
        write->ops = ops;
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(&write->bytes, adding->offset);
        copse_block_list_truncate(&write->blocks, adding->op.blocks_first);
        return COPSE_ERR(err, status, "no memory for an operation");
    }
    write->ops[write->ops_count++] = adding->op;
    return COPSE_OK;
}

copse_status copse_write_create_database(copse_write *write, const copse_identity *identity,
                                         copse_err *err)
{
    copse_buf row;
    copse_buf_init(&row, write->env, SIZE_MAX);
    copse_status status = copse_identity_encode(identity, &row, err);
    if (status == COPSE_OK) {
        write_adding adding =
            write_begin(write, COPSE_WRITE_CREATE_DATABASE, (copse_bytes){NULL, 0});
        adding.op.item = write_add_bytes(&adding, copse_buf_view(&row));
        status = write_end(&adding, err);
    }
    copse_buf_release(&row);
    return status;
}

copse_status copse_write_create_collection(copse_write *write, copse_bytes name,
                                           copse_bytes primary_key, copse_documents_form documents,
                                           copse_err *err)
{
    copse_status status = copse_name_check(name, "a collection", err);
    if (status == COPSE_OK) {
        status = copse_catalogue_check_primary(primary_key, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    write_adding adding = write_begin(write, COPSE_WRITE_CREATE_COLLECTION, name);
    adding.op.name = write_add_bytes(&adding, primary_key);
    adding.op.documents = documents;
    return write_end(&adding, err);
}

copse_status copse_write_drop_collection(copse_write *write, copse_bytes name, copse_err *err)
{
    copse_status status = copse_name_check(name, "a collection", err);
    if (status != COPSE_OK) {
        return status;
    }
    write_adding adding = write_begin(write, COPSE_WRITE_DROP_COLLECTION, name);
    return write_end(&adding, err);
}

/* Checks all of a definition by making its deriver. */
static copse_status write_check_definition(const copse_write *write, copse_bytes collection,
                                           const copse_index_definition *definition, copse_err *err)
{
    copse_index_deriver *deriver;
    copse_status status = copse_name_check(collection, "a collection", err);
    if (status == COPSE_OK) {
        status = copse_index_deriver_new(write->env, collection, definition, &deriver, err);
    }
    if (status == COPSE_OK) {
        copse_index_deriver_free(deriver);
    }
    return status;
}

copse_status copse_write_create_index(copse_write *write, copse_bytes collection,
                                      const copse_index_definition *definition, copse_err *err)
{
    copse_index_definition named = *definition;
    copse_buf name;
    copse_buf row;
    copse_buf_init(&name, write->env, SIZE_MAX);
    copse_buf_init(&row, write->env, SIZE_MAX);
    copse_status status = copse_index_definition_check(definition, err);
    if (status == COPSE_OK && named.name.len == 0) {
        status = copse_index_definition_write_name(definition, &name);
        named.name = copse_buf_view(&name);
        if (status != COPSE_OK) {
            status = COPSE_ERR(err, status, "no memory for the name of an index");
        } else if (named.name.len > COPSE_NAME_SIZE_BYTES_MAX) {
            status = COPSE_ERR(err, COPSE_LIMIT,
                               "the fields make a name of %zu bytes, more than %d: give the index "
                               "a name",
                               named.name.len, COPSE_NAME_SIZE_BYTES_MAX);
        }
    }
    if (status == COPSE_OK) {
        status = write_check_definition(write, collection, &named, err);
    }
    if (status == COPSE_OK) {
        status = copse_index_definition_encode(&named, &row, err);
    }
    if (status == COPSE_OK) {
        write_adding adding = write_begin(write, COPSE_WRITE_CREATE_INDEX, collection);
        adding.op.name = write_add_bytes(&adding, named.name);
        adding.op.item = write_add_bytes(&adding, copse_buf_view(&row));
        status = write_end(&adding, err);
    }
    copse_buf_release(&name);
    copse_buf_release(&row);
    return status;
}

copse_status copse_write_drop_index(copse_write *write, copse_bytes collection, copse_bytes index,
                                    copse_err *err)
{
    copse_status status = copse_name_check(collection, "a collection", err);
    if (status == COPSE_OK) {
        status = copse_name_check(index, "an index", err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    write_adding adding = write_begin(write, COPSE_WRITE_DROP_INDEX, collection);
    adding.op.name = write_add_bytes(&adding, index);
    return write_end(&adding, err);
}

copse_status copse_write_set_options(copse_write *write, copse_bytes collection,
                                     copse_merge_policy policy, uint32_t tombstone_days,
                                     uint64_t forgotten_ms, copse_err *err)
{
    copse_status status = copse_name_check(collection, "a collection", err);
    if (status == COPSE_OK && tombstone_days > COPSE_TOMBSTONE_DAYS_MAX) {
        status = COPSE_ERR(err, COPSE_LIMIT, "deletions are kept for at most %d days",
                           COPSE_TOMBSTONE_DAYS_MAX);
    }
    if (status != COPSE_OK) {
        return status;
    }
    write_adding adding = write_begin(write, COPSE_WRITE_SET_MERGE, collection);
    adding.op.merge = policy;
    adding.op.tombstone_days = tombstone_days;
    adding.op.before_ms = forgotten_ms;
    return write_end(&adding, err);
}

copse_status copse_write_set_merge(copse_write *write, copse_bytes collection,
                                   copse_merge_policy policy, uint32_t tombstone_days,
                                   copse_err *err)
{
    return copse_write_set_options(write, collection, policy, tombstone_days, 0, err);
}

copse_status copse_write_set_signed(copse_write *write, copse_bytes collection, copse_err *err)
{
    copse_status status = copse_name_check(collection, "a collection", err);
    if (status != COPSE_OK) {
        return status;
    }
    write_adding adding = write_begin(write, COPSE_WRITE_SET_SIGNED, collection);
    return write_end(&adding, err);
}

copse_status copse_write_forget_deleted(copse_write *write, copse_bytes collection,
                                        uint64_t before_ms, copse_err *err)
{
    copse_status status = copse_name_check(collection, "a collection", err);
    if (status == COPSE_OK && before_ms > INT64_MAX) {
        status = COPSE_ERR(err, COPSE_LIMIT, "times are below 2^63 ms");
    }
    if (status != COPSE_OK) {
        return status;
    }
    write_adding adding = write_begin(write, COPSE_WRITE_FORGET_DELETED, collection);
    adding.op.before_ms = before_ms;
    return write_end(&adding, err);
}

copse_status copse_write_add_statement(copse_write *write, copse_bytes encoded, copse_err *err)
{
    copse_statement statement;
    copse_status status = copse_statement_decode(write->env, encoded, &statement, err);
    if (status != COPSE_OK) {
        return status;
    }
    write_adding adding = write_begin(write, COPSE_WRITE_ADD_STATEMENT, (copse_bytes){NULL, 0});
    adding.op.item = write_add_bytes(&adding, encoded);
    return write_end(&adding, err);
}

copse_status copse_write_put_statements(copse_write *write, copse_bytes key, copse_bytes row,
                                        copse_err *err)
{
    write_adding adding = write_begin(write, COPSE_WRITE_PUT_STATEMENTS, (copse_bytes){NULL, 0});
    adding.op.id = write_add_bytes(&adding, key);
    adding.op.item = write_add_bytes(&adding, row);
    return write_end(&adding, err);
}

/* ---- documents ---- */

/* Makes an `_id` for a document that has none. Where none can be made, one may not be needed: the
 * collection may have another primary key. */
static copse_status write_new_id(const copse_write *write, bool needed, copse_buf *id,
                                 copse_err *err)
{
    uint8_t bytes[12];
    if (!needed && (write->env->clock == NULL || write->env->random == NULL)) {
        return COPSE_OK;
    }
    copse_status status = copse_object_id_new(write->env, bytes, err);
    if (status == COPSE_OK) {
        status = copse_value_write_object_id(id, bytes);
        if (status != COPSE_OK) {
            status = COPSE_ERR(err, status, "no memory for an _id");
        }
    }
    return status;
}

/* Adds an INSERT, REPLACE or UPSERT; only a REPLACE is_by_fields. */
static copse_status write_add_document(copse_write *write, copse_write_kind kind, bool is_by_fields,
                                       copse_bytes collection, copse_bytes document,
                                       copse_buf *ret_id, copse_err *err)
{
    copse_bytes id = {NULL, 0};
    copse_buf new_id;
    copse_buf_init(&new_id, write->env, SIZE_MAX);
    copse_status status = copse_name_check(collection, "a collection", err);
    if (status == COPSE_OK) {
        status = copse_document_check(document, &write->env->limits, err);
    }
    if (status == COPSE_OK && document.len > write->env->limits.document_size_bytes_max) {
        status = COPSE_ERR(err, COPSE_LIMIT, "a document of %zu bytes, more than %zu", document.len,
                           write->env->limits.document_size_bytes_max);
    }
    if (status == COPSE_OK &&
        copse_document_primary(document, copse_bytes_of_text("_id"), &id, NULL) != COPSE_OK &&
        kind != COPSE_WRITE_REPLACE) {
        status = write_new_id(write, ret_id != NULL, &new_id, err);
        id = copse_buf_view(&new_id);
    }
    if (status == COPSE_OK && ret_id != NULL) {
        status = copse_buf_reserve(ret_id, id.len);
        if (status != COPSE_OK) {
            status = COPSE_ERR(err, status, "no room for an _id");
        }
    }
    if (status == COPSE_OK) {
        write_adding adding = write_begin(write, kind, collection);
        adding.op.is_by_fields = is_by_fields;
        adding.op.item = write_add_bytes(&adding, document);
        adding.op.id = write_add_bytes(&adding, copse_buf_view(&new_id));
        status = write_end(&adding, err);
    }
    if (status == COPSE_OK && ret_id != NULL) {
        status = copse_buf_append(ret_id, id); /* there is room */
    }
    copse_buf_release(&new_id);
    return status;
}

copse_status copse_write_insert(copse_write *write, copse_bytes collection, copse_bytes document,
                                copse_buf *ret_id, copse_err *err)
{
    return write_add_document(write, COPSE_WRITE_INSERT, false, collection, document, ret_id, err);
}

copse_status copse_write_replace(copse_write *write, copse_bytes collection, copse_bytes document,
                                 bool upsert, copse_err *err)
{
    return write_add_document(write, upsert ? COPSE_WRITE_UPSERT : COPSE_WRITE_REPLACE, false,
                              collection, document, NULL, err);
}

copse_status copse_write_replace_fields(copse_write *write, copse_bytes collection,
                                        copse_bytes document, copse_err *err)
{
    return write_add_document(write, COPSE_WRITE_REPLACE, true, collection, document, NULL, err);
}

/* Whether `id`, one item, can be a primary key in a collection of this name. */
static copse_status write_check_id(const copse_write *write, copse_bytes collection, copse_bytes id,
                                   copse_err *err)
{
    copse_buf order;
    copse_buf_init(&order, write->env, SIZE_MAX);
    copse_status status = copse_name_check(collection, "a collection", err);
    if (status == COPSE_OK) {
        status = copse_value_check(id, &write->env->limits, err);
    }
    if (status == COPSE_OK) {
        status = copse_order_write_primary(&order, id, err);
    }
    copse_buf_release(&order);
    return status;
}

/* Adds an operation on the document with the primary key `id`. */
static copse_status write_add_id(copse_write *write, copse_write_kind kind, copse_bytes collection,
                                 copse_bytes id, copse_err *err)
{
    copse_status status = write_check_id(write, collection, id, err);
    if (status != COPSE_OK) {
        return status;
    }
    write_adding adding = write_begin(write, kind, collection);
    adding.op.item = write_add_bytes(&adding, id);
    return write_end(&adding, err);
}

copse_status copse_write_delete(copse_write *write, copse_bytes collection, copse_bytes id,
                                copse_err *err)
{
    return write_add_id(write, COPSE_WRITE_DELETE, collection, id, err);
}

copse_status copse_write_resolve(copse_write *write, copse_bytes collection, copse_bytes id,
                                 copse_err *err)
{
    return write_add_id(write, COPSE_WRITE_RESOLVE, collection, id, err);
}

copse_status copse_write_put_row(copse_write *write, copse_write_row row, copse_bytes collection,
                                 copse_bytes id, copse_bytes value, const copse_block_list *blocks,
                                 copse_err *err)
{
    copse_status status = write_check_id(write, collection, id, err);
    if (status != COPSE_OK) {
        return status;
    }
    write_adding adding = write_begin(write, COPSE_WRITE_PUT_ROW, collection);
    adding.op.row = row;
    adding.op.id = write_add_bytes(&adding, id);
    adding.op.item = write_add_bytes(&adding, value);
    if (adding.status == COPSE_OK && blocks != NULL) {
        adding.op.blocks_count = blocks->count;
        adding.status = copse_block_list_append(&write->blocks, blocks->blocks, blocks->count, err);
    }
    return write_end(&adding, err);
}
