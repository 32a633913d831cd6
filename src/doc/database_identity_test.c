/* Databases with a creator.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_check.h>
#include <copse/database_merge.h>
#include <copse/memory_store.h>
#include <copse/write.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct identity_world {
    test_env test;
    uint8_t random; /* the next one */
    copse_key *key;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    copse_write *write;
} identity_world;

static copse_status identity_random(void *ctx, void *ret_bytes, size_t size)
{
    memset(ret_bytes, ++*(uint8_t *)ctx, size);
    return COPSE_OK;
}

static void identity_world_init(identity_world *world)
{
    const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {1};
    *world = (identity_world){.random = 0};
    test_env_init(&world->test);
    copse_env *env = &world->test.env;
    env->random = identity_random;
    env->random_ctx = &world->random;
    assert_int_equal(copse_key_from_seed(env, seed, &world->key, NULL), COPSE_OK);
    assert_int_equal(copse_memory_store_new(env, &world->store, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(env, world->store, &world->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, world->source, &world->cache, NULL), COPSE_OK);
    assert_int_equal(copse_write_new(env, &world->write, NULL), COPSE_OK);
}

static void identity_world_release(identity_world *world)
{
    copse_write_free(world->write);
    copse_node_cache_free(world->cache);
    copse_source_free(world->source);
    copse_store_close(world->store);
    copse_key_free(world->key);
    test_env_assert_empty(&world->test);
}

static copse_tree *identity_world_empty(identity_world *world)
{
    copse_tree *tree = NULL;
    copse_tree_config config;
    copse_tree_config_init(&config);
    assert_int_equal(copse_tree_new(world->cache, world->store, &config, &tree, NULL), COPSE_OK);
    return tree;
}

/* Applies what was added to `tree`, which is closed. */
static copse_tree *identity_world_apply(identity_world *world, copse_tree *tree)
{
    copse_tree *next = NULL;
    const copse_write_options options = {.key = world->key};
    assert_int_equal(
        copse_write_apply(world->write, tree, world->store, &options, &next, NULL, NULL, NULL),
        COPSE_OK);
    copse_write_clear(world->write);
    copse_tree_close(tree);
    return next;
}

static copse_tree *identity_world_make(identity_world *world, const copse_identity *identity)
{
    assert_int_equal(copse_write_create_database(world->write, identity, NULL), COPSE_OK);
    return identity_world_apply(world, identity_world_empty(world));
}

static uint64_t identity_world_defects(identity_world *world, const copse_tree *tree)
{
    copse_database_check_stats stats;
    const copse_database_check_options options = {.found = NULL};
    assert_int_equal(copse_database_check(&world->test.env, world->store, copse_tree_root(tree),
                                          &options, &stats, NULL),
                     COPSE_OK);
    return stats.defects;
}

static void test_a_database_keeps_its_identity(void **state)
{
    (void)state;
    identity_world world;
    copse_identity identity;
    copse_database *database = NULL;
    identity_world_init(&world);
    assert_int_equal(copse_identity_new(&world.test.env, world.key, &identity, NULL), COPSE_OK);
    copse_tree *tree = identity_world_make(&world, &identity);
    const copse_bytes posts = copse_bytes_of_text("posts");
    assert_int_equal(
        copse_write_insert(world.write, posts, copse_bytes_of_text("\xa1\x63_id\x01"), NULL, NULL),
        COPSE_OK);
    tree = identity_world_apply(&world, tree);
    assert_int_equal(copse_database_open(tree, &database, NULL), COPSE_OK);
    const copse_identity *found = copse_database_identity(database);
    assert_non_null(found);
    assert_true(copse_cid_equal(&found->cid, &identity.cid));
    assert_true(copse_public_key_equal(&found->creator, copse_key_public(world.key)));
    assert_int_equal(copse_identity_verify(&world.test.env, found, NULL), COPSE_OK);
    copse_database_close(database);
    assert_int_equal(identity_world_defects(&world, tree), 0);
    copse_tree *next = NULL;
    assert_int_equal(copse_write_create_database(world.write, &identity, NULL), COPSE_OK);
    assert_int_equal(
        copse_write_apply(world.write, tree, world.store, NULL, &next, NULL, NULL, NULL),
        COPSE_CONFLICT);
    copse_tree_close(tree);
    identity_world_release(&world);
}

static void test_check_verifies_the_creator(void **state)
{
    (void)state;
    identity_world world;
    copse_identity identity;
    identity_world_init(&world);
    assert_int_equal(copse_identity_new(&world.test.env, world.key, &identity, NULL), COPSE_OK);
    identity.signature[7] ^= 1;
    copse_tree *tree = identity_world_make(&world, &identity);
    assert_int_equal(identity_world_defects(&world, tree), 1);
    copse_tree_close(tree);
    identity_world_release(&world);
}

/* Merges two databases; both trees are closed. */
static copse_status identity_world_merge(identity_world *world, copse_tree *ours,
                                         copse_tree *theirs)
{
    copse_tree *base = identity_world_empty(world);
    copse_tree *trees[3] = {base, ours, theirs};
    copse_database *databases[3];
    copse_database_merge *merge = NULL;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(copse_database_open(trees[i], &databases[i], NULL), COPSE_OK);
    }
    const copse_database_merge_options options = {
        .base = databases[0], .ours = databases[1], .theirs = databases[2]};
    copse_status status = copse_database_merge_new(&options, &merge, NULL);
    copse_database_merge_free(merge);
    for (size_t i = 0; i < 3; i++) {
        copse_database_close(databases[i]);
        copse_tree_close(trees[i]);
    }
    return status;
}

static void test_databases_of_different_identities_do_not_merge(void **state)
{
    (void)state;
    identity_world world;
    copse_identity a;
    copse_identity b;
    identity_world_init(&world);
    assert_int_equal(copse_identity_new(&world.test.env, world.key, &a, NULL), COPSE_OK);
    assert_int_equal(copse_identity_new(&world.test.env, world.key, &b, NULL), COPSE_OK);
    assert_int_equal(identity_world_merge(&world, identity_world_make(&world, &a),
                                          identity_world_make(&world, &a)),
                     COPSE_OK);
    assert_int_equal(identity_world_merge(&world, identity_world_make(&world, &a),
                                          identity_world_make(&world, &b)),
                     COPSE_CONFLICT);
    assert_int_equal(
        identity_world_merge(&world, identity_world_empty(&world), identity_world_make(&world, &b)),
        COPSE_CONFLICT);
    assert_int_equal(
        identity_world_merge(&world, identity_world_empty(&world), identity_world_empty(&world)),
        COPSE_OK);
    identity_world_release(&world);
}

static void test_author_and_key_agree(void **state)
{
    (void)state;
    identity_world world;
    copse_tree *next = NULL;
    identity_world_init(&world);
    copse_tree *tree = identity_world_empty(&world);
    copse_write_options options = {.key = world.key,
                                   .author = copse_bytes_of_text("did:key:z6MkOther")};
    assert_int_equal(
        copse_write_apply(world.write, tree, world.store, &options, &next, NULL, NULL, NULL),
        COPSE_MISUSE);
    options.author.len = 0;
    assert_int_equal(
        copse_write_apply(world.write, tree, world.store, &options, &next, NULL, NULL, NULL),
        COPSE_OK);
    copse_tree_close(next);
    copse_tree_close(tree);
    identity_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_database_keeps_its_identity),
        cmocka_unit_test(test_check_verifies_the_creator),
        cmocka_unit_test(test_databases_of_different_identities_do_not_merge),
        cmocka_unit_test(test_author_and_key_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
