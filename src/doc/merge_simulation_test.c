/* Many peers that write and merge one database (merge_simulation.h): a few seeds, and that a seed
 * says all. With a number as its argument: that seed alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/merge_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FIRST = 6, SEEDS = 6, TWICE = 1 };

static void test_seeds(void **state)
{
    (void)state;
    merge_simulation_run_until(FIRST, SEEDS, 1);
}

static void test_same_seed(void **state)
{
    merge_simulation_totals totals[3] = {{.seeds = 0}, {.seeds = 0}, {.seeds = 0}};
    (void)state;
    merge_simulation_run(TWICE, 1, &totals[0]);
    merge_simulation_run(TWICE, 1, &totals[1]);
    merge_simulation_run(TWICE + 1, 1, &totals[2]);
    assert_memory_equal(&totals[0], &totals[1], sizeof totals[0]);
    assert_true(totals[0].trace != totals[2].trace);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_same_seed),
    };
    return merge_simulation_replay(argc, argv) ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
