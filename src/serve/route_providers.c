/* GET /routing/v1/providers/{cid}: who has a block, as IPFS nodes ask it: this server, if it has
 * (docs/formats/http.md).
 *
 * The answer names one peer: where it is reached, and that it speaks the trustless gateway. Its
 * addresses are those that were announced, else the one that the request came to. A peer needs an
 * ID: that of the first key that something is published by here. Without any it is the hash of the
 * first address, behind which there is no key: the same for all processes at that address, now and
 * later.
 *
 * Source: https://specs.ipfs.tech/routing/http-routing-v1/, IPIP-484
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/multiaddr.h"
#include "serve/negotiate.h"
#include "serve/reply.h"
#include "serve/service.h"

#include <string.h>

#include "value/json_print.h"
#include "value/multibase.h"

enum { PROVIDERS_SIZE_BYTES_MAX = 64 << 10 };

static const char providers_protocol[] = "transport-ipfs-gateway-http";

/* ---- Filters ---- */

/* Reads a filter's list. False: it was not given. */
static bool providers_filter(const copse_http_request *http, const char *name, copse_buf *buf,
                             copse_status *ret_status)
{
    copse_bytes encoded;
    if (!copse_http_request_parameter(http, name, &encoded)) {
        return false;
    }
    *ret_status = copse_http_percent_decode(encoded, buf);
    return *ret_status == COPSE_OK;
}

/* An address passes if it has none of the names behind a '!', and one of the others if there are
 * any. */
static bool providers_address_passes(copse_bytes address, copse_bytes filter)
{
    copse_bytes name;
    bool wants = false;
    bool found = false;
    while (copse_http_list_next(&filter, &name)) {
        if (name.len > 0 && name.ptr[0] == '!') {
            if (copse_multiaddr_has(address, (copse_bytes){name.ptr + 1, name.len - 1})) {
                return false;
            }
        } else {
            wants = true;
            found |= copse_multiaddr_has(address, name);
        }
    }
    return found || !wants;
}

static bool providers_protocol_passes(copse_bytes filter)
{
    copse_bytes name;
    bool wants = false;
    while (copse_http_list_next(&filter, &name)) {
        wants = true;
        if (copse_http_name_equal(name, copse_bytes_of_text(providers_protocol))) {
            return true;
        }
    }
    return !wants;
}

/* ---- Addresses ---- */

/* Takes the next line off `lines`. False: there is none. */
static bool providers_take_line(copse_bytes *lines, copse_bytes *ret_line)
{
    const uint8_t *end = lines->len > 0 ? memchr(lines->ptr, '\n', lines->len) : NULL;
    if (end == NULL) {
        return false;
    }
    *ret_line = (copse_bytes){lines->ptr, (size_t)(end - lines->ptr)};
    *lines = (copse_bytes){end + 1, lines->len - ret_line->len - 1};
    return true;
}

/* Appends where we are, as lines; none if the request does not say. */
static copse_status providers_addresses(copse_service *service, const copse_http_request *http,
                                        copse_buf *lines)
{
    copse_bytes host;
    if (service->announced.len > 0) {
        return copse_buf_append(lines, copse_buf_view(&service->announced));
    }
    if (!copse_http_request_header(http, "host", 0, &host)) {
        return COPSE_OK;
    }
    copse_status status = copse_multiaddr_of_host(host, false, lines);
    return status == COPSE_OK        ? copse_buf_append_byte(lines, '\n')
           : status == COPSE_CORRUPT ? COPSE_OK
                                     : status;
}

/* ---- Writing ---- */

/* The key that the first of what is published is published by; NULL: nothing is. */
static const copse_public_key *providers_key(const copse_served_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].record != NULL) {
            return &list->items[i].key;
        }
    }
    return NULL;
}

static copse_status providers_write_id(copse_service *service, copse_bytes lines, copse_buf *buf)
{
    char text[COPSE_RADIX_TEXT_SIZE_MAX];
    copse_bytes address;
    copse_cid cid;
    copse_cid_parts parts;
    const copse_public_key *key = providers_key(&service->databases);
    if (key != NULL) {
        char id[COPSE_KEY_TEXT_SIZE_MAX];
        (void)copse_public_key_to_peer_id(key, id);
        return copse_json_print_string(buf, copse_bytes_of_text(id));
    }
    if (!providers_take_line(&lines, &address)) {
        return COPSE_OK;
    }
    copse_cid_of_data(COPSE_CODEC_RAW, address, &cid);
    copse_cid_split(&cid, &parts);
    /* A peer ID is a multihash: code, length and digest. */
    size_t size =
        copse_base58btc_encode((copse_bytes){parts.digest.ptr - 2, parts.digest.len + 2}, text);
    return copse_json_print_string(buf, (copse_bytes){(const uint8_t *)text, size});
}

/* Appends the peer's map; `lines` has an address at least. */
static copse_status providers_write_peer(copse_service *service, copse_bytes lines,
                                         copse_bytes filter, copse_buf *buf)
{
    copse_bytes rest = lines;
    copse_bytes address;
    bool comma = false;
    copse_status status = copse_json_print(buf, "{\"Schema\":\"peer\",\"ID\":");
    if (status == COPSE_OK) {
        status = providers_write_id(service, lines, buf);
    }
    if (status == COPSE_OK) {
        status = copse_json_print(buf, ",\"Addrs\":[");
    }
    while (status == COPSE_OK && providers_take_line(&rest, &address)) {
        if (providers_address_passes(address, filter)) {
            status = comma ? copse_buf_append_byte(buf, ',') : COPSE_OK;
            comma = true;
            if (status == COPSE_OK) {
                status = copse_json_print_string(buf, address);
            }
        }
    }
    if (status == COPSE_OK) {
        status = copse_json_print(buf, "],\"Protocols\":[\"");
    }
    if (status == COPSE_OK) {
        status = copse_json_print(buf, providers_protocol);
    }
    return status == COPSE_OK ? copse_json_print(buf, "\"]}") : status;
}

/* Whether any address passes. */
static bool providers_any_passes(copse_bytes lines, copse_bytes filter)
{
    copse_bytes address;
    while (providers_take_line(&lines, &address)) {
        if (providers_address_passes(address, filter)) {
            return true;
        }
    }
    return false;
}

/* ---- Answering ---- */

/* Appends the peer if we are one that the request asks for; *ret_found: we are. */
static copse_status providers_find(copse_service *service, const copse_http_request *http,
                                   copse_buf *buf, bool *ret_found)
{
    copse_buf lines;
    copse_buf addresses;
    copse_buf protocols;
    copse_status status = COPSE_OK;
    copse_buf_init(&lines, service->env, PROVIDERS_SIZE_BYTES_MAX);
    copse_buf_init(&addresses, service->env, PROVIDERS_SIZE_BYTES_MAX);
    copse_buf_init(&protocols, service->env, PROVIDERS_SIZE_BYTES_MAX);
    (void)providers_filter(http, "filter-addrs", &addresses, &status);
    if (status == COPSE_OK) {
        (void)providers_filter(http, "filter-protocols", &protocols, &status);
    }
    if (status == COPSE_OK) {
        status = providers_addresses(service, http, &lines);
    }
    *ret_found = providers_protocol_passes(copse_buf_view(&protocols)) &&
                 providers_any_passes(copse_buf_view(&lines), copse_buf_view(&addresses));
    if (status == COPSE_OK && *ret_found) {
        status =
            providers_write_peer(service, copse_buf_view(&lines), copse_buf_view(&addresses), buf);
    }
    copse_buf_release(&lines);
    copse_buf_release(&addresses);
    copse_buf_release(&protocols);
    return status;
}

/* Writes the whole body. CORRUPT: a filter that can't be decoded. */
static copse_status providers_write(copse_service *service, const copse_http_request *http,
                                    bool have, bool lines, copse_buf *buf, bool *ret_found)
{
    copse_status status = lines ? COPSE_OK : copse_json_print(buf, "{\"Providers\":[");
    *ret_found = false;
    if (status == COPSE_OK && have) {
        status = providers_find(service, http, buf, ret_found);
    }
    if (status == COPSE_OK && !lines) {
        status = copse_json_print(buf, "]}");
    }
    return status == COPSE_OK && (*ret_found || !lines) ? copse_buf_append_byte(buf, '\n') : status;
}

/* An address that the asker named in Host is kept by nobody: another who asks would be sent there.
 */
static void providers_cache_control(const copse_service *service, bool found,
                                    copse_http_answer *answer)
{
    if (found && service->announced.len == 0) {
        copse_reply_header(answer, "Cache-Control", "private, no-store");
    } else {
        copse_reply_header(answer, "Cache-Control", "public, max-age=%d", found ? 300 : 15);
    }
}

void copse_route_providers(copse_service *service, const copse_http_request *request,
                           copse_bytes argument, copse_http_answer *answer)
{
    copse_cid cid;
    copse_block *block = NULL;
    copse_buf buf;
    bool found = false;
    copse_err err = {.message = ""};
    bool lines = copse_negotiate_accepts(request, "application/x-ndjson");
    if (copse_cid_from_text(argument, &cid, &err) != COPSE_OK) {
        copse_reply_line(service->env, answer, 422, "this is no CID: %s", err.message);
        return;
    }
    copse_status status = copse_store_get(service->store, &cid, &block, &err);
    bool have = status == COPSE_OK;
    block = copse_block_unref(block);
    copse_buf_init(&buf, service->env, PROVIDERS_SIZE_BYTES_MAX);
    if (status == COPSE_OK || status == COPSE_NOT_FOUND) {
        status = providers_write(service, request, have, lines, &buf, &found);
    }
    if (status == COPSE_CORRUPT) {
        copse_reply_line(service->env, answer, 422, "a filter can't be decoded");
    } else if (status != COPSE_OK) {
        copse_reply_failure(service->env, answer, status, &err);
    } else {
        providers_cache_control(service, found, answer);
        copse_reply_header(answer, "Vary", "Accept");
        copse_reply_buf(service->env, answer, lines ? "application/x-ndjson" : "application/json",
                        &buf);
        return;
    }
    copse_buf_release(&buf);
}
