/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sync/commits_request.h"

#include "base/err.h"
#include "value/cbor_map.h"
#include "value/cid_list.h"

enum { COMMITS_REQUEST_FIELDS = 3 };

static copse_status commits_request_write_list(const char *key, const copse_cid *cids, size_t count,
                                               copse_buf *buf)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cid_list_write(cids, count, buf) : status;
}

copse_status copse_commits_request_encode(const copse_cid *want, size_t want_count,
                                          const copse_cid *have, size_t have_count, uint64_t limit,
                                          copse_buf *buf, copse_err *err)
{
    if (want_count > COPSE_COMMITS_WANT_MAX || have_count > COPSE_COMMITS_HAVE_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "more commits than a request lists");
    }
    size_t len = buf->len;
    copse_status status = copse_cbor_write_map(buf, COMMITS_REQUEST_FIELDS);
    if (status == COPSE_OK) {
        status = commits_request_write_list("have", have, have_count, buf);
    }
    if (status == COPSE_OK) {
        status = commits_request_write_list("want", want, want_count, buf);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("limit"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, limit);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, len);
        return COPSE_ERR(err, status, "the request could not be written");
    }
    return COPSE_OK;
}

/* Reads the list that `key` has. */
static copse_status commits_request_read_list(const copse_env *env, const char *key,
                                              copse_bytes value, size_t count_max, copse_buf *cids,
                                              copse_err *err)
{
    copse_cbor_reader reader;
    copse_err why;
    copse_buf_init(cids, env, count_max * sizeof(copse_cid));
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cid_list_read(&reader, count_max, cids, &why);
    return status == COPSE_OK ? status
                              : COPSE_ERR(err, status, "the request's %s: %s", key, why.message);
}

static copse_status commits_request_read_limit(copse_bytes value, uint64_t *ret_limit,
                                               copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cbor_next(&reader, &item, err);
    if (status == COPSE_OK && (item.kind != COPSE_CBOR_INT || item.negative)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the request's limit is no number from 0");
    }
    if (status == COPSE_OK) {
        *ret_limit = item.arg;
    }
    return status;
}

copse_status copse_commits_request_decode(const copse_env *env, copse_bytes bytes,
                                          copse_commits_request *request, copse_err *err)
{
    copse_cbor_reader reader;
    copse_bytes have;
    copse_bytes want;
    copse_bytes limit;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, bytes, &env->limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_cbor_map_enter(&reader, COMMITS_REQUEST_FIELDS) ||
        !copse_cbor_map_take(&reader, "have", &have) ||
        !copse_cbor_map_take(&reader, "want", &want) ||
        !copse_cbor_map_take(&reader, "limit", &limit)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it is no map of have, want and limit");
    }
    status =
        commits_request_read_list(env, "have", have, COPSE_COMMITS_HAVE_MAX, &request->have, err);
    if (status == COPSE_OK) {
        status = commits_request_read_list(env, "want", want, COPSE_COMMITS_WANT_MAX,
                                           &request->want, err);
    }
    return status == COPSE_OK ? commits_request_read_limit(limit, &request->limit, err) : status;
}

void copse_commits_request_release(copse_commits_request *request)
{
    copse_buf_release(&request->want);
    copse_buf_release(&request->have);
    *request = (copse_commits_request){.limit = 0};
}
