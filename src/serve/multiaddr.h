/* Addresses as libp2p writes them, of HTTP servers: /dns/example.org/tcp/443/tls/http.
 *
 *     http://127.0.0.1:4180      /ip4/127.0.0.1/tcp/4180/http
 *     http://[::1]:4180          /ip6/::1/tcp/4180/http
 *     https://example.org        /dns/example.org/tcp/443/tls/http
 *
 * Source: https://github.com/multiformats/multiaddr
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_MULTIADDR_H
#define COPSE_SERVE_MULTIADDR_H

#include <copse/buf.h>

/** Appends the multiaddr of "host", "host:port" or "[address]:port". CORRUPT: it is no such thing;
 * NOMEM, LIMIT: from the buf, which is then as it was. */
COPSE_MUST_USE copse_status copse_multiaddr_of_host(copse_bytes host, bool tls, copse_buf *buf);

/** Appends that of a URL, "http(s)://host[:port]" without a path, or `text` itself if it is a
 * multiaddr: it begins with '/', and is one line of printable ASCII. Statuses as above. */
COPSE_MUST_USE copse_status copse_multiaddr_of_text(copse_bytes text, copse_buf *buf);

/** Whether one of its segments is `name`, of whatever case; "https" is "tls" with "http". */
bool copse_multiaddr_has(copse_bytes address, copse_bytes name);

#endif
