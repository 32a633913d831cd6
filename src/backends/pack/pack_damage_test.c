/* Damaged stores: flipped bits and files that are cut short or missing are found and named, the
 * rest is still read, nothing wrong is answered, and repair mends what can be mended.
 * pack_damage_slow_test.c damages every byte.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/pack_small.h"

static void damage_flipped_bits_are_found(void **state)
{
    (void)state;
    pack_small_sweep(37, false);
}

static void damage_cut_files_are_found(void **state)
{
    (void)state;
    pack_small_sweep(53, true);
}

static void damage_missing_files_are_named(void **state)
{
    (void)state;
    pack_small small;
    copse_err err = {0};
    pack_small_init(&small);
    for (size_t f = 0; f < small.files_count; f++) {
        os_sim *sim = os_sim_copy(small.sim);
        copse_os *os = os_sim_process(sim);
        assert_int_equal(os->ops->remove(os, small.files[f], &err), COPSE_OK);
        copse_os_free(os);
        if (strstr(small.files[f], "pack-") != NULL) {
            pack_small_result result = pack_small_examine(&small, sim, small.files[f], true);
            assert_true(result.opened);
            assert_int_equal(result.findings, 1);
            assert_true(result.blocks_right > 0);
        }
        os_sim_free(sim);
    }
    pack_small_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_flipped_bits_are_found),
        cmocka_unit_test(damage_cut_files_are_found),
        cmocka_unit_test(damage_missing_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
