/* A fetch as a whole, over simulated peers: that it always ends well, and how fast it is.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/fetch_chaos.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SEEDS_COUNT = 400, SPEED_BLOCKS = 4000, SPEED_BLOCK_SIZE = 4096 };

/* Whatever the peers do: it ends, and brings what honest ones have (F1, F4, F5). */
static void test_chaos(void **state)
{
    fetch_chaos_totals totals = {.requests = 0};
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS_COUNT; seed++) {
        (void)fetch_chaos_run(seed, seed, &totals);
    }
    for (size_t i = 0; i < FETCH_SIM_FAULTS_COUNT; i++) {
        assert_true(totals.faults[i] > 0);
    }
    assert_true(totals.hedges > 0 && totals.cancels > 0 && totals.banned > 0);
    assert_true(totals.delivered > totals.missing && totals.missing > 0 && totals.dropped > 0);
}

/* The same calls give the same steps, however the maps hash (F7). */
static void test_same_steps(void **state)
{
    fetch_chaos_totals totals = {.requests = 0};
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS_COUNT / 10; seed++) {
        uint64_t trace = fetch_chaos_run(seed, 1, &totals);
        assert_true(fetch_chaos_run(seed, 2, &totals) == trace);
        assert_true(fetch_chaos_run(seed + 1, 2, &totals) != trace);
    }
}

/* ---- Speed ---- */

/* Peers of 10 Mbit/s, 50 ms away. */
static void speed_init(fetch_sim *sim, test_env *test, size_t peers_count)
{
    test_env_init(test);
    assert_int_equal(fetch_sim_init(sim, &test->env, 1, SPEED_BLOCKS, SPEED_BLOCK_SIZE), COPSE_OK);
    sim->peers_count = peers_count;
    for (size_t i = 0; i < peers_count; i++) {
        sim->peers[i] =
            (fetch_sim_peer){.latency_ms = 50, .bytes_per_ms = 1250, .has_percent = 100};
    }
    assert_int_equal(fetch_sim_begin(sim), COPSE_OK);
}

/* Fetches all blocks; returns the milliseconds that it took. Few bytes may come twice. */
static uint64_t speed_run(fetch_sim *sim, test_env *test)
{
    uint64_t wasted_bytes = 0;
    assert_int_equal(fetch_sim_want(sim, 0, sim->blocks_count), COPSE_OK);
    assert_int_equal(fetch_sim_run(sim, UINT64_MAX), COPSE_OK);
    fetch_sim_check(sim, 0, sim->blocks_count);
    for (size_t i = 0; i < sim->peers_count; i++) {
        wasted_bytes += copse_fetch_get_peer_stats(sim->fetch, i).wasted_bytes;
    }
    assert_true(wasted_bytes < SPEED_BLOCKS * SPEED_BLOCK_SIZE / 100);
    uint64_t ms = fetch_sim_now_ms(sim);
    fetch_sim_release(sim);
    test_env_assert_empty(test);
    return ms;
}

static uint64_t speed_of_equals(size_t peers_count)
{
    test_env test;
    fetch_sim sim;
    speed_init(&sim, &test, peers_count);
    return speed_run(&sim, &test);
}

/* F2: four equal peers are nearly four times as fast as one. */
static void test_equals(void **state)
{
    (void)state;
    uint64_t one_ms = speed_of_equals(1);
    uint64_t four_ms = speed_of_equals(4);
    print_message("4,000 blocks of 4 KiB, 10 Mbit/s and 50 ms each: 1 peer %llu ms, 4 peers %llu "
                  "ms\n",
                  (unsigned long long)one_ms, (unsigned long long)four_ms);
    assert_true(four_ms * 35 <= one_ms * 10);
}

/* F2: each sends in proportion to its speed. All four together take 1,008 ms for the bytes. */
static void test_unequals(void **state)
{
    test_env test;
    fetch_sim sim;
    (void)state;
    speed_init(&sim, &test, 4);
    sim.peers[2].bytes_per_ms = 12500;
    assert_true(speed_run(&sim, &test) < 1300);
}

/* F3: a peer that never answers, that stops in the middle, that stops later, or that is a hundred
 * times slower, costs not much more than not having it: three take 4,370 ms for the bytes. */
static void test_one_is_no_help(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        test_env test;
        fetch_sim sim;
        speed_init(&sim, &test, 4);
        sim.peers[1].fault_percent = kind < 3 ? 100 : 0;
        sim.peers[1].faults = 1u << (kind == 1 ? FETCH_SIM_STALL : FETCH_SIM_LOST);
        sim.peers[1].faults_from_ms = kind == 2 ? 1000 : 0;
        sim.peers[1].bytes_per_ms = kind == 3 ? 12 : 1250;
        assert_true(speed_run(&sim, &test) < 4370 + 300);
    }
}

/* ---- Memory ---- */

/* Peers with and without faults, while an allocation fails. */
static copse_status memory_run(const copse_env *env, void *ctx)
{
    fetch_sim sim;
    (void)ctx;
    copse_status status = fetch_sim_init(&sim, env, 1, 60, 0);
    sim.peers_count = 3;
    for (size_t i = 0; i < sim.peers_count; i++) {
        sim.peers[i] = (fetch_sim_peer){.latency_ms = 5,
                                        .bytes_per_ms = 100,
                                        .has_percent = 70,
                                        .is_gateway = i == 2,
                                        .fault_percent = i == 0 ? 50 : 0,
                                        .faults = 1u << FETCH_SIM_CUT | 1u << FETCH_SIM_STALL};
    }
    sim.piece_max = 500;
    if (status == COPSE_OK) {
        status = fetch_sim_begin(&sim);
    }
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        status = fetch_sim_want(&sim, i * 30, i * 30 + 30);
        if (status == COPSE_OK) {
            status = fetch_sim_run(&sim, UINT64_MAX);
        }
        if (status == COPSE_OK) {
            fetch_sim_check(&sim, i * 30, i * 30 + 30);
        }
    }
    fetch_sim_release(&sim);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(test_env_sweep(memory_run, NULL, 2000) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chaos),          cmocka_unit_test(test_same_steps),
        cmocka_unit_test(test_equals),         cmocka_unit_test(test_unequals),
        cmocka_unit_test(test_one_is_no_help), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
