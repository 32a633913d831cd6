/* $dateToString and $dateFromString: texts by a format of %Y, %m and so on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_date.h"

#include <string.h>

/* ---- Writing ----------------------------------------------------------------------------------
 */

/* What a letter of a format stands for, as digits. */
typedef struct date_letter {
    char letter;
    uint8_t digits;
    copse_date_field field;
} date_letter;

static const date_letter date_letters[] = {
    {'Y', 4, COPSE_DATE_YEAR},        {'m', 2, COPSE_DATE_MONTH},
    {'d', 2, COPSE_DATE_DAY},         {'H', 2, COPSE_DATE_HOUR},
    {'M', 2, COPSE_DATE_MINUTE},      {'S', 2, COPSE_DATE_SECOND},
    {'L', 3, COPSE_DATE_MILLISECOND}, {'j', 3, COPSE_DATE_DAY_OF_YEAR},
    {'w', 1, COPSE_DATE_DAY_OF_WEEK}, {'U', 2, COPSE_DATE_WEEK},
    {'G', 4, COPSE_DATE_ISO_YEAR},    {'V', 2, COPSE_DATE_ISO_WEEK},
    {'u', 1, COPSE_DATE_ISO_DAY},
};

static const char *const date_months[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};

enum { DATE_MONTHS = 12, DATE_SHORT_SIZE = 3 };

static const date_letter *date_letter_find(uint8_t letter)
{
    for (size_t i = 0; i < sizeof date_letters / sizeof *date_letters; i++) {
        if (date_letters[i].letter == (char)letter) {
            return &date_letters[i];
        }
    }
    return NULL;
}

static copse_status date_write_digits(copse_buf *buf, int64_t value, size_t count)
{
    uint8_t digits[20];
    for (size_t i = count; i-- > 0; value /= 10) {
        digits[i] = (uint8_t)('0' + value % 10);
    }
    return copse_buf_append(buf, (copse_bytes){digits, count});
}

/* %z: +0200. %Z: minutes, +120. */
static copse_status date_write_zone(copse_buf *buf, int64_t offset_ms, bool minutes)
{
    int64_t size = (offset_ms < 0 ? -offset_ms : offset_ms) / COPSE_MS_IN_MINUTE;
    copse_status status = copse_buf_append_byte(buf, offset_ms < 0 ? '-' : '+');
    if (status == COPSE_OK && minutes) {
        return date_write_digits(buf, size,
                                 size >= 1000  ? 4
                                 : size >= 100 ? 3
                                 : size >= 10  ? 2
                                               : 1);
    }
    return status == COPSE_OK ? date_write_digits(buf, size / 60 * 100 + size % 60, 4) : status;
}

/* What `letter` stands for. NOT_FOUND: nothing. END: the year has not four digits. */
static copse_status date_write_letter(copse_buf *buf, uint8_t letter, int64_t local_ms,
                                      int64_t offset_ms)
{
    const date_letter *known = date_letter_find(letter);
    if (known != NULL) {
        int64_t value = copse_date_field_of(local_ms, known->field);
        return value >= 0 && value <= 9999 ? date_write_digits(buf, value, known->digits)
                                           : COPSE_END;
    }
    if (letter == 'b' || letter == 'B') {
        copse_bytes name =
            copse_bytes_of_text(date_months[copse_date_field_of(local_ms, COPSE_DATE_MONTH) - 1]);
        name.len = letter == 'b' ? DATE_SHORT_SIZE : name.len;
        return copse_buf_append(buf, name);
    }
    if (letter == 'z' || letter == 'Z') {
        return date_write_zone(buf, offset_ms, letter == 'Z');
    }
    return letter == '%' ? copse_buf_append_byte(buf, '%') : COPSE_NOT_FOUND;
}

static copse_status date_write(copse_buf *buf, copse_bytes format, int64_t local_ms,
                               int64_t offset_ms)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < format.len; i++) {
        if (format.ptr[i] != '%') {
            status = copse_buf_append_byte(buf, format.ptr[i]);
        } else {
            i++;
            status = i < format.len ? date_write_letter(buf, format.ptr[i], local_ms, offset_ms)
                                    : COPSE_NOT_FOUND;
        }
    }
    return status;
}

copse_status copse_expression_date_text(copse_expression *run, int64_t date_ms,
                                        copse_bytes *ret_text)
{
    copse_status status =
        date_write(&run->form, copse_bytes_of_text("%Y-%m-%dT%H:%M:%S.%LZ"), date_ms, 0);
    if (status == COPSE_END) {
        copse_buf_truncate(&run->form, 0);
        return status;
    }
    return copse_expression_make_form(run, status, ret_text);
}

enum { DATE_TO_DATE, DATE_TO_FORMAT, DATE_TO_ZONE, DATE_TO_ON_NULL };

/* The arguments but the date; *ret_null: one of them is null. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status date_arguments(copse_expression *run, const copse_expression_node *node,
                                   copse_bytes *ret_arguments, size_t count, bool *ret_null)
{
    copse_status status = COPSE_OK;
    *ret_null = false;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        status = copse_expression_argument(run, node, i, &ret_arguments[i]);
        *ret_null = *ret_null || (status == COPSE_OK && i > 0 && node->children[i] != NULL &&
                                  copse_expression_is_null(ret_arguments[i]));
    }
    return status == COPSE_OK ? copse_expression_step(run, 1) : status;
}

/* The value in place of null. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status date_on_null(copse_expression *run, const copse_expression_node *node,
                                 size_t index, copse_bytes *ret_value)
{
    *ret_value = copse_expression_null();
    return node->children[index] != NULL ? copse_expression_argument(run, node, index, ret_value)
                                         : COPSE_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status date_to_string(copse_expression *run, const copse_expression_node *node,
                                   copse_bytes *ret_value)
{
    copse_bytes arguments[DATE_TO_ON_NULL];
    copse_bytes format;
    copse_bytes text;
    int64_t date_ms = 0;
    int64_t offset_ms = 0;
    bool null = false;
    copse_status status = date_arguments(run, node, arguments, DATE_TO_ON_NULL, &null);
    if (status == COPSE_OK && copse_expression_is_null(arguments[DATE_TO_DATE])) {
        return date_on_null(run, node, DATE_TO_ON_NULL, ret_value);
    }
    if (status == COPSE_OK && null) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = copse_expression_read_date(run, node, arguments[DATE_TO_DATE], &date_ms);
    }
    if (status == COPSE_OK) {
        status = copse_expression_zone(run, node, arguments[DATE_TO_ZONE], &offset_ms);
    }
    format = copse_bytes_of_text(offset_ms == 0 ? "%Y-%m-%dT%H:%M:%S.%LZ" : "%Y-%m-%dT%H:%M:%S.%L");
    if (status == COPSE_OK && arguments[DATE_TO_FORMAT].len != 0) {
        status = copse_expression_read_text(run, node, arguments[DATE_TO_FORMAT],
                                            "a string as format", &format);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_i128 local_ms = (copse_i128)date_ms + offset_ms;
    bool far = local_ms > INT64_MAX || local_ms < -1 - (copse_i128)INT64_MAX;
    status = far ? COPSE_END : date_write(&run->form, format, (int64_t)local_ms, offset_ms);
    if (status == COPSE_END || status == COPSE_NOT_FOUND) {
        copse_buf_truncate(&run->form, 0);
        return COPSE_EXPRESSION_FAIL(run, node, "%s",
                                     status == COPSE_END
                                         ? "writes years from 0 to 9999 only"
                                         : "has a format with % and no known letter behind it");
    }
    status = copse_expression_make_form(run, status, &text);
    return status == COPSE_OK ? copse_expression_make_text(run, text, ret_value) : status;
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

/* A text that is read from its front; `failed` sticks. */
typedef struct date_scan {
    copse_bytes rest;
    bool failed;
    bool zoned;
    bool loose; /* of the usual format: a blank for T, a colon or none in the zone */
    int64_t offset_ms;
    int64_t fields[COPSE_DATE_ISO_DAY + 1];
    bool has[COPSE_DATE_ISO_DAY + 1];
} date_scan;

static uint8_t date_scan_peek(const date_scan *scan)
{
    return scan->rest.len > 0 ? scan->rest.ptr[0] : 0;
}

static void date_scan_move(date_scan *scan, size_t count)
{
    scan->rest.ptr += count;
    scan->rest.len -= count;
}

/* Digits, at least `least`, at most `most`; returns how many. */
static size_t date_scan_digits(date_scan *scan, size_t least, size_t most, int64_t *ret_value)
{
    size_t count = 0;
    int64_t value = 0;
    while (count < most && date_scan_peek(scan) >= '0' && date_scan_peek(scan) <= '9') {
        value = value * 10 + (date_scan_peek(scan) - '0');
        date_scan_move(scan, 1);
        count++;
    }
    scan->failed = scan->failed || count < least;
    *ret_value = value;
    return count;
}

/* A fraction: 1 to 9 digits; what is finer than milliseconds is cut off. */
static void date_scan_fraction(date_scan *scan)
{
    int64_t value = 0;
    size_t count = date_scan_digits(scan, 1, 9, &value);
    for (; count < 3; count++) {
        value *= 10;
    }
    for (; count > 3; count--) {
        value /= 10;
    }
    scan->fields[COPSE_DATE_MILLISECOND] = value;
}

/* An offset up to the next byte that can't be one of it. */
static void date_scan_zone(date_scan *scan)
{
    size_t size = 0;
    while (scan->loose && date_scan_peek(scan) == ' ') {
        date_scan_move(scan, 1);
    }
    while (size < scan->rest.len && size < 6 &&
           (size == 0 || (scan->rest.ptr[0] != 'Z' && scan->rest.ptr[0] != 'z'))) {
        size++;
    }
    for (; size > 0; size--) { /* the longest that is one */
        if (copse_date_zone_parse((copse_bytes){scan->rest.ptr, size}, &scan->offset_ms)) {
            break;
        }
    }
    scan->failed = scan->failed || size == 0;
    scan->zoned = true;
    date_scan_move(scan, size);
}

static void date_scan_minutes(date_scan *scan)
{
    uint8_t sign = date_scan_peek(scan);
    int64_t minutes = 0;
    if (sign == '+' || sign == '-') {
        date_scan_move(scan, 1);
    }
    (void)date_scan_digits(scan, 1, 4, &minutes);
    scan->offset_ms = (sign == '-' ? -minutes : minutes) * COPSE_MS_IN_MINUTE;
    scan->zoned = true;
}

/* The name of a month, in any case. */
static void date_scan_month(date_scan *scan, bool whole)
{
    for (size_t i = 0; i < DATE_MONTHS; i++) {
        size_t size = whole ? strlen(date_months[i]) : DATE_SHORT_SIZE;
        bool same = size <= scan->rest.len;
        for (size_t k = 0; same && k < size; k++) {
            same = (scan->rest.ptr[k] | 0x20) == (date_months[i][k] | 0x20);
        }
        if (same) {
            date_scan_move(scan, size);
            scan->fields[COPSE_DATE_MONTH] = (int64_t)i + 1;
            scan->has[COPSE_DATE_MONTH] = true;
            return;
        }
    }
    scan->failed = true;
}

static void date_scan_letter(date_scan *scan, uint8_t letter)
{
    const date_letter *known = date_letter_find(letter);
    if (letter == 'L') {
        date_scan_fraction(scan);
    } else if (known != NULL) {
        size_t least = known->digits == 4 ? 4 : known->digits == 2 && scan->loose ? 2 : 1;
        (void)date_scan_digits(scan, least, known->digits, &scan->fields[known->field]);
        scan->has[known->field] = true;
    } else if (letter == 'z') {
        date_scan_zone(scan);
    } else if (letter == 'Z') {
        date_scan_minutes(scan);
    } else if (letter == 'b' || letter == 'B') {
        date_scan_month(scan, letter == 'B');
    } else {
        scan->failed = scan->failed || letter != '%' || date_scan_peek(scan) != '%';
        date_scan_move(scan, scan->failed ? 0 : 1);
    }
}

/* Reads all of the text by the format. */
static bool date_scan_run(date_scan *scan, copse_bytes format)
{
    for (size_t i = 0; !scan->failed && i < format.len; i++) {
        uint8_t byte = format.ptr[i];
        if (byte == '%') {
            i++;
            date_scan_letter(scan, i < format.len ? format.ptr[i] : 0);
            continue;
        }
        uint8_t next = date_scan_peek(scan);
        bool same = next == byte || (scan->loose && byte == 'T' && (next == ' ' || next == 't'));
        scan->failed = scan->rest.len == 0 || !same;
        date_scan_move(scan, scan->failed ? 0 : 1);
    }
    return !scan->failed && scan->rest.len == 0;
}

static int64_t date_scan_field(const date_scan *scan, copse_date_field field, int64_t otherwise)
{
    return scan->has[field] ? scan->fields[field] : otherwise;
}

/* What was read as a date. False: there is no such date. */
static bool date_scan_date(const date_scan *scan, int64_t *ret_date_ms)
{
    int64_t days = 0;
    const int64_t *fields = scan->fields;
    if (scan->has[COPSE_DATE_ISO_YEAR]) {
        int64_t week = date_scan_field(scan, COPSE_DATE_ISO_WEEK, 1);
        int64_t day = date_scan_field(scan, COPSE_DATE_ISO_DAY, 1);
        days = copse_date_iso_days(fields[COPSE_DATE_ISO_YEAR], week, day);
        if (copse_date_field_of(days * COPSE_MS_IN_DAY, COPSE_DATE_ISO_WEEK) != week ||
            copse_date_field_of(days * COPSE_MS_IN_DAY, COPSE_DATE_ISO_DAY) != day) {
            return false;
        }
    } else {
        copse_calendar date = {.year = fields[COPSE_DATE_YEAR],
                               .month = date_scan_field(scan, COPSE_DATE_MONTH, 1),
                               .day = date_scan_field(scan, COPSE_DATE_DAY, 1)};
        if (!scan->has[COPSE_DATE_YEAR] || !copse_calendar_exists(&date)) {
            return false;
        }
        days = copse_calendar_days(&date);
        if (scan->has[COPSE_DATE_DAY_OF_YEAR]) {
            days += fields[COPSE_DATE_DAY_OF_YEAR] - 1;
        }
        if (copse_calendar_of_days(days).year != date.year) {
            return false;
        }
    }
    if (fields[COPSE_DATE_HOUR] > 23 || fields[COPSE_DATE_MINUTE] > 59 ||
        fields[COPSE_DATE_SECOND] > 59) {
        return false;
    }
    *ret_date_ms = days * COPSE_MS_IN_DAY + fields[COPSE_DATE_HOUR] * COPSE_MS_IN_HOUR +
                   fields[COPSE_DATE_MINUTE] * COPSE_MS_IN_MINUTE +
                   fields[COPSE_DATE_SECOND] * COPSE_MS_IN_SECOND + fields[COPSE_DATE_MILLISECOND] -
                   scan->offset_ms;
    return true;
}

bool copse_expression_date_parse(copse_bytes text, int64_t *ret_date_ms, bool *ret_zoned)
{
    static const char *const formats[] = {
        "%Y-%m-%d",         "%Y-%m-%dT%H:%M",      "%Y-%m-%dT%H:%M:%S",      "%Y-%m-%dT%H:%M:%S.%L",
        "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%L%z",
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        date_scan scan = {.rest = text, .loose = true};
        if (date_scan_run(&scan, copse_bytes_of_text(formats[i]))) {
            *ret_zoned = scan.zoned;
            return date_scan_date(&scan, ret_date_ms);
        }
    }
    return false;
}

enum { DATE_FROM_STRING, DATE_FROM_FORMAT, DATE_FROM_TIMEZONE, DATE_ON_ERROR, DATE_ON_NULL };

/* Reads a text, by a format or the usual ones. False: no date. */
static bool date_read_string(copse_bytes text, copse_bytes format, int64_t *ret_date_ms,
                             bool *ret_zoned)
{
    date_scan scan = {.rest = text};
    if (format.len == 0) {
        return copse_expression_date_parse(text, ret_date_ms, ret_zoned);
    }
    bool read = date_scan_run(&scan, format) && date_scan_date(&scan, ret_date_ms);
    *ret_zoned = scan.zoned;
    return read;
}

/* The date of the arguments. END: the text is no date. */
static copse_status date_of_string(const copse_expression *run, const copse_expression_node *node,
                                   const copse_bytes *arguments, int64_t *ret_date_ms)
{
    copse_bytes text = {NULL, 0};
    copse_bytes format = {NULL, 0};
    int64_t offset_ms = 0;
    bool zoned = false;
    copse_value value;
    copse_status status = copse_expression_read(run, arguments[DATE_FROM_STRING], &value);
    if (status == COPSE_OK && arguments[DATE_FROM_FORMAT].len != 0) {
        status = copse_expression_read_text(run, node, arguments[DATE_FROM_FORMAT],
                                            "a string as format", &format);
    }
    if (status == COPSE_OK) {
        status = copse_expression_zone(run, node, arguments[DATE_FROM_TIMEZONE], &offset_ms);
    }
    if (status != COPSE_OK) {
        return status;
    }
    text = value.bytes;
    if (value.type != COPSE_VALUE_TEXT || !date_read_string(text, format, ret_date_ms, &zoned) ||
        (zoned && arguments[DATE_FROM_TIMEZONE].len != 0)) {
        (void)COPSE_EXPRESSION_FAIL(run, node,
                                    zoned ? "takes no timezone for a string that has one"
                                          : "can't read the string as a date");
        return COPSE_END;
    }
    *ret_date_ms -= offset_ms;
    return COPSE_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status date_from_string(copse_expression *run, const copse_expression_node *node,
                                     copse_bytes *ret_value)
{
    copse_bytes arguments[DATE_ON_ERROR];
    int64_t date_ms = 0;
    bool null = false;
    copse_status status = date_arguments(run, node, arguments, DATE_ON_ERROR, &null);
    if (status == COPSE_OK && copse_expression_is_null(arguments[DATE_FROM_STRING])) {
        return date_on_null(run, node, DATE_ON_NULL, ret_value);
    }
    if (status == COPSE_OK && null) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = date_of_string(run, node, arguments, &date_ms);
    }
    if (status == COPSE_END) {
        return node->children[DATE_ON_ERROR] != NULL
                   ? copse_expression_argument(run, node, DATE_ON_ERROR, ret_value)
                   : COPSE_CORRUPT;
    }
    return status == COPSE_OK ? copse_expression_make_date(run, date_ms, ret_value) : status;
}

static const char *const date_to_string_names[] = {"date", "format", "timezone", "onNull", NULL};
static const char *const date_from_string_names[] = {"dateString", "format", "timezone",
                                                     "onError",    "onNull", NULL};

const copse_expression_operator copse_expression_date_string[] = {
    {.name = "$dateToString",
     .least = 1,
     .evaluate = date_to_string,
     .names = date_to_string_names},
    {.name = "$dateFromString",
     .least = 1,
     .evaluate = date_from_string,
     .names = date_from_string_names},
    {.name = NULL},
};
