/* The blocks, bytes and round trips that one new match costs a reader: exact.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/watch_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_10k(void **state)
{
    (void)state;
    watch_counts_check(&(posts_world_options){.count = 10000});
    watch_counts_check(&(posts_world_options){.count = 10000, .random_ids = true, .linked = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_10k)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
