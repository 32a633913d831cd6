/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/write_version.h"

#include "base/err.h"
#include "doc/document_conflict.h"
#include "doc/document_signature.h"
#include "tree/tree.h"

#include <copse/cursor.h>
#include <copse/order.h>

bool copse_write_makes_versions(const copse_write_run *run, const copse_collection *collection)
{
    return !run->options.is_merge && copse_merge_has_versions(collection->merge); /* V3 */
}

copse_status copse_write_version_key(copse_write_run *run, const copse_write_change *change,
                                     copse_bytes *ret_order, copse_err *err)
{
    copse_buf *key = &run->scratch;
    copse_buf_truncate(key, 0);
    copse_status status = copse_key_write_versions(key, change->collection->collection.name);
    if (status == COPSE_OK) { /* as many bytes as stand before order(pk) in a document's key */
        *ret_order = (copse_bytes){change->key.ptr + key->len, change->key.len - key->len};
        status = copse_buf_append(key, *ret_order);
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a key");
}

/* V2 */
static copse_status write_version_now(copse_write_run *run, const copse_collection *collection,
                                      copse_version *ret_version, copse_err *err)
{
    const copse_env *env = run->env;
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "%.*s: its documents have versions, and there is no clock for them",
                         (int)collection->name.len, (const char *)collection->name.ptr);
    }
    if (!run->has_time) {
        run->time_ms = env->clock(env->clock_ctx);
        run->has_time = true;
    }
    uint64_t least_ms = collection->forgotten_ms; /* V5 */
    *ret_version = (copse_version){.time_ms = run->time_ms > least_ms ? run->time_ms : least_ms,
                                   .author = run->options.author};
    return COPSE_OK;
}

/* Makes the row of a document, whose key ends in `order`, the one that its author signs (W9). */
static copse_status write_version_sign(const copse_write_run *run, copse_bytes collection,
                                       copse_bytes order, copse_bytes document, copse_buf *row,
                                       copse_err *err)
{
    const copse_document_place place = {&run->write->catalogue.identity.cid, collection, order};
    const copse_version_state state = {document, copse_buf_view(row)};
    copse_buf signed_row;
    copse_buf_init(&signed_row, run->env, SIZE_MAX);
    copse_status status =
        copse_document_sign(run->env, run->options.key, &place, &state, &signed_row, err);
    if (status == COPSE_OK) {
        copse_buf_truncate(row, 0);
        status = copse_buf_append(row, copse_buf_view(&signed_row)) == COPSE_OK
                     ? COPSE_OK
                     : COPSE_ERR_NOMEM(err);
    }
    copse_buf_release(&signed_row);
    return status;
}

copse_status copse_write_put_version(copse_write_run *run, const copse_write_change *change,
                                     const copse_version_state *before, copse_bytes after,
                                     bool is_whole, copse_err *err)
{
    const copse_collection *collection = &change->collection->collection;
    copse_version version;
    copse_bytes order = {NULL, 0};
    copse_buf row;
    copse_buf value;
    copse_buf_init(&row, run->env, SIZE_MAX);
    copse_buf_init(&value, run->env, SIZE_MAX);
    copse_status status = write_version_now(run, collection, &version, err);
    if (status == COPSE_OK) {
        status = copse_version_write(run->env, collection->merge, collection->primary_key, before,
                                     after, is_whole, &version, &row, err);
    }
    if (status == COPSE_OK) {
        status = copse_write_version_key(run, change, &order, err);
    }
    if (status == COPSE_OK && collection->is_signed) {
        status = write_version_sign(run, collection->name, order, after, &row, err);
    }
    if (status == COPSE_OK) {
        status = copse_document_store(COPSE_DOCUMENTS_INLINE, copse_buf_view(&row), &value,
                                      &run->blocks, err);
    }
    if (status == COPSE_OK) {
        status = copse_batch_put(run->write->batch, copse_buf_view(&run->scratch),
                                 copse_buf_view(&value), err);
    }
    copse_buf_release(&row);
    copse_buf_release(&value);
    return status;
}

/* ---- forgetting ---- */

/* Whether a row is of a document that was deleted before then. */
static copse_status write_version_is_old(copse_write_run *run, copse_bytes value,
                                         uint64_t before_ms, bool *ret_old, copse_err *err)
{
    copse_source *source = copse_node_cache_source(copse_tree_cache(run->tree));
    copse_document row = {.block = NULL};
    copse_version version;
    bool is_deleted = false;
    copse_source_begin(source);
    copse_status status = copse_document_load_within(source, run->env, value, &row, err);
    if (status == COPSE_OK) {
        status = copse_version_is_deleted(row.encoded, &is_deleted, err);
    }
    if (status == COPSE_OK) {
        status = copse_version_latest(row.encoded, &version, err);
    }
    if (status == COPSE_OK) {
        *ret_old = is_deleted && version.time_ms < before_ms;
    }
    copse_document_release(&row);
    return status;
}

/* A walk over rows of one kind. */
typedef struct write_version_walk {
    copse_write_run *run;
    const copse_collection *collection;
    uint64_t before_ms;
    size_t prefix_size; /* of the keys, before order(pk) */
} write_version_walk;

typedef copse_status (*write_version_visit)(const write_version_walk *walk, copse_bytes key,
                                            copse_bytes value, copse_err *err);

/* Visits the rows whose keys begin with run->scratch; `status` is that of writing it. */
static copse_status write_version_walk_rows(write_version_walk *walk, copse_status status,
                                            write_version_visit visit, copse_err *err)
{
    copse_buf *bounds = &walk->run->scratch;
    copse_cursor *cursor = NULL;
    walk->prefix_size = bounds->len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(bounds, 0);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for the bounds of a range");
    }
    status = copse_cursor_new(walk->run->tree, &cursor, err);
    if (status == COPSE_OK) {
        const copse_bytes to = {bounds->ptr + walk->prefix_size, bounds->len - walk->prefix_size};
        status =
            copse_cursor_set_range(cursor, (copse_bytes){bounds->ptr, walk->prefix_size}, &to, err);
    }
    while (status == COPSE_OK) {
        status = copse_cursor_next(cursor, err);
        if (status == COPSE_OK) {
            status = visit(walk, copse_cursor_key(cursor), copse_cursor_value(cursor), err);
        }
    }
    copse_cursor_free(cursor);
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status write_version_forget(const write_version_walk *walk, copse_bytes key,
                                         copse_bytes value, copse_err *err)
{
    bool is_old = false;
    copse_status status = write_version_is_old(walk->run, value, walk->before_ms, &is_old, err);
    if (status == COPSE_OK && is_old) {
        walk->run->stats.forgotten++;
        status = copse_batch_delete(walk->run->write->batch, key, err);
    }
    return status;
}

/* Ends what waits in the row of a conflict, if its version is one that is forgotten. */
static copse_status write_version_end(const write_version_walk *walk, copse_bytes key,
                                      copse_bytes value, copse_err *err)
{
    copse_write_run *run = walk->run;
    const copse_bytes primary = {key.ptr + walk->prefix_size, key.len - walk->prefix_size};
    const bool descending = false;
    bool is_old = false;
    copse_document_conflict conflict;
    copse_order_decoded part;
    copse_bytes row;
    copse_buf id;
    copse_status status = copse_conflict_decode(value, &conflict, err);
    if (status != COPSE_OK || conflict.waiting.document.len == 0) {
        return status;
    }
    copse_buf_truncate(&run->scratch, 0);
    if (copse_key_write_versions(&run->scratch, walk->collection->name) != COPSE_OK ||
        copse_buf_append(&run->scratch, primary) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_source_begin(copse_node_cache_source(copse_tree_cache(run->tree)));
    status =
        copse_tree_find_value(run->tree, copse_buf_view(&run->scratch), &run->arena, &row, err);
    if (status == COPSE_OK && row.len > 0) {
        status = write_version_is_old(run, row, walk->before_ms, &is_old, err);
    }
    if (status != COPSE_OK || !is_old) {
        return status;
    }
    copse_buf_init(&id, run->env, SIZE_MAX);
    status = copse_order_decode(primary, &descending, 1, &id, &part, err);
    if (status == COPSE_OK) {
        status = copse_write_end_waiting(run, walk->collection, copse_buf_view(&id), value, err);
    }
    copse_buf_release(&id);
    return status;
}

copse_status copse_write_end_deleted(copse_write_run *run, const copse_collection *collection,
                                     uint64_t before_ms, copse_err *err)
{
    write_version_walk walk = {.run = run, .collection = collection, .before_ms = before_ms};
    copse_buf_truncate(&run->scratch, 0);
    return write_version_walk_rows(
        &walk, copse_key_write_conflicts(&run->scratch, collection->name), write_version_end, err);
}

copse_status copse_write_forget_rows(copse_write_run *run, const copse_collection *collection,
                                     uint64_t before_ms, copse_err *err)
{
    write_version_walk walk = {.run = run, .collection = collection, .before_ms = before_ms};
    copse_status status = copse_write_end_deleted(run, collection, before_ms, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_truncate(&run->scratch, 0);
    return write_version_walk_rows(&walk, copse_key_write_versions(&run->scratch, collection->name),
                                   write_version_forget, err);
}
