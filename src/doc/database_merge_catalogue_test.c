/* Merging catalogues: collections and their options, indexes; and documents under them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_words.h"
#include "support/merge_pair.h"

static void catalogue_merge(database_world *db, const copse_cid *base, const copse_cid *ours,
                            const copse_cid *theirs, copse_merge_policy policy,
                            merge_pair_outcome *ret_outcome)
{
    const merge_pair_case merge = {.base = base, .ours = ours, .theirs = theirs, .policy = policy};
    merge_pair_run(db, &merge, ret_outcome);
}

typedef struct catalogue_row {
    const char *ours;
    const char *theirs;
    const char *merged; /* from base; NULL: as ours */
    const char *conflicts;
    copse_merge_policy policy;
    const char *base; /* NULL: nothing is done to it */
} catalogue_row;

static const catalogue_row catalogue_rows[] = {
    {"", "make", "make", "", COPSE_MERGE_THREE_WAY, NULL},
    {"+9={}", "make", "+9={} make", "", COPSE_MERGE_THREE_WAY, NULL},
    {"make", "make", "make", "", COPSE_MERGE_THREE_WAY, NULL},
    {"make", "make-linked", NULL, " collection:more", COPSE_MERGE_THREE_WAY, NULL},
    {"", "drop", "drop", "", COPSE_MERGE_THREE_WAY, NULL},
    {"drop", "drop", "drop", "", COPSE_MERGE_THREE_WAY, NULL},
    {"+9={}", "drop", NULL, " collection:posts", COPSE_MERGE_THREE_WAY, NULL},
    {"drop", "index", NULL, " collection:posts", COPSE_MERGE_THREE_WAY, NULL},
    {"drop", "lww-30", NULL, " collection:posts", COPSE_MERGE_THREE_WAY, NULL},
    {"drop", "make", "drop make", "", COPSE_MERGE_THREE_WAY, NULL},
    {"", "index", "unbuilt", "", COPSE_MERGE_THREE_WAY, NULL},
    {"+9={}", "index", "+9={} unbuilt", "", COPSE_MERGE_THREE_WAY, NULL},
    {"index", "index", "index", "", COPSE_MERGE_THREE_WAY, NULL},
    {"index", "unbuilt", "unbuilt", "", COPSE_MERGE_THREE_WAY, NULL},
    {"unbuilt", "unbuilt", "unbuilt", "", COPSE_MERGE_THREE_WAY, NULL},
    {"index", "unique", NULL, " index:posts.by-b", COPSE_MERGE_THREE_WAY, NULL},
    {"index", "", "", "", COPSE_MERGE_THREE_WAY,
     "unbuilt"}, /* built on one side: not in the outcome */
    {"index", "index", "index", "", COPSE_MERGE_THREE_WAY, "unbuilt"},
    {"", "unindex", "unindex", "", COPSE_MERGE_THREE_WAY, NULL},
    {"unindex", "+9={}", "unindex +9={}", "", COPSE_MERGE_THREE_WAY, NULL},
    {"unindex", "unindex", "unindex", "", COPSE_MERGE_THREE_WAY, NULL},
    {"+9={}", "unindex other-index", "+9={} unindex other-unbuilt", "", COPSE_MERGE_THREE_WAY,
     NULL},
    {"unindex other-index", "unindex other-index", "unindex other-index", "", COPSE_MERGE_THREE_WAY,
     NULL},
    {"unindex", "unindex other-index", NULL, " index:posts.by-a", COPSE_MERGE_THREE_WAY, NULL},
    {"", "lww-30", "lww-30", "", COPSE_MERGE_THREE_WAY, NULL},
    {"lww-30", "lww-30", "lww-30", "", COPSE_MERGE_THREE_WAY, NULL},
    {"lww-30", "field-wise-30", NULL, " collection:posts", COPSE_MERGE_THREE_WAY, NULL},
    {"", "field-wise-30", "field-wise-30", "", COPSE_MERGE_THREE_WAY, "lww-30"},
    {"", "make", "make", "", COPSE_MERGE_UNION, NULL},
    {"", "drop", "", "", COPSE_MERGE_UNION, NULL},
    {"unindex", "", "unindex", "", COPSE_MERGE_UNION, NULL}, /* an index is no data */
    {"index", "unique", NULL, " index:posts.by-b", COPSE_MERGE_UNION, NULL},
    {"make", "make-linked", NULL, " collection:more", COPSE_MERGE_UNION, NULL},
};

static void test_catalogues_merge(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof catalogue_rows / sizeof catalogue_rows[0]; i++) {
        const catalogue_row *row = &catalogue_rows[i];
        database_world db;
        merge_pair_outcome outcome;
        copse_cid base = database_words_begin(&db, "+0={} +1={\"a\":1,\"b\":2}");
        base = row->base != NULL ? database_words_done(&db, &base, row->base) : base;
        copse_cid ours = database_words_done(&db, &base, row->ours);
        copse_cid theirs = database_words_done(&db, &base, row->theirs);
        copse_cid merged =
            row->merged != NULL ? database_words_done(&db, &base, row->merged) : ours;
        catalogue_merge(&db, &base, &ours, &theirs, row->policy, &outcome);
        if (strcmp(outcome.conflicts, row->conflicts) != 0 ||
            !copse_cid_equal(&outcome.root, &merged)) {
            fail_msg("%s | %s: conflicts '%s', %s", row->ours, row->theirs, outcome.conflicts,
                     copse_cid_equal(&outcome.root, &merged) ? "right" : "wrong root");
        }
        database_world_release(&db);
    }
}

/* Documents that swap, hand on or repair unique values on one side. */
static void test_unique_values_count_in_the_end(void **state)
{
    (void)state;
    static const char *const theirs[] = {
        "-1 -2 +1={\"b\":7} +2={\"b\":6}", /* swapped */
        "-1 -2 +1={\"b\":8} +2={\"b\":6}", /* handed on */
        "-1 -2 +0={\"b\":7} +2={\"b\":9}", /* to one before it */
    };
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
        database_world db;
        merge_pair_outcome outcome;
        copse_cid base = database_words_begin(&db, "unique +1={\"b\":6} +2={\"b\":7}");
        copse_cid ours = database_words_done(&db, &base, "+9={}");
        copse_cid other = database_words_done(&db, &base, theirs[i]);
        catalogue_merge(&db, &base, &ours, &other, COPSE_MERGE_THREE_WAY, &outcome);
        copse_cid expected = database_words_done(&db, &other, "+9={}");
        assert_true(copse_cid_equal(&outcome.root, &expected));
        database_world_release(&db);
    }
}

/* Theirs repaired what a unique index would refuse, and then made it: it comes unbuilt. */
static void test_a_new_unique_index_stops_no_merge(void **state)
{
    (void)state;
    database_world db;
    merge_pair_outcome outcome;
    copse_cid base = database_words_begin(&db, "+1={\"b\":6} +2={\"b\":6}");
    copse_cid ours = database_words_done(&db, &base, "+9={}");
    copse_cid repaired = database_words_done(&db, &base, "-2");
    copse_cid theirs = database_words_done(&db, &repaired, "unique");
    catalogue_merge(&db, &base, &ours, &theirs, COPSE_MERGE_THREE_WAY, &outcome);
    copse_cid expected = database_words_done(&db, &repaired, "+9={} unique-unbuilt");
    assert_true(copse_cid_equal(&outcome.root, &expected));
    database_world_release(&db);
}

/* Both sides made the collection anew with another primary key: what base has under a key is
 * another document. */
static void test_a_base_with_another_primary_key_is_none(void **state)
{
    (void)state;
    database_world db;
    merge_pair_outcome outcome;
    copse_cid roots[3];
    static const char *const names[3] = {"a", "b", "a"};
    database_world_init(&db, NULL);
    for (size_t i = 0; i < 3; i++) {
        char json[64];
        database_world_reopen(&db, NULL);
        database_world_create(&db, "posts", i == 0 ? "_id" : "id", COPSE_DOCUMENTS_INLINE);
        (void)snprintf(json, sizeof json, "{\"_id\":1,\"id\":%d,\"n\":\"%s\"}", i == 0 ? 5 : 1,
                       names[i]);
        database_world_insert(&db, "posts", json);
        database_world_commit(&db);
        roots[i] = *copse_tree_root(db.tree);
    }
    catalogue_merge(&db, &roots[0], &roots[1], &roots[2], COPSE_MERGE_THREE_WAY, &outcome);
    assert_string_equal(outcome.conflicts, " document:posts:1");
    database_world_release(&db);
}

static void test_without_a_base_only_unions_merge(void **state)
{
    (void)state;
    database_world db;
    merge_pair_outcome outcome;
    copse_err err = {.message = ""};
    copse_cid root = database_words_begin(&db, "+0={}");
    copse_cid other = database_words_done(&db, &root, "+9={}");
    const merge_pair_case merge = {.ours = &root, .theirs = &other};
    assert_int_equal(merge_pair_over(db.world.cache, db.world.store, &merge, &outcome, &err),
                     COPSE_CONFLICT);
    assert_non_null(strstr(err.message, "no common past"));
    /* What only one has is taken, and what both have alike is no matter. */
    other = database_words_done(&db, &root, "make");
    catalogue_merge(&db, NULL, &root, &other, COPSE_MERGE_THREE_WAY, &outcome);
    assert_true(copse_cid_equal(&outcome.root, &other));
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalogues_merge),
        cmocka_unit_test(test_unique_values_count_in_the_end),
        cmocka_unit_test(test_a_new_unique_index_stops_no_merge),
        cmocka_unit_test(test_a_base_with_another_primary_key_is_none),
        cmocka_unit_test(test_without_a_base_only_unions_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
