/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/source.h>

#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "block/block.h"
#include "support/block_support.h"
#include "support/fault_store.h"
#include "support/test_env.h"

enum { SOURCE_BLOCKS = 12, SOURCE_BLOCK_SIZE = 100 };

typedef struct source_fixture {
    test_env test;
    copse_store *fault; /* over an empty memory store */
    copse_source *source;
    copse_block *blocks[SOURCE_BLOCKS];
    copse_cid cids[SOURCE_BLOCKS];
} source_fixture;

static void source_fixture_init(source_fixture *fixture)
{
    test_env_init(&fixture->test);
    const copse_env *env = &fixture->test.env;
    copse_store *memory = NULL;
    assert_int_equal(copse_memory_store_new(env, &memory, NULL), COPSE_OK);
    fixture->fault = fault_store_new(env, memory);
    assert_int_equal(copse_source_new(env, fixture->fault, &fixture->source, NULL), COPSE_OK);
    for (uint64_t i = 0; i < SOURCE_BLOCKS; i++) {
        fixture->blocks[i] = block_support_make(env, i, SOURCE_BLOCK_SIZE);
        fixture->cids[i] = *copse_block_cid(fixture->blocks[i]);
    }
}

static void source_fixture_release(source_fixture *fixture)
{
    assert_null(copse_source_free(fixture->source));
    copse_store_close(fixture->fault);
    for (size_t i = 0; i < SOURCE_BLOCKS; i++) {
        copse_block_unref(fixture->blocks[i]);
    }
    test_env_assert_empty(&fixture->test);
}

static void source_get(source_fixture *fixture, size_t at, copse_status expected)
{
    copse_block *const untouched = (copse_block *)(void *)fixture;
    copse_block *block = untouched;
    copse_err err = {0};
    assert_int_equal(copse_source_get(fixture->source, &fixture->cids[at], &block, &err), expected);
    if (expected == COPSE_OK) {
        assert_true(copse_cid_equal(copse_block_cid(block), &fixture->cids[at]));
        copse_block_unref(block);
    } else {
        assert_ptr_equal(block, untouched);
    }
    assert_int_equal(err.status, expected < 0 ? expected : COPSE_OK);
}

static void source_hint(source_fixture *fixture, size_t at)
{
    assert_int_equal(copse_source_hint(fixture->source, &fixture->cids[at], NULL), COPSE_OK);
}

/* The want list, as a text of one letter for each block: "ab" is blocks 0 and 1. */
static void source_assert_wants(const source_fixture *fixture, const char *letters)
{
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(fixture->source, &count);
    char got[64] = {0};
    for (size_t i = 0; i < count && i < sizeof got - 1; i++) {
        got[i] = '?';
        for (size_t j = 0; j < SOURCE_BLOCKS; j++) {
            if (copse_cid_equal(&wants[i], &fixture->cids[j])) {
                got[i] = (char)('a' + (int)j);
            }
        }
    }
    assert_string_equal(got, letters);
}

static copse_status source_supply(source_fixture *fixture, size_t at, size_t bytes_of)
{
    return copse_source_supply(fixture->source, &fixture->cids[at],
                               copse_block_data(fixture->blocks[bytes_of]), NULL);
}

/* W1: exact lists. */
static void source_wants_in_order(void **state)
{
    (void)state;
    source_fixture fixture;
    source_fixture_init(&fixture);
    source_assert_wants(&fixture, "");
    source_get(&fixture, 3, COPSE_WANT);
    source_hint(&fixture, 5);
    source_hint(&fixture, 1);
    source_hint(&fixture, 5);
    source_hint(&fixture, 3);
    source_assert_wants(&fixture, "dfb");
    source_get(&fixture, 7, COPSE_WANT);
    source_get(&fixture, 7, COPSE_WANT);
    source_assert_wants(&fixture, "dhfb");
    /* A hint that turns out to be needed moves up, and keeps no place below. */
    source_get(&fixture, 1, COPSE_WANT);
    source_assert_wants(&fixture, "dhbf");
    copse_source_begin(fixture.source);
    source_assert_wants(&fixture, "");
    source_hint(&fixture, 2);
    source_assert_wants(&fixture, "c");
    source_fixture_release(&fixture);
}

/* Operations inside of one that is made of several keep what those before them want. */
static void source_several_want_together(void **state)
{
    (void)state;
    source_fixture fixture;
    source_fixture_init(&fixture);
    source_get(&fixture, 0, COPSE_WANT);
    copse_source_begin_several(fixture.source);
    source_assert_wants(&fixture, "");
    copse_source_begin(fixture.source);
    source_get(&fixture, 3, COPSE_WANT);
    source_hint(&fixture, 5);
    copse_source_begin_several(fixture.source);
    source_get(&fixture, 1, COPSE_WANT);
    copse_source_end_several(fixture.source);
    copse_source_begin(fixture.source);
    source_get(&fixture, 3, COPSE_WANT);
    copse_source_end_several(fixture.source);
    source_assert_wants(&fixture, "dbf");
    copse_source_begin(fixture.source);
    source_assert_wants(&fixture, "");
    source_fixture_release(&fixture);
}

static void source_present_blocks_are_not_wanted(void **state)
{
    (void)state;
    source_fixture fixture;
    source_fixture_init(&fixture);
    assert_int_equal(copse_store_put(fixture.fault, fixture.blocks, 2, NULL), COPSE_OK);
    assert_int_equal(source_supply(&fixture, 2, 2), COPSE_OK);
    for (size_t i = 0; i < 3; i++) {
        source_hint(&fixture, i);
        source_get(&fixture, i, COPSE_OK);
    }
    source_hint(&fixture, 3);
    source_assert_wants(&fixture, "d");
    /* What is supplied is not asked of the store. */
    size_t count = 0;
    const copse_cid *gets = fault_store_gets(fixture.fault, &count);
    assert_int_equal(count, 2);
    assert_true(copse_cid_equal(&gets[1], &fixture.cids[1]));
    source_fixture_release(&fixture);
}

/* W2. */
static void source_list_is_bounded(void **state)
{
    (void)state;
    source_fixture fixture;
    source_fixture_init(&fixture);
    fixture.test.env.limits.wants_max = 4;
    for (size_t i = 0; i < 6; i++) {
        source_hint(&fixture, i);
    }
    source_assert_wants(&fixture, "abcd");
    source_get(&fixture, 8, COPSE_WANT);
    source_assert_wants(&fixture, "iabc");
    source_get(&fixture, 1, COPSE_WANT);
    source_assert_wants(&fixture, "ibac");
    source_get(&fixture, 9, COPSE_WANT);
    source_get(&fixture, 10, COPSE_WANT);
    source_assert_wants(&fixture, "ibjk");
    source_get(&fixture, 11, COPSE_WANT);
    source_hint(&fixture, 11);
    source_assert_wants(&fixture, "ibjk");
    fixture.test.env.limits.wants_max = 0;
    copse_source_begin(fixture.source);
    source_hint(&fixture, 1);
    source_assert_wants(&fixture, "");
    source_get(&fixture, 2, COPSE_WANT);
    source_get(&fixture, 3, COPSE_WANT);
    source_assert_wants(&fixture, "c");
    source_fixture_release(&fixture);
}

static void source_wrong_bytes_stay_wanted(void **state)
{
    (void)state;
    source_fixture fixture;
    source_fixture_init(&fixture);
    source_get(&fixture, 0, COPSE_WANT);
    source_get(&fixture, 1, COPSE_WANT);
    assert_int_equal(source_supply(&fixture, 0, 1), COPSE_CORRUPT);
    source_assert_wants(&fixture, "ab");
    source_get(&fixture, 0, COPSE_WANT);
    source_assert_wants(&fixture, "ab");
    /* The list itself may be read while blocks are supplied. */
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(fixture.source, &count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(copse_source_supply(fixture.source, &wants[i],
                                             copse_block_data(fixture.blocks[i]), NULL),
                         COPSE_OK);
    }
    source_get(&fixture, 0, COPSE_OK);
    source_get(&fixture, 1, COPSE_OK);
    /* Wrong bytes are refused for a block that is there already, too. */
    assert_int_equal(source_supply(&fixture, 0, 1), COPSE_CORRUPT);
    source_fixture_release(&fixture);
}

/* W3. */
static void source_pins_are_bounded(void **state)
{
    (void)state;
    source_fixture fixture;
    source_fixture_init(&fixture);
    copse_limits *limits = &fixture.test.env.limits;
    limits->pinned_size_bytes_max = 2 * (SOURCE_BLOCK_SIZE + sizeof(copse_block));
    assert_int_equal(source_supply(&fixture, 0, 0), COPSE_OK);
    assert_int_equal(source_supply(&fixture, 0, 0), COPSE_OK);
    assert_int_equal(copse_source_supply_block(fixture.source, fixture.blocks[1], NULL), COPSE_OK);
    assert_int_equal(copse_source_supply_block(fixture.source, fixture.blocks[1], NULL), COPSE_OK);
    assert_int_equal(source_supply(&fixture, 2, 2), COPSE_LIMIT);
    assert_int_equal(copse_source_supply_block(fixture.source, fixture.blocks[2], NULL),
                     COPSE_LIMIT);
    source_get(&fixture, 1, COPSE_OK);
    source_get(&fixture, 2, COPSE_WANT);
    copse_source_unpin(fixture.source);
    source_get(&fixture, 1, COPSE_WANT);
    assert_int_equal(source_supply(&fixture, 2, 2), COPSE_OK);
    source_get(&fixture, 2, COPSE_OK);
    limits->foreign_size_bytes_max = SOURCE_BLOCK_SIZE - 1;
    assert_int_equal(source_supply(&fixture, 3, 3), COPSE_LIMIT);
    source_fixture_release(&fixture);
}

/* S2 through a source: only NOT_FOUND becomes WANT. */
static void source_failures_are_kept_apart(void **state)
{
    (void)state;
    source_fixture fixture;
    source_fixture_init(&fixture);
    assert_int_equal(copse_store_put(fixture.fault, fixture.blocks, 1, NULL), COPSE_OK);
    static const copse_status statuses[] = {COPSE_IO, COPSE_CORRUPT, COPSE_NOMEM, COPSE_DENIED};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        fault_store_fail_at(fixture.fault, 0, statuses[i]);
        source_get(&fixture, 0, statuses[i]);
        fault_store_fail_at(fixture.fault, 0, statuses[i]);
        assert_int_equal(copse_source_hint(fixture.source, &fixture.cids[0], NULL), statuses[i]);
    }
    source_assert_wants(&fixture, "");
    fault_store_hide(fixture.fault, &fixture.cids[0]);
    source_get(&fixture, 0, COPSE_WANT);
    fault_store_heal(fixture.fault);
    source_get(&fixture, 0, COPSE_OK);
    source_fixture_release(&fixture);
}

static void source_without_a_store(void **state)
{
    (void)state;
    source_fixture fixture;
    source_fixture_init(&fixture);
    copse_source *source = NULL;
    copse_block *block = NULL;
    copse_cid none = {0};
    size_t count = 0;
    const copse_cid *cid = &fixture.cids[0];
    assert_int_equal(copse_source_new(&fixture.test.env, NULL, &source, NULL), COPSE_OK);
    assert_int_equal(copse_source_get(source, cid, &block, NULL), COPSE_WANT);
    assert_int_equal(copse_source_hint(source, &fixture.cids[1], NULL), COPSE_OK);
    assert_non_null(copse_source_wants(source, &count));
    assert_int_equal(count, 2);
    assert_int_equal(copse_source_supply_block(source, fixture.blocks[0], NULL), COPSE_OK);
    assert_int_equal(copse_source_get(source, cid, &block, NULL), COPSE_OK);
    copse_block_unref(block);
    assert_int_equal(copse_source_get(source, &none, &block, NULL), COPSE_MISUSE);
    assert_int_equal(copse_source_get(NULL, cid, &block, NULL), COPSE_MISUSE);
    assert_int_equal(copse_source_get(source, cid, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_source_hint(source, &none, NULL), COPSE_MISUSE);
    assert_int_equal(copse_source_supply(source, &none, (copse_bytes){0}, NULL), COPSE_MISUSE);
    assert_int_equal(copse_source_supply_block(source, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_source_new(NULL, NULL, &source, NULL), COPSE_MISUSE);
    copse_source_unpin(NULL);
    copse_source_free(source);
    assert_null(copse_source_free(NULL));
    source_fixture_release(&fixture);
}

/* Misses, hints and supplies under failing allocations; the list holds what was answered. */
static copse_status source_sweep(const copse_env *env, void *ctx)
{
    source_fixture *fixture = ctx;
    copse_source *source = NULL;
    copse_status status = copse_source_new(env, NULL, &source, NULL);
    size_t noted = 0;
    for (size_t i = 0; i < SOURCE_BLOCKS && (status == COPSE_OK || status == COPSE_WANT); i++) {
        copse_block *block = NULL;
        status = i % 2 == 0 ? copse_source_get(source, &fixture->cids[i], &block, NULL)
                            : copse_source_hint(source, &fixture->cids[i], NULL);
        noted += status >= 0;
        assert_null(block);
    }
    if (source != NULL) {
        size_t count = 0;
        (void)copse_source_wants(source, &count);
        assert_int_equal(count, noted);
    }
    status = status == COPSE_WANT ? COPSE_OK : status;
    for (size_t i = 0; i < SOURCE_BLOCKS && status == COPSE_OK; i++) {
        status = copse_source_supply(source, &fixture->cids[i],
                                     copse_block_data(fixture->blocks[i]), NULL);
        if (status == COPSE_OK) {
            copse_block *block = NULL;
            status = copse_source_get(source, &fixture->cids[i], &block, NULL);
            assert_int_equal(status, COPSE_OK);
            copse_block_unref(block);
        }
    }
    copse_source_free(source);
    return status;
}

static void source_survives_failing_allocations(void **state)
{
    (void)state;
    source_fixture fixture;
    source_fixture_init(&fixture);
    assert_true(test_env_sweep(source_sweep, &fixture, 200) > SOURCE_BLOCKS);
    source_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_wants_in_order),
        cmocka_unit_test(source_several_want_together),
        cmocka_unit_test(source_present_blocks_are_not_wanted),
        cmocka_unit_test(source_list_is_bounded),
        cmocka_unit_test(source_wrong_bytes_stay_wanted),
        cmocka_unit_test(source_pins_are_bounded),
        cmocka_unit_test(source_failures_are_kept_apart),
        cmocka_unit_test(source_without_a_store),
        cmocka_unit_test(source_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
