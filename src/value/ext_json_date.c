/* Days are counted from 0000-03-01: with the leap day as the last of a year, day numbers follow
 * from years and months by division alone. 400 years have 146,097 days; the months from March on
 * begin at (153 * m + 2) / 5.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/ext_json_date.h"

#include "value/json_token.h"

enum {
    DATE_DAYS_TO_1970 = 719468, /* from 0000-03-01 */
    DATE_DAYS_IN_400_YEARS = 146097,
    DATE_MS_IN_DAY = 86400000
};

/* The first millisecond of the year 10000. */
#define DATE_MS_10000 INT64_C(253402300800000)

typedef struct date_fields {
    int64_t year;
    int64_t month; /* from 1 */
    int64_t day;   /* from 1 */
} date_fields;

/* Days since 1970-01-01. */
static int64_t date_days(const date_fields *date)
{
    bool early = date->month <= 2;
    int64_t year = date->year - early + 400; /* positive for the year 0 too */
    int64_t month = date->month + (early ? 9 : -3);
    int64_t days = year * 365 + year / 4 - year / 100 + year / 400;
    return days + (153 * month + 2) / 5 + date->day - 1 - DATE_DAYS_IN_400_YEARS -
           DATE_DAYS_TO_1970;
}

/* The date of a day since 1970-01-01, not before. */
static date_fields date_of_days(int64_t days)
{
    days += DATE_DAYS_TO_1970;
    int64_t era = days / DATE_DAYS_IN_400_YEARS;
    int64_t day = days % DATE_DAYS_IN_400_YEARS;
    /* Years of 365 days, after the leap days before them are taken out. */
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= year * 365 + year / 4 - year / 100;
    int64_t month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    bool early = month >= 10;
    return (date_fields){
        .year = era * 400 + year + early, .month = month + (early ? -9 : 3), .day = day + 1};
}

static bool date_exists(const date_fields *date)
{
    static const uint8_t sizes[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date->month < 1 || date->month > 12 || date->day < 1) {
        return false;
    }
    bool leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
    return date->day <= sizes[date->month - 1] + (leap && date->month == 2);
}

/* ---- Reading ---- */

/* Text that is read from its front; `failed` sticks. */
typedef struct date_text {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
} date_text;

static int64_t date_read_digits(date_text *text, int count)
{
    int64_t value = 0;
    for (; count > 0; count--, text->at++) {
        if (text->failed || text->at == text->end || !copse_json_is_digit(*text->at)) {
            text->failed = true;
            return 0;
        }
        value = value * 10 + (*text->at - '0');
    }
    return value;
}

/* Moves over `byte` if it comes next. */
static bool date_accept(date_text *text, char byte)
{
    bool found = !text->failed && text->at < text->end && *text->at == (uint8_t)byte;
    text->at += found;
    return found;
}

static void date_expect(date_text *text, char byte)
{
    text->failed |= !date_accept(text, byte);
}

/* The milliseconds of a fraction, if there is one. */
static int64_t date_read_fraction(date_text *text)
{
    int64_t value = 0;
    int count = 0;
    if (!date_accept(text, '.')) {
        return 0;
    }
    for (; text->at < text->end && copse_json_is_digit(*text->at); text->at++, count++) {
        value = count < 3 ? value * 10 + (*text->at - '0') : value;
    }
    text->failed |= count < 1 || count > 9;
    for (; count < 3; count++) {
        value *= 10;
    }
    return value;
}

/* The offset from UTC in minutes. */
static int64_t date_read_offset(date_text *text)
{
    if (date_accept(text, 'Z')) {
        return 0;
    }
    bool west = date_accept(text, '-');
    if (!west) {
        date_expect(text, '+');
    }
    int64_t hours = date_read_digits(text, 2);
    bool colon = date_accept(text, ':');
    int64_t minutes = colon || text->at < text->end ? date_read_digits(text, 2) : 0;
    text->failed |= hours > 23 || minutes > 59;
    return west ? -(hours * 60 + minutes) : hours * 60 + minutes;
}

copse_status copse_ext_json_date_parse(copse_bytes bytes, int64_t *ret_date_ms)
{
    date_text text = {bytes.ptr, bytes.len != 0 ? bytes.ptr + bytes.len : bytes.ptr, false};
    date_fields date = {0};
    date.year = date_read_digits(&text, 4);
    date_expect(&text, '-');
    date.month = date_read_digits(&text, 2);
    date_expect(&text, '-');
    date.day = date_read_digits(&text, 2);
    date_expect(&text, 'T');
    int64_t hours = date_read_digits(&text, 2);
    date_expect(&text, ':');
    int64_t minutes = date_read_digits(&text, 2);
    date_expect(&text, ':');
    int64_t seconds = date_read_digits(&text, 2);
    int64_t fraction = date_read_fraction(&text);
    int64_t offset = date_read_offset(&text);
    if (text.failed || text.at != text.end || !date_exists(&date) || hours > 23 || minutes > 59 ||
        seconds > 59) {
        return COPSE_CORRUPT;
    }
    minutes += hours * 60 - offset;
    *ret_date_ms = date_days(&date) * DATE_MS_IN_DAY + (minutes * 60 + seconds) * 1000 + fraction;
    return COPSE_OK;
}

/* ---- Writing ---- */

/* Writes `value` as `count` digits and `behind`; returns where it ends. */
static char *date_put(char *at, int64_t value, int count, char behind)
{
    for (int i = count; i-- > 0; value /= 10) {
        at[i] = (char)('0' + value % 10);
    }
    at[count] = behind;
    return at + count + 1;
}

size_t copse_ext_json_date_write(int64_t date_ms, char ret_text[COPSE_EXT_JSON_DATE_TEXT_SIZE_MAX])
{
    if (date_ms < 0 || date_ms >= DATE_MS_10000) {
        return 0;
    }
    date_fields date = date_of_days(date_ms / DATE_MS_IN_DAY);
    int64_t second = date_ms / 1000 % 86400;
    int64_t fraction = date_ms % 1000;
    char *at = date_put(ret_text, date.year, 4, '-');
    at = date_put(at, date.month, 2, '-');
    at = date_put(at, date.day, 2, 'T');
    at = date_put(at, second / 3600, 2, ':');
    at = date_put(at, second / 60 % 60, 2, ':');
    at = date_put(at, second % 60, 2, fraction != 0 ? '.' : 'Z');
    if (fraction != 0) {
        at = date_put(at, fraction, 3, 'Z');
    }
    return (size_t)(at - ret_text);
}
