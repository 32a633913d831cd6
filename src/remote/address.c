/* Reading addresses. Of URLs (RFC 3986) only what a peer needs is taken: scheme, host, port, path.
 *
 *     https://peer.example:4180/copse/blog
 *     ^scheme ^host        ^port ^path
 *     \_____________ peer ___________/\_ name (the last segment)
 *
 * Invariants:
 *   A1  A peer is lower case up to its path, has no '/' at its end, and no segment that whoever
 *       asks would take for another ("." and "..").
 *   A2  copse_address_page(peer, "/", name, "") of what was parsed is an address that parses to the
 *       same; of a CAR the peer alone is.
 *   A3  http://peer/copse/v1/name, the page of a head, is http://peer/name.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/address.h>

#include "base/alloc.h"
#include "base/err.h"
#include "proto/http_request.h"

#include <string.h>

enum { ADDRESS_PORT_MAX = 65535 };

static bool address_is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool address_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* What never has to be encoded. */
static bool address_is_unreserved(uint8_t c)
{
    return address_is_letter(c) || address_is_digit(c) || (c != '\0' && strchr("-._~", c) != NULL);
}

static uint8_t address_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static copse_bytes address_from(copse_bytes text, size_t at)
{
    return at > 0 ? (copse_bytes){text.ptr + at, text.len - at} : text;
}

/* The place of the first `c`, or text.len. */
static size_t address_find(copse_bytes text, uint8_t c)
{
    const uint8_t *found = text.len > 0 ? memchr(text.ptr, c, text.len) : NULL;
    return found != NULL ? (size_t)(found - text.ptr) : text.len;
}

/* The length of the scheme, if the text begins with one and "://"; else 0. */
static size_t address_scheme(copse_bytes text)
{
    size_t at = 0;
    while (at < text.len && (address_is_letter(text.ptr[at]) ||
                             (at > 0 && (address_is_digit(text.ptr[at]) || text.ptr[at] == '+' ||
                                         text.ptr[at] == '-' || text.ptr[at] == '.')))) {
        at++;
    }
    return copse_bytes_has_prefix(address_from(text, at), copse_bytes_of_text("://")) ? at : 0;
}

static bool address_scheme_is(copse_bytes scheme, const char *name)
{
    return copse_http_name_equal(scheme, copse_bytes_of_text(name));
}

/* ---- The parts of a URL ---------------------------------------------------------------------- */

/* A host: a name, a number, or a number of IPv6 in brackets. */
static bool address_is_host(copse_bytes host)
{
    bool brackets = host.len > 0 && host.ptr[0] == '[';
    if (brackets && (host.len < 4 || host.ptr[host.len - 1] != ']')) {
        return false;
    }
    for (size_t i = brackets; i < host.len - brackets; i++) {
        uint8_t c = host.ptr[i];
        bool plain = address_is_letter(c) || address_is_digit(c) || c == '.';
        if (!plain && (brackets ? c != ':' : c != '-' && c != '_')) {
            return false;
        }
    }
    return host.len > 0;
}

static bool address_is_port(copse_bytes port)
{
    uint32_t number = 0;
    for (size_t i = 0; i < port.len; i++) {
        if (!address_is_digit(port.ptr[i]) || number > ADDRESS_PORT_MAX) {
            return false;
        }
        number = number * 10 + (port.ptr[i] - (uint32_t)'0');
    }
    return port.len > 0 && number > 0 && number <= ADDRESS_PORT_MAX;
}

static copse_status address_check_authority(copse_bytes authority, copse_err *err)
{
    if (address_find(authority, '@') < authority.len) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a URL with a user: peers know none");
    }
    size_t end = authority.len > 0 && authority.ptr[0] == '[' ? address_find(authority, ']')
                                                              : address_find(authority, ':');
    if (end < authority.len && authority.ptr[end] == ']') {
        end++;
    }
    copse_bytes port = address_from(authority, end);
    if (!address_is_host((copse_bytes){authority.ptr, end})) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a URL without a host, or with one that can't be");
    }
    if (port.len > 0 && (port.ptr[0] != ':' || !address_is_port(address_from(port, 1)))) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a URL with a port that is no number up to %d",
                         ADDRESS_PORT_MAX);
    }
    return COPSE_OK;
}

/* Whether a decoded segment of a path means another one than itself. */
static bool address_is_dots(copse_bytes segment)
{
    return copse_bytes_equal(segment, copse_bytes_of_text(".")) ||
           copse_bytes_equal(segment, copse_bytes_of_text(".."));
}

/* Checks one segment of a path, and appends it decoded. */
static copse_status address_check_segment(copse_bytes segment, copse_buf *decoded, copse_err *err)
{
    for (size_t i = 0; i < segment.len; i++) {
        uint8_t c = segment.ptr[i];
        if (!address_is_unreserved(c) && (c == '\0' || strchr("%!$&'()*+,;=:@", c) == NULL)) {
            return COPSE_ERR(err, COPSE_CORRUPT,
                             c == '?'   ? "a URL with a query ('?')"
                             : c == '#' ? "a URL with a fragment ('#')"
                                        : "a URL with a character that must be "
                                          "written as %%XX");
        }
    }
    size_t before = decoded->len;
    copse_status status = copse_http_percent_decode(segment, decoded);
    if (status == COPSE_CORRUPT) {
        return COPSE_ERR(err, status, "a URL with a '%%' that no two hex digits follow, or %%00");
    }
    if (status == COPSE_OK && address_is_dots(address_from(copse_buf_view(decoded), before))) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a URL with \".\" or \"..\" in its path");
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a URL");
}

static copse_status address_check_path(const copse_env *env, copse_bytes path, copse_err *err)
{
    copse_buf decoded;
    copse_status status = COPSE_OK;
    copse_buf_init(&decoded, env, SIZE_MAX);
    while (path.len > 0 && status == COPSE_OK) {
        path = address_from(path, 1);
        size_t end = address_find(path, '/');
        status = address_check_segment((copse_bytes){path.ptr, end}, &decoded, err);
        path = address_from(path, end);
    }
    copse_buf_release(&decoded);
    return status;
}

/* Appends the URL of a peer (A1). */
static copse_status address_write_peer(copse_bytes url, copse_buf *buf, copse_err *err)
{
    size_t scheme = address_scheme(url);
    if (scheme == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "no URL: it has no http:// in front");
    }
    if (!address_scheme_is((copse_bytes){url.ptr, scheme}, "http") &&
        !address_scheme_is((copse_bytes){url.ptr, scheme}, "https")) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a URL of %.*s:, but only http: and https: are known",
                         (int)scheme, (const char *)url.ptr);
    }
    while (url.ptr[url.len - 1] == '/' && url.len > scheme + 3) {
        url.len--;
    }
    copse_bytes rest = address_from(url, scheme + 3);
    size_t end = 0;
    while (end < rest.len && strchr("/?#", rest.ptr[end]) == NULL) {
        end++;
    }
    copse_bytes path = address_from(rest, end);
    copse_status status = address_check_authority((copse_bytes){rest.ptr, end}, err);
    if (status == COPSE_OK && path.len > 0 && path.ptr[0] != '/') {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a URL with a query or a fragment");
    }
    if (status == COPSE_OK) {
        status = address_check_path(buf->env, path, err);
    }
    if (status == COPSE_OK) {
        status = copse_buf_reserve(buf, url.len);
        status = status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a URL");
    }
    for (size_t i = 0; i < url.len && status == COPSE_OK; i++) {
        bool of_path = i >= url.len - path.len;
        status = copse_buf_append_byte(buf, of_path ? url.ptr[i] : address_lower(url.ptr[i]));
    }
    return status;
}

copse_status copse_address_peer(const char *text, copse_buf *buf, copse_err *err)
{
    return address_write_peer(copse_bytes_of_text(text), buf, err);
}

static void address_free_text(const copse_env *env, char *text)
{
    if (text != NULL) {
        copse_free(env, text, strlen(text) + 1);
    }
}

bool copse_address_is_car(copse_bytes url)
{
    const copse_bytes end = copse_bytes_of_text(".car");
    size_t at = url.len > end.len ? url.len - end.len : 0;
    return at > 0 && url.ptr[at - 1] != '/' && copse_bytes_equal(address_from(url, at), end);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

/* Ends a text, and gives it away. */
static copse_status address_take_text(copse_buf *buf, char **ret_text, copse_err *err)
{
    copse_status status = copse_buf_append_byte(buf, '\0');
    char *text = status == COPSE_OK ? copse_alloc(buf->env, buf->len) : NULL;
    if (text == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    memcpy(text, buf->ptr, buf->len);
    *ret_text = text;
    return COPSE_OK;
}

/* A CAR is a peer itself: its URL is that of the peer (A2). */
static copse_status address_take_car(copse_buf *buf, copse_address *address, copse_err *err)
{
    char *folder = address->peer;
    copse_buf_truncate(buf, 0);
    if (copse_address_page(folder, "/", address->name, "", buf) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_buf_truncate(buf, buf->len - 1); /* its NUL comes again */
    copse_status status = address_take_text(buf, &address->peer, err);
    if (status == COPSE_OK) {
        address_free_text(buf->env, folder);
    }
    return status;
}

/* Takes "/copse/v1" off the end of a peer, as often as it stands there (A2, A3). `authority`: where
 * the host begins. */
static void address_leave_page(copse_buf *peer, size_t authority)
{
    const copse_bytes page = copse_bytes_of_text("/copse/v1");
    while (peer->len > authority + page.len &&
           copse_bytes_equal(address_from(copse_buf_view(peer), peer->len - page.len), page)) {
        copse_buf_truncate(peer, peer->len - page.len);
        while (peer->ptr[peer->len - 1] == '/') {
            copse_buf_truncate(peer, peer->len - 1);
        }
    }
}

static copse_status address_parse_url(copse_bytes url, copse_buf *buf, copse_address *address,
                                      copse_err *err)
{
    size_t scheme = address_scheme(url);
    size_t slash = url.len;
    while (slash > scheme + 3 && url.ptr[slash - 1] != '/') {
        slash--;
    }
    bool has_name = slash > scheme + 3 && slash < url.len;
    copse_bytes peer = {url.ptr, has_name ? slash - 1 : url.len};
    copse_status status = address_write_peer(peer, buf, err);
    if (status == COPSE_OK && !has_name) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "a URL without the name of a database behind its last '/'");
    }
    if (status == COPSE_OK) {
        if (!copse_address_is_car(url)) {
            address_leave_page(buf, scheme + 3);
        }
        status = address_take_text(buf, &address->peer, err);
    }
    copse_buf_truncate(buf, 0);
    if (status == COPSE_OK) {
        status = address_check_segment(address_from(url, slash), buf, err);
    }
    if (status == COPSE_OK) {
        status = address_take_text(buf, &address->name, err);
    }
    return status == COPSE_OK && copse_address_is_car(copse_bytes_of_text(address->name))
               ? address_take_car(buf, address, err)
               : status;
}

/* ipns://NAME, with a '/' behind it or not. */
static copse_status address_parse_name(copse_bytes url, copse_address *address, copse_err *err)
{
    copse_err why = {.message = ""};
    copse_bytes name = address_from(url, address_scheme(url) + 3);
    name.len -= name.len > 0 && name.ptr[name.len - 1] == '/';
    address->kind = COPSE_ADDRESS_NAME;
    copse_status status = copse_public_key_from_name(name, &address->key, &why);
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no IPNS name: %s", why.message);
}

copse_status copse_address_parse(const copse_env *env, const char *text, copse_address *ret_address,
                                 copse_err *err)
{
    copse_bytes bytes = copse_bytes_of_text(text);
    copse_address address = {.kind = COPSE_ADDRESS_PATH, .env = env};
    copse_status status = COPSE_OK;
    size_t scheme = address_scheme(bytes);
    if (address_scheme_is((copse_bytes){bytes.ptr, scheme}, "ipns")) {
        status = address_parse_name(bytes, &address, err);
    } else if (scheme > 0) {
        copse_buf buf;
        copse_buf_init(&buf, env, SIZE_MAX);
        address.kind = COPSE_ADDRESS_URL;
        status = address_parse_url(bytes, &buf, &address, err);
        copse_buf_release(&buf);
    } else if (copse_public_key_from_name(bytes, &address.key, NULL) == COPSE_OK) {
        address.kind = COPSE_ADDRESS_NAME;
    } else if (copse_cid_from_text(bytes, &address.cid, NULL) == COPSE_OK) {
        address.kind = COPSE_ADDRESS_CID;
    }
    if (status != COPSE_OK) {
        copse_address_release(&address);
        return status;
    }
    *ret_address = address;
    return COPSE_OK;
}

void copse_address_release(copse_address *address)
{
    address_free_text(address->env, address->peer);
    address_free_text(address->env, address->name);
    *address = (copse_address){.kind = COPSE_ADDRESS_PATH};
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static copse_status address_write_segment(const char *segment, copse_buf *buf)
{
    static const char digits[] = "0123456789ABCDEF";
    copse_status status = COPSE_OK;
    for (const uint8_t *at = (const uint8_t *)segment; *at != '\0' && status == COPSE_OK; at++) {
        const uint8_t escape[3] = {'%', (uint8_t)digits[*at >> 4], (uint8_t)digits[*at & 15]};
        status = address_is_unreserved(*at) ? copse_buf_append_byte(buf, *at)
                                            : copse_buf_append(buf, (copse_bytes){escape, 3});
    }
    return status;
}

copse_status copse_address_page(const char *peer, const char *before, const char *segment,
                                const char *after, copse_buf *buf)
{
    size_t len_before = buf->len;
    copse_status status = copse_buf_append(buf, copse_bytes_of_text(peer));
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, copse_bytes_of_text(before));
    }
    if (status == COPSE_OK) {
        status = address_write_segment(segment, buf);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, copse_bytes_of_text(after));
    }
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(buf, '\0');
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, len_before);
    }
    return status;
}
