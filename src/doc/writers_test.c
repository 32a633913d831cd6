/* Who may write a database with a creator: what statements say is kept to, and goes with merges.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/writers.h"

#include <copse/batch.h>
#include <copse/database_check.h>
#include <copse/database_merge.h>
#include <copse/loader.h>
#include <copse/memory_store.h>
#include <copse/write.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WRITERS_KEYS = 4, ANN = 0, BEN = 1, CAT = 2, DAN = 3, NOBODY = WRITERS_KEYS };

#define WRITERS_NOW UINT64_C(1800000000000)

typedef struct writers_world {
    test_env test;
    uint8_t random; /* the next one */
    uint64_t now_ms;
    copse_key *keys[WRITERS_KEYS];
    copse_identity identity; /* by ANN */
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    copse_write *write;
    copse_tree *tree;
    size_t failed; /* of the last apply */
    size_t said;   /* statements that were read */
    copse_err err;
} writers_world;

static copse_status writers_random(void *ctx, void *ret_bytes, size_t size)
{
    memset(ret_bytes, ++*(uint8_t *)ctx, size);
    return COPSE_OK;
}

static uint64_t writers_clock(void *ctx)
{
    return *(uint64_t *)ctx;
}

static copse_bytes text(const char *chars)
{
    return copse_bytes_of_text(chars);
}

/* Applies what was added, by a key, and forgets it. */
static copse_status writers_apply(writers_world *world, size_t key)
{
    copse_tree *next = NULL;
    const copse_write_options options = {.key = key != NOBODY ? world->keys[key] : NULL};
    world->failed = SIZE_MAX;
    copse_status status = copse_write_apply(world->write, world->tree, world->store, &options,
                                            &next, NULL, &world->failed, &world->err);
    if (status == COPSE_OK) {
        copse_tree_close(world->tree);
        world->tree = next;
    }
    copse_write_clear(world->write);
    return status;
}

static copse_tree *writers_empty(writers_world *world)
{
    copse_tree *tree = NULL;
    copse_tree_config config;
    copse_tree_config_init(&config);
    assert_int_equal(copse_tree_new(world->cache, world->store, &config, &tree, NULL), COPSE_OK);
    return tree;
}

static void writers_world_init(writers_world *world)
{
    *world = (writers_world){.now_ms = WRITERS_NOW};
    test_env_init(&world->test);
    copse_env *env = &world->test.env;
    env->random = writers_random;
    env->random_ctx = &world->random;
    env->clock = writers_clock;
    env->clock_ctx = &world->now_ms;
    for (uint8_t i = 0; i < WRITERS_KEYS; i++) {
        const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {(uint8_t)(i + 1)};
        assert_int_equal(copse_key_from_seed(env, seed, &world->keys[i], NULL), COPSE_OK);
    }
    assert_int_equal(copse_memory_store_new(env, &world->store, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(env, world->store, &world->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, world->source, &world->cache, NULL), COPSE_OK);
    assert_int_equal(copse_write_new(env, &world->write, NULL), COPSE_OK);
    assert_int_equal(copse_identity_new(env, world->keys[ANN], &world->identity, NULL), COPSE_OK);
    world->tree = writers_empty(world);
    assert_int_equal(copse_write_create_database(world->write, &world->identity, NULL), COPSE_OK);
    assert_int_equal(copse_write_create_collection(world->write, text("posts"), text("_id"),
                                                   COPSE_DOCUMENTS_INLINE, NULL),
                     COPSE_OK);
    assert_int_equal(writers_apply(world, ANN), COPSE_OK);
}

static void writers_world_release(writers_world *world)
{
    copse_tree_close(world->tree);
    copse_write_free(world->write);
    copse_node_cache_free(world->cache);
    copse_source_free(world->source);
    copse_store_close(world->store);
    for (size_t i = 0; i < WRITERS_KEYS; i++) {
        copse_key_free(world->keys[i]);
    }
    test_env_assert_empty(&world->test);
}

/* Signs a statement and adds it to the write; its name. */
static copse_cid writers_state(writers_world *world, size_t by, copse_statement *statement)
{
    copse_cid name;
    copse_buf encoded;
    copse_buf_init(&encoded, &world->test.env, SIZE_MAX);
    statement->database = world->identity.cid;
    assert_int_equal(copse_statement_make(world->keys[by], statement, &encoded, NULL), COPSE_OK);
    copse_statement_cid(copse_buf_view(&encoded), &name);
    assert_int_equal(copse_write_add_statement(world->write, copse_buf_view(&encoded), NULL),
                     COPSE_OK);
    copse_buf_release(&encoded);
    return name;
}

static copse_cid writers_add_grant(writers_world *world, size_t by, size_t to, copse_right right,
                                   const char *collection, uint64_t expires_ms)
{
    copse_statement grant = {.kind = COPSE_STATEMENT_GRANT,
                             .to = *copse_key_public(world->keys[to]),
                             .time_ms = world->now_ms,
                             .expires_ms = expires_ms,
                             .items_count = 1,
                             .can = {{right, text(collection)}}};
    return writers_state(world, by, &grant);
}

static copse_cid writers_grant(writers_world *world, size_t by, size_t to, copse_right right,
                               const char *collection)
{
    copse_cid name = writers_add_grant(world, by, to, right, collection, 0);
    assert_int_equal(writers_apply(world, by), COPSE_OK);
    return name;
}

static copse_status writers_revoke(writers_world *world, size_t by, size_t to,
                                   const copse_cid *grant, const copse_cid *last)
{
    copse_statement revocation = {.kind = COPSE_STATEMENT_REVOCATION,
                                  .to = *copse_key_public(world->keys[to]),
                                  .time_ms = world->now_ms,
                                  .items_count = 1,
                                  .grants = {*grant}};
    if (last != NULL) {
        revocation.last = *last;
    }
    (void)writers_state(world, by, &revocation);
    return writers_apply(world, by);
}

typedef enum writers_deed { INSERT, UPSERT, REPLACE, DELETE, INDEX, INSERT_ELSEWHERE } writers_deed;

/* Does something with the document of a number, 0 to 23. */
static copse_status writers_do(writers_world *world, size_t key, writers_deed deed, uint8_t number)
{
    /* {"n": …, "_id": number} */
    const uint8_t n = deed == INSERT ? 0 : (uint8_t)(number + 1);
    const uint8_t document[] = {0xa2, 0x61, 'n', n, 0x63, '_', 'i', 'd', number};
    const copse_bytes view = {document, sizeof document};
    copse_status status = COPSE_OK;
    const copse_sort_field field = {.path = {(const uint8_t *)"n", 1}};
    const copse_index_definition index = {.name = text("n"), .fields = &field, .fields_count = 1};
    switch (deed) {
    case INSERT:
        status = copse_write_insert(world->write, text("posts"), view, NULL, NULL);
        break;
    case UPSERT:
    case REPLACE:
        status = copse_write_replace(world->write, text("posts"), view, deed == UPSERT, NULL);
        break;
    case DELETE:
        status = copse_write_delete(world->write, text("posts"), (copse_bytes){&number, 1}, NULL);
        break;
    case INDEX:
        status = copse_write_create_index(world->write, text("posts"), &index, NULL);
        break;
    case INSERT_ELSEWHERE:
        status = copse_write_insert(world->write, text("tags"), view, NULL, NULL);
        break;
    }
    assert_int_equal(status, COPSE_OK);
    return writers_apply(world, key);
}

static void writers_expect_denied(writers_world *world, size_t key, writers_deed deed,
                                  uint8_t number, const char *reason)
{
    copse_cid root = *copse_tree_root(world->tree);
    assert_int_equal(writers_do(world, key, deed, number), COPSE_DENIED);
    assert_int_equal(world->failed, 0);
    assert_non_null(strstr(world->err.message, reason));
    assert_true(copse_cid_equal(&root, copse_tree_root(world->tree)));
}

static uint64_t writers_defects(writers_world *world)
{
    copse_database_check_stats stats;
    assert_int_equal(copse_database_check(&world->test.env, world->store,
                                          copse_tree_root(world->tree), NULL, &stats, NULL),
                     COPSE_OK);
    return stats.defects;
}

static void test_rights(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    assert_int_equal(writers_do(&world, ANN, INSERT, 1), COPSE_OK);
    writers_expect_denied(&world, NOBODY, INSERT, 2, "signs with a key");
    writers_expect_denied(&world, BEN, INSERT, 2, "has no grant");
    (void)writers_grant(&world, ANN, BEN, COPSE_RIGHT_INSERT, "posts");
    assert_int_equal(writers_do(&world, BEN, INSERT, 2), COPSE_OK);
    assert_int_equal(writers_do(&world, BEN, UPSERT, 3), COPSE_OK);
    writers_expect_denied(&world, BEN, UPSERT, 3, "no right to write posts");
    writers_expect_denied(&world, BEN, REPLACE, 2, "no right to write posts");
    writers_expect_denied(&world, BEN, DELETE, 2, "no right to write posts");
    writers_expect_denied(&world, BEN, INSERT_ELSEWHERE, 2, "catalogue of tags");
    (void)writers_grant(&world, ANN, BEN, COPSE_RIGHT_WRITE, "");
    assert_int_equal(writers_do(&world, BEN, REPLACE, 2), COPSE_OK);
    assert_int_equal(writers_do(&world, BEN, DELETE, 1), COPSE_OK);
    writers_expect_denied(&world, BEN, INDEX, 0, "catalogue of posts");
    (void)writers_grant(&world, ANN, BEN, COPSE_RIGHT_ADMIN, "posts");
    assert_int_equal(writers_do(&world, BEN, INDEX, 0), COPSE_OK);
    assert_int_equal(writers_defects(&world), 0);
    writers_world_release(&world);
}

static void test_grants_expire(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    (void)writers_add_grant(&world, ANN, BEN, COPSE_RIGHT_WRITE, "posts", WRITERS_NOW + 10);
    assert_int_equal(writers_apply(&world, ANN), COPSE_OK);
    world.now_ms = WRITERS_NOW + 10;
    assert_int_equal(writers_do(&world, BEN, INSERT, 1), COPSE_OK);
    world.now_ms = WRITERS_NOW + 11;
    writers_expect_denied(&world, BEN, INSERT, 2, "expired");
    writers_world_release(&world);
}

static void test_grants_are_revoked(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    copse_cid grant = writers_grant(&world, ANN, BEN, COPSE_RIGHT_WRITE, "posts");
    (void)writers_grant(&world, ANN, CAT, COPSE_RIGHT_ADMIN, "");
    copse_cid other = writers_grant(&world, CAT, DAN, COPSE_RIGHT_WRITE, "posts");
    assert_int_equal(writers_do(&world, BEN, INSERT, 1), COPSE_OK);
    assert_int_equal(writers_revoke(&world, DAN, BEN, &grant, NULL), COPSE_DENIED);
    assert_int_equal(writers_revoke(&world, CAT, BEN, &grant, NULL), COPSE_DENIED); /* not above */
    assert_int_equal(writers_do(&world, BEN, INSERT, 2), COPSE_OK);
    assert_int_equal(writers_revoke(&world, ANN, DAN, &grant, NULL), COPSE_NOT_FOUND);
    assert_int_equal(writers_revoke(&world, ANN, BEN, &grant, copse_tree_root(world.tree)),
                     COPSE_OK);
    writers_expect_denied(&world, BEN, INSERT, 3, "revoked");
    assert_int_equal(writers_do(&world, DAN, INSERT, 3), COPSE_OK);
    assert_int_equal(writers_revoke(&world, CAT, DAN, &other, NULL), COPSE_OK);
    writers_expect_denied(&world, DAN, INSERT, 4, "revoked");
    assert_int_equal(writers_defects(&world), 0);
    writers_world_release(&world);
}

/* Along a chain: who is above takes back, and takes what is below with it. */
static void test_chains_are_revoked(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    copse_cid first = writers_grant(&world, ANN, BEN, COPSE_RIGHT_ADMIN, "");
    (void)writers_grant(&world, BEN, CAT, COPSE_RIGHT_ADMIN, "posts");
    copse_cid last = writers_grant(&world, CAT, DAN, COPSE_RIGHT_WRITE, "posts");
    assert_int_equal(writers_do(&world, DAN, INSERT, 1), COPSE_OK);
    assert_int_equal(writers_revoke(&world, BEN, DAN, &last, NULL), COPSE_OK);
    writers_expect_denied(&world, DAN, INSERT, 2, "revoked");
    assert_int_equal(writers_do(&world, CAT, INSERT, 2), COPSE_OK);
    assert_int_equal(writers_revoke(&world, CAT, BEN, &first, NULL), COPSE_DENIED);
    assert_int_equal(writers_revoke(&world, ANN, BEN, &first, NULL), COPSE_OK);
    writers_expect_denied(&world, CAT, INSERT, 3, "no right");
    writers_world_release(&world);
}

static void test_only_admins_grant(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    (void)writers_grant(&world, ANN, BEN, COPSE_RIGHT_ADMIN, "posts");
    (void)writers_grant(&world, BEN, CAT, COPSE_RIGHT_WRITE, "posts");
    assert_int_equal(writers_do(&world, CAT, INSERT, 1), COPSE_OK);
    (void)writers_add_grant(&world, CAT, DAN, COPSE_RIGHT_INSERT, "posts", 0);
    assert_int_equal(writers_apply(&world, CAT), COPSE_DENIED);
    (void)writers_add_grant(&world, BEN, DAN, COPSE_RIGHT_INSERT, "", 0);
    assert_int_equal(writers_apply(&world, BEN), COPSE_DENIED);
    world.identity.cid = *copse_tree_root(world.tree);
    (void)writers_add_grant(&world, ANN, DAN, COPSE_RIGHT_INSERT, "", 0);
    assert_int_equal(writers_apply(&world, ANN), COPSE_DENIED); /* another database */
    writers_world_release(&world);
}

/* What an operation before it granted counts, and is undone with it. */
static void test_a_grant_counts_within_its_write(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    (void)writers_add_grant(&world, ANN, BEN, COPSE_RIGHT_INSERT, "posts", 0);
    assert_int_equal(writers_do(&world, BEN, INSERT, 1), COPSE_OK);
    (void)writers_add_grant(&world, ANN, CAT, COPSE_RIGHT_INSERT, "posts", 0);
    assert_int_equal(writers_do(&world, CAT, DELETE, 1), COPSE_DENIED);
    assert_int_equal(world.failed, 1);
    writers_expect_denied(&world, CAT, INSERT, 2, "has no grant");
    writers_world_release(&world);
}

static void test_a_row_has_room_for_so_many(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    for (size_t i = 0; i < COPSE_STATEMENT_ROW_MAX; i++) {
        world.now_ms++;
        (void)writers_add_grant(&world, ANN, BEN, COPSE_RIGHT_INSERT, "posts", 0);
    }
    assert_int_equal(writers_apply(&world, ANN), COPSE_OK);
    (void)writers_add_grant(&world, ANN, BEN, COPSE_RIGHT_INSERT, "posts", 0);
    assert_int_equal(writers_apply(&world, ANN), COPSE_OK); /* it is there */
    world.now_ms++;
    (void)writers_add_grant(&world, ANN, BEN, COPSE_RIGHT_INSERT, "posts", 0);
    assert_int_equal(writers_apply(&world, ANN), COPSE_LIMIT);
    assert_int_equal(writers_defects(&world), 0);
    writers_world_release(&world);
}

/* ---- merging ---- */

/* Merges `theirs` into `ours`, of one base; closes none. */
static copse_tree *writers_merge(writers_world *world, copse_tree *base, copse_tree *ours,
                                 copse_tree *theirs)
{
    copse_tree *trees[3] = {base, ours, theirs};
    copse_tree *merged = NULL;
    copse_database *databases[3];
    copse_database_merge *merge = NULL;
    copse_database_conflict conflict;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(copse_database_open(trees[i], &databases[i], NULL), COPSE_OK);
    }
    const copse_database_merge_options options = {
        .base = databases[0], .ours = databases[1], .theirs = databases[2]};
    assert_int_equal(copse_database_merge_new(&options, &merge, NULL), COPSE_OK);
    assert_int_equal(copse_database_merge_next(merge, &conflict, NULL), COPSE_END);
    assert_int_equal(copse_database_merge_apply(merge, world->store, &merged, NULL, NULL),
                     COPSE_OK);
    copse_database_merge_free(merge);
    for (size_t i = 0; i < 3; i++) {
        copse_database_close(databases[i]);
    }
    return merged;
}

/* The tree with one row more or another one, past all rules. */
static copse_tree *writers_damage(writers_world *world, copse_bytes key, copse_bytes value)
{
    copse_batch *batch = NULL;
    copse_tree *next = NULL;
    assert_int_equal(copse_batch_new(&world->test.env, &batch, NULL), COPSE_OK);
    assert_int_equal(copse_batch_put(batch, key, value, NULL), COPSE_OK);
    assert_int_equal(copse_tree_apply(world->tree, batch, world->store, &next, NULL, NULL),
                     COPSE_OK);
    copse_batch_free(batch);
    return next;
}

static void test_check_finds_wrong_statements(void **state)
{
    (void)state;
    writers_world world;
    copse_buf key;
    writers_world_init(&world);
    copse_buf_init(&key, &world.test.env, SIZE_MAX);
    assert_int_equal(copse_writers_key(&key, copse_key_public(world.keys[BEN]), NULL), COPSE_OK);
    copse_tree *right = world.tree;
    const copse_bytes values[] = {text("\x01"), text("\x41\x80"), text("\x41\x01")};
    for (size_t i = 0; i < 3; i++) {
        world.tree = writers_damage(&world, copse_buf_view(&key), values[i]);
        assert_int_equal(writers_defects(&world), 1);
        copse_tree_close(world.tree);
        world.tree = right;
    }
    copse_buf_release(&key);
    writers_world_release(&world);
}

/* M7 */
static void test_merges_unite_statements(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    const copse_bytes nobodys = {(const uint8_t *)"\0\1\x42", 3};
    copse_tree *base = world.tree;
    world.tree = writers_damage(&world, nobodys, text("\x41\x02"));
    assert_int_equal(writers_defects(&world), 1);
    copse_cid grant = writers_add_grant(&world, ANN, BEN, COPSE_RIGHT_INSERT, "posts", 0);
    assert_int_equal(writers_apply(&world, ANN), COPSE_OK);
    copse_tree *ours = world.tree;
    world.tree = base;
    world.tree = writers_damage(&world, nobodys, text("\x41\x01"));
    (void)writers_add_grant(&world, ANN, BEN, COPSE_RIGHT_WRITE, "posts", 0);
    (void)writers_add_grant(&world, ANN, CAT, COPSE_RIGHT_ADMIN, "posts", 0);
    assert_int_equal(writers_apply(&world, ANN), COPSE_OK);
    copse_tree *theirs = world.tree;
    copse_tree *merged = writers_merge(&world, base, ours, theirs);
    copse_tree *again = writers_merge(&world, base, theirs, ours);
    assert_true(copse_cid_equal(copse_tree_root(merged), copse_tree_root(again)));
    world.tree = merged;
    assert_int_equal(writers_defects(&world), 0);
    assert_int_equal(writers_do(&world, BEN, INSERT, 1), COPSE_OK);
    assert_int_equal(writers_do(&world, BEN, REPLACE, 1), COPSE_OK);
    assert_int_equal(writers_do(&world, CAT, INDEX, 1), COPSE_OK);
    assert_int_equal(writers_revoke(&world, ANN, BEN, &grant, NULL), COPSE_OK);
    copse_tree_close(base);
    copse_tree_close(ours);
    copse_tree_close(theirs);
    copse_tree_close(again);
    writers_world_release(&world);
}

/* ---- reading ---- */

static copse_status writers_count(void *ctx, const copse_public_key *to, copse_bytes row,
                                  copse_err *err)
{
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    writers_world *world = ctx;
    size_t count = 0;
    copse_status status = copse_statement_row_read(&world->test.env, row, statements, &count, err);
    world->said += to != NULL ? count : 0;
    return status;
}

static void test_what_is_said_can_be_read(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    copse_database *database = NULL;
    copse_authority *authority = NULL;
    copse_authority_answer answer;
    (void)writers_grant(&world, ANN, BEN, COPSE_RIGHT_INSERT, "posts");
    (void)writers_grant(&world, ANN, BEN, COPSE_RIGHT_WRITE, "posts");
    (void)writers_grant(&world, ANN, CAT, COPSE_RIGHT_WRITE, "");
    assert_int_equal(copse_database_open(world.tree, &database, NULL), COPSE_OK);
    assert_int_equal(copse_writers_walk(database, writers_count, &world, NULL), COPSE_OK);
    assert_int_equal(world.said, 3);
    assert_int_equal(copse_writers_authority(database, &authority, NULL), COPSE_OK);
    const copse_authority_question question = {.who = *copse_key_public(world.keys[CAT]),
                                               .right = COPSE_RIGHT_WRITE,
                                               .collection = text("any"),
                                               .time_ms = WRITERS_NOW};
    assert_int_equal(copse_authority_can(authority, &question, &answer, NULL), COPSE_OK);
    assert_int_equal(answer.verdict, COPSE_AUTHORITY_YES);
    copse_authority_free(authority);
    copse_database_close(database);
    copse_tree *empty = writers_empty(&world);
    assert_int_equal(copse_database_open(empty, &database, NULL), COPSE_OK);
    assert_int_equal(copse_writers_authority(database, &authority, NULL), COPSE_NOT_FOUND);
    copse_database_close(database);
    copse_tree_close(empty);
    writers_world_release(&world);
}

/* ---- loading ---- */

static copse_status writers_load(writers_world *world, size_t key, const char *collection)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX] = "";
    copse_loader *loader = NULL;
    copse_tree *next = NULL;
    if (key != NOBODY) {
        (void)copse_public_key_to_did(copse_key_public(world->keys[key]), did);
    }
    assert_int_equal(copse_loader_new(world->tree, world->store, text(collection), text("_id"),
                                      COPSE_DOCUMENTS_INLINE, 0, NULL, &loader, NULL),
                     COPSE_OK);
    assert_int_equal(copse_loader_set_author(loader, text(did), NULL), COPSE_OK);
    copse_status status = copse_loader_finish(loader, &next, NULL, NULL, &world->err);
    if (status == COPSE_OK) {
        copse_tree_close(next);
    }
    copse_loader_free(loader);
    return status;
}

static void test_loaders_keep_to_it(void **state)
{
    (void)state;
    writers_world world;
    writers_world_init(&world);
    (void)writers_grant(&world, ANN, BEN, COPSE_RIGHT_INSERT, "");
    assert_int_equal(writers_load(&world, NOBODY, "posts"), COPSE_DENIED);
    assert_int_equal(writers_load(&world, CAT, "posts"), COPSE_DENIED);
    assert_int_equal(writers_load(&world, BEN, "posts"), COPSE_OK);
    assert_int_equal(writers_load(&world, BEN, "new"), COPSE_DENIED);
    assert_int_equal(writers_load(&world, ANN, "new"), COPSE_OK);
    writers_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_grants_expire),
        cmocka_unit_test(test_grants_are_revoked),
        cmocka_unit_test(test_chains_are_revoked),
        cmocka_unit_test(test_only_admins_grant),
        cmocka_unit_test(test_a_grant_counts_within_its_write),
        cmocka_unit_test(test_a_row_has_room_for_so_many),
        cmocka_unit_test(test_check_finds_wrong_statements),
        cmocka_unit_test(test_merges_unite_statements),
        cmocka_unit_test(test_what_is_said_can_be_read),
        cmocka_unit_test(test_loaders_keep_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
