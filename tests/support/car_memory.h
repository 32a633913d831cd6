/* A CAR in memory for tests: a sink that appends to a buf, and a file that counts its reads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_CAR_MEMORY_H
#define COPSE_TESTS_CAR_MEMORY_H

#include <copse/buf.h>
#include <copse/car.h>

/** A sink into `buf`. After `writes_max` writes it fails with IO. */
typedef struct car_memory_sink {
    copse_buf *buf;
    size_t writes_max;
} car_memory_sink;

copse_car_sink car_memory_sink_of(car_memory_sink *memory);

/** A file over `bytes`. Every other read of it fails with WANT if `wants` is set. */
typedef struct car_memory_file {
    copse_bytes bytes;
    size_t reads;
    size_t read_bytes;
    bool wants;
    bool wanted;
} car_memory_file;

copse_car_source car_memory_file_of(car_memory_file *memory);

/** Writes a CAR of `count` small raw blocks, their bytes and sizes from the number of the block and
 * `seed`, with the first as its root. Rewrites the start of a CARv2 if its size was not known. */
copse_status car_memory_write(const copse_env *env, const copse_car_writer_options *options,
                              uint64_t seed, size_t count, copse_buf *buf, copse_err *err);

/** Block `number` of car_memory_write: its CID, and its bytes in ret_data; returns their number. */
size_t car_memory_block(uint64_t seed, size_t number, copse_cid *ret_cid, uint8_t ret_data[64]);

#endif
