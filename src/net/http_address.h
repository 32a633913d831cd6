/* The address of a client, to tell clients apart by.
 *
 * IPv4 addresses stand as IPv6 ones (::ffff:a.b.c.d), so that a client is the same one whichever
 * way it comes. Who has one IPv6 address has its whole /64; so limits count by that.
 *
 * Behind a proxy, the client's address is what the proxy says, if the proxy is trusted: the last
 * address in X-Forwarded-For, or where there is none, the last `for` of Forwarded (RFC 7239), that
 * is no trusted proxy itself. What stands before it may be the client's invention. A proxy must set
 * the header, or add to it, and must take the client's own Forwarded off if it sets only that.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_NET_HTTP_ADDRESS_H
#define COPSE_NET_HTTP_ADDRESS_H

#include "proto/http_request.h"

enum { COPSE_HTTP_ADDRESS_NAME_SIZE = 46 };

/** An IP address. */
typedef struct copse_http_address {
    uint8_t bytes[16];
} copse_http_address;

struct sockaddr;

/** That of a socket; all zeros if it is neither IPv4 nor IPv6. */
copse_http_address copse_http_address_of_socket(const struct sockaddr *socket);

/** Reads an IPv4 or IPv6 address, the latter also in brackets, with or without a port. False: it is
 * none. */
bool copse_http_address_parse(copse_bytes text, copse_http_address *ret_address);

/** Writes it as text; returns `ret_name`. */
const char *copse_http_address_name(const copse_http_address *address,
                                    char ret_name[COPSE_HTTP_ADDRESS_NAME_SIZE]);

bool copse_http_address_equal(const copse_http_address *a, const copse_http_address *b);

/** Whether it is one of `addresses`. */
bool copse_http_address_is_of(const copse_http_address *address,
                              const copse_http_address *addresses, size_t count);

/** What limits count by: the address, or of IPv6 its /64. */
copse_http_address copse_http_address_group(const copse_http_address *address);

/** The client of a request that came from `peer`: that itself, or if it is one of the trusted
 * `proxies`, the one that it names. */
copse_http_address copse_http_address_of_client(const copse_http_request *request,
                                                const copse_http_address *peer,
                                                const copse_http_address *proxies,
                                                size_t proxies_count);

#endif
