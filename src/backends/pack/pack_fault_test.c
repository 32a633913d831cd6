/* Every system call and every allocation fails once, and the disk is full at every byte: the
 * failure is reported, nothing leaks, and what was acknowledged before is there afterwards.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/pack_maintenance.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/os_sim.h"
#include "support/pack_support.h"
#include "support/test_env.h"

enum { FAULT_COMMITS = 8, FAULT_BULK_BLOCKS = 3, FAULT_BULK_SIZE = 400000 };

/* A run of the scenario on a machine, and how far it came. */
typedef struct fault_run {
    os_sim *sim;
    test_env env; /* of the store */
    test_env own; /* of the test */
    bool with_bulk;
    uint64_t acked; /* commits */
    bool is_under_way;
} fault_run;

static void fault_init(fault_run *run)
{
    memset(run, 0, sizeof *run);
    run->sim = os_sim_new();
    test_env_init(&run->env);
    test_env_init(&run->own);
}

static void fault_release(fault_run *run)
{
    run->sim = os_sim_free(run->sim);
    test_env_assert_empty(&run->env);
    test_env_assert_empty(&run->own);
}

static copse_status fault_put(fault_run *run, copse_pack_db *db, uint64_t number, size_t size,
                              copse_cid *ret_cid, copse_err *err)
{
    copse_block *block = block_support_make(&run->own.env, number, size);
    *ret_cid = *copse_block_cid(block);
    copse_status status = copse_store_put(copse_pack_db_store(db), &block, 1, err);
    copse_block_unref(block);
    return status;
}

/* The root of commit `number`, from 1. */
static copse_cid fault_root(fault_run *run, uint64_t number)
{
    copse_block *block = block_support_make(&run->own.env, number, 300);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    return cid;
}

static copse_status fault_commit(fault_run *run, copse_pack_db *db, copse_err *err)
{
    copse_cid cid;
    copse_cid last;
    uint64_t number = run->acked + 1;
    bool is_bulk = run->with_bulk && number == 3;
    copse_status status = is_bulk ? copse_pack_db_begin_bulk(db, err) : COPSE_OK;
    for (uint64_t i = 0; i < FAULT_BULK_BLOCKS && status == COPSE_OK && is_bulk; i++) {
        status = fault_put(run, db, 1000 + i, FAULT_BULK_SIZE, &cid, err);
    }
    if (status == COPSE_OK) {
        status = fault_put(run, db, number, 300, &cid, err);
    }
    if (status == COPSE_OK) {
        last = fault_root(run, number - 1);
        run->is_under_way = true;
        status = copse_refs_swap(copse_pack_db_refs(db), copse_bytes_of_text("r"),
                                 number > 1 ? &last : NULL, &cid, err);
    }
    if (status == COPSE_OK) {
        run->acked = number;
        run->is_under_way = false;
    }
    return status;
}

/* The refs, each alone: so a collection meets both ways to keep. */
typedef struct fault_roots {
    copse_pack_db *db;
    copse_pack_gc_keep_fn keep;
    void *keep_ctx;
} fault_roots;

static copse_status fault_keep_ref(void *ctx, copse_bytes name, const copse_cid *cid,
                                   copse_err *err)
{
    const fault_roots *roots = ctx;
    (void)name;
    return roots->keep(roots->keep_ctx, cid, false, err);
}

static copse_status fault_keep_refs(void *ctx, copse_pack_gc_keep_fn keep, void *keep_ctx,
                                    copse_err *err)
{
    fault_roots *roots = ctx;
    roots->keep = keep;
    roots->keep_ctx = keep_ctx;
    return copse_refs_iterate(copse_pack_db_refs(roots->db), fault_keep_ref, roots, err);
}

static copse_status fault_collect(fault_run *run, copse_pack_db *db, copse_err *err)
{
    fault_roots roots = {.db = db};
    const copse_cid pin = fault_root(run, 1);
    const copse_pack_gc_options options = {
        .pins = &pin, .pins_count = 1, .roots = fault_keep_refs, .roots_ctx = &roots};
    return copse_pack_gc(db, &options, NULL, err);
}

static copse_status fault_scenario(fault_run *run, copse_err *err)
{
    copse_pack_options options = {.create = true, .journal_size_bytes_max = 1000};
    copse_pack_db *db = NULL;
    copse_cid cid;
    copse_os *os = os_sim_process(run->sim);
    copse_status status = copse_pack_db_open(&run->env.env, os, "/store", &options, &db, err);
    while (status == COPSE_OK && run->acked < FAULT_COMMITS) {
        status = fault_commit(run, db, err);
        if (status == COPSE_OK && run->acked == 5) {
            status = fault_collect(run, db, err);
        }
    }
    if (status == COPSE_OK) {
        status = fault_put(run, db, 500, 200, &cid, err);
    }
    if (status == COPSE_OK) {
        status = copse_store_flush(copse_pack_db_store(db), err);
    }
    db = copse_pack_db_close(db);
    if (status == COPSE_OK) {
        status = copse_pack_fsck(&run->env.env, os, "/store", NULL, NULL, err);
    }
    copse_os_free(os);
    return status;
}

/* With nothing failing any more: what was acknowledged is there, and the store goes on. */
static void fault_check(fault_run *run)
{
    copse_err err = {0};
    copse_pack_options options = {.create = true};
    copse_pack_db *db = NULL;
    copse_pack_fsck_stats stats;
    copse_cid cid = {0};
    copse_block *block = NULL;
    copse_os *os = os_sim_process(run->sim);
    pack_must(copse_pack_db_open(&run->own.env, os, "/store", &options, &db, &err), &err);
    copse_status status =
        copse_refs_get(copse_pack_db_refs(db), copse_bytes_of_text("r"), &cid, &err);
    copse_cid expected = fault_root(run, run->acked);
    copse_cid next = fault_root(run, run->acked + 1);
    bool is_next = run->is_under_way && status == COPSE_OK && copse_cid_equal(&cid, &next);
    if (run->acked == 0 && !is_next) {
        assert_int_equal(status, COPSE_NOT_FOUND);
    } else {
        pack_must(status, &err);
        assert_true(is_next || copse_cid_equal(&cid, &expected));
        pack_must(copse_store_get(copse_pack_db_store(db), &cid, &block, &err), &err);
        assert_int_equal(copse_block_verify(block, NULL), COPSE_OK);
        copse_block_unref(block);
    }
    run->acked += is_next;
    pack_must(fault_commit(run, db, &err), &err);
    db = copse_pack_db_close(db);
    pack_must(copse_pack_fsck(&run->own.env, os, "/store", NULL, &stats, &err), &err);
    assert_int_equal(stats.findings[COPSE_PACK_FINDING_DAMAGE], 0);
    assert_int_equal(stats.findings[COPSE_PACK_FINDING_TAIL], 0);
    copse_os_free(os);
}

static void fault_calls_that_fail_lose_nothing(void **state)
{
    (void)state;
    bool fired = true;
    uint64_t n = 0;
    size_t reported = 0;
    for (; fired; n++) {
        fault_run run;
        copse_err err = {0};
        fault_init(&run);
        run.with_bulk = true;
        os_sim_fail(run.sim, OS_SIM_MASK_ALL, n, EIO, false);
        copse_status status = fault_scenario(&run, &err);
        fired = os_sim_failed(run.sim) > 0;
        if (status != COPSE_OK) {
            assert_int_equal(status, COPSE_IO);
            assert_int_equal(err.status, COPSE_IO);
            assert_true(fired && err.message[0] != 0);
            reported++;
        }
        os_sim_fail(run.sim, 0, 0, 0, false);
        fault_check(&run);
        fault_release(&run);
    }
    print_message("%llu calls failed, %zu failures reported\n", (unsigned long long)n - 1,
                  reported);
    assert_true(n > 100 && reported > n / 2);
}

static void fault_allocations_that_fail_lose_nothing(void **state)
{
    (void)state;
    bool fired = true;
    uint64_t n = 0;
    for (; fired; n++) {
        fault_run run;
        copse_err err = {0};
        fault_init(&run);
        run.with_bulk = true;
        run.env.fail_at = n;
        copse_status status = fault_scenario(&run, &err);
        fired = run.env.failed;
        if (status != COPSE_OK) {
            assert_int_equal(status, COPSE_NOMEM);
            assert_true(fired);
        }
        run.env.fail_at = UINT64_MAX;
        fault_check(&run);
        fault_release(&run);
    }
    print_message("%llu allocations failed\n", (unsigned long long)n - 1);
    assert_true(n > 50);
}

static void fault_full_disk_loses_nothing(void **state)
{
    (void)state;
    copse_status status = COPSE_IO;
    uint64_t size = 0;
    for (; status != COPSE_OK; size += 11) {
        fault_run run;
        copse_err err = {0};
        fault_init(&run);
        os_sim_set_space(run.sim, size);
        status = fault_scenario(&run, &err);
        if (status != COPSE_OK) {
            assert_int_equal(status, COPSE_IO);
            assert_int_equal(err.os_errno, ENOSPC);
        }
        os_sim_set_space(run.sim, UINT64_MAX);
        fault_check(&run);
        fault_release(&run);
    }
    print_message("room for %llu bytes was enough\n", (unsigned long long)size);
    assert_true(size > 2000);
}

static void fault_read_only_disk_is_denied(void **state)
{
    (void)state;
    fault_run run;
    copse_err err = {0};
    fault_init(&run);
    pack_must(fault_scenario(&run, &err), &err);
    os_sim_set_read_only(run.sim, true);
    copse_os *os = os_sim_process(run.sim);
    copse_pack_options options = {.read_only = true};
    copse_pack_db *db = NULL;
    pack_must(copse_pack_db_open(&run.own.env, os, "/store", &options, &db, &err), &err);
    copse_cid cid;
    pack_must(copse_refs_get(copse_pack_db_refs(db), copse_bytes_of_text("r"), &cid, &err), &err);
    db = copse_pack_db_close(db);
    options.read_only = false;
    copse_status status = copse_pack_db_open(&run.own.env, os, "/store", &options, &db, &err);
    if (status == COPSE_OK) {
        status = fault_commit(&run, db, &err);
    }
    assert_int_equal(status, COPSE_DENIED);
    copse_pack_db_close(db);
    copse_os_free(os);
    fault_release(&run);
}

/* A put that failed to read what others wrote must read it at the next try (D4): a collection may
 * have taken the block away. */
static void fault_put_looks_again(void **state)
{
    (void)state;
    fault_run run;
    copse_err err = {0};
    copse_pack_db *db[2] = {NULL, NULL};
    copse_os *os[2];
    copse_cid cid;
    bool is_there = false;
    copse_pack_options options = {.create = true};
    fault_init(&run);
    for (size_t i = 0; i < 2; i++) {
        os[i] = os_sim_process(run.sim);
        pack_must(copse_pack_db_open(&run.env.env, os[i], "/store", &options, &db[i], &err), &err);
        if (i == 0) {
            pack_must(fault_put(&run, db[0], 1, 100, &cid, &err), &err);
            pack_must(copse_store_flush(copse_pack_db_store(db[0]), &err), &err);
        }
    }
    pack_must(copse_pack_gc(db[1], NULL, NULL, &err), &err);
    os_sim_fail(run.sim, OS_SIM_MASK(OS_SIM_READ), 0, EIO, false);
    assert_int_equal(fault_put(&run, db[0], 1, 100, &cid, &err), COPSE_IO);
    os_sim_fail(run.sim, 0, 0, 0, false);
    pack_must(fault_put(&run, db[0], 1, 100, &cid, &err), &err);
    pack_must(copse_store_flush(copse_pack_db_store(db[0]), &err), &err);
    pack_must(copse_pack_db_refresh(db[1], &err), &err);
    pack_must(copse_store_has(copse_pack_db_store(db[1]), &cid, &is_there, &err), &err);
    assert_true(is_there);
    for (size_t i = 0; i < 2; i++) {
        copse_pack_db_close(db[i]);
        copse_os_free(os[i]);
    }
    fault_release(&run);
}

/* A load whose pack could not be finished, for a moment: when it is tried again, either all of it
 * is committed and whole, or nothing. */
static void fault_load_is_not_committed_by_half(void **state)
{
    (void)state;
    bool fired = true;
    size_t refused = 0;
    for (uint64_t n = 0; fired; n++) {
        fault_run run;
        copse_err err = {0};
        copse_pack_db *db = NULL;
        copse_cid cid = {0};
        copse_cid first = {0};
        copse_pack_options options = {.create = true};
        copse_pack_fsck_stats stats;
        bool is_there = false;
        fault_init(&run);
        copse_os *os = os_sim_process(run.sim);
        pack_must(copse_pack_db_open(&run.env.env, os, "/store", &options, &db, &err), &err);
        pack_must(copse_pack_db_begin_bulk(db, &err), &err);
        for (uint64_t i = 0; i < FAULT_BULK_BLOCKS; i++) {
            pack_must(fault_put(&run, db, 1000 + i, FAULT_BULK_SIZE, &cid, &err), &err);
            first = i == 0 ? cid : first;
        }
        os_sim_fail(run.sim, OS_SIM_MASK_ALL, n, EIO, false);
        copse_bytes name = copse_bytes_of_text("r");
        copse_status status = copse_refs_swap(copse_pack_db_refs(db), name, NULL, &cid, &err);
        fired = os_sim_failed(run.sim) > 0;
        os_sim_fail(run.sim, 0, 0, 0, false);
        if (status != COPSE_OK) {
            status = copse_refs_swap(copse_pack_db_refs(db), name, NULL, &cid, &err);
        }
        copse_pack_db_close(db);
        pack_must(copse_pack_fsck(&run.env.env, os, "/store", NULL, &stats, &err), &err);
        assert_int_equal(stats.findings[COPSE_PACK_FINDING_DAMAGE], 0);
        assert_int_equal(stats.findings[COPSE_PACK_FINDING_ABSENT], 0);
        pack_must(copse_pack_db_open(&run.env.env, os, "/store", &options, &db, &err), &err);
        pack_must(copse_store_has(copse_pack_db_store(db), &first, &is_there, &err), &err);
        assert_true(is_there || status != COPSE_OK);
        refused += status != COPSE_OK;
        copse_pack_db_close(db);
        copse_os_free(os);
        fault_release(&run);
    }
    assert_true(refused > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_calls_that_fail_lose_nothing),
        cmocka_unit_test(fault_allocations_that_fail_lose_nothing),
        cmocka_unit_test(fault_full_disk_loses_nothing),
        cmocka_unit_test(fault_read_only_disk_is_denied),
        cmocka_unit_test(fault_put_looks_again),
        cmocka_unit_test(fault_load_is_not_committed_by_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
