/* Keys of rows that are there once for each primary key.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "index/key_space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

typedef copse_status (*key_prefix)(copse_buf *buf, copse_bytes collection);

static const key_prefix key_prefixes[] = {copse_key_write_conflicts, copse_key_write_documents,
                                          copse_key_write_versions};
static const char key_letters[] = "cdv";

static void test_prefixes(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < 3; i++) {
        const uint8_t expected[] = {0, 'c', 0, (uint8_t)key_letters[i], 0};
        copse_buf key;
        copse_buf_init(&key, &test.env, SIZE_MAX);
        assert_int_equal(key_prefixes[i](&key, copse_bytes_of_text("c")), COPSE_OK);
        assert_true(
            copse_bytes_equal(copse_buf_view(&key), (copse_bytes){expected, sizeof expected}));
        copse_buf_release(&key);
    }
    test_env_assert_empty(&test);
}

static bool key_is_conflict(const char *key, size_t size)
{
    return copse_key_is_conflict((copse_bytes){(const uint8_t *)key, size});
}

static void test_which_is_of_a_conflict(void **state)
{
    (void)state;
    assert_true(key_is_conflict("\0posts\0c\0", 9));
    assert_true(key_is_conflict("\0posts\0c\0\x76\0", 11));
    assert_true(key_is_conflict("\0c\0c\0d", 6));
    assert_false(key_is_conflict("\0posts\0c", 8));
    assert_false(key_is_conflict("\0posts\0", 7));
    assert_false(key_is_conflict("\0posts\0c\1", 9));
    assert_false(key_is_conflict("\0posts\0d\0", 9));
    assert_false(key_is_conflict("\0c\0d\0c\0", 7));
    assert_false(key_is_conflict("\0\0c\0c\0", 6)); /* of the catalogue */
    assert_false(key_is_conflict("posts\0c\0", 8));
    assert_false(key_is_conflict("\0posts", 6));
    assert_false(key_is_conflict("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_which_is_of_a_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
