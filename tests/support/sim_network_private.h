/* The inside of a simulated network: sim_network.c is the client's side of it, sim_network_peer.c
 * that of the peers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SIM_NETWORK_PRIVATE_H
#define COPSE_TESTS_SIM_NETWORK_PRIVATE_H

#include "support/sim_network.h"
#include "support/sim_queue.h"

/* What happens: kinds of sim_event; the subject is a request's id, or of LINK a peer. */
typedef enum sim_happening {
    SIM_ARRIVES,  /* a request, at its peer */
    SIM_LINK,     /* a peer's link is free */
    SIM_DELIVERS, /* a segment (data), at the client */
    SIM_ACKED,    /* that it came, at the peer; data: its size */
    SIM_RESUMES   /* an answer that had stalled */
} sim_happening;

/* What an answer is sent in. */
typedef struct sim_segment {
    copse_transport_event_kind kind;
    size_t wire_bytes;
    uint64_t body_end;  /* of the body, that was sent with it */
    uint64_t faults;    /* of the link, that it met */
    const char *reason; /* FAILED */
    size_t len;         /* BODY */
    uint8_t bytes[];
} sim_segment;

typedef struct sim_connection {
    bool is_open;
    bool is_busy;
    size_t window; /* bytes that may be on their way */
} sim_connection;

typedef struct sim_request {
    uint64_t id;
    size_t peer;
    sim_connection *connection;
    sim_exchange exchange;
    uint64_t link_faults; /* that the request met on its way */
    sim_fault fault;      /* of the peer; SIM_FAULT_COUNT: none, or it was seen */
    bool answered;
    bool head_sent;
    bool head_seen;
    bool whole;        /* all was sent */
    uint64_t taken;    /* bytes of the body sent */
    uint64_t stops_at; /* of the body: STALLED, STUCK, VANISHED; UINT64_MAX: nowhere */
    bool stops_first;  /* even before the head */
    bool stopped;
    uint64_t stopped_us;
    size_t in_flight;
    uint64_t last_us; /* when its last segment comes */
} sim_request;

enum { SIM_CONNECTIONS_MAX = 64 };

/* A peer as it is now. */
typedef struct sim_host {
    sim_peer peer;
    uint64_t part_phase_us;
    uint64_t up_free_us;
    uint64_t down_free_us;
    bool link_waits; /* a LINK is in the queue */
    uint64_t turn;   /* the request that sent last */
    uint64_t away_until_us;
    sim_connection connections[SIM_CONNECTIONS_MAX];
} sim_host;

struct sim_network {
    copse_transport transport;
    copse_env env; /* for what is made up */
    uint64_t seed;
    uint64_t random;
    uint64_t now_us;
    uint64_t time_max_us;
    uint64_t idle_waits; /* in which no time passed */
    uint64_t trace;
    uint64_t counts[SIM_FAULT_COUNT];
    copse_transport_stats stats;
    sim_queue queue;
    sim_host *hosts[SIM_PEERS_MAX];
    size_t hosts_count;
    sim_request **requests; /* by id */
    size_t requests_count;
    size_t requests_capacity;
    uint64_t next_id;
    sim_segment *lent; /* what the last event borrows */
};

/* The request, unless it has ended. */
sim_request *sim_network_find(sim_network *network, uint64_t id);

static inline sim_host *sim_network_host(sim_network *network, const sim_request *request)
{
    return network->hosts[request->peer];
}

static inline void sim_network_plan(sim_network *network, uint64_t at_us, sim_happening kind,
                                    uint64_t subject, void *data)
{
    sim_queue_add(&network->queue,
                  (sim_event){.at_us = at_us, .kind = kind, .subject = subject, .data = data});
}

/* Sends a new request off. */
void sim_network_send(sim_network *network, sim_request *request);

/* What happens at a peer. */
void sim_network_arrives(sim_network *network, sim_request *request);
void sim_network_link(sim_network *network, size_t peer);
void sim_network_acked(sim_network *network, sim_request *request, size_t wire_bytes);
void sim_network_resumes(sim_network *network, sim_request *request);

#endif
