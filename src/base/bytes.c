/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/bytes.h>

#include <string.h>

copse_bytes copse_bytes_of_text(const char *text)
{
    return (copse_bytes){(const uint8_t *)text, strlen(text)};
}

int copse_bytes_compare(copse_bytes a, copse_bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len != 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool copse_bytes_equal(copse_bytes a, copse_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool copse_bytes_has_prefix(copse_bytes bytes, copse_bytes prefix)
{
    return bytes.len >= prefix.len &&
           (prefix.len == 0 || memcmp(bytes.ptr, prefix.ptr, prefix.len) == 0);
}
