/* Losses of power and killed processes under a document database: the quick part.
 * document_crash_slow_test.c runs more; document_crash.h says what must hold.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/document_crash.h"

enum { DOCUMENT_CRASH_LIVES = 40, DOCUMENT_CRASH_MUTANT_LIVES = 100 };

/* $COPSE_CRASH_SEED: only that one. */
static void document_crash_loses_nothing(void **state)
{
    (void)state;
    document_crash_counts counts = {0};
    char why[600] = "";
    const char *only = getenv("COPSE_CRASH_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t count = only != NULL ? 1 : DOCUMENT_CRASH_LIVES;
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (!document_crash_run(seed, NULL, &counts, why, sizeof why)) {
            fail_msg("%s", why);
        }
    }
    print_message("%llu crashes (%llu with a commit in flight, %llu of those there afterwards, "
                  "%llu in imports, %llu in gc), %llu drops of history, %llu kills, %llu commits, "
                  "%llu lost, %llu "
                  "refused, %llu index builds, %llu bytes spilled, %llu torn writes, %llu "
                  "documents compared\n",
                  (unsigned long long)counts.crashes, (unsigned long long)counts.in_flight,
                  (unsigned long long)counts.in_flight_seen, (unsigned long long)counts.in_import,
                  (unsigned long long)counts.in_gc, (unsigned long long)counts.drops,
                  (unsigned long long)counts.kills, (unsigned long long)counts.commits,
                  (unsigned long long)counts.lost, (unsigned long long)counts.refused,
                  (unsigned long long)counts.index_builds, (unsigned long long)counts.spilled,
                  (unsigned long long)counts.torn, (unsigned long long)counts.documents);
    if (only == NULL) {
        assert_true(counts.in_flight > counts.in_flight_seen && counts.in_flight_seen > 0);
        assert_true(counts.in_import > 0 && counts.in_gc > 0 && counts.kills > 0);
        assert_true(counts.drops > 10);
        assert_true(counts.lost > 0 && counts.refused > 0 && counts.index_builds > 0);
        assert_true(counts.spilled > 0 && counts.torn > 0 && counts.documents > 1000);
    }
}

/* A machine that syncs less than it says is found out: the lives can fail. */
static void document_crash_sees_a_sync_that_does_nothing(void **state)
{
    (void)state;
    static const char *const unsynced[] = {"/journal-", "/pack-"};
    for (size_t i = 0; i < sizeof unsynced / sizeof *unsynced; i++) {
        document_crash_counts counts = {0};
        char why[600] = "";
        uint64_t seed = 1;
        while (seed <= DOCUMENT_CRASH_MUTANT_LIVES &&
               document_crash_run(seed, unsynced[i], &counts, why, sizeof why)) {
            seed++;
        }
        print_message("%s: %s\n", unsynced[i], why);
        assert_true(seed <= DOCUMENT_CRASH_MUTANT_LIVES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(document_crash_loses_nothing),
        cmocka_unit_test(document_crash_sees_a_sync_that_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
