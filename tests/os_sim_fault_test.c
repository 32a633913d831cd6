/* The simulated machine: failing calls, full and read-only disks, dropped syncs, and the hook.
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

/* ---- faults ---- */

/* One of each call; the first failure. */
static copse_status sim_visit_nothing(void *ctx, const char *name, copse_err *err)
{
    (void)ctx;
    (void)name;
    (void)err;
    return COPSE_OK;
}

static copse_status sim_use_file(copse_file *file)
{
    char bytes[4];
    size_t got;
    uint64_t size;
    copse_status status = file->ops->lock(file, COPSE_LOCK_EXCLUSIVE, true, NULL);
    status = status != COPSE_OK ? status : sim_write(file, 0, "text", 4);
    status = status != COPSE_OK ? status : file->ops->read_at(file, 0, bytes, 4, &got, NULL);
    status = status != COPSE_OK ? status : file->ops->size(file, &size, NULL);
    status = status != COPSE_OK ? status : file->ops->truncate(file, 2, NULL);
    return status != COPSE_OK ? status : file->ops->sync(file, NULL);
}

static copse_status sim_use_all(copse_os *os)
{
    copse_file *file = NULL;
    copse_status status = os->ops->make_dir(os, "d", NULL);
    status = status != COPSE_OK ? status : os->ops->open(os, "d/a", SIM_MAKE, &file, NULL);
    if (file != NULL) {
        status = sim_use_file(file);
        file->ops->close(file);
    }
    status = status != COPSE_OK ? status : os->ops->rename(os, "d/a", "d/b", NULL);
    status = status != COPSE_OK ? status : os->ops->sync_dir(os, "d", NULL);
    status =
        status != COPSE_OK ? status : os->ops->list_dir(os, "d", sim_visit_nothing, NULL, NULL);
    status = status != COPSE_OK ? status : os->ops->remove(os, "d/b", NULL);
    return status != COPSE_OK ? status : os->ops->remove_dir(os, "d", NULL);
}

static void sim_fails_every_call(void **state)
{
    (void)state;
    static const struct {
        int error;
        copse_status status;
    } faults[] = {
        {EIO, COPSE_IO}, {ENOSPC, COPSE_IO}, {EACCES, COPSE_DENIED}, {ENOMEM, COPSE_NOMEM}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        uint64_t n = 0;
        for (uint64_t failed = 1; failed == 1; n++) {
            os_sim *sim = os_sim_new();
            copse_os *os = os_sim_process(sim);
            os_sim_fail(sim, OS_SIM_MASK_ALL, n, faults[i].error, false);
            copse_status status = sim_use_all(os);
            failed = os_sim_failed(sim);
            assert_int_equal(status, failed == 1 ? faults[i].status : COPSE_OK);
            assert_int_equal(os_sim_calls(sim), failed == 1 ? n + 1 : OS_SIM_KINDS);
            copse_os_free(os);
            os_sim_free(sim);
        }
        assert_int_equal(n, OS_SIM_KINDS + 1);
    }
}

static void sim_faults_choose_and_last(void **state)
{
    (void)state;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    copse_file *file = sim_open(os, "f", SIM_MAKE);
    os_sim_fail(sim, OS_SIM_MASK_SYNCS, 1, EIO, true);
    assert_int_equal(sim_write(file, 0, "x", 1), COPSE_OK);
    assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_OK);
    assert_int_equal(file->ops->sync(file, NULL), COPSE_IO);
    assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_IO);
    assert_int_equal(sim_write(file, 0, "x", 1), COPSE_OK);
    assert_int_equal(os_sim_failed(sim), 2);
    os_sim_fail(sim, OS_SIM_MASK(OS_SIM_WRITE), 0, EIO, false);
    assert_int_equal(sim_write(file, 0, "1234", 4), COPSE_IO);
    assert_true(sim_is(sim, "f", "12")); /* a part */
    assert_int_equal(file->ops->sync(file, NULL), COPSE_OK);
    const os_sim_counts *counts = os_sim_get_counts(sim);
    assert_int_equal(counts->calls[OS_SIM_WRITE], 3);
    assert_int_equal(counts->calls[OS_SIM_SYNC], 2);
    assert_int_equal(counts->calls[OS_SIM_SYNC_DIR], 2);
    assert_int_equal(counts->written_bytes, 1 + 1 + 2);
    file->ops->close(file);
    copse_os_free(os);
    os_sim_free(sim);
}

static void sim_disk_fills_up(void **state)
{
    (void)state;
    copse_err err = {0};
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    sim_make(os, "old", "1234567890");
    os_sim_set_space(sim, 16);
    copse_file *file = sim_open(os, "f", SIM_MAKE);
    assert_int_equal(sim_write(file, 0, "abcd", 4), COPSE_OK);
    copse_bytes part = copse_bytes_of_text("efgh");
    assert_int_equal(file->ops->write_at(file, 4, &part, 1, &err), COPSE_IO);
    assert_int_equal(err.os_errno, ENOSPC);
    assert_true(sim_is(sim, "f", "abcdef"));                     /* what fits */
    assert_int_equal(sim_write(file, 0, "ABCDEF", 6), COPSE_OK); /* in place */
    assert_int_equal(file->ops->truncate(file, 7, NULL), COPSE_IO);
    assert_int_equal(sim_write(file, 100, "x", 1), COPSE_IO);
    assert_true(sim_is(sim, "f", "ABCDEF"));
    assert_int_equal(os->ops->remove(os, "old", NULL), COPSE_OK);
    assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_OK); /* only now is its space free */
    assert_int_equal(sim_write(file, 6, "0123456789", 10), COPSE_OK);
    assert_int_equal(os_sim_size_bytes(sim), 16);
    file->ops->close(file);
    copse_os_free(os);
    os_sim_free(sim);
}

static void sim_disk_is_read_only(void **state)
{
    (void)state;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    sim_make(os, "f", "text");
    copse_file *file = sim_open(os, "f", COPSE_OPEN_WRITE);
    copse_file *none = NULL;
    os_sim_set_read_only(sim, true);
    assert_int_equal(sim_write(file, 0, "x", 1), COPSE_DENIED);
    assert_int_equal(file->ops->truncate(file, 0, NULL), COPSE_DENIED);
    assert_int_equal(os->ops->open(os, "f", COPSE_OPEN_WRITE, &none, NULL), COPSE_DENIED);
    assert_int_equal(os->ops->open(os, "g", SIM_MAKE, &none, NULL), COPSE_DENIED);
    assert_int_equal(os->ops->rename(os, "f", "g", NULL), COPSE_DENIED);
    assert_int_equal(os->ops->remove(os, "f", NULL), COPSE_DENIED);
    assert_int_equal(os->ops->make_dir(os, "d", NULL), COPSE_DENIED);
    assert_int_equal(os->ops->open(os, "f", 0, &none, NULL), COPSE_OK);
    none->ops->close(none);
    file->ops->close(file);
    assert_true(sim_is(sim, "f", "text"));
    copse_os_free(os);
    os_sim_free(sim);
}

static void sim_drops_the_syncs_of_mutants(void **state)
{
    (void)state;
    unsigned lost_file = 0;
    unsigned lost_name = 0;
    os_sim *sim = os_sim_new();
    copse_os *os = os_sim_process(sim);
    assert_int_equal(os->ops->make_dir(os, "s", NULL), COPSE_OK);
    assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_OK);
    os_sim_drop_sync(sim, "journal", false);
    os_sim_drop_sync(sim, "s", true);
    assert_int_equal(os_sim_dropped_syncs(sim), 0);
    sim_make(os, "s/journal-1", "text");
    sim_make(os, "s/pack", "text");
    sim_make(os, "kept", "text");
    assert_int_equal(os->ops->sync_dir(os, "s", NULL), COPSE_OK);
    assert_int_equal(os_sim_dropped_syncs(sim), 2);
    for (uint64_t seed = 0; seed < 200; seed++) {
        os_sim *after = os_sim_crash(sim, seed);
        assert_true(sim_is(after, "kept", "text"));
        assert_true(!sim_is_there(after, "s/pack") || sim_is(after, "s/pack", "text"));
        lost_file += sim_is_there(after, "s/journal-1") && !sim_is(after, "s/journal-1", "text");
        lost_name += !sim_is_there(after, "s/pack");
        os_sim_free(after);
    }
    assert_true(lost_file > 0 && lost_name > 0);
    copse_os_free(os);
    os_sim_free(sim);
}

/* ---- the hook ---- */

typedef struct sim_hooked {
    os_sim *sim;
    uint64_t calls;
    uint64_t waits;
    uint64_t kill_at;
    unsigned crashes_seen[6]; /* by the size of "f" afterwards */
    copse_file *holder;       /* lets go at the third wait */
} sim_hooked;

static void sim_on_call(void *ctx, const os_sim_call *call)
{
    sim_hooked *hooked = ctx;
    copse_bytes content;
    if (call->is_waiting) {
        if (++hooked->waits == 3) {
            copse_file *holder = hooked->holder;
            assert_int_equal(holder->ops->lock(holder, COPSE_LOCK_NONE, false, NULL), COPSE_OK);
        }
        return;
    }
    assert_int_equal(call->number, os_sim_calls(hooked->sim));
    if (hooked->calls++ == hooked->kill_at) {
        os_sim_kill(call->process);
    }
    os_sim *after = os_sim_crash(hooked->sim, call->number);
    if (os_sim_peek(after, "d/a", &content)) {
        assert_true(content.len <= 4);
        hooked->crashes_seen[content.len]++;
    } else {
        hooked->crashes_seen[5]++;
    }
    os_sim_free(after);
}

/* Killed before each call in turn: what is left of its work, no call after that. */
static void sim_hook_crashes_and_kills(void **state)
{
    (void)state;
    unsigned seen[6] = {0};
    for (uint64_t n = 0; n <= OS_SIM_KINDS; n++) {
        sim_hooked hooked = {.sim = os_sim_new(), .kill_at = n};
        copse_os *os = os_sim_process(hooked.sim);
        os_sim_set_hook(hooked.sim, sim_on_call, &hooked);
        assert_int_equal(sim_use_all(os), n < OS_SIM_KINDS ? COPSE_IO : COPSE_OK);
        assert_int_equal(os_sim_calls(hooked.sim), n);
        copse_os_free(os);
        os_sim_free(hooked.sim);
        for (size_t i = 0; i < 6; i++) {
            seen[i] += hooked.crashes_seen[i];
        }
    }
    assert_true(seen[0] > 0 && seen[2] > 0 && seen[5] > 0);
}

static void sim_lock_waits(void **state)
{
    (void)state;
    sim_hooked hooked = {.sim = os_sim_new(), .kill_at = UINT64_MAX};
    copse_err err = {0};
    copse_os *os = os_sim_process(hooked.sim);
    copse_os *other = os_sim_process(hooked.sim);
    copse_file *file = sim_open(os, "f", SIM_MAKE);
    hooked.holder = sim_open(other, "f", SIM_MAKE);
    assert_int_equal(hooked.holder->ops->lock(hooked.holder, COPSE_LOCK_EXCLUSIVE, false, NULL),
                     COPSE_OK);
    assert_int_equal(file->ops->lock(file, COPSE_LOCK_SHARED, true, &err), COPSE_IO);
    assert_int_equal(err.os_errno, EDEADLK);
    os_sim_set_hook(hooked.sim, sim_on_call, &hooked);
    assert_int_equal(file->ops->lock(file, COPSE_LOCK_SHARED, true, &err), COPSE_OK);
    assert_int_equal(hooked.waits, 3);
    file->ops->close(file);
    hooked.holder->ops->close(hooked.holder);
    copse_os_free(os);
    copse_os_free(other);
    os_sim_free(hooked.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sim_fails_every_call),
        cmocka_unit_test(sim_faults_choose_and_last),
        cmocka_unit_test(sim_disk_fills_up),
        cmocka_unit_test(sim_disk_is_read_only),
        cmocka_unit_test(sim_drops_the_syncs_of_mutants),
        cmocka_unit_test(sim_hook_crashes_and_kills),
        cmocka_unit_test(sim_lock_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
