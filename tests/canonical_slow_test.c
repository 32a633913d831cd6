/* The histories of canonical_test.c for longer: thousands of batches of up to 1,000 changes, at the
 * default config and at lambda 128. COPSE_SEED sets the first seed, COPSE_RUNS their number.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tree_history.h"

static uint64_t slow_setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void test_histories(void **state)
{
    (void)state;
    uint64_t first = slow_setting("COPSE_SEED", 100000);
    uint64_t runs = slow_setting("COPSE_RUNS", 400);
    tree_history_met met = {0};
    printf("seeds %llu to %llu\n", (unsigned long long)first,
           (unsigned long long)(first + runs - 1));
    for (uint64_t run = first; run < first + runs; run++) {
        uint64_t seed = run;
        (void)test_random(&seed);
        size_t config =
            test_random_below(&seed, 3) == 0 ? 0 : test_random_below(&seed, TREE_MODEL_CONFIGS);
        tree_keys keys = (tree_keys)test_random_below(&seed, TREE_KEYS_COUNT);
        tree_history_plan plan = {
            .config = tree_model_config(config),
            .keys = keys,
            .values = test_random_below(&seed, 20) == 0
                          ? TREE_VALUES_HUGE
                          : (tree_values)test_random_below(&seed, TREE_VALUES_HUGE),
            .key_count =
                1 + test_random_below(&seed, test_random_below(&seed, 4) == 0 ? 3000 : 300),
            .batch_max = test_random_below(&seed, 4) == 0 ? 1000 : 30,
            .rounds = 20,
            .seed = run};
        tree_history_run(&plan, &met);
    }
    tree_history_print(&met);
    if (runs >= 100) {
        tree_history_assert_met(&met);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
