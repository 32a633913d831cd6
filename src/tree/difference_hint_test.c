/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/difference_hint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <copse/cid_set.h>
#include <copse/memory_store.h>

#include "support/tree_model.h"
#include "support/want_supply.h"

enum { ENTRIES = 20000, CHANGES = 40 };

/* A tree of so many entries; of them `changes` have other values. */
static copse_cid hint_tree(tree_world *world, size_t entries, size_t changes)
{
    const copse_tree_config config = tree_model_small_config();
    tree_model model = {0};
    uint64_t seed = 1;
    tree_model_fill(&model, TREE_KEYS_SEQUENTIAL, TREE_VALUES_SMALL, &config, 0, entries, 1, &seed);
    for (size_t i = 0; i < changes; i++) {
        tree_key key;
        size_t len;
        tree_key_make(TREE_KEYS_SEQUENTIAL, &config, i * (entries / changes), &key);
        uint8_t *value = tree_value_bytes(9, 'x', &len);
        tree_model_put(&model, tree_key_view(&key), (copse_bytes){value, len});
        free(value);
    }
    copse_cid root = tree_model_build(&model, &world->test.env, world->store, &config);
    tree_model_release(&model);
    return root;
}

/* Adds the nodes of `tree` at depths 1 to `levels` that are not in `other` (NULL: all). */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as `levels` */
static void hint_add_below(copse_tree *tree, copse_node *node, size_t depth, size_t levels,
                           const copse_cid_set *other, copse_cid_set *set)
{
    for (uint32_t i = 0; i < node->count && !node->leaf && depth < levels; i++) {
        copse_cid cid;
        copse_node *child;
        bool added;
        assert_int_equal(copse_cid_from_bytes(copse_node_link(node, i), &cid, NULL), COPSE_OK);
        if (other == NULL || !copse_cid_set_has(other, &cid)) {
            assert_int_equal(copse_cid_set_add(set, &cid, &added), COPSE_OK);
        }
        assert_int_equal(copse_tree_load_child(tree, node, depth, i, NULL, &child, NULL), COPSE_OK);
        hint_add_below(tree, child, depth + 1, levels, other, set);
        copse_node_unref(tree->env, child);
    }
}

static void hint_nodes(tree_world *full, const copse_cid *root, size_t levels,
                       const copse_cid_set *other, copse_cid_set *set)
{
    copse_tree *tree = tree_world_open(full, root);
    copse_node *top;
    assert_int_equal(copse_tree_load_top(tree, &top, NULL), COPSE_OK);
    hint_add_below(tree, top, 0, levels, other, set);
    copse_node_unref(tree->env, top);
    copse_tree_close(tree);
}

/* The nodes that one of the two has. */
static void hint_differing(tree_world *full, const copse_cid roots[2], size_t levels,
                           copse_cid_set *ret_set)
{
    copse_cid_set_init(ret_set, &full->test.env);
    for (size_t i = 0; i < 2; i++) {
        copse_cid_set other;
        copse_cid_set_init(&other, &full->test.env);
        hint_nodes(full, &roots[1 - i], levels, NULL, &other);
        hint_nodes(full, &roots[i], levels, &other, ret_set);
        copse_cid_set_release(&other);
    }
}

/* Hints until nothing is wanted any more, in a world that has the tops alone: the rounds. Adds all
 * that was asked for, which must be asked for once. */
static size_t hint_all(tree_world *full, const copse_cid roots[2], size_t levels, size_t wants_max,
                       copse_cid_set *asked)
{
    tree_world sparse;
    copse_tree *trees[2] = {NULL, NULL};
    size_t count = 1;
    size_t rounds = 0;
    tree_world_init(&sparse);
    sparse.test.env.limits.wants_max = wants_max;
    for (size_t i = 0; i < 2; i++) {
        copse_node *top;
        while (copse_tree_open(sparse.cache, &roots[i], &trees[i], NULL) == COPSE_WANT) {
            (void)want_supply_some(sparse.source, full->store, SIZE_MAX);
        }
        while (copse_tree_load_top(trees[i], &top, NULL) == COPSE_WANT) {
            (void)want_supply_some(sparse.source, full->store, SIZE_MAX);
        }
        copse_node_unref(trees[i]->env, top);
    }
    while (count > 0) {
        copse_source_begin(sparse.source);
        assert_int_equal(copse_tree_hint_difference(trees[0], trees[1], levels, NULL), COPSE_OK);
        const copse_cid *wants = copse_source_wants(sparse.source, &count);
        for (size_t i = 0; i < count; i++) {
            bool added;
            assert_int_equal(copse_cid_set_add(asked, &wants[i], &added), COPSE_OK);
            assert_true(added);
        }
        if (count > 0) {
            (void)want_supply_some(sparse.source, full->store, SIZE_MAX);
            rounds++;
        }
    }
    copse_tree_close(trees[0]);
    copse_tree_close(trees[1]);
    tree_world_release(&sparse);
    return rounds;
}

/* Asks for the nodes at depths 1 to `levels` that are in one of the two trees, and for no others,
 * in a round for each level. */
static void test_asks_for_what_differs(void **state)
{
    tree_world full;
    (void)state;
    tree_world_init(&full);
    const copse_cid roots[2] = {hint_tree(&full, ENTRIES, CHANGES), hint_tree(&full, ENTRIES, 1)};
    for (size_t levels = 1; levels < 12; levels += 2) {
        copse_cid_set differing;
        copse_cid_set asked;
        copse_cid_set_init(&asked, &full.test.env);
        hint_differing(&full, roots, levels, &differing);
        size_t rounds = hint_all(&full, roots, levels, 1024, &asked);
        assert_int_equal(asked.count, differing.count);
        assert_in_range(rounds, 1, levels);
        copse_cid_set_release(&asked);
        copse_cid_set_release(&differing);
    }
    tree_world_release(&full);
}

static size_t hint_height(tree_world *world, const copse_cid *root)
{
    copse_tree *tree = tree_world_open(world, root);
    size_t height = 0;
    assert_int_equal(copse_tree_height(tree, &height, NULL), COPSE_OK);
    copse_tree_close(tree);
    return height;
}

/* Of two trees that have most in common, one with a level more: little more than what differs is
 * asked for, the children that the higher top has alone. */
static void test_trees_of_other_heights(void **state)
{
    tree_world full;
    copse_cid_set differing;
    copse_cid_set asked;
    size_t entries = ENTRIES / 20;
    (void)state;
    tree_world_init(&full);
    copse_cid roots[2] = {hint_tree(&full, entries, 1)};
    size_t height = hint_height(&full, &roots[0]);
    do {
        entries += 20;
        roots[1] = roots[0];
        roots[0] = hint_tree(&full, entries, 1);
    } while (hint_height(&full, &roots[0]) == height);
    copse_cid_set_init(&asked, &full.test.env);
    hint_differing(&full, roots, 12, &differing);
    (void)hint_all(&full, roots, 12, 1024, &asked);
    assert_in_range(asked.count, 1, 2 * differing.count);
    copse_cid_set_release(&asked);
    copse_cid_set_release(&differing);
    tree_world_release(&full);
}

static void test_equal_trees_ask_for_nothing(void **state)
{
    tree_world full;
    copse_cid_set asked;
    (void)state;
    tree_world_init(&full);
    const copse_cid root = hint_tree(&full, ENTRIES, 1);
    copse_cid_set_init(&asked, &full.test.env);
    assert_int_equal(hint_all(&full, (copse_cid[2]){root, root}, 12, 1024, &asked), 0);
    copse_cid_set_release(&asked);
    tree_world_release(&full);
}

/* No more than limits.wants_max at once, and the rest then. */
static void test_a_full_list(void **state)
{
    tree_world world;
    (void)state;
    tree_world_init(&world);
    const copse_cid roots[2] = {hint_tree(&world, ENTRIES, CHANGES), hint_tree(&world, ENTRIES, 1)};
    copse_cid_set differing;
    copse_cid_set asked;
    hint_differing(&world, roots, 12, &differing);
    copse_cid_set_init(&asked, &world.test.env);
    size_t rounds = hint_all(&world, roots, 12, 7, &asked);
    assert_int_equal(asked.count, differing.count);
    assert_in_range(rounds, differing.count / 7, differing.count);
    copse_cid_set_release(&asked);
    copse_cid_set_release(&differing);
    tree_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_for_what_differs),
        cmocka_unit_test(test_trees_of_other_heights),
        cmocka_unit_test(test_equal_trees_ask_for_nothing),
        cmocka_unit_test(test_a_full_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
