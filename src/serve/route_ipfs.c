/* GET /ipfs/{cid}, /ipfs/{cid}/a/b: a block as it is, or the CAR of a path and the DAG that it
 * leads to: the IPFS trustless gateway (docs/formats/http.md).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/car_body.h"
#include "serve/compress.h"
#include "serve/content_path.h"
#include "serve/disposition.h"
#include "serve/negotiate.h"
#include "serve/reply.h"
#include "serve/service.h"

#include <copse/dag_walk.h>

#include "value/dag_pb.h"

#include <stdio.h>
#include <string.h>

/* What the answer depends on, gathered. */
typedef struct ipfs_request {
    copse_service *service;
    const copse_http_request *http;
    copse_http_answer *answer;
    copse_negotiated wish;
    copse_bytes path_text;                   /* behind the CID, as it was asked for: "/a/b", "" */
    char root_text[COPSE_CID_TEXT_SIZE_MAX]; /* in lower-case base32 */
    char cid_text[COPSE_CID_TEXT_SIZE_MAX];  /* of the block */
    copse_content_path path;
    copse_block *block; /* at its end, lent */
} ipfs_request;

static const copse_env *ipfs_env(const ipfs_request *self)
{
    return self->service->env;
}

/* ---- Headers ---- */

static copse_status ipfs_append_roots(const ipfs_request *self, copse_buf *value)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < copse_content_path_count(&self->path); i++) {
        char text[COPSE_CID_TEXT_SIZE_MAX];
        copse_cid cid = copse_content_path_cid(&self->path, i);
        (void)copse_cid_to_text(&cid, COPSE_BASE32, text);
        status = i > 0 ? copse_buf_append_byte(value, ',') : COPSE_OK;
        if (status == COPSE_OK) {
            status = copse_buf_append(value, copse_bytes_of_text(text));
        }
    }
    return status;
}

/* A header with the path that was asked for. */
static void ipfs_path_header(ipfs_request *self, const char *name, const char *query)
{
    const copse_bytes parts[] = {copse_bytes_of_text("/ipfs/"),
                                 copse_bytes_of_text(self->root_text), self->path_text,
                                 copse_bytes_of_text(query)};
    copse_reply_header_parts(self->answer, name, parts, sizeof parts / sizeof parts[0]);
}

static void ipfs_roots_header(ipfs_request *self)
{
    copse_buf value;
    if (copse_content_path_count(&self->path) == 1) {
        copse_reply_header_join(self->answer, "X-Ipfs-Roots", self->root_text, NULL);
        return;
    }
    copse_buf_init(&value, ipfs_env(self), SIZE_MAX / 2);
    if (ipfs_append_roots(self, &value) == COPSE_OK) {
        copse_reply_header_bytes(self->answer, "X-Ipfs-Roots", copse_buf_view(&value));
    } else {
        self->answer->status = 503;
    }
    copse_buf_release(&value);
}

/* What all forms have; `query` is what names this one where only Accept did. */
static void ipfs_headers(ipfs_request *self, const char *query)
{
    copse_http_answer *answer = self->answer;
    copse_reply_lines(answer, "X-Content-Type-Options: nosniff\r\n");
    copse_reply_disposition(ipfs_env(self), self->http, self->wish.media->is_inline, self->cid_text,
                            self->wish.media->suffix, answer);
    ipfs_path_header(self, "X-Ipfs-Path", "");
    if (self->wish.by_accept) {
        ipfs_path_header(self, "Content-Location", query);
    }
    ipfs_roots_header(self);
}

/* What makes it cacheable. True: the asker has it already. */
static bool ipfs_is_had(ipfs_request *self, const char *etag)
{
    copse_reply_header(self->answer, "ETag", "%s", etag);
    copse_reply_lines(self->answer, "Cache-Control: public, max-age=29030400, immutable\r\n"
                                    "Vary: Accept\r\n");
    return copse_reply_not_modified(self->http, etag, self->answer);
}

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

/* ---- Blocks ---- */

static void ipfs_block_body(ipfs_request *self, const char *etag)
{
    copse_http_answer *answer = self->answer;
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
        copse_reply_header(answer, "Content-Range", "bytes */%zu", size);
        copse_reply_line(ipfs_env(self), answer, 416, "the block has %zu bytes", size);
        return;
    }
    if (range == IPFS_RANGE_PART) {
        copse_reply_header(answer, "Content-Range", "bytes %zu-%zu/%zu", from, to - 1, size);
        answer->status = answer->status == 200 ? 206 : answer->status;
    }
    copse_reply_header(answer, "Content-Type", "%s", self->wish.media->type);
    copse_reply_block(ipfs_env(self), answer, self->block, from, to);
    self->service->metrics.blocks_sent += self->http->method == COPSE_HTTP_GET ? 1 : 0;
}

static void ipfs_answer_block(ipfs_request *self)
{
    char etag[COPSE_CID_TEXT_SIZE_MAX + 16];
    char query[32];
    const char *format = self->wish.media->format;
    (void)snprintf(etag, sizeof etag, "\"%s.%s\"", self->cid_text, format);
    (void)snprintf(query, sizeof query, "?format=%s", format);
    if (!ipfs_is_had(self, etag)) {
        ipfs_headers(self, query);
        copse_reply_header(self->answer, "Accept-Ranges", "bytes");
        ipfs_block_body(self, etag);
    }
}

/* Whether the block is what its form says; answers if not. */
static bool ipfs_check_codec(ipfs_request *self)
{
    const copse_media *media = self->wish.media;
    copse_cid_parts parts;
    copse_cid_split(copse_block_cid(self->block), &parts);
    if (parts.codec == media->codec || parts.codec == media->codec_plain) {
        return true;
    }
    copse_reply_line(ipfs_env(self), self->answer, 406,
                     "this block is no %s, and is not converted: ask for format=raw or format=car",
                     media->format);
    return false;
}

/* ---- CAR ---- */

/* What of the DAG is asked for. */
typedef struct ipfs_part {
    const char *name; /* of dag-scope */
    copse_car_scope scope;
    bool is_entity;
    copse_bytes bytes; /* entity-bytes; empty: all of it */
} ipfs_part;

/* Takes an integer, perhaps negative, off `text`. */
static bool ipfs_take_integer(copse_bytes *text, bool *ret_negative, uint64_t *ret_number)
{
    size_t len = 0;
    *ret_negative = text->len > 0 && text->ptr[0] == '-';
    text->ptr += *ret_negative ? 1 : 0;
    text->len -= *ret_negative ? 1 : 0;
    while (len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9') {
        len++;
    }
    bool good = ipfs_parse_number((copse_bytes){text->ptr, len}, ret_number);
    text->ptr += len;
    text->len -= len;
    return good;
}

enum { IPFS_ENTITY_BYTES_SIZE_MAX = 40 };

/* Whether it is "from:to", two integers, or '*' for the second one. */
static bool ipfs_entity_bytes_are_valid(copse_bytes text)
{
    bool from_negative = false;
    bool to_negative = false;
    uint64_t from = 0;
    uint64_t to = 0;
    if (text.len > IPFS_ENTITY_BYTES_SIZE_MAX || !ipfs_take_integer(&text, &from_negative, &from) ||
        text.len < 2 || text.ptr[0] != ':') {
        return false;
    }
    text.ptr++;
    text.len--;
    if (text.len == 1 && text.ptr[0] == '*') {
        return true;
    }
    return ipfs_take_integer(&text, &to_negative, &to) && text.len == 0 &&
           (from_negative != to_negative || (from_negative ? from >= to : from <= to));
}

/* Reads dag-scope and entity-bytes, which implies the entity. False: they make no sense. */
static bool ipfs_read_part(const copse_http_request *http, ipfs_part *ret_part)
{
    static const ipfs_part parts[] = {
        {"all", COPSE_CAR_SCOPE_ALL, false, {NULL, 0}},
        {"block", COPSE_CAR_SCOPE_BLOCK, false, {NULL, 0}},
        {"entity", COPSE_CAR_SCOPE_BLOCK, true, {NULL, 0}},
    };
    copse_bytes bytes = {NULL, 0};
    bool ranged = copse_http_request_parameter(http, "entity-bytes", &bytes);
    copse_bytes name = copse_bytes_of_text("all");
    bool named = copse_http_request_parameter(http, "dag-scope", &name);
    if (ranged && (!named || copse_bytes_equal(name, copse_bytes_of_text("all")))) {
        name = copse_bytes_of_text("entity");
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(parts[i].name))) {
            *ret_part = parts[i];
            ret_part->bytes = bytes;
            return !ranged || ipfs_entity_bytes_are_valid(bytes);
        }
    }
    return false;
}

/* Finds what the part is of this block. OK; NOT_FOUND: none that is followed here. */
static copse_status ipfs_settle_part(const ipfs_request *self, ipfs_part *part, copse_err *err)
{
    const copse_cid *cid = copse_block_cid(self->block);
    copse_unixfs_kind kind = COPSE_UNIXFS_OTHER;
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    if (part->is_entity && parts.codec == COPSE_CODEC_DAG_PB) {
        copse_status status = copse_unixfs_kind_of(copse_block_data(self->block), &kind, err);
        if (status != COPSE_OK) {
            return status;
        }
        part->scope = kind == COPSE_UNIXFS_FILE ? COPSE_CAR_SCOPE_ALL : COPSE_CAR_SCOPE_BLOCK;
        return kind == COPSE_UNIXFS_SHARD || (kind == COPSE_UNIXFS_FILE && part->bytes.len > 0)
                   ? COPSE_NOT_FOUND
                   : COPSE_OK;
    }
    return part->scope == COPSE_CAR_SCOPE_BLOCK || copse_dag_links_are_known(cid) ? COPSE_OK
                                                                                  : COPSE_NOT_FOUND;
}

enum { IPFS_PART_SIZE = 96 };

/* The ETag: it tells apart whatever makes the CAR another one. */
static void ipfs_car_etag(const ipfs_request *self, const ipfs_part *part,
                          char ret_etag[2 * COPSE_CID_TEXT_SIZE_MAX + IPFS_PART_SIZE])
{
    char way[COPSE_CID_TEXT_SIZE_MAX] = "";
    if (copse_content_path_count(&self->path) > 1) {
        copse_cid cid;
        copse_cid_of_data(COPSE_CODEC_RAW, copse_buf_view(&self->path.cids), &cid);
        (void)copse_cid_to_text(&cid, COPSE_BASE32, way);
    }
    (void)snprintf(ret_etag, 2 * COPSE_CID_TEXT_SIZE_MAX + IPFS_PART_SIZE,
                   "W/\"%s.car.dfs.%s.%s%s%.*s%s%s\"", self->cid_text,
                   self->wish.car.duplicates ? "dups" : "once", part->name,
                   part->bytes.len > 0 ? "." : "", (int)part->bytes.len,
                   (const char *)part->bytes.ptr, way[0] != '\0' ? "." : "", way);
}

static void ipfs_car_headers(ipfs_request *self, const ipfs_part *part)
{
    char query[IPFS_PART_SIZE + 96];
    const char *dups = self->wish.car.duplicates ? "y" : "n";
    (void)snprintf(query, sizeof query,
                   "?format=car&car-version=1&car-order=dfs&car-dups=%s&dag-scope=%s%s%.*s", dups,
                   part->name, part->bytes.len > 0 ? "&entity-bytes=" : "", (int)part->bytes.len,
                   (const char *)part->bytes.ptr);
    ipfs_headers(self, query);
    copse_reply_header(self->answer, "Content-Type", "%s; version=1; order=dfs; dups=%s",
                       self->wish.media->type, dups);
    copse_reply_header(self->answer, "Accept-Ranges", "none");
}

static void ipfs_answer_car(ipfs_request *self)
{
    char etag[2 * COPSE_CID_TEXT_SIZE_MAX + IPFS_PART_SIZE];
    copse_http_answer *answer = self->answer;
    ipfs_part part;
    copse_err err = {.message = ""};
    if (!self->wish.car.is_known || !ipfs_read_part(self->http, &part)) {
        copse_reply_line(ipfs_env(self), answer, 400,
                         "this server knows car-version=1, car-order=dfs or unk, car-dups=y or n, "
                         "dag-scope=block, entity or all, entity-bytes=FROM:TO");
        return;
    }
    copse_status status = ipfs_settle_part(self, &part, &err);
    if (status == COPSE_NOT_FOUND) {
        copse_reply_line(ipfs_env(self), answer, 501,
                         "what this block leads to is not followed here as was asked: dag-scope="
                         "block gives it alone");
        return;
    }
    ipfs_car_etag(self, &part, etag);
    if (status == COPSE_OK && ipfs_is_had(self, etag)) {
        return;
    }
    if (status == COPSE_OK) {
        status = copse_car_body_of_dag(ipfs_env(self), self->service->store, &self->path.cids,
                                       part.scope, self->wish.car.duplicates,
                                       &self->service->metrics.blocks_sent, answer, &err);
    }
    if (status != COPSE_OK) {
        copse_reply_failure(ipfs_env(self), answer, status, &err);
        return;
    }
    ipfs_car_headers(self, &part);
    copse_compress_answer(ipfs_env(self), self->http, answer);
}

/* ---- All ---- */

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
    switch (self->wish.form) {
    case COPSE_FORM_RAW:
    case COPSE_FORM_CAR:
    case COPSE_FORM_CODEC:
        return true;
    case COPSE_FORM_NONE:
        copse_reply_line(ipfs_env(self), self->answer, 400,
                         "say what you want: ?format=raw (the block) or ?format=car (all that it "
                         "leads to)");
        return false;
    case COPSE_FORM_UNKNOWN:
        copse_reply_line(ipfs_env(self), self->answer, 400, "the format is raw or car");
        return false;
    case COPSE_FORM_OTHER:
        break;
    }
    copse_reply_line(ipfs_env(self), self->answer, 406,
                     "this is not made here: ask for format=raw or format=car");
    return false;
}

/* Follows the path to its block; answers if it leads to none. */
static bool ipfs_follow(ipfs_request *self, copse_block *root)
{
    copse_err err = {.message = ""};
    copse_status status = copse_content_path_follow(ipfs_env(self), self->service->store, root,
                                                    self->path_text, &self->path, &err);
    if (status == COPSE_MISUSE) {
        copse_reply_line(ipfs_env(self), self->answer, 400, "%s", err.message);
    } else if (status != COPSE_OK) {
        copse_reply_failure(ipfs_env(self), self->answer, status, &err);
    } else if (self->path.end == COPSE_CONTENT_INSIDE) {
        copse_reply_line(ipfs_env(self), self->answer, 501,
                         "the path ends inside of a block: ask for one that ends with a link");
    } else if (self->path.end == COPSE_CONTENT_OPAQUE) {
        copse_reply_line(ipfs_env(self), self->answer, 501,
                         "the path leads through a block that is not looked into here: ask for "
                         "/ipfs/CID and follow the links yourself");
    } else {
        self->block = self->path.block;
        (void)copse_cid_to_text(copse_block_cid(self->block), COPSE_BASE32, self->cid_text);
        return true;
    }
    return false;
}

/* What stands behind "/ipfs/{cid}", without slashes at its end. */
static copse_bytes ipfs_path_text(const copse_http_request *http)
{
    const size_t prefix = sizeof "/ipfs/" - 1;
    copse_bytes rest = {http->path.ptr + prefix, http->path.len - prefix};
    const uint8_t *slash = memchr(rest.ptr, '/', rest.len);
    if (slash == NULL) {
        return (copse_bytes){NULL, 0};
    }
    rest.len -= (size_t)(slash - rest.ptr);
    rest.ptr = slash;
    while (rest.len > 0 && rest.ptr[rest.len - 1] == '/') {
        rest.len--;
    }
    return rest;
}

void copse_route_ipfs(copse_service *service, const copse_http_request *request,
                      copse_bytes argument, copse_http_answer *answer)
{
    ipfs_request self = {.service = service, .http = request, .answer = answer};
    copse_block *root = NULL;
    copse_cid cid;
    copse_err err = {.message = ""};
    if (copse_cid_from_text(argument, &cid, &err) != COPSE_OK) {
        copse_reply_line(service->env, answer, 400, "this is no CID: %s", err.message);
        return;
    }
    (void)copse_cid_to_text(&cid, COPSE_BASE32, self.root_text);
    self.path_text = ipfs_path_text(request);
    copse_negotiate(request, &self.wish);
    copse_status status = copse_store_get(service->store, &cid, &root, &err);
    if (status == COPSE_NOT_FOUND && ipfs_only_if_cached(request)) {
        copse_reply_line(service->env, answer, 412, "%s", err.message);
    } else if (status != COPSE_OK) {
        copse_reply_failure(service->env, answer, status, &err);
    } else if (ipfs_check_form(&self) && ipfs_follow(&self, root)) {
        if (self.wish.form == COPSE_FORM_CAR) {
            ipfs_answer_car(&self);
        } else if (self.wish.form == COPSE_FORM_RAW || ipfs_check_codec(&self)) {
            ipfs_answer_block(&self);
        }
    }
    root = copse_block_unref(root);
    copse_content_path_release(&self.path);
}
