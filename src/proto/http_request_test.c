/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/http_request.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_text(copse_bytes bytes, const char *text)
{
    assert_true(copse_bytes_equal(bytes, copse_bytes_of_text(text)));
}

static void test_lists(void **state)
{
    copse_bytes list = copse_bytes_of_text(" a ,, \"b,\\\"c\";q=1 ,\t d;x=\"1;2\" ; y , ");
    copse_bytes element;
    copse_bytes part;
    (void)state;
    assert_true(copse_http_list_next(&list, &element));
    assert_text(element, "a");
    assert_true(copse_http_list_next(&list, &element));
    assert_text(element, "\"b,\\\"c\";q=1");
    assert_true(copse_http_list_next(&list, &element));
    assert_text(element, "d;x=\"1;2\" ; y");
    assert_true(copse_http_parts_next(&element, &part));
    assert_text(part, "d");
    assert_true(copse_http_parts_next(&element, &part));
    assert_true(copse_http_part_value(part, "X", &part));
    assert_text(part, "1;2");
    assert_true(copse_http_parts_next(&element, &part));
    assert_false(copse_http_part_value(part, "y", &part));
    assert_false(copse_http_parts_next(&element, &part));
    assert_false(copse_http_list_next(&list, &element));
}

static void test_weights(void **state)
{
    static const struct {
        const char *element;
        unsigned weight;
    } rows[] = {
        {"a", 1000},       {"a;q=1", 1000},   {"a;q=0", 0},        {"a; Q=0.5", 500},
        {"a;q=0.25", 250}, {"a;q=0.001", 1},  {"a;q=1.000", 1000}, {"a;q=1.5", 1000},
        {"a;q=2", 0},      {"a;q=-1", 0},     {"a;q=0.0001", 0},   {"a;q=x", 0},
        {"a;q=", 0},       {"a;b=c;q=0.", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(copse_http_element_weight(copse_bytes_of_text(rows[i].element)),
                         rows[i].weight);
    }
}

static void test_parameters(void **state)
{
    copse_http_request request = {.query =
                                      copse_bytes_of_text("a&format=raw&b=&=c&format=car&d=1=2")};
    copse_bytes value;
    (void)state;
    assert_true(copse_http_request_parameter(&request, "format", &value));
    assert_text(value, "raw");
    assert_true(copse_http_request_parameter(&request, "a", &value));
    assert_text(value, "");
    assert_true(copse_http_request_parameter(&request, "b", &value));
    assert_text(value, "");
    assert_true(copse_http_request_parameter(&request, "d", &value));
    assert_text(value, "1=2");
    assert_false(copse_http_request_parameter(&request, "forma", &value));
    request.query.len = 0;
    assert_false(copse_http_request_parameter(&request, "a", &value));
}

static void test_headers(void **state)
{
    const copse_http_header headers[] = {
        {copse_bytes_of_text("Accept"), copse_bytes_of_text("1")},
        {copse_bytes_of_text("X"), copse_bytes_of_text("2")},
        {copse_bytes_of_text("aCCEPT"), copse_bytes_of_text("3")},
    };
    copse_http_request request = {.headers = headers, .headers_count = 3};
    copse_bytes value;
    (void)state;
    assert_true(copse_http_request_header(&request, "accept", 0, &value));
    assert_text(value, "1");
    assert_true(copse_http_request_header(&request, "accept", 1, &value));
    assert_text(value, "3");
    assert_false(copse_http_request_header(&request, "accept", 2, &value));
    assert_false(copse_http_request_header(&request, "accep", 0, &value));
}

static void test_percent(void **state)
{
    static const char *const broken[] = {"%", "%2", "a%g0", "%0g", "%00", "%%20"};
    test_env env;
    copse_buf buf;
    (void)state;
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, 5);
    assert_int_equal(copse_http_percent_decode(copse_bytes_of_text("a%20%c3%A4+"), &buf), COPSE_OK);
    assert_text(copse_buf_view(&buf), "a \xc3\xa4+");
    assert_int_equal(copse_http_percent_decode(copse_bytes_of_text("b"), &buf), COPSE_LIMIT);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(copse_http_percent_decode(copse_bytes_of_text(broken[i]), &buf),
                         strcmp(broken[i], "a%g0") == 0 ? COPSE_LIMIT : COPSE_CORRUPT);
        assert_int_equal(buf.len, 5);
    }
    copse_buf_release(&buf);
    copse_buf_init(&buf, &env.env, 13);
    assert_int_equal(copse_http_percent_encode(copse_bytes_of_text("a-Z.9_~ \xc3"), &buf),
                     COPSE_OK);
    assert_text(copse_buf_view(&buf), "a-Z.9_~%20%C3");
    assert_int_equal(copse_http_percent_encode(copse_bytes_of_text("b"), &buf), COPSE_LIMIT);
    assert_int_equal(buf.len, 13);
    copse_buf_release(&buf);
    test_env_assert_empty(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),   cmocka_unit_test(test_weights),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
