/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/text.h"

#include <string.h>

size_t copse_text_count(copse_bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += (text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

size_t copse_text_offset(copse_bytes text, uint64_t count)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] & 0xc0) != 0x80 && count-- == 0) {
            return i;
        }
    }
    return text.len;
}

/* Knuth, Morris and Pratt: for each byte, how long the longest start of the part is that ends with
 * it, but is not all up to it. */
void copse_text_table(copse_bytes part, uint32_t *ret_table)
{
    uint32_t same = 0;
    for (size_t i = 0; i < part.len; i++) {
        while (i > 0 && same > 0 && part.ptr[i] != part.ptr[same]) {
            same = ret_table[same - 1];
        }
        same += i > 0 && part.ptr[i] == part.ptr[same];
        ret_table[i] = same;
    }
}

static size_t text_find_long(copse_bytes text, copse_bytes part, const uint32_t *table, size_t from)
{
    size_t same = 0;
    for (size_t i = from; i < text.len; i++) {
        while (same > 0 && text.ptr[i] != part.ptr[same]) {
            same = table[same - 1];
        }
        same += text.ptr[i] == part.ptr[same];
        if (same == part.len) {
            return i + 1 - part.len;
        }
    }
    return SIZE_MAX;
}

size_t copse_text_find(copse_bytes text, copse_bytes part, const uint32_t *table, size_t from)
{
    if (from > text.len || part.len > text.len - from) {
        return SIZE_MAX;
    }
    if (part.len == 0 || table != NULL) {
        return part.len == 0 ? from : text_find_long(text, part, table, from);
    }
    const uint8_t *at = text.ptr + from;
    const uint8_t *last = text.ptr + (text.len - part.len); /* where it may begin */
    while (at <= last) {
        at = memchr(at, part.ptr[0], (size_t)(last - at) + 1);
        if (at == NULL) {
            break;
        }
        if (memcmp(at, part.ptr, part.len) == 0) {
            return (size_t)(at - text.ptr);
        }
        at++;
    }
    return SIZE_MAX;
}
