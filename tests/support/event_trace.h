/* A stream of events written down as text, read in pieces.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_EVENT_TRACE_H
#define COPSE_TESTS_EVENT_TRACE_H

#include <copse/buf.h>

/** Appends "[type|id|data]" for each event, then "!LIMIT" if it came to that; reads pieces of at
 * most `piece_size` bytes. NOMEM. */
copse_status event_trace(const copse_env *env, copse_bytes stream, size_t piece_size,
                         copse_buf *buf);

#endif
