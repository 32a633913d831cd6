/* What counting unread posts costs: exact.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/unread_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_10k(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        unread_counts_check(&(posts_world_options){
            .count = 10000, .random_ids = i > 0, .linked = i > 0, .has_mentions = true});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_10k)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
