/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/ext_json_date.h"

#include "value/calendar.h"
#include "value/json_token.h"

enum { DATE_MS_IN_DAY = 86400000 };

/* The first millisecond of the year 10000. */
#define DATE_MS_10000 INT64_C(253402300800000)

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
    copse_calendar date = {0};
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
    if (text.failed || text.at != text.end || !copse_calendar_exists(&date) || hours > 23 ||
        minutes > 59 || seconds > 59) {
        return COPSE_CORRUPT;
    }
    minutes += hours * 60 - offset;
    *ret_date_ms =
        copse_calendar_days(&date) * DATE_MS_IN_DAY + (minutes * 60 + seconds) * 1000 + fraction;
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
    copse_calendar date = copse_calendar_of_days(date_ms / DATE_MS_IN_DAY);
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
