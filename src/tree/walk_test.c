/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tree_model.h"
#include "support/tree_naive.h"

typedef struct walk_world {
    tree_world world;
    tree_model model;
    tree_naive naive;
    copse_tree *tree;
} walk_world;

static void walk_world_init(walk_world *run, tree_values values)
{
    uint64_t seed = 12;
    copse_tree_config config = tree_model_small_config();
    size_t height = 0;
    *run = (walk_world){0};
    tree_world_init(&run->world);
    tree_model_fill(&run->model, TREE_KEYS_SEQUENTIAL, values, &config, 1, 300, 2, &seed);
    tree_naive_build(&run->model, &config, &run->naive);
    run->tree = tree_model_open(&run->model, &run->world, &config);
    assert_int_equal(copse_tree_height(run->tree, &height, NULL), COPSE_OK);
    assert_int_equal(height, run->naive.height);
}

static void walk_world_release(walk_world *run)
{
    copse_tree_close(run->tree);
    tree_naive_release(&run->naive);
    tree_model_release(&run->model);
    tree_world_release(&run->world);
}

/* Asserts that the walk stands on node `index` of its level. */
static void walk_assert_at(const walk_world *run, copse_walk *walk, size_t index)
{
    const tree_naive_level *level = &run->naive.levels[walk->level];
    const tree_naive_chunk *chunk = &level->chunks[index];
    copse_node *node = NULL;
    copse_bytes next;
    assert_int_equal(copse_walk_is_first(walk), index == 0);
    assert_int_equal(copse_walk_is_last(walk), index + 1 == level->count);
    assert_int_equal(copse_walk_next_key(walk, &next), index + 1 < level->count);
    assert_int_equal(copse_walk_ahead(walk), chunk->ahead);
    if (walk->depth > 0) {
        assert_int_equal(copse_walk_count(walk), chunk->count);
    }
    assert_int_equal(copse_walk_load(walk, &node, NULL), COPSE_OK);
    assert_true(copse_cid_equal(copse_block_cid(node->block), &chunk->cid));
    copse_node_unref(&run->world.test.env, node);
}

/* Forth and back over every level. */
static void test_levels(void **state)
{
    (void)state;
    walk_world run;
    walk_world_init(&run, TREE_VALUES_EDGE);
    for (size_t l = 0; l < run.naive.height; l++) {
        copse_walk walk = {0};
        size_t count = run.naive.levels[l].count;
        copse_walk_init(&walk, run.tree, l);
        assert_int_equal(copse_walk_seek(&walk, (copse_bytes){NULL, 0}, NULL), COPSE_OK);
        for (size_t i = 0; i < count; i++) {
            walk_assert_at(&run, &walk, i);
            assert_int_equal(copse_walk_next(&walk, NULL), i + 1 < count ? COPSE_OK : COPSE_END);
        }
        walk_assert_at(&run, &walk, count - 1);
        for (size_t i = count; i-- > 0;) {
            walk_assert_at(&run, &walk, i);
            assert_int_equal(copse_walk_prev(&walk, NULL), i > 0 ? COPSE_OK : COPSE_END);
        }
        assert_int_equal(copse_walk_seek_last(&walk, NULL), COPSE_OK);
        walk_assert_at(&run, &walk, count - 1);
        copse_walk_release(&walk);
    }
    walk_world_release(&run);
}

/* From anywhere to anywhere, by key and by number. */
static void test_seeks(void **state)
{
    (void)state;
    walk_world run;
    copse_walk walk = {0};
    uint64_t seed = 4;
    walk_world_init(&run, TREE_VALUES_SMALL);
    const tree_naive_level *leaves = &run.naive.levels[0];
    copse_tree_config config = tree_model_small_config();
    copse_walk_init(&walk, run.tree, 0);
    for (size_t i = 0; i < 2000; i++) {
        tree_key key;
        uint64_t number = test_random_below(&seed, 604);
        tree_key_make(TREE_KEYS_SEQUENTIAL, &config, number, &key);
        size_t entry;
        bool there = tree_model_find(&run.model, tree_key_view(&key), &entry);
        size_t holds = there ? entry : entry > 0 ? entry - 1 : 0;
        size_t leaf = 0;
        while (leaves->chunks[leaf].first + leaves->chunks[leaf].entries <= holds) {
            leaf++;
        }
        if (i % 3 == 0) {
            uint32_t index = 0;
            assert_int_equal(copse_walk_seek_nth(&walk, holds, &index, NULL), COPSE_OK);
            assert_int_equal(index, holds - leaves->chunks[leaf].first);
        } else {
            assert_int_equal(copse_walk_seek(&walk, tree_key_view(&key), NULL), COPSE_OK);
        }
        walk_assert_at(&run, &walk, leaf);
    }
    copse_walk_release(&walk);
    walk_world_release(&run);
}

/* A move that lacks a block leaves the walk where it was. */
static void test_want_leaves_it(void **state)
{
    (void)state;
    walk_world run;
    copse_walk walk = {0};
    copse_source *source = NULL;
    copse_node_cache *cache = NULL;
    copse_tree *tree = NULL;
    walk_world_init(&run, TREE_VALUES_SMALL);
    const copse_env *env = &run.world.test.env;
    assert_int_equal(copse_source_new(env, NULL, &source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, source, &cache, NULL), COPSE_OK);
    copse_tree_config config = tree_model_small_config();
    copse_cid config_cid;
    assert_int_equal(copse_tree_config_cid(env, &config, &config_cid, NULL), COPSE_OK);
    assert_int_equal(copse_tree_open_known(cache, &config, &config_cid, copse_tree_root(run.tree),
                                           copse_tree_top(run.tree), &tree, NULL),
                     COPSE_OK);
    tree->height = run.naive.height;
    copse_walk_init(&walk, tree, 0);
    size_t moved = 0;
    size_t wanted = 0;
    copse_status status = COPSE_WANT;
    while (status != COPSE_END) {
        copse_source_begin(source);
        status = walk.placed ? copse_walk_next(&walk, NULL)
                             : copse_walk_seek(&walk, (copse_bytes){NULL, 0}, NULL);
        moved += status == COPSE_OK;
        if (status == COPSE_WANT) {
            size_t count;
            const copse_cid *wants = copse_source_wants(source, &count);
            copse_block *block = NULL;
            assert_int_equal(count, 1);
            assert_int_equal(copse_store_get(run.world.store, wants, &block, NULL), COPSE_OK);
            assert_int_equal(copse_source_supply_block(source, block, NULL), COPSE_OK);
            copse_block_unref(block);
            wanted++;
        }
    }
    assert_int_equal(moved, run.naive.levels[0].count);
    /* the branches alone: standing on a leaf doesn't read it */
    assert_int_equal(wanted + run.naive.levels[0].count, tree_naive_survey(&run.naive).nodes);
    copse_walk_release(&walk);
    copse_tree_close(tree);
    copse_node_cache_free(cache);
    copse_source_free(source);
    walk_world_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_seeks),
        cmocka_unit_test(test_want_leaves_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
