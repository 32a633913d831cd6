/* Blocks that are missing, allocations and stores that fail, under a batch of updates: the answer
 * is what it is (WANT is never "no match"), nothing leaks, and the next try makes the same tree.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>
#include <copse/modify.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/fault_store.h"

enum {
    FAULT_DOCUMENTS = 60,
    FAULT_MANY = 300,
    FAULT_LONG = 1100,
    FAULT_BLOCKS_MAX = 2000,
    FAULT_ROUNDS_MAX = 60
};

/* What is under test: the objects of one run over `store`, which they don't own. */
typedef struct fault_run {
    const copse_env *env;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_database *database;
    copse_modify *modify;
    copse_tree *next;
    size_t step; /* of the batch: the next one */
} fault_run;

static void fault_run_release(fault_run *run)
{
    copse_modify_free(run->modify);
    copse_database_close(run->database);
    copse_tree_close(run->next);
    copse_tree_close(run->tree);
    copse_node_cache_free(run->cache);
    copse_source_free(run->source);
}

static copse_status fault_run_init(fault_run *run, const copse_env *env, copse_store *store)
{
    *run = (fault_run){.env = env};
    copse_status status = copse_source_new(env, store, &run->source, NULL);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, run->source, &run->cache, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_modify_new(env, &run->modify, NULL);
    }
    return status;
}

/* ---- the database that all tests begin with ---- */

static copse_status fault_insert(copse_write *write, int id, int size)
{
    char json[FAULT_LONG + 128];
    (void)snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d,\"tag\":\"t%d\",\"pad\":\"%0*d\"}", id,
                   100 * id, id % 7, size, id);
    copse_bytes document = database_world_value(json);
    copse_status status =
        copse_write_insert(write, copse_bytes_of_text("posts"), document, NULL, NULL);
    database_world_free(document);
    return status;
}

static copse_status fault_index(copse_write *write, const char *field)
{
    copse_sort_field fields[] = {{copse_bytes_of_text(field), false, false}};
    copse_index_definition definition = {.fields = fields, .fields_count = 1};
    return copse_write_create_index(write, copse_bytes_of_text("posts"), &definition, NULL);
}

/* Each third document is linked. */
static copse_cid fault_make_first(const copse_env *env, copse_store *store, int count)
{
    const copse_tree_config config = {32, 8 * COPSE_KEY_SIZE_BYTES_MAX, 256};
    fault_run run;
    copse_write *write;
    assert_int_equal(fault_run_init(&run, env, store), COPSE_OK);
    assert_int_equal(copse_tree_new(run.cache, store, &config, &run.tree, NULL), COPSE_OK);
    assert_int_equal(copse_write_new(env, &write, NULL), COPSE_OK);
    for (int i = 0; i < count; i++) {
        assert_int_equal(fault_insert(write, i, i % 3 == 0 ? FAULT_LONG : 10), COPSE_OK);
    }
    assert_int_equal(fault_index(write, "n"), COPSE_OK);
    assert_int_equal(fault_index(write, "tag"), COPSE_OK);
    assert_int_equal(copse_write_apply(write, run.tree, store, NULL, &run.next, NULL, NULL, NULL),
                     COPSE_OK);
    copse_cid root = *copse_tree_root(run.next);
    copse_write_free(write);
    fault_run_release(&run);
    return root;
}

/* ---- the batch ---- */

/* An operation and what it must do. */
typedef struct fault_case {
    const char *filter;
    const char *update; /* NULL: it is a delete */
    const char *sort;
    bool multi;
    bool upsert;
    uint64_t matched;
    uint64_t modified;
} fault_case;

/* By key, by an index, by all documents, in an order, of documents that are changed already, and of
 * none. */
static const fault_case fault_cases[] = {
    {"{\"_id\":33}", "{\"$set\":{\"tag\":\"t1\"}}", NULL, false, false, 1, 1},
    {"{\"tag\":\"t1\"}", "{\"$inc\":{\"n\":1}}", NULL, true, false, 10, 10},
    {"{\"pad\":\"0000000014\"}", "{\"$set\":{\"pad\":\"\"}}", NULL, false, false, 1, 1},
    {"{\"n\":{\"$gt\":4000}}", "{\"$unset\":{\"tag\":1}}", "tag,-n", false, false, 1, 1},
    {"{\"_id\":33}", NULL, NULL, false, false, 1, 1},
    {"{\"_id\":700}", "{\"$inc\":{\"n\":7}}", NULL, false, true, 0, 0},
    {"{\"n\":{\"$lt\":300}}", NULL, NULL, true, false, 4, 4},
};

enum { FAULT_CASES = sizeof fault_cases / sizeof *fault_cases };

static copse_status fault_run_case(fault_run *run, const fault_case *test, copse_err *err)
{
    copse_sort_spec sort = {.count = 0};
    copse_update *update = NULL;
    copse_modify_result result;
    copse_status status = COPSE_OK;
    copse_bytes filter = database_world_value(test->filter);
    if (test->update != NULL) {
        copse_bytes encoded = database_world_value(test->update);
        status = copse_update_new(run->env, encoded, (copse_bytes){NULL, 0}, &update, err);
        database_world_free(encoded);
    }
    if (status == COPSE_OK && test->sort != NULL) {
        status =
            copse_sort_spec_parse(run->env, copse_bytes_of_text(test->sort), false, &sort, err);
    }
    if (status == COPSE_OK) {
        const copse_modify_options options = {.collection = copse_bytes_of_text("posts"),
                                              .filter = filter,
                                              .sort = &sort,
                                              .update = update,
                                              .multi = test->multi,
                                              .upsert = test->upsert};
        status = copse_modify_run(run->modify, &options, &result, err);
    }
    if (status == COPSE_OK) {
        assert_int_equal(result.matched, test->matched);
        assert_int_equal(result.modified, test->modified);
        assert_int_equal(result.upserted, test->upsert);
    }
    copse_update_free(update);
    copse_sort_spec_release(&sort);
    database_world_free(filter);
    return status;
}

/* Goes on from wherever it is. */
static copse_status fault_run_batch(fault_run *run, const copse_cid *root, copse_store *store,
                                    copse_err *err)
{
    copse_status status = COPSE_OK;
    if (run->tree == NULL) {
        status = copse_tree_open(run->cache, root, &run->tree, err);
    }
    if (status == COPSE_OK && run->database == NULL) {
        status = copse_database_open(run->tree, &run->database, err);
        if (status == COPSE_OK) {
            copse_modify_begin(run->modify, run->database);
        }
    }
    for (; status == COPSE_OK && run->step < FAULT_CASES; run->step += status == COPSE_OK) {
        status = fault_run_case(run, &fault_cases[run->step], err);
    }
    return status == COPSE_OK
               ? copse_modify_finish(run->modify, store, NULL, &run->next, NULL, NULL, err)
               : status;
}

/* ---- missing blocks ---- */

/* The full first database, and the root of what the batch makes of it. */
typedef struct fault_world {
    copse_env env;
    uint64_t random;
    copse_store *store; /* a fault store over the first's blocks */
    copse_cid first;
    copse_cid second;
} fault_world;

static void fault_world_init(fault_world *world)
{
    fault_run run;
    copse_store *memory;
    copse_store *scratch;
    copse_err err;
    world->random = 1;
    copse_env_init(&world->env);
    database_world_give_random(&world->env, &world->random);
    assert_int_equal(copse_memory_store_new(&world->env, &memory, NULL), COPSE_OK);
    world->store = fault_store_new(&world->env, memory);
    world->first = fault_make_first(&world->env, world->store, FAULT_DOCUMENTS);
    /* The second in a store of its own, so that its blocks are not in the first's. */
    assert_int_equal(copse_memory_store_new(&world->env, &scratch, NULL), COPSE_OK);
    (void)fault_make_first(&world->env, scratch, FAULT_DOCUMENTS);
    assert_int_equal(fault_run_init(&run, &world->env, scratch), COPSE_OK);
    if (fault_run_batch(&run, &world->first, scratch, &err) != COPSE_OK) {
        fail_msg("step %d: %s", (int)run.step, err.message);
    }
    world->second = *copse_tree_root(run.next);
    fault_run_release(&run);
    copse_store_close(scratch);
}

static void fault_world_release(fault_world *world)
{
    copse_store_close(world->store);
}

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

/* From an empty store: everything that is needed is asked for, and nothing twice. */
static size_t fault_run_sparse(fault_world *world, copse_cid *fetched)
{
    fault_run run;
    copse_store *store;
    size_t count = 0;
    size_t rounds = 0;
    assert_int_equal(copse_memory_store_new(&world->env, &store, NULL), COPSE_OK);
    assert_int_equal(fault_run_init(&run, &world->env, store), COPSE_OK);
    copse_status status = fault_run_batch(&run, &world->first, store, NULL);
    while (status == COPSE_WANT) {
        fault_fetch(world, &run, store, fetched, &count);
        assert_true(++rounds < FAULT_ROUNDS_MAX && count < FAULT_BLOCKS_MAX / 2);
        status = fault_run_batch(&run, &world->first, store, NULL);
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

/* Runs the batch to its end over what is there, but one block. Returns whether that was wanted:
 * where a node is missing the plan may be another, and want others. */
static bool fault_run_without(fault_world *world, const copse_cid *fetched, size_t count,
                              size_t missing)
{
    fault_run run;
    size_t wanted = 0;
    bool found = false;
    copse_cid *wants = calloc(FAULT_BLOCKS_MAX, sizeof *wants);
    copse_store *store = fault_store_without(world, fetched, count, missing);
    assert_non_null(wants);
    assert_int_equal(fault_run_init(&run, &world->env, store), COPSE_OK);
    copse_status status = fault_run_batch(&run, &world->first, store, NULL);
    assert_int_equal(status, COPSE_WANT);
    while (status == COPSE_WANT) {
        fault_fetch(world, &run, store, wants, &wanted);
        assert_true(wanted < FAULT_BLOCKS_MAX / 2);
        status = fault_run_batch(&run, &world->first, store, NULL);
    }
    assert_int_equal(status, COPSE_OK);
    assert_true(copse_cid_equal(copse_tree_root(run.next), &world->second));
    for (size_t i = 0; i < wanted; i++) {
        found = found || copse_cid_equal(&wants[i], &fetched[missing]);
    }
    fault_run_release(&run);
    copse_store_close(store);
    free(wants);
    return found;
}

/* What is missing is wanted, or something else in its place; it is never taken for no match. */
static void modify_wants_what_is_missing(void **state)
{
    (void)state;
    fault_world world;
    copse_cid *fetched = calloc(FAULT_BLOCKS_MAX, sizeof *fetched);
    assert_non_null(fetched);
    fault_world_init(&world);
    size_t count = fault_run_sparse(&world, fetched);
    assert_true(count > 30);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += fault_run_without(&world, fetched, count, i);
    }
    assert_true(found > count / 10 * 9);
    fault_world_release(&world);
    free(fetched);
}

/* A run that is given up after a WANT leaves nothing behind. */
static void modify_gives_up_after_a_want(void **state)
{
    (void)state;
    static const fault_case all = {"{}", "{\"$inc\":{\"n\":1}}", NULL, true, false, 300, 300};
    copse_env env;
    copse_store *store;
    fault_run run;
    copse_env_init(&env);
    assert_int_equal(copse_memory_store_new(&env, &store, NULL), COPSE_OK);
    store = fault_store_new(&env, store);
    copse_cid first = fault_make_first(&env, store, FAULT_MANY);
    assert_int_equal(fault_run_init(&run, &env, store), COPSE_OK);
    assert_int_equal(copse_tree_open(run.cache, &first, &run.tree, NULL), COPSE_OK);
    assert_int_equal(copse_database_open(run.tree, &run.database, NULL), COPSE_OK);
    /* The last documents are not there: some have been updated by then. */
    copse_document document = {.block = NULL};
    static const uint8_t last[] = {0x19, (FAULT_MANY - 3) >> 8, (FAULT_MANY - 3) & 255};
    assert_int_equal(
        copse_database_get(run.database,
                           copse_database_collection(run.database, copse_bytes_of_text("posts")),
                           (copse_bytes){last, sizeof last}, &document, NULL),
        COPSE_OK);
    fault_store_hide(store, copse_block_cid(document.block));
    copse_document_release(&document);
    copse_modify_begin(run.modify, run.database);
    assert_int_equal(fault_run_case(&run, &all, NULL), COPSE_WANT);
    assert_true(copse_write_count(copse_modify_write(run.modify)) > 0);
    assert_int_equal(copse_modify_finish(run.modify, store, NULL, &run.next, NULL, NULL, NULL),
                     COPSE_OK);
    assert_true(copse_cid_equal(copse_tree_root(run.next), &first));
    fault_run_release(&run);
    copse_store_close(store);
}

/* ---- stores and allocations that fail ---- */

static void modify_passes_on_what_the_store_says(void **state)
{
    (void)state;
    fault_world world;
    uint64_t n = 0;
    bool failed = true;
    fault_world_init(&world);
    for (; failed; n++) {
        fault_run run;
        fault_store_fail_at(world.store, n, COPSE_IO);
        assert_int_equal(fault_run_init(&run, &world.env, world.store), COPSE_OK);
        copse_status status = fault_run_batch(&run, &world.first, world.store, NULL);
        failed = fault_store_has_failed(world.store);
        assert_int_equal(status, failed ? COPSE_IO : COPSE_OK);
        if (failed) { /* it goes on where it was */
            status = fault_run_batch(&run, &world.first, world.store, NULL);
            assert_int_equal(status, COPSE_OK);
        }
        assert_true(copse_cid_equal(copse_tree_root(run.next), &world.second));
        fault_run_release(&run);
    }
    assert_true(n > 30);
    fault_world_release(&world);
}

static copse_status fault_copy_block(void *ctx, copse_block *block, copse_err *err)
{
    return copse_store_put(ctx, &block, 1, err);
}

/* One run of the sweep: a store of the first database with what is written, all from `env`. */
static copse_status fault_sweep(const copse_env *env, void *ctx)
{
    fault_world *world = ctx;
    fault_run run = {.env = env};
    copse_store *store = NULL;
    copse_status status = copse_memory_store_new(env, &store, NULL);
    if (status == COPSE_OK) {
        status = copse_store_iterate(world->store, fault_copy_block, store, NULL);
    }
    if (status == COPSE_OK) {
        status = fault_run_init(&run, env, store);
    }
    if (status == COPSE_OK) {
        status = fault_run_batch(&run, &world->first, store, NULL);
    }
    if (status == COPSE_OK) {
        assert_true(copse_cid_equal(copse_tree_root(run.next), &world->second));
    }
    fault_run_release(&run);
    copse_store_close(store);
    return status;
}

static void modify_survives_failing_allocations(void **state)
{
    (void)state;
    fault_world world;
    fault_world_init(&world);
    uint64_t count = test_env_sweep(fault_sweep, &world, 20000);
    print_message("%llu allocations\n", (unsigned long long)count);
    assert_true(count > 100);
    fault_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modify_wants_what_is_missing),
        cmocka_unit_test(modify_gives_up_after_a_want),
        cmocka_unit_test(modify_passes_on_what_the_store_says),
        cmocka_unit_test(modify_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
