/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/car.h>

#include "base/loadstore.h"
#include "support/car_memory.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CAR_TEST_SIZE_MAX = 1 << 28 };

/* Finds every section of `car` through its index. Returns their number. */
static size_t find_all(const copse_env *env, copse_bytes car)
{
    copse_car_reader *reader = NULL;
    copse_car_index *index = NULL;
    copse_car_item item;
    copse_err err = {0};
    car_memory_file memory = {.bytes = car};
    copse_car_source file = car_memory_file_of(&memory);
    copse_car_reader_options options = {.verify = COPSE_CAR_VERIFY_NONE};
    size_t count = 0;
    if (copse_car_index_open(env, &file, &index, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(copse_car_reader_new(env, &options, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, car, NULL), COPSE_OK);
    copse_car_reader_feed_end(reader);
    while (copse_car_reader_next(reader, &item, NULL) == COPSE_OK) {
        uint64_t offset = 0;
        size_t candidate = 0;
        if (item.kind != COPSE_CAR_SECTION) {
            continue;
        }
        while (copse_car_index_find(index, &item.cid, candidate, &offset, &err) == COPSE_OK &&
               offset != item.offset) {
            candidate++;
        }
        assert_int_equal(offset, item.offset);
        count++;
    }
    (void)copse_car_reader_free(reader);
    (void)copse_car_index_close(index);
    return count;
}

static void test_foreign_indexes(void **state)
{
    static const struct {
        const char *name;
        size_t sections;
    } rows[] = {
        {"car/carv2-basic.car", 5},          /* IndexSorted without a codec */
        {"ipld-prolly-indexer/init.car", 7}, /* MultihashIndexSorted */
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        test_env test;
        if (!test_read_file(test_vector_path(rows[i].name), &bytes, &size)) {
            print_message("no foreign vectors here\n");
            skip();
        }
        test_env_init(&test);
        assert_int_equal(find_all(&test.env, (copse_bytes){bytes, size}), rows[i].sections);
        test_env_assert_empty(&test);
        free(bytes);
    }
}

/* Own indexes: every section is found, what isn't there is not, in few reads. */
static void test_own_indexes(void **state)
{
    static const size_t counts[] = {0, 1, 2, 101, 102, 103, 1000, 100000};
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        test_env test;
        copse_buf car;
        copse_cid cid;
        uint8_t data[64];
        uint64_t offset = 0;
        copse_car_index *index = NULL;
        copse_car_writer_options options = {.version = 2};
        test_env_init(&test);
        copse_buf_init(&car, &test.env, CAR_TEST_SIZE_MAX);
        assert_int_equal(car_memory_write(&test.env, &options, 1, counts[i], &car, NULL), COPSE_OK);
        if (counts[i] <= 1000) {
            assert_int_equal(find_all(&test.env, copse_buf_view(&car)), counts[i]);
        }
        car_memory_file memory = {.bytes = copse_buf_view(&car)};
        copse_car_source file = car_memory_file_of(&memory);
        assert_int_equal(copse_car_index_open(&test.env, &file, &index, NULL), COPSE_OK);
        memory.reads = 0;
        memory.read_bytes = 0;
        for (size_t n = 0; n < 1000 && n < counts[i]; n++) {
            (void)car_memory_block(1, n * (counts[i] / 1000 + 1) % counts[i], &cid, data);
            assert_int_equal(copse_car_index_find(index, &cid, 0, &offset, NULL), COPSE_OK);
            assert_memory_equal(car.ptr + offset + 1, cid.bytes, cid.size);
        }
        double lookups = counts[i] < 1000 ? (double)counts[i] + 1e-9 : 1000;
        print_message("%zu sections: %.2f reads, %.0f bytes a lookup\n", counts[i],
                      (double)memory.reads / lookups, (double)memory.read_bytes / lookups);
        assert_in_range(memory.reads, 0, 3500);
        for (size_t n = 0; n < 100; n++) {
            (void)car_memory_block(2, n, &cid, data);
            copse_status status = copse_car_index_find(index, &cid, 0, &offset, NULL);
            /* the empty block is in both */
            assert_true(status == COPSE_NOT_FOUND ||
                        (status == COPSE_OK && car_memory_block(2, n, &cid, data) <= 1));
        }
        (void)copse_car_index_close(index);
        copse_buf_release(&car);
        test_env_assert_empty(&test);
    }
}

/* The same digest under several CIDs and at several places: each is a candidate. */
static void test_candidates(void **state)
{
    test_env test;
    copse_buf car;
    copse_cid cids[3];
    copse_cid sha512;
    copse_car_writer *writer = NULL;
    copse_car_index *index = NULL;
    copse_car_writer_options options = {.version = 2};
    uint8_t start[COPSE_CAR_START_SIZE_BYTES];
    uint8_t digest[64] = {1};
    uint64_t offset = 0;
    uint64_t before = 0;
    copse_bytes data = copse_bytes_of_text("x");
    (void)state;
    test_env_init(&test);
    copse_buf_init(&car, &test.env, CAR_TEST_SIZE_MAX);
    car_memory_sink memory = {.buf = &car, .writes_max = SIZE_MAX};
    copse_cid_of_data(COPSE_CODEC_RAW, data, &cids[0]);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, data, &cids[1]);
    assert_int_equal(copse_cid_from_text(copse_bytes_of_text("bafkqaaa"), &cids[2], NULL),
                     COPSE_OK);
    assert_int_equal(copse_cid_from_parts(COPSE_CODEC_RAW, COPSE_HASH_SHA2_512,
                                          (copse_bytes){digest, sizeof digest}, &sha512, NULL),
                     COPSE_OK);
    assert_int_equal(copse_car_writer_new(&test.env, &options, car_memory_sink_of(&memory), cids, 1,
                                          &writer, NULL),
                     COPSE_OK);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(copse_car_writer_put(writer, &cids[i % 3], data, NULL), COPSE_OK);
    }
    assert_int_equal(copse_car_writer_put(writer, &sha512, data, NULL), COPSE_OK);
    assert_int_equal(copse_car_writer_finish(writer, start, NULL), COPSE_OK);
    memcpy(car.ptr, start, sizeof start);
    (void)copse_car_writer_free(writer);
    car_memory_file file_memory = {.bytes = copse_buf_view(&car)};
    copse_car_source file = car_memory_file_of(&file_memory);
    assert_int_equal(copse_car_index_open(&test.env, &file, &index, NULL), COPSE_OK);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(copse_car_index_find(index, &cids[i % 2], i, &offset, NULL), COPSE_OK);
        assert_true(offset > before);
        before = offset;
    }
    assert_int_equal(copse_car_index_find(index, &cids[0], 200, &offset, NULL), COPSE_NOT_FOUND);
    /* identity CIDs are not indexed */
    assert_int_equal(copse_car_index_find(index, &cids[2], 0, &offset, NULL), COPSE_NOT_FOUND);
    assert_int_equal(copse_car_index_find(index, &sha512, 0, &offset, NULL), COPSE_OK);
    assert_memory_equal(car.ptr + offset + 1, sha512.bytes, sha512.size);
    (void)copse_car_index_close(index);
    copse_buf_release(&car);
    test_env_assert_empty(&test);
}

/* A driver that has to fetch each range first. */
static void test_want(void **state)
{
    test_env test;
    copse_buf car;
    copse_cid cid;
    uint8_t data[64];
    uint64_t offset = 0;
    copse_car_index *index = NULL;
    copse_car_writer_options options = {.version = 2};
    copse_status status;
    size_t wants = 0;
    (void)state;
    test_env_init(&test);
    copse_buf_init(&car, &test.env, CAR_TEST_SIZE_MAX);
    assert_int_equal(car_memory_write(&test.env, &options, 1, 1, &car, NULL), COPSE_OK);
    car_memory_file memory = {.bytes = copse_buf_view(&car), .wants = true};
    copse_car_source file = car_memory_file_of(&memory);
    status = copse_car_index_open(&test.env, &file, &index, NULL);
    assert_int_equal(status, COPSE_WANT);
    assert_null(index);
    memory.wants = false;
    assert_int_equal(copse_car_index_open(&test.env, &file, &index, NULL), COPSE_OK);
    (void)car_memory_block(1, 0, &cid, data);
    memory.wants = true;
    while ((status = copse_car_index_find(index, &cid, 0, &offset, NULL)) == COPSE_WANT) {
        wants++;
    }
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(wants, 1);
    (void)copse_car_index_close(index);
    copse_buf_release(&car);
    test_env_assert_empty(&test);
}

/* Files without an index, and broken ones: truncated, and every byte of the index changed. None
 * crashes, and a lookup that succeeds stays inside the payload. */
static void test_broken(void **state)
{
    test_env test;
    copse_buf car;
    copse_cid cid;
    uint8_t data[64];
    uint64_t offset = 0;
    copse_car_index *index = NULL;
    copse_car_writer_options options = {.version = 1};
    (void)state;
    test_env_init(&test);
    copse_buf_init(&car, &test.env, CAR_TEST_SIZE_MAX);
    (void)car_memory_block(1, 3, &cid, data);
    assert_int_equal(car_memory_write(&test.env, &options, 1, 6, &car, NULL), COPSE_OK);
    car_memory_file memory = {.bytes = copse_buf_view(&car)};
    copse_car_source file = car_memory_file_of(&memory);
    assert_int_equal(copse_car_index_open(&test.env, &file, &index, NULL), COPSE_NOT_FOUND);
    copse_buf_truncate(&car, 0);
    options = (copse_car_writer_options){.version = 2, .without_index = true};
    assert_int_equal(car_memory_write(&test.env, &options, 1, 6, &car, NULL), COPSE_OK);
    memory.bytes = copse_buf_view(&car);
    file = car_memory_file_of(&memory);
    assert_int_equal(copse_car_index_open(&test.env, &file, &index, NULL), COPSE_NOT_FOUND);
    copse_buf_truncate(&car, 0);
    options.without_index = false;
    assert_int_equal(car_memory_write(&test.env, &options, 1, 6, &car, NULL), COPSE_OK);
    for (size_t len = 0; len < car.len; len++) {
        memory.bytes = (copse_bytes){car.ptr, len};
        file = car_memory_file_of(&memory);
        assert_int_equal(copse_car_index_open(&test.env, &file, &index, NULL), COPSE_CORRUPT);
    }
    memory.bytes = copse_buf_view(&car);
    file = car_memory_file_of(&memory);
    uint64_t index_offset = copse_load_u64le(car.ptr + 43);
    for (size_t i = (size_t)index_offset; i < car.len; i++) {
        for (unsigned change = 1; change < 256; change++) {
            car.ptr[i] = (uint8_t)(car.ptr[i] ^ change);
            copse_status status = copse_car_index_open(&test.env, &file, &index, NULL);
            if (status == COPSE_OK) {
                status = copse_car_index_find(index, &cid, 0, &offset, NULL);
                assert_true(status != COPSE_OK || offset < index_offset);
                index = copse_car_index_close(index);
            }
            assert_in_set((unsigned)(status + 8), ((unsigned long[]){8, 7, 6, 4}), 4);
            car.ptr[i] = (uint8_t)(car.ptr[i] ^ change);
        }
    }
    copse_buf_release(&car);
    test_env_assert_empty(&test);
}

static copse_status sweep_open(const copse_env *env, void *ctx)
{
    car_memory_file memory = {.bytes = *(const copse_bytes *)ctx};
    copse_car_source file = car_memory_file_of(&memory);
    copse_car_index *index = NULL;
    copse_status status = copse_car_index_open(env, &file, &index, NULL);
    (void)copse_car_index_close(index);
    return status;
}

static void test_fault_sweep(void **state)
{
    test_env test;
    copse_buf car;
    copse_car_writer_options options = {.version = 2};
    (void)state;
    test_env_init(&test);
    copse_buf_init(&car, &test.env, CAR_TEST_SIZE_MAX);
    assert_int_equal(car_memory_write(&test.env, &options, 1, 6, &car, NULL), COPSE_OK);
    copse_bytes bytes = copse_buf_view(&car);
    assert_int_equal(test_env_sweep(sweep_open, &bytes, 10), 1);
    copse_buf_release(&car);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_indexes), cmocka_unit_test(test_own_indexes),
        cmocka_unit_test(test_candidates),      cmocka_unit_test(test_want),
        cmocka_unit_test(test_broken),          cmocka_unit_test(test_fault_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
