/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/varint.h"

copse_status copse_varint_read(copse_bytes input, uint64_t *ret_value, size_t *ret_size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < COPSE_VARINT_SIZE_BYTES_MAX; i++) {
        if (i == input.len) {
            return COPSE_END;
        }
        uint8_t byte = input.ptr[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            if (byte == 0 && i > 0) {
                return COPSE_CORRUPT;
            }
            *ret_value = value;
            *ret_size = i + 1;
            return COPSE_OK;
        }
    }
    return COPSE_CORRUPT;
}

size_t copse_varint_write(uint64_t value, uint8_t ret_bytes[COPSE_VARINT_SIZE_BYTES_MAX])
{
    size_t size = 0;
    while (value >= 0x80 && size < COPSE_VARINT_SIZE_BYTES_MAX - 1) {
        ret_bytes[size++] = (uint8_t)(0x80 | (value & 0x7f));
        value >>= 7;
    }
    ret_bytes[size++] = (uint8_t)(value & 0x7f);
    return size;
}

size_t copse_varint_size(uint64_t value)
{
    size_t size = 1;
    while (value >= 0x80 && size < COPSE_VARINT_SIZE_BYTES_MAX) {
        value >>= 7;
        size++;
    }
    return size;
}
