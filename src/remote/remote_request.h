/* A request to a peer, and what comes back: the answer that was asked for, a refusal with its one
 * line of text, or nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_REQUEST_H
#define COPSE_REMOTE_REMOTE_REQUEST_H

#include "remote/remote.h"

/** What an event was to a request. After REFUSED, FAILED and END the request is over. */
typedef enum copse_remote_heard {
    COPSE_REMOTE_HEARD_NOTHING, /**< Nothing yet. */
    COPSE_REMOTE_HEARD_HEAD,    /**< The answer begins, as it was asked for: status and type. */
    COPSE_REMOTE_HEARD_BODY,
    COPSE_REMOTE_HEARD_END,
    COPSE_REMOTE_HEARD_REFUSED, /**< Another status or type: request->status, ->reason. */
    COPSE_REMOTE_HEARD_FAILED   /**< request->reason. */
} copse_remote_heard;

typedef struct copse_remote_request {
    uint64_t id; /**< Of the transport. */
    size_t peer;
    const char *type; /**< Of the answer's body; NULL: a range of a file. */
    bool may_be_file; /**< A plain web server may answer, which knows no types of ours. */
    bool is_refused;
    unsigned status;         /**< Of HTTP; 0: none came. */
    uint32_t retry_after_ms; /**< 0: none. */
    char reason[COPSE_FETCH_REASON_SIZE];
    size_t reason_len;
} copse_remote_request;

/** Starts a request at `peer`: a POST of `body`, DAG-CBOR, or a GET if body.ptr is NULL. `type` is
 * static. IO, NOMEM: nothing was started. */
COPSE_MUST_USE copse_status copse_remote_request_start(copse_remote *remote, size_t peer,
                                                       const char *url, const char *type,
                                                       copse_bytes body,
                                                       copse_remote_request *ret_request,
                                                       copse_err *err);

/** Starts a GET of a range of `url`, a file: HEAD then comes with status 206, or with 200 for all
 * of it, of any type. IO, NOMEM: nothing was started. */
COPSE_MUST_USE copse_status copse_remote_request_start_range(copse_remote *remote, size_t peer,
                                                             const char *url, uint64_t from,
                                                             uint64_t size,
                                                             copse_remote_request *ret_request,
                                                             copse_err *err);

/** Takes an event of this request. */
copse_remote_heard copse_remote_request_hear(copse_remote *remote, copse_remote_request *request,
                                             const copse_transport_event *event);

/** Ends one that is not over. */
void copse_remote_request_stop(copse_remote *remote, const copse_remote_request *request);

#endif
