/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/fetch_chaos.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void chaos_draw_peer(fetch_sim *sim, fetch_sim_peer *peer)
{
    static const unsigned percents[] = {0, 0, 10, 50, 100};
    static const uint64_t speeds[] = {1, 50, 1250, 12500};
    uint64_t *random = &sim->random;
    peer->latency_ms = test_random_below(random, 4) == 0 ? test_random_below(random, 2000)
                                                         : test_random_below(random, 100);
    peer->bytes_per_ms = speeds[test_random_below(random, 4)];
    peer->has_percent =
        test_random_below(random, 2) == 0 ? 100 : (unsigned)test_random_below(random, 101);
    peer->is_gateway = test_random_below(random, 4) == 0;
    peer->fault_percent = percents[test_random_below(random, 5)];
    peer->faults = test_random_below(random, 2) == 0
                       ? (1u << FETCH_SIM_FAULTS_COUNT) - 1
                       : 1u << test_random_below(random, FETCH_SIM_FAULTS_COUNT);
    peer->faults_from_ms = test_random_below(random, 2) * test_random_below(random, 1000);
}

/* Numbers for the maps of the fetch, which must not matter (F7). */
static copse_status chaos_random(void *ctx, void *ret_bytes, size_t size)
{
    uint64_t *random = ctx;
    uint8_t *bytes = ret_bytes;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)test_random(random);
    }
    return COPSE_OK;
}

static void chaos_count(const fetch_sim *sim, fetch_chaos_totals *totals)
{
    for (size_t i = 0; i < FETCH_SIM_FAULTS_COUNT; i++) {
        totals->faults[i] += sim->faults_counts[i];
    }
    for (size_t i = 0; i < sim->peers_count; i++) {
        copse_fetch_peer_stats stats = copse_fetch_get_peer_stats(sim->fetch, i);
        totals->hedges += stats.hedges;
        totals->lies += stats.lies;
        totals->failures += stats.failures;
        totals->banned += stats.lies >= COPSE_FETCH_LIES_MAX;
    }
    for (size_t i = 0; i < sim->blocks_count; i++) {
        totals->delivered += sim->delivered[i];
        totals->missing += sim->missing[i];
    }
    totals->requests += sim->requests_count;
    totals->cancels += sim->cancels_count;
    totals->dropped += sim->dropped_count;
}

/* Wants blocks, perhaps the half of them later, perhaps until it is enough. */
static void chaos_round(fetch_sim *sim, size_t from, size_t to)
{
    uint64_t kind = test_random_below(&sim->random, 4);
    uint64_t soon_ms = fetch_sim_now_ms(sim) + 1 + test_random_below(&sim->random, 1000);
    size_t middle = kind == 0 ? from + (to - from) / 2 : to;
    assert_int_equal(fetch_sim_want(sim, from, middle), COPSE_OK);
    if (kind < 2) {
        assert_int_equal(fetch_sim_run(sim, soon_ms), COPSE_OK);
    }
    if (kind == 0) {
        assert_int_equal(fetch_sim_want(sim, middle, to), COPSE_OK);
    } else if (kind == 1) {
        uint64_t requests_count = sim->requests_count;
        copse_fetch_drop(sim->fetch);
        assert_int_equal(fetch_sim_run(sim, UINT64_MAX), COPSE_OK);
        fetch_sim_require(sim, sim->requests_count == requests_count,
                          "it asks for what it dropped");
        sim->dropped_count++;
        return;
    }
    assert_int_equal(fetch_sim_run(sim, UINT64_MAX), COPSE_OK);
    fetch_sim_check(sim, from, to);
}

uint64_t fetch_chaos_run(uint64_t seed, uint64_t map_seed, fetch_chaos_totals *totals)
{
    test_env test;
    fetch_sim sim;
    test_env_init(&test);
    test.env.random = chaos_random;
    test.env.random_ctx = &map_seed;
    test.env.limits.foreign_size_bytes_max = 65536;
    uint64_t random = seed;
    size_t count = 1 + test_random_below(&random, 1 + test_random_below(&random, 400));
    assert_int_equal(fetch_sim_init(&sim, &test.env, seed, count, 0), COPSE_OK);
    sim.peers_count = 1 + test_random_below(&sim.random, FETCH_SIM_PEERS_MAX);
    sim.piece_max = 1 + test_random_below(&sim.random, 3000);
    sim.lag_permille = test_random_below(&sim.random, 4) == 0 ? 10 : 0;
    for (size_t i = 0; i < sim.peers_count; i++) {
        chaos_draw_peer(&sim, &sim.peers[i]);
    }
    assert_int_equal(fetch_sim_begin(&sim), COPSE_OK);
    size_t rounds = 1 + test_random_below(&sim.random, 3);
    for (size_t i = 0; i < rounds; i++) {
        chaos_round(&sim, count * i / rounds, count * (i + 1) / rounds);
        sim.time_us += test_random_below(&sim.random, 10) * 1000000;
    }
    chaos_count(&sim, totals);
    fetch_sim_release(&sim);
    test_env_assert_empty(&test);
    return sim.trace;
}
