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

static void test_100k(void **state)
{
    (void)state;
    static_counts_check(&(posts_world_options){.count = 100000});
    static_counts_check(
        &(posts_world_options){.count = 100000, .random_ids = true, .linked = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_100k),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
