/* Collections of signed documents: what may become one, and that whatever is written there is
 * signed: by writes, and by loads, which make the very root of inserting one by one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_check.h>
#include <copse/loader.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/write.h"
#include "support/database_world.h"
#include "support/sparse_cache.h"
#include "tree/tree.h"

static const uint8_t signed_seed[COPSE_KEY_SEED_SIZE_BYTES] = {1};

/* A database of one creator, who writes it. */
typedef struct signed_world {
    database_world db;
    copse_key *key;
} signed_world;

static copse_bytes signed_name(void)
{
    return copse_bytes_of_text("posts");
}

static void signed_set(signed_world *world, copse_merge_policy policy)
{
    assert_int_equal(copse_write_set_merge(world->db.write, signed_name(), policy, 0, NULL),
                     COPSE_OK);
    assert_int_equal(copse_write_set_signed(world->db.write, signed_name(), NULL), COPSE_OK);
}

/* Adds the operations that make the collection. */
static void signed_create(signed_world *world)
{
    database_world_create(&world->db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(&world->db, "posts", "", "n", NULL);
    signed_set(world, COPSE_MERGE_LWW);
}

/* With or without a creator, and nothing else. */
static void signed_world_init_as(signed_world *world, bool has_creator)
{
    const copse_env *env = database_world_env(&world->db);
    copse_identity identity;
    database_world_init(&world->db, NULL);
    assert_int_equal(copse_key_from_seed(env, signed_seed, &world->key, NULL), COPSE_OK);
    world->db.options.key = world->key;
    if (has_creator) {
        assert_int_equal(copse_identity_new(env, world->key, &identity, NULL), COPSE_OK);
        assert_int_equal(copse_write_create_database(world->db.write, &identity, NULL), COPSE_OK);
        database_world_commit(&world->db);
    }
}

static void signed_world_init(signed_world *world)
{
    signed_world_init_as(world, true);
    signed_create(world);
    database_world_commit(&world->db);
}

static void signed_world_release(signed_world *world)
{
    copse_key_free(world->key);
    database_world_release(&world->db);
}

static bool signed_is(signed_world *world)
{
    copse_database *database;
    assert_int_equal(copse_database_open(world->db.tree, &database, NULL), COPSE_OK);
    const copse_collection *collection = copse_database_collection(database, signed_name());
    bool is_signed = collection != NULL && collection->is_signed;
    copse_database_close(database);
    return is_signed;
}

/* The check finds each document and deletion that is not signed (database_signature_test.c). */
static void signed_commit(signed_world *world)
{
    copse_database_check_stats stats;
    database_world_commit(&world->db);
    assert_true(signed_is(world));
    assert_int_equal(copse_database_check(database_world_env(&world->db), world->db.world.store,
                                          copse_tree_root(world->db.tree), NULL, &stats, NULL),
                     COPSE_OK);
    assert_int_equal(stats.defects, 0);
}

/* ---- What may become one ---- */

typedef struct signed_rule {
    const char *note;
    void (*prepare)(signed_world *world); /* before */
    void (*change)(signed_world *world);
    copse_status status;
    const char *message;
} signed_rule;

static void signed_prepare_none(signed_world *world)
{
    (void)world;
}

static void signed_prepare_document(signed_world *world)
{
    database_world_insert(&world->db, "posts", "{\"_id\":1}");
    assert_int_equal(
        copse_write_set_merge(world->db.write, signed_name(), COPSE_MERGE_LWW, 0, NULL), COPSE_OK);
}

static void signed_prepare_deletion(signed_world *world)
{
    signed_prepare_document(world);
    database_world_commit(&world->db);
    database_world_delete(&world->db, "posts", "1");
}

static void signed_prepare_empty(signed_world *world)
{
    database_world_create(&world->db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
}

static void signed_change_lww(signed_world *world)
{
    signed_set(world, COPSE_MERGE_LWW);
}

static void signed_change_three_way(signed_world *world)
{
    signed_set(world, COPSE_MERGE_THREE_WAY);
}

static void signed_change_field_wise(signed_world *world)
{
    signed_set(world, COPSE_MERGE_FIELD_WISE);
}

/* In one write, of which the last operation is refused. */
static void signed_change_after_insert(signed_world *world)
{
    signed_prepare_document(world);
    signed_set(world, COPSE_MERGE_LWW);
}

static void signed_change_policy(signed_world *world)
{
    assert_int_equal(
        copse_write_set_merge(world->db.write, signed_name(), COPSE_MERGE_UNION, 0, NULL),
        COPSE_OK);
}

static const signed_rule signed_rules[] = {
    {"empty", signed_prepare_empty, signed_change_lww, COPSE_OK, NULL},
    {"new", signed_prepare_none, signed_create, COPSE_OK, NULL},
    {"signed before", signed_create, signed_change_lww, COPSE_OK, NULL},
    {"three-way", signed_prepare_empty, signed_change_three_way, COPSE_CONFLICT,
     "lww, and not three-way"},
    {"field-wise", signed_prepare_empty, signed_change_field_wise, COPSE_CONFLICT,
     "lww, and not field-wise"},
    {"not there", signed_prepare_none, signed_change_lww, COPSE_NOT_FOUND, "no collection posts"},
    {"a document", signed_prepare_document, signed_change_lww, COPSE_CONFLICT, "has documents"},
    {"a deletion", signed_prepare_deletion, signed_change_lww, COPSE_CONFLICT, "or had some"},
    {"a document of the write", signed_prepare_none, signed_change_after_insert, COPSE_CONFLICT,
     "has documents"},
    {"another policy", signed_create, signed_change_policy, COPSE_CONFLICT, "until it is dropped"},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signed_rules / sizeof signed_rules[0]; i++) {
        const signed_rule *rule = &signed_rules[i];
        signed_world world;
        signed_world_init_as(&world, true);
        rule->prepare(&world);
        database_world_commit(&world.db);
        bool was_signed = signed_is(&world);
        rule->change(&world);
        copse_status status = database_world_apply(&world.db);
        if (status != rule->status ||
            (rule->message != NULL && strstr(world.db.err.message, rule->message) == NULL)) {
            fail_msg("%s: %s: %s", rule->note, copse_status_name(status), world.db.err.message);
        }
        assert_int_equal(signed_is(&world), status == COPSE_OK || was_signed);
        signed_world_release(&world);
    }
}

static void test_without_a_creator(void **state)
{
    (void)state;
    signed_world world;
    signed_world_init_as(&world, false);
    signed_create(&world);
    assert_int_equal(database_world_apply(&world.db), COPSE_CONFLICT);
    assert_non_null(strstr(world.db.err.message, "a database with a creator"));
    signed_world_release(&world);
}

static void test_days_change_and_it_stays_signed(void **state)
{
    (void)state;
    signed_world world;
    signed_world_init(&world);
    copse_cid before = *copse_tree_root(world.db.tree);
    assert_int_equal(
        copse_write_set_merge(world.db.write, signed_name(), COPSE_MERGE_LWW, 30, NULL), COPSE_OK);
    signed_commit(&world);
    assert_false(copse_cid_equal(&before, copse_tree_root(world.db.tree)));
    signed_world_release(&world);
}

static void test_dropped_and_made_anew_in_one_write(void **state)
{
    (void)state;
    signed_world world;
    signed_world_init_as(&world, true);
    signed_prepare_document(&world);
    database_world_commit(&world.db);
    assert_int_equal(copse_write_drop_collection(world.db.write, signed_name(), NULL), COPSE_OK);
    signed_create(&world);
    database_world_insert(&world.db, "posts", "{\"_id\":2}");
    signed_commit(&world);
    assert_int_equal(database_world_count(&world.db, "posts"), 1);
    signed_world_release(&world);
}

/* ---- Writing ---- */

static void test_all_that_is_written_is_signed(void **state)
{
    (void)state;
    signed_world world;
    database_world *db = &world.db;
    signed_world_init(&world);
    database_world_insert(db, "posts", "{\"_id\":1}");
    database_world_insert(db, "posts", "{\"_id\":2}");
    database_world_insert(db, "posts", "{\"n\":1}");
    signed_commit(&world);
    database_world_replace(db, "posts", "{\"_id\":1,\"n\":2}", false);
    database_world_replace(db, "posts", "{\"_id\":3}", true);
    database_world_replace(db, "posts", "{\"_id\":2,\"n\":2}", true);
    signed_commit(&world);
    database_world_delete(db, "posts", "2");
    copse_bytes document = database_world_value("{\"_id\":1,\"n\":2,\"more\":[1]}");
    assert_int_equal(copse_write_replace_fields(db->write, signed_name(), document, NULL),
                     COPSE_OK);
    database_world_free(document);
    signed_commit(&world);
    database_world_insert(db, "posts", "{\"_id\":2,\"again\":true}"); /* over a deletion */
    database_world_insert(db, "posts", "{\"_id\":4}");
    database_world_replace(db, "posts", "{\"_id\":4,\"n\":1}", false);
    database_world_delete(db, "posts", "4"); /* never there */
    signed_commit(&world);
    assert_int_equal(database_world_count(db, "posts"), 4);
    signed_world_release(&world);
}

/* The document waits in a conflict, as a merge left it there, and is deleted by its version. */
static void test_what_ends_a_conflict_is_signed(void **state)
{
    (void)state;
    signed_world world;
    database_world *db = &world.db;
    signed_world_init(&world);
    database_world_insert(db, "posts", "{\"_id\":1}");
    database_world_commit(db);
    copse_bytes id = database_world_value("1");
    copse_bytes row = database_world_value(
        "{\"waiting\":{\"clock\":[5,0],\"index\":\"n\",\"document\":{\"_id\":1}}}");
    db->options = (copse_write_options){.is_merge = true};
    database_world_delete(db, "posts", "1");
    assert_int_equal(copse_write_put_row(db->write, COPSE_WRITE_CONFLICT_ROW, signed_name(), id,
                                         row, NULL, NULL),
                     COPSE_OK);
    signed_commit(&world);
    db->options = (copse_write_options){.key = world.key};
    assert_int_equal(copse_write_resolve(db->write, signed_name(), id, NULL), COPSE_OK);
    signed_commit(&world);
    assert_int_equal(database_world_conflicts(db, NULL, NULL, NULL), 0);
    database_world_free(row);
    database_world_free(id);
    signed_world_release(&world);
}

static void test_without_a_key(void **state)
{
    (void)state;
    signed_world world;
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    signed_world_init(&world);
    (void)copse_public_key_to_did(copse_key_public(world.key), did);
    world.db.options = (copse_write_options){.author = copse_bytes_of_text(did)};
    database_world_insert(&world.db, "posts", "{\"_id\":1}");
    assert_int_equal(database_world_apply(&world.db), COPSE_DENIED);
    assert_non_null(strstr(world.db.err.message, "signs with a key"));
    signed_world_release(&world);
}

/* ---- Loading ---- */

static void signed_load_begin(signed_world *world, copse_loader **ret_loader)
{
    assert_int_equal(copse_loader_new(world->db.tree, world->db.world.store, signed_name(),
                                      copse_bytes_of_text("_id"), COPSE_DOCUMENTS_INLINE, 0, NULL,
                                      ret_loader, NULL),
                     COPSE_OK);
}

static void test_a_load_makes_the_root_of_inserts(void **state)
{
    (void)state;
    enum { COUNT = 150 };
    signed_world world;
    copse_loader *loader;
    copse_tree *tree;
    copse_write_stats stats;
    signed_world_init(&world);
    signed_load_begin(&world, &loader);
    assert_int_equal(copse_loader_set_key(loader, world.key, NULL), COPSE_OK);
    for (int i = COUNT; i > 0; i--) {
        char json[64];
        snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d}", i, i % 9);
        copse_bytes document = database_world_value(json);
        assert_int_equal(copse_loader_add(loader, document, 0, NULL), COPSE_OK);
        database_world_free(document);
        database_world_insert(&world.db, "posts", json);
    }
    assert_int_equal(copse_loader_finish(loader, &tree, &stats, NULL, NULL), COPSE_OK);
    assert_int_equal(stats.index_rows_added, COUNT);
    signed_commit(&world);
    assert_true(copse_cid_equal(copse_tree_root(tree), copse_tree_root(world.db.tree)));
    copse_tree_close(tree);
    copse_loader_free(loader);
    signed_world_release(&world);
}

static void test_a_load_without_a_key(void **state)
{
    (void)state;
    signed_world world;
    copse_loader *loader;
    copse_tree *tree;
    copse_err err = {.message = ""};
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    signed_world_init(&world);
    (void)copse_public_key_to_did(copse_key_public(world.key), did);
    copse_bytes document = database_world_value("{\"_id\":1}");
    signed_load_begin(&world, &loader);
    assert_int_equal(copse_loader_add(loader, document, 0, &err), COPSE_DENIED);
    assert_non_null(strstr(err.message, "signed with a key"));
    assert_int_equal(copse_loader_set_key(loader, world.key, NULL), COPSE_OK);
    assert_int_equal(copse_loader_set_author(loader, copse_bytes_of_text(did), NULL), COPSE_OK);
    assert_int_equal(copse_loader_add(loader, document, 0, NULL), COPSE_DENIED);
    assert_int_equal(copse_loader_set_key(loader, world.key, NULL), COPSE_OK);
    assert_int_equal(copse_loader_add(loader, document, 0, NULL), COPSE_OK);
    assert_int_equal(copse_loader_set_key(loader, world.key, NULL), COPSE_MISUSE);
    assert_int_equal(copse_loader_finish(loader, &tree, NULL, NULL, NULL), COPSE_OK);
    copse_tree_close(tree);
    copse_loader_free(loader);
    database_world_free(document);
    signed_world_release(&world);
}

/* ---- Allocations that fail ---- */

/* Writes, or loads, over a copy of the world's store. */
typedef struct signed_sweep {
    signed_world *world;
    bool loads;
} signed_sweep;

static copse_status signed_sweep_write(signed_world *world, copse_tree *tree, copse_store *store)
{
    copse_tree *next = NULL;
    const copse_write_options options = {.key = world->key};
    copse_write *write = NULL;
    copse_bytes document = database_world_value("{\"_id\":1,\"n\":1}");
    copse_status status = copse_write_new(tree->env, &write, NULL);
    if (status == COPSE_OK) {
        status = copse_write_insert(write, signed_name(), document, NULL, NULL);
    }
    if (status == COPSE_OK) {
        status =
            copse_write_create_collection(write, copse_bytes_of_text("more"),
                                          copse_bytes_of_text("_id"), COPSE_DOCUMENTS_INLINE, NULL);
    }
    if (status == COPSE_OK) {
        status =
            copse_write_set_merge(write, copse_bytes_of_text("more"), COPSE_MERGE_LWW, 0, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_write_set_signed(write, copse_bytes_of_text("more"), NULL);
    }
    if (status == COPSE_OK) {
        status = copse_write_apply(write, tree, store, &options, &next, NULL, NULL, NULL);
    }
    copse_tree_close(next);
    copse_write_free(write);
    database_world_free(document);
    return status;
}

static copse_status signed_sweep_load(signed_world *world, copse_tree *tree, copse_store *store)
{
    copse_tree *next = NULL;
    copse_loader *loader = NULL;
    copse_bytes document = database_world_value("{\"_id\":1,\"n\":1}");
    copse_status status = copse_loader_new(tree, store, signed_name(), copse_bytes_of_text("_id"),
                                           COPSE_DOCUMENTS_INLINE, 0, NULL, &loader, NULL);
    if (status == COPSE_OK) {
        status = copse_loader_set_key(loader, world->key, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_loader_add(loader, document, 0, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_loader_finish(loader, &next, NULL, NULL, NULL);
    }
    copse_tree_close(next);
    copse_loader_free(loader);
    database_world_free(document);
    return status;
}

static copse_status signed_sweep_one(const copse_env *env, void *ctx)
{
    const signed_sweep *sweep = ctx;
    signed_world *world = sweep->world;
    copse_env timed = *env;
    sparse_cache sparse = {.source = NULL};
    copse_store *store = NULL;
    copse_tree *tree = NULL;
    timed.clock = database_world_env(&world->db)->clock;
    timed.clock_ctx = database_world_env(&world->db)->clock_ctx;
    copse_status status = copse_memory_store_new(&timed, &store, NULL);
    if (status == COPSE_OK) {
        status = sparse_cache_copy(world->db.world.store, store, NULL, 0);
    }
    if (status == COPSE_OK) {
        status = sparse_cache_init(&sparse, &timed, store);
    }
    if (status == COPSE_OK) {
        status = copse_tree_open(sparse.cache, copse_tree_root(world->db.tree), &tree, NULL);
    }
    if (status == COPSE_OK) {
        status = sweep->loads ? signed_sweep_load(world, tree, store)
                              : signed_sweep_write(world, tree, store);
    }
    copse_tree_close(tree);
    sparse_cache_release(&sparse);
    copse_store_close(store);
    return status;
}

static void test_allocations_fail(void **state)
{
    (void)state;
    signed_world world;
    signed_world_init(&world);
    for (size_t i = 0; i < 2; i++) {
        signed_sweep sweep = {&world, i == 1};
        assert_true(test_env_sweep(signed_sweep_one, &sweep, 100000) > 50);
    }
    signed_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_without_a_creator),
        cmocka_unit_test(test_days_change_and_it_stays_signed),
        cmocka_unit_test(test_dropped_and_made_anew_in_one_write),
        cmocka_unit_test(test_all_that_is_written_is_signed),
        cmocka_unit_test(test_what_ends_a_conflict_is_signed),
        cmocka_unit_test(test_without_a_key),
        cmocka_unit_test(test_a_load_makes_the_root_of_inserts),
        cmocka_unit_test(test_a_load_without_a_key),
        cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
