/* What Content-Range says.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "proto/http_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void http_range_test_good(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        copse_http_content_range range;
    } cases[] = {
        {"bytes 0-0/1", {0, 1, 1}},
        {"bytes 0-99/1234", {0, 100, 1234}},
        {"Bytes 1200-1233/1234", {1200, 34, 1234}},
        {"bytes 5-9/*", {5, 5, 0}},
        {"bytes 9223372036854775806-9223372036854775806/9223372036854775807",
         {INT64_MAX - UINT64_C(1), 1, INT64_MAX}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        copse_http_content_range range = {0, 0, 0};
        assert_true(copse_http_content_range_parse(copse_bytes_of_text(cases[i].text), &range));
        assert_int_equal(range.from, cases[i].range.from);
        assert_int_equal(range.size, cases[i].range.size);
        assert_int_equal(range.total, cases[i].range.total);
    }
}

static void http_range_test_bad(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "bytes",
                                        "bytes ",
                                        "bytes */1234",
                                        "bytes 0-1234/1234",
                                        "bytes 9-8/1234",
                                        "bytes 0-/12",
                                        "bytes -5/12",
                                        "bytes 0-1",
                                        "bytes 0-1/",
                                        "bytes 0-1/x",
                                        "bytes 0-1/12 ",
                                        "items 0-1/12",
                                        "bytes +0-1/12",
                                        "bytes 0-1/-1",
                                        "bytes  0-1/12",
                                        "bytes 0-9223372036854775808/9223372036854775809",
                                        "bytes 0-18446744073709551616/*"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        copse_http_content_range range = {1, 2, 3};
        assert_false(copse_http_content_range_parse(copse_bytes_of_text(cases[i]), &range));
        assert_true(range.from == 1 && range.size == 2 && range.total == 3);
    }
    assert_false(copse_http_content_range_parse((copse_bytes){NULL, 0},
                                                &(copse_http_content_range){0, 0, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_range_test_good),
        cmocka_unit_test(http_range_test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
