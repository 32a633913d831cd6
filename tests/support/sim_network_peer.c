/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/sim_network_private.h"

#include "proto/http_response.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    PEER_SEGMENT_BYTES = 4096,
    PEER_BOMB_FACTOR = 1000,
    PEER_WINDOW_FIRST = 14600, /* ten packets */
    PEER_WINDOW_MAX = 1 << 20,
    PEER_AGAIN_US = 200000, /* after which what was lost is sent again */
    PEER_STALL_US_MIN = 500000,
    PEER_STALL_US_MORE = 20000000,
    PEER_AWAY_US_MORE = 30000000
};

static bool peer_chance(sim_network *network, unsigned permille)
{
    return permille > 0 && test_random_below(&network->random, 1000) < permille;
}

/* ---- Links ----------------------------------------------------------------------------------- */

/* The first time from `at_us` on at which there is a way to the peer. */
static uint64_t peer_way_from(const sim_host *host, uint64_t at_us)
{
    uint64_t every = host->peer.link.part_every_ms * UINT64_C(1000);
    uint64_t parted = host->peer.link.part_ms * UINT64_C(1000);
    if (every == 0) {
        return at_us;
    }
    uint64_t phase = (at_us + host->part_phase_us) % every;
    return phase < parted ? at_us + parted - phase : at_us;
}

/* When bytes that leave at `at_us` arrive; what they meet on the way goes into *faults. */
static uint64_t peer_travel(sim_network *network, const sim_host *host, uint64_t at_us,
                            uint64_t *faults)
{
    const sim_link *link = &host->peer.link;
    uint64_t way = peer_way_from(host, at_us);
    if (way > at_us) {
        *faults |= SIM_FAULT_BIT(SIM_FAULT_PARTED);
        at_us = way + test_random_below(&network->random, PEER_AGAIN_US);
    }
    for (uint64_t again = PEER_AGAIN_US; peer_chance(network, link->lost_permille); again *= 2) {
        *faults |= SIM_FAULT_BIT(SIM_FAULT_LOST);
        at_us += again;
    }
    at_us += link->latency_us;
    return link->jitter_us > 0 ? at_us + test_random_below(&network->random, link->jitter_us)
                               : at_us;
}

/* When `size` bytes have left that begin to at *free_us, or now. */
static uint64_t peer_leave(const sim_network *network, const sim_host *host, size_t size,
                           uint64_t *free_us)
{
    uint64_t rate = host->peer.link.bytes_per_s;
    *free_us = *free_us > network->now_us ? *free_us : network->now_us;
    *free_us += rate > 0 ? size * UINT64_C(1000000) / rate : 0;
    return *free_us;
}

/* ---- Segments -------------------------------------------------------------------------------- */

static sim_segment *segment_new(copse_transport_event_kind kind, size_t wire_bytes,
                                copse_bytes body)
{
    sim_segment *segment = calloc(1, sizeof *segment + body.len);
    assert_non_null(segment);
    segment->kind = kind;
    segment->wire_bytes = wire_bytes;
    segment->len = body.len;
    if (body.len > 0) {
        memcpy(segment->bytes, body.ptr, body.len);
    }
    return segment;
}

/* Gives the client a failure after all that is on its way. */
static void peer_fail(sim_network *network, sim_request *request, uint64_t at_us, uint64_t faults,
                      const char *reason)
{
    sim_segment *segment = segment_new(COPSE_TRANSPORT_FAILED, 0, (copse_bytes){NULL, 0});
    segment->faults = faults;
    segment->reason = reason;
    request->whole = true;
    request->last_us = at_us > request->last_us ? at_us : request->last_us;
    sim_network_plan(network, request->last_us, SIM_DELIVERS, request->id, segment);
}

static void peer_transmit(sim_network *network, sim_request *request, sim_segment *segment)
{
    sim_host *host = sim_network_host(network, request);
    uint64_t left = peer_leave(network, host, segment->wire_bytes, &host->down_free_us);
    uint64_t came = peer_travel(network, host, left, &segment->faults);
    segment->faults |= request->link_faults;
    request->link_faults = 0;
    segment->body_end = request->taken;
    request->last_us = came > request->last_us ? came : request->last_us;
    request->in_flight += segment->wire_bytes;
    sim_network_plan(network, request->last_us, SIM_DELIVERS, request->id, segment);
}

/* ---- Connections ----------------------------------------------------------------------------- */

/* One that is idle; else a new one. */
static sim_connection *peer_connect(sim_network *network, sim_host *host, bool *ret_new)
{
    sim_connection *closed = NULL;
    for (size_t i = 0; i < SIM_CONNECTIONS_MAX; i++) {
        sim_connection *connection = &host->connections[i];
        if (connection->is_open && !connection->is_busy) {
            connection->is_busy = true;
            *ret_new = false;
            return connection;
        }
        closed = closed == NULL && !connection->is_open ? connection : closed;
    }
    assert_non_null(closed); /* the client opens too many */
    *closed = (sim_connection){true, true, PEER_WINDOW_FIRST};
    network->stats.connections++;
    *ret_new = true;
    return closed;
}

void sim_network_send(sim_network *network, sim_request *request)
{
    sim_host *host = sim_network_host(network, request);
    const sim_link *link = &host->peer.link;
    uint64_t way = peer_way_from(host, network->now_us);
    bool is_new;
    request->connection = peer_connect(network, host, &is_new);
    if (is_new && way - network->now_us > SIM_CONNECT_MS_MAX * UINT64_C(1000)) {
        peer_fail(network, request, network->now_us + SIM_CONNECT_MS_MAX * UINT64_C(1000),
                  SIM_FAULT_BIT(SIM_FAULT_PARTED), "connecting took too long");
        return;
    }
    if (host->peer.service == NULL || host->away_until_us > network->now_us) {
        peer_fail(network, request, way + 2 * link->latency_us, 0, "connection refused");
        return;
    }
    uint64_t left = peer_leave(network, host, request->exchange.request_bytes, &host->up_free_us);
    left += is_new ? 2 * link->latency_us : 0;
    sim_network_plan(network, peer_travel(network, host, left, &request->link_faults), SIM_ARRIVES,
                     request->id, NULL);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void peer_kick(sim_network *network, size_t peer)
{
    sim_host *host = network->hosts[peer];
    if (!host->link_waits) {
        host->link_waits = true;
        sim_network_plan(
            network, host->down_free_us > network->now_us ? host->down_free_us : network->now_us,
            SIM_LINK, peer, NULL);
    }
}

/* One of the peer's faults that fit, or SIM_FAULT_COUNT. */
static sim_fault peer_choose_fault(sim_network *network, const sim_host *host, sim_page page)
{
    sim_fault fits[SIM_FAULT_COUNT];
    size_t count = 0;
    if (host->peer.is_gateway && sim_fault_fits(SIM_FAULT_GATEWAY, page)) {
        return SIM_FAULT_GATEWAY;
    }
    if (!peer_chance(network, host->peer.fault_permille)) {
        return SIM_FAULT_COUNT;
    }
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        if ((host->peer.faults & SIM_FAULT_BIT(i)) != 0 && sim_fault_fits((sim_fault)i, page)) {
            fits[count++] = (sim_fault)i;
        }
    }
    return count > 0 ? fits[test_random_below(&network->random, count)] : SIM_FAULT_COUNT;
}

static bool fault_is_stop(sim_fault fault)
{
    return fault == SIM_FAULT_STALLED || fault == SIM_FAULT_STUCK || fault == SIM_FAULT_VANISHED;
}

void sim_network_arrives(sim_network *network, sim_request *request)
{
    sim_host *host = sim_network_host(network, request);
    sim_exchange *exchange = &request->exchange;
    const sim_liar liar = {
        .service = host->peer.service,
        .refs = host->peer.refs,
        .old_head = host->peer.old_head.size > 0 ? &host->peer.old_head : NULL,
        .env = &network->env,
        .random = &network->random,
    };
    if (request->whole) {
        return; /* the peer vanished meanwhile */
    }
    request->fault = peer_choose_fault(network, host, exchange->page);
    if (request->fault == SIM_FAULT_COUNT || fault_is_stop(request->fault)) {
        sim_exchange_ask(exchange, host->peer.service);
    } else if (!sim_fault_answer(request->fault, &liar, exchange)) {
        request->fault = SIM_FAULT_COUNT;
    }
    if (fault_is_stop(request->fault) && sim_exchange_gather(exchange)) {
        request->stops_at = test_random_below(&network->random, exchange->bytes.len + 1);
        request->stops_first = test_random_below(&network->random, 3) == 0;
    }
    request->answered = true;
    peer_kick(network, request->peer);
}

/* Nothing of the peer comes any more, and nothing reaches it. */
static void peer_vanish(sim_network *network, size_t peer)
{
    sim_host *host = network->hosts[peer];
    bool for_ever = test_random_below(&network->random, 3) == 0;
    host->away_until_us =
        for_ever ? UINT64_MAX
                 : network->now_us + test_random_below(&network->random, PEER_AWAY_US_MORE);
    for (size_t i = 0; i < network->requests_count; i++) {
        sim_request *request = network->requests[i];
        if (request->peer == peer && !request->whole) {
            request->stopped = false;
            request->fault = SIM_FAULT_VANISHED;
            peer_fail(network, request, network->now_us + host->peer.link.latency_us, 0,
                      "connection reset by peer");
        }
    }
}

static void peer_stop(sim_network *network, sim_request *request)
{
    request->stops_at = UINT64_MAX;
    request->stops_first = false;
    if (request->fault == SIM_FAULT_VANISHED) {
        peer_vanish(network, request->peer);
        return;
    }
    request->stopped = true;
    request->stopped_us = network->now_us;
    if (request->fault == SIM_FAULT_STALLED) {
        uint64_t silence =
            PEER_STALL_US_MIN + test_random_below(&network->random, PEER_STALL_US_MORE);
        sim_network_plan(network, network->now_us + silence, SIM_RESUMES, request->id, NULL);
    }
}

static void peer_send_head(sim_network *network, sim_request *request)
{
    copse_buf head;
    copse_buf_init(&head, &network->env, SIZE_MAX);
    sim_exchange_write_head(&request->exchange, network->now_us / 1000 + 1, &head);
    request->head_sent = true;
    peer_transmit(network, request,
                  segment_new(COPSE_TRANSPORT_HEAD, head.len, (copse_bytes){NULL, 0}));
    copse_buf_release(&head);
}

static void peer_send_body(sim_network *network, sim_request *request)
{
    sim_exchange *exchange = &request->exchange;
    bool chunked = exchange->answer.length == COPSE_HTTP_LENGTH_UNKNOWN;
    size_t size = exchange->endless ? COPSE_TRANSPORT_PIECE_MAX : PEER_SEGMENT_BYTES;
    uint64_t until_stop = request->stops_at - request->taken;
    char chunk[COPSE_HTTP_CHUNK_HEAD_SIZE_MAX];
    copse_buf piece;
    copse_buf_init(&piece, &network->env, SIZE_MAX);
    copse_status status =
        sim_exchange_pull(exchange, &piece, size < until_stop ? size : (size_t)until_stop);
    request->taken += piece.len;
    if (piece.len > 0) {
        size_t wire = exchange->endless ? piece.len / PEER_BOMB_FACTOR : piece.len;
        wire += chunked ? copse_http_chunk_head(piece.len, chunk) + 2 : 0;
        peer_transmit(network, request,
                      segment_new(COPSE_TRANSPORT_BODY, wire, copse_buf_view(&piece)));
    }
    copse_buf_release(&piece);
    if (status == COPSE_END && request->taken != request->stops_at) {
        request->whole = true;
        peer_transmit(network, request,
                      segment_new(COPSE_TRANSPORT_END, chunked ? strlen(COPSE_HTTP_CHUNK_LAST) : 0,
                                  (copse_bytes){NULL, 0}));
    } else if (status < COPSE_OK) {
        peer_fail(network, request, network->now_us, 0, "the connection was closed early");
    }
}

/* The peer's next answer, after the one whose turn it was, that can go on. */
static sim_request *peer_next(sim_network *network, size_t peer)
{
    sim_request *first = NULL;
    for (size_t i = 0; i < network->requests_count; i++) {
        sim_request *request = network->requests[i];
        bool ready = request->peer == peer && request->answered && !request->whole &&
                     !request->stopped && request->in_flight < request->connection->window;
        if (ready && request->id > network->hosts[peer]->turn) {
            return request;
        }
        first = ready && first == NULL ? request : first;
    }
    return first;
}

void sim_network_link(sim_network *network, size_t peer)
{
    sim_host *host = network->hosts[peer];
    sim_request *request = peer_next(network, peer);
    host->link_waits = false;
    if (request == NULL) {
        return;
    }
    host->turn = request->id;
    if (request->stops_first || (request->head_sent && request->taken == request->stops_at)) {
        peer_stop(network, request);
    } else if (peer_chance(network, host->peer.link.broken_permille)) {
        peer_fail(network, request, network->now_us + host->peer.link.latency_us,
                  SIM_FAULT_BIT(SIM_FAULT_BROKEN), "connection reset by peer");
    } else if (!request->head_sent) {
        peer_send_head(network, request);
    } else {
        peer_send_body(network, request);
    }
    peer_kick(network, peer);
}

void sim_network_acked(sim_network *network, sim_request *request, size_t wire_bytes)
{
    sim_connection *connection = request->connection;
    request->in_flight -= wire_bytes;
    connection->window += connection->window < PEER_WINDOW_MAX ? wire_bytes : 0;
    peer_kick(network, request->peer);
}

void sim_network_resumes(sim_network *network, sim_request *request)
{
    request->stopped = false;
    peer_kick(network, request->peer);
}
