/* A line of as many commits as are looked at, and of one more.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_frontier.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/commit_world.h"

static copse_status frontier_find(commit_world *world, const copse_cid *ours,
                                  const copse_cid *theirs, size_t *ret_count)
{
    test_env test;
    copse_source *source = NULL;
    copse_head_frontier *frontier = NULL;
    const copse_head_frontier_commit *commits;
    test_env_init(&test);
    assert_int_equal(copse_source_new(&test.env, world->store, &source, NULL), COPSE_OK);
    assert_int_equal(copse_head_frontier_new(&test.env, source, ours, theirs, &frontier, NULL),
                     COPSE_OK);
    copse_status status = copse_head_frontier_find(frontier, &commits, ret_count, NULL);
    assert_true(status != COPSE_OK || copse_cid_equal(&commits[0].base, ours));
    copse_head_frontier_free(frontier);
    copse_source_free(source);
    print_message("%zu bytes at most\n", test.peak_bytes);
    assert_true(test.peak_bytes < 200u * COPSE_HEAD_FRONTIER_LINKS_MAX);
    test_env_assert_empty(&test);
    return status;
}

static void test_deep_histories_end(void **state)
{
    (void)state;
    commit_world world;
    size_t count = 0;
    commit_world_init(&world);
    copse_commit commit = commit_world_next(&world, NULL, 0);
    const copse_cid ours = commit_world_put(&world, &commit);
    copse_cid head = ours;
    commit.message = copse_bytes_of_text("one more");
    commit.parents_count = 1;
    for (size_t i = 0; i < COPSE_HEAD_FRONTIER_LINKS_MAX; i++) {
        commit.parents[0] = head;
        commit.generation++;
        head = commit_world_put(&world, &commit);
    }
    assert_int_equal(frontier_find(&world, &ours, &head, &count), COPSE_OK);
    assert_int_equal(count, 1);
    commit.parents[0] = head;
    commit.generation++;
    head = commit_world_put(&world, &commit);
    assert_int_equal(frontier_find(&world, &ours, &head, &count), COPSE_LIMIT);
    commit_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deep_histories_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
