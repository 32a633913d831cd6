/* The heads of a database of a peer, as they come: by the peer's events, or where it has none, by
 * asking from time to time (docs/formats/http.md).
 *
 *     copse_head_stream_new(&env, &options, &stream, &err);
 *     while ((status = copse_head_stream_next(stream, UINT64_MAX, &head, &err)) == COPSE_OK) …
 *
 *   H1  A head is a state, not a message: the last one is told, those between may be passed over,
 *       and none is told twice in a row. So nothing is lost where the connection is: it is resumed
 *       by the head that was told last (Last-Event-ID).
 *   H2  A connection that fails or ends is made again, after a time that doubles with each failure
 *       from 250 ms to 30 s, and of which a random half is left out, so that the watchers of a peer
 *       that comes back don't all come at once. A new head, and a connection that held for as long,
 *       start it anew.
 *   H3  A peer that says nothing for 45 s (it has a heartbeat of 15) has failed.
 *   H4  Where there is no page of events, or no place at it, the head is asked for every poll_ms,
 *       and the page tried again every minute.
 *   H5  What a peer says is bounded, and is nothing but its word on what its head is; what is no
 *       head is a failure.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HEAD_STREAM_H
#define COPSE_HEAD_STREAM_H

#include <copse/cid.h>
#include <copse/sys/transport.h>

COPSE_EXTERN_C_BEGIN

typedef struct copse_head_stream_options {
    const char *peer;           /**< As in copse_remote_options. Copied. */
    const char *name;           /**< Of the database. Copied. */
    copse_transport *transport; /**< Must outlive the stream, and is used by it alone. */
    const copse_cid *known;     /**< A head that need not be told; NULL: none. Copied. */
    uint32_t poll_ms;           /**< 0: 2,000. */
} copse_head_stream_options;

/** Belongs to one thread. */
typedef struct copse_head_stream copse_head_stream;

/** `env` must have a random source, and outlive it. Asks nobody yet. MISUSE: no random source, or
 * no URL of a peer. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status
copse_head_stream_new(const copse_env *env, const copse_head_stream_options *options,
                      copse_head_stream **ret_stream, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_head_stream *copse_head_stream_free(copse_head_stream *stream);

/** Waits for the next head, until `until_ms` on the transport's clock. OK; END: none came. IO: the
 * transport itself failed, or there is no randomness. NOMEM. After those, calling again goes on. */
COPSE_API COPSE_MUST_USE copse_status copse_head_stream_next(copse_head_stream *stream,
                                                             uint64_t until_ms, copse_cid *ret_head,
                                                             copse_err *err);

/** Why the peer can't be heard now, in one line for people; "": it answers, or was not asked yet.
 * Valid until the next call. */
COPSE_API const char *copse_head_stream_trouble(const copse_head_stream *stream);

/** Whether what the peer answered last, when it was asked for the head, is that there is no such
 * database (404). */
COPSE_API bool copse_head_stream_is_unknown(const copse_head_stream *stream);

COPSE_EXTERN_C_END

#endif
