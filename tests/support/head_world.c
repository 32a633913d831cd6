/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/head_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/want_supply.h"

copse_cid head_world_commit_tree(database_world *db, const copse_cid *parents, size_t count,
                                 const char *message)
{
    const copse_env *env = database_world_env(db);
    copse_commit commit;
    copse_block *block = NULL;
    assert_int_equal(copse_commit_next(env, db->world.source, copse_tree_root(db->tree), parents,
                                       count, &commit, NULL),
                     COPSE_OK);
    commit.message = copse_bytes_of_text(message);
    assert_int_equal(copse_commit_encode(env, &commit, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(db->world.store, &block, 1, NULL), COPSE_OK);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    return cid;
}

copse_cid head_world_commit(database_world *db, const copse_cid *parents, size_t count,
                            const char *operations)
{
    char text[512];
    if (count > 0) {
        copse_block *block = NULL;
        copse_commit commit;
        assert_int_equal(copse_store_get(db->world.store, &parents[0], &block, NULL), COPSE_OK);
        assert_int_equal(copse_commit_decode(database_world_env(db), block, &commit, NULL),
                         COPSE_OK);
        copse_block_unref(block);
        database_world_reopen(db, &commit.tree);
    } else {
        database_world_reopen(db, NULL);
        database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
        database_world_index(db, "posts", "n", "n", "unique");
    }
    (void)snprintf(text, sizeof text, "%s", operations);
    for (char *part = strtok(text, ";"); part != NULL; part = strtok(NULL, ";")) {
        if (strncmp(part, "keep ", 5) == 0) { /* last writers win, and deletions are kept so long */
            assert_int_equal(copse_write_set_merge(db->write, copse_bytes_of_text("posts"),
                                                   COPSE_MERGE_LWW,
                                                   (uint32_t)strtoul(part + 5, NULL, 10), NULL),
                             COPSE_OK);
        } else if (strncmp(part, "days ", 5) == 0) { /* an option that says nothing here */
            assert_int_equal(copse_write_set_merge(db->write, copse_bytes_of_text("posts"),
                                                   COPSE_MERGE_THREE_WAY,
                                                   (uint32_t)strtoul(part + 5, NULL, 10), NULL),
                             COPSE_OK);
        } else if (strncmp(part, "forget ", 7) == 0) {
            assert_int_equal(copse_write_forget_deleted(db->write, copse_bytes_of_text("posts"),
                                                        strtoull(part + 7, NULL, 10), NULL),
                             COPSE_OK);
        } else if (strncmp(part, "put ", 4) == 0) {
            database_world_replace(db, "posts", part + 4, true);
        } else {
            database_world_delete(db, "posts", part + 4);
        }
    }
    database_world_commit(db);
    return head_world_commit_tree(db, parents, count, operations);
}

copse_status head_world_merge_over(const copse_env *env, const copse_head_merge_options *options,
                                   copse_store *from, head_world_outcome *ret_outcome)
{
    copse_head_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_source *source = copse_node_cache_source(options->cache);
    *ret_outcome = (head_world_outcome){.conflicts = 0};
    copse_status status = copse_head_merge_new(env, options, &merge, &ret_outcome->err);
    while (status == COPSE_OK || status == COPSE_WANT) {
        status = copse_head_merge_next(merge, &conflict, &ret_outcome->err);
        ret_outcome->conflicts += status == COPSE_OK;
        if (status == COPSE_WANT) {
            (void)want_supply_some(source, from, SIZE_MAX);
        }
    }
    if (status == COPSE_END) {
        ret_outcome->result = *copse_head_merge_get_result(merge);
        status = COPSE_OK;
    }
    if (status == COPSE_OK && ret_outcome->result.kind == COPSE_HEAD_MERGE_MADE) {
        copse_block *block = NULL;
        status = copse_commit_encode(env, &ret_outcome->result.commit, &block, &ret_outcome->err);
        if (status == COPSE_OK) {
            ret_outcome->commit = *copse_block_cid(block);
            status = copse_store_put(options->store, &block, 1, &ret_outcome->err);
        }
        copse_block_unref(block);
    }
    copse_head_merge_free(merge);
    return status;
}

copse_status head_world_merge(database_world *db, const copse_cid *ours, const copse_cid *theirs,
                              copse_merge_policy policy, copse_merge_conflicts conflicts,
                              head_world_outcome *ret_outcome)
{
    const copse_head_merge_options options = {.cache = db->world.cache,
                                              .store = db->world.store,
                                              .ours = *ours,
                                              .theirs = *theirs,
                                              .policy = policy,
                                              .conflicts = conflicts,
                                              .author = copse_bytes_of_text("did:key:z6MkOurs"),
                                              .message = copse_bytes_of_text("as I say")};
    return head_world_merge_over(database_world_env(db), &options, NULL, ret_outcome);
}

void head_world_merge_both_ways(database_world *db, const copse_cid *a, const copse_cid *b,
                                copse_merge_conflicts conflicts, head_world_outcome *ret_outcome)
{
    head_world_outcome back;
    copse_status status = head_world_merge(db, a, b, COPSE_MERGE_THREE_WAY, conflicts, ret_outcome);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), ret_outcome->err.message);
    }
    assert_int_equal(head_world_merge(db, b, a, COPSE_MERGE_THREE_WAY, conflicts, &back), COPSE_OK);
    assert_int_equal(ret_outcome->conflicts, back.conflicts);
    assert_int_equal(ret_outcome->result.bases, back.result.bases);
    if (ret_outcome->conflicts == 0 && ret_outcome->result.kind == COPSE_HEAD_MERGE_MADE) {
        assert_true(copse_cid_equal(&ret_outcome->commit, &back.commit));
    }
}

void head_world_expect(database_world *db, const copse_cid *tree, const char *id,
                       const char *expected)
{
    database_world_reopen(db, tree);
    char *json = database_world_get(db, "posts", id);
    if (expected == NULL) {
        assert_null(json);
    } else {
        assert_non_null(json);
        assert_string_equal(json, expected);
    }
    free(json);
}
