/* Bulk loads that fail, and want, anywhere; and the memory that they take.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/loader.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/fault_store.h"
#include "support/load_case.h"
#include "support/sparse_cache.h"
#include "support/want_supply.h"

/* A database with a collection and its indexes, to be loaded over and over. */
typedef struct load_fixture {
    database_world db;
    copse_store *before; /* the blocks of `root` */
    copse_cid root;
    copse_cid expected;
    size_t count;
    copse_documents_form documents;
} load_fixture;

static void load_fixture_init(load_fixture *fixture, size_t count, copse_documents_form documents)
{
    char json[LOADER_DOCUMENT_SIZE];
    fixture->count = count;
    fixture->documents = documents;
    database_world_init(&fixture->db, NULL);
    database_world_create(&fixture->db, "posts", "_id", documents);
    load_case_index(&fixture->db, "posts", documents == COPSE_DOCUMENTS_LINKED);
    load_case_document(1, json);
    database_world_insert(&fixture->db, "others", json);
    database_world_commit(&fixture->db);
    fixture->root = *copse_tree_root(fixture->db.tree);
    assert_int_equal(
        copse_memory_store_new(database_world_env(&fixture->db), &fixture->before, NULL), COPSE_OK);
    assert_int_equal(sparse_cache_copy(fixture->db.world.store, fixture->before, NULL, 0),
                     COPSE_OK);
    for (size_t n = 0; n < count; n++) {
        load_case_document(n, json);
        database_world_insert(&fixture->db, "posts", json);
    }
    database_world_commit(&fixture->db);
    fixture->expected = *copse_tree_root(fixture->db.tree);
}

static void load_fixture_release(load_fixture *fixture)
{
    copse_store_close(fixture->before);
    database_world_release(&fixture->db);
}

/* Supplies what is wanted out of `full`. False: nothing is, or there is none (NULL). */
static bool load_supply(copse_status status, copse_source *source, copse_store *full,
                        size_t *rounds)
{
    bool is_supplied = status == COPSE_WANT && full != NULL;
    if (is_supplied) {
        (void)want_supply_some(source, full, SIZE_MAX);
        *rounds += 1;
    }
    return is_supplied;
}

typedef struct load_run {
    load_fixture *fixture;
    copse_store *store; /* to write to */
    copse_store *full;
    sparse_cache sparse;
    copse_tree *tree;
    copse_loader *loader;
    size_t rounds;
} load_run;

static copse_status load_run_begin(load_run *run, const load_case *load)
{
    copse_status status;
    do {
        status = copse_tree_open(run->sparse.cache, &run->fixture->root, &run->tree, NULL);
    } while (load_supply(status, run->sparse.source, run->full, &run->rounds));
    if (status != COPSE_OK) {
        return status;
    }
    do {
        status = load_case_begin(run->tree, run->store, load, &run->loader, NULL);
    } while (load_supply(status, run->sparse.source, run->full, &run->rounds));
    return status;
}

static copse_status load_run_all(load_run *run, const load_case *load)
{
    char json[LOADER_DOCUMENT_SIZE];
    copse_tree *tree = NULL;
    copse_write_stats stats = {.inserted = 12345};
    copse_status status = load_run_begin(run, load);
    for (size_t n = 0; n < run->fixture->count && status == COPSE_OK; n++) {
        load_case_document(n, json);
        status = load_case_try(run->loader, json, n, NULL);
    }
    while (status == COPSE_OK) {
        status = copse_loader_finish(run->loader, &tree, &stats, NULL, NULL);
        if (status == COPSE_OK) {
            break;
        }
        assert_null(tree);
        assert_int_equal(stats.inserted, 12345);
        if (load_supply(status, run->sparse.source, run->full, &run->rounds)) {
            status = COPSE_OK;
        }
    }
    if (status == COPSE_OK) {
        assert_true(copse_cid_equal(copse_tree_root(tree), &run->fixture->expected));
    }
    copse_tree_close(tree);
    return status;
}

/* One load with its own cache over `reads`. Calls that return WANT are made again with what `full`
 * has (NULL: WANT is returned). */
static copse_status load_once(load_fixture *fixture, const copse_env *env, copse_store *reads,
                              copse_store *writes, copse_store *full, const load_case *load,
                              size_t *ret_rounds)
{
    load_run run = {.fixture = fixture, .store = writes, .full = full};
    copse_status status = sparse_cache_init(&run.sparse, env, reads);
    if (status == COPSE_OK) {
        status = load_run_all(&run, load);
    }
    copse_loader_free(run.loader);
    copse_tree_close(run.tree);
    sparse_cache_release(&run.sparse);
    *ret_rounds = run.rounds;
    return status;
}

static copse_status load_sweep(const copse_env *env, void *ctx)
{
    load_fixture *fixture = ctx;
    memory_runs runs;
    size_t rounds;
    uint64_t random = 1;
    copse_env with_random = *env;
    copse_store *store = NULL;
    const load_case load = {"posts", fixture->documents, LOADER_MEMORY, &runs};
    (void)memory_runs_init(&runs);
    database_world_give_random(&with_random, &random);
    copse_status status = copse_memory_store_new(&with_random, &store, NULL);
    if (status == COPSE_OK) {
        status = sparse_cache_copy(fixture->before, store, NULL, 0);
    }
    if (status == COPSE_OK) {
        status = load_once(fixture, &with_random, store, store, NULL, &load, &rounds);
    }
    copse_store_close(store);
    assert_int_equal(runs.live, 0);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    load_fixture fixture;
    load_fixture_init(&fixture, 130, COPSE_DOCUMENTS_LINKED);
    assert_true(test_env_sweep(load_sweep, &fixture, 100000) > 100);
    load_fixture_release(&fixture);
}

static void test_every_call_of_the_store_may_fail(void **state)
{
    (void)state;
    load_fixture fixture;
    memory_runs runs;
    size_t rounds;
    load_fixture_init(&fixture, 150, COPSE_DOCUMENTS_LINKED);
    const copse_env *env = database_world_env(&fixture.db);
    const load_case load = {"posts", COPSE_DOCUMENTS_LINKED, LOADER_MEMORY, &runs};
    bool failed = true;
    for (uint64_t n = 0; failed; n++) {
        copse_store *memory = NULL;
        assert_int_equal(copse_memory_store_new(env, &memory, NULL), COPSE_OK);
        assert_int_equal(sparse_cache_copy(fixture.before, memory, NULL, 0), COPSE_OK);
        copse_store *store = fault_store_new(env, memory);
        fault_store_fail_at(store, n, COPSE_IO);
        copse_status status = load_once(&fixture, env, store, store, NULL, &load, &rounds);
        failed = fault_store_has_failed(store);
        copse_store_close(store);
        assert_int_equal(status, failed ? COPSE_IO : COPSE_OK);
        assert_true(failed || n > 10);
    }
    load_fixture_release(&fixture);
}

static void test_missing_blocks_are_wanted(void **state)
{
    (void)state;
    load_fixture fixture;
    memory_runs runs;
    size_t rounds = 0;
    load_fixture_init(&fixture, 300, COPSE_DOCUMENTS_INLINE);
    const copse_env *env = database_world_env(&fixture.db);
    const load_case load = {"posts", COPSE_DOCUMENTS_INLINE, LOADER_MEMORY, &runs};
    copse_store *target = NULL;
    assert_int_equal(copse_memory_store_new(env, &target, NULL), COPSE_OK);
    assert_int_equal(load_once(&fixture, env, NULL, target, NULL, &load, &rounds), COPSE_WANT);
    assert_int_equal(rounds, 0);
    /* What was built is wanted too: the source does not read the store that was written to. */
    copse_store *both = fixture.db.world.store;
    assert_int_equal(load_once(&fixture, env, NULL, both, both, &load, &rounds), COPSE_OK);
    assert_true(rounds >= 5 && rounds <= 20);
    copse_store_close(target);
    load_fixture_release(&fixture);
}

/* ---- memory ---- */

static copse_status load_forget(copse_store *store, copse_block *const *blocks, size_t count,
                                copse_err *err)
{
    (void)store;
    (void)blocks;
    (void)count;
    (void)err;
    return COPSE_OK;
}

/* The most memory that a load of `count` documents takes until its tree is built. */
static size_t load_peak(size_t count, size_t memory)
{
    static const copse_store_ops forget_ops = {.put = load_forget};
    copse_store forget = {&forget_ops};
    database_world db;
    memory_runs runs;
    char json[LOADER_DOCUMENT_SIZE];
    const load_case load = {"posts", COPSE_DOCUMENTS_INLINE, memory, &runs};
    copse_loader *loader = NULL;
    copse_tree *tree = NULL;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    load_case_index(&db, "posts", false);
    database_world_commit(&db);
    size_t before = db.world.test.size_bytes;
    db.world.test.peak_bytes = before;
    assert_int_equal(load_case_begin(db.tree, &forget, &load, &loader, NULL), COPSE_OK);
    for (size_t n = 0; n < count; n++) {
        load_case_document(n, json);
        load_case_add(loader, json, n);
    }
    assert_int_equal(copse_loader_finish(loader, &tree, NULL, NULL, NULL), COPSE_WANT);
    size_t peak = db.world.test.peak_bytes - before;
    copse_loader_free(loader);
    database_world_release(&db);
    return peak;
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    const size_t memory = (size_t)1 << 18;
    size_t little = load_peak(2000, memory);
    size_t much = load_peak(8000, memory);
    assert_true(much < memory + 262144);
    assert_true(much < little + 16384);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_every_call_of_the_store_may_fail),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests_name("loader_fault", tests, NULL, NULL);
}
