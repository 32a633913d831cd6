/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/document_diff.h>
#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/tree_pair.h"

enum { DIFF_TEXT_SIZE = 4096, DIFF_IDS = 60 };

/* Two states of a database, opened side by side. */
typedef struct diff_world {
    database_world db;
    copse_tree *tree_before;
    copse_database *before;
    copse_database *after;
} diff_world;

/* What is there now becomes the state before. */
static void diff_world_mark(diff_world *world)
{
    const copse_cid root = *copse_tree_root(world->db.tree);
    assert_null(world->tree_before);
    assert_int_equal(
        copse_tree_open(copse_tree_cache(world->db.tree), &root, &world->tree_before, NULL),
        COPSE_OK);
}

static void diff_world_open(diff_world *world)
{
    assert_int_equal(copse_database_open(world->tree_before, &world->before, NULL), COPSE_OK);
    assert_int_equal(copse_database_open(world->db.tree, &world->after, NULL), COPSE_OK);
}

static void diff_world_close(diff_world *world)
{
    world->before = copse_database_close(world->before);
    world->after = copse_database_close(world->after);
    world->tree_before = copse_tree_close(world->tree_before);
}

static void diff_append_json(const copse_env *env, copse_bytes encoded, char *text)
{
    copse_buf json;
    copse_buf_init(&json, env, SIZE_MAX);
    assert_int_equal(copse_ext_json_from_cbor(env, encoded, false, &json, NULL), COPSE_OK);
    assert_true(strlen(text) + json.len + 2 < DIFF_TEXT_SIZE);
    strncat(text, (const char *)json.ptr, json.len);
    copse_buf_release(&json);
}

/* All changes as one text: a line each, as `+ posts 3 {…}`. */
static void diff_world_text(diff_world *world, const copse_document_diff_options *options,
                            char ret_text[DIFF_TEXT_SIZE])
{
    static const char signs[] = {[COPSE_ADDED] = '+', [COPSE_REMOVED] = '-', [COPSE_CHANGED] = '*'};
    const copse_env *env = database_world_env(&world->db);
    copse_document_diff *diff = NULL;
    copse_document_change change;
    copse_status status;
    ret_text[0] = '\0';
    assert_int_equal(copse_document_diff_new(world->before, world->after, options, &diff, NULL),
                     COPSE_OK);
    while ((status = copse_document_diff_next(diff, &change, NULL)) == COPSE_OK) {
        char line[256];
        (void)snprintf(line, sizeof line, "%c %.*s", signs[change.kind], (int)change.collection.len,
                       (const char *)change.collection.ptr);
        strcat(ret_text, line);
        if (change.what == COPSE_CHANGE_INDEX) {
            (void)snprintf(line, sizeof line, " index %.*s", (int)change.index.len,
                           (const char *)change.index.ptr);
            strcat(ret_text, line);
        } else if (change.what == COPSE_CHANGE_DOCUMENT) {
            strcat(ret_text, " ");
            diff_append_json(env, change.id, ret_text);
            if (change.before.ptr != NULL) {
                strcat(ret_text, " from ");
                diff_append_json(env, change.before, ret_text);
            }
            if (change.after.ptr != NULL) {
                strcat(ret_text, " to ");
                diff_append_json(env, change.after, ret_text);
            }
        }
        strcat(ret_text, "\n");
    }
    assert_int_equal(status, COPSE_END);
    assert_null(copse_document_diff_free(diff));
}

static void test_every_kind_of_change_is_told(void **state)
{
    (void)state;
    diff_world world = {.before = NULL};
    char text[DIFF_TEXT_SIZE];
    database_world_init(&world.db, NULL);
    database_world_insert(&world.db, "gone", "{\"_id\":1}");
    database_world_insert(&world.db, "posts", "{\"_id\":1,\"a\":1}");
    database_world_insert(&world.db, "posts", "{\"_id\":\"x\",\"a\":2}");
    database_world_insert(&world.db, "posts", "{\"_id\":3,\"a\":3}");
    database_world_index(&world.db, "posts", "a", "a", NULL);
    database_world_index(&world.db, "posts", "b", "b", NULL);
    database_world_commit(&world.db);
    diff_world_mark(&world);
    assert_int_equal(copse_write_drop_collection(world.db.write, copse_bytes_of_text("gone"), NULL),
                     COPSE_OK);
    assert_int_equal(copse_write_drop_index(world.db.write, copse_bytes_of_text("posts"),
                                            copse_bytes_of_text("a"), NULL),
                     COPSE_OK);
    assert_int_equal(copse_write_drop_index(world.db.write, copse_bytes_of_text("posts"),
                                            copse_bytes_of_text("b"), NULL),
                     COPSE_OK);
    database_world_index(&world.db, "posts", "b", "-b", NULL);
    database_world_index(&world.db, "posts", "c", "c", NULL);
    database_world_insert(&world.db, "new", "{\"_id\":true}");
    database_world_replace(&world.db, "posts", "{\"_id\":1,\"a\":1,\"c\":[1]}", false);
    database_world_delete(&world.db, "posts", "\"x\"");
    database_world_insert(&world.db, "posts", "{\"_id\":2}");
    database_world_commit(&world.db);
    diff_world_open(&world);
    diff_world_text(&world, NULL, text);
    assert_string_equal(text,
                        "- gone\n"
                        "+ new\n"
                        "- posts index a\n"
                        "* posts index b\n"
                        "+ posts index c\n"
                        "- gone 1 from {\"_id\":1}\n"
                        "+ new true to {\"_id\":true}\n"
                        "* posts 1 from {\"_id\":1,\"a\":1} to {\"_id\":1,\"a\":1,\"c\":[1]}\n"
                        "+ posts 2 to {\"_id\":2}\n"
                        "- posts \"x\" from {\"_id\":\"x\",\"a\":2}\n");
    const copse_document_diff_options only = {.collection = copse_bytes_of_text("posts"),
                                              .ids_only = true};
    diff_world_text(&world, &only, text);
    assert_string_equal(text, "- posts index a\n"
                              "* posts index b\n"
                              "+ posts index c\n"
                              "* posts 1\n"
                              "+ posts 2\n"
                              "- posts \"x\"\n");
    assert_int_equal(copse_database_version(world.before), 2);
    copse_database *before = world.before;
    world.before = NULL; /* from nothing */
    diff_world_text(&world, &only, text);
    assert_string_equal(text, "+ posts\n"
                              "+ posts index b\n"
                              "+ posts index c\n"
                              "+ posts 1\n"
                              "+ posts 2\n"
                              "+ posts 3\n");
    world.before = before;
    diff_world_close(&world);
    database_world_release(&world.db);
}

static uint32_t diff_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* The changes are exactly the ids whose documents differ, in their order; linked ones too. */
static void test_changes_equal_a_comparison_of_all(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        diff_world world = {.before = NULL};
        char text[DIFF_TEXT_SIZE];
        char expected[DIFF_TEXT_SIZE] = "";
        int before[DIFF_IDS] = {0};
        int after[DIFF_IDS] = {0};
        uint32_t random = seed;
        database_world_init(&world.db, NULL);
        database_world_create(&world.db, "c", "_id",
                              seed % 2 == 0 ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE);
        for (int turn = 0; turn < 2; turn++) {
            int *now = turn == 0 ? before : after;
            memcpy(after, before, sizeof after);
            for (int i = 0; i < (turn == 0 ? 50 : 8); i++) {
                char json[64];
                size_t id = diff_random(&random) % DIFF_IDS;
                now[id] = (int)(diff_random(&random) % 4);
                (void)snprintf(json, sizeof json, now[id] == 0 ? "%zu" : "{\"_id\":%zu,\"v\":%d}",
                               id, now[id]);
                if (now[id] == 0) {
                    database_world_delete(&world.db, "c", json);
                } else {
                    database_world_replace(&world.db, "c", json, true);
                }
            }
            database_world_commit(&world.db);
            if (turn == 0) {
                diff_world_mark(&world);
            }
        }
        for (size_t id = 0; id < DIFF_IDS; id++) {
            if (before[id] != after[id]) {
                char line[32];
                (void)snprintf(line, sizeof line, "%c c %zu\n",
                               before[id] == 0  ? '+'
                               : after[id] == 0 ? '-'
                                                : '*',
                               id);
                strcat(expected, line);
            }
        }
        const copse_document_diff_options ids = {.ids_only = true};
        diff_world_open(&world);
        diff_world_text(&world, &ids, text);
        assert_string_equal(text, expected);
        diff_world_text(&world, NULL, text);
        assert_int_equal(strlen(text) == 0, strlen(expected) == 0);
        diff_world_close(&world);
        database_world_release(&world.db);
    }
}

/* ---- Elsewhere ---- */

static copse_database *diff_open_sparse(tree_reader *reader, copse_store *full, copse_tree *tree)
{
    copse_database *database = NULL;
    copse_status status;
    while ((status = copse_database_open(tree, &database, NULL)) == COPSE_WANT) {
        tree_reader_supply(reader, full);
    }
    assert_int_equal(status, COPSE_OK);
    return database;
}

/* A diff of two states that are elsewhere wants what it lacks, and then gives the same. */
static void test_missing_blocks_are_wanted(void **state)
{
    (void)state;
    diff_world world = {.before = NULL};
    tree_reader reader;
    copse_document_diff *diff = NULL;
    copse_document_change change;
    copse_status status;
    int64_t changes = 0;
    database_world_init(&world.db, NULL);
    database_world_create(&world.db, "c", "_id", COPSE_DOCUMENTS_LINKED);
    for (int i = 0; i < 300; i++) {
        char json[64];
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"v\":1}", i);
        database_world_insert(&world.db, "c", json);
    }
    database_world_commit(&world.db);
    diff_world_mark(&world);
    database_world_replace(&world.db, "c", "{\"_id\":7,\"v\":2}", false);
    database_world_delete(&world.db, "c", "250");
    database_world_commit(&world.db);
    tree_reader_init(&reader, &world.db.world.test.env, NULL);
    copse_tree *trees[2] = {
        tree_reader_open(&reader, world.db.world.store, copse_tree_root(world.tree_before)),
        tree_reader_open(&reader, world.db.world.store, copse_tree_root(world.db.tree))};
    copse_database *before = diff_open_sparse(&reader, world.db.world.store, trees[0]);
    copse_database *after = diff_open_sparse(&reader, world.db.world.store, trees[1]);
    assert_int_equal(copse_document_diff_new(before, after, NULL, &diff, NULL), COPSE_OK);
    while ((status = copse_document_diff_next(diff, &change, NULL)) != COPSE_END) {
        if (status == COPSE_WANT) {
            tree_reader_supply(&reader, world.db.world.store);
            continue;
        }
        assert_int_equal(status, COPSE_OK);
        assert_int_equal(change.kind, changes == 0 ? COPSE_CHANGED : COPSE_REMOVED);
        assert_non_null(change.before.ptr);
        assert_int_equal(change.after.ptr == NULL, changes == 1);
        changes++;
    }
    assert_int_equal(changes, 2);
    copse_document_diff_free(diff);
    copse_database_close(before);
    copse_database_close(after);
    copse_tree_close(trees[0]);
    copse_tree_close(trees[1]);
    tree_reader_release(&reader);
    world.tree_before = copse_tree_close(world.tree_before);
    database_world_release(&world.db);
}

/* ---- Fields ---- */

static copse_status diff_note_field(void *ctx, const copse_field_change *change, copse_err *err)
{
    char *text = ctx;
    (void)err;
    strncat(text, (const char *)change->path.ptr, change->path.len);
    strcat(text, change->kind == COPSE_ADDED ? "+ " : change->kind == COPSE_REMOVED ? "- " : "* ");
    return COPSE_OK;
}

static void test_fields_that_differ(void **state)
{
    static const struct {
        const char *before;
        const char *after;
        const char *fields;
    } cases[] = {
        {"{}", "{}", ""},
        {"{\"a\":1}", "{\"a\":1}", ""},
        {"{\"a\":1}", "{\"a\":1.0}", "a* "},
        {"{\"a\":1,\"bb\":2}", "{\"c\":1,\"bb\":3}", "a- c+ bb* "},
        {"{\"a\":{\"b\":{\"c\":1,\"d\":2}}}", "{\"a\":{\"b\":{\"c\":1,\"d\":3,\"e\":4}}}",
         "a.b.d* a.b.e+ "},
        {"{\"a\":[1,2,{\"x\":1}]}", "{\"a\":[1,3,{\"x\":2}]}", "a.1* a.2.x* "},
        {"{\"a\":[1,2]}", "{\"a\":[1,2,3]}", "a* "},
        {"{\"a\":{\"$date\":\"2026-01-01T00:00:00Z\"}}",
         "{\"a\":{\"$date\":\"2026-01-02T00:00:00Z\"}}", "a* "},
        {"{\"a\":{}}", "{\"a\":null}", "a* "},
    };
    test_env test;
    (void)state;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256] = "";
        copse_bytes before = database_world_value(cases[i].before);
        copse_bytes after = database_world_value(cases[i].after);
        assert_int_equal(
            copse_document_fields_diff(&test.env, before, after, diff_note_field, text, NULL),
            COPSE_OK);
        assert_string_equal(text, cases[i].fields);
        database_world_free(before);
        database_world_free(after);
    }
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_change_is_told),
        cmocka_unit_test(test_changes_equal_a_comparison_of_all),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_fields_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
