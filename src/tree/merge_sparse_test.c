/* Merging replicas of which nothing is here but the roots: what is fetched and read, exactly.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <copse/memory_store.h>

#include "support/tree_pair.h"
#include "tree/tree.h"

enum { BASE, OURS, THEIRS, SIDES };

/* 100,000 entries; ours and theirs change 100 of them each, scattered. */
enum { MANY = 100000, SCATTERED = 100, VALUE_SIZE = 100 };

static copse_cid build_many(copse_store *store, const copse_env *env, uint64_t changed_at)
{
    copse_builder *builder;
    copse_cid root;
    uint8_t value[VALUE_SIZE] = {0};
    const copse_tree_config config = {1024, 16384, 4096}; /* the numbers below depend on it */
    assert_int_equal(copse_builder_new(env, store, &config, &builder, NULL), COPSE_OK);
    for (uint64_t i = 0; i < MANY; i++) {
        char key[17];
        uint64_t seed = i;
        (void)snprintf(key, sizeof key, "%016llu", (unsigned long long)i * 7919);
        for (size_t j = 0; j < sizeof value; j++) {
            value[j] = (uint8_t)test_random(&seed);
        }
        value[0] =
            i % (MANY / SCATTERED) == changed_at ? (uint8_t)(value[0] + changed_at) : value[0];
        assert_int_equal(copse_builder_add_bytes(builder, (copse_bytes){(uint8_t *)key, 16},
                                                 (copse_bytes){value, sizeof value}, NULL),
                         COPSE_OK);
    }
    assert_int_equal(copse_builder_finish(builder, &root, NULL), COPSE_OK);
    copse_builder_free(builder);
    return root;
}

/* Of what was read, only branches may be the same in all three trees: the neighbours of a splice.
 */
static void check_sparse_reads(const tree_reader *reader, copse_store *full, copse_tree **trees)
{
    tree_reader all;
    copse_tree *copies[SIDES];
    cid_set differ = {0};
    const copse_env *env = trees[BASE]->env;
    size_t same = 0;
    size_t leaves = 0;
    tree_reader_init(&all, env, full);
    for (size_t i = 0; i < SIDES; i++) {
        copies[i] = tree_reader_open(&all, full, copse_tree_root(trees[i]));
    }
    tree_pair_differing(copies[BASE], copies[OURS], &differ);
    tree_pair_differing(copies[BASE], copies[THEIRS], &differ);
    for (size_t i = 0; i < reader->read.capacity; i++) {
        copse_node *node;
        const copse_cid *cid = &reader->read.slots[i];
        if (cid->size == 0) {
            continue;
        }
        assert_int_equal(copse_node_cache_load(all.cache, (copse_bytes){cid->bytes, cid->size},
                                               COPSE_TREE_OURS, &node, NULL),
                         COPSE_OK);
        leaves += node->leaf;
        same += !cid_set_has(&differ, cid);
        copse_node_unref(env, node);
    }
    print_message("%zu nodes differ; of those read, %zu don't\n", differ.count, same);
    assert_int_equal(same, 0);
    assert_int_equal(leaves, 2);
    for (size_t i = 0; i < SIDES; i++) {
        copse_tree_close(copies[i]);
    }
    cid_set_release(&differ);
    tree_reader_release(&all);
}

/* What a merge needs: the branches that all three sides have differently, a leaf of ours and of
 * theirs to learn their heights, and for the splices the branches on the way to their ends. Of the
 * 400 leaves that differ, none but those two. */
static void test_sparse_many(void **state)
{
    (void)state;
    test_env test;
    copse_store *full;
    copse_store *store;
    tree_reader reader;
    copse_tree *trees[SIDES];
    copse_tree *merged = NULL;
    copse_merge_stats stats;
    copse_status status;
    test_env_init(&test);
    assert_int_equal(copse_memory_store_new(&test.env, &full, NULL), COPSE_OK);
    assert_int_equal(copse_memory_store_new(&test.env, &store, NULL), COPSE_OK);
    tree_reader_init(&reader, &test.env, NULL);
    for (size_t i = 0; i < SIDES; i++) {
        copse_cid root = build_many(full, &test.env, i == BASE ? MANY : 100 * i);
        trees[i] = tree_reader_open(&reader, full, &root);
    }
    while ((status = copse_merge3(trees[BASE], trees[OURS], trees[THEIRS], NULL, NULL, store,
                                  &merged, &stats, NULL)) == COPSE_WANT) {
        tree_reader_supply(&reader, full);
    }
    assert_int_equal(status, COPSE_OK);
    check_sparse_reads(&reader, full, trees);
    print_message("100 + 100 changes of 100,000: %zu nodes fetched in %zu rounds\n",
                  reader.fetched.count, reader.rounds);
    assert_int_equal(stats.splices, SCATTERED);
    assert_int_equal(stats.entries, 0);
    assert_int_equal(reader.read.count, reader.fetched.count);
    assert_int_equal(reader.fetched.count, 152);
    assert_int_equal(reader.rounds, 3);
    copse_tree_close(merged);
    for (size_t i = 0; i < SIDES; i++) {
        copse_tree_close(trees[i]);
    }
    tree_reader_release(&reader);
    copse_store_close(full);
    copse_store_close(store);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sparse_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
