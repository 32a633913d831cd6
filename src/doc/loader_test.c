/* Bulk loads: the very root that inserting one by one makes, conflicts named, memory bounded.
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

#include "support/database_world.h"
#include "support/fault_store.h"
#include "support/memory_runs.h"

enum { LOADER_DOCUMENT_SIZE = 4096, LOADER_MEMORY = 65536 };

/* ---- loading JSON ---- */

/* What a load is made of. */
typedef struct load_case {
    const char *collection;
    copse_documents_form documents;
    size_t memory;
    memory_runs *runs;
} load_case;

static const load_case load_posts = {"posts", COPSE_DOCUMENTS_INLINE, 0, NULL};

static copse_status load_begin(copse_tree *tree, copse_store *store, const load_case *load,
                               copse_loader **ret_loader, copse_err *err)
{
    copse_run_store runs = {NULL, NULL};
    if (load->runs != NULL) {
        runs = memory_runs_init(load->runs);
    }
    return copse_loader_new(tree, store, copse_bytes_of_text(load->collection),
                            copse_bytes_of_text("_id"), load->documents, load->memory,
                            load->runs != NULL ? &runs : NULL, ret_loader, err);
}

static copse_loader *load_new(database_world *db, const load_case *load)
{
    copse_loader *loader = NULL;
    copse_err err = {0};
    if (load_begin(db->tree, db->world.store, load, &loader, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    return loader;
}

static copse_status load_try(copse_loader *loader, const char *json, uint64_t tag, copse_err *err)
{
    copse_bytes document = database_world_value(json);
    copse_status status = copse_loader_add(loader, document, tag, err);
    database_world_free(document);
    return status;
}

static void load_add(copse_loader *loader, const char *json, uint64_t tag)
{
    copse_err err = {0};
    if (load_try(loader, json, tag, &err) != COPSE_OK) {
        fail_msg("%s: %s", json, err.message);
    }
}

/* Finishes; the world gets the new tree. */
static copse_write_stats load_end(database_world *db, copse_loader *loader)
{
    copse_tree *tree = NULL;
    copse_write_stats stats = {0};
    copse_err err = {0};
    if (copse_loader_finish(loader, &tree, &stats, NULL, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(copse_loader_finish(loader, &tree, NULL, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(load_try(loader, "{}", 0, NULL), COPSE_MISUSE);
    copse_loader_free(loader);
    copse_tree_close(db->tree);
    db->tree = tree;
    return stats;
}

static void load_assert_root(const database_world *a, const database_world *b)
{
    char text[2][COPSE_CID_TEXT_SIZE_MAX];
    copse_cid_to_text(copse_tree_root(a->tree), COPSE_BASE32, text[0]);
    copse_cid_to_text(copse_tree_root(b->tree), COPSE_BASE32, text[1]);
    assert_string_equal(text[0], text[1]);
}

/* ---- documents ---- */

/* Document number `number`: all sorts of values in the fields that the indexes of load_indexes
 * have. Numbers that differ have keys that differ, in another order. */
static void load_document(uint64_t number, char ret_json[LOADER_DOCUMENT_SIZE])
{
    static const char *const tags[] = {
        "",
        "\"tags\":\"cats\",",
        "\"tags\":[\"cats\",\"dogs\",\"cats\"],",
        "\"tags\":[],",
        "\"tags\":null,",
        "\"tags\":[1,1.5,{\"$date\":5}],",
    };
    static const char *const values[] = {"", "\"a\":null,", "\"a\":7,", "\"a\":[1,2],",
                                         "\"a\":7.0,"};
    char id[64];
    char text[LOADER_DOCUMENT_SIZE - 512];
    uint64_t seed = number;
    uint64_t draw = test_random(&seed);
    if (number % 3 == 0) {
        (void)snprintf(id, sizeof id, "%d", (int)number * 7 - 500);
    } else {
        (void)snprintf(id, sizeof id, "\"k%llx\"", (unsigned long long)(draw << 20 | number));
    }
    size_t size = draw % 16 == 0 ? 1000 + number % 100 : draw % 16 == 1 ? 300 : draw % 40;
    memset(text, 'a' + (int)(draw % 26), size);
    text[size] = 0;
    /* No two arrays in one document: that no index could hold. */
    const char *a = values[draw / 64 % 5];
    const char *t = tags[draw / 512 % 6];
    if (strchr(a, '[') != NULL && strchr(t, '[') != NULL) {
        t = "";
    }
    (void)snprintf(ret_json, LOADER_DOCUMENT_SIZE, "{%s%s\"n\":%d,\"text\":\"%s\",\"_id\":%s}", t,
                   a, (int)(draw % 1000), text, id);
}

static void load_indexes(database_world *db, const char *collection, bool linked)
{
    database_world_index(db, collection, "", "tags[],-n", NULL);
    database_world_index(db, collection, "", "a,text", "include=n,_id");
    database_world_index(db, collection, "", "-n", "filter={\"n\":{\"$gte\":500}}");
    database_world_index(db, collection, "one", "n,text,_id", "unique");
    database_world_index(db, collection, "late", "tags,a", "unbuilt unique");
    if (linked) {
        database_world_index(db, collection, "to", "text", "link");
    }
}

static void load_compare(size_t count, const load_case *load, bool with_others)
{
    database_world one_by_one;
    database_world loaded;
    char json[LOADER_DOCUMENT_SIZE];
    database_world *const worlds[] = {&one_by_one, &loaded};
    for (size_t i = 0; i < 2; i++) {
        database_world_init(worlds[i], NULL);
        database_world_create(worlds[i], load->collection, "_id", load->documents);
        load_indexes(worlds[i], load->collection, load->documents == COPSE_DOCUMENTS_LINKED);
        for (size_t n = 0; with_others && n < 50; n++) {
            load_document(n, json);
            database_world_insert(worlds[i], "a", json);
            database_world_insert(worlds[i], "z", json);
        }
        database_world_commit(worlds[i]);
    }
    copse_loader *loader = load_new(&loaded, load);
    for (size_t n = 0; n < count; n++) {
        load_document(n, json);
        load_add(loader, json, n);
        database_world_insert(&one_by_one, load->collection, json);
    }
    copse_write_stats stats = load_end(&loaded, loader);
    database_world_commit(&one_by_one);
    load_assert_root(&one_by_one, &loaded);
    assert_int_equal(stats.inserted, count);
    assert_int_equal(stats.index_rows_added, one_by_one.stats.index_rows_added);
    assert_true(stats.bytes_written > 0 || count == 0);
    database_world_release(&one_by_one);
    database_world_release(&loaded);
}

static void test_a_load_makes_the_root_of_inserts(void **state)
{
    (void)state;
    const size_t counts[] = {0, 1, 2, 37, 600};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        load_compare(counts[i], &load_posts, false);
        load_compare(counts[i], &load_posts, true);
    }
}

static void test_linked_documents(void **state)
{
    (void)state;
    const load_case load = {"posts", COPSE_DOCUMENTS_LINKED, 0, NULL};
    load_compare(200, &load, true);
}

static void test_a_load_that_spills_makes_the_same_root(void **state)
{
    (void)state;
    memory_runs runs;
    const load_case load = {"posts", COPSE_DOCUMENTS_INLINE, LOADER_MEMORY, &runs};
    load_compare(1500, &load, true);
    assert_true(runs.live_max > 5);
    assert_int_equal(runs.live, 0);
}

static void test_a_collection_that_is_new(void **state)
{
    (void)state;
    database_world one_by_one;
    database_world loaded;
    char json[LOADER_DOCUMENT_SIZE];
    database_world_init(&one_by_one, NULL);
    database_world_init(&loaded, NULL);
    copse_loader *loader = load_new(&loaded, &load_posts);
    for (size_t n = 0; n < 100; n++) {
        load_document(n, json);
        load_add(loader, json, n);
        database_world_insert(&one_by_one, "posts", json);
    }
    load_end(&loaded, loader);
    database_world_commit(&one_by_one);
    load_assert_root(&one_by_one, &loaded);
    copse_err err = {0};
    loader = NULL;
    assert_int_equal(load_begin(loaded.tree, loaded.world.store, &load_posts, &loader, &err),
                     COPSE_CONFLICT);
    assert_null(loader);
    assert_string_equal(err.message, "the collection posts has documents, or had some");
    database_world_release(&one_by_one);
    database_world_release(&loaded);
}

static void test_an_empty_load_makes_the_collection(void **state)
{
    (void)state;
    database_world created;
    database_world loaded;
    database_world_init(&created, NULL);
    database_world_init(&loaded, NULL);
    const load_case load = {"posts", COPSE_DOCUMENTS_LINKED, 0, NULL};
    load_end(&loaded, load_new(&loaded, &load));
    database_world_create(&created, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_commit(&created);
    load_assert_root(&created, &loaded);
    database_world_release(&created);
    database_world_release(&loaded);
}

static void test_a_document_in_chunks(void **state)
{
    (void)state;
    enum { SIZE = 2500000 };
    database_world one_by_one;
    database_world loaded;
    char *json = malloc(SIZE + 64);
    assert_non_null(json);
    int head = sprintf(json, "{\"_id\":1,\"text\":\"");
    memset(json + head, 'x', SIZE);
    memcpy(json + head + SIZE, "\"}", 3);
    database_world_init(&one_by_one, NULL);
    database_world_init(&loaded, NULL);
    copse_loader *loader = load_new(&loaded, &load_posts);
    load_add(loader, json, 0);
    load_end(&loaded, loader);
    database_world_insert(&one_by_one, "posts", json);
    database_world_commit(&one_by_one);
    load_assert_root(&one_by_one, &loaded);
    char *back = database_world_get(&loaded, "posts", "1");
    assert_non_null(back);
    assert_string_equal(back, json);
    free(back);
    free(json);
    database_world_release(&one_by_one);
    database_world_release(&loaded);
}

static void test_a_missing_id_is_made(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    copse_loader *loader = load_new(&db, &load_posts);
    for (size_t n = 0; n < 20; n++) {
        load_add(loader, "{\"a\":1}", n);
    }
    load_end(&db, loader);
    assert_int_equal(database_world_count(&db, "posts"), 20);
    database_world_release(&db);
}

/* ---- refused documents ---- */

static void test_a_refused_document_is_left_out(void **state)
{
    (void)state;
    const struct {
        const char *json;
        copse_status status;
        const char *message;
    } cases[] = {
        {"5", COPSE_CORRUPT, ""},
        {"[{\"_id\":1}]", COPSE_CORRUPT, ""},
        {"{\"_id\":[1]}", COPSE_CORRUPT, ""},
        {"{\"_id\":1,\"tags\":[1,2],\"n\":[1,2]}", COPSE_CORRUPT, "parallel arrays"},
        {"{\"_id\":1,\"n\":{\"$in\":1}}", COPSE_CORRUPT, ""},
    };
    database_world one_by_one;
    database_world loaded;
    char json[LOADER_DOCUMENT_SIZE];
    database_world *const worlds[] = {&one_by_one, &loaded};
    for (size_t i = 0; i < 2; i++) {
        database_world_init(worlds[i], NULL);
        database_world_create(worlds[i], "posts", "_id", COPSE_DOCUMENTS_INLINE);
        load_indexes(worlds[i], "posts", false);
        database_world_commit(worlds[i]);
    }
    copse_loader *loader = load_new(&loaded, &load_posts);
    for (size_t n = 0; n < 30; n++) {
        copse_err err = {0};
        size_t at = n % (sizeof cases / sizeof *cases);
        load_document(n, json);
        load_add(loader, json, n);
        database_world_insert(&one_by_one, "posts", json);
        assert_int_equal(load_try(loader, cases[at].json, n, &err), cases[at].status);
        assert_non_null(strstr(err.message, cases[at].message));
    }
    copse_write_stats stats = load_end(&loaded, loader);
    assert_int_equal(stats.inserted, 30);
    database_world_commit(&one_by_one);
    load_assert_root(&one_by_one, &loaded);
    database_world_release(&one_by_one);
    database_world_release(&loaded);
}

/* ---- conflicts ---- */

typedef struct load_conflict {
    const char *documents[6]; /* the tag is the position times ten */
    uint64_t first;           /* 0, 0: none */
    uint64_t second;
    const char *message;
} load_conflict;

static void load_expect_conflict(const load_conflict *expected)
{
    database_world db;
    copse_tree *tree = NULL;
    copse_loader_conflict conflict = {0, 0};
    copse_err err = {0};
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(&db, "posts", "ab", "a,-b", "unique");
    database_world_index(&db, "posts", "tags", "tags", "unique");
    database_world_index(&db, "posts", "plain", "a", NULL);
    database_world_commit(&db);
    copse_loader *loader = load_new(&db, &load_posts);
    for (size_t i = 0; i < 6 && expected->documents[i] != NULL; i++) {
        load_add(loader, expected->documents[i], 10 * i);
    }
    copse_status status = copse_loader_finish(loader, &tree, NULL, &conflict, &err);
    if (expected->message == NULL) {
        assert_int_equal(status, COPSE_OK);
        copse_tree_close(tree);
    } else {
        assert_int_equal(status, COPSE_CONFLICT);
        assert_null(tree);
        assert_int_equal(conflict.tag_first, expected->first);
        assert_int_equal(conflict.tag_second, expected->second);
        if (strstr(err.message, expected->message) == NULL) {
            fail_msg("%s", err.message);
        }
        assert_int_equal(copse_loader_finish(loader, &tree, NULL, NULL, NULL), COPSE_CONFLICT);
    }
    copse_loader_free(loader);
    database_world_release(&db);
}

static void test_conflicts_are_named(void **state)
{
    (void)state;
    char long_one[6][700];
    char x[301];
    memset(x, 'x', 300);
    x[300] = 0;
    for (int i = 0; i < 6; i++) {
        (void)snprintf(long_one[i], sizeof long_one[i],
                       "{\"_id\":%d,\"a\":\"%s%d\",\"b\":1,\"tags\":%d}", i, x, i % 5, i);
    }
    const load_conflict cases[] = {
        {{"{\"_id\":1}", "{\"_id\":2}", "{\"_id\":1.0}"}, 0, 20, "_id 1"},
        {{"{\"_id\":2}", "{\"_id\":1,\"x\":1}", "{\"_id\":1}", "{\"_id\":2}"}, 10, 20, "_id 1"},
        {{"{\"_id\":\"a\"}", "{\"_id\":\"a\"}", "{\"_id\":\"a\"}"}, 0, 10, "_id \"a\""},
        {{"{\"_id\":{\"$numberDecimal\":\"0.10\"}}", "{\"_id\":{\"$numberDecimal\":\"0.1\"}}"},
         0,
         10,
         "_id {\"$numberDecimal\":\"0.1\"}"},
        /* A document before any index, whatever was added first. */
        {{"{\"_id\":1,\"a\":1,\"b\":1}", "{\"_id\":2,\"a\":1,\"b\":1}", "{\"_id\":9}",
          "{\"_id\":9}"},
         20,
         30,
         "_id 9"},
        {{"{\"_id\":7,\"a\":1,\"b\":2,\"tags\":1}", "{\"_id\":3,\"a\":1,\"b\":3,\"tags\":2}",
          "{\"_id\":5,\"a\":1.0,\"b\":2,\"tags\":3}"},
         0,
         20,
         "ab"},
        /* Different in one of two fields: none. */
        {{"{\"_id\":1,\"a\":1,\"b\":2,\"tags\":1}", "{\"_id\":2,\"a\":1,\"b\":3,\"tags\":2}"},
         0,
         0,
         NULL},
        /* Those that lack a field are exempt, also among ones with null. */
        {{"{\"_id\":1}", "{\"_id\":2}", "{\"_id\":3,\"a\":null}", "{\"_id\":4,\"tags\":null}"},
         0,
         0,
         NULL},
        {{"{\"_id\":1,\"tags\":null}", "{\"_id\":2}", "{\"_id\":3,\"tags\":null}"}, 0, 20, "tags"},
        /* One element is enough; equal elements of one document are none. */
        {{"{\"_id\":1,\"tags\":[1,2,2]}", "{\"_id\":2,\"tags\":[3,4]}",
          "{\"_id\":3,\"tags\":[5,3]}"},
         10,
         20,
         "tags"},
        {{"{\"_id\":1,\"tags\":[1,2,2]}", "{\"_id\":2,\"tags\":[3,4]}"}, 0, 0, NULL},
        /* Values that are cut. */
        {{long_one[0], long_one[1], long_one[2], long_one[3], long_one[4]}, 0, 0, NULL},
        {{long_one[0], long_one[1], long_one[2], long_one[3], long_one[4], long_one[5]},
         50,
         0,
         "ab"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        load_expect_conflict(&cases[i]);
    }
}

/* Two conflicts with one tag each way round: the number keeps them apart. */
static void test_equal_tags(void **state)
{
    (void)state;
    database_world db;
    copse_tree *tree = NULL;
    copse_loader_conflict conflict = {0, 0};
    database_world_init(&db, NULL);
    copse_loader *loader = load_new(&db, &load_posts);
    load_add(loader, "{\"_id\":1}", 7);
    load_add(loader, "{\"_id\":1}", 7);
    assert_int_equal(copse_loader_finish(loader, &tree, NULL, &conflict, NULL), COPSE_CONFLICT);
    assert_int_equal(conflict.tag_first, 7);
    assert_int_equal(conflict.tag_second, 7);
    copse_loader_free(loader);
    database_world_release(&db);
}

/* ---- faults ---- */

/* A database with a collection and its indexes, to be loaded over and over. */
typedef struct load_fixture {
    database_world db;
    copse_store *before; /* the blocks of `root` */
    copse_cid root;
    copse_cid expected;
    size_t count;
    copse_documents_form documents;
} load_fixture;

static copse_status load_copy_block(void *ctx, copse_block *block, copse_err *err)
{
    return copse_store_put(ctx, &block, 1, err);
}

static void load_fixture_init(load_fixture *fixture, size_t count, copse_documents_form documents)
{
    char json[LOADER_DOCUMENT_SIZE];
    fixture->count = count;
    fixture->documents = documents;
    database_world_init(&fixture->db, NULL);
    database_world_create(&fixture->db, "posts", "_id", documents);
    load_indexes(&fixture->db, "posts", documents == COPSE_DOCUMENTS_LINKED);
    load_document(1, json);
    database_world_insert(&fixture->db, "others", json);
    database_world_commit(&fixture->db);
    fixture->root = *copse_tree_root(fixture->db.tree);
    assert_int_equal(
        copse_memory_store_new(database_world_env(&fixture->db), &fixture->before, NULL), COPSE_OK);
    assert_int_equal(
        copse_store_iterate(fixture->db.world.store, load_copy_block, fixture->before, NULL),
        COPSE_OK);
    for (size_t n = 0; n < count; n++) {
        load_document(n, json);
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

/* One load with its own cache over `store`. Calls that return WANT are made again with what `full`
 * has (NULL: WANT is returned). */
static copse_status load_supply(copse_status status, copse_source *source, copse_store *full,
                                size_t *rounds)
{
    size_t count;
    const copse_cid *wants = copse_source_wants(source, &count);
    if (status != COPSE_WANT || full == NULL) {
        return status;
    }
    assert_true(count > 0);
    *rounds += 1;
    for (size_t i = 0; i < count; i++) {
        copse_block *block = NULL;
        assert_int_equal(copse_store_get(full, &wants[i], &block, NULL), COPSE_OK);
        assert_int_equal(copse_source_supply_block(source, block, NULL), COPSE_OK);
        copse_block_unref(block);
    }
    return COPSE_WANT;
}

typedef struct load_run {
    load_fixture *fixture;
    const copse_env *env;
    copse_store *store; /* to write to */
    copse_store *full;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_loader *loader;
    size_t rounds;
} load_run;

static copse_status load_run_begin(load_run *run, const load_case *load)
{
    copse_status status;
    do {
        status = copse_tree_open(run->cache, &run->fixture->root, &run->tree, NULL);
    } while (load_supply(status, run->source, run->full, &run->rounds) == COPSE_WANT &&
             run->full != NULL);
    while (status == COPSE_OK || (status == COPSE_WANT && run->full != NULL)) {
        status = load_begin(run->tree, run->store, load, &run->loader, NULL);
        if (load_supply(status, run->source, run->full, &run->rounds) != COPSE_WANT) {
            break;
        }
    }
    return status;
}

static copse_status load_run_all(load_run *run, const load_case *load)
{
    char json[LOADER_DOCUMENT_SIZE];
    copse_tree *tree = NULL;
    copse_write_stats stats = {.inserted = 12345};
    copse_status status = load_run_begin(run, load);
    for (size_t n = 0; n < run->fixture->count && status == COPSE_OK; n++) {
        load_document(n, json);
        status = load_try(run->loader, json, n, NULL);
    }
    while (status == COPSE_OK) {
        status = copse_loader_finish(run->loader, &tree, &stats, NULL, NULL);
        if (status == COPSE_OK) {
            break;
        }
        assert_null(tree);
        assert_int_equal(stats.inserted, 12345);
        if (load_supply(status, run->source, run->full, &run->rounds) == COPSE_WANT &&
            run->full != NULL) {
            status = COPSE_OK;
        }
    }
    if (status == COPSE_OK) {
        assert_true(copse_cid_equal(copse_tree_root(tree), &run->fixture->expected));
    }
    copse_tree_close(tree);
    return status;
}

static copse_status load_once(load_fixture *fixture, const copse_env *env, copse_store *reads,
                              copse_store *writes, copse_store *full, const load_case *load,
                              size_t *ret_rounds)
{
    load_run run = {.fixture = fixture, .env = env, .store = writes, .full = full};
    copse_status status = copse_source_new(env, reads, &run.source, NULL);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, run.source, &run.cache, NULL);
    }
    if (status == COPSE_OK) {
        status = load_run_all(&run, load);
    }
    copse_loader_free(run.loader);
    copse_tree_close(run.tree);
    copse_node_cache_free(run.cache);
    copse_source_free(run.source);
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
        status = copse_store_iterate(fixture->before, load_copy_block, store, NULL);
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
        assert_int_equal(copse_store_iterate(fixture.before, load_copy_block, memory, NULL),
                         COPSE_OK);
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
    load_indexes(&db, "posts", false);
    database_world_commit(&db);
    size_t before = db.world.test.size_bytes;
    db.world.test.peak_bytes = before;
    assert_int_equal(load_begin(db.tree, &forget, &load, &loader, NULL), COPSE_OK);
    for (size_t n = 0; n < count; n++) {
        load_document(n, json);
        load_add(loader, json, n);
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
        cmocka_unit_test(test_a_load_makes_the_root_of_inserts),
        cmocka_unit_test(test_linked_documents),
        cmocka_unit_test(test_a_load_that_spills_makes_the_same_root),
        cmocka_unit_test(test_a_collection_that_is_new),
        cmocka_unit_test(test_an_empty_load_makes_the_collection),
        cmocka_unit_test(test_a_document_in_chunks),
        cmocka_unit_test(test_a_missing_id_is_made),
        cmocka_unit_test(test_a_refused_document_is_left_out),
        cmocka_unit_test(test_conflicts_are_named),
        cmocka_unit_test(test_equal_tags),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_every_call_of_the_store_may_fail),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
