/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/event_stream.h"

#include "support/event_trace.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The events of `text`, however it is cut. */
static void check(const char *text, const char *expected)
{
    test_env env;
    copse_buf buf;
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, SIZE_MAX);
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        copse_buf_truncate(&buf, 0);
        assert_int_equal(event_trace(&env.env, copse_bytes_of_text(text), piece, &buf), COPSE_OK);
        assert_int_equal(copse_buf_append_byte(&buf, 0), COPSE_OK);
        assert_string_equal((const char *)buf.ptr, expected);
    }
    copse_buf_release(&buf);
    test_env_assert_empty(&env);
}

/* A1 */
static void test_lines(void **state)
{
    (void)state;
    check("data: a\n\ndata: b\r\rdata: c\r\n\r\n", "[||a][||b][||c]");
    check("data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", "[||a][||b][||c]");
    check("\xef\xbb\xbf"
          "data: a\n\n\xef\xbb\xbf"
          "data: b\n\n",
          "[||a]");
    check(": data: a\n:\n\ndata\n\ndata:\ndata\n\n", "[||][||\n]");
    check("data:a\ndata:  b \nDATA: c\ndata : d\nx\n:y\n\n", "[||a\n b ]");
    check("data: a\n", "");
    check("", "");
}

/* A2 */
static void test_fields(void **state)
{
    (void)state;
    check("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", "[|1|a][|1|b][||c]");
    check("event: x\ndata: a\n\ndata: b\n\nevent: y\n\ndata: c\n\n", "[x||a][||b][||c]");
    check("id: 7\n\ndata: a\n\n", "[|7|a]");
}

static void test_id_with_nul(void **state)
{
    static const char text[] = "id: 1\nid: 2\0\ndata: a\n\n";
    test_env env;
    copse_buf buf;
    (void)state;
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, SIZE_MAX);
    assert_int_equal(
        event_trace(&env.env, (copse_bytes){(const uint8_t *)text, sizeof text - 1}, 5, &buf),
        COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf), copse_bytes_of_text("[|1|a]")));
    copse_buf_release(&buf);
}

/* A3 */
static void test_limit(void **state)
{
    test_env env;
    copse_event_stream stream;
    copse_event event;
    (void)state;
    test_env_init(&env);
    for (int lines = 0; lines < 2; lines++) {
        static char text[4 * COPSE_EVENT_SIZE_BYTES_MAX];
        memset(text, 'x', sizeof text);
        for (size_t i = 0; lines > 0 && i + 100 < sizeof text; i += 100) {
            memcpy(text + i, "\ndata: ", 7);
        }
        copse_bytes bytes = {(const uint8_t *)text, sizeof text};
        copse_event_stream_init(&stream, &env.env);
        assert_int_equal(copse_event_stream_next(&stream, &bytes, &event), COPSE_LIMIT);
        bytes = copse_bytes_of_text("\n\ndata: a\n\n");
        assert_int_equal(copse_event_stream_next(&stream, &bytes, &event), COPSE_LIMIT);
        copse_event_stream_release(&stream);
    }
    assert_true(env.peak_bytes <= 4 * COPSE_EVENT_SIZE_BYTES_MAX);
    test_env_assert_empty(&env);
}

static void test_retry(void **state)
{
    static const struct {
        const char *text;
        uint32_t ms;
    } cases[] = {
        {"retry: 1500\n", 1500},
        {"retry: 1500\nretry: x\nretry:\nretry: -1\n", 1500},
        {"retry: 7\nretry: 99999999999\n", 7},
        {"retry:4294967295\n", UINT32_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_env env;
        copse_event_stream stream;
        copse_event event;
        uint32_t ms = 0;
        copse_bytes bytes = copse_bytes_of_text(cases[i].text);
        test_env_init(&env);
        copse_event_stream_init(&stream, &env.env);
        assert_false(copse_event_stream_retry(&stream, &ms));
        assert_int_equal(copse_event_stream_next(&stream, &bytes, &event), COPSE_WANT);
        assert_int_equal(bytes.len, 0);
        assert_true(copse_event_stream_retry(&stream, &ms));
        assert_int_equal(ms, cases[i].ms);
        copse_event_stream_release(&stream);
    }
}

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    copse_buf buf;
    (void)ctx;
    copse_buf_init(&buf, env, SIZE_MAX);
    copse_status status = event_trace(
        env, copse_bytes_of_text("id: 1\nevent: e\ndata: a\ndata: b\n\nid: long\ndata: c\n\n"), 3,
        &buf);
    if (status == COPSE_OK) {
        assert_true(
            copse_bytes_equal(copse_buf_view(&buf), copse_bytes_of_text("[e|1|a\nb][|long|c]")));
    }
    copse_buf_release(&buf);
    return status;
}

static void test_sweep(void **state)
{
    (void)state;
    assert_true(test_env_sweep(sweep_run, NULL, 200) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),       cmocka_unit_test(test_fields),
        cmocka_unit_test(test_id_with_nul), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_retry),       cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
