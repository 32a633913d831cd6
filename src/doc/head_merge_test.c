/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/head_merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/head_world.h"

static void test_what_comes_from_the_other_is_no_merge(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid root = head_world_commit(&db, NULL, 0, "put {\"_id\":1,\"n\":1}");
    copse_cid next = head_world_commit(&db, &root, 1, "put {\"_id\":2,\"n\":2}");
    assert_int_equal(head_world_merge(&db, &root, &next, COPSE_MERGE_THREE_WAY,
                                      COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
                     COPSE_OK);
    assert_int_equal(outcome.result.kind, COPSE_HEAD_MERGE_FORWARD);
    assert_int_equal(head_world_merge(&db, &next, &root, COPSE_MERGE_THREE_WAY,
                                      COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
                     COPSE_OK);
    assert_int_equal(outcome.result.kind, COPSE_HEAD_MERGE_NOTHING);
    assert_int_equal(head_world_merge(&db, &next, &next, COPSE_MERGE_THREE_WAY,
                                      COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
                     COPSE_OK);
    assert_int_equal(outcome.result.kind, COPSE_HEAD_MERGE_NOTHING);
    database_world_release(&db);
}

static void test_both_ways_make_one_commit(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid root =
        head_world_commit(&db, NULL, 0, "put {\"_id\":1,\"n\":1};put {\"_id\":2,\"n\":2}");
    copse_cid a =
        head_world_commit(&db, &root, 1, "put {\"_id\":1,\"n\":1,\"a\":1};put {\"_id\":3}");
    copse_cid b = head_world_commit(&db, &root, 1, "put {\"_id\":1,\"n\":1,\"b\":1};del 2");
    (void)head_world_commit(&db, &root, 1,
                            "put {\"_id\":1,\"n\":1,\"a\":1,\"b\":1};put {\"_id\":3};del 2");
    copse_cid expected = *copse_tree_root(db.tree);
    head_world_merge_both_ways(&db, &a, &b, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    assert_int_equal(outcome.conflicts, 0);
    assert_int_equal(outcome.result.bases, 1);
    assert_true(copse_cid_equal(&outcome.result.commit.tree, &expected));
    assert_int_equal(outcome.result.commit.parents_count, 2);
    assert_int_equal(outcome.result.stats.inserted + outcome.result.stats.merged +
                         outcome.result.stats.deleted,
                     2); /* into either: one document merged, and one inserted or deleted */
    /* A conflict is told, and ours stays. */
    copse_cid c = head_world_commit(&db, &root, 1, "put {\"_id\":1,\"n\":7}");
    copse_cid d = head_world_commit(&db, &root, 1, "put {\"_id\":1,\"n\":8}");
    head_world_merge_both_ways(&db, &c, &d, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    assert_int_equal(outcome.conflicts, 1);
    head_world_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"n\":7}");
    database_world_release(&db);
}

static void test_strangers_only_unite(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid a = head_world_commit(&db, NULL, 0, "put {\"_id\":1}");
    copse_cid b = head_world_commit(&db, NULL, 0, "put {\"_id\":2}");
    assert_int_equal(head_world_merge(&db, &a, &b, COPSE_MERGE_THREE_WAY,
                                      COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
                     COPSE_CONFLICT);
    assert_non_null(strstr(outcome.err.message, "no common past"));
    assert_int_equal(
        head_world_merge(&db, &a, &b, COPSE_MERGE_UNION, COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
        COPSE_OK);
    head_world_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1}");
    head_world_expect(&db, &outcome.result.commit.tree, "2", "{\"_id\":2}");
    database_world_release(&db);
}

/* The document of the head that was made later waits, whichever is ours. */
static void test_who_clashes_waits(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid root = head_world_commit(&db, NULL, 0, "put {\"_id\":1,\"n\":1}");
    copse_cid a = head_world_commit(&db, &root, 1, "put {\"_id\":3,\"n\":5}");
    copse_cid b = head_world_commit(&db, &root, 1, "put {\"_id\":4}");
    b = head_world_commit(&db, &b, 1, "put {\"_id\":2,\"n\":5}");
    head_world_merge_both_ways(&db, &a, &b, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    assert_int_equal(outcome.conflicts, 0);
    assert_int_equal(outcome.result.stats.waiting, 1);
    head_world_expect(&db, &outcome.result.commit.tree, "3", "{\"_id\":3,\"n\":5}");
    head_world_expect(&db, &outcome.result.commit.tree, "2", NULL);
    database_world_release(&db);
}

/* W7: 2 or 3 waits (whose head is the later by its CID). It is written over, which ends nothing
 * that shows, and deleted: when its old value is free again, it stays away. */
static void test_what_waited_and_was_deleted_stays_away(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    char text[64];
    database_world_init(&db, NULL);
    copse_cid root = head_world_commit(&db, NULL, 0, "put {\"_id\":1}");
    copse_cid a = head_world_commit(&db, &root, 1, "put {\"_id\":2,\"n\":5}");
    copse_cid b = head_world_commit(&db, &root, 1, "put {\"_id\":3,\"n\":5}");
    head_world_merge_both_ways(&db, &a, &b, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    copse_cid both = outcome.commit;
    database_world_reopen(&db, &outcome.result.commit.tree);
    char *json = database_world_get(&db, "posts", "2");
    const char *waits = json == NULL ? "2" : "3";
    const char *stays = json == NULL ? "3" : "2";
    free(json);
    (void)snprintf(text, sizeof text, "put {\"_id\":%s,\"n\":9}", waits);
    copse_cid written = head_world_commit(&db, &both, 1, text);
    (void)snprintf(text, sizeof text, "del %s", waits);
    copse_cid deleted = head_world_commit(&db, &written, 1, text);
    (void)snprintf(text, sizeof text, "del %s", stays);
    copse_cid freed = head_world_commit(&db, &both, 1, text);
    head_world_merge_both_ways(&db, &deleted, &freed, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    head_world_expect(&db, &outcome.result.commit.tree, waits, NULL);
    head_world_expect(&db, &outcome.result.commit.tree, stays, NULL);
    database_world_release(&db);
}

static void test_conflicts_are_recorded_or_settled(void **state)
{
    (void)state;
    database_world db;
    head_world_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid root = head_world_commit(&db, NULL, 0, "put {\"_id\":1,\"x\":0};put {\"_id\":2}");
    copse_cid a = head_world_commit(&db, &root, 1, "put {\"_id\":1,\"a\":1,\"x\":1};del 2");
    copse_cid b =
        head_world_commit(&db, &root, 1, "put {\"_id\":1,\"b\":1,\"x\":2};put {\"_id\":2,\"y\":1}");
    b = head_world_commit(&db, &b, 1, "put {\"_id\":4}");
    head_world_merge_both_ways(&db, &a, &b, COPSE_MERGE_CONFLICTS_RECORD, &outcome);
    assert_int_equal(outcome.result.stats.recorded, 2);
    assert_int_equal(outcome.result.commit.author.len, 0);
    head_world_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"a\":1,\"b\":1,\"x\":2}");
    head_world_expect(&db, &outcome.result.commit.tree, "2", "{\"_id\":2,\"y\":1}");
    assert_int_equal(
        head_world_merge(&db, &a, &b, COPSE_MERGE_THREE_WAY, COPSE_MERGE_CONFLICTS_OURS, &outcome),
        COPSE_OK);
    assert_int_equal(outcome.result.stats.settled, 2);
    assert_true(copse_cid_equal(&outcome.result.commit.parents[0], &a));
    assert_true(copse_bytes_equal(outcome.result.commit.message, copse_bytes_of_text("as I say")));
    assert_true(outcome.result.commit.author.len > 0);
    head_world_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"a\":1,\"b\":1,\"x\":1}");
    head_world_expect(&db, &outcome.result.commit.tree, "2", NULL);
    assert_int_equal(head_world_merge(&db, &a, &b, COPSE_MERGE_THREE_WAY,
                                      COPSE_MERGE_CONFLICTS_THEIRS, &outcome),
                     COPSE_OK);
    assert_true(copse_cid_equal(&outcome.result.commit.parents[0], &a));
    head_world_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"a\":1,\"b\":1,\"x\":2}");
    head_world_expect(&db, &outcome.result.commit.tree, "2", "{\"_id\":2,\"y\":1}");
    /* Without a conflict it is the automatic merge, whatever was to be done with one. */
    copse_cid c = head_world_commit(&db, &root, 1, "put {\"_id\":5}");
    assert_int_equal(
        head_world_merge(&db, &a, &c, COPSE_MERGE_THREE_WAY, COPSE_MERGE_CONFLICTS_OURS, &outcome),
        COPSE_OK);
    assert_int_equal(outcome.result.commit.message.len, 0);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_from_the_other_is_no_merge),
        cmocka_unit_test(test_both_ways_make_one_commit),
        cmocka_unit_test(test_strangers_only_unite),
        cmocka_unit_test(test_who_clashes_waits),
        cmocka_unit_test(test_what_waited_and_was_deleted_stays_away),
        cmocka_unit_test(test_conflicts_are_recorded_or_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
