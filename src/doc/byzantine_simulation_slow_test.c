/* Honest peers under attack (byzantine_simulation.h): many seeds. With a number as its argument:
 * that seed alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/byzantine_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_seeds(void **state)
{
    (void)state;
    byzantine_simulation_run(100, 50);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
    };
    return byzantine_simulation_replay(argc, argv) ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
