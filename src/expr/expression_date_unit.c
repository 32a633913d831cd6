/* Dates by units: $dateAdd $dateSubtract $dateDiff $dateTrunc.
 *
 * A unit is a number of months or of milliseconds. All is reckoned in local time; zones are fixed
 * offsets, so that a day always has 24 hours.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_date.h"

#include <string.h>

typedef struct date_unit {
    const char *name;
    int64_t months; /* 0: it is milliseconds */
    int64_t ms;
} date_unit;

static const date_unit date_units[] = {
    {"year", 12, 0},
    {"quarter", 3, 0},
    {"month", 1, 0},
    {"week", 0, 7 * COPSE_MS_IN_DAY},
    {"day", 0, COPSE_MS_IN_DAY},
    {"hour", 0, COPSE_MS_IN_HOUR},
    {"minute", 0, COPSE_MS_IN_MINUTE},
    {"second", 0, COPSE_MS_IN_SECOND},
    {"millisecond", 0, 1},
};

static copse_status date_unit_read(const copse_expression *run, const copse_expression_node *node,
                                   copse_bytes encoded, const date_unit **ret_unit)
{
    copse_bytes name;
    copse_status status = copse_expression_read_text(run, node, encoded, "a string as unit", &name);
    for (size_t i = 0; status == COPSE_OK && i < sizeof date_units / sizeof *date_units; i++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(date_units[i].name))) {
            *ret_unit = &date_units[i];
            return COPSE_OK;
        }
    }
    return status == COPSE_OK
               ? COPSE_EXPRESSION_FAIL(run, node,
                                       "takes year, quarter, month, week, day, hour, minute, "
                                       "second or millisecond as unit")
               : status;
}

/* The day that weeks begin with, 0 for Sunday: its name or its first three letters, in any case. */
static copse_status date_week_start(const copse_expression *run, const copse_expression_node *node,
                                    copse_bytes encoded, int64_t *ret_day)
{
    static const char *const names[] = {"sunday",   "monday", "tuesday", "wednesday",
                                        "thursday", "friday", "saturday"};
    copse_bytes name;
    *ret_day = 0;
    if (encoded.len == 0) {
        return COPSE_OK;
    }
    copse_status status =
        copse_expression_read_text(run, node, encoded, "a string as startOfWeek", &name);
    for (int64_t i = 0; status == COPSE_OK && i < 7; i++) {
        size_t size = strlen(names[i]);
        bool same = name.len == size || name.len == 3;
        for (size_t k = 0; same && k < name.len; k++) {
            same = (name.ptr[k] | 0x20) == names[i][k];
        }
        if (same) {
            *ret_day = i;
            return COPSE_OK;
        }
    }
    return status == COPSE_OK
               ? COPSE_EXPRESSION_FAIL(run, node, "takes a day such as \"mon\" as startOfWeek")
               : status;
}

/* A date as local time; out of the range that has room for an offset: CORRUPT. */
static copse_status date_read_at(const copse_expression *run, const copse_expression_node *node,
                                 copse_bytes encoded, int64_t offset_ms, int64_t *ret_local_ms)
{
    int64_t date_ms = 0;
    copse_status status = copse_expression_read_date(run, node, encoded, &date_ms);
    if (status == COPSE_OK && (date_ms > INT64_MAX / 2 || date_ms < -(INT64_MAX / 2))) {
        return COPSE_EXPRESSION_FAIL(run, node, "leaves the range of dates");
    }
    *ret_local_ms = date_ms + offset_ms;
    return status;
}

/* ---- Adding ---- */

enum { DATE_ADD_START, DATE_ADD_UNIT, DATE_ADD_AMOUNT, DATE_ADD_ZONE };

/* Months since the year 0. */
static int64_t date_months_since(const copse_calendar *date)
{
    return date->year * 12 + date->month - 1;
}

/* The same day and time so many months later, or the last day of that month. */
static copse_i128 date_add_months(int64_t local_ms, int64_t months)
{
    int64_t days = copse_calendar_divide(local_ms, COPSE_MS_IN_DAY);
    int64_t rest = local_ms % COPSE_MS_IN_DAY;
    int64_t ms = rest < 0 ? rest + COPSE_MS_IN_DAY : rest;
    copse_calendar date = copse_calendar_of_days(days);
    months += date_months_since(&date);
    date.year = copse_calendar_divide(months, 12);
    date.month = months - date.year * 12 + 1;
    int64_t last = copse_calendar_month_size(date.year, date.month);
    date.day = date.day < last ? date.day : last;
    return (copse_i128)copse_calendar_days(&date) * COPSE_MS_IN_DAY + ms;
}

static copse_status date_add(copse_expression *run, const copse_expression_node *node,
                             const copse_bytes *arguments, copse_bytes *ret_value)
{
    const int64_t months_max = INT64_C(12) * 1000000000;
    const date_unit *unit = NULL;
    int64_t offset_ms = 0;
    int64_t local_ms = 0;
    int64_t amount = 0;
    copse_status status = date_unit_read(run, node, arguments[DATE_ADD_UNIT], &unit);
    if (status == COPSE_OK) {
        status = copse_expression_read_whole(run, node, arguments[DATE_ADD_AMOUNT],
                                             "a whole number as amount", &amount);
    }
    if (status == COPSE_OK) {
        status = copse_expression_zone(run, node, arguments[DATE_ADD_ZONE], &offset_ms);
    }
    if (status == COPSE_OK) {
        status = date_read_at(run, node, arguments[DATE_ADD_START], offset_ms, &local_ms);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_i128 signed_amount = node->op->detail == '-' ? -(copse_i128)amount : amount;
    copse_i128 result = local_ms + signed_amount * unit->ms;
    if (unit->months != 0) {
        copse_i128 months = signed_amount * unit->months;
        if (months > months_max || months < -months_max) {
            return COPSE_EXPRESSION_FAIL(run, node, "leaves the range of dates");
        }
        result = date_add_months(local_ms, (int64_t)months);
    }
    return copse_expression_make_local(run, node, result, offset_ms, ret_value);
}

/* ---- Counting and truncating ---- */

/* 2000-01-01, a Saturday, from which units are counted; weeks from the first day after it that
 * begins one. */
static int64_t date_reference_ms(const date_unit *unit, int64_t week_start)
{
    const int64_t ms_2000 = INT64_C(946684800000);
    bool weeks = unit->ms == 7 * COPSE_MS_IN_DAY;
    return weeks ? ms_2000 + (week_start + 1) % 7 * COPSE_MS_IN_DAY : ms_2000;
}

/* How many units a local time is behind the year 2000, rounded down. */
static int64_t date_units_since(int64_t local_ms, const date_unit *unit, int64_t week_start)
{
    if (unit->months != 0) {
        copse_calendar date =
            copse_calendar_of_days(copse_calendar_divide(local_ms, COPSE_MS_IN_DAY));
        return copse_calendar_divide(date_months_since(&date) - INT64_C(2000) * 12, unit->months);
    }
    return copse_calendar_divide(local_ms - date_reference_ms(unit, week_start), unit->ms);
}

enum { DATE_DIFF_START, DATE_DIFF_END, DATE_DIFF_UNIT, DATE_DIFF_ZONE, DATE_DIFF_WEEK };

/* How many times a unit begins behind the one date up to the other. */
static copse_status date_diff(copse_expression *run, const copse_expression_node *node,
                              const copse_bytes *arguments, copse_bytes *ret_value)
{
    const date_unit *unit = NULL;
    int64_t offset_ms = 0;
    int64_t week_start = 0;
    int64_t local_ms[2] = {0, 0};
    copse_status status = date_unit_read(run, node, arguments[DATE_DIFF_UNIT], &unit);
    if (status == COPSE_OK) {
        status = copse_expression_zone(run, node, arguments[DATE_DIFF_ZONE], &offset_ms);
    }
    if (status == COPSE_OK) {
        status = date_week_start(run, node, arguments[DATE_DIFF_WEEK], &week_start);
    }
    for (size_t i = 0; status == COPSE_OK && i < 2; i++) {
        status = date_read_at(run, node, arguments[DATE_DIFF_START + i], offset_ms, &local_ms[i]);
    }
    return status == COPSE_OK ? copse_expression_make_wide(
                                    run,
                                    (copse_i128)date_units_since(local_ms[1], unit, week_start) -
                                        date_units_since(local_ms[0], unit, week_start),
                                    ret_value)
                              : status;
}

enum { DATE_TRUNC_DATE, DATE_TRUNC_UNIT, DATE_TRUNC_SIZE, DATE_TRUNC_ZONE, DATE_TRUNC_WEEK };

static copse_status date_bin_size(const copse_expression *run, const copse_expression_node *node,
                                  copse_bytes encoded, int64_t *ret_size)
{
    copse_status status = COPSE_OK;
    *ret_size = 1;
    if (encoded.len != 0) {
        status =
            copse_expression_read_whole(run, node, encoded, "a whole number as binSize", ret_size);
    }
    return status == COPSE_OK && *ret_size <= 0
               ? COPSE_EXPRESSION_FAIL(run, node, "takes a binSize above 0")
               : status;
}

/* The begin of the bin of `size` units that a date is in. */
static copse_status date_trunc(copse_expression *run, const copse_expression_node *node,
                               const copse_bytes *arguments, copse_bytes *ret_value)
{
    const date_unit *unit = NULL;
    int64_t offset_ms = 0;
    int64_t week_start = 0;
    int64_t local_ms = 0;
    int64_t size = 1;
    copse_status status = date_unit_read(run, node, arguments[DATE_TRUNC_UNIT], &unit);
    if (status == COPSE_OK) {
        status = date_bin_size(run, node, arguments[DATE_TRUNC_SIZE], &size);
    }
    if (status == COPSE_OK) {
        status = copse_expression_zone(run, node, arguments[DATE_TRUNC_ZONE], &offset_ms);
    }
    if (status == COPSE_OK) {
        status = date_week_start(run, node, arguments[DATE_TRUNC_WEEK], &week_start);
    }
    if (status == COPSE_OK) {
        status = date_read_at(run, node, arguments[DATE_TRUNC_DATE], offset_ms, &local_ms);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_i128 units =
        (copse_i128)copse_calendar_divide(date_units_since(local_ms, unit, week_start), size) *
        size;
    copse_i128 result = date_reference_ms(unit, week_start) + units * unit->ms;
    if (unit->months != 0) {
        copse_i128 months = units * unit->months + (copse_i128)2000 * 12;
        if (months > INT64_MAX / 64 || months < -(INT64_MAX / 64)) {
            return COPSE_EXPRESSION_FAIL(run, node, "leaves the range of dates");
        }
        int64_t year = copse_calendar_divide((int64_t)months, 12);
        copse_calendar date = {.year = year, .month = (int64_t)months - year * 12 + 1, .day = 1};
        result = (copse_i128)copse_calendar_days(&date) * COPSE_MS_IN_DAY;
    }
    return copse_expression_make_local(run, node, result, offset_ms, ret_value);
}

static const char *const date_add_names[] = {"startDate", "unit", "amount", "timezone", NULL};
static const char *const date_diff_names[] = {"startDate", "endDate",     "unit",
                                              "timezone",  "startOfWeek", NULL};
static const char *const date_trunc_names[] = {"date",     "unit",        "binSize",
                                               "timezone", "startOfWeek", NULL};

const copse_expression_operator copse_expression_date_unit[] = {
    {.name = "$dateAdd", .least = 3, .nulls = true, .apply = date_add, .names = date_add_names},
    {.name = "$dateSubtract",
     .least = 3,
     .nulls = true,
     .apply = date_add,
     .names = date_add_names,
     .detail = '-'},
    {.name = "$dateDiff", .least = 3, .nulls = true, .apply = date_diff, .names = date_diff_names},
    {.name = "$dateTrunc",
     .least = 2,
     .nulls = true,
     .apply = date_trunc,
     .names = date_trunc_names},
    {.name = NULL},
};
