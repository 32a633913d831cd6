/* Planning takes bounded work and memory, whatever the filter: filters come from strangers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>
#include <copse/query.h>

#include "support/database_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILTER_SIZE = 1 << 20, MATCHES = 50, PEAK_BYTES = 48 << 20 };

/* A thousand documents with two indexes. */
static void things_init(database_world *db)
{
    char json[80];
    database_world_init(db, NULL);
    database_world_create(db, "things", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(db, "things", "ab", "a,b", NULL);
    database_world_index(db, "things", "t", "t[]", NULL);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"a\":%d,\"b\":%d,\"t\":[%d]}", i, i % 1000,
                       i, i % 7);
        database_world_insert(db, "things", json);
    }
    database_world_commit(db);
}

/* {"$and": [`count` times what `write` prints]}. */
static char *and_of(size_t count, size_t (*write)(char *at, size_t number))
{
    char *text = malloc(FILTER_SIZE);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "{\"$and\":[");
    for (size_t i = 0; i < count; i++) {
        text[used] = ',';
        used += i > 0;
        used += write(text + used, i);
        assert_true(used < FILTER_SIZE - 8192);
    }
    (void)sprintf(text + used, "]}");
    return text;
}

/* {"$or": [{"a": 0}, … {"a": 49}]} */
static size_t write_or(char *at, size_t number)
{
    size_t used = (size_t)sprintf(at, "{\"$or\":[");
    (void)number;
    for (int i = 0; i < MATCHES; i++) {
        used += (size_t)sprintf(at + used, "%s{\"a\":%d}", i > 0 ? "," : "", i);
    }
    return used + (size_t)sprintf(at + used, "]}");
}

static size_t write_not(char *at, size_t number)
{
    return (size_t)sprintf(at, "{\"a\":{\"$ne\":%zu}}", number + MATCHES);
}

/* Counts what matches; returns the peak of memory that it took. */
static size_t count_with(database_world *db, char *filter, uint64_t expected)
{
    copse_query *query = NULL;
    copse_database *database = NULL;
    uint64_t count = 0;
    copse_bytes encoded = database_world_value(filter);
    copse_query_options options = {.collection = copse_bytes_of_text("things"), .filter = encoded};
    db->world.test.peak_bytes = db->world.test.size_bytes;
    size_t before = db->world.test.size_bytes;
    assert_int_equal(copse_query_new(database_world_env(db), &options, &query, NULL), COPSE_OK);
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    assert_int_equal(copse_query_count(query, database, &count, NULL, NULL, NULL), COPSE_OK);
    assert_int_equal(count, expected);
    copse_query_free(query);
    copse_database_close(database);
    database_world_free(encoded);
    free(filter);
    return db->world.test.peak_bytes - before;
}

/* An $or of many branches many times over: each branch would be planned with all the others. */
static void test_many_unions(void **state)
{
    database_world db;
    (void)state;
    things_init(&db);
    assert_true(count_with(&db, and_of(40, write_or), MATCHES) < PEAK_BYTES);
    assert_true(count_with(&db, and_of(160, write_or), MATCHES) < PEAK_BYTES);
    database_world_release(&db);
}

/* Bounds that grow by an interval with each test. */
static void test_many_intervals(void **state)
{
    database_world db;
    (void)state;
    things_init(&db);
    assert_true(count_with(&db, and_of(4000, write_not), MATCHES) < PEAK_BYTES);
    database_world_release(&db);
}

/* ---- an index that is not built ---- */

static copse_status plan_things(database_world *db, const char *filter, const char *hint,
                                copse_buf *plan, copse_buf *explained, copse_err *err)
{
    copse_query *query = NULL;
    copse_database *database = NULL;
    copse_result *result = NULL;
    copse_bytes encoded = database_world_value(filter);
    copse_query_options options = {.collection = copse_bytes_of_text("things"),
                                   .filter = encoded,
                                   .hint = copse_bytes_of_text(hint)};
    assert_int_equal(copse_query_new(database_world_env(db), &options, &query, NULL), COPSE_OK);
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    copse_status status =
        plan->len == 0
            ? copse_result_open(query, database, &result, err)
            : copse_result_open_plan(query, database, copse_buf_view(plan), &result, err);
    if (status == COPSE_OK) {
        copse_buf json;
        copse_buf_init(&json, database_world_env(db), SIZE_MAX);
        copse_buf_truncate(plan, 0);
        assert_int_equal(copse_query_plan(query, database, plan, NULL), COPSE_OK);
        assert_int_equal(copse_result_explain(result, &json, NULL), COPSE_OK);
        copse_buf_truncate(explained, 0);
        assert_int_equal(copse_ext_json_from_cbor(database_world_env(db), copse_buf_view(&json),
                                                  false, explained, NULL),
                         COPSE_OK);
        assert_int_equal(copse_buf_append_byte(explained, 0), COPSE_OK);
        copse_buf_release(&json);
    }
    copse_result_close(result);
    copse_query_free(query);
    copse_database_close(database);
    database_world_free(encoded);
    return status;
}

static void assert_explained(const copse_buf *explained, const char *part)
{
    if (strstr((const char *)explained->ptr, part) == NULL) {
        fail_msg("%s", (const char *)explained->ptr);
    }
}

/* No plan uses it, whoever makes the plan, and what explains says why. */
static void test_unbuilt(void **state)
{
    database_world db;
    copse_buf plan;
    copse_buf explained;
    copse_err err = {0};
    (void)state;
    things_init(&db);
    copse_buf_init(&plan, database_world_env(&db), SIZE_MAX);
    copse_buf_init(&explained, database_world_env(&db), SIZE_MAX);
    database_world_index(&db, "things", "late", "b,a", "unbuilt");
    database_world_commit(&db);
    assert_int_equal(database_world_index_count(&db, "things", "late"), 0);
    assert_int_equal(plan_things(&db, "{\"b\":3}", "", &plan, &explained, &err), COPSE_OK);
    assert_explained(&explained, "\"plan\":\"document scan\"");
    assert_explained(&explained, "the index that could help is not built");
    assert_explained(&explained, "\"suggestion\":\"b,a\"");
    assert_explained(&explained,
                     "{\"index\":\"late\",\"why not\":\"it came by a merge, and is not built\"}");
    copse_buf_truncate(&plan, 0);
    assert_int_equal(plan_things(&db, "{\"b\":3}", "late", &plan, &explained, &err), COPSE_MISUSE);
    assert_non_null(strstr(err.message, "not built"));
    database_world_index(&db, "things", "late", "b,a", NULL);
    database_world_commit(&db);
    assert_int_equal(database_world_index_count(&db, "things", "late"), 1000);
    assert_int_equal(plan_things(&db, "{\"b\":3}", "", &plan, &explained, &err), COPSE_OK);
    assert_explained(&explained, "\"index\":\"late\"");
    /* The plan of a peer whose index is built. */
    assert_int_equal(copse_write_drop_index(db.write, copse_bytes_of_text("things"),
                                            copse_bytes_of_text("late"), NULL),
                     COPSE_OK);
    database_world_index(&db, "things", "late", "b,a", "unbuilt");
    database_world_commit(&db);
    assert_int_equal(plan_things(&db, "{\"b\":3}", "", &plan, &explained, &err), COPSE_DENIED);
    assert_non_null(strstr(err.message, "not built"));
    copse_buf_release(&plan);
    copse_buf_release(&explained);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unbuilt),
        cmocka_unit_test(test_many_unions),
        cmocka_unit_test(test_many_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
