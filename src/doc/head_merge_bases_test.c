/* Merges of heads with several bases, which are merged first.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/head_world.h"
#include "support/sparse_cache.h"

/* A history that was merged crosswise: a and b went on from the root, each then merged the other,
 * keeping its own tree but for `operations`, of the root, a, b, and the two merges. */
typedef struct head_cross {
    copse_cid a;
    copse_cid b;
    copse_cid merged_a;
    copse_cid merged_b;
} head_cross;

static head_cross head_cross_make(database_world *db, const char *const operations[5])
{
    copse_cid root = head_world_commit(db, NULL, 0, operations[0]);
    head_cross cross = {.a = head_world_commit(db, &root, 1, operations[1])};
    cross.b = head_world_commit(db, &root, 1, operations[2]);
    const copse_cid ab[2] = {cross.a, cross.b};
    const copse_cid ba[2] = {cross.b, cross.a};
    cross.merged_a = head_world_commit(db, ab, 2, operations[3]);
    cross.merged_b = head_world_commit(db, ba, 2, operations[4]);
    return cross;
}

/* x was changed on both sides, and each decided for its own. */
static const char *const head_x_decided_twice[5] = {
    "put {\"_id\":1,\"x\":0};put {\"_id\":2}", "put {\"_id\":1,\"x\":1}", "put {\"_id\":1,\"x\":2}",
    "put {\"_id\":3,\"by\":\"a\"}", "put {\"_id\":4,\"by\":\"b\"}"};

/* Its base is what it was before both were merged, which the first conflict told. */
static void head_expect_base(void *ctx, const copse_document_conflict *conflict)
{
    (void)ctx;
    copse_bytes base = database_world_value("{\"_id\":1,\"x\":0}");
    assert_int_equal(conflict->sides_count, 2);
    assert_true(copse_bytes_equal(conflict->base, base));
    database_world_free(base);
}

/* x was decided differently on both sides: that is a conflict again, whichever of the bases comes
 * first; all else merges from what the bases make together. */
static void test_crosswise_histories_merge_their_bases_first(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    database_world_init(&db, NULL);
    const head_cross cross = head_cross_make(&db, head_x_decided_twice);
    head_world_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_REFUSE,
                               &outcome);
    assert_int_equal(outcome.result.bases, 2);
    assert_int_equal(outcome.conflicts, 1);
    head_world_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_RECORD,
                               &outcome);
    assert_int_equal(outcome.result.stats.recorded, 1);
    head_world_expect(&db, &outcome.result.commit.tree, "3", "{\"_id\":3,\"by\":\"a\"}");
    head_world_expect(&db, &outcome.result.commit.tree, "4", "{\"_id\":4,\"by\":\"b\"}");
    database_world_reopen(&db, &outcome.result.commit.tree);
    assert_int_equal(database_world_conflicts(&db, "posts", head_expect_base, NULL), 1);
    database_world_release(&db);
}

/* Both sides settled one clash, each in its own way: their bases clash, what they are does not. */
static void test_bases_that_clash_are_no_obstacle(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    database_world_init(&db, NULL);
    static const char *const operations[5] = {"put {\"_id\":9}", "put {\"_id\":1,\"n\":5}",
                                              "put {\"_id\":2,\"n\":5}", "put {\"_id\":3}",
                                              "del 2;put {\"_id\":1,\"n\":5};put {\"_id\":4}"};
    const head_cross cross = head_cross_make(&db, operations);
    head_world_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_REFUSE,
                               &outcome);
    assert_int_equal(outcome.result.bases, 2);
    assert_int_equal(outcome.conflicts, 0);
    head_world_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"n\":5}");
    database_world_release(&db);
}

/* The bases differ in an option of the collection: their documents merge all the same. So what each
 * side did to what it has of the other is the only change. */
static void test_bases_merge_documents_of_disputed_collections(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    database_world_init(&db, NULL);
    static const char *const operations[5] = {
        "put {\"_id\":1,\"x\":0};put {\"_id\":3,\"x\":0}", "days 10;put {\"_id\":1,\"x\":1}",
        "days 20;put {\"_id\":3,\"x\":1}",
        "days 30;put {\"_id\":3,\"x\":1};put {\"_id\":1,\"x\":2}",
        "days 30;put {\"_id\":1,\"x\":1};put {\"_id\":3,\"x\":2}"};
    const head_cross cross = head_cross_make(&db, operations);
    head_world_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_REFUSE,
                               &outcome);
    assert_int_equal(outcome.conflicts, 0);
    head_world_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"x\":2}");
    head_world_expect(&db, &outcome.result.commit.tree, "3", "{\"_id\":3,\"x\":2}");
    database_world_release(&db);
}

/* Two heads with three bases, of which the second and the third have a past that the first has not:
 * what the third wrote over it is no conflict with the second. */
static void head_three_bases_make(database_world *db, copse_cid *ret_ours, copse_cid *ret_theirs)
{
    copse_cid bases[3];
    copse_cid root = head_world_commit(db, NULL, 0, "put {\"_id\":1,\"x\":0}");
    copse_cid past = head_world_commit(db, &root, 1, "put {\"_id\":1,\"x\":1}");
    bases[1] = head_world_commit(db, &past, 1, "put {\"_id\":5}");
    bases[2] = head_world_commit(db, &past, 1, "put {\"_id\":1,\"x\":2}");
    bool is_first = false;
    for (int id = 10; !is_first; id++) { /* bases are taken in the order of their CIDs */
        char operations[64];
        (void)snprintf(operations, sizeof operations, "put {\"_id\":%d}", id);
        bases[0] = head_world_commit(db, &root, 1, operations);
        is_first = copse_cid_compare(&bases[0], &bases[1]) < 0 &&
                   copse_cid_compare(&bases[0], &bases[2]) < 0;
    }
    *ret_ours = head_world_commit(db, bases, 3, "put {\"_id\":1,\"x\":2}");
    *ret_theirs = head_world_commit(db, bases, 3, "put {\"_id\":1,\"x\":3}");
}

static void test_each_base_parts_from_all_before_it(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    copse_cid ours;
    copse_cid theirs;
    database_world_init(&db, NULL);
    head_three_bases_make(&db, &ours, &theirs);
    head_world_merge_both_ways(&db, &ours, &theirs, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    assert_int_equal(outcome.result.bases, 3);
    assert_int_equal(outcome.conflicts, 0);
    head_world_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"x\":3}");
    database_world_release(&db);
}

/* Both merged the bases and kept the conflict; one has ended it since: it does not come back. */
static void test_a_resolved_conflict_stays_resolved(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    database_world_init(&db, NULL);
    static const char *const operations[5] = {"put {\"_id\":1,\"x\":0}", "put {\"_id\":1,\"x\":1}",
                                              "put {\"_id\":1,\"x\":2}", "put {\"_id\":3}",
                                              "put {\"_id\":4}"};
    const head_cross cross = head_cross_make(&db, operations);
    /* What both made of a and b by hand has no conflict, where an automatic merge has one. */
    head_world_merge_both_ways(&db, &cross.a, &cross.b, COPSE_MERGE_CONFLICTS_RECORD, &outcome);
    assert_int_equal(outcome.result.stats.recorded, 1);
    const head_world_outcome recorded = outcome;
    copse_block *block = NULL;
    assert_int_equal(
        copse_commit_encode(database_world_env(&db), &outcome.result.commit, &block, NULL),
        COPSE_OK);
    assert_int_equal(copse_store_put(db.world.store, &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
    head_world_merge_both_ways(&db, &recorded.commit, &cross.merged_a, COPSE_MERGE_CONFLICTS_RECORD,
                               &outcome);
    assert_int_equal(outcome.result.bases, 2);
    assert_int_equal(outcome.result.stats.recorded, 0);
    database_world_reopen(&db, &recorded.result.commit.tree);
    assert_int_equal(database_world_conflicts(&db, "posts", NULL, NULL), 1);
    database_world_reopen(&db, &outcome.result.commit.tree);
    assert_int_equal(database_world_conflicts(&db, "posts", NULL, NULL), 0);
    database_world_release(&db);
}

/* ---- A policy that was set late ----------------------------------------------------------------
 */

static uint64_t head_clock(void *ctx)
{
    return *(uint64_t *)ctx;
}

/* What one wrote without the policy met the policy in several merges, and was overwritten. */
typedef struct head_late {
    copse_cid old;       /* x is 1, without the policy */
    copse_cid met;       /* that, merged with the policy */
    copse_cid met_later; /* likewise, from a later head that wrote something else */
    copse_cid written;   /* x is 2: over met, by a slow clock */
    copse_cid unaware;   /* x is 3: over old, without the policy, and merged with it */
    copse_cid deleted;   /* 1 was deleted, likewise */
} head_late;

static copse_cid head_late_merge(database_world *db, const copse_cid *a, const copse_cid *b,
                                 const char *expected)
{
    head_world_outcome outcome;
    head_world_merge_both_ways(db, a, b, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    assert_int_equal(outcome.conflicts, 0);
    head_world_expect(db, &outcome.result.commit.tree, "1", expected);
    return outcome.commit;
}

static head_late head_late_make(database_world *db, uint64_t *now_ms)
{
    static const char *const ones = "{\"_id\":1,\"x\":1}";
    head_late late;
    copse_cid root = head_world_commit(db, NULL, 0, "put {\"_id\":1,\"x\":0}");
    copse_cid set = head_world_commit(db, &root, 1, "keep 10");
    *now_ms = 120;
    late.old = head_world_commit(db, &root, 1, "put {\"_id\":1,\"x\":1}");
    late.met = head_late_merge(db, &set, &late.old, ones);
    *now_ms = 50;
    late.written = head_world_commit(db, &late.met, 1, "put {\"_id\":1,\"x\":2}");
    *now_ms = 130;
    late.unaware = head_world_commit(db, &late.old, 1, "put {\"_id\":1,\"x\":3}");
    late.deleted = head_world_commit(db, &late.old, 1, "del 1");
    *now_ms = 140;
    copse_cid other = head_world_commit(db, &late.old, 1, "put {\"_id\":2}");
    late.met_later = head_late_merge(db, &set, &other, ones);
    late.unaware = head_late_merge(db, &set, &late.unaware, "{\"_id\":1,\"x\":3}");
    late.deleted = head_late_merge(db, &set, &late.deleted, NULL);
    return late;
}

static void test_what_was_overwritten_stays_so(void **state)
{
    (void)state;
    database_world db;
    uint64_t now_ms = 100;
    database_world_init(&db, NULL);
    db.world.test.env.clock = head_clock;
    db.world.test.env.clock_ctx = &now_ms;
    const head_late late = head_late_make(&db, &now_ms);
    (void)head_late_merge(&db, &late.written, &late.met_later, "{\"_id\":1,\"x\":2}");
    (void)head_late_merge(&db, &late.unaware, &late.met_later, "{\"_id\":1,\"x\":3}");
    (void)head_late_merge(&db, &late.unaware, &late.met, "{\"_id\":1,\"x\":3}");
    (void)head_late_merge(&db, &late.deleted, &late.met_later, NULL);
    (void)head_late_merge(&db, &late.deleted, &late.met, NULL);
    database_world_release(&db);
}

/* B3: three heads that each merge all three of the level below, level by level: to find out what
 * they had in common takes twice the merges of the level below, and two. */
static void test_made_up_histories_end(void **state)
{
    (void)state;
    static const struct {
        size_t levels;
        copse_status status;
    } rows[] = {{5, COPSE_OK}, {9, COPSE_LIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        database_world db;
        head_world_outcome outcome;
        copse_cid heads[3];
        database_world_init(&db, NULL);
        copse_cid root = head_world_commit(&db, NULL, 0, "put {\"_id\":0}");
        for (size_t level = 0; level <= rows[i].levels; level++) {
            const copse_cid below[3] = {heads[0], heads[1], heads[2]};
            for (size_t k = 0; k < 3; k++) {
                char text[64];
                (void)snprintf(text, sizeof text, "put {\"_id\":%zu,\"n\":%zu}", k + 1, level);
                heads[k] = level == 0 ? head_world_commit(&db, &root, 1, text)
                                      : head_world_commit(&db, below, 3, text);
            }
        }
        assert_int_equal(head_world_merge(&db, &heads[0], &heads[1], COPSE_MERGE_THREE_WAY,
                                          COPSE_MERGE_CONFLICTS_RECORD, &outcome),
                         rows[i].status);
        database_world_release(&db);
    }
}

static void test_missing_blocks_are_wanted(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome here;
    head_world_outcome there;
    sparse_cache sparse;
    database_world_init(&db, NULL);
    const head_cross cross = head_cross_make(&db, head_x_decided_twice);
    head_world_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_REFUSE,
                               &here);
    const copse_env *env = database_world_env(&db);
    assert_int_equal(sparse_cache_init_own(&sparse, env, NULL), COPSE_OK);
    const copse_head_merge_options options = {.cache = sparse.cache,
                                              .store = sparse.store,
                                              .ours = cross.merged_a,
                                              .theirs = cross.merged_b};
    assert_int_equal(head_world_merge_over(env, &options, db.world.store, &there), COPSE_OK);
    assert_true(copse_cid_equal(&there.commit, &here.commit));
    sparse_cache_release(&sparse);
    database_world_release(&db);
}

/* ---- Failing allocations --------------------------------------------------------------------- */

typedef struct head_sweep {
    copse_store *from;
    copse_cid ours;
    copse_cid theirs;
} head_sweep;

static copse_status head_sweep_run(const copse_env *env, void *ctx)
{
    const head_sweep *sweep = ctx;
    sparse_cache sparse;
    head_world_outcome outcome;
    copse_status status = sparse_cache_init_own(&sparse, env, sweep->from);
    if (status == COPSE_OK) {
        const copse_head_merge_options options = {.cache = sparse.cache,
                                                  .store = sparse.store,
                                                  .ours = sweep->ours,
                                                  .theirs = sweep->theirs};
        status = head_world_merge_over(env, &options, NULL, &outcome);
    }
    sparse_cache_release(&sparse);
    return status;
}

static void test_a_merge_survives_failing_allocations(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    const head_cross cross = head_cross_make(&db, head_x_decided_twice);
    head_sweep sweep = {db.world.store, cross.merged_a, cross.merged_b};
    assert_true(test_env_sweep(head_sweep_run, &sweep, 5000) > 50);
    head_three_bases_make(&db, &sweep.ours, &sweep.theirs);
    assert_true(test_env_sweep(head_sweep_run, &sweep, 5000) > 50);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crosswise_histories_merge_their_bases_first),
        cmocka_unit_test(test_bases_that_clash_are_no_obstacle),
        cmocka_unit_test(test_bases_merge_documents_of_disputed_collections),
        cmocka_unit_test(test_each_base_parts_from_all_before_it),
        cmocka_unit_test(test_a_resolved_conflict_stays_resolved),
        cmocka_unit_test(test_what_was_overwritten_stays_so),
        cmocka_unit_test(test_made_up_histories_end),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_a_merge_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
