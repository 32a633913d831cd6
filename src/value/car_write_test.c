/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/car.h>

#include "support/car_memory.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CAR_TEST_SIZE_MAX = 1 << 28 };

/* Reads a whole CAR into a writer of another one, with the same roots. */
static copse_status copy_car(const copse_env *env, copse_bytes car,
                             const copse_car_writer_options *options, copse_buf *buf,
                             uint8_t *ret_start)
{
    copse_car_reader *reader = NULL;
    copse_car_writer *writer = NULL;
    copse_car_item item;
    car_memory_sink memory = {.buf = buf, .writes_max = SIZE_MAX};
    copse_status status = copse_car_reader_new(env, NULL, &reader, NULL);
    if (status == COPSE_OK) {
        status = copse_car_reader_feed(reader, car, NULL);
        copse_car_reader_feed_end(reader);
    }
    while (status == COPSE_OK &&
           (status = copse_car_reader_next(reader, &item, NULL)) == COPSE_OK) {
        if (item.kind == COPSE_CAR_HEADER) {
            status =
                copse_car_writer_new(env, options, car_memory_sink_of(&memory), item.header->roots,
                                     item.header->roots_count, &writer, NULL);
        } else {
            status = copse_car_writer_put(writer, &item.cid, item.data, NULL);
        }
    }
    if (status == COPSE_END) {
        status = copse_car_writer_finish(writer, ret_start, NULL);
    }
    (void)copse_car_writer_free(writer);
    (void)copse_car_reader_free(reader);
    return status;
}

static copse_bytes load_vector(const char *name)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!test_read_file(test_vector_path(name), &bytes, &size)) {
        print_message("no foreign vectors here\n");
        skip();
    }
    return (copse_bytes){bytes, size};
}

static void free_vector(copse_bytes vector)
{
    union {
        const uint8_t *view;
        void *owned;
    } bytes = {.view = vector.ptr};
    free(bytes.owned);
}

/* The writer makes the same bytes as the foreign one. */
static void test_fixtures(void **state)
{
    static const struct {
        const char *name;
        uint64_t version;
        size_t compared;
    } rows[] = {
        {"car/carv1-basic.car", 1, 715},
        {"gateway/gateway-raw-block.car", 1, 309},
        {"go-ipld-prolly-trees/5RandPairs.tree.car", 1, 579},
        {"ipld-prolly-indexer/init.car", 2, 891}, /* go-car's, index included */
        {"car/carv2-basic.car", 2, 499},          /* its index is of the older kind */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_bytes car = load_vector(rows[i].name);
        copse_car_writer_options options = {.version = rows[i].version};
        uint8_t start[COPSE_CAR_START_SIZE_BYTES];
        test_env test;
        copse_buf buf;
        test_env_init(&test);
        copse_buf_init(&buf, &test.env, CAR_TEST_SIZE_MAX);
        assert_int_equal(copy_car(&test.env, car, &options, &buf, start), COPSE_OK);
        if (options.version == 2) {
            memcpy(buf.ptr, start, sizeof start);
        }
        assert_true(buf.len >= rows[i].compared);
        assert_memory_equal(buf.ptr, car.ptr, rows[i].compared);
        copse_buf_release(&buf);
        test_env_assert_empty(&test);
        free_vector(car);
    }
}

static void test_empty(void **state)
{
    static const uint8_t expected[26] = {0x19, 0xa2, 0x65, 'r',  'o',  'o',  't', 's', 0x81,
                                         0xd8, 0x2a, 0x45, 0x00, 0x01, 0x55, 0,   0,   0x67,
                                         'v',  'e',  'r',  's',  'i',  'o',  'n', 1};
    test_env test;
    copse_buf buf;
    copse_cid root;
    copse_car_writer *writer = NULL;
    copse_car_writer_options options = {.version = 1};
    (void)state;
    test_env_init(&test);
    copse_buf_init(&buf, &test.env, 100);
    car_memory_sink memory = {.buf = &buf, .writes_max = SIZE_MAX};
    assert_int_equal(copse_cid_from_text(copse_bytes_of_text("bafkqaaa"), &root, NULL), COPSE_OK);
    assert_int_equal(copse_car_header_size(&root, 1), sizeof expected);
    assert_int_equal(copse_car_writer_new(&test.env, &options, car_memory_sink_of(&memory), &root,
                                          1, &writer, NULL),
                     COPSE_OK);
    assert_int_equal(copse_car_writer_finish(writer, NULL, NULL), COPSE_OK);
    assert_int_equal(buf.len, sizeof expected);
    assert_memory_equal(buf.ptr, expected, sizeof expected);
    assert_int_equal(copse_car_writer_finish(writer, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_car_writer_put(writer, &root, (copse_bytes){NULL, 0}, NULL),
                     COPSE_MISUSE);
    (void)copse_car_writer_free(writer);
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
}

/* A CARv2 whose size was promised needs no rewriting, and is the same. */
static void test_known_size(void **state)
{
    enum { BLOCKS = 300 };
    test_env test;
    copse_buf seek;
    copse_buf pipe;
    copse_cid cid;
    uint8_t data[64];
    copse_err err = {0};
    copse_car_writer_options options = {.version = 2};
    (void)state;
    test_env_init(&test);
    copse_buf_init(&seek, &test.env, CAR_TEST_SIZE_MAX);
    copse_buf_init(&pipe, &test.env, CAR_TEST_SIZE_MAX);
    assert_int_equal(car_memory_write(&test.env, &options, 7, BLOCKS, &seek, &err), COPSE_OK);
    (void)car_memory_block(7, 0, &cid, data);
    options.data_size = copse_car_header_size(&cid, 1);
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = car_memory_block(7, i, &cid, data);
        options.data_size += copse_car_section_size(&cid, size);
    }
    assert_int_equal(car_memory_write(&test.env, &options, 7, BLOCKS, &pipe, &err), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&seek), copse_buf_view(&pipe)));
    /* one byte too few, one too many */
    copse_buf_truncate(&pipe, 0);
    options.data_size--;
    assert_int_equal(car_memory_write(&test.env, &options, 7, BLOCKS, &pipe, &err), COPSE_LIMIT);
    options.data_size += 2;
    assert_int_equal(car_memory_write(&test.env, &options, 7, BLOCKS, &pipe, &err), COPSE_MISUSE);
    copse_buf_release(&seek);
    copse_buf_release(&pipe);
    test_env_assert_empty(&test);
}

/* The header says that all is indexed where that was promised, and no identity CID breaks it. */
static void test_fully_indexed(void **state)
{
    (void)state;
    static const copse_cid identity = {.size = 4, .bytes = {1, COPSE_CODEC_RAW, 0, 0}};
    for (int promised = 0; promised < 2; promised++) {
        test_env test;
        copse_buf car;
        copse_cid cid;
        uint8_t data[64];
        uint8_t start[COPSE_CAR_START_SIZE_BYTES];
        copse_car_writer *writer = NULL;
        const copse_car_writer_options options = {.version = 2, .fully_indexed = promised != 0};
        test_env_init(&test);
        copse_buf_init(&car, &test.env, 4096);
        car_memory_sink memory = {.buf = &car, .writes_max = SIZE_MAX};
        size_t size = car_memory_block(1, 0, &cid, data);
        assert_int_equal(copse_car_writer_new(&test.env, &options, car_memory_sink_of(&memory),
                                              &cid, 1, &writer, NULL),
                         COPSE_OK);
        assert_int_equal(copse_car_writer_put(writer, &cid, (copse_bytes){data, size}, NULL),
                         COPSE_OK);
        assert_int_equal(copse_car_writer_put(writer, &identity, (copse_bytes){NULL, 0}, NULL),
                         promised != 0 ? COPSE_MISUSE : COPSE_OK);
        assert_int_equal(copse_car_writer_finish(writer, start, NULL), COPSE_OK);
        assert_int_equal(start[11], promised != 0 ? COPSE_CAR_FULLY_INDEXED : 0);
        (void)copse_car_writer_free(writer);
        copse_buf_release(&car);
        test_env_assert_empty(&test);
    }
}

static void test_misuse(void **state)
{
    test_env test;
    copse_buf buf;
    copse_cid cids[2] = {{0}};
    uint8_t data[64];
    copse_car_writer *writer = NULL;
    copse_car_writer_options options = {.version = 1};
    (void)state;
    test_env_init(&test);
    copse_buf_init(&buf, &test.env, 1000);
    car_memory_sink memory = {.buf = &buf, .writes_max = SIZE_MAX};
    copse_car_sink sink = car_memory_sink_of(&memory);
    (void)car_memory_block(1, 1, &cids[0], data);
    assert_int_equal(copse_car_writer_new(&test.env, &options, sink, NULL, 0, &writer, NULL),
                     COPSE_MISUSE);
    assert_int_equal(copse_car_writer_new(&test.env, &options, sink, cids, 2, &writer, NULL),
                     COPSE_MISUSE);
    options.version = 3;
    assert_int_equal(copse_car_writer_new(&test.env, &options, sink, cids, 1, &writer, NULL),
                     COPSE_MISUSE);
    options.version = 2;
    test.env.limits.car_roots_max = 0;
    assert_int_equal(copse_car_writer_new(&test.env, &options, sink, cids, 1, &writer, NULL),
                     COPSE_LIMIT);
    test.env.limits.car_roots_max = 1;
    test.env.limits.foreign_size_bytes_max = 10;
    test.env.limits.sort_memory_bytes_max = 100;
    assert_int_equal(buf.len, 0);
    assert_int_equal(copse_car_writer_new(&test.env, &options, sink, cids, 1, &writer, NULL),
                     COPSE_OK);
    size_t before = buf.len;
    assert_int_equal(copse_car_writer_put(writer, &cids[1], (copse_bytes){data, 1}, NULL),
                     COPSE_MISUSE);
    assert_int_equal(copse_car_writer_put(writer, &cids[0], (copse_bytes){data, 11}, NULL),
                     COPSE_LIMIT);
    assert_int_equal(buf.len, before);
    assert_int_equal(copse_car_writer_put(writer, &cids[0], (copse_bytes){data, 10}, NULL),
                     COPSE_OK);
    assert_int_equal(copse_car_writer_put(writer, &cids[0], (copse_bytes){data, 10}, NULL),
                     COPSE_OK);
    before = buf.len;
    assert_int_equal(copse_car_writer_put(writer, &cids[0], (copse_bytes){data, 10}, NULL),
                     COPSE_LIMIT);
    assert_int_equal(buf.len, before);
    /* the sink's failure poisons */
    memory.writes_max = 0;
    assert_int_equal(copse_car_writer_finish(writer, NULL, NULL), COPSE_IO);
    memory.writes_max = SIZE_MAX;
    assert_int_equal(copse_car_writer_finish(writer, NULL, NULL), COPSE_MISUSE);
    (void)copse_car_writer_free(writer);
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
}

/* Wherever the sink fails, its status comes back and nothing leaks. */
static void test_sink_fails(void **state)
{
    copse_cid cid;
    uint8_t data[64];
    copse_car_writer_options options = {.version = 2};
    copse_status status = COPSE_IO;
    size_t runs = 0;
    (void)state;
    for (; status != COPSE_OK; runs++) {
        test_env test;
        copse_buf buf;
        copse_car_writer *writer = NULL;
        copse_err err = {0};
        test_env_init(&test);
        copse_buf_init(&buf, &test.env, 100000);
        car_memory_sink memory = {.buf = &buf, .writes_max = runs};
        (void)car_memory_block(1, 1, &cid, data);
        status = copse_car_writer_new(&test.env, &options, car_memory_sink_of(&memory), &cid, 1,
                                      &writer, &err);
        for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
            status = copse_car_writer_put(writer, &cid, (copse_bytes){data, 5}, &err);
        }
        if (status == COPSE_OK) {
            status = copse_car_writer_finish(writer, NULL, &err);
        }
        assert_true(status == COPSE_OK || status == COPSE_IO);
        assert_true(status == COPSE_OK || strcmp(err.message, "the sink is full") == 0);
        (void)copse_car_writer_free(writer);
        copse_buf_release(&buf);
        test_env_assert_empty(&test);
    }
    assert_in_range(runs, 10, 30);
}

/* The index takes 40 to 50 bytes a section. */
static void test_memory(void **state)
{
    enum { BLOCKS = 20000 };
    test_env test;
    test_env memory;
    copse_buf buf;
    copse_car_writer_options options = {.version = 2};
    (void)state;
    test_env_init(&test);
    test_env_init(&memory);
    copse_buf_init(&buf, &memory.env, CAR_TEST_SIZE_MAX);
    assert_int_equal(car_memory_write(&test.env, &options, 3, BLOCKS, &buf, NULL), COPSE_OK);
    print_message("index of %d sections: at most %zu bytes\n", BLOCKS, test.peak_bytes);
    assert_in_range(test.peak_bytes, 40 * BLOCKS, 50 * BLOCKS + 4096);
    test_env_init(&test);
    options.version = 1;
    copse_buf_truncate(&buf, 0);
    assert_int_equal(car_memory_write(&test.env, &options, 3, BLOCKS, &buf, NULL), COPSE_OK);
    assert_in_range(test.peak_bytes, 0, 1024);
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
    test_env_assert_empty(&memory);
}

static copse_status sweep_write(const copse_env *env, void *ctx)
{
    copse_buf buf;
    copse_buf_init(&buf, ctx, CAR_TEST_SIZE_MAX);
    copse_car_writer_options options = {.version = 2};
    copse_status status = car_memory_write(env, &options, 5, 200, &buf, NULL);
    copse_buf_release(&buf);
    return status;
}

static void test_fault_sweep(void **state)
{
    copse_env env;
    (void)state;
    copse_env_init(&env);
    assert_in_range(test_env_sweep(sweep_write, &env, 100), 5, 50);
}

/* After a failed allocation the writer is unchanged: putting the same section again goes on. */
static void test_put_again(void **state)
{
    test_env test;
    copse_buf buf;
    copse_buf plain;
    copse_cid cid;
    uint8_t data[64];
    copse_env env;
    copse_car_writer *writer = NULL;
    copse_car_writer_options options = {.version = 2};
    (void)state;
    copse_env_init(&env);
    test_env_init(&test);
    copse_buf_init(&buf, &env, CAR_TEST_SIZE_MAX);
    copse_buf_init(&plain, &env, CAR_TEST_SIZE_MAX);
    car_memory_sink memory = {.buf = &buf, .writes_max = SIZE_MAX};
    (void)car_memory_block(9, 0, &cid, data);
    assert_int_equal(copse_car_writer_new(&test.env, &options, car_memory_sink_of(&memory), &cid, 1,
                                          &writer, NULL),
                     COPSE_OK);
    size_t failures = 0;
    for (size_t i = 0; i < 200; i++) {
        size_t size = car_memory_block(9, i, &cid, data);
        test.fail_at = test.calls;
        copse_status status = copse_car_writer_put(writer, &cid, (copse_bytes){data, size}, NULL);
        test.fail_at = UINT64_MAX;
        if (status == COPSE_NOMEM) {
            failures++;
            status = copse_car_writer_put(writer, &cid, (copse_bytes){data, size}, NULL);
        }
        assert_int_equal(status, COPSE_OK);
    }
    assert_in_range(failures, 2, 50);
    assert_int_equal(copse_car_writer_finish(writer, NULL, NULL), COPSE_OK);
    assert_int_equal(car_memory_write(&env, &options, 9, 200, &plain, NULL), COPSE_OK);
    assert_memory_equal(buf.ptr + 51, plain.ptr + 51, plain.len - 51);
    (void)copse_car_writer_free(writer);
    copse_buf_release(&buf);
    copse_buf_release(&plain);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),      cmocka_unit_test(test_empty),
        cmocka_unit_test(test_known_size),    cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_fully_indexed), cmocka_unit_test(test_sink_fails),
        cmocka_unit_test(test_memory),        cmocka_unit_test(test_fault_sweep),
        cmocka_unit_test(test_put_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
