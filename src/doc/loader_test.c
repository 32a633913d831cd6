/* Bulk loads: the very root that inserting one by one makes, and conflicts named.
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

#include "support/load_case.h"

/* ---- loading JSON ---- */

static const load_case load_posts = {"posts", COPSE_DOCUMENTS_INLINE, 0, NULL};

static copse_loader *load_new(database_world *db, const load_case *load)
{
    copse_loader *loader = NULL;
    copse_err err = {0};
    if (load_case_begin(db->tree, db->world.store, load, &loader, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    return loader;
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
    assert_int_equal(load_case_try(loader, "{}", 0, NULL), COPSE_MISUSE);
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

static void load_compare(size_t count, const load_case *load, bool with_others)
{
    database_world one_by_one;
    database_world loaded;
    char json[LOADER_DOCUMENT_SIZE];
    database_world *const worlds[] = {&one_by_one, &loaded};
    for (size_t i = 0; i < 2; i++) {
        database_world_init(worlds[i], NULL);
        database_world_create(worlds[i], load->collection, "_id", load->documents);
        load_case_index(worlds[i], load->collection, load->documents == COPSE_DOCUMENTS_LINKED);
        for (size_t n = 0; with_others && n < 50; n++) {
            load_case_document(n, json);
            database_world_insert(worlds[i], "a", json);
            database_world_insert(worlds[i], "z", json);
        }
        database_world_commit(worlds[i]);
    }
    copse_loader *loader = load_new(&loaded, load);
    for (size_t n = 0; n < count; n++) {
        load_case_document(n, json);
        load_case_add(loader, json, n);
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
        load_case_document(n, json);
        load_case_add(loader, json, n);
        database_world_insert(&one_by_one, "posts", json);
    }
    load_end(&loaded, loader);
    database_world_commit(&one_by_one);
    load_assert_root(&one_by_one, &loaded);
    copse_err err = {0};
    loader = NULL;
    assert_int_equal(load_case_begin(loaded.tree, loaded.world.store, &load_posts, &loader, &err),
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
    load_case_add(loader, json, 0);
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
        load_case_add(loader, "{\"a\":1}", n);
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
        load_case_index(worlds[i], "posts", false);
        database_world_commit(worlds[i]);
    }
    copse_loader *loader = load_new(&loaded, &load_posts);
    for (size_t n = 0; n < 30; n++) {
        copse_err err = {0};
        size_t at = n % (sizeof cases / sizeof *cases);
        load_case_document(n, json);
        load_case_add(loader, json, n);
        database_world_insert(&one_by_one, "posts", json);
        assert_int_equal(load_case_try(loader, cases[at].json, n, &err), cases[at].status);
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
        load_case_add(loader, expected->documents[i], 10 * i);
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
    load_case_add(loader, "{\"_id\":1}", 7);
    load_case_add(loader, "{\"_id\":1}", 7);
    assert_int_equal(copse_loader_finish(loader, &tree, NULL, &conflict, NULL), COPSE_CONFLICT);
    assert_int_equal(conflict.tag_first, 7);
    assert_int_equal(conflict.tag_second, 7);
    copse_loader_free(loader);
    database_world_release(&db);
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
    };
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
