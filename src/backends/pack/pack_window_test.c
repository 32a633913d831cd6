/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/os_sim.h"
#include "support/test_env.h"

#include <copse/pack_store.h>

enum { WINDOW_FILE_SIZE = 1000000, WINDOW_FILE_END = 900000, WINDOW_BLOCK_SIZE_MAX = 5000 };

/* A file whose bytes follow from their offsets, and which counts what is read of it. */
typedef struct window_file {
    copse_file file; /* first */
    size_t reads;
    size_t read_bytes;
    copse_status status; /* of every read */
} window_file;

static uint8_t window_file_byte(uint64_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 13);
}

static copse_status window_file_read_at(copse_file *file, uint64_t offset, void *ret_bytes,
                                        size_t size, size_t *ret_got, copse_err *err)
{
    window_file *self = (window_file *)file;
    (void)err;
    assert_true(offset + size <= WINDOW_FILE_END); /* R2 */
    assert_true(size <= COPSE_PACK_WINDOW_BYTES_MAX);
    self->reads++;
    self->read_bytes += size;
    for (size_t i = 0; i < size && self->status == COPSE_OK; i++) {
        ((uint8_t *)ret_bytes)[i] = window_file_byte(offset + i);
    }
    *ret_got = size;
    return self->status;
}

static const copse_file_ops window_file_ops = {.read_at = window_file_read_at};

typedef struct window_world {
    test_env env;
    window_file file;
    copse_pack_window window;
} window_world;

static void window_world_init(window_world *world)
{
    *world = (window_world){.file = {.file = {&window_file_ops}}};
    test_env_init(&world->env);
}

static void window_world_release(window_world *world)
{
    copse_pack_window_release(&world->window, &world->env.env);
    test_env_assert_empty(&world->env);
}

/* Whether the bytes are there; they are then the right ones. */
static bool window_world_read(window_world *world, uint64_t offset, size_t size)
{
    copse_bytes bytes = {NULL, 1};
    assert_int_equal(copse_pack_window_read(&world->window, &world->env.env, &world->file.file,
                                            WINDOW_FILE_END, offset, size, &bytes, NULL),
                     COPSE_OK);
    assert_true(bytes.len == 0 || bytes.len == size);
    for (size_t i = 0; i < bytes.len; i++) {
        assert_int_equal(bytes.ptr[i], window_file_byte(offset + i));
    }
    return bytes.len > 0;
}

/* R1: all blocks but the first and the last come from windows that grow. */
static void test_in_order(void **state)
{
    (void)state;
    window_world world;
    uint64_t seed = 1;
    size_t blocks = 0;
    size_t missed = 0;
    window_world_init(&world);
    for (uint64_t at = 51; at < WINDOW_FILE_END;) {
        size_t size = 1 + test_random_below(&seed, WINDOW_BLOCK_SIZE_MAX);
        size = size < WINDOW_FILE_END - at ? size : (size_t)(WINDOW_FILE_END - at);
        missed += window_world_read(&world, at, size) ? 0 : 1;
        blocks++;
        at += size + test_random_below(&seed, 4);
    }
    assert_true(missed >= 1 && missed <= 2);
    assert_true(blocks > 20 * world.file.reads);
    assert_true(world.file.reads <
                3 + WINDOW_FILE_END / (COPSE_PACK_WINDOW_BYTES_MAX - WINDOW_BLOCK_SIZE_MAX));
    assert_true(world.file.read_bytes < WINDOW_FILE_END + world.file.reads * WINDOW_BLOCK_SIZE_MAX);
    window_world_release(&world);
}

/* R1: who reads here and there has nothing read for him, also between the blocks of a scan. */
static void test_out_of_order(void **state)
{
    (void)state;
    window_world world;
    window_world_init(&world);
    for (uint64_t at = WINDOW_FILE_END - 1000; at > 1000; at -= 1000) {
        assert_false(window_world_read(&world, at, 900));
    }
    assert_int_equal(world.file.reads, 0);
    assert_null(world.window.bytes);
    uint64_t gap = COPSE_PACK_WINDOW_GAP_BYTES_MAX;
    assert_false(window_world_read(&world, 1000, 900));
    assert_false(window_world_read(&world, 1900 + gap + 1, 900)); /* too far */
    assert_false(window_world_read(&world, 1000, 900));
    assert_true(window_world_read(&world, 1900 + gap, 900));
    assert_int_equal(world.file.reads, 1);
    assert_int_equal(world.file.read_bytes, COPSE_PACK_WINDOW_BYTES_MIN);
    assert_false(window_world_read(&world, 500000, 900));
    assert_true(window_world_read(&world, 1900 + gap + 900, 900));
    assert_int_equal(world.file.reads, 1);
    window_world_release(&world);
}

/* What a window has no room for, and what stands at the end, is the caller's to read. */
static void test_large_blocks(void **state)
{
    (void)state;
    window_world world;
    window_world_init(&world);
    assert_false(window_world_read(&world, 0, 100));
    assert_false(window_world_read(&world, 100, COPSE_PACK_WINDOW_BYTES_MAX + 1));
    assert_false(window_world_read(&world, WINDOW_FILE_END - 10, 10));
    assert_false(window_world_read(&world, WINDOW_FILE_END, 10));
    assert_false(window_world_read(&world, WINDOW_FILE_END + 10, 10));
    assert_int_equal(world.file.reads, 0);
    window_world_release(&world);
}

/* R3 */
static void test_failing_reads(void **state)
{
    (void)state;
    window_world world;
    window_world_init(&world);
    world.file.status = COPSE_IO;
    for (uint64_t at = 0; at < 100000; at += 1000) {
        assert_false(window_world_read(&world, at, 1000));
    }
    assert_int_equal(world.file.reads, 99);
    world.file.status = COPSE_OK;
    assert_true(window_world_read(&world, 100000, 1000));
    window_world_release(&world);
}

static copse_status window_sweep_run(const copse_env *env, void *ctx)
{
    window_world *world = ctx;
    copse_pack_window window = {0};
    copse_bytes bytes = {NULL, 0};
    copse_status status = COPSE_OK;
    for (uint64_t at = 0; at < 10 && status == COPSE_OK; at++) {
        status = copse_pack_window_read(&window, env, &world->file.file, WINDOW_FILE_END, 100 * at,
                                        100, &bytes, NULL);
    }
    copse_pack_window_release(&window, env);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    window_world world;
    window_world_init(&world);
    assert_int_equal(test_env_sweep(window_sweep_run, &world, 10), 1);
    window_world_release(&world);
}

enum { WINDOW_STORE_BLOCKS = 400, WINDOW_STORE_BLOCK_SIZE = 3000 };

static void window_store_open(os_sim *sim, const copse_env *env, copse_os **ret_os,
                              copse_pack_db **ret_db)
{
    copse_pack_options options = {.create = true, .durability = COPSE_DURABILITY_OFF};
    *ret_os = os_sim_process(sim);
    assert_int_equal(copse_pack_db_open(env, *ret_os, "/store", &options, ret_db, NULL), COPSE_OK);
}

static void window_store_put(copse_pack_db *db, const copse_env *env, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        copse_block *block = block_support_make(env, i, WINDOW_STORE_BLOCK_SIZE);
        assert_int_equal(copse_store_put(copse_pack_db_store(db), &block, 1, NULL), COPSE_OK);
        copse_block_unref(block);
    }
    assert_int_equal(copse_store_flush(copse_pack_db_store(db), NULL), COPSE_OK);
}

/* Returns the calls of the system that it takes to get the blocks in order. */
static uint64_t window_store_get(os_sim *sim, copse_pack_db *db, const copse_env *env,
                                 uint64_t from, uint64_t to)
{
    uint64_t before = os_sim_calls(sim);
    for (uint64_t i = from; i < to; i++) {
        copse_block *put = block_support_make(env, i, WINDOW_STORE_BLOCK_SIZE);
        copse_block *got = NULL;
        assert_int_equal(copse_store_get(copse_pack_db_store(db), copse_block_cid(put), &got, NULL),
                         COPSE_OK);
        copse_bytes data = copse_block_data(put);
        assert_int_equal(copse_block_data(got).len, data.len);
        assert_memory_equal(copse_block_data(got).ptr, data.ptr, data.len);
        copse_block_unref(got);
        copse_block_unref(put);
    }
    return os_sim_calls(sim) - before;
}

/* What one load wrote, to a pack or to the journal, is read back in few calls; and what is written
 * behind the end of a window is found there (R2). */
static void test_store(void **state)
{
    (void)state;
    for (int is_bulk = 0; is_bulk < 2; is_bulk++) {
        test_env env;
        copse_os *os;
        copse_pack_db *db;
        os_sim *sim = os_sim_new();
        test_env_init(&env);
        window_store_open(sim, &env.env, &os, &db);
        if (is_bulk) {
            assert_int_equal(copse_pack_db_begin_bulk(db, NULL), COPSE_OK);
        }
        window_store_put(db, &env.env, 0, WINDOW_STORE_BLOCKS);
        db = copse_pack_db_close(db);
        os = copse_os_free(os);
        window_store_open(sim, &env.env, &os, &db);
        assert_in_range(window_store_get(sim, db, &env.env, 0, WINDOW_STORE_BLOCKS), 1,
                        WINDOW_STORE_BLOCKS / 10);
        for (uint64_t i = WINDOW_STORE_BLOCKS; i < WINDOW_STORE_BLOCKS + 30; i++) {
            window_store_put(db, &env.env, i, i + 1);
            (void)window_store_get(sim, db, &env.env, i - 2, i + 1);
        }
        (void)copse_pack_db_close(db);
        (void)copse_os_free(os);
        (void)os_sim_free(sim);
        test_env_assert_empty(&env);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),     cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_large_blocks), cmocka_unit_test(test_failing_reads),
        cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_store),
    };
    return cmocka_run_group_tests_name("pack_window", tests, NULL, NULL);
}
