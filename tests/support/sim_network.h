/* A network of peers in one process: a transport (copse/sys/transport.h) whose peers are services
 * without sockets, and whose time is virtual.
 *
 *   N1  Everything follows from the seed and from what the client calls: the same calls see the
 *       same events at the same times (sim_network_trace).
 *   N2  Time passes only in the transport's wait, which goes from event to event. Where nothing
 *       will ever happen, or time_max_ms has passed, the test fails: somebody hangs.
 *   N3  A peer answers as fast as its link takes it. The link is shared by all answers of the
 *       peer, in turn, by segments; each connection has a window that grows as TCP's does at
 *       first. A new connection costs a round trip; one that is whole again is used again.
 *   N4  A fault counts once the client has seen it: when the first wrong byte, the broken
 *       connection, the late part was handed out, or the silence was waited for.
 *
 * What is sent is not compressed (services see no Accept-Encoding), but a bomb's bytes count for a
 * thousandth on the wire.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SIM_NETWORK_H
#define COPSE_TESTS_SIM_NETWORK_H

#include "support/sim_network_fault.h"

enum { SIM_PEERS_MAX = 128, SIM_URL_SIZE = 24, SIM_CONNECT_MS_MAX = 10000 };

/** How bytes get to a peer and back. Zeroed: at once. */
typedef struct sim_link {
    uint32_t latency_us;      /**< One way. */
    uint32_t jitter_us;       /**< Up to so much more, each time anew. */
    uint64_t bytes_per_s;     /**< Each way; 0: no bound. */
    unsigned lost_permille;   /**< Of segments: sent again, so late. */
    unsigned broken_permille; /**< Of segments: the connection breaks. */
    uint32_t part_every_ms;   /**< Once in such a time there is no way, 0: never, */
    uint32_t part_ms;         /**< for so long. */
} sim_link;

typedef struct sim_peer {
    copse_service *service; /**< NULL: nobody is there. Must outlive the network. */
    sim_link link;
    bool is_gateway;         /**< Has none of the pages of Copse: always GATEWAY there. */
    uint64_t faults;         /**< A set of those of a peer, */
    unsigned fault_permille; /**< one of which so many requests meet. */
    copse_refs *refs;        /**< OLD_HEAD: as sim_liar. */
    copse_cid old_head;      /**< Likewise; of size 0: none. */
} sim_peer;

typedef struct sim_network sim_network;

/** Makes a network without peers. Frees itself with its transport. */
sim_network *sim_network_new(uint64_t seed);

/** Its transport, which owns it. */
copse_transport *sim_network_transport(sim_network *network);

/** Gives `env` the network's clock. */
void sim_network_give_clock(sim_network *network, copse_env *env);

/** Adds a peer; returns its number. */
size_t sim_network_add(sim_network *network, const sim_peer *peer);

/** A peer, to be changed while nothing runs; lent until the next is added. */
sim_peer *sim_network_peer(sim_network *network, size_t peer);

/** "http://peer0" and so on. */
const char *sim_network_url(size_t peer, char ret_url[SIM_URL_SIZE]);

/** How many requests are under way. */
size_t sim_network_running(const sim_network *network);

uint64_t sim_network_now_us(const sim_network *network);

/** Fails the test at this time, an hour at first. */
void sim_network_set_time_max(sim_network *network, uint64_t ms);

/** How often the client has met a fault. */
uint64_t sim_network_fault_count(const sim_network *network, sim_fault fault);

/** A hash of all events until now, and their times. */
uint64_t sim_network_trace(const sim_network *network);

#endif
