/* The simulated machine must do all that its header promises: a crash test is worth no more. Here:
 * what a crash takes and what not. os_sim_fault_test.c has the rest.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/os_sim_use.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "support/os_conformance.h"
#include "support/test_env.h"

/* ---- no crash ---- */

static void sim_conforms(void **state)
{
    (void)state;
    os_sim *sim = os_sim_new();
    os_conformance_world world = {os_sim_process(sim), os_sim_process(sim), "/folder"};
    assert_int_equal(world.os->ops->make_dir(world.os, "folder", NULL), COPSE_OK);
    os_conformance_run(&world);
    assert_int_equal(os_sim_size_bytes(sim), 0); /* all files are gone, and their memory */
    copse_err err = {0};
    sim_make(world.os, "a", "text");
    assert_int_equal(world.os->ops->rename(world.os, "a", "folder/a", &err), COPSE_IO);
    assert_int_equal(err.os_errno, EXDEV);
    copse_os_free(world.os);
    copse_os_free(world.other);
    assert_null(os_sim_free(sim));
    assert_null(os_sim_free(NULL));
}

static void sim_copy_has_all(void **state)
{
    (void)state;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    assert_int_equal(os->ops->make_dir(os, "d", NULL), COPSE_OK);
    sim_make(os, "d/a", "synced");
    copse_file *file = sim_open(os, "d/b", SIM_MAKE);
    assert_int_equal(sim_write(file, 0, "not synced", 10), COPSE_OK);
    assert_int_equal(os->ops->rename(os, "d/b", "d/c", NULL), COPSE_OK);
    os_sim *copy = os_sim_copy(sim);
    assert_true(sim_is(copy, "d/a", "synced"));
    assert_true(sim_is(copy, "/d//./c", "not synced"));
    assert_false(sim_is_there(copy, "d/b"));
    os_sim_plant(copy, "d/a", copse_bytes_of_text("damaged"));
    os_sim_plant(copy, "d/new", copse_bytes_of_text("new"));
    assert_true(sim_is(sim, "d/a", "synced"));
    os_sim *after = os_sim_crash(copy, 1); /* what is planted is durable */
    assert_true(sim_is(after, "d/a", "damaged"));
    assert_true(sim_is(after, "d/new", "new"));
    assert_int_equal(os_sim_size_bytes(after), 7 + 3 + 10);
    os_sim_free(after);
    os_sim_free(copy);
    file->ops->close(file);
    copse_os_free(os);
    os_sim_free(sim);
}

static void sim_kill_lets_go(void **state)
{
    (void)state;
    os_sim *sim = os_sim_new();
    copse_os *killed = os_sim_process(sim);
    copse_os *os = os_sim_process(sim);
    copse_file *file = sim_open(killed, "a", SIM_MAKE);
    copse_file *other = sim_open(os, "a", COPSE_OPEN_WRITE);
    assert_int_equal(sim_write(file, 0, "seen", 4), COPSE_OK);
    assert_int_equal(file->ops->lock(file, COPSE_LOCK_EXCLUSIVE, false, NULL), COPSE_OK);
    assert_int_equal(other->ops->lock(other, COPSE_LOCK_SHARED, false, NULL), COPSE_CONFLICT);
    os_sim_kill(killed);
    assert_int_equal(other->ops->lock(other, COPSE_LOCK_EXCLUSIVE, false, NULL), COPSE_OK);
    assert_true(sim_is(sim, "a", "seen"));
    assert_int_equal(sim_write(file, 0, "dead", 4), COPSE_IO);
    assert_int_equal(file->ops->sync(file, NULL), COPSE_IO);
    assert_int_equal(file->ops->truncate(file, 0, NULL), COPSE_IO);
    assert_int_equal(killed->ops->remove(killed, "a", NULL), COPSE_IO);
    assert_true(sim_is(sim, "a", "seen"));
    os_sim_fates lost = {0};
    for (uint64_t seed = 0; seed < 50; seed++) { /* not durable: the dead sync did nothing */
        os_sim *after = os_sim_crash(sim, seed);
        lost.dropped += os_sim_get_fates(after)->dropped;
        os_sim_free(after);
    }
    assert_true(lost.dropped > 0);
    file->ops->close(file);
    other->ops->close(other);
    copse_os_free(killed);
    copse_os_free(os);
    os_sim_free(sim);
}

/* ---- what a crash takes ---- */

enum { SEEDS = 1000 };

/* D1, D2: every way of loss occurs, and nothing else than the ranges of the writes is touched. */
static void sim_crash_loses_data_in_every_way(void **state)
{
    (void)state;
    enum { SIZE = 16384, WRITES = 8, LEN = 1500 };
    static uint8_t base[SIZE];
    static uint8_t data[WRITES][LEN];
    uint64_t random = 1;
    for (size_t i = 0; i < SIZE; i++) {
        base[i] = (uint8_t)test_random(&random);
    }
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    sim_make(os, "f", "");
    copse_file *file = sim_open(os, "f", COPSE_OPEN_WRITE);
    assert_int_equal(sim_write(file, 0, base, SIZE - 2000), COPSE_OK);
    assert_int_equal(file->ops->sync(file, NULL), COPSE_OK);
    for (size_t i = 0; i < WRITES; i++) { /* 100, 2100, … 14100: the last makes it longer */
        memset(data[i], (int)i, LEN);
        assert_int_equal(sim_write(file, 100 + 2000 * i, data[i], LEN), COPSE_OK);
    }
    os_sim_fates sum = {0};
    unsigned all = 0;
    unsigned none = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        os_sim *after = os_sim_crash(sim, seed);
        const os_sim_fates *fates = os_sim_get_fates(after);
        copse_bytes content;
        assert_true(os_sim_peek(after, "f", &content));
        assert_int_equal(fates->kept + fates->dropped + fates->torn + fates->garbled, WRITES);
        assert_true(content.len >= SIZE - 2000 && content.len <= 100 + 2000 * 7 + LEN);
        for (size_t at = 0; at < SIZE - 2000; at++) {
            if (at % 2000 < 100 || at % 2000 >= 100 + LEN) {
                assert_int_equal(content.ptr[at], base[at]);
            }
        }
        all += fates->kept == WRITES;
        none += fates->dropped == WRITES && fates->zero_filled == 0;
        sum.kept += fates->kept;
        sum.dropped += fates->dropped;
        sum.torn += fates->torn;
        sum.garbled += fates->garbled;
        sum.zero_filled += fates->zero_filled;
        sum.reordered += fates->reordered;
        os_sim_free(after);
    }
    print_message("%d crashes: kept %llu, dropped %llu, torn %llu, garbled %llu; zero-filled %llu, "
                  "reordered %llu; all %u, none %u\n",
                  SEEDS, (unsigned long long)sum.kept, (unsigned long long)sum.dropped,
                  (unsigned long long)sum.torn, (unsigned long long)sum.garbled,
                  (unsigned long long)sum.zero_filled, (unsigned long long)sum.reordered, all,
                  none);
    assert_true(sum.kept > SEEDS && sum.dropped > SEEDS && sum.torn > SEEDS / 4);
    assert_true(sum.garbled > SEEDS / 8 && sum.zero_filled > SEEDS / 20);
    assert_true(sum.reordered > SEEDS / 20 && all > SEEDS / 20 && none > SEEDS / 20);
    file->ops->close(file);
    copse_os_free(os);
    os_sim_free(sim);
}

/* D2: a later write to the same place may be there with the earlier one on top of it. */
static void sim_crash_reorders(void **state)
{
    (void)state;
    unsigned seen[3] = {0}; /* '-', '1', '2' */
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    sim_make(os, "f", "-");
    copse_file *file = sim_open(os, "f", COPSE_OPEN_WRITE);
    assert_int_equal(sim_write(file, 0, "1", 1), COPSE_OK);
    assert_int_equal(sim_write(file, 0, "2", 1), COPSE_OK);
    unsigned older_on_top = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        os_sim *after = os_sim_crash(sim, seed);
        seen[0] += sim_is(after, "f", "-");
        seen[1] += sim_is(after, "f", "1");
        seen[2] += sim_is(after, "f", "2");
        older_on_top += sim_is(after, "f", "1") && os_sim_get_fates(after)->kept == 2;
        os_sim_free(after);
    }
    assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0 && older_on_top > 0);
    file->ops->close(file);
    copse_os_free(os);
    os_sim_free(sim);
}

/* D3: creation, rename over another, and removal; each alone, together, and in none. */
static void sim_crash_loses_names(void **state)
{
    (void)state;
    unsigned seen[8] = {0};
    unsigned empty = 0;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    sim_make(os, "target", "old");
    sim_make(os, "tmp", "new");
    sim_make(os, "gone", "gone");
    copse_file *file = sim_open(os, "fresh", SIM_MAKE);
    assert_int_equal(sim_write(file, 0, "fresh", 5), COPSE_OK);
    assert_int_equal(os->ops->rename(os, "tmp", "target", NULL), COPSE_OK);
    assert_int_equal(os->ops->remove(os, "gone", NULL), COPSE_OK);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        os_sim *after = os_sim_crash(sim, seed);
        bool is_renamed = sim_is(after, "target", "new");
        assert_true(is_renamed || sim_is(after, "target", "old"));
        assert_int_equal(sim_is_there(after, "tmp"), !is_renamed); /* never by half */
        assert_true(sim_is(after, "gone", "gone") || !sim_is_there(after, "gone"));
        seen[(is_renamed ? 1 : 0) + (sim_is_there(after, "gone") ? 0 : 2) +
             (sim_is_there(after, "fresh") ? 4 : 0)]++;
        empty += sim_is(after, "fresh", ""); /* a name says nothing about the content */
        const os_sim_fates *fates = os_sim_get_fates(after);
        assert_int_equal(fates->names_kept + fates->names_dropped, 3);
        os_sim_free(after);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_true(seen[i] > 0);
    }
    assert_true(empty > 0);
    assert_int_equal(file->ops->sync(file, NULL), COPSE_OK);
    assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_OK);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        os_sim *after = os_sim_crash(sim, seed);
        assert_true(sim_is(after, "target", "new") && sim_is(after, "fresh", "fresh"));
        assert_true(!sim_is_there(after, "tmp") && !sim_is_there(after, "gone"));
        os_sim_free(after);
    }
    file->ops->close(file);
    copse_os_free(os);
    os_sim_free(sim);
}

/* D3: a file that was renamed twice has one name, whichever of the renames survived. */
static void sim_crash_keeps_one_name(void **state)
{
    (void)state;
    unsigned seen[3] = {0};
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    sim_make(os, "a", "text");
    assert_int_equal(os->ops->rename(os, "a", "b", NULL), COPSE_OK);
    assert_int_equal(os->ops->rename(os, "b", "c", NULL), COPSE_OK);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        os_sim *after = os_sim_crash(sim, seed);
        bool is[3] = {sim_is(after, "a", "text"), sim_is(after, "b", "text"),
                      sim_is(after, "c", "text")};
        assert_int_equal(is[0] + is[1] + is[2], 1);
        for (size_t i = 0; i < 3; i++) {
            seen[i] += is[i];
        }
        os_sim_free(after);
    }
    assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
    copse_os_free(os);
    os_sim_free(sim);
}

/* A file whose sync was refused: D4. */
static void sim_failed_sync_is_not_made_up_for(void **state)
{
    (void)state;
    unsigned lost = 0;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    sim_make(os, "f", "----------");
    copse_file *file = sim_open(os, "f", COPSE_OPEN_WRITE);
    assert_int_equal(sim_write(file, 2, "stuck", 5), COPSE_OK);
    os_sim_fail(sim, OS_SIM_MASK(OS_SIM_SYNC), 0, EIO, false);
    assert_int_equal(file->ops->sync(file, NULL), COPSE_IO);
    assert_int_equal(os_sim_failed(sim), 1);
    assert_int_equal(sim_write(file, 4, "SYNCED", 6), COPSE_OK);
    assert_int_equal(file->ops->sync(file, NULL), COPSE_OK);
    assert_true(sim_is(sim, "f", "--stSYNCED"));
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        os_sim *after = os_sim_crash(sim, seed);
        copse_bytes content;
        assert_true(os_sim_peek(after, "f", &content) && content.len == 10);
        assert_memory_equal(content.ptr, "--", 2);
        assert_memory_equal(content.ptr + 4, "SYNCED", 6);
        lost += sim_is(after, "f", "----SYNCED");
        os_sim_free(after);
    }
    assert_true(lost > 0);
    file->ops->close(file);
    copse_os_free(os);
    os_sim_free(sim);
}

/* ---- synced is never lost: random work beside a model ---- */

enum { FILES = 4, FILE_SIZE = 2000 };

/* What must be in a file after a crash: bytes that no pending change touches. */
typedef struct sim_model {
    uint8_t bytes[FILE_SIZE];
    bool is_dirty[FILE_SIZE];
    bool is_stuck[FILE_SIZE]; /* a sync failed since it was written */
    size_t size;
    size_t size_min; /* since the last sync */
    size_t size_max;
} sim_model;

static void sim_model_write(sim_model *model, size_t offset, const uint8_t *bytes, size_t len)
{
    memcpy(model->bytes + offset, bytes, len);
    memset(model->is_dirty + offset, true, len);
    memset(model->is_stuck + offset, false, len);
    if (offset + len > model->size) {
        model->size = offset + len;
    }
    model->size_max = model->size > model->size_max ? model->size : model->size_max;
}

static void sim_model_truncate(sim_model *model, size_t size)
{
    size_t from = size < model->size ? size : model->size;
    memset(model->bytes + from, 0, FILE_SIZE - from);
    memset(model->is_dirty + from, true, FILE_SIZE - from);
    memset(model->is_stuck + from, false, FILE_SIZE - from);
    model->size = size;
    model->size_min = size < model->size_min ? size : model->size_min;
    model->size_max = size > model->size_max ? size : model->size_max;
}

static void sim_model_sync(sim_model *model)
{
    memcpy(model->is_dirty, model->is_stuck, sizeof model->is_dirty);
    model->size_min = model->size_max = model->size;
}

static void sim_model_fail_sync(sim_model *model)
{
    memcpy(model->is_stuck, model->is_dirty, sizeof model->is_stuck);
}

static void sim_model_check(const sim_model *model, const os_sim *after, const char *path)
{
    copse_bytes content;
    assert_true(os_sim_peek(after, path, &content));
    assert_true(content.len >= model->size_min && content.len <= model->size_max);
    for (size_t i = 0; i < content.len; i++) {
        assert_true(model->is_dirty[i] || content.ptr[i] == model->bytes[i]);
    }
}

static void sim_model_step(os_sim *sim, sim_model *model, copse_file *file, uint64_t *random)
{
    uint8_t bytes[FILE_SIZE];
    size_t offset = (size_t)test_random_below(random, FILE_SIZE);
    size_t len = (size_t)test_random_below(random, FILE_SIZE - offset);
    switch (test_random_below(random, 8)) {
    case 0:
        assert_int_equal(file->ops->truncate(file, offset, NULL), COPSE_OK);
        sim_model_truncate(model, offset);
        break;
    case 1:
        assert_int_equal(file->ops->sync(file, NULL), COPSE_OK);
        sim_model_sync(model);
        break;
    case 2:
        os_sim_fail(sim, OS_SIM_MASK(OS_SIM_SYNC), 0, EIO, false);
        assert_int_equal(file->ops->sync(file, NULL), COPSE_IO);
        sim_model_fail_sync(model);
        break;
    default:
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)test_random(random);
        }
        assert_int_equal(sim_write(file, offset, bytes, len), COPSE_OK);
        if (len > 0) {
            sim_model_write(model, offset, bytes, len);
        }
        break;
    }
}

static void sim_synced_is_never_lost(void **state)
{
    (void)state;
    static sim_model models[FILES];
    static const char *const paths[FILES] = {"0", "1", "2", "3"};
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    copse_file *files[FILES];
    uint64_t random = 1;
    for (size_t i = 0; i < FILES; i++) {
        files[i] = sim_open(os, paths[i], SIM_MAKE);
    }
    assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_OK);
    for (uint64_t step = 0; step < 3000; step++) {
        size_t i = (size_t)test_random_below(&random, FILES);
        sim_model_step(sim, &models[i], files[i], &random);
        copse_bytes now = {NULL, 0};
        copse_bytes copied = {NULL, 0};
        os_sim *copy = os_sim_copy(sim);
        assert_true(os_sim_peek(sim, paths[i], &now) && os_sim_peek(copy, paths[i], &copied));
        assert_true(copse_bytes_equal(now, copied));
        assert_int_equal(now.len, models[i].size);
        os_sim_free(copy);
        os_sim *after = os_sim_crash(sim, step);
        for (size_t j = 0; j < FILES; j++) {
            sim_model_check(&models[j], after, paths[j]);
        }
        os_sim_free(after);
    }
    for (size_t i = 0; i < FILES; i++) {
        files[i]->ops->close(files[i]);
    }
    copse_os_free(os);
    os_sim_free(sim);
}

static void sim_crash_follows_from_its_seed(void **state)
{
    (void)state;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    copse_file *file = sim_open(os, "f", SIM_MAKE);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(sim_write(file, 7 * i, "some bytes", 10), COPSE_OK);
    }
    unsigned differ = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        os_sim *one = os_sim_crash(sim, seed);
        os_sim *two = os_sim_crash(sim, seed);
        os_sim *three = os_sim_crash(sim, seed + 1000);
        copse_bytes a = {NULL, 0};
        copse_bytes b = {NULL, 0};
        copse_bytes c = {NULL, 0};
        assert_int_equal(os_sim_peek(one, "f", &a), os_sim_peek(two, "f", &b));
        (void)os_sim_peek(three, "f", &c);
        assert_true(copse_bytes_equal(a, b));
        differ += !copse_bytes_equal(a, c);
        os_sim_free(one);
        os_sim_free(two);
        os_sim_free(three);
    }
    assert_true(differ > 100);
    file->ops->close(file);
    copse_os_free(os);
    os_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sim_conforms),
        cmocka_unit_test(sim_copy_has_all),
        cmocka_unit_test(sim_kill_lets_go),
        cmocka_unit_test(sim_crash_loses_data_in_every_way),
        cmocka_unit_test(sim_crash_reorders),
        cmocka_unit_test(sim_crash_loses_names),
        cmocka_unit_test(sim_crash_keeps_one_name),
        cmocka_unit_test(sim_failed_sync_is_not_made_up_for),
        cmocka_unit_test(sim_synced_is_never_lost),
        cmocka_unit_test(sim_crash_follows_from_its_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
