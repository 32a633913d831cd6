/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/csv.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CSV_TEST_LOG_MAX = 2048, CSV_TEST_RECORD_MAX = 24, CSV_TEST_FIELDS_MAX = 5 };

/* What was read, as text: each record as line:[field]"quoted field"; each failure as !message; */
typedef struct csv_log {
    char text[CSV_TEST_LOG_MAX];
    size_t size;
} csv_log;

static void csv_log_add(csv_log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(log->text + log->size, sizeof log->text - log->size, format, args);
    va_end(args);
    assert_in_range(size, 0, sizeof log->text - log->size - 1);
    log->size += (size_t)size;
}

/* Takes records until more is wanted or the end. After NOMEM the call is made again. */
static copse_status csv_take(copse_csv *csv, csv_log *log)
{
    for (;;) {
        const copse_csv_field *fields = NULL;
        size_t count = 0;
        uint64_t line = 0;
        copse_err err = {0};
        copse_status status = copse_csv_next(csv, &fields, &count, &line, &err);
        if (status == COPSE_WANT || status == COPSE_END) {
            return status;
        }
        if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
            assert_int_equal(err.status, status);
            csv_log_add(log, "!%s;", err.message);
        } else if (status == COPSE_OK) {
            csv_log_add(log, "%d:", (int)line);
            for (size_t i = 0; i < count; i++) {
                csv_log_add(log, fields[i].quoted ? "\"%.*s\"" : "[%.*s]", (int)fields[i].text.len,
                            (const char *)fields[i].text.ptr);
            }
            csv_log_add(log, ";");
        } else {
            assert_int_equal(status, COPSE_NOMEM);
        }
    }
}

/* Reads `input` in pieces of `step` bytes, each in memory of its own; allocation `fail_at` fails.
 * Returns whether it came to that. */
static bool csv_run(copse_bytes input, size_t step, char separator, uint64_t fail_at, csv_log *log)
{
    test_env test;
    copse_csv *csv = NULL;
    test_env_init(&test);
    test.fail_at = fail_at;
    *log = (csv_log){.size = 0};
    assert_int_equal(
        copse_csv_new(&test.env, separator, CSV_TEST_RECORD_MAX, CSV_TEST_FIELDS_MAX, &csv, NULL),
        COPSE_OK);
    copse_status status = csv_take(csv, log);
    for (size_t at = 0; status == COPSE_WANT; at += step) {
        size_t size = at >= input.len ? 0 : input.len - at < step ? input.len - at : step;
        uint8_t *exact = malloc(size > 0 ? size : 1);
        assert_non_null(exact);
        if (size > 0) {
            memcpy(exact, input.ptr + at, size);
        }
        assert_int_equal(copse_csv_feed(csv, (copse_bytes){size > 0 ? exact : NULL, size}, NULL),
                         COPSE_OK);
        status = csv_take(csv, log);
        free(exact);
    }
    assert_in_range(test.peak_bytes, 0, 2048); /* (C2) */
    assert_null(copse_csv_free(csv));
    test_env_assert_empty(&test);
    return test.failed;
}

typedef struct csv_row {
    const char *input;
    const char *log;
} csv_row;

static const csv_row csv_rows[] = {
    {"", ""},
    {"\n\r\n\n", ""},
    {"a", "1:[a];"},
    {"a,b\nc,d\n", "1:[a][b];2:[c][d];"},
    {"a,b\r\nc,d\r\n", "1:[a][b];2:[c][d];"},
    {",\n,,", "1:[][];2:[][][];"},
    {"a\n\n\r\nb", "1:[a];4:[b];"},
    {"\"a\",\"\",\nx,\"1\"", "1:\"a\"\"\"[];2:[x]\"1\";"},
    {"\"\"\n\"\"\"\"\n", "1:\"\";2:\"\"\";"},
    {"\"a,\"\"b\"\"\r\n\nc\",d\ne", "1:\"a,\"b\"\r\n\nc\"[d];4:[e];"},
    {" a ,\tb", "1:[ a ][\tb];"},
    {"a\rb,\r\nc\r", "1:[a\rb][];2:[c];"},
    {"\r\ra", "1:[\r\ra];"},
    {"\r", ""},
    {"a;b", "1:[a;b];"},
    {"\xc3\xa9,\xe6\xb0\xb4", "1:[\xc3\xa9][\xe6\xb0\xb4];"},
    /* a byte order mark at the start alone; two of its bytes begin another character */
    {"\xef\xbb\xbf"
     "a",
     "1:[a];"},
    {"\xef\xbb\xbf\"a\"", "1:\"a\";"},
    {"\xef\xbb\xbf\n", ""},
    {"\xef\xbb\xbe", "1:[\xef\xbb\xbe];"},
    {"a\n\xef\xbb\xbf", "1:[a];2:[\xef\xbb\xbf];"},
    {"\xef\xbb", "!line 1, column 3: not UTF-8;"},
    /* failures (C3) */
    {"a\"b\nc", "!line 1, column 2: a quote in a field that doesn't begin with one: put the field "
                "in quotes and double this one;2:[c];"},
    {"x\n\"a\"b,c\nd", "1:[x];!line 2, column 4: a quoted field goes on behind its quote;3:[d];"},
    {"\"a\"\r,b\nc", "!line 1, column 5: a quoted field goes on behind its quote;2:[c];"},
    {"a\n\"b\nc", "1:[a];!line 3, column 2: the input ends in a quoted field;"},
    {"a,\xff\nb", "!line 1, column 1: field 2 is not UTF-8;2:[b];"},
    {"1,2,3,4,5\n1,2,3,4,5,6\na", "1:[1][2][3][4][5];!line 2, column 12: the record has too many "
                                  "fields;3:[a];"},
    {"1,2,3,4,5,6,7\na", "!line 1, column 12: the record has too many fields;2:[a];"},
    {"123456789012345678901234\n1234567890,123456789012345\na",
     "1:[123456789012345678901234];!line 2, column 26: the record is too long;3:[a];"},
    {"\"1234567890\n12345678901234\n1\nb\"\nc",
     "!line 2, column 14: the record is too long;3:[1];"
     "!line 4, column 2: a quote in a field that doesn't begin with one: put the field in quotes "
     "and double this one;5:[c];"},
};

/* (C1), (C4) */
static void test_rows(void **state)
{
    static csv_log log;
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof csv_rows / sizeof *csv_rows; i++) {
        copse_bytes input = copse_bytes_of_text(csv_rows[i].input);
        for (size_t step = 1; step <= input.len + 1; step++) {
            for (uint64_t fail_at = 1; fail_at <= 4; fail_at++) {
                failed += csv_run(input, step, ',', fail_at, &log);
                if (strcmp(csv_rows[i].log, log.text) != 0) {
                    fail_msg("pieces of %zu: %s gave\n%s instead of\n%s", step, csv_rows[i].input,
                             log.text, csv_rows[i].log);
                }
            }
        }
    }
    assert_in_range(failed, 100, SIZE_MAX);
}

static void test_separators(void **state)
{
    static const char refused[] = {'"', '\n', '\r', '\0', (char)0x80};
    static csv_log log;
    test_env test;
    copse_csv *csv = NULL;
    (void)state;
    (void)csv_run(copse_bytes_of_text("a;\"b;\",c\td"), 3, ';', UINT64_MAX, &log);
    assert_string_equal(log.text, "!line 1, column 7: a quoted field goes on behind its quote;");
    (void)csv_run(copse_bytes_of_text("a;\"b;\";,c\td"), 3, ';', UINT64_MAX, &log);
    assert_string_equal(log.text, "1:[a]\"b;\"[,c\td];");
    (void)csv_run(copse_bytes_of_text("a,b\tc"), 3, '\t', UINT64_MAX, &log);
    assert_string_equal(log.text, "1:[a,b][c];");
    test_env_init(&test);
    for (size_t i = 0; i < sizeof refused; i++) {
        assert_int_equal(copse_csv_new(&test.env, refused[i], 10, 10, &csv, NULL), COPSE_MISUSE);
    }
    assert_null(csv);
    test_env_assert_empty(&test);
}

static void test_misuse(void **state)
{
    test_env test;
    copse_csv *csv = NULL;
    const copse_csv_field *fields;
    size_t count;
    uint64_t line;
    copse_bytes piece = copse_bytes_of_text("a\n");
    (void)state;
    test_env_init(&test);
    test.fail_at = 0;
    assert_int_equal(copse_csv_new(&test.env, ',', 10, 10, &csv, NULL), COPSE_NOMEM);
    assert_int_equal(copse_csv_new(&test.env, ',', 10, 10, &csv, NULL), COPSE_OK);
    assert_int_equal(copse_csv_next(csv, &fields, &count, &line, NULL), COPSE_WANT);
    assert_int_equal(copse_csv_feed(csv, piece, NULL), COPSE_OK);
    assert_int_equal(copse_csv_feed(csv, piece, NULL), COPSE_MISUSE);
    assert_int_equal(copse_csv_next(csv, &fields, &count, &line, NULL), COPSE_OK);
    assert_int_equal(copse_csv_next(csv, &fields, &count, &line, NULL), COPSE_WANT);
    assert_int_equal(copse_csv_feed(csv, (copse_bytes){0}, NULL), COPSE_OK);
    assert_int_equal(copse_csv_next(csv, &fields, &count, &line, NULL), COPSE_END);
    assert_int_equal(copse_csv_next(csv, &fields, &count, &line, NULL), COPSE_END);
    assert_int_equal(copse_csv_feed(csv, piece, NULL), COPSE_MISUSE);
    assert_null(copse_csv_free(csv));
    assert_null(copse_csv_free(NULL));
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_separators),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
