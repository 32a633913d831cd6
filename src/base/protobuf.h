/* Protocol buffers as libp2p and IPFS use them: one message, field by field.
 *
 *     field   varint number << 3 | wire type, then
 *             of wire type 0   a varint
 *             of wire type 2   varint length, and as many bytes
 *
 * Varints are of the shortest form and at most 64 bits. The other wire types are not read: no
 * format that Copse speaks has them. Source: https://protobuf.dev/programming-guides/encoding/
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BASE_PROTOBUF_H
#define COPSE_BASE_PROTOBUF_H

#include <copse/buf.h>
#include <copse/bytes.h>
#include <copse/status.h>

typedef struct copse_protobuf_field {
    uint64_t number; /**< At least 1. */
    bool is_bytes;
    uint64_t varint;   /**< Else 0. */
    copse_bytes bytes; /**< Else empty. Borrows the message. */
} copse_protobuf_field;

/** Takes a field off the front of `message`. END: nothing is left. CORRUPT: no field stands there.
 * Both leave `message` as it was. */
COPSE_MUST_USE copse_status copse_protobuf_next(copse_bytes *message,
                                                copse_protobuf_field *ret_field);

/** Append a field. `number` is from 1 to 2^29 - 1. NOMEM, LIMIT: from the buf, which is then as it
 * was. */
COPSE_MUST_USE copse_status copse_protobuf_write_varint(copse_buf *buf, uint32_t number,
                                                        uint64_t value);
COPSE_MUST_USE copse_status copse_protobuf_write_bytes(copse_buf *buf, uint32_t number,
                                                       copse_bytes bytes);

#endif
