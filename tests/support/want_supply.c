/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/want_supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void want_supply_one(copse_source *source, copse_store *from, const copse_cid *cid)
{
    copse_block *block = NULL;
    assert_int_equal(copse_store_get(from, cid, &block, NULL), COPSE_OK);
    assert_int_equal(copse_source_supply_block(source, block, NULL), COPSE_OK);
    copse_block_unref(block);
}

bool want_supply_round(want_supply *supply, copse_source *source, copse_store *from)
{
    size_t count;
    size_t before = supply->got_count;
    const copse_cid *wants = copse_source_wants(source, &count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        if (!copse_cid_equal(&wants[i], &supply->missing)) {
            want_supply_one(source, from, &wants[i]);
            assert_true(supply->got_count < WANT_SUPPLY_MAX);
            supply->got[supply->got_count++] = wants[i];
        }
    }
    supply->rounds += supply->got_count > before;
    return supply->got_count > before;
}

size_t want_supply_some(copse_source *source, copse_store *from, size_t count_max)
{
    size_t count;
    const copse_cid *wants = copse_source_wants(source, &count);
    assert_true(count > 0);
    count = count < count_max ? count : count_max;
    for (size_t i = 0; i < count; i++) {
        want_supply_one(source, from, &wants[i]);
    }
    return count;
}
