/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/answer_request.h"

#include <copse/dag_cbor.h>

#include "base/err.h"
#include "query/answer_head.h"
#include "value/cbor_map.h"
#include "value/cid_list.h"

enum { ANSWER_REQUEST_FIELDS = 4 };

/* ---- Writing --------------------------------------------------------------------------------- */

static copse_status answer_request_write_link(const copse_cid *cid, copse_buf *buf)
{
    return copse_cbor_write_link(buf, (copse_bytes){cid->bytes, cid->size});
}

static copse_status answer_request_write_have(const copse_cid *have, size_t count, copse_buf *buf)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text("have"));
    return status == COPSE_OK ? copse_cid_list_write(have, count, buf) : status;
}

static copse_status answer_request_write_hint(copse_bytes hint, copse_buf *buf)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text("hint"));
    if (status == COPSE_OK) {
        status = hint.len > 0 ? copse_cbor_write_text(buf, hint) : copse_cbor_write_null(buf);
    }
    return status;
}

static copse_status answer_request_write_root(const copse_cid *root, copse_buf *buf)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text("root"));
    if (status == COPSE_OK) {
        status = root != NULL ? answer_request_write_link(root, buf) : copse_cbor_write_null(buf);
    }
    return status;
}

copse_status copse_answer_request_encode(const copse_query_options *query, const copse_cid *root,
                                         const copse_cid *have, size_t have_count, copse_buf *buf,
                                         copse_err *err)
{
    if (have_count > COPSE_ANSWER_HAVE_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a list of %zu blocks to have, more than %d", have_count,
                         COPSE_ANSWER_HAVE_MAX);
    }
    size_t len = buf->len;
    copse_status status = copse_cbor_write_map(buf, ANSWER_REQUEST_FIELDS);
    if (status == COPSE_OK) {
        status = answer_request_write_have(have, have_count, buf);
    }
    if (status == COPSE_OK) {
        status = answer_request_write_hint(query->hint, buf);
    }
    if (status == COPSE_OK) {
        status = answer_request_write_root(root, buf);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("query"));
    }
    if (status == COPSE_OK) {
        status = copse_answer_head_write_query(query, buf, err);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, len);
        return COPSE_ERR(err, status, "the request could not be written");
    }
    return COPSE_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static copse_status answer_request_read_have(copse_bytes value, copse_buf *have, copse_err *err)
{
    copse_cbor_reader reader;
    copse_err why;
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cid_list_read(&reader, COPSE_ANSWER_HAVE_MAX, have, &why);
    return status == COPSE_OK ? status
                              : COPSE_ERR(err, status, "the request's have: %s", why.message);
}

/* The values of hint and root. */
static copse_status answer_request_read_rest(copse_bytes hint, copse_bytes root,
                                             copse_answer_request *request, copse_err *err)
{
    copse_cbor_reader readers[2];
    copse_cbor_item items[2];
    copse_cbor_reader_init(&readers[0], hint);
    copse_cbor_reader_init(&readers[1], root);
    for (size_t i = 0; i < 2; i++) {
        copse_status status = copse_cbor_next(&readers[i], &items[i], err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    if (items[0].kind != COPSE_CBOR_NULL &&
        (items[0].kind != COPSE_CBOR_TEXT || items[0].bytes.len == 0)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the request's hint is neither a name nor null");
    }
    request->query.hint = items[0].bytes;
    if (items[1].kind == COPSE_CBOR_NULL) {
        return COPSE_OK;
    }
    if (items[1].kind != COPSE_CBOR_LINK) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the request's root is neither a link nor null");
    }
    return copse_cid_from_bytes(items[1].bytes, &request->root, err);
}

copse_status copse_answer_request_decode(const copse_env *env, copse_bytes bytes,
                                         copse_answer_request *request, copse_err *err)
{
    copse_cbor_reader reader;
    copse_bytes have;
    copse_bytes hint;
    copse_bytes root;
    copse_bytes query;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, bytes, &env->limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_cbor_map_enter(&reader, ANSWER_REQUEST_FIELDS) ||
        !copse_cbor_map_take(&reader, "have", &have) ||
        !copse_cbor_map_take(&reader, "hint", &hint) ||
        !copse_cbor_map_take(&reader, "root", &root) ||
        !copse_cbor_map_take(&reader, "query", &query)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it is no map of have, hint, root and query");
    }
    copse_buf_init(&request->have, env, COPSE_ANSWER_HAVE_MAX * sizeof(copse_cid));
    status = answer_request_read_have(have, &request->have, err);
    if (status == COPSE_OK) {
        status = answer_request_read_rest(hint, root, request, err);
    }
    return status == COPSE_OK
               ? copse_answer_head_read_query(env, query, &request->query, &request->sort, err)
               : status;
}

void copse_answer_request_release(copse_answer_request *request)
{
    copse_sort_spec_release(&request->sort);
    copse_buf_release(&request->have);
    *request = (copse_answer_request){.sort = {.count = 0}};
}
