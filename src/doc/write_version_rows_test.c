/* Rows that a write is given, and what becomes of them: of versions, of conflicts.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_conflict.h"
#include "doc/document_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/versions_world.h"

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

/* Puts the rows of a document that waits: its version, and its conflict, which may have sides. */
static void versions_put_waiting(versions_world *world, const char *id, const char *version,
                                 bool has_sides)
{
    copse_document_conflict conflict = {.waiting.index = copse_bytes_of_text("n")};
    copse_bytes item = database_world_value(id);
    copse_buf row;
    conflict.waiting.document = database_world_value("{\"_id\":1}");
    for (uint8_t i = 0; i < 2 && has_sides; i++) {
        copse_document_conflict one = {.sides_count = 1};
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){&i, 1}, &one.sides[0].commit);
        one.sides[0].document = i == 0 ? conflict.waiting.document : (copse_bytes){NULL, 0};
        copse_conflict_unite(&conflict, &one);
    }
    copse_buf_init(&row, database_world_env(&world->db), SIZE_MAX);
    assert_int_equal(copse_conflict_encode(&conflict, &row, NULL), COPSE_OK);
    assert_int_equal(copse_write_put_row(world->db.write, COPSE_WRITE_CONFLICT_ROW, versions_name(),
                                         item, copse_buf_view(&row), NULL, NULL),
                     COPSE_OK);
    versions_put_row(world, COPSE_WRITE_VERSION_ROW, id, version);
    copse_buf_release(&row);
    database_world_free(conflict.waiting.document);
    database_world_free(item);
}

/* Whether something waits in the row of the document's conflict, and whether there is one. */
static void versions_expect_waiting(versions_world *world, const char *id, bool is_there,
                                    bool is_waiting)
{
    copse_document_conflict conflict = {.sides_count = 0};
    copse_buf row;
    copse_buf_init(&row, database_world_env(&world->db), SIZE_MAX);
    assert_int_equal(versions_get(world, 'c', id, &row), is_there);
    if (is_there) {
        assert_int_equal(copse_conflict_decode(copse_buf_view(&row), &conflict, NULL), COPSE_OK);
    }
    assert_int_equal(conflict.waiting.document.len > 0, is_waiting);
    copse_buf_release(&row);
}

/* V4 */
static void test_what_waits_ends_with_its_deletion(void **state)
{
    (void)state;
    for (copse_merge_policy policy = COPSE_MERGE_THREE_WAY; policy <= COPSE_MERGE_FIELD_WISE;
         policy++) {
        bool is_set = !copse_merge_has_versions(policy); /* else deletions are forgotten */
        versions_world world;
        versions_init(&world, is_set ? COPSE_MERGE_LWW : policy);
        world.db.options.is_merge = true;
        versions_put_waiting(&world, "1", "{\"version\":[[2000,0],\"\",true]}", false);
        versions_put_waiting(&world, "2", "{\"version\":[[2000,0],\"\",true]}", true);
        versions_put_waiting(&world, "3", "{\"version\":[[2000,0],\"\",false]}", true);
        versions_put_waiting(&world, "4", "{\"version\":[[3000,0],\"\",true]}", false);
        database_world_commit(&world.db);
        world.db.options.is_merge = false;
        if (is_set) {
            versions_set(&world, policy, 0);
        } else {
            assert_int_equal(
                copse_write_forget_deleted(world.db.write, versions_name(), 3000, NULL), COPSE_OK);
        }
        database_world_commit(&world.db);
        versions_expect_waiting(&world, "1", false, false);
        versions_expect_waiting(&world, "2", true, false);
        versions_expect_waiting(&world, "3", true, true);
        versions_expect_waiting(&world, "4", !is_set, !is_set);
        versions_release(&world);
    }
}

/* W7, under every policy: what waited under the key of a document that is there. */
static void test_a_deletion_ends_what_waited(void **state)
{
    (void)state;
    for (copse_merge_policy policy = COPSE_MERGE_THREE_WAY; policy <= COPSE_MERGE_FIELD_WISE;
         policy++) {
        versions_world world;
        versions_init(&world, COPSE_MERGE_LWW);
        world.db.options.is_merge = true;
        versions_put_waiting(&world, "1", "{\"version\":[[2000,0],\"\",false]}", true);
        versions_put_waiting(&world, "2", "{\"version\":[[2000,0],\"\",false]}", false);
        database_world_commit(&world.db);
        world.db.options.is_merge = false;
        versions_set(&world, policy, 0);
        database_world_insert(&world.db, "posts", "{\"_id\":1,\"a\":1}");
        database_world_insert(&world.db, "posts", "{\"_id\":2,\"a\":1}");
        database_world_commit(&world.db);
        versions_expect_waiting(&world, "1", true, true);
        database_world_delete(&world.db, "posts", "1");
        database_world_delete(&world.db, "posts", "2");
        database_world_commit(&world.db);
        versions_expect_waiting(&world, "1", true, false);
        versions_expect_waiting(&world, "2", false, false);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_a_merge),
        cmocka_unit_test(test_writing_over_one_that_waits),
        cmocka_unit_test(test_what_waits_ends_with_its_deletion),
        cmocka_unit_test(test_a_deletion_ends_what_waited),
        cmocka_unit_test(test_blocks_of_rows),
        cmocka_unit_test(test_blocks_of_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
