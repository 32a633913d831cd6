/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/protobuf.h"

enum {
    PROTOBUF_WIRE_VARINT = 0,
    PROTOBUF_WIRE_BYTES = 2,
    PROTOBUF_VARINT_SIZE_MAX = 10, /* 64 bits, one more byte than multiformats' varints have */
};

/* Takes a varint off `rest`; false: none stands there. */
static bool protobuf_take_varint(copse_bytes *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < rest->len && i < PROTOBUF_VARINT_SIZE_MAX; i++) {
        uint8_t byte = rest->ptr[i];
        if (i == PROTOBUF_VARINT_SIZE_MAX - 1 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *ret_value = value;
            *rest = (copse_bytes){rest->ptr + i + 1, rest->len - i - 1};
            return byte != 0 || i == 0;
        }
    }
    return false;
}

copse_status copse_protobuf_next(copse_bytes *message, copse_protobuf_field *ret_field)
{
    if (message->len == 0) {
        return COPSE_END;
    }
    copse_bytes rest = *message;
    copse_protobuf_field field = {0};
    uint64_t tag = 0;
    uint64_t value = 0;
    if (!protobuf_take_varint(&rest, &tag) || tag >> 3 == 0 ||
        !protobuf_take_varint(&rest, &value)) {
        return COPSE_CORRUPT;
    }
    field.number = tag >> 3;
    field.is_bytes = (tag & 7) == PROTOBUF_WIRE_BYTES;
    if (field.is_bytes && value <= rest.len) {
        field.bytes = (copse_bytes){rest.ptr, (size_t)value};
        rest = (copse_bytes){rest.ptr + value, rest.len - (size_t)value};
    } else if ((tag & 7) == PROTOBUF_WIRE_VARINT) {
        field.varint = value;
    } else {
        return COPSE_CORRUPT;
    }
    *message = rest;
    *ret_field = field;
    return COPSE_OK;
}

static size_t protobuf_put_varint(uint64_t value, uint8_t ret_bytes[PROTOBUF_VARINT_SIZE_MAX])
{
    size_t size = 0;
    while (value >= 0x80) {
        ret_bytes[size++] = (uint8_t)(0x80 | (value & 0x7f));
        value >>= 7;
    }
    ret_bytes[size++] = (uint8_t)value;
    return size;
}

/* Appends tag, varint and bytes, all or nothing. */
static copse_status protobuf_write(copse_buf *buf, uint64_t tag, uint64_t value, copse_bytes bytes)
{
    uint8_t head[2 * PROTOBUF_VARINT_SIZE_MAX];
    size_t size = protobuf_put_varint(tag, head);
    size += protobuf_put_varint(value, head + size);
    size_t start = buf->len;
    copse_status status = copse_buf_append(buf, (copse_bytes){head, size});
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, bytes);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, start);
    }
    return status;
}

copse_status copse_protobuf_write_varint(copse_buf *buf, uint32_t number, uint64_t value)
{
    return protobuf_write(buf, (uint64_t)number << 3 | PROTOBUF_WIRE_VARINT, value,
                          (copse_bytes){NULL, 0});
}

copse_status copse_protobuf_write_bytes(copse_buf *buf, uint32_t number, copse_bytes bytes)
{
    return protobuf_write(buf, (uint64_t)number << 3 | PROTOBUF_WIRE_BYTES, bytes.len, bytes);
}
