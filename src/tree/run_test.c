/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/memory_runs.h"

enum { FRAME = 2048, MEMORY = 8192 + COPSE_RUN_READER_EXTRA_BYTES };

/* Writes `count` records with keys of two bytes and values of `value_len`. */
static copse_run write_run(const copse_run_store *store, unsigned count, size_t value_len)
{
    uint8_t frame[FRAME];
    uint8_t record[8192];
    copse_run_writer writer;
    copse_run run = {0};
    assert_int_equal(copse_run_writer_init(&writer, store, frame, sizeof frame, NULL), COPSE_OK);
    for (unsigned i = 0; i < count; i++) {
        copse_run_record_head(2, value_len, record);
        record[6] = (uint8_t)(i >> 8);
        record[7] = (uint8_t)i;
        memset(record + 8, (int)i, value_len);
        copse_bytes bytes = {record, 8 + value_len};
        assert_int_equal(copse_run_record_size(record), bytes.len);
        assert_int_equal(copse_run_writer_add(&writer, bytes, NULL), COPSE_OK);
    }
    assert_int_equal(copse_run_writer_finish(&writer, &run, NULL), COPSE_OK);
    copse_run_writer_abort(&writer);
    assert_int_equal(run.records, count);
    assert_int_equal(run.size_bytes, memory_runs_bytes(run.handle).len);
    return run;
}

static copse_status read_run(const copse_run_store *store, void *handle, unsigned *ret_count,
                             copse_err *err)
{
    static uint8_t memory[MEMORY];
    copse_run_reader reader;
    *ret_count = 0;
    copse_status status = copse_run_reader_init(&reader, store, handle, memory, MEMORY, err);
    while (status == COPSE_OK) {
        status = copse_run_reader_next(&reader, err);
        *ret_count += status == COPSE_OK;
    }
    return status;
}

/* R2: records smaller and larger than a frame. */
static void test_round_trip(void **state)
{
    const size_t value_lens[] = {0, 1, 100, 1000, FRAME - 24, FRAME - 23, 5000};
    (void)state;
    for (size_t i = 0; i < sizeof value_lens / sizeof *value_lens; i++) {
        for (unsigned count = 0; count < 400; count = count * 3 + 1) {
            memory_runs runs;
            unsigned read = 0;
            copse_run_store store = memory_runs_init(&runs);
            runs.read_size_max = 7 + 500 * i;
            copse_run run = write_run(&store, count, value_lens[i]);
            assert_int_equal(read_run(&store, run.handle, &read, NULL), COPSE_END);
            assert_int_equal(read, count);
            assert_int_equal(copse_run_remove(&store, &run, NULL), COPSE_OK);
            assert_int_equal(copse_run_remove(&store, &run, NULL), COPSE_OK);
            assert_int_equal(runs.live, 0);
        }
    }
}

/* R3: each byte wrong, each length too short, a byte too long. */
static void test_damage(void **state)
{
    static uint8_t bytes[20000];
    memory_runs runs;
    unsigned read = 0;
    (void)state;
    copse_run_store store = memory_runs_init(&runs);
    copse_run run = write_run(&store, 40, 70);
    copse_bytes whole = memory_runs_bytes(run.handle);
    assert_true(whole.len < sizeof bytes);
    for (size_t i = 0; i < 2 * whole.len + 1; i++) {
        size_t len = whole.len;
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, whole.ptr, len);
        if (i < whole.len) {
            bytes[i] ^= (uint8_t)(1u << i % 8);
        } else {
            len = i == 2 * whole.len ? whole.len + 1 : i - whole.len;
        }
        copse_err err = {0};
        copse_run bad = {.handle = memory_runs_make(&runs, (copse_bytes){bytes, len})};
        assert_int_equal(read_run(&store, bad.handle, &read, &err), COPSE_CORRUPT);
        assert_int_equal(err.status, COPSE_CORRUPT);
        assert_int_equal(copse_run_remove(&store, &bad, NULL), COPSE_OK);
    }
    assert_int_equal(copse_run_remove(&store, &run, NULL), COPSE_OK);
    assert_int_equal(runs.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
