/* As watch_counts_test.c, on more posts.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/watch_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_100k(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        watch_counts_check(
            &(posts_world_options){.count = 100000, .random_ids = i % 2 != 0, .linked = i >= 2});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_100k)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
