/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/history_range.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/commit_world.h"
#include "support/want_supply.h"

enum { RANGE_COMMITS = 60, RANGE_HEADS = 2 };

/* Walks to the end; blocks that are wanted come from `fetched_from`. Checks the order. */
static size_t range_walk(const copse_env *env, copse_source *source, copse_store *fetched_from,
                         const copse_cid *want, const copse_cid *have, size_t have_count,
                         copse_cid *ret_cids)
{
    copse_history_range *range = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    copse_status status;
    uint64_t generation = UINT64_MAX;
    size_t count = 0;
    assert_int_equal(
        copse_history_range_new(env, source, want, RANGE_HEADS, have, have_count, &range, NULL),
        COPSE_OK);
    while ((status = copse_history_range_next(range, &cid, &commit, NULL)) != COPSE_END) {
        if (status == COPSE_WANT) {
            (void)want_supply_some(source, fetched_from, 1);
            continue;
        }
        assert_int_equal(status, COPSE_OK);
        assert_true(commit->generation <= generation);
        generation = commit->generation;
        ret_cids[count++] = *cid;
    }
    assert_null(copse_history_range_free(range));
    return count;
}

static bool range_reaches(commit_world *world, const copse_cid *heads, size_t count,
                          const copse_cid *cid)
{
    bool reaches = false;
    for (size_t i = 0; i < count; i++) {
        reaches = reaches || commit_world_reaches(world, &heads[i], cid);
    }
    return reaches;
}

static void range_check(commit_world *world, const copse_cid *want, const copse_cid *have,
                        size_t have_count, const copse_cid *found, size_t found_count)
{
    size_t expected = 0;
    for (size_t n = 0; n < RANGE_COMMITS; n++) {
        size_t times = 0;
        bool is_in = range_reaches(world, want, RANGE_HEADS, &world->cids[n]) &&
                     !range_reaches(world, have, have_count, &world->cids[n]);
        for (size_t i = 0; i < found_count; i++) {
            times += copse_cid_equal(&found[i], &world->cids[n]);
        }
        assert_int_equal(times, is_in);
        expected += is_in;
    }
    assert_int_equal(found_count, expected);
}

static void test_it_is_what_the_wanted_have_more(void **state)
{
    (void)state;
    size_t empty = 0;
    for (uint32_t seed = 1; seed <= 10; seed++) {
        commit_world world;
        commit_world_init_random(&world, RANGE_COMMITS, seed);
        for (size_t i = 0; i < 8; i++) {
            copse_cid found[RANGE_COMMITS];
            copse_cid there[RANGE_COMMITS];
            copse_source *sparse = NULL;
            const copse_cid want[RANGE_HEADS] = {world.cids[12 + (seed + i * 5) % 10],
                                                 world.cids[10 + (seed * 3 + i) % 10]};
            const copse_cid have[2] = {world.cids[6 + (seed * 7 + i) % 14],
                                       world.cids[4 + (seed + i * 11) % 16]};
            size_t have_count = i % 3;
            size_t count =
                range_walk(&world.test.env, world.source, NULL, want, have, have_count, found);
            range_check(&world, want, have, have_count, found, count);
            empty += count == 0;
            assert_int_equal(copse_source_new(&world.test.env, NULL, &sparse, NULL), COPSE_OK);
            assert_int_equal(
                range_walk(&world.test.env, sparse, world.store, want, have, have_count, there),
                count);
            assert_memory_equal(found, there, count * sizeof *found);
            copse_source_free(sparse);
        }
        commit_world_release(&world);
    }
    assert_true(empty < 40);
}

static void test_a_line_is_read_down_to_what_is_had(void **state)
{
    (void)state;
    commit_world world;
    copse_history_range *range = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    size_t count = 0;
    commit_world_init(&world);
    for (size_t i = 0; i < 200; i++) {
        copse_commit next = commit_world_next(&world, i > 0 ? &world.cids[i - 1] : NULL, i > 0);
        world.cids[i] = commit_world_put(&world, &next);
    }
    assert_int_equal(copse_history_range_new(&world.test.env, world.source, &world.cids[199], 1,
                                             &world.cids[149], 1, &range, NULL),
                     COPSE_OK);
    while (copse_history_range_next(range, &cid, &commit, NULL) == COPSE_OK) {
        assert_true(copse_cid_equal(cid, &world.cids[199 - count]));
        count++;
    }
    assert_int_equal(count, 50);
    assert_true(copse_history_range_commits_read(range) <= 51);
    copse_history_range_free(range);
    assert_int_equal(copse_history_range_new(&world.test.env, world.source, NULL, 0,
                                             &world.cids[149], 1, &range, NULL),
                     COPSE_MISUSE);
    commit_world_release(&world);
}

static copse_status range_sweep(const copse_env *env, void *ctx)
{
    commit_world *world = ctx;
    copse_history_range *range = NULL;
    copse_source *source = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    copse_status status = copse_source_new(env, world->store, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_history_range_new(env, source, &world->cids[RANGE_COMMITS - 1], 1,
                                         &world->cids[RANGE_COMMITS - 20], 1, &range, NULL);
    }
    while (status == COPSE_OK) {
        status = copse_history_range_next(range, &cid, &commit, NULL);
    }
    copse_history_range_free(range);
    copse_source_free(source);
    return status == COPSE_END ? COPSE_OK : status;
}

static void test_a_range_survives_failing_allocations(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init_random(&world, RANGE_COMMITS, 5);
    assert_true(test_env_sweep(range_sweep, &world, 1000) > 3);
    commit_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_what_the_wanted_have_more),
        cmocka_unit_test(test_a_line_is_read_down_to_what_is_had),
        cmocka_unit_test(test_a_range_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
