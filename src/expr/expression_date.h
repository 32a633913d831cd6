/* Dates of expressions: local time, zones, texts.
 *
 * Time is counted in milliseconds; a zone is a fixed offset from UTC, and local time is UTC plus
 * it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_EXPRESSION_DATE_H
#define COPSE_EXPR_EXPRESSION_DATE_H

#include "expr/expression_private.h"
#include "value/calendar.h"

#define COPSE_MS_IN_SECOND INT64_C(1000)
#define COPSE_MS_IN_MINUTE (60 * COPSE_MS_IN_SECOND)
#define COPSE_MS_IN_HOUR (60 * COPSE_MS_IN_MINUTE)
#define COPSE_MS_IN_DAY (24 * COPSE_MS_IN_HOUR)

/** What a date has. */
typedef enum copse_date_field {
    COPSE_DATE_YEAR,
    COPSE_DATE_MONTH,
    COPSE_DATE_DAY,
    COPSE_DATE_HOUR,
    COPSE_DATE_MINUTE,
    COPSE_DATE_SECOND,
    COPSE_DATE_MILLISECOND,
    COPSE_DATE_DAY_OF_WEEK, /**< From 1, Sunday. */
    COPSE_DATE_DAY_OF_YEAR, /**< From 1. */
    COPSE_DATE_WEEK,        /**< From 0, each begins on a Sunday. */
    COPSE_DATE_ISO_WEEK,
    COPSE_DATE_ISO_YEAR,
    COPSE_DATE_ISO_DAY /**< From 1, Monday. */
} copse_date_field;

/** A field of a local time. */
int64_t copse_date_field_of(int64_t local_ms, copse_date_field field);

/** Days since 1970-01-01 of a day of an ISO week; week and day may be any. */
int64_t copse_date_iso_days(int64_t year, int64_t week, int64_t day);

/** The offset of UTC, GMT, Z, +HH, +HHMM or +HH:MM, the whole of `text`. False: it is none. */
bool copse_date_zone_parse(copse_bytes text, int64_t *ret_offset_ms);

/** The zone that an argument names; one that is not given is UTC. CORRUPT: no fixed offset. */
COPSE_MUST_USE copse_status copse_expression_zone(const copse_expression *run,
                                                  const copse_expression_node *node,
                                                  copse_bytes encoded, int64_t *ret_offset_ms);

/** The time of a DATE, a TIMESTAMP or an OBJECT_ID. False: another type. */
bool copse_expression_date_of(const copse_value *value, int64_t *ret_date_ms);

/** As copse_expression_date_of, of an argument; CORRUPT: another type. */
COPSE_MUST_USE copse_status copse_expression_read_date(const copse_expression *run,
                                                       const copse_expression_node *node,
                                                       copse_bytes encoded, int64_t *ret_date_ms);

/** A date of a local time. CORRUPT: out of the range of dates. */
COPSE_MUST_USE copse_status copse_expression_make_local(copse_expression *run,
                                                        const copse_expression_node *node,
                                                        copse_i128 local_ms, int64_t offset_ms,
                                                        copse_bytes *ret_value);

/** YYYY-MM-DDTHH:MM:SS.mmmZ. END: the year is not from 0 to 9999. */
COPSE_MUST_USE copse_status copse_expression_date_text(copse_expression *run, int64_t date_ms,
                                                       copse_bytes *ret_text);

/** Reads YYYY-MM-DD, perhaps with "T" or a blank, HH:MM, :SS, a fraction, and an offset. False:
 * another text, or no date. *ret_zoned: there was an offset. */
bool copse_expression_date_parse(copse_bytes text, int64_t *ret_date_ms, bool *ret_zoned);

#endif
