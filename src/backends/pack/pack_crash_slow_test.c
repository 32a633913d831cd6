/* Thousands of lives of pack_crash.h; pack_crash_test.c lives the first 150.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/pack_crash.h"

enum { CRASH_SLOW_FIRST = 151, CRASH_SLOW_COUNT = 8000 };

/* $COPSE_CRASH_FIRST and $COPSE_CRASH_COUNT choose other seeds. */
static uint64_t crash_slow_number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

static void crash_loses_nothing_in_thousands_of_lives(void **state)
{
    (void)state;
    pack_crash_counts counts = {0};
    char why[600] = "";
    uint64_t first = crash_slow_number("COPSE_CRASH_FIRST", CRASH_SLOW_FIRST);
    uint64_t count = crash_slow_number("COPSE_CRASH_COUNT", CRASH_SLOW_COUNT);
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (!pack_crash_run(seed, &counts, why, sizeof why)) {
            fail_msg("%s", why);
        }
    }
    print_message("%llu crashes, %llu kills, %llu commits\n", (unsigned long long)counts.crashes,
                  (unsigned long long)counts.kills, (unsigned long long)counts.commits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crash_loses_nothing_in_thousands_of_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
