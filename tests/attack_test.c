/* Trees under attack stay small, flat and cheap to edit. docs/formats/tree.md, "Under attack", says
 * what is promised; tests/attack_slow_test.c has larger trees.
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

/* The default, and one with many levels. A larger max beside this lambda would make keys that
 * suppress all boundaries too dear for a test. */
static copse_tree_config attack_config(size_t index)
{
    return index == 0 ? tree_model_config(0) : (copse_tree_config){32, 512, 128};
}

/* Whatever the attacker does. */
static void attack_assert_shape(const copse_tree_config *config, attack_kind kind,
                                const attack_result *result)
{
    size_t height = 1; /* at least two children a branch, but for the odd tail */
    for (size_t n = result->entries; n > 1; n = (n + 1) / 2) {
        height++;
    }
    assert_true(result->height <= height);
    size_t largest = kind == ATTACK_HUGE_ENTRY ? 901 * 1024 : 2 * (size_t)config->size_bytes_max;
    assert_true(result->node_size_max <= largest);
    assert_true(result->size_ratio < 2.5);
}

/* Suppression, sizes and key shapes: the cost of an edit does not depend on the tree's size. */
static void test_bounded(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        copse_tree_config config = attack_config(c);
        size_t entries = c == 0 ? 500 : 200; /* keys are dearer to grind with the small config */
        for (attack_kind kind = 0; kind <= ATTACK_LONGEST; kind++) {
            if (c == 1 && kind == ATTACK_SUPPRESS_BOTH) {
                continue; /* 13,000 tries a key: in the slow test */
            }
            attack_result small = attack_run(kind, &config, 0, entries, 45, false);
            attack_result large = attack_run(kind, &config, 0, 4 * entries, 45, false);
            attack_assert_shape(&config, kind, &small);
            attack_assert_shape(&config, kind, &large);
            double levels = (double)large.height;
            assert_true(large.written <= 2.5 * levels);
            assert_true(large.read <= 5 * levels);
            assert_true(large.written_max <= 8 * large.height);
            assert_true(large.read_max <= 12 * large.height);
        }
    }
}

/* Boundaries ground to go by position: the damage stays among the attacker's own entries, and an
 * edit outside costs what it costs anywhere. */
static void test_contained(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        copse_tree_config config = attack_config(c);
        for (attack_kind kind = ATTACK_FORCE; kind < ATTACK_COUNT; kind++) {
            size_t ground = kind != ATTACK_MONOTONE ? 600 : c == 0 ? 300 : 60;
            attack_result inside = attack_run(kind, &config, 1000, ground, 30, false);
            attack_result outside = attack_run(kind, &config, 1000, ground, 30, true);
            attack_assert_shape(&config, kind, &inside);
            assert_true(inside.written_max <= inside.nodes);
            assert_true(outside.written <= 2.5 * (double)outside.height);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_contained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
