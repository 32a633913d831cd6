/* Driving a fetch (sync/fetch.h) over a remote's transport.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_FETCH_H
#define COPSE_REMOTE_REMOTE_FETCH_H

#include "remote/remote.h"

/** copse_fetch_options.deliver; `ctx` is the remote. */
copse_status copse_remote_fetch_deliver(void *ctx, const copse_cid *cid, copse_bytes data,
                                        copse_err *err);

/** Frees what fetching took. */
void copse_remote_fetch_release(copse_remote *remote);

#endif
