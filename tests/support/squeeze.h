/* Compressed bytes for tests; a failure fails the test (cmocka).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SQUEEZE_H
#define COPSE_TESTS_SQUEEZE_H

#include <stddef.h>
#include <stdint.h>

/** One frame or member of these bytes; returns its length. */
size_t squeeze_zstd(const uint8_t *bytes, size_t size, uint8_t *ret_bytes, size_t room);
size_t squeeze_gzip(const uint8_t *bytes, size_t size, uint8_t *ret_bytes, size_t room);

enum { SQUEEZE_ZEROS_HEAD_SIZE = 6, SQUEEZE_ZEROS_BLOCK_SIZE = 4 };

/** A zstd frame of so many blocks of 128 KiB of zeros, each in 4 bytes; returns its length. */
size_t squeeze_zeros(size_t blocks, uint8_t *ret_bytes);

#endif
