/* A field has one encoding: a message that is read, written again, is the same. Reading allocates
 * nothing, and ends.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/protobuf.h"

#include "support/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_buf again;
    copse_bytes rest = {data, size};
    copse_protobuf_field field;
    copse_status status;
    copse_env_init(&env);
    copse_buf_init(&again, &env, size);
    while ((status = copse_protobuf_next(&rest, &field)) == COPSE_OK) {
        if (field.number <= UINT32_MAX) {
            uint32_t number = (uint32_t)field.number;
            size_t start = again.len;
            fuzz_must((field.is_bytes ? copse_protobuf_write_bytes(&again, number, field.bytes)
                                      : copse_protobuf_write_varint(&again, number,
                                                                    field.varint)) == COPSE_OK);
            size_t len = again.len - start;
            fuzz_must(len <= size && memcmp(again.ptr + start, rest.ptr - len, len) == 0);
        }
    }
    fuzz_must(status == (rest.len == 0 ? COPSE_END : COPSE_CORRUPT));
    copse_buf_release(&again);
    return 0;
}
