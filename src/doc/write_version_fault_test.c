/* Missing blocks and failing allocations under writes that make versions.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/document_conflict.h"
#include "support/sparse_cache.h"
#include "support/versions_world.h"
#include "support/want_supply.h"

enum { VERSIONS_FIELDS = 70 };

/* A document whose row of versions is too large to be inline; the value of its fields is `value`.
 */
static void versions_large_document(char *ret_json, int value)
{
    size_t size = (size_t)sprintf(ret_json, "{\"_id\":1");
    for (int i = 0; i < VERSIONS_FIELDS; i++) {
        size += (size_t)sprintf(ret_json + size, ",\"f%d\":%d", i, value);
    }
    (void)sprintf(ret_json + size, "}");
}

/* Puts the row of a conflict in which a document waits. */
static copse_status versions_put_conflict(copse_write *write, copse_bytes id, copse_err *err)
{
    copse_document_conflict conflict = {.waiting.index = copse_bytes_of_text("n")};
    copse_bytes document = database_world_value("{\"_id\":2,\"n\":1}");
    copse_buf row;
    conflict.waiting.document = document;
    copse_buf_init(&row, write->env, SIZE_MAX);
    copse_status status = copse_conflict_encode(&conflict, &row, err);
    if (status == COPSE_OK) {
        status = copse_write_put_row(write, COPSE_WRITE_CONFLICT_ROW, versions_name(), id,
                                     copse_buf_view(&row), NULL, err);
    }
    copse_buf_release(&row);
    database_world_free(document);
    return status;
}

/* What is written on it: reads a document and its versions, and scans them. */
static copse_status versions_collect(copse_write *write, copse_err *err)
{
    static const uint8_t two = 2;
    const copse_bytes id = {&two, 1};
    char json[1200];
    versions_large_document(json, 3);
    copse_bytes large = database_world_value(json);
    copse_status status = copse_write_replace_fields(write, versions_name(), large, err);
    if (status == COPSE_OK) {
        status = copse_write_delete(write, versions_name(), id, err);
    }
    if (status == COPSE_OK) {
        status = versions_put_conflict(write, id, err);
    }
    database_world_free(large);
    if (status == COPSE_OK) {
        status = copse_write_forget_deleted(write, versions_name(), 1001, err);
    }
    return status == COPSE_OK
               ? copse_write_set_merge(write, versions_name(), COPSE_MERGE_LWW, 9, err)
               : status;
}

/* A database with all its blocks, and what it becomes. */
typedef struct versions_full {
    versions_world world;
    copse_cid before;
    copse_cid after;
} versions_full;

static void versions_full_init(versions_full *full)
{
    char json[1200];
    versions_world *world = &full->world;
    versions_init(world, COPSE_MERGE_FIELD_WISE);
    versions_large_document(json, 1);
    database_world_insert(&world->db, "posts", json);
    for (int i = 2; i < 60; i++) {
        snprintf(json, sizeof json, "{\"_id\":%d}", i);
        database_world_insert(&world->db, "posts", json);
    }
    database_world_commit(&world->db);
    versions_large_document(json, 2);
    versions_replace_fields(world, json);
    for (int i = 30; i < 40; i++) {
        snprintf(json, sizeof json, "%d", i);
        database_world_delete(&world->db, "posts", json);
    }
    database_world_commit(&world->db);
    world->db.options.is_merge = true;
    for (uint8_t i = 36; i < 40; i++) { /* of those that were deleted */
        const uint8_t id[2] = {0x18, i};
        assert_int_equal(versions_put_conflict(world->db.write, (copse_bytes){id, 2}, NULL),
                         COPSE_OK);
    }
    database_world_commit(&world->db);
    world->db.options.is_merge = false;
    full->before = *copse_tree_root(world->db.tree);
    world->now_ms = 9000;
    assert_int_equal(versions_collect(world->db.write, NULL), COPSE_OK);
    world->db.options.author = (copse_bytes){NULL, 0};
    database_world_commit(&world->db);
    assert_int_equal(world->db.stats.forgotten, 10);
    versions_expect(world, 'v', "30", NULL);
    versions_expect(world, 'c', "36", NULL);
    versions_expect(world, 'v', "2", "{\"version\":[[9000,0],\"\",true]}");
    full->after = *copse_tree_root(world->db.tree);
}

/* Makes `after` of `before` with `env`, which has a clock, out of `store`; what that lacks is
 * supplied. */
static copse_status versions_write_on(const versions_full *full, const copse_env *env,
                                      copse_store *store, want_supply *supply)
{
    sparse_cache sparse;
    copse_tree *tree = NULL;
    copse_tree *next = NULL;
    copse_write *write = NULL;
    copse_status status = sparse_cache_init(&sparse, env, store);
    if (status == COPSE_OK) {
        status = copse_write_new(env, &write, NULL);
    }
    if (status == COPSE_OK) {
        status = versions_collect(write, NULL);
    }
    while (status == COPSE_OK && next == NULL) {
        if (tree == NULL) {
            status = copse_tree_open(sparse.cache, &full->before, &tree, NULL);
        }
        if (status == COPSE_OK) {
            status = copse_write_apply(write, tree, store, NULL, &next, NULL, NULL, NULL);
        }
        if (status == COPSE_WANT) {
            assert_true(want_supply_round(supply, sparse.source, full->world.db.world.store));
            status = COPSE_OK;
        }
    }
    if (status == COPSE_OK) {
        assert_true(copse_cid_equal(copse_tree_root(next), &full->after));
    }
    copse_write_free(write);
    copse_tree_close(next);
    copse_tree_close(tree);
    sparse_cache_release(&sparse);
    return status;
}

static void test_wants(void **state)
{
    (void)state;
    versions_full full;
    want_supply supply = {.rounds = 0};
    copse_store *store;
    versions_full_init(&full);
    const copse_env *env = database_world_env(&full.world.db);
    assert_int_equal(copse_memory_store_new(env, &store, NULL), COPSE_OK);
    assert_int_equal(versions_write_on(&full, env, store, &supply), COPSE_OK);
    print_message("%zu blocks in %zu rounds\n", supply.got_count, supply.rounds);
    assert_true(supply.rounds > 3);
    copse_store_close(store);
    versions_release(&full.world);
}

/* The block that document 1's row of this kind links to. */
static copse_cid versions_link(versions_world *world, bool of_version)
{
    static const uint8_t one = 1;
    copse_bytes value;
    copse_cid cid;
    copse_buf key;
    copse_buf_init(&key, database_world_env(&world->db), SIZE_MAX);
    assert_int_equal(of_version ? copse_key_write_versions(&key, versions_name())
                                : copse_key_write_documents(&key, versions_name()),
                     COPSE_OK);
    assert_int_equal(copse_order_write_primary(&key, (copse_bytes){&one, 1}, NULL), COPSE_OK);
    assert_int_equal(copse_tree_get(world->db.tree, copse_buf_view(&key), &value, NULL), COPSE_OK);
    assert_int_equal(copse_cid_from_bytes(copse_document_row_link(value), &cid, NULL), COPSE_OK);
    copse_buf_release(&key);
    return cid;
}

/* W2 */
static void test_documents_and_versions_are_wanted_together(void **state)
{
    (void)state;
    char json[1200];
    versions_world world;
    sparse_cache sparse;
    copse_store *store;
    copse_tree *tree;
    copse_tree *next = NULL;
    size_t count;
    versions_init_as(&world, COPSE_MERGE_FIELD_WISE, COPSE_DOCUMENTS_LINKED);
    for (int value = 1; value <= 2; value++) {
        versions_large_document(json, value);
        value == 1 ? database_world_insert(&world.db, "posts", json)
                   : versions_replace_fields(&world, json);
        database_world_commit(&world.db);
    }
    const copse_env *env = database_world_env(&world.db);
    const copse_cid without[2] = {versions_link(&world, false), versions_link(&world, true)};
    assert_int_equal(copse_memory_store_new(env, &store, NULL), COPSE_OK);
    assert_int_equal(sparse_cache_copy(world.db.world.store, store, without, 2), COPSE_OK);
    assert_int_equal(sparse_cache_init(&sparse, env, store), COPSE_OK);
    assert_int_equal(copse_tree_open(sparse.cache, copse_tree_root(world.db.tree), &tree, NULL),
                     COPSE_OK);
    database_world_delete(&world.db, "posts", "1");
    assert_int_equal(copse_write_apply(world.db.write, tree, store, NULL, &next, NULL, NULL, NULL),
                     COPSE_WANT);
    assert_null(next);
    (void)copse_source_wants(sparse.source, &count);
    assert_int_equal(count, 2);
    copse_tree_close(tree);
    sparse_cache_release(&sparse);
    copse_store_close(store);
    versions_release(&world);
}

static copse_status versions_sweep(const copse_env *env, void *ctx)
{
    versions_full *full = ctx;
    copse_env timed = *env;
    copse_store *store = NULL;
    timed.clock = versions_clock;
    timed.clock_ctx = &full->world;
    copse_status status = copse_memory_store_new(&timed, &store, NULL);
    if (status == COPSE_OK) {
        status = sparse_cache_copy(full->world.db.world.store, store, NULL, 0);
    }
    if (status == COPSE_OK) {
        status = versions_write_on(full, &timed, store, NULL);
    }
    copse_store_close(store);
    return status;
}

static void test_allocations_fail(void **state)
{
    (void)state;
    versions_full full;
    versions_full_init(&full);
    assert_true(test_env_sweep(versions_sweep, &full, 100000) > 100);
    versions_release(&full.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wants),
        cmocka_unit_test(test_documents_and_versions_are_wanted_together),
        cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
