/* Trees that others wrote, read through the same calls as our own: the Go implementation's, and
 * the draft's, made by hand. tests/foreign_fixture_test.c has those that the Go implementation
 * wrote itself.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/check.h>
#include <copse/cursor.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/hand_tree.h"
#include "support/proof_support.h"
#include "support/test_env.h"
#include "tree/tree.h"

enum { ENTRIES = 90, PIECES_MAX = 64 };

static const uint8_t GO_CONFIG[] = {0x89, 0x19, 0x02, 0x00, 0x19, 0x10, 0x00, 0x19, 0x03,
                                    0xe8, 0x01, 0x18, 0x71, 0x12, 0x14, 0x00, 0xa1, 0x6d,
                                    'h',  'a',  's',  'h',  'T',  'h',  'r',  'e',  's',
                                    'h',  'o',  'l',  'd',  0x82, 0x0a, 0x12};
static const uint8_t DRAFT_CONFIG[] = {
    0x87, 0x00, 0x1a, 0x00, 0x10, 0x00, 0x00, 0x01, 0x18, 0x71, 0x12, 0xf6, 0xa1, 0x6d, 'h', 'a',
    's',  'h',  'T',  'h',  'r',  'e',  's',  'h',  'o',  'l',  'd',  0x82, 0x18, 0x40, 0x12};

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

/* ---- reading ---- */

static void assert_at(const copse_cursor *cursor, const tree_fixture *foreign, size_t index)
{
    assert_true(copse_bytes_equal(copse_cursor_key(cursor), tree_fixture_key(foreign, index)));
    assert_true(copse_bytes_equal(copse_cursor_value(cursor), tree_fixture_value(foreign, index)));
}

/* Both ways, from each key, and from between the keys. */
static void assert_scans(const tree_fixture *foreign)
{
    copse_cursor *cursor;
    assert_int_equal(copse_cursor_new(foreign->tree, &cursor, NULL), COPSE_OK);
    for (size_t i = 0; i < foreign->count; i++) {
        assert_int_equal(copse_cursor_next(cursor, NULL), COPSE_OK);
        assert_at(cursor, foreign, i);
    }
    assert_int_equal(copse_cursor_next(cursor, NULL), COPSE_END);
    assert_int_equal(copse_cursor_seek_last(cursor, NULL), COPSE_OK);
    for (size_t i = foreign->count; i-- > 0;) {
        assert_at(cursor, foreign, i);
        assert_int_equal(copse_cursor_prev(cursor, NULL), i > 0 ? COPSE_OK : COPSE_END);
    }
    for (size_t i = 0; i < foreign->count; i++) {
        copse_bytes key = tree_fixture_key(foreign, i);
        uint8_t room[64];
        memcpy(room, key.ptr, key.len);
        room[key.len] = 0;
        copse_bytes behind = {room, key.len + 1};
        assert_int_equal(copse_cursor_seek(cursor, key, NULL), COPSE_OK);
        assert_at(cursor, foreign, i);
        if (i + 1 < foreign->count) {
            assert_int_equal(copse_cursor_seek(cursor, behind, NULL), COPSE_OK);
            assert_at(cursor, foreign, i + 1);
        } else {
            assert_int_equal(copse_cursor_seek(cursor, behind, NULL), COPSE_END);
        }
        assert_int_equal(copse_cursor_seek_before(cursor, behind, NULL), COPSE_OK);
        assert_at(cursor, foreign, i);
    }
    copse_cursor_free(cursor);
}

static void assert_gets(const tree_fixture *foreign)
{
    static const uint8_t low[1] = {0};
    static const uint8_t high[40] = {0xff, 0xff, 0xff, 0xff};
    copse_bytes value;
    for (size_t i = 0; i < foreign->count; i++) {
        copse_bytes key = tree_fixture_key(foreign, i);
        uint8_t room[64];
        assert_int_equal(copse_tree_get(foreign->tree, key, &value, NULL), COPSE_OK);
        assert_true(copse_bytes_equal(value, tree_fixture_value(foreign, i)));
        memcpy(room, key.ptr, key.len);
        room[key.len] = 0;
        assert_int_equal(
            copse_tree_get(foreign->tree, (copse_bytes){room, key.len + 1}, &value, NULL),
            COPSE_NOT_FOUND);
    }
    assert_int_equal(copse_tree_get(foreign->tree, (copse_bytes){low, 1}, &value, NULL),
                     COPSE_NOT_FOUND);
    assert_int_equal(copse_tree_get(foreign->tree, (copse_bytes){high, 40}, &value, NULL),
                     COPSE_NOT_FOUND);
}

/* What Copse writes only into its own trees is refused. */
static void assert_is_read_only(const tree_fixture *foreign)
{
    copse_tree_config config;
    assert_int_equal(copse_tree_get_config(foreign->tree, &config, NULL), COPSE_MISUSE);
    assert_int_equal(copse_tree_check_forced_cuts(foreign->tree, NULL), COPSE_MISUSE);
}

/* Reads are proved of foreign trees too. */
static void assert_proves(const tree_fixture *foreign)
{
    uint64_t random = foreign->count;
    for (size_t i = 0; i < 60; i++) {
        proof_support_query query;
        copse_buf proof;
        proof_support_random_query(&random, foreign, &query);
        proof_support_write(foreign, &query.query, &proof);
        assert_int_equal(proof_support_verify(foreign, &query.query, copse_buf_view(&proof), NULL),
                         COPSE_OK);
        copse_buf_release(&proof);
    }
}

static void assert_reads(const tree_fixture *foreign)
{
    copse_tree_stats stats;
    assert_scans(foreign);
    assert_gets(foreign);
    assert_is_read_only(foreign);
    assert_proves(foreign);
    assert_int_equal(copse_tree_check(foreign->tree, NULL, &stats, NULL), COPSE_OK);
    assert_int_equal(stats.findings, 0);
    assert_int_equal(stats.entries, foreign->count);
}

/* ---- trees made by hand ---- */

/* The tree that the notes on the draft give the CIDs of. */
static void test_draft_known_cids(void **state)
{
    (void)state;
    test_env test;
    tree_fixture foreign;
    copse_cid config;
    tree_fixture_entry entries[2] = {hand_tree_entry("a", 1), hand_tree_entry("b", 2)};
    test_env_init(&test);
    foreign_init(&foreign, &test.env);
    hand_tree hand = {.env = &test.env, .store = foreign.store, .kind = COPSE_TREE_DRAFT};
    hand_tree_put(&hand, (copse_bytes){DRAFT_CONFIG, sizeof DRAFT_CONFIG}, &config);
    assert_cid(&config, "bafyreibcwvaxph32vrpalnj2v2db3xnxresofkwcp24rbxuazfmzx33t2i");
    hand_piece leaf = hand_tree_leaf(&hand, entries, 2);
    assert_cid(&leaf.cid, "bafyreiagdazkzr4kajvxeqike5zdcraj57bkfpet4a63lkhc5sz2naoyom");
    copse_cid root = hand_tree_root(&hand, &config, &leaf.cid);
    assert_cid(&root, "bafyreid3tsgfk5wo4bl5ulmyo5qyumxow326itwa2i5dtdiku5tob2dqgy");
    foreign_open(&foreign, &root);
    assert_int_equal(foreign.tree->kind, COPSE_TREE_DRAFT);
    foreign.entries = calloc(2, sizeof *foreign.entries);
    memcpy(foreign.entries, entries, sizeof entries);
    foreign.count = 2;
    assert_reads(&foreign);
    tree_fixture_release(&foreign);
    test_env_assert_empty(&test);
}

/* A foreign tree of ENTRIES entries, made level by level. */
typedef struct foreign_hand {
    test_env test;
    tree_fixture foreign;
    hand_tree hand;
    copse_cid config;
    hand_piece pieces[PIECES_MAX];
    size_t count;
} foreign_hand;

/* Makes the leaves, `fanout` entries each. */
static void foreign_hand_init(foreign_hand *made, copse_tree_kind kind, size_t fanout)
{
    memset(made, 0, sizeof *made);
    test_env_init(&made->test);
    foreign_init(&made->foreign, &made->test.env);
    made->hand = (hand_tree){.env = &made->test.env, .store = made->foreign.store, .kind = kind};
    hand_tree_put(&made->hand,
                  kind == COPSE_TREE_GO ? (copse_bytes){GO_CONFIG, sizeof GO_CONFIG}
                                        : (copse_bytes){DRAFT_CONFIG, sizeof DRAFT_CONFIG},
                  &made->config);
    made->foreign.entries = calloc(ENTRIES, sizeof *made->foreign.entries);
    made->foreign.count = ENTRIES;
    for (size_t i = 0; i < ENTRIES; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%03zu", i * 3);
        made->foreign.entries[i] = hand_tree_entry(key, (unsigned)i);
    }
    for (size_t at = 0; at < ENTRIES; at += fanout) {
        size_t size = ENTRIES - at < fanout ? ENTRIES - at : fanout;
        made->pieces[made->count++] = hand_tree_leaf(&made->hand, made->foreign.entries + at, size);
    }
}

/* Makes a level of branches of `fanout` children each. */
static void foreign_hand_level(foreign_hand *made, size_t fanout)
{
    size_t count = 0;
    for (size_t at = 0; at < made->count; at += fanout) {
        size_t size = made->count - at < fanout ? made->count - at : fanout;
        made->pieces[count++] = hand_tree_branch(&made->hand, made->pieces + at, size);
    }
    made->count = count;
}

static void foreign_hand_open(foreign_hand *made)
{
    assert_int_equal(made->count, 1);
    copse_cid root = hand_tree_root(&made->hand, &made->config, &made->pieces[0].cid);
    foreign_open(&made->foreign, &root);
}

static void foreign_hand_release(foreign_hand *made)
{
    tree_fixture_release(&made->foreign);
    test_env_assert_empty(&made->test);
}

static void test_levels(void **state)
{
    (void)state;
    static const copse_tree_kind kinds[] = {COPSE_TREE_DRAFT, COPSE_TREE_GO};
    static const size_t fanouts[][4] = {{90}, {9, 10}, {5, 6, 3}, {7, 7, 2}, {3, 4, 4, 2}};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 5; j++) {
            foreign_hand made;
            foreign_hand_init(&made, kinds[i], fanouts[j][0]);
            size_t levels = 1;
            while (levels < 4 && fanouts[j][levels] != 0) {
                foreign_hand_level(&made, fanouts[j][levels++]);
            }
            foreign_hand_open(&made);
            assert_int_equal(made.foreign.tree->kind, kinds[i]);
            size_t height;
            assert_int_equal(copse_tree_height(made.foreign.tree, &height, NULL), COPSE_OK);
            assert_int_equal(height, levels);
            uint64_t count;
            assert_int_equal(copse_tree_count(made.foreign.tree, &count, NULL),
                             levels == 1 ? COPSE_OK : COPSE_MISUSE);
            assert_reads(&made.foreign);
            foreign_hand_release(&made);
        }
    }
}

/* ---- damage ---- */

/* That a scan and the check both see it. */
static void assert_corrupt(foreign_hand *made)
{
    copse_cursor *cursor;
    copse_tree_stats stats;
    foreign_hand_open(made);
    copse_status status;
    assert_int_equal(copse_cursor_new(made->foreign.tree, &cursor, NULL), COPSE_OK);
    while ((status = copse_cursor_next(cursor, NULL)) == COPSE_OK) {
    }
    assert_int_equal(status, COPSE_CORRUPT);
    copse_cursor_free(cursor);
    assert_int_equal(copse_tree_check(made->foreign.tree, NULL, &stats, NULL), COPSE_OK);
    assert_true(stats.findings > 0);
    foreign_hand_release(made);
}

/* Level 1 is made of leaves that the test bends; level 2 of level 1. */
static void bend_key(foreign_hand *made)
{
    made->pieces[4].key[made->pieces[4].key_len - 1] ^= 3;
}

static void bend_order(foreign_hand *made)
{
    hand_piece piece = made->pieces[4];
    made->pieces[4] = made->pieces[5];
    made->pieces[5] = piece;
}

/* A leaf with an entry of its neighbour; its parent's key for it is right. */
static void bend_overlap(foreign_hand *made)
{
    bool go = made->hand.kind == COPSE_TREE_GO;
    size_t begin = go ? 3 * 5 - 1 : 3 * 5;
    made->pieces[3] = hand_tree_leaf(&made->hand, made->foreign.entries + begin, 6);
}

static void bend_depth(foreign_hand *made)
{
    made->pieces[4].cid = hand_tree_branch(&made->hand, &made->pieces[4], 1).cid;
}

static void bend_empty(foreign_hand *made)
{
    made->pieces[4].cid = hand_tree_leaf(&made->hand, NULL, 0).cid;
}

static void bend_no_node(foreign_hand *made)
{
    made->pieces[4].cid = made->config;
}

/* A node of the other kind: the config's shape decides, not the node's arity. */
static void bend_kind(foreign_hand *made)
{
    hand_tree other = made->hand;
    other.kind = other.kind == COPSE_TREE_GO ? COPSE_TREE_DRAFT : COPSE_TREE_GO;
    made->pieces[4].cid = hand_tree_leaf(&other, made->foreign.entries + 4 * 5, 5).cid;
}

static void bend_arity(foreign_hand *made)
{
    hand_tree other = made->hand;
    other.arity = 6;
    made->pieces[4].cid = hand_tree_leaf(&other, made->foreign.entries + 4 * 5, 5).cid;
}

static void bend_keys(foreign_hand *made)
{
    tree_fixture_entry entries[5];
    memcpy(entries, made->foreign.entries + 4 * 5, sizeof entries);
    entries[2] = entries[1];
    made->pieces[4].cid = hand_tree_leaf(&made->hand, entries, 5).cid;
}

static void test_damage(void **state)
{
    (void)state;
    static void (*const bends[])(foreign_hand *) = {bend_key,   bend_order, bend_overlap,
                                                    bend_depth, bend_empty, bend_no_node,
                                                    bend_kind,  bend_arity, bend_keys};
    for (size_t i = 0; i < sizeof bends / sizeof bends[0]; i++) {
        for (size_t go = 0; go < 2; go++) {
            foreign_hand made;
            foreign_hand_init(&made, go != 0 ? COPSE_TREE_GO : COPSE_TREE_DRAFT, 5);
            bends[i](&made);
            foreign_hand_level(&made, 6);
            foreign_hand_level(&made, 3);
            assert_corrupt(&made);
        }
    }
}

/* Leaves on the two sides of an edge between branches that overlap. In a tree with last keys the
 * way down sees no bound there, but the check and the proofs do. */
static void test_overlap_across_branches(void **state)
{
    (void)state;
    for (size_t go = 0; go < 2; go++) {
        foreign_hand made;
        copse_tree_stats stats;
        copse_buf sink;
        const copse_proof_query all = {.kind = COPSE_PROOF_RANGE, .limit = UINT64_MAX};
        foreign_hand_init(&made, go != 0 ? COPSE_TREE_GO : COPSE_TREE_DRAFT, 5);
        if (go != 0) {
            /* leaf 6 begins with entry 28, which is in leaf 5 */
            tree_fixture_entry entries[6];
            entries[0] = made.foreign.entries[28];
            memcpy(entries + 1, made.foreign.entries + 30, 5 * sizeof *entries);
            made.pieces[6] = hand_tree_leaf(&made.hand, entries, 6);
        } else {
            /* leaf 5 ends with entry 30, which is in leaf 6 */
            made.pieces[5] = hand_tree_leaf(&made.hand, made.foreign.entries + 25, 6);
        }
        foreign_hand_level(&made, 6);
        foreign_hand_level(&made, 3);
        foreign_hand_open(&made);
        assert_int_equal(copse_tree_check(made.foreign.tree, NULL, &stats, NULL), COPSE_OK);
        assert_int_equal(stats.findings, 1);
        copse_buf_init(&sink, &made.test.env, SIZE_MAX);
        assert_int_equal(
            copse_proof_write(made.foreign.tree, &all, proof_support_sink(&sink), NULL, NULL),
            COPSE_CORRUPT);
        copse_buf_release(&sink);
        foreign_hand_release(&made);
    }
}

/* Roots and configs that are none. */
static void test_no_tree(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } configs[] = {{"\xa0", 1}, {"\x80", 1}, {"\x86\x01\x02\x03\x04\x05\x06", 7}, {"\x18\x01", 2}};
    test_env test;
    tree_fixture foreign;
    copse_tree *tree;
    test_env_init(&test);
    foreign_init(&foreign, &test.env);
    hand_tree hand = {.env = &test.env, .store = foreign.store, .kind = COPSE_TREE_DRAFT};
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        copse_cid config;
        hand_tree_put(&hand, (copse_bytes){(const uint8_t *)configs[i].bytes, configs[i].size},
                      &config);
        copse_cid root = hand_tree_root(&hand, &config, &config);
        assert_int_equal(copse_tree_open(foreign.cache, &root, &tree, NULL), COPSE_CORRUPT);
        assert_int_equal(copse_tree_open(foreign.cache, &config, &tree, NULL), COPSE_CORRUPT);
    }
    tree_fixture_release(&foreign);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draft_known_cids), cmocka_unit_test(test_levels),
        cmocka_unit_test(test_damage),           cmocka_unit_test(test_overlap_across_branches),
        cmocka_unit_test(test_no_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
