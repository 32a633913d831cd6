/* Applying a write: write.h has the rules.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "doc/write_catalogue.h"
#include "doc/write_version.h"
#include "tree/tree.h"

#include <copse/commit.h>

/* ---- one apply ---- */

static copse_status write_run_apply_batch(copse_write_run *run, copse_err *err)
{
    copse_apply_stats stats;
    copse_tree *next;
    copse_write *write = run->write;
    if (!write->catalogue.has_header && copse_batch_count(write->batch) > 0) {
        copse_status status = copse_write_put_header(run, err);
        if (status != COPSE_OK) {
            return status;
        }
        write->catalogue.has_header = true;
        write->catalogue_root.size = 0;
    }
    copse_status status = copse_tree_apply(run->tree, write->batch, run->store, &next, &stats, err);
    if (status == COPSE_OK && run->blocks.count > 0) {
        status = copse_store_put(run->store, run->blocks.blocks, run->blocks.count, err); /* W5 */
        if (status != COPSE_OK) {
            copse_tree_close(next);
        }
    }
    if (status != COPSE_OK) {
        return status;
    }
    run->stats.nodes_written += stats.nodes_written;
    run->stats.bytes_written += stats.nodes_written_bytes + run->blocks.size_bytes;
    copse_block_list_truncate(&run->blocks, 0);
    copse_batch_clear(write->batch);
    if (run->tree != run->base) {
        copse_tree_close(run->tree);
    }
    run->tree = next;
    for (size_t i = 0; i < write->catalogue.count; i++) {
        write->catalogue.collections[i]->is_new = false;
    }
    return COPSE_OK;
}

copse_status copse_write_flush(copse_write_run *run, copse_err *err)
{
    copse_status status = copse_write_settle(run, err);
    return status == COPSE_OK ? write_run_apply_batch(run, err) : status;
}

copse_status copse_write_flush_collection(copse_write_run *run,
                                          const copse_catalogue_collection *collection,
                                          copse_err *err)
{
    for (size_t i = 0; i < run->changes_count; i++) {
        if (run->write->changes[i].collection == collection) {
            return copse_write_flush(run, err);
        }
    }
    return COPSE_OK;
}

/* ---- operations on documents ---- */

/* The collection of an operation on a document; NULL: there is none, and none is needed. */
static copse_status write_run_find_collection(copse_write_run *run, const copse_write_op *op,
                                              copse_catalogue_collection **ret_collection,
                                              copse_err *err)
{
    copse_bytes name = copse_write_bytes(run->write, op->collection);
    if (op->kind == COPSE_WRITE_REPLACE) {
        return copse_write_need_collection(run, op, ret_collection, err);
    }
    copse_catalogue_collection *collection = copse_catalogue_find(&run->write->catalogue, name);
    if (collection == NULL && op->kind != COPSE_WRITE_DELETE) {
        return copse_write_add_collection(run, name, copse_bytes_of_text("_id"),
                                          COPSE_DOCUMENTS_INLINE, ret_collection, err);
    }
    *ret_collection = collection;
    return COPSE_OK;
}

/* Keeps in the arena what is in run->scratch. */
static copse_status write_run_keep_scratch(copse_write_run *run, copse_bytes *ret_kept,
                                           copse_err *err)
{
    copse_bytes kept = copse_arena_dup(&run->arena, copse_buf_view(&run->scratch));
    if (kept.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_kept = kept;
    return COPSE_OK;
}

/* The document of an operation, with the `_id` that was made for it if it needs one, and its
 * primary key. */
static copse_status write_run_read_document(copse_write_run *run, const copse_write_op *op,
                                            copse_write_change *change, copse_err *err)
{
    copse_bytes primary_key = change->collection->collection.primary_key;
    copse_bytes item = copse_write_bytes(run->write, op->item);
    if (op->kind == COPSE_WRITE_DELETE || op->kind == COPSE_WRITE_RESOLVE) {
        change->id = item;
        return COPSE_OK;
    }
    copse_status status = copse_document_primary(item, primary_key, &change->id, err);
    if (status == COPSE_NOT_FOUND && copse_bytes_equal(primary_key, copse_bytes_of_text("_id")) &&
        op->id.len > 0) {
        copse_buf_truncate(&run->scratch, 0);
        status = copse_document_write_with_id(&run->scratch, item,
                                              copse_write_bytes(run->write, op->id), err);
        if (status == COPSE_OK) {
            status = write_run_keep_scratch(run, &item, err);
        }
        if (status == COPSE_OK) {
            status = copse_document_primary(item, primary_key, &change->id, err);
        }
    }
    change->document = item;
    return status == COPSE_NOT_FOUND
               ? COPSE_ERR(err, COPSE_CORRUPT, "%.*s: a document without its primary key %.*s",
                           (int)change->collection->collection.name.len,
                           (const char *)change->collection->collection.name.ptr,
                           (int)primary_key.len, (const char *)primary_key.ptr)
               : status;
}

static copse_status write_run_add_change(copse_write_run *run, size_t number, copse_err *err)
{
    copse_write *write = run->write;
    const copse_write_op *op = &write->ops[number];
    copse_write_change change = {.op = number};
    void *changes = write->changes;
    copse_status status = write_run_find_collection(run, op, &change.collection, err);
    if (status != COPSE_OK || change.collection == NULL) {
        return status;
    }
    status = write_run_read_document(run, op, &change, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_truncate(&run->scratch, 0);
    status = copse_key_write_documents(&run->scratch, change.collection->collection.name);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a key");
    }
    status = copse_order_write_primary(&run->scratch, change.id, err);
    if (status == COPSE_OK) {
        status = write_run_keep_scratch(run, &change.key, err);
    }
    if (status == COPSE_OK && !copse_array_grow(run->env, &changes, &write->changes_capacity,
                                                run->changes_count + 1, sizeof *write->changes)) {
        status = COPSE_ERR_NOMEM(err);
    }
    write->changes = changes;
    if (status == COPSE_OK) {
        write->changes[run->changes_count++] = change;
    }
    return status;
}

/* ---- operations on rows ---- */

static copse_status write_run_resolve(copse_write_run *run, size_t number, copse_err *err)
{
    const copse_write_op *op = &run->write->ops[number];
    copse_catalogue_collection *collection;
    bool has_waited = false;
    copse_status status = copse_write_need_collection(run, op, &collection, err);
    if (status == COPSE_OK) {
        status = copse_write_resolve_row(run, &collection->collection,
                                         copse_write_bytes(run->write, op->item), &has_waited, err);
    }
    return status == COPSE_OK && has_waited &&
                   copse_write_makes_versions(run, &collection->collection)
               ? write_run_add_change(run, number, err)
               : status;
}

static copse_status write_run_put_row(copse_write_run *run, const copse_write_op *op,
                                      copse_err *err)
{
    copse_write *write = run->write;
    copse_catalogue_collection *collection;
    copse_bytes value = copse_write_bytes(write, op->item);
    copse_status status = copse_write_need_collection(run, op, &collection, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes name = collection->collection.name;
    copse_buf_truncate(&run->scratch, 0);
    status = op->row == COPSE_WRITE_VERSION_ROW ? copse_key_write_versions(&run->scratch, name)
                                                : copse_key_write_conflicts(&run->scratch, name);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a key");
    }
    status = copse_order_write_primary(&run->scratch, copse_write_bytes(write, op->id), err);
    if (status == COPSE_OK && op->blocks_count > 0) {
        status = copse_block_list_append(&run->blocks, write->blocks.blocks + op->blocks_first,
                                         op->blocks_count, err);
    }
    if (status == COPSE_OK) {
        copse_bytes key = copse_buf_view(&run->scratch);
        status = value.len > 0 ? copse_batch_put(write->batch, key, value, err)
                               : copse_batch_delete(write->batch, key, err);
    }
    return status;
}

static copse_status write_run_forget_deleted(copse_write_run *run, const copse_write_op *op,
                                             copse_err *err)
{
    copse_catalogue_collection *collection;
    copse_status status = copse_write_need_collection(run, op, &collection, err);
    if (status == COPSE_OK) {
        status = copse_write_flush(run, err); /* what is read must be in the tree */
    }
    if (status == COPSE_OK) {
        status = copse_write_forget_rows(run, &collection->collection, op->before_ms, err);
    }
    return status == COPSE_OK ? copse_write_note_forgotten(run, collection, op->before_ms, err)
                              : status;
}

/* ---- all operations ---- */

static copse_status write_run_operation(copse_write_run *run, size_t number, copse_err *err)
{
    const copse_write_op *op = &run->write->ops[number];
    copse_status status = copse_write_check_operation(run, op, err);
    if (status != COPSE_OK) {
        return status;
    }
    switch (op->kind) {
    case COPSE_WRITE_ADD_STATEMENT:
    case COPSE_WRITE_PUT_STATEMENTS:
        return copse_write_run_statement(run, op, err);
    case COPSE_WRITE_FORGET_DELETED:
        return write_run_forget_deleted(run, op, err);
    case COPSE_WRITE_PUT_ROW:
        return write_run_put_row(run, op, err);
    case COPSE_WRITE_RESOLVE:
        return write_run_resolve(run, number, err);
    case COPSE_WRITE_INSERT:
    case COPSE_WRITE_REPLACE:
    case COPSE_WRITE_UPSERT:
    case COPSE_WRITE_DELETE:
        return write_run_add_change(run, number, err);
    default:
        return copse_write_change_catalogue(run, op, err);
    }
}

static copse_status write_run_operations(copse_write_run *run, copse_err *err)
{
    copse_write *write = run->write;
    for (size_t i = 0; i < write->ops_count; i++) {
        copse_status status = write_run_operation(run, i, err);
        if (status != COPSE_OK && copse_write_is_refusal(status) && run->failed == SIZE_MAX) {
            /* Operations before it that are not settled yet may fail too, and then come first. */
            run->failed = i;
            copse_status earlier = copse_write_settle(run, err);
            status = earlier == COPSE_OK ? status : earlier;
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    return run->changes_count > 0 || copse_batch_count(write->batch) > 0 || run->tree == run->base
               ? copse_write_flush(run, err)
               : COPSE_OK;
}

/* Makes the write's catalogue that of the tree. */
static copse_status write_run_read_catalogue(copse_write_run *run, copse_err *err)
{
    copse_write *write = run->write;
    if (copse_cid_equal(&write->catalogue_root, copse_tree_root(run->tree))) {
        return COPSE_OK;
    }
    copse_catalogue_release(&write->catalogue);
    write->authority = copse_authority_free(write->authority);
    write->catalogue_root.size = 0;
    copse_status status = copse_catalogue_read(&write->catalogue, run->tree, err);
    if (status == COPSE_OK) {
        write->catalogue_root = *copse_tree_root(run->tree);
    }
    return status;
}

/* Finds out who writes. */
static copse_status write_run_take_author(copse_write_run *run, copse_err *err)
{
    copse_bytes *author = &run->options.author;
    if (run->options.key != NULL) {
        copse_bytes did = {
            (const uint8_t *)run->author,
            copse_public_key_to_did(copse_key_public(run->options.key), run->author)};
        if (author->len > 0 && !copse_bytes_equal(*author, did)) {
            return COPSE_ERR(err, COPSE_MISUSE, "the author is not the key %s", run->author);
        }
        *author = did;
    }
    return author->len <= COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX
               ? COPSE_OK
               : COPSE_ERR(err, COPSE_MISUSE, "an author of %zu bytes", author->len);
}

copse_status copse_write_apply(copse_write *write, copse_tree *tree, copse_store *store,
                               const copse_write_options *options, copse_tree **ret_tree,
                               copse_write_stats *ret_stats, size_t *ret_failed, copse_err *err)
{
    copse_write_run run = {.write = write,
                           .env = write->env,
                           .store = store,
                           .base = tree,
                           .tree = tree,
                           .blocks = {.env = write->env},
                           .failed = SIZE_MAX};
    if (options != NULL) {
        run.options = *options;
    }
    copse_arena_init(&run.arena, write->env);
    copse_buf_init(&run.scratch, write->env, SIZE_MAX);
    copse_status status = copse_tree_require_ours(tree, "writing", err);
    if (status == COPSE_OK) {
        status = write_run_take_author(&run, err);
    }
    if (status == COPSE_OK) {
        status = write_run_read_catalogue(&run, err);
    }
    if (status == COPSE_OK) {
        status = write_run_operations(&run, err);
    }
    copse_batch_clear(write->batch);
    copse_block_list_release(&run.blocks);
    copse_buf_release(&run.scratch);
    copse_arena_release(&run.arena);
    if (status != COPSE_OK) {
        write->authority = copse_authority_free(write->authority); /* it may have what is undone */
        if (run.tree != tree) {
            copse_tree_close(run.tree);
        }
        if (ret_failed != NULL && run.failed != SIZE_MAX && copse_write_is_refusal(status)) {
            *ret_failed = run.failed;
        }
        return status;
    }
    write->catalogue_root = *copse_tree_root(run.tree);
    *ret_tree = run.tree;
    if (ret_stats != NULL) {
        *ret_stats = run.stats;
    }
    return COPSE_OK;
}
