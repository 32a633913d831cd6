/* The vectors of docs/formats/database.md: databases row by row, with the roots of their trees.
 *
 * With the argument --print, prints what this Copse makes instead of comparing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/cursor.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/write.h"
#include "support/database_world.h"

/* ---- the databases ---- */

static void vectors_empty_collections(database_world *db)
{
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_create(db, "people", "email", COPSE_DOCUMENTS_LINKED);
    database_world_index(db, "people", "", "name.last,-born", "unique");
    database_world_index(db, "posts", "by tag", "tags[],-createdAt",
                         "filter={\"public\":true} include=title,author.name");
}

static void vectors_values(database_world *db)
{
    database_world_insert(db, "v", "{\"_id\":1,\"a\":1}");
    database_world_insert(db, "v", "{\"_id\":2,\"a\":1.0}");
    database_world_insert(db, "v", "{\"_id\":3.5,\"a\":null}");
    database_world_insert(db, "v", "{\"_id\":\"x\"}");
    database_world_insert(db, "v", "{\"_id\":{\"$oid\":\"65a0c0ffee00112233445566\"},\"a\":[]}");
    database_world_insert(db, "v",
                          "{\"_id\":{\"$date\":\"2026-01-01T00:00:00Z\"},\"a\":\"x\",\"b\":true}");
    database_world_insert(db, "v", "{\"_id\":-1,\"a\":{\"c\":[1]},\"b\":\"y\"}");
    database_world_index(db, "v", "", "a,-b", NULL);
}

static void vectors_arrays(database_world *db)
{
    database_world_insert(db, "t", "{\"_id\":1,\"n\":7,\"tags\":[\"b\",\"a\",\"b\",1.0,1]}");
    database_world_insert(db, "t", "{\"_id\":2,\"n\":8,\"tags\":\"a\"}");
    database_world_insert(db, "t", "{\"_id\":3,\"n\":[5,6]}");
    database_world_insert(db, "t", "{\"_id\":4,\"tags\":[{\"k\":1},{\"k\":[2,3]}]}");
    database_world_index(db, "t", "", "tags,-n", NULL);
    database_world_index(db, "t", "", "tags.k", NULL);
    database_world_index(db, "t", "named", "n,tags[]", NULL);
}

static void vectors_long_values(database_world *db)
{
    char json[2048];
    snprintf(json, sizeof json, "{\"_id\":1,\"s\":\"%0300d\"}", 1);
    database_world_insert(db, "l", json);
    snprintf(json, sizeof json, "{\"_id\":2,\"s\":\"short\",\"pad\":\"%01200d\"}", 2);
    database_world_insert(db, "l", json);
    database_world_index(db, "l", "", "-s", "link");
}

static void vectors_unbuilt(database_world *db)
{
    database_world_insert(db, "u", "{\"_id\":1,\"a\":[1,2],\"b\":[3]}");
    database_world_index(db, "u", "late", "a,b", "link unique unbuilt");
    database_world_index(db, "u", "", "a", NULL);
}

static void vectors_replace_fields(database_world *db, const char *json)
{
    copse_bytes document = database_world_value(json);
    assert_int_equal(
        copse_write_replace_fields(db->write, copse_bytes_of_text("f"), document, NULL), COPSE_OK);
    database_world_free(document);
}

/* Documents that are written once, again, by fields, and deleted; one row that is linked. */
static void vectors_versions(database_world *db)
{
    database_world_create(db, "f", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_create(db, "l", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_create(db, "u", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_insert(db, "f", "{\"_id\":0}"); /* has no version */
    const char *const names[] = {"f", "l", "u"};
    const copse_merge_policy policies[] = {COPSE_MERGE_FIELD_WISE, COPSE_MERGE_LWW,
                                           COPSE_MERGE_UNION};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(copse_write_set_merge(db->write, copse_bytes_of_text(names[i]),
                                               policies[i], i == 1 ? 30 : 0, NULL),
                         COPSE_OK);
        for (unsigned id = 1; id <= 4; id++) {
            char json[64];
            snprintf(json, sizeof json, "{\"_id\":%u,\"a\":1,\"b\":1}", id);
            database_world_insert(db, names[i], json);
        }
    }
    database_world_commit(db);
    db->options.author =
        copse_bytes_of_text("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK");
    for (size_t i = 0; i < 3; i++) {
        database_world_replace(db, names[i], "{\"_id\":2,\"a\":1,\"b\":2}", false);
        database_world_delete(db, names[i], "3");
    }
    vectors_replace_fields(db, "{\"_id\":1,\"a\":2,\"b\":1}");
    vectors_replace_fields(db, "{\"_id\":4,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,"
                               "\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1}");
}

/* Of documents that were deleted two are forgotten, of which one is back, and one is not. */
static void vectors_forgotten(database_world *db)
{
    database_world_create(db, "l", "_id", COPSE_DOCUMENTS_INLINE);
    assert_int_equal(
        copse_write_set_merge(db->write, copse_bytes_of_text("l"), COPSE_MERGE_LWW, 30, NULL),
        COPSE_OK);
    database_world_insert(db, "l", "{\"_id\":1}");
    database_world_insert(db, "l", "{\"_id\":2}");
    database_world_insert(db, "l", "{\"_id\":3}");
    database_world_commit(db);
    database_world_delete(db, "l", "1");
    database_world_delete(db, "l", "2");
    database_world_commit(db);
    uint64_t now_ms = database_world_env(db)->clock(database_world_env(db)->clock_ctx);
    assert_int_equal(
        copse_write_forget_deleted(db->write, copse_bytes_of_text("l"), now_ms + 1, NULL),
        COPSE_OK);
    database_world_insert(db, "l", "{\"_id\":2}");
    database_world_commit(db);
    database_world_delete(db, "l", "3");
}

/* A database with a creator, whose seed is 32 bytes 07, and a collection of signed documents. */
static void vectors_signed(database_world *db)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES];
    copse_key *key = NULL;
    copse_identity identity;
    const copse_bytes name = copse_bytes_of_text("s");
    memset(seed, 7, sizeof seed);
    assert_int_equal(copse_key_from_seed(database_world_env(db), seed, &key, NULL), COPSE_OK);
    assert_int_equal(copse_identity_new(database_world_env(db), key, &identity, NULL), COPSE_OK);
    assert_int_equal(copse_write_create_database(db->write, &identity, NULL), COPSE_OK);
    database_world_create(db, "s", "_id", COPSE_DOCUMENTS_INLINE);
    assert_int_equal(copse_write_set_merge(db->write, name, COPSE_MERGE_LWW, 30, NULL), COPSE_OK);
    assert_int_equal(copse_write_set_signed(db->write, name, NULL), COPSE_OK);
    database_world_insert(db, "s", "{\"_id\":1,\"a\":1}");
    database_world_insert(db, "s", "{\"_id\":2}");
    db->options.key = key;
    database_world_commit(db);
    database_world_replace(db, "s", "{\"_id\":1,\"a\":2}", false);
    database_world_delete(db, "s", "2");
    database_world_commit(db);
    db->options.key = NULL;
    copse_key_free(key);
}

typedef struct vectors_case {
    const char *name;
    void (*write)(database_world *db);
} vectors_case;

static const vectors_case vectors_cases[] = {
    {"empty-collections", vectors_empty_collections},
    {"values", vectors_values},
    {"arrays", vectors_arrays},
    {"long-values", vectors_long_values},
    {"unbuilt", vectors_unbuilt},
    {"versions", vectors_versions},
    {"forgotten", vectors_forgotten},
    {"signed", vectors_signed},
};

/* ---- their text ---- */

static void vectors_hex(FILE *out, copse_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        fprintf(out, "%02x", bytes.ptr[i]);
    }
}

static void vectors_rows(FILE *out, copse_tree *tree)
{
    copse_cursor *cursor;
    assert_int_equal(copse_cursor_new(tree, &cursor, NULL), COPSE_OK);
    copse_status status = copse_cursor_next(cursor, NULL);
    while (status == COPSE_OK) {
        fprintf(out, "row\t");
        vectors_hex(out, copse_cursor_key(cursor));
        fprintf(out, "\t");
        vectors_hex(out, copse_cursor_value(cursor));
        fprintf(out, "\n");
        status = copse_cursor_next(cursor, NULL);
    }
    assert_int_equal(status, COPSE_END);
    copse_cursor_free(cursor);
}

static void vectors_write(FILE *out)
{
    fprintf(out,
            "# Databases of docs/formats/database.md: every row as key and value in hexadecimal,\n"
            "# and the root of the tree with the default config.\n");
    for (size_t i = 0; i < sizeof vectors_cases / sizeof *vectors_cases; i++) {
        copse_tree_config config;
        database_world db;
        char root[COPSE_CID_TEXT_SIZE_MAX];
        copse_tree_config_init(&config);
        database_world_init(&db, &config);
        vectors_cases[i].write(&db);
        database_world_commit(&db);
        fprintf(out, "database\t%s\n", vectors_cases[i].name);
        vectors_rows(out, db.tree);
        copse_cid_to_text(copse_tree_root(db.tree), COPSE_BASE32, root);
        fprintf(out, "root\t%s\n", root);
        database_world_release(&db);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    char *text;
    size_t size;
    uint8_t *expected;
    size_t expected_size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    vectors_write(out);
    fclose(out);
    assert_true(test_read_file("tests/vectors/database.tsv", &expected, &expected_size));
    assert_int_equal(size, expected_size);
    assert_memory_equal(text, expected, size);
    free(expected);
    free(text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
    };
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        vectors_write(stdout);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
