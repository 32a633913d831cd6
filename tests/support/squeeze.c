/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/squeeze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

size_t squeeze_zstd(const uint8_t *bytes, size_t size, uint8_t *ret_bytes, size_t room)
{
    size_t len = ZSTD_compress(ret_bytes, room, bytes, size, 1);
    assert_false(ZSTD_isError(len));
    return len;
}

size_t squeeze_gzip(const uint8_t *bytes, size_t size, uint8_t *ret_bytes, size_t room)
{
    z_stream gzip = {.next_in = (Bytef *)bytes,
                     .avail_in = (uInt)size,
                     .next_out = ret_bytes,
                     .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&gzip, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&gzip, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&gzip), Z_OK);
    return gzip.total_out;
}

size_t squeeze_zeros(size_t blocks, uint8_t *ret_bytes)
{
    static const uint8_t head[SQUEEZE_ZEROS_HEAD_SIZE] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50};
    const uint32_t block = ((uint32_t)128 << 10) << 3 | 1 << 1; /* its size; repeats a byte */
    size_t len = sizeof head;
    memcpy(ret_bytes, head, len);
    for (size_t i = 0; i < blocks; i++) {
        uint32_t bits = block | (i + 1 == blocks ? 1 : 0);
        ret_bytes[len++] = (uint8_t)bits;
        ret_bytes[len++] = (uint8_t)(bits >> 8);
        ret_bytes[len++] = (uint8_t)(bits >> 16);
        ret_bytes[len++] = 0;
    }
    return len;
}
