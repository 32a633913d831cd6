/* The calendar, day by day beside one that counts.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool calendar_leap(int64_t year)
{
    return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
}

static void test_each_day(void **state)
{
    (void)state;
    static const int64_t sizes[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    copse_calendar date = {.year = -800, .month = 1, .day = 1};
    int64_t first = copse_calendar_days(&date);
    for (int64_t days = first; date.year < 2800; days++) {
        copse_calendar found = copse_calendar_of_days(days);
        assert_true(found.year == date.year && found.month == date.month && found.day == date.day);
        assert_true(copse_calendar_days(&date) == days);
        assert_true(copse_calendar_exists(&date));
        int64_t size = sizes[date.month - 1] + (date.month == 2 && calendar_leap(date.year));
        if (++date.day > size) {
            assert_false(copse_calendar_exists(&date));
            assert_int_equal(copse_calendar_month_size(date.year, date.month), size);
            date.day = 1;
            date.month = date.month % 12 + 1;
            date.year += date.month == 1;
        }
    }
}

static void test_known_days(void **state)
{
    (void)state;
    static const struct {
        copse_calendar date;
        int64_t days;
    } known[] = {
        {{1970, 1, 1}, 0},
        {{1969, 12, 31}, -1},
        {{2000, 2, 29}, 11016},
        {{1, 1, 1}, -719162},
        {{0, 12, 31}, -719163},
        {{292278994, 8, 17}, 106751991167}, /* the last day of a date */
        {{-292275055, 5, 16}, -106751991168},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        copse_calendar found = copse_calendar_of_days(known[i].days);
        assert_true(copse_calendar_days(&known[i].date) == known[i].days);
        assert_true(found.year == known[i].date.year && found.month == known[i].date.month &&
                    found.day == known[i].date.day);
    }
    assert_int_equal(copse_calendar_divide(-7, 7), -1);
    assert_int_equal(copse_calendar_divide(-8, 7), -2);
    assert_int_equal(copse_calendar_divide(6, 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_day),
        cmocka_unit_test(test_known_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
