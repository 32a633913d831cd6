/* What an asker sends to a server for history: POST /copse/v1/{name}/commits.
 *
 * Format: docs/formats/http.md. Copse writes and reads it. What is asked for has one encoding.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYNC_COMMITS_REQUEST_H
#define COPSE_SYNC_COMMITS_REQUEST_H

#include <copse/buf.h>
#include <copse/cid.h>

/** The most that a request lists. The path names one wanted commit more. */
enum { COPSE_COMMITS_WANT_MAX = 255, COPSE_COMMITS_HAVE_MAX = 256 };

/** A request that was read. Zeroed at first. */
typedef struct copse_commits_request {
    copse_buf want; /**< Of what these come from too; copse_cid after copse_cid. */
    copse_buf have; /**< Without what these come from; likewise. */
    uint64_t limit; /**< The most commits; 0: as many as the server gives. */
} copse_commits_request;

/** Appends a request. LIMIT: more than the most that it lists, or the buf's. MISUSE: a zeroed CID.
 * NOMEM. Whatever is not OK leaves the buf as it was. */
COPSE_MUST_USE copse_status copse_commits_request_encode(const copse_cid *want, size_t want_count,
                                                         const copse_cid *have, size_t have_count,
                                                         uint64_t limit, copse_buf *buf,
                                                         copse_err *err);

/** Reads a request of anyone into a zeroed struct; release it in any case. CORRUPT: it is none.
 * LIMIT: nested too deep, or more than the most that it lists. NOMEM. */
COPSE_MUST_USE copse_status copse_commits_request_decode(const copse_env *env, copse_bytes bytes,
                                                         copse_commits_request *request,
                                                         copse_err *err);

/** Frees and zeroes it. */
void copse_commits_request_release(copse_commits_request *request);

#endif
