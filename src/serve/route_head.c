/* GET /copse/v1/{name}: the head of a database (docs/formats/http.md).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/negotiate.h"
#include "serve/reply.h"
#include "serve/service.h"

#include <copse/dag_cbor.h>
#include <copse/dag_json.h>

#include <stdio.h>

enum { HEAD_SIZE_BYTES_MAX = 4096 };

static copse_status head_link(copse_buf *buf, const char *key, const copse_cid *cid)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_link(buf, (copse_bytes){cid->bytes, cid->size})
                              : status;
}

static copse_status head_text(copse_buf *buf, const char *key, const char *text)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_text(buf, copse_bytes_of_text(text)) : status;
}

/* In the order of DAG-CBOR. */
copse_status copse_service_write_head(const copse_served *served, const copse_cid *head,
                                      const copse_cid *tree, copse_buf *buf)
{
    bool has_tree = tree->size > 0;
    bool has_key = served->record != NULL;
    copse_status status = copse_cbor_write_map(buf, 2u + has_tree + has_key);
    if (status == COPSE_OK) {
        status = head_link(buf, "head", head);
    }
    if (status == COPSE_OK) {
        status = head_text(buf, "name", served->name);
    }
    if (status == COPSE_OK && has_tree) {
        status = head_link(buf, "tree", tree);
    }
    if (status == COPSE_OK && has_key) {
        char key[COPSE_KEY_TEXT_SIZE_MAX];
        (void)copse_public_key_to_name(&served->key, key);
        status = head_text(buf, "name-key", key);
    }
    return status;
}

/* Answers with the map, as DAG-CBOR or DAG-JSON. */
static void head_answer(copse_service *service, const copse_http_request *request,
                        copse_bytes encoded, const copse_cid *head, copse_http_answer *answer)
{
    char etag[COPSE_CID_TEXT_SIZE_MAX + 16];
    char cid_text[COPSE_CID_TEXT_SIZE_MAX];
    copse_buf body;
    copse_err err = {.message = ""};
    bool cbor = copse_negotiate_accepts(request, "application/vnd.ipld.dag-cbor");
    bool dag_json = copse_negotiate_accepts(request, "application/vnd.ipld.dag-json");
    (void)copse_cid_to_text(head, COPSE_BASE32, cid_text);
    (void)snprintf(etag, sizeof etag, "\"%s.%s\"", cid_text, cbor ? "cbor" : "json");
    copse_reply_header(answer, "ETag", "%s", etag);
    copse_reply_header(answer, "Cache-Control", "no-cache");
    copse_reply_header(answer, "Vary", "Accept");
    if (copse_reply_not_modified(request, etag, answer)) {
        return;
    }
    copse_buf_init(&body, service->env, HEAD_SIZE_BYTES_MAX);
    copse_status status =
        cbor ? copse_buf_append(&body, encoded)
             : copse_dag_json_from_cbor(service->env, encoded, COPSE_CBOR_STRICT, &body, &err);
    if (status == COPSE_OK && !cbor) {
        status = copse_buf_append_byte(&body, '\n');
    }
    if (status != COPSE_OK) {
        copse_buf_release(&body);
        copse_reply_failure(service->env, answer, status, &err);
        return;
    }
    copse_reply_buf(service->env, answer,
                    cbor       ? "application/vnd.ipld.dag-cbor"
                    : dag_json ? "application/vnd.ipld.dag-json"
                               : "application/json",
                    &body);
}

void copse_route_head(copse_service *service, const copse_http_request *request,
                      copse_bytes argument, copse_http_answer *answer)
{
    const copse_served *served = copse_served_list_find(&service->databases, argument);
    copse_cid head;
    copse_cid tree;
    copse_buf encoded;
    copse_err err = {.message = ""};
    if (served == NULL) {
        copse_reply_line(service->env, answer, 404,
                         "there is no database of this name: / lists those that are served");
        return;
    }
    copse_status status = copse_service_head(service, served, &head, &tree, &err);
    if (status == COPSE_NOT_FOUND) {
        copse_reply_line(service->env, answer, 404, "the database '%s' has no ref '%s' yet",
                         served->name, served->ref);
        return;
    }
    copse_buf_init(&encoded, service->env, HEAD_SIZE_BYTES_MAX);
    if (status == COPSE_OK) {
        status = copse_service_write_head(served, &head, &tree, &encoded);
    }
    if (status == COPSE_OK) {
        head_answer(service, request, copse_buf_view(&encoded), &head, answer);
    } else {
        copse_reply_failure(service->env, answer, status, &err);
    }
    copse_buf_release(&encoded);
}
