/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/memory_store.h>

#include "support/fault_store.h"
#include "support/tree_pair.h"
#include "tree/tree.h"

enum { BASE, OURS, THEIRS, SIDES };

/* ---- deciding ---- */

/* A decision that is the same with the sides swapped: deletes where the key's last byte says so,
 * makes a new value for others, else takes the larger value. */
static copse_status decide_fairly(void *ctx, const copse_conflict *conflict,
                                  copse_resolution *ret_resolution, copse_err *err)
{
    static const uint8_t merged[] = {0x66, 'm', 'e', 'r', 'g', 'e', 'd'};
    size_t *calls = ctx;
    (void)err;
    uint8_t last = conflict->key.len > 0 ? conflict->key.ptr[conflict->key.len - 1] : 0;
    if (calls != NULL) {
        (*calls)++;
    }
    ret_resolution->value = (copse_bytes){merged, sizeof merged};
    ret_resolution->kind = last % 4 == 0   ? COPSE_TAKE_NOTHING
                           : last % 4 == 1 ? COPSE_TAKE_VALUE
                           : copse_bytes_compare(conflict->ours, conflict->theirs) > 0
                               ? COPSE_TAKE_OURS
                               : COPSE_TAKE_THEIRS;
    return COPSE_OK;
}

static copse_status refuse(void *ctx, const copse_conflict *conflict,
                           copse_resolution *ret_resolution, copse_err *err)
{
    (void)ctx, (void)conflict, (void)ret_resolution, (void)err;
    return COPSE_DENIED;
}

/* ---- the model's merge ---- */

static copse_bytes value_of(const tree_model *model, copse_bytes key)
{
    size_t index;
    return model != NULL && tree_model_find(model, key, &index) ? model->entries[index].value
                                                                : (copse_bytes){NULL, 0};
}

static bool same_value(copse_bytes a, copse_bytes b)
{
    return (a.ptr == NULL) == (b.ptr == NULL) && copse_bytes_equal(a, b);
}

static size_t model_merge_key(const tree_model *const *sides, copse_bytes key, tree_model *out)
{
    copse_conflict conflict = {key, value_of(sides[BASE], key), value_of(sides[OURS], key),
                               value_of(sides[THEIRS], key)};
    copse_bytes value = conflict.ours;
    bool is_conflict = false;
    if (same_value(conflict.base, conflict.ours)) {
        value = conflict.theirs;
    } else if (!same_value(conflict.base, conflict.theirs) &&
               !same_value(conflict.ours, conflict.theirs)) {
        copse_resolution resolution;
        is_conflict = true;
        (void)decide_fairly(NULL, &conflict, &resolution, NULL);
        value = resolution.kind == COPSE_TAKE_OURS     ? conflict.ours
                : resolution.kind == COPSE_TAKE_THEIRS ? conflict.theirs
                : resolution.kind == COPSE_TAKE_VALUE  ? resolution.value
                                                       : (copse_bytes){NULL, 0};
    }
    if (value.ptr != NULL) {
        tree_model_put(out, key, value);
    }
    return is_conflict;
}

/* Merges into the empty `out`; sides[BASE] may be NULL. Returns the conflicts. A union keeps what
 * one side has: with nothing as base, it is the same. */
static size_t model_merge(const tree_model *const *sides, tree_model *out)
{
    tree_model keys = {0};
    size_t conflicts = 0;
    tree_model_copy(sides[OURS], &keys);
    for (size_t i = 0; i < sides[THEIRS]->count; i++) {
        tree_model_put(&keys, sides[THEIRS]->entries[i].key, sides[THEIRS]->entries[i].value);
    }
    for (size_t i = 0; i < keys.count; i++) {
        conflicts += model_merge_key(sides, keys.entries[i].key, out);
    }
    tree_model_release(&keys);
    return conflicts;
}

/* ---- triples ---- */

typedef struct triple {
    tree_world world;
    copse_tree_config config;
    tree_model models[SIDES];
    copse_tree *trees[SIDES];
} triple;

static void triple_init(triple *t, uint64_t number, uint64_t *seed)
{
    static const size_t sizes[] = {300, 0, 40, 900, 3};
    static const tree_keys kinds[] = {TREE_KEYS_RANDOM, TREE_KEYS_SEQUENTIAL, TREE_KEYS_SHORT};
    tree_keys keys = kinds[number % 3];
    *t = (triple){.config = tree_model_small_config()};
    tree_world_init(&t->world);
    tree_model_fill(&t->models[BASE], keys, number % 7 == 6 ? TREE_VALUES_EDGE : TREE_VALUES_SMALL,
                    &t->config, 0, sizes[number % 5], 1 + number % 4, seed);
    for (size_t i = OURS; i < SIDES; i++) {
        size_t variant = i == OURS ? number % TREE_VARIANTS : number / TREE_VARIANTS;
        tree_model_copy(&t->models[BASE], &t->models[i]);
        tree_variant(&t->models[i], variant % TREE_VARIANTS, keys, &t->config, seed);
    }
    for (size_t i = 0; i < SIDES; i++) {
        t->trees[i] = tree_model_open(&t->models[i], &t->world, &t->config);
    }
}

static void triple_release(triple *t)
{
    for (size_t i = 0; i < SIDES; i++) {
        copse_tree_close(t->trees[i]);
        tree_model_release(&t->models[i]);
    }
    tree_world_release(&t->world);
}

/* Merges, or unites if `base` is NULL. */
static copse_status merge_of(copse_tree *base, copse_tree *ours, copse_tree *theirs,
                             copse_conflict_fn decide, void *ctx, copse_store *store,
                             copse_tree **ret_tree, copse_merge_stats *ret_stats)
{
    return base != NULL
               ? copse_merge3(base, ours, theirs, decide, ctx, store, ret_tree, ret_stats, NULL)
               : copse_union2(ours, theirs, decide, ctx, store, ret_tree, ret_stats, NULL);
}

static void check_merge(triple *t, bool is_union)
{
    const tree_model *sides[SIDES] = {is_union ? NULL : &t->models[BASE], &t->models[OURS],
                                      &t->models[THEIRS]};
    copse_tree *base = is_union ? NULL : t->trees[BASE];
    tree_model want = {0};
    copse_tree *merged[2];
    size_t conflicts = model_merge(sides, &want);
    for (size_t swap = 0; swap < 2; swap++) {
        copse_merge_stats stats;
        size_t calls = 0;
        assert_int_equal(merge_of(base, t->trees[swap ? THEIRS : OURS],
                                  t->trees[swap ? OURS : THEIRS], decide_fairly, &calls,
                                  t->world.store, &merged[swap], &stats),
                         COPSE_OK);
        tree_model_assert_root(&want, merged[swap], is_union ? "union" : "merge");
        assert_int_equal(calls, conflicts);
        assert_int_equal(stats.conflicts, conflicts);
    }
    copse_tree_close(merged[0]);
    copse_tree_close(merged[1]);
    if (conflicts > 0) {
        copse_status status = merge_of(base, t->trees[OURS], t->trees[THEIRS], NULL, NULL,
                                       t->world.store, merged, NULL);
        assert_int_equal(status, COPSE_CONFLICT);
        status = merge_of(base, t->trees[OURS], t->trees[THEIRS], refuse, NULL, t->world.store,
                          merged, NULL);
        assert_int_equal(status, COPSE_DENIED);
    }
    tree_model_release(&want);
}

static void test_merge(void **state)
{
    uint64_t seed = 11;
    (void)state;
    for (uint64_t number = 0; number < 363; number++) {
        triple t;
        triple_init(&t, number, &seed);
        check_merge(&t, false);
        triple_release(&t);
    }
}

static void test_union(void **state)
{
    uint64_t seed = 12;
    (void)state;
    for (uint64_t number = 0; number < 363; number++) {
        triple t;
        triple_init(&t, number, &seed);
        check_merge(&t, true);
        triple_release(&t);
    }
}

/* ---- equal trees are not read ---- */

static void test_equal_trees(void **state)
{
    (void)state;
    uint64_t seed = 13;
    triple t;
    tree_reader reader;
    triple_init(&t, 2, &seed);
    assert_false(copse_cid_equal(copse_tree_root(t.trees[OURS]), copse_tree_root(t.trees[BASE])));
    tree_reader_init(&reader, &t.world.test.env, NULL);
    copse_tree *a = tree_reader_open(&reader, t.world.store, copse_tree_root(t.trees[BASE]));
    copse_tree *b = tree_reader_open(&reader, t.world.store, copse_tree_root(t.trees[OURS]));
    copse_tree *sides[][4] = {{a, b, b, b}, {a, b, a, b}, {a, a, b, b}, {a, a, a, a}};
    for (size_t i = 0; i < 4; i++) {
        copse_tree *merged;
        assert_int_equal(copse_merge3(sides[i][0], sides[i][1], sides[i][2], NULL, NULL, NULL,
                                      &merged, NULL, NULL),
                         COPSE_OK);
        assert_true(copse_cid_equal(copse_tree_root(merged), copse_tree_root(sides[i][3])));
        copse_tree_close(merged);
    }
    assert_int_equal(reader.read.count, 0);
    copse_tree_close(a);
    copse_tree_close(b);
    tree_reader_release(&reader);
    triple_release(&t);
}

/* ---- sparse replicas ---- */

/* Merges with nothing present but the roots. */
static void check_remote(triple *t, bool is_union)
{
    const tree_model *sides[SIDES] = {is_union ? NULL : &t->models[BASE], &t->models[OURS],
                                      &t->models[THEIRS]};
    tree_model want = {0};
    test_env test;
    tree_reader reader;
    copse_store *store;
    copse_tree *trees[SIDES];
    copse_tree *merged = NULL;
    copse_status status;
    (void)model_merge(sides, &want);
    test_env_init(&test);
    assert_int_equal(copse_memory_store_new(&test.env, &store, NULL), COPSE_OK);
    tree_reader_init(&reader, &test.env, NULL);
    for (size_t i = 0; i < SIDES; i++) {
        trees[i] = tree_reader_open(&reader, t->world.store, copse_tree_root(t->trees[i]));
    }
    while ((status = merge_of(is_union ? NULL : trees[BASE], trees[OURS], trees[THEIRS],
                              decide_fairly, NULL, store, &merged, NULL)) == COPSE_WANT) {
        tree_reader_supply(&reader, t->world.store);
    }
    assert_int_equal(status, COPSE_OK);
    tree_model_assert_root(&want, merged, "sparse merge");
    copse_tree_close(merged);
    for (size_t i = 0; i < SIDES; i++) {
        copse_tree_close(trees[i]);
    }
    tree_reader_release(&reader);
    copse_store_close(store);
    test_env_assert_empty(&test);
    tree_model_release(&want);
}

static void test_remote(void **state)
{
    uint64_t seed = 14;
    (void)state;
    for (uint64_t number = 0; number < 121; number++) {
        triple t;
        triple_init(&t, number * 3 % 121, &seed);
        check_remote(&t, number % 3 == 0);
        triple_release(&t);
    }
}

/* ---- failures ---- */

typedef struct fault_run {
    copse_store *store;
    copse_cid roots[SIDES];
    copse_cid merged;
    bool is_union;
    bool into_store; /* the new blocks go to `store`; else to one of the run's own env */
} fault_run;

static copse_status run_merge(const copse_env *env, void *ctx)
{
    const fault_run *run = ctx;
    copse_source *source = NULL;
    copse_node_cache *cache = NULL;
    copse_tree *trees[SIDES] = {NULL, NULL, NULL};
    copse_tree *merged = NULL;
    copse_store *own = NULL;
    copse_status status = copse_source_new(env, run->store, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, source, &cache, NULL);
    }
    if (status == COPSE_OK && !run->into_store) {
        status = copse_memory_store_new(env, &own, NULL);
    }
    for (size_t i = 0; i < SIDES && status == COPSE_OK; i++) {
        status = copse_tree_open(cache, &run->roots[i], &trees[i], NULL);
    }
    if (status == COPSE_OK) {
        status = merge_of(run->is_union ? NULL : trees[BASE], trees[OURS], trees[THEIRS],
                          decide_fairly, NULL, own != NULL ? own : run->store, &merged, NULL);
        assert_int_equal(merged != NULL, status == COPSE_OK);
    }
    if (status == COPSE_OK) {
        assert_true(copse_cid_equal(copse_tree_root(merged), &run->merged));
    }
    copse_tree_close(merged);
    for (size_t i = 0; i < SIDES; i++) {
        copse_tree_close(trees[i]);
    }
    copse_node_cache_free(cache);
    copse_source_free(source);
    copse_store_close(own);
    return status;
}

static void check_faults(fault_run *run, const copse_env *env)
{
    fault_store_heal(run->store);
    run->into_store = false;
    assert_in_range(test_env_sweep(run_merge, run, 100000), 100, 100000);
    run->into_store = true;
    for (uint64_t n = 0;; n++) {
        copse_status failure = n % 2 == 0 ? COPSE_IO : COPSE_CORRUPT;
        fault_store_fail_at(run->store, n, failure);
        copse_status status = run_merge(env, run);
        bool failed = fault_store_has_failed(run->store);
        assert_int_equal(status, failed ? failure : COPSE_OK);
        if (!failed) {
            break;
        }
    }
}

static void test_faults(void **state)
{
    uint64_t seed = 15;
    copse_tree_config config = tree_model_small_config();
    test_env test;
    fault_run run = {0};
    copse_store *memory;
    tree_model models[SIDES] = {{0}};
    tree_model merged = {0};
    tree_model united = {0};
    (void)state;
    test_env_init(&test);
    assert_int_equal(copse_memory_store_new(&test.env, &memory, NULL), COPSE_OK);
    run.store = fault_store_new(&test.env, memory);
    tree_model_fill(&models[BASE], TREE_KEYS_RANDOM, TREE_VALUES_SMALL, &config, 0, 200, 1, &seed);
    for (size_t i = 0; i < SIDES; i++) {
        if (i != BASE) {
            tree_model_copy(&models[BASE], &models[i]);
            tree_variant(&models[i], 2 + i, TREE_KEYS_RANDOM, &config, &seed);
        }
        run.roots[i] = tree_model_build(&models[i], &test.env, run.store, &config);
    }
    (void)model_merge((const tree_model *[]){models, models + OURS, models + THEIRS}, &merged);
    (void)model_merge((const tree_model *[]){NULL, models + OURS, models + THEIRS}, &united);
    run.merged = tree_model_root(&merged, &config);
    check_faults(&run, &test.env);
    run.is_union = true;
    run.merged = tree_model_root(&united, &config);
    check_faults(&run, &test.env);
    for (size_t i = 0; i < SIDES; i++) {
        tree_model_release(&models[i]);
    }
    tree_model_release(&merged);
    tree_model_release(&united);
    copse_store_close(run.store);
    test_env_assert_empty(&test);
}

/* ---- what the callback may do ---- */

static copse_status decide_as_told(void *ctx, const copse_conflict *conflict,
                                   copse_resolution *ret_resolution, copse_err *err)
{
    (void)conflict, (void)err;
    *ret_resolution = *(const copse_resolution *)ctx;
    return COPSE_OK;
}

/* One key that both sides changed. Each resolution, and those that are none; a refusal puts
 * nothing. */
static void test_resolutions(void **state)
{
    static const uint8_t item[] = {0x18, 0x2a};
    static const uint8_t broken[] = {0x18, 0x01};
    copse_tree_config config = tree_model_small_config();
    tree_world world;
    tree_model models[SIDES] = {{0}};
    copse_tree *trees[SIDES];
    copse_bytes key = copse_bytes_of_text("key");
    (void)state;
    tree_world_init(&world);
    for (size_t i = 0; i < SIDES; i++) {
        uint8_t value = (uint8_t)i;
        tree_model_put(&models[i], copse_bytes_of_text("a"), (copse_bytes){item, 2});
        tree_model_put(&models[i], key, (copse_bytes){&value, 1});
        trees[i] = tree_model_open(&models[i], &world, &config);
    }
    struct {
        copse_resolution resolution;
        copse_status status;
        const uint8_t *value;
        size_t size;
    } cases[] = {
        {{COPSE_TAKE_OURS, {NULL, 0}}, COPSE_OK, (const uint8_t *)"\1", 1},
        {{COPSE_TAKE_THEIRS, {NULL, 0}}, COPSE_OK, (const uint8_t *)"\2", 1},
        {{COPSE_TAKE_VALUE, {item, 2}}, COPSE_OK, item, 2},
        {{COPSE_TAKE_NOTHING, {NULL, 0}}, COPSE_OK, NULL, 0},
        {{COPSE_TAKE_VALUE, {NULL, 0}}, COPSE_MISUSE, NULL, 0},
        {{COPSE_TAKE_VALUE, {broken, 2}}, COPSE_CORRUPT, NULL, 0},
        {{(copse_resolution_kind)9, {NULL, 0}}, COPSE_MISUSE, NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copse_tree *merged = NULL;
        copse_bytes got = {NULL, 0};
        assert_int_equal(copse_merge3(trees[BASE], trees[OURS], trees[THEIRS], decide_as_told,
                                      &cases[i].resolution,
                                      cases[i].status == COPSE_OK ? world.store : NULL, &merged,
                                      NULL, NULL),
                         cases[i].status);
        if (cases[i].status != COPSE_OK) {
            assert_null(merged);
            continue;
        }
        assert_int_equal(copse_tree_get(merged, key, &got, NULL),
                         cases[i].value != NULL ? COPSE_OK : COPSE_NOT_FOUND);
        assert_true(copse_bytes_equal(got, (copse_bytes){cases[i].value, cases[i].size}));
        copse_tree_close(merged);
    }
    for (size_t i = 0; i < SIDES; i++) {
        copse_tree_close(trees[i]);
        tree_model_release(&models[i]);
    }
    tree_world_release(&world);
}

static void test_misuse(void **state)
{
    uint64_t seed = 16;
    triple t;
    triple other;
    copse_tree *merged = NULL;
    copse_tree *more = NULL;
    copse_tree_config config = tree_model_config(2);
    (void)state;
    triple_init(&t, 13, &seed);
    triple_init(&other, 13, &seed);
    more = tree_model_open(&t.models[OURS], &t.world, &config);
    assert_int_equal(merge_of(t.trees[BASE], t.trees[OURS], other.trees[THEIRS], NULL, NULL,
                              t.world.store, &merged, NULL),
                     COPSE_MISUSE);
    assert_int_equal(
        merge_of(t.trees[BASE], t.trees[OURS], more, NULL, NULL, t.world.store, &merged, NULL),
        COPSE_MISUSE);
    assert_int_equal(merge_of(NULL, t.trees[OURS], more, NULL, NULL, t.world.store, &merged, NULL),
                     COPSE_MISUSE);
    assert_null(merged);
    copse_tree_close(more);
    triple_release(&t);
    triple_release(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),       cmocka_unit_test(test_union),
        cmocka_unit_test(test_equal_trees), cmocka_unit_test(test_remote),
        cmocka_unit_test(test_faults),      cmocka_unit_test(test_resolutions),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
