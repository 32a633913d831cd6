/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/tree_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/builder.h>
#include <copse/dag_cbor.h>
#include <copse/memory_store.h>

#include "support/test_env.h"

copse_tree_config tree_fixture_small_config(void)
{
    return (copse_tree_config){.size_bytes_min = 32, .size_bytes_max = 1024, .lambda_bytes = 128};
}

copse_bytes tree_fixture_random_key(uint64_t *random, size_t size, uint8_t ret_key[16])
{
    size_t len = size != 0 ? size : 1 + test_random_below(random, 12);
    for (size_t i = 0; i < len; i++) {
        ret_key[i] = (uint8_t)test_random(random);
    }
    return (copse_bytes){ret_key, len};
}

static int fixture_compare(const void *a, const void *b)
{
    const tree_fixture_entry *left = a;
    const tree_fixture_entry *right = b;
    return copse_bytes_compare((copse_bytes){left->key, left->key_len},
                               (copse_bytes){right->key, right->key_len});
}

static void fixture_fill_value(const copse_env *env, uint64_t *random, tree_fixture_entry *entry)
{
    uint8_t bytes[40];
    copse_buf buf;
    copse_buf_init(&buf, env, sizeof entry->value);
    if (test_random_below(random, 4) == 0) {
        assert_int_equal(copse_cbor_write_uint(&buf, test_random(random)), COPSE_OK);
    } else {
        size_t len = test_random_below(random, sizeof bytes);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)test_random(random);
        }
        assert_int_equal(copse_cbor_write_bytes(&buf, (copse_bytes){bytes, len}), COPSE_OK);
    }
    memcpy(entry->value, buf.ptr, buf.len);
    entry->value_len = buf.len;
    copse_buf_release(&buf);
}

static void fixture_fill(tree_fixture *fixture, uint64_t seed, size_t count)
{
    fixture->entries = calloc(count + 1, sizeof *fixture->entries);
    assert_non_null(fixture->entries);
    for (size_t i = 0; i < count; i++) {
        tree_fixture_entry *entry = &fixture->entries[i];
        entry->key_len = tree_fixture_random_key(&seed, 4 + i % 9, entry->key).len;
        fixture_fill_value(fixture->env, &seed, entry);
    }
    qsort(fixture->entries, count, sizeof *fixture->entries, fixture_compare);
    for (size_t i = 0; i < count; i++) {
        const tree_fixture_entry *entry = &fixture->entries[i];
        if (i == 0 || fixture_compare(&fixture->entries[fixture->count - 1], entry) != 0) {
            fixture->entries[fixture->count++] = *entry;
        }
    }
}

static void fixture_open(tree_fixture *fixture)
{
    assert_int_equal(copse_memory_store_new(fixture->env, &fixture->store, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(fixture->env, fixture->store, &fixture->source, NULL),
                     COPSE_OK);
    assert_int_equal(copse_node_cache_new(fixture->env, fixture->source, &fixture->cache, NULL),
                     COPSE_OK);
}

void tree_fixture_init(tree_fixture *fixture, const copse_env *env, const copse_tree_config *config,
                       uint64_t seed, size_t count)
{
    copse_builder *builder;
    *fixture = (tree_fixture){.env = env};
    fixture_fill(fixture, seed, count);
    fixture_open(fixture);
    assert_int_equal(copse_builder_new(env, fixture->store, config, &builder, NULL), COPSE_OK);
    for (size_t i = 0; i < fixture->count; i++) {
        assert_int_equal(copse_builder_add(builder, tree_fixture_key(fixture, i),
                                           tree_fixture_value(fixture, i), NULL),
                         COPSE_OK);
    }
    assert_int_equal(copse_builder_finish(builder, &fixture->root, NULL), COPSE_OK);
    copse_builder_free(builder);
    assert_int_equal(copse_tree_open(fixture->cache, &fixture->root, &fixture->tree, NULL),
                     COPSE_OK);
    assert_int_equal(copse_tree_height(fixture->tree, &fixture->height, NULL), COPSE_OK);
}

/* Puts a block of the full tree into the sparse one's store. */
static void fixture_copy(const tree_fixture *full, tree_fixture *sparse, const copse_cid *cid)
{
    copse_block *block;
    assert_int_equal(copse_store_get(full->store, cid, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(sparse->store, &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
}

void tree_fixture_init_sparse(tree_fixture *sparse, const tree_fixture *full)
{
    *sparse = (tree_fixture){.env = full->env, .root = full->root};
    fixture_open(sparse);
    while (copse_tree_open(sparse->cache, &sparse->root, &sparse->tree, NULL) == COPSE_WANT) {
        size_t count;
        fixture_copy(full, sparse, copse_source_wants(sparse->source, &count));
    }
    assert_non_null(sparse->tree);
}

void tree_fixture_release(tree_fixture *fixture)
{
    copse_tree_close(fixture->tree);
    copse_node_cache_free(fixture->cache);
    copse_source_free(fixture->source);
    copse_store_close(fixture->store);
    free(fixture->entries);
    *fixture = (tree_fixture){0};
}

size_t tree_fixture_lower(const tree_fixture *fixture, copse_bytes key)
{
    size_t index = 0;
    while (index < fixture->count &&
           copse_bytes_compare(tree_fixture_key(fixture, index), key) < 0) {
        index++;
    }
    return index;
}
