/* The proleptic Gregorian calendar, of years before and behind all that dates reach.
 *
 * Days are counted from 0000-03-01: with the leap day as the last of a year, day numbers follow
 * from years and months by division alone. 400 years have 146,097 days; the months from March on
 * begin at (153 * m + 2) / 5.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_CALENDAR_H
#define COPSE_VALUE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct copse_calendar {
    int64_t year;  /**< The year 0 is that before the year 1. */
    int64_t month; /**< From 1. */
    int64_t day;   /**< From 1. */
} copse_calendar;

/** a / b, rounded down; b is positive. */
int64_t copse_calendar_divide(int64_t a, int64_t b);

/** Days since 1970-01-01. The month is from 1 to 12; the day may be any, of a month's before or
 * behind it. Years up to 10^12 either way. */
int64_t copse_calendar_days(const copse_calendar *date);

/** The date of a day since 1970-01-01. */
copse_calendar copse_calendar_of_days(int64_t days);

/** Whether month and day exist. */
bool copse_calendar_exists(const copse_calendar *date);

/** Days in a month. */
int64_t copse_calendar_month_size(int64_t year, int64_t month);

#endif
