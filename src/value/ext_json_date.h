/* Dates as text: ISO 8601 in the profile of RFC 3339, proleptic Gregorian calendar, no leap
 * seconds.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_EXT_JSON_DATE_H
#define COPSE_VALUE_EXT_JSON_DATE_H

#include <copse/bytes.h>
#include <copse/status.h>

/** Room for the text of copse_ext_json_date_write. */
#define COPSE_EXT_JSON_DATE_TEXT_SIZE_MAX 24

/** Reads YYYY-MM-DDTHH:MM:SS, then perhaps a point and 1 to 9 digits, then Z or an offset: +HH:MM,
 * +HHMM or +HH, likewise with '-'. What is finer than milliseconds is cut off. CORRUPT: not that,
 * or a date or time of day that does not exist. */
COPSE_MUST_USE copse_status copse_ext_json_date_parse(copse_bytes text, int64_t *ret_date_ms);

/** Writes a date of the years 1970 to 9999 as YYYY-MM-DDTHH:MM:SS.mmmZ, without the milliseconds if
 * they are 0. Returns the size, no NUL; 0: outside these years. */
size_t copse_ext_json_date_write(int64_t date_ms, char ret_text[COPSE_EXT_JSON_DATE_TEXT_SIZE_MAX]);

#endif
