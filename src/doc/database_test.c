/* Databases and documents: what is written is read, in all forms that documents have; what is no
 * database is refused.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/order.h>

#include "support/database_world.h"

static void expect_document(database_world *db, const char *collection, const char *id,
                            const char *expected)
{
    char *json = database_world_get(db, collection, id);
    if (expected == NULL) {
        assert_null(json);
    } else {
        assert_non_null(json);
        assert_string_equal(json, expected);
    }
    free(json);
}

static void test_small(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    database_world_insert(&db, "posts", "{\"_id\":1,\"tags\":[\"cats\",\"dogs\"],\"at\":5}");
    database_world_insert(&db, "posts", "{\"_id\":2,\"tags\":\"cats\"}");
    database_world_insert(&db, "posts", "{\"_id\":3}");
    database_world_insert(&db, "people", "{\"_id\":\"ann\"}");
    database_world_index(&db, "posts", "", "tags,-at", NULL);
    database_world_commit(&db);
    assert_int_equal(database_world_count(&db, "posts"), 3);
    assert_int_equal(database_world_count(&db, "people"), 1);
    assert_int_equal(database_world_index_count(&db, "posts", "tags,-at"), 4);
    expect_document(&db, "posts", "2", "{\"_id\":2,\"tags\":\"cats\"}");
    expect_document(&db, "posts", "2.0", "{\"_id\":2,\"tags\":\"cats\"}");
    expect_document(&db, "posts", "4", NULL);
    expect_document(&db, "people", "\"ann\"", "{\"_id\":\"ann\"}");
    database_world_release(&db);
}

/* ---- the catalogue ---- */

static void test_catalogue(void **state)
{
    (void)state;
    database_world db;
    copse_database *database;
    size_t count;
    database_world_init(&db, NULL);
    assert_int_equal(copse_database_open(db.tree, &database, NULL), COPSE_OK);
    copse_database_collections(database, &count);
    assert_int_equal(count, 0);
    copse_database_close(database);
    database_world_create(&db, "b", "key", COPSE_DOCUMENTS_LINKED);
    database_world_create(&db, "a", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(&db, "b", "", "x,-y[]", "unique filter={\"x\":1} include=z,w.v");
    database_world_index(&db, "b", "first", "z", "link");
    database_world_commit(&db);
    assert_int_equal(copse_database_open(db.tree, &database, NULL), COPSE_OK);
    assert_int_equal(copse_database_version(database), 2);
    assert_ptr_equal(copse_database_tree(database), db.tree);
    const copse_collection *collections = copse_database_collections(database, &count);
    assert_int_equal(count, 2);
    assert_true(copse_bytes_equal(collections[0].name, copse_bytes_of_text("a")));
    assert_int_equal(collections[0].indexes_count, 0);
    const copse_collection *b = &collections[1];
    assert_ptr_equal(b, copse_database_collection(database, copse_bytes_of_text("b")));
    assert_null(copse_database_collection(database, copse_bytes_of_text("c")));
    assert_true(copse_bytes_equal(b->primary_key, copse_bytes_of_text("key")));
    assert_int_equal(b->documents, COPSE_DOCUMENTS_LINKED);
    assert_int_equal(b->indexes_count, 2);
    assert_true(b->indexes[0].link && !b->indexes[0].unique);
    const copse_index_definition *index = &b->indexes[1];
    assert_true(copse_bytes_equal(index->name, copse_bytes_of_text("x,-y")));
    assert_int_equal(index->fields_count, 2);
    assert_true(copse_bytes_equal(index->fields[1].path, copse_bytes_of_text("y")));
    assert_true(index->fields[1].descending && index->fields[1].array);
    assert_true(!index->fields[0].descending && !index->fields[0].array);
    assert_true(index->unique && index->filter.len == 4 && index->include_count == 2);
    copse_database_close(database);
    database_world_release(&db);
}

/* A tree of one or two rows in JSON. */
static copse_status open_rows(const char *const *keys, const size_t *sizes,
                              const char *const *values, size_t count, char message[256])
{
    tree_world world;
    tree_model rows = {.count = 0};
    copse_database *database;
    copse_err err = {.message = ""};
    const copse_tree_config config = {32, 8192, 256};
    tree_world_init(&world);
    for (size_t i = 0; i < count; i++) {
        copse_bytes value = database_world_value(values[i]);
        tree_model_put(&rows, (copse_bytes){(const uint8_t *)keys[i], sizes[i]}, value);
        database_world_free(value);
    }
    copse_tree *tree = tree_model_open(&rows, &world, &config);
    copse_status status = copse_database_open(tree, &database, &err);
    if (status == COPSE_OK) {
        copse_database_close(database);
    }
    memcpy(message, err.message, sizeof err.message);
    copse_tree_close(tree);
    tree_model_release(&rows);
    tree_world_release(&world);
    return status;
}

/* Opens a database whose catalogue has one more row. */
static void expect_row(const char *key, size_t size, const char *value, const char *message)
{
    const char *keys[] = {"\0\0", "\0\0c", key};
    const size_t sizes[] = {2, 3, size};
    const char *values[] = {"{\"Format\":\"database\",\"Version\":2}",
                            "{\"documents\":\"inline\",\"primaryKey\":\"_id\"}", value};
    char text[256];
    copse_status status = open_rows(keys, sizes, values, 3, text);
    if (message == NULL) {
        assert_int_equal(status, COPSE_OK);
    } else {
        assert_int_equal(status, COPSE_CORRUPT);
        if (strstr(text, message) == NULL) {
            fail_msg("\"%s\" instead of \"%s\"", text, message);
        }
    }
}

static void test_header_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t size;
        const char *value;
        const char *message;
    } cases[] = {
        {"\0\0", 2, "{\"Format\":\"database\",\"Version\":3}", "version 3"},
        {"\0\0", 2, "{\"Format\":\"image\",\"Version\":2}", "not a database"},
        {"\0\0", 2, "{\"Format\":\"database\",\"Version\":2,\"X\":1}", "\"X\""},
        {"\0\0", 2, "{\"Version\":2}", "lacks"},
        {"\0\0", 2, "[2]", "no map"},
        {"\0\0c", 3, "{\"documents\":\"inline\",\"primaryKey\":\"_id\"}", "first key"},
        {"k", 1, "1", "first key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        assert_int_equal(open_rows(&cases[i].key, &cases[i].size, &cases[i].value, 1, text),
                         COPSE_CORRUPT);
        if (strstr(text, cases[i].message) == NULL) {
            fail_msg("%zu: \"%s\" instead of \"%s\"", i, text, cases[i].message);
        }
    }
}

static void test_rows_refused(void **state)
{
    (void)state;
    expect_row("\0\0d", 3, "{\"documents\":\"linked\",\"primaryKey\":\"key\"}", NULL);
    expect_row("\0\0d", 3, "{\"documents\":\"other\",\"primaryKey\":\"key\"}", "none");
    expect_row("\0\0d", 3, "{\"documents\":\"inline\",\"primaryKey\":1}", "none");
    expect_row("\0\0d", 3, "{\"documents\":\"inline\",\"primaryKey\":\"a.b\"}", "field");
    expect_row("\0\0d", 3, "{\"documents\":\"inline\",\"schema\":{},\"primaryKey\":\"a\"}",
               "schema");
    expect_row("\0\0d", 3, "{\"merge\":\"union\",\"documents\":\"inline\",\"primaryKey\":\"a\"}",
               NULL);
    expect_row("\0\0d", 3,
               "{\"merge\":\"lww\",\"documents\":\"linked\",\"primaryKey\":\"a\","
               "\"tombstoneDays\":36500}",
               NULL);
    expect_row("\0\0d", 3, "{\"documents\":\"inline\",\"primaryKey\":\"a\",\"tombstoneDays\":1}",
               NULL);
    expect_row("\0\0d", 3,
               "{\"merge\":\"lww\",\"documents\":\"linked\",\"forgotten\":9223372036854775807,"
               "\"primaryKey\":\"a\",\"tombstoneDays\":1}",
               NULL);
    static const char *const times[] = {"0", "9223372036854775808", "-1", "1.0", "\"1\""};
    static const char *const merges[] = {"\"three-way\"", "\"last\"", "\"\"", "1", "true"};
    static const char *const days[] = {"0", "36501", "-1", "1.0", "\"1\"", "true"};
    char json[128];
    for (size_t i = 0; i < 5; i++) {
        snprintf(json, sizeof json, "{\"merge\":%s,\"documents\":\"inline\",\"primaryKey\":\"a\"}",
                 merges[i]);
        expect_row("\0\0d", 3, json, "none");
    }
    for (size_t i = 0; i < 5; i++) {
        snprintf(json, sizeof json,
                 "{\"documents\":\"inline\",\"forgotten\":%s,\"primaryKey\":\"a\"}", times[i]);
        expect_row("\0\0d", 3, json, "none");
    }
    for (size_t i = 0; i < 6; i++) {
        snprintf(json, sizeof json,
                 "{\"documents\":\"inline\",\"primaryKey\":\"a\",\"tombstoneDays\":%s}", days[i]);
        expect_row("\0\0d", 3, json, "none");
    }
    expect_row("\0\0d", 3,
               "{\"merge\":\"lww\",\"signed\":true,\"documents\":\"inline\",\"primaryKey\":\"a\"}",
               "without a creator");
    expect_row("\0\0d", 3,
               "{\"merge\":\"lww\",\"signed\":false,\"documents\":\"inline\",\"primaryKey\":\"a\"}",
               "none");
    expect_row("\0\0d", 3,
               "{\"merge\":\"field-wise\",\"signed\":true,\"documents\":\"inline\","
               "\"primaryKey\":\"a\"}",
               "none");
    expect_row("\0\0d", 3,
               "{\"merge\":\"lww\",\"signed\":1,\"documents\":\"inline\",\"primaryKey\":\"a\"}",
               "none");
    expect_row("\0\0d", 3, "{\"merge\":null,\"documents\":\"inline\",\"primaryKey\":\"a\"}",
               "null");
    expect_row("\0\0d", 3, "{\"merge\":\"lww\",\"documents\":\"inline\"}", "lacks \"primaryKey\"");
    expect_row("\0\0d\x01", 4, "{\"documents\":\"inline\",\"primaryKey\":\"a\"}", "control");
    expect_row("\0\0\xff", 3, "{\"documents\":\"inline\",\"primaryKey\":\"a\"}", "UTF-8");
    expect_row("\0\0d\0i", 5, "{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1}",
               "isn't there");
    expect_row("\0\0c\0", 4, "{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1}",
               "empty");
}

static void test_definitions_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1],[\"b.c\",-1,\"array\"]],\"version\":1}",
         NULL},
        {"{\"kind\":\"text\",\"fields\":[[\"a\",1]],\"version\":1}", "kind"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":2}", "version 2"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"sparse\":true}", "sparse"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]]}", "missing"},
        {"{\"kind\":\"ordered\",\"version\":1}", "missing"},
        {"{\"kind\":\"ordered\",\"fields\":[],\"version\":1}", "1 to 32"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",2]],\"version\":1}", "direction"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1],[\"a\",-1]],\"version\":1}", "twice"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1,\"array\"],[\"b\",1,\"array\"]],\"version\":"
         "1}",
         "at most one"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1,\"list\"]],\"version\":1}", "array"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"\",1]],\"version\":1}", "path"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\"]],\"version\":1}", "pair"},
        {"{\"kind\":\"ordered\",\"fields\":[\"a\"],\"version\":1}", "pair"},
        {"{\"kind\":\"ordered\",\"fields\":{},\"version\":1}", "fields"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"unique\":false}", "flag"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"built\":false}", NULL},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"built\":true}", "flag"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"built\":0}", "flag"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"filter\":{}}",
         "empty filter"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"filter\":{\"a\":{\"$foo\":1}"
         "}}",
         "$foo"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"include\":[]}", "include"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"include\":[1]}", "include"},
        {"{\"kind\":\"ordered\",\"fields\":[[\"a\",1]],\"version\":1,\"include\":[\"b\"],\"link\":"
         "true}",
         "not both"},
        {"[]", "map"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_row("\0\0c\0i", 5, cases[i][0], cases[i][1]);
    }
}

/* ---- documents ---- */

/* Inserts a document of exactly `size` encoded bytes, and checks its row and that it is read. */
static void expect_form(database_world *db, const char *collection, size_t size, int id,
                        copse_cbor_kind kind, uint64_t chunks)
{
    copse_buf buf;
    copse_bytes row;
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_buf_init(&buf, database_world_env(db), SIZE_MAX);
    /* a2 61 70 text 63 _id id; the text's head has 5 bytes from 64 KiB on, 3 from 256. */
    size_t text = size - 8 - (size > 65600 ? 5 : 3);
    char *pad = malloc(text);
    assert_non_null(pad);
    memset(pad, 'p', text);
    assert_int_equal(copse_cbor_write_map(&buf, 2), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(&buf, copse_bytes_of_text("p")), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(&buf, (copse_bytes){(uint8_t *)pad, text}), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(&buf, copse_bytes_of_text("_id")), COPSE_OK);
    assert_int_equal(copse_cbor_write_int(&buf, id), COPSE_OK);
    free(pad);
    assert_int_equal(buf.len, size);
    assert_int_equal(copse_write_insert(db->write, copse_bytes_of_text(collection),
                                        copse_buf_view(&buf), NULL, NULL),
                     COPSE_OK);
    database_world_commit(db);
    uint8_t key[64];
    size_t len = strlen(collection);
    key[0] = 0;
    memcpy(key + 1, collection, len);
    memcpy(key + 1 + len, "\0d\0", 3);
    copse_buf order;
    uint8_t id_item = (uint8_t)id;
    copse_buf_init(&order, database_world_env(db), SIZE_MAX);
    assert_int_equal(copse_order_write_primary(&order, (copse_bytes){&id_item, 1}, NULL), COPSE_OK);
    memcpy(key + 4 + len, order.ptr, order.len);
    assert_int_equal(copse_tree_get(db->tree, (copse_bytes){key, 4 + len + order.len}, &row, NULL),
                     COPSE_OK);
    copse_cbor_reader_init(&reader, row);
    assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
    assert_int_equal(item.kind, kind);
    assert_true(kind != COPSE_CBOR_ARRAY || item.arg == chunks);
    copse_document document = {.block = NULL};
    copse_database *database;
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    assert_int_equal(
        copse_database_get(database,
                           copse_database_collection(database, copse_bytes_of_text(collection)),
                           (copse_bytes){&id_item, 1}, &document, NULL),
        COPSE_OK);
    assert_true(copse_bytes_equal(document.encoded, copse_buf_view(&buf)));
    copse_document_release(&document);
    copse_database_close(database);
    copse_buf_release(&order);
    copse_buf_release(&buf);
}

static void test_forms(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    database_world db;
    database_world_init(&db, NULL);
    database_world_create(&db, "inline", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_create(&db, "linked", "_id", COPSE_DOCUMENTS_LINKED);
    expect_form(&db, "inline", 1024, 1, COPSE_CBOR_MAP, 0);
    expect_form(&db, "inline", 1025, 2, COPSE_CBOR_LINK, 0);
    expect_form(&db, "inline", MIB, 3, COPSE_CBOR_LINK, 0);
    expect_form(&db, "inline", MIB + 1, 4, COPSE_CBOR_ARRAY, 2);
    expect_form(&db, "linked", 300, 1, COPSE_CBOR_LINK, 0);
    expect_form(&db, "linked", 3 * MIB, 2, COPSE_CBOR_ARRAY, 3);
    expect_form(&db, "linked", 3 * MIB + 7, 3, COPSE_CBOR_ARRAY, 4);
    database_world_release(&db);
}

/* Loads a row's value made by hand. */
static copse_status load_row(database_world *db, copse_database *database, copse_bytes *data,
                             const uint64_t *codecs, size_t count, bool list)
{
    copse_buf row;
    copse_document document = {.block = NULL};
    copse_buf_init(&row, database_world_env(db), SIZE_MAX);
    assert_true(!list || copse_cbor_write_array(&row, count) == COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        copse_block *block;
        assert_int_equal(
            copse_block_of_data(database_world_env(db), codecs[i], data[i], &block, NULL),
            COPSE_OK);
        assert_int_equal(copse_store_put(db->world.store, &block, 1, NULL), COPSE_OK);
        const copse_cid *cid = copse_block_cid(block);
        assert_int_equal(copse_cbor_write_link(&row, (copse_bytes){cid->bytes, cid->size}),
                         COPSE_OK);
        copse_block_unref(block);
    }
    copse_status status = copse_document_load(database, copse_buf_view(&row), &document, NULL);
    assert_true(status == COPSE_OK || document.encoded.ptr == NULL);
    copse_document_release(&document);
    copse_buf_release(&row);
    return status;
}

static void test_damaged_documents(void **state)
{
    (void)state;
    static const uint64_t codecs[] = {COPSE_CODEC_RAW, COPSE_CODEC_RAW};
    static const uint64_t cbor[] = {COPSE_CODEC_DAG_CBOR};
    database_world db;
    copse_database *database;
    copse_document document = {.block = NULL};
    database_world_init(&db, NULL);
    assert_int_equal(copse_database_open(db.tree, &database, NULL), COPSE_OK);
    uint8_t *chunk = malloc(1 << 20);
    assert_non_null(chunk);
    memset(chunk, 'x', 1 << 20);
    memcpy(chunk, "\xa1\x61p\x7a\x00\x0f\xff\xf9", 8); /* {"p": 0xffff9 bytes}: 1 byte over */
    copse_bytes chunks[] = {{chunk, 1 << 20}, {(const uint8_t *)"x", 1}};
    assert_int_equal(load_row(&db, database, chunks, codecs, 2, true), COPSE_OK);
    chunks[1].len = 0;
    assert_int_equal(load_row(&db, database, chunks, codecs, 2, true), COPSE_CORRUPT);
    chunks[1] = (copse_bytes){(const uint8_t *)"xy", 2}; /* bytes behind the map */
    assert_int_equal(load_row(&db, database, chunks, codecs, 2, true), COPSE_CORRUPT);
    chunks[1] = (copse_bytes){(const uint8_t *)"x", 1};
    chunks[0].len--;
    assert_int_equal(load_row(&db, database, chunks, codecs, 2, true), COPSE_CORRUPT);
    assert_int_equal(load_row(&db, database, chunks, codecs, 1, true), COPSE_CORRUPT);
    assert_int_equal(load_row(&db, database, chunks, codecs, 0, true), COPSE_CORRUPT);
    chunks[0] = (copse_bytes){(const uint8_t *)"\x80", 1}; /* an array */
    assert_int_equal(load_row(&db, database, chunks, cbor, 1, false), COPSE_CORRUPT);
    chunks[0] = (copse_bytes){(const uint8_t *)"\xa1\x61", 2}; /* it ends early */
    assert_int_equal(load_row(&db, database, chunks, cbor, 1, false), COPSE_CORRUPT);
    assert_int_equal(
        copse_document_load(database, (copse_bytes){(const uint8_t *)"\x01", 1}, &document, NULL),
        COPSE_CORRUPT);
    assert_int_equal(copse_document_load(database,
                                         (copse_bytes){(const uint8_t *)"\x82\x01\x02", 3},
                                         &document, NULL),
                     COPSE_CORRUPT);
    free(chunk);
    copse_database_close(database);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_catalogue),
        cmocka_unit_test(test_header_refused),
        cmocka_unit_test(test_rows_refused),
        cmocka_unit_test(test_definitions_refused),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_damaged_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
