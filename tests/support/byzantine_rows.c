/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/byzantine_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/cursor.h>
#include <copse/dag_cbor.h>
#include <copse/order.h>

#include "doc/writers.h"
#include "index/key_space.h"
#include "support/hand_tree.h"

typedef copse_status (*rows_prefix_fn)(copse_buf *buf, copse_bytes collection);

static copse_buf rows_buf(byzantine_world *world)
{
    copse_buf buf;
    copse_buf_init(&buf, &world->test.env, SIZE_MAX);
    return buf;
}

static copse_buf rows_key(byzantine_world *world, rows_prefix_fn prefix, byzantine_place place)
{
    copse_buf key = rows_buf(world);
    const uint8_t item[] = {0x18, (uint8_t)place.id};
    const copse_bytes id = place.id < 24 ? (copse_bytes){item + 1, 1} : (copse_bytes){item, 2};
    assert_int_equal(prefix(&key, byzantine_collection_name(place.collection)), COPSE_OK);
    assert_int_equal(copse_order_write_primary(&key, id, NULL), COPSE_OK);
    return key;
}

/* A value of a tree. */
static copse_buf rows_get(byzantine_world *world, copse_tree *tree, const copse_buf *key)
{
    byzantine_machine *liar = byzantine_liar(world);
    copse_buf copy = rows_buf(world);
    copse_bytes value;
    copse_err err = {0};
    copse_status status;
    do {
        copse_source_begin(liar->source);
        status = copse_tree_get(tree, copse_buf_view(key), &value, &err);
    } while (byzantine_fetch(world, liar, status));
    byzantine_must(world, status, &err);
    assert_int_equal(copse_buf_append(&copy, value), COPSE_OK);
    return copy;
}

static copse_batch *rows_begin(byzantine_world *world)
{
    copse_batch *batch = NULL;
    assert_int_equal(copse_batch_new(&world->test.env, &batch, NULL), COPSE_OK);
    return batch;
}

/* Applies a batch, and frees it and the tree. */
static copse_tree *rows_apply(byzantine_world *world, copse_batch *batch, copse_tree *tree)
{
    byzantine_machine *liar = byzantine_liar(world);
    copse_tree *next = NULL;
    copse_err err = {0};
    copse_status status;
    do {
        copse_source_begin(liar->source);
        status = copse_tree_apply(tree, batch, liar->store, &next, NULL, &err);
    } while (byzantine_fetch(world, liar, status));
    byzantine_must(world, status, &err);
    copse_batch_free(batch);
    copse_tree_close(tree);
    return next;
}

copse_tree *byzantine_copy_document(byzantine_world *world, copse_tree *from, byzantine_place place,
                                    copse_tree *tree, byzantine_place to, int n)
{
    static const rows_prefix_fn prefixes[] = {copse_key_write_documents, copse_key_write_versions};
    copse_batch *batch = rows_begin(world);
    for (size_t i = 0; i < 2; i++) {
        copse_buf key = rows_key(world, prefixes[i], place);
        copse_buf value = rows_get(world, from, &key);
        copse_buf key_to = rows_key(world, prefixes[i], to);
        uint8_t document[BYZANTINE_DOCUMENT_SIZE_MAX];
        copse_bytes put = copse_buf_view(&value);
        if (n > 0 && i == 0) {
            put = (copse_bytes){document, byzantine_document(to.id, n, document)};
        }
        assert_int_equal(copse_batch_put(batch, copse_buf_view(&key_to), put, NULL), COPSE_OK);
        copse_buf_release(&key);
        copse_buf_release(&key_to);
        copse_buf_release(&value);
    }
    return rows_apply(world, batch, tree);
}

/* The last key of an index. */
static copse_buf rows_last_entry(byzantine_world *world, copse_tree *tree,
                                 byzantine_collection collection)
{
    byzantine_machine *liar = byzantine_liar(world);
    copse_cursor *cursor = NULL;
    copse_buf key = rows_buf(world);
    copse_status status;
    assert_int_equal(copse_key_write_entries(&key, byzantine_collection_name(collection),
                                             copse_bytes_of_text("n")),
                     COPSE_OK);
    size_t prefix = key.len;
    assert_int_equal(copse_key_write_range_end(&key, 0), COPSE_OK);
    assert_int_equal(copse_cursor_new(tree, &cursor, NULL), COPSE_OK);
    do {
        copse_source_begin(liar->source);
        status = copse_cursor_seek_before(cursor, (copse_bytes){key.ptr + prefix, key.len - prefix},
                                          NULL);
    } while (byzantine_fetch(world, liar, status));
    assert_int_equal(status, COPSE_OK);
    copse_buf_truncate(&key, prefix);
    assert_true(copse_bytes_has_prefix(copse_cursor_key(cursor), copse_buf_view(&key)));
    copse_buf_truncate(&key, 0);
    assert_int_equal(copse_buf_append(&key, copse_cursor_key(cursor)), COPSE_OK);
    copse_cursor_free(cursor);
    return key;
}

copse_tree *byzantine_break_index(byzantine_world *world, copse_tree *tree,
                                  byzantine_collection collection, bool is_missing)
{
    copse_batch *batch = rows_begin(world);
    copse_buf key = rows_last_entry(world, tree, collection);
    if (is_missing) {
        assert_int_equal(copse_batch_delete(batch, copse_buf_view(&key), NULL), COPSE_OK);
    } else {
        copse_buf value = rows_get(world, tree, &key);
        key.ptr[key.len - 1]++; /* of another document */
        assert_int_equal(copse_batch_put(batch, copse_buf_view(&key), copse_buf_view(&value), NULL),
                         COPSE_OK);
        copse_buf_release(&value);
    }
    copse_buf_release(&key);
    return rows_apply(world, batch, tree);
}

copse_tree *byzantine_put_statements(byzantine_world *world, copse_tree *tree, byzantine_person to,
                                     const copse_bytes *statements, size_t count)
{
    copse_batch *batch = rows_begin(world);
    copse_buf key = rows_buf(world);
    copse_buf row = rows_buf(world);
    copse_buf value = rows_buf(world);
    assert_int_equal(copse_writers_key(&key, copse_key_public(world->keys[to]), NULL), COPSE_OK);
    assert_int_equal(copse_cbor_write_array(&row, count), COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(copse_buf_append(&row, statements[i]), COPSE_OK);
    }
    assert_int_equal(copse_cbor_write_bytes(&value, copse_buf_view(&row)), COPSE_OK);
    assert_int_equal(copse_batch_put(batch, copse_buf_view(&key), copse_buf_view(&value), NULL),
                     COPSE_OK);
    copse_buf_release(&key);
    copse_buf_release(&row);
    copse_buf_release(&value);
    return rows_apply(world, batch, tree);
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

enum { ROWS_LEAF = 5, ROWS_LEAVES_MAX = 200 };

/* A leaf in the making. */
typedef struct rows_leaf {
    copse_buf keys;
    copse_buf values;
    hand_piece piece;
} rows_leaf;

static void rows_add(rows_leaf *leaf, copse_bytes key, copse_bytes value)
{
    if (leaf->piece.count++ == 0) {
        assert_true(key.len <= sizeof leaf->piece.key);
        memcpy(leaf->piece.key, key.ptr, key.len);
        leaf->piece.key_len = key.len;
    }
    assert_int_equal(copse_cbor_write_bytes(&leaf->keys, key), COPSE_OK);
    assert_int_equal(copse_buf_append(&leaf->values, value), COPSE_OK);
}

/* Puts a leaf, and begins the next one. */
static hand_piece rows_put_leaf(const hand_tree *hand, rows_leaf *leaf)
{
    copse_buf node;
    copse_buf_init(&node, hand->env, SIZE_MAX);
    assert_int_equal(copse_cbor_write_array(&node, 3), COPSE_OK);
    assert_int_equal(copse_cbor_write_bool(&node, true), COPSE_OK);
    assert_int_equal(copse_cbor_write_array(&node, leaf->piece.count), COPSE_OK);
    assert_int_equal(copse_buf_append(&node, copse_buf_view(&leaf->keys)), COPSE_OK);
    assert_int_equal(copse_cbor_write_array(&node, leaf->piece.count), COPSE_OK);
    assert_int_equal(copse_buf_append(&node, copse_buf_view(&leaf->values)), COPSE_OK);
    hand_tree_put(hand, copse_buf_view(&node), &leaf->piece.cid);
    copse_buf_release(&node);
    hand_piece piece = leaf->piece;
    leaf->piece = (hand_piece){.count = 0};
    copse_buf_truncate(&leaf->keys, 0);
    copse_buf_truncate(&leaf->values, 0);
    return piece;
}

/* Puts all rows of a tree into leaves; their number. */
static size_t rows_put_leaves(byzantine_world *world, const hand_tree *hand, copse_tree *tree,
                              hand_piece pieces[ROWS_LEAVES_MAX])
{
    byzantine_machine *liar = byzantine_liar(world);
    copse_cursor *cursor = NULL;
    rows_leaf leaf = {.keys = rows_buf(world), .values = rows_buf(world)};
    size_t count = 0;
    copse_status status;
    assert_int_equal(copse_cursor_new(tree, &cursor, NULL), COPSE_OK);
    do {
        copse_source_begin(liar->source);
        status = copse_cursor_seek_first(cursor, NULL);
    } while (byzantine_fetch(world, liar, status));
    while (status == COPSE_OK) {
        rows_add(&leaf, copse_cursor_key(cursor), copse_cursor_value(cursor));
        if (leaf.piece.count == ROWS_LEAF) {
            assert_true(count < ROWS_LEAVES_MAX - 1);
            pieces[count++] = rows_put_leaf(hand, &leaf);
        }
        do {
            copse_source_begin(liar->source);
            status = copse_cursor_next(cursor, NULL);
        } while (byzantine_fetch(world, liar, status));
    }
    assert_int_equal(status, COPSE_END);
    if (leaf.piece.count > 0) {
        pieces[count++] = rows_put_leaf(hand, &leaf);
    }
    copse_cursor_free(cursor);
    copse_buf_release(&leaf.keys);
    copse_buf_release(&leaf.values);
    return count;
}

copse_cid byzantine_recut(byzantine_world *world, copse_tree *tree, bool is_miscounted)
{
    byzantine_machine *liar = byzantine_liar(world);
    const hand_tree hand = {.env = &liar->env, .store = liar->store, .kind = COPSE_TREE_OURS};
    hand_piece pieces[ROWS_LEAVES_MAX];
    copse_tree_config config;
    copse_cid config_cid;
    size_t count = rows_put_leaves(world, &hand, tree, pieces);
    pieces[count / 2].count += is_miscounted;
    hand_piece top = hand_tree_branch(&hand, pieces, count);
    assert_int_equal(copse_tree_get_config(tree, &config, NULL), COPSE_OK);
    assert_int_equal(copse_tree_config_cid(&liar->env, &config, &config_cid, NULL), COPSE_OK);
    copse_tree_close(tree);
    return hand_tree_root(&hand, &config_cid, &top.cid);
}
