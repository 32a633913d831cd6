/* What named queries cost a peer with an empty store, of larger databases: exact.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/remote_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_100k(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        remote_counts_check(
            &(posts_world_options){.count = 100000, .random_ids = i % 2 != 0, .linked = i >= 2});
    }
}

static void test_10k_edited(void **state)
{
    (void)state;
    remote_counts_check_edited(&(posts_world_options){.count = 10000, .linked = true});
    remote_counts_check_edited(&(posts_world_options){.count = 10000, .random_ids = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_100k),
        cmocka_unit_test(test_10k_edited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
