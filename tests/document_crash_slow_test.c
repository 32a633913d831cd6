/* Thousands of lives of document_crash.h; document_crash_test.c lives the first ones.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/document_crash.h"

enum { DOCUMENT_CRASH_SLOW_FIRST = 1001, DOCUMENT_CRASH_SLOW_COUNT = 3000 };

/* $COPSE_CRASH_FIRST and $COPSE_CRASH_COUNT choose other seeds. */
static uint64_t document_crash_slow_number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

static void document_crash_loses_nothing_in_thousands_of_lives(void **state)
{
    (void)state;
    document_crash_counts counts = {0};
    char why[600] = "";
    uint64_t first = document_crash_slow_number("COPSE_CRASH_FIRST", DOCUMENT_CRASH_SLOW_FIRST);
    uint64_t count = document_crash_slow_number("COPSE_CRASH_COUNT", DOCUMENT_CRASH_SLOW_COUNT);
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (!document_crash_run(seed, NULL, &counts, why, sizeof why)) {
            fail_msg("%s", why);
        }
    }
    print_message("%llu crashes, %llu kills, %llu commits, %llu documents compared\n",
                  (unsigned long long)counts.crashes, (unsigned long long)counts.kills,
                  (unsigned long long)counts.commits, (unsigned long long)counts.documents);
    assert_true(counts.commits > 0 && counts.documents > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(document_crash_loses_nothing_in_thousands_of_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
