/* What named queries cost on a database that is a CAR on a web server: requests, round trips,
 * bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/static_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_1k(void **state)
{
    (void)state;
    static_counts_check(&(posts_world_options){.count = 1000});
    static_counts_check(&(posts_world_options){.count = 1000, .random_ids = true, .linked = true});
}

static void test_10k(void **state)
{
    (void)state;
    static_counts_check(&(posts_world_options){.count = 10000});
    static_counts_check(&(posts_world_options){.count = 10000, .random_ids = true, .linked = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_1k),
        cmocka_unit_test(test_10k),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
