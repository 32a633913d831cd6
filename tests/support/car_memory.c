/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/car_memory.h"

#include "support/test_env.h"

#include <string.h>

static copse_status car_memory_append(void *ctx, copse_bytes bytes, copse_err *err)
{
    car_memory_sink *memory = ctx;
    if (memory->writes_max == 0) {
        if (err != NULL) {
            *err = (copse_err){.status = COPSE_IO, .message = "the sink is full"};
        }
        return COPSE_IO;
    }
    memory->writes_max--;
    return copse_buf_append(memory->buf, bytes);
}

copse_car_sink car_memory_sink_of(car_memory_sink *memory)
{
    return (copse_car_sink){.write = car_memory_append, .ctx = memory};
}

static copse_status car_memory_read_at(void *ctx, uint64_t offset, size_t len, uint8_t *ret_bytes,
                                       copse_err *err)
{
    car_memory_file *memory = ctx;
    (void)err;
    memory->wanted = memory->wants && !memory->wanted;
    if (memory->wanted) {
        return COPSE_WANT;
    }
    if (offset > memory->bytes.len || len > memory->bytes.len - offset) {
        return COPSE_MISUSE;
    }
    memory->reads++;
    memory->read_bytes += len;
    memcpy(ret_bytes, memory->bytes.ptr + offset, len);
    return COPSE_OK;
}

copse_car_source car_memory_file_of(car_memory_file *memory)
{
    return (copse_car_source){
        .read_at = car_memory_read_at, .ctx = memory, .size = memory->bytes.len};
}

size_t car_memory_block(uint64_t seed, size_t number, copse_cid *ret_cid, uint8_t ret_data[64])
{
    uint64_t state = seed + (uint64_t)number * 1000003u;
    size_t size = (size_t)test_random_below(&state, 65);
    for (size_t i = 0; i < size; i++) {
        ret_data[i] = (uint8_t)test_random(&state);
    }
    copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){ret_data, size}, ret_cid);
    return size;
}

copse_status car_memory_write(const copse_env *env, const copse_car_writer_options *options,
                              uint64_t seed, size_t count, copse_buf *buf, copse_err *err)
{
    copse_cid cid;
    uint8_t data[64];
    uint8_t start[COPSE_CAR_START_SIZE_BYTES];
    car_memory_sink memory = {.buf = buf, .writes_max = SIZE_MAX};
    copse_car_writer *writer = NULL;
    size_t offset = buf->len;
    (void)car_memory_block(seed, 0, &cid, data);
    copse_status status =
        copse_car_writer_new(env, options, car_memory_sink_of(&memory), &cid, 1, &writer, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        size_t size = car_memory_block(seed, i, &cid, data);
        status = copse_car_writer_put(writer, &cid, (copse_bytes){data, size}, err);
    }
    if (status == COPSE_OK) {
        status = copse_car_writer_finish(writer, start, err);
    }
    if (status == COPSE_OK && options->version == 2 && options->data_size == 0) {
        memcpy(buf->ptr + offset, start, sizeof start);
    }
    (void)copse_car_writer_free(writer);
    return status;
}
