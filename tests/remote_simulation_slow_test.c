/* Remote queries over a network that fails and lies: thousands of seeds; each kind of fault is met.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/remote_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FIRST = 100000, SEEDS = 6000 };

static void test_seeds(void **state)
{
    remote_simulation_totals totals = {.seeds = 0};
    (void)state;
    remote_simulation_run(FIRST, SEEDS, &totals);
    remote_simulation_print(&totals);
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        assert_true(totals.faults[i] > 0);
    }
    for (size_t way = COPSE_REMOTE_LOCAL; way < REMOTE_SIMULATION_WAYS; way++) {
        assert_true(totals.ways[way] > SEEDS / 100);
    }
    assert_true(totals.not_found > 0 && totals.unreachable > 0 && totals.refused > 0);
    assert_true(totals.cut > 0);
    assert_true(totals.some * 100 >= totals.queries * 15);
    assert_true(totals.promised > totals.queries / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
