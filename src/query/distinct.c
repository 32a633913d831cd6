/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/alloc.h"
#include "base/err.h"
#include "expr/path.h"
#include "query/query.h"
#include "query/result.h"

/* The values met so far: told apart by their order keys, kept in a ranking. */
typedef struct copse_distinct {
    const copse_env *env;
    copse_buf path;
    copse_query *narrow; /* the query, of whose documents it looks at the path alone */
    copse_result *result;
    copse_id_set seen;
    copse_ranking values;
    copse_buf key;
} copse_distinct;

static copse_status distinct_add(void *ctx, copse_order_kind kind, copse_bytes encoded,
                                 copse_err *err)
{
    copse_distinct *distinct = ctx;
    bool is_new = false;
    copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = encoded};
    if (kind != COPSE_ORDER_VALUE) {
        return COPSE_OK;
    }
    copse_buf_truncate(&distinct->key, 0);
    copse_status status = copse_order_write(&distinct->key, &part, err);
    copse_bytes key = copse_buf_view(&distinct->key);
    if (status == COPSE_OK && key.len > UINT16_MAX) {
        status =
            COPSE_ERR(err, COPSE_LIMIT, "a value is too long to be told apart: %zu bytes", key.len);
    }
    if (status == COPSE_OK) {
        status = copse_id_set_add(&distinct->seen, key, &is_new, err);
    }
    return status == COPSE_OK && is_new ? copse_ranking_add(&distinct->values, key, encoded, err)
                                        : status;
}

/* The values of all matches. */
static copse_status distinct_read(copse_distinct *distinct, copse_err *err)
{
    copse_bytes document;
    copse_bytes path = copse_buf_view(&distinct->path);
    copse_status status = copse_result_next(distinct->result, &document, err);
    while (status == COPSE_OK) {
        bool array = false;
        status = copse_path_visit(document, path, distinct_add, distinct, &array, err);
        if (status == COPSE_OK) {
            status = copse_result_next(distinct->result, &document, err);
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status distinct_write(copse_distinct *distinct, copse_buf *buf, copse_err *err)
{
    copse_bytes value;
    size_t offset = buf->len;
    copse_status status = copse_ranking_finish(&distinct->values, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_cbor_write_array(buf, distinct->values.count);
    while (status == COPSE_OK && copse_ranking_next(&distinct->values, &value) == COPSE_OK) {
        status = copse_buf_append(buf, value);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
        return COPSE_ERR(err, status, "no room for the distinct values");
    }
    return COPSE_OK;
}

/* As `query`, of whose documents nothing but the values at `path` is looked at, in no order. */
static copse_status distinct_query(const copse_query *query, copse_bytes path,
                                   copse_query **ret_query, copse_err *err)
{
    copse_buf projection;
    bool has_id = copse_access_path_below(path, copse_bytes_of_text("_id"));
    copse_buf_init(&projection, query->env, SIZE_MAX);
    copse_status status = copse_cbor_write_text(&projection, path);
    if (status == COPSE_OK) {
        status = copse_cbor_write_int(&projection, 1);
    }
    if (status == COPSE_OK && !has_id) {
        status = copse_cbor_write_text(&projection, copse_bytes_of_text("_id"));
        if (status == COPSE_OK) {
            status = copse_cbor_write_int(&projection, 0);
        }
    }
    if (status == COPSE_OK) {
        status = copse_cbor_finish_map(&projection, 0, has_id ? 1 : 2);
    }
    if (status != COPSE_OK) {
        status = COPSE_ERR(err, status, "no memory for a projection");
    } else {
        copse_query_options options = {.collection = query->collection,
                                       .filter = copse_filter_encoded(query->filter),
                                       .projection = copse_buf_view(&projection),
                                       .hint = query->hint};
        status = copse_query_new(query->env, &options, ret_query, err);
    }
    copse_buf_release(&projection);
    return status;
}

struct copse_distinct *copse_distinct_free(struct copse_distinct *distinct)
{
    if (distinct != NULL) {
        copse_result_close(distinct->result);
        copse_query_free(distinct->narrow);
        copse_buf_release(&distinct->key);
        copse_ranking_release(&distinct->values);
        copse_id_set_release(&distinct->seen);
        copse_buf_release(&distinct->path);
        copse_free(distinct->env, distinct, sizeof *distinct);
    }
    return NULL;
}

static copse_status distinct_new(const copse_query *query, copse_database *database,
                                 copse_bytes path, copse_distinct **ret_distinct, copse_err *err)
{
    const copse_env *env = query->env;
    copse_distinct *distinct = copse_alloc_zeroed(env, sizeof *distinct);
    if (distinct == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    distinct->env = env;
    copse_buf_init(&distinct->path, env, SIZE_MAX);
    copse_buf_init(&distinct->key, env, SIZE_MAX);
    copse_id_set_init(&distinct->seen, env, env->limits.query_memory_bytes_max);
    copse_ranking_init(&distinct->values, env, 0, env->limits.query_memory_bytes_max);
    copse_status status = copse_buf_append(&distinct->path, path) == COPSE_OK
                              ? distinct_query(query, path, &distinct->narrow, err)
                              : COPSE_ERR_NOMEM(err);
    if (status == COPSE_OK) {
        status = copse_result_open(distinct->narrow, database, &distinct->result, err);
    }
    if (status != COPSE_OK) {
        copse_distinct_free(distinct);
        return status;
    }
    *ret_distinct = distinct;
    return COPSE_OK;
}

/* Goes on with what a WANT has suspended, or begins. */
static copse_status distinct_open(copse_query *query, copse_database *database, copse_bytes path,
                                  copse_distinct **ret_distinct, copse_err *err)
{
    copse_distinct *distinct = query->distinct;
    query->distinct = NULL;
    if (distinct == NULL || !copse_bytes_equal(copse_buf_view(&distinct->path), path) ||
        !copse_result_is_for(distinct->result, database)) {
        copse_distinct_free(distinct);
        return distinct_new(query, database, path, ret_distinct, err);
    }
    copse_status status = copse_result_resume(distinct->result, database, err);
    if (status != COPSE_OK) {
        copse_distinct_free(distinct);
        return status;
    }
    *ret_distinct = distinct;
    return COPSE_OK;
}

copse_status copse_query_distinct(copse_query *query, copse_database *database, copse_bytes path,
                                  copse_buf *buf, copse_err *err)
{
    copse_distinct *distinct = NULL;
    copse_status status = copse_path_check(path, err);
    if (status == COPSE_OK) {
        status = distinct_open(query, database, path, &distinct, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    status = distinct_read(distinct, err);
    if (status == COPSE_WANT) {
        copse_status suspended = copse_result_suspend(distinct->result, err);
        query->distinct = suspended == COPSE_OK ? distinct : copse_distinct_free(distinct);
        return suspended == COPSE_OK ? COPSE_WANT : suspended;
    }
    if (status == COPSE_OK) {
        status = distinct_write(distinct, buf, err);
    }
    copse_distinct_free(distinct);
    return status;
}
