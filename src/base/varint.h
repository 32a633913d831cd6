/* Unsigned LEB128 varints as multiformats use them: shortest form, at most 9 bytes (63 bits).
 * Source: https://github.com/multiformats/unsigned-varint
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BASE_VARINT_H
#define COPSE_BASE_VARINT_H

#include <copse/bytes.h>
#include <copse/status.h>

#define COPSE_VARINT_SIZE_BYTES_MAX 9
#define COPSE_VARINT_MAX ((uint64_t)INT64_MAX)

/** Reads a varint at the start of `input`. OK; END: `input` ends inside it; CORRUPT: not the
 * shortest form or longer than 9 bytes. */
COPSE_MUST_USE copse_status copse_varint_read(copse_bytes input, uint64_t *ret_value,
                                              size_t *ret_size);

/** Writes `value` (at most COPSE_VARINT_MAX) and returns the number of bytes. */
size_t copse_varint_write(uint64_t value, uint8_t ret_bytes[COPSE_VARINT_SIZE_BYTES_MAX]);

/** The number of bytes that copse_varint_write would write. */
size_t copse_varint_size(uint64_t value);

#endif
