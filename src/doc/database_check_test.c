/* The check finds each planted damage by its name, and nothing else.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_check.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_damage.h"
#include "support/fault_store.h"

enum { FOUND_TEXT = 2000 };

/* ---- what was found ---- */

/* A line for each finding: name, collection, index, _id. */
typedef struct found_defects {
    const copse_env *env;
    char text[FOUND_TEXT];
    size_t count;
    copse_status answer; /* what the callback returns */
    bool named[COPSE_DATABASE_DEFECT_CONFLICT + 1];
} found_defects;

static void found_append(found_defects *found, copse_bytes bytes)
{
    size_t used = strlen(found->text);
    (void)snprintf(found->text + used, sizeof found->text - used, " %.*s", (int)bytes.len,
                   (const char *)bytes.ptr);
}

static copse_status found_defect(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    (void)err;
    found_defects *found = ctx;
    copse_buf json;
    size_t used = strlen(found->text);
    copse_buf_init(&json, found->env, SIZE_MAX);
    assert_non_null(defect->message);
    assert_true(strlen(defect->message) > 0);
    (void)snprintf(found->text + used, sizeof found->text - used, "%s%s", used > 0 ? "\n" : "",
                   copse_database_defect_name(defect->kind));
    if (defect->collection.len > 0) {
        found_append(found, defect->collection);
    }
    if (defect->index.len > 0) {
        found_append(found, defect->index);
    }
    if (defect->id.len > 0) {
        assert_int_equal(copse_ext_json_from_cbor(found->env, defect->id, false, &json, NULL),
                         COPSE_OK);
        found_append(found, copse_buf_view(&json));
    }
    copse_buf_release(&json);
    found->count++;
    found->named[defect->kind] = true;
    return found->answer;
}

static copse_status found_check(const copse_env *env, copse_store *store, const copse_cid *root,
                                found_defects *found, copse_database_check_stats *ret_stats)
{
    const copse_database_check_options options = {.found = found_defect, .found_ctx = found};
    found->env = env;
    return copse_database_check(env, store, root, &options, ret_stats, NULL);
}

static void test_each_damage_is_found_by_its_name(void **state)
{
    (void)state;
    bool planted[COPSE_DATABASE_DEFECT_CONFLICT + 1] = {false};
    size_t count;
    const database_damage *damages = database_damage_all(&count);
    for (size_t i = 0; i < count; i++) {
        plant_world plant;
        found_defects found = {.count = 0};
        copse_database_check_stats stats = {.defects = 0};
        database_plant_init(&plant);
        damages[i].plant(&plant);
        copse_cid root = database_plant_apply(&plant);
        assert_int_equal(
            found_check(database_world_env(&plant.db), plant.damaged, &root, &found, &stats),
            COPSE_OK);
        assert_int_equal(stats.defects, found.count);
        if (damages[i].expected != NULL ? strcmp(found.text, damages[i].expected) != 0
                                        : found.count == 0) {
            fail_msg("%s:\n%s\ninstead of\n%s", damages[i].name, found.text, damages[i].expected);
        }
        for (size_t kind = 0; kind <= COPSE_DATABASE_DEFECT_CONFLICT; kind++) {
            assert_true(!found.named[kind] || kind == damages[i].kind || damages[i].has_others);
        }
        planted[damages[i].kind] = true;
        copse_store_close(plant.damaged);
        database_plant_release(&plant);
    }
    for (size_t kind = 0; kind <= COPSE_DATABASE_DEFECT_CONFLICT; kind++) {
        assert_true(planted[kind]);
        assert_string_not_equal(copse_database_defect_name((copse_database_defect_kind)kind), "");
    }
}

static void test_what_is_right_is_found_right(void **state)
{
    (void)state;
    plant_world plant;
    found_defects found = {.count = 0};
    copse_database_check_stats stats = {.defects = 7};
    database_plant_init(&plant);
    assert_int_equal(found_check(database_world_env(&plant.db), plant.db.world.store,
                                 copse_tree_root(plant.db.tree), &found, &stats),
                     COPSE_OK);
    assert_string_equal(found.text, "");
    assert_int_equal(stats.defects, 0);
    assert_int_equal(stats.collections, 5);
    assert_int_equal(stats.indexes, 5);
    assert_int_equal(stats.documents, 60 + 60 + 1 + 2 + 1 + 2);
    /* posts: tags 2 a document, n, odd from 20 on; links; pairs */
    assert_true(stats.index_rows > 60 * 4 + 40);
    database_plant_release(&plant);
}

/* A key has no trailer, so that of a decimal that is no float stands for no encoding of its own. */
static void test_every_primary_key_is_found_right(void **state)
{
    (void)state;
    static const char *const ids[] = {"null",
                                      "true",
                                      "1.5",
                                      "{\"$numberDouble\":\"-0.0\"}",
                                      "{\"$numberDouble\":\"NaN\"}",
                                      "{\"$numberDecimal\":\"0.1\"}",
                                      "{\"$numberDecimal\":\"1E+6144\"}",
                                      "18446744073709551615",
                                      "\"a\\u0000\"",
                                      "{\"a\":[{\"$numberDecimal\":\"0.10\"},1.0]}",
                                      "{\"$date\":{\"$numberLong\":\"-1\"}}",
                                      "{\"$oid\":\"000000000000000000000000\"}",
                                      "{\"$timestamp\":{\"t\":1,\"i\":2}}",
                                      "{\"$binary\":{\"base64\":\"AA==\",\"subType\":\"04\"}}",
                                      "{\"$minKey\":1}",
                                      "{\"$maxKey\":1}"};
    const size_t count = sizeof ids / sizeof *ids;
    database_world db;
    found_defects found = {.count = 0};
    copse_database_check_stats stats;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(&db, "posts", "a", "-a", "unique");
    for (size_t i = 0; i < count; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"_id\":%s,\"a\":%zu}", ids[i], i);
        database_world_insert(&db, "posts", text);
    }
    database_world_commit(&db);
    assert_int_equal(found_check(database_world_env(&db), db.world.store, copse_tree_root(db.tree),
                                 &found, &stats),
                     COPSE_OK);
    assert_string_equal(found.text, "");
    assert_int_equal(stats.documents, count);
    assert_int_equal(stats.index_rows, count);
    database_world_release(&db);
}

static void test_an_empty_tree_is_a_database(void **state)
{
    (void)state;
    database_world db;
    found_defects found = {.count = 0};
    database_world_init(&db, NULL);
    assert_int_equal(found_check(database_world_env(&db), db.world.store, copse_tree_root(db.tree),
                                 &found, NULL),
                     COPSE_OK);
    assert_int_equal(found.count, 0);
    database_world_release(&db);
}

static void test_the_caller_ends_the_check(void **state)
{
    (void)state;
    plant_world plant;
    found_defects found = {.answer = COPSE_DENIED};
    copse_database_check_stats stats = {.defects = 7};
    database_plant_init(&plant);
    database_damage_plant(&plant, "a key at the end");
    database_damage_plant(&plant, "another's key");
    copse_cid root = database_plant_apply(&plant);
    assert_int_equal(
        found_check(database_world_env(&plant.db), plant.damaged, &root, &found, &stats),
        COPSE_DENIED);
    assert_int_equal(found.count, 1);
    assert_int_equal(stats.defects, 7);
    copse_store_close(plant.damaged);
    database_plant_release(&plant);
}

static void test_a_root_that_is_not_there(void **state)
{
    (void)state;
    database_world db;
    copse_cid cid;
    copse_block *block = NULL;
    database_world_init(&db, NULL);
    const copse_env *env = database_world_env(&db);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("?"), &cid);
    assert_int_equal(copse_database_check(env, db.world.store, &cid, NULL, NULL, NULL),
                     COPSE_NOT_FOUND);
    assert_int_equal(
        copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("`"), &block, NULL),
        COPSE_OK);
    assert_int_equal(copse_store_put(db.world.store, &block, 1, NULL), COPSE_OK);
    cid = *copse_block_cid(block);
    copse_block_unref(block);
    assert_int_equal(copse_database_check(env, db.world.store, &cid, NULL, NULL, NULL),
                     COPSE_CORRUPT);
    database_world_release(&db);
}

/* ---- faults ---- */

typedef struct check_sweep {
    copse_store *store;
    copse_cid root;
} check_sweep;

static copse_status check_once(const copse_env *env, void *ctx)
{
    check_sweep *sweep = ctx;
    copse_database_check_stats stats = {.defects = 0};
    copse_status status = copse_database_check(env, sweep->store, &sweep->root, NULL, &stats, NULL);
    assert_int_equal(stats.defects, status == COPSE_OK ? 2 : 0);
    return status;
}

static void test_allocations_and_reads_may_fail(void **state)
{
    (void)state;
    plant_world plant;
    check_sweep sweep;
    database_plant_init(&plant);
    database_damage_plant(&plant, "a lost entry");
    database_damage_plant(&plant, "a made-up mark");
    /* Without the large document: the sweep would be long. */
    database_plant_delete(&plant, database_plant_document_key(&plant, "large", "1"));
    sweep.root = database_plant_apply(&plant);
    sweep.store = plant.damaged;
    assert_true(test_env_sweep(check_once, &sweep, 100000) > 50);
    bool failed = true;
    for (uint64_t n = 0; failed; n++) {
        fault_store_fail_at(plant.damaged, n, COPSE_IO);
        copse_status status = check_once(database_world_env(&plant.db), &sweep);
        failed = fault_store_has_failed(plant.damaged);
        assert_int_equal(status, failed ? COPSE_IO : COPSE_OK);
        fault_store_heal(plant.damaged);
        assert_true(failed || n > 50);
    }
    copse_store_close(plant.damaged);
    database_plant_release(&plant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_damage_is_found_by_its_name),
        cmocka_unit_test(test_what_is_right_is_found_right),
        cmocka_unit_test(test_every_primary_key_is_found_right),
        cmocka_unit_test(test_an_empty_tree_is_a_database),
        cmocka_unit_test(test_the_caller_ends_the_check),
        cmocka_unit_test(test_a_root_that_is_not_there),
        cmocka_unit_test(test_allocations_and_reads_may_fail),
    };
    return cmocka_run_group_tests_name("database_check", tests, NULL, NULL);
}
