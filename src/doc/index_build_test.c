/* Indexes that are not built: they take part in nothing until they are.
 *
 * Histories of all operations, these among them, are compared with the model in write_test.c; the
 * faults are in write_fault_test.c, loads in loader_test.c, plans in planner_test.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_check.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_world.h"

/* An index of two fields that is not built, and documents that it could not hold: arrays in both
 * fields, equal values. */
static void unbuilt_init(database_world *db)
{
    database_world_init(db, NULL);
    database_world_insert(db, "c", "{\"_id\":1,\"a\":1,\"b\":[7]}");
    database_world_index(db, "c", "late", "a,b", "unbuilt unique");
    database_world_insert(db, "c", "{\"_id\":2,\"a\":[1],\"b\":[2]}");
    database_world_commit(db);
    database_world_insert(db, "c", "{\"_id\":3,\"a\":1,\"b\":7}");
    database_world_delete(db, "c", "5");
    database_world_commit(db);
    assert_int_equal(db->stats.index_rows_added, 0);
}

static void unbuilt_check(database_world *db, uint64_t index_rows)
{
    copse_database_check_stats stats;
    assert_int_equal(copse_database_check(database_world_env(db), db->world.store,
                                          copse_tree_root(db->tree), NULL, &stats, NULL),
                     COPSE_OK);
    assert_int_equal(stats.defects, 0);
    assert_int_equal(stats.index_rows, index_rows);
    assert_int_equal(stats.indexes, 1);
}

/* What the catalogue says of it. */
static void unbuilt_get(database_world *db, copse_index_definition *ret_index, bool *ret_array)
{
    copse_database *database;
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    const copse_collection *c = copse_database_collection(database, copse_bytes_of_text("c"));
    assert_int_equal(c->indexes_count, 1);
    *ret_index = c->indexes[0];
    *ret_array = c->indexes[0].fields[1].array;
    copse_database_close(database);
}

static void test_takes_no_part(void **state)
{
    (void)state;
    database_world db;
    copse_index_definition index;
    bool array;
    unbuilt_init(&db);
    unbuilt_check(&db, 0);
    assert_int_equal(database_world_index_count(&db, "c", "late"), 0);
    unbuilt_get(&db, &index, &array);
    assert_true(index.is_unbuilt && index.unique && !array);
    database_world_index(&db, "c", "late", "a,b", "unbuilt unique");
    copse_cid before = *copse_tree_root(db.tree);
    database_world_commit(&db);
    assert_true(copse_cid_equal(&before, copse_tree_root(db.tree)));
    database_world_release(&db);
}

static void unbuilt_refuse(database_world *db, const char *options, copse_status status,
                           const char *message)
{
    copse_cid before = *copse_tree_root(db->tree);
    database_world_index(db, "c", "late", "a,b", options);
    assert_int_equal(database_world_apply(db), status);
    assert_non_null(strstr(db->err.message, message));
    assert_true(copse_cid_equal(&before, copse_tree_root(db->tree)));
}

/* What stands in the way of building it is told, and what it was it stays; then it is as one that
 * was made at once, and to ask for it unbuilt is no change. */
static void test_is_built_later(void **state)
{
    (void)state;
    database_world db;
    copse_index_definition index;
    bool array;
    unbuilt_init(&db);
    unbuilt_refuse(&db, "unique", COPSE_CORRUPT, "parallel arrays");
    database_world_delete(&db, "c", "2");
    database_world_commit(&db);
    unbuilt_refuse(&db, "unique", COPSE_CONFLICT, "unique");
    unbuilt_refuse(&db, NULL, COPSE_CONFLICT, "another index");
    unbuilt_get(&db, &index, &array);
    assert_true(index.is_unbuilt);
    database_world_delete(&db, "c", "3");
    database_world_index(&db, "c", "late", "a,b", "unique");
    database_world_insert(&db, "c", "{\"_id\":4,\"a\":1,\"b\":[7]}");
    assert_int_equal(database_world_apply(&db), COPSE_CONFLICT);
    assert_int_equal(db.failed, 2);
    database_world_delete(&db, "c", "3");
    database_world_index(&db, "c", "late", "a,b", "unique");
    database_world_insert(&db, "c", "{\"_id\":4,\"a\":1,\"b\":[8]}");
    database_world_commit(&db);
    unbuilt_get(&db, &index, &array);
    assert_true(!index.is_unbuilt && array);
    unbuilt_check(&db, 2);
    copse_cid built = *copse_tree_root(db.tree);
    database_world_index(&db, "c", "late", "a,b", "unbuilt unique");
    database_world_commit(&db);
    assert_true(copse_cid_equal(&built, copse_tree_root(db.tree)));
    assert_int_equal(copse_write_drop_index(db.write, copse_bytes_of_text("c"),
                                            copse_bytes_of_text("late"), NULL),
                     COPSE_OK);
    database_world_index(&db, "c", "late", "a,b", "unique");
    database_world_commit(&db);
    assert_true(copse_cid_equal(&built, copse_tree_root(db.tree)));
    database_world_release(&db);
}

/* The array field that its definition names, found where it was built first, stays it, though no
 * document here has an array there. */
static void test_array_stays(void **state)
{
    (void)state;
    database_world db;
    copse_index_definition index;
    bool array;
    database_world_init(&db, NULL);
    database_world_insert(&db, "c", "{\"_id\":1,\"a\":[1],\"b\":2}");
    database_world_index(&db, "c", "late", "a,b[]", "unbuilt");
    database_world_commit(&db);
    database_world_index(&db, "c", "late", "a,b", NULL);
    database_world_commit(&db);
    unbuilt_get(&db, &index, &array);
    assert_true(!index.is_unbuilt && array);
    unbuilt_check(&db, 2); /* an entry, and a mark of the other field */
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_no_part),
        cmocka_unit_test(test_is_built_later),
        cmocka_unit_test(test_array_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
