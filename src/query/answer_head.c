/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/answer_head.h"

#include <copse/dag_cbor.h>

#include "base/err.h"
#include "value/cbor_map.h"

enum { ANSWER_VERSION = 1, ANSWER_FIELDS = 3 };

/* The keys of a query's map, in their order there. */
typedef enum answer_query_field {
    ANSWER_SKIP,
    ANSWER_SORT,
    ANSWER_LIMIT,
    ANSWER_FILTER,
    ANSWER_PROJECT,
    ANSWER_COLLECTION,
    ANSWER_QUERY_FIELDS
} answer_query_field;

static const struct answer_query_key {
    const char *name;
    copse_cbor_kind kind;
    bool or_null;
} answer_query_keys[ANSWER_QUERY_FIELDS] = {
    [ANSWER_SKIP] = {"skip", COPSE_CBOR_INT, false},
    [ANSWER_SORT] = {"sort", COPSE_CBOR_ARRAY, true},
    [ANSWER_LIMIT] = {"limit", COPSE_CBOR_INT, false},
    [ANSWER_FILTER] = {"filter", COPSE_CBOR_MAP, false},
    [ANSWER_PROJECT] = {"project", COPSE_CBOR_MAP, true},
    [ANSWER_COLLECTION] = {"collection", COPSE_CBOR_TEXT, false},
};

/* ---- Writing --------------------------------------------------------------------------------- */

static copse_status answer_write_field(const copse_query_options *query, answer_query_field field,
                                       copse_buf *buf)
{
    switch (field) {
    case ANSWER_SKIP:
        return copse_cbor_write_uint(buf, query->skip);
    case ANSWER_SORT:
        return query->sort != NULL && query->sort->count > 0
                   ? copse_sort_spec_encode(query->sort, buf)
                   : copse_cbor_write_null(buf);
    case ANSWER_LIMIT:
        return copse_cbor_write_uint(buf, query->limit);
    case ANSWER_FILTER:
        return query->filter.len > 0 ? copse_cbor_write_encoded(buf, query->filter)
                                     : copse_cbor_write_map(buf, 0);
    case ANSWER_PROJECT:
        return query->projection.len > 0 ? copse_cbor_write_encoded(buf, query->projection)
                                         : copse_cbor_write_null(buf);
    default:
        return copse_cbor_write_text(buf, query->collection);
    }
}

copse_status copse_answer_head_write_query(const copse_query_options *query, copse_buf *buf,
                                           copse_err *err)
{
    copse_status status = copse_cbor_write_map(buf, ANSWER_QUERY_FIELDS);
    for (unsigned i = 0; i < ANSWER_QUERY_FIELDS && status == COPSE_OK; i++) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text(answer_query_keys[i].name));
        if (status == COPSE_OK) {
            status = answer_write_field(query, (answer_query_field)i, buf);
        }
    }
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR(err, status, "a query could not be written");
}

copse_status copse_answer_head_encode(const copse_answer_head *head, copse_buf *buf, copse_err *err)
{
    copse_status status = copse_cbor_write_map(buf, ANSWER_FIELDS);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("plan"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_encoded(buf, head->plan);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("query"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_encoded(buf, head->query);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("answer"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, ANSWER_VERSION);
    }
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR(err, status, "an answer's plan is too large");
}

/* ---- Reading --------------------------------------------------------------------------------- */

copse_status copse_answer_head_decode(copse_bytes block, const copse_limits *limits,
                                      copse_answer_head *ret_head, copse_err *err)
{
    static const uint8_t version = ANSWER_VERSION; /* as its encoding */
    copse_cbor_reader reader;
    copse_answer_head head;
    copse_bytes answer;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, block, limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_cbor_map_enter(&reader, ANSWER_FIELDS) ||
        !copse_cbor_map_take(&reader, "plan", &head.plan) ||
        !copse_cbor_map_take(&reader, "query", &head.query) ||
        !copse_cbor_map_take(&reader, "answer", &answer)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it is not the map that an answer begins with");
    }
    if (!copse_bytes_equal(answer, (copse_bytes){&version, sizeof version})) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it is of a version that this Copse doesn't know");
    }
    *ret_head = head;
    return COPSE_OK;
}

/* Sets the field of `query`, and for the sort order `sort`, which the caller releases. */
static copse_status answer_read_field(const copse_env *env, answer_query_field field,
                                      copse_bytes value, copse_query_options *query,
                                      copse_sort_spec *sort, copse_err *err)
{
    const struct answer_query_key *key = &answer_query_keys[field];
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cbor_next(&reader, &item, err);
    bool is_null = status == COPSE_OK && key->or_null && item.kind == COPSE_CBOR_NULL;
    if (status != COPSE_OK || is_null) {
        return status;
    }
    if (item.kind != key->kind || item.negative || (field == ANSWER_SORT && item.arg == 0)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the query's %s is of the wrong kind", key->name);
    }
    switch (field) {
    case ANSWER_SKIP:
        query->skip = item.arg;
        return COPSE_OK;
    case ANSWER_SORT:
        query->sort = sort;
        return copse_sort_spec_decode(env, value, sort, err);
    case ANSWER_LIMIT:
        query->limit = item.arg;
        return COPSE_OK;
    case ANSWER_FILTER:
        query->filter = value;
        return COPSE_OK;
    case ANSWER_PROJECT:
        query->projection = value;
        return COPSE_OK;
    default:
        query->collection = item.bytes;
        return COPSE_OK;
    }
}

copse_status copse_answer_head_read_query(const copse_env *env, copse_bytes encoded,
                                          copse_query_options *query, copse_sort_spec *sort,
                                          copse_err *err)
{
    copse_cbor_reader reader;
    copse_status status = COPSE_OK;
    copse_cbor_reader_init(&reader, encoded);
    if (!copse_cbor_map_enter(&reader, ANSWER_QUERY_FIELDS)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the query is no map of %d keys", ANSWER_QUERY_FIELDS);
    }
    for (unsigned i = 0; i < ANSWER_QUERY_FIELDS && status == COPSE_OK; i++) {
        copse_bytes value;
        if (!copse_cbor_map_take(&reader, answer_query_keys[i].name, &value)) {
            return COPSE_ERR(err, COPSE_CORRUPT, "the query has no %s where it belongs",
                             answer_query_keys[i].name);
        }
        status = answer_read_field(env, (answer_query_field)i, value, query, sort, err);
    }
    return status;
}

const char *copse_answer_head_difference(copse_bytes query, copse_bytes other)
{
    copse_cbor_reader readers[2];
    copse_cbor_reader_init(&readers[0], query);
    copse_cbor_reader_init(&readers[1], other);
    if (!copse_cbor_map_enter(&readers[0], ANSWER_QUERY_FIELDS) ||
        !copse_cbor_map_enter(&readers[1], ANSWER_QUERY_FIELDS)) {
        return NULL;
    }
    for (size_t i = 0; i < ANSWER_QUERY_FIELDS; i++) {
        copse_bytes values[2];
        if (!copse_cbor_map_take(&readers[0], answer_query_keys[i].name, &values[0]) ||
            !copse_cbor_map_take(&readers[1], answer_query_keys[i].name, &values[1])) {
            return NULL;
        }
        if (!copse_bytes_equal(values[0], values[1])) {
            return answer_query_keys[i].name;
        }
    }
    return NULL;
}
