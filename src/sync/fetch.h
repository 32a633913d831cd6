/* Fetching blocks from several peers, without a socket and without a clock: what to ask whom, when
 * to ask somebody else too, whom to believe no more.
 *
 *     copse_fetch_want(fetch, cids, count, &err);
 *     while ((status = copse_fetch_next(fetch, now, &step, &err)) != COPSE_END) {
 *         OK: do the step.  WANT: wait for an event, until step.until_ms at most, and report it:
 *             copse_fetch_received | _ended | _failed
 *     }
 *     those that nobody gave: copse_fetch_missing
 *
 *   F1  A block is delivered once, and only if it hashes to its CID. Bytes that don't, blocks that
 *       were not asked for, twice, or in another order are lies: they end the request, and the peer
 *       is asked for nothing for a while; after COPSE_FETCH_LIES_MAX lies never again.
 *
 *   F2  Wanted blocks are split over the peers, first wants first, in requests of some blocks, two
 *       on the way to each peer, in proportion to what each sends a second; the fewer are left, the
 *       smaller the requests, so that all end at about the same time. With one peer and few blocks
 *       it is one request.
 *
 *   F3  Hedging: when a peer is silent for twice its usual time to the first byte, and at least
 *       COPSE_FETCH_HEDGE_MS, what it was asked for is asked of another peer too. The first answer
 *       counts; a request with nothing left to give is cancelled. When nothing else is left to ask,
 *       idle peers take over the end of what slower ones have not sent. Extra bytes stay bounded: a
 *       block is on its way from at most two peers.
 *
 *   F4  A peer that answers without a block does not have it, and is not asked for it again. One
 *       that fails (no connection, cut, 5xx, 429, silence, which takes long and so counts as
 *       COPSE_FETCH_SILENCE_TRIES failures in a row) is left alone for Retry-After, or for a
 *       pause that doubles from COPSE_FETCH_PAUSE_MS, and then asked for little until it delivers.
 *       For the same block it is asked again if nobody else may have it, until requests for that
 *       block have failed COPSE_FETCH_TRIES_MAX times in all. A failure counts for all that the
 *       request asked for if it brought nothing, else for the block at which it broke; what has
 *       failed is asked for in smaller requests, so that one block that a peer can't send does not
 *       take its neighbours with it.
 *
 *   F5  A block is given up when no peer is left that may be asked: each lacks it, or is out of
 *       tries for it, or has failed COPSE_FETCH_TRIES_MAX times in a row, or wants to be left alone
 *       for longer than limits.fetch_silence_ms_max, or has lied too often. What each said is kept.
 *       A byte buys a millisecond, and nobody may be further behind than
 *       limits.fetch_silence_ms_max: so a request ends, and a fetch ends, within bounded time by
 *       the clock that `now` comes from. Time in which the caller did not wait for events is not
 *       counted against the peers.
 *
 *   F6  A peer is asked by batches; one that does not know them (404, 405 or 501 of the batch page)
 *       is a plain IPFS gateway, and asked block by block, several at once.
 *
 *   F7  What happens depends on the calls alone: the same calls give the same steps.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYNC_FETCH_H
#define COPSE_SYNC_FETCH_H

#include <copse/cid.h>
#include <copse/env.h>
#include <copse/status.h>

#include <stdbool.h>

enum {
    COPSE_FETCH_PEERS_MAX = 64,
    COPSE_FETCH_LIES_MAX = 3,
    COPSE_FETCH_HEDGE_MS = 100,
    COPSE_FETCH_PAUSE_MS = 250,
    COPSE_FETCH_TRIES_MAX = 6,
    COPSE_FETCH_SILENCE_TRIES = 3,
    COPSE_FETCH_REASON_SIZE = 128
};

/** Belongs to one thread. Lives through many rounds of wants, and remembers the peers. */
typedef struct copse_fetch copse_fetch;

typedef struct copse_fetch_options {
    size_t peers_count; /**< 1 to COPSE_FETCH_PEERS_MAX. */
    /** Takes a block that is right; `data` is lent for the call, which must not call the fetch. Any
     * status but OK is passed on by the call that brought the block. */
    copse_status (*deliver)(void *ctx, const copse_cid *cid, copse_bytes data, copse_err *err);
    void *ctx;
} copse_fetch_options;

typedef enum copse_fetch_step_kind {
    COPSE_FETCH_ASK_BATCH, /**< POST /copse/v1/blocks: `cids` of `peer`; the answer is a CAR. */
    COPSE_FETCH_ASK_BLOCK, /**< GET /ipfs/{cid}?format=raw: cids[0]; the answer is its bytes. */
    COPSE_FETCH_CANCEL     /**< Drop the request. It counts as ended; nothing is reported of it. */
} copse_fetch_step_kind;

typedef struct copse_fetch_step {
    copse_fetch_step_kind kind;
    uint64_t request; /**< Chosen by the fetch, never used again. */
    size_t peer;
    const copse_cid *cids; /**< Valid until the next call. */
    size_t count;
    uint64_t until_ms; /**< On WANT. UINT64_MAX: only an event helps. */
} copse_fetch_step;

/** `env` must outlive it; options are copied. MISUSE: no peers, too many, or nothing to deliver to.
 * NOMEM, or the random source's failure. */
COPSE_MUST_USE copse_status copse_fetch_new(const copse_env *env,
                                            const copse_fetch_options *options,
                                            copse_fetch **ret_fetch, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
copse_fetch *copse_fetch_free(copse_fetch *fetch);

/** Wants more blocks, most urgent first; those that are wanted already are passed over. Forgets
 * those that were missing (so `cids` may not be copse_fetch_missing's). An identity CID holds its
 * block, which is delivered at once. MISUSE: a CID whose hash Copse can't verify. NOMEM, or what
 * deliver returned. After a failure nothing was added. */
COPSE_MUST_USE copse_status copse_fetch_want(copse_fetch *fetch, const copse_cid *cids,
                                             size_t count, copse_err *err);

/** Wants nothing more of what did not come; the next steps cancel the requests on their way. */
void copse_fetch_drop(copse_fetch *fetch);

/** What to do now. OK: *ret_step; call again. WANT: wait, until ret_step->until_ms at most. END:
 * all blocks were delivered or given up, and no request runs. NOMEM: calling again tries again.
 * `now_ms` never goes back. */
COPSE_MUST_USE copse_status copse_fetch_next(copse_fetch *fetch, uint64_t now_ms,
                                             copse_fetch_step *ret_step, copse_err *err);

/** More bytes of a request's answer (HTTP status 200 and the right type), in pieces of any size.
 * OK. CORRUPT: they are not what was asked for (F1): the request is over, drop it; nothing more is
 * reported of it. NOMEM and what deliver returned: the request is over as well, and the caller
 * should end it all. Bytes of unknown requests are passed over. */
COPSE_MUST_USE copse_status copse_fetch_received(copse_fetch *fetch, uint64_t request,
                                                 copse_bytes bytes, uint64_t now_ms,
                                                 copse_err *err);

/** So many bytes came for a request, which its answer will be made of later: a sign of life (F5).
 */
void copse_fetch_heard(copse_fetch *fetch, uint64_t request, size_t size_bytes, uint64_t now_ms);

/** A request's answer is whole. OK. CORRUPT: it was cut inside of a block (a failure), or is not
 * the block that was asked for (a lie). NOMEM and what deliver returned, as above. In each case the
 * request is over. */
COPSE_MUST_USE copse_status copse_fetch_ended(copse_fetch *fetch, uint64_t request, uint64_t now_ms,
                                              copse_err *err);

/** A request failed: with this HTTP status (0: none came), and `reason` for people.
 * `retry_after_ms`: what the peer asked for, or 0. */
void copse_fetch_failed(copse_fetch *fetch, uint64_t request, unsigned http_status,
                        uint32_t retry_after_ms, const char *reason, uint64_t now_ms);

/** The blocks that were given up since the last copse_fetch_want; valid until the next call of
 * that. NULL if there are none. */
const copse_cid *copse_fetch_missing(const copse_fetch *fetch, size_t *ret_count);

/** Whether `peer` answered that it does not have missing block number `index`; otherwise it could
 * not be asked, or failed, and might have it. */
bool copse_fetch_is_lacking(const copse_fetch *fetch, size_t index, size_t peer);

/** Why `peer` did not give missing block number `index`: that it doesn't have it, or why it failed
 * last; one line. "" if there is none such. Never NULL; valid until the next call. */
const char *copse_fetch_reason(const copse_fetch *fetch, size_t index, size_t peer);

typedef struct copse_fetch_peer_stats {
    uint64_t requests;
    uint64_t blocks;       /**< Delivered. */
    uint64_t size_bytes;   /**< Of these. */
    uint64_t wasted_bytes; /**< Of blocks that came when another peer had delivered them. */
    uint64_t failures;
    uint64_t lies;
    uint64_t hedges;     /**< Requests to others because this one was slow. */
    uint64_t latency_ms; /**< Usual time to the first byte; 0: not known. */
} copse_fetch_peer_stats;

copse_fetch_peer_stats copse_fetch_get_peer_stats(const copse_fetch *fetch, size_t peer);

/** Tells of an exchange with a peer outside of the fetch (a query, a head), so that it counts when
 * peers are chosen. `latency_ms` 0: not known. */
void copse_fetch_note_peer(copse_fetch *fetch, size_t peer, bool failed, uint64_t latency_ms,
                           uint64_t now_ms);

/** The peer to ask next for something that one can answer alone: alive, fastest; `not_asked[i]`
 * true: may be chosen. False: there is none. */
bool copse_fetch_choose_peer(const copse_fetch *fetch, const bool *not_asked, uint64_t now_ms,
                             size_t *ret_peer);

#endif
