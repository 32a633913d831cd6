/* Remote queries over a network that fails and lies: a few hundred seeds, and that a seed says all.
 * With a number as its argument: that seed alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/remote_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEEDS = 320, SEEDS_TWICE = 16 };

static void test_seeds(void **state)
{
    remote_simulation_totals totals = {.seeds = 0};
    (void)state;
    remote_simulation_run(1, SEEDS, &totals);
    remote_simulation_print(&totals);
    assert_true(totals.queries >= SEEDS);
    for (size_t way = COPSE_REMOTE_LOCAL; way < REMOTE_SIMULATION_WAYS; way++) {
        assert_true(totals.ways[way] > 0);
    }
    assert_true(totals.counts > 0 && totals.promised > totals.queries / 4);
    assert_true(totals.not_found > 0 && totals.unreachable > 0);
}

static void test_same_seed(void **state)
{
    remote_simulation_totals totals[3] = {{.seeds = 0}, {.seeds = 0}, {.seeds = 0}};
    (void)state;
    remote_simulation_run(1, SEEDS_TWICE, &totals[0]);
    remote_simulation_run(1, SEEDS_TWICE, &totals[1]);
    remote_simulation_run(2, SEEDS_TWICE, &totals[2]);
    assert_memory_equal(&totals[0], &totals[1], sizeof totals[0]);
    assert_true(totals[0].trace != totals[2].trace);
}

static void run_one(uint64_t seed)
{
    remote_simulation_totals totals = {.seeds = 0};
    remote_simulation_run(seed, 1, &totals);
    remote_simulation_print(&totals);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_same_seed),
    };
    if (argc > 1) {
        run_one(strtoull(argv[1], NULL, 10));
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
