/* Losses of power and killed processes on a simulated disk: the quick part. pack_crash_slow_test.c
 * runs more lives.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/pack_crash.h"

/* Lives `count` lives from seed `first` on. $COPSE_CRASH_SEED: only that one. */
static void crash_test_lives(uint64_t first, uint64_t count)
{
    pack_crash_counts counts = {0};
    char why[600] = "";
    const char *only = getenv("COPSE_CRASH_SEED");
    if (only != NULL) {
        first = strtoull(only, NULL, 10);
        count = 1;
    }
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (!pack_crash_run(seed, &counts, why, sizeof why)) {
            fail_msg("%s", why);
        }
    }
    print_message("%llu crashes (%llu half-way, %llu in creation, %llu in loads, %llu in gc), "
                  "%llu kills, %llu commits, %llu lost, %llu torn writes, %llu packs at the end\n",
                  (unsigned long long)counts.crashes, (unsigned long long)counts.half_way,
                  (unsigned long long)counts.in_creation, (unsigned long long)counts.in_bulk,
                  (unsigned long long)counts.in_gc, (unsigned long long)counts.kills,
                  (unsigned long long)counts.commits, (unsigned long long)counts.lost,
                  (unsigned long long)counts.torn, (unsigned long long)counts.packs);
    if (only == NULL) {
        assert_true(counts.half_way > 0 && counts.in_creation > 0 && counts.in_bulk > 0 &&
                    counts.in_gc > 0 && counts.kills > 0 && counts.lost > 0 && counts.torn > 0);
    }
}

static void crash_loses_nothing(void **state)
{
    (void)state;
    crash_test_lives(1, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crash_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
