/* Trees that the Go implementation wrote: its own fixtures, and a database of version 1.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car.h>
#include <copse/check.h>
#include <copse/cursor.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "support/tree_fixture.h"
#include "tree/tree.h"

static void assert_cid(const copse_cid *cid, const char *text)
{
    char own[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_cid_to_text(cid, COPSE_BASE32, own);
    assert_string_equal(own, text);
}

/* ---- a foreign tree, opened ---- */

/* Uses the fields of a fixture; its entries are what a scan gave, or what the test put in. */
static void foreign_init(tree_fixture *foreign, const copse_env *env)
{
    *foreign = (tree_fixture){.env = env};
    assert_int_equal(copse_memory_store_new(env, &foreign->store, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(env, foreign->store, &foreign->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, foreign->source, &foreign->cache, NULL), COPSE_OK);
}

static void foreign_open(tree_fixture *foreign, const copse_cid *root)
{
    foreign->root = *root;
    assert_int_equal(copse_tree_open(foreign->cache, root, &foreign->tree, NULL), COPSE_OK);
}

/* Puts all blocks of a CAR into the store. False: the file is not there. */
static bool foreign_import(tree_fixture *foreign, const char *name, copse_cid *ret_root)
{
    uint8_t *bytes;
    size_t size;
    copse_car_reader *reader;
    copse_car_item item;
    if (!test_read_file(test_vector_path(name), &bytes, &size)) {
        print_message("skipped: no %s\n", name);
        return false;
    }
    assert_int_equal(copse_car_reader_new(foreign->env, NULL, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, (copse_bytes){bytes, size}, NULL), COPSE_OK);
    copse_car_reader_feed_end(reader);
    copse_status status;
    while ((status = copse_car_reader_next(reader, &item, NULL)) == COPSE_OK) {
        if (item.kind == COPSE_CAR_HEADER) {
            assert_int_equal(item.header->roots_count, 1);
            *ret_root = item.header->roots[0];
        } else {
            copse_block *block;
            assert_int_equal(copse_block_new(foreign->env, &item.cid, item.data, &block, NULL),
                             COPSE_OK);
            assert_int_equal(copse_store_put(foreign->store, &block, 1, NULL), COPSE_OK);
            copse_block_unref(block);
        }
    }
    assert_int_equal(status, COPSE_END);
    copse_car_reader_free(reader);
    free(bytes);
    return true;
}

/* What Copse writes only into its own trees is refused. */
static void assert_is_read_only(const tree_fixture *foreign)
{
    copse_tree_config config;
    assert_int_equal(copse_tree_get_config(foreign->tree, &config, NULL), COPSE_MISUSE);
    assert_int_equal(copse_tree_check_forced_cuts(foreign->tree, NULL), COPSE_MISUSE);
}

/* Copies what a scan gives, in order; the other reads are compared with it. */
static size_t scan_keys(copse_tree *tree, copse_bytes *ret_keys, copse_bytes *ret_values,
                        size_t max, uint8_t *room)
{
    copse_cursor *cursor;
    size_t count = 0;
    assert_int_equal(copse_cursor_new(tree, &cursor, NULL), COPSE_OK);
    while (copse_cursor_next(cursor, NULL) == COPSE_OK) {
        copse_bytes parts[2] = {copse_cursor_key(cursor), copse_cursor_value(cursor)};
        assert_true(count < max);
        for (size_t i = 0; i < 2; i++) {
            memcpy(room, parts[i].ptr, parts[i].len);
            *(i == 0 ? &ret_keys[count] : &ret_values[count]) = (copse_bytes){room, parts[i].len};
            room += parts[i].len;
        }
        count++;
    }
    copse_cursor_free(cursor);
    return count;
}

static void read_fixture(const char *name, const char *root_text, size_t count_expected)
{
    test_env test;
    tree_fixture foreign;
    copse_cid root;
    copse_bytes keys[64];
    copse_bytes values[64];
    static uint8_t room[1 << 16];
    test_env_init(&test);
    foreign_init(&foreign, &test.env);
    if (foreign_import(&foreign, name, &root)) {
        copse_tree_stats stats;
        copse_cursor *cursor;
        assert_cid(&root, root_text);
        foreign_open(&foreign, &root);
        assert_int_equal(foreign.tree->kind, COPSE_TREE_GO);
        size_t count = scan_keys(foreign.tree, keys, values, 64, room);
        assert_int_equal(count, count_expected);
        assert_int_equal(copse_cursor_new(foreign.tree, &cursor, NULL), COPSE_OK);
        for (size_t i = 0; i < count; i++) {
            copse_bytes value;
            assert_int_equal(copse_tree_get(foreign.tree, keys[i], &value, NULL), COPSE_OK);
            assert_true(copse_bytes_equal(value, values[i]));
            assert_int_equal(copse_cursor_seek(cursor, keys[i], NULL), COPSE_OK);
            assert_true(copse_bytes_equal(copse_cursor_value(cursor), values[i]));
            assert_true(i == 0 || copse_bytes_compare(keys[i - 1], keys[i]) < 0);
        }
        assert_int_equal(copse_cursor_seek_last(cursor, NULL), COPSE_OK);
        for (size_t i = count; i-- > 0;) {
            assert_true(copse_bytes_equal(copse_cursor_key(cursor), keys[i]));
            assert_int_equal(copse_cursor_prev(cursor, NULL), i > 0 ? COPSE_OK : COPSE_END);
        }
        copse_cursor_free(cursor);
        assert_is_read_only(&foreign);
        assert_int_equal(copse_tree_check(foreign.tree, NULL, &stats, NULL), COPSE_OK);
        assert_int_equal(stats.findings, 0);
        assert_int_equal(stats.entries, count);
    }
    tree_fixture_release(&foreign);
    test_env_assert_empty(&test);
}

static void test_go_fixtures(void **state)
{
    (void)state;
    read_fixture("go-ipld-prolly-trees/1RandPairs.tree.car",
                 "bafyrefa77jmpoghort5pvyqntqp7ulwyugj7qtq", 1);
    read_fixture("go-ipld-prolly-trees/5RandPairs.tree.car",
                 "bafyrefdu66upgia4uis7in4pgkdlazl7hvzzkhi", 5);
    read_fixture("ipld-prolly-indexer/init.car", "bafyrefd6plbehkwr35f4ftzz4atoc2pauub67ni", 5);
}

/* The one pair of 1RandPairs, and the metadata of a version 1 database. */
static void test_go_fixture_values(void **state)
{
    (void)state;
    static const uint8_t key[] = {0x1d, 0x72, 0x95, 0x66};
    static const uint8_t meta[] = {0xff, 0x00};
    static const char meta_value[] = "\xa2"
                                     "fFormathdatabasegVersion\x01";
    test_env test;
    tree_fixture foreign;
    copse_cid root;
    copse_bytes keys[64];
    copse_bytes values[64];
    static uint8_t room[1 << 16];
    copse_bytes value;
    test_env_init(&test);
    foreign_init(&foreign, &test.env);
    if (foreign_import(&foreign, "go-ipld-prolly-trees/1RandPairs.tree.car", &root)) {
        foreign_open(&foreign, &root);
        assert_int_equal(scan_keys(foreign.tree, keys, values, 64, room), 1);
        assert_true(copse_bytes_has_prefix(keys[0], (copse_bytes){key, sizeof key}));
        assert_int_equal(keys[0].len, 35);
        assert_int_equal(values[0].len, 17);
        assert_int_equal(values[0].ptr[0], 0x50);
        foreign.tree = copse_tree_close(foreign.tree);
        assert_true(foreign_import(&foreign, "ipld-prolly-indexer/init.car", &root));
        foreign_open(&foreign, &root);
        assert_int_equal(
            copse_tree_get(foreign.tree, (copse_bytes){meta, sizeof meta}, &value, NULL), COPSE_OK);
        assert_true(copse_bytes_equal(value, copse_bytes_of_text(meta_value)));
    }
    tree_fixture_release(&foreign);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go_fixtures),
        cmocka_unit_test(test_go_fixture_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
