/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/tree_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/merge.h>
#include <copse/sorter.h>

#include "support/memory_runs.h"
#include "support/tree_model_merge.h"

enum { HISTORY_OTHERS = 2 }; /* trees that splices take from */

/* A tree, what is in it, and the plain build of that. */
typedef struct history_side {
    copse_tree *tree;
    tree_model model;
    tree_naive naive;
} history_side;

typedef struct history {
    const tree_history_plan *plan;
    tree_history_met *met;
    tree_history_joins *joins; /* of met, for the plan's config */
    tree_world world;
    uint64_t seed;
    history_side now;
    copse_tree *others[HISTORY_OTHERS];
    tree_model other_models[HISTORY_OTHERS];
} history;

/* ---- batches ---- */

static tree_key history_key(history *run)
{
    tree_key key;
    tree_key_make(run->plan->keys, &run->plan->config,
                  test_random_below(&run->seed, run->plan->key_count), &key);
    return key;
}

static void history_open_others(history *run)
{
    const tree_history_plan *plan = run->plan;
    for (size_t i = 0; i < HISTORY_OTHERS; i++) {
        /* One looks like the tree but for every third key, one is different. */
        size_t count = test_random_below(&run->seed, plan->key_count) / (i + 1);
        if (i == 0) {
            tree_model_copy(&run->now.model, &run->other_models[0]);
        }
        tree_model_fill(&run->other_models[i], plan->keys, plan->values, &plan->config, i,
                        count / 3, 3, &run->seed);
        run->others[i] = tree_model_open(&run->other_models[i], &run->world, &plan->config);
    }
}

/* Two keys in order; *ret_to NULL for one in four. */
static void history_range(history *run, tree_key keys[2], copse_bytes views[2],
                          const copse_bytes **ret_to)
{
    keys[0] = history_key(run);
    keys[1] = history_key(run);
    views[0] = tree_key_view(&keys[0]);
    views[1] = tree_key_view(&keys[1]);
    if (copse_bytes_compare(views[0], views[1]) > 0) {
        copse_bytes swap = views[0];
        views[0] = views[1];
        views[1] = swap;
    }
    if (test_random_below(&run->seed, 4) == 0) {
        views[0].len = 0;
    }
    *ret_to = test_random_below(&run->seed, 4) == 0 ? NULL : &views[1];
}

static bool history_ends_leaf(const history *run, copse_bytes key)
{
    const tree_naive_level *leaves = &run->now.naive.levels[0];
    size_t index;
    /* Indexes are of the model before the batch as long as it is unchanged: close enough. */
    if (!tree_model_find(&run->now.model, key, &index)) {
        return false;
    }
    for (size_t i = 0; i < leaves->count; i++) {
        if (leaves->chunks[i].first + leaves->chunks[i].entries == index + 1) {
            return true;
        }
    }
    return false;
}

static void history_change(history *run, copse_batch *batch)
{
    uint64_t kind = test_random_below(&run->seed, 100);
    tree_key keys[2];
    copse_bytes views[2];
    const copse_bytes *to;
    if (kind < 2 || kind >= 98) {
        history_range(run, keys, views, &to);
        if (kind < 2) {
            run->met->range_deletes++;
            assert_int_equal(copse_batch_delete_range(batch, views[0], to, NULL), COPSE_OK);
            tree_model_delete_range(&run->now.model, views[0], to);
        } else {
            size_t i = test_random_below(&run->seed, HISTORY_OTHERS);
            run->met->splices++;
            assert_int_equal(copse_batch_splice(batch, run->others[i], views[0], to, NULL),
                             COPSE_OK);
            tree_model_splice(&run->now.model, &run->other_models[i], views[0], to);
        }
        return;
    }
    keys[0] = history_key(run);
    views[0] = tree_key_view(&keys[0]);
    if (kind < 45) {
        run->met->deleted_boundaries += history_ends_leaf(run, views[0]);
        assert_int_equal(copse_batch_delete(batch, views[0], NULL), COPSE_OK);
        tree_model_delete(&run->now.model, views[0]);
        return;
    }
    size_t len;
    uint8_t *value =
        tree_value_make(run->plan->values, &run->plan->config, views[0].len, &run->seed, &len);
    assert_int_equal(copse_batch_put(batch, views[0], (copse_bytes){value, len}, NULL), COPSE_OK);
    tree_model_put(&run->now.model, views[0], (copse_bytes){value, len});
    free(value);
}

static void history_compare(history *run, size_t round)
{
    const tree_history_plan *plan = run->plan;
    tree_naive before = run->now.naive;
    size_t height = 0;
    uint64_t count = 0;
    tree_naive_build(&run->now.model, &plan->config, &run->now.naive);
    if (!copse_cid_equal(&run->now.naive.root, copse_tree_root(run->now.tree))) {
        fail_msg("seed %llu, round %zu: the root is not that of a plain build (keys %d, values %d, "
                 "config {%u,%u,%u})",
                 (unsigned long long)plan->seed, round, (int)plan->keys, (int)plan->values,
                 plan->config.size_bytes_min, plan->config.size_bytes_max,
                 plan->config.lambda_bytes);
    }
    assert_int_equal(copse_tree_height(run->now.tree, &height, NULL), COPSE_OK);
    assert_int_equal(copse_tree_count(run->now.tree, &count, NULL), COPSE_OK);
    assert_int_equal(height, run->now.naive.height);
    assert_int_equal(count, run->now.model.count);
    tree_naive_features features = tree_naive_survey(&run->now.naive);
    tree_history_met *met = run->met;
    met->oversized += features.oversized;
    met->forced_cuts += features.forced;
    met->aheads += features.aheads;
    met->joins += features.joined;
    met->higher += run->now.naive.height > before.height;
    met->lower += run->now.naive.height < before.height;
    met->empty += run->now.model.count == 0;
    met->height_max = met->height_max > height ? met->height_max : height;
    tree_naive_release(&before);
}

static void history_replace(history *run, copse_tree *tree)
{
    copse_tree_close(run->now.tree);
    run->now.tree = tree;
}

/* Fails the test if the change of the tree failed. */
static void history_must(const history *run, size_t round, copse_status status,
                         const copse_err *err)
{
    if (status != COPSE_OK) {
        fail_msg("seed %llu, round %zu: %s, %s (%s)", (unsigned long long)run->plan->seed, round,
                 copse_status_name(status), err->message, err->where);
    }
}

static void history_apply(history *run, size_t round, size_t changes)
{
    copse_batch *batch = NULL;
    copse_tree *next = NULL;
    copse_apply_stats stats = {0};
    copse_err err = {0};
    tree_key first = {.len = 0};
    bool any = run->now.model.count > 0;
    if (any) {
        first.len = run->now.model.entries[0].key.len;
        memcpy(first.bytes, run->now.model.entries[0].key.ptr, first.len);
    }
    assert_int_equal(copse_batch_new(&run->world.test.env, &batch, NULL), COPSE_OK);
    for (size_t i = 0; i < changes; i++) {
        history_change(run, batch);
    }
    copse_status status =
        copse_tree_apply(run->now.tree, batch, run->world.store, &next, &stats, &err);
    history_must(run, round, status, &err);
    copse_batch_free(batch);
    history_replace(run, next);
    run->met->applies++;
    run->met->entries_changed += changes;
    run->met->nodes_read += stats.nodes_read;
    run->met->nodes_written += stats.nodes_written;
    if (any && run->now.model.count > 0) {
        run->met->new_first_keys +=
            !copse_bytes_equal(tree_key_view(&first), run->now.model.entries[0].key);
    }
    history_compare(run, round);
}

/* ---- merges ---- */

/* Merges `theirs` into the present tree, both ways round; base NULL: unites them. */
static void history_join(history *run, size_t round, const history_side *base, copse_tree *theirs,
                         const tree_model *their_model)
{
    const tree_model nothing = {0};
    tree_model merged = {0};
    copse_tree *trees[2] = {NULL, NULL};
    size_t conflicts = tree_model_merge(base != NULL ? &base->model : &nothing, &run->now.model,
                                        their_model, &merged);
    for (size_t swap = 0; swap < 2; swap++) {
        copse_tree *left = swap != 0 ? theirs : run->now.tree;
        copse_tree *right = swap != 0 ? run->now.tree : theirs;
        copse_store *store = run->world.store;
        copse_merge_stats stats = {0};
        copse_err err = {0};
        size_t calls = 0;
        copse_status status = base != NULL
                                  ? copse_merge3(base->tree, left, right, tree_model_decide, &calls,
                                                 store, &trees[swap], &stats, &err)
                                  : copse_union2(left, right, tree_model_decide, &calls, store,
                                                 &trees[swap], &stats, &err);
        history_must(run, round, status, &err);
        assert_int_equal(calls, conflicts);
        assert_int_equal(stats.conflicts, conflicts);
    }
    assert_true(copse_cid_equal(copse_tree_root(trees[0]), copse_tree_root(trees[1])));
    copse_tree_close(trees[1]);
    history_replace(run, trees[0]);
    tree_model_release(&run->now.model);
    run->now.model = merged;
    run->joins->conflicts += conflicts;
    history_compare(run, round);
}

/* A second handle on the present tree, to go on from. */
static void history_fork(history *run, history_side *fork)
{
    *fork = (history_side){.tree = tree_world_open(&run->world, copse_tree_root(run->now.tree))};
    tree_model_copy(&run->now.model, &fork->model);
    tree_naive_build(&fork->model, &run->plan->config, &fork->naive);
}

static void history_side_release(history_side *side)
{
    copse_tree_close(side->tree);
    tree_model_release(&side->model);
    tree_naive_release(&side->naive);
}

static void history_switch(history *run, history_side *side)
{
    history_side swap = run->now;
    run->now = *side;
    *side = swap;
}

/* Forks the tree, changes both sides, and merges them. One in three times our side stays. */
static void history_merge_round(history *run, size_t round)
{
    history_side base;
    history_side theirs;
    history_fork(run, &base);
    history_fork(run, &theirs);
    history_switch(run, &theirs);
    history_apply(run, round, 1 + test_random_below(&run->seed, run->plan->batch_max));
    history_switch(run, &theirs);
    for (size_t count = test_random_below(&run->seed, 3); count > 0; count--) {
        history_apply(run, round, 1 + test_random_below(&run->seed, run->plan->batch_max));
    }
    run->joins->merges++;
    history_join(run, round, &base, theirs.tree, &theirs.model);
    history_side_release(&theirs);
    history_side_release(&base);
}

static void history_union_round(history *run, size_t round)
{
    const tree_history_plan *plan = run->plan;
    tree_model model = {0};
    uint64_t first = test_random_below(&run->seed, plan->key_count);
    uint64_t step = 1 + test_random_below(&run->seed, 3);
    tree_model_fill(&model, plan->keys, plan->values, &plan->config, first,
                    test_random_below(&run->seed, plan->key_count + 1), step, &run->seed);
    copse_tree *other = tree_model_open(&model, &run->world, &plan->config);
    run->joins->unions++;
    history_join(run, round, NULL, other, &model);
    copse_tree_close(other);
    tree_model_release(&model);
}

/* ---- bulk loads ---- */

/* Adds entries in no order; of equal keys the last stays. The empty `model` gets the same. */
static void history_sort(history *run, copse_sorter *sorter, tree_model *model)
{
    const tree_history_plan *plan = run->plan;
    uint64_t first = test_random_below(&run->seed, plan->key_count);
    uint64_t keys = 1 + test_random_below(&run->seed, plan->key_count);
    for (uint64_t count = 1 + test_random_below(&run->seed, 2 * keys); count > 0; count--) {
        tree_key key;
        size_t index;
        size_t len;
        tree_key_make(plan->keys, &plan->config, first + test_random_below(&run->seed, keys), &key);
        uint8_t *value = tree_value_make(plan->values, &plan->config, key.len, &run->seed, &len);
        copse_bytes encoded = {value, len};
        run->joins->duplicates += tree_model_find(model, tree_key_view(&key), &index);
        assert_int_equal(copse_sorter_add(sorter, tree_key_view(&key), encoded, NULL), COPSE_OK);
        tree_model_put(model, tree_key_view(&key), encoded);
        free(value);
    }
}

/* Makes a tree by way of a sorter with so little memory that it spills. */
static copse_tree *history_load(history *run, tree_model *model)
{
    const tree_history_plan *plan = run->plan;
    const copse_env *env = &run->world.test.env;
    copse_sorter *sorter = NULL;
    copse_builder *builder = NULL;
    memory_runs runs;
    copse_run_store spill = memory_runs_init(&runs);
    copse_cid root = {0};
    tree_naive naive;
    /* An entry may take a quarter of the memory. */
    size_t memory = plan->values <= TREE_VALUES_ITEMS ? 64 * 1024 : 8 * 1024 * 1024;
    assert_int_equal(copse_sorter_new(env, memory, &spill, &sorter, NULL), COPSE_OK);
    history_sort(run, sorter, model);
    assert_int_equal(copse_builder_new(env, run->world.store, &plan->config, &builder, NULL),
                     COPSE_OK);
    assert_int_equal(copse_sorter_build(sorter, builder, NULL), COPSE_OK);
    assert_int_equal(copse_builder_finish(builder, &root, NULL), COPSE_OK);
    run->joins->runs += copse_sorter_get_progress(sorter).runs_written;
    copse_builder_free(builder);
    copse_sorter_free(sorter);
    assert_int_equal(runs.live, 0);
    tree_naive_build(model, &plan->config, &naive);
    assert_true(copse_cid_equal(&root, &naive.root));
    tree_naive_release(&naive);
    return tree_world_open(&run->world, &root);
}

static void history_load_round(history *run, size_t round)
{
    tree_model model = {0};
    copse_tree *loaded = history_load(run, &model);
    if (test_random_below(&run->seed, 2) == 0) {
        run->joins->loads_united++;
        history_join(run, round, NULL, loaded, &model);
    } else {
        copse_batch *batch = NULL;
        copse_tree *next = NULL;
        copse_err err = {0};
        tree_key keys[2];
        copse_bytes views[2];
        const copse_bytes *to;
        history_range(run, keys, views, &to);
        assert_int_equal(copse_batch_new(&run->world.test.env, &batch, NULL), COPSE_OK);
        assert_int_equal(copse_batch_splice(batch, loaded, views[0], to, NULL), COPSE_OK);
        copse_status status =
            copse_tree_apply(run->now.tree, batch, run->world.store, &next, NULL, &err);
        history_must(run, round, status, &err);
        copse_batch_free(batch);
        history_replace(run, next);
        run->joins->loads_spliced++;
        tree_model_splice(&run->now.model, &model, views[0], to);
        history_compare(run, round);
    }
    copse_tree_close(loaded);
    tree_model_release(&model);
}

/* ---- histories ---- */

static void history_round(history *run, size_t round)
{
    switch (test_random_below(&run->seed, 8)) {
    case 0:
        history_merge_round(run, round);
        break;
    case 1:
        history_union_round(run, round);
        break;
    case 2:
        history_load_round(run, round);
        break;
    default: {
        size_t changes = 1 + test_random_below(&run->seed, run->plan->batch_max);
        if (round % 4 != 0) {
            changes = 1 + changes % 4; /* mostly small ones */
        }
        history_apply(run, round, changes);
    }
    }
}

static tree_history_scale history_scale(const copse_tree_config *config)
{
    copse_tree_config plain;
    copse_tree_config_init(&plain);
    return config->lambda_bytes == plain.lambda_bytes ? TREE_HISTORY_DEFAULT
           : config->lambda_bytes == 128              ? TREE_HISTORY_LAMBDA_128
                                                      : TREE_HISTORY_OTHER;
}

void tree_history_run(const tree_history_plan *plan, tree_history_met *met)
{
    history run = {.plan = plan, .met = met, .seed = plan->seed};
    run.joins = &met->joined[history_scale(&plan->config)];
    tree_world_init(&run.world);
    if (plan->seed % 2 == 0) {
        tree_model_fill(&run.now.model, plan->keys, plan->values, &plan->config, 0,
                        (size_t)(plan->key_count / 2), 2, &run.seed);
    }
    run.now.tree = tree_model_open(&run.now.model, &run.world, &plan->config);
    tree_naive_build(&run.now.model, &plan->config, &run.now.naive);
    history_open_others(&run);
    for (size_t round = 0; round < plan->rounds; round++) {
        history_round(&run, round);
    }
    for (size_t i = 0; i < HISTORY_OTHERS; i++) {
        copse_tree_close(run.others[i]);
        tree_model_release(&run.other_models[i]);
    }
    history_side_release(&run.now);
    tree_world_release(&run.world);
}

void tree_history_print(const tree_history_met *met)
{
    printf(
        "applies %zu (%zu changes, %zu nodes read, %zu written), range deletes %zu, splices %zu, "
        "height up to %zu\n"
        "met: oversized %zu, new first keys %zu, deleted boundaries %zu, forced cuts %zu, "
        "aheads %zu, tail joins %zu, higher %zu, lower %zu, empty %zu\n",
        met->applies, met->entries_changed, met->nodes_read, met->nodes_written, met->range_deletes,
        met->splices, met->height_max, met->oversized, met->new_first_keys, met->deleted_boundaries,
        met->forced_cuts, met->aheads, met->joins, met->higher, met->lower, met->empty);
    for (size_t i = 0; i < TREE_HISTORY_SCALES; i++) {
        static const char *const names[TREE_HISTORY_SCALES] = {"default config", "lambda 128",
                                                               "other configs"};
        const tree_history_joins *joins = &met->joined[i];
        printf("%s: merges %zu, unions %zu, bulk loads %zu united and %zu spliced (%zu duplicates, "
               "%zu runs spilled), conflicts %zu\n",
               names[i], joins->merges, joins->unions, joins->loads_united, joins->loads_spliced,
               joins->duplicates, joins->runs, joins->conflicts);
    }
}

void tree_history_assert_met(const tree_history_met *met)
{
    assert_true(met->oversized > 0);
    assert_true(met->new_first_keys > 0);
    assert_true(met->deleted_boundaries > 0);
    assert_true(met->forced_cuts > 0);
    assert_true(met->aheads > 0);
    assert_true(met->joins > 0);
    assert_true(met->higher > 0);
    assert_true(met->lower > 0);
    assert_true(met->empty > 0);
    assert_true(met->range_deletes > 0);
    assert_true(met->splices > 0);
    for (size_t i = 0; i < TREE_HISTORY_OTHER; i++) {
        const tree_history_joins *joins = &met->joined[i];
        assert_true(joins->merges > 0);
        assert_true(joins->unions > 0);
        assert_true(joins->loads_united > 0);
        assert_true(joins->loads_spliced > 0);
        assert_true(joins->duplicates > 0);
        assert_true(joins->conflicts > 0);
    }
}
