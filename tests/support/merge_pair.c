/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_pair.h"

#include <copse/database_check.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_sides.h"
#include "support/sparse_cache.h"
#include "support/want_supply.h"

copse_cid merge_pair_commit(database_world *db)
{
    database_world_commit(db);
    return *copse_tree_root(db->tree);
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
    const copse_cid *given[3] = {merge->base, merge->ours, merge->theirs};
    copse_cid roots[3];
    database_sides open;
    copse_database_merge *self = NULL;
    copse_database_conflict conflict;
    copse_tree *tree = NULL;
    *ret_outcome = (merge_pair_outcome){.conflicts = ""};
    for (size_t i = 0; i < 3; i++) {
        roots[i] = given[i] != NULL ? *given[i] : (copse_cid){.size = 0};
    }
    copse_status status = database_sides_open(cache, roots, &open);
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
        database_sides_note(&conflict, ret_outcome->conflicts, sizeof ret_outcome->conflicts);
        if (conflict.what == COPSE_CONFLICT_COLLECTION) {
            assert_ptr_equal(conflict.our_collection,
                             copse_database_collection(open.databases[1], conflict.collection));
            assert_ptr_equal(conflict.their_collection,
                             copse_database_collection(open.databases[2], conflict.collection));
        }
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
    database_sides_close(&open);
    return status;
}

static copse_status merge_pair_found(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    (void)ctx;
    (void)err;
    fail_msg("%s: %s", copse_database_defect_name(defect->kind), defect->message);
    return COPSE_OK;
}

typedef struct merge_pair_sweeping {
    copse_store *store;
    const merge_pair_case *merge;
    bool applies;
} merge_pair_sweeping;

static copse_status merge_pair_sweep_run(const copse_env *env, void *ctx)
{
    const merge_pair_sweeping *sweep = ctx;
    sparse_cache sparse;
    merge_pair_outcome outcome;
    copse_status status = sparse_cache_init(&sparse, env, sweep->store);
    if (status == COPSE_OK) {
        status = merge_pair_over(sparse.cache, sweep->applies ? sweep->store : NULL, sweep->merge,
                                 &outcome, NULL);
    }
    sparse_cache_release(&sparse);
    return status;
}

uint64_t merge_pair_sweep(database_world *db, const merge_pair_case *merge, bool applies)
{
    merge_pair_sweeping sweep = {db->world.store, merge, applies};
    return test_env_sweep(merge_pair_sweep_run, &sweep, 20000);
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
    sparse_cache sparse;
    merge_pair_outcome there;
    copse_status status;
    size_t fetched = 0;
    assert_int_equal(sparse_cache_init_own(&sparse, database_world_env(db), NULL), COPSE_OK);
    while ((status = merge_pair_over(sparse.cache, sparse.store, merge, &there, NULL)) ==
           COPSE_WANT) {
        fetched += want_supply_some(sparse.source, db->world.store, SIZE_MAX);
    }
    assert_int_equal(status, COPSE_OK);
    assert_true(copse_cid_equal(&there.root, &expected->root));
    assert_string_equal(there.conflicts, expected->conflicts);
    sparse_cache_release(&sparse);
    return fetched;
}
