/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/scratch.h"

#include "base/compiler.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PIECES = 200 };

/* Pieces keep their bytes until they are given back, in the order of a stack. */
static void test_pieces(void **state)
{
    (void)state;
    test_env test;
    copse_scratch scratch;
    uint64_t random = 1;
    test_env_init(&test);
    copse_scratch_init(&scratch, &test.env, 1 << 24);
    for (int round = 0; round < 50; round++) {
        uint8_t *pieces[PIECES];
        size_t sizes[PIECES];
        copse_scratch_mark marks[PIECES];
        size_t count = 0;
        for (size_t i = 0; i < PIECES; i++) {
            void *piece = NULL;
            marks[count] = copse_scratch_tell(&scratch);
            sizes[count] = test_random_below(&random, i % 17 == 0 ? 20000 : 200);
            assert_int_equal(copse_scratch_take(&scratch, sizes[count], &piece), COPSE_OK);
            assert_int_equal((uintptr_t)piece % 16, 0);
            memset(piece, (int)count, sizes[count]);
            pieces[count++] = piece;
            if (i % 13 == 12) {
                count -= 5;
                copse_scratch_rewind(&scratch, marks[count]);
            }
        }
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(pieces[i][k], (uint8_t)i);
            }
        }
        copse_scratch_rewind(&scratch, (copse_scratch_mark){0});
        assert_int_equal(scratch.held_bytes, 0);
    }
    copse_scratch_release(&scratch);
    test_env_assert_empty(&test);
}

static void test_limit(void **state)
{
    (void)state;
    test_env test;
    copse_scratch scratch;
    void *piece = NULL;
    test_env_init(&test);
    copse_scratch_init(&scratch, &test.env, 100000);
    assert_int_equal(copse_scratch_take(&scratch, SIZE_MAX, &piece), COPSE_LIMIT);
    assert_int_equal(copse_scratch_take(&scratch, 100000, &piece), COPSE_LIMIT);
    assert_int_equal(copse_scratch_take(&scratch, 90000, &piece), COPSE_OK);
    assert_int_equal(copse_scratch_take(&scratch, 90000, &piece), COPSE_LIMIT);
    copse_scratch_rewind(&scratch, (copse_scratch_mark){0});
    assert_int_equal(copse_scratch_take(&scratch, 90000, &piece), COPSE_OK);
    test.fail_at = test.calls;
    assert_int_equal(copse_scratch_take(&scratch, 5000, &piece), COPSE_NOMEM);
    copse_scratch_release(&scratch);
    test_env_assert_empty(&test);
}

/* The same pieces again take no memory, as long as they fit one chunk. */
static void test_again(void **state)
{
    (void)state;
    test_env test;
    copse_scratch scratch;
    test_env_init(&test);
    copse_scratch_init(&scratch, &test.env, 1 << 20);
    for (int round = 0; round < 5; round++) {
        void *piece = NULL;
        uint64_t calls = test.calls;
        copse_scratch_rewind(&scratch, (copse_scratch_mark){0});
        assert_int_equal(copse_scratch_take(&scratch, 100, &piece), COPSE_OK);
        assert_true(round == 0 || test.calls == calls);
    }
    copse_scratch_release(&scratch);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
