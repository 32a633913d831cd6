/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_address.h"

#include <string.h>
#include <uv.h>

static const uint8_t http_address_v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool http_address_is_v4(const copse_http_address *address)
{
    return memcmp(address->bytes, http_address_v4_prefix, sizeof http_address_v4_prefix) == 0;
}

static copse_http_address http_address_of_v4(const void *bytes)
{
    copse_http_address address;
    memcpy(address.bytes, http_address_v4_prefix, sizeof http_address_v4_prefix);
    memcpy(address.bytes + 12, bytes, 4);
    return address;
}

copse_http_address copse_http_address_of_socket(const struct sockaddr *socket)
{
    copse_http_address address = {{0}};
    if (socket->sa_family == AF_INET) {
        address = http_address_of_v4(&((const struct sockaddr_in *)(const void *)socket)->sin_addr);
    } else if (socket->sa_family == AF_INET6) {
        memcpy(address.bytes, &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr, 16);
    }
    return address;
}

/* The address alone: out of the brackets, or before the port. */
static copse_bytes http_address_strip(copse_bytes text)
{
    const uint8_t *colon = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
    if (text.len > 0 && text.ptr[0] == '[') {
        const uint8_t *end = memchr(text.ptr, ']', text.len);
        size_t len = end != NULL ? (size_t)(end - text.ptr) - 1 : 0;
        return (copse_bytes){text.ptr + 1, len};
    }
    if (colon != NULL) {
        size_t len = (size_t)(colon - text.ptr);
        if (memchr(colon + 1, ':', text.len - len - 1) == NULL) {
            text.len = len;
        }
    }
    return text;
}

bool copse_http_address_parse(copse_bytes text, copse_http_address *ret_address)
{
    char name[COPSE_HTTP_ADDRESS_NAME_SIZE];
    uint8_t bytes[16];
    copse_bytes alone = http_address_strip(text);
    if (alone.len == 0 || alone.len >= sizeof name) {
        return false;
    }
    memcpy(name, alone.ptr, alone.len);
    name[alone.len] = '\0';
    if (uv_inet_pton(AF_INET, name, bytes) == 0) {
        *ret_address = http_address_of_v4(bytes);
        return true;
    }
    if (uv_inet_pton(AF_INET6, name, bytes) == 0) {
        memcpy(ret_address->bytes, bytes, sizeof bytes);
        return true;
    }
    return false;
}

const char *copse_http_address_name(const copse_http_address *address,
                                    char ret_name[COPSE_HTTP_ADDRESS_NAME_SIZE])
{
    bool is_v4 = http_address_is_v4(address);
    if (uv_inet_ntop(is_v4 ? AF_INET : AF_INET6, address->bytes + (is_v4 ? 12 : 0), ret_name,
                     COPSE_HTTP_ADDRESS_NAME_SIZE) != 0) {
        ret_name[0] = '\0';
    }
    return ret_name;
}

bool copse_http_address_equal(const copse_http_address *a, const copse_http_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

copse_http_address copse_http_address_group(const copse_http_address *address)
{
    copse_http_address group = *address;
    if (!http_address_is_v4(address)) {
        memset(group.bytes + 8, 0, 8);
    }
    return group;
}

/* ---- Behind proxies ---- */

bool copse_http_address_is_of(const copse_http_address *address,
                              const copse_http_address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (copse_http_address_equal(address, &addresses[i])) {
            return true;
        }
    }
    return false;
}

/* The address that an element of X-Forwarded-For is, or one of Forwarded has. */
static bool http_address_of_element(copse_bytes element, bool is_forwarded,
                                    copse_http_address *ret_address)
{
    copse_bytes part;
    copse_bytes text;
    if (!is_forwarded) {
        return copse_http_address_parse(element, ret_address);
    }
    while (copse_http_parts_next(&element, &part)) {
        if (copse_http_part_value(part, "for", &text)) {
            return copse_http_address_parse(text, ret_address);
        }
    }
    return false;
}

/* Takes the first element off. Commas count in quotes too: a client's quote that is never closed
 * must not hide what the proxy wrote behind it. */
static copse_bytes http_address_next_element(copse_bytes *list)
{
    const uint8_t *comma = memchr(list->ptr, ',', list->len);
    copse_bytes element = {list->ptr, comma != NULL ? (size_t)(comma - list->ptr) : list->len};
    size_t taken = element.len + (comma != NULL ? 1 : 0);
    *list = (copse_bytes){list->ptr + taken, list->len - taken};
    while (element.len > 0 && (element.ptr[0] == ' ' || element.ptr[0] == '\t')) {
        element = (copse_bytes){element.ptr + 1, element.len - 1};
    }
    while (element.len > 0 &&
           (element.ptr[element.len - 1] == ' ' || element.ptr[element.len - 1] == '\t')) {
        element.len--;
    }
    return element;
}

copse_http_address copse_http_address_of_client(const copse_http_request *request,
                                                const copse_http_address *peer,
                                                const copse_http_address *proxies,
                                                size_t proxies_count)
{
    copse_http_address client = *peer;
    copse_bytes list;
    if (!copse_http_address_is_of(peer, proxies, proxies_count)) {
        return client;
    }
    bool is_forwarded = !copse_http_request_header(request, "x-forwarded-for", 0, &list);
    const char *name = is_forwarded ? "forwarded" : "x-forwarded-for";
    for (size_t i = 0; copse_http_request_header(request, name, i, &list); i++) {
        while (list.len > 0) {
            copse_http_address named;
            copse_bytes element = http_address_next_element(&list);
            if (!http_address_of_element(element, is_forwarded, &named)) {
                client = *peer; /* it hides whom it speaks for */
            } else if (!copse_http_address_is_of(&named, proxies, proxies_count)) {
                client = named;
            }
        }
    }
    return client;
}
