/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/cursor_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/fault_store.h"
#include "support/sparse_cache.h"

#include <copse/builder.h>
#include <copse/dag_cbor.h>
#include <copse/memory_store.h>

/* ---- entries ---- */

static int cursor_world_compare(const void *a, const void *b)
{
    const cursor_world_entry *left = a;
    const cursor_world_entry *right = b;
    return copse_bytes_compare((copse_bytes){left->key, left->key_len},
                               (copse_bytes){right->key, right->key_len});
}

static void cursor_world_fill(cursor_world *world, size_t count, uint64_t seed)
{
    uint64_t random = seed;
    world->entries = calloc(count + 1, sizeof *world->entries);
    assert_non_null(world->entries);
    for (size_t i = 0; i < count; i++) {
        cursor_world_entry *entry = &world->entries[i];
        entry->key_len = test_random_below(&random, 20) == 0 ? 40 : test_random_below(&random, 12);
        for (size_t j = 0; j < entry->key_len; j++) {
            entry->key[j] = (uint8_t)(test_random_below(&random, 4) * 85);
        }
    }
    qsort(world->entries, count, sizeof *world->entries, cursor_world_compare);
    world->count = 0;
    for (size_t i = 0; i < count; i++) {
        cursor_world_entry *entry = &world->entries[world->count];
        *entry = world->entries[i];
        if (world->count == 0 || cursor_world_compare(entry - 1, entry) != 0) {
            entry->value[0] = 0x1b;
            for (size_t j = 1; j < 9; j++) {
                entry->value[j] = (uint8_t)(test_random(&random) | 1);
            }
            world->count++;
        }
    }
}

copse_bytes cursor_world_key(const cursor_world *world, size_t index)
{
    return (copse_bytes){world->entries[index].key, world->entries[index].key_len};
}

size_t cursor_world_rank(const cursor_world *world, copse_bytes key)
{
    size_t low = 0;
    size_t high = world->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (copse_bytes_compare(cursor_world_key(world, middle), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void cursor_world_assert_at(const cursor_world *world, const copse_cursor *cursor, size_t index)
{
    copse_bytes key = copse_cursor_key(cursor);
    copse_bytes value = copse_cursor_value(cursor);
    if (index == SIZE_MAX) {
        assert_null(key.ptr);
        assert_null(value.ptr);
        return;
    }
    assert_true(index < world->count);
    assert_non_null(key.ptr);
    assert_true(copse_bytes_equal(key, cursor_world_key(world, index)));
    assert_int_equal(value.len, 9);
    assert_memory_equal(value.ptr, world->entries[index].value, 9);
}

/* ---- trees ---- */

static void cursor_world_build(cursor_world *world)
{
    copse_builder *builder = NULL;
    copse_tree_config config = {32, 1024, 128};
    copse_err err;
    assert_int_equal(copse_builder_new(&world->env.env, world->store, &config, &builder, &err), 0);
    for (size_t i = 0; i < world->count; i++) {
        copse_bytes value = {world->entries[i].value, 9};
        assert_int_equal(copse_builder_add(builder, cursor_world_key(world, i), value, &err), 0);
    }
    assert_int_equal(copse_builder_finish(builder, &world->root, &err), 0);
    copse_builder_free(builder);
}

static copse_cid cursor_world_put(cursor_world *world, copse_buf *buf)
{
    copse_block *block = NULL;
    assert_int_equal(copse_block_of_data(&world->env.env, COPSE_CODEC_DAG_CBOR, copse_buf_view(buf),
                                         &block, NULL),
                     COPSE_OK);
    assert_int_equal(copse_store_put(world->store, &block, 1, NULL), COPSE_OK);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    copse_buf_truncate(buf, 0);
    return cid;
}

/* A node of a foreign level. */
typedef struct cursor_world_node {
    copse_cid cid;
    size_t first; /* entries */
    size_t last;
} cursor_world_node;

/* Writes the node over items [begin, end): entries (below NULL) or nodes. */
static void cursor_world_write_node(cursor_world *world, copse_tree_kind kind, copse_buf *buf,
                                    const cursor_world_node *below, size_t begin, size_t end)
{
    bool go = kind == COPSE_TREE_GO;
    size_t count = end - begin;
    assert_int_equal(copse_cbor_write_array(buf, go ? 4 : 3), COPSE_OK);
    assert_int_equal(copse_cbor_write_bool(buf, below == NULL), COPSE_OK);
    assert_int_equal(copse_cbor_write_array(buf, count), COPSE_OK);
    for (size_t i = begin; i < end; i++) {
        size_t entry = below == NULL ? i : go ? below[i].last : below[i].first;
        assert_int_equal(copse_cbor_write_bytes(buf, cursor_world_key(world, entry)), COPSE_OK);
    }
    assert_int_equal(copse_cbor_write_array(buf, count), COPSE_OK);
    for (size_t i = begin; i < end; i++) {
        if (below == NULL) {
            copse_bytes value = {world->entries[i].value, 9};
            assert_int_equal(copse_buf_append(buf, value), COPSE_OK);
        } else {
            copse_bytes cid = {below[i].cid.bytes, below[i].cid.size};
            assert_int_equal(copse_cbor_write_link(buf, cid), COPSE_OK);
        }
    }
    if (go) {
        assert_int_equal(copse_cbor_write_array(buf, count), COPSE_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(copse_cbor_write_uint(buf, 1), COPSE_OK);
        }
    }
}

static void cursor_world_build_foreign(cursor_world *world, copse_tree_kind kind, uint64_t seed)
{
    uint64_t random = seed;
    cursor_world_node *nodes = calloc(world->count + 1, sizeof *nodes);
    size_t items = world->count;
    bool leaves = true;
    copse_buf buf;
    assert_non_null(nodes);
    copse_buf_init(&buf, &world->env.env, 1 << 20);
    while (leaves || items > 1) {
        size_t made = 0;
        size_t begin = 0;
        do {
            size_t end = begin + 2 + test_random_below(&random, 6);
            end = end < items ? end : items;
            cursor_world_write_node(world, kind, &buf, leaves ? NULL : nodes, begin, end);
            cursor_world_node node = {.cid = cursor_world_put(world, &buf)};
            node.first = leaves ? begin : nodes[begin].first;
            node.last = leaves ? end - 1 : nodes[end - 1].last;
            nodes[made++] = node;
            begin = end;
        } while (begin < items);
        items = made;
        leaves = false;
    }
    uint64_t config_size = kind == COPSE_TREE_GO ? 9 : 7;
    assert_int_equal(copse_cbor_write_array(&buf, config_size), COPSE_OK);
    for (uint64_t i = 0; i < config_size; i++) {
        assert_int_equal(copse_cbor_write_uint(&buf, i), COPSE_OK);
    }
    copse_cid config = cursor_world_put(world, &buf);
    copse_cid top = nodes[0].cid;
    assert_int_equal(copse_cbor_write_array(&buf, 2), COPSE_OK);
    assert_int_equal(copse_cbor_write_link(&buf, (copse_bytes){config.bytes, config.size}), 0);
    assert_int_equal(copse_cbor_write_link(&buf, (copse_bytes){top.bytes, top.size}), 0);
    world->root = cursor_world_put(world, &buf);
    copse_buf_release(&buf);
    free(nodes);
}

void cursor_world_init(cursor_world *world, copse_tree_kind kind, size_t count, uint64_t seed)
{
    test_env_init(&world->env);
    assert_int_equal(copse_memory_store_new(&world->env.env, &world->store, NULL), COPSE_OK);
    cursor_world_fill(world, count, seed);
    if (kind == COPSE_TREE_OURS) {
        cursor_world_build(world);
    } else {
        cursor_world_build_foreign(world, kind, seed);
    }
}

void cursor_world_release(cursor_world *world)
{
    copse_store_close(world->store);
    free(world->entries);
    test_env_assert_empty(&world->env);
}

copse_store *cursor_world_fault_store(cursor_world *world)
{
    copse_store *copy = NULL;
    assert_int_equal(copse_memory_store_new(&world->env.env, &copy, NULL), COPSE_OK);
    assert_int_equal(sparse_cache_copy(world->store, copy, NULL, 0), COPSE_OK);
    return fault_store_new(&world->env.env, copy);
}

/* ---- readers ---- */

copse_status cursor_reader_init(cursor_reader *reader, const copse_env *env, copse_store *store)
{
    *reader = (cursor_reader){0};
    copse_status status = copse_source_new(env, store, &reader->source, NULL);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, reader->source, &reader->cache, NULL);
    }
    return status;
}

void cursor_reader_release(cursor_reader *reader)
{
    copse_cursor_free(reader->cursor);
    copse_tree_close(reader->tree);
    copse_node_cache_free(reader->cache);
    copse_source_free(reader->source);
}

copse_status cursor_reader_open(cursor_reader *reader, const cursor_world *world)
{
    copse_status status = copse_tree_open(reader->cache, &world->root, &reader->tree, NULL);
    if (status == COPSE_OK) {
        status = copse_cursor_new(reader->tree, &reader->cursor, NULL);
    }
    return status;
}

size_t cursor_reader_supply(cursor_reader *reader, const cursor_world *world,
                            copse_status *ret_status)
{
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(reader->source, &count);
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_block *block = NULL;
        assert_int_equal(copse_store_get(world->store, &wants[i], &block, NULL), COPSE_OK);
        status = copse_source_supply(reader->source, &wants[i], copse_block_data(block), NULL);
        copse_block_unref(block);
    }
    if (ret_status != NULL) {
        *ret_status = status;
    } else {
        assert_int_equal(status, COPSE_OK);
    }
    return count;
}
