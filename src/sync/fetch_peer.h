/* What a fetch knows of one peer: how fast it is, and whether it is asked now.
 *
 *   prompt    is asked for anything
 *   avoided   was silent or failed not long ago: asked for what no prompt peer can be asked
 *   paused    is asked for nothing until paused_until_ms
 *   gone      failed COPSE_FETCH_TRIES_MAX times in a row, or wants a longer pause than a fetch
 *             waits for: nothing is expected of it until the next round of wants
 *   banned    lied COPSE_FETCH_LIES_MAX times
 *
 * Between an avoidance and the next block that it delivers, a peer is on probation: it gets one
 * small request.
 *
 * Speed is bytes a second over the last seconds in which something was asked of the peer, its
 * latency included: so it is what a request may expect, not what the link could carry.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYNC_FETCH_PEER_H
#define COPSE_SYNC_FETCH_PEER_H

#include "sync/fetch.h"

/** A zeroed one is a peer that nothing is known of. */
typedef struct copse_fetch_peer {
    copse_fetch_peer_stats stats;
    bool is_gateway;      /* knows no batches */
    size_t running_count; /* requests on their way */
    unsigned failures;    /* in a row, without an answer between them */
    unsigned pauses;      /* in a row, without a block between them: each doubles the next */
    uint64_t paused_until_ms;
    uint64_t avoided_until_ms;
    uint64_t rated_ms;                    /* up to when the two below count, if something runs */
    uint64_t rate_time_ms;                /* in which something ran */
    uint64_t rate_bytes;                  /* that came in it */
    char reason[COPSE_FETCH_REASON_SIZE]; /* of its last failure or lie */
} copse_fetch_peer;

/** A request goes out; it is over. */
void copse_fetch_peer_begin(copse_fetch_peer *peer, uint64_t now_ms);
void copse_fetch_peer_finish(copse_fetch_peer *peer);

/** So many bytes of an answer came. */
void copse_fetch_peer_hear(copse_fetch_peer *peer, size_t size_bytes, uint64_t now_ms);

/** Time that it took to the first byte. */
void copse_fetch_peer_note_latency(copse_fetch_peer *peer, uint64_t latency_ms);

/** An answer came to its end, with a block or without: no failure in a row. */
void copse_fetch_peer_note_answer(copse_fetch_peer *peer);

/** It is alive and well: neither paused nor avoided. */
void copse_fetch_peer_restore(copse_fetch_peer *peer);

/** A block came that nobody had delivered. */
void copse_fetch_peer_note_block(copse_fetch_peer *peer, size_t size_bytes);

/** It failed, or lied: a pause of `retry_after_ms`, at least the next in the row, which is at most
 * `pause_ms_max`. What fails during a pause is the same failure. `reason` is copied. */
void copse_fetch_peer_fail(copse_fetch_peer *peer, uint32_t retry_after_ms, uint64_t pause_ms_max,
                           const char *reason, uint64_t now_ms);

/** It was silent for as long as a peer may be: a failure that counts as COPSE_FETCH_SILENCE_TRIES.
 */
void copse_fetch_peer_fall_silent(copse_fetch_peer *peer, uint64_t pause_ms_max, uint64_t now_ms);

void copse_fetch_peer_lie(copse_fetch_peer *peer, uint64_t pause_ms_max, const char *reason,
                          uint64_t now_ms);

/** It was silent while another delivered: avoided for as long as it would be paused. */
void copse_fetch_peer_avoid(copse_fetch_peer *peer, uint64_t pause_ms_max, uint64_t now_ms);

/** A new round of wants: a peer that is gone gets one more try. */
void copse_fetch_peer_renew(copse_fetch_peer *peer);

/** Whether blocks may wait for it: neither banned nor gone; `pause_ms_max` as above. */
bool copse_fetch_peer_is_hopeful(const copse_fetch_peer *peer, uint64_t pause_ms_max,
                                 uint64_t now_ms);

/** Whether fewer requests are on their way than it may have. */
bool copse_fetch_peer_has_room(const copse_fetch_peer *peer);

/** See above. */
bool copse_fetch_peer_is_on_probation(const copse_fetch_peer *peer);

/** Its silence from which on others are asked too. */
uint64_t copse_fetch_peer_patience_ms(const copse_fetch_peer *peer);

/** Bytes a second; 0: not known. */
uint64_t copse_fetch_peer_rate(const copse_fetch_peer *peer, uint64_t now_ms);

/** Milliseconds until `size_bytes` of it would be here, asked for now. */
uint64_t copse_fetch_peer_expect_ms(const copse_fetch_peer *peer, uint64_t size_bytes,
                                    uint64_t now_ms);

#endif
