/* Damaged stores, every byte: flipped bits and files that are cut short are found and named, the
 * rest is still read, nothing wrong is answered, and repair mends what can be mended.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/pack_small.h"

static void damage_flipped_bits_are_found(void **state)
{
    (void)state;
    pack_small_sweep(1, false);
}

static void damage_cut_files_are_found(void **state)
{
    (void)state;
    pack_small_sweep(1, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_flipped_bits_are_found),
        cmocka_unit_test(damage_cut_files_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
