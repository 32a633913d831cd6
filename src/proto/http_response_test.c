/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/http_response.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void check(copse_http_head head, const char *expected)
{
    test_env env;
    copse_buf buf;
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, 4096);
    assert_int_equal(copse_http_head_write(&head, &buf), COPSE_OK);
    assert_int_equal(copse_buf_append_byte(&buf, 0), COPSE_OK);
    assert_string_equal((const char *)buf.ptr, expected);
    copse_buf_release(&buf);
    test_env_assert_empty(&env);
}

static void test_heads(void **state)
{
    (void)state;
    check((copse_http_head){.status = 200, .framing = COPSE_HTTP_FRAMING_LENGTH, .length = 7},
          "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    check((copse_http_head){.status = 404,
                            .headers = copse_bytes_of_text("A: b\r\n"),
                            .framing = COPSE_HTTP_FRAMING_CHUNKED,
                            .date = "Sun, 06 Nov 1994 08:49:37 GMT"},
          "HTTP/1.1 404 Not Found\r\nA: b\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
          "Transfer-Encoding: chunked\r\n\r\n");
    check((copse_http_head){.status = 200, .framing = COPSE_HTTP_FRAMING_CHUNKED, .is_head = true},
          "HTTP/1.1 200 OK\r\n\r\n");
    check((copse_http_head){.status = 200, .framing = COPSE_HTTP_FRAMING_CLOSE, .close = true},
          "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    check((copse_http_head){.status = 304, .framing = COPSE_HTTP_FRAMING_NONE},
          "HTTP/1.1 304 Not Modified\r\n\r\n");
    check((copse_http_head){.status = 299, .framing = COPSE_HTTP_FRAMING_NONE},
          "HTTP/1.1 299 Unknown\r\n\r\n");
}

static void test_headers_are_one_line(void **state)
{
    test_env env;
    copse_buf buf;
    (void)state;
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, 10);
    assert_int_equal(copse_http_header_write(&buf, "A", copse_bytes_of_text("b\r\nC: d")),
                     COPSE_MISUSE);
    assert_int_equal(copse_http_header_write(&buf, "A", copse_bytes_of_text("b\n")), COPSE_MISUSE);
    assert_int_equal(copse_http_header_write(&buf, "A", copse_bytes_of_text("123456")),
                     COPSE_LIMIT);
    assert_int_equal(buf.len, 0);
    assert_int_equal(copse_http_header_write(&buf, "A", copse_bytes_of_text("12345")), COPSE_OK);
    assert_int_equal(buf.len, 10);
    copse_http_head head = {.status = 200, .framing = COPSE_HTTP_FRAMING_NONE};
    assert_int_equal(copse_http_head_write(&head, &buf), COPSE_LIMIT);
    assert_int_equal(buf.len, 10);
    copse_buf_release(&buf);
    test_env_assert_empty(&env);
}

/* What ends a line, or begins another, is found wherever it stands. */
static void test_control_characters(void **state)
{
    static const uint8_t allowed[] = {' ', '\t', '~', 0x80, 0xff};
    test_env env;
    copse_buf buf;
    (void)state;
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, 100);
    for (size_t at = 0; at < 21; at++) {
        for (unsigned c = 0; c < 256; c++) {
            uint8_t value[21];
            memset(value, 'a', sizeof value);
            value[at] = (uint8_t)c;
            bool is_allowed = c > ' ' && c != 0x7f;
            for (size_t i = 0; i < sizeof allowed; i++) {
                is_allowed |= c == allowed[i];
            }
            copse_buf_truncate(&buf, 0);
            assert_int_equal(copse_http_header_write(&buf, "A", (copse_bytes){value, sizeof value}),
                             is_allowed ? COPSE_OK : COPSE_MISUSE);
            assert_int_equal(buf.len, is_allowed ? sizeof value + 5 : 0);
        }
    }
    const copse_bytes parts[] = {copse_bytes_of_text("b"), copse_bytes_of_text(""),
                                 copse_bytes_of_text("cd")};
    copse_buf_truncate(&buf, 0);
    assert_int_equal(copse_http_header_write_parts(&buf, "A", parts, 3), COPSE_OK);
    assert_memory_equal(buf.ptr, "A: bcd\r\n", buf.len);
    copse_buf_release(&buf);
    test_env_assert_empty(&env);
}

static void test_dates(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } rows[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782399, "Mon, 28 Feb 2000 23:59:59 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
        {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    char text[COPSE_HTTP_DATE_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(copse_http_date(rows[i].seconds * 1000, text), rows[i].text);
    }
}

static void test_chunks(void **state)
{
    char text[COPSE_HTTP_CHUNK_HEAD_SIZE_MAX];
    (void)state;
    assert_int_equal(copse_http_chunk_head(0x1fe, text), 5);
    assert_memory_equal(text, "1fe\r\n", 5);
    assert_int_equal(copse_http_chunk_head(SIZE_MAX, text), sizeof(size_t) * 2 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_headers_are_one_line),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
