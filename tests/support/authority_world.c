/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/authority_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static copse_status authority_random(void *ctx, void *ret_bytes, size_t size)
{
    memset(ret_bytes, *(const uint8_t *)ctx, size);
    return COPSE_OK;
}

copse_key *authority_world_key(const copse_env *env, size_t number)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES];
    copse_key *key = NULL;
    memset(seed, (int)number + 1, sizeof seed);
    return copse_key_from_seed(env, seed, &key, NULL) == COPSE_OK ? key : NULL;
}

void authority_world_init(authority_world *world)
{
    static const uint8_t random = 7;
    *world = (authority_world){.authority = NULL};
    test_env_init(&world->test);
    world->test.env.random = authority_random;
    world->test.env.random_ctx = (void *)(uintptr_t)&random;
    for (size_t i = 0; i < AUTHORITY_WORLD_PERSONS; i++) {
        world->keys[i] = authority_world_key(&world->test.env, i);
    }
    assert_int_equal(copse_identity_new(&world->test.env, world->keys[0], &world->identity, NULL),
                     COPSE_OK);
    assert_int_equal(
        copse_authority_new(&world->test.env, &world->identity, &world->authority, NULL), COPSE_OK);
}

void authority_world_release(authority_world *world)
{
    copse_authority_free(world->authority);
    for (size_t i = 0; i < world->statements_count; i++) {
        copse_buf_release(&world->statements[i]);
    }
    for (size_t i = 0; i < AUTHORITY_WORLD_PERSONS; i++) {
        copse_key_free(world->keys[i]);
    }
    test_env_assert_empty(&world->test);
}

copse_cid authority_world_commit(uint8_t number)
{
    copse_cid cid = {0};
    if (number > 0) {
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){&number, 1}, &cid);
    }
    return cid;
}

size_t authority_world_make(authority_world *world, size_t by, const copse_statement *statement)
{
    size_t number = world->statements_count++;
    copse_buf_init(&world->statements[number], &world->test.env, COPSE_STATEMENT_SIZE_BYTES_MAX);
    assert_int_equal(
        copse_statement_make(world->keys[by], statement, &world->statements[number], NULL),
        COPSE_OK);
    return number;
}

copse_bytes authority_world_statement(const authority_world *world, size_t number)
{
    return copse_buf_view(&world->statements[number]);
}

size_t authority_world_add(authority_world *world, size_t by, const copse_statement *statement)
{
    size_t number = authority_world_make(world, by, statement);
    assert_int_equal(
        copse_authority_add(world->authority, authority_world_statement(world, number), NULL),
        COPSE_OK);
    return number;
}

copse_statement authority_world_grant_of(const authority_world *world, size_t to, copse_right right,
                                         const char *collection, uint64_t expires_ms)
{
    return (copse_statement){.kind = COPSE_STATEMENT_GRANT,
                             .to = *copse_key_public(world->keys[to]),
                             .database = world->identity.cid,
                             .time_ms = AUTHORITY_WORLD_TIME,
                             .expires_ms = expires_ms,
                             .items_count = 1,
                             .can = {{right, copse_bytes_of_text(collection)}}};
}

copse_statement authority_world_revocation_of(const authority_world *world, size_t to, size_t grant,
                                              uint8_t last)
{
    copse_statement statement = {.kind = COPSE_STATEMENT_REVOCATION,
                                 .to = *copse_key_public(world->keys[to]),
                                 .database = world->identity.cid,
                                 .time_ms = AUTHORITY_WORLD_TIME,
                                 .last = authority_world_commit(last),
                                 .items_count = 1};
    copse_statement_cid(authority_world_statement(world, grant), &statement.grants[0]);
    return statement;
}

size_t authority_world_grant(authority_world *world, size_t by, size_t to, copse_right right,
                             const char *collection)
{
    copse_statement statement = authority_world_grant_of(world, to, right, collection, 0);
    return authority_world_add(world, by, &statement);
}

size_t authority_world_revoke(authority_world *world, size_t by, size_t to, size_t grant,
                              uint8_t last)
{
    copse_statement statement = authority_world_revocation_of(world, to, grant, last);
    return authority_world_add(world, by, &statement);
}

copse_authority_verdict authority_world_ask(authority_world *world, size_t who, copse_right right,
                                            const char *collection)
{
    copse_authority_question question = {.who = *copse_key_public(world->keys[who]),
                                         .right = right,
                                         .collection = copse_bytes_of_text(collection),
                                         .time_ms = AUTHORITY_WORLD_TIME};
    assert_int_equal(copse_authority_can(world->authority, &question, &world->answer, NULL),
                     COPSE_OK);
    return world->answer.verdict;
}

void authority_world_expect(authority_world *world, size_t who, copse_right right,
                            const char *collection, copse_authority_verdict verdict,
                            const char *reason)
{
    if (authority_world_ask(world, who, right, collection) != verdict ||
        strstr(world->answer.reason, reason) == NULL) {
        fail_msg("%zu, %s in '%s': %d, %s", who, copse_right_name(right), collection,
                 world->answer.verdict, world->answer.reason);
    }
}
