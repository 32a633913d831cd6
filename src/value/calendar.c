/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/calendar.h"

enum {
    CALENDAR_DAYS_TO_1970 = 719468, /* from 0000-03-01 */
    CALENDAR_DAYS_IN_400_YEARS = 146097
};

int64_t copse_calendar_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t copse_calendar_days(const copse_calendar *date)
{
    bool early = date->month <= 2;
    int64_t year = date->year - early;
    int64_t month = date->month + (early ? 9 : -3);
    int64_t era = copse_calendar_divide(year, 400);
    year -= era * 400;
    int64_t days = year * 365 + year / 4 - year / 100;
    return era * CALENDAR_DAYS_IN_400_YEARS + days + (153 * month + 2) / 5 + date->day - 1 -
           CALENDAR_DAYS_TO_1970;
}

copse_calendar copse_calendar_of_days(int64_t days)
{
    days += CALENDAR_DAYS_TO_1970;
    int64_t era = copse_calendar_divide(days, CALENDAR_DAYS_IN_400_YEARS);
    int64_t day = days - era * CALENDAR_DAYS_IN_400_YEARS;
    /* Years of 365 days, after the leap days before them are taken out. */
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= year * 365 + year / 4 - year / 100;
    int64_t month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    bool early = month >= 10;
    return (copse_calendar){
        .year = era * 400 + year + early, .month = month + (early ? -9 : 3), .day = day + 1};
}

int64_t copse_calendar_month_size(int64_t year, int64_t month)
{
    static const uint8_t sizes[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return sizes[month - 1] + (leap && month == 2);
}

bool copse_calendar_exists(const copse_calendar *date)
{
    return date->month >= 1 && date->month <= 12 && date->day >= 1 &&
           date->day <= copse_calendar_month_size(date->year, date->month);
}
