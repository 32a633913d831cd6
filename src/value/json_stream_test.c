/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/json_stream.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STREAM_TEST_VALUE_MAX = 64, STREAM_TEST_LOG_MAX = 4096 };

/* What a stream gave, as text: each value as line:column=value; each failure as !message; */
typedef struct stream_log {
    char text[STREAM_TEST_LOG_MAX];
    size_t size;
    size_t failures;
} stream_log;

static void stream_log_add(stream_log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(log->text + log->size, sizeof log->text - log->size, format, args);
    va_end(args);
    assert_in_range(size, 0, sizeof log->text - log->size - 1);
    log->size += (size_t)size;
}

/* Takes values until the stream wants more or ends; stops after 20 failures. */
static copse_status stream_take(copse_json_stream *stream, const uint8_t *whole, stream_log *log)
{
    for (;;) {
        copse_bytes text;
        copse_json_place place;
        copse_err err = {0};
        copse_status status = copse_json_stream_next(stream, &text, &place, &err);
        if (status == COPSE_OK) {
            stream_log_add(log, "%d:%d=%.*s;", (int)place.line, (int)place.column, (int)text.len,
                           (const char *)text.ptr);
            assert_memory_equal(whole + place.offset, text.ptr, text.len);
        } else if (status == COPSE_WANT || status == COPSE_END || log->failures == 20) {
            return status;
        } else {
            assert_true(status == COPSE_CORRUPT || status == COPSE_LIMIT);
            assert_int_equal(err.status, status);
            stream_log_add(log, "!%s;", err.message);
            log->failures++;
        }
    }
}

/* Runs `input` in pieces of `step` bytes, each in memory of its own. */
static void stream_run(copse_bytes input, size_t step, size_t value_max, stream_log *log)
{
    test_env test;
    copse_json_stream *stream = NULL;
    uint8_t *piece = malloc(step + 1);
    test_env_init(&test);
    assert_non_null(piece);
    *log = (stream_log){.size = 0};
    assert_int_equal(copse_json_stream_new(&test.env, value_max, &stream, NULL), COPSE_OK);
    copse_status status = stream_take(stream, input.ptr, log);
    for (size_t at = 0; status == COPSE_WANT; at += step) {
        size_t size = at >= input.len ? 0 : input.len - at < step ? input.len - at : step;
        uint8_t *exact = malloc(size > 0 ? size : 1);
        assert_non_null(exact);
        if (size > 0) {
            memcpy(exact, input.ptr + at, size);
        }
        assert_int_equal(
            copse_json_stream_feed(stream, (copse_bytes){size > 0 ? exact : NULL, size}, NULL),
            COPSE_OK);
        status = stream_take(stream, input.ptr, log);
        free(exact);
    }
    assert_in_range(test.peak_bytes, 0, 2 * value_max + 1024); /* (S2), and one reallocation */
    (void)copse_json_stream_free(stream);
    free(piece);
    test_env_assert_empty(&test);
}

typedef struct stream_row {
    const char *input;
    const char *log;
} stream_row;

static const stream_row stream_rows[] = {
    {"", ""},
    {" \n\t ", ""},
    {"1", "1:1=1;"},
    {"1\n", "1:1=1;"},
    {"{\"a\":1}\n{\"a\":2}\n", "1:1={\"a\":1};2:1={\"a\":2};"},
    {"{\"a\":1}\r\n\r\n{\"a\":2}", "1:1={\"a\":1};3:1={\"a\":2};"},
    {"{}{}[1]\"a\"\"b\"1 true null", "1:1={};1:3={};1:5=[1];1:8=\"a\";1:11=\"b\";1:14=1;1:16=true;"
                                     "1:21=null;"},
    {"1[2]3{}", "1:1=1;1:2=[2];1:5=3;1:6={};"},
    {"{\"a\": [1, {\"b\":\n \"}]\\\"\"}\n]}\n 2",
     "1:1={\"a\": [1, {\"b\":\n \"}]\\\"\"}\n]};4:2=2;"},
    {"\"\\\\\" \"\\\"\" \"\\\\\\\"\"", "1:1=\"\\\\\";1:6=\"\\\"\";1:11=\"\\\\\\\"\";"},
    {"\"12345678\\\"12345678\" 1", "1:1=\"12345678\\\"12345678\";1:22=1;"},
    /* byte order marks */
    {"\xef\xbb\xbf{\"a\":1}\n{}", "1:4={\"a\":1};2:1={};"},
    {"\xef\xbb\xbf [1]", "1:6=1;"},
    {"\xef\xbb\xbf", ""},
    {"\xef\xbb", "!line 1, column 3: a byte order mark is cut short;"},
    {"\xef\xbb\n1", "!line 2, column 1: a byte order mark is cut short;"},
    {"\xef{}\n1", "!line 1, column 2: a byte order mark is cut short;2:1=1;"},
    {"\xef\xbb\xbf\xef\xbb\xbf{}\n1", "!line 1, column 4: a value can't begin so;2:1=1;"},
    {" \xef\xbb\xbf{}\n1", "!line 1, column 2: a value can't begin so;2:1=1;"},
    {"1\n\xef\xbb\xbf{}\n2", "1:1=1;!line 2, column 1: a value can't begin so;3:1=2;"},
    /* arrays */
    {"[]", ""},
    {" [ ] ", ""},
    {"[1,2]", "1:2=1;1:4=2;"},
    {"[\n 1 ,\n {\"a\":[]}\n]\n", "2:2=1;3:2={\"a\":[]};"},
    {"[[1],[2]]", "1:2=[1];1:6=[2];"},
    {"[\"a\",\"b\"]", "1:2=\"a\";1:6=\"b\";"},
    {"1 [1,2]", "1:1=1;1:3=[1,2];"},
    /* what is left to the parser */
    {"{a]\n{\"a\":tru}", "1:1={a];2:1={\"a\":tru};"},
    {"-+x 01 \"\\q\"", "1:1=-+x;1:5=01;1:8=\"\\q\";"},
    /* failures outside an array (S3) */
    {"}\n1", "!line 1, column 1: a value can't begin so;2:1=1;"},
    {"1 ? 2\n3", "1:1=1;!line 1, column 3: a value can't begin so;2:1=3;"},
    {"1,2\n3", "1:1=1;!line 1, column 2: a value can't begin so;2:1=3;"},
    {"{\"a\n\":1}\n{}", "!line 1, column 4: the line ends in a string;"
                        "!line 2, column 5: the line ends in a string;3:1={};"},
    {"{\"a\":\"b\n{}\n", "!line 1, column 8: the line ends in a string;2:1={};"},
    {"{\"a\":{\"b\":1}\n{}\n{}",
     "!line 2, column 1: a bracket where a comma or the end of the value before was expected;"
     "2:1={};3:1={};"},
    {"{\"a\":1", "!line 1, column 1: the stream ends in the value that begins here;"},
    {"1\n \"abc", "1:1=1;!line 2, column 2: the stream ends in the value that begins here;"},
    {"]\n[1]", "!line 1, column 1: a value can't begin so;2:1=[1];"},
    /* too long for STREAM_TEST_VALUE_MAX */
    {"[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
     "1:2=1;1:4=1;1:6=1;1:8=1;1:10=1;1:12=1;1:14=1;1:16=1;1:18=1;1:20=1;1:22=1;1:24=1;1:26=1;"
     "1:28=1;1:30=1;1:32=1;1:34=1;1:36=1;1:38=1;1:40=1;1:42=1;1:44=1;1:46=1;1:48=1;1:50=1;1:52=1;"
     "1:54=1;1:56=1;1:58=1;1:60=1;1:62=1;1:64=1;1:66=1;1:68=1;1:70=1;1:72=1;1:74=1;1:76=1;1:78=1;"
     "1:80=1;"},
    {"1\n\"0123456789012345678901234567890123456789012345678901234567890123456789\" 2\n3\n",
     "1:1=1;!line 2, column 1: the value is too long;3:1=3;"},
    {"{\n\"0123456789012345678901234567890123456789\":[\n0123456789012345,\n1]}\n3\n",
     "!line 1, column 1: the value is too long;4:1=1;!line 4, column 2: a value can't begin so;"
     "5:1=3;"},
};

/* In an array a failure stays. */
static const stream_row stream_stuck_rows[] = {
    {"[1 2]", "1:2=1;!line 1, column 4: a comma or ']' was expected;"},
    {"[1,]", "1:2=1;!line 1, column 4: a value can't begin so;"},
    {"[,1]", "!line 1, column 2: a value can't begin so;"},
    {"[1]\n 2", "1:2=1;!line 2, column 2: only white space may follow the array;"},
    {"[1,2", "1:2=1;1:4=2;!line 1, column 5: the stream ends in the array;"},
    {"[", "!line 1, column 2: the stream ends in the array;"},
    {"[\"a\n\"]", "!line 1, column 4: the line ends in a string;"},
};

static void assert_log(const stream_row *row, const stream_log *log, size_t repeated, size_t step)
{
    const char *last = strchr(row->log, '!');
    char expected[STREAM_TEST_LOG_MAX];
    size_t size = (size_t)snprintf(expected, sizeof expected, "%s", row->log);
    for (size_t i = 0; i < repeated; i++) {
        size += (size_t)snprintf(expected + size, sizeof expected - size, "%s", last);
    }
    if (strcmp(expected, log->text) != 0) {
        fail_msg("pieces of %zu: %s gave\n%s instead of\n%s", step, row->input, log->text,
                 expected);
    }
}

/* (S1) */
static void test_rows(void **state)
{
    static stream_log log;
    (void)state;
    for (size_t i = 0; i < sizeof stream_rows / sizeof *stream_rows; i++) {
        copse_bytes input = copse_bytes_of_text(stream_rows[i].input);
        for (size_t step = 1; step <= input.len + 1; step++) {
            stream_run(input, step, STREAM_TEST_VALUE_MAX, &log);
            assert_log(&stream_rows[i], &log, 0, step);
        }
    }
    for (size_t i = 0; i < sizeof stream_stuck_rows / sizeof *stream_stuck_rows; i++) {
        copse_bytes input = copse_bytes_of_text(stream_stuck_rows[i].input);
        for (size_t step = 1; step <= input.len + 1; step++) {
            stream_run(input, step, STREAM_TEST_VALUE_MAX, &log);
            assert_log(&stream_stuck_rows[i], &log, 19, step);
        }
    }
}

/* The longest value passes, one more byte does not, wherever it is cut. */
static void test_value_max(void **state)
{
    static stream_log log;
    (void)state;
    for (size_t max = 1; max <= 9; max++) {
        for (size_t step = 1; step <= 14; step++) {
            stream_run(copse_bytes_of_text("\"234567\"\n1\n"), step, max, &log);
            assert_string_equal(log.text, max >= 8 ? "1:1=\"234567\";2:1=1;"
                                                   : "!line 1, column 1: the value is too long;"
                                                     "2:1=1;");
        }
    }
}

static void test_misuse(void **state)
{
    test_env test;
    copse_json_stream *stream = NULL;
    copse_bytes text;
    copse_json_place place;
    copse_bytes piece = copse_bytes_of_text("1 ");
    (void)state;
    test_env_init(&test);
    assert_int_equal(copse_json_stream_new(&test.env, 10, &stream, NULL), COPSE_OK);
    assert_int_equal(copse_json_stream_next(stream, &text, &place, NULL), COPSE_WANT);
    assert_int_equal(copse_json_stream_feed(stream, piece, NULL), COPSE_OK);
    assert_int_equal(copse_json_stream_feed(stream, piece, NULL), COPSE_MISUSE);
    assert_int_equal(copse_json_stream_next(stream, &text, &place, NULL), COPSE_OK);
    assert_int_equal(copse_json_stream_feed(stream, piece, NULL), COPSE_MISUSE);
    assert_int_equal(copse_json_stream_next(stream, &text, &place, NULL), COPSE_WANT);
    assert_int_equal(copse_json_stream_feed(stream, (copse_bytes){0}, NULL), COPSE_OK);
    assert_int_equal(copse_json_stream_next(stream, &text, &place, NULL), COPSE_END);
    assert_int_equal(copse_json_stream_next(stream, &text, &place, NULL), COPSE_END);
    assert_int_equal(copse_json_stream_feed(stream, piece, NULL), COPSE_MISUSE);
    assert_null(copse_json_stream_free(stream));
    assert_null(copse_json_stream_free(NULL));
    test_env_assert_empty(&test);
}

/* Out of memory changes nothing: the same call again gives the same values. */
static void test_no_memory(void **state)
{
    static const char input[] = "{\"a\":[1,\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]}\n[2]\n";
    (void)state;
    for (uint64_t fail_at = 1; fail_at <= 4; fail_at++) {
        test_env test;
        copse_json_stream *stream = NULL;
        size_t values = 0;
        test_env_init(&test);
        test.fail_at = fail_at;
        assert_int_equal(copse_json_stream_new(&test.env, 1000, &stream, NULL), COPSE_OK);
        for (size_t at = 0; at < sizeof input - 1; at += 5) {
            size_t size = sizeof input - 1 - at < 5 ? sizeof input - 1 - at : 5;
            copse_bytes piece = {(const uint8_t *)input + at, size};
            assert_int_equal(copse_json_stream_feed(stream, piece, NULL), COPSE_OK);
            copse_bytes text;
            copse_json_place place;
            copse_status status;
            while ((status = copse_json_stream_next(stream, &text, &place, NULL)) != COPSE_WANT) {
                assert_true(status == COPSE_OK || status == COPSE_NOMEM);
                values += status == COPSE_OK;
                assert_true(status == COPSE_NOMEM ||
                            text.len == (values == 1 ? strcspn(input, "\n") : 3));
            }
        }
        assert_int_equal(values, 2);
        assert_true(test.failed == (fail_at <= 2));
        (void)copse_json_stream_free(stream);
        test_env_assert_empty(&test);
    }
}

/* A value of 64 MiB, put together from pieces. */
static void test_large_value(void **state)
{
    const size_t value_size = 64u << 20;
    const size_t piece_size = 1u << 16;
    test_env test;
    copse_json_stream *stream = NULL;
    copse_bytes text = {0};
    copse_json_place place;
    uint8_t *piece = malloc(piece_size);
    (void)state;
    assert_non_null(piece);
    test_env_init(&test);
    assert_int_equal(copse_json_stream_new(&test.env, value_size, &stream, NULL), COPSE_OK);
    memset(piece, 'x', piece_size);
    copse_status status = COPSE_WANT;
    for (size_t at = 0; at < value_size; at += piece_size) {
        piece[0] = at == 0 ? '"' : 'x';
        piece[piece_size - 1] = at + piece_size == value_size ? '"' : 'x';
        assert_int_equal(status, COPSE_WANT);
        assert_int_equal(copse_json_stream_feed(stream, (copse_bytes){piece, piece_size}, NULL),
                         COPSE_OK);
        status = copse_json_stream_next(stream, &text, &place, NULL);
    }
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(text.len, value_size);
    assert_in_range(test.peak_bytes, value_size, 2 * value_size + 4096);
    (void)copse_json_stream_free(stream);
    free(piece);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),        cmocka_unit_test(test_value_max),
        cmocka_unit_test(test_misuse),      cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_large_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
