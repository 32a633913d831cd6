/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/tree_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HISTORY_OTHERS = 2 }; /* trees that splices take from */

typedef struct history {
    const tree_history_plan *plan;
    tree_history_met *met;
    tree_world world;
    uint64_t seed;
    copse_tree *tree;
    tree_model model;
    tree_naive naive; /* of the present model */
    copse_tree *others[HISTORY_OTHERS];
    tree_model other_models[HISTORY_OTHERS];
} history;

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
            tree_model_copy(&run->model, &run->other_models[0]);
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
    const tree_naive_level *leaves = &run->naive.levels[0];
    size_t index;
    /* Indexes are of the model before the batch as long as it is unchanged: close enough. */
    if (!tree_model_find(&run->model, key, &index)) {
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
            tree_model_delete_range(&run->model, views[0], to);
        } else {
            size_t i = test_random_below(&run->seed, HISTORY_OTHERS);
            run->met->splices++;
            assert_int_equal(copse_batch_splice(batch, run->others[i], views[0], to, NULL),
                             COPSE_OK);
            tree_model_splice(&run->model, &run->other_models[i], views[0], to);
        }
        return;
    }
    keys[0] = history_key(run);
    views[0] = tree_key_view(&keys[0]);
    if (kind < 45) {
        run->met->deleted_boundaries += history_ends_leaf(run, views[0]);
        assert_int_equal(copse_batch_delete(batch, views[0], NULL), COPSE_OK);
        tree_model_delete(&run->model, views[0]);
        return;
    }
    size_t len;
    uint8_t *value =
        tree_value_make(run->plan->values, &run->plan->config, views[0].len, &run->seed, &len);
    assert_int_equal(copse_batch_put(batch, views[0], (copse_bytes){value, len}, NULL), COPSE_OK);
    tree_model_put(&run->model, views[0], (copse_bytes){value, len});
    free(value);
}

static void history_compare(history *run, size_t round)
{
    const tree_history_plan *plan = run->plan;
    tree_naive before = run->naive;
    size_t height = 0;
    uint64_t count = 0;
    tree_naive_build(&run->model, &plan->config, &run->naive);
    if (!copse_cid_equal(&run->naive.root, copse_tree_root(run->tree))) {
        fail_msg("seed %llu, round %zu: the root is not that of a plain build (keys %d, values %d, "
                 "config {%u,%u,%u})",
                 (unsigned long long)plan->seed, round, (int)plan->keys, (int)plan->values,
                 plan->config.size_bytes_min, plan->config.size_bytes_max,
                 plan->config.lambda_bytes);
    }
    assert_int_equal(copse_tree_height(run->tree, &height, NULL), COPSE_OK);
    assert_int_equal(copse_tree_count(run->tree, &count, NULL), COPSE_OK);
    assert_int_equal(height, run->naive.height);
    assert_int_equal(count, run->model.count);
    tree_naive_features features = tree_naive_survey(&run->naive);
    tree_history_met *met = run->met;
    met->oversized += features.oversized;
    met->forced_cuts += features.forced;
    met->aheads += features.aheads;
    met->joins += features.joined;
    met->higher += run->naive.height > before.height;
    met->lower += run->naive.height < before.height;
    met->empty += run->model.count == 0;
    met->height_max = met->height_max > height ? met->height_max : height;
    tree_naive_release(&before);
}

static void history_round(history *run, size_t round)
{
    copse_batch *batch = NULL;
    copse_tree *next = NULL;
    copse_apply_stats stats;
    copse_err err = {0};
    tree_key first = {.len = 0};
    bool any = run->model.count > 0;
    if (any) {
        first.len = run->model.entries[0].key.len;
        memcpy(first.bytes, run->model.entries[0].key.ptr, first.len);
    }
    assert_int_equal(copse_batch_new(&run->world.test.env, &batch, NULL), COPSE_OK);
    size_t changes = 1 + test_random_below(&run->seed, run->plan->batch_max);
    if (round % 4 != 0) {
        changes = 1 + changes % 4; /* mostly small ones */
    }
    for (size_t i = 0; i < changes; i++) {
        history_change(run, batch);
    }
    copse_status status = copse_tree_apply(run->tree, batch, run->world.store, &next, &stats, &err);
    if (status != COPSE_OK) {
        fail_msg("seed %llu, round %zu: %s, %s (%s)", (unsigned long long)run->plan->seed, round,
                 copse_status_name(status), err.message, err.where);
    }
    copse_batch_free(batch);
    copse_tree_close(run->tree);
    run->tree = next;
    run->met->applies++;
    run->met->entries_changed += changes;
    run->met->nodes_read += stats.nodes_read;
    run->met->nodes_written += stats.nodes_written;
    if (any && run->model.count > 0) {
        run->met->new_first_keys +=
            !copse_bytes_equal(tree_key_view(&first), run->model.entries[0].key);
    }
    history_compare(run, round);
}

void tree_history_run(const tree_history_plan *plan, tree_history_met *met)
{
    history run = {.plan = plan, .met = met, .seed = plan->seed};
    tree_world_init(&run.world);
    if (plan->seed % 2 == 0) {
        tree_model_fill(&run.model, plan->keys, plan->values, &plan->config, 0,
                        (size_t)(plan->key_count / 2), 2, &run.seed);
    }
    run.tree = tree_model_open(&run.model, &run.world, &plan->config);
    tree_naive_build(&run.model, &plan->config, &run.naive);
    history_open_others(&run);
    for (size_t round = 0; round < plan->rounds; round++) {
        history_round(&run, round);
    }
    for (size_t i = 0; i < HISTORY_OTHERS; i++) {
        copse_tree_close(run.others[i]);
        tree_model_release(&run.other_models[i]);
    }
    copse_tree_close(run.tree);
    tree_naive_release(&run.naive);
    tree_model_release(&run.model);
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
}
