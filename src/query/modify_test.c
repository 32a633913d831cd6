/* Updates, deletes and batches by filter: what they find, what later operations see, what is given
 * back, and what is refused. tests/modify_model_test.c has random ones.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/modify.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/ext_json.h>

#include "support/database_world.h"

/* A modification under way. */
typedef struct modify_world {
    database_world db;
    copse_database *database;
    copse_modify *modify;
    copse_modify_result result; /* of the last run */
    copse_err err;              /* of the last that failed */
} modify_world;

static void modify_world_begin(modify_world *world)
{
    copse_database_close(world->database);
    assert_int_equal(copse_database_open(world->db.tree, &world->database, NULL), COPSE_OK);
    copse_modify_begin(world->modify, world->database);
}

/* Five documents with an index by n: n is 10, 20, … 50; even ones have tags. */
static void modify_world_init(modify_world *world)
{
    *world = (modify_world){.database = NULL};
    database_world_init(&world->db, NULL);
    for (int i = 1; i <= 5; i++) {
        char json[96];
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d%s}", i, 10 * i,
                       i % 2 == 0 ? ",\"tags\":[\"a\",\"b\"]" : "");
        database_world_insert(&world->db, "posts", json);
    }
    database_world_index(&world->db, "posts", "n", "n", "unique");
    database_world_commit(&world->db);
    assert_int_equal(copse_modify_new(database_world_env(&world->db), &world->modify, NULL),
                     COPSE_OK);
    modify_world_begin(world);
}

static void modify_world_release(modify_world *world)
{
    copse_modify_free(world->modify);
    copse_database_close(world->database);
    database_world_release(&world->db);
}

/* An operation as text. */
typedef struct modify_case {
    const char *filter;
    const char *update; /* NULL: it is a delete */
    const char *sort;
    const char *projection;
    copse_modify_return give;
    bool multi;
    bool upsert;
} modify_case;

static copse_status modify_world_run_in(modify_world *world, const char *collection,
                                        const modify_case *test)
{
    const copse_env *env = database_world_env(&world->db);
    copse_sort_spec sort = {.count = 0};
    copse_update *update = NULL;
    copse_bytes filter = database_world_value(test->filter);
    copse_bytes projection =
        test->projection != NULL ? database_world_value(test->projection) : (copse_bytes){NULL, 0};
    copse_bytes none = {NULL, 0};
    if (test->update != NULL) {
        copse_bytes encoded = database_world_value(test->update);
        assert_int_equal(copse_update_new(env, encoded, none, &update, NULL), COPSE_OK);
        database_world_free(encoded);
    }
    if (test->sort != NULL) {
        assert_int_equal(
            copse_sort_spec_parse(env, copse_bytes_of_text(test->sort), false, &sort, NULL),
            COPSE_OK);
    }
    const copse_modify_options options = {.collection = copse_bytes_of_text(collection),
                                          .filter = filter,
                                          .sort = &sort,
                                          .update = update,
                                          .multi = test->multi,
                                          .upsert = test->upsert,
                                          .return_document = test->give,
                                          .projection = projection};
    copse_status status = copse_modify_run(world->modify, &options, &world->result, &world->err);
    copse_update_free(update);
    copse_sort_spec_release(&sort);
    database_world_free(filter);
    database_world_free(projection);
    return status;
}

static copse_status modify_world_run(modify_world *world, const modify_case *test)
{
    return modify_world_run_in(world, "posts", test);
}

/* Runs; it must match and modify so many. */
static void modify_world_good(modify_world *world, uint64_t matched, uint64_t modified,
                              modify_case test)
{
    copse_status status = modify_world_run(world, &test);
    if (status != COPSE_OK) {
        fail_msg("%s: %s: %s", test.filter, copse_status_name(status), world->err.message);
    }
    if (world->result.matched != matched || world->result.modified != modified) {
        fail_msg("%s: matched %d, modified %d", test.filter, (int)world->result.matched,
                 (int)world->result.modified);
    }
}

static void modify_world_bad(modify_world *world, copse_status status, const char *message,
                             modify_case test)
{
    size_t count = copse_write_count(copse_modify_write(world->modify));
    assert_int_equal(modify_world_run(world, &test), status);
    if (strstr(world->err.message, message) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", message, world->err.message);
    }
    assert_int_equal(copse_write_count(copse_modify_write(world->modify)), count);
}

static copse_status modify_world_try(modify_world *world, copse_write_stats *ret_stats,
                                     size_t *ret_failed)
{
    copse_tree *next;
    copse_status status = copse_modify_finish(world->modify, world->db.world.store, NULL, &next,
                                              ret_stats, ret_failed, &world->err);
    if (status == COPSE_OK) {
        world->database = copse_database_close(world->database);
        copse_tree_close(world->db.tree);
        world->db.tree = next;
    }
    return status;
}

static copse_write_stats modify_world_finish(modify_world *world)
{
    copse_write_stats stats;
    copse_status status = modify_world_try(world, &stats, NULL);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), world->err.message);
    }
    return stats;
}

static void modify_assert_json(const copse_env *env, copse_bytes value, const char *json)
{
    copse_buf text;
    copse_buf_init(&text, env, SIZE_MAX);
    if (value.len > 0) {
        assert_int_equal(copse_ext_json_from_cbor(env, value, false, &text, NULL), COPSE_OK);
    }
    assert_int_equal(copse_buf_append_byte(&text, 0), COPSE_OK);
    assert_string_equal((const char *)text.ptr, json);
    copse_buf_release(&text);
}

static void modify_assert_result(modify_world *world, const char *json)
{
    modify_assert_json(database_world_env(&world->db), world->result.document, json);
}

/* What there is under `id` then; NULL: nothing. */
static void modify_assert_document(modify_world *world, const char *id, const char *json)
{
    char *found = database_world_get(&world->db, "posts", id);
    if (json == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, json);
    }
    free(found);
}

/* ---- one operation ---- */

static void modify_updates_one_or_all(void **state)
{
    (void)state;
    modify_world world;
    modify_world_init(&world);
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{\"_id\":3}", .update = "{\"$inc\":{\"n\":1}}"});
    copse_write_stats stats = modify_world_finish(&world);
    assert_int_equal(stats.replaced, 1);
    assert_int_equal(stats.index_rows_added, 1);
    assert_int_equal(stats.index_rows_removed, 1);
    modify_assert_document(&world, "3", "{\"_id\":3,\"n\":31}");
    modify_world_begin(&world);
    modify_world_good(&world, 3, 3,
                      (modify_case){.filter = "{\"n\":{\"$gt\":25}}",
                                    .update = "{\"$set\":{\"x\":1}}",
                                    .multi = true});
    modify_world_good(
        &world, 1, 1,
        (modify_case){.filter = "{\"n\":{\"$gt\":45}}", .update = "{\"$set\":{\"x\":2}}"});
    stats = modify_world_finish(&world);
    assert_int_equal(stats.replaced, 3);
    assert_int_equal(stats.index_rows_added, 0);
    modify_assert_document(&world, "3", "{\"_id\":3,\"n\":31,\"x\":1}");
    modify_assert_document(&world, "5", "{\"_id\":5,\"n\":50,\"x\":2}");
    modify_world_release(&world);
}

static void modify_changes_nothing_without_a_difference(void **state)
{
    (void)state;
    modify_world world;
    modify_world_init(&world);
    copse_cid before = *copse_tree_root(world.db.tree);
    modify_world_good(
        &world, 5, 0,
        (modify_case){.filter = "{}", .update = "{\"$max\":{\"n\":5}}", .multi = true});
    modify_world_good(&world, 0, 0,
                      (modify_case){.filter = "{\"_id\":9}", .update = "{\"$set\":{\"n\":5}}"});
    modify_world_good(&world, 0, 0, (modify_case){.filter = "{\"n\":11}", .update = NULL});
    assert_int_equal(copse_write_count(copse_modify_write(world.modify)), 0);
    (void)modify_world_finish(&world);
    assert_true(copse_cid_equal(&before, copse_tree_root(world.db.tree)));
    modify_world_release(&world);
}

/* A change of the field that finds them: each is changed once. */
static void modify_finds_before_it_changes(void **state)
{
    (void)state;
    modify_world world;
    modify_world_init(&world);
    modify_world_good(&world, 5, 5,
                      (modify_case){.filter = "{\"n\":{\"$gte\":10}}",
                                    .update = "{\"$inc\":{\"n\":100}}",
                                    .multi = true});
    modify_world_good(&world, 5, 5,
                      (modify_case){.filter = "{\"n\":{\"$gte\":10}}",
                                    .update = "{\"$inc\":{\"n\":100}}",
                                    .multi = true});
    (void)modify_world_finish(&world);
    for (int i = 1; i <= 5; i++) {
        char id[16];
        char part[32];
        (void)snprintf(id, sizeof id, "%d", i);
        (void)snprintf(part, sizeof part, "\"n\":%d", 200 + 10 * i);
        char *json = database_world_get(&world.db, "posts", id);
        assert_non_null(strstr(json, part));
        free(json);
    }
    modify_world_release(&world);
}

static void modify_gives_the_document_back(void **state)
{
    (void)state;
    modify_world world;
    modify_world_init(&world);
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{}",
                                    .update = "{\"$set\":{\"x\":1}}",
                                    .sort = "-n",
                                    .give = COPSE_MODIFY_RETURN_BEFORE});
    modify_assert_result(&world, "{\"_id\":5,\"n\":50}");
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{\"x\":{\"$exists\":false}}",
                                    .update = "{\"$set\":{\"x\":2}}",
                                    .sort = "-n",
                                    .give = COPSE_MODIFY_RETURN_AFTER,
                                    .projection = "{\"x\":1}"});
    modify_assert_result(&world, "{\"_id\":4,\"x\":2}");
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{\"tags\":\"b\"}",
                                    .update = "{\"$set\":{\"tags.$\":\"c\"}}",
                                    .sort = "n",
                                    .give = COPSE_MODIFY_RETURN_AFTER});
    modify_assert_result(&world, "{\"_id\":2,\"n\":20,\"tags\":[\"a\",\"c\"]}");
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{\"n\":{\"$lt\":25}}",
                                    .update = NULL,
                                    .sort = "-n",
                                    .give = COPSE_MODIFY_RETURN_AFTER});
    modify_assert_result(&world, "{\"_id\":2,\"n\":20,\"tags\":[\"a\",\"c\"]}");
    modify_world_good(
        &world, 0, 0,
        (modify_case){.filter = "{\"_id\":2}", .update = NULL, .give = COPSE_MODIFY_RETURN_BEFORE});
    modify_assert_result(&world, "");
    (void)modify_world_finish(&world);
    modify_assert_document(&world, "2", NULL);
    modify_assert_document(&world, "4", "{\"_id\":4,\"n\":40,\"x\":2,\"tags\":[\"a\",\"b\"]}");
    modify_world_release(&world);
}

static void modify_replaces(void **state)
{
    (void)state;
    modify_world world;
    modify_world_init(&world);
    modify_world_good(&world, 1, 1, (modify_case){.filter = "{\"n\":20}", .update = "{\"n\":21}"});
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{\"n\":21}", .update = "{\"_id\":2,\"n\":22}"});
    modify_world_bad(&world, COPSE_MISUSE, "the document with _id 2: ",
                     (modify_case){.filter = "{\"n\":22}", .update = "{\"_id\":7,\"n\":22}"});
    modify_world_bad(&world, COPSE_MISUSE, "a replacement is of one document",
                     (modify_case){.filter = "{}", .update = "{\"n\":22}", .multi = true});
    (void)modify_world_finish(&world);
    modify_assert_document(&world, "2", "{\"_id\":2,\"n\":22}");
    modify_world_release(&world);
}

static void modify_upserts(void **state)
{
    (void)state;
    modify_world world;
    modify_world_init(&world);
    modify_case test = {.filter = "{\"_id\":7}",
                        .update = "{\"$inc\":{\"n\":1},\"$setOnInsert\":{\"new\":true}}",
                        .upsert = true,
                        .give = COPSE_MODIFY_RETURN_AFTER};
    modify_world_good(&world, 0, 0, test);
    assert_true(world.result.upserted);
    modify_assert_json(database_world_env(&world.db), world.result.id, "7");
    modify_assert_result(&world, "{\"_id\":7,\"n\":1,\"new\":true}");
    modify_world_good(&world, 1, 1, test);
    assert_false(world.result.upserted);
    modify_assert_result(&world, "{\"_id\":7,\"n\":2,\"new\":true}");
    /* Without an _id in the filter a new one is made, and found again. */
    test = (modify_case){.filter = "{\"n\":99}",
                         .update = "{\"$set\":{\"x\":1}}",
                         .upsert = true,
                         .give = COPSE_MODIFY_RETURN_AFTER,
                         .projection = "{\"_id\":0}"};
    modify_world_good(&world, 0, 0, test);
    modify_assert_result(&world, "{\"n\":99,\"x\":1}");
    assert_true(world.result.id.len > 0);
    test.upsert = false;
    modify_world_good(&world, 1, 0, test);
    /* A collection that isn't there is made. */
    test = (modify_case){.filter = "{\"_id\":1}",
                         .update = "{\"$set\":{\"x\":1}}",
                         .upsert = true,
                         .give = COPSE_MODIFY_RETURN_BEFORE};
    assert_int_equal(modify_world_run_in(&world, "others", &test), COPSE_OK);
    modify_assert_result(&world, "");
    assert_int_equal(modify_world_run_in(&world, "others", &test), COPSE_OK);
    assert_int_equal(world.result.matched, 1);
    modify_world_bad(&world, COPSE_MISUSE, "a delete can't insert",
                     (modify_case){.filter = "{\"_id\":1}", .update = NULL, .upsert = true});
    (void)modify_world_finish(&world);
    assert_int_equal(database_world_count(&world.db, "others"), 1);
    assert_int_equal(database_world_count(&world.db, "posts"), 7);
    modify_assert_document(&world, "7", "{\"_id\":7,\"n\":2,\"new\":true}");
    modify_world_release(&world);
}

/* ---- batches ---- */

static void modify_write_json(modify_world *world, const char *collection, const char *json)
{
    copse_bytes document = database_world_value(json);
    assert_int_equal(copse_write_insert(copse_modify_write(world->modify),
                                        copse_bytes_of_text(collection), document, NULL, NULL),
                     COPSE_OK);
    database_world_free(document);
}

static void modify_sees_what_came_before(void **state)
{
    (void)state;
    modify_world world;
    modify_world_init(&world);
    modify_write_json(&world, "posts", "{\"_id\":6,\"n\":5}");
    modify_write_json(&world, "posts", "{\"n\":25}");
    /* The first by the order is new, was changed, is of the database in turn. */
    modify_case by_n = {.filter = "{}",
                        .update = "{\"$inc\":{\"n\":1000}}",
                        .sort = "n",
                        .give = COPSE_MODIFY_RETURN_BEFORE,
                        .projection = "{\"n\":1,\"_id\":0}"};
    static const char *const order[] = {"{\"n\":5}",  "{\"n\":10}",   "{\"n\":20}",
                                        "{\"n\":25}", "{\"n\":30}",   "{\"n\":40}",
                                        "{\"n\":50}", "{\"n\":1005}", "{\"n\":1010}"};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        modify_world_good(&world, 1, 1, by_n);
        modify_assert_result(&world, order[i]);
    }
    modify_world_good(
        &world, 2, 2,
        (modify_case){.filter = "{\"n\":{\"$gt\":2000}}", .update = NULL, .multi = true});
    modify_world_good(&world, 0, 0, (modify_case){.filter = "{\"_id\":6}", .update = NULL});
    modify_world_good(&world, 0, 0,
                      (modify_case){.filter = "{\"_id\":1}", .update = "{\"$set\":{\"x\":1}}"});
    modify_world_good(
        &world, 5, 0,
        (modify_case){.filter = "{}", .update = "{\"$max\":{\"n\":0}}", .multi = true});
    copse_write_stats stats = modify_world_finish(&world);
    assert_int_equal(stats.inserted, 1);
    assert_int_equal(stats.deleted, 1);
    assert_int_equal(stats.replaced, 4);
    assert_int_equal(database_world_count(&world.db, "posts"), 5);
    modify_world_release(&world);
}

static void modify_sees_collections_go_and_come(void **state)
{
    (void)state;
    modify_world world;
    modify_world_init(&world);
    copse_write *write = copse_modify_write(world.modify);
    copse_bytes posts = copse_bytes_of_text("posts");
    modify_case all = {.filter = "{}", .update = "{\"$set\":{\"x\":1}}", .multi = true};
    modify_write_json(&world, "posts", "{\"_id\":6,\"n\":5}");
    modify_world_good(&world, 6, 6, all);
    assert_int_equal(copse_write_drop_collection(write, posts, NULL), COPSE_OK);
    modify_world_good(&world, 0, 0, all);
    modify_world_good(&world, 0, 0, (modify_case){.filter = "{\"_id\":6}", .update = NULL});
    assert_int_equal(copse_write_create_collection(write, posts, copse_bytes_of_text("slug"),
                                                   COPSE_DOCUMENTS_INLINE, NULL),
                     COPSE_OK);
    modify_write_json(&world, "posts", "{\"slug\":6,\"n\":6}");
    modify_world_good(&world, 1, 1, all);
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{\"slug\":6}", .update = "{\"$set\":{\"_id\":1}}"});
    modify_world_bad(&world, COPSE_MISUSE, "the document with slug 6: ",
                     (modify_case){.filter = "{\"slug\":6}", .update = "{\"$set\":{\"slug\":1}}"});
    modify_case upsert = {
        .filter = "{\"slug\":7}", .update = "{\"$set\":{\"x\":1}}", .upsert = true};
    modify_world_good(&world, 0, 0, upsert);
    modify_assert_json(database_world_env(&world.db), world.result.id, "7");
    modify_world_bad(
        &world, COPSE_CORRUPT, "without its primary key slug",
        (modify_case){.filter = "{\"_id\":7}", .update = "{\"$set\":{\"x\":1}}", .upsert = true});
    (void)modify_world_finish(&world);
    modify_assert_document(&world, "6", "{\"_id\":1,\"n\":6,\"x\":1,\"slug\":6}");
    assert_int_equal(database_world_count(&world.db, "posts"), 2);
    modify_world_release(&world);
}

static void modify_is_all_or_none(void **state)
{
    (void)state;
    modify_world world;
    size_t failed = SIZE_MAX;
    modify_world_init(&world);
    copse_cid before = *copse_tree_root(world.db.tree);
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{\"_id\":1}", .update = "{\"$set\":{\"x\":1}}"});
    /* Some of its documents could be changed; the operation is not there at all. */
    modify_world_bad(&world, COPSE_CORRUPT, "the document with _id ",
                     (modify_case){.filter = "{\"_id\":{\"$gt\":2}}",
                                   .update = "{\"$push\":{\"tags\":1,\"n\":2}}",
                                   .multi = true});
    modify_world_bad(&world, COPSE_CORRUPT, "",
                     (modify_case){.filter = "{\"$foo\":1}", .update = NULL});
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{\"_id\":2}", .update = "{\"$set\":{\"n\":30}}"});
    assert_int_equal(modify_world_try(&world, NULL, &failed), COPSE_CONFLICT);
    assert_int_equal(failed, 1);
    assert_non_null(strstr(world.err.message, "have equal values 30"));
    assert_true(copse_cid_equal(&before, copse_tree_root(world.db.tree)));
    /* It is as it was: what made way lets it through. */
    modify_world_good(&world, 1, 1, (modify_case){.filter = "{\"_id\":3}", .update = NULL});
    assert_int_equal(modify_world_try(&world, NULL, &failed), COPSE_CONFLICT);
    modify_world_begin(&world);
    modify_world_good(&world, 1, 1, (modify_case){.filter = "{\"_id\":3}", .update = NULL});
    modify_world_good(&world, 1, 1,
                      (modify_case){.filter = "{\"_id\":2}", .update = "{\"$set\":{\"n\":30}}"});
    (void)modify_world_finish(&world);
    modify_assert_document(&world, "2", "{\"_id\":2,\"n\":30,\"tags\":[\"a\",\"b\"]}");
    modify_assert_document(&world, "1", "{\"_id\":1,\"n\":10}");
    modify_world_release(&world);
}

static void modify_wants_to_be_begun(void **state)
{
    (void)state;
    modify_world world;
    copse_tree *tree = NULL;
    modify_world_init(&world);
    modify_case test = {.filter = "{\"_id\":1}", .update = NULL};
    modify_world_good(&world, 1, 1, test);
    (void)modify_world_finish(&world);
    modify_world_bad(&world, COPSE_MISUSE, "was not begun", test);
    assert_int_equal(copse_modify_finish(world.modify, world.db.world.store, NULL, &tree, NULL,
                                         NULL, &world.err),
                     COPSE_MISUSE);
    modify_world_begin(&world);
    modify_world_bad(&world, COPSE_MISUSE, "an order is for the first",
                     (modify_case){.filter = "{}", .update = NULL, .sort = "n", .multi = true});
    assert_int_equal(modify_world_run_in(&world, "a\nb", &test), COPSE_CORRUPT);
    modify_world_release(&world);
}

/* Keys whose equality is not that of bytes, and filters by key that are no point. */
static void modify_finds_by_key(void **state)
{
    (void)state;
    modify_world world;
    modify_world_init(&world);
    modify_case set = {.filter = "{\"_id\":2.0}", .update = "{\"$set\":{\"x\":1}}"};
    modify_world_good(&world, 1, 1, set);
    modify_world_good(&world, 1, 0, set);
    set.filter = "{\"_id\":2,\"n\":21}";
    modify_world_good(&world, 0, 0, set);
    set.filter = "{\"_id\":[2]}";
    modify_world_good(&world, 0, 0, set);
    set.filter = "{\"_id\":null}";
    modify_world_good(&world, 0, 0, set);
    set.filter = "{\"_id\":{\"$in\":[1,2]}}";
    set.multi = true;
    modify_world_good(&world, 2, 1, set);
    (void)modify_world_finish(&world);
    modify_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modify_updates_one_or_all),
        cmocka_unit_test(modify_changes_nothing_without_a_difference),
        cmocka_unit_test(modify_finds_before_it_changes),
        cmocka_unit_test(modify_gives_the_document_back),
        cmocka_unit_test(modify_replaces),
        cmocka_unit_test(modify_upserts),
        cmocka_unit_test(modify_sees_what_came_before),
        cmocka_unit_test(modify_sees_collections_go_and_come),
        cmocka_unit_test(modify_is_all_or_none),
        cmocka_unit_test(modify_wants_to_be_begun),
        cmocka_unit_test(modify_finds_by_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
