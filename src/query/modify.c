/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/modify.h>

#include "base/alloc.h"
#include "base/err.h"
#include "query/modify_match.h"
#include "query/query.h"

#include <copse/ext_json.h>

#include <string.h>

struct copse_modify {
    const copse_env *env;
    copse_database *database; /* NULL: not begun */
    copse_write *write;
    copse_pending pending;
    /* The run that is under way, also over a WANT. */
    bool running;
    size_t begin; /* its first operation */
    copse_match match;
    copse_projection *projection;
    copse_modify_result result;
    copse_buf changed;  /* a document */
    copse_buf id;       /* the result's */
    copse_buf document; /* likewise */
};

copse_status copse_modify_new(const copse_env *env, copse_modify **ret_modify, copse_err *err)
{
    copse_modify *modify = copse_alloc_zeroed(env, sizeof *modify);
    if (modify == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    modify->env = env;
    copse_buf_init(&modify->changed, env, env->limits.document_size_bytes_max);
    copse_buf_init(&modify->id, env, SIZE_MAX);
    copse_buf_init(&modify->document, env, SIZE_MAX);
    copse_status status = copse_write_new(env, &modify->write, err);
    if (status != COPSE_OK) {
        copse_free(env, modify, sizeof *modify);
        return status;
    }
    copse_pending_init(&modify->pending, env, modify->write);
    *ret_modify = modify;
    return COPSE_OK;
}

/* Ends the run that is under way. */
static void modify_stop(copse_modify *modify)
{
    copse_match_release(&modify->match);
    modify->projection = copse_projection_free(modify->projection);
    modify->running = false;
}

copse_modify *copse_modify_free(copse_modify *modify)
{
    if (modify != NULL) {
        modify_stop(modify);
        copse_pending_release(&modify->pending);
        copse_write_free(modify->write);
        copse_buf_release(&modify->changed);
        copse_buf_release(&modify->id);
        copse_buf_release(&modify->document);
        copse_free(modify->env, modify, sizeof *modify);
    }
    return NULL;
}

/* Forgets all operations, and with `database` NULL that it was begun. */
static void modify_reset(copse_modify *modify, copse_database *database)
{
    modify_stop(modify);
    copse_write_clear(modify->write);
    copse_pending_reset(&modify->pending);
    modify->database = database;
}

void copse_modify_begin(copse_modify *modify, copse_database *database)
{
    modify_reset(modify, database);
}

copse_write *copse_modify_write(copse_modify *modify)
{
    return modify->write;
}

/* ---- one document ---- */

static copse_status modify_primary(const copse_modify *modify, copse_bytes document,
                                   copse_bytes *ret_id, copse_err *err)
{
    copse_bytes primary_key = modify->match.primary_key;
    copse_status status = copse_document_primary(document, primary_key, ret_id, err);
    return status == COPSE_NOT_FOUND
               ? COPSE_ERR(err, COPSE_CORRUPT, "a document without its primary key %.*s",
                           (int)primary_key.len, (const char *)primary_key.ptr)
               : status;
}

/* Puts the document's primary key before the message of a failure that is about it. */
static copse_status modify_refuse(const copse_modify *modify, copse_status status,
                                  copse_bytes document, copse_err *err)
{
    char message[sizeof err->message];
    copse_bytes id;
    copse_buf text;
    copse_bytes primary_key = modify->match.primary_key;
    if (err == NULL || copse_document_primary(document, primary_key, &id, NULL) != COPSE_OK) {
        return status;
    }
    copse_buf_init(&text, modify->env, sizeof message / 2);
    memcpy(message, err->message, sizeof message);
    if (copse_ext_json_from_cbor(modify->env, id, false, &text, NULL) == COPSE_OK) {
        (void)COPSE_ERR(err, status, "the document with %.*s %.*s: %s", (int)primary_key.len,
                        (const char *)primary_key.ptr, (int)text.len, (const char *)text.ptr,
                        message);
    }
    copse_buf_release(&text);
    return status;
}

/* Writes the update of `document` to modify->changed. */
static copse_status modify_update(copse_modify *modify, const copse_modify_options *options,
                                  copse_bytes document, bool insert, bool *ret_changed,
                                  copse_err *err)
{
    const copse_env *env = modify->env;
    const copse_update_context context = {
        .filter = insert ? NULL : modify->match.query->filter,
        .primary_key = modify->match.primary_key,
        .now_ms = env->clock != NULL ? env->clock(env->clock_ctx) : 0,
        .insert = insert,
    };
    copse_buf_truncate(&modify->changed, 0);
    copse_status status =
        copse_update_apply(options->update, document, &context, &modify->changed, ret_changed, err);
    bool is_about_it = status == COPSE_CORRUPT || status == COPSE_MISUSE || status == COPSE_LIMIT;
    return is_about_it ? modify_refuse(modify, status, document, err) : status;
}

/* Keeps the document that is given back. */
static copse_status modify_return(copse_modify *modify, copse_bytes document, copse_err *err)
{
    copse_status status;
    if (modify->projection != NULL) {
        status = copse_projection_apply(modify->projection, document, modify->match.query->filter,
                                        &modify->document, err);
    } else {
        status = copse_buf_append(&modify->document, document);
        status = status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a document");
    }
    return status;
}

/* Deletes or updates a match. */
static copse_status modify_match(copse_modify *modify, const copse_modify_options *options,
                                 copse_bytes document, copse_err *err)
{
    copse_bytes id;
    bool changed = true;
    bool matches = true;
    copse_modify_return give =
        options->multi ? COPSE_MODIFY_RETURN_NOTHING : options->return_document;
    bool after = give == COPSE_MODIFY_RETURN_AFTER && options->update != NULL;
    /* A plan may have answered the filter by its ranges alone: this is for positions in arrays. */
    copse_status status = copse_filter_match(modify->match.query->filter, document, &matches, err);
    if (status == COPSE_OK && options->update != NULL) {
        status = modify_update(modify, options, document, false, &changed, err);
    }
    if (status == COPSE_OK && give != COPSE_MODIFY_RETURN_NOTHING) {
        status = modify_return(modify, after ? copse_buf_view(&modify->changed) : document, err);
    }
    if (status == COPSE_OK && options->update == NULL) {
        status = modify_primary(modify, document, &id, err);
        if (status == COPSE_OK) { /* the document may be one of the write's, which moves */
            copse_buf_truncate(&modify->changed, 0);
            status = copse_buf_append(&modify->changed, id);
            status = status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a key");
        }
        if (status == COPSE_OK) {
            status = copse_write_delete(modify->write, options->collection,
                                        copse_buf_view(&modify->changed), err);
        }
    } else if (status == COPSE_OK && changed) {
        copse_bytes made = copse_buf_view(&modify->changed);
        status = copse_update_is_replacement(options->update)
                     ? copse_write_replace(modify->write, options->collection, made, false, err)
                     : copse_write_replace_fields(modify->write, options->collection, made, err);
    }
    if (status == COPSE_OK) {
        modify->result.matched++;
        modify->result.modified += changed;
    }
    return status;
}

/* ---- upsert ---- */

/* Inserts modify->changed, with a new `_id` if it needs one: result.id and modify->id. */
static copse_status modify_insert(copse_modify *modify, const copse_modify_options *options,
                                  copse_err *err)
{
    copse_bytes id;
    copse_bytes document = copse_buf_view(&modify->changed);
    bool makes_id = copse_bytes_equal(modify->match.primary_key, copse_bytes_of_text("_id"));
    if (!makes_id) {
        copse_status status = modify_primary(modify, document, &id, err);
        if (status == COPSE_OK) {
            status = copse_buf_append(&modify->id, id);
            status = status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a key");
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    return copse_write_insert(modify->write, options->collection, document,
                              makes_id ? &modify->id : NULL, err);
}

/* Gives back what was inserted, with its new `_id`. */
static copse_status modify_return_inserted(copse_modify *modify, copse_err *err)
{
    copse_bytes id;
    copse_buf with_id;
    copse_bytes document = copse_buf_view(&modify->changed);
    if (copse_document_primary(document, modify->match.primary_key, &id, NULL) == COPSE_OK) {
        return modify_return(modify, document, err);
    }
    copse_buf_init(&with_id, modify->env, SIZE_MAX);
    copse_status status =
        copse_document_write_with_id(&with_id, document, copse_buf_view(&modify->id), err);
    if (status == COPSE_OK) {
        status = modify_return(modify, copse_buf_view(&with_id), err);
    }
    copse_buf_release(&with_id);
    return status;
}

static copse_status modify_upsert(copse_modify *modify, const copse_modify_options *options,
                                  copse_err *err)
{
    copse_buf base;
    bool changed;
    copse_buf_init(&base, modify->env, modify->env->limits.document_size_bytes_max);
    copse_status status =
        copse_update_upsert_base(modify->env, modify->match.query->filter, &base, err);
    if (status == COPSE_OK) {
        status = modify_update(modify, options, copse_buf_view(&base), true, &changed, err);
    }
    if (status == COPSE_OK) {
        status = modify_insert(modify, options, err);
    }
    if (status == COPSE_OK && options->return_document == COPSE_MODIFY_RETURN_AFTER &&
        !options->multi) {
        status = modify_return_inserted(modify, err);
    }
    modify->result.upserted = status == COPSE_OK;
    copse_buf_release(&base);
    return status;
}

/* ---- a run ---- */

static copse_status modify_check(const copse_modify *modify, const copse_modify_options *options,
                                 copse_err *err)
{
    bool replaces = options->update != NULL && copse_update_is_replacement(options->update);
    const char *why = NULL;
    if (modify->database == NULL) {
        why = "the modification was not begun";
    } else if (copse_database_version(modify->database) == 1) {
        why = "a database of version 1 is read only";
    } else if (options->update == NULL && options->upsert) {
        why = "a delete can't insert what isn't there";
    } else if (options->multi && replaces) {
        why = "a replacement is of one document, not of all that match";
    } else if (options->multi && options->sort != NULL && options->sort->count > 0) {
        why = "an order is for the first of the documents that match, not for all";
    } else if (modify->running && copse_write_count(modify->write) < modify->begin) {
        why = "operations were taken away from one that is under way";
    }
    return why == NULL ? COPSE_OK : COPSE_ERR(err, COPSE_MISUSE, "%s", why);
}

static copse_status modify_start(copse_modify *modify, const copse_modify_options *options,
                                 copse_err *err)
{
    const copse_query_options query = {.collection = options->collection,
                                       .filter = options->filter,
                                       .sort = options->sort,
                                       .hint = options->hint};
    modify->begin = copse_write_count(modify->write);
    modify->result = (copse_modify_result){.matched = 0};
    copse_buf_truncate(&modify->id, 0);
    copse_buf_truncate(&modify->document, 0);
    copse_status status = copse_name_check(options->collection, "a collection", err);
    if (status == COPSE_OK) {
        status = copse_pending_fold(&modify->pending, modify->database, err);
    }
    if (status == COPSE_OK && options->projection.len > 0) {
        status = copse_projection_new(modify->env, options->projection, &modify->projection, err);
    }
    if (status == COPSE_OK) {
        status = copse_match_init(&modify->match, modify->database, &modify->pending, &query,
                                  !options->multi, err);
    }
    modify->running = status == COPSE_OK;
    return status;
}

static copse_status modify_go_on(copse_modify *modify, const copse_modify_options *options,
                                 copse_err *err)
{
    copse_bytes document;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        status = copse_match_next(&modify->match, &document, err);
        if (status == COPSE_OK) {
            status = modify_match(modify, options, document, err);
        }
    }
    if (status == COPSE_END) {
        status = options->upsert && modify->result.matched == 0
                     ? modify_upsert(modify, options, err)
                     : COPSE_OK;
    }
    return status;
}

copse_status copse_modify_run(copse_modify *modify, const copse_modify_options *options,
                              copse_modify_result *ret_result, copse_err *err)
{
    copse_status status = modify_check(modify, options, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!modify->running) {
        status = modify_start(modify, options, err);
    }
    if (status == COPSE_OK) {
        status = modify_go_on(modify, options, err);
    }
    if (status == COPSE_WANT) {
        return status;
    }
    modify_stop(modify);
    if (status != COPSE_OK) {
        copse_write_rewind(modify->write, modify->begin);
        return status;
    }
    *ret_result = modify->result;
    ret_result->id = copse_buf_view(&modify->id);
    ret_result->document = copse_buf_view(&modify->document);
    return COPSE_OK;
}

copse_status copse_modify_finish(copse_modify *modify, copse_store *store,
                                 const copse_write_options *options, copse_tree **ret_tree,
                                 copse_write_stats *ret_stats, size_t *ret_failed, copse_err *err)
{
    if (modify->database == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "the modification was not begun");
    }
    if (modify->running) { /* given up after a WANT */
        modify_stop(modify);
        copse_write_rewind(modify->write, modify->begin);
    }
    copse_status status = copse_write_apply(modify->write, copse_database_tree(modify->database),
                                            store, options, ret_tree, ret_stats, ret_failed, err);
    if (status == COPSE_OK) {
        modify_reset(modify, NULL);
    }
    return status;
}
