/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/text.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_characters(void **state)
{
    (void)state;
    copse_bytes text = copse_bytes_of_text("a\u00e9\u20ac\U0001f600z");
    static const size_t offsets[] = {0, 1, 3, 6, 10, 11, 11};
    assert_int_equal(copse_text_count(text), 5);
    assert_int_equal(copse_text_count((copse_bytes){NULL, 0}), 0);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        assert_int_equal(copse_text_offset(text, i), offsets[i]);
    }
}

/* Where a part is by looking everywhere. */
static size_t text_find_slowly(copse_bytes text, copse_bytes part, size_t from)
{
    for (size_t at = from; at <= text.len && part.len <= text.len - at; at++) {
        if (part.len == 0 || memcmp(text.ptr + at, part.ptr, part.len) == 0) {
            return at;
        }
    }
    return SIZE_MAX;
}

/* With a table and without: random texts of two letters, in which much repeats. */
static void test_find(void **state)
{
    (void)state;
    uint64_t random = 7;
    unsigned found = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t letters[60];
        uint32_t table[12];
        size_t size = test_random_below(&random, sizeof letters);
        for (size_t i = 0; i < size; i++) {
            letters[i] = test_random_below(&random, 5) == 0 ? 'b' : 'a';
        }
        copse_bytes text = {letters, size};
        size_t start = test_random_below(&random, size + 1);
        size_t len = test_random_below(&random, 12);
        uint8_t other[12];
        for (size_t i = 0; i < len; i++) {
            other[i] = test_random_below(&random, 5) == 0 ? 'b' : 'a';
        }
        copse_bytes part = {other, len};
        size_t wanted = text_find_slowly(text, part, start);
        assert_int_equal(copse_text_find(text, part, NULL, start), wanted);
        copse_text_table(part, table);
        assert_int_equal(copse_text_find(text, part, table, start), wanted);
        found += wanted != SIZE_MAX;
    }
    assert_true(found > 4000 && found < 19000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
