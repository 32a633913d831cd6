/* What an HTTP reader makes of a connection's bytes, as one text: for comparing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_HTTP_TRACE_H
#define COPSE_TESTS_HTTP_TRACE_H

#include <copse/buf.h>

/** Reads `bytes` in pieces whose sizes `next_size(ctx)` gives (0 counts as 1; NULL: in one piece)
 * and appends a line an event: "HEAD GET /path?query 1.1 keep a=b;", "END body", "REFUSE 400".
 * NOMEM is passed on; anything else is OK. */
COPSE_MUST_USE copse_status http_trace(const copse_env *env, copse_bytes bytes,
                                       size_t (*next_size)(void *ctx), void *ctx, copse_buf *trace);

#endif
