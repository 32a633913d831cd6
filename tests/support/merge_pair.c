/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_pair.h"

#include <copse/database_check.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/want_supply.h"

/* The three databases of a merge, over one node cache. */
typedef struct merge_pair_trees {
    copse_tree *trees[3];
    copse_database *databases[3];
} merge_pair_trees;

void merge_pair_reopen(database_world *db, const copse_cid *root)
{
    copse_tree *tree = root != NULL ? tree_world_open(&db->world, root) : NULL;
    copse_tree_config config;
    assert_int_equal(copse_tree_get_config(db->tree, &config, NULL), COPSE_OK);
    if (tree == NULL) {
        assert_int_equal(copse_tree_new(db->world.cache, db->world.store, &config, &tree, NULL),
                         COPSE_OK);
    }
    copse_tree_close(db->tree);
    db->tree = tree;
}

copse_cid merge_pair_commit(database_world *db)
{
    database_world_commit(db);
    return *copse_tree_root(db->tree);
}

/* What is open is closed by merge_pair_close, whatever the status. */
static copse_status merge_pair_open(copse_node_cache *cache, const merge_pair_case *merge,
                                    merge_pair_trees *ret_open)
{
    const copse_cid *roots[3] = {merge->base, merge->ours, merge->theirs};
    copse_status status = COPSE_OK;
    *ret_open = (merge_pair_trees){.trees = {NULL}};
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        if (roots[i] != NULL) {
            status = copse_tree_open(cache, roots[i], &ret_open->trees[i], NULL);
        }
        if (roots[i] != NULL && status == COPSE_OK) {
            status = copse_database_open(ret_open->trees[i], &ret_open->databases[i], NULL);
        }
    }
    return status;
}

static void merge_pair_close(merge_pair_trees *open)
{
    for (size_t i = 0; i < 3; i++) {
        copse_database_close(open->databases[i]);
        copse_tree_close(open->trees[i]);
    }
}

static void merge_pair_note(merge_pair_outcome *outcome, const copse_database_conflict *conflict)
{
    size_t len = strlen(outcome->conflicts);
    int64_t id = -1;
    if (conflict->what == COPSE_CONFLICT_DOCUMENT) {
        copse_cbor_reader reader;
        copse_cbor_item item;
        copse_cbor_reader_init(&reader, conflict->id);
        assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
        assert_int_equal(copse_cbor_item_int64(&item, &id), COPSE_OK);
        assert_true(conflict->ours.len > 0 || conflict->theirs.len > 0);
        assert_false(copse_bytes_equal(conflict->ours, conflict->theirs));
    }
    (void)snprintf(outcome->conflicts + len, sizeof outcome->conflicts - len, " %c %.*s %.*s %d",
                   "cid"[(size_t)conflict->what], (int)conflict -> collection.len,
                   (const char *)conflict->collection.ptr, (int)conflict->index.len,
                   (const char *)conflict->index.ptr, (int)id);
}

merge_pair_case merge_pair_swap(const merge_pair_case *merge)
{
    merge_pair_case swapped = *merge;
    swapped.ours = merge->theirs;
    swapped.theirs = merge->ours;
    swapped.ours_head = merge->theirs_head;
    swapped.theirs_head = merge->ours_head;
    if (merge->conflicts == COPSE_MERGE_CONFLICTS_OURS) {
        swapped.conflicts = COPSE_MERGE_CONFLICTS_THEIRS;
    } else if (merge->conflicts == COPSE_MERGE_CONFLICTS_THEIRS) {
        swapped.conflicts = COPSE_MERGE_CONFLICTS_OURS;
    }
    return swapped;
}

copse_status merge_pair_over(copse_node_cache *cache, copse_store *store,
                             const merge_pair_case *merge, merge_pair_outcome *ret_outcome,
                             copse_err *err)
{
    merge_pair_trees open;
    copse_database_merge *self = NULL;
    copse_database_conflict conflict;
    copse_tree *tree = NULL;
    *ret_outcome = (merge_pair_outcome){.conflicts = ""};
    copse_status status = merge_pair_open(cache, merge, &open);
    const copse_database_merge_options options = {.base = open.databases[0],
                                                  .ours = open.databases[1],
                                                  .theirs = open.databases[2],
                                                  .ours_head = merge->ours_head,
                                                  .theirs_head = merge->theirs_head,
                                                  .policy = merge->policy,
                                                  .conflicts = merge->conflicts};
    if (status == COPSE_OK) {
        status = copse_database_merge_new(&options, &self, err);
    }
    while (status == COPSE_OK &&
           (status = copse_database_merge_next(self, &conflict, err)) == COPSE_OK) {
        merge_pair_note(ret_outcome, &conflict);
    }
    if (status == COPSE_END) {
        status =
            store != NULL ? copse_database_merge_apply(self, store, &tree, NULL, err) : COPSE_OK;
    }
    if (status == COPSE_OK) {
        ret_outcome->stats = copse_database_merge_get_stats(self);
    }
    if (tree != NULL) {
        ret_outcome->root = *copse_tree_root(tree);
    }
    copse_tree_close(tree);
    copse_database_merge_free(self);
    merge_pair_close(&open);
    return status;
}

static copse_status merge_pair_found(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    (void)ctx;
    (void)err;
    fail_msg("%s: %s", copse_database_defect_name(defect->kind), defect->message);
    return COPSE_OK;
}

void merge_pair_check(database_world *db, const copse_cid *root)
{
    const copse_database_check_options options = {.found = merge_pair_found};
    assert_int_equal(
        copse_database_check(database_world_env(db), db->world.store, root, &options, NULL, NULL),
        COPSE_OK);
}

static void merge_pair_once(database_world *db, const merge_pair_case *merge,
                            merge_pair_outcome *ret_outcome)
{
    copse_err err = {.message = ""};
    copse_status status =
        merge_pair_over(db->world.cache, db->world.store, merge, ret_outcome, &err);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err.message);
    }
}

void merge_pair_run(database_world *db, const merge_pair_case *merge,
                    merge_pair_outcome *ret_outcome)
{
    const merge_pair_case swapped = merge_pair_swap(merge);
    merge_pair_outcome back;
    merge_pair_once(db, merge, ret_outcome);
    merge_pair_once(db, &swapped, &back);
    merge_pair_check(db, &ret_outcome->root);
    assert_string_equal(back.conflicts, ret_outcome->conflicts);
    if (ret_outcome->conflicts[0] == '\0') {
        assert_true(copse_cid_equal(&back.root, &ret_outcome->root));
    }
}

size_t merge_pair_fetch(database_world *db, const merge_pair_case *merge,
                        const merge_pair_outcome *expected)
{
    const copse_env *env = database_world_env(db);
    copse_store *store = NULL;
    copse_source *source = NULL;
    copse_node_cache *cache = NULL;
    merge_pair_outcome there;
    copse_status status;
    size_t fetched = 0;
    assert_int_equal(copse_memory_store_new(env, &store, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(env, store, &source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, source, &cache, NULL), COPSE_OK);
    while ((status = merge_pair_over(cache, store, merge, &there, NULL)) == COPSE_WANT) {
        fetched += want_supply_some(source, db->world.store, SIZE_MAX);
    }
    assert_int_equal(status, COPSE_OK);
    assert_true(copse_cid_equal(&there.root, &expected->root));
    assert_string_equal(there.conflicts, expected->conflicts);
    copse_node_cache_free(cache);
    copse_source_free(source);
    copse_store_close(store);
    return fetched;
}
