/* What named queries cost a peer with an empty store, in blocks, bytes and round trips: exact.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/remote_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_1k(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        remote_counts_check(
            &(posts_world_options){.count = 1000, .random_ids = i % 2 != 0, .linked = i >= 2});
    }
}

static void test_1k_edited(void **state)
{
    (void)state;
    remote_counts_check_edited(&(posts_world_options){.count = 1000});
    remote_counts_check_edited(
        &(posts_world_options){.count = 1000, .random_ids = true, .linked = true});
}

static void test_10k(void **state)
{
    (void)state;
    remote_counts_check(&(posts_world_options){.count = 10000});
    remote_counts_check(&(posts_world_options){.count = 10000, .random_ids = true, .linked = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_1k),
        cmocka_unit_test(test_1k_edited),
        cmocka_unit_test(test_10k),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
