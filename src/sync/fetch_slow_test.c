/* The simulation of fetch_sim_test.c, over many more seeds. FETCH_SEED=N in the environment runs
 * that one alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/fetch_chaos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEEDS_COUNT = 20000 };

static void test_chaos(void **state)
{
    fetch_chaos_totals totals = {.requests = 0};
    const char *only = getenv("FETCH_SEED");
    uint64_t from = only != NULL ? strtoull(only, NULL, 10) : 0;
    uint64_t to = only != NULL ? from + 1 : SEEDS_COUNT;
    (void)state;
    for (uint64_t seed = from; seed < to; seed++) {
        (void)fetch_chaos_run(seed, seed, &totals);
    }
    for (size_t i = 0; i < FETCH_SIM_FAULTS_COUNT; i++) {
        print_message("fault %zu: %llu times\n", i, (unsigned long long)totals.faults[i]);
        assert_true(only != NULL || totals.faults[i] > SEEDS_COUNT / 10);
    }
    print_message(
        "%llu requests, %llu blocks delivered, %llu missing, %llu hedges, %llu cancelled, "
        "%llu failures, %llu lies, %llu peers banned\n",
        (unsigned long long)totals.requests, (unsigned long long)totals.delivered,
        (unsigned long long)totals.missing, (unsigned long long)totals.hedges,
        (unsigned long long)totals.cancels, (unsigned long long)totals.failures,
        (unsigned long long)totals.lies, (unsigned long long)totals.banned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chaos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
