/* GET /ipns/{name} and /routing/v1/ipns/{name}: the record of a name, as gateways and as delegated
 * routing give it; PUT of the latter: a record of anybody (docs/formats/http.md).
 *
 * Source: https://specs.ipfs.tech/http-gateways/trustless-gateway/,
 * https://specs.ipfs.tech/routing/http-routing-v1/
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/disposition.h"
#include "serve/negotiate.h"
#include "serve/reply.h"
#include "serve/service.h"

#include <inttypes.h>
#include <stdio.h>

static const char ipns_record_type[] = "application/vnd.ipfs.ipns-record";

/* A record that is to be sent: lent by who has it. */
typedef struct ipns_found {
    copse_public_key name;
    copse_bytes bytes;
    copse_ipns_record said;
} ipns_found;

/* ---- Finding ---- */

/* Reads the name; answers if it is none. */
static bool ipns_read_name(copse_service *service, copse_bytes argument, copse_public_key *ret_name,
                           copse_http_answer *answer)
{
    copse_err err = {.message = ""};
    if (copse_public_key_from_name(argument, ret_name, &err) == COPSE_OK) {
        return true;
    }
    copse_reply_line(service->env, answer, 400, "this is no name of an Ed25519 key: %s",
                     err.message);
    return false;
}

/* The record of `found->name`: of a database that is served, else of others. NOT_FOUND. */
static copse_status ipns_find(copse_service *service, ipns_found *found, copse_err *err)
{
    for (size_t i = 0; i < service->databases.count; i++) {
        const copse_served *served = &service->databases.items[i];
        if (served->record != NULL && copse_public_key_equal(&served->key, &found->name)) {
            return served->record(served->ctx, &found->bytes, &found->said, err);
        }
    }
    const copse_relayed_record *relayed =
        copse_relayed_records_find(&service->records, &found->name);
    if (relayed == NULL) {
        return COPSE_NOT_FOUND;
    }
    found->bytes = copse_buf_view(&relayed->bytes);
    found->said = relayed->said;
    return COPSE_OK;
}

/* How long it may be kept: as long as it says, but not past its end. */
static uint64_t ipns_age_max_s(const copse_service *service, const copse_ipns_record *said)
{
    uint64_t now_ms = service->env->clock(service->env->clock_ctx);
    uint64_t left_s = said->eol_ms > now_ms ? (said->eol_ms - now_ms) / 1000 : 0;
    uint64_t ttl_s = said->ttl_ns / 1000000000;
    return ttl_s < left_s ? ttl_s : left_s;
}

/* ---- Sending ---- */

static void ipns_send(copse_service *service, const copse_http_request *request,
                      const ipns_found *found, copse_http_answer *answer)
{
    char name[COPSE_KEY_TEXT_SIZE_MAX];
    char text[COPSE_CID_TEXT_SIZE_MAX];
    char etag[COPSE_CID_TEXT_SIZE_MAX + 16];
    copse_buf body;
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_RAW, found->bytes, &cid);
    (void)copse_cid_to_text(&cid, COPSE_BASE32, text);
    (void)copse_public_key_to_name(&found->name, name);
    (void)snprintf(etag, sizeof etag, "\"%s\"", text);
    copse_reply_header(answer, "ETag", "%s", etag);
    copse_reply_header(answer, "Cache-Control", "public, max-age=%" PRIu64,
                       ipns_age_max_s(service, &found->said));
    copse_reply_header(answer, "Vary", "Accept");
    if (copse_reply_not_modified(request, etag, answer)) {
        return;
    }
    copse_buf_init(&body, service->env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    if (copse_buf_append(&body, found->bytes) != COPSE_OK) {
        answer->status = 503;
        return;
    }
    copse_reply_disposition(service->env, request, false, name, "ipns-record", answer);
    copse_reply_header(answer, "X-Ipfs-Path", "/ipns/%s", name);
    copse_reply_buf(service->env, answer, ipns_record_type, &body);
}

static void ipns_answer(copse_service *service, const copse_http_request *request,
                        copse_bytes argument, copse_http_answer *answer)
{
    ipns_found found;
    copse_err err = {.message = ""};
    if (!ipns_read_name(service, argument, &found.name, answer)) {
        return;
    }
    copse_status status = ipns_find(service, &found, &err);
    if (status == COPSE_OK) {
        ipns_send(service, request, &found, answer);
    } else if (status == COPSE_NOT_FOUND) {
        copse_reply_line(service->env, answer, 404, "no valid record of this name is here");
    } else {
        copse_reply_failure(service->env, answer, status, &err);
    }
}

void copse_route_ipns(copse_service *service, const copse_http_request *request,
                      copse_bytes argument, copse_http_answer *answer)
{
    copse_bytes format;
    bool is_named = copse_http_request_parameter(request, "format", &format);
    if (is_named ? copse_bytes_equal(format, copse_bytes_of_text("ipns-record"))
                 : copse_negotiate_accepts(request, ipns_record_type)) {
        ipns_answer(service, request, argument, answer);
        return;
    }
    copse_negotiated wish;
    copse_negotiate(request, &wish);
    copse_reply_line(service->env, answer, wish.media != NULL ? 406 : 400,
                     "of a name only its record is given: ?format=ipns-record");
}

/* ---- Delegated routing ---- */

static void ipns_take(copse_service *service, const copse_http_request *request,
                      copse_bytes argument, copse_http_answer *answer)
{
    copse_public_key name;
    copse_bytes list;
    copse_bytes type = {NULL, 0};
    copse_err err = {.message = ""};
    if (!service->accepts_records) {
        copse_reply_line(service->env, answer, 403, "this server takes no records");
        return;
    }
    bool is_record = copse_http_request_header(request, "Content-Type", 0, &list) &&
                     copse_http_parts_next(&list, &type) &&
                     copse_http_name_equal(type, copse_bytes_of_text(ipns_record_type));
    if (!is_record) {
        copse_reply_line(service->env, answer, 415, "a record is %s", ipns_record_type);
        return;
    }
    if (request->body.len > COPSE_IPNS_RECORD_SIZE_BYTES_MAX) {
        copse_reply_line(service->env, answer, 413, "a record has at most %d bytes",
                         COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
        return;
    }
    if (!ipns_read_name(service, argument, &name, answer)) {
        return;
    }
    copse_status status =
        copse_relayed_records_put(&service->records, &name, request->body, false, &err);
    if (status == COPSE_OK) {
        copse_reply_line(service->env, answer, 200, "taken");
    } else if (status == COPSE_CORRUPT || status == COPSE_DENIED) {
        copse_reply_line(service->env, answer, 400, "%s", err.message);
    } else if (status == COPSE_CONFLICT) {
        copse_reply_line(service->env, answer, 409, "%s", err.message);
    } else if (status == COPSE_LIMIT) {
        copse_reply_line(service->env, answer, 503, "%s", err.message);
    } else {
        copse_reply_failure(service->env, answer, status, &err);
    }
}

void copse_route_record(copse_service *service, const copse_http_request *request,
                        copse_bytes argument, copse_http_answer *answer)
{
    if (request->method == COPSE_HTTP_PUT) {
        ipns_take(service, request, argument, answer);
    } else {
        ipns_answer(service, request, argument, answer);
    }
}
