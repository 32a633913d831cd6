/* Seeded runs of a fetch against peers of all kinds: near, far, fast, slow, batches or gateway,
 * with all blocks or some, honest or with any share of any faults; wants that come later, are
 * dropped, or are left alone while the caller is busy elsewhere.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_FETCH_CHAOS_H
#define COPSE_TESTS_FETCH_CHAOS_H

#include "support/fetch_sim.h"

/** What happened in many runs. */
typedef struct fetch_chaos_totals {
    uint64_t faults[FETCH_SIM_FAULTS_COUNT];
    uint64_t requests;
    uint64_t cancels;
    uint64_t hedges;
    uint64_t failures;
    uint64_t lies;
    uint64_t banned; /* peers */
    uint64_t delivered;
    uint64_t missing;
    uint64_t dropped; /* rounds */
} fetch_chaos_totals;

/** One seeded run with peers of all kinds, several rounds of wants; adds to the totals. `map_seed`
 * is for what must not matter. Fails the test if anything is wrong; returns a hash of all steps. */
uint64_t fetch_chaos_run(uint64_t seed, uint64_t map_seed, fetch_chaos_totals *totals);

#endif
