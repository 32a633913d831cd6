/* Operations on the catalogue: write_catalogue.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/write_catalogue.h"

#include "base/err.h"
#include "doc/catalogue_rows.h"
#include "doc/write_version.h"
#include "index/definition.h"

/* ---- rows ---- */

/* Puts a row whose key and value stand one behind the other in run->scratch. */
static copse_status write_catalogue_put_row(copse_write_run *run, size_t key_size,
                                            copse_status status, copse_err *err)
{
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a row of the catalogue");
    }
    copse_bytes key = {run->scratch.ptr, key_size};
    copse_bytes value = {run->scratch.ptr + key_size, run->scratch.len - key_size};
    return copse_batch_put(run->write->batch, key, value, err);
}

copse_status copse_write_put_header(copse_write_run *run, copse_err *err)
{
    copse_buf_truncate(&run->scratch, 0);
    copse_status status = copse_key_write_database(&run->scratch);
    size_t key_size = run->scratch.len;
    if (status == COPSE_OK) {
        status = copse_catalogue_encode_database(&run->scratch);
    }
    return write_catalogue_put_row(run, key_size, status, err);
}

/* Begins a database that has a creator, before anything else is in it. */
static copse_status write_catalogue_create_database(copse_write_run *run, const copse_write_op *op,
                                                    copse_err *err)
{
    copse_write *write = run->write;
    copse_bytes row = copse_write_bytes(write, op->item);
    if (write->catalogue.has_header || copse_batch_count(write->batch) > 0 ||
        run->changes_count > 0) {
        return COPSE_ERR(err, COPSE_CONFLICT, "there is a database already");
    }
    write->catalogue_root.size = 0;
    write->authority = copse_authority_free(write->authority);
    copse_buf_truncate(&run->scratch, 0);
    copse_status status = copse_key_write_database(&run->scratch);
    size_t key_size = run->scratch.len;
    if (status == COPSE_OK) {
        status = copse_buf_append(&run->scratch, row);
    }
    status = write_catalogue_put_row(run, key_size, status, err);
    if (status == COPSE_OK) {
        status = copse_identity_decode(run->env, row, &write->catalogue.identity, err);
    }
    write->catalogue.has_header = write->catalogue.has_identity = status == COPSE_OK;
    return status;
}

static copse_status write_catalogue_put_collection(copse_write_run *run,
                                                   const copse_collection *collection,
                                                   copse_err *err)
{
    copse_buf_truncate(&run->scratch, 0);
    copse_status status = copse_key_write_collection(&run->scratch, collection->name);
    size_t key_size = run->scratch.len;
    if (status == COPSE_OK) {
        status = copse_catalogue_encode_collection(collection, &run->scratch);
    }
    return write_catalogue_put_row(run, key_size, status, err);
}

copse_status copse_write_put_definition(copse_write_run *run, const copse_collection *collection,
                                        const copse_index_definition *definition, copse_err *err)
{
    copse_buf_truncate(&run->scratch, 0);
    copse_status status = copse_key_write_index(&run->scratch, collection->name, definition->name);
    size_t key_size = run->scratch.len;
    if (status == COPSE_OK) {
        status = copse_index_definition_encode(definition, &run->scratch, NULL);
    }
    return write_catalogue_put_row(run, key_size, status, err);
}

/* Deletes the keys that begin with what is in run->scratch; `status` is that of writing it. */
static copse_status write_catalogue_delete_rows(copse_write_run *run, copse_status status,
                                                copse_err *err)
{
    size_t len = run->scratch.len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(&run->scratch, 0);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for the bounds of a range");
    }
    copse_bytes from = {run->scratch.ptr, len};
    copse_bytes to = {run->scratch.ptr + len, run->scratch.len - len};
    return copse_batch_delete_range(run->write->batch, from, &to, err);
}

/* ---- operations ---- */

copse_status copse_write_add_collection(copse_write_run *run, copse_bytes name,
                                        copse_bytes primary_key, copse_documents_form documents,
                                        copse_catalogue_collection **ret_collection, copse_err *err)
{
    copse_write *write = run->write;
    write->catalogue_root.size = 0;
    copse_status status =
        copse_catalogue_add(&write->catalogue, name, primary_key, documents, ret_collection, err);
    if (status == COPSE_OK) {
        (*ret_collection)->is_new = true;
        status = write_catalogue_put_collection(run, &(*ret_collection)->collection, err);
    }
    return status;
}

copse_status copse_write_need_collection(const copse_write_run *run, const copse_write_op *op,
                                         copse_catalogue_collection **ret_collection,
                                         copse_err *err)
{
    copse_bytes name = copse_write_bytes(run->write, op->collection);
    copse_catalogue_collection *collection = copse_catalogue_find(&run->write->catalogue, name);
    if (collection == NULL) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "there is no collection %.*s", (int)name.len,
                         (const char *)name.ptr);
    }
    *ret_collection = collection;
    return COPSE_OK;
}

static copse_status write_catalogue_create_collection(copse_write_run *run,
                                                      const copse_write_op *op, copse_err *err)
{
    copse_bytes name = copse_write_bytes(run->write, op->collection);
    copse_catalogue_collection *collection;
    if (copse_catalogue_find(&run->write->catalogue, name) != NULL) {
        return COPSE_ERR(err, COPSE_CONFLICT, "there is a collection %.*s", (int)name.len,
                         (const char *)name.ptr);
    }
    return copse_write_add_collection(run, name, copse_write_bytes(run->write, op->name),
                                      op->documents, &collection, err);
}

static copse_status write_catalogue_drop_collection(copse_write_run *run,
                                                    copse_catalogue_collection *collection,
                                                    const copse_write_op *op, copse_err *err)
{
    copse_write *write = run->write;
    copse_buf *scratch = &run->scratch;
    copse_bytes name = copse_write_bytes(write, op->collection);
    copse_status status = copse_write_flush_collection(run, collection, err);
    if (status != COPSE_OK) {
        return status;
    }
    write->catalogue_root.size = 0;
    copse_buf_truncate(scratch, 0);
    status = copse_key_write_collection(scratch, name);
    if (status == COPSE_OK) {
        status = copse_batch_delete(write->batch, copse_buf_view(scratch), err);
    }
    if (status == COPSE_OK) { /* the definitions: the row's key and a 00 */
        status = write_catalogue_delete_rows(run, copse_buf_append_byte(scratch, 0), err);
    }
    if (status == COPSE_OK) {
        copse_buf_truncate(scratch, 0);
        status = write_catalogue_delete_rows(run, copse_key_write_data(scratch, name), err);
    }
    if (status == COPSE_OK) {
        copse_catalogue_remove(&write->catalogue, collection);
    }
    return status;
}

/* What was forgotten stays so, whatever the policy becomes. */
static void write_catalogue_raise_forgotten(copse_catalogue_collection *collection,
                                            uint64_t before_ms)
{
    uint64_t *forgotten_ms = &collection->collection.forgotten_ms;
    *forgotten_ms = before_ms > *forgotten_ms ? before_ms : *forgotten_ms;
}

static copse_status write_catalogue_set_merge(copse_write_run *run,
                                              copse_catalogue_collection *collection,
                                              const copse_write_op *op, copse_err *err)
{
    copse_bytes name = copse_write_bytes(run->write, op->collection);
    if (collection->collection.is_signed && op->merge != COPSE_MERGE_LWW &&
        !run->options.is_merge) {
        return COPSE_ERR(err, COPSE_CONFLICT,
                         "%.*s: its documents are signed, so it stays lww until it is dropped",
                         (int)name.len, (const char *)name.ptr);
    }
    copse_status status = copse_write_flush_collection(run, collection, err);
    if (status != COPSE_OK) {
        return status;
    }
    run->write->catalogue_root.size = 0;
    if (copse_merge_has_versions(collection->collection.merge) &&
        !copse_merge_has_versions(op->merge)) {
        status = copse_write_end_deleted(run, &collection->collection, UINT64_MAX, err);
        copse_buf_truncate(&run->scratch, 0);
        if (status == COPSE_OK) {
            status = write_catalogue_delete_rows(run, copse_key_write_versions(&run->scratch, name),
                                                 err);
        }
    }
    if (status == COPSE_OK) {
        collection->collection.merge = op->merge;
        collection->collection.tombstone_days = op->tombstone_days;
        collection->collection.is_signed =
            collection->collection.is_signed && !run->options.is_merge; /* W9 */
        write_catalogue_raise_forgotten(collection, op->before_ms);
        status = write_catalogue_put_collection(run, &collection->collection, err);
    }
    return status;
}

/* Whether a collection may become one of signed documents. */
static copse_status write_catalogue_check_signed(copse_write_run *run,
                                                 copse_catalogue_collection *collection,
                                                 copse_err *err)
{
    copse_bytes name = collection->collection.name;
    if (!run->write->catalogue.has_identity) {
        return COPSE_ERR(err, COPSE_CONFLICT,
                         "%.*s: documents are signed only in a database with a creator",
                         (int)name.len, (const char *)name.ptr);
    }
    if (collection->collection.merge != COPSE_MERGE_LWW) {
        return COPSE_ERR(err, COPSE_CONFLICT,
                         "%.*s: documents are signed only where they are merged lww, and not %s",
                         (int)name.len, (const char *)name.ptr,
                         copse_merge_policy_name(collection->collection.merge));
    }
    copse_status status = copse_write_flush_collection(run, collection, err);
    if (status == COPSE_OK && !collection->is_new) {
        status = copse_write_flush(run, err); /* what was deleted must be out of the tree */
        status = status == COPSE_OK ? copse_catalogue_check_empty(run->tree, name, err) : status;
    }
    return status;
}

static copse_status write_catalogue_set_signed(copse_write_run *run,
                                               copse_catalogue_collection *collection,
                                               copse_err *err)
{
    copse_status status = COPSE_OK;
    if (collection->collection.is_signed) {
        return COPSE_OK;
    }
    if (!run->options.is_merge) { /* W9 */
        status = write_catalogue_check_signed(run, collection, err);
    }
    if (status == COPSE_OK) {
        run->write->catalogue_root.size = 0;
        collection->collection.is_signed = true;
        status = write_catalogue_put_collection(run, &collection->collection, err);
    }
    return status;
}

copse_status copse_write_note_forgotten(copse_write_run *run,
                                        copse_catalogue_collection *collection, uint64_t before_ms,
                                        copse_err *err)
{
    run->write->catalogue_root.size = 0;
    write_catalogue_raise_forgotten(collection, before_ms);
    return write_catalogue_put_collection(run, &collection->collection, err);
}

/* Whether `wanted` is the index that is there, whose array field may have been found then, and
 * which may have been built since. */
static copse_status write_catalogue_same_index(const copse_write_run *run,
                                               const copse_index_definition *present,
                                               const copse_index_definition *wanted, bool *ret_same,
                                               copse_err *err)
{
    copse_index_definition copy = *present;
    copse_sort_field fields[COPSE_SORT_FIELDS_MAX];
    bool wanted_array = false;
    for (size_t i = 0; i < wanted->fields_count; i++) {
        wanted_array = wanted_array || wanted->fields[i].array;
    }
    for (size_t i = 0; i < copy.fields_count; i++) {
        fields[i] = copy.fields[i];
        fields[i].array = wanted_array && fields[i].array;
    }
    copy.fields = fields;
    copy.is_unbuilt = wanted->is_unbuilt;
    return copse_index_definition_equal(run->env, &copy, wanted, ret_same, err);
}

static copse_status write_catalogue_build_index(copse_write_run *run,
                                                copse_catalogue_collection *collection,
                                                const copse_index_definition *definition,
                                                copse_err *err)
{
    copse_tree *built = NULL;
    copse_status status = copse_write_flush_collection(run, collection, err);
    run->write->catalogue_root.size = 0;
    if (status == COPSE_OK) {
        status = copse_write_build_index(run, collection, definition, &built, err);
    }
    if (status == COPSE_OK && built != NULL) {
        status = copse_write_flush(run, err);
    }
    copse_tree_close(built);
    return status;
}

static copse_status write_catalogue_add_index(copse_write_run *run,
                                              copse_catalogue_collection *collection,
                                              const copse_index_definition *definition,
                                              copse_err *err)
{
    if (!definition->is_unbuilt) {
        return write_catalogue_build_index(run, collection, definition, err);
    }
    run->write->catalogue_root.size = 0;
    copse_status status = copse_write_put_definition(run, &collection->collection, definition, err);
    return status == COPSE_OK ? copse_catalogue_add_index(collection, definition, err) : status;
}

/* Builds an index whose row is there already; its array field is known. */
static copse_status write_catalogue_build_present(copse_write_run *run,
                                                  copse_catalogue_collection *collection,
                                                  size_t position, copse_err *err)
{
    copse_index_definition definition;
    copse_status status = copse_index_definition_dup(
        &run->arena, &collection->collection.indexes[position], &definition, err);
    if (status != COPSE_OK) {
        return status;
    }
    definition.is_unbuilt = false;
    run->write->catalogue_root.size = 0;
    copse_catalogue_remove_index(collection, position);
    return write_catalogue_build_index(run, collection, &definition, err);
}

static copse_status write_catalogue_create_index(copse_write_run *run,
                                                 copse_catalogue_collection *collection,
                                                 const copse_write_op *op, copse_err *err)
{
    copse_bytes name = copse_write_bytes(run->write, op->collection);
    copse_bytes index = copse_write_bytes(run->write, op->name);
    copse_bytes row = copse_write_bytes(run->write, op->item);
    copse_index_definition definition;
    copse_status status = copse_index_definition_decode(&run->arena, index, row, &definition, err);
    if (status != COPSE_OK) {
        return status;
    }
    definition.is_unbuilt =
        definition.is_unbuilt || (run->write->leaves_indexes && !collection->is_new);
    size_t position = copse_catalogue_find_index(collection, index);
    if (position == SIZE_MAX) {
        return write_catalogue_add_index(run, collection, &definition, err);
    }
    const copse_index_definition *present = &collection->collection.indexes[position];
    bool same;
    status = write_catalogue_same_index(run, present, &definition, &same, err);
    if (status == COPSE_OK && !same) {
        status = COPSE_ERR(err, COPSE_CONFLICT, "%.*s: there is another index %.*s", (int)name.len,
                           (const char *)name.ptr, (int)index.len, (const char *)index.ptr);
    }
    return status == COPSE_OK && present->is_unbuilt && !definition.is_unbuilt
               ? write_catalogue_build_present(run, collection, position, err)
               : status;
}

static copse_status write_catalogue_drop_index(copse_write_run *run,
                                               copse_catalogue_collection *collection,
                                               const copse_write_op *op, copse_err *err)
{
    copse_write *write = run->write;
    copse_buf *scratch = &run->scratch;
    copse_bytes name = copse_write_bytes(write, op->collection);
    copse_bytes index = copse_write_bytes(write, op->name);
    size_t position = copse_catalogue_find_index(collection, index);
    if (position == SIZE_MAX) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "%.*s: there is no index %.*s", (int)name.len,
                         (const char *)name.ptr, (int)index.len, (const char *)index.ptr);
    }
    copse_status status = copse_write_flush_collection(run, collection, err);
    if (status != COPSE_OK) {
        return status;
    }
    write->catalogue_root.size = 0;
    copse_buf_truncate(scratch, 0);
    status = copse_key_write_index(scratch, name, index);
    if (status == COPSE_OK) {
        status = copse_batch_delete(write->batch, copse_buf_view(scratch), err);
    }
    if (status == COPSE_OK) {
        copse_buf_truncate(scratch, 0);
        status =
            write_catalogue_delete_rows(run, copse_key_write_index_rows(scratch, name, index), err);
    }
    if (status == COPSE_OK) {
        copse_catalogue_remove_index(collection, position);
    }
    return status;
}

copse_status copse_write_change_catalogue(copse_write_run *run, const copse_write_op *op,
                                          copse_err *err)
{
    copse_catalogue_collection *collection;
    if (op->kind == COPSE_WRITE_CREATE_DATABASE) {
        return write_catalogue_create_database(run, op, err);
    }
    if (op->kind == COPSE_WRITE_CREATE_COLLECTION) {
        return write_catalogue_create_collection(run, op, err);
    }
    copse_status status = copse_write_need_collection(run, op, &collection, err);
    if (status != COPSE_OK) {
        return status;
    }
    switch (op->kind) {
    case COPSE_WRITE_DROP_COLLECTION:
        return write_catalogue_drop_collection(run, collection, op, err);
    case COPSE_WRITE_CREATE_INDEX:
        return write_catalogue_create_index(run, collection, op, err);
    case COPSE_WRITE_DROP_INDEX:
        return write_catalogue_drop_index(run, collection, op, err);
    case COPSE_WRITE_SET_SIGNED:
        return write_catalogue_set_signed(run, collection, err);
    default:
        return write_catalogue_set_merge(run, collection, op, err);
    }
}
