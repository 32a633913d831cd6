/* Writing a CAR into a sink: CARv1, or CARv2 with an index (docs/formats/car.md).
 *
 * (W1) What reached the sink is a whole number of items, or the writer is poisoned.
 * (W2) In a CARv2, the payload starts at byte 51, the index right behind the payload.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/varint.h"
#include "value/car_header.h"
#include "value/car_index_build.h"

#include <string.h>

struct copse_car_writer {
    const copse_env *env;
    copse_car_writer_options options;
    copse_car_sink sink;
    uint64_t data_size; /* of the payload so far */
    copse_car_index_builder index;
    bool closed; /* finished or poisoned */
};

static bool car_writer_has_index(const copse_car_writer *writer)
{
    return writer->options.version == 2 && !writer->options.without_index;
}

/* Hands bytes to the sink. A failure poisons the writer (W1). */
static copse_status car_writer_emit(copse_car_writer *writer, copse_bytes bytes, copse_err *err)
{
    copse_status status =
        bytes.len != 0 ? writer->sink.write(writer->sink.ctx, bytes, err) : COPSE_OK;
    if (status != COPSE_OK) {
        writer->closed = true;
    }
    return status;
}

static copse_status car_writer_check_options(const copse_env *env,
                                             const copse_car_writer_options *options,
                                             const copse_cid *roots, size_t roots_count,
                                             copse_err *err)
{
    if (options->version != 1 && options->version != 2) {
        return COPSE_ERR(err, COPSE_MISUSE, "there is no CAR version %llu",
                         (unsigned long long)options->version);
    }
    if (roots_count == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a CAR without roots: for none give bafkqaaa");
    }
    for (size_t i = 0; i < roots_count; i++) {
        if (roots[i].size == 0) {
            return COPSE_ERR(err, COPSE_MISUSE, "root %zu is no CID", i);
        }
    }
    if (roots_count > env->limits.car_roots_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "%zu roots, the limit is %zu", roots_count,
                         env->limits.car_roots_max);
    }
    return COPSE_OK;
}

/* The first bytes of a CARv2 with a payload of this size. */
static void car_writer_start(const copse_car_writer *writer, uint64_t data_size,
                             uint8_t ret_start[COPSE_CAR_START_SIZE_BYTES])
{
    copse_car_v2_start_write(data_size, car_writer_has_index(writer), ret_start);
    if (writer->options.fully_indexed && car_writer_has_index(writer)) {
        ret_start[COPSE_CAR_PRAGMA_SIZE_BYTES] |= COPSE_CAR_FULLY_INDEXED;
    }
}

/* Writes the start of a CARv2, as far as it is known, and the header with the roots. */
static copse_status car_writer_begin(copse_car_writer *writer, const copse_cid *roots,
                                     size_t roots_count, copse_err *err)
{
    copse_buf buf;
    copse_status status = COPSE_OK;
    copse_buf_init(&buf, writer->env,
                   writer->env->limits.car_header_bytes_max + COPSE_VARINT_SIZE_BYTES_MAX);
    status = copse_car_header_write(roots, roots_count, &buf, err);
    if (status == COPSE_OK && writer->options.version == 2) {
        uint8_t start[COPSE_CAR_START_SIZE_BYTES];
        car_writer_start(writer, writer->options.data_size, start);
        if (writer->options.data_size == 0) {
            memset(start + COPSE_CAR_PRAGMA_SIZE_BYTES, 0, COPSE_CAR_V2_HEADER_SIZE_BYTES);
        }
        status = car_writer_emit(writer, (copse_bytes){start, sizeof start}, err);
    }
    if (status == COPSE_OK) {
        status = car_writer_emit(writer, copse_buf_view(&buf), err);
    }
    writer->data_size = buf.len;
    copse_buf_release(&buf);
    return status;
}

copse_status copse_car_writer_new(const copse_env *env, const copse_car_writer_options *options,
                                  copse_car_sink sink, const copse_cid *roots, size_t roots_count,
                                  copse_car_writer **ret_writer, copse_err *err)
{
    copse_status status = car_writer_check_options(env, options, roots, roots_count, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_car_writer *writer = copse_alloc_zeroed(env, sizeof *writer);
    if (writer == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    writer->env = env;
    writer->options = *options;
    writer->sink = sink;
    writer->index.env = env;
    status = car_writer_begin(writer, roots, roots_count, err);
    if (status != COPSE_OK) {
        (void)copse_car_writer_free(writer);
        return status;
    }
    *ret_writer = writer;
    return COPSE_OK;
}

copse_car_writer *copse_car_writer_free(copse_car_writer *writer)
{
    if (writer != NULL) {
        copse_car_index_builder_release(&writer->index);
        copse_free(writer->env, writer, sizeof *writer);
    }
    return NULL;
}

uint64_t copse_car_section_size(const copse_cid *cid, size_t data_size)
{
    uint64_t size = (uint64_t)cid->size + data_size;
    return copse_varint_size(size) + size;
}

static copse_status car_writer_check_section(const copse_car_writer *writer, const copse_cid *cid,
                                             copse_bytes data, copse_err *err)
{
    copse_cid_parts parts;
    if (writer->closed) {
        return COPSE_ERR(err, COPSE_MISUSE, "this CAR is finished, or its sink failed");
    }
    if (cid->size == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a section without a CID");
    }
    copse_cid_split(cid, &parts);
    if (writer->options.fully_indexed && parts.hash == COPSE_HASH_IDENTITY) {
        return COPSE_ERR(err, COPSE_MISUSE, "an identity CID in a CAR that is fully indexed");
    }
    if (data.len > writer->env->limits.foreign_size_bytes_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a block of %zu bytes, the limit is %zu", data.len,
                         writer->env->limits.foreign_size_bytes_max);
    }
    uint64_t promised = writer->options.version == 2 ? writer->options.data_size : 0;
    if (promised != 0 && (writer->data_size > promised ||
                          copse_car_section_size(cid, data.len) > promised - writer->data_size)) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "the section passes the payload of %llu bytes that was "
                         "promised",
                         (unsigned long long)promised);
    }
    return COPSE_OK;
}

copse_status copse_car_writer_put(copse_car_writer *writer, const copse_cid *cid, copse_bytes data,
                                  copse_err *err)
{
    copse_status status = car_writer_check_section(writer, cid, data, err);
    if (status == COPSE_OK && car_writer_has_index(writer)) {
        status = copse_car_index_builder_add(&writer->index, cid, writer->data_size, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    uint8_t head[COPSE_VARINT_SIZE_BYTES_MAX + COPSE_CID_SIZE_BYTES_MAX];
    size_t size = copse_varint_write((uint64_t)cid->size + data.len, head);
    memcpy(head + size, cid->bytes, cid->size);
    status = car_writer_emit(writer, (copse_bytes){head, size + cid->size}, err);
    if (status == COPSE_OK) {
        status = car_writer_emit(writer, data, err);
    }
    if (status == COPSE_OK) {
        writer->data_size += size + cid->size + data.len;
    }
    return status;
}

copse_status copse_car_writer_finish(copse_car_writer *writer,
                                     uint8_t ret_start[COPSE_CAR_START_SIZE_BYTES], copse_err *err)
{
    copse_status status = COPSE_OK;
    bool v2 = writer->options.version == 2;
    if (writer->closed) {
        return COPSE_ERR(err, COPSE_MISUSE, "this CAR is finished, or its sink failed");
    }
    if (v2 && writer->options.data_size != 0 && writer->options.data_size != writer->data_size) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "the payload has %llu bytes, %llu were promised: put the other sections",
                         (unsigned long long)writer->data_size,
                         (unsigned long long)writer->options.data_size);
    }
    if (car_writer_has_index(writer)) {
        status = copse_car_index_builder_write(&writer->index, writer->sink, err);
    }
    writer->closed = true;
    if (status == COPSE_OK && v2 && ret_start != NULL) {
        car_writer_start(writer, writer->data_size, ret_start);
    }
    return status;
}
