/* Queries on a remote over a simulated network of peers that fail and lie, against looking at every
 * document: each answer is right, or a clear failure; none hangs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_REMOTE_SIMULATION_H
#define COPSE_TESTS_REMOTE_SIMULATION_H

#include <copse/remote.h>

#include "support/sim_network.h"

enum { REMOTE_SIMULATION_WAYS = COPSE_REMOTE_BLOCKS + 1 };

/** What happened over many seeds. Zeroed at first. */
typedef struct remote_simulation_totals {
    uint64_t seeds;
    uint64_t queries;
    uint64_t some;                         /**< Answered with neither none nor all documents. */
    uint64_t ways[REMOTE_SIMULATION_WAYS]; /**< Of those that were answered. */
    uint64_t counts;                       /**< Counted block by block. */
    uint64_t not_found;                    /**< Failed so. */
    uint64_t unreachable;                  /**< IO. */
    uint64_t refused;                      /**< CORRUPT. */
    uint64_t cut;      /**< Of these three, those that had given documents before. */
    uint64_t promised; /**< Queries that had to be answered: somebody honest had it all. */
    uint64_t virtual_ms;
    uint64_t faults[SIM_FAULT_COUNT];
    uint64_t trace; /**< A hash of all that the clients saw. */
} remote_simulation_totals;

/** Runs the seeds [first, first + count); fails the test, naming the seed, where a promise is
 * broken. */
void remote_simulation_run(uint64_t first, uint64_t count, remote_simulation_totals *totals);

void remote_simulation_print(const remote_simulation_totals *totals);

#endif
