/* Loading into collections whose documents have versions: the very root of inserting one by one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/loader.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/sparse_cache.h"

static copse_bytes load_name(void)
{
    return copse_bytes_of_text("posts");
}

/* An empty collection with two indexes and this policy; the clock stands still. */
static void load_world_init(database_world *db, copse_merge_policy policy)
{
    database_world_init(db, NULL);
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(db, "posts", "", "n", "unique");
    database_world_index(db, "posts", "", "tags[]", NULL);
    assert_int_equal(copse_write_set_merge(db->write, load_name(), policy, 0, NULL), COPSE_OK);
    database_world_commit(db);
}

static copse_status load_begin(database_world *db, copse_loader **ret_loader)
{
    return copse_loader_new(db->tree, db->world.store, load_name(), copse_bytes_of_text("_id"),
                            COPSE_DOCUMENTS_INLINE, 0, NULL, ret_loader, &db->err);
}

static void load_add(copse_loader *loader, int number)
{
    char json[128];
    snprintf(json, sizeof json, "{\"_id\":\"%08x\",\"n\":%d,\"tags\":[\"a\",\"%d\"]}",
             (unsigned)number * 2654435761U, number, number % 7);
    copse_bytes document = database_world_value(json);
    assert_int_equal(copse_loader_add(loader, document, (uint64_t)number, NULL), COPSE_OK);
    database_world_free(document);
}

/* As load_add, by a commit of its own. */
static void load_insert(database_world *db, int number, copse_bytes author)
{
    char json[128];
    snprintf(json, sizeof json, "{\"_id\":\"%08x\",\"n\":%d,\"tags\":[\"a\",\"%d\"]}",
             (unsigned)number * 2654435761U, number, number % 7);
    database_world_insert(db, "posts", json);
    db->options.author = author;
    database_world_commit(db);
}

static void load_compare(copse_merge_policy policy, const char *author, int count)
{
    database_world loaded;
    database_world inserted;
    copse_loader *loader;
    copse_write_stats stats;
    copse_tree *tree = NULL;
    uint64_t rows;
    load_world_init(&loaded, policy);
    load_world_init(&inserted, policy);
    assert_int_equal(load_begin(&loaded, &loader), COPSE_OK);
    assert_int_equal(copse_loader_set_author(loader, copse_bytes_of_text(author), NULL), COPSE_OK);
    for (int i = 0; i < count; i++) {
        load_add(loader, i);
        load_insert(&inserted, i, copse_bytes_of_text(author));
    }
    assert_int_equal(copse_loader_finish(loader, &tree, &stats, NULL, NULL), COPSE_OK);
    assert_int_equal(stats.inserted, count);
    assert_int_equal(stats.index_rows_added, 3 * count);
    assert_int_equal(copse_tree_count(tree, &rows, NULL), COPSE_OK);
    bool has_versions = policy == COPSE_MERGE_LWW || policy == COPSE_MERGE_FIELD_WISE;
    assert_int_equal(rows, 4 + (has_versions ? 5 : 4) * count);
    assert_true(copse_cid_equal(copse_tree_root(tree), copse_tree_root(inserted.tree)));
    copse_tree_close(tree);
    copse_loader_free(loader);
    database_world_release(&loaded);
    database_world_release(&inserted);
}

static void test_a_load_makes_the_root_of_inserts(void **state)
{
    (void)state;
    for (copse_merge_policy policy = COPSE_MERGE_THREE_WAY; policy <= COPSE_MERGE_FIELD_WISE;
         policy++) {
        load_compare(policy, "", 150);
        load_compare(policy, "did:key:z6Mk", 150);
        load_compare(policy, "did:key:z6Mk", 0);
    }
}

static void test_without_a_clock(void **state)
{
    (void)state;
    database_world db;
    copse_loader *loader = NULL;
    load_world_init(&db, COPSE_MERGE_FIELD_WISE);
    db.world.test.env.clock = NULL;
    assert_int_equal(load_begin(&db, &loader), COPSE_MISUSE);
    assert_non_null(strstr(db.err.message, "clock"));
    assert_null(loader);
    database_world_release(&db);
}

static void test_authors(void **state)
{
    (void)state;
    database_world db;
    copse_loader *loader;
    char author[258];
    memset(author, 'a', sizeof author - 1);
    author[sizeof author - 1] = 0;
    load_world_init(&db, COPSE_MERGE_LWW);
    assert_int_equal(load_begin(&db, &loader), COPSE_OK);
    assert_int_equal(copse_loader_set_author(loader, copse_bytes_of_text(author), NULL),
                     COPSE_MISUSE);
    assert_int_equal(copse_loader_set_author(loader, copse_bytes_of_text(author + 1), NULL),
                     COPSE_OK);
    load_add(loader, 1);
    assert_int_equal(copse_loader_set_author(loader, copse_bytes_of_text("a"), NULL), COPSE_MISUSE);
    copse_loader_free(loader);
    database_world_release(&db);
}

/* A deletion must not be lost: the versions of what was deleted are in the way of a load. */
static void test_deleted_documents(void **state)
{
    (void)state;
    database_world db;
    copse_loader *loader = NULL;
    load_world_init(&db, COPSE_MERGE_LWW);
    load_insert(&db, 1, (copse_bytes){NULL, 0});
    database_world_delete(&db, "posts", "\"9e3779b1\"");
    database_world_commit(&db);
    assert_int_equal(db.stats.deleted, 1);
    assert_int_equal(database_world_count(&db, "posts"), 0);
    assert_int_equal(load_begin(&db, &loader), COPSE_CONFLICT);
    assert_null(loader);
    database_world_release(&db);
}

static copse_status load_sweep(const copse_env *env, void *ctx)
{
    database_world *db = ctx;
    copse_env timed = *env;
    sparse_cache sparse;
    copse_tree *tree = NULL;
    copse_loader *loader = NULL;
    copse_tree *made = NULL;
    copse_bytes document = database_world_value("{\"_id\":1}");
    timed.clock = database_world_env(db)->clock;
    copse_status status = sparse_cache_init_own(&sparse, &timed, db->world.store);
    if (status == COPSE_OK) {
        status = copse_tree_open(sparse.cache, copse_tree_root(db->tree), &tree, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_loader_new(tree, sparse.store, load_name(), copse_bytes_of_text("_id"),
                                  COPSE_DOCUMENTS_INLINE, 0, NULL, &loader, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_loader_set_author(loader, copse_bytes_of_text("did:key:a"), NULL);
    }
    if (status == COPSE_OK) {
        status = copse_loader_add(loader, document, 1, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_loader_finish(loader, &made, NULL, NULL, NULL);
    }
    copse_tree_close(made);
    copse_loader_free(loader);
    copse_tree_close(tree);
    sparse_cache_release(&sparse);
    database_world_free(document);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    database_world db;
    load_world_init(&db, COPSE_MERGE_FIELD_WISE);
    assert_true(test_env_sweep(load_sweep, &db, 10000) > 30);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_load_makes_the_root_of_inserts),
        cmocka_unit_test(test_without_a_clock),
        cmocka_unit_test(test_authors),
        cmocka_unit_test(test_deleted_documents),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
