/* A file in pieces. Letters and numbers in brackets are those of range_pieces.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "sync/range_pieces.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PIECES_FILE_BYTES = 1 << 20 };

typedef struct pieces_test {
    test_env env;
    copse_range_pieces pieces;
    uint8_t file[PIECES_FILE_BYTES];
} pieces_test;

static pieces_test pieces;

static void pieces_init(void)
{
    test_env_init(&pieces.env);
    copse_range_pieces_init(&pieces.pieces, &pieces.env.env);
    for (size_t i = 0; i < sizeof pieces.file; i++) {
        pieces.file[i] = (uint8_t)(i * 7 + i / 251);
    }
}

static void pieces_release(void)
{
    copse_range_pieces_release(&pieces.pieces);
    test_env_assert_empty(&pieces.env);
}

/* Asks for one range, which must be this one, and leaves it on its way. */
static uint64_t pieces_expect(uint64_t from, uint64_t size)
{
    uint64_t id = 0;
    uint64_t got_from = 0;
    uint64_t got_size = 0;
    assert_true(copse_range_pieces_ask(&pieces.pieces, &id, &got_from, &got_size));
    assert_int_equal(got_from, from);
    assert_int_equal(got_size, size);
    return id;
}

static void pieces_give(uint64_t id)
{
    copse_range_piece *piece = copse_range_pieces_find(&pieces.pieces, id);
    assert_non_null(piece);
    size_t half = (size_t)piece->size / 2;
    const uint8_t *bytes = pieces.file + piece->from;
    assert_int_equal(copse_range_pieces_receive(piece, (copse_bytes){bytes, half}, NULL), COPSE_OK);
    assert_int_equal(copse_range_pieces_receive(
                         piece, (copse_bytes){bytes + half, (size_t)piece->size - half}, NULL),
                     COPSE_OK);
    assert_int_equal(copse_range_pieces_settle(&pieces.pieces, piece, NULL), COPSE_OK);
}

static void pieces_assert_here(uint64_t from, size_t size, bool here)
{
    static uint8_t bytes[PIECES_FILE_BYTES];
    assert_int_equal(copse_range_pieces_read(&pieces.pieces, from, size, bytes), here);
    if (here) {
        assert_memory_equal(bytes, pieces.file + from, size);
    }
}

static bool pieces_asks(void)
{
    uint64_t id;
    uint64_t from;
    uint64_t size;
    return copse_range_pieces_ask(&pieces.pieces, &id, &from, &size);
}

/* (P2) What is here or on its way is not asked for again; the rest of a range is. */
static void test_wants_what_lacks(void **state)
{
    (void)state;
    pieces_init();
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 1000, 500), COPSE_OK);
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 1000, 500), COPSE_OK);
    uint64_t id = pieces_expect(1000, 500);
    assert_false(pieces_asks());
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 1200, 100), COPSE_OK);
    assert_false(pieces_asks());
    pieces_assert_here(1000, 500, false);
    pieces_give(id);
    pieces_assert_here(1000, 500, true);
    pieces_assert_here(1100, 1, true);
    pieces_assert_here(999, 2, false);
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 900, 700), COPSE_OK);
    /* Both ends, in one request: what is between costs less than another. */
    pieces_give(pieces_expect(900, 700));
    pieces_assert_here(900, 700, true);
    pieces_release();
}

static void test_joins_what_is_near(void **state)
{
    (void)state;
    pieces_init();
    const uint64_t far = 100 + COPSE_RANGE_GAP_BYTES + 1;
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, far, 10), COPSE_OK);
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 0, 100), COPSE_OK);
    (void)pieces_expect(far, 10);
    (void)pieces_expect(0, 100);
    copse_range_pieces_clear(&pieces.pieces);
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, far - 1, 10), COPSE_OK);
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 50000, 10), COPSE_OK);
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 0, 100), COPSE_OK);
    (void)pieces_expect(0, far + 9);
    (void)pieces_expect(50000, 10);
    assert_false(pieces_asks());
    copse_range_pieces_clear(&pieces.pieces);
    /* Up to a size. */
    for (uint64_t at = 0; at < 2 * COPSE_RANGE_JOINED_BYTES_MAX; at += 1024) {
        assert_int_equal(copse_range_pieces_want(&pieces.pieces, at, 1000), COPSE_OK);
    }
    uint64_t id = 0;
    uint64_t from = 0;
    uint64_t size = 0;
    uint64_t sum = 0;
    while (copse_range_pieces_ask(&pieces.pieces, &id, &from, &size)) {
        assert_true(size <= COPSE_RANGE_JOINED_BYTES_MAX);
        sum++;
    }
    assert_true(sum <= 3);
    pieces_release();
}

static void test_failures(void **state)
{
    (void)state;
    pieces_init();
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 10, 100), COPSE_OK);
    uint64_t id = pieces_expect(10, 100);
    copse_range_piece *piece = copse_range_pieces_find(&pieces.pieces, id);
    assert_int_equal(copse_range_pieces_receive(piece, (copse_bytes){pieces.file, 60}, NULL),
                     COPSE_OK);
    assert_int_equal(copse_range_pieces_settle(&pieces.pieces, piece, NULL), COPSE_CORRUPT);
    assert_int_equal(copse_range_pieces_receive(piece, (copse_bytes){pieces.file, 41}, NULL),
                     COPSE_CORRUPT);
    pieces.env.fail_at = pieces.env.calls;
    copse_status status = copse_range_pieces_receive(piece, (copse_bytes){pieces.file, 40}, NULL);
    assert_true(status == COPSE_NOMEM || (status == COPSE_OK && !pieces.env.failed));
    copse_range_pieces_drop(&pieces.pieces, piece);
    assert_null(copse_range_pieces_find(&pieces.pieces, id));
    /* An id is never used again. */
    pieces.env.fail_at = UINT64_MAX;
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 10, 100), COPSE_OK);
    assert_true(pieces_expect(10, 100) > id);
    pieces_release();
}

static void test_trim(void **state)
{
    (void)state;
    pieces_init();
    for (uint64_t at = 0; at < 10; at++) {
        assert_int_equal(copse_range_pieces_want(&pieces.pieces, at * 10000, 1000), COPSE_OK);
        pieces_give(pieces_expect(at * 10000, 1000));
    }
    assert_int_equal(copse_range_pieces_want(&pieces.pieces, 500000, 1000), COPSE_OK);
    copse_range_pieces_trim(&pieces.pieces, 3000);
    assert_false(pieces_asks());
    pieces_assert_here(0, 1000, true); /* the front stays */
    pieces_assert_here(10000, 1000, false);
    pieces_assert_here(80000, 1000, true);
    pieces_assert_here(90000, 1000, true);
    assert_int_equal(pieces.pieces.held_bytes, 3000);
    pieces_release();
}

/* Against a map of bytes: random wants, answers, failures. */
static void test_model(void **state)
{
    (void)state;
    pieces_init();
    static bool here[PIECES_FILE_BYTES];
    uint64_t seed = 5;
    memset(here, 0, sizeof here);
    for (int i = 0; i < 400; i++) {
        uint64_t from = test_random_below(&seed, PIECES_FILE_BYTES - 5000);
        uint64_t size = 1 + test_random_below(&seed, 5000);
        assert_int_equal(copse_range_pieces_want(&pieces.pieces, from, size), COPSE_OK);
        uint64_t id;
        while (copse_range_pieces_ask(&pieces.pieces, &id, &from, &size)) {
            if (test_random_below(&seed, 4) == 0) {
                copse_range_pieces_drop(&pieces.pieces,
                                        copse_range_pieces_find(&pieces.pieces, id));
                continue;
            }
            pieces_give(id);
            memset(here + from, 1, (size_t)size);
        }
        from = test_random_below(&seed, PIECES_FILE_BYTES - 5000);
        size = 1 + test_random_below(&seed, 300);
        pieces_assert_here(from, (size_t)size, memchr(here + from, 0, (size_t)size) == NULL);
    }
    pieces_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wants_what_lacks),
        cmocka_unit_test(test_joins_what_is_near),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
