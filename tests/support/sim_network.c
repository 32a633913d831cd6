/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/sim_network.h"

#include "base/siphash.h"
#include "support/sim_network_private.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NETWORK_IDLE_WAITS_MAX = 100000, NETWORK_TRACED_BYTES_MAX = 64 };

/* 1 January 2026: what clocks show when a simulation begins. */
static const uint64_t network_epoch_ms = 1767225600000;

static sim_network *network_of(const copse_transport *transport)
{
    return (sim_network *)(uintptr_t)transport;
}

/* ---- Requests -------------------------------------------------------------------------------- */

/* The index of the request with this id, or where it would stand. */
static size_t network_lower(const sim_network *network, uint64_t id)
{
    size_t low = 0;
    size_t high = network->requests_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (network->requests[middle]->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

sim_request *sim_network_find(sim_network *network, uint64_t id)
{
    size_t at = network_lower(network, id);
    return at < network->requests_count && network->requests[at]->id == id ? network->requests[at]
                                                                           : NULL;
}

/* Ends it; its connection can be used again, or not. */
static void network_end(sim_network *network, sim_request *request, bool connected)
{
    size_t at = network_lower(network, request->id);
    memmove(&network->requests[at], &network->requests[at + 1],
            (--network->requests_count - at) * sizeof *network->requests);
    request->connection->is_busy = false;
    request->connection->is_open = connected;
    sim_exchange_release(&request->exchange);
    free(request);
}

static void network_add(sim_network *network, sim_request *request)
{
    if (network->requests_count == network->requests_capacity) {
        network->requests_capacity = 16 + 2 * network->requests_capacity;
        network->requests =
            realloc(network->requests, network->requests_capacity * sizeof *network->requests);
        assert_non_null(network->requests);
    }
    network->requests[network->requests_count++] = request;
}

/* ---- What the client has seen ---------------------------------------------------------------- */

static void network_trace(sim_network *network, const uint64_t *numbers, size_t count,
                          copse_bytes bytes)
{
    uint64_t seed[2] = {network->trace, network->now_us};
    bytes.len = bytes.len < NETWORK_TRACED_BYTES_MAX ? bytes.len : NETWORK_TRACED_BYTES_MAX;
    network->trace =
        copse_siphash(seed, (copse_bytes){(const uint8_t *)numbers, count * sizeof *numbers});
    seed[0] = network->trace;
    network->trace = copse_siphash(seed, bytes);
}

static void network_count(sim_network *network, uint64_t faults)
{
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        network->counts[i] += (faults & SIM_FAULT_BIT(i)) != 0;
    }
}

/* Whether an earlier request of the same peer still waits for an answer that is on its way. */
static bool network_overtakes(const sim_network *network, const sim_request *request)
{
    for (size_t i = 0; i < network->requests_count && network->requests[i]->id < request->id; i++) {
        const sim_request *other = network->requests[i];
        if (other->peer == request->peer && other->head_sent && !other->head_seen) {
            return true;
        }
    }
    return false;
}

/* Counts the peer's fault if it shows in this segment (N4). */
static void network_see(sim_network *network, sim_request *request, const sim_segment *segment)
{
    const sim_exchange *exchange = &request->exchange;
    bool seen = segment->kind == COPSE_TRANSPORT_END || exchange->fault_in_head ||
                (segment->kind == COPSE_TRANSPORT_BODY && segment->body_end > exchange->fault_from);
    if (request->fault == SIM_FAULT_STALLED || request->fault == SIM_FAULT_STUCK) {
        seen =
            request->stopped_us > 0 && !request->stopped && segment->kind != COPSE_TRANSPORT_FAILED;
    } else if (request->fault == SIM_FAULT_VANISHED) {
        seen = segment->kind == COPSE_TRANSPORT_FAILED && segment->faults == 0;
    }
    if (request->fault != SIM_FAULT_COUNT && seen) {
        network_count(network, SIM_FAULT_BIT(request->fault));
        request->fault = SIM_FAULT_COUNT;
    }
    network_count(network, segment->faults);
    if (segment->kind == COPSE_TRANSPORT_HEAD && network_overtakes(network, request)) {
        network_count(network, SIM_FAULT_BIT(SIM_FAULT_OVERTAKEN));
    }
}

/* ---- The transport --------------------------------------------------------------------------- */

static void network_take_back(sim_network *network)
{
    free(network->lent);
    network->lent = NULL;
}

static copse_status network_start(copse_transport *transport, const copse_transport_request *asked,
                                  uint64_t *ret_request, copse_err *err)
{
    sim_network *network = network_of(transport);
    unsigned peer = SIM_PEERS_MAX;
    char host[16];
    (void)err;
    network_take_back(network);
    assert_int_equal(sscanf(asked->url, "http://peer%2u", &peer), 1);
    assert_true(peer < network->hosts_count);
    (void)snprintf(host, sizeof host, "peer%u", peer);
    sim_request *request = calloc(1, sizeof *request);
    assert_non_null(request);
    request->id = ++network->next_id;
    request->peer = peer;
    request->fault = SIM_FAULT_COUNT;
    request->stops_at = UINT64_MAX;
    sim_exchange_init(&request->exchange, &network->env, asked, host);
    network->stats.requests++;
    network->stats.sent_bytes += request->exchange.request_bytes;
    network_trace(network, (const uint64_t[]){request->id, peer}, 2,
                  copse_bytes_of_text(request->exchange.target));
    network_add(network, request);
    sim_network_send(network, request);
    *ret_request = request->id;
    return COPSE_OK;
}

static void network_cancel(copse_transport *transport, uint64_t id)
{
    sim_network *network = network_of(transport);
    sim_request *request = sim_network_find(network, id);
    network_take_back(network);
    if (request == NULL) {
        return;
    }
    if (request->stopped &&
        network->now_us >
            request->stopped_us + sim_network_host(network, request)->peer.link.latency_us) {
        network_count(network, SIM_FAULT_BIT(request->fault));
    }
    network_trace(network, &id, 1, (copse_bytes){NULL, 0});
    network_end(network, request, false);
}

/* Hands a segment out. */
static void network_deliver(sim_network *network, sim_request *request, sim_segment *segment,
                            copse_transport_event *event)
{
    *event = (copse_transport_event){
        .kind = segment->kind, .request = request->id, .reason = segment->reason};
    network->lent = segment;
    network->stats.received_bytes += segment->wire_bytes;
    network_see(network, request, segment);
    if (segment->kind == COPSE_TRANSPORT_HEAD) {
        request->head_seen = true;
        sim_exchange_read_head(&request->exchange, event);
    } else if (segment->kind == COPSE_TRANSPORT_BODY) {
        event->body = (copse_bytes){segment->bytes, segment->len};
    }
    network_trace(network, (const uint64_t[]){event->kind, event->request, event->status}, 3,
                  event->body);
    sim_network_plan(network,
                     network->now_us + sim_network_host(network, request)->peer.link.latency_us,
                     SIM_ACKED, request->id, (void *)(uintptr_t)segment->wire_bytes);
    if (segment->kind == COPSE_TRANSPORT_END || segment->kind == COPSE_TRANSPORT_FAILED) {
        network_end(network, request, segment->kind == COPSE_TRANSPORT_END);
    }
}

/* Lets an event happen. True: the client sees it. */
static bool network_happen(sim_network *network, const sim_event *happens,
                           copse_transport_event *event)
{
    sim_request *request =
        happens->kind == SIM_LINK ? NULL : sim_network_find(network, happens->subject);
    if (request == NULL && happens->kind != SIM_LINK) {
        if (happens->kind == SIM_DELIVERS) {
            free(happens->data);
        }
        return false;
    }
    network->now_us = happens->at_us;
    switch ((sim_happening)happens->kind) {
    case SIM_LINK:
        sim_network_link(network, (size_t)happens->subject);
        return false;
    case SIM_ARRIVES:
        sim_network_arrives(network, request);
        return false;
    case SIM_ACKED:
        sim_network_acked(network, request, (size_t)(uintptr_t)happens->data);
        return false;
    case SIM_RESUMES:
        sim_network_resumes(network, request);
        return false;
    default:
        network_deliver(network, request, happens->data, event);
        return true;
    }
}

static void network_check_time(sim_network *network, uint64_t before_us)
{
    network->idle_waits = network->now_us > before_us ? 0 : network->idle_waits + 1;
    if (network->now_us > network->time_max_us || network->idle_waits > NETWORK_IDLE_WAITS_MAX) {
        fail_msg("seed %llu: the client never ends (%llu s, %zu requests under way)",
                 (unsigned long long)network->seed, (unsigned long long)network->now_us / 1000000,
                 network->requests_count);
    }
}

static copse_status network_wait(copse_transport *transport, uint64_t until_ms,
                                 copse_transport_event *ret_event, copse_err *err)
{
    sim_network *network = network_of(transport);
    uint64_t until_us = until_ms < UINT64_MAX / 1000 ? until_ms * 1000 : UINT64_MAX;
    uint64_t before_us = network->now_us;
    const sim_event *next;
    sim_event happens;
    (void)err;
    network_take_back(network);
    while ((next = sim_queue_peek(&network->queue)) != NULL && next->at_us <= until_us) {
        (void)sim_queue_take(&network->queue, &happens);
        if (network_happen(network, &happens, ret_event)) {
            network->idle_waits = 0;
            network_check_time(network, before_us);
            return COPSE_OK;
        }
    }
    if (until_us == UINT64_MAX) {
        fail_msg("seed %llu: the client hangs: it waits for ever, with %zu requests under way",
                 (unsigned long long)network->seed, network->requests_count);
    }
    network->now_us = until_us > network->now_us ? until_us : network->now_us;
    network_check_time(network, before_us);
    return COPSE_END;
}

static uint64_t network_now(copse_transport *transport)
{
    return network_of(transport)->now_us / 1000;
}

static copse_transport_stats network_stats(const copse_transport *transport)
{
    return network_of(transport)->stats;
}

static void network_free(copse_transport *transport)
{
    sim_network *network = network_of(transport);
    sim_event event;
    while (sim_queue_take(&network->queue, &event)) {
        if (event.kind == SIM_DELIVERS) {
            free(event.data);
        }
    }
    while (network->requests_count > 0) {
        network_end(network, network->requests[network->requests_count - 1], false);
    }
    for (size_t i = 0; i < network->hosts_count; i++) {
        free(network->hosts[i]);
    }
    network_take_back(network);
    sim_queue_release(&network->queue);
    free(network->requests);
    free(network);
}

static const copse_transport_ops network_ops = {
    .start = network_start,
    .cancel = network_cancel,
    .wait = network_wait,
    .now = network_now,
    .stats = network_stats,
    .free = network_free,
};

/* ---- The network ----------------------------------------------------------------------------- */

sim_network *sim_network_new(uint64_t seed)
{
    sim_network *network = calloc(1, sizeof *network);
    assert_non_null(network);
    network->transport.ops = &network_ops;
    network->seed = seed;
    network->random = seed;
    network->time_max_us = UINT64_C(3600) * 1000000;
    copse_env_init(&network->env);
    return network;
}

copse_transport *sim_network_transport(sim_network *network)
{
    return &network->transport;
}

static uint64_t network_clock(void *ctx)
{
    return network_epoch_ms + ((sim_network *)ctx)->now_us / 1000;
}

void sim_network_give_clock(sim_network *network, copse_env *env)
{
    env->clock = network_clock;
    env->clock_ctx = network;
}

size_t sim_network_add(sim_network *network, const sim_peer *peer)
{
    assert_true(network->hosts_count < SIM_PEERS_MAX);
    sim_host *host = calloc(1, sizeof *host);
    assert_non_null(host);
    host->peer = *peer;
    host->part_phase_us = test_random_below(&network->random, UINT64_C(3600000000));
    network->hosts[network->hosts_count] = host;
    return network->hosts_count++;
}

sim_peer *sim_network_peer(sim_network *network, size_t peer)
{
    return &network->hosts[peer]->peer;
}

const char *sim_network_url(size_t peer, char ret_url[SIM_URL_SIZE])
{
    (void)snprintf(ret_url, SIM_URL_SIZE, "http://peer%zu", peer % SIM_PEERS_MAX);
    return ret_url;
}

size_t sim_network_running(const sim_network *network)
{
    return network->requests_count;
}

uint64_t sim_network_now_us(const sim_network *network)
{
    return network->now_us;
}

void sim_network_set_time_max(sim_network *network, uint64_t ms)
{
    network->time_max_us = ms * 1000;
}

uint64_t sim_network_fault_count(const sim_network *network, sim_fault fault)
{
    return network->counts[fault];
}

uint64_t sim_network_trace(const sim_network *network)
{
    return network->trace;
}
