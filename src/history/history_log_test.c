/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/history_log.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/commit_world.h"
#include "support/want_supply.h"

enum { LOG_COMMITS = 120, LOG_HEADS = 3 };

/* Walks from the heads, checks the order, and returns which commits came. */
static size_t log_walk(const copse_env *env, copse_source *source, const copse_cid *heads,
                       size_t count, copse_store *fetched_from, copse_cid *ret_cids)
{
    copse_history_log *log = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    copse_commit before = {.time_ms = UINT64_MAX};
    copse_status status;
    size_t found = 0;
    assert_int_equal(copse_history_log_new(env, source, heads, count, &log, NULL), COPSE_OK);
    while ((status = copse_history_log_next(log, &cid, &commit, NULL)) != COPSE_END) {
        if (status == COPSE_WANT) {
            (void)want_supply_some(source, fetched_from, SIZE_MAX);
            continue;
        }
        assert_int_equal(status, COPSE_OK);
        assert_true(commit->time_ms <= before.time_ms);
        before = *commit;
        ret_cids[found++] = *cid;
    }
    assert_null(copse_history_log_free(log));
    return found;
}

static void test_all_ancestors_come_once_newest_first(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 10; seed++) {
        commit_world world;
        copse_cid found[LOG_COMMITS];
        commit_world_init_random(&world, LOG_COMMITS, seed);
        const copse_cid heads[LOG_HEADS] = {world.cids[20], world.cids[18], world.cids[20]};
        size_t count = log_walk(&world.test.env, world.source, heads, LOG_HEADS, NULL, found);
        size_t expected = 0;
        for (size_t n = 0; n < LOG_COMMITS; n++) {
            bool reached = n <= 20 && (commit_world_reaches(&world, &heads[0], &world.cids[n]) ||
                                       commit_world_reaches(&world, &heads[1], &world.cids[n]));
            size_t times = 0;
            for (size_t i = 0; i < count; i++) {
                times += copse_cid_equal(&found[i], &world.cids[n]);
            }
            assert_int_equal(times, reached);
            expected += reached;
        }
        assert_int_equal(count, expected);
        commit_world_release(&world);
    }
}

static void test_missing_commits_are_wanted(void **state)
{
    (void)state;
    commit_world world;
    copse_source *sparse = NULL;
    copse_cid here[LOG_COMMITS];
    copse_cid there[LOG_COMMITS];
    commit_world_init_random(&world, LOG_COMMITS, 99);
    assert_int_equal(copse_source_new(&world.test.env, NULL, &sparse, NULL), COPSE_OK);
    const copse_cid *head = &world.cids[LOG_COMMITS - 1];
    size_t count = log_walk(&world.test.env, world.source, head, 1, NULL, here);
    assert_int_equal(log_walk(&world.test.env, sparse, head, 1, world.store, there), count);
    for (size_t i = 0; i < count; i++) {
        assert_true(copse_cid_equal(&here[i], &there[i]));
    }
    copse_source_free(sparse);
    commit_world_release(&world);
}

static void test_a_descendant_of_its_ancestor_is_refused(void **state)
{
    (void)state;
    commit_world world;
    copse_history_log *log = NULL;
    const copse_cid *cid;
    const copse_commit *given;
    copse_err err = {0};
    commit_world_init(&world);
    copse_commit commit = commit_world_next(&world, NULL, 0);
    copse_cid root = commit_world_put(&world, &commit);
    commit = commit_world_next(&world, &root, 1);
    commit.generation = 7;
    copse_cid liar = commit_world_put(&world, &commit);
    commit.parents[0] = liar;
    commit.generation = 3;
    copse_cid head = commit_world_put(&world, &commit);
    assert_int_equal(copse_history_log_new(&world.test.env, world.source, &head, 1, &log, NULL),
                     COPSE_OK);
    assert_int_equal(copse_history_log_next(log, &cid, &given, NULL), COPSE_OK);
    assert_true(copse_cid_equal(cid, &head));
    assert_int_equal(copse_history_log_next(log, &cid, &given, &err), COPSE_CORRUPT);
    assert_non_null(strstr(err.message, "generation"));
    copse_history_log_free(log);
    commit_world_release(&world);
}

static copse_status log_sweep(const copse_env *env, void *ctx)
{
    commit_world *world = ctx;
    copse_history_log *log = NULL;
    copse_source *source = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    copse_status status = copse_source_new(env, world->store, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_history_log_new(env, source, &world->cids[LOG_COMMITS - 1], 1, &log, NULL);
    }
    while (status == COPSE_OK) {
        status = copse_history_log_next(log, &cid, &commit, NULL);
    }
    copse_history_log_free(log);
    copse_source_free(source);
    return status == COPSE_END ? COPSE_OK : status;
}

static void test_a_walk_survives_failing_allocations(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init_random(&world, LOG_COMMITS, 5);
    assert_true(test_env_sweep(log_sweep, &world, 1000) > 3);
    commit_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ancestors_come_once_newest_first),
        cmocka_unit_test(test_missing_commits_are_wanted),
        cmocka_unit_test(test_a_descendant_of_its_ancestor_is_refused),
        cmocka_unit_test(test_a_walk_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
