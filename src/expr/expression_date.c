/* $year and so on, $dateToParts, $dateFromParts.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_date.h"

#include "base/loadstore.h"
#include "expr/path.h"

#include <string.h>

/* ---- Local time -------------------------------------------------------------------------------
 */

/* Of the day since 1970-01-01: 0 is Sunday. */
static int64_t date_weekday(int64_t days)
{
    return days + 4 - copse_calendar_divide(days + 4, 7) * 7;
}

static int64_t date_year_start(int64_t year)
{
    return copse_calendar_days(&(copse_calendar){.year = year, .month = 1, .day = 1});
}

/* The Thursday of the same ISO week: its year is the week's. */
static int64_t date_thursday(int64_t days)
{
    return days + 3 - (date_weekday(days) + 6) % 7;
}

int64_t copse_date_iso_days(int64_t year, int64_t week, int64_t day)
{
    int64_t first = date_thursday(date_year_start(year) + 3) - 3; /* Monday of week 1 */
    return first + (week - 1) * 7 + day - 1;
}

int64_t copse_date_field_of(int64_t local_ms, copse_date_field field)
{
    int64_t days = copse_calendar_divide(local_ms, COPSE_MS_IN_DAY);
    int64_t rest = local_ms % COPSE_MS_IN_DAY;
    int64_t ms = rest < 0 ? rest + COPSE_MS_IN_DAY : rest;
    copse_calendar date = copse_calendar_of_days(days);
    int64_t day_of_year = days - date_year_start(date.year);
    int64_t thursday = date_thursday(days);
    int64_t iso_year = copse_calendar_of_days(thursday).year;
    switch (field) {
    case COPSE_DATE_YEAR:
        return date.year;
    case COPSE_DATE_MONTH:
        return date.month;
    case COPSE_DATE_DAY:
        return date.day;
    case COPSE_DATE_HOUR:
        return ms / COPSE_MS_IN_HOUR;
    case COPSE_DATE_MINUTE:
        return ms / COPSE_MS_IN_MINUTE % 60;
    case COPSE_DATE_SECOND:
        return ms / COPSE_MS_IN_SECOND % 60;
    case COPSE_DATE_MILLISECOND:
        return ms % COPSE_MS_IN_SECOND;
    case COPSE_DATE_DAY_OF_WEEK:
        return date_weekday(days) + 1;
    case COPSE_DATE_DAY_OF_YEAR:
        return day_of_year + 1;
    case COPSE_DATE_WEEK:
        return (day_of_year + 7 - date_weekday(days)) / 7;
    case COPSE_DATE_ISO_WEEK:
        return (thursday - date_year_start(iso_year)) / 7 + 1;
    case COPSE_DATE_ISO_YEAR:
        return iso_year;
    default:
        return (date_weekday(days) + 6) % 7 + 1;
    }
}

/* ---- Zones ------------------------------------------------------------------------------------
 */

/* Two digits; -1: none. */
static int64_t date_two_digits(copse_bytes text, size_t at)
{
    if (at + 2 > text.len) {
        return -1;
    }
    int tens = text.ptr[at] - '0';
    int ones = text.ptr[at + 1] - '0';
    return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

bool copse_date_zone_parse(copse_bytes text, int64_t *ret_offset_ms)
{
    static const char *const utc[] = {"UTC", "GMT", "Z", "z", "Etc/UTC"};
    for (size_t i = 0; i < sizeof utc / sizeof *utc; i++) {
        if (copse_bytes_equal(text, copse_bytes_of_text(utc[i]))) {
            *ret_offset_ms = 0;
            return true;
        }
    }
    if (text.len < 3 || (text.ptr[0] != '+' && text.ptr[0] != '-')) {
        return false;
    }
    size_t colon = text.len == 6 && text.ptr[3] == ':';
    int64_t hours = date_two_digits(text, 1);
    int64_t minutes = text.len == 3 ? 0 : date_two_digits(text, 3 + colon);
    if ((text.len != 3 && text.len != 5 + colon) || hours < 0 || minutes < 0 || minutes > 59) {
        return false;
    }
    int64_t offset = hours * COPSE_MS_IN_HOUR + minutes * COPSE_MS_IN_MINUTE;
    *ret_offset_ms = text.ptr[0] == '-' ? -offset : offset;
    return true;
}

copse_status copse_expression_zone(const copse_expression *run, const copse_expression_node *node,
                                   copse_bytes encoded, int64_t *ret_offset_ms)
{
    copse_bytes text;
    if (encoded.len == 0) {
        *ret_offset_ms = 0;
        return COPSE_OK;
    }
    copse_status status =
        copse_expression_read_text(run, node, encoded, "a string as timezone", &text);
    if (status == COPSE_OK && !copse_date_zone_parse(text, ret_offset_ms)) {
        return COPSE_EXPRESSION_FAIL(run, node,
                                     "takes UTC or an offset such as +02:00 as timezone; names of "
                                     "zones are not known");
    }
    return status;
}

/* ---- Dates ------------------------------------------------------------------------------------
 */

static uint64_t date_hex(copse_bytes digits, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t digit = digits.ptr[i];
        value = value << 4 | (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return value;
}

bool copse_expression_date_of(const copse_value *value, int64_t *ret_date_ms)
{
    switch (value->type) {
    case COPSE_VALUE_DATE:
        *ret_date_ms = value->date_ms;
        return true;
    case COPSE_VALUE_TIMESTAMP:
        *ret_date_ms = (int64_t)value->seconds * COPSE_MS_IN_SECOND;
        return true;
    case COPSE_VALUE_OBJECT_ID:
        *ret_date_ms = (int64_t)date_hex(value->bytes, 8) * COPSE_MS_IN_SECOND;
        return true;
    default:
        return false;
    }
}

copse_status copse_expression_read_date(const copse_expression *run,
                                        const copse_expression_node *node, copse_bytes encoded,
                                        int64_t *ret_date_ms)
{
    copse_value value;
    copse_status status = copse_expression_read(run, encoded, &value);
    if (status == COPSE_OK && !copse_expression_date_of(&value, ret_date_ms)) {
        return copse_expression_fail_type(run, node, "a date", encoded);
    }
    return status;
}

copse_status copse_expression_make_local(copse_expression *run, const copse_expression_node *node,
                                         copse_i128 local_ms, int64_t offset_ms,
                                         copse_bytes *ret_value)
{
    copse_i128 date_ms = local_ms - offset_ms;
    if (date_ms > INT64_MAX || date_ms < -1 - (copse_i128)INT64_MAX) {
        return COPSE_EXPRESSION_FAIL(run, node, "leaves the range of dates");
    }
    return copse_expression_make_date(run, (int64_t)date_ms, ret_value);
}

/* Date and zone as a local time. */
static copse_status date_read_local(const copse_expression *run, const copse_expression_node *node,
                                    copse_bytes date, copse_bytes zone, int64_t *ret_local_ms)
{
    int64_t date_ms = 0;
    int64_t offset_ms = 0;
    copse_status status = copse_expression_read_date(run, node, date, &date_ms);
    if (status == COPSE_OK) {
        status = copse_expression_zone(run, node, zone, &offset_ms);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_i128 local_ms = (copse_i128)date_ms + offset_ms;
    if (local_ms > INT64_MAX || local_ms < -1 - (copse_i128)INT64_MAX) {
        return COPSE_EXPRESSION_FAIL(run, node, "leaves the range of dates");
    }
    *ret_local_ms = (int64_t)local_ms;
    return COPSE_OK;
}

/* A date alone, or {date, timezone}. */
static copse_status date_parse(copse_expression_parser *parser, copse_bytes argument,
                               copse_expression_node *node)
{
    copse_bytes value;
    bool named =
        copse_path_is_object(argument) &&
        copse_path_find_key(argument, copse_bytes_of_text("date"), &value, NULL) == COPSE_OK;
    return named ? copse_expression_parse_named(parser, argument, node)
                 : copse_expression_parse_list(parser, argument, node);
}

static copse_status date_field(copse_expression *run, const copse_expression_node *node,
                               const copse_bytes *arguments, copse_bytes *ret_value)
{
    int64_t local_ms = 0;
    copse_bytes zone = node->count > 1 ? arguments[1] : (copse_bytes){NULL, 0};
    copse_status status = date_read_local(run, node, arguments[0], zone, &local_ms);
    return status == COPSE_OK
               ? copse_expression_make_int(
                     run, copse_date_field_of(local_ms, (copse_date_field)node->op->detail),
                     ret_value)
               : status;
}

/* ---- Parts ------------------------------------------------------------------------------------
 */

typedef struct date_part {
    const char *key; /* encoded */
    copse_date_field field;
} date_part;

/* In the order of keys. */
static const date_part date_parts[] = {
    {"\x63"
     "day",
     COPSE_DATE_DAY},
    {"\x64"
     "hour",
     COPSE_DATE_HOUR},
    {"\x64"
     "year",
     COPSE_DATE_YEAR},
    {"\x65"
     "month",
     COPSE_DATE_MONTH},
    {"\x66"
     "minute",
     COPSE_DATE_MINUTE},
    {"\x66"
     "second",
     COPSE_DATE_SECOND},
    {"\x6b"
     "millisecond",
     COPSE_DATE_MILLISECOND},
};
static const date_part date_iso_parts[] = {
    {"\x64"
     "hour",
     COPSE_DATE_HOUR},
    {"\x66"
     "minute",
     COPSE_DATE_MINUTE},
    {"\x66"
     "second",
     COPSE_DATE_SECOND},
    {"\x67"
     "isoWeek",
     COPSE_DATE_ISO_WEEK},
    {"\x6b"
     "isoWeekYear",
     COPSE_DATE_ISO_YEAR},
    {"\x6b"
     "millisecond",
     COPSE_DATE_MILLISECOND},
    {"\x6c"
     "isoDayOfWeek",
     COPSE_DATE_ISO_DAY},
};

enum { DATE_PARTS = 7 };

static copse_status date_to_parts(copse_expression *run, const copse_expression_node *node,
                                  const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_expression_pair pairs[DATE_PARTS];
    copse_value iso = {.type = COPSE_VALUE_BOOL};
    int64_t local_ms = 0;
    copse_status status = date_read_local(run, node, arguments[0], arguments[1], &local_ms);
    if (status == COPSE_OK && arguments[2].len != 0) {
        status = copse_expression_read(run, arguments[2], &iso);
    }
    if (status == COPSE_OK && iso.type != COPSE_VALUE_BOOL) {
        return copse_expression_fail_type(run, node, "a bool as iso8601", arguments[2]);
    }
    for (size_t i = 0; status == COPSE_OK && i < DATE_PARTS; i++) {
        const date_part *part = iso.boolean ? &date_iso_parts[i] : &date_parts[i];
        pairs[i].key = copse_bytes_of_text(part->key);
        status = copse_expression_make_int(run, copse_date_field_of(local_ms, part->field),
                                           &pairs[i].value);
    }
    return status == COPSE_OK ? copse_expression_make_object(run, pairs, DATE_PARTS, ret_value)
                              : status;
}

enum { DATE_FROM_YEAR, DATE_FROM_ISO_YEAR = 7, DATE_FROM_ZONE = 10, DATE_FROM_COUNT };

/* What $dateFromParts takes: calendar, time of day, ISO week, zone. */
static const char *const date_from_names[] = {
    "year",        "month",       "day",     "hour",         "minute",   "second",
    "millisecond", "isoWeekYear", "isoWeek", "isoDayOfWeek", "timezone", NULL};

static copse_status date_parse_from_parts(copse_expression_parser *parser, copse_bytes argument,
                                          copse_expression_node *node)
{
    copse_status status = copse_expression_parse_named(parser, argument, node);
    if (status != COPSE_OK) {
        return status;
    }
    bool iso = node->children[DATE_FROM_ISO_YEAR] != NULL;
    bool mixed = false;
    for (size_t i = 0; i < 3; i++) {
        mixed = mixed || (iso && node->children[DATE_FROM_YEAR + i] != NULL) ||
                (!iso && node->children[DATE_FROM_ISO_YEAR + i] != NULL);
    }
    if (mixed || (!iso && node->children[DATE_FROM_YEAR] == NULL)) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "%s takes \"year\", month and day or \"isoWeekYear\", isoWeek and "
                         "isoDayOfWeek",
                         node->op->name);
    }
    return COPSE_OK;
}

/* The parts as numbers; those that are not given are the first there is. */
static copse_status date_read_parts(const copse_expression *run, const copse_expression_node *node,
                                    const copse_bytes *arguments, int64_t parts[DATE_FROM_ZONE])
{
    enum { PART_MAX = 32767, YEAR_MAX = 9999 };
    for (size_t i = 0; i < DATE_FROM_ZONE; i++) {
        bool year = i == DATE_FROM_YEAR || i == DATE_FROM_ISO_YEAR;
        bool from_1 = i <= 2 || i >= DATE_FROM_ISO_YEAR;
        parts[i] = from_1 ? 1 : 0;
        if (node->children[i] == NULL) {
            continue;
        }
        copse_status status =
            copse_expression_read_whole(run, node, arguments[i], "whole numbers", &parts[i]);
        if (status != COPSE_OK) {
            return status;
        }
        if (year ? parts[i] < 1 || parts[i] > YEAR_MAX
                 : parts[i] < -PART_MAX - 1 || parts[i] > PART_MAX) {
            return COPSE_EXPRESSION_FAIL(run, node, "takes a %s from %d to %d", node->op->names[i],
                                         year ? 1 : -PART_MAX - 1, year ? YEAR_MAX : PART_MAX);
        }
    }
    return COPSE_OK;
}

static copse_status date_from_parts(copse_expression *run, const copse_expression_node *node,
                                    const copse_bytes *arguments, copse_bytes *ret_value)
{
    int64_t parts[DATE_FROM_ZONE];
    int64_t offset_ms = 0;
    int64_t days = 0;
    copse_status status = date_read_parts(run, node, arguments, parts);
    if (status == COPSE_OK) {
        status = copse_expression_zone(run, node, arguments[DATE_FROM_ZONE], &offset_ms);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (node->children[DATE_FROM_ISO_YEAR] != NULL) {
        days = copse_date_iso_days(parts[DATE_FROM_ISO_YEAR], parts[DATE_FROM_ISO_YEAR + 1],
                                   parts[DATE_FROM_ISO_YEAR + 2]);
    } else {
        int64_t years = copse_calendar_divide(parts[1] - 1, 12); /* months carry into years */
        copse_calendar date = {parts[0] + years, parts[1] - years * 12, parts[2]};
        days = copse_calendar_days(&date);
    }
    copse_i128 local_ms = (copse_i128)days * COPSE_MS_IN_DAY + parts[3] * COPSE_MS_IN_HOUR +
                          parts[4] * COPSE_MS_IN_MINUTE + parts[5] * COPSE_MS_IN_SECOND + parts[6];
    return copse_expression_make_local(run, node, local_ms, offset_ms, ret_value);
}

static const char *const date_field_names[] = {"date", "timezone", NULL};
static const char *const date_to_parts_names[] = {"date", "timezone", "iso8601", NULL};

#define DATE_FIELD_ROW(text, field)                                                                \
    {                                                                                              \
        .name = (text), .least = 1, .most = 1, .nulls = true, .apply = date_field,                 \
        .parse = date_parse, .names = date_field_names, .detail = (field)                          \
    }

const copse_expression_operator copse_expression_date[] = {
    DATE_FIELD_ROW("$year", COPSE_DATE_YEAR),
    DATE_FIELD_ROW("$month", COPSE_DATE_MONTH),
    DATE_FIELD_ROW("$dayOfMonth", COPSE_DATE_DAY),
    DATE_FIELD_ROW("$dayOfWeek", COPSE_DATE_DAY_OF_WEEK),
    DATE_FIELD_ROW("$dayOfYear", COPSE_DATE_DAY_OF_YEAR),
    DATE_FIELD_ROW("$hour", COPSE_DATE_HOUR),
    DATE_FIELD_ROW("$minute", COPSE_DATE_MINUTE),
    DATE_FIELD_ROW("$second", COPSE_DATE_SECOND),
    DATE_FIELD_ROW("$millisecond", COPSE_DATE_MILLISECOND),
    DATE_FIELD_ROW("$week", COPSE_DATE_WEEK),
    DATE_FIELD_ROW("$isoWeek", COPSE_DATE_ISO_WEEK),
    DATE_FIELD_ROW("$isoWeekYear", COPSE_DATE_ISO_YEAR),
    DATE_FIELD_ROW("$isoDayOfWeek", COPSE_DATE_ISO_DAY),
    {.name = "$dateToParts",
     .least = 1,
     .nulls = true,
     .apply = date_to_parts,
     .names = date_to_parts_names},
    {.name = "$dateFromParts",
     .nulls = true,
     .apply = date_from_parts,
     .parse = date_parse_from_parts,
     .names = date_from_names},
    {.name = NULL},
};
