/* What one new match in a million documents costs a watching reader: the rows of
 * tests/support/watch_counts.c, checked. Takes 3 GB of memory and a minute or two.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/watch_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_1m(void **state)
{
    (void)state;
    watch_counts_check(&(posts_world_options){.count = 1000000});
    watch_counts_check(
        &(posts_world_options){.count = 1000000, .random_ids = true, .linked = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_1m)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
