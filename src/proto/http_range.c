/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/http_range.h"

#include "proto/http_request.h"

#include <string.h>

bool copse_http_number_parse(copse_bytes text, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.ptr[i] - '0';
        if (digit > 9 || number > (INT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    if (text.len > 0) {
        *ret_number = number;
    }
    return text.len > 0;
}

/* Takes what stands before `c` off the text. */
static bool http_range_until(copse_bytes *text, uint8_t c, copse_bytes *ret_before)
{
    const uint8_t *found = text->len > 0 ? memchr(text->ptr, c, text->len) : NULL;
    if (found == NULL) {
        return false;
    }
    *ret_before = (copse_bytes){text->ptr, (size_t)(found - text->ptr)};
    *text = (copse_bytes){found + 1, text->len - ret_before->len - 1};
    return true;
}

bool copse_http_content_range_parse(copse_bytes value, copse_http_content_range *ret_range)
{
    copse_http_content_range range = {.total = 0};
    copse_bytes unit;
    copse_bytes first;
    copse_bytes last;
    uint64_t to = 0;
    if (!http_range_until(&value, ' ', &unit) ||
        !copse_http_name_equal(unit, copse_bytes_of_text("bytes")) ||
        !http_range_until(&value, '-', &first) || !http_range_until(&value, '/', &last) ||
        !copse_http_number_parse(first, &range.from) || !copse_http_number_parse(last, &to) ||
        to < range.from) {
        return false;
    }
    if (!copse_bytes_equal(value, copse_bytes_of_text("*")) &&
        (!copse_http_number_parse(value, &range.total) || to >= range.total)) {
        return false;
    }
    range.size = to - range.from + 1;
    *ret_range = range;
    return true;
}
