/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/merge_base.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/commit_world.h"
#include "support/want_supply.h"

enum { BASE_COMMITS = 60 };

/* Runs a search to its end; blocks that are wanted come from `fetched_from`. */
static size_t base_find(const copse_env *env, copse_source *source, copse_store *fetched_from,
                        const copse_cid *a, const copse_cid *b,
                        copse_cid ret_bases[COPSE_MERGE_BASES_MAX], uint64_t *ret_read)
{
    copse_merge_base *search = NULL;
    const copse_cid *bases;
    size_t count;
    copse_status status;
    assert_int_equal(copse_merge_base_new(env, source, a, b, &search, NULL), COPSE_OK);
    while ((status = copse_merge_base_find(search, &bases, &count, NULL)) == COPSE_WANT) {
        (void)want_supply_some(source, fetched_from, SIZE_MAX);
    }
    assert_int_equal(status, COPSE_OK);
    memcpy(ret_bases, bases, count * sizeof *bases);
    if (ret_read != NULL) {
        *ret_read = copse_merge_base_commits_read(search);
    }
    assert_null(copse_merge_base_free(search));
    return count;
}

/* Whether commit `n` is reached by both, and by no other commit that is. */
static bool base_is_expected(commit_world *world, const bool *is_common, size_t count, size_t n)
{
    bool is_base = is_common[n];
    for (size_t k = n + 1; k < count && is_base; k++) {
        is_base = !(is_common[k] && commit_world_reaches(world, &world->cids[k], &world->cids[n]));
    }
    return is_base;
}

static size_t base_expect(commit_world *world, const copse_cid *a, const copse_cid *b,
                          const copse_cid *found, size_t found_count)
{
    bool is_common[BASE_COMMITS];
    size_t expected = 0;
    for (size_t n = 0; n < BASE_COMMITS; n++) {
        is_common[n] = commit_world_reaches(world, a, &world->cids[n]) &&
                       commit_world_reaches(world, b, &world->cids[n]);
    }
    for (size_t n = 0; n < BASE_COMMITS; n++) {
        bool is_found = false;
        for (size_t i = 0; i < found_count; i++) {
            is_found |= copse_cid_equal(&found[i], &world->cids[n]);
        }
        bool is_expected = base_is_expected(world, is_common, BASE_COMMITS, n);
        assert_int_equal(is_found, is_expected);
        expected += is_expected;
    }
    assert_int_equal(found_count, expected);
    return expected;
}

static void test_bases_are_those_of_the_definition(void **state)
{
    (void)state;
    size_t counts[4] = {0};
    for (uint32_t seed = 1; seed <= 12; seed++) {
        commit_world world;
        commit_world_init_random(&world, BASE_COMMITS, seed);
        for (size_t i = 0; i < 10; i++) {
            copse_cid found[COPSE_MERGE_BASES_MAX];
            const copse_cid *a = &world.cids[10 + (seed * 7 + i * 3) % 12];
            const copse_cid *b = &world.cids[8 + (seed * 5 + i * 7) % 14];
            size_t count = base_find(&world.test.env, world.source, NULL, a, b, found, NULL);
            for (size_t k = 1; k < count; k++) {
                assert_true(copse_cid_compare(&found[k - 1], &found[k]) < 0);
            }
            counts[base_expect(&world, a, b, found, count) < 3 ? count : 3]++;
        }
        commit_world_release(&world);
    }
    /* Histories of one root have a base; crosswise ones were met. */
    assert_int_equal(counts[0], 0);
    assert_true(counts[1] > 20 && counts[2] > 5);
}

/* A line of `count` commits on `*head` (size 0: on nothing). */
static void base_grow(commit_world *world, copse_cid *head, const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        copse_commit commit = commit_world_next(world, head, head->size > 0);
        commit.message = copse_bytes_of_text(name);
        *head = commit_world_put(world, &commit);
    }
}

static void test_lines_are_read_down_to_where_they_part(void **state)
{
    (void)state;
    commit_world world;
    copse_cid found[COPSE_MERGE_BASES_MAX];
    copse_cid base = {.size = 0};
    uint64_t read = 0;
    commit_world_init(&world);
    base_grow(&world, &base, "common", 100);
    copse_cid a = base;
    copse_cid b = base;
    base_grow(&world, &a, "a", 7);
    base_grow(&world, &b, "b", 40);
    const copse_env *env = &world.test.env;
    assert_int_equal(base_find(env, world.source, NULL, &a, &b, found, &read), 1);
    assert_true(copse_cid_equal(&found[0], &base));
    assert_int_equal(read, 7 + 40 + 1);
    /* One that comes from the other. */
    assert_int_equal(base_find(env, world.source, NULL, &b, &base, found, &read), 1);
    assert_true(copse_cid_equal(&found[0], &base));
    assert_int_equal(read, 40 + 1);
    assert_int_equal(base_find(env, world.source, NULL, &a, &a, found, &read), 1);
    assert_true(copse_cid_equal(&found[0], &a));
    assert_int_equal(read, 1);
    /* Nothing in common: all is read. */
    copse_cid other = {.size = 0};
    base_grow(&world, &other, "other", 30);
    assert_int_equal(base_find(env, world.source, NULL, &a, &other, found, &read), 0);
    assert_int_equal(read, 107 + 30);
    commit_world_release(&world);
}

static uint64_t base_earliest(commit_world *world, const copse_cid *a, const copse_cid *b)
{
    copse_merge_base *search = NULL;
    const copse_cid *bases;
    size_t count;
    assert_int_equal(copse_merge_base_new(&world->test.env, world->source, a, b, &search, NULL),
                     COPSE_OK);
    assert_int_equal(copse_merge_base_find(search, &bases, &count, NULL), COPSE_OK);
    uint64_t earliest_ms = copse_merge_base_earliest_ms(search);
    assert_null(copse_merge_base_free(search));
    return earliest_ms;
}

/* Also of a branch that is older than where both parted, and came to one of them later. */
static void test_the_earliest_that_only_one_comes_from(void **state)
{
    (void)state;
    commit_world world;
    copse_cid root = {.size = 0};
    commit_world_init(&world);
    base_grow(&world, &root, "root", 1);
    copse_cid branch = root;
    world.now = 1200;
    base_grow(&world, &branch, "branch", 3);
    copse_cid a = root;
    world.now = 5000;
    base_grow(&world, &a, "common", 2);
    copse_cid b = a;
    world.now = 6000;
    base_grow(&world, &a, "a", 2);
    world.now = 7000;
    base_grow(&world, &b, "b", 2);
    assert_int_equal(base_earliest(&world, &a, &b), 6000);
    assert_int_equal(base_earliest(&world, &b, &root), 5000);
    assert_true(base_earliest(&world, &a, &a) == UINT64_MAX);
    const copse_cid both[2] = {b, branch};
    const copse_commit merge = commit_world_next(&world, both, 2);
    b = commit_world_put(&world, &merge);
    assert_int_equal(base_earliest(&world, &a, &b), 1200);
    assert_int_equal(base_earliest(&world, &b, &a), 1200);
    commit_world_release(&world);
}

static void test_missing_commits_are_wanted_of_both_sides_at_once(void **state)
{
    (void)state;
    commit_world world;
    copse_source *sparse = NULL;
    copse_cid here[COPSE_MERGE_BASES_MAX];
    copse_cid there[COPSE_MERGE_BASES_MAX];
    commit_world_init_random(&world, BASE_COMMITS, 3);
    for (size_t i = 20; i < BASE_COMMITS; i += 5) {
        const copse_cid *a = &world.cids[i];
        const copse_cid *b = &world.cids[i - 4];
        assert_int_equal(copse_source_new(&world.test.env, NULL, &sparse, NULL), COPSE_OK);
        size_t count = base_find(&world.test.env, world.source, NULL, a, b, here, NULL);
        assert_int_equal(base_find(&world.test.env, sparse, world.store, a, b, there, NULL), count);
        for (size_t k = 0; k < count; k++) {
            assert_true(copse_cid_equal(&here[k], &there[k]));
        }
        copse_source_free(sparse);
    }
    commit_world_release(&world);
}

/* Two heads, each a merge of all of `lines`, which have nothing in common. */
static void base_cross(commit_world *world, size_t lines, copse_cid ret_heads[2])
{
    copse_cid roots[COPSE_MERGE_BASES_MAX + 1];
    assert_true(lines <= COPSE_MERGE_BASES_MAX + 1);
    for (size_t i = 0; i < lines; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "line %zu", i);
        roots[i] = (copse_cid){.size = 0};
        base_grow(world, &roots[i], name, 1);
    }
    for (size_t i = 0; i < 2; i++) {
        size_t first = lines < COPSE_COMMIT_PARENTS_MAX ? lines : COPSE_COMMIT_PARENTS_MAX - 1;
        copse_commit commit = commit_world_next(world, roots, first);
        commit.message = copse_bytes_of_text(i == 0 ? "a" : "b");
        ret_heads[i] = commit_world_put(world, &commit);
        copse_cid rest[3] = {ret_heads[i]};
        for (size_t k = first; k < lines; k++) {
            rest[1 + k - first] = roots[k];
        }
        if (lines > first) {
            commit = commit_world_next(world, rest, 1 + lines - first);
            commit.message = copse_bytes_of_text(i == 0 ? "a" : "b");
            ret_heads[i] = commit_world_put(world, &commit);
        }
    }
}

static void test_crosswise_merges_have_many_bases_but_not_too_many(void **state)
{
    (void)state;
    commit_world world;
    copse_cid heads[2];
    copse_cid found[COPSE_MERGE_BASES_MAX];
    copse_merge_base *search = NULL;
    const copse_cid *bases = NULL;
    size_t count = 77;
    commit_world_init(&world);
    const copse_env *env = &world.test.env;
    base_cross(&world, COPSE_MERGE_BASES_MAX, heads);
    assert_int_equal(base_find(env, world.source, NULL, &heads[0], &heads[1], found, NULL),
                     COPSE_MERGE_BASES_MAX);
    base_cross(&world, COPSE_MERGE_BASES_MAX + 1, heads);
    assert_int_equal(copse_merge_base_new(env, world.source, &heads[0], &heads[1], &search, NULL),
                     COPSE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(copse_merge_base_find(search, &bases, &count, NULL), COPSE_LIMIT);
        assert_int_equal(count, 77);
    }
    copse_merge_base_free(search);
    commit_world_release(&world);
}

/* A commit that was passed before one that claims to be made on it. */
static void test_a_wrong_generation_ends_the_search(void **state)
{
    (void)state;
    commit_world world;
    copse_cid root = {.size = 0};
    copse_merge_base *search = NULL;
    const copse_cid *bases = NULL;
    size_t count = 77;
    copse_err err = {0};
    commit_world_init(&world);
    base_grow(&world, &root, "root", 10);
    copse_commit commit = commit_world_next(&world, &root, 1);
    commit.generation = 4;
    commit.skips_count = 0;
    copse_cid liar = commit_world_put(&world, &commit);
    assert_int_equal(
        copse_merge_base_new(&world.test.env, world.source, &root, &liar, &search, NULL), COPSE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(copse_merge_base_find(search, &bases, &count, &err), COPSE_CORRUPT);
        assert_non_null(strstr(err.message, "generation"));
        assert_int_equal(count, 77);
    }
    copse_merge_base_free(search);
    commit_world_release(&world);
}

static copse_status base_sweep(const copse_env *env, void *ctx)
{
    commit_world *world = ctx;
    copse_merge_base *search = NULL;
    copse_source *source = NULL;
    const copse_cid *bases;
    size_t count;
    copse_status status = copse_source_new(env, world->store, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_merge_base_new(env, source, &world->cids[BASE_COMMITS - 1],
                                      &world->cids[BASE_COMMITS - 9], &search, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_merge_base_find(search, &bases, &count, NULL);
    }
    copse_merge_base_free(search);
    copse_source_free(source);
    return status;
}

static void test_a_search_survives_failing_allocations(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init_random(&world, BASE_COMMITS, 5);
    assert_true(test_env_sweep(base_sweep, &world, 1000) > 3);
    commit_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bases_are_those_of_the_definition),
        cmocka_unit_test(test_lines_are_read_down_to_where_they_part),
        cmocka_unit_test(test_the_earliest_that_only_one_comes_from),
        cmocka_unit_test(test_missing_commits_are_wanted_of_both_sides_at_once),
        cmocka_unit_test(test_crosswise_merges_have_many_bases_but_not_too_many),
        cmocka_unit_test(test_a_wrong_generation_ends_the_search),
        cmocka_unit_test(test_a_search_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
