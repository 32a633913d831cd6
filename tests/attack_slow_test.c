/* The attacks of attack_test.c at 1,000, 4,000 and 16,000 entries: what an edit reads and writes
 * does not grow with the tree. Prints the table of docs/decisions/0004-aheads.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tree_attack.h"

enum { SLOW_EDITS = 200 };

static void slow_grow(const copse_tree_config *config, attack_kind kind)
{
    attack_result first = attack_run(kind, config, 0, 1000, SLOW_EDITS, false);
    (void)attack_run(kind, config, 0, 4000, SLOW_EDITS, false);
    attack_result last = attack_run(kind, config, 0, 16000, SLOW_EDITS, false);
    /* In nodes a level; a tree 16 times as large has a level or two more. */
    double first_level = first.written / (double)first.height;
    double last_level = last.written / (double)last.height;
    assert_true(last_level <= first_level * 1.5 + 0.5);
    assert_true(last.read / (double)last.height <= first.read / (double)first.height * 1.5 + 0.5);
    assert_true(last.written_max <= 12 * last.height);
    assert_true(last.read_max <= 12 * last.height);
}

static void test_default_config(void **state)
{
    (void)state;
    copse_tree_config config = tree_model_config(0);
    for (attack_kind kind = 0; kind <= ATTACK_LONGEST; kind++) {
        if (kind != ATTACK_AROUND_MAX) { /* 16,000 entries of 8 KiB prove nothing more */
            slow_grow(&config, kind);
        }
    }
}

static void test_many_levels(void **state)
{
    (void)state;
    copse_tree_config config = {32, 512, 128};
    for (attack_kind kind = 0; kind <= ATTACK_LONGEST; kind++) {
        slow_grow(&config, kind);
    }
}

/* Boundaries by position: inside the ground run an edit costs up to the run, whatever stands
 * around it. Printed for the record. */
static void test_boundaries_by_position(void **state)
{
    (void)state;
    copse_tree_config configs[] = {tree_model_config(0), {32, 512, 128}, {0, 8192, 2048}};
    for (size_t c = 0; c < sizeof configs / sizeof *configs; c++) {
        for (attack_kind kind = ATTACK_FORCE; kind < ATTACK_COUNT; kind++) {
            attack_result small = attack_run(kind, &configs[c], 1000, 500, 100, false);
            attack_result large = attack_run(kind, &configs[c], 16000, 500, 100, false);
            attack_result outside = attack_run(kind, &configs[c], 16000, 500, 100, true);
            assert_true(large.written_max <= small.nodes + 12 * large.height);
            assert_true(outside.written_max <= 12 * outside.height);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_config),
        cmocka_unit_test(test_many_levels),
        cmocka_unit_test(test_boundaries_by_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
