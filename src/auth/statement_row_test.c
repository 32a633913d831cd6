/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/authority.h>

#include "support/authority_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_rows(void **state)
{
    (void)state;
    authority_world world;
    copse_buf list[2];
    copse_buf joined[2];
    authority_world_init(&world);
    const copse_public_key *to = copse_key_public(world.keys[1]);
    size_t a = authority_world_grant(&world, 0, 1, COPSE_RIGHT_WRITE, "a");
    size_t b = authority_world_grant(&world, 2, 1, COPSE_RIGHT_WRITE, "b");
    size_t c = authority_world_revoke(&world, 0, 1, a, 0);
    size_t other = authority_world_grant(&world, 0, 2, COPSE_RIGHT_WRITE, "c");
    size_t forged = authority_world_grant(&world, 0, 1, COPSE_RIGHT_WRITE, "d");
    world.statements[forged].ptr[world.statements[forged].len - 1] ^= 1;
    for (size_t i = 0; i < 2; i++) {
        const size_t rows[2][4] = {{a, other, forged, b}, {c, b, a, forged}};
        copse_buf_init(&list[i], &world.test.env, 8192);
        copse_buf_init(&joined[i], &world.test.env, 8192);
        assert_int_equal(copse_buf_append(&list[i], copse_bytes_of_text("\x84")), COPSE_OK);
        for (size_t j = 0; j < 4; j++) {
            assert_int_equal(
                copse_buf_append(&list[i], authority_world_statement(&world, rows[i][j])),
                COPSE_OK);
        }
        assert_int_equal(
            copse_statement_row_check(&world.test.env, to, copse_buf_view(&list[i]), NULL),
            COPSE_CORRUPT);
    }
    for (size_t i = 0; i < 2; i++) { /* R3 */
        copse_bytes rows[] = {copse_buf_view(&list[i]),
                              copse_bytes_of_text("junk"),
                              copse_buf_view(&list[1 - i]),
                              {NULL, 0}};
        assert_int_equal(copse_statement_row_union(&world.test.env, to, rows, 4, &joined[i], NULL),
                         COPSE_OK);
    }
    assert_true(copse_bytes_equal(copse_buf_view(&joined[0]), copse_buf_view(&joined[1])));
    copse_bytes row = copse_buf_view(&joined[0]);
    assert_int_equal(copse_statement_row_check(&world.test.env, to, row, NULL), COPSE_OK);
    assert_int_equal(
        copse_statement_row_check(&world.test.env, copse_key_public(world.keys[2]), row, NULL),
        COPSE_CORRUPT);
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    size_t count = 0;
    assert_int_equal(copse_statement_row_read(&world.test.env, row, statements, &count, NULL),
                     COPSE_OK);
    assert_int_equal(count, 3);
    copse_bytes junk = copse_bytes_of_text("junk");
    assert_int_equal(copse_statement_row_union(&world.test.env, to, &junk, 1, &joined[1], NULL),
                     COPSE_NOT_FOUND);
    copse_authority_free(world.authority);
    assert_int_equal(copse_authority_new(&world.test.env, &world.identity, &world.authority, NULL),
                     COPSE_OK);
    assert_int_equal(copse_authority_add_row(world.authority, to, copse_buf_view(&list[1]), NULL),
                     COPSE_OK);
    authority_world_expect(&world, 1, COPSE_RIGHT_WRITE, "a", COPSE_AUTHORITY_NO, "was revoked");
    authority_world_expect(&world, 1, COPSE_RIGHT_WRITE, "d", COPSE_AUTHORITY_NO,
                           "has no grant for this");
    assert_int_equal(copse_authority_add_row(world.authority, to, junk, NULL), COPSE_CORRUPT);
    for (size_t i = 0; i < 2; i++) {
        copse_buf_release(&list[i]);
        copse_buf_release(&joined[i]);
    }
    authority_world_release(&world);
}

/* R1: a row that would be too full is not made. */
static void test_full_rows(void **state)
{
    (void)state;
    test_env test;
    copse_buf lists[2];
    copse_buf joined;
    test_env_init(&test);
    copse_key *key = authority_world_key(&test.env, 1);
    copse_statement grant = {.to = *copse_key_public(key),
                             .database = authority_world_commit(1),
                             .items_count = 1,
                             .can = {{COPSE_RIGHT_WRITE, copse_bytes_of_text("a")}}};
    copse_bytes rows[2];
    for (size_t i = 0; i < 2; i++) {
        copse_buf_init(&lists[i], &test.env, 1 << 20);
        assert_int_equal(copse_buf_append(&lists[i], copse_bytes_of_text("\x98\x21")), COPSE_OK);
        for (size_t j = 0; j < 33; j++) { /* one of them in both */
            grant.time_ms = 100 + i * 32 + j;
            assert_int_equal(copse_statement_make(key, &grant, &lists[i], NULL), COPSE_OK);
        }
        rows[i] = copse_buf_view(&lists[i]);
    }
    copse_buf_init(&joined, &test.env, 1 << 20);
    assert_int_equal(copse_statement_row_union(&test.env, &grant.to, rows, 2, &joined, NULL),
                     COPSE_LIMIT);
    assert_int_equal(joined.len, 0);
    assert_int_equal(copse_statement_row_union(&test.env, &grant.to, rows, 1, &joined, NULL),
                     COPSE_OK);
    assert_int_equal(joined.len, rows[0].len);
    for (size_t i = 0; i < 2; i++) {
        copse_buf_release(&lists[i]);
    }
    copse_buf_release(&joined);
    copse_key_free(key);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_full_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
