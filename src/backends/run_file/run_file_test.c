/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/run_file.h>

#include <copse/sorter.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "support/os_sim.h"
#include "support/temp_folder.h"
#include "support/test_env.h"

enum { EXTENT = 1 << 20 };

/* The bytes of a run: a generator with the run's number as its seed. */
static void run_file_fill(uint64_t *random, uint8_t *bytes, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word = i % 8 == 0 ? test_random(random) : word >> 8;
        bytes[i] = (uint8_t)word;
    }
}

/* In pieces whose sizes are not those of the extents. */
static copse_status run_file_write_run(copse_run_store store, uint64_t seed, size_t size,
                                       void **ret_run)
{
    static uint8_t piece[300000];
    uint64_t random = seed;
    copse_status status = store.ops->create(store.ctx, ret_run, NULL);
    for (size_t done = 0; status == COPSE_OK && done < size;) {
        size_t len = size - done < sizeof piece ? size - done : sizeof piece;
        run_file_fill(&random, piece, len);
        status = store.ops->append(store.ctx, *ret_run, (copse_bytes){piece, len}, NULL);
        done += len;
    }
    return status == COPSE_OK ? store.ops->finish(store.ctx, *ret_run, NULL) : status;
}

/* Reads in other pieces than were written, up to two extents at once. */
static void run_file_check_run(copse_run_store store, void *run, uint64_t seed, size_t size)
{
    uint8_t *expected = malloc(size + 8);
    uint8_t *bytes = malloc(2 * EXTENT);
    uint64_t random = seed;
    size_t read = 0;
    size_t got = 0;
    assert_true(expected != NULL && bytes != NULL);
    for (size_t at = 0; at < size; at += 300000) {
        run_file_fill(&random, expected + at, size - at < 300000 ? size - at : 300000);
    }
    assert_int_equal(store.ops->open(store.ctx, run, NULL), COPSE_OK);
    for (;;) {
        size_t want = 1 + (size_t)test_random_below(&random, 2 * EXTENT);
        assert_int_equal(store.ops->read(store.ctx, run, bytes, want, &got, NULL), COPSE_OK);
        if (got == 0) {
            break;
        }
        assert_true(got <= size - read);
        assert_memory_equal(bytes, expected + read, got);
        read += got;
    }
    assert_int_equal(read, size);
    free(expected);
    free(bytes);
}

/* Runs of many sizes come and go; their extents are used again. */
static void run_file_check(copse_os *os, const char *folder)
{
    enum { RUNS = 8 };
    static const size_t sizes[] = {0, 1, 5000, EXTENT - 1, EXTENT, EXTENT + 1, 3 * EXTENT, 2500000};
    void *runs[RUNS] = {NULL};
    size_t run_sizes[RUNS] = {0};
    uint64_t random = 1;
    test_env test;
    copse_run_file *file = NULL;
    test_env_init(&test);
    assert_int_equal(copse_run_file_new(&test.env, os, folder, &file, NULL), COPSE_OK);
    copse_run_store store = copse_run_file_store(file);
    for (uint64_t step = 0; step < 60; step++) {
        size_t i = (size_t)test_random_below(&random, RUNS);
        if (runs[i] == NULL) {
            run_sizes[i] = sizes[test_random_below(&random, sizeof sizes / sizeof *sizes)];
            assert_int_equal(run_file_write_run(store, i, run_sizes[i], &runs[i]), COPSE_OK);
        } else {
            run_file_check_run(store, runs[i], i, run_sizes[i]);
            assert_int_equal(store.ops->remove(store.ctx, runs[i], NULL), COPSE_OK);
            runs[i] = NULL;
        }
    }
    for (size_t i = 0; i < RUNS; i++) {
        if (runs[i] != NULL) {
            run_file_check_run(store, runs[i], i, run_sizes[i]);
            assert_int_equal(store.ops->remove(store.ctx, runs[i], NULL), COPSE_OK);
        }
    }
    assert_true(copse_run_file_peak_bytes(file) <= (uint64_t)RUNS * 3 * EXTENT);
    assert_null(copse_run_file_free(file));
    test_env_assert_empty(&test);
}

static copse_status run_file_count_name(void *ctx, const char *name, copse_err *err)
{
    (void)name;
    (void)err;
    ++*(size_t *)ctx;
    return COPSE_OK;
}

static size_t run_file_names(copse_os *os, const char *folder)
{
    size_t count = 0;
    assert_int_equal(os->ops->list_dir(os, folder, run_file_count_name, &count, NULL), COPSE_OK);
    return count;
}

static void run_file_keeps_runs(void **state)
{
    (void)state;
    char folder[TEMP_FOLDER_SIZE];
    copse_env env;
    copse_os *os = NULL;
    copse_env_init(&env);
    temp_folder_make(folder);
    assert_int_equal(copse_os_posix_new(&env, &os, NULL), COPSE_OK);
    run_file_check(os, folder);
    assert_int_equal(run_file_names(os, folder), 0);
    copse_os_free(os);
    temp_folder_remove(folder);

    os_sim *sim = os_sim_new();
    os = os_sim_process(sim);
    run_file_check(os, "/");
    assert_int_equal(run_file_names(os, "/"), 0);
    assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_OK);
    assert_int_equal(os_sim_size_bytes(sim), 0);
    assert_int_equal(os_sim_get_counts(sim)->calls[OS_SIM_OPEN], 1);
    copse_os_free(os);
    os_sim_free(sim);
}

static void run_file_leaves_nothing(void **state)
{
    (void)state;
    void *run = NULL;
    copse_env env;
    copse_run_file *file = NULL;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    copse_env_init(&env);
    assert_int_equal(copse_run_file_new(&env, os, "/", &file, NULL), COPSE_OK);
    copse_run_store store = copse_run_file_store(file);
    assert_int_equal(os_sim_calls(sim), 0);
    os_sim_plant(sim, "/.copse-sort-0000000000000000.tmp", copse_bytes_of_text("another's"));
    assert_int_equal(run_file_write_run(store, 0, 100, &run), COPSE_OK);
    assert_int_equal(run_file_names(os, "/"), 1); /* the other's: ours has no name by now */
    assert_int_equal(store.ops->remove(store.ctx, run, NULL), COPSE_OK);
    assert_int_equal(os_sim_size_bytes(sim), 9); /* the disk has its space back */
    copse_run_file_free(file);

    /* Where an open file can't be removed, it goes in the end. */
    assert_int_equal(copse_run_file_new(&env, os, "/", &file, NULL), COPSE_OK);
    store = copse_run_file_store(file);
    os_sim_fail(sim, OS_SIM_MASK(OS_SIM_REMOVE), 0, EBUSY, false);
    assert_int_equal(run_file_write_run(store, 0, 100, &run), COPSE_OK);
    assert_int_equal(run_file_names(os, "/"), 2);
    assert_int_equal(store.ops->remove(store.ctx, run, NULL), COPSE_OK);
    copse_run_file_free(file);
    assert_int_equal(run_file_names(os, "/"), 1);

    copse_err err;
    assert_int_equal(copse_run_file_new(&env, os, "/none", &file, NULL), COPSE_OK);
    store = copse_run_file_store(file);
    assert_int_equal(store.ops->create(store.ctx, &run, &err), COPSE_NOT_FOUND);
    assert_non_null(strstr(err.message, "/none/.copse-sort-"));
    copse_run_file_free(file);
    assert_null(copse_run_file_free(NULL));
    assert_int_equal(copse_run_file_new(&env, os, NULL, &file, NULL), COPSE_MISUSE);
    copse_os_free(os);
    os_sim_free(sim);
}

/* Two runs, written in turns, read and removed. */
static copse_status run_file_use(const copse_env *env, void *ctx)
{
    void *runs[2] = {NULL, NULL};
    uint8_t byte;
    size_t got;
    copse_run_file *file = NULL;
    copse_status status = copse_run_file_new(env, ctx, "/", &file, NULL);
    if (status != COPSE_OK) {
        return status;
    }
    copse_run_store store = copse_run_file_store(file);
    for (uint64_t i = 0; status == COPSE_OK && i < 2; i++) {
        status = run_file_write_run(store, i, EXTENT + 1, &runs[i]);
    }
    if (status == COPSE_OK) {
        status = store.ops->read(store.ctx, runs[1], &byte, 1, &got, NULL);
    }
    for (size_t i = 0; i < 2; i++) {
        if (runs[i] != NULL) {
            copse_status removed = store.ops->remove(store.ctx, runs[i], NULL);
            status = status == COPSE_OK ? removed : status;
        }
    }
    copse_run_file_free(file);
    return status;
}

static void run_file_survives_failures(void **state)
{
    (void)state;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    assert_true(test_env_sweep(run_file_use, os, 100) > 5);
    uint64_t n = 0;
    for (uint64_t failed = 1; failed == 1; n++) {
        test_env test;
        test_env_init(&test);
        os_sim_fail(sim, OS_SIM_MASK_ALL & ~OS_SIM_MASK(OS_SIM_REMOVE), n, ENOSPC, false);
        copse_status status = run_file_use(&test.env, os);
        failed = os_sim_failed(sim);
        assert_int_equal(status, failed == 1 ? COPSE_IO : COPSE_OK);
        test_env_assert_empty(&test);
        os_sim_fail(sim, 0, 0, 0, false);
        assert_int_equal(run_file_names(os, "/"), 0);
        assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_OK); /* frees the disk */
    }
    assert_true(n > 10);
    copse_os_free(os);
    os_sim_free(sim);
}

/* Sorts 20,000 entries in 64 KiB: a dozen runs and more. */
static copse_status run_file_sort(const copse_env *env, copse_os *os, size_t *ret_count)
{
    enum { ENTRIES = 20000 };
    uint64_t random = 1;
    char last[32] = "";
    copse_bytes key = {NULL, 0};
    copse_bytes value;
    copse_run_file *file = NULL;
    copse_sorter *sorter = NULL;
    *ret_count = 0;
    copse_status status = copse_run_file_new(env, os, "/", &file, NULL);
    if (status == COPSE_OK) {
        copse_run_store store = copse_run_file_store(file);
        status = copse_sorter_new(env, 65536, &store, &sorter, NULL);
    }
    for (size_t i = 0; status == COPSE_OK && i < ENTRIES; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "%016llx%05zu",
                           (unsigned long long)test_random(&random), i);
        status = copse_sorter_add(sorter, (copse_bytes){(const uint8_t *)text, (size_t)len},
                                  (copse_bytes){(const uint8_t *)"\x01", 1}, NULL);
    }
    while (status == COPSE_OK) {
        status = copse_sorter_next(sorter, &key, &value, NULL);
        if (status == COPSE_OK) {
            assert_true(key.len == 21 && memcmp(last, key.ptr, 21) < 0);
            memcpy(last, key.ptr, 21);
            ++*ret_count;
        }
    }
    copse_sorter_free(sorter);
    copse_run_file_free(file);
    return status;
}

static void run_file_serves_a_sorter(void **state)
{
    (void)state;
    enum { STEP = 37 }; /* every so many calls one fails */
    size_t count = 0;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    for (uint64_t n = 1, failed = 1; failed == 1; n += STEP) {
        test_env test;
        test_env_init(&test);
        os_sim_fail(sim, OS_SIM_MASK_ALL & ~OS_SIM_MASK(OS_SIM_REMOVE), n, EIO, false);
        copse_status status = run_file_sort(&test.env, os, &count);
        failed = os_sim_failed(sim);
        os_sim_fail(sim, 0, 0, 0, false);
        /* Removing the last run may fail: then all that was asked for is done. */
        assert_int_equal(status, failed == 1 && count < 20000 ? COPSE_IO : COPSE_END);
        test_env_assert_empty(&test);
        assert_int_equal(run_file_names(os, "/"), 0);
        assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_OK);
    }
    assert_int_equal(count, 20000);
    assert_true(os_sim_get_counts(sim)->calls[OS_SIM_WRITE] > 20);
    copse_os_free(os);
    os_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_file_keeps_runs),
        cmocka_unit_test(run_file_leaves_nothing),
        cmocka_unit_test(run_file_survives_failures),
        cmocka_unit_test(run_file_serves_a_sorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
