/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "history/milestones.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/commit_world.h"

enum { LINE = 299 };

static void init_line(commit_world *world, size_t count)
{
    commit_world_init(world);
    for (size_t i = 0; i < count; i++) {
        copse_commit next = commit_world_next(world, i > 0 ? &world->cids[i - 1] : NULL, i > 0);
        world->cids[i] = commit_world_put(world, &next);
    }
}

static void find(commit_world *world, const copse_cid *head, copse_milestones *ret_milestones)
{
    assert_int_equal(
        copse_milestones_find(&world->test.env, world->source, head, ret_milestones, NULL),
        COPSE_OK);
}

/* Asserts that they are the commits of a line that are so many back from its `head`th. */
static void assert_back(const commit_world *world, const copse_milestones *milestones, size_t head,
                        const size_t *back, size_t count)
{
    assert_int_equal(milestones->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(copse_cid_equal(&milestones->cids[i], &world->cids[head - back[i]]));
    }
}

/* N1, N4: of a history of so many commits. */
static const struct case_of_line {
    size_t length;
    size_t count;
    size_t back[20];
} case_lines[] = {
    {1, 1, {0}},
    {2, 2, {0, 1}},
    {3, 3, {0, 1, 2}},
    {4, 4, {0, 1, 2, 3}},
    {6, 5, {0, 1, 2, 4, 5}},
    {33, 7, {0, 1, 2, 4, 8, 16, 32}},
    {64, 8, {0, 1, 2, 4, 8, 16, 32, 63}},
    {65, 8, {0, 1, 2, 4, 8, 16, 32, 64}},
    {66, 9, {0, 1, 2, 4, 8, 16, 32, 64, 65}},
    {128, 14, {0, 1, 2, 4, 8, 16, 32, 64, 96, 112, 120, 124, 126, 127}},
    {129, 9, {0, 1, 2, 4, 8, 16, 32, 64, 128}},
    {257, 10, {0, 1, 2, 4, 8, 16, 32, 64, 128, 256}},
    {LINE, 13, {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 288, 296, 298}},
};

static void test_distances_double(void **state)
{
    (void)state;
    commit_world world;
    copse_milestones milestones;
    init_line(&world, LINE);
    for (size_t i = 0; i < sizeof case_lines / sizeof *case_lines; i++) {
        const struct case_of_line *one = &case_lines[i];
        fault_store_forget(world.store);
        find(&world, &world.cids[one->length - 1], &milestones);
        assert_back(&world, &milestones, one->length - 1, one->back, one->count);
        assert_true(commit_world_gets(&world) < COPSE_MILESTONES_NEAR + 70);
    }
    commit_world_release(&world);
}

/* N3, N4: of a clone's history what was fetched, of so many commits. */
static void test_what_is_not_here_ends_them(void **state)
{
    (void)state;
    commit_world world;
    copse_milestones milestones;
    init_line(&world, LINE);
    for (size_t i = 0; i < sizeof case_lines / sizeof *case_lines; i++) {
        const struct case_of_line *one = &case_lines[i];
        for (size_t n = one->length; n < LINE; n++) {
            fault_store_hide(world.store, &world.cids[LINE - 1 - n]);
        }
        find(&world, &world.cids[LINE - 1], &milestones);
        assert_back(&world, &milestones, LINE - 1, one->back, one->count);
        fault_store_heal(world.store);
    }
    find(&world, commit_world_tree(), &milestones); /* a block that is not here */
    assert_int_equal(milestones.count, 0);
    commit_world_release(&world);
}

static size_t times(const copse_milestones *milestones, const copse_cid *cid)
{
    size_t count = 0;
    for (size_t i = 0; i < milestones->count; i++) {
        count += copse_cid_equal(&milestones->cids[i], cid);
    }
    return count;
}

/* N2: a merge's other parent, unless it is not here. */
static void test_parents_of_merges(void **state)
{
    (void)state;
    commit_world world;
    copse_milestones milestones;
    copse_cid heads[2];
    copse_cid others[3];
    init_line(&world, 200);
    heads[0] = world.cids[199];
    for (size_t i = 0; i < 3; i++) { /* with lines that left it 60, 100 and 140 back */
        copse_commit side = commit_world_next(&world, &world.cids[139 - 40 * i], 1);
        others[i] = commit_world_put(&world, &side);
        heads[1] = others[i];
        copse_commit merge = commit_world_next(&world, heads, 2);
        heads[0] = commit_world_put(&world, &merge);
        for (size_t n = 0; n < 30; n++) {
            copse_commit next = commit_world_next(&world, heads, 1);
            heads[0] = commit_world_put(&world, &next);
        }
    }
    find(&world, &heads[0], &milestones);
    assert_int_equal(times(&milestones, &others[2]), 1); /* 30 back */
    assert_int_equal(times(&milestones, &others[1]), 1); /* 61 back */
    assert_int_equal(times(&milestones, &others[0]), 0); /* 92 back */
    assert_int_equal(milestones.count, 12 + 2);
    fault_store_hide(world.store, &others[2]);
    find(&world, &heads[0], &milestones);
    assert_int_equal(milestones.count, 12 + 1);
    commit_world_release(&world);
}

/* However many merges there are, the line has room. */
static void test_room(void **state)
{
    (void)state;
    commit_world world;
    copse_milestones milestones;
    init_line(&world, 200);
    copse_cid heads[16];
    heads[0] = world.cids[199];
    for (size_t n = 0; n < 20; n++) {
        for (size_t i = 1; i < 16; i++) {
            heads[i] = world.cids[i * 10];
        }
        copse_commit merge = commit_world_next(&world, heads, 16);
        heads[0] = commit_world_put(&world, &merge);
    }
    find(&world, &heads[0], &milestones);
    assert_in_range(milestones.count, 130, COPSE_MILESTONES_MAX);
    assert_int_equal(times(&milestones, &world.cids[199 - (128 - 20)]), 1);
    commit_world_release(&world);
}

static copse_status find_with(const copse_env *env, void *ctx)
{
    commit_world *world = ctx;
    copse_milestones milestones;
    copse_source *source = NULL;
    copse_status status = copse_source_new(env, world->store, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_milestones_find(env, source, &world->cids[LINE - 1], &milestones, NULL);
    }
    copse_source_free(source);
    return status;
}

static void test_failures(void **state)
{
    (void)state;
    commit_world world;
    copse_milestones milestones;
    init_line(&world, LINE);
    assert_true(test_env_sweep(find_with, &world, 1000) > 0);
    uint64_t n = 0;
    for (bool failed = true; failed; n++) {
        fault_store_fail_at(world.store, n, COPSE_IO);
        copse_status status = copse_milestones_find(&world.test.env, world.source,
                                                    &world.cids[LINE - 1], &milestones, NULL);
        failed = fault_store_has_failed(world.store);
        assert_int_equal(status, failed ? COPSE_IO : COPSE_OK);
        fault_store_heal(world.store);
    }
    assert_true(n > COPSE_MILESTONES_NEAR);
    commit_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances_double),  cmocka_unit_test(test_what_is_not_here_ends_them),
        cmocka_unit_test(test_parents_of_merges), cmocka_unit_test(test_room),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
