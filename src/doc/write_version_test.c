/* Versions that writing makes, policies of collections, and rows that come with a merge.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/versions_world.h"

static const copse_collection *versions_collection(versions_world *world,
                                                   copse_database **ret_database)
{
    assert_int_equal(copse_database_open(world->db.tree, ret_database, NULL), COPSE_OK);
    const copse_collection *collection = copse_database_collection(*ret_database, versions_name());
    assert_non_null(collection);
    return collection;
}

static void versions_expect_policy(versions_world *world, copse_merge_policy policy, uint32_t days)
{
    copse_database *database;
    const copse_collection *collection = versions_collection(world, &database);
    assert_int_equal(collection->merge, policy);
    assert_int_equal(collection->tombstone_days, days);
    copse_database_close(database);
}

/* ---- what is written ---- */

static void test_whole_documents(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_LWW);
    database_world *db = &world.db;
    database_world_insert(db, "posts", "{\"_id\":1}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", "{\"version\":[[1000,0],\"did:key:a\",false]}");
    database_world_replace(db, "posts", "{\"_id\":1}", false);
    versions_commit_nothing(&world);
    database_world_replace(db, "posts", "{\"_id\":1,\"a\":1}", false);
    database_world_replace(db, "posts", "{\"_id\":1}", false);
    versions_commit_nothing(&world);
    database_world_replace(db, "posts", "{\"_id\":1,\"a\":1}", false);
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", "{\"version\":[[1000,1],\"did:key:a\",false]}");
    world.now_ms = 500; /* V2 */
    versions_replace_fields(&world, "{\"_id\":1,\"a\":2}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", "{\"version\":[[1000,2],\"did:key:a\",false]}");
    world.now_ms = 2000;
    world.db.options.author = (copse_bytes){NULL, 0};
    database_world_delete(db, "posts", "1");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", "{\"version\":[[2000,0],\"\",true]}");
    versions_expect(&world, 'd', "1", NULL);
    database_world_delete(db, "posts", "1");
    database_world_delete(db, "posts", "7");
    database_world_insert(db, "posts", "{\"_id\":8}");
    database_world_delete(db, "posts", "8");
    versions_commit_nothing(&world);
    database_world_insert(db, "posts", "{\"_id\":1,\"a\":2}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", "{\"version\":[[2000,1],\"\",false]}");
    versions_release(&world);
}

/* V2 */
static void test_all_of_a_write_has_one_time(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_LWW);
    world.step_ms = 10;
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    database_world_insert(&world.db, "posts", "{\"_id\":2}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", "{\"version\":[[1000,0],\"did:key:a\",false]}");
    versions_expect(&world, 'v', "2", "{\"version\":[[1000,0],\"did:key:a\",false]}");
    versions_release(&world);
}

static void test_fields(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_FIELD_WISE);
    database_world *db = &world.db;
    database_world_insert(db, "posts", "{\"_id\":1,\"a\":1,\"b\":1}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", "{\"version\":[[1000,0],\"did:key:a\",false]}");
    world.now_ms = 2000;
    versions_replace_fields(&world, "{\"_id\":1,\"a\":2,\"c\":1}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1",
                    "{\"fields\":{\"a\":[[2000,0],\"did:key:a\"],\"b\":[[2000,0],\"did:key:a\"],"
                    "\"c\":[[2000,0],\"did:key:a\"]},\"version\":[[1000,0],\"did:key:a\",false]}");
    world.now_ms = 3000; /* of several operations, one that makes all of it counts */
    versions_replace_fields(&world, "{\"_id\":1,\"a\":3}");
    database_world_replace(db, "posts", "{\"_id\":1,\"a\":4}", false);
    versions_replace_fields(&world, "{\"_id\":1,\"a\":5}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", "{\"version\":[[3000,0],\"did:key:a\",false]}");
    world.now_ms = 4000; /* but not one that changes nothing */
    database_world_replace(db, "posts", "{\"_id\":1,\"a\":5}", false);
    versions_replace_fields(&world, "{\"_id\":1,\"a\":6}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1",
                    "{\"fields\":{\"a\":[[4000,0],\"did:key:a\"]},"
                    "\"version\":[[3000,0],\"did:key:a\",false]}");
    versions_release(&world);
}

static void test_without_a_clock(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_LWW);
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    database_world_commit(&world.db);
    world.db.world.test.env.clock = NULL;
    database_world_replace(&world.db, "posts", "{\"_id\":1}", false);
    versions_commit_nothing(&world);
    database_world_replace(&world.db, "posts", "{\"_id\":1,\"a\":1}", false);
    assert_int_equal(database_world_apply(&world.db), COPSE_MISUSE);
    assert_non_null(strstr(world.db.err.message, "clock"));
    database_world_insert(&world.db, "others", "{\"_id\":1}");
    database_world_commit(&world.db);
    versions_release(&world);
}

static void test_too_long_an_author(void **state)
{
    (void)state;
    char author[258];
    versions_world world;
    versions_init(&world, COPSE_MERGE_LWW);
    memset(author, 'a', sizeof author - 1);
    author[sizeof author - 1] = 0;
    world.db.options.author = copse_bytes_of_text(author);
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    assert_int_equal(database_world_apply(&world.db), COPSE_MISUSE);
    world.db.options.author.len--;
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    database_world_commit(&world.db);
    versions_release(&world);
}

/* ---- policies ---- */

static void test_policies(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_THREE_WAY);
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", NULL);
    versions_set(&world, COPSE_MERGE_THREE_WAY, 0);
    versions_commit_nothing(&world);
    copse_cid plain = *copse_tree_root(world.db.tree);
    versions_set(&world, COPSE_MERGE_LWW, 30);
    database_world_insert(&world.db, "posts", "{\"_id\":2}");
    database_world_commit(&world.db);
    versions_expect_policy(&world, COPSE_MERGE_LWW, 30);
    versions_expect(&world, 'v', "1", NULL); /* it was not written since */
    versions_expect(&world, 'v', "2", "{\"version\":[[1000,0],\"did:key:a\",false]}");
    versions_set(&world, COPSE_MERGE_FIELD_WISE, COPSE_TOMBSTONE_DAYS_MAX);
    database_world_commit(&world.db);
    versions_expect_policy(&world, COPSE_MERGE_FIELD_WISE, COPSE_TOMBSTONE_DAYS_MAX);
    versions_expect(&world, 'v', "2", "{\"version\":[[1000,0],\"did:key:a\",false]}");
    database_world_insert(&world.db, "posts", "{\"_id\":3}"); /* gets one, and loses it */
    versions_set(&world, COPSE_MERGE_UNION, 0);
    database_world_commit(&world.db);
    versions_expect_policy(&world, COPSE_MERGE_UNION, 0);
    versions_expect(&world, 'v', "2", NULL);
    versions_expect(&world, 'v', "3", NULL);
    database_world_delete(&world.db, "posts", "2");
    database_world_delete(&world.db, "posts", "3");
    versions_set(&world, COPSE_MERGE_THREE_WAY, 0);
    database_world_commit(&world.db);
    assert_true(copse_cid_equal(&plain, copse_tree_root(world.db.tree)));
    assert_int_equal(copse_write_set_merge(world.db.write, versions_name(), COPSE_MERGE_LWW,
                                           COPSE_TOMBSTONE_DAYS_MAX + 1, NULL),
                     COPSE_LIMIT);
    assert_int_equal(copse_write_set_merge(world.db.write, copse_bytes_of_text("none"),
                                           COPSE_MERGE_LWW, 0, NULL),
                     COPSE_OK);
    assert_int_equal(database_world_apply(&world.db), COPSE_NOT_FOUND);
    versions_release(&world);
}

/* Operations before the change are made under the policy before it. */
static void test_a_policy_is_set_in_its_turn(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_UNION);
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    versions_set(&world, COPSE_MERGE_LWW, 0);
    database_world_insert(&world.db, "posts", "{\"_id\":2}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", NULL);
    versions_expect(&world, 'v', "2", "{\"version\":[[1000,0],\"did:key:a\",false]}");
    versions_release(&world);
}

/* One that fails with what comes behind it was not set. */
static void test_a_policy_that_is_not_set(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_THREE_WAY);
    versions_set(&world, COPSE_MERGE_LWW, 0);
    database_world_replace(&world.db, "posts", "{\"_id\":1}", false);
    assert_int_equal(database_world_apply(&world.db), COPSE_NOT_FOUND);
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", NULL);
    versions_expect_policy(&world, COPSE_MERGE_THREE_WAY, 0);
    versions_release(&world);
}

static void test_names_of_policies(void **state)
{
    (void)state;
    static const char *const names[] = {"three-way", "union", "lww", "field-wise"};
    copse_merge_policy policy;
    for (size_t i = 0; i < 4; i++) {
        assert_true(copse_merge_policy_find(copse_bytes_of_text(names[i]), &policy));
        assert_int_equal(policy, i);
        assert_string_equal(copse_merge_policy_name(policy), names[i]);
    }
    assert_false(copse_merge_policy_find(copse_bytes_of_text("lw"), &policy));
    assert_false(copse_merge_policy_find((copse_bytes){NULL, 0}, &policy));
}

/* Dropping a collection takes its versions with it. */
static void test_dropped(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_LWW);
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    database_world_insert(&world.db, "posts", "{\"_id\":2}");
    database_world_commit(&world.db);
    database_world_delete(&world.db, "posts", "2");
    assert_int_equal(copse_write_drop_collection(world.db.write, versions_name(), NULL), COPSE_OK);
    database_world_create(&world.db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_commit(&world.db);
    versions_expect_policy(&world, COPSE_MERGE_THREE_WAY, 0);
    versions_expect(&world, 'v', "1", NULL);
    versions_expect(&world, 'v', "2", NULL);
    versions_release(&world);
}

static void test_forgetting(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_FIELD_WISE);
    database_world *db = &world.db;
    for (unsigned i = 1; i <= 3; i++) {
        char json[32];
        snprintf(json, sizeof json, "{\"_id\":%u}", i);
        database_world_insert(db, "posts", json);
    }
    database_world_commit(&world.db);
    database_world_delete(db, "posts", "1");
    world.now_ms = 2000;
    database_world_commit(&world.db);
    world.now_ms = 3000;
    database_world_delete(db, "posts", "2");
    database_world_commit(&world.db);
    assert_int_equal(copse_write_forget_deleted(db->write, versions_name(), 2000, NULL), COPSE_OK);
    database_world_commit(&world.db);
    assert_int_equal(world.db.stats.forgotten, 0);
    assert_int_equal(copse_write_forget_deleted(db->write, versions_name(), 1999, NULL), COPSE_OK);
    versions_commit_nothing(&world); /* that is so already */
    world.now_ms = 4000;
    database_world_delete(db, "posts", "3"); /* an operation before it counts */
    assert_int_equal(copse_write_forget_deleted(db->write, versions_name(), 3001, NULL), COPSE_OK);
    database_world_commit(&world.db);
    assert_int_equal(world.db.stats.forgotten, 2);
    versions_expect(&world, 'v', "1", NULL);
    versions_expect(&world, 'v', "2", NULL);
    versions_expect(&world, 'v', "3", "{\"version\":[[4000,0],\"did:key:a\",true]}");
    database_world_insert(db, "posts", "{\"_id\":3}");
    assert_int_equal(copse_write_forget_deleted(db->write, versions_name(), 9999, NULL), COPSE_OK);
    database_world_commit(&world.db);
    assert_int_equal(world.db.stats.forgotten, 0);
    versions_expect(&world, 'v', "3", "{\"version\":[[4000,1],\"did:key:a\",false]}");
    world.now_ms = 2000; /* V5: it is back, and still later than the deletion */
    database_world_insert(db, "posts", "{\"_id\":2}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "2", "{\"version\":[[9999,0],\"did:key:a\",false]}");
    assert_int_equal(copse_write_forget_deleted(db->write, versions_name(), UINT64_MAX, NULL),
                     COPSE_LIMIT);
    assert_int_equal(copse_write_forget_deleted(db->write, copse_bytes_of_text("none"), 9999, NULL),
                     COPSE_OK);
    assert_int_equal(database_world_apply(&world.db), COPSE_NOT_FOUND);
    versions_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_documents),
        cmocka_unit_test(test_all_of_a_write_has_one_time),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_without_a_clock),
        cmocka_unit_test(test_too_long_an_author),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_a_policy_is_set_in_its_turn),
        cmocka_unit_test(test_a_policy_that_is_not_set),
        cmocka_unit_test(test_names_of_policies),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_forgetting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
