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
    versions_commit_nothing(&world);
    assert_int_equal(world.db.stats.forgotten, 0);
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
    assert_int_equal(copse_write_forget_deleted(db->write, copse_bytes_of_text("none"), 9999, NULL),
                     COPSE_OK);
    assert_int_equal(database_world_apply(&world.db), COPSE_NOT_FOUND);
    versions_release(&world);
}

/* ---- rows of a merge ---- */

static void versions_put_row(versions_world *world, copse_write_row row, const char *id,
                             const char *json)
{
    copse_bytes item = database_world_value(id);
    copse_bytes value = database_world_value(json);
    assert_int_equal(
        copse_write_put_row(world->db.write, row, versions_name(), item, value, NULL, NULL),
        COPSE_OK);
    database_world_free(value);
    database_world_free(item);
}

/* V3 */
static void test_rows_of_a_merge(void **state)
{
    (void)state;
    versions_world world;
    versions_init(&world, COPSE_MERGE_LWW);
    world.db.options.is_merge = true;
    world.db.world.test.env.clock = NULL;
    versions_put_row(&world, COPSE_WRITE_VERSION_ROW, "1", "{\"version\":[[7,0],\"\",false]}");
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    database_world_insert(&world.db, "posts", "{\"_id\":2}");
    versions_put_row(&world, COPSE_WRITE_CONFLICT_ROW, "3", "{\"x\":1}");
    database_world_commit(&world.db);
    versions_expect(&world, 'v', "1", "{\"version\":[[7,0],\"\",false]}");
    versions_expect(&world, 'v', "2", NULL);
    versions_expect(&world, 'c', "3", "{\"x\":1}");
    versions_expect(&world, 'c', "1", NULL);
    copse_bytes three = database_world_value("3");
    assert_int_equal(copse_write_put_row(world.db.write, COPSE_WRITE_CONFLICT_ROW, versions_name(),
                                         three, (copse_bytes){NULL, 0}, NULL, NULL),
                     COPSE_OK);
    database_world_commit(&world.db);
    versions_expect(&world, 'c', "3", NULL);
    assert_int_equal(copse_write_put_row(world.db.write, COPSE_WRITE_CONFLICT_ROW,
                                         copse_bytes_of_text("none"), three, (copse_bytes){NULL, 0},
                                         NULL, NULL),
                     COPSE_OK);
    assert_int_equal(database_world_apply(&world.db), COPSE_NOT_FOUND);
    copse_bytes list = database_world_value("[1]"); /* no primary key */
    assert_int_equal(copse_write_put_row(world.db.write, COPSE_WRITE_CONFLICT_ROW, versions_name(),
                                         list, three, NULL, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_write_count(world.db.write), 0);
    database_world_free(list);
    database_world_free(three);
    versions_release(&world);
}

/* A document that waits in a conflict has a version, and is not in the collection. */
static void test_writing_over_one_that_waits(void **state)
{
    (void)state;
    for (copse_merge_policy policy = COPSE_MERGE_LWW; policy <= COPSE_MERGE_FIELD_WISE; policy++) {
        versions_world world;
        versions_init(&world, policy);
        world.db.options.is_merge = true;
        versions_put_row(&world, COPSE_WRITE_VERSION_ROW, "1",
                         "{\"version\":[[2000,0],\"\",false]}");
        database_world_commit(&world.db);
        world.db.options.is_merge = false;
        database_world_insert(&world.db, "posts", "{\"_id\":1,\"a\":1}");
        database_world_commit(&world.db);
        versions_expect(&world, 'v', "1", "{\"version\":[[2000,1],\"did:key:a\",false]}");
        versions_release(&world);
    }
}

/* The blocks of rows are put with them, and only those of operations that stay. */
static void test_blocks_of_rows(void **state)
{
    (void)state;
    versions_world world;
    char json[3][2000];
    bool there[3];
    copse_cid cids[3];
    versions_init(&world, COPSE_MERGE_LWW);
    copse_bytes id = database_world_value("1");
    for (int i = 0; i < 3; i++) {
        copse_block_list blocks = {.env = database_world_env(&world.db)};
        copse_buf value;
        copse_buf_init(&value, blocks.env, SIZE_MAX);
        snprintf(json[i], sizeof json[i], "{\"x\":\"%01500d\"}", i);
        copse_bytes large = database_world_value(json[i]);
        assert_int_equal(copse_document_store(COPSE_DOCUMENTS_INLINE, large, &value, &blocks, NULL),
                         COPSE_OK);
        cids[i] = *copse_block_cid(blocks.blocks[0]);
        assert_int_equal(copse_write_put_row(world.db.write, COPSE_WRITE_CONFLICT_ROW,
                                             versions_name(), id, copse_buf_view(&value), &blocks,
                                             NULL),
                         COPSE_OK);
        copse_write_rewind(world.db.write, i == 1 ? 1 : copse_write_count(world.db.write));
        database_world_free(large);
        copse_block_list_release(&blocks);
        copse_buf_release(&value);
    }
    database_world_free(id);
    database_world_commit(&world.db);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(copse_store_has(world.db.world.store, &cids[i], &there[i], NULL),
                         COPSE_OK);
    }
    assert_true(there[0] && !there[1] && there[2]);
    versions_expect(&world, 'c', "1", json[2]);
    versions_release(&world);
}

/* Operations that are taken back let go of their blocks. */
static void test_blocks_of_no_row(void **state)
{
    (void)state;
    versions_world world;
    size_t sizes[2];
    versions_init(&world, COPSE_MERGE_LWW);
    const copse_env *env = database_world_env(&world.db);
    copse_bytes id = database_world_value("1");
    for (size_t i = 0; i < 2; i++) {
        copse_block_list blocks = {.env = env};
        copse_block *block;
        assert_int_equal(copse_block_of_data(env, COPSE_CODEC_RAW, id, &block, NULL), COPSE_OK);
        assert_int_equal(copse_block_list_append(&blocks, &block, 1, NULL), COPSE_OK);
        copse_block_unref(block);
        assert_int_equal(copse_write_put_row(world.db.write, COPSE_WRITE_CONFLICT_ROW,
                                             versions_name(), id, id, &blocks, NULL),
                         COPSE_OK);
        copse_block_list_release(&blocks);
        copse_write_clear(world.db.write);
        sizes[i] = world.db.world.test.size_bytes;
    }
    assert_int_equal(sizes[0], sizes[1]);
    database_world_free(id);
    versions_release(&world);
}

/* ---- causality ---- */

enum { VERSIONS_IDS = 12, VERSIONS_BATCHES = 120 };

/* What is there of a document. */
typedef struct versions_seen {
    copse_buf document;
    copse_buf row;
} versions_seen;

static void versions_look(versions_world *world, int id, versions_seen *seen)
{
    char text[16];
    snprintf(text, sizeof text, "%d", id);
    versions_get(world, 'd', text, &seen->document);
    versions_get(world, 'v', text, &seen->row);
}

/* What was written is later than what was there: whoever joins them gets what was written. */
static void versions_assert_later(versions_world *world, copse_merge_policy policy,
                                  const versions_seen *before, const versions_seen *after)
{
    const copse_env *env = database_world_env(&world->db);
    const copse_version_state states[2] = {
        {copse_buf_view(&before->document), copse_buf_view(&before->row)},
        {copse_buf_view(&after->document), copse_buf_view(&after->row)}};
    copse_buf document;
    copse_buf row;
    copse_buf_init(&document, env, SIZE_MAX);
    copse_buf_init(&row, env, SIZE_MAX);
    for (size_t i = 0; i < 2; i++) {
        copse_buf_truncate(&document, 0);
        copse_buf_truncate(&row, 0);
        assert_int_equal(copse_version_join(env, policy, copse_bytes_of_text("_id"), &states[i],
                                            &states[1 - i], &document, &row, NULL),
                         COPSE_OK);
        assert_true(copse_bytes_equal(copse_buf_view(&document), states[1].document));
        assert_true(copse_bytes_equal(copse_buf_view(&row), states[1].row));
    }
    copse_buf_release(&document);
    copse_buf_release(&row);
}

static void versions_random_operation(versions_world *world, uint64_t *seed)
{
    char json[128];
    int id = (int)test_random_below(seed, VERSIONS_IDS);
    snprintf(json, sizeof json, "{\"_id\":%d,\"%c\":%d,\"%c\":%d}", id,
             (char)('a' + test_random_below(seed, 2)), (int)test_random_below(seed, 3),
             (char)('c' + test_random_below(seed, 2)), (int)test_random_below(seed, 3));
    uint64_t kind = test_random_below(seed, 10);
    if (kind < 2) {
        snprintf(json, sizeof json, "%d", id);
        database_world_delete(&world->db, "posts", json);
    } else if (kind < 6) {
        database_world_replace(&world->db, "posts", json, true);
    } else {
        copse_buf present;
        char text[16];
        snprintf(text, sizeof text, "%d", id);
        copse_buf_init(&present, database_world_env(&world->db), SIZE_MAX);
        if (copse_write_count(world->db.write) == 0 && versions_get(world, 'd', text, &present)) {
            versions_replace_fields(world, json);
        }
        copse_buf_release(&present);
    }
}

/* *ret_written: documents that changed. */
static void versions_run_history(copse_merge_policy policy, uint64_t seed, unsigned *ret_written)
{
    versions_world world;
    versions_seen seen[VERSIONS_IDS];
    versions_seen after;
    versions_init(&world, policy);
    const copse_env *env = database_world_env(&world.db);
    copse_buf_init(&after.document, env, SIZE_MAX);
    copse_buf_init(&after.row, env, SIZE_MAX);
    for (int id = 0; id < VERSIONS_IDS; id++) {
        copse_buf_init(&seen[id].document, env, SIZE_MAX);
        copse_buf_init(&seen[id].row, env, SIZE_MAX);
    }
    for (unsigned batch = 0; batch < VERSIONS_BATCHES; batch++) {
        world.now_ms = 1000 + test_random_below(&seed, 50); /* also back */
        world.db.options.author =
            copse_bytes_of_text(test_random_below(&seed, 2) == 0 ? "did:key:a" : "did:key:b");
        for (uint64_t i = test_random_below(&seed, 4); i-- > 0;) {
            versions_random_operation(&world, &seed);
        }
        database_world_commit(&world.db);
        for (int id = 0; id < VERSIONS_IDS; id++) {
            versions_look(&world, id, &after);
            bool same = copse_bytes_equal(copse_buf_view(&after.document),
                                          copse_buf_view(&seen[id].document));
            bool same_row =
                copse_bytes_equal(copse_buf_view(&after.row), copse_buf_view(&seen[id].row));
            assert_int_equal(same, same_row); /* V1 */
            versions_assert_later(&world, policy, &seen[id], &after);
            *ret_written += !same;
            versions_look(&world, id, &seen[id]);
        }
    }
    for (int id = 0; id < VERSIONS_IDS; id++) {
        copse_buf_release(&seen[id].document);
        copse_buf_release(&seen[id].row);
    }
    copse_buf_release(&after.document);
    copse_buf_release(&after.row);
    versions_release(&world);
}

static void test_a_later_write_wins(void **state)
{
    (void)state;
    unsigned written[2] = {0, 0};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        versions_run_history(COPSE_MERGE_LWW, seed, &written[0]);
        versions_run_history(COPSE_MERGE_FIELD_WISE, seed, &written[1]);
    }
    print_message("%u and %u documents written\n", written[0], written[1]);
    assert_true(written[0] > 300 && written[1] > 300);
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
        cmocka_unit_test(test_blocks_of_no_row),
        cmocka_unit_test(test_names_of_policies),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_rows_of_a_merge),
        cmocka_unit_test(test_blocks_of_rows),
        cmocka_unit_test(test_writing_over_one_that_waits),
        cmocka_unit_test(test_a_later_write_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
