/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

copse_bytes hex_parse(const char *text, uint8_t *ret_bytes, size_t size_max)
{
    size_t size = strlen(text) / 2;
    if (strlen(text) % 2 != 0 || size > size_max) {
        fail_msg("%zu hexadecimal digits do not fit", strlen(text));
    }
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        if (strspn(text + 2 * i, "0123456789abcdef") < 2 ||
            sscanf(text + 2 * i, "%2x", &byte) != 1) {
            fail_msg("no hexadecimal digits: %.20s", text + 2 * i);
        }
        ret_bytes[i] = (uint8_t)byte;
    }
    return (copse_bytes){ret_bytes, size};
}

void hex_split_columns(char *line, char **ret_columns, size_t count)
{
    char *at = line;
    for (size_t i = 0; i < count; i++) {
        char *end = strchr(at, '\t');
        if ((end == NULL) != (i + 1 == count)) {
            fail_msg("not %zu columns: %.60s", count, line);
            return;
        }
        ret_columns[i] = at;
        if (end != NULL) {
            *end = '\0';
            at = end + 1;
        }
    }
}
