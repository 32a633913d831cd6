/* A client of bare sockets, for tests (cmocka) of servers on 127.0.0.1: what it sends is what
 * stands there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_RAW_CLIENT_H
#define COPSE_TESTS_RAW_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/** Connects from 127.0.0.`host`, which must work. */
int raw_client_connect(uint16_t port, unsigned host);

/** As raw_client_connect; its system takes little that it doesn't read. */
int raw_client_connect_narrow(uint16_t port, unsigned host);

/** Sends all of `text`, which must be taken. */
void raw_client_send(int fd, const char *text);

/** Receives until the end of the connection, or until `expected` bytes are there; at most 5 s of
 * silence. The text ends with a NUL. Returns its length. */
size_t raw_client_receive(int fd, char *ret_text, size_t size, size_t expected);

/** What stands behind the head. */
const char *raw_client_body(const char *response);

void raw_client_sleep(unsigned ms);

#endif
