/* Bytes in hexadecimal, and lines of tables whose columns stand between tabs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_HEX_H
#define COPSE_TESTS_HEX_H

#include <copse/bytes.h>

/** Writes the bytes of a NUL-terminated text of hexadecimal digits, at most `size_max`, and returns
 * them. Fails the test (cmocka) if it is none, or longer. */
copse_bytes hex_parse(const char *text, uint8_t *ret_bytes, size_t size_max);

/** Cuts a line at its tabs into exactly `count` columns, each NUL-terminated in its place. Fails
 * the test if there are others. */
void hex_split_columns(char *line, char **ret_columns, size_t count);

#endif
