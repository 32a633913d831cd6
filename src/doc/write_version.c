/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/write_version.h"

#include "base/err.h"
#include "tree/tree.h"

#include <copse/cursor.h>

bool copse_write_makes_versions(const copse_write_run *run, const copse_collection *collection)
{
    return !run->options.is_merge && copse_merge_has_versions(collection->merge); /* V3 */
}

copse_status copse_write_version_key(copse_write_run *run, const copse_write_change *change,
                                     copse_err *err)
{
    copse_buf *key = &run->scratch;
    copse_buf_truncate(key, 0);
    copse_status status = copse_key_write_versions(key, change->collection->collection.name);
    if (status == COPSE_OK) { /* as many bytes as stand before order(pk) in a document's key */
        status = copse_buf_append(
            key, (copse_bytes){change->key.ptr + key->len, change->key.len - key->len});
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a key");
}

/* V2 */
static copse_status write_version_now(copse_write_run *run, copse_bytes collection,
                                      copse_version *ret_version, copse_err *err)
{
    const copse_env *env = run->env;
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "%.*s: its documents have versions, and there is no clock for them",
                         (int)collection.len, (const char *)collection.ptr);
    }
    if (!run->has_time) {
        run->time_ms = env->clock(env->clock_ctx);
        run->has_time = true;
    }
    *ret_version = (copse_version){.time_ms = run->time_ms, .author = run->options.author};
    return COPSE_OK;
}

copse_status copse_write_put_version(copse_write_run *run, const copse_write_change *change,
                                     const copse_version_state *before, copse_bytes after,
                                     bool is_whole, copse_err *err)
{
    const copse_collection *collection = &change->collection->collection;
    copse_version version;
    copse_buf row;
    copse_buf value;
    copse_buf_init(&row, run->env, SIZE_MAX);
    copse_buf_init(&value, run->env, SIZE_MAX);
    copse_status status = write_version_now(run, collection->name, &version, err);
    if (status == COPSE_OK) {
        status = copse_version_write(run->env, collection->merge, collection->primary_key, before,
                                     after, is_whole, &version, &row, err);
    }
    if (status == COPSE_OK) {
        status = copse_document_store(COPSE_DOCUMENTS_INLINE, copse_buf_view(&row), &value,
                                      &run->blocks, err);
    }
    if (status == COPSE_OK) {
        status = copse_write_version_key(run, change, err);
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

/* Whether the row at the cursor is of a document that was deleted before then. */
static copse_status write_version_is_old(copse_write_run *run, const copse_cursor *cursor,
                                         uint64_t before_ms, bool *ret_old, copse_err *err)
{
    copse_source *source = copse_node_cache_source(copse_tree_cache(run->tree));
    copse_document row = {.block = NULL};
    copse_version version;
    bool is_deleted = false;
    copse_source_begin(source);
    copse_status status =
        copse_document_load_within(source, run->env, copse_cursor_value(cursor), &row, err);
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

copse_status copse_write_forget_rows(copse_write_run *run, copse_bytes collection,
                                     uint64_t before_ms, copse_err *err)
{
    copse_buf *bounds = &run->scratch;
    copse_cursor *cursor = NULL;
    bool is_old;
    copse_buf_truncate(bounds, 0);
    copse_status status = copse_key_write_versions(bounds, collection);
    size_t len = bounds->len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(bounds, 0);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for the bounds of a range");
    }
    const copse_bytes to = {bounds->ptr + len, bounds->len - len};
    status = copse_cursor_new(run->tree, &cursor, err);
    if (status == COPSE_OK) {
        status = copse_cursor_set_range(cursor, (copse_bytes){bounds->ptr, len}, &to, err);
    }
    while (status == COPSE_OK) {
        status = copse_cursor_next(cursor, err);
        if (status == COPSE_OK) {
            status = write_version_is_old(run, cursor, before_ms, &is_old, err);
        }
        if (status == COPSE_OK && is_old) {
            run->stats.forgotten++;
            status = copse_batch_delete(run->write->batch, copse_cursor_key(cursor), err);
        }
    }
    copse_cursor_free(cursor);
    return status == COPSE_END ? COPSE_OK : status;
}
