/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/history_keep.h>

#include <copse/dag_cbor.h>
#include <copse/memory_refs.h>
#include <copse/memory_store.h>
#include <copse/revision.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/commit_world.h"

/* Commit n was made at n seconds and has tree n:
 *
 *     0 ── 1 ── 2 ── 3 ──── 6  main
 *          │         └ 4 ── ┘
 *          │ tags/v1
 *          └ 5  draft
 *
 * and the ref `origin` names a block that is no commit. */
enum { KEEP_COMMITS = 7, KEEP_VISITS_MAX = 64 };

typedef struct keep_world {
    commit_world commits;
    copse_refs *refs;
    copse_cid trees[KEEP_COMMITS];
    copse_cid origin;
    copse_history_part visits[KEEP_VISITS_MAX];
    size_t visits_count;
    copse_status fail_with;
} keep_world;

static copse_cid keep_cid(const char *text)
{
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text(text), &cid);
    return cid;
}

static void keep_commit(keep_world *world, size_t n, const copse_cid *parents, size_t count)
{
    char name[24];
    world->commits.now = n * 1000;
    copse_commit commit = commit_world_next(&world->commits, parents, count);
    (void)snprintf(name, sizeof name, "tree %zu", n);
    world->trees[n] = commit.tree = keep_cid(name);
    world->commits.cids[n] = commit_world_put(&world->commits, &commit);
}

static void keep_set_ref(keep_world *world, const char *name, const copse_cid *cid)
{
    assert_int_equal(copse_refs_swap(world->refs, copse_bytes_of_text(name), NULL, cid, NULL),
                     COPSE_OK);
}

static void keep_world_init(keep_world *world)
{
    static const size_t parents[KEEP_COMMITS] = {0, 0, 1, 2, 3, 1};
    static const uint8_t other[] = {0xa1, 0x61, 'a', 0x01};
    const copse_env *env = &world->commits.test.env;
    const copse_cid *cids = world->commits.cids;
    copse_block *block = NULL;
    *world = (keep_world){.refs = NULL};
    commit_world_init(&world->commits);
    assert_int_equal(copse_memory_refs_new(env, &world->refs, NULL), COPSE_OK);
    for (size_t n = 0; n < 6; n++) {
        keep_commit(world, n, &cids[parents[n]], n > 0);
    }
    const copse_cid merged[2] = {cids[3], cids[4]};
    keep_commit(world, 6, merged, 2);
    assert_int_equal(copse_block_of_data(env, COPSE_CODEC_DAG_CBOR,
                                         (copse_bytes){other, sizeof other}, &block, NULL),
                     COPSE_OK);
    world->origin = *copse_block_cid(block);
    assert_int_equal(copse_store_put(world->commits.store, &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
    keep_set_ref(world, "main", &cids[6]);
    keep_set_ref(world, "draft", &cids[5]);
    keep_set_ref(world, "tags/v1", &cids[1]);
    keep_set_ref(world, "origin", &world->origin);
}

static void keep_world_release(keep_world *world)
{
    copse_refs_close(world->refs);
    commit_world_release(&world->commits);
}

static copse_status keep_note_visit(void *ctx, const copse_history_part *part, copse_err *err)
{
    keep_world *world = ctx;
    (void)err;
    assert_true(world->visits_count < KEEP_VISITS_MAX);
    world->visits[world->visits_count++] = *part;
    return world->fail_with;
}

static copse_status keep_walk(keep_world *world, uint64_t before_ms)
{
    world->visits_count = 0;
    return copse_history_keep(&world->commits.test.env, world->refs, world->commits.store,
                              before_ms, keep_note_visit, world, NULL);
}

/* The visit of this CID, which must be the only one. */
static const copse_history_part *keep_visit_of(const keep_world *world, const copse_cid *cid)
{
    const copse_history_part *found = NULL;
    for (size_t i = 0; i < world->visits_count; i++) {
        if (copse_cid_equal(&world->visits[i].cid, cid)) {
            assert_null(found);
            found = &world->visits[i];
        }
    }
    assert_non_null(found);
    return found;
}

static void test_trees_are_kept_of_heads_and_by_time(void **state)
{
    (void)state;
    static const struct {
        uint64_t before_ms;
        const char *kept; /* by commit: the tree is; 'c': as it was current then */
    } cases[] = {
        {0, "1111111"},    {1, "c111111"},    {3000, "01c1111"},       {3001, "010c111"},
        {6000, "010cc11"}, {9999, "0100011"}, {UINT64_MAX, "0100011"},
    };
    keep_world world;
    keep_world_init(&world);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(keep_walk(&world, cases[i].before_ms), COPSE_OK);
        assert_int_equal(world.visits_count, 2 * KEEP_COMMITS + 1);
        for (size_t n = 0; n < KEEP_COMMITS; n++) {
            const copse_history_part *commit = keep_visit_of(&world, &world.commits.cids[n]);
            assert_int_equal(commit->kind, COPSE_HISTORY_COMMIT);
            const copse_history_part *tree = commit + 1;
            assert_true(copse_cid_equal(&tree->cid, &world.trees[n]));
            assert_true(copse_cid_equal(&tree->commit, &world.commits.cids[n]));
            assert_int_equal(tree->time_ms, n * 1000);
            assert_int_equal(tree->kind, cases[i].kept[n] == '1'   ? COPSE_HISTORY_WHOLE
                                         : cases[i].kept[n] == 'c' ? COPSE_HISTORY_CURRENT
                                                                   : COPSE_HISTORY_DROPPED);
        }
        const copse_history_part *other = keep_visit_of(&world, &world.origin);
        assert_int_equal(other->kind, COPSE_HISTORY_WHOLE);
        assert_int_equal(other->commit.size, 0);
    }
    keep_world_release(&world);
}

/* A replica may lack commits. Those behind are found by skip links where there are some. */
static void test_commits_that_are_not_there_are_visited(void **state)
{
    (void)state;
    keep_world world;
    keep_world_init(&world);
    fault_store_hide(world.commits.store, &world.commits.cids[1]);
    assert_int_equal(keep_walk(&world, 3000), COPSE_OK);
    assert_int_equal(keep_walk(&world, 0), COPSE_OK);
    /* It is a head, so whatever it is stays whole. */
    assert_int_equal(keep_visit_of(&world, &world.commits.cids[1])->kind, COPSE_HISTORY_WHOLE);
    fault_store_heal(world.commits.store);
    fault_store_hide(world.commits.store, &world.commits.cids[3]);
    assert_int_equal(keep_walk(&world, 0), COPSE_OK);
    const copse_history_part *part = keep_visit_of(&world, &world.commits.cids[3]);
    assert_int_equal(part->kind, COPSE_HISTORY_COMMIT);
    assert_int_equal(part->time_ms, 0);
    (void)keep_visit_of(&world, &world.trees[2]); /* 4 skips to 2 */
    keep_world_release(&world);
}

static void test_failures_come_out_unchanged(void **state)
{
    (void)state;
    static const copse_status statuses[] = {COPSE_IO, COPSE_CORRUPT, COPSE_NOMEM};
    keep_world world;
    keep_world_init(&world);
    for (size_t i = 0; i < 6; i++) {
        for (uint64_t at = 0;; at++) {
            fault_store_fail_at(world.commits.store, at, statuses[i / 2]);
            copse_status status = keep_walk(&world, i % 2 == 0 ? 0 : 3000);
            bool failed = fault_store_has_failed(world.commits.store);
            fault_store_heal(world.commits.store);
            assert_int_equal(status, failed ? statuses[i / 2] : COPSE_OK);
            if (!failed) {
                /* To find what was current at a time all are read but 0. */
                assert_int_equal(at, i % 2 == 0 ? KEEP_COMMITS + 1 : 2 * KEEP_COMMITS + 1);
                break;
            }
        }
    }
    world.fail_with = COPSE_END;
    assert_int_equal(keep_walk(&world, 0), COPSE_END);
    assert_int_equal(world.visits_count, 1);
    keep_world_release(&world);
}

static void test_the_time_is_that_of_the_clock(void **state)
{
    (void)state;
    keep_world world;
    uint64_t before = 7;
    keep_world_init(&world);
    copse_env env = world.commits.test.env;
    copse_store *store = world.commits.store;
    world.commits.now = 10000;
    assert_int_equal(copse_history_keep_before(&env, world.refs, store, 4000, &before, NULL),
                     COPSE_OK);
    assert_int_equal(before, 6000);
    assert_int_equal(copse_history_keep_before(&env, world.refs, store, 10001, &before, NULL),
                     COPSE_OK);
    assert_int_equal(before, 0);
    assert_int_equal(copse_history_keep_before(&env, world.refs, store, 0, &before, NULL),
                     COPSE_OK);
    assert_int_equal(before, 10001);
    /* A clock that was ahead when the last commit was made hides none from `0`. */
    world.commits.now = 2000;
    assert_int_equal(copse_history_keep_before(&env, world.refs, store, 0, &before, NULL),
                     COPSE_OK);
    assert_int_equal(before, 6001);
    env.clock = NULL;
    assert_int_equal(copse_history_keep_before(&env, world.refs, store, 0, &before, NULL),
                     COPSE_MISUSE);
    assert_int_equal(before, 6001);
    keep_world_release(&world);
}

/* ---- The note ---- */

static copse_status keep_note(keep_world *world, uint64_t before_ms)
{
    return copse_history_note_dropped(&world->commits.test.env, world->refs, world->commits.store,
                                      before_ms, NULL);
}

static uint64_t keep_noted(keep_world *world)
{
    uint64_t before_ms = UINT64_MAX;
    assert_int_equal(copse_history_dropped(&world->commits.test.env, world->refs,
                                           world->commits.store, &before_ms, NULL),
                     COPSE_OK);
    return before_ms;
}

/* K4 */
static void test_the_note_only_rises(void **state)
{
    (void)state;
    keep_world world;
    keep_world_init(&world);
    assert_int_equal(keep_noted(&world), 0);
    assert_int_equal(keep_note(&world, 0), COPSE_OK);
    assert_int_equal(keep_noted(&world), 0);
    assert_int_equal(keep_note(&world, 3000), COPSE_OK);
    assert_int_equal(keep_noted(&world), 3000);
    assert_int_equal(keep_note(&world, 2999), COPSE_OK);
    assert_int_equal(keep_noted(&world), 3000);
    assert_int_equal(keep_note(&world, 3001), COPSE_OK);
    assert_int_equal(keep_noted(&world), 3001);
    /* It is kept itself, as what a ref names. */
    assert_int_equal(keep_walk(&world, UINT64_MAX), COPSE_OK);
    assert_int_equal(world.visits_count, 2 * KEEP_COMMITS + 2);
    keep_world_release(&world);
}

/* {"Format": "dropped-history", "before": 3000, "Version": 1}, byte by byte. */
static void test_the_note_has_one_form(void **state)
{
    (void)state;
    static const char expected[] = "\xa3\x66"
                                   "Format\x6f"
                                   "dropped-history\x66"
                                   "before\x19\x0b\xb8\x67"
                                   "Version\x01";
    keep_world world;
    copse_cid cid;
    copse_block *block = NULL;
    keep_world_init(&world);
    assert_int_equal(keep_note(&world, 3000), COPSE_OK);
    assert_int_equal(
        copse_refs_get(world.refs, copse_bytes_of_text(COPSE_REVISION_DROPPED), &cid, NULL),
        COPSE_OK);
    assert_int_equal(copse_store_get(world.commits.store, &cid, &block, NULL), COPSE_OK);
    assert_int_equal(copse_block_data(block).len, sizeof expected - 1);
    assert_memory_equal(copse_block_data(block).ptr, expected, sizeof expected - 1);
    copse_block_unref(block);
    keep_world_release(&world);
}

static void test_what_is_no_note_is_corrupt(void **state)
{
    (void)state;
    static const copse_bytes wrong[] = {
        {(const uint8_t *)"\xa0", 1},
        {(const uint8_t *)"\xa1\x66"
                          "before\x01",
         9},
        {(const uint8_t *)"\xa3\x66"
                          "Format\x6f"
                          "dropped-history\x66"
                          "before\x00\x67"
                          "Version\x01",
         41},
        {(const uint8_t *)"\xa3\x66"
                          "Format\x6f"
                          "dropped-history\x66"
                          "before\x20\x67"
                          "Version\x01",
         41},
        {(const uint8_t *)"\xa3\x66"
                          "Format\x6f"
                          "dropped-history\x66"
                          "before\x01\x67"
                          "Version\x02",
         41},
        {(const uint8_t *)"\xa3\x66"
                          "Format\x6f"
                          "dropped-history\x66"
                          "before\x01\x67"
                          "Version\x01\x00",
         42},
    };
    for (size_t i = 0; i <= sizeof wrong / sizeof *wrong; i++) {
        keep_world world;
        copse_block *block = NULL;
        copse_cid cid = keep_cid("nowhere");
        uint64_t before_ms = 5;
        keep_world_init(&world);
        if (i < sizeof wrong / sizeof *wrong) {
            assert_int_equal(copse_block_of_data(&world.commits.test.env, COPSE_CODEC_DAG_CBOR,
                                                 wrong[i], &block, NULL),
                             COPSE_OK);
            cid = *copse_block_cid(block);
            assert_int_equal(copse_store_put(world.commits.store, &block, 1, NULL), COPSE_OK);
            copse_block_unref(block);
        }
        keep_set_ref(&world, COPSE_REVISION_DROPPED, &cid);
        assert_int_equal(copse_history_dropped(&world.commits.test.env, world.refs,
                                               world.commits.store, &before_ms, NULL),
                         COPSE_CORRUPT);
        assert_int_equal(before_ms, 5);
        assert_int_equal(keep_note(&world, 9000), COPSE_CORRUPT);
        keep_world_release(&world);
    }
}

static copse_status keep_find(keep_world *world, const copse_cid *tree,
                              copse_history_part *ret_part)
{
    return copse_history_find_dropped(&world->commits.test.env, world->refs, world->commits.store,
                                      tree, ret_part, NULL);
}

static void test_a_tree_that_was_dropped_is_found(void **state)
{
    (void)state;
    keep_world world;
    copse_history_part part;
    keep_world_init(&world);
    assert_int_equal(keep_find(&world, &world.trees[0], &part), COPSE_NOT_FOUND);
    assert_int_equal(keep_note(&world, 3001), COPSE_OK);
    for (size_t n = 0; n < KEEP_COMMITS; n++) {
        bool is_dropped = n == 0 || n == 2 || n == 3;
        assert_int_equal(keep_find(&world, &world.trees[n], &part),
                         is_dropped ? COPSE_OK : COPSE_NOT_FOUND);
        if (is_dropped) {
            assert_int_equal(part.time_ms, n * 1000);
            assert_true(copse_cid_equal(&part.commit, &world.commits.cids[n]));
        }
    }
    copse_cid other = keep_cid("of no commit");
    assert_int_equal(keep_find(&world, &other, &part), COPSE_NOT_FOUND);
    keep_world_release(&world);
}

/* ---- Memory ---- */

/* Takes the note away, whose block is of the env of the run. */
static void keep_forget_note(keep_world *world)
{
    copse_cid cid;
    copse_bytes name = copse_bytes_of_text(COPSE_REVISION_DROPPED);
    if (copse_refs_get(world->refs, name, &cid, NULL) == COPSE_OK) {
        assert_int_equal(copse_refs_swap(world->refs, name, &cid, NULL, NULL), COPSE_OK);
        assert_int_equal(copse_store_remove(world->commits.store, &cid, 1, NULL), COPSE_OK);
    }
}

static copse_status keep_sweep_run(const copse_env *env, void *ctx)
{
    keep_world *world = ctx;
    copse_history_part part = {.time_ms = 1234};
    uint64_t before_ms = 0;
    copse_env clocked = *env;
    clocked.clock = world->commits.test.env.clock;
    clocked.clock_ctx = world->commits.test.env.clock_ctx;
    copse_status status =
        copse_history_keep_before(&clocked, world->refs, world->commits.store, 0, &before_ms, NULL);
    if (status == COPSE_OK) {
        status =
            copse_history_note_dropped(&clocked, world->refs, world->commits.store, 3000, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_history_find_dropped(&clocked, world->refs, world->commits.store,
                                            &world->trees[2], &part, NULL);
    }
    assert_true(status == COPSE_OK || part.time_ms == 1234);
    keep_forget_note(world);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    keep_world world;
    keep_world_init(&world);
    assert_true(test_env_sweep(keep_sweep_run, &world, 1000) > 8);
    keep_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees_are_kept_of_heads_and_by_time),
        cmocka_unit_test(test_commits_that_are_not_there_are_visited),
        cmocka_unit_test(test_failures_come_out_unchanged),
        cmocka_unit_test(test_the_time_is_that_of_the_clock),
        cmocka_unit_test(test_the_note_only_rises),
        cmocka_unit_test(test_the_note_has_one_form),
        cmocka_unit_test(test_what_is_no_note_is_corrupt),
        cmocka_unit_test(test_a_tree_that_was_dropped_is_found),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
