/* A growing run of bytes that owns its memory and has a maximum.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BUF_H
#define COPSE_BUF_H

#include <copse/bytes.h>
#include <copse/env.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

/** Owned bytes. `ptr`, `len` and `cap` may be read; only the calls below change them. A zeroed buf
 * may be released. */
typedef struct copse_buf {
    const copse_env *env;
    uint8_t *ptr;
    size_t len;
    size_t cap;
    size_t max; /**< len never passes this. */
} copse_buf;

/** An empty buf that grows to at most `size_bytes_max`. Allocates nothing yet. */
COPSE_API void copse_buf_init(copse_buf *buf, const copse_env *env, size_t size_bytes_max);

/** Frees the bytes and zeroes `buf`. NULL and a zeroed buf are allowed. */
COPSE_API void copse_buf_release(copse_buf *buf);

/** Makes room for `extra` more bytes at `ptr + len`. NOMEM or LIMIT leave the buf as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_buf_reserve(copse_buf *buf, size_t extra);

/** Appends a copy of `bytes`. NOMEM or LIMIT leave the buf as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_buf_append(copse_buf *buf, copse_bytes bytes);

/** Appends one byte. NOMEM or LIMIT leave the buf as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_buf_append_byte(copse_buf *buf, uint8_t byte);

/** Sets the length back to `len`, which must not be above the present one; keeps the memory. */
COPSE_API void copse_buf_truncate(copse_buf *buf, size_t len);

/** The bytes, valid until the buf changes. */
COPSE_API copse_bytes copse_buf_view(const copse_buf *buf);

COPSE_EXTERN_C_END

#endif
