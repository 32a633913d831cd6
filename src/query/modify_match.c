/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/modify_match.h"

#include "base/err.h"
#include "query/query.h"

/* ---- beginning ---- */

/* The value that the filter says the primary key has; NULL: it doesn't. */
static const copse_filter_node *match_find_key(const copse_match *match)
{
    const copse_query *query = match->query;
    for (size_t i = 0; i < query->conjuncts_count; i++) {
        const copse_filter_node *node = query->conjuncts[i];
        if (node->kind == COPSE_FILTER_EQ && copse_bytes_equal(node->path, match->primary_key)) {
            return node;
        }
    }
    return NULL;
}

/* Writes the key of the row of the document whose primary key is `id`. CORRUPT, LIMIT: it can't be
 * one. */
static copse_status match_write_key(copse_match *match, copse_bytes id, copse_err *err)
{
    copse_buf_truncate(&match->key, 0);
    copse_status status = copse_key_write_documents(&match->key, match->query->collection);
    return status == COPSE_OK ? copse_order_write_primary(&match->key, id, err)
                              : COPSE_ERR(err, status, "no memory for a key");
}

/* M3. What can't be a primary key is left to the planner. */
static copse_status match_choose_stage(copse_match *match, copse_err *err)
{
    const copse_filter_node *node = match_find_key(match);
    match->stage = match->collection != NULL ? COPSE_MATCH_DATABASE : COPSE_MATCH_PENDING;
    if (node == NULL || match->query->hint.len > 0) {
        return COPSE_OK;
    }
    copse_status status = match_write_key(match, node->value, err);
    if (status == COPSE_OK) {
        match->stage = COPSE_MATCH_BY_KEY;
    }
    return status == COPSE_CORRUPT || status == COPSE_LIMIT ? COPSE_OK : status;
}

copse_status copse_match_init(copse_match *match, copse_database *database,
                              const copse_pending *pending, const copse_query_options *options,
                              bool one, copse_err *err)
{
    copse_query_options asked = *options;
    *match = (copse_match){.env = pending->env,
                           .database = database,
                           .pending = pending,
                           .collection = copse_database_collection(database, options->collection),
                           .made = copse_pending_find_collection(pending, options->collection),
                           .one = one};
    copse_buf_init(&match->key, pending->env, SIZE_MAX);
    match->primary_key =
        match->collection != NULL ? match->collection->primary_key : copse_bytes_of_text("_id");
    asked.limit = one;
    if (match->made != SIZE_MAX) {
        const copse_pending_collection *made = &pending->collections[match->made];
        match->primary_key = made->primary_key;
        match->collection = made->hides_database ? NULL : match->collection;
        asked.limit += one ? made->count : 0; /* so many of the answer may be passed over (M1) */
    }
    copse_status status = copse_query_new(pending->env, &asked, &match->query, err);
    if (status == COPSE_OK) {
        status = match_choose_stage(match, err);
    }
    if (status != COPSE_OK) {
        copse_match_release(match);
    }
    return status;
}

void copse_match_release(copse_match *match)
{
    copse_document_release(&match->document);
    copse_result_close(match->result);
    copse_query_free(match->query);
    copse_buf_release(&match->key);
    *match = (copse_match){.env = NULL};
}

/* ---- finding ---- */

/* The document with the key in match->key. */
static copse_status match_get(copse_match *match, copse_bytes *ret_document, copse_err *err)
{
    bool matches = false;
    copse_bytes document = {NULL, 0};
    copse_status status = COPSE_OK;
    size_t number = copse_pending_find(match->pending, match->made, copse_buf_view(&match->key));
    if (number != SIZE_MAX) {
        document = copse_pending_encoded(match->pending, number);
    } else if (match->collection != NULL) {
        status = copse_database_get(match->database, match->collection,
                                    match_find_key(match)->value, &match->document, err);
        document = match->document.encoded;
    }
    if (status == COPSE_NOT_FOUND || (status == COPSE_OK && document.len == 0)) {
        return COPSE_END;
    }
    if (status == COPSE_OK) {
        status = copse_filter_match(match->query->filter, document, &matches, err);
    }
    if (status == COPSE_OK && matches) {
        *ret_document = document;
    }
    return status == COPSE_OK && !matches ? COPSE_END : status;
}

static copse_status match_primary(const copse_match *match, copse_bytes document,
                                  copse_bytes *ret_id, copse_err *err)
{
    copse_status status = copse_document_primary(document, match->primary_key, ret_id, err);
    return status == COPSE_NOT_FOUND
               ? COPSE_ERR(err, COPSE_CORRUPT, "a document has no primary key")
               : status;
}

/* The next match of the database that is not pending (M1). */
static copse_status match_next_database(copse_match *match, copse_bytes *ret_document,
                                        copse_err *err)
{
    bool is_pending = true;
    copse_status status = COPSE_OK;
    if (match->collection == NULL) {
        return COPSE_END;
    }
    if (match->result == NULL) {
        status = copse_result_open(match->query, match->database, &match->result, err);
    }
    while (status == COPSE_OK && is_pending) {
        copse_bytes id;
        status = copse_result_next(match->result, ret_document, err);
        is_pending = false;
        if (status == COPSE_OK && match->made != SIZE_MAX) {
            status = match_primary(match, *ret_document, &id, err);
            if (status == COPSE_OK) {
                status = match_write_key(match, id, err);
            }
            is_pending = copse_pending_find(match->pending, match->made,
                                            copse_buf_view(&match->key)) != SIZE_MAX;
        }
    }
    return status;
}

/* The next match among what is pending. */
static copse_status match_next_pending(copse_match *match, copse_bytes *ret_document,
                                       copse_err *err)
{
    const copse_pending *pending = match->pending;
    while (match->made != SIZE_MAX && match->next < pending->count) {
        bool matches = false;
        size_t number = match->next++;
        copse_bytes document = copse_pending_encoded(pending, number);
        copse_status status = COPSE_OK;
        if (pending->documents[number].collection == match->made && document.len > 0) {
            status = copse_filter_match(match->query->filter, document, &matches, err);
        }
        if (status != COPSE_OK || matches) {
            *ret_document = document;
            return status;
        }
    }
    return COPSE_END;
}

/* Takes `document` as the first by the order, whose key is match->key, if it stands before that. */
static copse_status match_rank(copse_match *match, copse_bytes document, copse_buf *key,
                               copse_bytes *first, copse_err *err)
{
    copse_bytes id;
    copse_buf_truncate(key, 0);
    copse_status status = match_primary(match, document, &id, err);
    if (status == COPSE_OK) {
        status = copse_sort_spec_key(&match->query->sort, document, id, key, err);
    }
    if (status == COPSE_OK &&
        (first->len == 0 ||
         copse_bytes_compare(copse_buf_view(key), copse_buf_view(&match->key)) < 0)) {
        copse_buf swapped = *key;
        *key = match->key;
        match->key = swapped;
        *first = document;
    }
    return status;
}

/* The first match by the order, of the database's first and all that are pending. */
static copse_status match_first(copse_match *match, copse_bytes *ret_document, copse_err *err)
{
    copse_buf key;
    copse_bytes document;
    copse_bytes first = {NULL, 0};
    copse_buf_init(&key, match->env, SIZE_MAX);
    copse_status status = match_next_database(match, &document, err);
    if (status == COPSE_END) {
        status = match_next_pending(match, &document, err);
    }
    while (status == COPSE_OK) {
        status = match_rank(match, document, &key, &first, err);
        if (status == COPSE_OK) {
            status = match_next_pending(match, &document, err);
        }
    }
    copse_buf_release(&key);
    if (status == COPSE_END && first.len > 0) {
        *ret_document = first;
        status = COPSE_OK;
    }
    return status;
}

static copse_status match_next(copse_match *match, copse_bytes *ret_document, copse_err *err)
{
    copse_status status = COPSE_END;
    if (match->stage == COPSE_MATCH_BY_KEY) {
        return match_get(match, ret_document, err);
    }
    if (match->one && match->query->sort.count > 0) {
        return match_first(match, ret_document, err);
    }
    if (match->stage == COPSE_MATCH_DATABASE) {
        status = match_next_database(match, ret_document, err);
        match->stage = status == COPSE_END ? COPSE_MATCH_PENDING : match->stage;
    }
    return match->stage == COPSE_MATCH_PENDING ? match_next_pending(match, ret_document, err)
                                               : status;
}

copse_status copse_match_next(copse_match *match, copse_bytes *ret_document, copse_err *err)
{
    if (match->stage == COPSE_MATCH_ENDED) {
        return COPSE_END;
    }
    copse_status status = match_next(match, ret_document, err);
    if (status != COPSE_WANT && (match->one || match->stage == COPSE_MATCH_BY_KEY)) {
        match->stage = COPSE_MATCH_ENDED;
    }
    return status;
}
