/* What operations do and refuse, case by case, with the messages that people get.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/memory_runs.h"

static void expect_failure(database_world *db, copse_status status, size_t failed,
                           const char *message)
{
    copse_cid before = *copse_tree_root(db->tree);
    copse_status got = database_world_apply(db);
    if (got != status || db->failed != failed || strstr(db->err.message, message) == NULL) {
        fail_msg("%s at %zu: %s", copse_status_name(got), db->failed, db->err.message);
    }
    assert_true(copse_cid_equal(&before, copse_tree_root(db->tree)));
}

static void expect_json(database_world *db, const char *collection, const char *id,
                        const char *expected)
{
    char *json = database_world_get(db, collection, id);
    assert_non_null(json);
    assert_string_equal(json, expected);
    free(json);
}

static void test_inserts_and_replaces(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    database_world_insert(&db, "posts", "{\"_id\":1}");
    database_world_insert(&db, "posts", "{\"_id\":{\"$oid\":\"65a0c0ffee00112233445566\"}}");
    database_world_commit(&db);
    assert_int_equal(db.stats.inserted, 2);
    database_world_replace(&db, "posts", "{\"_id\":1,\"a\":1}", false);
    database_world_insert(&db, "posts", "{\"_id\":1.0,\"x\":1}");
    expect_failure(&db, COPSE_CONFLICT, 1, "posts: there is a document with _id 1.0");
    database_world_insert(&db, "posts", "{\"_id\":{\"$oid\":\"65a0c0ffee00112233445566\"}}");
    expect_failure(&db, COPSE_CONFLICT, 0,
                   "posts: there is a document with _id {\"$oid\":\"65a0c0ffee00112233445566\"}");
    database_world_replace(&db, "posts", "{\"_id\":7}", false);
    expect_failure(&db, COPSE_NOT_FOUND, 0, "posts: there is no document with _id 7");
    database_world_replace(&db, "nothing", "{\"_id\":7}", false);
    expect_failure(&db, COPSE_NOT_FOUND, 0, "there is no collection nothing");
    database_world_replace(&db, "posts", "{\"_id\":7}", true);
    database_world_replace(&db, "posts", "{\"_id\":1}", false);
    database_world_delete(&db, "posts", "99");
    database_world_delete(&db, "nothing", "99");
    database_world_commit(&db);
    assert_int_equal(db.stats.inserted, 1);
    assert_int_equal(db.stats.replaced + db.stats.deleted, 0);
    database_world_delete(&db, "posts", "7");
    database_world_insert(&db, "posts", "{\"_id\":7,\"new\":true}");
    database_world_commit(&db);
    assert_int_equal(db.stats.replaced, 1);
    expect_json(&db, "posts", "7", "{\"_id\":7,\"new\":true}");
    database_world_release(&db);
}

/* A failure of an operation that is found later comes before one that is found at once. */
static void test_first_failure_counts(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    database_world_insert(&db, "posts", "{\"_id\":1}");
    database_world_commit(&db);
    database_world_insert(&db, "posts", "{\"_id\":2}");
    database_world_insert(&db, "posts", "{\"_id\":1}");
    database_world_replace(&db, "nothing", "{\"_id\":1}", false);
    expect_failure(&db, COPSE_CONFLICT, 1, "_id 1");
    database_world_insert(&db, "posts", "{\"_id\":9}");
    database_world_insert(&db, "posts", "{\"_id\":1}");
    database_world_insert(&db, "posts", "{\"_id\":9}");
    database_world_replace(&db, "posts", "{\"_id\":0}", false);
    expect_failure(&db, COPSE_CONFLICT, 1, "_id 1");
    database_world_release(&db);
}

static void test_primary_keys(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    database_world_create(&db, "people", "email", COPSE_DOCUMENTS_INLINE);
    database_world_insert(&db, "people", "{\"email\":\"ann@x\",\"_id\":[1]}");
    database_world_commit(&db);
    expect_json(&db, "people", "\"ann@x\"", "{\"_id\":[1],\"email\":\"ann@x\"}");
    database_world_insert(&db, "people", "{\"name\":\"bob\"}");
    expect_failure(&db, COPSE_CORRUPT, 0, "people: a document without its primary key email");
    database_world_insert(&db, "people", "{\"email\":[1]}");
    expect_failure(&db, COPSE_CORRUPT, 0, "");
    database_world_insert(&db, "people", "{\"email\":\"ann@x\"}");
    expect_failure(&db, COPSE_CONFLICT, 0, "people: there is a document with email \"ann@x\"");
    database_world_release(&db);
}

static void test_new_ids(void **state)
{
    (void)state;
    database_world db;
    copse_buf id;
    database_world_init(&db, NULL);
    copse_buf_init(&id, database_world_env(&db), SIZE_MAX);
    copse_bytes document = database_world_value("{\"a\":1,\"zz\":2,\"long\":3,\"_ie\":4}");
    assert_int_equal(copse_write_insert(db.write, copse_bytes_of_text("c"), document, &id, NULL),
                     COPSE_OK);
    size_t size = id.len;
    database_world_free(document);
    document = database_world_value("{}");
    assert_int_equal(copse_write_insert(db.write, copse_bytes_of_text("c"), document, &id, NULL),
                     COPSE_OK);
    assert_int_equal(id.len, 2 * size);
    assert_memory_not_equal(id.ptr, id.ptr + size, size);
    database_world_commit(&db);
    assert_int_equal(database_world_count(&db, "c"), 2);
    copse_database *database;
    copse_document got = {.block = NULL};
    assert_int_equal(copse_database_open(db.tree, &database, NULL), COPSE_OK);
    const copse_collection *c = copse_database_collection(database, copse_bytes_of_text("c"));
    assert_int_equal(copse_database_get(database, c, (copse_bytes){id.ptr, size}, &got, NULL),
                     COPSE_OK);
    assert_int_equal(copse_document_check(got.encoded, &database_world_env(&db)->limits, NULL),
                     COPSE_OK);
    copse_document_release(&got);
    copse_database_close(database);
    /* Without a clock none can be made; that matters only if it is asked for or needed. */
    db.world.test.env.clock = NULL;
    assert_int_equal(copse_write_insert(db.write, copse_bytes_of_text("c"), document, &id, NULL),
                     COPSE_MISUSE);
    assert_int_equal(copse_write_count(db.write), 0);
    assert_int_equal(copse_write_insert(db.write, copse_bytes_of_text("c"), document, NULL, NULL),
                     COPSE_OK);
    expect_failure(&db, COPSE_CORRUPT, 0, "c: a document without its primary key _id");
    database_world_free(document);
    copse_buf_release(&id);
    database_world_release(&db);
}

static void test_collections(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    database_world_insert(&db, "a", "{\"_id\":1}");
    database_world_insert(&db, "b", "{\"_id\":1}");
    database_world_index(&db, "a", "", "x", NULL);
    database_world_commit(&db);
    copse_cid before = *copse_tree_root(db.tree);
    database_world_create(&db, "a", "_id", COPSE_DOCUMENTS_INLINE);
    expect_failure(&db, COPSE_CONFLICT, 0, "there is a collection a");
    assert_int_equal(copse_write_drop_collection(db.write, copse_bytes_of_text("c"), NULL),
                     COPSE_OK);
    expect_failure(&db, COPSE_NOT_FOUND, 0, "there is no collection c");
    /* Dropped and filled again, in one apply: nothing of the old one is left. */
    database_world_insert(&db, "a", "{\"_id\":2}");
    assert_int_equal(copse_write_drop_collection(db.write, copse_bytes_of_text("a"), NULL),
                     COPSE_OK);
    database_world_insert(&db, "a", "{\"_id\":1}");
    database_world_index(&db, "a", "", "x", NULL);
    database_world_commit(&db);
    assert_true(copse_cid_equal(&before, copse_tree_root(db.tree)));
    assert_int_equal(copse_write_drop_collection(db.write, copse_bytes_of_text("a"), NULL),
                     COPSE_OK);
    database_world_create(&db, "a", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_insert(&db, "a", "{\"_id\":5}");
    database_world_commit(&db);
    assert_int_equal(database_world_count(&db, "a"), 1);
    assert_int_equal(database_world_count(&db, "b"), 1);
    database_world_release(&db);
}

static void test_indexes(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    database_world_insert(&db, "a", "{\"_id\":1,\"x\":[1,2,3]}");
    database_world_index(&db, "a", "", "x", NULL);
    database_world_commit(&db);
    assert_int_equal(database_world_index_count(&db, "a", "x"), 3);
    copse_cid before = *copse_tree_root(db.tree);
    database_world_index(&db, "a", "", "x", NULL); /* the array field was found, not named */
    database_world_index(&db, "a", "", "x[]", NULL);
    database_world_commit(&db);
    assert_true(copse_cid_equal(&before, copse_tree_root(db.tree)));
    database_world_index(&db, "a", "x", "x", "unique");
    expect_failure(&db, COPSE_CONFLICT, 0, "a: there is another index x");
    assert_int_equal(
        copse_write_drop_index(db.write, copse_bytes_of_text("a"), copse_bytes_of_text("y"), NULL),
        COPSE_OK);
    expect_failure(&db, COPSE_NOT_FOUND, 0, "a: there is no index y");
    database_world_index(&db, "nothing", "", "x", NULL);
    expect_failure(&db, COPSE_NOT_FOUND, 0, "there is no collection nothing");
    /* Another one of the same name takes the place of all rows. */
    assert_int_equal(
        copse_write_drop_index(db.write, copse_bytes_of_text("a"), copse_bytes_of_text("x"), NULL),
        COPSE_OK);
    database_world_index(&db, "a", "x", "-y", NULL);
    database_world_commit(&db);
    assert_int_equal(database_world_index_count(&db, "a", "x"), 1);
    database_world_release(&db);
}

static void test_unique(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    database_world_insert(&db, "p", "{\"_id\":1,\"m\":\"a\",\"n\":1}");
    database_world_index(&db, "p", "", "m", "unique");
    database_world_commit(&db);
    database_world_insert(&db, "p", "{\"_id\":2,\"m\":\"a\"}");
    expect_failure(&db, COPSE_CONFLICT, 0,
                   "p: unique index m: the documents 1 and 2 have equal values \"a\"");
    database_world_insert(&db, "p", "{\"_id\":2,\"m\":[\"b\",\"a\"]}");
    expect_failure(&db, COPSE_CONFLICT, 0, "the documents 1 and 2 have equal values \"a\"");
    database_world_insert(&db, "p", "{\"_id\":2,\"m\":\"b\"}");
    database_world_insert(&db, "p", "{\"_id\":3,\"m\":\"b\"}");
    expect_failure(&db, COPSE_CONFLICT, 1, "the documents 2 and 3 have equal values \"b\"");
    /* A value may change hands within a write, in order. */
    database_world_insert(&db, "p", "{\"_id\":2,\"m\":\"b\"}");
    database_world_replace(&db, "p", "{\"_id\":1,\"m\":\"c\"}", false);
    database_world_replace(&db, "p", "{\"_id\":2,\"m\":\"a\"}", false);
    database_world_replace(&db, "p", "{\"_id\":1,\"m\":\"b\"}", false);
    database_world_commit(&db);
    /* But not against it, though the end would be right. */
    database_world_insert(&db, "p", "{\"_id\":3,\"m\":\"b\"}");
    database_world_delete(&db, "p", "1");
    expect_failure(&db, COPSE_CONFLICT, 0, "the documents 1 and 3");
    /* A replacement by the same document gives nothing away. */
    database_world_replace(&db, "p", "{\"_id\":1,\"m\":\"b\"}", false);
    database_world_insert(&db, "p", "{\"_id\":3,\"m\":\"b\"}");
    expect_failure(&db, COPSE_CONFLICT, 1, "the documents 1 and 3");
    /* Nor does one that keeps the value. */
    database_world_replace(&db, "p", "{\"_id\":1,\"m\":\"b\",\"n\":2}", false);
    database_world_insert(&db, "p", "{\"_id\":3,\"m\":\"b\"}");
    expect_failure(&db, COPSE_CONFLICT, 1, "the documents 1 and 3");
    /* The first failure counts, whatever it is of. */
    database_world_insert(&db, "p", "{\"_id\":1,\"m\":\"new\"}");
    database_world_insert(&db, "p", "{\"_id\":3,\"m\":\"b\"}");
    expect_failure(&db, COPSE_CONFLICT, 0, "there is a document with _id 1");
    database_world_insert(&db, "p", "{\"_id\":3,\"m\":\"b\"}");
    database_world_insert(&db, "p", "{\"_id\":1,\"m\":\"new\"}");
    expect_failure(&db, COPSE_CONFLICT, 0, "the documents 1 and 3");
    database_world_replace(&db, "p", "{\"_id\":1,\"m\":\"z\"}", false);
    database_world_replace(&db, "p", "{\"_id\":1,\"m\":\"b\"}", false);
    database_world_insert(&db, "p", "{\"_id\":3,\"m\":\"b\"}");
    expect_failure(&db, COPSE_CONFLICT, 2, "the documents 1 and 3");
    database_world_release(&db);
}

/* Documents that lack the field are exempt, one with null is not, whichever stands first. */
static void test_unique_null(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    database_world_insert(&db, "p", "{\"_id\":1}");
    database_world_insert(&db, "p", "{\"_id\":2}");
    database_world_insert(&db, "p", "{\"_id\":3,\"m\":null}");
    database_world_insert(&db, "p", "{\"_id\":4}");
    database_world_index(&db, "p", "", "m", "unique");
    database_world_commit(&db);
    database_world_insert(&db, "p", "{\"_id\":5}");
    database_world_commit(&db);
    database_world_insert(&db, "p", "{\"_id\":6,\"m\":null}");
    expect_failure(&db, COPSE_CONFLICT, 0, "the documents 3 and 6 have equal values null");
    database_world_insert(&db, "q", "{\"_id\":1,\"m\":null}");
    database_world_insert(&db, "q", "{\"_id\":2}");
    database_world_insert(&db, "q", "{\"_id\":3,\"m\":null}");
    database_world_index(&db, "q", "", "m", "unique");
    expect_failure(&db, COPSE_CONFLICT, 3, "the documents 1 and 3 have equal values null");
    database_world_release(&db);
}

static void test_unique_long_values(void **state)
{
    (void)state;
    database_world db;
    char json[512];
    database_world_init(&db, NULL);
    database_world_index(&db, "p", "", "m,n", "unique");
    database_world_create(&db, "p", "_id", COPSE_DOCUMENTS_INLINE);
    expect_failure(&db, COPSE_NOT_FOUND, 0, "no collection p");
    database_world_create(&db, "p", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(&db, "p", "", "m,n", "unique");
    snprintf(json, sizeof json, "{\"_id\":1,\"m\":\"%0400d\",\"n\":1}", 1);
    database_world_insert(&db, "p", json);
    snprintf(json, sizeof json, "{\"_id\":2,\"m\":\"%0400d\",\"n\":1}", 2);
    database_world_insert(&db, "p", json);
    database_world_commit(&db);
    snprintf(json, sizeof json, "{\"_id\":3,\"m\":\"%0400d\",\"n\":1.0}", 2);
    database_world_insert(&db, "p", json);
    expect_failure(&db, COPSE_CONFLICT, 0,
                   "the documents 2 and 3 have equal values (a long value), 1.0");
    database_world_release(&db);
}

static void test_parallel_arrays(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    database_world_insert(&db, "p", "{\"_id\":1,\"a\":[1],\"b\":2}");
    database_world_index(&db, "p", "", "a,b", NULL);
    database_world_commit(&db);
    database_world_insert(&db, "p", "{\"_id\":2,\"a\":1,\"b\":[2]}");
    database_world_insert(&db, "p", "{\"_id\":3,\"a\":[1],\"b\":[]}");
    expect_failure(&db, COPSE_CORRUPT, 1, "cannot index parallel arrays a and b");
    /* A version in between must be right too. */
    database_world_insert(&db, "p", "{\"_id\":3,\"a\":[1],\"b\":[]}");
    database_world_replace(&db, "p", "{\"_id\":3}", false);
    expect_failure(&db, COPSE_CORRUPT, 0, "cannot index parallel arrays a and b");
    database_world_insert(&db, "q", "{\"_id\":1,\"a\":[1],\"b\":[2]}");
    database_world_index(&db, "q", "", "b,a", NULL);
    expect_failure(&db, COPSE_CORRUPT, 1, "cannot index parallel arrays b and a");
    database_world_release(&db);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    database_world db;
    const copse_bytes c = copse_bytes_of_text("c");
    const copse_bytes empty = {NULL, 0};
    copse_sort_field field = {copse_bytes_of_text("a"), false, false};
    copse_index_definition definition = {.fields = &field, .fields_count = 1};
    char long_path[200];
    database_world_init(&db, NULL);
    copse_bytes bad = database_world_value("{\"_id\":1,\"a\":{\"$foo\":1}}");
    assert_int_equal(copse_write_insert(db.write, c, bad, NULL, NULL), COPSE_CORRUPT);
    assert_int_equal(copse_write_replace(db.write, c, (copse_bytes){bad.ptr, 3}, true, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_write_insert(db.write, empty, bad, NULL, NULL), COPSE_CORRUPT);
    assert_int_equal(
        copse_write_delete(db.write, c, (copse_bytes){(const uint8_t *)"\x80", 1}, NULL),
        COPSE_CORRUPT);
    assert_int_equal(copse_write_drop_collection(db.write, copse_bytes_of_text("a\n"), NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_write_drop_index(db.write, c, empty, NULL), COPSE_CORRUPT);
    assert_int_equal(copse_write_create_collection(db.write, c, copse_bytes_of_text("a.b"),
                                                   COPSE_DOCUMENTS_INLINE, NULL),
                     COPSE_CORRUPT);
    definition.fields_count = 0;
    assert_int_equal(copse_write_create_index(db.write, c, &definition, NULL), COPSE_CORRUPT);
    definition.fields_count = 1;
    definition.filter = bad;
    assert_int_equal(copse_write_create_index(db.write, c, &definition, NULL), COPSE_CORRUPT);
    definition.filter = empty;
    memset(long_path, 'p', sizeof long_path);
    field.path = (copse_bytes){(const uint8_t *)long_path, sizeof long_path};
    assert_int_equal(copse_write_create_index(db.write, c, &definition, NULL), COPSE_LIMIT);
    definition.name = copse_bytes_of_text("short");
    assert_int_equal(copse_write_create_index(db.write, c, &definition, NULL), COPSE_OK);
    assert_int_equal(copse_write_count(db.write), 1);
    database_world_free(bad);
    database_world_release(&db);
}

/* ---- building in bounded memory ---- */

typedef struct rules_progress {
    unsigned calls;
    uint64_t done;
    uint64_t total;
} rules_progress;

static void rules_on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    rules_progress *progress = ctx;
    assert_string_equal(what, "indexing");
    assert_true(done >= progress->done);
    *progress = (rules_progress){progress->calls + 1, done, total};
}

static void test_build_with_runs(void **state)
{
    (void)state;
    enum { DOCUMENTS = 20000 };
    database_world db;
    memory_runs runs;
    copse_tree *next;
    rules_progress progress = {0};
    copse_run_store store = memory_runs_init(&runs);
    copse_write_options options = {.runs = &store,
                                   .memory_bytes_max = 65536,
                                   .progress = rules_on_progress,
                                   .progress_ctx = &progress};
    copse_tree_config config;
    copse_tree_config_init(&config);
    database_world_init(&db, &config);
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"_id\":%u,\"a\":%u}", i, i * 7919 % DOCUMENTS);
        database_world_insert(&db, "p", json);
    }
    database_world_commit(&db);
    database_world_index(&db, "p", "", "-a", "unique");
    options.runs = NULL;
    assert_int_equal(
        copse_write_apply(db.write, db.tree, db.world.store, &options, &next, NULL, NULL, &db.err),
        COPSE_LIMIT);
    options.runs = &store;
    progress = (rules_progress){0};
    assert_int_equal(copse_write_apply(db.write, db.tree, db.world.store, &options, &next,
                                       &db.stats, NULL, &db.err),
                     COPSE_OK);
    assert_true(runs.live_max > 4 && runs.live == 0);
    assert_true(progress.calls >= 2 && progress.done == DOCUMENTS && progress.total == DOCUMENTS);
    assert_int_equal(db.stats.index_rows_added, DOCUMENTS);
    assert_true(db.stats.nodes_written > 20 && db.stats.bytes_written > DOCUMENTS * 12);
    database_world_commit(&db); /* the same in memory */
    assert_true(copse_cid_equal(copse_tree_root(db.tree), copse_tree_root(next)));
    copse_tree_close(next);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inserts_and_replaces),
        cmocka_unit_test(test_first_failure_counts),
        cmocka_unit_test(test_primary_keys),
        cmocka_unit_test(test_new_ids),
        cmocka_unit_test(test_collections),
        cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_unique_null),
        cmocka_unit_test(test_unique_long_values),
        cmocka_unit_test(test_parallel_arrays),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_build_with_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
