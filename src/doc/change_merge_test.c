/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/change_merge.h>

#include <copse/database_check.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_sides.h"
#include "support/database_words.h"
#include "support/sparse_cache.h"
#include "support/want_supply.h"

enum { CHANGE_IDS = 200, CHANGE_JSON_SIZE = 3000 };

/* ---- Running --------------------------------------------------------------------------------- */

typedef struct change_outcome {
    copse_cid root;
    copse_database_merge_stats stats;
    char conflicts[1024]; /* as database_sides_note has them */
} change_outcome;

/* Makes the change over a cache; with conflicts the root is that of ours. `store` NULL: it is not
 * applied. */
static copse_status change_run_over(const copse_env *env, copse_node_cache *cache,
                                    copse_store *store, const copse_cid roots[3],
                                    change_outcome *ret_outcome, copse_err *err)
{
    database_sides open;
    copse_change_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_write *write = NULL;
    copse_tree *tree = NULL;
    *ret_outcome = (change_outcome){.root = roots[2]};
    copse_status status = database_sides_open(cache, roots, &open);
    const copse_change_merge_options options = {open.databases[0], open.databases[1],
                                                open.databases[2]};
    if (status == COPSE_OK) {
        status = copse_write_new(env, &write, err);
    }
    if (status == COPSE_OK) {
        status = copse_change_merge_new(&options, write, &merge, err);
    }
    while (status == COPSE_OK &&
           (status = copse_change_merge_next(merge, &conflict, err)) == COPSE_OK) {
        database_sides_note(&conflict, ret_outcome->conflicts, sizeof ret_outcome->conflicts);
    }
    if (status == COPSE_END) {
        ret_outcome->stats = copse_change_merge_get_stats(merge);
        status = COPSE_OK;
    }
    if (status == COPSE_OK && store != NULL && ret_outcome->stats.conflicts == 0) {
        const copse_write_options in_the_end = {.is_unique_in_the_end = true};
        status =
            copse_write_apply(write, open.trees[2], store, &in_the_end, &tree, NULL, NULL, err);
    }
    if (tree != NULL) {
        ret_outcome->root = *copse_tree_root(tree);
    }
    copse_tree_close(tree);
    copse_change_merge_free(merge);
    copse_write_free(write);
    database_sides_close(&open);
    return status;
}

static void change_run(database_world *db, const copse_cid *before, const copse_cid *after,
                       const copse_cid *ours, change_outcome *ret_outcome)
{
    const copse_cid roots[3] = {*before, *after, *ours};
    copse_err err = {.message = ""};
    copse_status status = change_run_over(database_world_env(db), db->world.cache, db->world.store,
                                          roots, ret_outcome, &err);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err.message);
    }
}

/* ---- Rules ----------------------------------------------------------------------------------- */

typedef struct change_row {
    const char *base;   /* before, and what ours goes on from */
    const char *after;  /* what the change does */
    const char *ours;   /* what ours did */
    const char *merged; /* what came of both; NULL: a conflict */
    const char *conflicts;
} change_row;

static const change_row change_rows[] = {
    /* documents */
    {"", "+1={\"a\":1}", "", "+1={\"a\":1}", ""},
    {"", "+1={\"a\":1}", "+1={\"a\":1}", "+1={\"a\":1}", ""},
    {"", "+1={\"a\":1}", "+1={\"a\":2}", NULL, " document:posts:1"},
    {"", "+1={\"a\":1}", "+2={\"a\":2}", "+1={\"a\":1} +2={\"a\":2}", ""},
    {"+1={\"a\":1}", "-1", "", "-1", ""},
    {"+1={\"a\":1}", "-1", "-1", "-1", ""},
    {"+1={\"a\":1}", "-1", "+1={\"a\":2}", NULL, " document:posts:1"},
    {"+1={\"a\":1}", "+1={\"a\":2}", "", "+1={\"a\":2}", ""},
    {"+1={\"a\":1}", "+1={\"a\":2}", "+1={\"a\":2}", "+1={\"a\":2}", ""},
    {"+1={\"a\":1}", "+1={\"a\":2}", "-1", NULL, " document:posts:1"},
    {"+1={\"a\":1}", "+1={\"a\":2}", "+1={\"a\":3}", NULL, " document:posts:1"},
    {"+1={\"a\":1,\"b\":1}", "+1={\"a\":2,\"b\":1}", "+1={\"a\":1,\"b\":2}", "+1={\"a\":2,\"b\":2}",
     ""},
    {"+1={\"a\":1,\"b\":1}", "+1={\"b\":1}", "+1={\"a\":1,\"b\":2}", "+1={\"b\":2}", ""},
    {"+1={\"a\":{\"x\":1,\"y\":1}}", "+1={\"a\":{\"x\":2,\"y\":1}}", "+1={\"a\":{\"x\":1,\"y\":2}}",
     "+1={\"a\":{\"x\":2,\"y\":2}}", ""},
    {"+1={\"a\":1} +2={\"a\":1}", "+1={\"a\":2} +2={\"a\":2}", "+1={\"a\":3} -2", NULL,
     " document:posts:1 document:posts:2"},
    /* collections */
    {"", "make", "", "make", ""},
    {"", "make", "make", "make", ""},
    {"", "make", "make-linked", NULL, " collection:more"},
    {"+1={\"a\":1}", "drop", "", "drop", ""},
    {"+1={\"a\":1}", "drop", "drop", "drop", ""},
    {"+1={\"a\":1}", "drop", "+2={\"a\":1}", NULL, " collection:posts"},
    {"+1={\"a\":1}", "drop", "index", NULL, " collection:posts"},
    {"+1={\"a\":1}", "drop", "make", "drop make", ""},
    {"+1={\"a\":1}", "+1={\"a\":2}", "drop", NULL, " document:posts:1"},
    {"+1={\"a\":1}", "-1", "drop", "drop", ""},
    {"+1={\"a\":1}", "+2={\"a\":2}", "drop", NULL, " document:posts:2"},
    {"+1={\"a\":1}", "drop anew", "", NULL, " collection:posts"},
    {"+1={\"a\":1}", "+1={\"a\":2}", "drop anew", NULL, " document:posts:1"},
    {"", "union", "", "union", ""},
    {"", "union", "union", "union", ""},
    {"", "union", "lww", NULL, " collection:posts"},
    {"", "union", "+1={\"a\":1}", "union +1={\"a\":1}", ""},
    {"lww", "lww-30", "", "lww-30", ""},
    {"lww-30", "lww", "union", NULL, " collection:posts"},
    {"drop", "anew union", "make", "anew union make", ""},
    /* indexes */
    {"+1={\"a\":1,\"b\":1}", "index", "+2={\"b\":1}", "index +2={\"b\":1}", ""},
    {"+1={\"a\":1,\"b\":1}", "index", "index", "index", ""},
    {"+1={\"a\":1,\"b\":1}", "index", "unique", NULL, " index:posts.by-b"},
    {"", "index", "drop", NULL, " index:posts.by-b"},
    {"+1={\"a\":1}", "unindex", "+2={\"a\":1}", "unindex +2={\"a\":1}", ""},
    {"+1={\"a\":1}", "unindex", "unindex", "unindex", ""},
    {"+1={\"a\":1}", "unindex other-index", "+2={\"a\":1}", "unindex other-index +2={\"a\":1}", ""},
    {"+1={\"a\":1}", "unindex", "unindex other-index", NULL, " index:posts.by-a"},
    {"+1={\"a\":1}", "unindex", "drop", "drop", ""},
    {"+1={\"a\":1}", "unindex other-index", "unindex", NULL, " index:posts.by-a"},
    /* a unique index is made behind the documents that it would refuse, and counts in the end */
    {"+1={\"b\":1} +2={\"b\":1}", "-2 unique", "+3={\"b\":3}", "-2 unique +3={\"b\":3}", ""},
    {"unique +1={\"b\":1} +2={\"b\":2}", "-1 -2 +1={\"b\":2} +2={\"b\":1}", "+3={\"b\":3}",
     "-1 -2 +1={\"b\":2} +2={\"b\":1} +3={\"b\":3}", ""},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof change_rows / sizeof change_rows[0]; i++) {
        const change_row *row = &change_rows[i];
        database_world db;
        change_outcome outcome;
        copse_cid before = database_words_begin(&db, row->base);
        copse_cid after = database_words_done(&db, &before, row->after);
        copse_cid ours = database_words_done(&db, &before, row->ours);
        copse_cid merged =
            row->merged != NULL ? database_words_done(&db, &before, row->merged) : ours;
        change_run(&db, &before, &after, &ours, &outcome);
        if (strcmp(outcome.conflicts, row->conflicts) != 0 ||
            !copse_cid_equal(&outcome.root, &merged)) {
            fail_msg("%s | %s | %s: conflicts '%s', %s", row->base, row->after, row->ours,
                     outcome.conflicts,
                     copse_cid_equal(&outcome.root, &merged) ? "right" : "wrong root");
        }
        database_world_release(&db);
    }
}

/* What a unique index refuses is refused, as of any write. */
static void test_a_clash_is_refused(void **state)
{
    (void)state;
    database_world db;
    change_outcome outcome;
    copse_err err = {.message = ""};
    copse_cid before = database_words_begin(&db, "unique");
    copse_cid after = database_words_done(&db, &before, "+1={\"b\":1}");
    copse_cid ours = database_words_done(&db, &before, "+2={\"b\":1}");
    const copse_cid roots[3] = {before, after, ours};
    assert_int_equal(change_run_over(database_world_env(&db), db.world.cache, db.world.store, roots,
                                     &outcome, &err),
                     COPSE_CONFLICT);
    assert_non_null(strstr(err.message, "by-b"));
    database_world_release(&db);
}

static void test_other_trees_are_refused(void **state)
{
    (void)state;
    database_world a;
    database_world b;
    database_sides open_a;
    database_sides open_b;
    copse_change_merge *merge = NULL;
    copse_cid root_a = database_words_begin(&a, "");
    copse_cid root_b = database_words_begin(&b, "");
    const copse_cid roots_a[3] = {root_a, root_a, root_a};
    const copse_cid roots_b[3] = {root_b, root_b, root_b};
    assert_int_equal(database_sides_open(a.world.cache, roots_a, &open_a), COPSE_OK);
    assert_int_equal(database_sides_open(b.world.cache, roots_b, &open_b), COPSE_OK);
    const copse_change_merge_options options = {open_a.databases[0], open_b.databases[1],
                                                open_a.databases[2]};
    assert_int_equal(copse_change_merge_new(&options, a.write, &merge, NULL), COPSE_MISUSE);
    assert_null(merge);
    database_sides_close(&open_a);
    database_sides_close(&open_b);
    database_world_release(&a);
    database_world_release(&b);
}

/* ---- Random changes -------------------------------------------------------------------------- */

/* Three databases: each is made of the one before by some random operations. */
typedef struct change_line {
    copse_cid first;
    copse_cid second;
    copse_cid third;
} change_line;

/* Some operations on documents below `ids_max` whose _id leaves `rest` when divided by 2; one in
 * five documents is too large to be inline. */
static copse_cid change_scatter(database_world *db, const copse_cid *base, uint64_t *random,
                                size_t count, uint64_t rest)
{
    char json[CHANGE_JSON_SIZE];
    database_world_reopen(db, base);
    for (size_t i = 0; i < count; i++) {
        uint64_t id = test_random_below(random, CHANGE_IDS / 2) * 2 + rest;
        if (test_random_below(random, 4) == 0) {
            (void)snprintf(json, sizeof json, "%d", (int)id);
            database_world_delete(db, "posts", json);
        } else {
            int size = test_random_below(random, 5) == 0 ? 2000 : 5;
            (void)snprintf(json, sizeof json, "{\"_id\":%d,\"a\":%d,\"c\":\"%0*d\"}", (int)id,
                           (int)test_random_below(random, 9), size, 1);
            database_world_replace(db, "posts", json, true);
        }
    }
    database_world_commit(db);
    return *copse_tree_root(db->tree);
}

static void change_line_make(database_world *db, uint64_t *random, change_line *ret_line)
{
    copse_cid empty = database_words_begin(db, "");
    copse_cid even = change_scatter(db, &empty, random, CHANGE_IDS, 0);
    ret_line->first = change_scatter(db, &even, random, CHANGE_IDS, 1);
    ret_line->second = change_scatter(db, &ret_line->first, random, 20, 0);
    ret_line->third = change_scatter(db, &ret_line->second, random, 20, 1);
}

static void change_assert_whole(database_world *db, const copse_cid *root)
{
    copse_database_check_stats stats;
    assert_int_equal(
        copse_database_check(database_world_env(db), db->world.store, root, NULL, &stats, NULL),
        COPSE_OK);
    assert_int_equal(stats.defects, 0);
}

/* A change made again and taken back gives what was there, and what others did elsewhere stays. */
static void test_changes_come_and_go(void **state)
{
    (void)state;
    uint64_t random = 9;
    for (size_t run = 0; run < 20; run++) {
        database_world db;
        change_line line;
        change_outcome outcome;
        change_line_make(&db, &random, &line);
        /* back, where nothing else was done */
        change_run(&db, &line.second, &line.first, &line.second, &outcome);
        assert_string_equal(outcome.conflicts, "");
        assert_true(copse_cid_equal(&outcome.root, &line.first));
        /* back from below what came later, and again */
        change_run(&db, &line.second, &line.first, &line.third, &outcome);
        assert_string_equal(outcome.conflicts, "");
        copse_cid back = outcome.root;
        assert_false(copse_cid_equal(&back, &line.third));
        change_assert_whole(&db, &back);
        change_run(&db, &line.first, &line.second, &back, &outcome);
        assert_true(copse_cid_equal(&outcome.root, &line.third));
        /* the later change alone is what is left of it */
        change_run(&db, &line.second, &line.third, &line.first, &outcome);
        assert_true(copse_cid_equal(&outcome.root, &back));
        /* there already */
        change_run(&db, &line.first, &line.second, &line.third, &outcome);
        assert_true(copse_cid_equal(&outcome.root, &line.third));
        assert_int_equal(outcome.stats.inserted + outcome.stats.replaced + outcome.stats.deleted +
                             outcome.stats.merged,
                         0);
        database_world_release(&db);
    }
}

/* ---- What is missing, what fails ------------------------------------------------------------- */

/* From an empty store: the same root, having read less than all. */
static void test_missing_blocks_are_wanted(void **state)
{
    (void)state;
    database_world db;
    uint64_t random = 3;
    change_line line;
    change_outcome here;
    change_outcome there;
    change_line_make(&db, &random, &line);
    change_run(&db, &line.second, &line.first, &line.third, &here);
    copse_env *env = &db.world.test.env;
    const copse_cid roots[3] = {line.second, line.first, line.third};
    sparse_cache sparse;
    copse_status status;
    size_t rounds = 0;
    assert_int_equal(sparse_cache_init_own(&sparse, env, NULL), COPSE_OK);
    while ((status = change_run_over(env, sparse.cache, sparse.store, roots, &there, NULL)) ==
           COPSE_WANT) {
        (void)want_supply_some(sparse.source, db.world.store, SIZE_MAX);
        rounds++;
    }
    assert_int_equal(status, COPSE_OK);
    assert_true(rounds > 3);
    assert_true(copse_cid_equal(&there.root, &here.root));
    sparse_cache_release(&sparse);
    database_world_release(&db);
}

/* A merge that returned WANT goes on, and adds each operation once. */
static void test_it_goes_on_after_a_want(void **state)
{
    (void)state;
    database_world db;
    uint64_t random = 4;
    change_line line;
    change_outcome here;
    database_sides open;
    copse_change_merge *merge = NULL;
    copse_write *write = NULL;
    sparse_cache sparse;
    copse_database_conflict conflict;
    copse_status status;
    size_t wants = 0;
    change_line_make(&db, &random, &line);
    change_run(&db, &line.second, &line.first, &line.third, &here);
    copse_env *env = &db.world.test.env;
    const copse_cid roots[3] = {line.second, line.first, line.third};
    assert_int_equal(sparse_cache_init(&sparse, env, NULL), COPSE_OK);
    while (database_sides_open(sparse.cache, roots, &open) == COPSE_WANT) {
        database_sides_close(&open);
        (void)want_supply_some(sparse.source, db.world.store, 1);
    }
    const copse_change_merge_options options = {open.databases[0], open.databases[1],
                                                open.databases[2]};
    assert_int_equal(copse_write_new(env, &write, NULL), COPSE_OK);
    assert_int_equal(copse_change_merge_new(&options, write, &merge, NULL), COPSE_OK);
    while ((status = copse_change_merge_next(merge, &conflict, NULL)) == COPSE_WANT) {
        (void)want_supply_some(sparse.source, db.world.store, 1);
        wants++;
    }
    assert_int_equal(status, COPSE_END);
    assert_true(wants > 10);
    copse_database_merge_stats stats = copse_change_merge_get_stats(merge);
    assert_memory_equal(&stats, &here.stats, sizeof stats);
    assert_int_equal(copse_write_count(write),
                     stats.inserted + stats.replaced + stats.merged + stats.deleted);
    copse_change_merge_free(merge);
    copse_write_free(write);
    database_sides_close(&open);
    sparse_cache_release(&sparse);
    database_world_release(&db);
}

typedef struct change_sweep {
    database_world *db;
    copse_cid roots[3];
} change_sweep;

static copse_status change_sweep_run(const copse_env *env, void *ctx)
{
    change_sweep *sweep = ctx;
    sparse_cache sparse;
    change_outcome outcome;
    copse_status status = sparse_cache_init(&sparse, env, sweep->db->world.store);
    if (status == COPSE_OK) {
        status = change_run_over(env, sparse.cache, NULL, sweep->roots, &outcome, NULL);
    }
    sparse_cache_release(&sparse);
    return status;
}

static void test_it_survives_failing_allocations(void **state)
{
    (void)state;
    database_world db;
    change_sweep sweep = {.db = &db};
    sweep.roots[0] = database_words_begin(&db, "+1={\"a\":1,\"b\":1} +2={\"a\":1}");
    sweep.roots[1] = database_words_done(
        &db, &sweep.roots[0], "+1={\"a\":2,\"b\":1} -2 +3={\"a\":3} make unindex index union");
    sweep.roots[2] = database_words_done(&db, &sweep.roots[0], "+1={\"a\":1,\"b\":2} +4={\"a\":1}");
    assert_true(test_env_sweep(change_sweep_run, &sweep, 5000) > 20);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_a_clash_is_refused),
        cmocka_unit_test(test_other_trees_are_refused),
        cmocka_unit_test(test_changes_come_and_go),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_it_goes_on_after_a_want),
        cmocka_unit_test(test_it_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
