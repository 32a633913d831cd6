/* Planning takes bounded work and memory, whatever the filter: filters come from strangers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/query.h>

#include "support/database_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_unions),
        cmocka_unit_test(test_many_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
