/* Merging heads that have forgotten deletions.
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

static const uint64_t day_ms = 86400000;

/* A history whose clock is set by hand. */
typedef struct forgotten_world {
    database_world db;
    uint64_t day;
} forgotten_world;

static uint64_t forgotten_clock(void *ctx)
{
    return ((const forgotten_world *)ctx)->day * day_ms;
}

static void forgotten_init(forgotten_world *world)
{
    *world = (forgotten_world){.day = 1000};
    database_world_init(&world->db, NULL);
    world->db.world.test.env.clock = forgotten_clock;
    world->db.world.test.env.clock_ctx = world;
}

/* A commit of that day; on nothing, if `parent` is NULL. */
static copse_cid forgotten_commit(forgotten_world *world, uint64_t day, const copse_cid *parent,
                                  const char *operations)
{
    world->day = day;
    return head_world_commit(&world->db, parent, parent != NULL, operations);
}

/* Likewise, forgetting all deletions from before that other day. */
static copse_cid forgotten_forget(forgotten_world *world, uint64_t day, const copse_cid *parent,
                                  uint64_t before_day)
{
    char text[64];
    (void)snprintf(text, sizeof text, "forget %llu", (unsigned long long)(before_day * day_ms));
    return forgotten_commit(world, day, parent, text);
}

/* Leaves the merged tree open. */
static copse_cid forgotten_merge(forgotten_world *world, const copse_cid *a, const copse_cid *b)
{
    head_world_outcome outcome;
    head_world_merge_both_ways(&world->db, a, b, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    database_world_reopen(&world->db, &outcome.result.commit.tree);
    return outcome.commit;
}

/* Fails the test unless that is the document of the open tree; NULL: there must be none. */
static void forgotten_expect(forgotten_world *world, const char *id, const char *expected)
{
    const copse_cid tree = *copse_tree_root(world->db.tree);
    head_world_expect(&world->db, &tree, id, expected);
}

static uint64_t forgotten_up_to(const forgotten_world *world)
{
    copse_database *database = NULL;
    assert_int_equal(copse_database_open(world->db.tree, &database, NULL), COPSE_OK);
    uint64_t forgotten_ms =
        copse_database_collection(database, copse_bytes_of_text("posts"))->forgotten_ms;
    copse_database_close(database);
    return forgotten_ms;
}

static void forgotten_expect_refused(forgotten_world *world, const copse_cid *a, const copse_cid *b)
{
    const copse_cid *heads[2] = {a, b};
    for (size_t ours = 0; ours < 2; ours++) {
        head_world_outcome outcome;
        assert_int_equal(head_world_merge(&world->db, heads[ours], heads[1 - ours],
                                          COPSE_MERGE_THREE_WAY, COPSE_MERGE_CONFLICTS_REFUSE,
                                          &outcome),
                         COPSE_CONFLICT);
        assert_non_null(strstr(outcome.err.message, "cloned anew"));
    }
}

/* Whatever is said later about how long deletions are kept. */
static void test_who_may_not_know_them_is_refused(void **state)
{
    (void)state;
    static const char *const later[] = {"keep 10", "keep 30", "keep 0", "put {\"_id\":9}"};
    for (size_t i = 0; i < 4; i++) {
        forgotten_world world;
        forgotten_init(&world);
        copse_cid root = forgotten_commit(&world, 1000, NULL, "keep 10;put {\"_id\":1}");
        copse_cid old = forgotten_commit(&world, 1002, &root, "put {\"_id\":1,\"n\":2}");
        copse_cid head = forgotten_commit(&world, 1001, &root, "del 1");
        head = forgotten_forget(&world, 1020, &head, 1010);
        head = forgotten_commit(&world, 1021, &head, later[i]);
        forgotten_expect_refused(&world, &head, &old);
        database_world_release(&world.db);
    }
}

/* How long deletions are kept is no matter: what was not forgotten is known. */
static void test_age_alone_is_no_reason(void **state)
{
    (void)state;
    forgotten_world world;
    forgotten_init(&world);
    copse_cid root = forgotten_commit(&world, 1000, NULL, "keep 10;put {\"_id\":1}");
    copse_cid old = forgotten_commit(&world, 1060, &root, "put {\"_id\":2}");
    copse_cid head = forgotten_commit(&world, 1100, &root, "del 1");
    (void)forgotten_merge(&world, &head, &old);
    forgotten_expect(&world, "1", NULL);
    /* Nor is where they parted: nothing was deleted since then that is forgotten. */
    head = forgotten_forget(&world, 1101, &head, 1050);
    copse_cid both = forgotten_merge(&world, &head, &old);
    assert_int_equal(forgotten_up_to(&world), 1050 * day_ms);
    copse_cid next = forgotten_commit(&world, 1102, &both, "put {\"_id\":3}");
    copse_cid fork = forgotten_commit(&world, 1103, &both, "put {\"_id\":4}");
    (void)forgotten_merge(&world, &next, &fork);
    database_world_release(&world.db);
}

/* What was deleted before they parted was known to both, and what is there again stays there. */
static void test_who_knows_them_is_not_refused(void **state)
{
    (void)state;
    forgotten_world world;
    forgotten_init(&world);
    copse_cid root =
        forgotten_commit(&world, 1000, NULL, "keep 10;put {\"_id\":1};put {\"_id\":2}");
    copse_cid known = forgotten_commit(&world, 1001, &root, "del 1;del 2");
    copse_cid other = forgotten_commit(&world, 1011, &known, "put {\"_id\":2,\"n\":2}");
    copse_cid head = forgotten_forget(&world, 1020, &known, 1010);
    (void)forgotten_merge(&world, &head, &other);
    forgotten_expect(&world, "1", NULL);
    forgotten_expect(&world, "2", "{\"_id\":2,\"n\":2}");
    database_world_release(&world.db);
}

/* F1: both parted after that time, and still one does not know of the deletion. */
static void test_an_old_branch_that_was_merged_late(void **state)
{
    (void)state;
    forgotten_world world;
    forgotten_init(&world);
    copse_cid root = forgotten_commit(&world, 1000, NULL, "keep 10;put {\"_id\":1}");
    copse_cid branch = forgotten_commit(&world, 1001, &root, "del 1");
    copse_cid parting = forgotten_commit(&world, 1100, &root, "put {\"_id\":2}");
    copse_cid other = forgotten_commit(&world, 1101, &parting, "put {\"_id\":1,\"n\":1}");
    copse_cid head = forgotten_merge(&world, &parting, &branch);
    (void)forgotten_merge(&world, &head, &other); /* before it is forgotten */
    head = forgotten_forget(&world, 1120, &head, 1050);
    forgotten_expect_refused(&world, &head, &other);
    database_world_release(&world.db);
}

/* F1: what would be forgotten at once, since it was deleted before that time. */
static void test_what_comes_too_late_is_refused(void **state)
{
    (void)state;
    forgotten_world world;
    forgotten_init(&world);
    copse_cid root = forgotten_commit(&world, 1000, NULL, "keep 10;put {\"_id\":1}");
    copse_cid old = forgotten_commit(&world, 1009, &root, "del 1");
    copse_cid head = forgotten_commit(&world, 1015, &root, "put {\"_id\":2}");
    head = forgotten_forget(&world, 1020, &head, 1010);
    forgotten_expect_refused(&world, &head, &old);
    database_world_release(&world.db);
}

/* J4: two have forgotten; of these one has seen the third, which still has the row. */
static void test_in_any_order_the_same_is_forgotten(void **state)
{
    (void)state;
    forgotten_world world;
    forgotten_init(&world);
    copse_cid root = forgotten_commit(&world, 1000, NULL, "keep 10;put {\"_id\":1}");
    root = forgotten_commit(&world, 1001, &root, "del 1");
    const copse_cid third = forgotten_commit(&world, 1012, &root, "put {\"_id\":2}");
    const copse_cid one = forgotten_forget(&world, 1020, &third, 1010);
    copse_cid other = forgotten_forget(&world, 1020, &root, 1010);
    other = forgotten_commit(&world, 1021, &other, "put {\"_id\":3}");
    (void)forgotten_merge(&world, &one, &other);
    const copse_cid expected = *copse_tree_root(world.db.tree);
    const copse_cid both = forgotten_merge(&world, &third, &other);
    (void)forgotten_merge(&world, &both, &one);
    assert_true(copse_cid_equal(copse_tree_root(world.db.tree), &expected));
    database_world_release(&world.db);
}

/* What was forgotten stays so when the policy is taken off and set again; deletions that went with
 * the rows, and were not forgotten, the base tells (database_merge_join.c, J2). */
static void test_a_policy_that_was_taken_off(void **state)
{
    (void)state;
    for (uint64_t forgets = 0; forgets < 2; forgets++) {
        forgotten_world world;
        forgotten_init(&world);
        copse_cid root =
            forgotten_commit(&world, 1000, NULL, "keep 10;put {\"_id\":1};put {\"_id\":2}");
        copse_cid old = forgotten_commit(&world, 1001, &root, "put {\"_id\":2,\"n\":2}");
        copse_cid head = forgotten_commit(&world, 1001, &root, "del 1");
        head = forgotten_forget(&world, 1020, &head, forgets * 1010);
        head = forgotten_commit(&world, 1021, &head, "days 0");
        head = forgotten_commit(&world, 1022, &head, "keep 10");
        if (forgets == 1) {
            forgotten_expect_refused(&world, &head, &old);
        } else {
            (void)forgotten_merge(&world, &head, &old);
            forgotten_expect(&world, "1", NULL);
            forgotten_expect(&world, "2", "{\"_id\":2,\"n\":2}");
        }
        database_world_release(&world.db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_not_know_them_is_refused),
        cmocka_unit_test(test_age_alone_is_no_reason),
        cmocka_unit_test(test_who_knows_them_is_not_refused),
        cmocka_unit_test(test_an_old_branch_that_was_merged_late),
        cmocka_unit_test(test_what_comes_too_late_is_refused),
        cmocka_unit_test(test_in_any_order_the_same_is_forgotten),
        cmocka_unit_test(test_a_policy_that_was_taken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
