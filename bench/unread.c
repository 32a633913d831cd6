/* What counting the unread of 1,000 new posts in a million costs: the rows of
 * tests/support/unread_counts.c, checked. Takes 3 GB of memory and a minute or two.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/unread_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_1m(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        unread_counts_check(&(posts_world_options){
            .count = 1000000, .random_ids = i > 0, .linked = i > 0, .has_mentions = true});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_1m)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
