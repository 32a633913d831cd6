/* Blocks that are missing, allocations and stores that fail, under opening, getting and applying:
 * the answer is what it is (WANT is never NOT_FOUND), nothing leaks, and the next try succeeds.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/cursor.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/fault_store.h"
#include "support/sparse_cache.h"

enum { FAULT_DOCUMENTS = 60, FAULT_LONG = 1100 };

/* ---- the database that all tests begin with, and what they write ---- */

static copse_status fault_insert(copse_write *write, int id, int size, copse_err *err)
{
    char json[FAULT_LONG + 128];
    snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d,\"tags\":[\"t%d\",\"u\"],\"pad\":\"%0*d\"}",
             id, id * 7 % 50 + 100 * id, id % 5, size, id);
    copse_bytes document = database_world_value(json);
    copse_status status =
        copse_write_replace(write, copse_bytes_of_text("posts"), document, true, err);
    database_world_free(document);
    return status;
}

static copse_status fault_index(copse_write *write, const char *field,
                                const copse_index_definition *options, copse_err *err)
{
    copse_sort_field fields[] = {{copse_bytes_of_text(field), true, false}};
    copse_index_definition definition = *options;
    definition.fields = fields;
    definition.fields_count = 1;
    return copse_write_create_index(write, copse_bytes_of_text("posts"), &definition, err);
}

/* Each third document is linked. */
static copse_status fault_collect_first(copse_write *write, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (int i = 0; i < FAULT_DOCUMENTS && status == COPSE_OK; i++) {
        status = fault_insert(write, i, i % 3 == 0 ? FAULT_LONG : 10, err);
    }
    if (status == COPSE_OK) {
        status = fault_index(write, "pad", &(copse_index_definition){.is_unbuilt = true}, err);
    }
    return status == COPSE_OK
               ? fault_index(write, "n", &(copse_index_definition){.unique = true}, err)
               : status;
}

/* Inserts, replaces (inline by linked and the reverse), deletes, builds two indexes, one that was
 * not built, inserts again. */
static copse_status fault_collect_second(copse_write *write, copse_err *err)
{
    static const uint8_t id[] = {0x18, 33};
    copse_status status = fault_insert(write, 1000, 10, err);
    if (status == COPSE_OK) {
        status = fault_insert(write, 3, 10, err);
    }
    if (status == COPSE_OK) {
        status = fault_insert(write, 50, FAULT_LONG, err);
    }
    if (status == COPSE_OK) {
        status = copse_write_delete(write, copse_bytes_of_text("posts"),
                                    (copse_bytes){id, sizeof id}, err);
    }
    if (status == COPSE_OK) {
        status = fault_index(write, "tags", &(copse_index_definition){.unique = false}, err);
    }
    if (status == COPSE_OK) {
        status = fault_index(write, "pad", &(copse_index_definition){.unique = false}, err);
    }
    return status == COPSE_OK ? fault_insert(write, 1001, 10, err) : status;
}

/* What is under test: the objects of one run over `store`, which they don't own. */
typedef struct fault_run {
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_tree *next;
    copse_write *write;
} fault_run;

static void fault_run_release(fault_run *run)
{
    copse_write_free(run->write);
    copse_tree_close(run->next);
    copse_tree_close(run->tree);
    copse_node_cache_free(run->cache);
    copse_source_free(run->source);
    *run = (fault_run){.source = NULL};
}

static copse_status fault_run_init(fault_run *run, const copse_env *env, copse_store *store)
{
    *run = (fault_run){.source = NULL};
    copse_status status = copse_source_new(env, store, &run->source, NULL);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, run->source, &run->cache, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_write_new(env, &run->write, NULL);
    }
    return status;
}

/* Goes on from wherever it is: opens the tree, gets a document, applies. */
static copse_status fault_run_step(fault_run *run, const copse_cid *root, copse_store *store,
                                   copse_err *err)
{
    static const uint8_t id = 6;
    copse_status status = COPSE_OK;
    copse_database *database = NULL;
    copse_document document = {.block = NULL};
    if (run->tree == NULL) {
        status = copse_tree_open(run->cache, root, &run->tree, err);
    }
    if (status == COPSE_OK) {
        status = copse_database_open(run->tree, &database, err);
    }
    if (status == COPSE_OK) {
        const copse_collection *posts =
            copse_database_collection(database, copse_bytes_of_text("posts"));
        assert_non_null(posts);
        status = copse_database_get(database, posts, (copse_bytes){&id, 1}, &document, err);
        assert_true(status != COPSE_OK || document.encoded.len > FAULT_LONG);
    }
    copse_document_release(&document);
    copse_database_close(database);
    if (status == COPSE_OK) {
        status = copse_write_apply(run->write, run->tree, store, NULL, &run->next, NULL, NULL, err);
    }
    return status;
}

/* Makes the first database in `store`. */
static copse_status fault_make_first(const copse_env *env, copse_store *store, copse_cid *ret_root)
{
    const copse_tree_config config = {32, 8 * COPSE_KEY_SIZE_BYTES_MAX, 256};
    fault_run run;
    copse_status status = fault_run_init(&run, env, store);
    if (status == COPSE_OK) {
        status = copse_tree_new(run.cache, store, &config, &run.tree, NULL);
    }
    if (status == COPSE_OK) {
        status = fault_collect_first(run.write, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_write_apply(run.write, run.tree, store, NULL, &run.next, NULL, NULL, NULL);
    }
    if (status == COPSE_OK) {
        *ret_root = *copse_tree_root(run.next);
    }
    fault_run_release(&run);
    return status;
}

/* The full first database, and the root of the second. */
typedef struct fault_world {
    copse_env env;
    copse_store *store; /* a fault store over all blocks */
    copse_cid first;
    copse_cid second;
} fault_world;

static void fault_world_init(fault_world *world)
{
    fault_run run;
    copse_store *memory;
    copse_store *scratch;
    copse_env_init(&world->env);
    assert_int_equal(copse_memory_store_new(&world->env, &memory, NULL), COPSE_OK);
    world->store = fault_store_new(&world->env, memory);
    assert_int_equal(fault_make_first(&world->env, world->store, &world->first), COPSE_OK);
    /* The second one in a store of its own, so that its blocks are not in the first's. */
    assert_int_equal(copse_memory_store_new(&world->env, &scratch, NULL), COPSE_OK);
    copse_cid first;
    assert_int_equal(fault_make_first(&world->env, scratch, &first), COPSE_OK);
    assert_int_equal(fault_run_init(&run, &world->env, scratch), COPSE_OK);
    assert_int_equal(fault_collect_second(run.write, NULL), COPSE_OK);
    assert_int_equal(fault_run_step(&run, &world->first, scratch, NULL), COPSE_OK);
    world->second = *copse_tree_root(run.next);
    fault_run_release(&run);
    copse_store_close(scratch);
}

static void fault_world_release(fault_world *world)
{
    copse_store_close(world->store);
}

/* ---- missing blocks ---- */

/* Moves the wanted blocks from the full store into `store`; adds them to `fetched`. */
static void fault_fetch(fault_world *world, fault_run *run, copse_store *store, copse_cid *fetched,
                        size_t *fetched_count)
{
    size_t count;
    const copse_cid *wants = copse_source_wants(run->source, &count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        copse_block *block;
        assert_int_equal(copse_store_get(world->store, &wants[i], &block, NULL), COPSE_OK);
        assert_int_equal(copse_store_put(store, &block, 1, NULL), COPSE_OK);
        fetched[(*fetched_count)++] = wants[i];
        copse_block_unref(block);
    }
}

enum { FAULT_BLOCKS_MAX = 2000, FAULT_ROUNDS_MAX = 40 };

/* From an empty store: everything that is needed is asked for, and nothing twice. */
static size_t fault_run_sparse(fault_world *world, copse_cid *fetched)
{
    fault_run run;
    copse_store *store;
    size_t count = 0;
    size_t rounds = 0;
    assert_int_equal(copse_memory_store_new(&world->env, &store, NULL), COPSE_OK);
    assert_int_equal(fault_run_init(&run, &world->env, store), COPSE_OK);
    assert_int_equal(fault_collect_second(run.write, NULL), COPSE_OK);
    copse_status status = fault_run_step(&run, &world->first, store, NULL);
    while (status == COPSE_WANT) {
        fault_fetch(world, &run, store, fetched, &count);
        assert_true(++rounds < FAULT_ROUNDS_MAX && count < FAULT_BLOCKS_MAX / 2);
        status = fault_run_step(&run, &world->first, store, NULL);
    }
    assert_int_equal(status, COPSE_OK);
    assert_true(copse_cid_equal(copse_tree_root(run.next), &world->second));
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(copse_cid_equal(&fetched[i], &fetched[j]));
        }
    }
    print_message("%zu blocks in %zu rounds\n", count, rounds);
    fault_run_release(&run);
    copse_store_close(store);
    return count;
}

/* A store of the blocks fetched, but one. */
static copse_store *fault_store_without(fault_world *world, const copse_cid *fetched, size_t count,
                                        size_t missing)
{
    copse_store *store;
    assert_int_equal(copse_memory_store_new(&world->env, &store, NULL), COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        copse_block *block;
        if (i != missing) {
            assert_int_equal(copse_store_get(world->store, &fetched[i], &block, NULL), COPSE_OK);
            assert_int_equal(copse_store_put(store, &block, 1, NULL), COPSE_OK);
            copse_block_unref(block);
        }
    }
    return store;
}

static void test_wants(void **state)
{
    (void)state;
    fault_world world;
    copse_cid *fetched = calloc(FAULT_BLOCKS_MAX, sizeof *fetched);
    assert_non_null(fetched);
    fault_world_init(&world);
    size_t count = fault_run_sparse(&world, fetched);
    assert_true(count > 30);
    for (size_t i = 0; i < count; i++) {
        fault_run run;
        size_t wanted = 0;
        copse_store *store = fault_store_without(&world, fetched, count, i);
        assert_int_equal(fault_run_init(&run, &world.env, store), COPSE_OK);
        assert_int_equal(fault_collect_second(run.write, NULL), COPSE_OK);
        assert_int_equal(fault_run_step(&run, &world.first, store, NULL), COPSE_WANT);
        assert_null(run.next);
        fault_fetch(&world, &run, store, &fetched[count], &wanted);
        assert_int_equal(wanted, 1);
        assert_true(copse_cid_equal(&fetched[count], &fetched[i]));
        assert_int_equal(fault_run_step(&run, &world.first, store, NULL), COPSE_OK);
        assert_true(copse_cid_equal(copse_tree_root(run.next), &world.second));
        fault_run_release(&run);
        copse_store_close(store);
    }
    fault_world_release(&world);
    free(fetched);
}

/* ---- want lists ---- */

/* Hides the blocks of the linked documents of the first database. */
static size_t fault_hide_documents(fault_world *world, fault_run *run)
{
    copse_cursor *cursor;
    size_t hidden = 0;
    assert_int_equal(copse_tree_open(run->cache, &world->first, &run->tree, NULL), COPSE_OK);
    assert_int_equal(copse_cursor_new(run->tree, &cursor, NULL), COPSE_OK);
    while (copse_cursor_next(cursor, NULL) == COPSE_OK) {
        copse_cbor_reader reader;
        copse_cbor_item item;
        copse_cid cid;
        copse_cbor_reader_init(&reader, copse_cursor_value(cursor));
        assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
        if (item.kind == COPSE_CBOR_LINK) {
            assert_int_equal(copse_cid_from_bytes(item.bytes, &cid, NULL), COPSE_OK);
            fault_store_hide(world->store, &cid);
            hidden++;
        }
    }
    copse_cursor_free(cursor);
    return hidden;
}

/* All the blocks that a write is known to need are asked for at once. */
static void test_want_lists(void **state)
{
    (void)state;
    fault_world world;
    fault_run run;
    size_t count;
    fault_world_init(&world);
    assert_int_equal(fault_run_init(&run, &world.env, world.store), COPSE_OK);
    size_t hidden = fault_hide_documents(&world, &run);
    assert_int_equal(hidden, FAULT_DOCUMENTS / 3);
    /* Of linked documents that are replaced, those. */
    for (int i = 9; i <= 36; i += 9) {
        assert_int_equal(fault_insert(run.write, i, 5, NULL), COPSE_OK);
    }
    assert_int_equal(
        copse_write_apply(run.write, run.tree, world.store, NULL, &run.next, NULL, NULL, NULL),
        COPSE_WANT);
    copse_source_wants(run.source, &count);
    assert_int_equal(count, 4);
    /* No operation failed yet, though one that can't be done waits for those before it. */
    static const uint8_t lost[] = {0xa1, 0x63, '_', 'i', 'd', 1};
    size_t failed = SIZE_MAX;
    assert_int_equal(copse_write_replace(run.write, copse_bytes_of_text("nothing"),
                                         (copse_bytes){lost, sizeof lost}, false, NULL),
                     COPSE_OK);
    assert_int_equal(
        copse_write_apply(run.write, run.tree, world.store, NULL, &run.next, NULL, &failed, NULL),
        COPSE_WANT);
    assert_int_equal(failed, SIZE_MAX);
    /* Of an index, all of them, over all leaves. */
    copse_write_clear(run.write);
    assert_int_equal(
        fault_index(run.write, "tags", &(copse_index_definition){.unique = false}, NULL), COPSE_OK);
    assert_int_equal(
        copse_write_apply(run.write, run.tree, world.store, NULL, &run.next, NULL, NULL, NULL),
        COPSE_WANT);
    copse_source_wants(run.source, &count);
    assert_int_equal(count, hidden);
    fault_store_heal(world.store);
    assert_int_equal(
        copse_write_apply(run.write, run.tree, world.store, NULL, &run.next, NULL, NULL, NULL),
        COPSE_OK);
    fault_run_release(&run);
    fault_world_release(&world);
}

/* ---- failing stores and allocations ---- */

static void test_store_fails(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t n = 0; !done; n++) {
        fault_world world;
        fault_run run;
        fault_world_init(&world);
        assert_int_equal(fault_run_init(&run, &world.env, world.store), COPSE_OK);
        assert_int_equal(fault_collect_second(run.write, NULL), COPSE_OK);
        fault_store_fail_at(world.store, n, COPSE_IO);
        copse_status status = fault_run_step(&run, &world.first, world.store, NULL);
        done = !fault_store_has_failed(world.store);
        assert_int_equal(status, done ? COPSE_OK : COPSE_IO);
        if (!done) {
            assert_null(run.next);
            fault_store_heal(world.store);
            assert_int_equal(fault_run_step(&run, &world.first, world.store, NULL), COPSE_OK);
        }
        assert_true(copse_cid_equal(copse_tree_root(run.next), &world.second));
        fault_run_release(&run);
        fault_world_release(&world);
    }
}

/* One run of the sweep: a store of the first database with what is written, all from `env`. */
static copse_status fault_sweep(const copse_env *env, void *ctx)
{
    fault_world *world = ctx;
    fault_run run = {.source = NULL};
    copse_store *store = NULL;
    copse_status status = copse_memory_store_new(env, &store, NULL);
    if (status == COPSE_OK) {
        status = sparse_cache_copy(world->store, store, NULL, 0);
    }
    if (status == COPSE_OK) {
        status = fault_run_init(&run, env, store);
    }
    if (status == COPSE_OK) {
        status = fault_collect_second(run.write, NULL);
    }
    if (status == COPSE_OK) {
        status = fault_run_step(&run, &world->first, store, NULL);
    }
    if (status == COPSE_OK) {
        assert_true(copse_cid_equal(copse_tree_root(run.next), &world->second));
    } else {
        assert_null(run.next);
    }
    fault_run_release(&run);
    copse_store_close(store);
    return status;
}

static void test_allocations_fail(void **state)
{
    (void)state;
    fault_world world;
    fault_world_init(&world);
    uint64_t count = test_env_sweep(fault_sweep, &world, 100000);
    print_message("%llu allocations\n", (unsigned long long)count);
    assert_true(count > 100);
    fault_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wants),
        cmocka_unit_test(test_want_lists),
        cmocka_unit_test(test_store_fails),
        cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
