/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/multiaddr.h"

#include "proto/http_range.h"
#include "proto/http_request.h"

#include <stdio.h>
#include <string.h>

enum { MULTIADDR_HOST_SIZE_MAX = 253, MULTIADDR_PORT_MAX = 65535 };

/* ---- Hosts ---- */

static bool multiaddr_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool multiaddr_is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Four numbers up to 255 with points between them. */
static bool multiaddr_is_ip4(copse_bytes host)
{
    size_t numbers = 0;
    size_t at = 0;
    while (at < host.len && numbers < 4) {
        uint64_t value = 0;
        size_t start = at;
        while (at < host.len && multiaddr_is_digit(host.ptr[at]) && at - start < 3) {
            value = value * 10 + (uint64_t)(host.ptr[at++] - '0');
        }
        if (at == start || value > 255 || (at < host.len && host.ptr[at] != '.')) {
            return false;
        }
        numbers++;
        at += at < host.len ? 1 : 0;
    }
    return numbers == 4 && at == host.len && host.ptr[host.len - 1] != '.';
}

/* What can be one, that is: the bytes of an address, and two colons. */
static bool multiaddr_is_ip6(copse_bytes host)
{
    size_t colons = 0;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        bool hex = multiaddr_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!hex && c != ':' && c != '.') {
            return false;
        }
        colons += c == ':' ? 1 : 0;
    }
    return colons >= 2;
}

static bool multiaddr_is_name(copse_bytes host)
{
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        if (!multiaddr_is_digit(c) && !multiaddr_is_letter(c) && c != '-' && c != '.') {
            return false;
        }
    }
    return host.len > 0;
}

/* Takes the host apart; false: it is none. */
static bool multiaddr_split(copse_bytes text, copse_bytes *ret_host, copse_bytes *ret_port,
                            const char **ret_kind)
{
    bool bracketed = text.len > 0 && text.ptr[0] == '[';
    const uint8_t *end = text.len > 0 ? memchr(text.ptr, bracketed ? ']' : ':', text.len) : NULL;
    if (bracketed && end == NULL) {
        return false;
    }
    size_t host_end = end != NULL ? (size_t)(end - text.ptr) : text.len;
    size_t rest = host_end + (bracketed ? 1 : 0);
    *ret_host =
        bracketed ? (copse_bytes){text.ptr + 1, host_end - 1} : (copse_bytes){text.ptr, host_end};
    *ret_port = (copse_bytes){NULL, 0};
    if (rest < text.len) {
        if (text.ptr[rest] != ':' || rest + 1 == text.len) {
            return false;
        }
        *ret_port = (copse_bytes){text.ptr + rest + 1, text.len - rest - 1};
    }
    *ret_kind = bracketed ? "ip6" : multiaddr_is_ip4(*ret_host) ? "ip4" : "dns";
    return ret_host->len <= MULTIADDR_HOST_SIZE_MAX &&
           (bracketed ? multiaddr_is_ip6(*ret_host) : multiaddr_is_name(*ret_host));
}

copse_status copse_multiaddr_of_host(copse_bytes host, bool tls, copse_buf *buf)
{
    char text[MULTIADDR_HOST_SIZE_MAX + 64];
    copse_bytes name;
    copse_bytes port_text;
    const char *kind = NULL;
    uint64_t port = tls ? 443 : 80;
    if (!multiaddr_split(host, &name, &port_text, &kind) ||
        (port_text.len > 0 && !copse_http_number_parse(port_text, &port)) || port == 0 ||
        port > MULTIADDR_PORT_MAX) {
        return COPSE_CORRUPT;
    }
    (void)snprintf(text, sizeof text, "/%s/%.*s/tcp/%u%s/http", kind, (int)name.len,
                   (const char *)name.ptr, (unsigned)port, tls ? "/tls" : "");
    return copse_buf_append(buf, copse_bytes_of_text(text));
}

/* ---- Texts ---- */

copse_status copse_multiaddr_of_text(copse_bytes text, copse_buf *buf)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        copse_bytes scheme = copse_bytes_of_text(schemes[i]);
        if (copse_bytes_has_prefix(text, scheme)) {
            copse_bytes host = {text.ptr + scheme.len, text.len - scheme.len};
            host.len -= host.len > 0 && host.ptr[host.len - 1] == '/' ? 1 : 0;
            return copse_multiaddr_of_host(host, i == 1, buf);
        }
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f) {
            return COPSE_CORRUPT;
        }
    }
    return text.len > 1 && text.ptr[0] == '/' ? copse_buf_append(buf, text) : COPSE_CORRUPT;
}

static bool multiaddr_has_segment(copse_bytes address, copse_bytes name)
{
    size_t start = 0;
    for (size_t i = 0; i <= address.len; i++) {
        if (i == address.len || address.ptr[i] == '/') {
            if (copse_http_name_equal((copse_bytes){address.ptr + start, i - start}, name)) {
                return true;
            }
            start = i + 1;
        }
    }
    return false;
}

bool copse_multiaddr_has(copse_bytes address, copse_bytes name)
{
    if (copse_http_name_equal(name, copse_bytes_of_text("https"))) {
        return multiaddr_has_segment(address, copse_bytes_of_text("tls")) &&
               multiaddr_has_segment(address, copse_bytes_of_text("http"));
    }
    return multiaddr_has_segment(address, name);
}
