/* A fetch against simulated peers under a virtual clock: latency, bandwidth, faults, all from one
 * seed. What comes is checked against what there is; what happened is counted.
 *
 * An answer is made as bytes when it is asked for, is spoilt by the fault that is due, and arrives
 * in pieces as the peer's link allows: one answer after the other, stuck ones aside.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_FETCH_SIM_H
#define COPSE_TESTS_FETCH_SIM_H

#include "sync/fetch.h"

#include <copse/buf.h>

/** What may go wrong with a request. */
typedef enum fetch_sim_fault {
    FETCH_SIM_LOST,        /* no answer, ever */
    FETCH_SIM_STALL,       /* the answer stops somewhere */
    FETCH_SIM_CUT,         /* the connection breaks somewhere */
    FETCH_SIM_TRUNCATED,   /* the answer ends somewhere as if it were whole */
    FETCH_SIM_REFUSED,     /* no connection */
    FETCH_SIM_BUSY,        /* 503, with Retry-After or without */
    FETCH_SIM_WRONG_BYTES, /* a block that does not hash to its CID */
    FETCH_SIM_WRONG_BLOCK, /* a good block that was not asked for */
    FETCH_SIM_TWICE,       /* a block that was there already */
    FETCH_SIM_PADDED,      /* zeros behind the blocks */
    FETCH_SIM_HUGE,        /* a section longer than the limits allow */
    FETCH_SIM_NO_CAR,      /* a page of text */
    FETCH_SIM_FAULTS_COUNT
} fetch_sim_fault;

enum { FETCH_SIM_PEERS_MAX = 8, FETCH_SIM_REQUESTS_MAX = 256 };

typedef struct fetch_sim_peer {
    uint64_t latency_ms;     /* both ways together */
    uint64_t bytes_per_ms;   /* not 0 */
    unsigned has_percent;    /* of the blocks */
    bool is_gateway;         /* knows no batches */
    unsigned fault_percent;  /* of the requests */
    unsigned faults;         /* which of them may happen: bits */
    uint64_t faults_from_ms; /* none before */
    uint64_t link_us;        /* when its link is free */
} fetch_sim_peer;

typedef struct fetch_sim_answer {
    uint64_t id; /* 0: none */
    size_t peer;
    uint64_t ready_us;
    copse_buf bytes;
    size_t sent;
    size_t stuck_at;   /* SIZE_MAX: never */
    unsigned status;   /* 200, or of the failure: 0 no connection */
    bool is_cut;       /* it breaks at its end */
    uint32_t retry_ms; /* with a failure */
} fetch_sim_answer;

typedef struct fetch_sim {
    const copse_env *env;
    uint64_t seed;
    uint64_t random;
    uint64_t time_us;
    copse_fetch *fetch;
    fetch_sim_peer peers[FETCH_SIM_PEERS_MAX];
    size_t peers_count;
    copse_cid *cids;    /* of the blocks that exist */
    uint8_t *delivered; /* times */
    uint8_t *missing;
    size_t blocks_count;
    size_t found;      /* the block that was looked up last */
    size_t block_size; /* their mean; 0: mixed small sizes */
    fetch_sim_answer answers[FETCH_SIM_REQUESTS_MAX];
    size_t piece_max;      /* bytes of an answer that arrive at once */
    unsigned lag_permille; /* events after which the caller is busy for seconds */
    uint64_t faults_counts[FETCH_SIM_FAULTS_COUNT];
    uint64_t requests_count;
    uint64_t cancels_count;
    uint64_t dropped_count;
    uint64_t trace; /* a hash of all steps */
    uint64_t steps_count;
} fetch_sim;

/** Makes the blocks; the caller sets the peers, then calls fetch_sim_begin. NOMEM. */
copse_status fetch_sim_init(fetch_sim *sim, const copse_env *env, uint64_t seed,
                            size_t blocks_count, size_t block_size);

/** Makes the fetch. */
copse_status fetch_sim_begin(fetch_sim *sim);

/** Wants blocks [from, to) and runs until all came or were given up, or `until_ms` is there.
 * Returns OK, or NOMEM. */
copse_status fetch_sim_want(fetch_sim *sim, size_t from, size_t to);
copse_status fetch_sim_run(fetch_sim *sim, uint64_t until_ms);

/** Whether a peer has a block. */
bool fetch_sim_has(const fetch_sim *sim, size_t peer, size_t block);

uint64_t fetch_sim_now_ms(const fetch_sim *sim);

/** Fails the test unless each block of [from, to) came once, or is missing and no peer that never
 * fails has it, with a reason of each peer. */
void fetch_sim_check(fetch_sim *sim, size_t from, size_t to);

void fetch_sim_release(fetch_sim *sim);

/** Fails the test, with the seed and the time, unless something is so. */
void fetch_sim_require(const fetch_sim *sim, bool is_so, const char *what);

#endif
