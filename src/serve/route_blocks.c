/* POST /copse/v1/blocks: many blocks with one request (docs/formats/http.md).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/car_body.h"
#include "serve/compress.h"
#include "serve/reply.h"
#include "serve/service.h"
#include "value/cid_list.h"

/* Appends the CIDs of a DAG-CBOR list of links. CORRUPT: it is none. LIMIT: they are too many. */
static copse_status blocks_parse(const copse_env *env, copse_bytes body, copse_buf *cids,
                                 copse_err *err)
{
    copse_cbor_reader reader;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, body, &env->limits, COPSE_CBOR_STRICT, err);
    return status == COPSE_OK ? copse_cid_list_read(&reader, env->limits.wants_max, cids, err)
                              : status;
}

void copse_route_blocks(copse_service *service, const copse_http_request *request,
                        copse_bytes argument, copse_http_answer *answer)
{
    copse_buf cids;
    copse_err err = {.message = ""};
    (void)argument;
    copse_buf_init(&cids, service->env, SIZE_MAX / 2);
    copse_status status = blocks_parse(service->env, request->body, &cids, &err);
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        copse_reply_line(service->env, answer, status == COPSE_LIMIT ? 413 : 400,
                         "%s (the body is a DAG-CBOR list of links)", err.message);
        copse_buf_release(&cids);
        return;
    }
    if (status == COPSE_OK) {
        status = copse_car_body_of_list(service->env, service->store, &cids,
                                        &service->metrics.blocks_sent, answer, &err);
    }
    copse_buf_release(&cids);
    if (status != COPSE_OK) {
        copse_reply_failure(service->env, answer, status, &err);
        return;
    }
    copse_reply_header(answer, "Content-Type", "application/vnd.ipld.car; version=1");
    copse_reply_header(answer, "X-Content-Type-Options", "nosniff");
    copse_reply_header(answer, "Cache-Control", "no-store");
    copse_compress_answer(service->env, request, answer);
}
