/* Blocks of a writer who means harm: each of these once passed a bound, and must be refused where
 * it comes in.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/batch.h>
#include <copse/car.h>
#include <copse/cursor.h>
#include <copse/dag_cbor.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/check_support.h"
#include "support/hand_tree.h"
#include "support/tree_model.h"
#include "tree/config.h"
#include "tree/node.h"

/* A store with a config's block in it, and a hand that makes nodes. */
typedef struct hostile {
    tree_world world;
    hand_tree hand;
    copse_cid config;
    copse_tree *tree;
} hostile;

static void hostile_init_foreign(hostile *made, copse_tree_kind kind, copse_bytes config)
{
    *made = (hostile){0};
    tree_world_init(&made->world);
    made->hand =
        (hand_tree){.env = &made->world.test.env, .store = made->world.store, .kind = kind};
    hand_tree_put(&made->hand, config, &made->config);
}

static void hostile_init(hostile *made, copse_tree_config config)
{
    copse_env env;
    copse_buf buf;
    copse_env_init(&env);
    copse_buf_init(&buf, &env, SIZE_MAX);
    assert_int_equal(copse_tree_config_encode(&config, &buf, NULL), COPSE_OK);
    hostile_init_foreign(made, COPSE_TREE_OURS, copse_buf_view(&buf));
    copse_buf_release(&buf);
}

/* Opens the tree with this top; opening reads the root and the config only. */
static copse_cid hostile_open(hostile *made, const copse_cid *top)
{
    copse_cid root = hand_tree_root(&made->hand, &made->config, top);
    copse_tree_close(made->tree);
    made->tree = tree_world_open(&made->world, &root);
    return root;
}

static void hostile_release(hostile *made)
{
    copse_tree_close(made->tree);
    tree_world_release(&made->world);
}

static copse_status hostile_get(const hostile *made, const char *key)
{
    copse_bytes value;
    return copse_tree_get(made->tree, copse_bytes_of_text(key), &value, NULL);
}

/* That the check finds nothing but `cid`, which is no node of such a tree. */
static void hostile_assert_named(hostile *made, const copse_cid *root, const copse_cid *cid)
{
    copse_tree_stats stats;
    found_list found = check_support_run(&made->world.test.env, made->world.store, root, &stats);
    check_support_assert_found(&found, COPSE_CHECK_FORMAT, cid);
}

/* ---- one root for one tree ---- */

/* Puts a block of the store a second time, as raw bytes. */
static copse_cid hostile_as_raw(const hostile *made, const copse_cid *cid)
{
    copse_block *block;
    copse_block *raw;
    copse_cid raw_cid;
    assert_int_equal(copse_store_get(made->world.store, cid, &block, NULL), COPSE_OK);
    copse_bytes data = copse_block_data(block);
    copse_cid_of_data(COPSE_CODEC_RAW, data, &raw_cid);
    assert_int_equal(copse_block_new(&made->world.test.env, &raw_cid, data, &raw, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(made->world.store, &raw, 1, NULL), COPSE_OK);
    copse_block_unref(raw);
    copse_block_unref(block);
    return raw_cid;
}

static void hostile_assert_no_tree(const hostile *made, const copse_cid *root)
{
    copse_tree *tree = NULL;
    assert_int_equal(copse_tree_open(made->world.cache, root, &tree, NULL), COPSE_CORRUPT);
    assert_null(tree);
}

static void test_raw_codec(void **state)
{
    (void)state;
    hostile made;
    tree_fixture_entry entry = hand_tree_entry("a", 1);
    hostile_init(&made, tree_model_small_config());
    hand_piece leaf = hand_tree_leaf(&made.hand, &entry, 1);
    copse_cid root = hostile_open(&made, &leaf.cid);
    assert_int_equal(hostile_get(&made, "a"), COPSE_OK);

    copse_cid raw_root = hostile_as_raw(&made, &root);
    copse_cid raw_top = hostile_as_raw(&made, &leaf.cid);
    copse_cid raw_config = hostile_as_raw(&made, &made.config);
    hostile_assert_no_tree(&made, &raw_root);
    root = hand_tree_root(&made.hand, &made.config, &raw_top);
    hostile_assert_no_tree(&made, &root);
    root = hand_tree_root(&made.hand, &raw_config, &leaf.cid);
    hostile_assert_no_tree(&made, &root);
    hostile_release(&made);
}

/* ---- what a config allows ---- */

/* A leaf of the keys "k" and "kkk…" of `size` bytes. */
static hand_piece hostile_long_key(const hostile *made, size_t size)
{
    uint8_t key[COPSE_KEY_SIZE_BYTES_MAX];
    copse_env env;
    copse_buf buf;
    hand_piece piece = {.key = "k", .key_len = 1, .count = 2};
    memset(key, 'k', sizeof key);
    copse_env_init(&env);
    copse_buf_init(&buf, &env, SIZE_MAX);
    assert_int_equal(copse_cbor_write_array(&buf, 3), COPSE_OK);
    assert_int_equal(copse_cbor_write_bool(&buf, true), COPSE_OK);
    assert_int_equal(copse_cbor_write_array(&buf, 2), COPSE_OK);
    assert_int_equal(copse_cbor_write_bytes(&buf, (copse_bytes){key, 1}), COPSE_OK);
    assert_int_equal(copse_cbor_write_bytes(&buf, (copse_bytes){key, size}), COPSE_OK);
    assert_int_equal(copse_cbor_write_array(&buf, 2), COPSE_OK);
    assert_int_equal(copse_cbor_write_uint(&buf, 7), COPSE_OK);
    assert_int_equal(copse_cbor_write_uint(&buf, 8), COPSE_OK);
    hand_tree_put(&made->hand, copse_buf_view(&buf), &piece.cid);
    copse_buf_release(&buf);
    return piece;
}

/* A key of max/8 bytes may stand in the tree, a longer one not: P5. */
static void test_long_key(void **state)
{
    enum { LONGEST = 256 / 8 };
    (void)state;
    for (size_t size = LONGEST; size <= LONGEST + 1; size++) {
        hostile made;
        copse_cursor *cursor;
        copse_tree_stats stats;
        copse_status want = size > LONGEST ? COPSE_CORRUPT : COPSE_OK;
        hostile_init(&made, (copse_tree_config){0, 256, 128});
        hand_piece leaf = hostile_long_key(&made, size);
        copse_cid root = hostile_open(&made, &leaf.cid);
        assert_int_equal(hostile_get(&made, "k"), want);
        assert_int_equal(copse_cursor_new(made.tree, &cursor, NULL), COPSE_OK);
        assert_int_equal(copse_cursor_next(cursor, NULL), want);
        copse_cursor_free(cursor);
        if (size > LONGEST) {
            hostile_assert_named(&made, &root, &leaf.cid);
        } else {
            found_list found =
                check_support_run(&made.world.test.env, made.world.store, &root, &stats);
            check_support_assert_clean(&found);
        }
        hostile_release(&made);
    }
}

/* The same in a leaf below a branch, beside one that can be read. */
static void test_long_key_below(void **state)
{
    (void)state;
    for (size_t size = 32; size <= 33; size++) {
        hostile made;
        tree_fixture_entry entry = hand_tree_entry("a", 1);
        hostile_init(&made, (copse_tree_config){0, 256, 128});
        hand_piece leaves[2] = {hand_tree_leaf(&made.hand, &entry, 1),
                                hostile_long_key(&made, size)};
        hand_piece top = hand_tree_branch(&made.hand, leaves, 2);
        (void)hostile_open(&made, &top.cid);
        assert_int_equal(hostile_get(&made, "a"), COPSE_OK);
        assert_int_equal(hostile_get(&made, "k"), size > 32 ? COPSE_CORRUPT : COPSE_OK);
        hostile_release(&made);
    }
}

/* No forced cut looks at more entries than max holds, of two bytes each: P5. */
static void test_large_ahead(void **state)
{
    enum { AHEAD_MAX = 1024 / 2 + 1 };
    (void)state;
    for (uint32_t ahead = AHEAD_MAX; ahead <= AHEAD_MAX + 1; ahead++) {
        hostile made;
        tree_fixture_entry entries[2] = {hand_tree_entry("a", 1), hand_tree_entry("b", 2)};
        hostile_init(&made, (copse_tree_config){32, 1024, 128});
        hand_piece leaves[2] = {hand_tree_leaf(&made.hand, &entries[0], 1),
                                hand_tree_leaf(&made.hand, &entries[1], 1)};
        leaves[1].ahead = ahead;
        hand_piece top = hand_tree_branch(&made.hand, leaves, 2);
        copse_cid root = hostile_open(&made, &top.cid);
        assert_int_equal(hostile_get(&made, "a"), ahead > AHEAD_MAX ? COPSE_CORRUPT : COPSE_OK);
        assert_int_equal(hostile_get(&made, "b"), ahead > AHEAD_MAX ? COPSE_CORRUPT : COPSE_OK);
        if (ahead > AHEAD_MAX) {
            hostile_assert_named(&made, &root, &top.cid);
        }
        hostile_release(&made);
    }
}

/* ---- sizes ---- */

/* Refused at the put, not when the tree is written; the batch stays as it was. */
static void test_huge_value(void **state)
{
    (void)state;
    test_env test;
    copse_batch *batch;
    copse_bytes key = copse_bytes_of_text("k");
    size_t len;
    uint8_t *value = tree_value_bytes(2 * 1024 * 1024, 'v', &len);
    test_env_init(&test);
    assert_int_equal(copse_batch_new(&test.env, &batch, NULL), COPSE_OK);
    assert_int_equal(copse_batch_put(batch, key, (copse_bytes){value, len}, NULL), COPSE_LIMIT);
    assert_int_equal(copse_batch_count(batch), 0);
    assert_true(test.peak_bytes < 4096);
    assert_int_equal(copse_batch_put(batch, key, (copse_bytes){value + len - 1, 0}, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_batch_put(batch, key, copse_bytes_of_text("\x07"), NULL), COPSE_OK);
    assert_int_equal(copse_batch_count(batch), 1);
    copse_batch_free(batch);
    test_env_assert_empty(&test);
    free(value);
}

/* A branch that claims 200 children in 204 bytes. */
static void test_claimed_count(void **state)
{
    (void)state;
    static const copse_tree_kind kinds[] = {COPSE_TREE_OURS, COPSE_TREE_DRAFT, COPSE_TREE_GO};
    uint8_t bytes[4 + 200] = {0x85, 0xf4, 0x98, 200};
    memset(bytes + 4, 0x40, 200);
    for (size_t i = 0; i < 3; i++) {
        test_env test;
        copse_cid cid;
        copse_block *block;
        copse_node *node = NULL;
        copse_bytes data = {bytes, sizeof bytes};
        test_env_init(&test);
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, data, &cid);
        assert_int_equal(copse_block_new(&test.env, &cid, data, &block, NULL), COPSE_OK);
        assert_int_equal(copse_node_parse(&test.env, block, kinds[i], &node, NULL), COPSE_CORRUPT);
        assert_null(node);
        copse_block_unref(block);
        assert_true(test.peak_bytes < 4096);
        test_env_assert_empty(&test);
    }
}

/* Reads what is fed in chunks, up to its end or a failure. */
static copse_status hostile_read_car(copse_bytes car, size_t chunk_size, size_t *ret_sections)
{
    test_env test;
    copse_car_reader *reader;
    copse_car_item item;
    size_t at = 0;
    test_env_init(&test);
    *ret_sections = 0;
    copse_status status = copse_car_reader_new(&test.env, NULL, &reader, NULL);
    while (status == COPSE_OK) {
        status = copse_car_reader_next(reader, &item, NULL);
        *ret_sections += status == COPSE_OK && item.kind == COPSE_CAR_SECTION;
        if (status == COPSE_WANT) {
            size_t size = car.len - at < chunk_size ? car.len - at : chunk_size;
            status = copse_car_reader_feed(reader, (copse_bytes){car.ptr + at, size}, NULL);
            at += size;
            if (size == 0) {
                copse_car_reader_feed_end(reader);
            }
        }
    }
    (void)copse_car_reader_free(reader);
    test_env_assert_empty(&test);
    return status;
}

/* A payload that ends at byte 2^64 - 1 - less, or at 2^64: it is not in the file. */
static void test_endless_payload(void **state)
{
    (void)state;
    /* Pragma, then characteristics, data offset and size, index offset; then a CARv1 of the root
     * bafkqaaa and its section. */
    static const uint8_t start[11] = {0x0a, 0xa1, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 2};
    static const uint8_t payload[31] = {
        0x19, 0xa2, 0x65, 'r', 'o', 'o', 't', 's', 0x81, 0xd8, 0x2a, 0x45, 0x00, 0x01, 0x55, 0,
        0,    0x67, 'v',  'e', 'r', 's', 'i', 'o', 'n',  1,    4,    1,    0x55, 0,    0};
    for (uint64_t less = 0; less < 3; less++) {
        uint8_t bytes[COPSE_CAR_START_SIZE_BYTES + sizeof payload] = {0};
        uint64_t data_size = UINT64_MAX - COPSE_CAR_START_SIZE_BYTES - less;
        memcpy(bytes, start, sizeof start);
        bytes[27] = COPSE_CAR_START_SIZE_BYTES;
        for (size_t i = 0; i < 8; i++) {
            bytes[35 + i] = (uint8_t)(data_size >> 8 * i);
        }
        memcpy(bytes + COPSE_CAR_START_SIZE_BYTES, payload, sizeof payload);
        for (size_t chunk = 1; chunk <= sizeof bytes; chunk++) {
            size_t sections;
            copse_bytes car = {bytes, sizeof bytes};
            assert_int_equal(hostile_read_car(car, chunk, &sections), COPSE_CORRUPT);
            assert_int_equal(sections, less == 0 ? 0 : 1);
        }
    }
}

/* ---- order ---- */

/* Moves until it can't, `reverse` or not, and asserts that the keys are these letters; gives the
 * status of the end, which a second try repeats. */
static copse_status hostile_scan(copse_tree *tree, bool reverse, const char *letters)
{
    copse_cursor *cursor;
    copse_status status;
    size_t count = 0;
    assert_int_equal(copse_cursor_new(tree, &cursor, NULL), COPSE_OK);
    while ((status = reverse ? copse_cursor_prev(cursor, NULL) : copse_cursor_next(cursor, NULL)) ==
           COPSE_OK) {
        copse_bytes key = copse_cursor_key(cursor);
        assert_true(count < strlen(letters));
        assert_int_equal(key.len, 1);
        assert_int_equal(key.ptr[0], letters[count]);
        count++;
    }
    assert_int_equal(count, strlen(letters));
    assert_int_equal(reverse ? copse_cursor_prev(cursor, NULL) : copse_cursor_next(cursor, NULL),
                     status);
    copse_cursor_free(cursor);
    return status;
}

/* The Go implementation's branches hold last keys, so nothing above shows where the second branch's
 * first leaf begins: the cursor must see that it begins below the leaf before it. */
static void test_go_overlap(void **state)
{
    (void)state;
    static const uint8_t config[] = {0x89, 0x19, 0x02, 0x00, 0x19, 0x10, 0x00, 0x19, 0x03,
                                     0xe8, 0x01, 0x18, 0x71, 0x12, 0x14, 0x00, 0xa1, 0x6d,
                                     'h',  'a',  's',  'h',  'T',  'h',  'r',  'e',  's',
                                     'h',  'o',  'l',  'd',  0x82, 0x0a, 0x12};
    static const struct {
        const char *letters; /* two a leaf, two leaves a branch */
        copse_status end;
        const char *forwards;
        const char *backwards;
    } rows[] = {{"abcdefgh", COPSE_END, "abcdefgh", "hgfedcba"},
                {"abcfeghi", COPSE_CORRUPT, "abcf", "ihge"},
                {"abcffghi", COPSE_CORRUPT, "abcf", "ihgf"},
                {"abcfaghi", COPSE_CORRUPT, "abcf", "ihga"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hostile made;
        hand_piece pieces[4];
        tree_fixture_entry entries[8];
        static const size_t twos[4] = {2, 2, 2, 2};
        hostile_init_foreign(&made, COPSE_TREE_GO, (copse_bytes){config, sizeof config});
        for (size_t j = 0; j < 8; j++) {
            const char key[2] = {rows[i].letters[j], 0};
            entries[j] = hand_tree_entry(key, (unsigned)j);
        }
        hand_tree_level(&made.hand, entries, NULL, twos, 4, pieces);
        hand_piece branches[2];
        hand_tree_level(&made.hand, NULL, pieces, twos, 2, branches);
        hand_piece top = hand_tree_branch(&made.hand, branches, 2);
        (void)hostile_open(&made, &top.cid);
        assert_int_equal(hostile_scan(made.tree, false, rows[i].forwards), rows[i].end);
        assert_int_equal(hostile_scan(made.tree, true, rows[i].backwards), rows[i].end);
        hostile_release(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_codec),       cmocka_unit_test(test_long_key),
        cmocka_unit_test(test_long_key_below),  cmocka_unit_test(test_large_ahead),
        cmocka_unit_test(test_huge_value),      cmocka_unit_test(test_claimed_count),
        cmocka_unit_test(test_endless_payload), cmocka_unit_test(test_go_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
