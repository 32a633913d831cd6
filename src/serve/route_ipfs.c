/* GET /ipfs/{cid}: a block as it is, or the CAR of a DAG: the IPFS trustless gateway, as far as it
 * concerns blocks (docs/formats/http.md).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/car_body.h"
#include "serve/compress.h"
#include "serve/negotiate.h"
#include "serve/reply.h"
#include "serve/service.h"

#include <stdio.h>
#include <string.h>

/* What the answer depends on, gathered. */
typedef struct ipfs_request {
    copse_service *service;
    const copse_http_request *http;
    copse_http_answer *answer;
    copse_negotiated wish;
    char cid_text[COPSE_CID_TEXT_SIZE_MAX]; /* as it was asked for, in lower-case base32 */
    copse_block *block;
} ipfs_request;

static const char ipfs_forever[] = "public, max-age=29030400, immutable";

/* ---- Ranges ---- */

static bool ipfs_parse_number(copse_bytes text, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || number > UINT32_MAX) {
            return false;
        }
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_number = number;
    return text.len > 0;
}

typedef enum ipfs_range { IPFS_RANGE_ALL, IPFS_RANGE_PART, IPFS_RANGE_OUTSIDE } ipfs_range;

/* Reads "bytes=a-b", "bytes=a-" or "bytes=-n" for a block of `size` bytes. What is none of these,
 * or several ranges, is passed over (RFC 9110, 14.2). */
static ipfs_range ipfs_parse_range(copse_bytes value, size_t size, size_t *ret_from, size_t *ret_to)
{
    copse_bytes prefix = copse_bytes_of_text("bytes=");
    uint64_t first = 0;
    uint64_t last = 0;
    if (value.len <= prefix.len || !copse_bytes_has_prefix(value, prefix)) {
        return IPFS_RANGE_ALL;
    }
    copse_bytes rest = {value.ptr + prefix.len, value.len - prefix.len};
    const uint8_t *dash = memchr(rest.ptr, '-', rest.len);
    if (dash == NULL) {
        return IPFS_RANGE_ALL;
    }
    copse_bytes left = {rest.ptr, (size_t)(dash - rest.ptr)};
    copse_bytes right = {dash + 1, rest.len - left.len - 1};
    bool has_first = ipfs_parse_number(left, &first);
    bool has_last = ipfs_parse_number(right, &last);
    if ((!has_first && left.len > 0) || (!has_last && right.len > 0) || (!has_first && !has_last) ||
        (has_first && has_last && first > last)) {
        return IPFS_RANGE_ALL;
    }
    if (has_first ? first >= size : last == 0 || size == 0) {
        return IPFS_RANGE_OUTSIDE;
    }
    *ret_from = has_first ? (size_t)first : last < size ? size - (size_t)last : 0;
    *ret_to = has_first && has_last && last < size ? (size_t)last + 1 : size;
    return IPFS_RANGE_PART;
}

/* Whether a Range counts: without If-Range, or if that names what we have. */
static bool ipfs_range_counts(const copse_http_request *http, const char *etag)
{
    copse_bytes value;
    return !copse_http_request_header(http, "if-range", 0, &value) ||
           copse_bytes_equal(value, copse_bytes_of_text(etag));
}

/* ---- Raw ---- */

static void ipfs_raw_body(ipfs_request *self, const char *etag)
{
    size_t size = copse_block_data(self->block).len;
    size_t from = 0;
    size_t to = size;
    copse_bytes value;
    ipfs_range range = IPFS_RANGE_ALL;
    if (copse_http_request_header(self->http, "range", 0, &value) &&
        ipfs_range_counts(self->http, etag)) {
        range = ipfs_parse_range(value, size, &from, &to);
    }
    if (range == IPFS_RANGE_OUTSIDE) {
        copse_reply_header(self->answer, "Content-Range", "bytes */%zu", size);
        copse_reply_line(self->service->env, self->answer, 416, "the block has %zu bytes", size);
        return;
    }
    if (range == IPFS_RANGE_PART) {
        copse_reply_header(self->answer, "Content-Range", "bytes %zu-%zu/%zu", from, to - 1, size);
        self->answer->status = 206;
    }
    copse_reply_header(self->answer, "Content-Type", "application/vnd.ipld.raw");
    copse_reply_header(self->answer, "Content-Disposition", "attachment; filename=\"%s.bin\"",
                       self->cid_text);
    copse_reply_block(self->service->env, self->answer, self->block, from, to);
    self->service->metrics.blocks_sent += self->http->method == COPSE_HTTP_GET ? 1 : 0;
}

static void ipfs_answer_raw(ipfs_request *self)
{
    char etag[COPSE_CID_TEXT_SIZE_MAX + 8];
    copse_http_answer *answer = self->answer;
    (void)snprintf(etag, sizeof etag, "\"%s.raw\"", self->cid_text);
    copse_reply_header(answer, "ETag", "%s", etag);
    copse_reply_header(answer, "Cache-Control", "%s", ipfs_forever);
    copse_reply_header(answer, "Vary", "Accept");
    if (copse_reply_not_modified(self->http, etag, answer)) {
        return;
    }
    copse_reply_header(answer, "X-Content-Type-Options", "nosniff");
    copse_reply_header(answer, "X-Ipfs-Path", "/ipfs/%s", self->cid_text);
    copse_reply_header(answer, "X-Ipfs-Roots", "%s", self->cid_text);
    copse_reply_header(answer, "Accept-Ranges", "bytes");
    if (self->wish.by_accept) {
        copse_reply_header(answer, "Content-Location", "/ipfs/%s?format=raw", self->cid_text);
    }
    ipfs_raw_body(self, etag);
}

/* ---- CAR ---- */

/* Reads dag-scope. False: it is none. */
static bool ipfs_scope(const copse_http_request *http, copse_car_scope *ret_scope,
                       const char **ret_name)
{
    static const struct ipfs_scope_name {
        const char *name;
        copse_car_scope scope;
    } names[] = {
        {"all", COPSE_CAR_SCOPE_ALL},
        {"block", COPSE_CAR_SCOPE_BLOCK},
        {"entity", COPSE_CAR_SCOPE_BLOCK}, /* of DAG-CBOR and raw that is the block */
    };
    copse_bytes value = copse_bytes_of_text("all");
    (void)copse_http_request_parameter(http, "dag-scope", &value);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (copse_bytes_equal(value, copse_bytes_of_text(names[i].name))) {
            *ret_scope = names[i].scope;
            *ret_name = names[i].name;
            return true;
        }
    }
    return false;
}

static void ipfs_car_headers(ipfs_request *self, const char *scope)
{
    copse_http_answer *answer = self->answer;
    copse_reply_header(answer, "Content-Type",
                       "application/vnd.ipld.car; version=1; order=dfs; dups=%s",
                       self->wish.car.duplicates ? "y" : "n");
    copse_reply_header(answer, "Content-Disposition", "attachment; filename=\"%s.car\"",
                       self->cid_text);
    copse_reply_header(answer, "X-Content-Type-Options", "nosniff");
    copse_reply_header(answer, "X-Ipfs-Path", "/ipfs/%s", self->cid_text);
    copse_reply_header(answer, "X-Ipfs-Roots", "%s", self->cid_text);
    copse_reply_header(answer, "Accept-Ranges", "none");
    if (self->wish.by_accept) {
        copse_reply_header(answer, "Content-Location", "/ipfs/%s?format=car&dag-scope=%s",
                           self->cid_text, scope);
    }
}

static void ipfs_answer_car(ipfs_request *self)
{
    char etag[COPSE_CID_TEXT_SIZE_MAX + 40];
    const copse_env *env = self->service->env;
    copse_http_answer *answer = self->answer;
    copse_car_scope scope = COPSE_CAR_SCOPE_ALL;
    const char *scope_name = NULL;
    copse_cid_parts parts;
    copse_err err = {.message = ""};
    copse_cid_split(copse_block_cid(self->block), &parts);
    if (!self->wish.car.is_known || !ipfs_scope(self->http, &scope, &scope_name)) {
        copse_reply_line(env, answer, 400,
                         "this server knows car-version=1, car-order=dfs or unk, car-dups=y or n, "
                         "dag-scope=block, entity or all");
        return;
    }
    if (parts.codec == COPSE_CODEC_DAG_PB && strcmp(scope_name, "block") != 0) {
        copse_reply_line(env, answer, 501,
                         "links of dag-pb are not followed here: ask for dag-scope=block");
        return;
    }
    (void)snprintf(etag, sizeof etag, "W/\"%s.car.dfs.%s.%s\"", self->cid_text,
                   self->wish.car.duplicates ? "dups" : "once", scope_name);
    copse_reply_header(answer, "ETag", "%s", etag);
    copse_reply_header(answer, "Cache-Control", "%s", ipfs_forever);
    if (copse_reply_not_modified(self->http, etag, answer)) {
        return;
    }
    copse_status status = copse_car_body_of_dag(
        env, self->service->store, copse_block_cid(self->block), scope, self->wish.car.duplicates,
        &self->service->metrics.blocks_sent, answer, &err);
    if (status != COPSE_OK) {
        copse_reply_failure(env, answer, status, &err);
        return;
    }
    ipfs_car_headers(self, scope_name);
    copse_compress_answer(env, self->http, answer);
}

/* ---- Both ---- */

static bool ipfs_only_if_cached(const copse_http_request *http)
{
    copse_bytes list;
    copse_bytes element;
    for (size_t i = 0; copse_http_request_header(http, "cache-control", i, &list); i++) {
        while (copse_http_list_next(&list, &element)) {
            if (copse_http_name_equal(element, copse_bytes_of_text("only-if-cached"))) {
                return true;
            }
        }
    }
    return false;
}

/* Whether the form is one that is served; answers if not. */
static bool ipfs_check_form(ipfs_request *self)
{
    const copse_env *env = self->service->env;
    switch (self->wish.form) {
    case COPSE_FORM_RAW:
    case COPSE_FORM_CAR:
        return true;
    case COPSE_FORM_NONE:
        copse_reply_line(env, self->answer, 400,
                         "say what you want: ?format=raw (the block) or ?format=car (all that it "
                         "leads to)");
        return false;
    case COPSE_FORM_UNKNOWN:
        copse_reply_line(env, self->answer, 400, "the format is raw or car");
        return false;
    case COPSE_FORM_OTHER:
        break;
    }
    copse_reply_line(env, self->answer, 406,
                     "blocks are not converted here: ask for format=raw or format=car");
    return false;
}

void copse_route_ipfs(copse_service *service, const copse_http_request *request,
                      copse_bytes argument, copse_http_answer *answer)
{
    ipfs_request self = {.service = service, .http = request, .answer = answer};
    copse_cid cid;
    copse_err err = {.message = ""};
    if (copse_cid_from_text(argument, &cid, &err) != COPSE_OK) {
        copse_reply_line(service->env, answer, 400, "this is no CID: %s", err.message);
        return;
    }
    (void)copse_cid_to_text(&cid, COPSE_BASE32, self.cid_text);
    copse_negotiate(request, &self.wish);
    if (!ipfs_check_form(&self)) {
        return;
    }
    copse_status status = copse_store_get(service->store, &cid, &self.block, &err);
    if (status == COPSE_NOT_FOUND && ipfs_only_if_cached(request)) {
        copse_reply_line(service->env, answer, 412, "%s", err.message);
    } else if (status != COPSE_OK) {
        copse_reply_failure(service->env, answer, status, &err);
    } else if (self.wish.form == COPSE_FORM_RAW) {
        ipfs_answer_raw(&self);
    } else {
        ipfs_answer_car(&self);
    }
    self.block = copse_block_unref(self.block);
}

void copse_route_ipfs_path(copse_service *service, const copse_http_request *request,
                           copse_bytes argument, copse_http_answer *answer)
{
    copse_cid cid;
    (void)request;
    if (copse_cid_from_text(argument, &cid, NULL) != COPSE_OK) {
        copse_reply_line(service->env, answer, 400, "this is no CID");
    } else {
        copse_reply_line(service->env, answer, 501,
                         "paths inside of blocks are not followed here: ask for /ipfs/CID and "
                         "follow the links yourself");
    }
}
