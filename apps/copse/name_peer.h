/* Which of the peers serves the database that a name stands for, so that its heads can be heard of
 * as they come.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_NAME_PEER_H
#define COPSE_APPS_NAME_PEER_H

#include "peers.h"

#include <copse/buf.h>

/** Asks the peers, one after the other, for the list of what they serve (docs/formats/http.md, /),
 * over a transport of its own, and appends with a NUL the name that the first one that serves it
 * under `key` has for it. A peer's word, which is good enough to listen to it. NULL: none does.
 * Else the URL of the peer, which belongs to `peers`. */
const char *copse_name_peer_find(const copse_peers *peers, copse_transport *transport,
                                 const copse_public_key *key, copse_buf *ret_name);

#endif
