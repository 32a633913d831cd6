/* What a cursor asks for. Every want list is compared with the nodes that the scan needs, computed
 * from the complete tree. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/cursor.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/cursor_world.h"
#include "support/fault_store.h"
#include "tree/walk.h"

/* The nodes of a tree, level by level. */
typedef struct level_node {
    copse_cid cid;
    size_t first; /* entries [first, end) stand below it */
    size_t end;
} level_node;

typedef struct tree_map {
    size_t height;
    size_t counts[COPSE_TREE_LEVELS_MAX];
    level_node *nodes[COPSE_TREE_LEVELS_MAX]; /* by level, leaves first; in key order */
} tree_map;

static copse_bytes link_of(const copse_walk *walk)
{
    if (walk->depth == 0) {
        return (copse_bytes){walk->tree->top.bytes, walk->tree->top.size};
    }
    return copse_node_link(walk->nodes[walk->depth - 1], walk->indexes[walk->depth - 1]);
}

static size_t entries_below(copse_node *node, copse_tree *tree, size_t depth)
{
    if (node->leaf || node->sums != NULL) {
        return (size_t)copse_node_total(node);
    }
    size_t sum = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        copse_node *child = NULL;
        assert_int_equal(copse_tree_load_child(tree, node, depth, i, NULL, &child, NULL), 0);
        sum += entries_below(child, tree, depth + 1);
        copse_node_unref(tree->env, child);
    }
    return sum;
}

static void map_init(tree_map *map, cursor_world *world)
{
    cursor_reader reader;
    assert_int_equal(cursor_reader_init(&reader, &world->env.env, world->store), COPSE_OK);
    assert_int_equal(cursor_reader_open(&reader, world), COPSE_OK);
    assert_int_equal(copse_tree_height(reader.tree, &map->height, NULL), COPSE_OK);
    for (size_t level = 0; level < map->height; level++) {
        copse_walk walk;
        copse_status status = COPSE_OK;
        size_t at = 0;
        map->counts[level] = 0;
        map->nodes[level] = calloc(world->count + 1, sizeof(level_node));
        assert_non_null(map->nodes[level]);
        copse_walk_init(&walk, reader.tree, level);
        assert_int_equal(copse_walk_seek(&walk, (copse_bytes){NULL, 0}, NULL), COPSE_OK);
        while (status == COPSE_OK) {
            level_node *node = &map->nodes[level][map->counts[level]++];
            copse_node *loaded = NULL;
            assert_int_equal(copse_cid_from_bytes(link_of(&walk), &node->cid, NULL), COPSE_OK);
            assert_int_equal(copse_walk_load(&walk, &loaded, NULL), COPSE_OK);
            node->first = at;
            at += entries_below(loaded, reader.tree, walk.depth);
            node->end = at;
            copse_node_unref(&world->env.env, loaded);
            status = copse_walk_next(&walk, NULL);
        }
        assert_int_equal(at, world->count);
        copse_walk_release(&walk);
    }
    cursor_reader_release(&reader);
}

static void map_release(tree_map *map)
{
    for (size_t level = 0; level < map->height; level++) {
        free(map->nodes[level]);
    }
}

/* A reader that has nothing but the root tuple and the config. */
static void reader_open_cold(cursor_reader *reader, const cursor_world *world, const copse_env *env)
{
    size_t rounds = 0;
    copse_status status;
    assert_int_equal(cursor_reader_init(reader, env, NULL), COPSE_OK);
    while ((status = cursor_reader_open(reader, world)) == COPSE_WANT) {
        assert_int_equal(cursor_reader_supply(reader, world, NULL), 1);
        rounds++;
    }
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(rounds, 2); /* the root tuple; a config that is not the built-in one */
}

/* The wanted CIDs are those of level `level` that hold an entry of [first, end), in this order. */
static void assert_wants(const cursor_reader *reader, const tree_map *map, size_t level,
                         size_t first, size_t end, bool reverse)
{
    size_t count = 0;
    size_t seen = 0;
    const copse_cid *wants = copse_source_wants(reader->source, &count);
    for (size_t i = 0; i < map->counts[level]; i++) {
        const level_node *node = &map->nodes[level][reverse ? map->counts[level] - 1 - i : i];
        if (node->end > first && node->first < end) {
            assert_true(seen < count);
            assert_true(copse_cid_equal(&wants[seen], &node->cid));
            seen++;
        }
    }
    assert_int_equal(seen, count);
}

/* A scan of the entries [first, end) over an empty store: one round a level (F3), each with exactly
 * the nodes of the range (F1), and what then was read needed no more. */
static void check_cold_scan(cursor_world *world, const tree_map *map, size_t first, size_t end,
                            bool reverse)
{
    cursor_reader reader;
    size_t rounds = 0;
    size_t at = reverse ? end : first;
    copse_status status;
    reader_open_cold(&reader, world, &world->env.env);
    copse_bytes from = first > 0 ? cursor_world_key(world, first) : (copse_bytes){NULL, 0};
    copse_bytes to = end < world->count ? cursor_world_key(world, end) : (copse_bytes){NULL, 0};
    assert_int_equal(
        copse_cursor_set_range(reader.cursor, from, end < world->count ? &to : NULL, NULL),
        COPSE_OK);
    for (;;) {
        status = reverse ? copse_cursor_prev(reader.cursor, NULL)
                         : copse_cursor_next(reader.cursor, NULL);
        if (status == COPSE_OK) {
            at -= reverse;
            cursor_world_assert_at(world, reader.cursor, at);
            at += !reverse;
        } else if (status == COPSE_WANT) {
            assert_true(rounds < map->height);
            assert_wants(&reader, map, map->height - 1 - rounds, first, end, reverse);
            (void)cursor_reader_supply(&reader, world, NULL);
            rounds++;
        } else {
            break;
        }
    }
    assert_int_equal(status, COPSE_END);
    assert_int_equal(at, reverse ? first : end);
    assert_int_equal(rounds, map->height);
    cursor_reader_release(&reader);
}

static void test_cold_scans(void **state)
{
    const copse_tree_kind kinds[] = {COPSE_TREE_OURS, COPSE_TREE_DRAFT, COPSE_TREE_GO};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        cursor_world world;
        tree_map map;
        cursor_world_init(&world, kinds[i], 900, 21 + i);
        map_init(&map, &world);
        assert_true(map.height >= 3);
        check_cold_scan(&world, &map, 0, world.count, false);
        check_cold_scan(&world, &map, 0, world.count, true);
        map_release(&map);
        cursor_world_release(&world);
    }
}

/* The first and the last bound stand on the first keys of leaves or between, as it comes. A bound
 * on the first key of a node is one that the branches show, so nothing before it is asked for. */
static void test_cold_ranges(void **state)
{
    cursor_world world;
    tree_map map;
    uint64_t random = 9;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 900, 4);
    map_init(&map, &world);
    for (size_t i = 0; i < 300; i++) {
        size_t first = test_random_below(&random, world.count);
        size_t end = first + 1 + test_random_below(&random, world.count - first);
        check_cold_scan(&world, &map, first, end, i % 2 == 1);
    }
    map_release(&map);
    cursor_world_release(&world);
}

/* Reads `limit` entries from entry `first` (reverse: the last `limit`) and asks for exactly what
 * holds them (F2). */
static void check_limit(cursor_world *world, const tree_map *map, size_t first, size_t limit,
                        bool by_index, bool reverse)
{
    cursor_reader reader;
    size_t rounds = 0;
    size_t begin = reverse ? world->count - limit : first;
    reader_open_cold(&reader, world, &world->env.env);
    copse_cursor_set_limit(reader.cursor, limit);
    for (size_t read = 0; read < limit;) {
        copse_status status = read > 0 && reverse ? copse_cursor_prev(reader.cursor, NULL)
                              : read > 0          ? copse_cursor_next(reader.cursor, NULL)
                              : reverse           ? copse_cursor_seek_last(reader.cursor, NULL)
                              : by_index ? copse_cursor_seek_nth(reader.cursor, first, NULL)
                                         : copse_cursor_seek_first(reader.cursor, NULL);
        if (status == COPSE_WANT) {
            assert_true(rounds < map->height);
            assert_wants(&reader, map, map->height - 1 - rounds, begin, begin + limit, reverse);
            (void)cursor_reader_supply(&reader, world, NULL);
            rounds++;
        } else {
            assert_int_equal(status, COPSE_OK);
            cursor_world_assert_at(world, reader.cursor,
                                   reverse ? world->count - 1 - read : first + read);
            read++;
        }
    }
    assert_int_equal(rounds, map->height);
    cursor_reader_release(&reader);
}

static void test_limits(void **state)
{
    cursor_world world;
    tree_map map;
    uint64_t random = 2;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 900, 5);
    map_init(&map, &world);
    for (size_t limit = 1; limit < 100; limit += 7) {
        check_limit(&world, &map, 0, limit, false, false);
        check_limit(&world, &map, 0, limit, false, true);
        check_limit(&world, &map, test_random_below(&random, world.count - limit), limit, true,
                    false);
    }
    map_release(&map);
    cursor_world_release(&world);
}

/* 32 entries from a key in the middle of a leaf: what the counts can't tell costs at most one leaf
 * too many, or now and then another round. */
static void test_limit_from_key(void **state)
{
    cursor_world world;
    tree_map map;
    uint64_t random = 3;
    size_t rounds_more = 0;
    size_t leaves_more = 0;
    size_t runs = 200;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 900, 6);
    map_init(&map, &world);
    for (size_t i = 0; i < runs; i++) {
        cursor_reader reader;
        size_t rounds = 0;
        size_t fetched = 0;
        size_t needed = 0;
        size_t first = test_random_below(&random, world.count - 32);
        reader_open_cold(&reader, &world, &world.env.env);
        copse_cursor_set_limit(reader.cursor, 32);
        for (size_t read = 0; read < 32;) {
            copse_status status =
                read > 0 ? copse_cursor_next(reader.cursor, NULL)
                         : copse_cursor_seek(reader.cursor, cursor_world_key(&world, first), NULL);
            read += status == COPSE_OK;
            if (status == COPSE_WANT) {
                fetched += cursor_reader_supply(&reader, &world, NULL);
                rounds++;
            }
        }
        for (size_t level = 0; level < map.height; level++) {
            for (size_t j = 0; j < map.counts[level]; j++) {
                const level_node *node = &map.nodes[level][j];
                needed += node->end > first && node->first < first + 32;
            }
        }
        assert_true(rounds <= map.height + 2);
        assert_true(fetched <= needed + map.height);
        rounds_more += rounds - map.height;
        leaves_more += fetched - needed;
        cursor_reader_release(&reader);
    }
    print_message("%zu scans of 32 from a key: %zu rounds and %zu nodes more than needed\n", runs,
                  rounds_more, leaves_more);
    assert_true(rounds_more <= runs / 8);
    assert_true(leaves_more <= runs * 2);
    map_release(&map);
    cursor_world_release(&world);
}

/* A want list is never longer than limits.wants_max, and the most urgent stands first. */
static void test_wants_max(void **state)
{
    cursor_world world;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 500, 8);
    for (size_t wants_max = 0; wants_max < 6; wants_max++) {
        cursor_reader reader;
        copse_status status;
        size_t read = 0;
        world.env.env.limits.wants_max = wants_max;
        reader_open_cold(&reader, &world, &world.env.env);
        while ((status = copse_cursor_next(reader.cursor, NULL)) != COPSE_END) {
            size_t count = 0;
            (void)copse_source_wants(reader.source, &count);
            assert_true(count <= (wants_max > 0 ? wants_max : 1));
            read += status == COPSE_OK;
            if (status == COPSE_WANT) {
                assert_true(cursor_reader_supply(&reader, &world, NULL) > 0);
            }
        }
        assert_int_equal(read, world.count);
        cursor_reader_release(&reader);
    }
    cursor_world_release(&world);
}

/* Each block is taken away in turn: WANT for it alone, the position as it was, and then on. */
static void check_missing(cursor_world *world, copse_store *store, const copse_cid *cid,
                          bool reverse)
{
    cursor_reader reader;
    size_t at = SIZE_MAX;
    size_t wanted = 0;
    copse_status status;
    fault_store_hide(store, cid);
    assert_int_equal(cursor_reader_init(&reader, &world->env.env, store), COPSE_OK);
    assert_int_equal(cursor_reader_open(&reader, world), COPSE_OK);
    while ((status = reverse ? copse_cursor_prev(reader.cursor, NULL)
                             : copse_cursor_next(reader.cursor, NULL)) != COPSE_END) {
        if (status == COPSE_WANT) {
            size_t count = 0;
            const copse_cid *wants = copse_source_wants(reader.source, &count);
            assert_int_equal(count, 1);
            assert_true(copse_cid_equal(&wants[0], cid));
            assert_int_equal(wanted++, 0);
            cursor_world_assert_at(world, reader.cursor, at);
            (void)cursor_reader_supply(&reader, world, NULL);
        } else {
            assert_int_equal(status, COPSE_OK);
            at = at == SIZE_MAX ? (reverse ? world->count - 1 : 0) : reverse ? at - 1 : at + 1;
            cursor_world_assert_at(world, reader.cursor, at);
        }
    }
    assert_int_equal(at, reverse ? 0 : world->count - 1);
    assert_int_equal(wanted, 1);
    cursor_reader_release(&reader);
    fault_store_heal(store);
}

static void test_every_block_missing(void **state)
{
    cursor_world world;
    tree_map map;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 350, 10);
    map_init(&map, &world);
    copse_store *store = cursor_world_fault_store(&world);
    for (size_t level = 0; level < map.height; level++) {
        for (size_t i = 0; i < map.counts[level]; i++) {
            check_missing(&world, store, &map.nodes[level][i].cid, false);
            check_missing(&world, store, &map.nodes[level][i].cid, true);
        }
    }
    copse_store_close(store);
    map_release(&map);
    cursor_world_release(&world);
}

/* A node in the middle that breaks its format: CORRUPT with its CID, at the place where it is
 * reached and not before (F4), and the position stays. */
static void test_corrupt_node(void **state)
{
    cursor_world world;
    tree_map map;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 350, 12);
    map_init(&map, &world);
    for (size_t level = 0; level + 1 < map.height; level++) {
        cursor_reader reader;
        copse_block *block = NULL;
        copse_err err = {0};
        char text[COPSE_CID_TEXT_SIZE_MAX];
        const level_node *bad = &map.nodes[level][map.counts[level] / 2];
        assert_int_equal(copse_store_get(world.store, &bad->cid, &block, NULL), COPSE_OK);
        copse_bytes data = copse_block_data(block);
        copse_block *cut = NULL;
        assert_int_equal(copse_block_new(&world.env.env, &bad->cid,
                                         (copse_bytes){data.ptr, data.len - 1}, &cut, NULL),
                         COPSE_OK);
        reader_open_cold(&reader, &world, &world.env.env);
        assert_int_equal(copse_source_supply_block(reader.source, cut, NULL), COPSE_OK);
        copse_status status;
        size_t read = 0;
        while ((status = copse_cursor_next(reader.cursor, &err)) >= 0 && status != COPSE_END) {
            read += status == COPSE_OK;
            if (status == COPSE_WANT) {
                (void)cursor_reader_supply(&reader, &world, NULL);
            }
        }
        assert_int_equal(status, COPSE_CORRUPT);
        assert_int_equal(err.status, COPSE_CORRUPT);
        copse_cid_to_text(&bad->cid, COPSE_BASE32, text);
        assert_non_null(strstr(err.message, text));
        assert_int_equal(read, bad->first);
        cursor_world_assert_at(&world, reader.cursor, bad->first - 1);
        cursor_reader_release(&reader);
        copse_block_unref(cut);
        copse_block_unref(block);
    }
    map_release(&map);
    cursor_world_release(&world);
}

/* ---- faults ---- */

static copse_status sweep_scan(const copse_env *env, void *ctx)
{
    cursor_world *world = ctx;
    cursor_reader reader;
    copse_bytes to = cursor_world_key(world, world->count - 3);
    copse_status status = cursor_reader_init(&reader, env, NULL);
    while (status == COPSE_OK || status == COPSE_WANT) {
        status = reader.cursor != NULL ? copse_cursor_next(reader.cursor, NULL)
                 : reader.tree != NULL
                     ? copse_cursor_new(reader.tree, &reader.cursor, NULL)
                     : copse_tree_open(reader.cache, &world->root, &reader.tree, NULL);
        if (status == COPSE_OK && reader.cursor != NULL &&
            copse_cursor_key(reader.cursor).ptr == NULL) {
            status = copse_cursor_set_range(reader.cursor, cursor_world_key(world, 2), &to, NULL);
        }
        if (status == COPSE_WANT) {
            (void)cursor_reader_supply(&reader, world, &status);
        }
    }
    cursor_reader_release(&reader);
    return status == COPSE_END ? COPSE_OK : status;
}

static void test_allocation_sweep(void **state)
{
    cursor_world world;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 150, 13);
    (void)test_env_sweep(sweep_scan, &world, 100000);
    cursor_world_release(&world);
}

/* A store that fails: the failure is told, the position stays, and the scan can go on. */
static void test_store_failures(void **state)
{
    cursor_world world;
    bool failed = true;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 150, 14);
    copse_store *store = cursor_world_fault_store(&world);
    for (uint64_t n = 0; failed; n++) {
        cursor_reader reader;
        copse_status status;
        size_t at = SIZE_MAX;
        size_t failures = 0;
        assert_int_equal(cursor_reader_init(&reader, &world.env.env, store), COPSE_OK);
        assert_int_equal(cursor_reader_open(&reader, &world), COPSE_OK);
        fault_store_fail_at(store, n, COPSE_IO);
        while ((status = copse_cursor_prev(reader.cursor, NULL)) != COPSE_END) {
            failures += status == COPSE_IO;
            assert_true(status == COPSE_OK || status == COPSE_IO);
            if (status == COPSE_OK) {
                at = at == SIZE_MAX ? world.count - 1 : at - 1;
            }
            cursor_world_assert_at(&world, reader.cursor, at);
        }
        failed = fault_store_has_failed(store);
        assert_int_equal(failures, failed);
        assert_int_equal(at, 0);
        fault_store_heal(store);
        cursor_reader_release(&reader);
    }
    copse_store_close(store);
    cursor_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cold_scans),     cmocka_unit_test(test_cold_ranges),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_limit_from_key),
        cmocka_unit_test(test_wants_max),      cmocka_unit_test(test_every_block_missing),
        cmocka_unit_test(test_corrupt_node),   cmocka_unit_test(test_allocation_sweep),
        cmocka_unit_test(test_store_failures),
    };
    return cmocka_run_group_tests_name("cursor want", tests, NULL, NULL);
}
