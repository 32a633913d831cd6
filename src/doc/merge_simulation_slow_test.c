/* Many peers that write and merge one database (merge_simulation.h): many seeds; every kind of
 * fault and conflict is met a hundred times. With a number as its argument: that seed alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/merge_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FIRST = 100000, SEEDS = 160, LEAST = 100 };

static void test_seeds(void **state)
{
    (void)state;
    merge_simulation_run_until(FIRST, SEEDS, LEAST);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};
    return merge_simulation_replay(argc, argv) ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
