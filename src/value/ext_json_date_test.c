/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/ext_json_date.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DATE_TEST_END INT64_C(253402300800000) /* the year 10000 */

typedef struct date_row {
    const char *text;
    int64_t date_ms;
} date_row;

static const date_row date_rows[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T00:00:00.001Z", 1},
    {"1970-01-01T00:00:00.1Z", 100},
    {"1970-01-01T00:00:00.123456789Z", 123},
    {"1970-01-01T00:00:00.999999999Z", 999},
    {"1969-12-31T23:59:59.999Z", -1},
    {"1970-01-01T01:30:00+01:30", 0},
    {"1970-01-01T01:30:00+0130", 0},
    {"1970-01-01T01:00:00+01", 0},
    {"1969-12-31T22:30:00-0130", 0},
    {"1970-01-01T23:59:00+23:59", 0},
    {"2000-02-29T12:00:00Z", INT64_C(951825600000)},
    {"2012-12-24T12:15:30.501Z", INT64_C(1356351330501)},
    {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
    {"9999-12-31T23:59:59.999Z", DATE_TEST_END - 1},
    {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
    {"0000-02-29T00:00:00Z", INT64_C(-62162121600000)},
    {"0001-01-01T00:00:00Z", INT64_C(-62135596800000)},
};

static const char *const date_refused[] = {
    "",
    "1970-01-01",
    "1970-01-01T00:00Z",
    "1970-01-01T00:00:00",
    "1970-01-01 00:00:00Z",
    "1970-01-01t00:00:00Z",
    "1970-01-01T00:00:00z",
    "1970-01-01T00:00:00.Z",
    "1970-01-01T00:00:00.1234567890Z",
    "1970-01-01T00:00:00,5Z",
    "1970-01-01T00:00:00Z ",
    " 1970-01-01T00:00:00Z",
    "1970-1-01T00:00:00Z",
    "19700-01-01T00:00:00Z",
    "-970-01-01T00:00:00Z",
    "1970-00-01T00:00:00Z",
    "1970-13-01T00:00:00Z",
    "1970-01-00T00:00:00Z",
    "1970-01-32T00:00:00Z",
    "1970-04-31T00:00:00Z",
    "1970-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2000-02-30T00:00:00Z",
    "1970-01-01T24:00:00Z",
    "1970-01-01T00:60:00Z",
    "1970-01-01T00:00:60Z",
    "1970-01-01T00:00:00+24:00",
    "1970-01-01T00:00:00+00:60",
    "1970-01-01T00:00:00+1",
    "1970-01-01T00:00:00+01:",
    "1970-01-01T00:00:00+01:3",
    "1970-01-01T00:00:00+013",
    "1970-01-01T00:00:00+-1:00",
    "197a-01-01T00:00:00Z",
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof date_rows / sizeof *date_rows; i++) {
        int64_t date_ms = 7;
        copse_bytes text = copse_bytes_of_text(date_rows[i].text);
        if (copse_ext_json_date_parse(text, &date_ms) != COPSE_OK ||
            date_ms != date_rows[i].date_ms) {
            fail_msg("%s: %lld", date_rows[i].text, (long long)date_ms);
        }
        for (size_t size = 0; size < text.len; size++) {
            copse_bytes cut = {text.ptr, size};
            /* An offset of hours alone is the beginning of one with minutes. */
            if (copse_ext_json_date_parse(cut, &date_ms) == COPSE_OK && size != 22) {
                fail_msg("%.*s", (int)size, date_rows[i].text);
            }
        }
    }
    for (size_t i = 0; i < sizeof date_refused / sizeof *date_refused; i++) {
        int64_t date_ms = 7;
        if (copse_ext_json_date_parse(copse_bytes_of_text(date_refused[i]), &date_ms) !=
                COPSE_CORRUPT ||
            date_ms != 7) {
            fail_msg("%s was taken", date_refused[i]);
        }
    }
}

/* Writes a date as the C library does. */
static void date_expected(int64_t date_ms, char text[64])
{
    time_t seconds = (time_t)(date_ms / 1000);
    struct tm fields;
    assert_non_null(gmtime_r(&seconds, &fields));
    size_t size = strftime(text, 64, "%Y-%m-%dT%H:%M:%S", &fields);
    if (date_ms % 1000 != 0) {
        size += (size_t)snprintf(text + size, 64 - size, ".%03d", (int)(date_ms % 1000));
    }
    (void)snprintf(text + size, 64 - size, "Z");
}

static void assert_date(int64_t date_ms)
{
    char text[COPSE_EXT_JSON_DATE_TEXT_SIZE_MAX];
    char expected[64];
    int64_t back = 0;
    size_t size = copse_ext_json_date_write(date_ms, text);
    date_expected(date_ms, expected);
    if (size != strlen(expected) || memcmp(text, expected, size) != 0) {
        fail_msg("%lld became %.*s instead of %s", (long long)date_ms, (int)size, text, expected);
    }
    assert_int_equal(copse_ext_json_date_parse((copse_bytes){(uint8_t *)text, size}, &back),
                     COPSE_OK);
    assert_true(back == date_ms);
}

/* Each day's end, and random times, as the C library has them. */
static void test_write(void **state)
{
    uint64_t random = 1;
    char text[COPSE_EXT_JSON_DATE_TEXT_SIZE_MAX];
    (void)state;
    for (int64_t date_ms = 86399999; date_ms < DATE_TEST_END; date_ms += INT64_C(86400000) * 7) {
        assert_date(date_ms);
        assert_date((int64_t)test_random_below(&random, (uint64_t)DATE_TEST_END));
    }
    assert_date(DATE_TEST_END - 1);
    assert_int_equal(copse_ext_json_date_write(DATE_TEST_END, text), 0);
    assert_int_equal(copse_ext_json_date_write(-1, text), 0);
    assert_int_equal(copse_ext_json_date_write(INT64_MIN, text), 0);
    assert_int_equal(copse_ext_json_date_write(INT64_MAX, text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
