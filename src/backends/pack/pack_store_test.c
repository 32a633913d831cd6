/* The pack store on real files: rules of stores and refs, durabilities, several handles, damage.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/pack_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/pack_support.h"
#include "support/refs_conformance.h"
#include "support/store_conformance.h"

/* ---- Conformance ---- */

static copse_store *pack_test_make(void *ctx, const copse_env *env)
{
    pack_folder *folder = ctx;
    pack_folder_clear(folder);
    folder->options.create = true;
    folder->env = env;
    return pack_folder_open_owned_store(folder);
}

static copse_store *pack_test_reopen(void *ctx, const copse_env *env)
{
    pack_folder *folder = ctx;
    folder->options.create = false;
    folder->env = env;
    return pack_folder_open_owned_store(folder);
}

static void pack_test_conform(copse_durability durability, uint64_t journal_size, size_t operations)
{
    pack_folder folder;
    pack_folder_init(&folder);
    folder.options.durability = durability;
    folder.options.journal_size_bytes_max = journal_size;
    store_conformance_options options = {.make = pack_test_make,
                                         .reopen = pack_test_reopen,
                                         .ctx = &folder,
                                         .seed = 1 + (uint64_t)durability,
                                         .operations = operations};
    store_conformance_run_with(&options);
    pack_folder_release(&folder);
}

static void pack_conforms_full(void **state)
{
    (void)state;
    pack_test_conform(COPSE_DURABILITY_FULL, 0, 3000);
}

static void pack_conforms_normal(void **state)
{
    (void)state;
    pack_test_conform(COPSE_DURABILITY_NORMAL, 0, 3000);
}

static void pack_conforms_off(void **state)
{
    (void)state;
    pack_test_conform(COPSE_DURABILITY_OFF, 0, 5000);
}

static void pack_conforms_sealing_often(void **state)
{
    (void)state;
    pack_test_conform(COPSE_DURABILITY_OFF, 100000, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pack_conforms_full),
        cmocka_unit_test(pack_conforms_normal),
        cmocka_unit_test(pack_conforms_off),
        cmocka_unit_test(pack_conforms_sealing_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
