/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/review_world.h"

#include "support/want_supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t review_clock(void *ctx)
{
    return *(uint64_t *)ctx;
}

/* ---- Life ---- */

static void review_must(copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err->message);
    }
}

static void review_write_first(review_world *world)
{
    database_world *db = &world->db;
    review_must(copse_write_create_database(db->write, &world->identity, &world->err), &world->err);
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_create(db, "notes", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(db, "posts", "n", "n", "unique");
    review_must(copse_write_set_merge(db->write, copse_bytes_of_text("notes"), COPSE_MERGE_LWW, 0,
                                      &world->err),
                &world->err);
    database_world_insert(db, "posts", "{\"_id\":1,\"n\":1}");
    database_world_insert(db, "posts", "{\"_id\":2,\"n\":2}");
    database_world_insert(db, "notes", "{\"_id\":1,\"n\":1}");
    world->first = review_world_commit(world, REVIEW_ANN, REVIEW_ANN);
}

void review_world_init(review_world *world)
{
    *world = (review_world){.now_ms = REVIEW_WORLD_NOW};
    database_world_init(&world->db, NULL);
    copse_env *env = &world->db.world.test.env;
    env->clock = review_clock;
    env->clock_ctx = &world->now_ms;
    for (uint8_t i = 0; i < REVIEW_PERSONS; i++) {
        const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {(uint8_t)(i + 1)};
        review_must(copse_key_from_seed(env, seed, &world->keys[i], &world->err), &world->err);
    }
    review_must(copse_identity_new(env, world->keys[REVIEW_ANN], &world->identity, &world->err),
                &world->err);
    world->options = (copse_head_merge_options){.cache = world->db.world.cache,
                                                .store = world->db.world.store,
                                                .policy = COPSE_MERGE_THREE_WAY,
                                                .conflicts = COPSE_MERGE_CONFLICTS_RECORD};
    review_write_first(world);
}

void review_world_release(review_world *world)
{
    copse_head_merge_free(world->merge);
    for (size_t i = 0; i < REVIEW_PERSONS; i++) {
        copse_key_free(world->keys[i]);
    }
    database_world_release(&world->db);
}

/* ---- History ---- */

copse_cid review_world_tree(review_world *world, const copse_cid *commit)
{
    copse_block *block = NULL;
    copse_commit decoded;
    review_must(copse_store_get(world->db.world.store, commit, &block, &world->err), &world->err);
    review_must(copse_commit_decode(database_world_env(&world->db), block, &decoded, &world->err),
                &world->err);
    copse_block_unref(block);
    return decoded.tree;
}

void review_world_at(review_world *world, const copse_cid *commit)
{
    copse_cid tree = review_world_tree(world, commit);
    database_world_reopen(&world->db, &tree);
    world->parent = *commit;
}

copse_cid review_world_commit_tree(review_world *world, const copse_cid *tree, size_t signer)
{
    const copse_env *env = database_world_env(&world->db);
    copse_commit commit;
    copse_commit_signature signature;
    copse_block *block = NULL;
    copse_err *err = &world->err;
    review_must(copse_commit_next(env, world->db.world.source, tree, &world->parent,
                                  world->parent.size > 0 ? 1 : 0, &commit, err),
                err);
    if (signer != REVIEW_NOBODY) {
        review_must(copse_commit_sign(env, &commit, world->keys[signer], &signature, err), err);
    }
    review_must(copse_commit_encode(env, &commit, &block, err), err);
    review_must(copse_store_put(world->db.world.store, &block, 1, err), err);
    world->parent = *copse_block_cid(block);
    world->now_ms += 1000;
    copse_block_unref(block);
    return world->parent;
}

copse_cid review_world_commit(review_world *world, size_t writer, size_t signer)
{
    database_world *db = &world->db;
    db->options =
        (copse_write_options){.is_merge = writer == REVIEW_NOBODY,
                              .key = writer != REVIEW_NOBODY ? world->keys[writer] : NULL};
    database_world_commit(db);
    return review_world_commit_tree(world, copse_tree_root(db->tree), signer);
}

/* Commits a statement by ANN; *ret_name is its name. */
static copse_cid review_state(review_world *world, const copse_cid *parent,
                              copse_statement *statement, copse_cid *ret_name)
{
    copse_buf encoded;
    copse_err *err = &world->err;
    copse_buf_init(&encoded, database_world_env(&world->db), SIZE_MAX);
    statement->database = world->identity.cid;
    statement->time_ms = world->now_ms;
    review_must(copse_statement_make(world->keys[REVIEW_ANN], statement, &encoded, err), err);
    if (ret_name != NULL) {
        copse_statement_cid(copse_buf_view(&encoded), ret_name);
    }
    review_world_at(world, parent);
    review_must(copse_write_add_statement(world->db.write, copse_buf_view(&encoded), err), err);
    copse_buf_release(&encoded);
    return review_world_commit(world, REVIEW_ANN, REVIEW_ANN);
}

copse_cid review_world_grant(review_world *world, const copse_cid *parent, size_t to,
                             copse_right right, const char *collection, uint64_t expires_ms,
                             copse_cid *ret_grant)
{
    copse_statement grant = {.kind = COPSE_STATEMENT_GRANT,
                             .to = *copse_key_public(world->keys[to]),
                             .expires_ms = expires_ms,
                             .items_count = 1,
                             .can = {{right, copse_bytes_of_text(collection)}}};
    return review_state(world, parent, &grant, ret_grant);
}

copse_cid review_world_revoke(review_world *world, const copse_cid *parent, size_t to,
                              const copse_cid *grant, const copse_cid *last)
{
    copse_statement revocation = {.kind = COPSE_STATEMENT_REVOCATION,
                                  .to = *copse_key_public(world->keys[to]),
                                  .items_count = 1,
                                  .grants = {*grant}};
    if (last != NULL) {
        revocation.last = *last;
    }
    return review_state(world, parent, &revocation, NULL);
}

copse_cid review_world_put(review_world *world, const copse_cid *parent, size_t signer,
                           const char *collection, const char *json)
{
    review_world_at(world, parent);
    database_world_replace(&world->db, collection, json, true);
    return review_world_commit(world, REVIEW_ANN, signer);
}

/* ---- Merges ---- */

const copse_head_merge_result *review_world_merge(review_world *world, const copse_cid *ours,
                                                  const copse_cid *theirs)
{
    copse_database_conflict conflict;
    copse_status status;
    world->merge = copse_head_merge_free(world->merge);
    world->options.ours = *ours;
    world->options.theirs = *theirs;
    review_must(copse_head_merge_new(database_world_env(&world->db), &world->options, &world->merge,
                                     &world->err),
                &world->err);
    status = copse_head_merge_next(world->merge, &conflict, &world->err);
    if (status != COPSE_END) {
        fail_msg("%s: %s", copse_status_name(status), world->err.message);
    }
    return copse_head_merge_get_result(world->merge);
}

copse_cid review_world_take(review_world *world, const copse_cid *ours, const copse_cid *theirs,
                            const copse_head_merge_result **ret_result)
{
    const copse_head_merge_result *result = review_world_merge(world, ours, theirs);
    copse_block *block = NULL;
    copse_cid head = result->kind == COPSE_HEAD_MERGE_FORWARD ? *theirs : *ours;
    if (result->kind == COPSE_HEAD_MERGE_MADE) {
        review_must(copse_commit_encode(database_world_env(&world->db), &result->commit, &block,
                                        &world->err),
                    &world->err);
        review_must(copse_store_put(world->db.world.store, &block, 1, &world->err), &world->err);
        head = *copse_block_cid(block);
        copse_block_unref(block);
    }
    *ret_result = result;
    return head;
}

/* ---- What must be ---- */

void review_world_expect_refusal(const copse_head_merge_result *result,
                                 copse_database_conflict_what what, const char *collection,
                                 const char *id, const char *reason)
{
    assert_int_equal(result->refused, 1);
    assert_int_equal(result->refusals_count, 1);
    const copse_head_refusal *refusal = &result->refusals[0];
    assert_int_equal(refusal->what, what);
    assert_true(copse_bytes_equal(refusal->collection, copse_bytes_of_text(collection)));
    if (strstr(refusal->reason, reason) == NULL) {
        fail_msg("'%s' instead of '%s'", refusal->reason, reason);
    }
    if (id != NULL) {
        copse_bytes value = database_world_value(id);
        assert_true(copse_bytes_equal(refusal->id, value));
        database_world_free(value);
    }
}

void review_world_expect(review_world *world, const copse_cid *commit, const char *collection,
                         const char *id, const char *expected)
{
    review_world_at(world, commit);
    char *json = database_world_get(&world->db, collection, id);
    if (expected == NULL) {
        assert_null(json);
    } else {
        assert_non_null(json);
        assert_string_equal(json, expected);
    }
    free(json);
}
