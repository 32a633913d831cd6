/* CARs from a stranger: any bytes, fed in pieces of any size.
 *
 * Asserts that the pieces don't matter, that a verified block hashes to its CID, that memory stays
 * within the limits, that what was read can be written and read again, and that an index lookup
 * stays inside the payload.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car.h>

#include "support/car_memory.h"
#include "support/fuzz.h"
#include "support/test_env.h"

#include <string.h>

enum { FUZZ_SECTION_MAX = 4096, FUZZ_MEMORY_MAX = 1 << 16 };

/* A running sum over all that a reader gave. */
static uint64_t fuzz_mix(uint64_t sum, copse_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        sum = (sum ^ bytes.ptr[i]) * 0x100000001b3u;
    }
    return sum;
}

static copse_status fuzz_section(const copse_car_item *item, copse_car_writer *writer,
                                 uint64_t *sum)
{
    *sum = fuzz_mix(*sum, (copse_bytes){item->cid.bytes, item->cid.size});
    *sum = fuzz_mix(*sum, item->data);
    *sum += item->offset * 31 + item->size;
    fuzz_must(!item->verified || copse_cid_verify(&item->cid, item->data, NULL) == COPSE_OK);
    return writer != NULL ? copse_car_writer_put(writer, &item->cid, item->data, NULL) : COPSE_OK;
}

/* Reads `car` in pieces; a writer, if sections can be written, gets a copy. */
static copse_status fuzz_read(const copse_env *env, copse_bytes car, size_t piece, copse_buf *copy,
                              uint64_t *ret_sum)
{
    copse_car_reader_options options = {.verify = COPSE_CAR_VERIFY_KNOWN, .padding = true};
    copse_car_writer_options writer_options = {.version = 2};
    car_memory_sink sink = {.buf = copy, .writes_max = SIZE_MAX};
    uint8_t start[COPSE_CAR_START_SIZE_BYTES] = {0};
    copse_car_reader *reader = NULL;
    copse_car_writer *writer = NULL;
    copse_car_item item;
    size_t at = 0;
    copse_status status = copse_car_reader_new(env, &options, &reader, NULL);
    while (status == COPSE_OK) {
        status = copse_car_reader_next(reader, &item, NULL);
        if (status == COPSE_WANT) {
            size_t size = car.len - at < piece ? car.len - at : piece;
            status = copse_car_reader_feed(reader, (copse_bytes){car.ptr + at, size}, NULL);
            at += size;
            if (size == 0) {
                copse_car_reader_feed_end(reader);
            }
        } else if (status == COPSE_OK && item.kind == COPSE_CAR_SECTION) {
            status = fuzz_section(&item, writer, ret_sum);
        } else if (status == COPSE_OK && copy != NULL && item.header->roots_count > 0) {
            status =
                copse_car_writer_new(copy->env, &writer_options, car_memory_sink_of(&sink),
                                     item.header->roots, item.header->roots_count, &writer, NULL);
        }
    }
    if (status == COPSE_END && writer != NULL) {
        fuzz_must(copse_car_writer_finish(writer, start, NULL) == COPSE_OK);
        memcpy(copy->ptr, start, sizeof start);
    }
    (void)copse_car_writer_free(writer);
    (void)copse_car_reader_free(reader);
    return status;
}

/* Looks for something in whatever index there is. */
static void fuzz_index(const copse_env *env, copse_bytes car)
{
    car_memory_file memory = {.bytes = car};
    copse_car_source file = car_memory_file_of(&memory);
    copse_car_index *index = NULL;
    copse_cid cid;
    uint64_t offset = 0;
    if (copse_car_index_open(env, &file, &index, NULL) == COPSE_OK) {
        copse_cid_of_data(COPSE_CODEC_RAW, car, &cid);
        if (copse_car_index_find(index, &cid, 0, &offset, NULL) == COPSE_OK) {
            fuzz_must(offset >= COPSE_CAR_START_SIZE_BYTES);
        }
        (void)copse_car_index_close(index);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env test;
    test_env plain;
    copse_buf copy;
    uint64_t sums[3] = {0};
    copse_bytes car = {data, size};
    test_env_init(&test);
    test_env_init(&plain);
    test.env.limits.foreign_size_bytes_max = FUZZ_SECTION_MAX;
    test.env.limits.car_header_bytes_max = FUZZ_SECTION_MAX;
    test.env.limits.car_roots_max = 16;
    copse_buf_init(&copy, &plain.env, 1 << 26);
    copse_status whole = fuzz_read(&test.env, car, size != 0 ? size : 1, &copy, &sums[0]);
    copse_status pieces =
        fuzz_read(&test.env, car, size != 0 ? 1 + data[size - 1] % 50u : 1, NULL, &sums[1]);
    fuzz_must(whole == pieces && sums[0] == sums[1]);
    fuzz_must(test.peak_bytes <= FUZZ_MEMORY_MAX);
    if (whole == COPSE_END && copy.len != 0) {
        fuzz_must(fuzz_read(&plain.env, copse_buf_view(&copy), copy.len, NULL, &sums[2]) ==
                  COPSE_END);
        fuzz_index(&plain.env, copse_buf_view(&copy));
    }
    fuzz_index(&plain.env, car);
    copse_buf_release(&copy);
    fuzz_must(test.blocks == 0 && plain.blocks == 0);
    return 0;
}
