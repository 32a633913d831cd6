/* Databases of version 1: the one of ipld-prolly-indexer's README, and records of all shapes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/version1.h"

#include <copse/car.h>
#include <copse/database_check.h>
#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/fault_store.h"

/* Puts all blocks of the vector into the store. False: the file is not there. */
static bool version1_import(tree_world *world, copse_cid *ret_root)
{
    uint8_t *bytes;
    size_t size;
    copse_car_reader *reader;
    copse_car_item item;
    copse_status status;
    if (!test_read_file(test_vector_path("ipld-prolly-indexer/init.car"), &bytes, &size)) {
        print_message("skipped: no ipld-prolly-indexer/init.car\n");
        return false;
    }
    assert_int_equal(copse_car_reader_new(&world->test.env, NULL, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, (copse_bytes){bytes, size}, NULL), COPSE_OK);
    copse_car_reader_feed_end(reader);
    while ((status = copse_car_reader_next(reader, &item, NULL)) == COPSE_OK) {
        if (item.kind == COPSE_CAR_HEADER) {
            *ret_root = item.header->roots[0];
        } else {
            copse_block *block = NULL;
            assert_int_equal(copse_block_new(&world->test.env, &item.cid, item.data, &block, NULL),
                             COPSE_OK);
            assert_int_equal(copse_store_put(world->store, &block, 1, NULL), COPSE_OK);
            copse_block_unref(block);
        }
    }
    assert_int_equal(status, COPSE_END);
    copse_car_reader_free(reader);
    free(bytes);
    return true;
}

static void assert_json(const copse_env *env, copse_bytes encoded, const char *expected)
{
    copse_buf json;
    copse_buf_init(&json, env, SIZE_MAX);
    assert_int_equal(copse_ext_json_from_cbor(env, encoded, false, &json, NULL), COPSE_OK);
    assert_int_equal(copse_buf_append_byte(&json, 0), COPSE_OK);
    assert_string_equal((const char *)json.ptr, expected);
    copse_buf_release(&json);
}

/* ---- the database of the README ---- */

static void version1_get(const copse_env *env, copse_database *database,
                         const copse_collection *users, const char *id, const char *expected)
{
    copse_document document = {.block = NULL};
    copse_bytes value = database_world_value(id);
    copse_status status = copse_database_get(database, users, value, &document, NULL);
    if (expected == NULL) {
        assert_int_equal(status, COPSE_NOT_FOUND);
    } else {
        assert_int_equal(status, COPSE_OK);
        assert_json(env, document.encoded, expected);
    }
    copse_document_release(&document);
    database_world_free(value);
}

static void version1_scan(const copse_env *env, copse_database *database)
{
    static const char *const documents[] = {
        "{\"name\":\"Bob\"}",
        "{\"name\":\"Alice\"}",
        "{\"name\":\"Albert\"}",
        "{\"name\":\"Clearance and Steve\"}",
    };
    static const char *const ids[] = {"\"Bob\"", "\"Alice\"", "\"Albert\"",
                                      "\"Clearance and Steve\""};
    copse_cursor *cursor = NULL;
    copse_document document = {.block = NULL};
    copse_buf prefix;
    copse_buf id;
    copse_buf_init(&prefix, env, SIZE_MAX);
    copse_buf_init(&id, env, SIZE_MAX);
    assert_int_equal(copse_version1_write_documents(&prefix, copse_bytes_of_text("users")),
                     COPSE_OK);
    assert_int_equal(copse_cursor_new(copse_database_tree(database), &cursor, NULL), COPSE_OK);
    assert_int_equal(copse_cursor_seek(cursor, copse_buf_view(&prefix), NULL), COPSE_OK);
    for (size_t i = 0; i < 4; i++) {
        copse_bytes key = copse_cursor_key(cursor);
        assert_true(copse_bytes_has_prefix(key, copse_buf_view(&prefix)));
        assert_int_equal(copse_document_load(database, copse_cursor_value(cursor), &document, NULL),
                         COPSE_OK);
        assert_json(env, document.encoded, documents[i]);
        copse_buf_truncate(&id, 0);
        key = (copse_bytes){key.ptr + prefix.len, key.len - prefix.len};
        assert_int_equal(copse_version1_write_id(env, key, &id, NULL), COPSE_OK);
        assert_json(env, copse_buf_view(&id), ids[i]);
        assert_int_equal(copse_cursor_next(cursor, NULL), COPSE_OK);
    }
    assert_false(copse_bytes_has_prefix(copse_cursor_key(cursor), copse_buf_view(&prefix)));
    copse_document_release(&document);
    copse_cursor_free(cursor);
    copse_buf_release(&prefix);
    copse_buf_release(&id);
}

static void test_the_database_of_the_readme(void **state)
{
    (void)state;
    tree_world world;
    copse_cid root;
    copse_database *database = NULL;
    size_t collections;
    uint64_t count = 0;
    tree_world_init(&world);
    if (version1_import(&world, &root)) {
        const copse_env *env = &world.test.env;
        copse_tree *tree = tree_world_open(&world, &root);
        assert_int_equal(copse_database_open(tree, &database, NULL), COPSE_OK);
        assert_int_equal(copse_database_version(database), 1);
        const copse_collection *users = copse_database_collections(database, &collections);
        assert_int_equal(collections, 1);
        assert_true(copse_bytes_equal(users->name, copse_bytes_of_text("users")));
        assert_int_equal(users->indexes_count, 0);
        assert_int_equal(users->primary_key.len, 0);
        assert_int_equal(copse_database_count(database, users, &count, NULL), COPSE_OK);
        assert_int_equal(count, 4);
        version1_get(env, database, users, "\"Bob\"", "{\"name\":\"Bob\"}");
        version1_get(env, database, users, "\"Carol\"", NULL);
        version1_get(env, database, users, "18", NULL);
        version1_scan(env, database);
        copse_database_close(database);
        copse_tree_close(tree);
    }
    tree_world_release(&world);
}

static void test_the_check_reads_its_records(void **state)
{
    (void)state;
    tree_world world;
    copse_cid root;
    copse_database_check_stats stats = {.defects = 7};
    tree_world_init(&world);
    if (version1_import(&world, &root)) {
        assert_int_equal(
            copse_database_check(&world.test.env, world.store, &root, NULL, &stats, NULL),
            COPSE_OK);
        assert_int_equal(stats.defects, 0);
        assert_int_equal(stats.documents, 4);
        assert_int_equal(stats.collections, 1);
    }
    tree_world_release(&world);
}

/* Each block in its turn is wanted, never NOT_FOUND. */
static void test_missing_blocks_are_wanted(void **state)
{
    (void)state;
    tree_world full;
    copse_cid root;
    tree_world_init(&full);
    if (version1_import(&full, &root)) {
        copse_source *source = NULL;
        copse_node_cache *cache = NULL;
        copse_tree *tree = NULL;
        copse_database *database = NULL;
        copse_document document = {.block = NULL};
        copse_bytes id = database_world_value("\"Albert\"");
        const copse_env *env = &full.test.env;
        size_t supplied = 0;
        copse_status status = COPSE_WANT;
        assert_int_equal(copse_source_new(env, NULL, &source, NULL), COPSE_OK);
        assert_int_equal(copse_node_cache_new(env, source, &cache, NULL), COPSE_OK);
        while (status == COPSE_WANT) {
            status = tree == NULL ? copse_tree_open(cache, &root, &tree, NULL) : COPSE_OK;
            if (status == COPSE_OK && database == NULL) {
                status = copse_database_open(tree, &database, NULL);
            }
            if (status == COPSE_OK) {
                size_t count;
                status = copse_database_get(database, copse_database_collections(database, &count),
                                            id, &document, NULL);
            }
            if (status == COPSE_WANT) {
                size_t count;
                copse_block *block = NULL;
                const copse_cid *wants = copse_source_wants(source, &count);
                assert_int_equal(count, 1);
                assert_int_equal(copse_store_get(full.store, wants, &block, NULL), COPSE_OK);
                assert_int_equal(copse_source_supply_block(source, block, NULL), COPSE_OK);
                copse_block_unref(block);
                supplied++;
            }
        }
        assert_int_equal(status, COPSE_OK);
        assert_int_equal(supplied, 4); /* root, config, leaf, record */
        assert_json(env, document.encoded, "{\"name\":\"Albert\"}");
        copse_document_release(&document);
        database_world_free(id);
        copse_database_close(database);
        copse_tree_close(tree);
        copse_node_cache_free(cache);
        copse_source_free(source);
    }
    tree_world_release(&full);
}

static void test_our_trees_are_none(void **state)
{
    (void)state;
    database_world db;
    bool is = true;
    database_world_init(&db, NULL);
    assert_int_equal(copse_version1_is(db.tree, &is, NULL), COPSE_OK);
    assert_false(is);
    database_world_release(&db);
}

/* ---- records ---- */

typedef struct record_case {
    const char *bytes;
    size_t size;
    uint64_t codec;
    copse_status status;
    const char *json; /* NULL: refused */
} record_case;

#define RECORD(literal, codec, status, json)                                                       \
    {                                                                                              \
        (literal), sizeof(literal) - 1, (codec), (status), (json)                                  \
    }

static const record_case record_cases[] = {
    /* strict, keys in any order, in two levels */
    RECORD("\xa2\x61"
           "a\x01\x61"
           "b\x02",
           COPSE_CODEC_DAG_CBOR, COPSE_OK, "{\"a\":1,\"b\":2}"),
    RECORD("\xa2\x64"
           "name\x63"
           "Bob\x63"
           "age\x13",
           COPSE_CODEC_DAG_CBOR, COPSE_OK, "{\"age\":19,\"name\":\"Bob\"}"),
    RECORD("\xa1\x61"
           "x\x82\xa2\x62"
           "bb\x01\x61"
           "a\x80\xa0",
           COPSE_CODEC_DAG_CBOR, COPSE_OK, "{\"x\":[{\"a\":[],\"bb\":1},{}]}"),
    /* a float of 16 bits, of 32 bits, minus zero, undefined */
    RECORD("\xa1\x61"
           "x\xf9\x3e\x00",
           COPSE_CODEC_DAG_CBOR, COPSE_OK, "{\"x\":1.5}"),
    RECORD("\xa1\x61"
           "x\xfa\x40\x20\x00\x00",
           COPSE_CODEC_DAG_CBOR, COPSE_OK, "{\"x\":2.5}"),
    RECORD("\xa1\x61"
           "x\xf9\x80\x00",
           COPSE_CODEC_DAG_CBOR, COPSE_OK, "{\"x\":-0.0}"),
    RECORD("\xa1\x61"
           "x\xf7",
           COPSE_CODEC_DAG_CBOR, COPSE_OK, "{\"x\":null}"),
    /* JSON */
    RECORD("{\"b\":1,\"a\":[true,{\"/\":{\"bytes\":\"AQ\"}}]}", COPSE_CODEC_DAG_JSON, COPSE_OK,
           "{\"a\":[true,{\"$binary\":{\"base64\":\"AQ==\",\"subType\":\"00\"}}],\"b\":1}"),
    RECORD("{\"b\":1,", COPSE_CODEC_DAG_JSON, COPSE_CORRUPT, NULL),
    /* no map; text that is not UTF-8; a key twice; no form; cut */
    RECORD("\x81\x01", COPSE_CODEC_DAG_CBOR, COPSE_CORRUPT, NULL),
    RECORD("\xa1\x61"
           "x\x61\xff",
           COPSE_CODEC_DAG_CBOR, COPSE_CORRUPT, NULL),
    RECORD("\xa2\x61"
           "x\x01\x61"
           "x\x02",
           COPSE_CODEC_DAG_CBOR, COPSE_CORRUPT, NULL),
    RECORD("\xa1\x61"
           "x\xa1\x63"
           "$in\x01",
           COPSE_CODEC_DAG_CBOR, COPSE_CORRUPT, NULL),
    RECORD("\xa1\x61"
           "x",
           COPSE_CODEC_DAG_CBOR, COPSE_CORRUPT, NULL),
};

/* Reads a record that lies in a store. */
static copse_status record_load(const copse_env *env, const record_case *record,
                                copse_document *document)
{
    copse_block *block = NULL;
    copse_source *source = NULL;
    copse_buf link;
    copse_buf_init(&link, env, SIZE_MAX);
    copse_status status = copse_block_of_data(
        env, record->codec, (copse_bytes){(const uint8_t *)record->bytes, record->size}, &block,
        NULL);
    if (status == COPSE_OK) {
        const copse_cid *cid = copse_block_cid(block);
        status = copse_cbor_write_link(&link, (copse_bytes){cid->bytes, cid->size});
    }
    if (status == COPSE_OK) {
        status = copse_source_new(env, NULL, &source, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_source_supply_block(source, block, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_version1_load_within(source, env, copse_buf_view(&link), document, NULL);
    }
    copse_block_unref(block);
    copse_source_free(source);
    copse_buf_release(&link);
    return status;
}

static void test_records_of_all_shapes(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof record_cases / sizeof *record_cases; i++) {
        const record_case *record = &record_cases[i];
        copse_document document = {.block = NULL};
        assert_int_equal(record_load(&test.env, record, &document), record->status);
        if (record->json != NULL) {
            assert_int_equal(copse_document_check(document.encoded, &test.env.limits, NULL),
                             COPSE_OK);
            assert_json(&test.env, document.encoded, record->json);
        } else {
            assert_null(document.encoded.ptr);
        }
        copse_document_release(&document);
    }
    test_env_assert_empty(&test);
}

static void test_a_row_that_is_no_link(void **state)
{
    (void)state;
    test_env test;
    copse_source *source = NULL;
    copse_document document = {.block = NULL};
    static const uint8_t number[] = {5};
    test_env_init(&test);
    assert_int_equal(copse_source_new(&test.env, NULL, &source, NULL), COPSE_OK);
    assert_int_equal(copse_version1_load_within(
                         source, &test.env, (copse_bytes){number, sizeof number}, &document, NULL),
                     COPSE_CORRUPT);
    copse_source_free(source);
    test_env_assert_empty(&test);
}

static void test_record_ids(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t size;
        const char *json;
    } cases[] = {
        {"\x81\x01", 2, "1"},
        {"\x81\xf9\x3e\x00", 4, "1.5"},
        {"\x82\x01\x61z", 4, "[1,\"z\"]"},
        {"\x80", 1, "[]"},
        /* the CID of a record, or anything else: bytes */
        {"\x01\x71", 2, "{\"$binary\":{\"base64\":\"AXE=\",\"subType\":\"00\"}}"},
        {"\x81\xa1\x62$x\x01", 6, "{\"$binary\":{\"base64\":\"gaFiJHgB\",\"subType\":\"00\"}}"},
    };
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copse_buf id;
        copse_buf_init(&id, &test.env, SIZE_MAX);
        copse_bytes record_id = {(const uint8_t *)cases[i].bytes, cases[i].size};
        assert_int_equal(copse_version1_write_id(&test.env, record_id, &id, NULL), COPSE_OK);
        assert_json(&test.env, copse_buf_view(&id), cases[i].json);
        copse_buf_release(&id);
    }
    test_env_assert_empty(&test);
}

static copse_status record_sweep(const copse_env *env, void *ctx)
{
    copse_document document = {.block = NULL};
    copse_status status = record_load(env, ctx, &document);
    copse_document_release(&document);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof record_cases / sizeof *record_cases; i++) {
        record_case record = record_cases[i];
        if (record.status == COPSE_OK) {
            assert_true(test_env_sweep(record_sweep, &record, 1000) > 3);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_database_of_the_readme),
        cmocka_unit_test(test_the_check_reads_its_records),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_our_trees_are_none),
        cmocka_unit_test(test_records_of_all_shapes),
        cmocka_unit_test(test_a_row_that_is_no_link),
        cmocka_unit_test(test_record_ids),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("version1", tests, NULL, NULL);
}
