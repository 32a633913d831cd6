/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/hand_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/dag_cbor.h>

void hand_tree_put(const hand_tree *hand, copse_bytes data, copse_cid *ret_cid)
{
    copse_block *block;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, data, ret_cid);
    if (hand->kind == COPSE_TREE_GO) {
        copse_cid_parts parts;
        copse_cid whole = *ret_cid;
        copse_cid_split(&whole, &parts);
        assert_int_equal(copse_cid_from_parts(COPSE_CODEC_DAG_CBOR, COPSE_HASH_SHA2_256,
                                              (copse_bytes){parts.digest.ptr, 20}, ret_cid, NULL),
                         COPSE_OK);
    }
    assert_int_equal(copse_block_new(hand->env, ret_cid, data, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(hand->store, &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
}

static void hand_write(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

static void hand_begin(const hand_tree *hand, copse_buf *buf, bool leaf, size_t arity)
{
    copse_buf_init(buf, hand->env, SIZE_MAX);
    hand_write(copse_cbor_write_array(buf, hand->arity != 0 ? hand->arity : arity));
    hand_write(copse_cbor_write_bool(buf, leaf));
}

hand_piece hand_tree_leaf(const hand_tree *hand, const tree_fixture_entry *entries, size_t count)
{
    copse_buf buf;
    hand_piece piece = {.count = count};
    bool go = hand->kind == COPSE_TREE_GO;
    hand_begin(hand, &buf, true, go ? 4 : 3);
    hand_write(copse_cbor_write_array(&buf, count));
    for (size_t i = 0; i < count; i++) {
        hand_write(copse_cbor_write_bytes(&buf, (copse_bytes){entries[i].key, entries[i].key_len}));
    }
    hand_write(copse_cbor_write_array(&buf, count));
    for (size_t i = 0; i < count; i++) {
        hand_write(copse_buf_append(&buf, (copse_bytes){entries[i].value, entries[i].value_len}));
    }
    if (go) {
        hand_write(copse_cbor_write_array(&buf, count));
        for (size_t i = 0; i < count; i++) {
            hand_write(copse_cbor_write_uint(&buf, 1));
        }
    }
    if (count > 0) {
        const tree_fixture_entry *named = &entries[go ? count - 1 : 0];
        memcpy(piece.key, named->key, named->key_len);
        piece.key_len = named->key_len;
    }
    hand_tree_put(hand, copse_buf_view(&buf), &piece.cid);
    copse_buf_release(&buf);
    return piece;
}

hand_piece hand_tree_branch(const hand_tree *hand, const hand_piece *children, size_t count)
{
    copse_buf buf;
    hand_piece piece = children[hand->kind == COPSE_TREE_GO ? count - 1 : 0];
    bool aheads = false;
    piece.count = 0;
    piece.ahead = 0;
    for (size_t i = 0; i < count; i++) {
        aheads = aheads || children[i].ahead != 0;
        piece.count += children[i].count;
    }
    hand_begin(hand, &buf, false, hand->kind == COPSE_TREE_DRAFT ? 3 : aheads ? 5 : 4);
    hand_write(copse_cbor_write_array(&buf, count));
    for (size_t i = 0; i < count; i++) {
        hand_write(
            copse_cbor_write_bytes(&buf, (copse_bytes){children[i].key, children[i].key_len}));
    }
    hand_write(copse_cbor_write_array(&buf, count));
    for (size_t i = 0; i < count; i++) {
        const copse_cid *cid = &children[i].cid;
        hand_write(copse_cbor_write_link(&buf, (copse_bytes){cid->bytes, cid->size}));
    }
    for (size_t list = 0; list < (hand->kind == COPSE_TREE_DRAFT ? 0u : aheads ? 2u : 1u); list++) {
        hand_write(copse_cbor_write_array(&buf, count));
        for (size_t i = 0; i < count; i++) {
            uint64_t number = list == 0 ? children[i].count : children[i].ahead;
            hand_write(copse_cbor_write_uint(&buf, number));
        }
    }
    hand_tree_put(hand, copse_buf_view(&buf), &piece.cid);
    copse_buf_release(&buf);
    return piece;
}

void hand_tree_level(const hand_tree *hand, const tree_fixture_entry *entries,
                     const hand_piece *children, const size_t *sizes, size_t sizes_count,
                     hand_piece *ret_pieces)
{
    size_t at = 0;
    for (size_t i = 0; i < sizes_count; i++) {
        ret_pieces[i] = children != NULL ? hand_tree_branch(hand, children + at, sizes[i])
                                         : hand_tree_leaf(hand, entries + at, sizes[i]);
        at += sizes[i];
    }
}

copse_cid hand_tree_root(const hand_tree *hand, const copse_cid *config, const copse_cid *top)
{
    copse_buf buf;
    copse_cid root;
    copse_buf_init(&buf, hand->env, SIZE_MAX);
    hand_write(copse_cbor_write_array(&buf, 2));
    hand_write(copse_cbor_write_link(&buf, (copse_bytes){config->bytes, config->size}));
    hand_write(copse_cbor_write_link(&buf, (copse_bytes){top->bytes, top->size}));
    hand_tree_put(hand, copse_buf_view(&buf), &root);
    copse_buf_release(&buf);
    return root;
}

tree_fixture_entry hand_tree_entry(const char *key, unsigned value)
{
    tree_fixture_entry entry = {.key_len = strlen(key)};
    memcpy(entry.key, key, entry.key_len);
    assert_true(value < 256);
    entry.value[0] = value < 24 ? (uint8_t)value : 0x18;
    entry.value[1] = (uint8_t)value;
    entry.value_len = value < 24 ? 1 : 2;
    return entry;
}
