/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sync/fetch_peer.h"

#include <string.h>

enum {
    FETCH_PEER_RUNNING_MAX = 2,         /* batches on their way: one is sent while one is asked */
    FETCH_PEER_GATEWAY_RUNNING_MAX = 8, /* blocks on their way from a gateway */
    FETCH_PEER_LATENCY_MS = 200,        /* of a peer that was never asked */
    FETCH_PEER_RATE_MS = 4000,          /* over which the rate is taken */
    FETCH_PEER_PAUSES_MAX = 16          /* doublings */
};

void copse_fetch_peer_begin(copse_fetch_peer *peer, uint64_t now_ms)
{
    peer->stats.requests++;
    if (peer->running_count++ == 0) {
        peer->rated_ms = now_ms;
    }
}

void copse_fetch_peer_finish(copse_fetch_peer *peer)
{
    peer->running_count--;
}

void copse_fetch_peer_hear(copse_fetch_peer *peer, size_t size_bytes, uint64_t now_ms)
{
    peer->rate_time_ms += now_ms - peer->rated_ms;
    peer->rate_bytes += size_bytes;
    peer->rated_ms = now_ms;
    if (peer->rate_time_ms > FETCH_PEER_RATE_MS) {
        peer->rate_time_ms /= 2;
        peer->rate_bytes /= 2;
    }
}

void copse_fetch_peer_note_latency(copse_fetch_peer *peer, uint64_t latency_ms)
{
    uint64_t usual_ms = peer->stats.latency_ms;
    latency_ms = latency_ms > 0 ? latency_ms : 1;
    peer->stats.latency_ms = usual_ms == 0 ? latency_ms : (3 * usual_ms + latency_ms + 2) / 4;
}

void copse_fetch_peer_note_answer(copse_fetch_peer *peer)
{
    peer->failures = 0;
}

void copse_fetch_peer_restore(copse_fetch_peer *peer)
{
    peer->failures = 0;
    peer->pauses = 0;
    peer->paused_until_ms = 0;
    peer->avoided_until_ms = 0;
}

void copse_fetch_peer_note_block(copse_fetch_peer *peer, size_t size_bytes)
{
    peer->stats.blocks++;
    peer->stats.size_bytes += size_bytes;
    copse_fetch_peer_restore(peer);
}

/* The next pause of the row. */
static uint64_t fetch_peer_pause_ms(copse_fetch_peer *peer, uint64_t pause_ms_max)
{
    uint64_t pause_ms = (uint64_t)COPSE_FETCH_PAUSE_MS << peer->pauses;
    if (peer->pauses < FETCH_PEER_PAUSES_MAX) {
        peer->pauses++;
    }
    return pause_ms < pause_ms_max ? pause_ms : pause_ms_max;
}

static void fetch_peer_raise(uint64_t *time_ms, uint64_t to_ms)
{
    *time_ms = *time_ms > to_ms ? *time_ms : to_ms;
}

static void fetch_peer_pause(copse_fetch_peer *peer, uint32_t retry_after_ms, uint64_t pause_ms_max,
                             const char *reason, uint64_t now_ms)
{
    uint64_t pause_ms = retry_after_ms;
    if (now_ms >= peer->paused_until_ms) {
        uint64_t next_ms = fetch_peer_pause_ms(peer, pause_ms_max);
        peer->failures++;
        fetch_peer_raise(&peer->avoided_until_ms, now_ms + next_ms);
        /* One that is gone is not waited for; the next round may try it at once. */
        if (peer->failures < COPSE_FETCH_TRIES_MAX && pause_ms < next_ms) {
            pause_ms = next_ms;
        }
    }
    fetch_peer_raise(&peer->paused_until_ms, now_ms + pause_ms);
    fetch_peer_raise(&peer->avoided_until_ms, peer->paused_until_ms);
    size_t size = strlen(reason);
    size = size < sizeof peer->reason ? size : sizeof peer->reason - 1;
    memcpy(peer->reason, reason, size);
    peer->reason[size] = '\0';
}

void copse_fetch_peer_fail(copse_fetch_peer *peer, uint32_t retry_after_ms, uint64_t pause_ms_max,
                           const char *reason, uint64_t now_ms)
{
    peer->stats.failures++;
    fetch_peer_pause(peer, retry_after_ms, pause_ms_max, reason, now_ms);
}

void copse_fetch_peer_fall_silent(copse_fetch_peer *peer, uint64_t pause_ms_max, uint64_t now_ms)
{
    unsigned before = peer->failures;
    copse_fetch_peer_fail(peer, 0, pause_ms_max, "silent for too long", now_ms);
    if (peer->failures > before) {
        peer->failures += COPSE_FETCH_SILENCE_TRIES - 1;
    }
}

void copse_fetch_peer_lie(copse_fetch_peer *peer, uint64_t pause_ms_max, const char *reason,
                          uint64_t now_ms)
{
    peer->stats.lies++;
    fetch_peer_pause(peer, 0, pause_ms_max, reason, now_ms);
}

void copse_fetch_peer_avoid(copse_fetch_peer *peer, uint64_t pause_ms_max, uint64_t now_ms)
{
    if (now_ms >= peer->avoided_until_ms) {
        peer->avoided_until_ms = now_ms + fetch_peer_pause_ms(peer, pause_ms_max);
    }
}

void copse_fetch_peer_renew(copse_fetch_peer *peer)
{
    if (peer->failures >= COPSE_FETCH_TRIES_MAX) {
        peer->failures = COPSE_FETCH_TRIES_MAX - 1;
    }
}

bool copse_fetch_peer_is_hopeful(const copse_fetch_peer *peer, uint64_t pause_ms_max,
                                 uint64_t now_ms)
{
    return peer->stats.lies < COPSE_FETCH_LIES_MAX && peer->failures < COPSE_FETCH_TRIES_MAX &&
           peer->paused_until_ms <= now_ms + pause_ms_max;
}

bool copse_fetch_peer_is_on_probation(const copse_fetch_peer *peer)
{
    return peer->pauses > 0;
}

bool copse_fetch_peer_has_room(const copse_fetch_peer *peer)
{
    size_t max = peer->is_gateway ? FETCH_PEER_GATEWAY_RUNNING_MAX : FETCH_PEER_RUNNING_MAX;
    return peer->running_count < (copse_fetch_peer_is_on_probation(peer) ? 1 : max);
}

/* The usual time to the first byte, as far as it is known. */
static uint64_t fetch_peer_latency_ms(const copse_fetch_peer *peer)
{
    return peer->stats.latency_ms > 0 ? peer->stats.latency_ms : FETCH_PEER_LATENCY_MS;
}

uint64_t copse_fetch_peer_patience_ms(const copse_fetch_peer *peer)
{
    uint64_t twice_ms = 2 * fetch_peer_latency_ms(peer);
    return twice_ms > COPSE_FETCH_HEDGE_MS ? twice_ms : COPSE_FETCH_HEDGE_MS;
}

uint64_t copse_fetch_peer_rate(const copse_fetch_peer *peer, uint64_t now_ms)
{
    uint64_t time_ms = peer->rate_time_ms;
    if (peer->running_count > 0) {
        time_ms += now_ms - peer->rated_ms;
    }
    uint64_t rate = peer->rate_bytes * 1000 / (time_ms > 0 ? time_ms : 1);
    return rate > 0 || peer->rate_bytes == 0 ? rate : 1;
}

uint64_t copse_fetch_peer_expect_ms(const copse_fetch_peer *peer, uint64_t size_bytes,
                                    uint64_t now_ms)
{
    uint64_t rate = copse_fetch_peer_rate(peer, now_ms);
    uint64_t latency_ms = fetch_peer_latency_ms(peer);
    uint64_t ms = rate > 0 ? size_bytes * 1000 / rate : 0;
    return ms > latency_ms ? ms : latency_ms;
}
