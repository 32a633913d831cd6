/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "history/commit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/commit_world.h"
#include "support/want_supply.h"

#define COMMIT_VECTORS COPSE_TEST_DIR "/vectors/commit.tsv"

enum { COMMIT_LINE = COMMIT_WORLD_LINE_MAX, COMMIT_COLUMNS = 5 };

/* How often 2 divides n. */
static size_t commit_twos(uint64_t n)
{
    size_t twos = 0;
    for (; n > 0 && n % 2 == 0; n /= 2) {
        twos++;
    }
    return twos;
}

static void commit_line(commit_world *world)
{
    commit_world_init(world);
    for (size_t n = 0; n < COMMIT_LINE; n++) {
        fault_store_forget(world->store);
        copse_commit commit = commit_world_next(world, n > 0 ? &world->cids[n - 1] : NULL, n > 0);
        assert_int_equal(commit_world_gets(world), n > 0 ? 1 + commit_twos(n) : 0);
        assert_int_equal(commit.skips_count, commit_twos(n));
        for (size_t k = 0; k < commit.skips_count; k++) {
            assert_true(copse_cid_equal(&commit.skips[k], &world->cids[n - ((size_t)2 << k)]));
        }
        assert_int_equal(commit.generation, n);
        world->cids[n] = commit_world_put(world, &commit);
    }
}

/* What copse_commit_ancestor must read from commit n, by the picture: the longest link that does
 * not lead too far. */
static size_t commit_walk_reads(uint64_t n, uint64_t distance)
{
    size_t reads = 0;
    while (distance > 0) {
        uint64_t step = 1;
        for (size_t k = 1; k <= commit_twos(n); k++) {
            step = (uint64_t)1 << k <= distance ? (uint64_t)1 << k : step;
        }
        n -= step;
        distance -= step;
        reads++;
    }
    return reads;
}

static void test_ancestors_of_a_line_are_found_in_few_reads(void **state)
{
    (void)state;
    commit_world world;
    commit_line(&world);
    size_t reads_most = 0;
    for (size_t n = 0; n < COMMIT_LINE; n++) {
        for (size_t distance = 0; distance <= n; distance++) {
            copse_cid found;
            fault_store_forget(world.store);
            assert_int_equal(copse_commit_ancestor(&world.test.env, world.source, &world.cids[n],
                                                   distance, &found, NULL),
                             COPSE_OK);
            assert_true(copse_cid_equal(&found, &world.cids[n - distance]));
            size_t reads = commit_world_gets(&world);
            assert_int_equal(reads, commit_walk_reads(n, distance));
            size_t log2 = 0;
            while (distance >> (log2 + 1) > 0) {
                log2++;
            }
            assert_true(reads < 2 * log2 + 2);
            reads_most = reads > reads_most ? reads : reads_most;
        }
    }
    assert_int_equal(reads_most, 14);
    copse_cid untouched = {0};
    assert_int_equal(
        copse_commit_ancestor(&world.test.env, world.source, &world.cids[9], 10, &untouched, NULL),
        COPSE_NOT_FOUND);
    assert_int_equal(untouched.size, 0);
    commit_world_release(&world);
}

/* Each block that a walk or a new commit needs is wanted in its turn, and NOT_FOUND never comes. */
/* Times of the line are 1,000, then one commit each at 1,010, 1,020, … */
static void test_commits_are_found_by_time(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init(&world);
    for (size_t n = 0; n < COMMIT_LINE; n++) {
        copse_commit commit = commit_world_next(&world, n > 0 ? &world.cids[n - 1] : NULL, n > 0);
        world.cids[n] = commit_world_put(&world, &commit);
        world.now += 10;
    }
    const copse_cid *head = &world.cids[COMMIT_LINE - 1];
    for (size_t n = 0; n < COMMIT_LINE; n++) {
        copse_cid found = {0};
        fault_store_forget(world.store);
        assert_int_equal(copse_commit_at(&world.test.env, world.source, head,
                                         1000 + n * 10 + n % 10, &found, NULL),
                         COPSE_OK);
        assert_true(copse_cid_equal(&found, &world.cids[n]));
        assert_in_range(commit_world_gets(&world), 1, 45); /* log2(300)^2 / 2 and the two ends */
    }
    copse_cid untouched = {0};
    assert_int_equal(copse_commit_at(&world.test.env, world.source, head, 999, &untouched, NULL),
                     COPSE_NOT_FOUND);
    assert_int_equal(untouched.size, 0);
    commit_world_release(&world);
}

static void test_missing_commits_are_wanted(void **state)
{
    (void)state;
    commit_world world;
    commit_line(&world);
    copse_source *sparse = NULL;
    assert_int_equal(copse_source_new(&world.test.env, NULL, &sparse, NULL), COPSE_OK);
    copse_cid found = {0};
    copse_commit next;
    copse_status status;
    size_t rounds[2] = {0};
    for (size_t turn = 0; turn < 2; turn++) {
        for (;; rounds[turn]++) {
            status = turn == 0 ? copse_commit_ancestor(&world.test.env, sparse, &world.cids[299],
                                                       299 - 43, &found, NULL)
                               : copse_commit_next(&world.test.env, sparse, commit_world_tree(),
                                                   &world.cids[255], 1, &next, NULL);
            if (status != COPSE_WANT) {
                break;
            }
            assert_int_equal(want_supply_some(sparse, world.store, SIZE_MAX), 1);
        }
        assert_int_equal(status, COPSE_OK);
    }
    assert_true(copse_cid_equal(&found, &world.cids[43]));
    assert_int_equal(rounds[0], commit_walk_reads(299, 299 - 43));
    assert_int_equal(next.skips_count, 8);
    copse_source_free(sparse);
    commit_world_release(&world);
}

static void test_all_missing_parents_are_wanted_at_once(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init(&world);
    copse_cid parents[3];
    copse_commit next = {.time_counter = 77};
    for (size_t i = 0; i < 3; i++) {
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){(const uint8_t *)"abc", i + 1},
                          &parents[i]);
    }
    assert_int_equal(copse_commit_next(&world.test.env, world.source, commit_world_tree(), parents,
                                       3, &next, NULL),
                     COPSE_WANT);
    size_t count;
    const copse_cid *wants = copse_source_wants(world.source, &count);
    assert_int_equal(count, 3);
    assert_memory_equal(wants, parents, sizeof parents);
    assert_int_equal(next.time_counter, 77);
    commit_world_release(&world);
}

static void test_merges_follow_all_parents(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init(&world);
    copse_commit root = commit_world_next(&world, NULL, 0);
    copse_cid trunk = commit_world_put(&world, &root);
    copse_commit side = commit_world_next(&world, &trunk, 1);
    for (size_t i = 0; i < 4; i++) {
        copse_cid before = commit_world_put(&world, &side);
        world.now = 5000 + i;
        side = commit_world_next(&world, &before, 1);
    }
    copse_cid parents[2] = {trunk, commit_world_put(&world, &side)};
    assert_int_equal(side.time_ms, 5003);
    world.now = 4000;
    copse_commit merge = commit_world_next(&world, parents, 2);
    assert_int_equal(merge.generation, side.generation + 1);
    assert_int_equal(merge.skips_count, 0); /* number 1 of its first-parent line */
    assert_int_equal(merge.time_ms, 5003);
    assert_int_equal(merge.time_counter, 1);
    copse_cid merged = commit_world_put(&world, &merge);
    copse_commit after = commit_world_next(&world, &merged, 1);
    assert_int_equal(after.skips_count, 1);
    assert_true(copse_cid_equal(&after.skips[0], &trunk));
    assert_int_equal(after.time_counter, 2);
    commit_world_release(&world);
}

static void test_time_never_goes_back(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init(&world);
    copse_commit commit = commit_world_next(&world, NULL, 0);
    assert_int_equal(commit.time_ms, 1000);
    commit.time_counter = UINT32_MAX;
    copse_cid cid = commit_world_put(&world, &commit);
    commit = commit_world_next(&world, &cid, 1);
    assert_int_equal(commit.time_ms, 1001);
    assert_int_equal(commit.time_counter, 0);
    world.now = 2000;
    commit = commit_world_next(&world, &cid, 1);
    assert_int_equal(commit.time_ms, 2000);
    commit.time_ms = INT64_MAX;
    commit.time_counter = UINT32_MAX;
    cid = commit_world_put(&world, &commit);
    assert_int_equal(copse_commit_next(&world.test.env, world.source, commit_world_tree(), &cid, 1,
                                       &commit, NULL),
                     COPSE_LIMIT);
    commit.time_ms = 1;
    commit.generation = INT64_MAX;
    cid = commit_world_put(&world, &commit);
    assert_int_equal(copse_commit_next(&world.test.env, world.source, commit_world_tree(), &cid, 1,
                                       &commit, NULL),
                     COPSE_LIMIT);
    commit_world_release(&world);
}

/* H4 */
static void test_a_wrong_generation_ends_the_walk(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init(&world);
    copse_commit commit = commit_world_next(&world, NULL, 0);
    copse_cid cid = commit_world_put(&world, &commit);
    commit = commit_world_next(&world, &cid, 1);
    commit.generation = 5;
    cid = commit_world_put(&world, &commit);
    commit = commit_world_next(&world, &cid, 1);
    commit.generation = 4;
    commit.skips_count = 0;
    cid = commit_world_put(&world, &commit);
    commit = commit_world_next(&world, &cid, 1);
    cid = commit_world_put(&world, &commit);
    copse_cid found = {0};
    copse_err err = {0};
    assert_int_equal(copse_commit_ancestor(&world.test.env, world.source, &cid, 3, &found, &err),
                     COPSE_CORRUPT);
    assert_non_null(strstr(err.message, "generation"));
    assert_int_equal(found.size, 0);
    commit_world_release(&world);
}

static void test_misuse_is_refused(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init(&world);
    copse_env *env = &world.test.env;
    copse_commit commit = commit_world_next(&world, NULL, 0);
    copse_cid cid = commit_world_put(&world, &commit);
    copse_cid parents[COPSE_COMMIT_PARENTS_MAX + 1] = {cid, cid};
    copse_block *block = NULL;
    assert_int_equal(
        copse_commit_next(env, world.source, commit_world_tree(), parents, 2, &commit, NULL),
        COPSE_MISUSE);
    assert_int_equal(copse_commit_next(env, world.source, commit_world_tree(), parents,
                                       COPSE_COMMIT_PARENTS_MAX + 1, &commit, NULL),
                     COPSE_MISUSE);
    commit.message = copse_bytes_of_text("\xff");
    assert_int_equal(copse_commit_encode(env, &commit, &block, NULL), COPSE_MISUSE);
    commit.message = (copse_bytes){NULL, 0};
    commit.tree.size = 0;
    assert_int_equal(copse_commit_encode(env, &commit, &block, NULL), COPSE_MISUSE);
    env->clock = NULL;
    assert_int_equal(
        copse_commit_next(env, world.source, commit_world_tree(), NULL, 0, &commit, NULL),
        COPSE_MISUSE);
    assert_null(block);
    commit_world_release(&world);
}

/* Whoever merges the same heads makes the same commit. */
static void test_automatic_merges_are_canonical(void **state)
{
    (void)state;
    commit_world world;
    copse_cid heads[3];
    copse_cid merged = {.size = 0};
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    commit_world_init(&world);
    copse_commit commit = commit_world_next(&world, NULL, 0);
    copse_cid root = commit_world_put(&world, &commit);
    for (size_t i = 0; i < 3; i++) {
        world.now += 5;
        commit = commit_world_next(&world, i < 2 ? &root : &heads[1], 1);
        commit.message = copse_bytes_of_text(i == 0 ? "a" : "b");
        heads[i] = commit_world_put(&world, &commit);
    }
    uint64_t latest = world.now;
    for (size_t i = 0; i < 6; i++) {
        copse_cid in_order[3] = {heads[orders[i][0]], heads[orders[i][1]], heads[orders[i][2]]};
        world.now += 1000; /* which plays no part */
        assert_int_equal(copse_commit_merge(&world.test.env, world.source, commit_world_tree(),
                                            in_order, 3, &commit, NULL),
                         COPSE_OK);
        assert_int_equal(commit.time_ms, latest);
        assert_int_equal(commit.generation, 3);
        assert_int_equal(commit.author.len + commit.message.len + commit.signature.len, 0);
        assert_true(copse_cid_compare(&commit.parents[0], &commit.parents[1]) < 0 &&
                    copse_cid_compare(&commit.parents[1], &commit.parents[2]) < 0);
        copse_cid cid = commit_world_put(&world, &commit);
        assert_true(i == 0 || copse_cid_equal(&cid, &merged));
        merged = cid;
    }
    copse_cid twice[2] = {heads[0], heads[0]};
    assert_int_equal(copse_commit_merge(&world.test.env, world.source, commit_world_tree(), heads,
                                        1, &commit, NULL),
                     COPSE_MISUSE);
    assert_int_equal(copse_commit_merge(&world.test.env, world.source, commit_world_tree(), twice,
                                        2, &commit, NULL),
                     COPSE_MISUSE);
    commit_world_release(&world);
}

static void test_failures_of_the_store_come_through(void **state)
{
    (void)state;
    commit_world world;
    commit_line(&world);
    copse_commit next;
    copse_cid found;
    for (uint64_t n = 0; n < 5; n++) {
        fault_store_fail_at(world.store, n, COPSE_IO);
        assert_int_equal(copse_commit_next(&world.test.env, world.source, commit_world_tree(),
                                           &world.cids[15], 1, &next, NULL),
                         COPSE_IO);
        fault_store_fail_at(world.store, n, COPSE_IO);
        assert_int_equal(copse_commit_ancestor(&world.test.env, world.source, &world.cids[255], 254,
                                               &found, NULL),
                         COPSE_IO);
    }
    fault_store_heal(world.store);
    fault_store_garble(world.store, &world.cids[15]);
    assert_int_equal(copse_commit_next(&world.test.env, world.source, commit_world_tree(),
                                       &world.cids[15], 1, &next, NULL),
                     COPSE_CORRUPT);
    commit_world_release(&world);
}

static copse_status commit_sweep(const copse_env *env, void *ctx)
{
    (void)ctx;
    copse_block *block = NULL;
    copse_commit commit = {.tree = *commit_world_tree(), .message = copse_bytes_of_text("hello")};
    copse_status status = copse_commit_encode(env, &commit, &block, NULL);
    assert_true((status == COPSE_OK) == (block != NULL));
    copse_block_unref(block);
    return status;
}

static void test_encode_survives_failing_allocations(void **state)
{
    (void)state;
    assert_true(test_env_sweep(commit_sweep, NULL, 100) >= 2);
}

/* ---- vectors ---- */

static size_t commit_from_hex(const char *hex, uint8_t *ret_bytes)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        ret_bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return size;
}

static void commit_vector_accepted(const copse_env *env, const copse_block *block,
                                   const copse_commit *commit, const char *cid)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_block *again = NULL;
    assert_int_equal(copse_commit_encode(env, commit, &again, NULL), COPSE_OK);
    assert_true(copse_cid_equal(copse_block_cid(again), copse_block_cid(block)));
    copse_cid_to_text(copse_block_cid(again), COPSE_BASE32, text);
    assert_string_equal(text, cid);
    assert_true(copse_commit_is(again));
    copse_block_unref(again);
}

static void commit_vector(const copse_env *env, char *const columns[COMMIT_COLUMNS])
{
    uint8_t *bytes = malloc(strlen(columns[0]) / 2 + 1);
    assert_non_null(bytes);
    copse_bytes data = {bytes, commit_from_hex(columns[0], bytes)};
    copse_block *block = NULL;
    copse_commit commit;
    copse_err err = {0};
    assert_int_equal(copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, data, &block, NULL), COPSE_OK);
    copse_status status = copse_commit_decode(env, block, &commit, &err);
    const char *name = status == COPSE_OK ? "ok" : copse_status_name(status);
    if (strcmp(name, columns[1]) != 0 || strstr(err.message, columns[2]) == NULL) {
        fail_msg("%s: %s, %s", columns[4], name, err.message);
    }
    if (status == COPSE_OK) {
        commit_vector_accepted(env, block, &commit, columns[3]);
    }
    copse_block_unref(block);
    free(bytes);
}

static void test_vectors(void **state)
{
    (void)state;
    test_env test;
    uint8_t *text = NULL;
    size_t size;
    size_t lines = 0;
    test_env_init(&test);
    assert_true(test_read_file(COMMIT_VECTORS, &text, &size));
    for (char *at = (char *)text, *end = at + size; at < end;) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(line_end);
        *line_end = 0;
        if (*at != '#') {
            char *columns[COMMIT_COLUMNS];
            for (size_t i = 0; i < COMMIT_COLUMNS; i++) {
                columns[i] = at;
                at += strcspn(at, "\t");
                assert_true(*at == '\t' || i == COMMIT_COLUMNS - 1);
                *at++ = 0;
            }
            commit_vector(&test.env, columns);
            lines++;
        }
        at = line_end + 1;
    }
    assert_true(lines > 60);
    free(text);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ancestors_of_a_line_are_found_in_few_reads),
        cmocka_unit_test(test_commits_are_found_by_time),
        cmocka_unit_test(test_missing_commits_are_wanted),
        cmocka_unit_test(test_all_missing_parents_are_wanted_at_once),
        cmocka_unit_test(test_merges_follow_all_parents),
        cmocka_unit_test(test_time_never_goes_back),
        cmocka_unit_test(test_a_wrong_generation_ends_the_walk),
        cmocka_unit_test(test_misuse_is_refused),
        cmocka_unit_test(test_automatic_merges_are_canonical),
        cmocka_unit_test(test_failures_of_the_store_come_through),
        cmocka_unit_test(test_encode_survives_failing_allocations),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
