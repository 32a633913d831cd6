/* The inside of a remote.
 *
 * A remote does one thing at a time with its peers: it fetches blocks, with many requests
 * (remote_fetch.c), or has one exchange with a peer, for a head, an answer or history
 * (remote_exchange.h).
 * An exchange may be under way between two calls, while a caller uses the documents of an answer;
 * whatever else asks peers then ends it, and its owner goes on in another way.
 *
 *   R1  A transport is waited on by the one that is doing something; events of requests that it
 *       does not know are passed over.
 *   R2  `running` is the number of requests that were started and have not ended; a request that
 *       starts when it is 0 begins a round trip.
 *   R3  Every wait ends: a fetch's by sync/fetch.h (F5), an exchange's by its deadlines.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_H
#define COPSE_REMOTE_REMOTE_H

#include "remote/remote_store.h"
#include "sync/fetch.h"

struct copse_remote_car;
struct copse_remote_exchange;
struct copse_remote_fetch_request;

struct copse_remote {
    const copse_env *env;
    char *peers[COPSE_REMOTE_PEERS_MAX];
    size_t peers_count;
    copse_transport *transport; /* NULL: offline */
    copse_transport_stats transport_before;
    copse_store *store; /* NULL: nowhere */
    bool store_keeps;
    copse_remote_store_view view;
    copse_remote_heads heads;     /* .get NULL: none */
    copse_remote_records records; /* likewise */
    void (*progress)(void *ctx);
    void *progress_ctx;
    copse_remote_stats stats;                   /* without what copse_remote_get_stats adds */
    bool has_given[COPSE_REMOTE_PEERS_MAX];     /* a head, an answer or history */
    bool lacks_history[COPSE_REMOTE_PEERS_MAX]; /* was asked for some, and did not give it */
    copse_buf
        history_front; /* copse_cid after copse_cid: parents that the last one stopped before */
    uint64_t running;  /* R2 */
    struct copse_remote_exchange *exchange;                        /* under way; NULL: none */
    char reasons[COPSE_REMOTE_PEERS_MAX][COPSE_FETCH_REASON_SIZE]; /* of the last exchanges */
    /* Fetching. */
    copse_fetch *fetch; /* NULL: offline */
    copse_source *sink; /* of the running call */
    copse_status taken; /* what taking a block failed with in it, else OK */
    struct copse_remote_car *cars[COPSE_REMOTE_PEERS_MAX]; /* NULL: the peer is no file */
    struct copse_remote_fetch_request *requests;
    size_t requests_count;
    size_t requests_capacity;
    copse_buf url;
    copse_buf body;
    copse_cid *missing; /* offline: what was wanted */
    size_t missing_count;
    size_t missing_capacity;
};

/** Takes a block that was verified: counts it, puts it into the store, and pins it in `source`
 * unless the store keeps it. The store's failures; LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_remote_take_block(copse_remote *remote, copse_source *source,
                                                    copse_block *block, copse_err *err);

/** Notes what a peer said, as by copse_remote_reason with index SIZE_MAX. */
void copse_remote_note_reason(copse_remote *remote, size_t peer, const char *format, ...)
    COPSE_PRINTF(3, 4);

/** Forgets what peers said. */
void copse_remote_forget_reasons(copse_remote *remote);

/** A failure `status` that begins with `what` and goes on with what each peer said of missing block
 * `index` (SIZE_MAX: otherwise), as far as that fits. Returns the status. */
copse_status copse_remote_fail(const copse_remote *remote, copse_status status, size_t index,
                               const char *what, copse_err *err);

void copse_remote_tell_progress(const copse_remote *remote);

/** The head last seen at database `name` of peer number 0. NOT_FOUND: none, or nobody remembers. */
COPSE_MUST_USE copse_status copse_remote_head_seen(copse_remote *remote, const char *name,
                                                   copse_cid *ret_head, uint64_t *ret_seen_ms,
                                                   copse_err *err);

/** Remembers a head that peer number 0 named, unless it is older than the one seen before: then
 * stats.is_older. Whether it is shows if both their blocks are in `source` or its store. */
COPSE_MUST_USE copse_status copse_remote_head_settle(copse_remote *remote, const char *name,
                                                     copse_source *source, const copse_cid *head,
                                                     copse_err *err);

#endif
