/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/answer_head.h"

#include <copse/dag_cbor.h>

#include "base/err.h"

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

static const char *const answer_query_names[ANSWER_QUERY_FIELDS] = {
    "skip", "sort", "limit", "filter", "project", "collection"};

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
        status = copse_cbor_write_text(buf, copse_bytes_of_text(answer_query_names[i]));
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

/* Takes the value of the next pair of a map, whose key must be `name`. */
static bool answer_take(copse_cbor_reader *reader, const char *name, copse_bytes *ret_value)
{
    copse_cbor_item key;
    return copse_cbor_next(reader, &key, NULL) == COPSE_OK && key.kind == COPSE_CBOR_TEXT &&
           copse_bytes_equal(key.bytes, copse_bytes_of_text(name)) &&
           copse_cbor_take(reader, ret_value, NULL) == COPSE_OK;
}

/* Whether the reader stands before a map of `fields` pairs; moves into it. */
static bool answer_enter(copse_cbor_reader *reader, uint64_t fields)
{
    copse_cbor_item map;
    return copse_cbor_next(reader, &map, NULL) == COPSE_OK && map.kind == COPSE_CBOR_MAP &&
           map.arg == fields;
}

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
    if (!answer_enter(&reader, ANSWER_FIELDS) || !answer_take(&reader, "plan", &head.plan) ||
        !answer_take(&reader, "query", &head.query) || !answer_take(&reader, "answer", &answer)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it is not the map that an answer begins with");
    }
    if (!copse_bytes_equal(answer, (copse_bytes){&version, sizeof version})) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it is of a version that this Copse doesn't know");
    }
    *ret_head = head;
    return COPSE_OK;
}

const char *copse_answer_head_difference(copse_bytes query, copse_bytes other)
{
    copse_cbor_reader readers[2];
    copse_cbor_reader_init(&readers[0], query);
    copse_cbor_reader_init(&readers[1], other);
    if (!answer_enter(&readers[0], ANSWER_QUERY_FIELDS) ||
        !answer_enter(&readers[1], ANSWER_QUERY_FIELDS)) {
        return NULL;
    }
    for (size_t i = 0; i < ANSWER_QUERY_FIELDS; i++) {
        copse_bytes values[2];
        if (!answer_take(&readers[0], answer_query_names[i], &values[0]) ||
            !answer_take(&readers[1], answer_query_names[i], &values[1])) {
            return NULL;
        }
        if (!copse_bytes_equal(values[0], values[1])) {
            return answer_query_names[i];
        }
    }
    return NULL;
}
