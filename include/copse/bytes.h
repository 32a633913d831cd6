/* A borrowed run of bytes, passed by value.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BYTES_H
#define COPSE_BYTES_H

#include <copse/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

COPSE_EXTERN_C_BEGIN

/** Bytes that somebody else owns. Where a call returns one, it says how long the bytes live. ptr
 * may be NULL if len is 0. */
typedef struct copse_bytes {
    const uint8_t *ptr;
    size_t len;
} copse_bytes;

/** The bytes of a NUL-terminated string, without the NUL. Borrows `text`. */
COPSE_API copse_bytes copse_bytes_of_text(const char *text);

/** Bytewise order, a prefix before what it is a prefix of: negative, zero or positive. */
COPSE_API int copse_bytes_compare(copse_bytes a, copse_bytes b);

/** Whether both hold the same bytes. */
COPSE_API bool copse_bytes_equal(copse_bytes a, copse_bytes b);

/** Whether `bytes` begins with `prefix`. */
COPSE_API bool copse_bytes_has_prefix(copse_bytes bytes, copse_bytes prefix);

COPSE_EXTERN_C_END

#endif
