/* Reading and editing with blocks that are not there: exact want lists, each block missing in its
 * turn.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/fault_store.h"
#include "support/tree_model.h"
#include "support/tree_naive.h"
#include "tree/node.h"
#include "tree/tree.h"

enum { WANT_ENTRIES = 600, WANT_MANY = 8000, WANT_STEP = 7, WANT_ROUNDS_MAX = 100 };

/* A full store, and a reader with a store of its own that blocks are fetched into by hand. */
typedef struct want_world {
    tree_world full;
    tree_model model;
    copse_tree_config config;
    size_t entries;
    copse_cid root;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;  /* NULL: not open yet */
    copse_cid missing; /* never supplied; size 0: none */
    size_t fetched;
    size_t rounds;
} want_world;

static void want_world_init(want_world *world, const copse_tree_config *config, size_t entries)
{
    uint64_t seed = 23;
    *world = (want_world){.config = *config, .entries = entries};
    tree_world_init(&world->full);
    tree_model_fill(&world->model, TREE_KEYS_SEQUENTIAL, TREE_VALUES_SMALL, config, 0, entries,
                    WANT_STEP, &seed);
    world->root = tree_model_build(&world->model, &world->full.test.env, world->full.store, config);
}

/* A reader that has nothing. */
static void want_world_reset(want_world *world)
{
    const copse_env *env = &world->full.test.env;
    copse_tree_close(world->tree);
    copse_node_cache_free(world->cache);
    copse_source_free(world->source);
    assert_int_equal(copse_source_new(env, NULL, &world->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, world->source, &world->cache, NULL), COPSE_OK);
    world->tree = NULL;
    world->missing = (copse_cid){0};
    world->fetched = 0;
    world->rounds = 0;
}

static void want_world_release(want_world *world)
{
    copse_tree_close(world->tree);
    copse_node_cache_free(world->cache);
    copse_source_free(world->source);
    tree_model_release(&world->model);
    tree_world_release(&world->full);
}

/* Supplies what is wanted, all but the missing block. Returns how many were supplied. */
static size_t want_supply(want_world *world)
{
    size_t count;
    size_t supplied = 0;
    const copse_cid *wants = copse_source_wants(world->source, &count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        copse_block *block = NULL;
        if (copse_cid_equal(&wants[i], &world->missing)) {
            continue;
        }
        assert_int_equal(copse_store_get(world->full.store, &wants[i], &block, NULL), COPSE_OK);
        assert_int_equal(
            copse_source_supply(world->source, &wants[i], copse_block_data(block), NULL), COPSE_OK);
        copse_block_unref(block);
        supplied++;
    }
    world->fetched += supplied;
    world->rounds += supplied > 0;
    return supplied;
}

/* ---- operations with one answer, as text ---- */

enum { WANT_ANSWER = 300 };

typedef copse_status (*want_operation)(want_world *world, char *ret_answer);

static tree_key want_key(const want_world *world, uint64_t index)
{
    tree_key key;
    tree_key_make(TREE_KEYS_SEQUENTIAL, &world->config, index, &key);
    return key;
}

static void want_hex(copse_bytes bytes, char *ret_text)
{
    for (size_t i = 0; i < bytes.len; i++) {
        (void)snprintf(ret_text + 2 * i, 3, "%02x", bytes.ptr[i]);
    }
}

static copse_status want_get(want_world *world, char *ret_answer)
{
    tree_key key = want_key(world, 300 * WANT_STEP);
    copse_bytes value;
    copse_status status = copse_tree_get(world->tree, tree_key_view(&key), &value, NULL);
    if (status == COPSE_OK) {
        want_hex(value, ret_answer);
    }
    return status;
}

static copse_status want_get_absent(want_world *world, char *ret_answer)
{
    tree_key key = want_key(world, 300 * WANT_STEP + 1);
    copse_bytes value;
    copse_status status = copse_tree_get(world->tree, tree_key_view(&key), &value, NULL);
    (void)snprintf(ret_answer, WANT_ANSWER, "%s", copse_status_name(status));
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

static copse_status want_number(copse_status status, const uint64_t *number, char *ret_answer)
{
    if (status == COPSE_OK) {
        (void)snprintf(ret_answer, WANT_ANSWER, "%llu", (unsigned long long)*number);
    }
    return status;
}

static copse_status want_count(want_world *world, char *ret_answer)
{
    uint64_t count = 0;
    return want_number(copse_tree_count(world->tree, &count, NULL), &count, ret_answer);
}

static copse_status want_rank(want_world *world, char *ret_answer)
{
    tree_key key = want_key(world, 411 * WANT_STEP + 3);
    uint64_t rank = 0;
    return want_number(copse_tree_rank(world->tree, tree_key_view(&key), &rank, NULL), &rank,
                       ret_answer);
}

static copse_status want_range_count(want_world *world, char *ret_answer)
{
    tree_key from = want_key(world, 100 * WANT_STEP + 3);
    tree_key to = want_key(world, 500 * WANT_STEP + 3);
    copse_bytes to_view = tree_key_view(&to);
    uint64_t count = 0;
    return want_number(
        copse_tree_range_count(world->tree, tree_key_view(&from), &to_view, &count, NULL), &count,
        ret_answer);
}

static copse_status want_nth(want_world *world, char *ret_answer)
{
    copse_bytes key;
    copse_bytes value;
    copse_status status = copse_tree_nth(world->tree, 222, &key, &value, NULL);
    if (status == COPSE_OK) {
        want_hex(key, ret_answer);
        want_hex(value, ret_answer + 2 * key.len);
    }
    return status;
}

static copse_status want_height(want_world *world, char *ret_answer)
{
    size_t levels = 0;
    copse_status status = copse_tree_height(world->tree, &levels, NULL);
    uint64_t number = levels;
    return want_number(status, &number, ret_answer);
}

static const struct {
    const char *name;
    want_operation run;
    size_t paths; /* root-to-leaf ways that it may read */
    size_t blocks_max;
    size_t entry; /* the one way is that to this entry; SIZE_MAX: not one */
} want_operations[] = {
    {"get", want_get, 1, SIZE_MAX, 300},
    {"get absent", want_get_absent, 1, SIZE_MAX, 300},
    {"count", want_count, 1, 1, SIZE_MAX},
    {"rank", want_rank, 1, SIZE_MAX, 411},
    {"nth", want_nth, 1, SIZE_MAX, 222},
    {"range_count", want_range_count, 2, SIZE_MAX, SIZE_MAX},
    {"height", want_height, 1, SIZE_MAX, 0},
};

enum { WANT_OPERATIONS = sizeof want_operations / sizeof *want_operations };

/* Opens the tree, then runs `run` to its end. Returns WANT if the missing block stops it. */
static copse_status want_drive(want_world *world, want_operation run, char *ret_answer)
{
    for (size_t i = 0; i < WANT_ROUNDS_MAX; i++) {
        copse_status status = world->tree == NULL
                                  ? copse_tree_open(world->cache, &world->root, &world->tree, NULL)
                                  : run(world, ret_answer);
        if (status == COPSE_OK && ret_answer[0] != '\0') {
            return COPSE_OK;
        }
        if (status == COPSE_OK) {
            continue; /* open */
        }
        assert_int_equal(status, COPSE_WANT);
        if (want_supply(world) == 0) {
            return COPSE_WANT;
        }
    }
    fail_msg("no end after %d rounds", WANT_ROUNDS_MAX);
    return COPSE_MISUSE;
}

/* From nothing: which blocks an operation asks for, in order, in which rounds. */
static size_t want_record(want_world *world, want_operation run, copse_cid *ret_cids, size_t max,
                          char *ret_answer)
{
    size_t recorded = 0;
    for (;;) {
        copse_status status = world->tree == NULL
                                  ? copse_tree_open(world->cache, &world->root, &world->tree, NULL)
                                  : run(world, ret_answer);
        if (status == COPSE_OK && ret_answer[0] != '\0') {
            return recorded;
        }
        if (status == COPSE_OK) {
            continue;
        }
        assert_int_equal(status, COPSE_WANT);
        size_t count;
        const copse_cid *wants = copse_source_wants(world->source, &count);
        assert_true(recorded + count <= max);
        memcpy(ret_cids + recorded, wants, count * sizeof *wants);
        recorded += count;
        assert_int_equal(want_supply(world), count);
    }
}

/* Each block of an operation taken away in turn: WANT with it on the list, and the same answer once
 * it is there. */
static void want_each_missing(want_world *world, want_operation run, const copse_cid *cids,
                              size_t count, const char *answer)
{
    for (size_t i = 0; i < count; i++) {
        char got[WANT_ANSWER] = "";
        size_t listed = 0;
        size_t wants_count;
        want_world_reset(world);
        world->missing = cids[i];
        assert_int_equal(want_drive(world, run, got), COPSE_WANT);
        const copse_cid *wants = copse_source_wants(world->source, &wants_count);
        for (size_t j = 0; j < wants_count; j++) {
            listed += copse_cid_equal(&wants[j], &cids[i]);
        }
        assert_int_equal(listed, 1);
        world->missing = (copse_cid){0};
        got[0] = '\0';
        assert_int_equal(want_drive(world, run, got), COPSE_OK);
        assert_string_equal(got, answer);
    }
}

/* The wants of a single way: the root, the config, then a node a level, one in each round. */
static void want_expect_way(const want_world *world, const copse_cid *cids, size_t count,
                            size_t entry)
{
    tree_naive naive;
    tree_naive_build(&world->model, &world->config, &naive);
    assert_int_equal(count, naive.height + 2);
    assert_int_equal(world->rounds, count);
    size_t begin = 0;  /* of the children of the node above, in their level */
    size_t passed = 0; /* entries of the tree before them */
    for (size_t depth = 0; depth < naive.height; depth++) {
        const tree_naive_level *level = &naive.levels[naive.height - 1 - depth];
        size_t node = begin;
        while (passed + level->chunks[node].count <= entry) {
            passed += level->chunks[node++].count;
        }
        assert_true(copse_cid_equal(&cids[2 + depth], &level->chunks[node].cid));
        begin = level->chunks[node].first;
    }
    tree_naive_release(&naive);
}

static void test_reads(void **state)
{
    (void)state;
    want_world world;
    copse_tree_config config = tree_model_small_config();
    want_world_init(&world, &config, WANT_ENTRIES);
    copse_tree *whole = tree_world_open(&world.full, &world.root);
    size_t height = 0;
    assert_int_equal(copse_tree_height(whole, &height, NULL), COPSE_OK);
    copse_tree_close(whole);
    assert_true(height >= 4);
    for (size_t i = 0; i < WANT_OPERATIONS; i++) {
        copse_cid cids[64];
        char answer[WANT_ANSWER] = "";
        want_world_reset(&world);
        size_t count = want_record(&world, want_operations[i].run, cids, 64, answer);
        size_t nodes = count - 2; /* without the root tuple and the config */
        printf("%-12s %2zu nodes of height %zu in %zu rounds: %.40s\n", want_operations[i].name,
               nodes, height, world.rounds, answer);
        assert_true(nodes <= want_operations[i].paths * height - (want_operations[i].paths - 1));
        assert_true(nodes <= want_operations[i].blocks_max);
        assert_true(world.rounds <= height + 2);
        assert_true(copse_cid_equal(&cids[0], &world.root));
        if (want_operations[i].entry != SIZE_MAX) {
            want_expect_way(&world, cids, count, want_operations[i].entry);
        }
        want_each_missing(&world, want_operations[i].run, cids, count, answer);
    }
    want_world_release(&world);
}

/* The default config's block is never asked for. */
static void test_default_config_is_not_wanted(void **state)
{
    (void)state;
    want_world world;
    copse_tree_config config;
    copse_tree_config_init(&config);
    want_world_init(&world, &config, WANT_ENTRIES);
    want_world_reset(&world);
    copse_cid cids[64];
    char answer[WANT_ANSWER] = "";
    assert_int_equal(want_record(&world, want_count, cids, 64, answer), 2);
    assert_string_equal(answer, "600");
    want_world_release(&world);
}

/* ---- applying ---- */

typedef struct want_apply {
    copse_store *store; /* takes the new blocks */
    copse_batch *batch;
    copse_tree *result;
} want_apply;

/* `edits` changes spread over the whole tree: puts, deletes, and one range. */
static void want_apply_init(want_world *world, want_apply *apply, tree_model *model, size_t edits)
{
    const copse_env *env = &world->full.test.env;
    apply->result = NULL;
    assert_int_equal(copse_memory_store_new(env, &apply->store, NULL), COPSE_OK);
    assert_int_equal(copse_batch_new(env, &apply->batch, NULL), COPSE_OK);
    for (size_t i = 0; i < edits; i++) {
        uint64_t index = (2 * i + 1) * world->entries / (2 * edits) * WANT_STEP;
        tree_key key = want_key(world, index + (i % 3 == 0));
        size_t len;
        uint8_t *value = tree_value_bytes(40, 'n', &len);
        copse_bytes bytes = {value, len};
        if (i % 3 == 2) {
            assert_int_equal(copse_batch_delete(apply->batch, tree_key_view(&key), NULL), COPSE_OK);
            tree_model_delete(model, tree_key_view(&key));
        } else {
            assert_int_equal(copse_batch_put(apply->batch, tree_key_view(&key), bytes, NULL),
                             COPSE_OK);
            tree_model_put(model, tree_key_view(&key), bytes);
        }
        free(value);
    }
}

static void want_apply_release(want_apply *apply)
{
    copse_tree_close(apply->result);
    copse_batch_free(apply->batch);
    copse_store_close(apply->store);
}

/* Runs to the end, or to where the missing block stops it. Until then nothing is put. */
static copse_status want_apply_drive(want_world *world, want_apply *apply)
{
    for (size_t i = 0; i < WANT_ROUNDS_MAX; i++) {
        copse_status status = world->tree == NULL
                                  ? copse_tree_open(world->cache, &world->root, &world->tree, NULL)
                                  : copse_tree_apply(world->tree, apply->batch, apply->store,
                                                     &apply->result, NULL, NULL);
        if (status == COPSE_OK && apply->result != NULL) {
            return COPSE_OK;
        }
        if (status == COPSE_OK) {
            continue;
        }
        assert_int_equal(status, COPSE_WANT);
        assert_null(apply->result);
        assert_int_equal(copse_memory_store_block_count(apply->store), 0);
        if (want_supply(world) == 0) {
            return COPSE_WANT;
        }
    }
    fail_msg("no end after %d rounds", WANT_ROUNDS_MAX);
    return COPSE_MISUSE;
}

/* Gets one key; opens the tree first if need be. */
static void want_get_key(want_world *world, copse_bytes key)
{
    for (;;) {
        copse_bytes value;
        bool opening = world->tree == NULL;
        copse_status status = opening
                                  ? copse_tree_open(world->cache, &world->root, &world->tree, NULL)
                                  : copse_tree_get(world->tree, key, &value, NULL);
        if (status == COPSE_WANT) {
            (void)want_supply(world);
        } else if (!opening) {
            return;
        }
    }
}

/* The blocks on the ways to the changed keys, with the root tuple and the config. */
static size_t want_path_blocks(want_world *world, size_t edits)
{
    want_world_reset(world);
    for (size_t i = 0; i < edits; i++) {
        uint64_t index = (2 * i + 1) * world->entries / (2 * edits) * WANT_STEP;
        tree_key key = want_key(world, index + (i % 3 == 0));
        want_get_key(world, tree_key_view(&key));
    }
    return world->fetched;
}

static void test_apply(void **state)
{
    (void)state;
    static const size_t edits[] = {1, 3, 10, 40};
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < 4; i++) {
            want_world world;
            want_apply apply;
            tree_model model = {0};
            copse_tree_config config = tree_model_config(c);
            want_world_init(&world, &config, c == 0 ? WANT_MANY : WANT_ENTRIES);
            tree_model_copy(&world.model, &model);
            want_apply_init(&world, &apply, &model, edits[i]);
            want_world_reset(&world);
            assert_int_equal(want_apply_drive(&world, &apply), COPSE_OK);
            tree_model_assert_root(&model, apply.result, "sparse apply");
            size_t fetched = world.fetched;
            size_t rounds = world.rounds;
            size_t height = world.tree->height;
            size_t paths = want_path_blocks(&world, edits[i]);
            printf("{%u,%u,%u} %2zu edits: %3zu blocks fetched in %2zu rounds; %3zu on the paths, "
                   "height %zu\n",
                   config.size_bytes_min, config.size_bytes_max, config.lambda_bytes, edits[i],
                   fetched, rounds, paths, height);
            /* A round a level on the way down, and on the way up one for each neighbour in a row: a
             * few with the tiny fan-out of the small config. */
            assert_true(rounds <= (c == 0 ? 3 : 4) * height + 2);
            assert_true(fetched <= paths + edits[i] * height);
            want_apply_release(&apply);
            tree_model_release(&model);
            want_world_release(&world);
        }
    }
}

/* Each block of an apply missing in turn: it waits for it, or had asked for it ahead and does
 * without it. */
static void test_apply_each_missing(void **state)
{
    (void)state;
    want_world world;
    want_apply apply;
    tree_model model = {0};
    copse_tree_config config = tree_model_small_config();
    want_world_init(&world, &config, WANT_ENTRIES);
    tree_model_copy(&world.model, &model);
    want_apply_init(&world, &apply, &model, 3);
    copse_store *watched = fault_store_new(&world.full.test.env, world.full.store);
    world.full.store = watched;
    want_world_reset(&world);
    assert_int_equal(want_apply_drive(&world, &apply), COPSE_OK);
    size_t count;
    const copse_cid *gets = fault_store_gets(watched, &count);
    copse_cid *cids = calloc(count, sizeof *cids);
    assert_non_null(cids);
    memcpy(cids, gets, count * sizeof *cids);
    want_apply_release(&apply);
    size_t needed = 0;
    for (size_t i = 0; i < count; i++) {
        tree_model again = {0};
        want_apply_init(&world, &apply, &again, 3);
        want_world_reset(&world);
        world.missing = cids[i];
        copse_status status = want_apply_drive(&world, &apply);
        world.missing = (copse_cid){0};
        if (status == COPSE_WANT) {
            needed++;
            status = want_apply_drive(&world, &apply);
        }
        assert_int_equal(status, COPSE_OK);
        tree_model_assert_root(&model, apply.result, "after WANT");
        want_apply_release(&apply);
        tree_model_release(&again);
    }
    assert_in_range(needed, count / 2, count);
    free(cids);
    tree_model_release(&model);
    want_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_default_config_is_not_wanted),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_apply_each_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
