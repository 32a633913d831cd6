/* CAR files as stores: good ones of each kind, cut ones, hostile ones. Numbers in brackets are
 * those of car_file.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car_file.h>
#include <copse/cid_set.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/car_memory.h"
#include "support/os_sim.h"
#include "support/pack_support.h"
#include "support/test_env.h"

enum { CAR_TEST_BLOCKS = 150, CAR_TEST_SEED = 3 };

static const char car_test_path[] = "/posts.car";

typedef struct car_test {
    test_env env;
    os_sim *sim;
    copse_os *os;
    copse_buf bytes; /* of the file */
    copse_car_file *car;
    copse_store *store;
} car_test;

static void car_test_init(car_test *test)
{
    *test = (car_test){.sim = os_sim_new()};
    test->os = os_sim_process(test->sim);
    test_env_init(&test->env);
    copse_buf_init(&test->bytes, &test->env.env, SIZE_MAX);
}

static void car_test_close(car_test *test)
{
    test->car = copse_car_file_close(test->car);
}

static void car_test_release(car_test *test)
{
    car_test_close(test);
    copse_buf_release(&test->bytes);
    (void)copse_os_free(test->os);
    os_sim_free(test->sim);
    test_env_assert_empty(&test->env);
}

/* The file's bytes: version 1, 2, or 2 without an index. */
static void car_test_write(car_test *test, uint64_t version, bool without_index)
{
    copse_err err = {0};
    copse_car_writer_options options = {.version = version, .without_index = without_index};
    copse_buf_truncate(&test->bytes, 0);
    pack_must(car_memory_write(&test->env.env, &options, CAR_TEST_SEED, CAR_TEST_BLOCKS,
                               &test->bytes, &err),
              &err);
}

static copse_status car_test_open(car_test *test, size_t size, copse_err *err)
{
    car_test_close(test);
    os_sim_plant(test->sim, car_test_path, (copse_bytes){test->bytes.ptr, size});
    copse_status status =
        copse_car_file_open(&test->env.env, test->os, car_test_path, &test->car, err);
    test->store = status == COPSE_OK ? copse_car_file_store(test->car) : NULL;
    return status;
}

static void car_test_must_open(car_test *test)
{
    copse_err err = {0};
    pack_must(car_test_open(test, test->bytes.len, &err), &err);
}

/* Gets block `number`; where it is answered it is right. */
static copse_status car_test_get(car_test *test, size_t number, copse_err *err)
{
    uint8_t data[64];
    copse_cid cid;
    copse_block *block = NULL;
    size_t size = car_memory_block(CAR_TEST_SEED, number, &cid, data);
    copse_status status = copse_store_get(test->store, &cid, &block, err);
    if (status == COPSE_OK) {
        assert_true(copse_bytes_equal(copse_block_data(block), (copse_bytes){data, size}));
        assert_true(copse_cid_equal(copse_block_cid(block), &cid));
    }
    copse_block_unref(block);
    return status;
}

static copse_status car_test_count(void *ctx, copse_block *block, copse_err *err)
{
    (void)err;
    assert_int_equal(copse_block_verify(block, NULL), COPSE_OK);
    ++*(size_t *)ctx;
    return COPSE_OK;
}

static copse_status car_test_stop(void *ctx, copse_block *block, copse_err *err)
{
    (void)ctx;
    (void)block;
    (void)err;
    return COPSE_END;
}

/* Blocks but for those that are as one before. */
static size_t car_test_distinct(car_test *test)
{
    copse_cid_set cids;
    size_t count = 0;
    copse_cid_set_init(&cids, &test->env.env);
    for (size_t i = 0; i < CAR_TEST_BLOCKS; i++) {
        uint8_t data[64];
        copse_cid cid;
        bool is_new = false;
        (void)car_memory_block(CAR_TEST_SEED, i, &cid, data);
        assert_int_equal(copse_cid_set_add(&cids, &cid, &is_new), COPSE_OK);
        count += is_new;
    }
    copse_cid_set_release(&cids);
    return count;
}

/* ---- Good files ---- */

static void car_test_check(car_test *test)
{
    copse_cid first;
    uint8_t data[64];
    size_t count = 0;
    bool is_there = true;
    const copse_cid *roots = copse_car_file_roots(test->car, &count);
    (void)car_memory_block(CAR_TEST_SEED, 0, &first, data);
    assert_int_equal(count, 1);
    assert_true(copse_cid_equal(roots, &first));
    for (size_t i = 0; i < CAR_TEST_BLOCKS; i++) {
        assert_int_equal(car_test_get(test, (i * 7) % CAR_TEST_BLOCKS, NULL), COPSE_OK);
    }
    copse_block *other = block_support_make(&test->env.env, 1, 70);
    assert_int_equal(copse_store_has(test->store, copse_block_cid(other), &is_there, NULL),
                     COPSE_OK);
    assert_false(is_there);
    assert_int_equal(copse_store_has(test->store, &first, &is_there, NULL), COPSE_OK);
    assert_true(is_there);
    assert_int_equal(car_test_get(test, CAR_TEST_BLOCKS, NULL), COPSE_NOT_FOUND);
    assert_int_equal(car_test_get(test, 0, NULL), COPSE_OK);
    count = 0;
    assert_int_equal(copse_store_iterate(test->store, car_test_count, &count, NULL), COPSE_OK);
    assert_int_equal(count, car_test_distinct(test));
    assert_int_equal(copse_store_iterate(test->store, car_test_stop, NULL, NULL), COPSE_END);
    assert_int_equal(copse_store_put(test->store, &other, 1, NULL), COPSE_DENIED);
    assert_int_equal(copse_store_remove(test->store, &first, 1, NULL), COPSE_DENIED);
    assert_int_equal(copse_store_flush(test->store, NULL), COPSE_OK);
    assert_null(copse_store_close(test->store)); /* closes nothing */
    assert_int_equal(car_test_get(test, 1, NULL), COPSE_OK);
    copse_block_unref(other);
}

static void car_file_reads_each_kind(void **state)
{
    (void)state;
    car_test test;
    car_test_init(&test);
    for (int kind = 0; kind < 3; kind++) {
        car_test_write(&test, kind == 0 ? 1 : 2, kind == 2);
        car_test_must_open(&test);
        car_test_check(&test);
    }
    car_test_release(&test);
}

/* With an index only the header and the index's head are read, and a block in a few reads. */
static void car_file_uses_the_index(void **state)
{
    (void)state;
    car_test test;
    car_test_init(&test);
    car_test_write(&test, 2, false);
    const os_sim_counts *counts = os_sim_get_counts(test.sim);
    car_test_must_open(&test);
    uint64_t reads = counts->calls[OS_SIM_READ];
    uint64_t bytes = counts->read_bytes;
    assert_int_equal(car_test_get(&test, 77, NULL), COPSE_OK);
    assert_true(counts->calls[OS_SIM_READ] - reads <= 8);
    assert_true(counts->read_bytes - bytes < test.bytes.len / 2);
    car_test_release(&test);
}

static void car_file_reads_an_empty_one(void **state)
{
    (void)state;
    static const uint8_t rootless[] = {0x11, 0xa2, 0x65, 'r', 'o', 'o', 't', 's', 0x80,
                                       0x67, 'v',  'e',  'r', 's', 'i', 'o', 'n', 0x01};
    car_test test;
    size_t count = 1;
    car_test_init(&test);
    assert_int_equal(copse_buf_append(&test.bytes, (copse_bytes){rootless, sizeof rootless}),
                     COPSE_OK);
    car_test_must_open(&test);
    (void)copse_car_file_roots(test.car, &count);
    assert_int_equal(count, 0);
    assert_int_equal(car_test_get(&test, 0, NULL), COPSE_NOT_FOUND);
    assert_int_equal(copse_car_file_open(&test.env.env, test.os, "/none.car", &test.car, NULL),
                     COPSE_NOT_FOUND);
    car_test_release(&test);
}

/* ---- Cut files ---- */

/* Cut anywhere: refused, or all that was cut off is missing, and never anything wrong. */
static void car_file_notes_cuts(void **state)
{
    (void)state;
    car_test test;
    car_test_init(&test);
    for (int kind = 0; kind < 3; kind++) {
        size_t opened = 0;
        size_t refused = 0;
        car_test_write(&test, kind == 0 ? 1 : 2, kind == 2);
        for (size_t size = 0; size < test.bytes.len; size += size < 200 ? 1 : 37) {
            copse_err err = {0};
            copse_status status = car_test_open(&test, size, &err);
            refused += status == COPSE_CORRUPT;
            opened += status == COPSE_OK;
            assert_true(status == COPSE_OK || (status == COPSE_CORRUPT && err.message[0] != 0));
            for (size_t i = 0; i < CAR_TEST_BLOCKS && status == COPSE_OK; i += 50) {
                copse_status got = car_test_get(&test, i, NULL);
                assert_true(got == COPSE_OK || (kind == 0 && got == COPSE_NOT_FOUND));
            }
        }
        assert_true(refused > 100);
        /* Between two sections a CARv1 may end; a CARv2 lacks its index then, or nothing. */
        assert_true(kind == 0 || kind == 1 || opened == 0);
    }
    car_test_release(&test);
}

/* ---- Hostile files ---- */

/* Each byte of a small file changed: what is got is right, or refused. */
static void car_file_believes_nothing(void **state)
{
    (void)state;
    car_test test;
    size_t wrong = 0;
    car_test_init(&test);
    for (int kind = 0; kind < 3; kind++) {
        car_test_write(&test, kind == 0 ? 1 : 2, kind == 2);
        for (size_t at = 0; at < test.bytes.len; at += at < 300 ? 1 : 23) {
            for (unsigned bit = 0; bit < 8; bit += 3) {
                test.bytes.ptr[at] ^= (uint8_t)(1u << bit);
                copse_status status = car_test_open(&test, test.bytes.len, NULL);
                assert_true(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
                for (size_t i = at % 5; i < CAR_TEST_BLOCKS && status == COPSE_OK; i += 60) {
                    wrong += car_test_get(&test, i, NULL) != COPSE_OK;
                }
                test.bytes.ptr[at] ^= (uint8_t)(1u << bit);
            }
        }
    }
    assert_true(wrong > 10);
    car_test_release(&test);
}

/* An index that leaves blocks out, or says where others stand, hides nothing (C2). */
static void car_file_finds_what_the_index_hides(void **state)
{
    (void)state;
    car_test test;
    car_test_init(&test);
    car_test_write(&test, 2, false);
    uint64_t index_offset = 0;
    memcpy(&index_offset, test.bytes.ptr + 43, 8); /* of the CARv2 header */
    assert_true(index_offset < test.bytes.len);
    for (int way = 0; way < 3; way++) {
        car_test_write(&test, 2, false);
        for (size_t at = (size_t)index_offset + 30; at < test.bytes.len; at++) {
            /* Digests and offsets: zeros, ones, or shifted. */
            test.bytes.ptr[at] = way == 0   ? 0
                                 : way == 1 ? 0xff
                                            : (uint8_t)(test.bytes.ptr[at] + (at % 40 >= 32));
        }
        car_test_must_open(&test);
        for (size_t i = 0; i < CAR_TEST_BLOCKS; i += 9) {
            assert_int_equal(car_test_get(&test, i, NULL), COPSE_OK);
        }
        assert_int_equal(car_test_get(&test, CAR_TEST_BLOCKS, NULL), COPSE_NOT_FOUND);
    }
    car_test_release(&test);
}

static copse_status car_test_append(void *ctx, copse_bytes bytes, copse_err *err)
{
    (void)err;
    return copse_buf_append(ctx, bytes);
}

/* A CARv1 of sections that need not be right. */
typedef struct car_test_writer {
    car_test *test;
    copse_car_writer *writer;
} car_test_writer;

static void car_test_begin(car_test_writer *writer, car_test *test)
{
    static const copse_car_writer_options options = {.version = 1};
    copse_err err = {0};
    copse_cid root;
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text("root"), &root);
    copse_buf_truncate(&test->bytes, 0);
    writer->test = test;
    pack_must(copse_car_writer_new(&test->env.env, &options,
                                   (copse_car_sink){car_test_append, &test->bytes}, &root, 1,
                                   &writer->writer, &err),
              &err);
}

static void car_test_section(car_test_writer *writer, const copse_cid *cid, const char *text)
{
    copse_err err = {0};
    pack_must(copse_car_writer_put(writer->writer, cid, copse_bytes_of_text(text), &err), &err);
}

static void car_test_end(car_test_writer *writer)
{
    copse_err err = {0};
    pack_must(copse_car_writer_finish(writer->writer, NULL, &err), &err);
    writer->writer = copse_car_writer_free(writer->writer);
    car_test_must_open(writer->test);
}

/* The same CID twice: the first counts (C3), and a wrong block is CORRUPT, with its name. */
static void car_file_refuses_wrong_blocks(void **state)
{
    (void)state;
    car_test test;
    car_test_writer writer;
    copse_cid cid;
    copse_cid unknown;
    copse_err err = {0};
    copse_block *block = NULL;
    size_t count = 0;
    static const uint8_t digest[32] = {1};
    car_test_init(&test);
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text("right"), &cid);
    assert_int_equal(
        copse_cid_from_parts(COPSE_CODEC_RAW, 0x1e, (copse_bytes){digest, 32}, &unknown, NULL),
        COPSE_OK);
    car_test_begin(&writer, &test);
    car_test_section(&writer, &cid, "right");
    car_test_section(&writer, &cid, "wrong");
    car_test_end(&writer);
    assert_int_equal(copse_store_get(test.store, &cid, &block, NULL), COPSE_OK);
    block = copse_block_unref(block);
    assert_int_equal(copse_store_iterate(test.store, car_test_count, &count, NULL), COPSE_OK);
    assert_int_equal(count, 1);
    car_test_begin(&writer, &test);
    car_test_section(&writer, &unknown, "whatever");
    car_test_section(&writer, &cid, "wrong");
    car_test_end(&writer);
    assert_int_equal(copse_store_get(test.store, &cid, &block, &err), COPSE_CORRUPT);
    assert_non_null(strstr(err.message, "/posts.car, byte "));
    assert_int_equal(copse_store_get(test.store, &unknown, &block, &err), COPSE_MISUSE);
    assert_null(block);
    car_test_release(&test);
}

/* A table that would grow past its bound is refused (C4). With an index none is needed, until a
 * block isn't in it. */
static void car_file_bounds_its_memory(void **state)
{
    (void)state;
    car_test test;
    copse_err err = {0};
    car_test_init(&test);
    size_t *limit = &test.env.env.limits.sort_memory_bytes_max;
    size_t whole = *limit;
    for (uint64_t version = 1; version <= 2; version++) {
        *limit = whole;
        car_test_write(&test, version, false);
        *limit = CAR_TEST_BLOCKS / 2 * 16;
        assert_int_equal(car_test_open(&test, test.bytes.len, &err),
                         version == 1 ? COPSE_LIMIT : COPSE_OK);
    }
    assert_int_equal(car_test_get(&test, 9, NULL), COPSE_OK);
    assert_int_equal(car_test_get(&test, CAR_TEST_BLOCKS, NULL), COPSE_LIMIT);
    assert_int_equal(car_test_get(&test, 10, NULL), COPSE_OK);
    *limit = CAR_TEST_BLOCKS * 2 * 16;
    assert_int_equal(car_test_get(&test, CAR_TEST_BLOCKS, NULL), COPSE_NOT_FOUND);
    car_test_release(&test);
}

/* ---- Faults ---- */

static void car_file_reports_failing_reads(void **state)
{
    (void)state;
    car_test test;
    size_t failures = 0;
    car_test_init(&test);
    for (int kind = 0; kind < 2; kind++) {
        car_test_write(&test, kind == 0 ? 1 : 2, false);
        bool failed = true;
        for (uint64_t n = 0; failed; n++) {
            os_sim_fail(test.sim, OS_SIM_MASK_ALL, n, EIO, false);
            copse_status status = car_test_open(&test, test.bytes.len, NULL);
            for (size_t i = 0; i < CAR_TEST_BLOCKS && status == COPSE_OK; i += 100) {
                status = car_test_get(&test, i, NULL);
            }
            status = status == COPSE_OK ? car_test_get(&test, CAR_TEST_BLOCKS, NULL) : status;
            failed = os_sim_failed(test.sim) > 0;
            os_sim_fail(test.sim, 0, 0, 0, false);
            /* Reading ahead may fail: then what is needed is read by itself. */
            assert_true(status == COPSE_NOT_FOUND || (failed && status == COPSE_IO));
            if (test.car != NULL) { /* it was that call only */
                assert_int_equal(car_test_get(&test, 3, NULL), COPSE_OK);
            }
            failures += status == COPSE_IO;
        }
    }
    assert_true(failures > 10);
    car_test_release(&test);
}

static copse_status car_test_sweep(const copse_env *env, void *ctx)
{
    car_test *test = ctx;
    copse_car_file *car = NULL;
    copse_block *block = NULL;
    copse_cid cid;
    uint8_t data[64];
    size_t count = 0;
    copse_status status = copse_car_file_open(env, test->os, car_test_path, &car, NULL);
    for (size_t i = 0; i < CAR_TEST_BLOCKS && status == COPSE_OK; i += 150) {
        (void)car_memory_block(CAR_TEST_SEED, i, &cid, data);
        status = copse_store_get(copse_car_file_store(car), &cid, &block, NULL);
        block = copse_block_unref(block);
    }
    if (status == COPSE_OK) {
        status = copse_store_iterate(copse_car_file_store(car), car_test_count, &count, NULL);
    }
    (void)copse_car_file_close(car);
    return status;
}

static void car_file_survives_no_memory(void **state)
{
    (void)state;
    car_test test;
    car_test_init(&test);
    for (int kind = 0; kind < 2; kind++) {
        car_test_write(&test, kind == 0 ? 1 : 2, false);
        car_test_must_open(&test);
        assert_true(test_env_sweep(car_test_sweep, &test, 2000) > 8);
    }
    car_test_release(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(car_file_reads_each_kind),
        cmocka_unit_test(car_file_uses_the_index),
        cmocka_unit_test(car_file_reads_an_empty_one),
        cmocka_unit_test(car_file_notes_cuts),
        cmocka_unit_test(car_file_believes_nothing),
        cmocka_unit_test(car_file_finds_what_the_index_hides),
        cmocka_unit_test(car_file_refuses_wrong_blocks),
        cmocka_unit_test(car_file_bounds_its_memory),
        cmocka_unit_test(car_file_reports_failing_reads),
        cmocka_unit_test(car_file_survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
